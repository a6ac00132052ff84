/* Empty tasks on plait's pool: plait_work IN_FLIGHT COUNT
 *
 * Prints seconds and CPU seconds; bench/peers/uv_work.c is the other. */
#define _GNU_SOURCE /* clocks */

#include <plait.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct job {
  plait_task task;
  plait_pool *pool;
};

static unsigned long left, in_flight = 1, count = 1000000;

static double seconds(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void work(plait_task *task) {
  (void)task;
}

static void done(plait_task *task, int status) {
  struct job *job = plait_container_of(task, struct job, task);
  if (status == 0 && left > 0) {
    left--;
    plait_pool_submit(job->pool, task);
  }
}

static void start(plait_call *call, plait_protocol *p) {
  plait_runtime *runtime = plait_reactor_runtime(plait_reactor_current());
  struct job *jobs = calloc(in_flight, sizeof *jobs);
  (void)call, (void)p;
  if (jobs == NULL)
    abort();
  left = count;
  for (unsigned long i = 0; i < in_flight; i++) {
    jobs[i] = (struct job){.task = {.work = work, .done = done},
                           .pool = plait_runtime_pool(runtime)};
    left--;
    plait_pool_submit(jobs[i].pool, &jobs[i].task);
  }
}

int main(int argc, char **argv) {
  plait_runtime_options options = {.pool.threads_max = 4}; /* libuv's number */
  plait_call call = {.run = start};
  plait_runtime *runtime;
  if (argc > 1)
    in_flight = strtoul(argv[1], NULL, 10);
  if (argc > 2)
    count = strtoul(argv[2], NULL, 10);
  if (plait_runtime_new(&options, &runtime) < 0)
    return 1;
  plait_reactor_post(plait_runtime_reactor(runtime, 0), &call);
  double wall = seconds(CLOCK_MONOTONIC);
  double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
  plait_run(runtime);
  printf("seconds=%.4f cpu_s=%.4f\n", seconds(CLOCK_MONOTONIC) - wall,
         seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
  plait_runtime_free(runtime);
  return 0;
}
