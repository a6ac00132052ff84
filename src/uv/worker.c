/* Workers: threads that run steps and park in between.
 *
 *            step answers a time                wake: the exchange that
 *   RUNNING ---------------------> PARKED       finds PARKED has somebody
 *      ^  ^                          |          to signal, any other has not
 *      |  +--- deadline, signal -----+
 *      +------ NOTIFIED: a wake came while the step ran
 */
#include "uv/backend.h"
#include "uv/patience.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum { WORKER_RUNNING, WORKER_PARKED, WORKER_NOTIFIED };

struct plait__worker {
  plait__thread *thread;
  uint64_t (*step)(void *arg);
  void *arg;
  pthread_mutex_t mutex;
  pthread_cond_t cond;
  atomic_int state;
  plait__uv_patience patience;
  atomic_int fate; /* who is second to end it or to detach it frees it */
};

enum { FATE_RUNS, FATE_ENDED, FATE_DETACHED };

static void worker_wait(plait__worker *w, uint64_t deadline_ns) {
  struct timespec until = {(time_t)(deadline_ns / 1000000000),
                           (long)(deadline_ns % 1000000000)};
  int rc = 0;
  while (rc == 0 && atomic_load(&w->state) == WORKER_PARKED)
    rc = deadline_ns == UINT64_MAX
             ? pthread_cond_wait(&w->cond, &w->mutex)
             : pthread_cond_timedwait(&w->cond, &w->mutex, &until);
}

static bool worker_is_notified(void *arg) {
  plait__worker *w = arg;
  return atomic_load_explicit(&w->state, memory_order_relaxed) ==
         WORKER_NOTIFIED;
}

static void worker_park(plait__worker *w, uint64_t deadline_ns) {
  if (plait__uv_wait_a_moment(&w->patience, worker_is_notified, w)) {
    atomic_store(&w->state, WORKER_RUNNING);
    return;
  }
  pthread_mutex_lock(&w->mutex);
  if (atomic_exchange(&w->state, WORKER_PARKED) != WORKER_NOTIFIED)
    worker_wait(w, deadline_ns);
  atomic_store(&w->state, WORKER_RUNNING);
  pthread_mutex_unlock(&w->mutex);
}

void plait__uv_worker_wake(plait__worker *w) {
  plait__uv_patience_met(&w->patience);
  if (atomic_exchange(&w->state, WORKER_NOTIFIED) != WORKER_PARKED)
    return;
  /* Between the exchange to PARKED and the wait it holds the mutex. */
  pthread_mutex_lock(&w->mutex);
  pthread_mutex_unlock(&w->mutex);
  pthread_cond_signal(&w->cond);
}

static void worker_free(plait__worker *w) {
  pthread_cond_destroy(&w->cond);
  pthread_mutex_destroy(&w->mutex);
  plait__uv_alloc(w, 0, "worker");
}

static void worker_main(void *arg) {
  plait__worker *w = arg;
  uint64_t answer;
  while ((answer = w->step(w->arg)) != PLAIT__STEP_END)
    if (answer != PLAIT__STEP_AGAIN)
      worker_park(w, answer);
  if (atomic_exchange(&w->fate, FATE_ENDED) == FATE_DETACHED)
    worker_free(w);
}

int plait__uv_worker_start(uint64_t (*step)(void *arg), void *arg,
                           const char *name, plait__worker **ret) {
  plait__worker *w = plait__uv_alloc(NULL, sizeof *w, "worker");
  pthread_condattr_t attr;
  if (!w)
    return PLAIT_ENOMEM;
  w->step = step;
  w->arg = arg;
  w->patience = (plait__uv_patience){0};
  atomic_init(&w->state, WORKER_RUNNING);
  atomic_init(&w->fate, FATE_RUNS);
  pthread_mutex_init(&w->mutex, NULL);
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_cond_init(&w->cond, &attr);
  pthread_condattr_destroy(&attr);
  /* The step may want to know its worker before the start has returned. */
  *ret = w;
  int rc = plait__uv_thread_start(worker_main, w, name, -1, &w->thread);
  if (rc)
    worker_free(w);
  return rc;
}

void plait__uv_worker_join(plait__worker *w) {
  plait__uv_thread_join(w->thread);
  worker_free(w);
}

void plait__uv_worker_detach(plait__worker *w) {
  plait__uv_thread_detach(w->thread);
  if (atomic_exchange(&w->fate, FATE_DETACHED) == FATE_ENDED)
    worker_free(w);
}
