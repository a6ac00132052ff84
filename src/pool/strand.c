/* Strands: a queue of calls, and a job that runs some of them.
 *
 * The job is queued or runs exactly while there are calls (|scheduled|), so no
 * two threads are ever in one strand.  It has the reference to the runtime. */
#include <plait/error.h>
#include <plait/factory.h>

#include "core/memory.h"
#include "pool/pool.h"

struct plait_strand {
  plait_pool *pool;
  plait__job job;
  atomic_flag lock;
  plait_call *first, *last;
  bool scheduled, freed;
};

static void strand_lock(plait_strand *strand) {
  while (atomic_flag_test_and_set_explicit(&strand->lock, memory_order_acquire))
    strand->pool->runtime->driver->os->yield();
}

static void strand_unlock(plait_strand *strand) {
  atomic_flag_clear_explicit(&strand->lock, memory_order_release);
}

static plait_strand *strand_of(plait__job *job) {
  return plait_container_of(job, plait_strand, job);
}

/* ---- the job ------------------------------------------------------------- */

static plait_call *strand_pop(plait_strand *strand) {
  strand_lock(strand);
  plait_call *call = strand->first;
  if (call != NULL) {
    strand->first = call->next;
    if (strand->first == NULL)
      strand->last = NULL;
  }
  strand_unlock(strand);
  return call;
}

static void strand_run(plait__job *job) {
  plait_strand *strand = strand_of(job);
  for (int i = 0; i < PLAIT_STRAND_BATCH; i++) {
    plait_call *call =
        atomic_load(&strand->pool->strands.cut) ? NULL : strand_pop(strand);
    if (call == NULL)
      return;
    if (i > 0)
      plait__lane_moves(&strand->pool->strands, job);
    call->run(call, NULL);
  }
}

/* All calls, which will not run; the strand is free again, or gone. */
static plait_call *strand_take_all(plait_strand *strand) {
  plait_runtime *runtime = strand->pool->runtime;
  strand_lock(strand);
  plait_call *calls = strand->first;
  bool freed = strand->freed;
  strand->first = strand->last = NULL;
  strand->scheduled = false;
  strand_unlock(strand);
  if (freed)
    plait__free(runtime->driver->os, strand);
  plait__runtime_unref(runtime);
  return calls;
}

static void strand_drop(plait_call *call) {
  while (call != NULL) {
    plait_call *next = call->next;
    if (call->drop != NULL)
      call->drop(call);
    call = next;
  }
}

static void strand_dropped(plait__job *job, int code) {
  (void)code;
  strand_drop(strand_take_all(strand_of(job)));
}

/* Others first, if there is more. */
static void strand_finished(plait__job *job) {
  plait_strand *strand = strand_of(job);
  plait_runtime *runtime = strand->pool->runtime;
  strand_lock(strand);
  bool more = strand->first != NULL, freed = strand->freed;
  if (!more)
    strand->scheduled = false;
  strand_unlock(strand);
  if (more) {
    int code = plait__lane_push(&strand->pool->strands, job, NULL);
    if (code != 0)
      strand_dropped(job, code);
    return;
  }
  if (freed)
    plait__free(runtime->driver->os, strand);
  plait__runtime_unref(runtime);
}

/* ---- the public side ----------------------------------------------------- */

plait_strand *plait_strand_new(plait_pool *pool) {
  if (pool == NULL)
    return NULL;
  const plait__os *os = pool->runtime->driver->os;
  plait_strand *strand = plait__zalloc(os, sizeof *strand);
  if (strand == NULL)
    return NULL;
  strand->pool = pool;
  atomic_flag_clear(&strand->lock);
  strand->job = (plait__job){.run = strand_run,
                             .finished = strand_finished,
                             .dropped = strand_dropped};
  return strand;
}

int plait_strand_post(plait_strand *strand, plait_call *call) {
  plait_runtime *runtime = strand->pool->runtime;
  call->next = NULL;
  strand_lock(strand);
  bool idle = !strand->scheduled;
  strand->scheduled = true;
  if (strand->last != NULL)
    strand->last->next = call;
  else
    strand->first = call;
  strand->last = call;
  strand_unlock(strand);
  if (!idle)
    return 0;
  plait__runtime_ref(runtime);
  int code = plait__lane_push(&strand->pool->strands, &strand->job,
                              plait__pool_stage(strand->pool));
  if (code == 0)
    return 0;
  /* The first in the queue is ours, and stays the caller's. */
  plait_call *others = strand_take_all(strand);
  strand_drop(others->next);
  return code;
}

void plait_strand_free(plait_strand *strand) {
  if (strand == NULL)
    return;
  strand_lock(strand);
  bool scheduled = strand->scheduled;
  strand->freed = true;
  strand_unlock(strand);
  if (!scheduled)
    plait__free(strand->pool->runtime->driver->os, strand);
}
