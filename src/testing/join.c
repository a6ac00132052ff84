/* How peers and factories come together. */
#include <plait/error.h>
#include <plait/runtime.h>
#include <stdio.h>
#include <stdlib.h>

#include "kit.h"
#include "world.h"

enum { JOIN_PORT = 20000, JOIN_MS = 60000 };

/* What is asked for on a reactor, and what came of it. */
struct join {
  plait_runtime *runtime;
  plait_factory *factory;
  const plait_connect_options *options;
  char endpoint[64];
  const char *where; /* |endpoint|, or another one */
  int code;
  char detail[PLAIT__FAILURE_TEXT];
};

static void join_note(struct join *join, int code) {
  join->code = code;
  if (code != 0)
    snprintf(join->detail, sizeof join->detail, "%s", plait_error_detail());
}

static void join_listen(void *arg) {
  struct join *join = arg;
  join_note(join, plait_listen(join->runtime, join->where, join->factory, NULL,
                               NULL));
}

static void join_connect(void *arg) {
  struct join *join = arg;
  join_note(join, plait_connect(join->runtime, join->where, join->factory,
                                join->options, NULL));
}

/* On the runtime's reactor. */
static const char *join_ask(plait_test *test, struct join *join,
                            void (*fn)(void *arg)) {
  const char *wrong = plait_test_call(test, fn, join);
  return wrong != NULL || join->code == 0
             ? wrong
             : plait__test_wrong("%s", join->detail);
}

/* ---- the runtime listens ------------------------------------------------- */

/* Whether |port| has a peer. */
static bool join_peer(plait_test *test, plait__test_port *port) {
  uint64_t until_ns = plait_sim_now_ns(test->sim) + JOIN_MS * UINT64_C(1000000);
  while (port->first == NULL && port->failed[0] == '\0' &&
         plait_sim_now_ns(test->sim) < until_ns)
    plait_sim_sleep_us(test->sim, test->quiet_us);
  plait_test_settle(test);
  return port->first != NULL;
}

const char *plait_test_dial(plait_test *test, const char *endpoint,
                            plait_test_peer **ret) {
  plait__test_port *port = plait__port_new(test);
  if (port == NULL || !plait__test_start(test))
    return plait__test_wrong("a peer: out of memory");
  struct join join = {
      .runtime = test->peers, .factory = &port->factory, .where = endpoint};
  plait_test_settle(test);
  plait__peers_call(test, join_connect, &join);
  if (join.code != 0)
    return plait__test_wrong("a peer: %s", join.detail);
  if (!join_peer(test, port))
    return plait__test_wrong("a peer: %s", port->failed);
  *ret = port->first;
  return NULL;
}

/* Where |factory| listens for the kit, from now on if not before. */
static const char *join_server(plait_test *test, plait_factory *factory,
                               const char **ret_endpoint) {
  plait__test_server *server = test->servers;
  while (server != NULL && server->factory != factory)
    server = server->next;
  if (server != NULL) {
    *ret_endpoint = server->endpoint;
    return NULL;
  }
  server = calloc(1, sizeof *server);
  if (server == NULL)
    return plait__test_wrong("a listener: out of memory");
  struct join join = {.runtime = test->runtime, .factory = factory};
  unsigned number = JOIN_PORT + test->ports_used++;
  join.where = join.endpoint;
  snprintf(join.endpoint, sizeof join.endpoint, "tcp:%u:interface=127.0.0.1",
           number);
  snprintf(server->endpoint, sizeof server->endpoint, "tcp:127.0.0.1:%u",
           number);
  const char *wrong = join_ask(test, &join, join_listen);
  if (wrong != NULL) {
    free(server);
    return wrong;
  }
  server->factory = factory;
  server->next = test->servers;
  test->servers = server;
  *ret_endpoint = server->endpoint;
  return NULL;
}

const char *plait_test_serve(plait_test *test, plait_factory *factory,
                             plait_test_peer **ret) {
  const char *endpoint;
  const char *wrong = join_server(test, factory, &endpoint);
  return wrong != NULL ? wrong : plait_test_dial(test, endpoint, ret);
}

/* ---- the runtime connects ------------------------------------------------ */

const char *plait_test_accept(plait_test *test, plait_factory *factory,
                              const plait_connect_options *options,
                              plait_test_peer **ret) {
  plait__test_port *port = plait__port_new(test);
  unsigned number = JOIN_PORT + test->ports_used++;
  if (port == NULL)
    return plait__test_wrong("a peer: out of memory");
  struct join join = {.runtime = test->peers, .factory = &port->factory};
  join.where = join.endpoint;
  snprintf(join.endpoint, sizeof join.endpoint, "tcp:%u:interface=127.0.0.1",
           number);
  plait__peers_call(test, join_listen, &join);
  if (join.code != 0)
    return plait__test_wrong("a peer: %s", join.detail);
  join.runtime = test->runtime;
  join.factory = factory;
  join.options = options;
  snprintf(join.endpoint, sizeof join.endpoint, "tcp:127.0.0.1:%u", number);
  const char *wrong = join_ask(test, &join, join_connect);
  if (wrong != NULL)
    return wrong;
  if (!join_peer(test, port))
    return plait__test_wrong("a peer: the factory did not connect");
  *ret = port->first;
  return NULL;
}

const char *plait_test_link(plait_test *test, plait_factory *server,
                            plait_factory *client,
                            const plait_connect_options *options) {
  struct join join = {
      .runtime = test->runtime, .factory = client, .options = options};
  const char *wrong = join_server(test, server, &join.where);
  return wrong != NULL ? wrong : join_ask(test, &join, join_connect);
}
