/* The pool of a runtime: its lanes. */
#ifndef PLAIT_POOL_POOL_H
#define PLAIT_POOL_POOL_H

#include <plait/factory.h>
#include <plait/pool.h>
#include <plait/strand.h>

#include "core/runtime.h"
#include "pool/lane.h"

struct plait_pool {
  plait__workers workers; /* what the runtime knows of it */
  plait_runtime *runtime;
  void *memory; /* that it lies in */
  plait__lane tasks, strands, names, processes;
  _Atomic(struct plait_resolver *) resolver;  /* NULL until it is used */
  atomic_uint_least64_t cancelled, timed_out; /* tasks */
  plait_factory pipes;                        /* of processes: see process.c */
};

/* process.c: what the pipes of processes run. */
extern const plait_protocol_ops plait__pipe_ops;

/* pool.c: the calling reactor's; NULL on other threads. */
plait__stage *plait__pool_stage(const plait_pool *pool);

/* defer.c: |task| was deferred and has not begun.  False: it has. */
bool plait__defer_cancel(plait_task *task);

/* pool.c: a job for |task|. */
void plait__task_prepare(plait_task *task, plait_pool *pool,
                         plait_reactor *reactor,
                         void (*finished)(plait__job *job));
/* Before it is pushed, and when it is over: its time-out, if it has one.  In
 * the serial context of its timer. */
void plait__task_watch(plait_task *task, plait_transport *owner);
void plait__task_unwatch(plait_task *task);
/* It will not run. */
void plait__task_drop(plait_task *task, int code);

#endif
