/* The table of the clock, random bytes and threads; and the threads of the
 * program. */
#include <inttypes.h>
#include <plait/error.h>
#include <plait/factory.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/sim.h"

enum { OS_CPUS = 4, OS_YIELD_NS = 1000 };

static const int64_t OS_FIRST_WALL_S = 1000000000;

struct plait__thread {
  plait_sim_thread base;
};

/* ---- the clock and random bytes ------------------------------------------ */

static uint64_t os_now_ns(void) {
  plait__sim_point();
  plait__sim_worker_clock();
  return plait__sim_now_ns();
}

static int64_t os_wall_s(void) {
  plait__sim_point();
  return OS_FIRST_WALL_S + (int64_t)(plait__sim_now_ns() / 1000000000);
}

static int os_entropy(void *buffer, size_t len) {
  uint8_t *bytes = buffer;
  plait__sim_point();
  bool fails = plait__sim_fails("os.entropy", 0);
  plait__sim_trace("os.entropy", len, fails);
  if (fails)
    return PLAIT_EIO;
  for (size_t i = 0; i < len; i++)
    bytes[i] = (uint8_t)plait__sim_below(256);
  return 0;
}

/* ---- threads ------------------------------------------------------------- */

static plait_sim_thread *os_start(const char *site, size_t size,
                                  void (*fn)(void *arg), void *arg,
                                  const char *name) {
  plait__sim_point();
  plait_sim_thread *t = NULL;
  if (!plait__sim_fails(site, 0))
    t = calloc(1, size);
  if (t != NULL && plait__sim_thread_init(t, fn, arg, name) != 0) {
    free(t);
    t = NULL;
  }
  plait__sim_trace(site, 0, t != NULL);
  return t;
}

static int os_thread_start(void (*fn)(void *arg), void *arg, const char *name,
                           int cpu, plait__thread **ret) {
  plait_sim_thread *t =
      os_start("os.thread_start", sizeof **ret, fn, arg, name);
  (void)cpu;
  if (t == NULL)
    return PLAIT_EAGAIN;
  *ret = plait_container_of(t, plait__thread, base);
  return 0;
}

static void os_thread_join(plait__thread *thread) {
  plait__sim_point();
  plait__sim_thread_await(&thread->base);
  free(thread);
}

int plait_sim_thread_start(plait_sim *sim, void (*fn)(void *arg), void *arg,
                           const char *name, plait_sim_thread **ret) {
  plait_sim_thread *t = os_start("thread_start", sizeof *t, fn, arg, name);
  (void)sim;
  if (t == NULL)
    return plait__fail(PLAIT_ENOMEM, "sim: no thread");
  *ret = t;
  return 0;
}

void plait_sim_thread_join(plait_sim_thread *thread) {
  plait__sim_point();
  plait__sim_thread_await(thread);
  free(thread);
}

static int os_enter(int cpu, void **ret_saved) {
  (void)cpu;
  plait__sim_point();
  bool fails = plait__sim_fails("os.enter", 0);
  plait__sim_trace("os.enter", 0, fails);
  *ret_saved = NULL;
  return fails ? PLAIT_ENOMEM : 0;
}

static void os_leave(void *saved) {
  (void)saved;
  plait__sim_point();
}

/* Whoever waits for another one by this lets time pass, or what that one waits
 * for might never come. */
static void os_yield(void) {
  plait__sim_trace("os.yield", 0, 0);
  plait__sim_sleep("yields", OS_YIELD_NS);
}

static void os_sleep_ns(uint64_t ns) {
  plait__sim_trace("os.sleep_ns", ns, 0);
  plait__sim_sleep("sleeps", ns);
}

static unsigned os_cpu_count(void) {
  return OS_CPUS;
}

static int os_cpu_number(unsigned i) {
  return (int)i;
}

static _Noreturn void os_fatal(const char *text) {
  const plait_sim_thread *self = plait__sim_self();
  fprintf(stderr, "plait: %s (seed %" PRIu64 ", thread %u %s)\n", text,
          plait__sim_options()->seed, self->number, self->name);
  abort();
}

const plait__os plait__sim_os = {
    .now_ns = os_now_ns,
    .wall_s = os_wall_s,
    .entropy = os_entropy,
    .alloc = plait__sim_alloc,
    .loop_new = plait__sim_loop_new,
    .loop_run = plait__sim_loop_run,
    .loop_stop = plait__sim_loop_stop,
    .loop_free = plait__sim_loop_free,
    .wake = plait__sim_wake,
    .arm = plait__sim_arm,
    .thread_start = os_thread_start,
    .thread_join = os_thread_join,
    .worker_start = plait__sim_worker_start,
    .worker_wake = plait__sim_worker_wake,
    .worker_join = plait__sim_worker_join,
    .worker_detach = plait__sim_worker_detach,
    .enter = os_enter,
    .leave = os_leave,
    .yield = os_yield,
    .sleep_ns = os_sleep_ns,
    .cpu_count = os_cpu_count,
    .cpu_number = os_cpu_number,
    .fatal = os_fatal,
};

const plait_backend plait__sim_backend = {
    .name = "simulator",
    .io = &plait__sim_io,
    .os = &plait__sim_os,
    .host = &plait__sim_host,
};
