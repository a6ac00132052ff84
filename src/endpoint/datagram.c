/* plait_datagram_listen() and plait_datagram_connect(): from an endpoint string
 * to a port of the core. */
#include <plait/datagram.h>

#include "core/datagram.h"
#include "core/driver.h"
#include "core/error.h"
#include "endpoint/complain.h"
#include "endpoint/name.h"
#include "endpoint/spec.h"

/* Gives |port| its text; a server's has the port that it really got. */
static void datagram_text(plait_datagram_port *port, plait__endpoint *e,
                          bool client) {
  char text[PLAIT__ENDPOINT_TEXT_MAX];

  if (client) {
    plait__endpoint_connect_text(e, text);
  } else {
    e->address.port = port->local.port;
    plait__endpoint_listen_text(e, text);
  }
  plait__datagram_port_set_endpoint(port, text);
}

/* |port| goes on when the name's addresses are there; it is freed if there is
 * no memory to ask. */
static int datagram_search(plait_runtime *runtime, plait_datagram_port *port,
                           plait__endpoint *e,
                           const plait__datagram_spec *spec) {
  plait__finder *finder;
  int code = plait__name_new(runtime, e, 0, &finder);

  if (code != 0) {
    plait__datagram_port_free(port);
    return code;
  }
  datagram_text(port, e, true);
  return plait__datagram_search_start(port, spec, finder);
}

static int datagram_open(plait_runtime *runtime, plait__endpoint *e,
                         bool client, plait_datagram_factory *factory,
                         const plait_datagram_options *options,
                         plait_datagram_port **ret) {
  plait__datagram_spec spec = {.local = client ? &e->local : &e->address,
                               .peer = client ? &e->address : NULL,
                               .dual = e->dual,
                               .mode = e->mode};
  int code = plait__datagram_port_new(runtime, &spec, factory, options, ret);

  if (code != 0)
    return code;
  if (e->host[0] != '\0')
    return datagram_search(runtime, *ret, e, &spec);
  code = plait__datagram_port_open(*ret, &spec);
  if (code == 0)
    datagram_text(*ret, e, client);
  return code;
}

static int datagram_start(plait_runtime *runtime, const char *endpoint,
                          bool client, plait_datagram_factory *factory,
                          const plait_datagram_options *options,
                          plait_datagram_port **ret) {
  plait_datagram_port *port;
  plait__endpoint e;
  int code = client ? plait__endpoint_datagram_connect(endpoint, &e)
                    : plait__endpoint_datagram_listen(endpoint, &e);

  if (code != 0)
    return code;
  plait__error_clear();
  code = datagram_open(runtime, &e, client, factory, options, &port);
  if (code != 0)
    return plait__fail_at(code, client ? "connect" : "listen", endpoint);
  if (ret != NULL)
    *ret = port;
  else
    plait__datagram_port_disown(port);
  return 0;
}

int plait_datagram_listen(plait_runtime *runtime, const char *endpoint,
                          plait_datagram_factory *factory,
                          const plait_datagram_options *options,
                          plait_datagram_port **ret) {
  return datagram_start(runtime, endpoint, false, factory, options, ret);
}

int plait_datagram_connect(plait_runtime *runtime, const char *endpoint,
                           plait_datagram_factory *factory,
                           const plait_datagram_options *options,
                           plait_datagram_port **ret) {
  return datagram_start(runtime, endpoint, true, factory, options, ret);
}
