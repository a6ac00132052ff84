/* relay: clients whose connections are joined with others to a server, over TCP
 * and UNIX sockets; what a pair of relayed connections carries is looked at
 * from end to end.  With pairs a client's other end is a background function.
 */
#include <stdlib.h>

#include "helper.h"
#include "stage.h"

enum { KIB = 1024, RELAY_TIMEOUT_MS = 5000 };

struct relay {
  struct side server, front, client;
  plait_listener *listeners[2];
  struct helpers helpers;
  unsigned wanted; /* clients that were asked for and are not done */
  unsigned visits; /* that their joint has not given back */
  uint64_t bytes[2];
};

/* A connection that came, and the one that is made for it. */
struct visit {
  plait_joint joint;
  struct token token;
  struct stage *stage;
  bool joined, ended[2], lost[2];
};

struct visitor {
  plait_protocol base;
  struct witness *w;
};

static struct relay *relay_of(struct stage *stage) {
  return (struct relay *)stage->play;
}

/* ---- what a joint tells -------------------------------------------------- */

static struct visit *visit_of(plait_joint *joint) {
  return plait_container_of(joint, struct visit, joint);
}

static void visit_joined(plait_joint *joint) {
  struct visit *visit = visit_of(joint);
  CHECK(visit->stage, !visit->joined, "a joint is joined twice");
  CHECK(visit->stage, !visit->lost[0] && !visit->lost[1],
        "a joint is joined, and a side was lost before");
  CHECK(visit->stage, joint->sides[0] != NULL && joint->sides[1] != NULL,
        "a joint is joined, and has not got two sides");
  visit->joined = true;
}

static void visit_ended(plait_joint *joint, int side) {
  struct visit *visit = visit_of(joint);
  CHECK(visit->stage, visit->joined, "a side has ended before it was joined");
  CHECK(visit->stage, !visit->ended[side] && !visit->lost[side],
        "side %d has ended twice, or after it was lost", side);
  visit->ended[side] = true;
}

static void visit_end(struct visit *visit) {
  struct relay *relay = relay_of(visit->stage);
  for (int i = 0; i < 2; i++)
    relay->bytes[i] += visit->joint.bytes[i];
  relay->visits--;
  token_end(&visit->token);
  free(visit);
}

static void visit_lost(plait_joint *joint, int side, int reason) {
  struct visit *visit = visit_of(joint);
  CHECK(visit->stage, !visit->lost[side], "side %d is lost twice", side);
  CHECK(visit->stage, visit->joined || reason != 0,
        "side %d is lost in order, and never was joined", side);
  visit->lost[side] = true;
  if (visit->lost[0] && visit->lost[1])
    visit_end(visit);
}

/* ---- the front ----------------------------------------------------------- */

static struct visitor *visitor_of(plait_protocol *p) {
  return plait_container_of(p, struct visitor, base);
}

static const char *relay_back(const struct stage *stage) {
  return stage->plan->medium == MEDIUM_UNIX ? "unix:/back"
                                            : "tcp:127.0.0.1:4001";
}

static void visitor_join(struct visitor *visitor) {
  struct stage *stage = visitor->w->stage;
  const plait_connect_options options = {.timeout_ms = RELAY_TIMEOUT_MS};
  struct visit *visit = calloc(1, sizeof *visit);
  if (visit == NULL)
    abort();
  visit->stage = stage;
  visit->joint.joined = visit_joined;
  visit->joint.ended = visit_ended;
  visit->joint.lost = visit_lost;
  token_start(&visit->token, stage, "the end of a joint");
  relay_of(stage)->visits++;
  int code = plait_pipe_connect(visitor->base.transport, relay_back(stage),
                                &options, &visit->joint);
  CHECK(stage, code == 0 || stage_faulty(stage) || stage->stopping,
        "a pipe: %s", plait_error_detail());
  if (code != 0)
    visit_end(visit);
}

/* Half of them look at what comes first, and hand it back. */
static void visitor_made(plait_protocol *p) {
  struct visitor *visitor = visitor_of(p);
  struct stage *stage = side_of(p->factory)->stage;
  witness_made(stage, &visitor->w, p, "visitor", false);
  stage->served++;
  if (visitor->w->number % 2 == 0)
    visitor_join(visitor);
  witness_leave(visitor->w);
}

static void visitor_data(plait_protocol *p, const uint8_t *data, size_t len) {
  struct visitor *visitor = visitor_of(p);
  witness_enter(visitor->w, CALL_DATA);
  plait_unread(p->transport, data, len);
  visitor_join(visitor);
  witness_leave(visitor->w);
}

static void visitor_draining(plait_protocol *p) {
  struct visitor *visitor = visitor_of(p);
  witness_enter(visitor->w, CALL_DRAINING);
  witness_close(visitor->w, p->transport);
  witness_leave(visitor->w);
}

static void visitor_lost(plait_protocol *p, int reason) {
  witness_lost(visitor_of(p)->w, p, reason);
}

static const plait_protocol_ops visitor_ops = {
    .name = "visitor",
    .size = PLAIT_INSTANCE(struct visitor, base),
    .connection_made = visitor_made,
    .data_received = visitor_data,
    .draining = visitor_draining,
    .connection_lost = visitor_lost};

/* ---- the scenario -------------------------------------------------------- */

static void relay_lost(struct side *side) {
  relay_of(side->stage)->wanted--;
}

static void relay_failed(plait_factory *factory, plait_connector *connector,
                         int reason) {
  struct side *side = side_of(factory);
  (void)connector;
  CHECK(side->stage, reason < 0, "connect_failed says %d", reason);
  relay_of(side->stage)->wanted--;
}

static int relay_connect(struct stage *stage) {
  struct relay *relay = relay_of(stage);
  const struct plan *plan = stage->plan;
  bool local = plan->medium == MEDIUM_UNIX;
  const char *to = local ? "unix:/front" : "tcp:127.0.0.1:4000";
  int code = stage_listen(stage, local ? "unix:/back" : "tcp:4001",
                          &relay->server, &relay->listeners[0]);
  if (code == 0)
    code = stage_listen(stage, local ? "unix:/front" : "tcp:4000",
                        &relay->front, &relay->listeners[1]);
  for (unsigned i = 0; i < plan->connections && code == 0; i++) {
    plait_connect_options options = {
        .reactor = plait_runtime_reactor(stage->runtime, i % plan->reactors)};
    int failed = plait_connect(stage->runtime, to, &relay->client.factory,
                               &options, NULL);
    CHECK(stage, failed == 0 || stage_faulty(stage), "connect: %s",
          plait_error_detail());
    relay->wanted += failed == 0;
  }
  return code;
}

static int relay_open(struct stage *stage) {
  struct relay *relay = relay_of(stage);
  const struct plan *plan = stage->plan;
  stage->relayed = true;
  stage_side(stage, &relay->server, &peer_server.base, plan->workers != 0);
  stage_side(stage, &relay->front, &visitor_ops, plan->workers != 0);
  stage_side(stage, &relay->client, &peer_client.base, false);
  /* A relay that is silent closes in order: a part would look like the whole.
   */
  relay->front.factory.limits.idle_ms = 0;
  relay->client.factory.connect_failed = relay_failed;
  relay->client.lost = relay_lost;
  if (plan->medium != MEDIUM_PAIR)
    return relay_connect(stage);
  relay->wanted = helpers_open(&relay->helpers, stage, &relay->client);
  return 0;
}

static bool relay_finished(struct stage *stage) {
  const struct relay *relay = relay_of(stage);
  if (stage->open != 0 || relay->visits != 0)
    return false;
  /* Of a function there may be no connection at all: out of memory. */
  return relay->wanted == 0 ||
         (stage->plan->medium == MEDIUM_PAIR && stage_ms(stage) > 1000);
}

/* Four ends, each with a queue that a write or a delivery may exceed, and grows
 * by doubling; what is handed back; handles. */
static size_t relay_bound(const struct stage *stage) {
  const struct plan *plan = stage->plan;
  size_t high = plan->high_bytes != 0 ? plan->high_bytes : 64 * KIB;
  size_t write = plan->message_bytes + 256 * KIB;
  size_t lease = plan->lease_bytes != 0 ? plan->lease_bytes : 1024 * KIB;
  return 16 * KIB + 4 * (high + write) + 256 * KIB +
         (plan->workers ? lease : 0);
}

static void relay_close(struct stage *stage) {
  struct relay *relay = relay_of(stage);
  const struct side *sides[] = {&relay->server, &relay->front, &relay->client};
  uint64_t up = 0, down = 0;
  for (int i = 0; i < 3; i++)
    CHECK(stage, sides[i]->started == sides[i]->stopped,
          "a factory was started %u times and stopped %u times",
          sides[i]->started, sides[i]->stopped);
  if (stage->plan->medium == MEDIUM_PAIR) {
    helpers_close(&relay->helpers);
    return;
  }
  for (const struct link *link = stage->links; link != NULL;
       link = link->next) {
    up += link->up.delivered;
    down += link->down.delivered;
  }
  CHECK(stage, relay->bytes[0] >= up && relay->bytes[1] >= down,
        "joints passed on %llu and %llu bytes, and %llu and %llu came out",
        (unsigned long long)relay->bytes[0],
        (unsigned long long)relay->bytes[1], (unsigned long long)up,
        (unsigned long long)down);
}

static const struct plan_range relay_ranges[] = {
    {"threads", 0, 0},
    {"framed", 0, 0},
    {"connections", 1, 12},
    {"message_bytes", 1, 60000},
    {"work_ms", 0, 0},
    {"outage_ms", 0, 0},
    {"task_threads", 0, 0},
    {"resolve_ms", 20, 20},
    /* A function that hears of the end of its peer after a second is stuck. */
    {"stall_ms", 1, 700},
    {"connections_max", 0, 0},
    {"capacity", 64, 262144},
    /* Four for each client: those who have some would wait for those who have
     * none. */
    {"descriptors", 1024, 1024},
    {NULL, 0, 0}};

const struct scenario scenario_relay = {
    .name = "relay",
    .summary = "connections that are joined, and functions as peers",
    .ranges = relay_ranges,
    .size = sizeof(struct relay),
    .open = relay_open,
    .finished = relay_finished,
    .bound = relay_bound,
    .close = relay_close};
