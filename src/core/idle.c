/* Idle functions: a ring of a reactor, gone round once before it would wait.
 *
 * A function may stop any of them, and free its memory, and start others: so
 * each is moved behind the others before it is called, and says in which round
 * that was. */
#include <plait/error.h>
#include <plait/idle.h>

#include "core/error.h"
#include "core/reactor.h"
#include "core/runtime.h"

void plait_idle_init(plait_idle *idle, void (*fn)(plait_idle *idle)) {
  *idle = (plait_idle){.fn = fn};
}

/* ---- the ring ------------------------------------------------------------ */

/* Behind all others, the first of which |r->idles| is. */
static void idle_link(plait_reactor *r, plait_idle *idle) {
  plait_idle *first = r->idles;
  if (first == NULL) {
    idle->next = idle->prev = idle;
    r->idles = idle;
    return;
  }
  idle->next = first;
  idle->prev = first->prev;
  first->prev->next = idle;
  first->prev = idle;
}

static void idle_unlink(plait_reactor *r, plait_idle *idle) {
  if (idle->next == idle) {
    r->idles = NULL;
    return;
  }
  idle->next->prev = idle->prev;
  idle->prev->next = idle->next;
  if (r->idles == idle)
    r->idles = idle->next;
}

/* Each once; or as many as there is time for, and the others the next time.
 * The wake at the end is what the loop does not wait for. */
void plait__idles_run(plait_reactor *r) {
  plait_runtime *runtime = r->runtime;
  uint64_t end_ns = r->os->now_ns() + PLAIT__TURN_NS;
  unsigned round = ++r->idle_round;
  plait_idle *idle;
  plait__runtime_ref(runtime); /* plait_run() goes on until all have returned */
  plait__reactor_clock(r);
  r->in_batch = true;
  while ((idle = r->idles) != NULL && idle->round != round) {
    idle->round = round;
    r->idles = idle->next; /* it is the last one now */
    idle->fn(idle);
    if (r->os->now_ns() >= end_ns)
      break;
  }
  r->in_batch = false;
  r->os->wake(r->loop);
  plait__runtime_unref(runtime);
}

/* ---- the public functions ------------------------------------------------ */

int plait_idle_start(plait_idle *idle) {
  plait_reactor *r = plait__here();
  if (r == NULL)
    return plait__fail(PLAIT_EINVAL, "idle: not in a callback of a reactor");
  if (idle->reactor == r)
    return 0;
  if (idle->reactor != NULL)
    return plait__fail(PLAIT_EINVAL, "idle: active on another reactor");
  idle->reactor = r;
  idle->round = r->idle_round; /* not in the one that is under way */
  idle_link(r, idle);
  plait__runtime_timer_ref(r->runtime);
  return 0;
}

void plait_idle_stop(plait_idle *idle) {
  plait_reactor *r = idle->reactor;
  if (r == NULL)
    return;
  idle_unlink(r, idle);
  idle->reactor = NULL;
  plait__runtime_timer_unref(r->runtime);
}

bool plait_idle_active(const plait_idle *idle) {
  return idle->reactor != NULL;
}
