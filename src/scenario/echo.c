/* echo: clients that send streams and frames of all sizes, with pauses, and end
 * in all the ways there are. */
#include "stage.h"

enum { KIB = 1024 };

struct echo {
  struct side server, client;
  plait_listener *listener;
  unsigned wanted; /* clients that were asked for and are not done */
  unsigned there;  /* servers now */
  unsigned met;    /* clients that were connected before the stop */
};

static void echo_lost(struct side *side) {
  ((struct echo *)side->stage->play)->wanted--;
}

static void echo_met(struct side *side, struct witness *w, plait_transport *t) {
  (void)w, (void)t;
  ((struct echo *)side->stage->play)->met += !side->stage->stopping;
}

static void echo_served(struct side *side, struct witness *w,
                        plait_transport *t) {
  (void)w, (void)t;
  struct echo *echo = (struct echo *)side->stage->play;
  uint32_t most = side->stage->plan->connections_max;
  CHECK(side->stage,
        ++echo->there <= most || most == 0 ||
            side->stage->plan->medium == MEDIUM_PAIR,
        "%u connections are served, and %u are most", echo->there, most);
}

static void echo_left(struct side *side) {
  ((struct echo *)side->stage->play)->there--;
}

static void echo_failed(plait_factory *factory, plait_connector *connector,
                        int reason) {
  struct side *side = side_of(factory);
  struct echo *echo = (struct echo *)side->stage->play;
  (void)connector;
  CHECK(side->stage, reason < 0, "connect_failed says %d", reason);
  echo->wanted--;
}

/* plait_adopt(), as often as memory is out: a descriptor that is not taken
 * could not be closed. */
static void echo_adopt(struct stage *stage, unsigned reactor, int fd,
                       struct side *side) {
  int code;
  do {
    code = plait_adopt(plait_runtime_reactor(stage->runtime, reactor), fd,
                       &side->factory);
    CHECK(stage, code == 0 || stage_faulty(stage), "adopt: %s",
          plait_error_detail());
  } while (code != 0);
}

/* There is no standard input here; the factory is not used then. */
static void echo_stdio(struct stage *stage) {
  struct echo *echo = (struct echo *)stage->play;
  int code = plait_stdio(plait_runtime_reactor(stage->runtime, 0),
                         &echo->client.factory);
  CHECK(stage, code == PLAIT_ENOTSUP || (code < 0 && stage_faulty(stage)),
        "plait_stdio() answers %s", plait_error_name(code));
}

/* Clients and servers of pairs of descriptors, which nobody accepts. */
static int echo_pairs(struct stage *stage) {
  struct echo *echo = (struct echo *)stage->play;
  const struct plan *plan = stage->plan;
  echo_stdio(stage);
  for (unsigned i = 0; i < plan->connections; i++) {
    int fds[2];
    int code = plait_sim_pair(stage->sim, fds);
    CHECK(stage, code == 0 || stage_faulty(stage), "no pair: %s",
          plait_strerror(code));
    if (code != 0)
      break;
    echo_adopt(stage, i % plan->reactors, fds[0], &echo->server);
    echo_adopt(stage, (i + 1) % plan->reactors, fds[1], &echo->client);
    echo->wanted++;
  }
  return 0;
}

static int echo_connect(struct stage *stage) {
  struct echo *echo = (struct echo *)stage->play;
  const struct plan *plan = stage->plan;
  bool local = plan->medium == MEDIUM_UNIX;
  const char *to = local ? "unix:/echo" : "tcp:127.0.0.1:4001";
  int code = stage_listen(stage, local ? "unix:/echo" : "tcp:4001",
                          &echo->server, &echo->listener);
  for (unsigned i = 0; i < plan->connections && code == 0; i++) {
    plait_connect_options options = {
        .reactor = plait_runtime_reactor(stage->runtime, i % plan->reactors)};
    int failed = plait_connect(stage->runtime, to, &echo->client.factory,
                               &options, NULL);
    CHECK(stage, failed == 0 || stage_faulty(stage), "connect: %s",
          plait_error_detail());
    echo->wanted += failed == 0;
  }
  return code;
}

static int echo_open(struct stage *stage) {
  struct echo *echo = (struct echo *)stage->play;
  const struct plan *plan = stage->plan;
  stage_side(stage, &echo->server, &peer_server.base, plan->workers != 0);
  stage_side(stage, &echo->client, &peer_client.base, false);
  echo->client.factory.connect_failed = echo_failed;
  echo->client.made = echo_met;
  echo->client.lost = echo_lost;
  echo->server.made = echo_served;
  echo->server.lost = echo_left;
  echo->server.factory.limits.connections_max = plan->connections_max;
  return plan->medium == MEDIUM_PAIR ? echo_pairs(stage) : echo_connect(stage);
}

static bool echo_finished(struct stage *stage) {
  const struct echo *echo = (const struct echo *)stage->play;
  /* Of a pair one may be gone before it was made: out of memory. */
  return echo->wanted == 0 || (stage->plan->medium == MEDIUM_PAIR &&
                               stage->open == 0 && stage_ms(stage) > 1000);
}

/* The queue, which a write may exceed by its own size and grows by doubling;
 * what a paused reader of frames has handed back; a carry; handles. */
static size_t echo_bound(const struct stage *stage) {
  const struct plan *plan = stage->plan;
  size_t high = plan->high_bytes != 0 ? plan->high_bytes : 64 * KIB;
  size_t write = plan->message_bytes + 256 * KIB;
  size_t lease = plan->lease_bytes != 0 ? plan->lease_bytes : 1024 * KIB;
  size_t frame = plan->framed ? 2 * PLAIT_FRAME_BYTES_MAX + 256 * KIB : 0;
  return 8 * KIB + 2 * (high + write) + frame + (plan->workers ? lease : 0);
}

/* Who was connected when a server stopped is served before it goes. */
static bool echo_serves_all(const struct stage *stage) {
  const struct plan *plan = stage->plan;
  return plan->medium != MEDIUM_PAIR && !plan->stop_now &&
         !stage_faulty(stage) && plan->accept_fail_ppm == 0 &&
         plan->reset_ppm == 0 && plan->connections_max == 0;
}

static void echo_close(struct stage *stage) {
  struct echo *echo = (struct echo *)stage->play;
  CHECK(stage,
        !echo_serves_all(stage) ||
            stage->served + stage->turned_away >= echo->met,
        "%u clients were connected before the stop, and %u were served",
        echo->met, stage->served);
  CHECK(stage, echo->server.started == echo->server.stopped,
        "the server's factory was started %u times and stopped %u times",
        echo->server.started, echo->server.stopped);
  CHECK(stage, echo->client.started == echo->client.stopped,
        "the clients' factory was started %u times and stopped %u times",
        echo->client.started, echo->client.stopped);
}

static const struct plan_range echo_ranges[] = {{"threads", 0, 0},
                                                {"outage_ms", 0, 0},
                                                {"work_ms", 0, 0},
                                                {"task_threads", 0, 0},
                                                {"resolve_ms", 20, 20},

                                                {NULL, 0, 0}};

const struct scenario scenario_echo = {
    .name = "echo",
    .summary = "streams and frames of all sizes, pauses, all ways to end",
    .ranges = echo_ranges,
    .size = sizeof(struct echo),
    .open = echo_open,
    .finished = echo_finished,
    .bound = echo_bound,
    .close = echo_close};
