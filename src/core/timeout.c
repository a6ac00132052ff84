/* The one alarm of a stream: what it stands for follows from the phase.
 *
 * Traffic only stores a stamp; an alarm that rings early compares and sets
 * itself again. */
#include "core/away.h"
#include "core/deliver.h"
#include "core/factory.h"

static plait__stream *alarm_stream(plait__alarm *alarm) {
  return plait_container_of(alarm, plait__stream, alarm);
}

static void timeout_set(plait__stream *s, uint64_t after_ms,
                        void (*ring)(plait__alarm *)) {
  plait__reactor_unalarm(s->reactor, &s->alarm);
  s->alarm.ring = ring;
  plait__reactor_alarm(s->reactor, &s->alarm, after_ms);
}

/* Milliseconds of |limit_ms| that are left since the last activity; 0 is over.
 */
static uint64_t timeout_left(plait__stream *s, uint64_t limit_ms) {
  uint64_t now = plait__reactor_clock(s->reactor);
  uint64_t since = now > s->active_ms ? now - s->active_ms : 0;
  return since < limit_ms ? limit_ms - since : 0;
}

static void idle_ring(plait__alarm *alarm) {
  plait__stream *s = alarm_stream(alarm);
  uint64_t left = timeout_left(s, s->idle_ms);
  /* The clock stands still while a strand has work for it. */
  if (left == 0 && plait__stream_is_away(s) && plait__away_busy(s))
    left = s->idle_ms;
  if (left > 0) {
    timeout_set(s, left, idle_ring);
    return;
  }
  s->active_ms = plait__reactor_stamp(s->reactor);
  timeout_set(s, s->idle_ms, idle_ring);
  plait__deliver_timed_out(s);
  plait__attend(s);
}

void plait__timeout_idle(plait__stream *s) {
  plait__reactor_unalarm(s->reactor, &s->alarm);
  if (s->idle_ms == 0)
    return;
  s->active_ms = plait__reactor_clock(s->reactor);
  timeout_set(s, s->idle_ms, idle_ring);
}

static void flush_ring(plait__alarm *alarm) {
  plait__stream *s = alarm_stream(alarm);
  uint64_t left = timeout_left(s, plait__stream_limits(s)->flush_ms);
  if (left > 0)
    timeout_set(s, left, flush_ring);
  else
    plait__closing(s, PLAIT__ON_LATE, 0);
}

void plait__timeout_flush(plait__stream *s) {
  uint32_t limit = plait__stream_limits(s)->flush_ms;
  if (limit == PLAIT_UNLIMITED)
    return;
  s->active_ms = plait__reactor_clock(s->reactor);
  timeout_set(s, limit, flush_ring);
}

/* LINGERING: as long as the peer has not got everything it is the flush that
 * goes on, in the system's buffers: progress restarts its deadline.  Only then
 * does the time run that the peer has for its own end. */
enum { LINGER_LOOKS = 4, LINGER_FIRST_MS = 10 };

static uint64_t linger_look(const plait__stream *s) {
  return plait__stream_limits(s)->linger_ms / LINGER_LOOKS + 1;
}

static void linger_ring(plait__alarm *alarm) {
  plait__stream *s = alarm_stream(alarm);
  const plait_limits *limits = plait__stream_limits(s);
  size_t unacked = s->reactor->io->unacked(&s->socket);
  bool progress = unacked < s->unacked;
  s->unacked = unacked < UINT32_MAX ? (uint32_t)unacked : UINT32_MAX;
  if (progress)
    s->active_ms = plait__reactor_clock(s->reactor);
  uint32_t limit = unacked > 0 ? limits->flush_ms : limits->linger_ms;
  uint64_t left = limit != PLAIT_UNLIMITED ? timeout_left(s, limit) : limit;
  uint64_t look = linger_look(s);
  if (left > 0)
    timeout_set(s, left < look ? left : look, linger_ring);
  else
    plait__closing(s, PLAIT__ON_LATE, 0);
}

void plait__timeout_linger(plait__stream *s) {
  s->unacked = UINT32_MAX;
  s->active_ms = plait__reactor_clock(s->reactor);
  uint64_t look = linger_look(s); /* most peers are done at the first one */
  timeout_set(s, look < LINGER_FIRST_MS ? look : LINGER_FIRST_MS, linger_ring);
}
