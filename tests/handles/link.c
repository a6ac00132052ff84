#include "handles/link.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/require.h"

enum { DEAF = 8 };

struct links links;

size_t packet_fill(union packet *packet, unsigned sender, uint32_t number,
                   uint32_t len) {
  packet->message = (struct message){MAGIC, sender, number, len};
  size_t size = sizeof packet->message + len;
  for (size_t k = sizeof packet->message; k < size; k++)
    packet->bytes[k] = (uint8_t)(number + k);
  return size;
}

/* ---- targets -------------------------------------------------------------*/

static const plait_protocol_ops target_ops[2];

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

static void target_fires(plait_timer *timer) {
  struct target *t = plait_container_of(timer, struct target, timer);
  target_enter(t);
  atomic_fetch_add(&links.fired, 1);
  target_leave(t);
}

static void target_made(plait_protocol *p) {
  struct target *t = (struct target *)p;
  target_enter(t);
  plait_timer_init(&t->timer, p->transport, target_fires);
  if (!t->again) {
    unsigned i = atomic_fetch_add(&links.made, 1) % TABLE;
    atomic_store(&links.table[i], plait_transport_handle(p->transport).id);
    atomic_fetch_add(&links.live, 1);
  }
  target_leave(t);
}

static void target_lost(plait_protocol *p, int reason) {
  struct target *t = (struct target *)p;
  target_enter(t);
  require(t->done == t->deferred, "%u tasks of %u are done", t->done,
          t->deferred);
  require(!plait_timer_active(&t->timer), "a timer runs in lost");
  target_leave(t);
  t->lost = true;
  if (reason == PLAIT_ESWITCHED)
    return;
  atomic_fetch_sub(&links.count, 1);
  atomic_fetch_sub(&links.live, 1);
  if (!atomic_load(&links.stopping))
    link_new();
}

static void target_resume(plait_protocol *p) {
  struct target *t = (struct target *)p;
  target_enter(t);
  target_leave(t);
}

#define TARGET_OPS(name_)                                                      \
  {                                                                            \
    .name = name_, .size = PLAIT_INSTANCE(struct target, base),                \
    .connection_made = target_made, .resume_writing = target_resume,           \
    .connection_lost = target_lost                                             \
  }

static const plait_protocol_ops target_ops[2] = {TARGET_OPS("target"),
                                                 TARGET_OPS("target again")};

/* ---- what a target does -------------------------------------------------- */

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
  unsigned naps;
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
  int code = plait_defer(t->base.transport, &e->task,
                         random % 2 ? PLAIT_HOLD_READING : 0);
  require(code == 0 || code == PLAIT_ECLOSED || code == PLAIT_ECANCELED,
          "defer: %s", plait_strerror(code));
  if (code != 0) {
    free(e);
    return;
  }
  t->deferred++;
  atomic_fetch_add(&links.deferred, 1);
}

static void act_switch(struct target *t) {
  const plait_protocol_ops *ops = &target_ops[t->base.ops == &target_ops[0]];
  plait_protocol *p = plait_switch_protocol(t->base.transport, ops, NULL, 0);
  if (p == NULL)
    return;
  struct target *next = (struct target *)p;
  memcpy(next->calls, t->calls, sizeof next->calls);
  next->messages = t->messages;
  next->again = true;
  atomic_fetch_add(&links.switched, 1);
}

void target_act(struct target *t, unsigned random) {
  plait_transport *transport = t->base.transport;
  unsigned what = random % 100, rest = random / 100;
  /* Who was switched away from writes no more. */
  if (plait_transport_protocol(transport) != &t->base)
    return;
  if (what < 40)
    act_write(t, rest);
  else if (what < 55)
    act_defer(t, rest);
  else if (what < 70)
    plait_timer_start(&t->timer, rest % 3, rest % 2);
  else if (what < 80)
    plait_timer_stop(&t->timer);
  else if (what < 84)
    plait_pause_reading(transport);
  else if (what < 90)
    plait_resume_reading(transport);
  else if (what < 95)
    act_switch(t);
  else if (what < 97)
    plait_transport_set_watermarks(transport, 4000 + rest % 4000, 1000);
  else if (what < 98)
    plait_write_eof(transport);
  else if (what < 99)
    plait_close(transport);
  else {
    act_defer(t, rest);
    act_defer(t, rest); /* it waits for the first one, and is cancelled */
    plait_abort(transport);
  }
}

/* ---- checkers ------------------------------------------------------------*/

/* The end that looks at what comes. */
struct checker {
  plait_protocol base;
  plait_timer timer;
  uint32_t next[SENDERS + 1];
  size_t have;
  union packet in;
  unsigned rests;
};

static void checker_message(struct checker *c) {
  const struct message *m = &c->in.message;
  require(m->magic == MAGIC && m->sender <= SENDERS && m->len <= PAYLOAD_MAX,
          "not a message");
  require(m->number == c->next[m->sender], "sender %u: %u came, not %u",
          m->sender, m->number, c->next[m->sender]);
  c->next[m->sender]++;
  for (size_t i = sizeof *m; i < c->have; i++)
    require(c->in.bytes[i] == (uint8_t)(m->number + i), "a torn message");
  c->have = 0;
  atomic_fetch_add(&links.checked, 1);
}

static size_t checker_wants(const struct checker *c) {
  if (c->have < sizeof c->in.message)
    return sizeof c->in.message - c->have;
  return sizeof c->in.message + c->in.message.len - c->have;
}

static void checker_wake(plait_timer *timer) {
  struct checker *c = plait_container_of(timer, struct checker, timer);
  plait_resume_reading(c->base.transport);
}

static void checker_data(plait_protocol *p, const uint8_t *data, size_t len) {
  struct checker *c = (struct checker *)p;
  while (len > 0) {
    size_t n = checker_wants(c);
    n = n < len ? n : len;
    memcpy(c->in.bytes + c->have, data, n);
    c->have += n;
    data += n;
    len -= n;
    require(c->have < sizeof c->in.message || c->in.message.len <= PAYLOAD_MAX,
            "not a message");
    if (c->have >= sizeof c->in.message && checker_wants(c) == 0)
      checker_message(c);
  }
  /* A slow reader now and then. */
  if (++c->rests % 50 != 0)
    return;
  plait_pause_reading(p->transport);
  plait_timer_start(&c->timer, 10, 0);
}

/* Some never read, so that queues fill for certain. */
static void checker_made(plait_protocol *p) {
  struct checker *c = (struct checker *)p;
  static atomic_uint turn;
  if (atomic_fetch_add(&turn, 1) % DEAF == 0)
    plait_pause_reading(p->transport);
  plait_timer_init(&c->timer, p->transport, checker_wake);
}

static const plait_protocol_ops checker_ops = {
    .name = "checker",
    .size = PLAIT_INSTANCE(struct checker, base),
    .connection_made = checker_made,
    .data_received = checker_data};

/* ---- links ---------------------------------------------------------------*/

void links_open(plait_runtime *runtime) {
  links.runtime = runtime;
  for (int i = 0; i < 2; i++) {
    plait_factory *t = &links.targets[i], *c = &links.checkers[i];
    t->protocol = &target_ops[0];
    t->limits.high_bytes = 8000;
    t->limits.low_bytes = 2000;
    t->limits.flush_ms = 20;
    t->limits.linger_ms = 20;
    c->protocol = &checker_ops;
    t->dispatch = c->dispatch = (plait_dispatch)i;
  }
  for (unsigned i = 0; i < LINKS; i++)
    link_new();
}

static int link_end(unsigned reactor, int fd, plait_factory *factory) {
  plait_reactor *r = plait_runtime_reactor(links.runtime, reactor % REACTORS);
  int code = plait_adopt(r, fd, factory);
  require(code == 0 || code == PLAIT_ECLOSED, "adopt: %s",
          plait_strerror(code));
  if (code != 0)
    close(fd);
  return code;
}

void link_new(void) {
  static atomic_uint turn;
  int fds[2];
  require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0,
          "no socket pair");
  int small = 4096;
  setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  unsigned i = atomic_fetch_add(&turn, 1);
  if (link_end(i, fds[0], &links.targets[i % 2]) == 0)
    atomic_fetch_add(&links.count, 1);
  link_end(i / 2, fds[1], &links.checkers[i / 4 % 2]);
}
