/* A runtime is N reactors on N threads; plait_run() is your program's main
 * loop. */
#ifndef PLAIT_RUNTIME_H
#define PLAIT_RUNTIME_H

#include <plait/export.h>
#include <plait/pool.h>

PLAIT_BEGIN

/* One reactor for each processor this process may use. */
#define PLAIT_PER_CPU UINT32_MAX

enum { PLAIT_REACTORS_MAX = 64 }; /* of all runtimes of a process together */

/* What names are looked up by. */
typedef enum plait_resolver_kind {
  PLAIT_RESOLVER_DEFAULT = 0, /* the system */
  PLAIT_RESOLVER_SYSTEM,      /* getaddrinfo and getnameinfo, on threads */
  PLAIT_RESOLVER_CARES /* c-ares on the reactor that asks: hosts file and DNS,
                          without threads */
} plait_resolver_kind;

/* All zero is a good default: one reactor on the thread of plait_run(). */
typedef struct plait_runtime_options {
  unsigned reactors;   /* [1]; PLAIT_PER_CPU; at most PLAIT_REACTORS_MAX */
  bool pin;            /* each reactor's thread to a processor of its own */
  bool handle_signals; /* the first SIGINT or SIGTERM stops, a second one stops
      now; off by default, the previous handling is restored afterwards */
  bool keep_running;   /* plait_run() returns only when stopped */
  uint32_t grace_ms;   /* from stop until connections are cut [10,000] */
  plait_pool_options pool;
  plait_resolver_kind resolver;
  const plait_backend *backend; /* what it runs on [the system]; another one is
                                   plait_sim_backend() */
} plait_runtime_options;

/* Makes a runtime; |options| may be NULL.  0, or with plait_error_detail()
 * PLAIT_EINVAL (more than PLAIT_REACTORS_MAX reactors), PLAIT_ELIMIT (more than
 * that in the process), PLAIT_ENOMEM, PLAIT_EMFILE, PLAIT_ENFILE, PLAIT_ENOTSUP
 * (c-ares, and plait was configured without).  Free it with
 * plait_runtime_free(). */
PLAIT_EXTERN int plait_runtime_new(const plait_runtime_options *options,
                                   plait_runtime **ret);

/* Runs the reactors, the first one on the calling thread.  Returns when
 * stopped, or when nothing is left that it waits for: listeners, ports for
 * datagrams, connectors, connections, processes, tasks, queries, calls that are
 * queued; and, as long as it is not stopped, timers without an owner that run,
 * watches, signals and idle functions that are started.
 *
 * 0; with plait_error_detail(), PLAIT_EDRAIN after plait_runtime_stop_now(),
 * PLAIT_EBUSY if the grace is over and a task, a callback on a worker or a
 * background function has not returned, or another negative code if it could
 * not start.  Once per runtime (PLAIT_EINVAL).  SIGPIPE is blocked in plait's
 * threads; the caller gets its signal mask back. */
PLAIT_EXTERN int plait_run(plait_runtime *runtime);

/* Stops in order: listeners accept what already waits for them and close, each
 * protocol gets |draining|, and what is left after grace_ms is cut with
 * PLAIT_EDRAIN.  Any thread, any signal handler, more than once. */
PLAIT_EXTERN void plait_runtime_stop(plait_runtime *runtime);

/* Stops at once: connections are reset with PLAIT_EDRAIN.  Any thread, any
 * signal handler. */
PLAIT_EXTERN void plait_runtime_stop_now(plait_runtime *runtime);

/* Frees everything the runtime still has; calls that did not run get |drop|.
 * 0, or with plait_error_detail() and nothing freed PLAIT_EBUSY: plait_run()
 * runs, or a task, a callback on a worker or a background function has not
 * returned.  NULL is harmless. */
PLAIT_EXTERN int plait_runtime_free(plait_runtime *runtime);

/* How many it has.  Any thread. */
PLAIT_EXTERN unsigned plait_runtime_reactors(const plait_runtime *runtime);
/* Reactor |i|, or NULL if there are not so many.  Any thread. */
PLAIT_EXTERN plait_reactor *plait_runtime_reactor(plait_runtime *runtime,
                                                  unsigned i);

PLAIT_END

#endif
