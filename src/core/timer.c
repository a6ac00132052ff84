/* User timers.  Those of an instance are attached to it while they run, so that
 * they stop before its connection_lost. */
#include <plait/timer.h>

#include "core/deliver.h"
#include "core/instance.h"
#include "core/runtime.h"

static void timer_unlink(plait_timer *timer) {
  if (timer->instance != NULL)
    plait__detach(timer->instance, &timer->attached);
  else
    plait__runtime_timer_unref(timer->reactor->runtime);
}

static void timer_end(plait__attached *attached) {
  plait_timer *timer = plait_container_of(attached, plait_timer, attached);
  plait__wheel_unset(&timer->reactor->wheel, &timer->alarm);
}

/* False: the instance takes no more timers. */
static bool timer_link(plait_timer *timer) {
  if (timer->instance == NULL) {
    plait__runtime_timer_ref(timer->reactor->runtime);
    return true;
  }
  plait__stream *s = plait__stream_of(timer->instance->transport);
  timer->attached.end = timer_end;
  return s->phase != PLAIT__GONE &&
         plait__attach(timer->instance, &timer->attached);
}

static void timer_set(plait_timer *timer, uint64_t due_ms) {
  plait__wheel_set(&timer->reactor->wheel, &timer->alarm, due_ms);
}

static void timer_ring(plait__alarm *alarm) {
  plait_timer *timer = plait_container_of(alarm, plait_timer, alarm);
  uint64_t every = timer->every_ms;
  plait_runtime *runtime = timer->reactor->runtime;
  /* plait_run() goes on at least until |fn| has returned: it may start the
   * timer again, or free it. */
  plait__runtime_ref(runtime);
  if (every != 0) {
    uint64_t now = timer->reactor->wheel.now_ms;
    uint64_t missed = (now - alarm->due_ms) / every;
    uint64_t later = (missed + 1) * every;
    uint64_t due = alarm->due_ms + later;
    timer_set(timer, due > later ? due : UINT64_MAX);
  } else {
    timer_unlink(timer);
  }
  plait__deliver_timer(timer);
  plait__runtime_unref(runtime);
}

void plait_timer_init(plait_timer *timer, plait_transport *owner,
                      void (*fn)(plait_timer *timer)) {
  *timer = (plait_timer){.fn = fn, .alarm.ring = timer_ring};
  if (owner != NULL) {
    plait__stream *s = plait__stream_of(owner);
    plait__check_home(s, "plait_timer_init");
    timer->instance = owner->protocol;
    timer->reactor = s->reactor;
  } else {
    timer->reactor = plait__here();
  }
}

void plait_timer_start(plait_timer *timer, uint64_t after_ms,
                       uint64_t every_ms) {
  plait_reactor *r = timer->reactor;
  if (r == NULL)
    return; /* initialised where no reactor runs */
  if (plait__alarm_is_set(&timer->alarm))
    plait__wheel_unset(&r->wheel, &timer->alarm);
  else if (!timer_link(timer))
    return;
  timer->every_ms = every_ms;
  plait__reactor_alarm(r, &timer->alarm, after_ms);
}

void plait_timer_stop(plait_timer *timer) {
  if (!plait__alarm_is_set(&timer->alarm))
    return;
  plait__wheel_unset(&timer->reactor->wheel, &timer->alarm);
  timer_unlink(timer);
}

bool plait_timer_active(const plait_timer *timer) {
  return plait__alarm_is_set(&timer->alarm);
}
