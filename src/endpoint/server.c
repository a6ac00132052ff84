/* plait_listen(): from an endpoint string to a listener of the core. */
#include <plait/endpoint.h>

#include "core/driver.h"
#include "core/error.h"
#include "core/listener.h"
#include "endpoint/complain.h"
#include "endpoint/spec.h"

/* The string's backlog, else the caller's, else the default. */
static unsigned server_backlog(const plait__endpoint *e,
                               const plait_listen_options *options) {
  if (e->backlog != 0)
    return e->backlog;
  if (options == NULL || options->backlog == 0)
    return PLAIT__BACKLOG;
  return options->backlog < PLAIT__BACKLOG_MAX ? options->backlog
                                               : PLAIT__BACKLOG_MAX;
}

static int server_open(plait_runtime *runtime, const plait__endpoint *e,
                       plait_factory *factory,
                       const plait_listen_options *options,
                       plait_listener **ret) {
  plait__listen_spec spec = {.address = &e->address,
                             .backlog = server_backlog(e, options),
                             .dual = e->dual,
                             .mode = e->mode};

  if (e->kind == PLAIT__KIND_FD)
    return plait__listen_fd(runtime, e->fd, factory, ret);
  if (e->kind == PLAIT__KIND_SYSTEMD)
    return plait__listen_activated(runtime, e->host[0] != '\0' ? e->host : NULL,
                                   (unsigned)e->fd, factory, ret);
  if (e->kind == PLAIT__KIND_STDIO)
    return plait__listen_stdio(runtime, factory, ret);
  return plait__listen_at(runtime, &spec, factory, ret);
}

/* Gives |l| its text, with the port that it really got. */
static int server_name(plait_listener *l, const plait__endpoint *asked) {
  char text[PLAIT__ENDPOINT_TEXT_MAX];
  plait__endpoint real = *asked;
  plait_address address;

  if (real.kind == PLAIT__KIND_TCP || real.kind == PLAIT__KIND_TCP6) {
    plait__listener_address(l, &address);
    real.address.port = address.port;
  }
  return plait__listener_set_endpoint(l,
                                      plait__endpoint_listen_text(&real, text));
}

int plait_listen(plait_runtime *runtime, const char *endpoint,
                 plait_factory *factory, const plait_listen_options *options,
                 plait_listener **ret) {
  plait_listener *listener = NULL;
  plait__endpoint e;
  int code = plait__endpoint_listen(endpoint, &e);

  if (code != 0)
    return code;
  plait__error_clear();
  code = server_open(runtime, &e, factory, options, &listener);
  if (code != 0)
    return plait__fail_at(code, "listen", endpoint);
  code = server_name(listener, &e);
  if (code != 0) {
    plait_listener_close(listener);
    plait__error_clear();
    return plait__fail_at(code, "listen", endpoint);
  }
  if (ret != NULL)
    *ret = listener;
  else
    plait__listener_disown(listener);
  return 0;
}
