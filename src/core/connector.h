/* Connectors: one attempt to connect. */
#ifndef PLAIT_CORE_CONNECTOR_H
#define PLAIT_CORE_CONNECTOR_H

#include <plait/address.h>
#include <plait/endpoint.h>

typedef struct plait__stream plait__stream;

typedef struct plait__connect_spec {
  plait_address peer;
  plait_address local; /* family 0: any */
  uint32_t timeout_ms; /* PLAIT_UNLIMITED: none */
  plait_reactor *reactor;
  const char *endpoint; /* for messages; copied */
} plait__connect_spec;

/* Both leave "STEP: reason" as the error detail when they fail, and take the
 * caller as the owner of |ret|. */
int plait__connect_to(plait_runtime *runtime, const plait__connect_spec *spec,
                      plait_factory *factory, plait_connector **ret);
int plait__connect_stdio(plait_runtime *runtime,
                         const plait__connect_spec *spec,
                         plait_factory *factory, plait_connector **ret);
/* Nobody keeps a pointer to it. */
void plait__connector_disown(plait_connector *c);

/* ---- for the stream and the reactor ---- */

/* The descriptor of a stream that is connecting has something to tell. */
void plait__connector_ready(plait__stream *s);
/* Its stream is going and no protocol was made. */
void plait__connector_failed(plait__stream *s);
/* The attempts of |r| are given up. */
void plait__connectors_stop(plait_reactor *r);
void plait__connectors_free(plait_reactor *r);

#endif
