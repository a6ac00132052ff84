/* The contract: timers of a connection, and its idle time-out. */
#include "contract/contract.h"

#include "support/require.h"

enum { IDLE_MS = 50 };

static void start_periodic(struct spy *s) {
  spy_start_timer(s, 5, 5);
}

static void close_at_third(struct spy *s) {
  if (s->count[SPY_TIMER] == 3)
    spy_close(s);
}

/* They fire until the close at least, and never after lost (the spy looks). */
static void owned_timers_fire(struct world *w) {
  on(&w->server, SPY_MADE, start_periodic);
  on(&w->server, SPY_TIMER, close_at_third);
  world_play(w);
  world_expect(w, "made timer timer timer* lost(0)", "made lost(EOF)");
}

static void restart(struct spy *s) {
  require(!plait_timer_active(&s->timer), "one shot, but active");
  if (s->count[SPY_TIMER] < 4)
    spy_start_timer(s, 3, 0);
  else
    spy_close(s);
}

static void start_once(struct spy *s) {
  spy_start_timer(s, 3, 0);
  require(plait_timer_active(&s->timer), "not active");
}

static void restart_in_callback(struct world *w) {
  on(&w->server, SPY_MADE, start_once);
  on(&w->server, SPY_TIMER, restart);
  world_play(w);
  world_expect(w, "made timer timer timer timer lost(0)", "made lost(EOF)");
}

static void stop_and_wait(struct spy *s) {
  require(plait_timer_active(&s->timer), "periodic, but not active");
  plait_timer_stop(&s->timer);
  plait_timer_stop(&s->timer);
  require(!plait_timer_active(&s->timer), "active after stop");
  spy_say(s, "stopped");
}

static void close_later(struct spy *s) {
  if (s->count[SPY_TIMER] == 0)
    spy_start_timer(s, 30, 0);
}

static void stop_in_callback(struct world *w) {
  on(&w->server, SPY_MADE, start_periodic);
  on(&w->server, SPY_TIMER, stop_and_wait);
  on(&w->client, SPY_DATA, close_later);
  on(&w->client, SPY_TIMER, spy_close);
  world_play(w);
  world_expect(w, "made timer lost(EOF)", "made data(7) timer lost(0)");
}

static void stop_at_once(struct spy *s) {
  spy_start_timer(s, 0, 0);
  plait_timer_stop(&s->timer);
  spy_start_timer(s, 1000000, 0);
  spy_start_timer(s, 0, 0);
}

static void restart_replaces(struct world *w) {
  on(&w->server, SPY_MADE, stop_at_once);
  on(&w->server, SPY_TIMER, spy_close);
  world_play(w);
  world_expect(w, "made timer lost(0)", "made lost(EOF)");
}

static void start_and_abort(struct spy *s) {
  spy_start_timer(s, 0, 1);
  spy_abort(s);
}

static void start_in_lost(struct spy *s) {
  spy_start_timer(s, 0, 1);
  require(!plait_timer_active(&s->timer), "started in lost");
}

static void timers_stop_before_lost(struct world *w) {
  on(&w->client, SPY_MADE, start_and_abort);
  on(&w->client, SPY_LOST, start_in_lost);
  world_play(w);
  world_expect_reset(w, "made lost(%)", "made*lost(ECANCELED)");
}

/* ---- idle ----------------------------------------------------------------*/

/* R141 */
static void idle_closes(struct world *w) {
  w->server.factory.limits.idle_ms = IDLE_MS;
  world_play(w);
  world_expect(w, "made lost(ETIMEOUT)", "made lost(EOF)");
}

static void close_at_second(struct spy *s) {
  if (s->count[SPY_TIMED_OUT] == 2)
    spy_close(s);
}

static void idle_calls(struct world *w) {
  w->server.factory.limits.idle_ms = IDLE_MS;
  on(&w->server, SPY_TIMED_OUT, close_at_second);
  world_play(w);
  world_expect(w, "made timed_out timed_out lost(0)", "made lost(EOF)");
}

static void set_timeout(struct spy *s) {
  plait_transport_set_timeout(s->base.transport, IDLE_MS);
}

static void idle_can_be_set(struct world *w) {
  on(&w->server, SPY_MADE, set_timeout);
  world_play(w);
  world_expect(w, "made lost(ETIMEOUT)", "made lost(EOF)");
}

static void unset_timeout(struct spy *s) {
  plait_transport_set_timeout(s->base.transport, 0);
  spy_start_timer(s, 2 * IDLE_MS, 0);
}

static void idle_can_be_unset(struct world *w) {
  w->server.factory.limits.idle_ms = IDLE_MS;
  on(&w->server, SPY_MADE, unset_timeout);
  on(&w->server, SPY_TIMER, spy_close);
  world_play(w);
  world_expect(w, "made timer lost(0)", "made lost(EOF)");
}

/* It may be a long time. */
static const uint64_t MONTHS_MS = UINT64_C(100) * 24 * 3600 * 1000;

static void wait_for_months(struct spy *s) {
  if (s->side->user != NULL)
    plait_transport_set_timeout(s->base.transport, PLAIT_UNLIMITED);
  spy_start_timer(s, MONTHS_MS, 0);
}

static void idle_unlimited(struct world *w) {
  w->server.factory.limits.idle_ms = PLAIT_UNLIMITED;
  on(&w->server, SPY_MADE, wait_for_months);
  on(&w->server, SPY_TIMER, spy_close);
  world_play(w);
  world_expect(w, "made timer lost(0)", "made lost(EOF)");
}

static void idle_can_be_unlimited(struct world *w) {
  w->server.factory.limits.idle_ms = IDLE_MS;
  w->server.user = w;
  on(&w->server, SPY_MADE, wait_for_months);
  on(&w->server, SPY_TIMER, spy_close);
  world_play(w);
  world_expect(w, "made timer lost(0)", "made lost(EOF)");
}

/* Shorter than the time-out; the clock is virtual, so it is never late. */
static void start_ticks(struct spy *s) {
  spy_start_timer(s, IDLE_MS * 2 / 3, IDLE_MS * 2 / 3);
}

static void tick(struct spy *s) {
  spy_say(s, ".");
  if (s->count[SPY_TIMER] == 5)
    plait_timer_stop(&s->timer);
}

static void receiving_is_not_idle(struct world *w) {
  w->server.factory.limits.idle_ms = IDLE_MS;
  on(&w->client, SPY_MADE, start_ticks);
  on(&w->client, SPY_TIMER, tick);
  w->client.kinds[0].script.flags = SPY_QUIET;
  world_play(w);
  world_expect(w, "made data(5) lost(ETIMEOUT)", "made lost(EOF)");
}

static void sending_is_not_idle(struct world *w) {
  w->server.factory.limits.idle_ms = IDLE_MS;
  on(&w->server, SPY_MADE, start_ticks);
  on(&w->server, SPY_TIMER, tick);
  w->server.kinds[0].script.flags = SPY_QUIET;
  world_play(w);
  world_expect(w, "made lost(ETIMEOUT)", "made data(5) lost(EOF)");
}

const struct behaviour timer_behaviours[] = {
    {"owned_timers_fire", owned_timers_fire, ON_ALL | ON_BOTH},
    {"restart_in_callback", restart_in_callback, ON_ALL | ON_BOTH},
    {"stop_in_callback", stop_in_callback,
     ON_STREAMS | ON_DOWN | ON_PTY | ON_BOTH},
    {"restart_replaces", restart_replaces, ON_ALL | ON_BOTH},
    {"timers_stop_before_lost", timers_stop_before_lost, ON_ALL | ON_BOTH},
    {"idle_closes", idle_closes, ON_ALL | ON_BOTH},
    {"idle_calls", idle_calls, ON_ALL | ON_BOTH},
    {"idle_can_be_set", idle_can_be_set, ON_ALL | ON_BOTH},
    {"idle_can_be_unset", idle_can_be_unset, ON_ALL | ON_BOTH},
    {"idle_unlimited", idle_unlimited, ON_LASTING | ON_SIM},
    {"idle_can_be_unlimited", idle_can_be_unlimited, ON_LASTING | ON_SIM},
    {"receiving_is_not_idle", receiving_is_not_idle, ON_STREAMS | ON_SIM},
    {"sending_is_not_idle", sending_is_not_idle, ON_STREAMS | ON_SIM},
    {NULL, NULL, 0}};
