/* Timers of a protocol on a strand.
 *
 * The wheel is the reactor's, and the timer the strand's: it may be gone the
 * moment it was stopped.  So an alarm of its own is set for each start; it
 * comes back as an event, and is dropped there if the timer was stopped or
 * started anew since.
 *
 * References to an alarm: one is the timer's, which the order to stop takes
 * over; one is the wheel's, which a last expiry takes over. */
#include "filter/away.h"

#include "core/instance.h"
#include "core/memory.h"
#include "core/timer.h"

typedef struct away_alarm {
  plait__alarm alarm;
  plait__away *away;
  plait_timer *timer; /* the strand's; NULL: stopped */
  uint64_t due_ms, every_ms;
  plait__mail start, stop; /* to home */
  plait__mail expiry;      /* to the strand */
  atomic_bool expired;     /* |expiry| is on its way */
  atomic_uint refs;
} away_alarm;

static void alarm_unref(away_alarm *alarm) {
  const plait__os *os = alarm->away->reactor->os;
  if (atomic_fetch_sub(&alarm->refs, 1) == 1)
    plait__free(os, alarm);
}

/* ---- on the strand ------------------------------------------------------- */

static void expiry_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  away_alarm *alarm = plait_container_of(mail, away_alarm, expiry);
  plait_timer *timer = alarm->timer;
  (void)r, (void)drop;
  atomic_store(&alarm->expired, false);
  if (timer != NULL) {
    if (timer->every_ms == 0) {
      timer->proxy = NULL;
      alarm->timer = NULL;
      alarm_unref(alarm);
    }
    plait__timer_ring(timer);
  }
  alarm_unref(alarm);
}

/* ---- at home ------------------------------------------------------------- */

static void alarm_rings(plait__alarm *base) {
  away_alarm *alarm = plait_container_of(base, away_alarm, alarm);
  plait__away *a = alarm->away;
  bool ends = a->lost_sent || a->homing;
  if (alarm->every_ms != 0) {
    plait__wheel_set_again(&a->reactor->wheel, base, alarm->every_ms);
    if (ends || atomic_exchange(&alarm->expired, true))
      return; /* a period that is missed */
    atomic_fetch_add(&alarm->refs, 1);
  } else if (ends) {
    alarm_unref(alarm);
    return;
  }
  alarm->expiry.deliver = expiry_deliver;
  plait__away_push(a, &alarm->expiry);
}

static void start_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  away_alarm *alarm = plait_container_of(mail, away_alarm, start);
  if (drop)
    alarm_unref(alarm);
  else
    plait__wheel_set(&r->wheel, &alarm->alarm, alarm->due_ms);
}

static void stop_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  away_alarm *alarm = plait_container_of(mail, away_alarm, stop);
  (void)drop;
  if (plait__alarm_is_set(&alarm->alarm)) {
    plait__reactor_unalarm(r, &alarm->alarm);
    alarm_unref(alarm);
  }
  alarm_unref(alarm);
}

/* ---- the transport's ----------------------------------------------------- */

bool plait__away_timer_start(plait_transport *t, plait_timer *timer,
                             uint64_t after_ms) {
  plait__away *a = plait_container_of(t, plait__away, head);
  if (a->phase == PLAIT__GONE)
    return false;
  away_alarm *alarm = plait__zalloc(a->reactor->os, sizeof *alarm);
  if (alarm == NULL) {
    plait__away_fail(a, PLAIT_ENOMEM);
    return false;
  }
  uint64_t now_ns = a->reactor->os->now_ns();
  uint64_t now_ms = now_ns / 1000000 + (now_ns % 1000000 != 0);
  *alarm = (away_alarm){
      .away = a,
      .timer = timer,
      .alarm.ring = alarm_rings,
      .due_ms = now_ms + after_ms >= now_ms ? now_ms + after_ms : UINT64_MAX,
      .every_ms = timer->every_ms,
      .start.deliver = start_deliver,
      .stop.deliver = stop_deliver};
  atomic_init(&alarm->refs, 2);
  timer->proxy = alarm;
  plait__reactor_mail(a->reactor, &alarm->start);
  return true;
}

void plait__away_timer_stop(plait_transport *t, plait_timer *timer) {
  plait__away *a = plait_container_of(t, plait__away, head);
  away_alarm *alarm = timer->proxy;
  timer->proxy = NULL;
  alarm->timer = NULL;
  plait__reactor_mail(a->reactor, &alarm->stop);
}
