/* reconnect: clients that find their server by its name, race to its addresses
 * and connect anew, while servers come and go, names do not resolve, and
 * nothing gets through. */
#include <stdlib.h>
#include <string.h>

#include "stage.h"

enum { PORTS = 3, CALLERS = 24, SLACK_MS = 5000, RUN_MS = 40000 };

struct caller {
  struct side side;
  plait_connector *connector;
  struct dice dice;
  bool up, stopped, over;
  uint64_t not_before_ns; /* the next attempt ends */
  uint64_t last_ns;       /* something was told */
  uint32_t max_ms, timeout_ms;
  uint32_t retries, failures; /* the latter in a row */
};

struct town {
  struct stage *stage;
  struct side server;
  struct port {
    struct town *town;
    const char *endpoint;
    plait_listener *listener;
    plait_call call;
    struct token token;
    bool open, posted;
  } ports[PORTS];
  plait_address addresses[PORTS];
  struct caller callers[CALLERS];
  plait_sim_thread *weather;
  struct dice dice;
};

static const char *const town_texts[PORTS] = {"127.0.0.1", "127.0.0.2", "::1"};
static const char *const town_endpoints[PORTS] = {
    "tcp:7000:interface=127.0.0.1", "tcp:7000:interface=127.0.0.2",
    "tcp6:7000:interface=\\:\\:1"};

/* ---- callers ------------------------------------------------------------- */

static struct caller *caller_of(struct side *side) {
  return plait_container_of(side, struct caller, side);
}

/* An attempt is over, one way or the other. */
static void caller_told(struct caller *c) {
  struct stage *stage = c->side.stage;
  uint64_t now_ns = plait_sim_now_ns(stage->sim);
  CHECK(stage, !c->up, "a connector began anew while its connection was up");
  CHECK(stage, !c->over, "a connector that had given up went on");
  CHECK(stage,
        now_ns + 1000000 >= c->not_before_ns || stage->stopping || c->stopped,
        "a connector was to wait until %.3f ms",
        (double)(c->not_before_ns - 1000000000) / 1e6);
  c->not_before_ns = 0;
  c->last_ns = now_ns;
}

static void caller_made(struct side *side, struct witness *w,
                        plait_transport *t) {
  struct caller *c = caller_of(side);
  caller_told(c);
  c->up = true;
  c->failures = 0;
  ask_start(side->stage, w, t, &side->dice);
}

static void caller_lost(struct side *side) {
  struct caller *c = caller_of(side);
  c->up = false;
  c->last_ns = plait_sim_now_ns(side->stage->sim);
}

static void caller_failed(plait_factory *factory, plait_connector *connector,
                          int reason) {
  struct caller *c = caller_of(side_of(factory));
  struct stage *stage = c->side.stage;
  uint32_t ms;
  CHECK(stage, reason < 0 && plait_error_detail()[0] != '\0',
        "connect_failed says %d and \"%s\"", reason, plait_error_detail());
  CHECK(stage, !c->side.refused || reason == STAGE_AWAY,
        "build_protocol refused, and connect_failed says %d", reason);
  c->side.refused = false;
  caller_told(c);
  c->failures++;
  if (!plait_connector_retries(connector, &ms)) {
    CHECK(stage, c->failures > c->retries || stage->stopping || c->stopped,
          "a connector gives up after %u attempts, and has %u more",
          c->failures, c->retries);
    c->over = true;
    return;
  }
  CHECK(stage, ms <= c->max_ms, "a connector waits for %u ms, and %u are most",
        ms, c->max_ms);
  c->not_before_ns = c->last_ns + ms * UINT64_C(1000000);
}

static int caller_call(struct caller *c, struct stage *stage, unsigned i) {
  stage_side(stage, &c->side, &peer_client.base, false);
  c->dice = stage_dice(stage, 5000 + i);
  c->side.factory.connect_failed = caller_failed;
  c->side.made = caller_made;
  c->side.lost = caller_lost;
  c->last_ns = plait_sim_now_ns(stage->sim);
  uint32_t initial_ms = 1 + (uint32_t)dice_below(&c->dice, 2000);
  c->max_ms = initial_ms + (uint32_t)dice_below(&c->dice, 5000);
  c->timeout_ms = 200 + (uint32_t)dice_below(&c->dice, 10000);
  c->retries = dice_below(&c->dice, 4) == 0
                   ? 1 + (uint32_t)dice_below(&c->dice, 5)
                   : PLAIT_UNLIMITED;
  const plait_connect_options options = {
      .reactor =
          plait_runtime_reactor(stage->runtime, i % stage->plan->reactors),
      .timeout_ms = c->timeout_ms,
      .attempt_delay_ms = 10 + (uint32_t)dice_below(&c->dice, 500),
      .reconnect = {.retries = c->retries,
                    .initial_ms = initial_ms,
                    .max_ms = c->max_ms,
                    .factor = 1 + (double)dice_below(&c->dice, 100) / 50,
                    .jitter =
                        dice_below(&c->dice, 2) == 0 ? PLAIT_NO_JITTER : 0,
                    .healthy_ms = 1 + (uint32_t)dice_below(&c->dice, 5000)}};
  return plait_connect(stage->runtime, "tcp:db:7000", &c->side.factory,
                       &options, &c->connector);
}

/* ---- servers that come and go
 * --------------------------------------------------
 */

static void port_run(plait_call *call, plait_protocol *p) {
  struct port *port = plait_container_of(call, struct port, call);
  struct stage *stage = port->town->stage;
  (void)p;
  token_end(&port->token);
  port->posted = false;
  ask_start(stage, NULL, NULL, &port->town->server.dice);
  if (port->listener != NULL && !port->open) {
    plait_listener_close(port->listener);
    port->listener = NULL;
  } else if (port->listener == NULL && port->open && !stage->stopping) {
    int code = plait_listen(stage->runtime, port->endpoint,
                            &port->town->server.factory, NULL, &port->listener);
    port->open = code == 0; /* the address is in use until all has closed */
  }
}

static void port_drop(plait_call *call) {
  token_end(&plait_container_of(call, struct port, call)->token);
}

static void port_set(struct port *port, bool open) {
  if (port->posted || (port->listener != NULL) == open)
    return;
  port->open = open;
  port->posted = true;
  port->call = (plait_call){.run = port_run, .drop = port_drop};
  token_start(&port->token, port->town->stage, "a call of a reactor");
  if (plait_reactor_post(plait_runtime_reactor(port->town->stage->runtime, 0),
                         &port->call) != 0) {
    port->posted = false;
    token_end(&port->token);
  }
}

static void port_serves(struct side *side, struct witness *w,
                        plait_transport *t) {
  ask_start(side->stage, w, t, &side->dice);
}

/* ---- the weather
 * ----------------------------------------------------------------
 */

static void town_name(struct town *town, uint32_t delay_ms, int code) {
  if (plait_sim_name(town->stage->sim, "db", town->addresses, PORTS, delay_ms,
                     code) < 0)
    abort();
}

static void weather_change(struct town *town) {
  static const int codes[] = {PLAIT_ENOTFOUND, PLAIT_ETEMPORARY, 0, 0};
  struct dice *dice = &town->dice;
  switch (dice_below(dice, 4)) {
  case 0:
    plait_sim_partition(town->stage->sim, dice_below(dice, 2) == 0);
    break;
  case 1:
    town_name(town, (uint32_t)dice_below(dice, 3000),
              codes[dice_below(dice, 4)]);
    break;
  default:
    port_set(&town->ports[dice_below(dice, PORTS)], dice_below(dice, 2) == 0);
    break;
  }
}

static void weather_clears(struct town *town) {
  plait_sim_heal(town->stage->sim);
  plait_sim_partition(town->stage->sim, false);
  town_name(town, 0, 0);
  for (unsigned i = 0; i < PORTS; i++)
    port_set(&town->ports[i], true);
}

/* In any weather: an attempt has its time-out. */
static void callers_check(const struct town *town) {
  struct stage *stage = town->stage;
  uint64_t now_ns = plait_sim_now_ns(stage->sim);
  for (unsigned i = 0; i < stage->plan->connections; i++) {
    const struct caller *c = &town->callers[i];
    uint64_t most_ms = (uint64_t)c->timeout_ms + c->max_ms + SLACK_MS;
    if (c->up || c->over || c->stopped || c->connector == NULL)
      continue;
    CHECK(stage, now_ns < c->last_ns + most_ms * 1000000,
          "nothing was heard of a connector since %.3f ms",
          (double)(c->last_ns - 1000000000) / 1e6);
  }
}

static void weather_run(void *arg) {
  struct town *town = (struct town *)arg;
  struct stage *stage = town->stage;
  const struct plan *plan = stage->plan;
  while (stage->running && plan->outage_ms != 0 &&
         stage_ms(stage) < plan->heal_ms) {
    plait_sim_sleep_us(stage->sim,
                       1000 + dice_below(&town->dice, plan->outage_ms * 1000));
    if (!stage->running || stage->stopping)
      continue;
    callers_check(town);
    weather_change(town);
  }
  while (stage->running) {
    if (!stage->stopping)
      weather_clears(town);
    plait_sim_sleep_us(stage->sim, 500000);
    if (!stage->stopping)
      callers_check(town);
    if (dice_below(&town->dice, 20) == 0 && stage->running &&
        !stage->stopping) {
      struct caller *c =
          &town->callers[dice_below(&town->dice, plan->connections)];
      if (c->connector != NULL && !c->stopped) {
        c->stopped = true;
        plait_connector_stop(c->connector);
      }
    }
  }
}

/* ---- the play ------------------------------------------------------------ */

static int reconnect_open(struct stage *stage) {
  struct town *town = (struct town *)stage->play;
  town->stage = stage;
  town->dice = stage_dice(stage, 9000);
  stage_side(stage, &town->server, &peer_server.base,
             stage->plan->workers != 0);
  town->server.made = port_serves;
  for (unsigned i = 0; i < PORTS; i++) {
    struct port *port = &town->ports[i];
    *port = (struct port){.town = town, .endpoint = town_endpoints[i]};
    plait_address_parse(town_texts[i], 0, &town->addresses[i]);
    int code =
        stage_listen(stage, port->endpoint, &town->server, &port->listener);
    port->open = code == 0;
    if (code != 0)
      return code;
  }
  town_name(town, 0, 0);
  for (unsigned i = 0; i < stage->plan->connections; i++)
    if (caller_call(&town->callers[i], stage, i) != 0)
      town->callers[i].connector = NULL;
  town->weather = stage_thread(stage, weather_run, town, "weather");
  return 0;
}

static void reconnect_leave(struct stage *stage) {
  plait_sim_thread_join(((struct town *)stage->play)->weather);
}

static bool reconnect_finished(struct stage *stage) {
  return stage_ms(stage) >= RUN_MS;
}

static size_t reconnect_bound(const struct stage *stage) {
  return scenario_echo.bound(stage);
}

static void reconnect_close(struct stage *stage) {
  const struct town *town = (const struct town *)stage->play;
  CHECK(stage, town->server.started == town->server.stopped,
        "the servers' factory was started and never stopped");
  for (unsigned i = 0; i < stage->plan->connections; i++)
    CHECK(stage, town->callers[i].side.started == town->callers[i].side.stopped,
          "a client's factory was started and never stopped");
}

static const struct plan_range reconnect_ranges[] = {
    {"threads", 0, 0},       {"work_ms", 0, 0},   {"task_threads", 0, 0},
    {"medium", 0, 0},        {"framed", 0, 0},    {"connections_max", 0, 0},
    {"connections", 1, 10},  {"messages", 1, 20}, {"message_bytes", 1, 2000},
    {"resolve_ms", 1, 4000}, {NULL, 0, 0}};

const struct scenario scenario_reconnect = {
    .name = "reconnect",
    .summary = "clients by name connect anew; servers, names and roads fail",
    .ranges = reconnect_ranges,
    .size = sizeof(struct town),
    .open = reconnect_open,
    .finished = reconnect_finished,
    .leave = reconnect_leave,
    .bound = reconnect_bound,
    .close = reconnect_close};
