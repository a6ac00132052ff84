/* The pool: made when it is first asked for, and what tasks do.
 *
 *   reactor               worker                 reactor
 *   submit --> lane --> work() --> its mailbox --> done()
 *
 * A task has a reference to the runtime from submission until |done| has
 * returned, so plait_run() waits for it. */
#include "pool/pool.h"

#include <plait/error.h>
#include <plait/factory.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/reactor.h"
#include "pool/resolver.h"

enum {
  POOL_THREADS_PER_CPU = 4,
  POOL_NAME_THREADS = 8,
  POOL_STUCK_THREADS = 64,
  POOL_QUEUE_MAX = 65536,
  POOL_IDLE_MS = 30000
};

/* ---- the pool ------------------------------------------------------------ */

static plait_pool *pool_of(plait__workers *workers) {
  return plait_container_of(workers, plait_pool, workers);
}

static void pool_cut(plait__workers *workers) {
  plait_pool *pool = pool_of(workers);
  plait__lane_cut(&pool->tasks);
  plait__lane_cut(&pool->strands);
  plait__lane_cut(&pool->names);
  plait__resolver_cut(atomic_load(&pool->resolver));
}

static unsigned pool_running(plait__workers *workers, const char **ret_name,
                             bool *ret_young) {
  plait_pool *pool = pool_of(workers);
  const char *task = NULL, *call = NULL;
  *ret_young = false;
  int tasks = plait__lane_running(&pool->tasks, &task, ret_young);
  int calls = plait__lane_running(&pool->strands, &call, ret_young);
  *ret_name = task != NULL   ? task
              : call != NULL ? call
              : tasks > 0    ? "a task"
                             : "a strand's call";
  return tasks + calls > 0 ? (unsigned)(tasks + calls) : 0;
}

static void pool_close(plait__workers *workers) {
  plait_pool *pool = pool_of(workers);
  plait__lane_fini(&pool->tasks);
  plait__lane_fini(&pool->strands);
  plait__lane_fini(&pool->names);
  plait__resolver_close(atomic_load(&pool->resolver));
}

static void pool_free(plait__workers *workers) {
  plait_pool *pool = pool_of(workers);
  plait__resolver_free(atomic_load(&pool->resolver));
  plait__free(pool->runtime->driver->os, pool);
}

static plait_pool *pool_new(plait_runtime *runtime) {
  const plait__os *os = runtime->driver->os;
  const plait_pool_options *o = &runtime->options.pool;
  unsigned standard = POOL_THREADS_PER_CPU * os->cpu_count();
  plait__lane_options tasks = {
      .thread_name = "plait-task",
      .threads_min = o->threads_min,
      .threads_max = o->threads_max > 0 ? o->threads_max : standard,
      .queue_max = o->queue_max > 0 ? o->queue_max : POOL_QUEUE_MAX,
      .idle_ms = o->idle_ms > 0 ? o->idle_ms : POOL_IDLE_MS,
  };
  plait__lane_options strands = tasks;
  strands.thread_name = "plait-strand";
  strands.threads_min = 0;
  strands.threads_max =
      o->strand_threads_max > 0 ? o->strand_threads_max : standard;
  strands.queue_max = PLAIT_UNLIMITED; /* as many as there are strands */
  plait__lane_options names = strands;
  names.thread_name = "plait-names";
  names.threads_max =
      o->name_threads_max > 0 ? o->name_threads_max : POOL_NAME_THREADS;
  names.stuck_max = POOL_STUCK_THREADS;
  plait_pool *pool = plait__zalloc(os, sizeof *pool);
  if (pool == NULL)
    return NULL;
  pool->workers =
      (plait__workers){pool_cut, pool_running, pool_close, pool_free};
  pool->runtime = runtime;
  plait__lane_init(&pool->tasks, os, &tasks);
  plait__lane_init(&pool->strands, os, &strands);
  plait__lane_init(&pool->names, os, &names);
  return pool;
}

plait_pool *plait_runtime_pool(plait_runtime *runtime) {
  plait__workers *workers = atomic_load(&runtime->workers);
  if (workers != NULL)
    return pool_of(workers);
  plait_pool *pool = pool_new(runtime);
  if (pool == NULL)
    return NULL;
  if (atomic_compare_exchange_strong(&runtime->workers, &workers,
                                     &pool->workers))
    return pool;
  pool_close(&pool->workers); /* another thread was faster */
  pool_free(&pool->workers);
  return pool_of(workers);
}

static void lane_get_stats(plait__lane *lane, plait_pool_stats *ret) {
  plait__lane_lock(lane);
  *ret = (plait_pool_stats){
      .threads = lane->threads,
      .idle = lane->idle,
      .queued = lane->queued,
      .running = lane->running,
      .done = lane->done,
      .refused = lane->refused,
      .saturated = lane->saturated,
      .wait_max_us = lane->wait_max_ns / 1000,
      .run_max_us = lane->run_max_ns / 1000,
  };
  plait__lane_unlock(lane);
}

void plait_pool_get_stats(plait_pool *pool, plait_pool_stats *ret) {
  lane_get_stats(&pool->tasks, ret);
  ret->cancelled = atomic_load(&pool->cancelled);
}

void plait_pool_get_strand_stats(plait_pool *pool, plait_pool_stats *ret) {
  lane_get_stats(&pool->strands, ret);
}

/* ---- tasks --------------------------------------------------------------- */

static plait_task *task_of(plait__job *job) {
  return plait_container_of(job, plait_task, job);
}

static void task_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  plait_task *task = plait_container_of(mail, plait_task, mail);
  plait_runtime *runtime = r->runtime;
  task->done(task, drop ? PLAIT_ECLOSED : task->status);
  plait__runtime_unref(runtime);
}

static void task_run(plait__job *job) {
  plait_task *task = task_of(job);
  task->work(task);
}

static void task_finished(plait__job *job) {
  plait_task *task = task_of(job);
  task->mail.deliver = task_deliver;
  plait__reactor_mail(task->reactor, &task->mail);
}

void plait__task_drop(plait_task *task, int code) {
  task->status = code;
  atomic_fetch_add(&task->pool->cancelled, 1);
  task->job.finished(&task->job);
}

static void task_dropped(plait__job *job, int code) {
  plait__task_drop(task_of(job), code);
}

void plait__task_prepare(plait_task *task, plait_pool *pool,
                         plait_reactor *reactor,
                         void (*finished)(plait__job *job)) {
  task->reactor = reactor;
  task->pool = pool;
  task->status = 0;
  task->owner = NULL;
  task->before = task->after = NULL;
  task->waits = task->cancelled = false;
  task->job = (plait__job){.name = task->name,
                           .run = task_run,
                           .finished = finished,
                           .dropped = task_dropped};
}

int plait_pool_submit(plait_pool *pool, plait_task *task) {
  plait_reactor *r = plait_reactor_current();
  if (r == NULL || r->runtime != pool->runtime)
    return plait__fail(PLAIT_EINVAL, "submit: not on a reactor of the pool");
  plait__task_prepare(task, pool, r, task_finished);
  plait__runtime_ref(pool->runtime);
  int code = plait__lane_push(&pool->tasks, &task->job);
  if (code == 0)
    return 0;
  plait__runtime_unref(pool->runtime);
  return plait__fail(code, "submit: %s", plait_strerror(code));
}

int plait_task_cancel(plait_task *task) {
  if (task->owner != NULL && plait__defer_cancel(task))
    return 0;
  if (!plait__lane_remove(&task->pool->tasks, &task->job))
    return PLAIT_EBUSY;
  plait__task_drop(task, PLAIT_ECANCELED);
  return 0;
}
