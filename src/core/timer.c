/* User timers.  Those of an instance are attached to it while they run, so that
 * they stop before its connection_lost. */
#include "core/timer.h"

#include "core/deliver.h"
#include "core/instance.h"
#include "core/runtime.h"

static void timer_unlink(plait_timer *timer) {
  if (timer->instance != NULL)
    plait__detach(timer->instance, &timer->attached);
  else
    plait__runtime_timer_unref(timer->reactor->runtime);
}

static void timer_unset(plait_timer *timer) {
  if (timer->instance != NULL) {
    plait_transport *t = timer->instance->transport;
    t->ops->timer_stop(t, timer);
  } else {
    plait__wheel_unset(&timer->reactor->wheel, &timer->alarm);
  }
}

static void timer_end(plait__attached *attached) {
  timer_unset(plait_container_of(attached, plait_timer, attached));
}

/* False: the instance takes no more timers. */
static bool timer_link(plait_timer *timer) {
  if (timer->instance == NULL) {
    plait__runtime_timer_ref(timer->reactor->runtime);
    return true;
  }
  timer->attached.end = timer_end;
  return plait__attach(timer->instance, &timer->attached);
}

/* ---- ringing ------------------------------------------------------------- */

static void timer_call(void *arg) {
  plait_timer *timer = arg;
  timer->fn(timer);
}

void plait__timer_ring(plait_timer *timer) {
  plait_protocol *p = timer->instance;
  if (timer->every_ms == 0)
    timer_unlink(timer);
  if (p == NULL)
    timer->fn(timer);
  else if (p->transport->ops->switching_to(p->transport, p))
    plait_timer_start(timer, 1, timer->every_ms); /* it is to be made first */
  else
    p->transport->ops->perform(p->transport, p, "timer", timer_call, timer);
}

static void timer_rings(plait__alarm *alarm) {
  plait_timer *timer = plait_container_of(alarm, plait_timer, alarm);
  plait_runtime *runtime = timer->reactor->runtime;
  /* plait_run() goes on at least until |fn| has returned: it may start the
   * timer again, or free it. */
  plait__runtime_ref(runtime);
  if (timer->every_ms != 0)
    plait__wheel_set_again(&timer->reactor->wheel, alarm, timer->every_ms);
  plait__timer_ring(timer);
  plait__runtime_unref(runtime);
}

/* ---- the public functions ------------------------------------------------ */

void plait_timer_init(plait_timer *timer, plait_transport *owner,
                      void (*fn)(plait_timer *timer)) {
  *timer = (plait_timer){.fn = fn, .alarm.ring = timer_rings};
  if (owner != NULL) {
    plait__at_home(owner, "plait_timer_init");
    timer->instance = owner->protocol;
    timer->reactor = plait__stream_of(owner)->reactor;
  } else {
    timer->reactor = plait__here();
  }
}

static bool timer_set(plait_timer *timer, uint64_t after_ms) {
  if (timer->instance == NULL) {
    plait__reactor_alarm(timer->reactor, &timer->alarm, after_ms);
    return true;
  }
  plait_transport *t = timer->instance->transport;
  return t->ops->timer_start(t, timer, after_ms);
}

void plait_timer_start(plait_timer *timer, uint64_t after_ms,
                       uint64_t every_ms) {
  if (timer->reactor == NULL)
    return; /* initialised where no reactor runs */
  if (plait_timer_active(timer))
    timer_unset(timer);
  else if (!timer_link(timer))
    return;
  timer->every_ms = every_ms;
  if (!timer_set(timer, after_ms))
    timer_unlink(timer);
}

void plait_timer_stop(plait_timer *timer) {
  if (!plait_timer_active(timer))
    return;
  timer_unset(timer);
  timer_unlink(timer);
}

bool plait_timer_active(const plait_timer *timer) {
  return plait__alarm_is_set(&timer->alarm) || timer->proxy != NULL;
}
