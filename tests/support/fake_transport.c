/* A transport that is only itself. */
#include "support/fake_transport.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <plait/error.h>
#include <plait/reactor.h>

#include "core/instance.h"
#include "support/guard.h"
#include "support/require.h"

static struct fake *fake_of(const plait_transport *t) {
  return (struct fake *)(uintptr_t)t;
}

const char *fake_reason(int code) {
#define FAKE_CASE(name, value, words)                                          \
  case PLAIT_##name:                                                           \
    return #name;
  switch (code) {
    PLAIT_ERROR_MAP(FAKE_CASE)
  default:
    return code == 0 ? "0" : "?";
  }
#undef FAKE_CASE
}

/* What the framing loop looks at. */
static void fake_show_state(struct fake *f) {
  f->stream.phase = f->closing ? PLAIT__FLUSHING : PLAIT__OPEN;
  f->stream.paused = f->paused;
}

/* ---- instances --------------------------------------------------------- */

static plait_protocol *fake_instance(struct fake *f,
                                     const plait_protocol_ops *ops) {
  plait__instance *header = calloc(1, sizeof *header + ops->size);
  require(header != NULL, "out of memory");
  plait_protocol *p = (plait_protocol *)(header + 1);
  p->ops = ops;
  p->transport = &f->head;
  return p;
}

static void fake_lost(plait_protocol *p, int reason) {
  if (p->ops->connection_lost != NULL)
    p->ops->connection_lost(p, reason);
  for (plait_framing *g = plait__instance_of(p)->framings; g != NULL;
       g = g->next)
    plait__framing_free(g);
  free(plait__instance_of(p));
}

void plait__instance_add_framing(plait_protocol *p, plait_framing *g) {
  plait_framing **last = &plait__instance_of(p)->framings;
  for (; *last != NULL; last = &(*last)->next)
    require(*last != g, "a framing was added twice");
  g->next = NULL;
  *last = g;
}

/* Never grows in place, and leaves no sense behind: an old pointer shows. */
void *plait__instance_alloc(plait_protocol *p, void *old, size_t size,
                            const char *site) {
  struct fake *f = fake_of(p->transport);
  size_t old_size = 0;
  uint64_t *block = NULL;

  require(site != NULL, "who asks?");
  if (size > 0) {
    if (++f->allocations == f->failing)
      return NULL;
    block = malloc(2 * sizeof *block + size);
    require(block != NULL, "out of memory");
    block[0] = size;
  }
  if (old != NULL) {
    uint64_t *old_block = (uint64_t *)old - 2;
    old_size = (size_t)old_block[0];
    if (block != NULL)
      memcpy(block + 2, old, old_size < size ? old_size : size);
    if (block != NULL)
      f->moved += old_size;
    memset(old, 0xdd, old_size);
    free(old_block);
  }
  f->memory += size;
  if (f->memory > f->memory_max)
    f->memory_max = f->memory;
  f->memory -= old_size;
  return block != NULL ? block + 2 : NULL;
}

/* ---- what tests do ----------------------------------------------------- */

struct fake *fake_new(const plait_protocol_ops *ops) {
  struct fake *f = calloc(1, sizeof *f);
  require(f != NULL, "out of memory");
  fake_show_state(f);
  f->high = 65536;
  f->low = 16384;
  f->head.protocol = fake_instance(f, ops);
  return f;
}

void fake_made(struct fake *f) {
  plait_protocol *p = f->head.protocol;
  if (p->ops->connection_made != NULL)
    p->ops->connection_made(p);
}

/* Puts |head| in front of what waits. */
static void fake_wait_first(struct fake *f, const void *head, size_t len) {
  struct text joined = {0};
  text_add(&joined, head, len);
  text_add(&joined, f->waiting.s, f->waiting.len);
  text_free(&f->waiting);
  f->waiting = joined;
}

/* What a callback has asked for, once it has returned. */
static void fake_settle(struct fake *f) {
  if (f->old != NULL) {
    plait_protocol *old = f->old;
    f->old = NULL;
    fake_wait_first(f, f->rest.s, f->rest.len);
    text_clear(&f->rest);
    fake_lost(old, PLAIT_ESWITCHED);
    fake_made(f);
  }
  if (f->closing)
    text_clear(&f->waiting);
}

static void fake_deliver(struct fake *f, const void *data, size_t len) {
  plait_protocol *p = f->head.protocol;
  /* One for all: mapping it costs more than most tests. */
  static struct guard guard;
  uint8_t *piece = guard_put(&guard, data, len);

  fake_show_state(f);
  f->piece = piece;
  f->piece_len = len;
  if (p->ops->data_received != NULL)
    p->ops->data_received(p, piece, len);
  if (f->unread.len > 0 && !f->closing)
    fake_wait_first(f, f->unread.s, f->unread.len);
  text_clear(&f->unread);
  f->piece = NULL;
  memset(piece, 0xdd, len);
  fake_settle(f);
}

void fake_turn(struct fake *f) {
  while (!f->paused && !f->closing && f->waiting.len > 0) {
    struct text now = f->waiting;
    f->waiting = (struct text){0};
    fake_deliver(f, now.s, now.len);
    text_free(&now);
  }
}

void fake_feed(struct fake *f, const void *data, size_t len) {
  if (f->closing || len == 0)
    return;
  if (f->paused || f->waiting.len > 0) {
    text_add(&f->waiting, data, len);
    fake_turn(f);
    return;
  }
  fake_deliver(f, data, len);
  fake_turn(f);
}

static bool fake_last_frame(struct fake *f) {
  plait_framing *g = plait__instance_of(f->head.protocol)->framings;
  f->ending = true;
  while (g != NULL && !plait__framing_end(g))
    g = g->next;
  f->ending = false;
  if (f->unread.len > 0 && !f->closing)
    fake_wait_first(f, f->unread.s, f->unread.len);
  text_clear(&f->unread);
  fake_settle(f);
  return g != NULL;
}

bool fake_end(struct fake *f) {
  require(!f->paused || f->closing, "the end waits while reading is paused");
  if (f->closing)
    return false;
  if (fake_last_frame(f)) {
    fake_turn(f);
    return true;
  }
  for (plait_framing *g = plait__instance_of(f->head.protocol)->framings;
       g != NULL; g = g->next)
    if (plait__framing_is_inside(g))
      f->reason = PLAIT_ETRUNCATED;
  return false;
}

void fake_take(struct fake *f, size_t len) {
  plait_protocol *p = f->head.protocol;
  require(len <= f->queued, "%zu of %zu", len, f->queued);
  f->queued -= len;
  if (f->full && f->queued <= f->low && !f->closing) {
    f->full = false;
    if (p->ops->resume_writing != NULL)
      p->ops->resume_writing(p);
    fake_settle(f);
  }
}

void fake_free(struct fake *f) {
  fake_lost(f->head.protocol, f->reason);
  require(f->memory == 0, "%zu bytes are left", f->memory);
  text_free(&f->waiting);
  text_free(&f->unread);
  text_free(&f->rest);
  text_free(&f->sent);
  free(f);
}

/* ---- what the framing loop and protocols do ---------------------------- */

bool plait_writev(plait_transport *t, const plait_slice *v, size_t n) {
  struct fake *f = fake_of(t);
  if (f->closing)
    return false;
  f->writes++;
  f->pieces += (unsigned)n;
  for (size_t i = 0; i < n; i++) {
    text_add(&f->sent, v[i].data, v[i].len);
    f->queued += v[i].len;
  }
  f->full = f->full || f->queued > f->high;
  return f->queued <= f->high;
}

bool plait_write(plait_transport *t, const void *data, size_t len) {
  plait_slice v = {data, len};
  return plait_writev(t, &v, 1);
}

bool plait_write_owned(plait_transport *t, const void *data, size_t len,
                       plait_release_fn *release, void *arg) {
  bool more = plait_write(t, data, len);
  release(arg, data, len);
  return more;
}

bool plait_printf(plait_transport *t, const char *format, ...) {
  char text[256];
  va_list arguments;
  va_start(arguments, format);
  int len = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  require(len >= 0 && (size_t)len < sizeof text, "%d characters", len);
  return plait_write(t, text, (size_t)len);
}

void plait_close_reason(plait_transport *t, int reason) {
  struct fake *f = fake_of(t);
  if (f->closing)
    return;
  f->closing = true;
  f->reason = reason;
  fake_show_state(f);
}

void plait_close(plait_transport *t) {
  plait_close_reason(t, 0);
}

void plait_abort(plait_transport *t) {
  fake_of(t)->closing = true;
  fake_of(t)->reason = PLAIT_ECANCELED;
  fake_show_state(fake_of(t));
}

void plait_pause_reading(plait_transport *t) {
  fake_of(t)->paused = true;
  fake_show_state(fake_of(t));
}

void plait_resume_reading(plait_transport *t) {
  fake_of(t)->paused = false;
  fake_show_state(fake_of(t));
}

void plait_unread(plait_transport *t, const uint8_t *data, size_t len) {
  struct fake *f = fake_of(t);
  struct text joined = {0};
  bool tail =
      f->piece != NULL && data > f->piece && data <= f->piece + f->piece_len;
  require(f->old == NULL, "the delivery is the next protocol's");
  require(len > 0, "nothing");
  if (f->piece == NULL && !f->ending) { /* between deliveries */
    fake_wait_first(f, data, len);
    return;
  }
  if (tail) {
    require(data + len == f->piece + f->piece_len, "not the tail");
    require(f->unread.len == 0, "twice");
  }
  text_add(&joined, data, len);
  text_add(&joined, f->unread.s, f->unread.len);
  text_free(&f->unread);
  f->unread = joined;
}

plait_protocol *plait_switch_protocol(plait_transport *t,
                                      const plait_protocol_ops *ops,
                                      const uint8_t *rest, size_t len) {
  struct fake *f = fake_of(t);
  if (f->closing)
    return NULL;
  require((f->piece != NULL || f->ending) && f->old == NULL,
          "once, inside data_received");
  require(len == 0 || rest + len == f->piece + f->piece_len, "not the tail");
  require(len == 0 || f->unread.len == 0, "the tail was given back already");
  f->old = t->protocol;
  t->protocol = fake_instance(f, ops);
  text_add(&f->rest, rest, len);
  return t->protocol;
}

plait_protocol *plait_transport_protocol(const plait_transport *t) {
  return t->protocol;
}

bool plait_transport_closing(const plait_transport *t) {
  return fake_of(t)->closing;
}

bool plait_transport_paused(const plait_transport *t) {
  return fake_of(t)->paused;
}

void plait_transport_set_watermarks(plait_transport *t, uint32_t high_bytes,
                                    uint32_t low_bytes) {
  fake_of(t)->high = high_bytes;
  fake_of(t)->low = low_bytes;
}

/* There is no reactor; its clock is the transport's. */
plait_reactor *plait_transport_reactor(const plait_transport *t) {
  return (plait_reactor *)(uintptr_t)t;
}

int64_t plait_reactor_wall_s(const plait_reactor *reactor) {
  return fake_of((const plait_transport *)(uintptr_t)reactor)->wall_s;
}
