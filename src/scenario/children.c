/* The program and the processes of the scenario children: it echoes, says
 * something on standard error, waits, ends early or with a code, and does not
 * heed SIGTERM.  What it has for standard input says which child it is. */
#include "family.h"

struct family *family;

/* ---- the program --------------------------------------------------------- */

static struct child *child_known(plait_sim_child *c) {
  unsigned number = 0;
  uint8_t byte;
  for (unsigned i = 0; i < FLOW_HEAD; i++) {
    if (plait_sim_child_read(c, 0, &byte, 1) <= 0)
      return NULL;
    number |= (unsigned)byte << (8 * i);
  }
  CHECK(family->stage, number < family->count, "a program is child %u of %u",
        number, family->count);
  struct child *child = &family->list[number];
  child->in.delivered = FLOW_HEAD;
  return child;
}

static bool child_says(struct child *child, plait_sim_child *c, size_t len) {
  uint8_t bytes[CHILD_BYTES];
  flow_fill(&child->out, child->out.sent, bytes, len);
  child->out.sent += len; /* it may be read before the call returns */
  child->torn |= !plait_sim_child_write(c, 1, bytes, len);
  return !child->torn;
}

/* False: it ends now. */
static bool child_acts(struct child *child, plait_sim_child *c) {
  const struct plan *plan = family->stage->plan;
  switch (dice_below(&child->dice, 8)) {
  case 0:
    return plait_sim_child_write(c, 2, "well", 4);
  case 1:
    return plait_sim_child_wait(c, UINT64_C(1000) * plan->work_ms);
  case 2:
    plait_sim_child_ignore(c, 15);
    return true;
  case 3:
    return !dice_chance(&child->dice, plan->end_ppm);
  default:
    return true;
  }
}

int child_main(plait_sim_child *c) {
  struct child *child = child_known(c);
  uint8_t bytes[CHILD_BYTES];
  ptrdiff_t n = 1;
  if (child == NULL)
    return CHILD_NOBODY;
  while (n > 0 && child_acts(child, c)) {
    n = plait_sim_child_read(c, 0, bytes,
                             1 + dice_below(&child->dice, sizeof bytes));
    if (n > 0)
      flow_deliver(&child->in, bytes, (size_t)n);
    if (n > 0 && !child_says(child, c, (size_t)n))
      break;
  }
  child->code = dice_below(&child->dice, 4) == 0 ? 7 : 0;
  child->returned = true;
  return child->code;
}

struct child *child_new(unsigned place) {
  struct stage *stage = family->stage;
  if (family->count == stage->plan->connections * CHILD_ROUNDS)
    return NULL;
  unsigned number = family->count++;
  struct child *child = &family->list[number];
  *child =
      (struct child){.place = place, .dice = stage_dice(stage, 3000 + number)};
  flow_init(&child->in, stage, "the input", number, 0);
  flow_init(&child->out, stage, "the output", number, 1);
  return child;
}

/* What is heard of one that has written all it said, and ended by itself. */
void child_check(const struct child *child, bool by_itself) {
  CHECK(family->stage,
        !by_itself || !child->returned || child->torn ||
            child->out.delivered == child->out.sent,
        "child %u wrote %llu bytes, and %llu came", child->in.number,
        (unsigned long long)child->out.sent,
        (unsigned long long)child->out.delivered);
}

/* ---- processes ----------------------------------------------------------- */

struct parent {
  plait_process base;
  struct child *child;
  unsigned writes; /* that are to come */
};

static struct parent *parent_of(plait_process *p) {
  struct parent *parent = plait_container_of(p, struct parent, base);
  CHECK(family->stage, plait_reactor_current() == p->reactor,
        "a callback of child %u runs on another reactor",
        parent->child->in.number);
  return parent;
}

static void parent_writes(struct parent *parent) {
  struct child *child = parent->child;
  plait_transport *t = plait_process_transport(&parent->base, 0);
  uint8_t bytes[CHILD_BYTES];
  bool more = t != NULL;
  while (more && parent->writes > 0) {
    size_t len = 1 + dice_below(&child->dice, sizeof bytes);
    len = len < FLOW_HEAD ? FLOW_HEAD : len;
    flow_fill(&child->in, child->in.sent, bytes, len);
    child->in.sent += len;
    parent->writes--;
    more = plait_write(t, bytes, len);
  }
  if (t != NULL && parent->writes == 0)
    plait_close(t);
}

/* Ends it in one of the ways there are. */
static void parent_interferes(struct parent *parent) {
  struct child *child = parent->child;
  if (!dice_chance(&child->dice, family->stage->plan->end_ppm))
    return;
  child->asked = true;
  if (dice_below(&child->dice, 3) == 0)
    plait_process_signal(&parent->base, 9);
  else
    plait_process_close(&parent->base);
}

static void parent_started(plait_process *p) {
  struct parent *parent = parent_of(p);
  CHECK(family->stage, !parent->child->started, "child %u is started twice",
        parent->child->in.number);
  parent->child->started = true;
  parent_writes(parent);
  parent_interferes(parent);
}

static void parent_data(plait_process *p, int fd, const uint8_t *data,
                        size_t len) {
  struct parent *parent = parent_of(p);
  struct child *child = parent->child;
  CHECK(family->stage, child->started && fd > 0 && fd < 3 && !child->lost[fd],
        "child %u: data of descriptor %d", child->in.number, fd);
  if (fd == 1)
    flow_deliver(&child->out, data, len);
  parent_interferes(parent);
}

static void parent_resume(plait_process *p, int fd) {
  struct parent *parent = parent_of(p);
  CHECK(family->stage, fd == 0, "resume_writing of descriptor %d", fd);
  parent_writes(parent);
}

static void parent_pipe_lost(plait_process *p, int fd, int reason) {
  struct child *child = parent_of(p)->child;
  (void)reason;
  CHECK(family->stage, child->started && !child->lost[fd],
        "child %u: descriptor %d is lost twice", child->in.number, fd);
  child->lost[fd] = true;
}

static void parent_exited(plait_process *p, const plait_process_end *end) {
  struct child *child = parent_of(p)->child;
  CHECK(family->stage, child->started && !child->exited && end != NULL,
        "child %u has exited twice", child->in.number);
  child->exited = true;
}

static void check_how(const struct child *child, const plait_process_end *end) {
  struct stage *stage = family->stage;
  switch (end->how) {
  case PLAIT_PROCESS_FAILED:
    CHECK(stage, end->code < 0 && (stage_faulty(stage) || stage->stopping),
          "child %u did not start: %s", child->in.number, plait_error_detail());
    break;
  case PLAIT_PROCESS_EXITED:
    CHECK(stage, end->status == (child->returned ? child->code : CHILD_NOBODY),
          "child %u exited with %d, and %d is told", child->in.number,
          child->code, end->status);
    break;
  case PLAIT_PROCESS_SIGNALLED:
    CHECK(stage, (child->asked || stage->stopping) && end->asked,
          "child %u was ended by signal %d, and nobody asked", child->in.number,
          end->status);
    break;
  default:
    CHECK(stage, stage->stopping, "how child %u ended is not known",
          child->in.number);
  }
}

static void parent_ended(plait_process *p, const plait_process_end *end) {
  struct child *child = parent_of(p)->child;
  struct stage *stage = family->stage;
  bool runs = child->started;
  CHECK(stage,
        runs == child->exited && runs == child->lost[0] &&
            runs == child->lost[1] && runs == child->lost[2],
        "child %u has ended, and not all of it", child->in.number);
  check_how(child, end);
  child_check(child, end->how == PLAIT_PROCESS_EXITED && !end->cut &&
                         !child->asked && !stage_faulty(stage) &&
                         !stage->stopping);
  token_end(&child->token);
  family->running--;
  if (!stage->stopping)
    family_spawn(p->reactor, child->place);
}

static const plait_process_ops parent_ops = {
    .name = "parent",
    .size = PLAIT_INSTANCE(struct parent, base),
    .started = parent_started,
    .data_received = parent_data,
    .pipe_lost = parent_pipe_lost,
    .resume_writing = parent_resume,
    .exited = parent_exited,
    .ended = parent_ended};

void family_spawn(plait_reactor *reactor, unsigned place) {
  static const plait_process_options options = {.program = "child",
                                                .term_ms = CHILD_TERM_MS};
  struct stage *stage = family->stage;
  struct child *child = child_new(place);
  plait_process *p;
  if (child == NULL)
    return;
  int code = plait_spawn(reactor, &options, &parent_ops, &p);
  CHECK(stage, code == 0 || stage_faulty(stage), "spawn: %s",
        plait_error_detail());
  if (code != 0)
    return;
  token_start(&child->token, stage, "the end of a child");
  family->running++;
  struct parent *parent = plait_container_of(p, struct parent, base);
  parent->child = child;
  parent->writes =
      1 + (unsigned)dice_below(&child->dice, stage->plan->messages);
}
