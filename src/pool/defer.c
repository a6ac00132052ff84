/* Tasks of a connection: one at a time, and in order.
 *
 * Until a switch takes effect they are the old instance's, which waits for
 * them: so the new one has none before it is made.
 *
 * Each is attached to the instance whose it is, the newest first; while it
 * waits for the one before it, its job, which no lane has, links it to its
 * neighbours.  So nothing has to be allocated.  The one that is on its way
 * retains the transport, and needs no reference to the runtime of its own. */
#include <plait/error.h>

#include "core/error.h"
#include "core/instance.h"
#include "core/stream.h"
#include "pool/pool.h"

static plait_task *task_of(plait__job *job) {
  return plait_container_of(job, plait_task, job);
}

static void defer_end(plait__attached *attached);

/* The newest of |p|'s tasks that has |flags|, or NULL. */
static plait_task *defer_newest(const plait_protocol *p, unsigned flags) {
  plait__attached *a = plait__instance_of(p)->attached;
  for (; a != NULL; a = a->next) {
    plait_task *task = plait_container_of(a, plait_task, attached);
    if (a->end == defer_end && (task->flags & flags) == flags)
      return task;
  }
  return NULL;
}

/* It is over: what held data back may go. */
static void defer_forget(plait_task *task) {
  plait_protocol *p = task->owner;
  plait_transport *t = p->transport;
  plait__detach(p, &task->attached);
  plait__task_unwatch(task);
  if (task->flags & PLAIT_HOLD_READING &&
      defer_newest(p, PLAIT_HOLD_READING) == NULL)
    t->ops->hold_data(t, false);
}

/* ---- on its way ---------------------------------------------------------- */

/* On a worker, or where it was dropped. */
static void defer_finished(plait__job *job) {
  plait_task *task = task_of(job);
  plait_transport *t = task->owner->transport;
  t->ops->mail(t, &task->mail);
}

static int defer_start(plait_task *task) {
  plait_transport *t = task->owner->transport;
  task->job.busy = t->ops->retain(t);
  task->waits = false;
  if (task->cancelled) {
    plait__task_drop(task, PLAIT_ECANCELED);
    return 0;
  }
  int code = plait__lane_push(&task->pool->tasks, &task->job,
                              plait__pool_stage(task->pool));
  if (code == 0 && task->timeout_ms != 0)
    plait_timer_start(&task->timer, task->timeout_ms, 0);
  return code;
}

static void defer_done(void *arg) {
  plait_task *task = arg;
  task->done(task, task->status);
}

/* The next one begins while |task| tells what came out; unless the connection
 * is gone, then it waits for its end. */
static void defer_next(plait_task *next) {
  plait_transport *t = next->owner->transport;
  next->before = NULL;
  if (t->ops->gone(t))
    return;
  int code = defer_start(next);
  if (code != 0)
    plait__task_drop(next, code);
}

static void defer_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  plait_task *task = plait_container_of(mail, plait_task, mail);
  plait_protocol *p = task->owner;
  plait_transport *t = p->transport;
  plait_task *next = task->after;
  (void)r;
  if (drop) /* the runtime is being freed */
    task->status = PLAIT_ECLOSED;
  if (next != NULL)
    defer_next(next);
  defer_forget(task);
  t->ops->perform(t, p, "done", defer_done, task);
  t->ops->release(t);
}

/* ---- waiting ------------------------------------------------------------- */

/* The connection is lost.  The newest is asked first, but the oldest ends
 * first. */
static void defer_end(plait__attached *attached) {
  plait_task *task = plait_container_of(attached, plait_task, attached);
  plait_protocol *p = task->owner;
  while (task->before != NULL)
    task = task->before;
  while (task != NULL) {
    plait_task *next = task->after;
    if (&task->attached != attached) /* which was detached */
      plait__detach(p, &task->attached);
    atomic_fetch_add(&task->pool->cancelled, 1);
    task->done(task, PLAIT_ECANCELED);
    task = next;
  }
}

bool plait__defer_cancel(plait_task *task) {
  if (!task->waits)
    return false;
  task->cancelled = true;
  return true;
}

/* ---- the public function ------------------------------------------------- */

static int defer_push(plait_task *task, plait_task *before) {
  plait_transport *t = task->owner->transport;
  if (before == NULL) {
    int code = defer_start(task);
    if (code != 0)
      t->ops->release(t);
    return code;
  }
  task->waits = true;
  task->before = before;
  before->after = task;
  return 0;
}

int plait_defer(plait_transport *t, plait_task *task, unsigned flags) {
  plait_reactor *r = plait__stream_of(t)->reactor;
  plait_pool *pool = plait_runtime_pool(r->runtime);
  plait__at_home(t, "plait_defer");
  plait_protocol *p = t->ops->receiver(t);
  if (pool == NULL)
    return plait__fail(PLAIT_ENOMEM, "defer: out of memory");
  plait_task *before = defer_newest(p, 0);
  plait__task_prepare(task, pool, r, defer_finished);
  task->owner = p;
  task->flags = flags;
  task->mail.deliver = defer_deliver;
  task->attached = (plait__attached){.end = defer_end, .waits = true};
  if (t->ops->gone(t) || !plait__attach(p, &task->attached))
    return plait__fail(PLAIT_ECLOSED, "defer: the connection is gone");
  plait__task_watch(task, t);
  if (flags & PLAIT_HOLD_READING)
    t->ops->hold_data(t, true);
  int code = defer_push(task, before);
  if (code == 0)
    return 0;
  defer_forget(task);
  return plait__fail(code, "defer: %s", plait_strerror(code));
}
