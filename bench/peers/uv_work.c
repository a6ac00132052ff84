/* Empty tasks on libuv's pool: uv_work IN_FLIGHT COUNT */
#define _GNU_SOURCE

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <uv.h>

static unsigned long left, in_flight = 1, count = 1000000;

static double seconds(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void work(uv_work_t *req) {
  (void)req;
}

static void done(uv_work_t *req, int status) {
  if (status == 0 && left > 0) {
    left--;
    uv_queue_work(req->loop, req, work, done);
  }
}

int main(int argc, char **argv) {
  if (argc > 1)
    in_flight = strtoul(argv[1], NULL, 10);
  if (argc > 2)
    count = strtoul(argv[2], NULL, 10);
  uv_loop_t *loop = uv_default_loop();
  uv_work_t *jobs = calloc(in_flight, sizeof *jobs);
  if (!jobs)
    return 1;
  double wall = seconds(CLOCK_MONOTONIC);
  double cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
  left = count;
  for (unsigned long i = 0; i < in_flight; i++) {
    left--;
    uv_queue_work(loop, &jobs[i], work, done);
  }
  uv_run(loop, UV_RUN_DEFAULT);
  printf("seconds=%.4f cpu_s=%.4f\n", seconds(CLOCK_MONOTONIC) - wall,
         seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
  free(jobs);
  return 0;
}
