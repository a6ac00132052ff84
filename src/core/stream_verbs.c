/* What a stream does for its transport, other than writing: see transport.h.
 */
#include "core/deliver.h"
#include "core/factory.h"
#include "core/instance.h"
#include "core/pass.h"

static void verb_write_eof(plait_transport *t) {
  plait__stream *s = plait__stream_of(t);
  if (s->phase != PLAIT__OPEN || s->wr_end)
    return;
  s->wr_end = true;
  plait__stream_need(s, PLAIT__DUE_FLUSH);
}

static void verb_close(plait_transport *t, int reason) {
  plait__closing(plait__stream_of(t), PLAIT__ON_CLOSE, reason);
}

static void verb_abort(plait_transport *t) {
  plait__closing(plait__stream_of(t), PLAIT__ON_ABORT, PLAIT_ECANCELED);
}

static void verb_fail(plait_transport *t, int code) {
  plait__closing(plait__stream_of(t), PLAIT__ON_FAIL, code);
}

/* ---- receiving ----------------------------------------------------------- */

/* Data may flow again, if nothing else holds it back. */
static void verb_go_on(plait__stream *s) {
  if (s->phase == PLAIT__OPEN && !plait__stream_stalled(s))
    plait__stream_need(s, PLAIT__DUE_READ);
}

static void verb_pause(plait_transport *t) {
  plait__stream_of(t)->paused = true;
}

static void verb_resume(plait_transport *t) {
  plait__stream *s = plait__stream_of(t);
  if (!s->paused)
    return;
  s->paused = false;
  verb_go_on(s);
}

static void verb_hold_data(plait_transport *t, bool hold) {
  plait__stream *s = plait__stream_of(t);
  s->held = hold;
  if (!hold)
    verb_go_on(s);
}

static void verb_unread(plait_transport *t, const uint8_t *data, size_t len) {
  plait__stream_unread(plait__stream_of(t), data, len);
}

static bool verb_gone(const plait_transport *t) {
  return plait__stream_of(t)->phase == PLAIT__GONE;
}

static bool verb_switching_to(const plait_transport *t,
                              const plait_protocol *p) {
  return t->protocol == p && plait__stream_of(t)->u.leaving != NULL;
}

static plait_protocol *verb_receiver(const plait_transport *t) {
  plait_protocol *leaving = plait__stream_of(t)->u.leaving;
  return leaving != NULL ? leaving : t->protocol;
}

static plait_protocol *verb_switch_to(plait_transport *t,
                                      const plait_protocol_ops *ops,
                                      const uint8_t *rest, size_t len) {
  plait__stream *s = plait__stream_of(t);
  plait_protocol *old = t->protocol;
  if (s->phase != PLAIT__OPEN || s->u.leaving != NULL ||
      (s->rd_told && !plait__stream_only_writes(s)))
    return NULL;
  plait_protocol *p = plait__instance_new(s->reactor->os, ops, t, old->factory);
  if (p == NULL)
    return NULL;
  if (!plait__stream_keep(s, rest, len)) {
    plait__instance_free(s->reactor->os, p);
    return NULL;
  }
  s->u.leaving = old;
  t->protocol = p;
  plait__stream_need(s, PLAIT__DUE_SWITCH);
  return p;
}

/* ---- questions and settings ---------------------------------------------- */

static int verb_names(const plait_transport *t, bool peer, plait_address *ret) {
  plait__stream *s = plait__stream_of(t);
  int fd = s->reactor->io->fd(&s->socket);
  return fd < 0 ? PLAIT_ECLOSED : s->reactor->io->names(fd, peer, ret);
}

static bool verb_closing(const plait_transport *t) {
  return plait__stream_of(t)->phase != PLAIT__OPEN;
}

static bool verb_paused(const plait_transport *t) {
  return plait__stream_of(t)->paused;
}

static size_t verb_queued(const plait_transport *t) {
  return plait__stream_of(t)->queue.bytes;
}

static size_t verb_unsent(const plait_transport *t) {
  const plait__stream *s = plait__stream_of(t);
  return s->phase == PLAIT__GONE ? (size_t)s->unsent_bytes : s->queue.bytes;
}

static void verb_set_timeout(plait_transport *t, uint32_t idle_ms) {
  plait__stream *s = plait__stream_of(t);
  if (s->phase != PLAIT__OPEN)
    return;
  s->idle_ms = idle_ms == PLAIT_UNLIMITED ? 0 : idle_ms;
  plait__timeout_idle(s);
}

static void verb_set_watermarks(plait_transport *t, uint32_t high_bytes,
                                uint32_t low_bytes) {
  plait__stream *s = plait__stream_of(t);
  if (s->phase != PLAIT__OPEN)
    return;
  plait_limits limits = {.high_bytes = high_bytes, .low_bytes = low_bytes};
  plait__limits_fill_marks(&limits);
  s->high = limits.high_bytes;
  s->low = limits.low_bytes;
  s->tight = plait__stream_limits(s)->queue_bytes_max < s->high;
  plait__stream_publish(s);
  if (s->queue.bytes <= s->low && (s->above || s->waiters != NULL))
    plait__stream_need(s, PLAIT__DUE_RESUME);
}

static int verb_option(const plait_transport *t, bool set, plait_option option,
                       plait_option_value *value) {
  plait__stream *s = plait__stream_of(t);
  if (s->phase == PLAIT__GONE)
    return PLAIT_ECLOSED;
  return s->reactor->io->option(&s->socket, set, option, value);
}

static int verb_fd(const plait_transport *t) {
  plait__stream *s = plait__stream_of(t);
  return s->reactor->io->fd(&s->socket);
}

static void verb_stats(const plait_transport *t, plait_transport_stats *ret) {
  const plait__stream *s = plait__stream_of(t);
  *ret = (plait_transport_stats){s->received_bytes, s->sent_bytes};
}

/* ---- for other parts of plait -------------------------------------------- */

static void *verb_retain(plait_transport *t) {
  plait__stream_hold(plait__stream_of(t));
  return NULL;
}

static void verb_release(plait_transport *t) {
  plait__stream_unhold(plait__stream_of(t));
}

static bool verb_timer_start(plait_transport *t, plait_timer *timer,
                             uint64_t after_ms) {
  plait__stream *s = plait__stream_of(t);
  if (s->phase == PLAIT__GONE)
    return false;
  plait__reactor_alarm(s->reactor, &timer->alarm, after_ms);
  return true;
}

static void verb_timer_stop(plait_transport *t, plait_timer *timer) {
  plait__reactor_unalarm(plait__stream_of(t)->reactor, &timer->alarm);
}

static void verb_mail(plait_transport *t, plait__mail *mail) {
  plait__reactor_mail(plait__stream_of(t)->reactor, mail);
}

static void verb_perform(plait_transport *t, plait_protocol *p,
                         const char *what, void (*fn)(void *arg), void *arg) {
  plait__deliver_performance(plait__stream_of(t), p, what, fn, arg);
}

static void verb_check(const plait_transport *t, const char *function) {
  plait__check_home(plait__stream_of(t), function);
}

const plait__transport_ops plait__stream_ops = {
    .writev = plait__stream_writev,
    .write_owned = plait__stream_write_owned,
    .write_fd = plait__pass_write,
    .set_fds_max = plait__pass_set_max,
    .take_fd = plait__pass_take,
    .write_eof = verb_write_eof,
    .close = verb_close,
    .abort = verb_abort,
    .pause = verb_pause,
    .resume = verb_resume,
    .unread = verb_unread,
    .switch_to = verb_switch_to,
    .switch_home = verb_switch_to,
    .closing = verb_closing,
    .paused = verb_paused,
    .queued = verb_queued,
    .unsent = verb_unsent,
    .set_timeout = verb_set_timeout,
    .set_watermarks = verb_set_watermarks,
    .option = verb_option,
    .names = verb_names,
    .fd = verb_fd,
    .stats = verb_stats,
    .fail = verb_fail,
    .gone = verb_gone,
    .switching_to = verb_switching_to,
    .receiver = verb_receiver,
    .hold_data = verb_hold_data,
    .retain = verb_retain,
    .release = verb_release,
    .timer_start = verb_timer_start,
    .timer_stop = verb_timer_stop,
    .mail = verb_mail,
    .perform = verb_perform,
    .check = verb_check,
};
