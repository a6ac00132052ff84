/* What a transport does whose protocol lives on a strand: the verbs become
 * orders, the questions are answered from what is known here. */
#include "filter/away.h"

#include <plait/error.h>

#include "core/factory.h"
#include "core/instance.h"

static plait__away *away_of(const plait_transport *t) {
  return plait_container_of((uintptr_t)t, plait__away, head);
}

/* ---- sending ------------------------------------------------------------- */

/* plait_write()'s answer.  After a false home tells when the queue is low, even
 * if it never was high there. */
static bool write_answer(plait__away *a) {
  if (a->phase != PLAIT__OPEN)
    return false;
  if (plait__away_queued(a) <= a->high)
    return true;
  a->above = true;
  a->wants |= PLAIT__WANT_RESUME_WRITING;
  return false;
}

/* The hard limit judges what is queued before the write. */
bool plait__away_takes(plait__away *a) {
  if (a->phase != PLAIT__OPEN || a->wr_end)
    return false;
  uint32_t limit =
      plait__factory_limits(a->head.protocol->factory)->queue_bytes_max;
  if (limit == PLAIT_UNLIMITED || plait__away_queued(a) <= limit)
    return true;
  plait__away_fail(a, PLAIT_EQUEUE);
  return false;
}

static bool verb_writev(plait_transport *t, const plait_slice *v, size_t n) {
  plait__away *a = away_of(t);
  size_t total = 0;
  for (size_t i = 0; i < n; i++)
    total += v[i].len;
  if (!plait__away_takes(a))
    return false;
  if (total > 0 && !plait__order_write(a, v, n, total))
    return false;
  return write_answer(a);
}

static bool verb_write_owned(plait_transport *t, const void *data, size_t len,
                             plait_release_fn *release, void *arg) {
  plait__away *a = away_of(t);
  bool allowed = plait__away_takes(a);
  if (!allowed || len == 0 || !plait__order_owned(a, data, len, release, arg)) {
    release(arg, data, len);
    return allowed && write_answer(a);
  }
  return write_answer(a);
}

static void verb_write_eof(plait_transport *t) {
  plait__away *a = away_of(t);
  if (a->phase != PLAIT__OPEN || a->wr_end)
    return;
  if (plait__order(a, PLAIT__ORDER_EOF, 0, 0))
    a->wr_end = true;
}

int plait__away_write(plait_transport *t, const void *data, size_t len) {
  plait__away *a = away_of(t);
  plait_slice v = {data, len};
  if (a->phase != PLAIT__OPEN || a->wr_end)
    return PLAIT_ECLOSED;
  if (plait__away_queued(a) > a->high)
    return PLAIT_EFULL;
  verb_writev(t, &v, 1);
  return 0;
}

void plait__away_send(plait_transport *t) {
  plait__orders_send(away_of(t));
}

/* ---- closing ------------------------------------------------------------- */

/* It needs no memory, as those that follow: there may be none. */
void plait__away_close_now(plait__away *a, int reason) {
  if (a->phase != PLAIT__OPEN)
    return;
  if ((reason == 0 || reason == PLAIT_EOF) && a->rd_told &&
      plait__instance_is_inside(a->head.protocol))
    reason = PLAIT_ETRUNCATED;
  plait__orders_send(a); /* it stays behind what was written */
  a->phase = PLAIT__FLUSHING;
  a->close_reason = reason;
  plait__reactor_mail(a->reactor, &a->closes);
  plait__away_drop_input(a);
}

static void verb_close(plait_transport *t, int reason) {
  plait__away_close_now(away_of(t), reason);
}

static void away_end(plait__away *a, plait__closing_event event, int code) {
  if (a->phase == PLAIT__GONE)
    return;
  plait__away_gone(a);
  a->fail_event = event;
  a->fail_code = code;
  plait__reactor_mail(a->reactor, &a->fail);
}

/* It stays behind what was written. */
static void verb_abort(plait_transport *t) {
  plait__away *a = away_of(t);
  plait__orders_send(a);
  away_end(a, PLAIT__ON_ABORT, PLAIT_ECANCELED);
}

void plait__away_fail(plait__away *a, int code) {
  away_end(a, PLAIT__ON_FAIL, code);
}

static void verb_fail(plait_transport *t, int code) {
  plait__away_fail(away_of(t), code);
}

/* ---- receiving ----------------------------------------------------------- */

static void away_stall(plait__away *a, bool stalled) {
  a->wants &= ~(unsigned)(PLAIT__WANT_PAUSE | PLAIT__WANT_READ);
  a->wants |= stalled ? PLAIT__WANT_PAUSE : PLAIT__WANT_READ;
}

static void verb_pause(plait_transport *t) {
  plait__away *a = away_of(t);
  a->paused = true;
  away_stall(a, true);
}

static void verb_resume(plait_transport *t) {
  plait__away *a = away_of(t);
  if (!a->paused)
    return;
  a->paused = false;
  away_stall(a, a->held);
}

static void verb_hold_data(plait_transport *t, bool hold) {
  plait__away *a = away_of(t);
  a->held = hold;
  away_stall(a, hold || a->paused);
}

static bool verb_stopped(const plait_transport *t, const plait_protocol *p) {
  const plait__away *a = away_of(t);
  return t->protocol != p || a->leaving != NULL || a->phase != PLAIT__OPEN ||
         a->paused || a->held;
}

static void verb_unread(plait_transport *t, const uint8_t *data, size_t len) {
  plait__away *a = away_of(t);
  if (a->phase != PLAIT__OPEN || a->leaving != NULL)
    return;
  if (!plait__away_keep(a, data, len))
    plait__away_fail(a, PLAIT_ENOMEM);
}

static bool verb_switching_to(const plait_transport *t,
                              const plait_protocol *p) {
  const plait__away *a = away_of(t);
  return t->protocol == p && a->leaving != NULL && a->leaving != p;
}

static plait_protocol *verb_receiver(const plait_transport *t) {
  return plait__away_receiver(away_of(t));
}

/* To an instance that is going to see |head|. */
static plait_protocol *away_switch(plait__away *a, plait_transport *head,
                                   const plait_protocol_ops *ops,
                                   const uint8_t *rest, size_t len) {
  const plait__os *os = a->reactor->os;
  plait_protocol *old = a->head.protocol;
  if (a->phase != PLAIT__OPEN || a->leaving != NULL || a->rd_told)
    return NULL;
  plait_protocol *p = plait__instance_new(os, ops, head, old->factory);
  if (p == NULL)
    return NULL;
  if (!plait__away_keep(a, rest, len)) {
    plait__instance_free(os, p);
    return NULL;
  }
  a->leaving = old;
  return p;
}

static plait_protocol *verb_switch_to(plait_transport *t,
                                      const plait_protocol_ops *ops,
                                      const uint8_t *rest, size_t len) {
  plait_protocol *p = away_switch(away_of(t), t, ops, rest, len);
  if (p != NULL)
    t->protocol = p;
  return p;
}

/* The old one stays this transport's: timers, tasks and queries that are begun
 * with it are not for an instance of another thread. */
static plait_protocol *verb_switch_home(plait_transport *t,
                                        const plait_protocol_ops *ops,
                                        const uint8_t *rest, size_t len) {
  plait__away *a = away_of(t);
  plait_protocol *p = away_switch(a, &a->stream->head, ops, rest, len);
  if (p != NULL) {
    a->follower = p;
    a->homeward = PLAIT__HOMEWARD_LEAVES;
  }
  return p;
}

/* ---- questions and settings ---------------------------------------------- */

static bool verb_closing(const plait_transport *t) {
  return away_of(t)->phase != PLAIT__OPEN;
}

static bool verb_gone(const plait_transport *t) {
  return away_of(t)->phase == PLAIT__GONE;
}

static bool verb_paused(const plait_transport *t) {
  return away_of(t)->paused;
}

static size_t verb_queued(const plait_transport *t) {
  return plait__away_queued(away_of(t));
}

/* Once lost is due, the stream rests. */
static size_t verb_unsent(const plait_transport *t) {
  const plait__away *a = away_of(t);
  size_t unsent = atomic_load(&a->on_way) + plait__orders_bytes(a);
  return a->lost_due ? unsent + (size_t)a->stream->unsent_bytes
                     : plait__away_queued(a);
}

static void verb_set_timeout(plait_transport *t, uint32_t idle_ms) {
  plait__away *a = away_of(t);
  if (a->phase == PLAIT__OPEN)
    (void)plait__order(a, PLAIT__ORDER_TIMEOUT, idle_ms, 0);
}

static void verb_set_watermarks(plait_transport *t, uint32_t high_bytes,
                                uint32_t low_bytes) {
  plait__away *a = away_of(t);
  plait_limits limits = {.high_bytes = high_bytes, .low_bytes = low_bytes};
  if (a->phase != PLAIT__OPEN)
    return;
  plait__limits_fill_marks(&limits);
  a->high = limits.high_bytes;
  a->low = limits.low_bytes;
  (void)plait__order(a, PLAIT__ORDER_WATERMARKS, limits.high_bytes,
                     limits.low_bytes);
}

/* ---- the descriptor ------------------------------------------------------ */

static void descriptor_lock(plait__away *a) {
  while (
      atomic_flag_test_and_set_explicit(&a->descriptor, memory_order_acquire))
    a->reactor->os->yield();
}

static void descriptor_unlock(plait__away *a) {
  atomic_flag_clear_explicit(&a->descriptor, memory_order_release);
}

void plait__away_close_socket(plait__stream *s, bool reset) {
  plait__away *a = plait__home_away(s);
  descriptor_lock(a);
  s->reactor->io->close(&s->socket, reset);
  descriptor_unlock(a);
}

static int verb_option(const plait_transport *t, bool set, plait_option option,
                       plait_option_value *value) {
  plait__away *a = away_of(t);
  plait__stream *s = a->stream;
  descriptor_lock(a);
  int code = s->reactor->io->fd(&s->socket) < 0
                 ? PLAIT_ECLOSED
                 : s->reactor->io->option(&s->socket, set, option, value);
  descriptor_unlock(a);
  return code;
}

static int verb_names(const plait_transport *t, bool peer, plait_address *ret) {
  plait__away *a = away_of(t);
  plait__stream *s = a->stream;
  descriptor_lock(a);
  int fd = s->reactor->io->fd(&s->socket);
  int code = fd < 0 ? PLAIT_ECLOSED : s->reactor->io->names(fd, peer, ret);
  descriptor_unlock(a);
  return code;
}

static int verb_fd(const plait_transport *t) {
  plait__away *a = away_of(t);
  descriptor_lock(a);
  int fd = a->reactor->io->fd(&a->stream->socket);
  descriptor_unlock(a);
  return fd;
}

static void verb_stats(const plait_transport *t, plait_transport_stats *ret) {
  const plait__away *a = away_of(t);
  *ret = (plait_transport_stats){atomic_load(&a->received_bytes),
                                 atomic_load(&a->sent_bytes)};
}

/* ---- for other parts of plait -------------------------------------------- */

static void *verb_retain(plait_transport *t) {
  plait__away *a = away_of(t);
  a->retained++;
  return &a->busy;
}

static void verb_release(plait_transport *t) {
  plait__away *a = away_of(t);
  a->retained--;
  plait__away_finish(a);
}

#if PLAIT_DEBUG
#include <stdio.h>

static void verb_check(const plait_transport *t, const char *function) {
  const plait__away *a = away_of(t), *here = plait__away_running();
  char text[256];
  if (here == a)
    return;
  snprintf(text, sizeof text,
           "%s: a transport of a strand was used %s; others use its handle",
           function, here != NULL ? "on another strand" : "outside of it");
  a->reactor->os->fatal(text);
}
#else
static void verb_check(const plait_transport *t, const char *function) {
  (void)t, (void)function;
}
#endif

const plait__transport_ops plait__away_ops = {
    .writev = verb_writev,
    .write_owned = verb_write_owned,
    .write_fd = plait__away_write_fd,
    .set_fds_max = plait__away_set_fds_max,
    .take_fd = plait__away_take_fd,
    .write_eof = verb_write_eof,
    .close = verb_close,
    .abort = verb_abort,
    .pause = verb_pause,
    .resume = verb_resume,
    .unread = verb_unread,
    .switch_to = verb_switch_to,
    .switch_home = verb_switch_home,
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
    .stopped = verb_stopped,
    .gone = verb_gone,
    .switching_to = verb_switching_to,
    .receiver = verb_receiver,
    .hold_data = verb_hold_data,
    .retain = verb_retain,
    .release = verb_release,
    .timer_start = plait__away_timer_start,
    .timer_stop = plait__away_timer_stop,
    .mail = plait__away_mail,
    .perform = plait__away_perform,
    .check = verb_check,
};
