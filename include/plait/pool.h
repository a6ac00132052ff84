/* The worker pool: threads for work that may block a thread.
 *
 *     struct lookup { plait_task task; ... };     // embedded in yours
 *
 *     lookup->task.work = look_it_up;   // on a worker; takes its time
 *     lookup->task.done = looked_up;    // back on the reactor that submitted
 *     plait_pool_submit(plait_runtime_pool(runtime), &lookup->task);
 *
 * Each runtime has one.  Its threads are started when there is work, and end
 * when there was none for a while.  (Twisted's reactor.callInThread with
 * deferToThread's way back; libuv's uv_queue_work.)
 */
#ifndef PLAIT_POOL_H
#define PLAIT_POOL_H

#include <plait/call.h>
#include <plait/export.h>
#include <plait/protocol.h>
#include <plait/timer.h>

PLAIT_BEGIN

/* A runtime's threads. */
typedef struct plait_pool plait_pool;
/* One piece of work for them. */
typedef struct plait_task plait_task;

/* private: what a lane of the pool queues */
typedef struct plait__job {
  struct plait__job *next, *prev;
  void (*run)(struct plait__job *job);      /* on a worker */
  void (*finished)(struct plait__job *job); /* likewise, when it is counted */
  void (*dropped)(struct plait__job *job, int code); /* it will not run */
  void (*orphaned)(
      struct plait__job *job); /* it has run, and all else is gone */
  const char *name;
  /* An _Atomic(unsigned): jobs that run for what has one reference to the
   * runtime for all of them; NULL: this one has its own. */
  void *busy;
  uint64_t since_ns; /* queued, then begun */
  uint64_t moved_ns; /* atomic: when it last began a call of several */
  bool queued;
} plait__job;

/* In plait_runtime_options; all zero is a good default. */
typedef struct plait_pool_options {
  unsigned threads_min;        /* kept once they were started [0] */
  unsigned threads_max;        /* for tasks, at a time [4 x processors] */
  unsigned strand_threads_max; /* for strands, besides [4 x processors] */
  unsigned name_threads_max;   /* for the resolver, besides [8] */
  uint32_t idle_ms;            /* an idle thread ends after this [30,000]; or
                                  PLAIT_UNLIMITED */
  uint32_t queue_max;          /* tasks that wait at a time [65,536]; or
                                  PLAIT_UNLIMITED */
} plait_pool_options;

/* Zeroed at first, and yours again once |done| was called. */
struct plait_task {
  /* On a worker, in the order of submission but many at a time.  It may block,
   * and use handles; plait_reactor_current() is NULL. */
  void (*work)(plait_task *task);
  /* On the reactor that submitted, exactly once.  0: |work| has returned;
   * PLAIT_ETIMEOUT: so it has, but too late; PLAIT_ECANCELED: it was cancelled,
   * or the runtime's grace was over, before |work| began; PLAIT_ECLOSED: the
   * runtime is being freed, this is the thread that does so, and nothing of
   * plait's may be called. */
  void (*done)(plait_task *task, int status);
  const char *name; /* for messages about a task that does not return */

  /* Optional: how long |work| may take, from when it begins [0: any time]. When
   * that is over, |timed_out| is called, once and where |done| would be, and
   * plait_task_is_late() is true.  Nobody can stop |work|: it goes on, and
   * |done| follows when it returns. */
  uint32_t timeout_ms;
  void (*timed_out)(plait_task *task);

  /* private */
  plait_timer timer;
  plait__attached attached;   /* plait_defer(): to |owner| */
  plait_task *before, *after; /* of its owner's */
  plait_protocol *owner;
  /* What each submission touches lies together: it goes from one processor to
   * another and back. */
  plait_pool *pool;
  plait_reactor *reactor;
  plait__mail mail;
  int status;
  unsigned flags;
  bool waits, cancelled; /* for |before| */
  bool expected;         /* |reactor| counts on it */
  bool late, returned;   /* atomic */
  plait__job job;
};

/* The runtime's pool; good until plait_runtime_free().  NULL: out of memory;
 * functions that are given it answer so, and have no stats.  Any thread. */
PLAIT_EXTERN plait_pool *plait_runtime_pool(plait_runtime *runtime);

/* Queues |task|, which must not be queued.  Allocates nothing, unless a thread
 * is started.  It may begin at once; of several that a callback submits, all
 * but one may begin only when the callback has returned, so do not wait for
 * them there.  plait_run() waits for it.  In a callback on a reactor of the
 * pool's runtime, or a connection's on a worker.
 *
 * 0, or with plait_error_detail(), and the task is yours: PLAIT_EINVAL,
 * elsewhere; PLAIT_EFULL: queue_max tasks wait; PLAIT_ECANCELED: the grace is
 * over; PLAIT_ENOTSUP: it has a time-out, and this callback is on a worker
 * (plait_defer() can); PLAIT_ENOMEM, PLAIT_EAGAIN: there is no thread, and none
 * could be started. */
PLAIT_EXTERN int plait_pool_submit(plait_pool *pool, plait_task *task);

/* For |work|, which may give up then: whether its time is over.  Any thread. */
PLAIT_EXTERN bool plait_task_is_late(const plait_task *task);

enum { PLAIT_HOLD_READING = 1u }; /* for plait_defer() */

/* Work for the connection of |t|: like plait_pool_submit(), but its tasks are
 * done one at a time and in order, and |done| comes in its serial context, as
 * one of its callbacks.  With PLAIT_HOLD_READING in |flags| no data and no end
 * of input are delivered before |done|, so that replies keep the order of the
 * requests.
 *
 * When the connection is lost, its socket closes at once; a task that runs is
 * waited for and gets its |done|, then those that wait get
 * done(PLAIT_ECANCELED), then comes connection_lost.  After a switch of
 * protocols the old instance gets its connection_lost when its tasks are done,
 * with those that it defers until then.
 * So |task| may lie in the instance, and |work| may read what the connection's
 * callbacks leave alone meanwhile.
 *
 * In the connection's serial context.  0, or with plait_error_detail()
 * PLAIT_ECLOSED: the connection is gone; PLAIT_ENOMEM; and, if none of its
 * tasks is under way, what plait_pool_submit() answers (if one is, |done| gets
 * it). */
PLAIT_EXTERN int plait_defer(plait_transport *t, plait_task *task,
                             unsigned flags);

/* Takes |task| out of the queue: 0, and done(PLAIT_ECANCELED) follows, not from
 * inside this call.  PLAIT_EBUSY: it runs, or is done; nothing changes.  On the
 * reactor that submitted, or in the serial context of the connection that
 * deferred it. */
PLAIT_EXTERN int plait_task_cancel(plait_task *task);

/* Sleeps the calling thread: in |work|, in a callback on a worker, on a thread
 * of yours.  On the simulator (<plait/sim.h>) it is virtual time that passes,
 * so what stands for a call that blocks is this. */
PLAIT_EXTERN void plait_work_sleep_ms(uint32_t ms);

/* How busy the pool is, and was. */
typedef struct plait_pool_stats {
  unsigned threads, idle; /* now; idle ones are among the threads */
  unsigned queued;        /* jobs that wait now */
  unsigned running;       /* jobs that run now */
  uint64_t done;          /* jobs that have returned */
  uint64_t cancelled, refused, timed_out;
  uint64_t saturated;   /* how often something had to wait because all threads
                           that may be were running */
  uint64_t wait_max_us; /* the longest a job waited to begin */
  uint64_t run_max_us;  /* the longest that one ran, of those that returned */
} plait_pool_stats;

/* About tasks; strands have threads of their own.  Any thread. */
PLAIT_EXTERN void plait_pool_get_stats(plait_pool *pool, plait_pool_stats *ret);

/* About strands, those of connections on workers included; their jobs are turns
 * of some calls or events each.  Many |saturated| and a long |wait_max_us| mean
 * that callbacks block each other: strand_threads_max is too low.  Any thread.
 */
PLAIT_EXTERN void plait_pool_get_strand_stats(plait_pool *pool,
                                              plait_pool_stats *ret);

PLAIT_END

#endif
