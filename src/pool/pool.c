/* The pool: its lanes, made when it is first asked for. */
#include "pool/pool.h"

#include <plait/error.h>
#include <plait/factory.h>

#include "core/error.h"
#include "core/memory.h"
#include "core/reactor.h"
#include "pool/child.h"
#include "pool/resolver.h"

enum {
  POOL_THREADS_PER_CPU = 4,
  POOL_NAME_THREADS = 8,
  POOL_STUCK_THREADS = 64,
  POOL_PROCESS_THREADS = 2,
  POOL_QUEUE_MAX = 65536,
  POOL_STAGE_MAX = 32,
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
  plait__lane_cut(&pool->processes);
  plait__resolver_cut(atomic_load(&pool->resolver));
}

static void pool_drain(plait__workers *workers, plait_reactor *reactor) {
  (void)workers;
  plait__children_drain(reactor);
}

static void pool_cut_here(plait__workers *workers, plait_reactor *reactor) {
  (void)workers;
  plait__children_cut(reactor);
}

static int pool_running(plait__workers *workers, const char **ret_name,
                        bool *ret_young) {
  plait_pool *pool = pool_of(workers);
  const char *task = NULL, *call = NULL, *start = NULL;
  int tasks = plait__lane_running(&pool->tasks, &task, ret_young);
  int calls = plait__lane_running(&pool->strands, &call, ret_young);
  int starts = plait__lane_running(&pool->processes, &start, ret_young);
  int all = tasks + calls + starts;
  if (task != NULL || call != NULL || start != NULL)
    *ret_name = task != NULL ? task : call != NULL ? call : start;
  else if (all > 0)
    *ret_name = tasks > 0 ? "a task" : "a strand's call";
  return all;
}

static void pool_flush(plait__workers *workers, plait__stage *stage) {
  plait__lane_flush(&pool_of(workers)->tasks, stage);
}

static void pool_keep(plait__workers *workers, plait__stage *stage) {
  plait_pool *pool = pool_of(workers);
  unsigned promised = stage->promised;
  if (promised & PLAIT__LANE_TASKS)
    plait__lane_keep(&pool->tasks, stage);
  if (promised & PLAIT__LANE_STRANDS)
    plait__lane_keep(&pool->strands, stage);
  if (promised & PLAIT__LANE_NAMES)
    plait__lane_keep(&pool->names, stage);
}

plait__stage *plait__pool_stage(const plait_pool *pool) {
  plait_reactor *r = plait__here();
  return r != NULL && r->runtime == pool->runtime ? &r->stage : NULL;
}

static void pool_close(plait__workers *workers) {
  plait_pool *pool = pool_of(workers);
  plait__lane_fini(&pool->tasks);
  plait__lane_fini(&pool->strands);
  plait__lane_fini(&pool->names);
  plait__lane_fini(&pool->processes);
  plait__resolver_close(atomic_load(&pool->resolver));
}

static void pool_free(plait__workers *workers) {
  plait_pool *pool = pool_of(workers);
  plait__resolver_free(atomic_load(&pool->resolver));
  plait__free(pool->runtime->driver->os, pool->memory);
}

/* Lanes begin at a line of the cache, which is more than the seam promises. */
static plait_pool *pool_alloc(const plait__os *os) {
  char *memory = plait__zalloc(os, sizeof(plait_pool) + alignof(plait_pool));
  if (memory == NULL)
    return NULL;
  size_t past = (uintptr_t)memory % alignof(plait_pool);
  plait_pool *pool = (plait_pool *)(memory + (alignof(plait_pool) - past));
  pool->memory = memory;
  return pool;
}

static plait_pool *pool_new(plait_runtime *runtime) {
  const plait__os *os = runtime->driver->os;
  const plait_pool_options *o = &runtime->options.pool;
  unsigned standard = POOL_THREADS_PER_CPU * os->cpu_count();
  plait__lane_options tasks = {
      .thread_name = "plait-task",
      .bit = PLAIT__LANE_TASKS,
      .stage_max = POOL_STAGE_MAX,
      .threads_min = o->threads_min,
      .threads_max = o->threads_max > 0 ? o->threads_max : standard,
      .queue_max = o->queue_max > 0 ? o->queue_max : POOL_QUEUE_MAX,
      .idle_ms = o->idle_ms > 0 ? o->idle_ms : POOL_IDLE_MS,
  };
  plait__lane_options strands = tasks;
  strands.thread_name = "plait-strand";
  strands.bit = PLAIT__LANE_STRANDS;
  strands.threads_min = 0;
  strands.stage_max = 0;
  strands.threads_max =
      o->strand_threads_max > 0 ? o->strand_threads_max : standard;
  strands.queue_max = PLAIT_UNLIMITED; /* as many as there are strands */
  plait__lane_options names = strands;
  names.thread_name = "plait-names";
  names.bit = PLAIT__LANE_NAMES;
  names.threads_max =
      o->name_threads_max > 0 ? o->name_threads_max : POOL_NAME_THREADS;
  names.stuck_max = POOL_STUCK_THREADS;
  plait__lane_options processes = tasks;
  processes.thread_name = "plait-spawn";
  processes.bit = PLAIT__LANE_PROCESSES;
  processes.stage_max = 0;
  processes.threads_min = 0;
  processes.threads_max = POOL_PROCESS_THREADS;
  plait_pool *pool = pool_alloc(os);
  if (pool == NULL)
    return NULL;
  pool->workers = (plait__workers){.cut = pool_cut,
                                   .drain = pool_drain,
                                   .cut_here = pool_cut_here,
                                   .running = pool_running,
                                   .flush = pool_flush,
                                   .keep = pool_keep,
                                   .close = pool_close,
                                   .free = pool_free};
  pool->runtime = runtime;
  pool->pipes.protocol = &plait__pipe_ops;
  plait__lane_init(&pool->tasks, os, &tasks);
  plait__lane_init(&pool->strands, os, &strands);
  plait__lane_init(&pool->names, os, &names);
  plait__lane_init(&pool->processes, os, &processes);
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
  *ret = (plait_pool_stats){0};
  if (pool == NULL)
    return;
  lane_get_stats(&pool->tasks, ret);
  ret->cancelled = atomic_load(&pool->cancelled);
  ret->timed_out = atomic_load(&pool->timed_out);
}

void plait_pool_get_strand_stats(plait_pool *pool, plait_pool_stats *ret) {
  *ret = (plait_pool_stats){0};
  if (pool != NULL)
    lane_get_stats(&pool->strands, ret);
}
