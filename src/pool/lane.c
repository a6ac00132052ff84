/* Threads come and go with the work.
 *
 * At most one thread is on its way at a time (|waking|): it was woken or
 * started and has not looked at the queue yet.  When it does, and leaves
 * something behind, it sends the next one.  So a burst of short jobs is done by
 * as many threads as keep up with it, instead of a wake for each job.
 *
 * Waking a thread costs more than a short job.  So while one is running, a
 * reactor that pushes only promises to look again before it waits (|promises|),
 * and as long as there is such a promise nobody is sent by others either.
 *
 * None is forgotten: as long as something is queued, a thread is on its way, or
 * a reactor has promised to look, or all the threads there may be are running
 * and look when they are done.
 *
 * Threads park in the order of a stack, so those that are not needed stay at
 * its bottom, time out and end.
 */
#include "pool/lane.h"

#include <plait/error.h>

#include "core/context.h"
#include "core/memory.h"
#include "core/runtime.h"

/* Who is second, the thread that returns from a job or the lane that goes,
 * cleans up. */
enum { FATE_WORKING, FATE_RETURNED, FATE_ORPHANED };

enum { LANE_STEP = 64 }; /* jobs that a thread runs in one step */

struct plait__lane_thread {
  const plait__os *os;
  plait__lane *lane;
  plait__worker *worker;
  plait__lane_thread *next; /* of all */
  plait__lane_thread *next_idle;
  const plait__job *job; /* that runs */
  uint64_t idle_until_ns;
  bool idle, ended;
  bool stuck;      /* its job was given up */
  atomic_int fate; /* while there is one */
  /* That are in lane_send() for it: it is not reaped.  Two are when it woke by
   * itself meanwhile, and was idle again. */
  unsigned senders;
};

/* ---- the lock ------------------------------------------------------------ */

void plait__lane_lock(plait__lane *lane) {
  while (atomic_flag_test_and_set_explicit(&lane->lock, memory_order_acquire))
    lane->os->yield();
}

void plait__lane_unlock(plait__lane *lane) {
  atomic_flag_clear_explicit(&lane->lock, memory_order_release);
}

/* ---- the queue, under the lock ------------------------------------------- */

static void queue_append(plait__lane *lane, plait__job *job) {
  job->next = NULL;
  job->prev = lane->last;
  *(lane->last != NULL ? &lane->last->next : &lane->first) = job;
  lane->last = job;
  lane->queued++;
  job->queued = true;
}

static void queue_remove(plait__lane *lane, plait__job *job) {
  *(job->prev != NULL ? &job->prev->next : &lane->first) = job->next;
  *(job->next != NULL ? &job->next->prev : &lane->last) = job->prev;
  lane->queued--;
  job->queued = false;
}

/* Nobody is to take it for one that has begun. */
static void job_unqueue(plait__job *job) {
  job->queued = false;
  job->since_ns = 0;
}

static void jobs_drop(plait__job *job, int code) {
  while (job != NULL) {
    plait__job *next = job->next;
    job->dropped(job, code);
    job = next;
  }
}

/* Under the lock: all that is queued, as a list. */
static plait__job *queue_take_all(plait__lane *lane) {
  plait__job *first = lane->first;
  for (plait__job *job = first; job != NULL; job = job->next)
    job_unqueue(job);
  lane->first = lane->last = NULL;
  lane->queued = 0;
  return first;
}

/* ---- threads ------------------------------------------------------------- */

static void idle_add(plait__lane_thread *t) {
  plait__lane *lane = t->lane;
  t->idle = true;
  t->next_idle = lane->idle_first;
  lane->idle_first = t;
  lane->idle++;
}

static void idle_remove(plait__lane_thread *t) {
  plait__lane_thread **at = &t->lane->idle_first;
  while (*at != t)
    at = &(*at)->next_idle;
  *at = t->next_idle;
  t->idle = false;
  t->lane->idle--;
}

/* Under the lock: lane_send() has to follow for |t|, without the lock. */
static plait__lane_thread *lane_on_its_way(plait__lane_thread *t) {
  t->lane->waking = t;
  t->senders++;
  return t;
}

/* Under the lock: a new thread, or NULL if there is no memory for one. */
static plait__lane_thread *lane_grow(plait__lane *lane) {
  plait__lane_thread *t = plait__zalloc(lane->os, sizeof *t);
  if (t == NULL)
    return NULL;
  t->os = lane->os;
  t->lane = lane;
  t->next = lane->all;
  lane->all = t;
  lane->threads++;
  return lane_on_its_way(t);
}

/* Under the lock: the thread to send for what is queued, or NULL. */
static plait__lane_thread *lane_choose(plait__lane *lane) {
  plait__lane_thread *t = lane->idle_first;
  if (lane->queued == 0 || lane->waking != NULL)
    return NULL;
  if (lane->promises > 0 && lane->running > 0)
    return NULL;
  if (t != NULL) {
    idle_remove(t);
    return lane_on_its_way(t);
  }
  if (lane->threads < lane->options.threads_max)
    return lane_grow(lane);
  if (!lane->full) {
    lane->full = true;
    lane->saturated++;
  }
  return NULL;
}

/* Threads that have ended by themselves go, with their memory. */
static void lane_reap(plait__lane *lane) {
  plait__lane_thread *ended = NULL, **at = &lane->all;
  plait__lane_lock(lane);
  while (*at != NULL) {
    plait__lane_thread *t = *at;
    if (t->ended && t->senders == 0) {
      *at = t->next;
      t->next = ended;
      ended = t;
    } else {
      at = &t->next;
    }
  }
  plait__lane_unlock(lane);
  while (ended != NULL) {
    plait__lane_thread *t = ended;
    ended = t->next;
    if (t->worker != NULL)
      lane->os->worker_join(t->worker);
    plait__free(lane->os, t);
  }
}

static uint64_t thread_step(void *arg);

/* Others have been reaped first: as long as somebody sends for |t|, the lane is
 * there.  |worker| is set before it runs, for then others may wake it. */
static int lane_start(plait__lane_thread *t) {
  plait__lane *lane = t->lane;
  lane_reap(lane);
  int code = lane->os->worker_start(thread_step, t, lane->options.thread_name,
                                    &t->worker);
  if (code != 0)
    t->worker = NULL;
  return code;
}

/* Under the lock: |t| could not be started, so it has ended.  Whoever became
 * idle meanwhile has to go instead, and is returned.  If there is no thread at
 * all, what is queued would wait for ever. */
static plait__lane_thread *lane_miss(plait__lane_thread *t,
                                     plait__job **ret_stranded) {
  plait__lane *lane = t->lane;
  t->ended = true;
  lane->threads--;
  lane->waking = NULL;
  if (lane->threads == 0)
    *ret_stranded = queue_take_all(lane);
  return lane->idle_first != NULL ? lane_choose(lane) : NULL;
}

/* Wakes or starts |t|, if any. */
static int lane_send(plait__lane *lane, plait__lane_thread *t) {
  plait__lane_thread *instead = NULL;
  plait__job *stranded = NULL;
  int code = 0;
  if (t == NULL)
    return 0;
  if (t->worker != NULL)
    lane->os->worker_wake(t->worker);
  else
    code = lane_start(t);
  plait__lane_lock(lane);
  t->senders--;
  if (code != 0)
    instead = lane_miss(t, &stranded);
  plait__lane_unlock(lane);
  jobs_drop(stranded, code);
  (void)lane_send(lane, instead); /* which only wakes */
  return code;
}

/* ---- a thread's step ----------------------------------------------------- */

/* Under the lock: there is nothing to do. */
static uint64_t thread_rest(plait__lane_thread *t) {
  plait__lane *lane = t->lane;
  uint64_t now_ns = lane->os->now_ns();
  bool spare = lane->threads > lane->options.threads_min &&
               lane->options.idle_ms != PLAIT_UNLIMITED;
  if (!t->idle) {
    idle_add(t);
    t->idle_until_ns = now_ns + (uint64_t)lane->options.idle_ms * 1000000;
  }
  if (!lane->closing && !(spare && now_ns >= t->idle_until_ns))
    return spare ? t->idle_until_ns : UINT64_MAX;
  idle_remove(t);
  lane->threads--;
  t->ended = true;
  return PLAIT__STEP_END;
}

/* Under the lock: |job| begins or ends.  Of several that run for one
 * connection the first one and the last one count. */
static void lane_hold(plait__lane *lane, const plait__job *job, bool begins) {
  atomic_uint *busy = job->busy;
  if (begins)
    lane->held += busy == NULL || atomic_fetch_add(busy, 1) == 0;
  else
    lane->held -= busy == NULL || atomic_fetch_sub(busy, 1) == 1;
}

/* Under the lock: the oldest job begins. */
static plait__job *thread_take(plait__lane_thread *t, uint64_t now_ns) {
  plait__lane *lane = t->lane;
  plait__job *job = lane->first;
  if (t->idle) /* the time was up, or a wake came by */
    idle_remove(t);
  queue_remove(lane, job);
  if (lane->queued == 0)
    lane->full = false;
  t->job = job;
  atomic_store(&t->fate, FATE_WORKING);
  lane->running++;
  lane_hold(lane, job, true);
  if (now_ns - job->since_ns > lane->wait_max_ns)
    lane->wait_max_ns = now_ns - job->since_ns;
  job->since_ns = now_ns;
  return job;
}

/* Under the lock: |t|, whose job is done, goes on or, if another one has taken
 * its place, ends. */
static void thread_done(plait__lane_thread *t, const plait__job *job,
                        uint64_t took_ns) {
  plait__lane *lane = t->lane;
  t->job = NULL;
  lane->done++;
  if (took_ns > lane->run_max_ns)
    lane->run_max_ns = took_ns;
  if (t->stuck) {
    lane->stuck--;
    t->ended = true;
    return;
  }
  lane->running--;
  lane_hold(lane, job, false);
}

/* Runs |job|.  False: it was given up, and the lane and |t| are gone. */
static bool thread_run(plait__lane_thread *t, plait__job *job) {
  plait__context *context = plait__context_here();
  context->job = job->name;
  job->run(job);
  context->job = NULL;
  if (atomic_exchange(&t->fate, FATE_RETURNED) != FATE_ORPHANED)
    return true;
  job->orphaned(job);
  plait__free(t->os, t);
  return false;
}

/* |job| has run.  Under one lock with it the next one begins, which |ret| gets,
 * NULL if |last| or there is none: the lock is what short jobs cost most.  Done
 * is counted before it is told: see core/runtime.c. */
static void thread_go_on(plait__lane_thread *t, plait__job *job, bool last,
                         plait__job **ret) {
  plait__lane *lane = t->lane;
  plait__lane_thread *next = NULL;
  uint64_t now_ns = lane->os->now_ns();
  plait__lane_lock(lane);
  thread_done(t, job, now_ns - job->since_ns);
  *ret = NULL;
  if (!last && !t->ended && lane->first != NULL) {
    *ret = thread_take(t, now_ns);
    next = lane_choose(lane);
  }
  plait__lane_unlock(lane);
  job->finished(job);
  lane_send(lane, next); /* if it fails, this thread is there */
}

static uint64_t thread_step(void *arg) {
  plait__lane_thread *t = arg;
  plait__lane *lane = t->lane;
  plait__lane_lock(lane);
  if (lane->waking == t)
    lane->waking = NULL;
  if (lane->first == NULL) {
    uint64_t answer = thread_rest(t);
    plait__lane_unlock(lane);
    return answer;
  }
  plait__job *job = thread_take(t, lane->os->now_ns());
  plait__lane_thread *next = lane_choose(lane);
  plait__lane_unlock(lane);
  lane_send(lane, next); /* if it fails, this thread is there */
  for (int n = 1; job != NULL; n++) {
    if (!thread_run(t, job))
      return PLAIT__STEP_END;
    thread_go_on(t, job, n == LANE_STEP, &job);
  }
  return t->ended ? PLAIT__STEP_END : PLAIT__STEP_AGAIN;
}

/* ---- what the pool does -------------------------------------------------- */

void plait__lane_init(plait__lane *lane, const plait__os *os,
                      const plait__lane_options *options) {
  *lane = (plait__lane){.os = os, .options = *options};
  atomic_flag_clear(&lane->lock);
}

/* Under the lock: what was staged is queued; |ret| has what is to be dropped
 * instead. */
static void lane_unstage(plait__lane *lane, plait__stage *stage,
                         plait__job **ret) {
  plait__job *job = stage->first;
  lane->reserved -= stage->room;
  *ret = NULL;
  if (job != NULL && atomic_load(&lane->cut)) {
    *ret = job;
    for (; job != NULL; job = job->next)
      job_unqueue(job);
  } else if (job != NULL) {
    job->prev = lane->last;
    *(lane->last != NULL ? &lane->last->next : &lane->first) = job;
    lane->last = stage->last;
    lane->queued += stage->count;
  }
  stage->first = stage->last = NULL;
  stage->count = stage->room = 0;
}

/* Under the lock: a thread is running, or about to, so the reactor of |stage|
 * is going to look.  Places are reserved for it only as long as there are
 * plenty. */
static void lane_promise(plait__lane *lane, plait__stage *stage) {
  unsigned wanted = lane->options.stage_max;
  unsigned taken = lane->queued + lane->reserved;
  if (!(stage->promised & lane->options.bit)) {
    stage->promised |= lane->options.bit;
    lane->promises++;
  }
  if (wanted == 0 || stage->room > 0 ||
      lane->options.queue_max - taken < wanted * PLAIT_REACTORS_MAX)
    return;
  stage->room = wanted;
  lane->reserved += wanted;
}

/* Under the lock: |job| is queued, if there is a thread; |ret| is to be sent
 * for in any case. */
static int lane_queue(plait__lane *lane, plait__job *job, plait__stage *stage,
                      plait__lane_thread **ret) {
  int code = PLAIT_EFULL;
  if (atomic_load(&lane->cut))
    code = PLAIT_ECANCELED;
  else if (lane->queued + lane->reserved < lane->options.queue_max)
    code = 0;
  if (code != 0) {
    lane->refused++;
    return code;
  }
  if (lane->threads == 0) {
    *ret = lane_grow(lane);
    return *ret != NULL ? 0 : PLAIT_ENOMEM;
  }
  queue_append(lane, job);
  if (stage != NULL && (lane->running > 0 || lane->waking != NULL))
    lane_promise(lane, stage);
  *ret = lane_choose(lane);
  return 0;
}

/* As long as there is no thread the job is not queued: if none can be started,
 * it is the caller's, who must not look for it where others queue as well. */
int plait__lane_push(plait__lane *lane, plait__job *job, plait__stage *stage) {
  bool nobody;
  int code;
  do {
    plait__lane_thread *t = NULL;
    job->since_ns = lane->os->now_ns();
    plait__lane_lock(lane);
    nobody = lane->threads == 0;
    code = lane_queue(lane, job, stage, &t);
    plait__lane_unlock(lane);
    if (code != 0)
      return code;
    code = lane_send(lane, t);
  } while (nobody && code == 0);
  return nobody ? code : 0;
}

int plait__lane_stage(plait__lane *lane, plait__job *job, plait__stage *stage) {
  if (stage->count == stage->room) {
    plait__lane_flush(lane, stage);
    return plait__lane_push(lane, job, stage);
  }
  job->since_ns = lane->os->now_ns();
  job->queued = true;
  job->next = NULL;
  job->prev = stage->last;
  *(stage->last != NULL ? &stage->last->next : &stage->first) = job;
  stage->last = job;
  stage->count++;
  return 0;
}

/* Those that were there have ended meanwhile, if there is no thread and no
 * memory for one: then nobody would look. */
static void lane_look(plait__lane *lane, plait__stage *stage, unsigned kept) {
  plait__job *dropped = NULL, *stranded = NULL;
  plait__lane_lock(lane);
  lane->promises -= kept;
  if (stage->room > 0 && lane->options.stage_max > 0)
    lane_unstage(lane, stage, &dropped);
  plait__lane_thread *t = lane_choose(lane);
  if (lane->threads == 0)
    stranded = queue_take_all(lane);
  plait__lane_unlock(lane);
  jobs_drop(dropped, PLAIT_ECANCELED);
  jobs_drop(stranded, PLAIT_ENOMEM);
  lane_send(lane,
            t); /* if it fails, others look, or what is queued is dropped */
}

void plait__lane_flush(plait__lane *lane, plait__stage *stage) {
  if (stage->room > 0)
    lane_look(lane, stage, 0);
}

void plait__lane_keep(plait__lane *lane, plait__stage *stage) {
  stage->promised &= ~lane->options.bit;
  lane_look(lane, stage, 1);
}

bool plait__lane_remove(plait__lane *lane, plait__job *job) {
  plait__lane_lock(lane);
  bool queued = job->queued;
  if (queued)
    queue_remove(lane, job);
  plait__lane_unlock(lane);
  return queued;
}

uint64_t plait__lane_began(plait__lane *lane, const plait__job *job) {
  plait__lane_lock(lane);
  uint64_t began_ns = job->queued ? 0 : job->since_ns;
  plait__lane_unlock(lane);
  return began_ns;
}

void plait__lane_moves(plait__lane *lane, plait__job *job) {
  __atomic_store_n(&job->moved_ns, lane->os->now_ns(), __ATOMIC_RELAXED);
}

void plait__lane_abandon(plait__lane *lane, const plait__job *job) {
  plait__lane_thread *next = NULL;
  plait__job *stranded = NULL;
  plait__lane_lock(lane);
  for (plait__lane_thread *t = lane->all; t != NULL; t = t->next)
    if (t->job == job && !t->stuck && lane->stuck < lane->options.stuck_max) {
      t->stuck = true;
      lane->stuck++;
      lane->threads--;
      lane->running--;
      lane_hold(lane, job, false);
      next = lane_choose(lane);
    }
  if (lane->threads == 0) /* no memory for another one */
    stranded = queue_take_all(lane);
  plait__lane_unlock(lane);
  jobs_drop(stranded, PLAIT_ENOMEM);
  lane_send(lane, next);
}

void plait__lane_cut(plait__lane *lane) {
  plait__lane_lock(lane);
  plait__job *job = queue_take_all(lane);
  atomic_store(&lane->cut, true);
  plait__lane_unlock(lane);
  jobs_drop(job, PLAIT_ECANCELED);
}

int plait__lane_running(plait__lane *lane, const char **ret_name,
                        bool *ret_young) {
  uint64_t old_ns = (uint64_t)PLAIT__STUCK_MS * 1000000;
  plait__lane_lock(lane);
  uint64_t now_ns = lane->os->now_ns();
  int held = lane->held;
  for (plait__lane_thread *t = lane->all; t != NULL; t = t->next) {
    if (t->job == NULL)
      continue;
    if (t->job->name != NULL)
      *ret_name = t->job->name;
    uint64_t moved_ns = __atomic_load_n(&t->job->moved_ns, __ATOMIC_RELAXED);
    uint64_t since_ns = t->job->since_ns;
    since_ns = moved_ns > since_ns ? moved_ns : since_ns;
    if (now_ns - since_ns < old_ns)
      *ret_young = true;
  }
  plait__lane_unlock(lane);
  return held;
}

/* Whether somebody is still in lane_send(): a thread that queued the last job
 * again may be. */
static bool lane_sends(plait__lane *lane) {
  bool any = false;
  plait__lane_lock(lane);
  lane->closing = true;
  atomic_store(&lane->cut, true);
  for (plait__lane_thread *t = lane->all; t != NULL; t = t->next)
    any |= t->senders > 0;
  plait__lane_unlock(lane);
  return any;
}

/* A thread whose job nobody waits for is left to itself.  False: it has just
 * returned. */
static bool lane_orphan(plait__lane *lane, plait__lane_thread *t) {
  plait__worker *worker = t->worker;
  plait__lane_lock(lane);
  bool works = t->job != NULL && lane->options.stuck_max > 0;
  plait__lane_unlock(lane);
  if (!works || atomic_exchange(&t->fate, FATE_ORPHANED) != FATE_WORKING)
    return false;
  lane->os->worker_detach(worker); /* |t| may be gone */
  return true;
}

void plait__lane_fini(plait__lane *lane) {
  while (lane_sends(lane))
    lane->os->yield();
  for (plait__lane_thread *t = lane->all, *next; t != NULL; t = next) {
    next = t->next;
    if (t->worker != NULL && lane_orphan(lane, t))
      continue;
    if (t->worker != NULL) {
      lane->os->worker_wake(t->worker);
      lane->os->worker_join(t->worker);
    }
    plait__free(lane->os, t);
  }
}
