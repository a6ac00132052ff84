/* The public verbs and questions of a transport. */
#include <plait/error.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/deliver.h"
#include "core/factory.h"
#include "core/instance.h"
#include "core/memory.h"

static plait__stream *home(const plait_transport *t, const char *function) {
  plait__stream *s = plait__stream_of(t);
  plait__check_home(s, function);
  return s;
}

/* ---- sending ------------------------------------------------------------- */

bool plait_write(plait_transport *t, const void *data, size_t len) {
  home(t, "plait_write");
  plait_slice v = {data, len};
  return t->ops->writev(t, &v, 1);
}

bool plait_writev(plait_transport *t, const plait_slice *v, size_t n) {
  home(t, "plait_writev");
  return t->ops->writev(t, v, n);
}

bool plait_write_str(plait_transport *t, const char *text) {
  return plait_write(t, text, strlen(text));
}

/* What did not fit on the stack is printed once more, to the heap. */
static bool printf_long(plait_transport *t, size_t len, const char *format,
                        va_list args) {
  plait__stream *s = plait__stream_of(t);
  char *text = plait__alloc(s->reactor->os, len + 1);
  if (text == NULL) {
    plait__closing(s, PLAIT__ON_FAIL, PLAIT_ENOMEM);
    return false;
  }
  vsnprintf(text, len + 1, format, args);
  bool more = plait_write(t, text, len);
  plait__free(s->reactor->os, text);
  return more;
}

bool plait_printf(plait_transport *t, const char *format, ...) {
  char text[512];
  va_list args;
  va_start(args, format);
  int len = vsnprintf(text, sizeof text, format, args);
  va_end(args);
  if (len < 0) {
    plait__closing(plait__stream_of(t), PLAIT__ON_FAIL, PLAIT_EINVAL);
    return false;
  }
  if ((size_t)len < sizeof text)
    return plait_write(t, text, (size_t)len);
  va_start(args, format);
  bool more = printf_long(t, (size_t)len, format, args);
  va_end(args);
  return more;
}

bool plait_write_owned(plait_transport *t, const void *data, size_t len,
                       plait_release_fn *release, void *arg) {
  home(t, "plait_write_owned");
  return t->ops->write_owned(t, data, len, release, arg);
}

void plait_write_eof(plait_transport *t) {
  home(t, "plait_write_eof");
  t->ops->write_eof(t);
}

/* ---- closing ------------------------------------------------------------- */

void plait_close(plait_transport *t) {
  home(t, "plait_close");
  t->ops->close(t, 0);
}

void plait_close_reason(plait_transport *t, int reason) {
  home(t, "plait_close_reason");
  t->ops->close(t, reason < 0 ? reason : 0);
}

void plait_abort(plait_transport *t) {
  home(t, "plait_abort");
  t->ops->abort(t);
}

/* ---- receiving ----------------------------------------------------------- */

void plait_pause_reading(plait_transport *t) {
  home(t, "plait_pause_reading");
  t->ops->pause(t);
}

void plait_resume_reading(plait_transport *t) {
  home(t, "plait_resume_reading");
  t->ops->resume(t);
}

void plait_unread(plait_transport *t, const uint8_t *data, size_t len) {
  plait__stream_unread(home(t, "plait_unread"), data, len);
}

plait_protocol *plait_switch_protocol(plait_transport *t,
                                      const plait_protocol_ops *ops,
                                      const uint8_t *rest, size_t len) {
  plait__stream *s = home(t, "plait_switch_protocol");
  plait_protocol *old = t->protocol;
  if (s->phase != PLAIT__OPEN || s->u.leaving != NULL || s->rd_told)
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

plait_handle plait_transport_handle(const plait_transport *t) {
  plait__stream *s = plait__stream_of(t);
  return plait__slot_handle(s->reactor->slots, t->slot);
}

plait_reactor *plait_transport_reactor(const plait_transport *t) {
  return plait__stream_of(t)->reactor;
}

plait_protocol *plait_transport_protocol(const plait_transport *t) {
  return t->protocol;
}

int plait_transport_peer(const plait_transport *t, plait_address *ret) {
  plait__stream *s = home(t, "plait_transport_peer");
  int fd = s->reactor->io->fd(&s->socket);
  if (s->peer.family == PLAIT_UNIX && fd >= 0)
    return s->reactor->io->names(fd, true, ret);
  if (s->peer.family == PLAIT_NO_ADDRESS)
    return PLAIT_ENOTSUP;
  *ret = (plait_address){
      .family = s->peer.family, .port = s->peer.port, .scope = s->peer.scope};
  memcpy(ret->ip, s->peer.ip, sizeof ret->ip);
  return 0;
}

int plait_transport_local(const plait_transport *t, plait_address *ret) {
  plait__stream *s = home(t, "plait_transport_local");
  int fd = s->reactor->io->fd(&s->socket);
  return fd < 0 ? PLAIT_ECLOSED : s->reactor->io->names(fd, false, ret);
}

bool plait_transport_closing(const plait_transport *t) {
  return home(t, "plait_transport_closing")->phase != PLAIT__OPEN;
}

bool plait_transport_paused(const plait_transport *t) {
  return home(t, "plait_transport_paused")->paused;
}

size_t plait_transport_queued(const plait_transport *t) {
  return home(t, "plait_transport_queued")->queue.bytes;
}

size_t plait_transport_unsent(const plait_transport *t) {
  plait__stream *s = home(t, "plait_transport_unsent");
  return s->phase == PLAIT__GONE ? (size_t)s->unsent_bytes : s->queue.bytes;
}

void plait_transport_set_timeout(plait_transport *t, uint32_t idle_ms) {
  plait__stream *s = home(t, "plait_transport_set_timeout");
  if (s->phase != PLAIT__OPEN)
    return;
  s->idle_ms = idle_ms == PLAIT_UNLIMITED ? 0 : idle_ms;
  plait__timeout_idle(s);
}

void plait_transport_set_watermarks(plait_transport *t, uint32_t high_bytes,
                                    uint32_t low_bytes) {
  plait__stream *s = home(t, "plait_transport_set_watermarks");
  if (s->phase != PLAIT__OPEN)
    return;
  plait_limits limits = {.high_bytes = high_bytes, .low_bytes = low_bytes};
  plait__limits_fill_marks(&limits);
  s->high = limits.high_bytes;
  s->low = limits.low_bytes;
  s->tight = plait__stream_limits(s)->queue_bytes_max < s->high;
  plait__stream_publish(s);
  if (s->above && s->queue.bytes <= s->low)
    plait__stream_need(s, PLAIT__DUE_RESUME);
}

static int set_option(const plait_transport *t, const char *function,
                      plait__option option, unsigned value) {
  plait__stream *s = home(t, function);
  if (s->phase == PLAIT__GONE)
    return PLAIT_ECLOSED;
  return s->reactor->io->option(&s->socket, option, value);
}

int plait_transport_set_nodelay(plait_transport *t, bool on) {
  return set_option(t, "plait_transport_set_nodelay", PLAIT__NODELAY, on);
}

int plait_transport_set_keepalive(plait_transport *t, unsigned idle_s) {
  return set_option(t, "plait_transport_set_keepalive", PLAIT__KEEPALIVE,
                    idle_s);
}

int plait_transport_fd(const plait_transport *t) {
  plait__stream *s = home(t, "plait_transport_fd");
  return s->reactor->io->fd(&s->socket);
}

void plait_transport_get_stats(const plait_transport *t,
                               plait_transport_stats *ret) {
  plait__stream *s = home(t, "plait_transport_get_stats");
  *ret = (plait_transport_stats){s->received_bytes, s->sent_bytes};
}
