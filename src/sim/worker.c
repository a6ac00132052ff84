/* Workers: simulated threads that run steps and park in between.
 *
 * A job takes time, and others go on meanwhile.  A step does not say where its
 * jobs are; but the first time that it looks at the clock is when it takes one,
 * and each later one is behind a job, or within. */
#include <plait/error.h>
#include <plait/factory.h>
#include <stdlib.h>

#include "sim/sim.h"

struct plait__worker {
  plait_sim_thread thread;
  uint64_t (*step)(void *arg);
  void *arg;
  unsigned looks; /* at the clock, in this step */
  bool woken;
};

static void worker_park(plait__worker *w, uint64_t until_ns) {
  while (!w->woken && plait__sim_now_ns() < until_ns)
    plait__sim_park("a worker with nothing to do", until_ns);
  w->woken = false;
}

static void worker_main(void *arg) {
  plait__worker *w = arg;
  for (;;) {
    w->looks = 0;
    uint64_t answer = w->step(w->arg);
    plait__sim_trace("step", 0, (int64_t)answer);
    if (answer == PLAIT__STEP_END)
      return;
    if (answer == PLAIT__STEP_AGAIN)
      plait__sim_turn();
    else
      worker_park(w, answer);
  }
}

void plait__sim_worker_clock(void) {
  plait_sim_thread *self = plait__sim_self();
  if (self->fn != worker_main)
    return;
  plait__worker *w = plait_container_of(self, plait__worker, thread);
  const plait_sim_options *o = plait__sim_options();
  if (++w->looks < 2)
    return;
  plait__sim_sleep("a worker whose job takes time",
                   1000 * plait__sim_between(o->work_min_us, o->work_max_us));
  plait__sim_trace("job", w->looks, 0);
}

int plait__sim_worker_start(uint64_t (*step)(void *arg), void *arg,
                            const char *name, plait__worker **ret) {
  plait__sim_point();
  plait__worker *w = NULL;
  if (!plait__sim_fails("os.worker_start",
                        plait__sim_options()->thread_fail_ppm))
    w = calloc(1, sizeof *w);
  if (w != NULL && plait__sim_thread_init(&w->thread, worker_main, w, name)) {
    free(w);
    w = NULL;
  }
  plait__sim_trace("os.worker_start", 0, w != NULL);
  if (w == NULL)
    return PLAIT_ENOMEM;
  w->step = step;
  w->arg = arg;
  *ret = w;
  return 0;
}

void plait__sim_worker_wake(plait__worker *w) {
  plait__sim_point();
  plait__sim_trace("os.worker_wake", w->thread.number, w->woken);
  w->woken = true;
  plait__sim_unpark(&w->thread);
}

void plait__sim_worker_join(plait__worker *w) {
  plait__sim_point();
  plait__sim_trace("os.worker_join", w->thread.number, 0);
  plait__sim_thread_await(&w->thread);
  free(w);
}

static void worker_free(plait_sim_thread *thread) {
  free(plait_container_of(thread, plait__worker, thread));
}

void plait__sim_worker_detach(plait__worker *w) {
  plait__sim_point();
  plait__sim_trace("os.worker_detach", w->thread.number, 0);
  plait__sim_thread_detach(&w->thread, worker_free);
}
