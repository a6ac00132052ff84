/* Starts /bin/true and waits for it: plait_spawn MIB IN_FLIGHT COUNT
 *
 * With MIB of memory resident.  Prints seconds, and the longest time for which
 * its reactor did not come round: a timer rings every millisecond.
 * bench/peers/posix_spawn.c is the other. */
#define _GNU_SOURCE /* clocks */

#include <plait.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "resident.h"

static unsigned long left, in_flight = 1, running;
static double last, stall;
static plait_timer timer;

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void rings(plait_timer *t) {
  double now = seconds();
  (void)t;
  if (now - last > stall)
    stall = now - last;
  last = now;
}

static void spawn(plait_reactor *r);

static void ended(plait_process *p, const plait_process_end *end) {
  if (end->how != PLAIT_PROCESS_EXITED || end->status != 0)
    abort();
  running--;
  spawn(p->reactor);
  if (running == 0)
    plait_timer_stop(&timer);
}

static void spawn(plait_reactor *r) {
  static const plait_process_fd fds[] = {{0, PLAIT_CHILD_INHERITS, 0},
                                         {1, PLAIT_CHILD_INHERITS, 1},
                                         {2, PLAIT_CHILD_INHERITS, 2}};
  static const plait_process_options options = {
      .program = "/bin/true", .fds = fds, .fd_count = 3};
  static const plait_process_ops ops = {
      .name = "true", .size = sizeof(plait_process), .ended = ended};
  while (running < in_flight && left > 0) {
    if (plait_spawn(r, &options, &ops, NULL) != 0)
      abort();
    running++;
    left--;
  }
}

static void start(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  last = seconds();
  plait_timer_init(&timer, NULL, rings);
  plait_timer_start(&timer, 1, 1);
  spawn(plait_reactor_current());
}

int main(int argc, char **argv) {
  plait_call call = {.run = start};
  plait_runtime *runtime;
  /* The children of the other one do not look for libraries there: libtool's
   * wrapper of a program that is not installed has set it. */
  unsetenv("LD_LIBRARY_PATH");
  if (argc != 4 || plait_runtime_new(NULL, &runtime) != 0)
    return 2;
  resident(strtoul(argv[1], NULL, 10));
  in_flight = strtoul(argv[2], NULL, 10);
  left = strtoul(argv[3], NULL, 10);
  plait_reactor_post(plait_runtime_reactor(runtime, 0), &call);
  double began = seconds();
  plait_run(runtime);
  printf("seconds=%.4f stall_ms=%.3f\n", seconds() - began, stall * 1000);
  return plait_runtime_free(runtime) != 0;
}
