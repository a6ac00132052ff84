/* plait_connect(): from an endpoint string to a connector of the core. */
#include <plait/endpoint.h>
#include <plait/error.h>
#include <plait/reactor.h>
#include <plait/runtime.h>

#include "core/connector.h"
#include "core/error.h"
#include "endpoint/complain.h"
#include "endpoint/name.h"
#include "endpoint/program.h"
#include "endpoint/spec.h"

/* The one asked for, else the caller's if of |runtime|, else the first. */
static plait_reactor *client_reactor(plait_runtime *runtime,
                                     const plait_connect_options *options) {
  plait_reactor *current = plait_reactor_current();

  if (options->reactor != NULL)
    return options->reactor;
  if (current != NULL && plait_reactor_runtime(current) == runtime)
    return current;
  return plait_runtime_reactor(runtime, 0);
}

static uint32_t client_timeout_ms(const plait__endpoint *e,
                                  const plait_connect_options *options) {
  if (e->timeout_ms != 0)
    return e->timeout_ms;
  return options->timeout_ms != 0 ? options->timeout_ms : PLAIT__CONNECT_MS;
}

static int client_check(const plait_runtime *runtime,
                        const plait_connect_options *options) {
  if (options->reactor != NULL &&
      plait_reactor_runtime(options->reactor) != runtime)
    return plait__fail(PLAIT_EINVAL, "reactor: of another runtime");
  return 0;
}

static int client_open(plait_runtime *runtime, const plait__endpoint *e,
                       plait_factory *factory,
                       const plait_connect_options *options,
                       plait_connector **ret) {
  char text[PLAIT__ENDPOINT_TEXT_MAX];
  plait_connector *connector;
  plait__connect_spec spec = {.peer = e->address,
                              .local = e->local,
                              .timeout_ms = client_timeout_ms(e, options),
                              .attempt_delay_ms = options->attempt_delay_ms,
                              .reconnect = &options->reconnect,
                              .reactor = client_reactor(runtime, options),
                              .owned = ret != NULL,
                              .endpoint =
                                  plait__endpoint_connect_text(e, text)};
  int code = client_check(runtime, options);

  if (code == 0 && e->kind == PLAIT__KIND_PROCESS)
    code = plait__endpoint_program_new(runtime, e, &spec.finder);
  else if (code == 0 && (e->host[0] != '\0' || e->service[0] != '\0'))
    code = plait__name_new(runtime, e, spec.timeout_ms, &spec.finder);
  if (code == 0)
    code = e->kind == PLAIT__KIND_STDIO
               ? plait__connect_stdio(runtime, &spec, factory, &connector)
               : plait__connect_to(runtime, &spec, factory, &connector);
  if (code == 0 && ret != NULL)
    *ret = connector;
  return code;
}

int plait_connect(plait_runtime *runtime, const char *endpoint,
                  plait_factory *factory, const plait_connect_options *options,
                  plait_connector **ret) {
  static const plait_connect_options none;
  plait__endpoint e;
  int code = plait__endpoint_connect(endpoint, &e);

  if (code != 0)
    return code;
  plait__error_clear();
  code =
      client_open(runtime, &e, factory, options != NULL ? options : &none, ret);
  return code != 0 ? plait__fail_at(code, "connect", endpoint) : 0;
}
