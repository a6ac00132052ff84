/* A lane: a queue of jobs with threads of its own, so that no kind of work
 * starves another. */
#ifndef PLAIT_POOL_LANE_H
#define PLAIT_POOL_LANE_H

#include <plait/pool.h>
#include <stdalign.h>
#include <stdatomic.h>

#include "core/driver.h"
#include "core/runtime.h"

typedef struct plait__lane_thread plait__lane_thread;

/* The lanes of a pool, as bits of what a reactor has promised. */
enum {
  PLAIT__LANE_TASKS = 1u << 0,
  PLAIT__LANE_STRANDS = 1u << 1,
  PLAIT__LANE_NAMES = 1u << 2,
  PLAIT__LANE_PROCESSES = 1u << 3 /* which no reactor promises */
};

/* What a lane is made with; PLAIT_UNLIMITED where there is no bound. */
typedef struct plait__lane_options {
  const char *thread_name;
  unsigned bit; /* PLAIT__LANE_* */
  unsigned threads_min, threads_max, queue_max;
  unsigned stage_max; /* jobs that a reactor may queue at once */
  unsigned stuck_max; /* threads that jobs which were given up may keep,
                         besides; 0: jobs are not given up */
  uint32_t idle_ms;
} plait__lane_options;

typedef struct plait__lane {
  /* What every push and every end of a job reads and writes: one line of the
   * cache, which goes to and fro between processors. */
  alignas(64)
      atomic_flag lock; /* held for a few instructions, never for a job */
  atomic_bool cut;      /* set under the lock */
  bool closing;
  bool full; /* jobs wait, and all threads there may be are running */
  unsigned queued, running, threads, idle, stuck;
  unsigned promises; /* reactors that are going to look before they wait */
  unsigned reserved; /* places in the queue, for what they stage */
  int held; /* references to the runtime that running jobs account for */
  plait__job *first, *last;
  plait__lane_thread *idle_first; /* parked, the latest first */
  plait__lane_thread *waking;     /* woken or started, and not running yet */

  uint64_t done, wait_max_ns, run_max_ns, refused, saturated;
  plait__lane_thread *all; /* those that have ended included */

  alignas(64) const plait__os *os;
  plait__lane_options options;
} plait__lane;

void plait__lane_init(plait__lane *lane, const plait__os *os,
                      const plait__lane_options *options);

/* Queues |job| and sees to it that a thread looks for it.  PLAIT_EFULL if
 * queue_max jobs wait, PLAIT_ECANCELED after a cut, or what starting the
 * first thread has failed with: then others that wait are dropped with it too,
 * and |job| is not.  Any thread.
 *
 * |stage| is NULL, or that of the reactor that pushes: then no further thread
 * is woken as long as one is running, for that may keep up; and if the bit of
 * the lane is in |promised|, plait__lane_keep() has to be called before the
 * reactor waits. */
int plait__lane_push(plait__lane *lane, plait__job *job, plait__stage *stage);
/* Likewise, but as long as there is such a promise |job| is only staged: before
 * the reactor does anything but run callbacks plait__lane_flush() has to be
 * called.  Of one lane of a pool, and with a reactor's own jobs, which no other
 * thread removes. */
int plait__lane_stage(plait__lane *lane, plait__job *job, plait__stage *stage);
/* Queues what is staged. */
void plait__lane_flush(plait__lane *lane, plait__stage *stage);
/* Ends a promise: wakes a thread if something is queued. */
void plait__lane_keep(plait__lane *lane, plait__stage *stage);
/* Takes |job| out again; false: it has begun.  Any thread. */
bool plait__lane_remove(plait__lane *lane, plait__job *job);
/* When |job|, which was pushed and has not finished, began; 0: it has not. */
uint64_t plait__lane_began(plait__lane *lane, const plait__job *job);
/* |job|, which runs, begins another of its calls: it is not stuck.  On its
 * thread. */
void plait__lane_moves(plait__lane *lane, plait__job *job);
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
