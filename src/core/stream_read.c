/* Receiving: one read per wake-up into the reactor's chunk, delivered as a
 * view.  Nothing is copied, unless the protocol hands bytes back. */
#include "core/away.h"
#include "core/deliver.h"
#include "core/memory.h"
#include "core/pass.h"

/* The chunk that has room for a read, behind what is lent of it. */
static plait__chunk *reading_chunk(plait_reactor *r) {
  if (r->chunk != NULL) {
    if (plait__chunk_is_free(r->chunk)) {
      r->chunk->fill = 0;
    } else if (PLAIT__CHUNK_BYTES - r->chunk->fill < PLAIT__CHUNK_ROOM) {
      plait__chunk_unref(r->chunk);
      r->chunk = NULL;
    }
  }
  if (r->chunk == NULL)
    r->chunk = plait__chunk_new(r->os, &r->chunks);
  return r->chunk;
}

/* How much of it one read of |s| may take. */
static size_t reading_size(const plait__stream *s, const plait__chunk *chunk) {
  size_t room = PLAIT__CHUNK_BYTES - chunk->fill;
  if (plait__stream_is_away(s))
    room -= 2 * PLAIT__LEASE_BYTES; /* aligned */
  if (s->small_reads && room > PLAIT__READ_LEFTOVER_BYTES)
    return PLAIT__READ_LEFTOVER_BYTES;
  return room;
}

/* Input after plait_close().  It is bounded once the peer has all of ours: as
 * long as it has not, closing over what it still sends would lose that. */
static void read_discard(plait__stream *s, size_t len) {
  if (s->phase != PLAIT__LINGERING)
    return;
  uint32_t limit = plait__stream_limits(s)->linger_bytes_max;
  if (limit == PLAIT_UNLIMITED || len <= limit - s->discarded)
    s->discarded += (uint32_t)len;
  else if (s->reactor->io->unacked(&s->socket) > 0)
    s->discarded = 0;
  else
    plait__closing(s, PLAIT__ON_LATE, 0);
}

/* The peer's end has come, behind every byte.  What to watch from now on is
 * decided after the protocol was told: most connections are closed then. */
static void read_end(plait__stream *s) {
  s->rd_end = true;
  plait__stream_need(s, s->phase == PLAIT__OPEN ? PLAIT__DUE_READ
                                                : PLAIT__DUE_FLUSH);
}

/* One read and what follows from it.  False: there is nothing more to read. */
static bool read_once(plait__stream *s, int code_at_end) {
  plait_reactor *r = s->reactor;
  plait__chunk *chunk = reading_chunk(r);
  if (chunk == NULL) {
    plait__closing(s, PLAIT__ON_FAIL, PLAIT_ENOMEM);
    return false;
  }
  uint8_t *to = chunk->data + chunk->fill;
  size_t size = reading_size(s, chunk);
  ptrdiff_t n = s->catches != 0 ? plait__pass_read(s, to, size)
                                : r->io->read(&s->socket, to, size);
  if (n > 0) {
    s->received_bytes += (uint64_t)n;
    if (s->phase == PLAIT__OPEN) {
      s->active_ms = plait__reactor_stamp(r);
      plait__deliver_data(s, to, (size_t)n);
      s->small_reads = s->leftover != NULL;
    } else {
      read_discard(s, (size_t)n);
    }
    return true;
  }
  if (code_at_end != 0)
    plait__closing(s, PLAIT__ON_FAIL,
                   n < 0 && n != PLAIT_EAGAIN ? (int)n : code_at_end);
  else if (n == 0)
    read_end(s);
  else if (n != PLAIT_EAGAIN)
    plait__closing(s, PLAIT__ON_FAIL, (int)n);
  return false;
}

static bool read_allowed(const plait__stream *s) {
  if (s->phase == PLAIT__OPEN)
    return !plait__stream_stalled(s) && s->leftover == NULL && !s->rd_end;
  return s->phase != PLAIT__GONE && !s->rd_end;
}

void plait__stream_read(plait__stream *s) {
  if (read_allowed(s))
    read_once(s, 0);
  else
    plait__stream_watch(s); /* paused: only now is the interest withdrawn */
}

/* One more delivery of what is left.  False: there is none, or it was not even
 * partly consumed. */
static bool read_out_leftover(plait__stream *s) {
  if (s->phase != PLAIT__OPEN || plait__stream_stalled(s) ||
      s->leftover == NULL)
    return false;
  size_t before = s->leftover->len;
  plait__stream_reread(s);
  return s->leftover == NULL || s->leftover->len < before;
}

void plait__stream_read_out(plait__stream *s, int code) {
  /* Bounded, for a peer that can still send without end. */
  enum { READS_MAX = 4096 };
  if (plait__stream_only_writes(s) && code == PLAIT_ECONNRESET)
    code = PLAIT_EPIPE;
  for (int i = 0; i < READS_MAX; i++) {
    if (!read_out_leftover(s) && !(read_allowed(s) && read_once(s, code)))
      break;
    if (s->due != 0)
      plait__attend(s);
  }
  plait__closing(s, PLAIT__ON_FAIL, code);
}

/* ---- what was handed back ------------------------------------------------ */

bool plait__stream_keep(plait__stream *s, const uint8_t *data, size_t len) {
  const plait__os *os = s->reactor->os;
  plait__leftover *old = s->leftover;
  if (len == 0)
    return true;
  if (old != NULL && old->len == 0 && data >= old->data &&
      data < old->data + old->size) {
    old->offset = (size_t)(data - old->data);
    old->len = len;
    return true;
  }
  size_t older = old != NULL ? old->len : 0;
  plait__leftover *l = plait__alloc(os, sizeof *l + len + older);
  if (l == NULL)
    return false;
  *l = (plait__leftover){.len = len + older, .size = len + older};
  memcpy(l->data, data, len);
  if (older > 0)
    memcpy(l->data + len, old->data + old->offset, older);
  if (old != NULL && !old->lent)
    plait__free(os, old);
  s->leftover = l;
  return true;
}

void plait__stream_unread(plait__stream *s, const uint8_t *data, size_t len) {
  if (s->phase != PLAIT__OPEN || s->u.leaving != NULL || len == 0)
    return;
  if (plait__stream_keep(s, data, len))
    plait__stream_need(s, PLAIT__DUE_READ);
  else
    plait__closing(s, PLAIT__ON_FAIL, PLAIT_ENOMEM);
}

static void reread_leftover(plait__stream *s) {
  plait__leftover *l = s->leftover;
  size_t len = l->len;
  l->len = 0;
  l->lent = true;
  plait__deliver_data(s, l->data + l->offset, len);
  l->lent = false;
  if (s->leftover == l && l->len > 0)
    return; /* part of it was handed back once more */
  if (s->leftover == l)
    s->leftover = NULL;
  plait__free(s->reactor->os, l);
}

/* The peer's end, once everything before it was delivered.  It may complete a
 * frame, and after that the protocol may have paused, or switched. */
static void reread_end(plait__stream *s) {
  if (plait__deliver_last_frame(s))
    return;
  s->rd_told = true;
  if (s->head.protocol->ops->eof_received != NULL)
    plait__deliver_eof(s);
  else if (!s->wr_end)
    plait__closing(s, PLAIT__ON_CLOSE, PLAIT_EOF);
  if (s->wr_end)
    plait__stream_need(s, PLAIT__DUE_FLUSH);
}

/* The end waits for a switch that something else has caused just now: it is for
 * the new instance, once that is made. */
void plait__stream_reread(plait__stream *s) {
  if (s->phase != PLAIT__OPEN || plait__stream_stalled(s))
    return;
  if (s->leftover != NULL)
    reread_leftover(s);
  else if (s->rd_end && !s->rd_told && s->u.leaving == NULL)
    reread_end(s);
  if (s->phase == PLAIT__OPEN && !plait__stream_stalled(s) &&
      (s->leftover != NULL || (s->rd_end && !s->rd_told)))
    plait__stream_need(s, PLAIT__DUE_READ);
}
