/* A watchdog: a thread of the system's that looks whether the simulation gets
 * anywhere.  It touches nothing of it. */
#include <inttypes.h>
#include <plait/error.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sim/sim.h"

enum { ALARM_LOOKS = 10 }; /* in the time of the alarm */

uint32_t plait__sim_alarm_ms = PLAIT_SIM_ALARM_S * 1000;

static struct {
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t end;
  bool open, ending;
  _Atomic(uint64_t) progress;
  _Atomic(plait_sim_thread *) watched;
  _Atomic(const char *) call;
} watchdog;

void plait__sim_alarm_watch(plait_sim_thread *t) {
  atomic_store_explicit(&watchdog.watched, t, memory_order_release);
  plait__sim_alarm_progress(NULL);
}

/* No exchange: only one thread writes. */
void plait__sim_alarm_progress(const char *call) {
  uint64_t n = atomic_load_explicit(&watchdog.progress, memory_order_relaxed);
  atomic_store_explicit(&watchdog.progress, n + 1, memory_order_relaxed);
  if (call != NULL)
    atomic_store_explicit(&watchdog.call, call, memory_order_relaxed);
}

/* What it reads without a lock stands still. */
__attribute__((__no_sanitize__("thread"))) static _Noreturn void
alarm_ring(const plait_sim_thread *t) {
  const char *job = t->context->job, *call = atomic_load(&watchdog.call);
  fprintf(stderr,
          "plait: the simulation hangs (seed %" PRIu64
          "): thread %u %s%s%s%s has made no call for %" PRIu32
          " ms; the last one was %s\n",
          plait__sim_options()->seed, t->number, t->name,
          job != NULL ? ", which runs " : "", job != NULL ? job : "",
          job != NULL ? "," : "", plait__sim_alarm_ms,
          call != NULL ? call : "none");
  abort();
}

/* With the lock.  False: it was told to end. */
static bool alarm_wait(void) {
  struct timespec until;
  uint64_t ns = (uint64_t)plait__sim_alarm_ms * 1000000 / ALARM_LOOKS;
  clock_gettime(CLOCK_REALTIME, &until);
  ns += (uint64_t)until.tv_nsec;
  until.tv_sec += (time_t)(ns / 1000000000);
  until.tv_nsec = (long)(ns % 1000000000);
  int rc = 0;
  while (rc == 0 && !watchdog.ending)
    rc = pthread_cond_timedwait(&watchdog.end, &watchdog.lock, &until);
  return !watchdog.ending;
}

static void *alarm_main(void *arg) {
  uint64_t seen = UINT64_MAX;
  unsigned looks = 0;
  pthread_mutex_lock(&watchdog.lock);
  while (alarm_wait()) {
    plait_sim_thread *t = atomic_load(&watchdog.watched);
    uint64_t progress = atomic_load(&watchdog.progress);
    looks = t != NULL && progress == seen ? looks + 1 : 0;
    seen = progress;
    if (looks >= ALARM_LOOKS)
      alarm_ring(t);
  }
  pthread_mutex_unlock(&watchdog.lock);
  return arg;
}

int plait__sim_alarm_open(void) {
  pthread_mutex_init(&watchdog.lock, NULL);
  pthread_cond_init(&watchdog.end, NULL);
  watchdog.ending = false;
  atomic_store(&watchdog.watched, NULL);
  atomic_store(&watchdog.call, NULL);
  watchdog.open = pthread_create(&watchdog.thread, NULL, alarm_main, NULL) == 0;
  return watchdog.open ? 0 : PLAIT_ENOMEM;
}

void plait__sim_alarm_close(void) {
  if (!watchdog.open)
    return;
  pthread_mutex_lock(&watchdog.lock);
  watchdog.ending = true;
  pthread_cond_signal(&watchdog.end);
  pthread_mutex_unlock(&watchdog.lock);
  pthread_join(watchdog.thread, NULL);
  pthread_cond_destroy(&watchdog.end);
  pthread_mutex_destroy(&watchdog.lock);
  watchdog.open = false;
}
