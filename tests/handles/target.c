/* The end of a link that senders have handles of.
 *
 * What it does at random is in the table of acts; what it is told is held
 * against the laws: one callback at a time, none after lost, no data while
 * reading is paused or held or after a switch, answers without a gap. */
#include "handles/link.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "support/require.h"

static const plait_protocol_ops target_ops[2];
const plait_protocol_ops *const target_protocol = &target_ops[0];

struct target *target_of(plait_protocol *p) {
  require(p->ops == &target_ops[0] || p->ops == &target_ops[1],
          "another's protocol");
  return (struct target *)p;
}

void target_enter(struct target *t) {
  require(!t->inside && !t->lost, "two callbacks at once, or after lost");
  t->inside = true;
  require(plait_transport_reactor(t->base.transport) == plait_reactor_current(),
          "on another's thread");
}

void target_leave(struct target *t) {
  t->inside = false;
}

/* ---- acts ---------------------------------------------------------------- */

static void act_write(struct target *t, unsigned random) {
  union packet out;
  if (plait_transport_closing(t->base.transport))
    return;
  size_t size = packet_fill(&out, SENDERS, t->messages++, random % 100);
  plait_write(t->base.transport, out.bytes, size);
}

struct errand {
  plait_task task;
  struct target *target;
  uint32_t number;
  unsigned naps, flags;
};

static void errand_work(plait_task *task) {
  struct errand *e = plait_container_of(task, struct errand, task);
  for (unsigned i = 0; i < e->naps; i++)
    sched_yield();
}

static void errand_done(plait_task *task, int status) {
  struct errand *e = plait_container_of(task, struct errand, task);
  struct target *t = e->target;
  target_enter(t);
  require(e->number == t->done++, "task %u is done, not %u", e->number,
          t->done - 1);
  t->holds -= e->flags == PLAIT_HOLD_READING;
  atomic_fetch_add(&links.done, 1);
  if (status != 0)
    atomic_fetch_add(&links.cancelled, 1);
  target_leave(t);
  free(e);
}

static void act_defer(struct target *t, unsigned random) {
  struct errand *e = calloc(1, sizeof *e);
  require(e != NULL, "no memory");
  e->task.work = errand_work;
  e->task.done = errand_done;
  e->target = t;
  e->number = t->deferred;
  e->naps = random % 20;
  e->flags = random % 2 ? PLAIT_HOLD_READING : 0;
  int code = plait_defer(t->base.transport, &e->task, e->flags);
  require(code == 0 || code == PLAIT_ECLOSED || code == PLAIT_ECANCELED,
          "defer: %s", plait_strerror(code));
  if (code != 0) {
    free(e);
    return;
  }
  t->holds += e->flags == PLAIT_HOLD_READING;
  t->deferred++;
  atomic_fetch_add(&links.deferred, 1);
}

static void act_start_timer(struct target *t, unsigned random) {
  plait_timer_start(&t->timer, random % 3, random % 2);
}

static void act_stop_timer(struct target *t, unsigned random) {
  (void)random;
  plait_timer_stop(&t->timer);
}

static void act_pause(struct target *t, unsigned random) {
  (void)random;
  plait_pause_reading(t->base.transport);
}

static void act_resume(struct target *t, unsigned random) {
  (void)random;
  plait_resume_reading(t->base.transport);
}

/* The new instance goes on where this one is. */
static bool target_switch(struct target *t, const uint8_t *rest, size_t len) {
  const plait_protocol_ops *ops = &target_ops[t->base.ops == &target_ops[0]];
  struct target *next =
      (struct target *)plait_switch_protocol(t->base.transport, ops, rest, len);
  if (next == NULL)
    return false;
  memcpy(next->calls, t->calls, sizeof next->calls);
  next->messages = t->messages;
  next->answers = t->answers;
  next->in = t->in;
  next->have = t->have;
  next->random = t->random;
  next->place = t->place;
  next->again = t->switched = true;
  atomic_fetch_add(&links.switched, 1);
  return true;
}

static void act_switch(struct target *t, unsigned random) {
  (void)random;
  target_switch(t, NULL, 0);
}

static void act_set_watermarks(struct target *t, unsigned random) {
  plait_transport_set_watermarks(t->base.transport, 4000 + random % 4000, 1000);
}

static void act_write_eof(struct target *t, unsigned random) {
  (void)random;
  plait_write_eof(t->base.transport);
}

static void act_close(struct target *t, unsigned random) {
  (void)random;
  plait_close(t->base.transport);
}

/* The second task waits for the first one, and is cancelled. */
static void act_abort(struct target *t, unsigned random) {
  act_defer(t, random);
  act_defer(t, random);
  plait_abort(t->base.transport);
}

/* Of a hundred. */
static const struct act {
  unsigned weight;
  void (*run)(struct target *t, unsigned random);
} acts[] = {
    {40, act_write},      {15, act_defer},         {15, act_start_timer},
    {10, act_stop_timer}, {4, act_pause},          {6, act_resume},
    {5, act_switch},      {2, act_set_watermarks}, {1, act_write_eof},
    {1, act_close},       {1, act_abort},
};

void target_act(struct target *t, unsigned random) {
  unsigned what = random % 100;
  const struct act *act = acts;
  /* Who was switched away from does nothing more. */
  if (t->switched)
    return;
  for (; what >= act->weight; act++)
    what -= act->weight;
  act->run(t, random / 100);
}

/* ---- what it is told ----------------------------------------------------- */

static void target_fires(plait_timer *timer) {
  struct target *t = plait_container_of(timer, struct target, timer);
  target_enter(t);
  atomic_fetch_add(&links.fired, 1);
  target_leave(t);
}

/* It takes the place of one that is gone, whose handle is kept for a while. */
static void target_settle(struct target *t) {
  unsigned number = atomic_fetch_add(&links.made, 1);
  plait_handle h = plait_transport_handle(t->base.transport);
  t->random = number;
  while (atomic_exchange(&links.taken[t->place], true)) {
    t->place++;
    require(t->place < LINKS, "more targets than links");
  }
  uint64_t gone = atomic_exchange(&links.table[t->place], h.id);
  atomic_store(&links.table[LINKS + number % GONE], gone);
  atomic_fetch_add(&links.live, 1);
}

static void target_made(plait_protocol *p) {
  struct target *t = (struct target *)p;
  target_enter(t);
  plait_timer_init(&t->timer, p->transport, target_fires);
  if (!t->again)
    target_settle(t);
  target_leave(t);
}

/* How many of |len| bytes are taken; it ends with an answer if there is one. */
static size_t target_take(struct target *t, const uint8_t *data, size_t len) {
  size_t n = sizeof t->in - t->have;
  n = n < len ? n : len;
  memcpy((uint8_t *)&t->in + t->have, data, n);
  t->have += n;
  if (t->have < sizeof t->in)
    return n;
  require(t->in.magic == MAGIC && t->in.sender == SENDERS && t->in.len == 0,
          "not an answer");
  require(t->in.number == t->answers, "answer %u came, not %u", t->in.number,
          t->answers);
  t->answers++;
  t->have = 0;
  atomic_fetch_add(&links.answered, 1);
  return n;
}

/* Hands the rest of a delivery back, in two pieces, the last one first. */
static void target_unread(struct target *t, const uint8_t *rest, size_t len) {
  plait_unread(t->base.transport, rest + len / 2, len - len / 2);
  plait_unread(t->base.transport, rest, len / 2);
  atomic_fetch_add(&links.unread, len > 0);
}

/* What the rest of a delivery may meet with.  False: it is not t's any more. */
static bool target_goes_on(struct target *t, const uint8_t *rest, size_t len) {
  t->random = t->random * UINT64_C(6364136223846793005) + 1442695040888963407;
  unsigned what = (unsigned)(t->random >> 33) % 64;
  if (what == 0)
    return !target_switch(t, rest, len);
  if (what > 2)
    return true;
  if (what == 1)
    plait_pause_reading(t->base.transport);
  target_unread(t, rest, len);
  return false;
}

static void target_data(plait_protocol *p, const uint8_t *data, size_t len) {
  struct target *t = (struct target *)p;
  target_enter(t);
  require(!plait_transport_paused(p->transport), "data while paused");
  require(t->holds == 0, "data while %u tasks hold reading", t->holds);
  require(!t->switched && !t->ended, "data after a switch or the end");
  bool goes_on = true;
  while (len > 0 && goes_on) {
    size_t n = target_take(t, data, len);
    data += n;
    len -= n;
    goes_on = target_goes_on(t, data, len);
  }
  target_leave(t);
}

static void target_eof(plait_protocol *p) {
  struct target *t = (struct target *)p;
  target_enter(t);
  require(!plait_transport_paused(p->transport) && t->holds == 0,
          "the end while reading is paused");
  require(!t->ended, "two ends");
  t->ended = true;
  plait_close(p->transport);
  target_leave(t);
}

static void target_resume(plait_protocol *p) {
  struct target *t = (struct target *)p;
  target_enter(t);
  target_leave(t);
}

static void target_lost(plait_protocol *p, int reason) {
  struct target *t = (struct target *)p;
  target_enter(t);
  require(t->done == t->deferred, "%u tasks of %u are done", t->done,
          t->deferred);
  require(!plait_timer_active(&t->timer), "a timer runs in lost");
  require(t->switched == (reason == PLAIT_ESWITCHED), "a switch and lost(%d)",
          reason);
  target_leave(t);
  t->lost = true;
  if (reason == PLAIT_ESWITCHED)
    return;
  atomic_store(&links.taken[t->place], false);
  atomic_fetch_sub(&links.count, 1);
  atomic_fetch_sub(&links.live, 1);
  if (!atomic_load(&links.stopping))
    link_new();
}

#define TARGET_OPS(name_)                                                      \
  {                                                                            \
    .name = name_, .size = PLAIT_INSTANCE(struct target, base),                \
    .connection_made = target_made, .data_received = target_data,              \
    .eof_received = target_eof, .resume_writing = target_resume,               \
    .connection_lost = target_lost                                             \
  }

static const plait_protocol_ops target_ops[2] = {TARGET_OPS("target"),
                                                 TARGET_OPS("target again")};
