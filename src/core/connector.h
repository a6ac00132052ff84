/* Connectors: one attempt to connect after the other. */
#ifndef PLAIT_CORE_CONNECTOR_H
#define PLAIT_CORE_CONNECTOR_H

#include <plait/address.h>
#include <plait/endpoint.h>

#include "core/finder.h"

typedef struct plait__stream plait__stream;

/* A connector's |finder|, instead of plait__finder_found(): it has made a
 * connection itself, |s|, which nothing watches. */
void plait__finder_connected(plait__finder *finder, plait__stream *s);

typedef struct plait__connect_spec {
  plait__finder *finder; /* the connector's, whatever happens; NULL: |peer| */
  plait_address peer;
  plait_address local; /* family 0: any */
  uint32_t
      timeout_ms; /* of an attempt with its lookup; PLAIT_UNLIMITED: none */
  uint32_t attempt_delay_ms;        /* 0: the default; PLAIT_UNLIMITED: none */
  const plait_reconnect *reconnect; /* NULL: it does not */
  plait_reactor *reactor;
  bool owned;           /* by who asked; else nobody keeps a pointer to it */
  const char *endpoint; /* for messages; copied */
} plait__connect_spec;

/* Both leave "STEP: reason" as the error detail when they fail. */
int plait__connect_to(plait_runtime *runtime, const plait__connect_spec *spec,
                      plait_factory *factory, plait_connector **ret);
int plait__connect_stdio(plait_runtime *runtime,
                         const plait__connect_spec *spec,
                         plait_factory *factory, plait_connector **ret);

/* ---- for the reactor ---- */

/* The runtime is stopping: the connectors of |r| give up. */
void plait__connectors_stop(plait_reactor *r);
void plait__connectors_free(plait_reactor *r);

#endif
