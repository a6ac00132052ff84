/* Foreign threads do random things by handle, and targets at random what they
 * are asked to.  A connection that ends is replaced in its lost callback, and
 * its handle stays in the table for a while. */
#include "handles/storm.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/runtime.h"
#include "handles/link.h"
#include "support/leak.h"
#include "support/require.h"

enum { AFTERWARDS = 1000, DEADLINE_S = 300, OPERATIONS_A_SECOND = 5000 };

static struct {
  plait_runtime *runtime;
  atomic_uint finished; /* senders that have done their share */
  atomic_bool freed;
  atomic_uint accepted, run, dropped; /* calls */
  atomic_uint full, closed, sent;     /* answers */
  unsigned share;
} storm;

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
  bool ordered, acts;
  unsigned sender, random;
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
    struct target *t = target_of(p);
    target_enter(t);
    require(!j->ordered || j->number >= t->calls[j->sender],
            "sender %u: call %u after %u", j->sender, j->number,
            t->calls[j->sender]);
    if (j->ordered)
      t->calls[j->sender] = j->number + 1;
    if (j->acts)
      target_act(t, j->random);
    target_leave(t);
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
  union packet out;
  uint32_t len = sender_random(s, 8) == 0 ? sender_random(s, PAYLOAD_MAX)
                                          : sender_random(s, 64);
  size_t size = packet_fill(&out, s->index, s->messages[i], len);
  int code = plait_handle_write(h, out.bytes, size);
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
  j->ordered = j->acts = true;
  j->random = sender_random(s, 1000000);
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
  plait_handle h = {atomic_load(&links.table[i])};
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
  plait_handle h = {atomic_load(&links.table[i])};
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
  while (atomic_load(&links.live) < LINKS / 2)
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
    atomic_store(&links.stopping, true);
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
         "%u calls run, %u dropped, %u tasks, %u of them cancelled, %u timers, "
         "%u switches, %u answers, %u times unread\n",
         atomic_load(&storm.sent), atomic_load(&links.checked),
         atomic_load(&storm.full), atomic_load(&storm.closed),
         atomic_load(&links.made), atomic_load(&storm.run),
         atomic_load(&storm.dropped), atomic_load(&links.deferred),
         atomic_load(&links.cancelled), atomic_load(&links.fired),
         atomic_load(&links.switched), atomic_load(&links.answered),
         atomic_load(&links.unread));
  fflush(stdout);
}

static void storm_check(unsigned operations) {
  require(atomic_load(&storm.accepted) ==
              atomic_load(&storm.run) + atomic_load(&storm.dropped),
          "%u calls accepted", atomic_load(&storm.accepted));
  require(atomic_load(&links.deferred) == atomic_load(&links.done),
          "%u tasks of %u are done", atomic_load(&links.done),
          atomic_load(&links.deferred));
  require(atomic_load(&links.count) == 0, "%u links are left",
          atomic_load(&links.count));
  require(atomic_load(&links.checked) > operations / 20, "hardly any came");
  require(atomic_load(&links.made) > LINKS + operations / 5000,
          "hardly any died");
  require(atomic_load(&storm.full) > 0, "never full");
  require(atomic_load(&links.cancelled) > 0 && atomic_load(&links.fired) > 0 &&
              atomic_load(&links.switched) > 0 &&
              atomic_load(&links.unread) > 0,
          "not everything happened");
}

void storm_play(unsigned operations) {
  static struct sender senders[SENDERS];
  struct leak leak;
  plait_runtime_options options = {.reactors = REACTORS,
                                   .keep_running = true,
                                   .grace_ms = 1000,
                                   .pool.strand_threads_max = WORKERS,
                                   .backend = leak_driver(&plait__uv_backend)};
  alarm(DEADLINE_S + operations / OPERATIONS_A_SECOND);
  storm.share = operations / SENDERS;
  leak_begin(&leak);
  require(plait_runtime_new(&options, &storm.runtime) == 0, "no runtime");
  links_open(storm.runtime);
  storm_start(senders);
  int code = plait_run(storm.runtime);
  require(code == 0, "plait_run: %s", plait_strerror(code));
  require(plait_runtime_free(storm.runtime) == 0, "runtime_free");
  atomic_store(&storm.freed, true);
  for (unsigned i = 0; i < SENDERS; i++)
    pthread_join(senders[i].thread, NULL);
  storm_report();
  storm_check(operations);
  leak_end(&leak);
  alarm(0);
}
