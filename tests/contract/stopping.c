/* The contract: a runtime stops. */
#include "contract/contract.h"

#include "support/require.h"

enum { GRACE_MS = 50, LONG_MS = 100000, BACKLOG = 150 };

static void say_hi(struct spy *s) {
  spy_say(s, "hi");
}

static void say_bye(struct spy *s) {
  spy_say(s, "bye");
  spy_close(s);
}

/* Each protocol may say good-bye. */
static void draining_says_bye(struct world *w) {
  on(&w->client, SPY_MADE, say_hi);
  on(&w->client, SPY_DRAINING, spy_nothing);
  on(&w->client, SPY_EOF, spy_close);
  on(&w->server, SPY_DATA, spy_stop_runtime);
  on(&w->server, SPY_DRAINING, say_bye);
  world_play(w);
  world_expect(w, "made data(2) draining lost(0)", "made *data(3) *lost(0)");
}

/* Without the callback a drain closes. */
static void draining_closes(struct world *w) {
  on(&w->client, SPY_MADE, say_hi);
  on(&w->server, SPY_DATA, spy_stop_runtime);
  world_play(w);
  world_expect(w, "made data(2) lost(*)", "made lost(*)");
  int server = w->server.records[0].reason;
  require(server == 0 || server == PLAIT_EOF, "%s", plait_strerror(server));
}

static uint64_t stopped_at_ms;

static void stop_and_stamp(struct spy *s) {
  stopped_at_ms = plait_reactor_now_ms(plait_reactor_current());
  spy_stop_runtime(s);
}

static void check_grace(struct spy *s) {
  uint64_t now = plait_reactor_now_ms(plait_reactor_current());
  (void)s;
  require(now - stopped_at_ms + 1 >= GRACE_MS, "cut %llu ms after the stop",
          (unsigned long long)(now - stopped_at_ms));
}

/* One end is cut; the other as well, unless it hears of the first before. */
static void check_cut(const struct world *w) {
  int server = w->server.records[0].reason;
  int client = w->client.records[0].reason;
  require(server == PLAIT_EDRAIN || client == PLAIT_EDRAIN, "%s and %s",
          plait_error_name(server), plait_error_name(client));
  require(server < 0 && client < 0, "%s and %s", plait_error_name(server),
          plait_error_name(client));
}

/* Those that keep open are cut when the grace is over. */
static void grace_cuts(struct world *w) {
  w->options.grace_ms = GRACE_MS;
  on(&w->client, SPY_MADE, say_hi);
  on(&w->client, SPY_DRAINING, spy_nothing);
  on(&w->server, SPY_DRAINING, spy_nothing);
  on(&w->server, SPY_DATA, stop_and_stamp);
  on(&w->server, SPY_LOST, check_grace);
  world_play(w);
  /* Another reactor may be late for the whole of the grace. */
  world_expect(w, "made data(2) draining lost(*)", "made *lost(*)");
  check_cut(w);
}

static void stop_now(struct spy *s) {
  plait_reactor *reactor = plait_transport_reactor(s->base.transport);
  plait_runtime_stop_now(plait_reactor_runtime(reactor));
}

static void stop_now_cuts(struct world *w) {
  w->code = PLAIT_EDRAIN;
  on(&w->client, SPY_MADE, say_hi);
  on(&w->client, SPY_DRAINING, spy_nothing);
  on(&w->server, SPY_DRAINING, spy_nothing);
  on(&w->server, SPY_DATA, stop_now);
  world_play(w);
  world_expect(w, "made data(2) lost(*)", "made lost(*)");
  check_cut(w);
}

/* A second stop in the grace is the same stop. */
static void stop_twice(struct spy *s) {
  spy_stop_runtime(s);
  spy_stop_runtime(s);
}

static void finish_later(struct spy *s) {
  spy_start_timer(s, 20, 0);
}

static void stop_is_patient(struct world *w) {
  w->options.grace_ms = LONG_MS;
  on(&w->client, SPY_MADE, say_hi);
  on(&w->client, SPY_DRAINING, spy_nothing);
  on(&w->client, SPY_EOF, spy_close);
  on(&w->server, SPY_DATA, stop_twice);
  on(&w->server, SPY_DRAINING, finish_later);
  on(&w->server, SPY_TIMER, say_bye);
  world_play(w);
  world_expect(w, "made data(2) draining timer lost(0)",
               "made *data(3) *lost(0)");
}

/* A listener that nobody closed ends with the runtime; a stop before the run
 * ends it at once. */
static void stop_before_run(struct world *w) {
  world_open(w);
  world_listen(w);
  plait_runtime_stop(w->runtime);
  world_run(w);
  world_shut(w);
}

static void stop_runtime_of(struct spy_side *side, unsigned connections) {
  struct world *w = plait_container_of(side, struct world, server);
  if (connections == w->connections)
    plait_runtime_stop(w->runtime);
}

/* What is in the backlog when the stop comes is accepted and told; it is more
 * than is accepted at a time. */
/* R025 */
static void stop_accepts_the_backlog(struct world *w) {
  w->connections = BACKLOG;
  w->options.grace_ms = LONG_MS;
  world_open(w);
  world_listen(w);
  world_connect(w, w->connections);
  w->server.on_connection = stop_runtime_of;
  w->connections = 1;
  on(&w->client, SPY_DRAINING, spy_nothing);
  on(&w->server, SPY_DRAINING, say_bye);
  spy_side_arm(&w->client);
  spy_side_arm(&w->server);
  world_run(w);
  world_shut(w);
  for (unsigned i = 0; i < BACKLOG; i++) {
    int reason = w->client.records[i].reason;
    bool made = w->client.records[i].trace_len > 0;
    require(!made || reason == PLAIT_EOF, "client %u: %s", i,
            w->client.records[i].trace);
  }
}

/* keep_running: only a stop ends it. */
static void keep_running(struct world *w) {
  w->options.keep_running = true;
  on(&w->server, SPY_MADE, spy_close);
  on(&w->client, SPY_LOST, spy_stop_runtime);
  world_play(w);
  world_expect(w, "made lost(0)", "made lost(EOF)");
}

const struct behaviour stopping_behaviours[] = {
    {"draining_says_bye", draining_says_bye, ON_STREAMS | ON_PTYC | ON_BOTH},
    {"draining_closes", draining_closes,
     ON_STREAMS | ON_UP | ON_PTYS | ON_BOTH},
    {"grace_cuts", grace_cuts, ON_STREAMS | ON_PTY | ON_BOTH},
    {"stop_now_cuts", stop_now_cuts, ON_STREAMS | ON_PTY | ON_BOTH},
    {"stop_is_patient", stop_is_patient, ON_STREAMS | ON_PTYC | ON_BOTH},
    {"stop_before_run", stop_before_run, ON_LISTENERS | ON_BOTH},
    {"stop_accepts_the_backlog", stop_accepts_the_backlog,
     ON_LISTENERS | ON_BOTH},
    {"keep_running", keep_running, ON_ALL | ON_BOTH},
    {NULL, NULL, 0}};
