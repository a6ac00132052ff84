/* children: programs as processes, as endpoints, and behind a listener. */
#include "family.h"

enum { KIB = 1024 };

/* ---- a program as an endpoint -------------------------------------------- */

struct talker {
  plait_protocol base;
  struct witness *w;
  struct child *child;
  struct dice dice;
  unsigned writes; /* that are to come */
};

static struct talker *talker_of(plait_protocol *p) {
  return plait_container_of(p, struct talker, base);
}

static void talker_writes(struct talker *t) {
  bool more = true;
  while (more && t->writes > 0 && !t->w->closed) {
    size_t len = FLOW_HEAD + dice_below(&t->dice, CHILD_BYTES);
    t->writes--;
    more = flow_write(&t->child->in, &t->dice, t->base.transport, len);
    if (plait_transport_closing(t->base.transport))
      return;
  }
  if (t->writes == 0 && !t->w->wrote_eof && !t->w->closed)
    witness_write_eof(t->w, t->base.transport);
}

static void talker_made(plait_protocol *p) {
  struct talker *t = talker_of(p);
  witness_made(family->stage, &t->w, p, "talker", true);
  t->child = child_new(0);
  t->dice = stage_dice(family->stage, 2000 + t->w->number);
  t->writes = 1 + (unsigned)dice_below(&t->dice, family->stage->plan->messages);
  if (t->child == NULL) {
    witness_close(t->w, p->transport);
  } else {
    t->child->in.from = t->w;
    talker_writes(t);
  }
  witness_leave(t->w);
}

static void talker_data(plait_protocol *p, const uint8_t *data, size_t len) {
  struct talker *t = talker_of(p);
  witness_enter(t->w, CALL_DATA);
  t->w->received += len;
  flow_deliver(&t->child->out, data, len);
  if (dice_chance(&t->dice, family->stage->plan->end_ppm / 4)) {
    t->child->asked = true;
    if (dice_below(&t->dice, 2) == 0)
      witness_abort(t->w, p->transport);
    else
      witness_close(t->w, p->transport);
  }
  witness_leave(t->w);
}

static void talker_resume(plait_protocol *p) {
  struct talker *t = talker_of(p);
  witness_enter(t->w, CALL_RESUME);
  talker_writes(t);
  witness_leave(t->w);
}

static void talker_eof(plait_protocol *p) {
  struct talker *t = talker_of(p);
  witness_enter(t->w, CALL_EOF);
  witness_close(t->w, p->transport);
  witness_leave(t->w);
}

static void talker_draining(plait_protocol *p) {
  struct talker *t = talker_of(p);
  witness_enter(t->w, CALL_DRAINING);
  witness_close(t->w, p->transport);
  witness_leave(t->w);
}

static void talker_lost(plait_protocol *p, int reason) {
  struct talker *t = talker_of(p);
  struct child *child = t->child;
  struct stage *stage = family->stage;
  witness_lost(t->w, p, reason);
  family->wanted--;
  if (child == NULL)
    return;
  CHECK(stage,
        reason != 0 || !child->returned || child->code == 0 || child->asked ||
            stage->stopping,
        "child %u ended with %d, and its connection with PLAIT_OK",
        child->in.number, child->code);
  CHECK(stage,
        reason != PLAIT_ECHILDFAILED || !child->returned || child->code != 0,
        "child %u ended with 0, and its connection says that it failed",
        child->in.number);
  child_check(child, t->w->eof && !child->asked && !stage_faulty(stage));
}

static const plait_protocol_ops talker_ops = {
    .name = "talker",
    .size = PLAIT_INSTANCE(struct talker, base),
    .connection_made = talker_made,
    .data_received = talker_data,
    .eof_received = talker_eof,
    .resume_writing = talker_resume,
    .draining = talker_draining,
    .connection_lost = talker_lost};

/* ---- a program behind a listener -------------------------------------------
 *
 * The simulator has no copies of connections: none starts, and each visitor is
 * told. */

static void inetd_ended(plait_inetd *inetd, const plait_process_end *end) {
  struct stage *stage = family->stage;
  CHECK(stage, inetd == &family->inetd, "another one's child");
  stage->served++;
  CHECK(stage,
        end->how == PLAIT_PROCESS_FAILED &&
            (end->code == PLAIT_ENOTSUP || stage_faulty(stage)),
        "a child behind the listener: how %d, code %d: %s", end->how, end->code,
        plait_error_detail());
}

struct visitor {
  plait_protocol base;
  struct witness *w;
};

static struct visitor *visitor_of(plait_protocol *p) {
  return plait_container_of(p, struct visitor, base);
}

static void visitor_made(plait_protocol *p) {
  struct visitor *v = visitor_of(p);
  witness_made(family->stage, &v->w, p, "visitor", true);
  v->w->owed = true;
  witness_leave(v->w);
}

static void visitor_eof(plait_protocol *p) {
  struct visitor *v = visitor_of(p);
  witness_enter(v->w, CALL_EOF);
  witness_close(v->w, p->transport);
  witness_leave(v->w);
}

static void visitor_draining(plait_protocol *p) {
  struct visitor *v = visitor_of(p);
  witness_enter(v->w, CALL_DRAINING);
  witness_close(v->w, p->transport);
  witness_leave(v->w);
}

static void visitor_lost(plait_protocol *p, int reason) {
  witness_lost(visitor_of(p)->w, p, reason);
  family->wanted--;
}

static const plait_protocol_ops visitor_ops = {
    .name = "visitor",
    .size = PLAIT_INSTANCE(struct visitor, base),
    .connection_made = visitor_made,
    .eof_received = visitor_eof,
    .draining = visitor_draining,
    .connection_lost = visitor_lost};

/* ---- the scenario -------------------------------------------------------- */

static void family_failed(plait_factory *factory, plait_connector *connector,
                          int reason) {
  (void)factory, (void)connector;
  CHECK(family->stage, reason < 0, "connect_failed says %d", reason);
  family->wanted--;
}

static void family_connect(const char *to, struct side *side,
                           plait_reactor *reactor) {
  struct stage *stage = family->stage;
  const plait_connect_options options = {.reactor = reactor};
  int code = plait_connect(stage->runtime, to, &side->factory, &options, NULL);
  CHECK(stage, code == 0 || stage_faulty(stage), "connect: %s",
        plait_error_detail());
  family->wanted += code == 0;
}

static int family_listen(const char *endpoint) {
  static const plait_process_options options = {.program = "/bin/child"};
  int code = PLAIT_ENOMEM;
  plait_inetd_init(&family->inetd, &options);
  family->inetd.ended = inetd_ended;
  for (int i = 0; i < 10 && code < 0; i++)
    code = plait_listen(family->stage->runtime, endpoint,
                        &family->inetd.factory, NULL, &family->listener);
  CHECK(family->stage, code == 0 || stage_faulty(family->stage), "listen: %s",
        plait_error_detail());
  return code;
}

static int family_open(struct stage *stage) {
  const struct plan *plan = stage->plan;
  bool local = plan->medium == MEDIUM_UNIX;
  family = (struct family *)stage->play;
  family->stage = stage;
  stage_side(stage, &family->talker, &talker_ops, plan->workers != 0);
  stage_side(stage, &family->visitor, &visitor_ops, false);
  family->talker.factory.connect_failed = family_failed;
  family->visitor.factory.connect_failed = family_failed;
  int code = plait_sim_program(stage->sim, "/bin/child", child_main);
  if (code == 0)
    code = family_listen(local ? "unix:/family" : "tcp:4000");
  for (unsigned i = 0; i < plan->connections && code == 0; i++) {
    plait_reactor *r =
        plait_runtime_reactor(stage->runtime, i % plan->reactors);
    if (i % 3 == 0)
      family_spawn(r, i);
    else if (i % 3 == 1)
      family_connect("process:child", &family->talker, r);
    else
      family_connect(local ? "unix:/family" : "tcp:127.0.0.1:4000",
                     &family->visitor, r);
  }
  return code;
}

/* A runtime that could not run is told nothing. */
static void family_leave(struct stage *stage) {
  for (unsigned i = 0; i < family->count && !stage->stopping; i++)
    if (family->list[i].token.out)
      token_end(&family->list[i].token);
}

static bool family_finished(struct stage *stage) {
  return stage->open == 0 && family->running == 0 && family->wanted == 0;
}

/* A process has three streams, each with a queue or a delivery; what starts it
 * has its texts. */
static size_t family_bound(const struct stage *stage) {
  const struct plan *plan = stage->plan;
  size_t high = plan->high_bytes != 0 ? plan->high_bytes : 64 * KIB;
  size_t lease = plan->lease_bytes != 0 ? plan->lease_bytes : 1024 * KIB;
  return 64 * KIB + 4 * high + 256 * KIB + (plan->workers ? lease : 0);
}

static void family_close(struct stage *stage) {
  const struct side *sides[] = {&family->talker, &family->visitor};
  for (int i = 0; i < 2; i++)
    CHECK(stage, sides[i]->started == sides[i]->stopped,
          "a factory was started %u times and stopped %u times",
          sides[i]->started, sides[i]->stopped);
}

static const struct plan_range family_ranges[] = {
    {"threads", 0, 0},       {"framed", 0, 0},
    {"connections", 1, 12},  {"messages", 1, 8},
    {"message_bytes", 0, 0}, {"work_ms", 0, 10},
    {"outage_ms", 0, 0},     {"task_threads", 0, 0},
    {"resolve_ms", 20, 20},  {"connections_max", 0, 0},
    {"turn_away_ppm", 0, 0}, {"medium", 0, 1},
    {"reset_ppm", 0, 0},     {"capacity", 512, 262144},
    {"idle_ms", 0, 0},       {NULL, 0, 0}};

const struct scenario scenario_children = {
    .name = "children",
    .summary = "processes, programs as endpoints and behind a listener",
    .ranges = family_ranges,
    .size = sizeof(struct family),
    .open = family_open,
    .finished = family_finished,
    .leave = family_leave,
    .bound = family_bound,
    .close = family_close};
