/* A reactor's loop: when plait__turn() is called, and by what.
 *
 *   libuv's iteration:  timers -> poll [dispatch, async, signals] -> check
 *                          |                                           |
 *                          +---> plait__turn() if the deadline is due  |
 *                                plait__turn() after every batch <-----+
 *
 * A deadline ends the poll phase, so as a rule it is the check handle whose
 * turn serves it; that turn arms a later one, and the timer, when it fires in
 * the next iteration, merely starts itself anew.  It takes a turn of its own
 * only if the deadline came due after the check. */
#include "uv/backend.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>

enum { NS_PER_MS = 1000000 };
static const uint64_t NEVER = UINT64_MAX;

/* It ended the poll phase; the check handle does the rest. */
static void loop_on_async(uv_async_t *async) {
  (void)async;
}

/* By an exchange, which has its place among those of plait__uv_wake(): what a
 * wake that it ends is about is seen by the turn.  A store could go behind the
 * look into the mailbox, and end a wake that came between the two. */
static void loop_turn(plait__loop *loop) {
  atomic_exchange(&loop->woken, false);
  plait__turn(loop->uv.data);
  plait__uv_tell_closed(loop);
}

static void loop_on_check(uv_check_t *check) {
  plait__loop *loop = (plait__loop *)check->loop;
  atomic_store(&loop->awake, true);
  loop_turn(loop);
}

static bool loop_is_woken(void *arg) {
  plait__loop *loop = arg;
  return atomic_load_explicit(&loop->woken, memory_order_relaxed);
}

static void loop_on_idle(uv_idle_t *idle) {
  (void)idle;
}

/* Before the poll: something that was sent to a worker may come back soon, and
 * need not end a poll then.  As long as it does, polls do not wait.  Whoever
 * wakes says so first and then looks whether it is seen; here it is the other
 * way round, so one of the two sees it. */
static void loop_on_prepare(uv_prepare_t *prepare) {
  plait__loop *loop = (plait__loop *)prepare->loop;
  if (plait__expects(loop->uv.data))
    plait__uv_wait_a_moment(&loop->patience, loop_is_woken, loop);
  atomic_store(&loop->awake, false);
  if (!atomic_load(&loop->woken))
    plait__before_wait(loop->uv.data);
  if (!atomic_load(&loop->woken)) {
    if (loop->spins)
      uv_idle_stop(&loop->idle);
    loop->spins = false;
    return;
  }
  atomic_store(&loop->awake, true);
  loop_turn(loop);
  uv_idle_start(&loop->idle, loop_on_idle);
  loop->spins = true;
}

static void loop_on_timer(uv_timer_t *timer);

/* Counted from uv_now() and not from the clock, the expiry libuv computes is
 * |ms| exactly, however old its idea of now is.  Its now is never ahead of
 * the clock, so nothing fires early. */
static void loop_start_timer(plait__loop *loop, uint64_t ms) {
  uint64_t now = uv_now(&loop->uv);
  loop->timer_ms = ms;
  uv_timer_start(&loop->timer, loop_on_timer, ms > now ? ms - now : 0, 0);
}

static void loop_on_timer(uv_timer_t *timer) {
  plait__loop *loop = (plait__loop *)timer->loop;
  loop->timer_ms = NEVER;
  if (loop->deadline_ms == NEVER)
    return;
  if (loop->deadline_ms > uv_now(&loop->uv)) {
    loop_start_timer(loop, loop->deadline_ms);
    return;
  }
  loop->deadline_ms = NEVER;
  loop_turn(loop);
}

int plait__uv_loop_new(plait_reactor *reactor, plait__loop **ret) {
  plait__loop *loop = plait__uv_alloc(NULL, sizeof *loop, "loop");
  if (!loop)
    return PLAIT_ENOMEM;
  *loop = (plait__loop){.deadline_ms = NEVER, .timer_ms = NEVER};
  int rc = uv_loop_init(&loop->uv);
  if (rc)
    goto fail_alloc;
  loop->uv.data = reactor;
  rc = uv_async_init(&loop->uv, &loop->async, loop_on_async);
  if (rc)
    goto fail_loop;
  uv_timer_init(&loop->uv, &loop->timer); /* these six cannot fail */
  uv_check_init(&loop->uv, &loop->check);
  uv_check_start(&loop->check, loop_on_check);
  uv_prepare_init(&loop->uv, &loop->prepare);
  uv_prepare_start(&loop->prepare, loop_on_prepare);
  uv_idle_init(&loop->uv, &loop->idle);
  *ret = loop;
  return 0;

fail_loop:
  uv_loop_close(&loop->uv);
fail_alloc:
  plait__uv_alloc(loop, 0, "loop");
  return rc;
}

void plait__uv_loop_run(plait__loop *loop) {
  plait__uv_tell_closed(loop); /* of a turn before the loop ran */
  uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void plait__uv_loop_stop(plait__loop *loop) {
  uv_stop(&loop->uv);
}

void plait__uv_loop_free(plait__loop *loop) {
  plait__uv_signals_close(loop);
  uv_close((uv_handle_t *)&loop->check, NULL);
  uv_close((uv_handle_t *)&loop->prepare, NULL);
  uv_close((uv_handle_t *)&loop->idle, NULL);
  uv_close((uv_handle_t *)&loop->timer, NULL);
  uv_close((uv_handle_t *)&loop->async, NULL);
  plait__uv_tell_closed(loop);
  plait__uv_watches_close(loop);
  plait__uv_polls_close(loop);
  /* A stop that came when the loop no longer ran ends the first run at once. */
  while (uv_run(&loop->uv, UV_RUN_DEFAULT)) {
  }
  int rc = uv_loop_close(&loop->uv);
  assert(rc == 0);
  (void)rc;
  plait__uv_polls_free(loop);
  plait__uv_signals_free(loop);
  plait__uv_alloc(loop->batch, 0, "batch");
  plait__uv_alloc(loop, 0, "loop");
}

/* libuv sends nothing if it finds that it has, and reads that without order: on
 * processors that let a read go ahead of a write it may do so before others
 * see what this wake is about, and the loop look for that before it is there.
 * An exchange has its place among all those of |woken|: if it comes before that
 * of loop_turn(), what was done before it is seen in that turn. */
void plait__uv_wake(plait__loop *loop) {
  plait__uv_patience_met(&loop->patience);
  if (atomic_exchange(&loop->woken, true) || atomic_load(&loop->awake))
    return;
  int saved = errno; /* a signal handler may be calling */
  uv_async_send(&loop->async);
  errno = saved;
}

void plait__uv_arm(plait__loop *loop, uint64_t deadline_ns) {
  uint64_t ms = NEVER;
  if (deadline_ns != NEVER)
    ms = deadline_ns / NS_PER_MS + (deadline_ns % NS_PER_MS != 0);
  loop->deadline_ms = ms;
  /* A timer that fires too soon looks again; moving it each time a deadline
   * moves away would cost more. */
  if (ms < loop->timer_ms)
    loop_start_timer(loop, ms);
}
