/* The public verbs and questions of a transport: each goes to what lies
 * beneath its head. */
#include "core/transport.h"

#include <plait/error.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/memory.h"
#include "core/stream.h"

/* ---- sending ------------------------------------------------------------- */

bool plait_write(plait_transport *t, const void *data, size_t len) {
  plait__at_home(t, "plait_write");
  plait_slice v = {data, len};
  return t->ops->writev(t, &v, 1);
}

bool plait_writev(plait_transport *t, const plait_slice *v, size_t n) {
  plait__at_home(t, "plait_writev");
  return t->ops->writev(t, v, n);
}

bool plait_write_str(plait_transport *t, const char *text) {
  return plait_write(t, text, strlen(text));
}

/* What did not fit on the stack is printed once more, to the heap. */
static bool printf_long(plait_transport *t, size_t len, const char *format,
                        va_list args) {
  const plait__os *os = plait__stream_of(t)->reactor->os;
  char *text = plait__alloc(os, len + 1);
  if (text == NULL) {
    t->ops->fail(t, PLAIT_ENOMEM);
    return false;
  }
  vsnprintf(text, len + 1, format, args);
  bool more = plait_write(t, text, len);
  plait__free(os, text);
  return more;
}

bool plait_printf(plait_transport *t, const char *format, ...) {
  char text[512];
  va_list args;
  va_start(args, format);
  int len = vsnprintf(text, sizeof text, format, args);
  va_end(args);
  if (len < 0) {
    t->ops->fail(t, PLAIT_EINVAL);
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
  plait__at_home(t, "plait_write_owned");
  return t->ops->write_owned(t, data, len, release, arg);
}

void plait_write_eof(plait_transport *t) {
  plait__at_home(t, "plait_write_eof");
  t->ops->write_eof(t);
}

/* ---- closing ------------------------------------------------------------- */

void plait_close(plait_transport *t) {
  plait__at_home(t, "plait_close");
  t->ops->close(t, 0);
}

void plait_close_reason(plait_transport *t, int reason) {
  plait__at_home(t, "plait_close_reason");
  t->ops->close(t, reason < 0 ? reason : 0);
}

void plait_abort(plait_transport *t) {
  plait__at_home(t, "plait_abort");
  t->ops->abort(t);
}

/* ---- receiving ----------------------------------------------------------- */

void plait_pause_reading(plait_transport *t) {
  plait__at_home(t, "plait_pause_reading");
  t->ops->pause(t);
}

void plait_resume_reading(plait_transport *t) {
  plait__at_home(t, "plait_resume_reading");
  t->ops->resume(t);
}

void plait_unread(plait_transport *t, const uint8_t *data, size_t len) {
  plait__at_home(t, "plait_unread");
  t->ops->unread(t, data, len);
}

plait_protocol *plait_switch_protocol(plait_transport *t,
                                      const plait_protocol_ops *ops,
                                      const uint8_t *rest, size_t len) {
  plait__at_home(t, "plait_switch_protocol");
  return t->ops->switch_to(t, ops, rest, len);
}

plait_protocol *plait_switch_to_reactor(plait_transport *t,
                                        const plait_protocol_ops *ops,
                                        const uint8_t *rest, size_t len) {
  plait__at_home(t, "plait_switch_to_reactor");
  return t->ops->switch_home(t, ops, rest, len);
}

/* ---- questions and settings ---------------------------------------------- */

plait_handle plait_transport_handle(const plait_transport *t) {
  return plait__slot_handle(plait__stream_of(t)->reactor->slots, t->slot);
}

plait_reactor *plait_transport_reactor(const plait_transport *t) {
  return plait__stream_of(t)->reactor;
}

bool plait_transport_on_workers(const plait_transport *t) {
  return t->below != NULL;
}

plait_protocol *plait_transport_protocol(const plait_transport *t) {
  return t->protocol;
}

int plait_transport_peer(const plait_transport *t, plait_address *ret) {
  const plait__stream *s = plait__stream_of(t);
  plait__at_home(t, "plait_transport_peer");
  if (s->peer.family == PLAIT_UNIX && t->ops->names(t, true, ret) == 0)
    return 0;
  if (s->peer.family == PLAIT_NO_ADDRESS)
    return PLAIT_ENOTSUP;
  *ret = (plait_address){
      .family = s->peer.family, .port = s->peer.port, .scope = s->peer.scope};
  memcpy(ret->ip, s->peer.ip, sizeof ret->ip);
  return 0;
}

int plait_transport_local(const plait_transport *t, plait_address *ret) {
  plait__at_home(t, "plait_transport_local");
  return t->ops->names(t, false, ret);
}

bool plait_transport_closing(const plait_transport *t) {
  plait__at_home(t, "plait_transport_closing");
  return t->ops->closing(t);
}

bool plait_transport_paused(const plait_transport *t) {
  plait__at_home(t, "plait_transport_paused");
  return t->ops->paused(t);
}

size_t plait_transport_queued(const plait_transport *t) {
  plait__at_home(t, "plait_transport_queued");
  return t->ops->queued(t);
}

size_t plait_transport_unsent(const plait_transport *t) {
  plait__at_home(t, "plait_transport_unsent");
  return t->ops->unsent(t);
}

void plait_transport_set_timeout(plait_transport *t, uint32_t idle_ms) {
  plait__at_home(t, "plait_transport_set_timeout");
  t->ops->set_timeout(t, idle_ms);
}

void plait_transport_set_watermarks(plait_transport *t, uint32_t high_bytes,
                                    uint32_t low_bytes) {
  plait__at_home(t, "plait_transport_set_watermarks");
  t->ops->set_watermarks(t, high_bytes, low_bytes);
}

int plait_transport_fd(const plait_transport *t) {
  plait__at_home(t, "plait_transport_fd");
  return t->ops->fd(t);
}

void plait_transport_get_stats(const plait_transport *t,
                               plait_transport_stats *ret) {
  plait__at_home(t, "plait_transport_get_stats");
  t->ops->stats(t, ret);
}
