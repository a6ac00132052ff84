/* The contract: listening, connecting, factories. */
#include "contract/contract.h"

#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "support/require.h"

enum { MANY = 30, AT_ONCE = 2 };

/* ---- connecting ----------------------------------------------------------*/

static void check_failure(const struct world *w, int code, const char *text) {
  const struct spy_side *c = &w->client;
  require(atomic_load(&c->failed) == 1, "connect_failed %u times",
          atomic_load(&c->failed));
  require(atomic_load(&c->failure) == code, "%s, not %s",
          plait_error_name(atomic_load(&c->failure)), plait_error_name(code));
  require(strstr(c->failure_detail, text) != NULL, "'%s' lacks '%s'",
          c->failure_detail, text);
  require(atomic_load(&c->made) == 0, "made and failed");
}

static void connect_refused(struct world *w) {
  int fd;
  world_open(w);
  w->backend->nobody(w->medium, w->folder, w->endpoint, sizeof w->endpoint,
                     &fd);
  world_connect(w, 1);
  world_run(w);
  if (fd >= 0)
    close(fd);
  world_shut(w);
  bool path = w->medium == MEDIUM_UNIX;
  check_failure(w, path ? PLAIT_ENOENT : PLAIT_ECONNREFUSED, "connect");
  check_failure(w, path ? PLAIT_ENOENT : PLAIT_ECONNREFUSED,
                path ? "nobody" : w->endpoint + strlen("tcp:127.0.0.1:"));
}

static void connector_stop(struct world *w) {
  world_open(w);
  world_listen(w);
  plait_connector *connector;
  int code = plait_connect(w->runtime, w->endpoint, &w->client.factory, NULL,
                           &connector);
  require(code == 0, "%s", plait_error_detail());
  require(strcmp(plait_connector_endpoint(connector), w->endpoint) == 0,
          "another endpoint: %s", plait_connector_endpoint(connector));
  plait_connector_stop(connector);
  world_close_listener(w);
  world_run(w);
  world_shut(w);
  check_failure(w, PLAIT_ECANCELED, "");
}

static void several_connections(struct world *w) {
  w->connections = MANY;
  on(&w->client, SPY_MADE, spy_write_eof);
  on(&w->server, SPY_EOF, spy_close);
  world_play(w);
  world_expect(w, "made eof lost(0)", "made lost(0)");
  require(atomic_load(&w->server.connections) == MANY &&
              atomic_load(&w->client.connections) == MANY,
          "%u and %u connections", atomic_load(&w->server.connections),
          atomic_load(&w->client.connections));
}

static void check_peer_of_client(struct spy *s) {
  plait_address local, peer;
  plait_transport *t = s->base.transport;
  require(plait_transport_local(t, &local) == 0, "no local address");
  require(plait_transport_peer(t, &peer) == 0, "no peer");
  char text[PLAIT_ADDRESS_TEXT_MAX];
  plait_address_format(&peer, text, sizeof text);
  const char *endpoint = world_of(s)->endpoint;
  require(strstr(endpoint, text) != NULL, "connected to %s, not %s", text,
          endpoint);
  spy_close(s);
}

static void check_names_of_server(struct spy *s) {
  plait_address peer, local;
  plait_transport *t = s->base.transport;
  require(plait_transport_local(t, &local) == 0, "no local address");
  require(plait_transport_peer(t, &peer) == 0, "no peer");
  require(local.port != 0 && peer.port != 0, "no ports");
  require(plait_transport_fd(t) >= 0, "no descriptor");
}

static void addresses(struct world *w) {
  on(&w->server, SPY_MADE, check_names_of_server);
  on(&w->client, SPY_MADE, check_peer_of_client);
  world_play(w);
  world_expect(w, "made lost(EOF)", "made lost(0)");
}

static void check_path(struct spy *s) {
  plait_address peer;
  char text[PLAIT_ADDRESS_TEXT_MAX];
  require(plait_transport_peer(s->base.transport, &peer) == 0, "no peer");
  require(peer.family == PLAIT_UNIX && peer.path[0] != '\0', "no path");
  plait_address_format(&peer, text, sizeof text);
  require(strstr(world_of(s)->endpoint, text) != NULL, "connected to %s", text);
  spy_close(s);
}

/* A client is known by no path. */
static void check_no_path(struct spy *s) {
  plait_address peer, local;
  plait_transport *t = s->base.transport;
  require(plait_transport_peer(t, &peer) == 0, "no peer");
  require(peer.family == PLAIT_UNIX && peer.path[0] == '\0', "a path: %s",
          peer.path);
  require(plait_transport_local(t, &local) == 0, "no local address");
  require(local.path[0] != '\0', "no path");
}

static void paths(struct world *w) {
  on(&w->server, SPY_MADE, check_no_path);
  on(&w->client, SPY_MADE, check_path);
  world_play(w);
  world_expect(w, "made lost(EOF)", "made lost(0)");
}

/* ---- listening -----------------------------------------------------------*/

static void port_in_use(struct world *w) {
  world_open(w);
  world_listen(w);
  plait_listener *second = NULL;
  int code = plait_listen(w->runtime, plait_listener_endpoint(w->listener),
                          &w->server.factory, NULL, &second);
  require(code == PLAIT_EADDRINUSE, "%s", plait_strerror(code));
  require(strstr(plait_error_detail(), "bind") != NULL, "'%s'",
          plait_error_detail());
  require(strstr(plait_error_detail(), "listen") != NULL, "'%s'",
          plait_error_detail());
  world_close_listener(w);
  world_run(w);
  world_shut(w);
}

/* A path that nobody listens on does not keep a server from starting. */
static void stale_path(struct world *w) {
  world_open(w);
  struct sockaddr_un a = {.sun_family = AF_UNIX};
  snprintf(a.sun_path, sizeof a.sun_path, "%s/socket", w->folder);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  require(bind(fd, (struct sockaddr *)&a, sizeof a) == 0, "no stale socket");
  close(fd);
  on(&w->client, SPY_MADE, spy_close);
  world_listen(w);
  world_connect(w, 1);
  world_run(w);
  world_shut(w);
}

static void listener_without_run(struct world *w) {
  world_open(w);
  world_listen(w);
  world_shut(w);
  require(atomic_load(&w->server.started) == 0, "started without a run");
}

/* Mail may still name what a listener has when the runtime goes. */
static void listener_closed_without_run(struct world *w) {
  world_open(w);
  world_listen(w);
  world_close_listener(w);
  world_shut(w);
}

static plait_connector *connector_in_made;

static void stop_connector(struct spy *s) {
  plait_connector_stop(connector_in_made);
  spy_say(s, "still here");
  spy_close(s);
}

/* Then there is nothing left to stop but the ownership. */
/* R018 */
static void connector_stop_in_made(struct world *w) {
  on(&w->client, SPY_MADE, stop_connector);
  world_open(w);
  world_listen(w);
  require(plait_connect(w->runtime, w->endpoint, &w->client.factory, NULL,
                        &connector_in_made) == 0,
          "%s", plait_error_detail());
  world_run(w);
  world_shut(w);
  world_expect(w, "made data(10) lost(EOF)", "made lost(0)");
}

static void connection_without_run(struct world *w) {
  world_open(w);
  world_listen(w);
  world_connect(w, 1);
  world_shut(w);
  require(atomic_load(&w->client.failed) == 0, "failed without a run");
}

/* ---- factories -----------------------------------------------------------*/

static int refuse(plait_factory *f, const plait_address *peer,
                  const plait_protocol_ops **ret_ops) {
  (void)f;
  (void)peer;
  (void)ret_ops;
  return PLAIT_EACCES;
}

static void end_of_client(struct spy *s) {
  struct world *w = world_of(s);
  if (w->listener != NULL)
    world_close_listener(w);
}

static void failure_of_client(struct spy_side *side) {
  struct world *w = plait_container_of(side, struct world, client);
  if (w->listener != NULL)
    world_close_listener(w);
}

/* The server's refusal ends the connection that its kernel had accepted. */
/* R008, R022 */
static void server_refuses(struct world *w) {
  w->server.factory.build_protocol = refuse;
  on(&w->client, SPY_LOST, end_of_client);
  w->client.on_failure = failure_of_client;
  world_play(w);
  require(atomic_load(&w->server.made) == 0, "refused, and made");
  require(atomic_load(&w->client.lost) + atomic_load(&w->client.failed) == 1,
          "the client was not told");
}

static void client_refuses(struct world *w) {
  w->client.factory.build_protocol = refuse;
  world_play(w);
  check_failure(w, PLAIT_EACCES, "");
  world_expect(w, "made lost(*)", "");
}

static int build_second(plait_factory *f, const plait_address *peer,
                        const plait_protocol_ops **ret_ops) {
  require(peer != NULL, "no peer");
  struct spy_side *side = plait_container_of(f, struct spy_side, factory);
  *ret_ops = &side->kinds[1].ops;
  return 0;
}

static void build_chooses(struct world *w) {
  w->server.factory.build_protocol = build_second;
  on(&w->client, SPY_MADE, spy_close);
  world_play(w);
  world_expect(w, "B.made B.lost(EOF)", "made lost(0)");
}

static void say_hi(struct spy *s) {
  spy_say(s, "hi");
}

/* The excess waits until others go; nobody is turned away. */
/* R021 */
static void connections_max(struct world *w) {
  w->connections = MANY;
  w->server.factory.limits.connections_max = AT_ONCE;
  on(&w->server, SPY_MADE, say_hi);
  on(&w->client, SPY_DATA, spy_close);
  world_play(w);
  unsigned most = atomic_load(&w->server.alive_max);
  require(most <= AT_ONCE, "%u connections at once", most);
  require(atomic_load(&w->server.lost) == MANY, "%u were served",
          atomic_load(&w->server.lost));
  for (unsigned i = 0; i < MANY; i++)
    require(w->client.records[i].reason == 0, "client %u: %s", i,
            w->client.records[i].trace);
}

/* ---- options -------------------------------------------------------------*/

static bool is_set(const struct spy *s, int level, int name) {
  int value = -1;
  socklen_t len = sizeof value;
  int fd = plait_transport_fd(s->base.transport);
  require(getsockopt(fd, level, name, &value, &len) == 0, "no option %d", name);
  return value != 0;
}

static void set_options(struct spy *s) {
  plait_transport *t = s->base.transport;
  require(is_set(s, IPPROTO_TCP, TCP_NODELAY), "no TCP_NODELAY by default");
  require(plait_transport_set_nodelay(t, false) == 0, "nodelay");
  require(!is_set(s, IPPROTO_TCP, TCP_NODELAY), "TCP_NODELAY stayed");
  require(plait_transport_set_nodelay(t, true) == 0, "nodelay");
  require(is_set(s, IPPROTO_TCP, TCP_NODELAY), "TCP_NODELAY is not back");

  require(!is_set(s, SOL_SOCKET, SO_KEEPALIVE), "SO_KEEPALIVE by default");
  require(plait_transport_set_keepalive(t, 40) == 0, "keepalive");
  require(is_set(s, SOL_SOCKET, SO_KEEPALIVE), "no SO_KEEPALIVE");
  require(plait_transport_set_keepalive(t, UINT_MAX) == 0, "keepalive, long");
  require(plait_transport_set_keepalive(t, 0) == 0, "keepalive off");
  require(!is_set(s, SOL_SOCKET, SO_KEEPALIVE), "SO_KEEPALIVE stayed");
  spy_close(s);
}

static void set_options_late(struct spy *s) {
  plait_transport *t = s->base.transport;
  require(plait_transport_set_nodelay(t, true) == PLAIT_ECLOSED, "nodelay");
  require(plait_transport_set_keepalive(t, 1) == PLAIT_ECLOSED, "keepalive");
}

static void options(struct world *w) {
  on(&w->server, SPY_MADE, set_options);
  on(&w->server, SPY_LOST, set_options_late);
  world_play(w);
  world_expect(w, "made lost(0)", "made lost(EOF)");
}

const struct behaviour lifetime_behaviours[] = {
    {"connect_refused", connect_refused, ON_LISTENERS | ON_BOTH},
    {"connector_stop", connector_stop, ON_LISTENERS | ON_BOTH},
    {"several_connections", several_connections,
     (ON_STREAMS & ~ON_STDIO) | ON_UP | ON_BOTH},
    {"addresses", addresses, ON_TCP | ON_BOTH},
    {"paths", paths, ON_UNIX | ON_BOTH},
    {"options", options, ON_TCP | ON_KERNEL},
    {"port_in_use", port_in_use, ON_LISTENERS | ON_BOTH},
    {"stale_path", stale_path, ON_UNIX | ON_KERNEL},
    {"listener_without_run", listener_without_run, ON_LISTENERS | ON_BOTH},
    {"listener_closed_without_run", listener_closed_without_run,
     ON_LISTENERS | ON_BOTH},
    {"connector_stop_in_made", connector_stop_in_made, ON_LISTENERS | ON_BOTH},
    {"connection_without_run", connection_without_run,
     (ON_ALL & ~ON_BACKGROUND) | ON_BOTH},
    {"server_refuses", server_refuses, ON_LISTENERS | ON_BOTH},
    {"client_refuses", client_refuses, ON_LISTENERS | ON_BOTH},
    {"build_chooses", build_chooses, ON_ALL | ON_BOTH},
    {"connections_max", connections_max, ON_LISTENERS | ON_BOTH},
    {NULL, NULL, 0}};
