/* Threads come and go with the work.
 *
 * At most one thread is on its way at a time (|waking|): it was woken or
 * started and has not looked at the queue yet.  When it does, and leaves
 * something behind, it sends the next one.  So a burst of short jobs is done by
 * as many threads as keep up with it, instead of a wake for each job; and none
 * is forgotten: as long as something is queued, either a thread is on its way,
 * or all the threads there may be are running and look when they are done.
 *
 * Threads park in the order of a stack, so those that are not needed stay at
 * its bottom, time out and end.
 */
#include "pool/lane.h"

#include <plait/error.h>

#include "core/memory.h"
#include "core/runtime.h"

/* Who is second, the thread that returns from a job or the lane that goes,
 * cleans up. */
enum { FATE_WORKING, FATE_RETURNED, FATE_ORPHANED };

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
  bool sent_for;   /* somebody is in lane_send() for it: it must not end */
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

/* Under the lock: the thread to send for what is queued, or NULL.  Afterwards
 * plait__lane_send() has to follow, without the lock. */
static plait__lane_thread *lane_choose(plait__lane *lane) {
  plait__lane_thread *t = NULL;
  if (lane->queued == 0 || lane->waking != NULL)
    return NULL;
  if (lane->idle_first != NULL) {
    t = lane->idle_first;
    idle_remove(t);
  } else if (lane->threads < lane->options.threads_max) {
    t = plait__zalloc(lane->os, sizeof *t);
    if (t == NULL)
      return NULL;
    t->os = lane->os;
    t->lane = lane;
    t->next = lane->all;
    lane->all = t;
    lane->threads++;
  } else if (!lane->full) {
    lane->full = true;
    lane->saturated++;
  }
  lane->waking = t;
  if (t != NULL)
    t->sent_for = true;
  return t;
}

static uint64_t thread_step(void *arg);

/* Wakes or starts |t|, if any.  One that could not be started has ended. */
static int lane_send(plait__lane *lane, plait__lane_thread *t) {
  int code = 0;
  if (t == NULL)
    return 0;
  if (t->worker != NULL)
    lane->os->worker_wake(t->worker);
  else /* |worker| is set before it runs, for then others may wake it */
    code = lane->os->worker_start(thread_step, t, lane->options.thread_name,
                                  &t->worker);
  plait__lane_lock(lane);
  t->sent_for = false;
  if (code != 0) {
    t->worker = NULL;
    t->ended = true;
    lane->threads--;
    lane->waking = NULL;
  }
  plait__lane_unlock(lane);
  return code;
}

/* ---- a thread's step ----------------------------------------------------- */

/* Under the lock: there is nothing to do. */
static uint64_t thread_rest(plait__lane_thread *t) {
  plait__lane *lane = t->lane;
  uint64_t now_ns = lane->os->now_ns();
  bool spare = lane->threads > lane->options.threads_min &&
               lane->options.idle_ms != PLAIT_UNLIMITED &&
               !t->sent_for; /* else a wake is going to come */
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

static uint64_t thread_run(plait__lane_thread *t, plait__job *job) {
  plait__lane *lane = t->lane;
  uint64_t began_ns = job->since_ns;
  job->run(job);
  if (atomic_exchange(&t->fate, FATE_RETURNED) == FATE_ORPHANED) {
    job->orphaned(job); /* and the lane is gone */
    plait__free(t->os, t);
    return PLAIT__STEP_END;
  }
  uint64_t took_ns = lane->os->now_ns() - began_ns;
  plait__lane_lock(lane);
  thread_done(t, job, took_ns);
  bool ended = t->ended;
  plait__lane_unlock(lane);
  job->finished(job); /* counted before it is told: see core/runtime.c */
  return ended ? PLAIT__STEP_END : PLAIT__STEP_AGAIN;
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
  return thread_run(t, job);
}

/* ---- what the pool does -------------------------------------------------- */

void plait__lane_init(plait__lane *lane, const plait__os *os,
                      const plait__lane_options *options) {
  *lane = (plait__lane){.os = os, .options = *options};
  atomic_flag_clear(&lane->lock);
}

/* Threads that have ended by themselves go, with their memory. */
static void lane_reap(plait__lane *lane) {
  plait__lane_thread *ended = NULL, **at = &lane->all;
  plait__lane_lock(lane);
  while (*at != NULL) {
    plait__lane_thread *t = *at;
    if (t->ended) {
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

static void lane_drop(plait__job *job, int code) {
  while (job != NULL) {
    plait__job *next = job->next;
    job->dropped(job, code);
    job = next;
  }
}

/* Under the lock: all that is queued, as a list. */
static plait__job *lane_take_all(plait__lane *lane) {
  plait__job *first = lane->first;
  for (plait__job *job = first; job != NULL; job = job->next)
    job->queued = false;
  lane->first = lane->last = NULL;
  lane->queued = 0;
  return first;
}

/* A thread was wanted, and there was no memory for it or |code| was why it
 * could not start.  If there is none at all, what is queued would wait for
 * ever: it is dropped, except |job|, for which the code is returned.  (|job|
 * may have run meanwhile, and be gone: it is only looked for.) */
static int lane_look_after(plait__lane *lane, plait__job *job, int code) {
  plait__job *stranded = NULL;
  bool mine = false;
  plait__lane_lock(lane);
  for (plait__job *j = lane->first; lane->threads == 0 && j != NULL && !mine;
       j = j->next)
    mine = j == job;
  if (mine)
    queue_remove(lane, job);
  if (lane->threads == 0)
    stranded = lane_take_all(lane);
  plait__lane_unlock(lane);
  lane_drop(stranded, code);
  return mine ? code : 0;
}

static int lane_refuses(const plait__lane *lane) {
  if (atomic_load(&lane->cut))
    return PLAIT_ECANCELED;
  return lane->queued >= lane->options.queue_max ? PLAIT_EFULL : 0;
}

int plait__lane_push(plait__lane *lane, plait__job *job) {
  job->since_ns = lane->os->now_ns();
  plait__lane_lock(lane);
  int code = lane_refuses(lane);
  if (code != 0) {
    lane->refused++;
    plait__lane_unlock(lane);
    return code;
  }
  queue_append(lane, job);
  plait__lane_thread *t = lane_choose(lane);
  bool nobody = lane->threads == 0, starts = t != NULL && t->worker == NULL;
  plait__lane_unlock(lane);
  code = nobody ? PLAIT_ENOMEM : lane_send(lane, t);
  if (starts)
    lane_reap(lane);
  return code == 0 ? 0 : lane_look_after(lane, job, code);
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

void plait__lane_abandon(plait__lane *lane, const plait__job *job) {
  plait__lane_thread *next = NULL;
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
  plait__lane_unlock(lane);
  lane_send(lane, next); /* if it fails, the other threads are there */
}

void plait__lane_cut(plait__lane *lane) {
  plait__lane_lock(lane);
  plait__job *job = lane_take_all(lane);
  atomic_store(&lane->cut, true);
  plait__lane_unlock(lane);
  lane_drop(job, PLAIT_ECANCELED);
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
    if (now_ns - t->job->since_ns < old_ns)
      *ret_young = true;
  }
  plait__lane_unlock(lane);
  return held;
}

/* Whether somebody is still in lane_send(): the thread that ran the last job
 * may be. */
static bool lane_sends(plait__lane *lane) {
  bool any = false;
  plait__lane_lock(lane);
  lane->closing = true;
  atomic_store(&lane->cut, true);
  for (plait__lane_thread *t = lane->all; t != NULL; t = t->next)
    any |= t->sent_for;
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
