/* Simulated threads: who goes on, and when none can.
 *
 *      runs --park--> parked --unpark, alarm--> runnable --the seed--> runs
 *
 * A thread runs until it parks, or gives way in plait__sim_point() or
 * plait__sim_turn(); then one of those that are runnable goes on.  When none
 * is, the clock jumps to the next event.  When there is none of these either,
 * nothing will ever happen any more, and that is a mistake of somebody's. */
#include <inttypes.h>
#include <plait/error.h>
#include <plait/factory.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/sim.h"

static struct {
  plait_sim_thread program; /* the stack that made the simulation */
  plait_sim_thread *self;
  plait_sim_thread *first; /* of all */
  plait_sim_thread **runnable;
  size_t runnable_count, room;
  unsigned count, made;
  plait_sim_thread *settling; /* wait until all others do */
  plait_sim_thread *gone;     /* have ended and were let go */
  bool happening;             /* an event's function runs */
} threads;

plait_sim_thread *plait__sim_self(void) {
  return threads.self;
}

/* ---- nothing will ever happen -------------------------------------------- */

static void thread_print(const plait_sim_thread *t) {
  fprintf(stderr, "  %u %s: %s", t->number, t->name,
          t->ended           ? "has ended"
          : t->where == NULL ? "could run"
                             : t->where);
  if (t->whom != NULL)
    fprintf(stderr, " of %u %s", t->whom->number, t->whom->name);
  fputc('\n', stderr);
}

static _Noreturn void threads_stuck(void) {
  uint64_t us = plait__sim_now_ns() / 1000;
  fprintf(stderr,
          "plait: nothing will ever happen any more (seed %" PRIu64
          ", at %" PRIu64 ".%06" PRIu64 " s)\n",
          plait__sim_options()->seed, us / 1000000, us % 1000000);
  for (const plait_sim_thread *t = threads.first; t != NULL; t = t->next)
    thread_print(t);
  abort();
}

/* ---- who goes on --------------------------------------------------------- */

static void thread_ready(plait_sim_thread *t) {
  plait__sim_unset(&t->alarm);
  t->parked = t->waking = false;
  threads.runnable[threads.runnable_count++] = t;
}

static void thread_ring(plait__sim_event *event) {
  thread_ready(plait_container_of(event, plait_sim_thread, alarm));
}

static void threads_happen(plait__sim_event *event) {
  threads.happening = true;
  event->fn(event);
  threads.happening = false;
}

static plait_sim_thread *threads_draw(void) {
  size_t i = (size_t)plait__sim_below(threads.runnable_count);
  plait_sim_thread *t = threads.runnable[i];
  threads.runnable[i] = threads.runnable[--threads.runnable_count];
  return t;
}

static plait_sim_thread *threads_settled(void) {
  plait_sim_thread *t = threads.settling;
  threads.settling = t->after;
  return t;
}

static plait_sim_thread *threads_next(void) {
  for (;;) {
    plait__sim_event *event;
    while ((event = plait__sim_due(plait__sim_now_ns())) != NULL)
      threads_happen(event);
    if (threads.runnable_count > 0)
      return threads_draw();
    if (threads.settling != NULL)
      return threads_settled();
    uint64_t next_ns = plait__sim_next_ns();
    if (next_ns == UINT64_MAX)
      threads_stuck();
    plait__sim_jump(next_ns);
  }
}

static void threads_forget(plait_sim_thread *t) {
  *(t->prev != NULL ? &t->prev->next : &threads.first) = t->next;
  if (t->next != NULL)
    t->next->prev = t->prev;
  threads.count--;
  plait__sim_unset(&t->alarm);
  plait__sim_events_release();
  plait__sim_fiber_free(t->fiber);
  t->fiber = NULL;
}

/* Threads that nobody joins, once their stacks are not in use. */
static void threads_reap(void) {
  while (threads.gone != NULL) {
    plait_sim_thread *t = threads.gone;
    threads.gone = t->after;
    threads_forget(t);
    t->free(t);
  }
}

static void threads_switch(plait_sim_thread *to) {
  plait_sim_thread *from = threads.self;
  to->where = NULL;
  to->whom = NULL;
  if (to == from)
    return;
  threads.self = to;
  plait__context_swap(to->context);
  plait__sim_alarm_watch(to->watched ? to : NULL);
  plait__sim_fiber_switch(from->fiber, to->fiber, from->ended);
  threads_reap();
}

void plait__sim_turn(void) {
  thread_ready(threads.self);
  threads_switch(threads_next());
}

void plait__sim_point(void) {
  if (threads.happening || threads.runnable_count == 0 ||
      !plait__sim_luck(plait__sim_options()->switch_ppm))
    return;
  plait__sim_turn();
}

/* ---- waiting ------------------------------------------------------------- */

void plait__sim_park(const char *where, uint64_t until_ns) {
  plait_sim_thread *t = threads.self;
  t->where = where;
  t->parked = true;
  if (until_ns != UINT64_MAX)
    plait__sim_at(&t->alarm, until_ns);
  threads_switch(threads_next());
}

void plait__sim_unpark(plait_sim_thread *t) {
  if (!t->parked || t->waking)
    return;
  uint32_t max_us = plait__sim_options()->wake_max_us;
  if (max_us == 0) {
    thread_ready(t);
    return;
  }
  uint64_t at_ns = plait__sim_now_ns() + 1000 * plait__sim_between(0, max_us);
  t->waking = true;
  if (t->alarm.place == 0 || t->alarm.at_ns > at_ns)
    plait__sim_at(&t->alarm, at_ns);
}

void plait__sim_sleep(const char *where, uint64_t ns) {
  uint64_t until_ns = plait__sim_now_ns() + ns;
  if (ns == 0)
    plait__sim_turn();
  while (plait__sim_now_ns() < until_ns)
    plait__sim_park(where, until_ns);
}

void plait_sim_settle(plait_sim *sim) {
  plait_sim_thread *t = threads.self;
  (void)sim;
  t->where = "waits until all others do";
  t->after = threads.settling;
  threads.settling = t;
  threads_switch(threads_next());
}

/* ---- begin and end ------------------------------------------------------- */

static void thread_main(void *arg) {
  plait_sim_thread *t = arg;
  threads_reap();
  t->fn(t->arg);
  t->ended = true;
  if (t->joiner != NULL)
    plait__sim_unpark(t->joiner);
  if (t->free != NULL) {
    t->after = threads.gone;
    threads.gone = t;
  }
  threads_switch(threads_next());
}

/* Room for all threads to be runnable. */
static int threads_grow(void) {
  if (threads.count < threads.room)
    return plait__sim_events_reserve();
  size_t room = threads.room == 0 ? 64 : 2 * threads.room;
  plait_sim_thread **runnable =
      realloc(threads.runnable, room * sizeof(plait_sim_thread *));
  if (runnable == NULL)
    return PLAIT_ENOMEM;
  threads.runnable = runnable;
  threads.room = room;
  return plait__sim_events_reserve();
}

static int thread_add(plait_sim_thread *t, const char *name) {
  int code = threads_grow();
  if (code != 0)
    return code;
  t->name = name;
  t->number = threads.made++;
  t->alarm.fn = thread_ring;
  t->prev = NULL;
  t->next = threads.first;
  if (t->next != NULL)
    t->next->prev = t;
  threads.first = t;
  threads.count++;
  return 0;
}

int plait__sim_thread_init(plait_sim_thread *t, void (*fn)(void *arg),
                           void *arg, const char *name) {
  t->fiber = plait__sim_fiber_new(thread_main, t);
  if (t->fiber == NULL)
    return PLAIT_ENOMEM;
  int code = thread_add(t, name);
  if (code != 0) {
    plait__sim_fiber_free(t->fiber);
    return code;
  }
  t->fn = fn;
  t->arg = arg;
  t->watched = true;
  t->own.os = &plait__sim_os;
  t->context = &t->own;
  t->parked = true;
  plait__sim_unpark(t);
  return 0;
}

void plait__sim_thread_await(plait_sim_thread *t) {
  t->joiner = threads.self;
  while (!t->ended) {
    threads.self->whom = t;
    plait__sim_park("waits for the end", UINT64_MAX);
  }
  threads_forget(t);
}

void plait__sim_thread_detach(plait_sim_thread *t,
                              void (*fn)(plait_sim_thread *t)) {
  t->free = fn;
  if (!t->ended)
    return;
  threads_forget(t);
  fn(t);
}

unsigned plait__sim_thread_count(const char **ret_name) {
  const plait_sim_thread *t = threads.first;
  if (t == &threads.program)
    t = t->next;
  *ret_name = t == NULL ? NULL : t->name;
  return threads.count - 1;
}

int plait__sim_threads_open(void) {
  plait_sim_thread *t = &threads.program;
  *t = (plait_sim_thread){0};
  threads.made = 0;
  t->fiber = plait__sim_fiber_here();
  if (t->fiber == NULL || thread_add(t, "program") != 0) {
    plait__sim_fiber_free(t->fiber);
    return PLAIT_ENOMEM;
  }
  t->context = plait__context_swap(NULL);
  plait__context_swap(t->context);
  t->context->os = &plait__sim_os;
  threads.self = t;
  return 0;
}

void plait__sim_threads_close(void) {
  threads.program.context->os = NULL;
  plait__context_swap(NULL);
  while (threads.first != NULL)
    threads_forget(threads.first);
  free(threads.runnable);
  threads.runnable = NULL;
  threads.runnable_count = threads.room = 0;
  threads.self = NULL;
}
