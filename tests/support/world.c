/* Runtimes with two ends that talk to each other. */
#include "support/world.h"

#include <fnmatch.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/factory.h"
#include "core/runtime.h"
#include "support/relay.h"
#include "support/require.h"

enum { WORLD_DEADLINE_S = 110 };

/* ---- the kernel ----------------------------------------------------------*/

static void world_kernel_pair(int ret_fds[2]) {
  require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret_fds) == 0,
          "no socket pair");
}

static void world_kernel_nobody(enum medium medium, const char *folder,
                                char *ret, size_t size, int *ret_fd) {
  *ret_fd = -1;
  if (medium == MEDIUM_UNIX) {
    snprintf(ret, size, "unix:%s/nobody", folder);
    return;
  }
  struct sockaddr_in a = {.sin_family = AF_INET,
                          .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof a;
  *ret_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  require(bind(*ret_fd, (struct sockaddr *)&a, sizeof a) == 0 &&
              getsockname(*ret_fd, (struct sockaddr *)&a, &len) == 0,
          "no port");
  snprintf(ret, size, "tcp:127.0.0.1:%u", (unsigned)ntohs(a.sin_port));
}

const struct world_backend world_kernel = {.name = "kernel",
                                           .driver = &plait__uv_backend,
                                           .pair = world_kernel_pair,
                                           .relay = relay,
                                           .nobody = world_kernel_nobody,
                                           .resets = {[MEDIUM_TCP] = true}};

/* ---- a child ------------------------------------------------------------ */

static struct world *world_watched;
/* Whose ends the server is to get; until then it is used. */
static atomic_uint world_children;

/* That of end |i|: they take turns. */
static plait_reactor *world_reactor(const struct world *w, unsigned i) {
  return plait_runtime_reactor(w->runtime, i % w->reactors);
}

static void world_adopt(struct world *w, unsigned i, int fd,
                        plait_factory *factory) {
  int code = plait_adopt(world_reactor(w, i), fd, factory);
  require(code == 0, "adopt: %s", plait_error_detail());
}

/* The child has /dev/null, and the server its end of the pair. */
static int world_spawn(const plait__spawn *spawn, plait__kid *ret,
                       const char **ret_step) {
  struct world *w = world_watched;
  plait__spawn_fd fds[3];
  plait__spawn other = *spawn;
  int ends[2];
  require(spawn->fd_count == 3 && spawn->fds[0].kind == PLAIT__SPAWN_SOCKET,
          "another kind of child");
  memcpy(fds, spawn->fds, sizeof fds);
  fds[0].kind = PLAIT__SPAWN_NULL;
  other.fds = fds;
  int code = w->backend->driver->host->spawn(&other, ret, ret_step);
  require(code == 0, "%s: %s", *ret_step, plait_strerror(code));
  w->backend->pair(ends);
  code = w->backend->driver->io->adopt(ends[0], false);
  require(code == 0, "%s", plait_strerror(code)); /* non-blocking now */
  spawn->fds[0].fd = ends[0];
  world_adopt(w, atomic_load(&world_children), ends[1], &w->server.factory);
  if (atomic_fetch_sub(&world_children, 1) == 1) /* the others have theirs */
    plait__factory_unuse(&w->server.factory);
  return 0;
}

static const plait_backend *world_lend(const plait_backend *driver) {
  static plait__host host;
  static plait_backend lending;
  host = *driver->host;
  host.spawn = world_spawn;
  lending = *driver;
  lending.host = &host;
  return &lending;
}

/* ---- the watchdog --------------------------------------------------------*/

static void world_hangs(int number) {
  (void)number;
  static const char text[] = "the world hangs\n";
  if (write(2, text, sizeof text - 1) > 0) {
    spy_side_print(&world_watched->server);
    spy_side_print(&world_watched->client);
  }
  abort();
}

static void world_watch(struct world *w) {
  struct sigaction action = {.sa_handler = world_hangs};
  sigemptyset(&action.sa_mask);
  world_watched = w;
  sigaction(SIGALRM, &action, NULL);
  alarm(WORLD_DEADLINE_S);
}

/* ---- a run ---------------------------------------------------------------*/

static struct world *world_of_server(struct spy_side *side) {
  return plait_container_of(side, struct world, server);
}

static void world_server_connection(struct spy_side *side,
                                    unsigned connections) {
  struct world *w = world_of_server(side);
  if (connections == w->connections && w->listener != NULL)
    world_close_listener(w);
}

/* It is the one connection of standard input and output. */
static void world_client_stopped(struct spy_side *side) {
  stdio_peer_give_back(&plait_container_of(side, struct world, client)->stdio);
}

struct world *world_of(const struct spy *s) {
  struct spy_side *side = s->side;
  if (strcmp(side->name, "server") != 0)
    side = side->peer;
  return world_of_server(side);
}

/* What a process makes once and keeps is not a leak. */
static void world_warm_up(const struct world_backend *backend) {
  plait_runtime_options options = {.backend = backend->driver};
  plait_runtime *runtime;
  int code = plait_runtime_new(&options, &runtime);
  require(code == 0, "no runtime: %s", plait_strerror(code));
  code = plait_run(runtime);
  require(code == 0, "an empty run: %s", plait_strerror(code));
  code = plait_runtime_free(runtime);
  require(code == 0, "runtime_free: %s", plait_strerror(code));
}

void world_init(struct world *w, const struct world_backend *backend,
                enum medium medium, unsigned reactors) {
  world_warm_up(backend);
  memset(w, 0, sizeof *w);
  w->backend = backend;
  w->medium = medium;
  w->reactors = reactors;
  w->connections = 1;
  w->options.reactors = reactors;
  spy_side_init(&w->server, "server", &w->client);
  spy_side_init(&w->client, "client", &w->server);
  w->server.on_connection = world_server_connection;
  if (medium == MEDIUM_STDIO)
    w->client.on_stopped = world_client_stopped;
  snprintf(w->folder, sizeof w->folder, "/tmp/plait-test-XXXXXX");
}

/* No end of a terminal is told of before it is closed. */
static void world_linger_not(struct spy_side *side) {
  if (side->factory.limits.linger_ms == 0)
    side->factory.limits.linger_ms = 1;
}

void world_open(struct world *w) {
  if (w->medium == MEDIUM_UNIX)
    require(mkdtemp(w->folder) != NULL, "no folder %s", w->folder);
  if (medium_is_pty(w->medium)) {
    world_linger_not(&w->server);
    world_linger_not(&w->client);
  }
  spy_side_arm(&w->server);
  spy_side_arm(&w->client);
  w->server.factory.dispatch = w->client.factory.dispatch = w->dispatch;
  world_watch(w);
  leak_begin(&w->leak);
  w->options.backend = leak_driver(w->backend->driver);
  if (w->medium == MEDIUM_PROCESS)
    w->options.backend = world_lend(w->options.backend);
  int code = plait_runtime_new(&w->options, &w->runtime);
  require(code == 0, "no runtime: %s", plait_strerror(code));
}

void world_listen_endpoint(const struct world *w, char *ret, size_t size) {
  if (w->medium == MEDIUM_UNIX)
    snprintf(ret, size, "unix:%s/socket", w->folder);
  else
    snprintf(ret, size, "tcp:0:interface=127.0.0.1");
}

void world_client_endpoint(const struct world *w, const char *listening,
                           char *ret, size_t size) {
  unsigned port = 0;
  if (w->medium == MEDIUM_UNIX) {
    world_listen_endpoint(w, ret, size);
    return;
  }
  require(sscanf(listening, "tcp:%u", &port) == 1 && port != 0,
          "no port in '%s'", listening);
  snprintf(ret, size, "tcp:127.0.0.1:%u", port);
}

void world_listen(struct world *w) {
  if (w->medium == MEDIUM_PROCESS)
    snprintf(w->endpoint, sizeof w->endpoint, "process:/bin/sleep:arg=1000");
  if (w->medium != MEDIUM_TCP && w->medium != MEDIUM_UNIX)
    return;
  char endpoint[128];
  world_listen_endpoint(w, endpoint, sizeof endpoint);
  int code = plait_listen(w->runtime, endpoint, &w->server.factory, NULL,
                          &w->listener);
  require(code == 0, "%s", plait_error_detail());
  world_client_endpoint(w, plait_listener_endpoint(w->listener), w->endpoint,
                        sizeof w->endpoint);
}

static void world_relay(struct world *w, unsigned i, int fd,
                        plait_factory *factory) {
  int code = plait_background(world_reactor(w, i), w->backend->relay,
                              (void *)(intptr_t)fd, factory);
  require(code == 0, "background: %s", plait_error_detail());
}

static void world_stdio(struct world *w, unsigned i, int fd) {
  stdio_peer_begin(&w->stdio, fd);
  int code = plait_stdio(world_reactor(w, i), &w->client.factory);
  require(code == 0, "stdio: %s", plait_error_detail());
}

static void world_dial(struct world *w, unsigned i) {
  plait_connect_options options = {.reactor = world_reactor(w, i)};
  int code = plait_connect(w->runtime, w->endpoint, &w->client.factory,
                           &options, NULL);
  require(code == 0, "%s", plait_error_detail());
}

/* Connection |i|, with both ends on different reactors, if there are several.
 */
static void world_join(struct world *w, unsigned i) {
  int fds[2];
  if (medium_is_file(w->medium)) {
    medium_open(w->medium, &fds[0], &fds[1]);
    medium_adopt(world_reactor(w, i), fds[0], &w->server.factory);
    medium_adopt(world_reactor(w, i + 1), fds[1], &w->client.factory);
    return;
  }
  w->backend->pair(fds);
  if (w->medium == MEDIUM_BACKGROUND) {
    world_relay(w, i, fds[0], &w->server.factory);
    world_relay(w, i + 1, fds[1], &w->client.factory);
    return;
  }
  world_adopt(w, i, fds[0], &w->server.factory);
  if (w->medium == MEDIUM_STDIO)
    world_stdio(w, i + 1, fds[1]);
  else
    world_adopt(w, i + 1, fds[1], &w->client.factory);
}

void world_connect(struct world *w, unsigned connections) {
  if (w->medium == MEDIUM_PROCESS && connections > 0 &&
      atomic_fetch_add(&world_children, connections) == 0)
    require(plait__factory_use(w->runtime, &w->server.factory) == 0,
            "no server");
  for (unsigned i = 0; i < connections; i++) {
    if (w->endpoint[0] != '\0')
      world_dial(w, i + 1);
    else
      world_join(w, i);
  }
}

void world_run(struct world *w) {
  int code = plait_run(w->runtime);
  require(code == w->code, "plait_run: %s", plait_strerror(code));
  require(plait_reactor_current() == NULL, "still on a reactor");
}

void world_shut(struct world *w) {
  int code = plait_runtime_free(w->runtime);
  require(code == 0, "runtime_free: %s", plait_strerror(code));
  stdio_peer_end(&w->stdio);
  alarm(0);
  spy_side_check(&w->server);
  spy_side_check(&w->client);
  if (w->medium == MEDIUM_UNIX) {
    char path[128];
    snprintf(path, sizeof path, "%s/socket", w->folder);
    unlink(path);
    require(rmdir(w->folder) == 0, "%s is not empty", w->folder);
  }
  leak_end(&w->leak);
}

void world_play(struct world *w) {
  world_open(w);
  world_listen(w);
  world_connect(w, w->connections);
  world_run(w);
  world_shut(w);
}

void world_close_listener(struct world *w) {
  plait_listener *listener = w->listener;
  w->listener = NULL;
  plait_listener_close(listener);
}

/* ---- what is expected ----------------------------------------------------*/

/* |from| with each |mark| replaced. */
static void world_fill_in(const char *from, const char *mark, const char *by,
                          char *to, size_t size) {
  const char *at;
  size_t len = 0;
  for (; (at = strstr(from, mark)) != NULL; from = at + strlen(mark))
    len += (size_t)snprintf(to + len, size - len, "%.*s%s", (int)(at - from),
                            from, by);
  snprintf(to + len, size - len, "%s", from);
}

static void world_expect_side(const struct world *w,
                              const struct spy_side *side,
                              const char *pattern) {
  const char *trace = side->records[0].trace;
  char expected[SPY_TRACE];
  world_fill_in(pattern, "EOF", medium_gone(w->medium, side == &w->server),
                expected, sizeof expected);
  require(fnmatch(expected, trace, FNM_NOESCAPE) == 0,
          "%s\n  expected: %s\n  happened: %s", side->name, expected, trace);
}

void world_expect(const struct world *w, const char *server,
                  const char *client) {
  world_expect_side(w, &w->server, server);
  world_expect_side(w, &w->client, client);
}

const char *world_reset(const struct world *w) {
  return w->backend->resets[w->medium] ? "ECONNRESET" : "EOF";
}

void world_expect_reset(const struct world *w, const char *server,
                        const char *client) {
  char s[SPY_TRACE], c[SPY_TRACE];
  world_fill_in(server, "%", world_reset(w), s, sizeof s);
  world_fill_in(client, "%", world_reset(w), c, sizeof c);
  world_expect(w, s, c);
}
