/* Tasks.
 *
 *   reactor               worker                 reactor
 *   submit --> lane --> work() --> its mailbox --> done()
 *
 * A task has a reference to the runtime from submission until |done| has
 * returned, so plait_run() waits for it. */
#include <plait/error.h>
#include <plait/factory.h>

#include "core/context.h"
#include "core/error.h"
#include "core/reactor.h"
#include "core/runtime.h"
#include "pool/pool.h"

static plait_task *task_of(plait__job *job) {
  return plait_container_of(job, plait_task, job);
}

/* ---- time-outs ----------------------------------------------------------- */

/* Counted from when |work| began: so the timer looks when that was, and is
 * started again. */
static void task_rings(plait_timer *timer) {
  plait_task *task = plait_container_of(timer, plait_task, timer);
  uint64_t limit_ns = (uint64_t)task->timeout_ms * 1000000;
  uint64_t began_ns = plait__lane_began(&task->pool->tasks, &task->job);
  uint64_t now_ns = task->reactor->os->now_ns();
  if (__atomic_load_n(&task->returned, __ATOMIC_ACQUIRE))
    return; /* done is on its way */
  if (began_ns == 0) {
    plait_timer_start(timer, task->timeout_ms, 0);
  } else if (now_ns - began_ns < limit_ns) {
    uint64_t left_ns = limit_ns - (now_ns - began_ns);
    plait_timer_start(timer, left_ns / 1000000 + 1, 0);
  } else {
    __atomic_store_n(&task->late, true, __ATOMIC_RELEASE);
    task->status = PLAIT_ETIMEOUT;
    atomic_fetch_add(&task->pool->timed_out, 1);
    if (task->timed_out != NULL)
      task->timed_out(task);
  }
}

void plait__task_watch(plait_task *task, plait_transport *owner) {
  if (task->timeout_ms != 0)
    plait_timer_init(&task->timer, owner, task_rings);
}

void plait__task_unwatch(plait_task *task) {
  if (task->timeout_ms != 0)
    plait_timer_stop(&task->timer);
}

bool plait_task_is_late(const plait_task *task) {
  return __atomic_load_n(&task->late, __ATOMIC_ACQUIRE);
}

/* ---- on their way -------------------------------------------------------- */

static void task_run(plait__job *job) {
  plait_task *task = task_of(job);
  task->work(task);
  __atomic_store_n(&task->returned, true, __ATOMIC_RELEASE);
}

static void task_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  plait_task *task = plait_container_of(mail, plait_task, mail);
  plait_runtime *runtime = r->runtime;
  r->expected -= task->expected;
  plait__task_unwatch(task);
  task->done(task, drop ? PLAIT_ECLOSED : task->status);
  plait__runtime_unref(runtime);
}

static void task_finished(plait__job *job) {
  plait_task *task = task_of(job);
  task->mail.deliver = task_deliver;
  plait__reactor_mail(task->reactor, &task->mail);
}

void plait__task_drop(plait_task *task, int code) {
  task->status = code;
  __atomic_store_n(&task->returned, true, __ATOMIC_RELEASE);
  atomic_fetch_add(&task->pool->cancelled, 1);
  task->job.finished(&task->job);
}

static void task_dropped(plait__job *job, int code) {
  plait__task_drop(task_of(job), code);
}

void plait__task_prepare(plait_task *task, plait_pool *pool,
                         plait_reactor *reactor,
                         void (*finished)(plait__job *job)) {
  task->reactor = reactor;
  task->pool = pool;
  task->status = 0;
  task->owner = NULL;
  task->before = task->after = NULL;
  task->waits = task->cancelled = task->late = task->returned = false;
  task->job = (plait__job){.name = task->name,
                           .run = task_run,
                           .finished = finished,
                           .dropped = task_dropped};
}

/* ---- the public functions ------------------------------------------------ */

/* From a worker: once it is queued it may be done, and gone. */
static int task_push(plait_task *task, plait_reactor *r) {
  bool timed = task->timeout_ms != 0;
  /* A callback on a worker is not where that may be counted. */
  task->expected = plait__here() == r;
  r->expected += task->expected;
  plait__task_watch(task, NULL);
  plait__runtime_ref(r->runtime);
  plait__stage *stage = plait__pool_stage(task->pool);
  plait__lane *lane = &task->pool->tasks;
  int code = stage != NULL ? plait__lane_stage(lane, &task->job, stage)
                           : plait__lane_push(lane, &task->job, NULL);
  if (code != 0) {
    r->expected -= task->expected;
    plait__runtime_unref(r->runtime);
  } else if (timed) { /* so this is its reactor, where |done| would be */
    plait_timer_start(&task->timer, task->timeout_ms, 0);
  }
  return code;
}

int plait_pool_submit(plait_pool *pool, plait_task *task) {
  plait_reactor *r = plait_reactor_current();
  if (pool == NULL)
    return plait__fail(PLAIT_ENOMEM, "submit: no pool: out of memory");
  if (r == NULL || r->runtime != pool->runtime)
    return plait__fail(PLAIT_EINVAL, "submit: not on a reactor of the pool");
  if (task->timeout_ms != 0 && plait__here() != r)
    return plait__fail(PLAIT_ENOTSUP,
                       "submit: a time-out takes a reactor, or plait_defer()");
  plait__task_prepare(task, pool, r, task_finished);
  int code = task_push(task, r);
  return code != 0 ? plait__fail(code, "submit: %s", plait_strerror(code)) : 0;
}

int plait_task_cancel(plait_task *task) {
  if (task->owner != NULL && plait__defer_cancel(task))
    return 0;
  plait__stage *stage = plait__pool_stage(task->pool);
  if (stage != NULL)
    plait__lane_flush(&task->pool->tasks, stage); /* it may be there */
  if (!plait__lane_remove(&task->pool->tasks, &task->job))
    return PLAIT_EBUSY;
  plait__task_drop(task, PLAIT_ECANCELED);
  return 0;
}

void plait_work_sleep_ms(uint32_t ms) {
  const plait__os *os = plait__context_here()->os;
  if (os == NULL)
    os = plait__uv_backend.os;
  os->sleep_ns((uint64_t)ms * 1000000);
}
