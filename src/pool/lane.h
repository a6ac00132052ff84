/* A lane: a queue of jobs with threads of its own, so that no kind of work
 * starves another. */
#ifndef PLAIT_POOL_LANE_H
#define PLAIT_POOL_LANE_H

#include <plait/pool.h>
#include <stdatomic.h>

#include "core/driver.h"

typedef struct plait__lane_thread plait__lane_thread;

/* What a lane is made with; PLAIT_UNLIMITED where there is no bound. */
typedef struct plait__lane_options {
  const char *thread_name;
  unsigned threads_min, threads_max, queue_max;
  unsigned stuck_max; /* threads that jobs which were given up may keep,
                         besides; 0: jobs are not given up */
  uint32_t idle_ms;
} plait__lane_options;

typedef struct plait__lane {
  const plait__os *os;
  plait__lane_options options;
  atomic_flag lock; /* held for a few instructions, never for a job */
  atomic_bool cut;  /* set under the lock */

  /* all under the lock */
  plait__job *first, *last;
  unsigned queued, running, threads, idle, stuck;
  int held; /* references to the runtime that running jobs account for */
  plait__lane_thread *idle_first; /* parked, the latest first */
  plait__lane_thread *waking;     /* woken or started, and not running yet */
  plait__lane_thread *all;        /* those that have ended included */
  bool closing;
  bool full; /* jobs wait, and all threads there may be are running */
  uint64_t done, refused, saturated, wait_max_ns, run_max_ns;
} plait__lane;

void plait__lane_init(plait__lane *lane, const plait__os *os,
                      const plait__lane_options *options);

/* Queues |job| and sees to it that a thread looks for it.  PLAIT_EFULL if
 * queue_max jobs wait, PLAIT_ECANCELED after a cut, or what starting the
 * first thread has failed with: then others that wait are dropped with it too,
 * and |job| is not.  Any thread. */
int plait__lane_push(plait__lane *lane, plait__job *job);
/* Takes |job| out again; false: it has begun.  Any thread. */
bool plait__lane_remove(plait__lane *lane, plait__job *job);
/* When |job|, which was pushed and has not finished, began; 0: it has not. */
uint64_t plait__lane_began(plait__lane *lane, const plait__job *job);
/* Nobody waits any more for |job|, which has begun: its thread counts as stuck
 * until it returns, and another one may take its place, unless stuck_max are.
 */
void plait__lane_abandon(plait__lane *lane, const plait__job *job);
/* Nothing begins from now on: what is queued is dropped with PLAIT_ECANCELED.
 */
void plait__lane_cut(plait__lane *lane);
/* How many references to the runtime running jobs account for, here less what
 * other lanes' jobs for the same do.  |ret_name| becomes the name of one, if
 * one has a name; |ret_young| becomes true if one has begun less than
 * PLAIT__STUCK_MS ago. */
int plait__lane_running(plait__lane *lane, const char **ret_name,
                        bool *ret_young);
/* Ends all threads.  Nothing is queued, and nothing begins any more; nothing
 * runs, but in a lane whose jobs may be given up: those are left to themselves,
 * and get |orphaned| on their threads when they return. */
void plait__lane_fini(plait__lane *lane);

void plait__lane_lock(plait__lane *lane);
void plait__lane_unlock(plait__lane *lane);

#endif
