/* Four foreign threads, three reactors, sixty connections.
 *
 * Each connection is a socket pair, both ends of which are plait's.  Threads
 * send numbered messages by handle to one end; the other end checks that what
 * it gets from each thread has no gap and no swap.  A connection that ends is
 * replaced in its lost callback, and its handle stays in the table for a
 * while. */
#include "handles/storm.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <plait.h>

#include "core/runtime.h"
#include "support/leak.h"
#include "support/require.h"

enum {
  SENDERS = 4,
  REACTORS = 3,
  LINKS = 60,
  DEAF = 8,
  TABLE = 64,
  PAYLOAD_MAX = 3000,
  AFTERWARDS = 1000,
  DEADLINE_S = 300
};

struct message {
  uint32_t magic, sender, number, len;
};

enum { MAGIC = 0x504c4149 };

static struct {
  plait_runtime *runtime;
  plait_factory target, checker;
  _Atomic uint64_t table[TABLE]; /* handles of targets, some long gone */
  atomic_uint links, targets, checked;
  atomic_uint live;     /* targets that were made and not lost */
  atomic_uint finished; /* senders that have done their share */
  atomic_bool stopping, freed;
  atomic_uint accepted, run, dropped; /* calls */
  atomic_uint full, closed, sent;     /* answers */
  unsigned share;
} storm;

/* ---- the ends of a link --------------------------------------------------*/

static void link_new(void);

/* The end that senders have handles of. */
struct target {
  plait_protocol base;
  uint32_t calls[SENDERS]; /* the number that may come next, at least */
};

static void target_made(plait_protocol *p) {
  unsigned i = atomic_fetch_add(&storm.targets, 1) % TABLE;
  atomic_store(&storm.table[i], plait_transport_handle(p->transport).id);
  atomic_fetch_add(&storm.live, 1);
}

static void target_lost(plait_protocol *p, int reason) {
  (void)p;
  (void)reason;
  atomic_fetch_sub(&storm.links, 1);
  atomic_fetch_sub(&storm.live, 1);
  if (!atomic_load(&storm.stopping))
    link_new();
}

static const plait_protocol_ops target_ops = {
    .name = "target",
    .size = PLAIT_INSTANCE(struct target, base),
    .connection_made = target_made,
    .connection_lost = target_lost};

/* The end that looks at what comes. */
struct checker {
  plait_protocol base;
  plait_timer timer;
  uint32_t next[SENDERS];
  size_t have;
  union {
    struct message message;
    uint8_t bytes[sizeof(struct message) + PAYLOAD_MAX];
  } in;
  unsigned rests;
};

static void checker_message(struct checker *c) {
  const struct message *m = &c->in.message;
  require(m->magic == MAGIC && m->sender < SENDERS && m->len <= PAYLOAD_MAX,
          "not a message");
  require(m->number == c->next[m->sender], "sender %u: %u came, not %u",
          m->sender, m->number, c->next[m->sender]);
  c->next[m->sender]++;
  for (size_t i = sizeof *m; i < c->have; i++)
    require(c->in.bytes[i] == (uint8_t)(m->number + i), "a torn message");
  c->have = 0;
  atomic_fetch_add(&storm.checked, 1);
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

static void link_new(void) {
  static atomic_uint turn;
  int fds[2];
  require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0,
          "no socket pair");
  int small = 4096;
  setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  unsigned i = atomic_fetch_add(&turn, 1);
  plait_reactor *a = plait_runtime_reactor(storm.runtime, i % REACTORS);
  plait_reactor *b = plait_runtime_reactor(storm.runtime, i / 2 % REACTORS);
  int code = plait_adopt(a, fds[0], &storm.target);
  if (code == 0)
    atomic_fetch_add(&storm.links, 1);
  else
    close(fds[0]);
  require(code == 0 || code == PLAIT_ECLOSED, "adopt: %s",
          plait_strerror(code));
  code = plait_adopt(b, fds[1], &storm.checker);
  require(code == 0 || code == PLAIT_ECLOSED, "adopt: %s",
          plait_strerror(code));
  if (code != 0)
    close(fds[1]);
}

/* ---- senders -------------------------------------------------------------*/

struct sender {
  pthread_t thread;
  unsigned index;
  uint64_t random;
  uint64_t seen[TABLE]; /* the handle that the numbers are of */
  uint32_t messages[TABLE], calls[TABLE];
  uint32_t posts[REACTORS];
};

struct job {
  plait_call call;
  atomic_bool ended;
  bool ordered;
  unsigned sender;
  uint32_t number;
  uint32_t *next; /* posts: the reactor's counter of this sender */
};

static uint32_t post_next[REACTORS][SENDERS];

static void job_end(struct job *j) {
  require(!atomic_exchange(&j->ended, true), "a call ended twice");
  free(j);
}

static void job_run(plait_call *call, plait_protocol *p) {
  struct job *j = plait_container_of(call, struct job, call);
  require(plait_reactor_current() != NULL, "run outside a reactor");
  if (p != NULL) {
    struct target *t = PLAIT_CAST(p, &target_ops, struct target);
    require(t != NULL, "a call on another's connection");
    require(plait_transport_reactor(p->transport) == plait_reactor_current(),
            "a call on another's thread");
    require(!j->ordered || j->number >= t->calls[j->sender],
            "sender %u: call %u after %u", j->sender, j->number,
            t->calls[j->sender]);
    if (j->ordered)
      t->calls[j->sender] = j->number + 1;
  }
  if (j->next != NULL) {
    require(p == NULL, "a post with a protocol");
    require(j->number >= *j->next, "sender %u: post %u after %u", j->sender,
            j->number, *j->next);
    *j->next = j->number + 1;
  }
  atomic_fetch_add(&storm.run, 1);
  job_end(j);
}

static void job_drop(plait_call *call) {
  atomic_fetch_add(&storm.dropped, 1);
  job_end(plait_container_of(call, struct job, call));
}

static struct job *job_new(const struct sender *s) {
  struct job *j = calloc(1, sizeof *j);
  require(j != NULL, "no memory");
  j->call.run = job_run;
  j->call.drop = job_drop;
  j->sender = s->index;
  return j;
}

static void job_taken(struct job *j, int code) {
  if (code == 0) {
    atomic_fetch_add(&storm.accepted, 1);
    return;
  }
  require(code == PLAIT_ECLOSED, "a call: %s", plait_strerror(code));
  free(j);
}

static unsigned sender_random(struct sender *s, unsigned below) {
  s->random = s->random * UINT64_C(6364136223846793005) + 1442695040888963407;
  return (unsigned)(s->random >> 33) % below;
}

static void sender_write(struct sender *s, unsigned i, plait_handle h) {
  union {
    struct message message;
    uint8_t bytes[sizeof(struct message) + PAYLOAD_MAX];
  } out;
  uint32_t len = sender_random(s, 8) == 0 ? sender_random(s, PAYLOAD_MAX)
                                          : sender_random(s, 64);
  out.message = (struct message){MAGIC, s->index, s->messages[i], len};
  for (size_t k = sizeof out.message; k < sizeof out.message + len; k++)
    out.bytes[k] = (uint8_t)(s->messages[i] + k);
  int code = plait_handle_write(h, out.bytes, sizeof out.message + len);
  if (code == 0) {
    s->messages[i]++;
    atomic_fetch_add(&storm.sent, 1);
    return;
  }
  require(code == PLAIT_EFULL || code == PLAIT_ECLOSED, "a write: %s",
          plait_strerror(code));
  sched_yield();
  atomic_fetch_add(code == PLAIT_EFULL ? &storm.full : &storm.closed, 1);
}

static void sender_call(struct sender *s, unsigned i, plait_handle h) {
  struct job *j = job_new(s);
  j->ordered = true;
  j->number = s->calls[i]++;
  job_taken(j, plait_handle_call(h, &j->call));
}

static void sender_when_writable(struct sender *s, plait_handle h) {
  struct job *j = job_new(s);
  job_taken(j, plait_handle_when_writable(h, &j->call));
}

static void sender_post(struct sender *s) {
  struct job *j = job_new(s);
  unsigned i = sender_random(s, REACTORS);
  j->number = s->posts[i]++;
  j->next = &post_next[i][s->index];
  job_taken(
      j, plait_reactor_post(plait_runtime_reactor(storm.runtime, i), &j->call));
}

static void sender_end(int code) {
  require(code == 0 || code == PLAIT_ECLOSED, "close or abort: %s",
          plait_strerror(code));
}

static void sender_act(struct sender *s, bool posts) {
  unsigned i = sender_random(s, TABLE);
  plait_handle h = {atomic_load(&storm.table[i])};
  if (h.id != s->seen[i]) {
    s->seen[i] = h.id;
    s->messages[i] = s->calls[i] = 0;
  }
  unsigned what = sender_random(s, 1000);
  if (what < 650)
    sender_write(s, i, h);
  else if (what < 800)
    sender_call(s, i, h);
  else if (what < 900)
    sender_when_writable(s, h);
  else if (what < 998 && posts)
    sender_post(s);
  else if (what == 998)
    sender_end(plait_handle_close(h));
  else if (what == 999)
    sender_end(plait_handle_abort(h));
}

static void sender_try_dead(struct sender *s) {
  unsigned i = sender_random(s, TABLE);
  plait_handle h = {atomic_load(&storm.table[i])};
  plait_call call = {.run = job_run, .drop = job_drop};
  int code = 0;
  switch (sender_random(s, 5)) {
  case 0:
    code = plait_handle_write(h, "x", 1);
    break;
  case 1:
    code = plait_handle_call(h, &call);
    break;
  case 2:
    code = plait_handle_when_writable(h, &call);
    break;
  case 3:
    code = plait_handle_close(h);
    break;
  default:
    code = plait_handle_abort(h);
    break;
  }
  require(code == PLAIT_ECLOSED, "a handle of a freed runtime: %s",
          plait_strerror(code));
}

/* Killing is quicker than making: waits until enough are alive. */
static void sender_pace(void) {
  while (atomic_load(&storm.live) < LINKS / 2)
    sched_yield();
}

/* A share of the operations, then more while the runtime stops and is freed,
 * then some on what is gone. */
static void *sender_main(void *arg) {
  struct sender *s = arg;
  for (unsigned i = 0; i < storm.share; i++) {
    sender_pace();
    sender_act(s, true);
  }
  if (atomic_fetch_add(&storm.finished, 1) + 1 == SENDERS) {
    atomic_store(&storm.stopping, true);
    plait_runtime_stop(storm.runtime);
  }
  while (!atomic_load(&storm.freed))
    sender_act(s, false);
  for (unsigned i = 0; i < AFTERWARDS; i++)
    sender_try_dead(s);
  return NULL;
}

/* ---- the storm -----------------------------------------------------------*/

static void storm_start(struct sender *senders) {
  for (unsigned i = 0; i < SENDERS; i++) {
    senders[i].index = i;
    senders[i].random = 88172645463325252u + i;
    require(
        pthread_create(&senders[i].thread, NULL, sender_main, &senders[i]) == 0,
        "no thread");
  }
}

static void storm_report(void) {
  printf("%u messages sent, %u checked, %u times full, %u closed, %u targets, "
         "%u calls run, %u dropped\n",
         atomic_load(&storm.sent), atomic_load(&storm.checked),
         atomic_load(&storm.full), atomic_load(&storm.closed),
         atomic_load(&storm.targets), atomic_load(&storm.run),
         atomic_load(&storm.dropped));
  fflush(stdout);
}

void storm_play(unsigned operations) {
  static struct sender senders[SENDERS];
  struct leak leak;
  plait_runtime_options options = {
      .reactors = REACTORS, .keep_running = true, .grace_ms = 1000};
  alarm(DEADLINE_S);
  storm.share = operations / SENDERS;
  storm.target.protocol = &target_ops;
  storm.target.limits.high_bytes = 8000;
  storm.target.limits.low_bytes = 2000;
  storm.target.limits.flush_ms = 20;
  storm.target.limits.linger_ms = 20;
  storm.checker.protocol = &checker_ops;
  leak_begin(&leak);
  require(plait__runtime_new(leak_driver(&plait__uv_driver), &options,
                             &storm.runtime) == 0,
          "no runtime");
  for (unsigned i = 0; i < LINKS; i++)
    link_new();
  storm_start(senders);
  int code = plait_run(storm.runtime);
  require(code == 0, "plait_run: %s", plait_strerror(code));
  require(plait_runtime_free(storm.runtime) == 0, "runtime_free");
  atomic_store(&storm.freed, true);
  for (unsigned i = 0; i < SENDERS; i++)
    pthread_join(senders[i].thread, NULL);
  storm_report();
  require(atomic_load(&storm.accepted) ==
              atomic_load(&storm.run) + atomic_load(&storm.dropped),
          "%u calls accepted", atomic_load(&storm.accepted));
  require(atomic_load(&storm.links) == 0, "%u links are left",
          atomic_load(&storm.links));
  require(atomic_load(&storm.checked) > operations / 10, "hardly any came");
  require(atomic_load(&storm.targets) > LINKS + operations / 5000,
          "hardly any died");
  require(atomic_load(&storm.full) > 0, "never full");
  leak_end(&leak);
  alarm(0);
}
