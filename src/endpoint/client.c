/* plait_connect(): from an endpoint string to a connector of the core. */
#include <plait/endpoint.h>
#include <plait/reactor.h>
#include <plait/runtime.h>

#include "core/connector.h"
#include "core/error.h"
#include "endpoint/complain.h"
#include "endpoint/spec.h"

/* The one asked for, else the caller's if of |runtime|, else the first. */
static plait_reactor *client_reactor(plait_runtime *runtime,
                                     const plait_connect_options *options) {
  plait_reactor *current = plait_reactor_current();

  if (options != NULL && options->reactor != NULL)
    return options->reactor;
  if (current != NULL && plait_reactor_runtime(current) == runtime)
    return current;
  return plait_runtime_reactor(runtime, 0);
}

static uint32_t client_timeout_ms(const plait__endpoint *e,
                                  const plait_connect_options *options) {
  if (e->timeout_ms != 0)
    return e->timeout_ms;
  if (options != NULL && options->timeout_ms != 0)
    return options->timeout_ms;
  return PLAIT__CONNECT_MS;
}

int plait_connect(plait_runtime *runtime, const char *endpoint,
                  plait_factory *factory, const plait_connect_options *options,
                  plait_connector **ret) {
  char text[PLAIT__ENDPOINT_TEXT_MAX];
  plait_connector *connector = NULL;
  plait__connect_spec spec;
  plait__endpoint e;
  int code = plait__endpoint_connect(endpoint, &e);

  if (code != 0)
    return code;
  spec.peer = e.address;
  spec.local = e.local;
  spec.timeout_ms = client_timeout_ms(&e, options);
  spec.reactor = client_reactor(runtime, options);
  spec.endpoint = plait__endpoint_connect_text(&e, text);
  plait__error_clear();
  code = e.kind == PLAIT__KIND_STDIO
             ? plait__connect_stdio(runtime, &spec, factory, &connector)
             : plait__connect_to(runtime, &spec, factory, &connector);
  if (code != 0)
    return plait__fail_at(code, "connect", endpoint);
  if (ret != NULL)
    *ret = connector;
  else
    plait__connector_disown(connector);
  return 0;
}
