/* The os and host tables of the backend in memory, and its loop. */
#include "support/memory_driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/memory_streams.h"
#include "support/memory_workers.h"
#include "support/require.h"

enum { MEMORY_STEP_NS = 1000 };

struct plait__loop {
  plait_reactor *reactor;
  uint64_t deadline_ns;
  bool woken, stopped;
};

static uint64_t memory_clock_ns = UINT64_C(1000000000);

uint64_t memory_now_ns(void) {
  return memory_clock_ns;
}

void memory_pass_ms(uint64_t ms) {
  memory_clock_ns += ms * 1000000;
}

static int64_t memory_wall_s(void) {
  return 1000000000 + (int64_t)(memory_clock_ns / 1000000000);
}

/* The same in each run of a program. */
static int memory_entropy(void *buffer, size_t len) {
  static uint64_t state = 1;
  uint8_t *bytes = buffer;
  for (size_t i = 0; i < len; i++) {
    state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
    bytes[i] = (uint8_t)(state >> 56);
  }
  return 0;
}

static void *memory_alloc(void *old, size_t size, const char *site) {
  (void)site;
  if (size == 0) {
    free(old);
    return NULL;
  }
  return realloc(old, size);
}

/* ---- the loop ------------------------------------------------------------*/

static int memory_loop_new(plait_reactor *reactor, plait__loop **ret) {
  plait__loop *loop = calloc(1, sizeof *loop);
  require(loop != NULL, "no memory for a loop");
  loop->reactor = reactor;
  loop->deadline_ns = UINT64_MAX;
  *ret = loop;
  return 0;
}

/* One step; time passes a little in each, and jumps when all else waits. */
static void memory_step(plait__loop *loop) {
  memory_clock_ns += MEMORY_STEP_NS;
  bool some = memory_dispatch(loop->reactor);
  bool works = memory_workers_step(memory_clock_ns);
  if (loop->woken || loop->deadline_ns <= memory_clock_ns)
    some = true;
  if (loop->deadline_ns <= memory_clock_ns)
    loop->deadline_ns = UINT64_MAX;
  loop->woken = false;
  if (some) {
    plait__turn(loop->reactor);
    return;
  }
  if (works)
    return;
  plait__before_wait(loop->reactor);
  if (loop->woken || memory_workers_deadline() <= memory_clock_ns)
    return;
  uint64_t next_ns = memory_arrival_ns();
  if (loop->deadline_ns < next_ns)
    next_ns = loop->deadline_ns;
  require(next_ns != UINT64_MAX,
          "nothing will ever happen any more, and the loop was not stopped");
  if (memory_workers_deadline() < next_ns)
    next_ns = memory_workers_deadline();
  memory_clock_ns = next_ns;
}

static void memory_loop_run(plait__loop *loop) {
  while (!loop->stopped)
    memory_step(loop);
  loop->stopped = false;
}

static void memory_loop_stop(plait__loop *loop) {
  loop->stopped = true;
}

static void memory_loop_free(plait__loop *loop) {
  if (loop == NULL)
    return;
  while (memory_dispatch(loop->reactor))
    continue;
  free(loop);
}

static void memory_wake(plait__loop *loop) {
  loop->woken = true;
}

static void memory_arm(plait__loop *loop, uint64_t deadline_ns) {
  loop->deadline_ns = deadline_ns;
}

/* ---- threads: there are none ---------------------------------------------*/

static int memory_thread_start(void (*fn)(void *arg), void *arg,
                               const char *name, int cpu, plait__thread **ret) {
  (void)fn;
  (void)arg;
  (void)name;
  (void)cpu;
  (void)ret;
  return PLAIT_ENOTSUP;
}

static void memory_thread_join(plait__thread *thread) {
  (void)thread;
}

static int memory_enter(int cpu, void **ret_saved) {
  (void)cpu;
  *ret_saved = NULL;
  return 0;
}

static void memory_leave(void *saved) {
  (void)saved;
}

static void memory_yield(void) {
}

static unsigned memory_cpu_count(void) {
  return 1;
}

static int memory_cpu_number(unsigned i) {
  return (int)i;
}

static void memory_fatal(const char *text) {
  require(false, "%s", text);
}

static const plait__os memory_os = {.now_ns = memory_now_ns,
                                    .wall_s = memory_wall_s,
                                    .entropy = memory_entropy,
                                    .alloc = memory_alloc,
                                    .loop_new = memory_loop_new,
                                    .loop_run = memory_loop_run,
                                    .loop_stop = memory_loop_stop,
                                    .loop_free = memory_loop_free,
                                    .wake = memory_wake,
                                    .arm = memory_arm,
                                    .thread_start = memory_thread_start,
                                    .thread_join = memory_thread_join,
                                    .worker_start = memory_worker_start,
                                    .worker_wake = memory_worker_wake,
                                    .worker_join = memory_worker_join,
                                    .worker_detach = memory_worker_detach,
                                    .enter = memory_enter,
                                    .leave = memory_leave,
                                    .yield = memory_yield,
                                    .cpu_count = memory_cpu_count,
                                    .cpu_number = memory_cpu_number,
                                    .fatal = memory_fatal};

/* ---- the host: it has nothing --------------------------------------------*/

static unsigned memory_descriptor_limit(void) {
  return 1024;
}

static int memory_signals_open(plait__loop *loop, void (*fn)(void *arg),
                               void *arg) {
  (void)loop;
  (void)fn;
  (void)arg;
  return PLAIT_ENOTSUP;
}

static void memory_signals_close(plait__loop *loop) {
  (void)loop;
}

static int memory_stdio_open(const plait__os *os,
                             void (*done)(void *arg, int code), void *arg,
                             int *ret_fd, plait__stdio **ret,
                             const char **ret_step) {
  (void)os;
  (void)done;
  (void)arg;
  (void)ret_fd;
  (void)ret;
  *ret_step = "stdio";
  return PLAIT_ENOTSUP;
}

static void memory_stdio_finish(plait__stdio *stdio, uint32_t wait_ms) {
  (void)stdio;
  (void)wait_ms;
}

static void memory_stdio_close(plait__stdio *stdio) {
  (void)stdio;
}

static const plait__host memory_host = {.descriptor_limit =
                                            memory_descriptor_limit,
                                        .signals_open = memory_signals_open,
                                        .signals_close = memory_signals_close,
                                        .stdio_open = memory_stdio_open,
                                        .stdio_finish = memory_stdio_finish,
                                        .stdio_close = memory_stdio_close};

const plait_backend memory_driver = {
    .name = "memory", .io = &memory_io, .os = &memory_os, .host = &memory_host};

/* ---- worlds --------------------------------------------------------------*/

static void memory_nobody(enum medium medium, const char *folder, char *ret,
                          size_t size, int *ret_fd) {
  *ret_fd = -1;
  if (medium == MEDIUM_UNIX)
    snprintf(ret, size, "unix:%s/nobody", folder);
  else
    snprintf(ret, size, "tcp:127.0.0.1:9");
}

const struct world_backend world_memory = {.name = "memory",
                                           .driver = &memory_driver,
                                           .pair = memory_pair,
                                           .nobody = memory_nobody,
                                           .resets = {true, true, true}};

void memory_check_closed(void) {
  unsigned n = memory_open_count();
  require(n == 0, "%u descriptors are open", n);
}
