/* See queue.h.  Copies are merged into the last segment while its buffer has
 * room: a hundred small writes are one or two segments, because gathering a
 * hundred costs more than copying them. */
#include "core/queue.h"

#include "core/memory.h"

/* The buffer of a copied segment. */
typedef struct queue_piece {
  const plait__os *os;
  size_t capacity;
  uint8_t data[];
} queue_piece;

static void piece_release(void *arg, const void *data, size_t len) {
  queue_piece *piece = arg;
  (void)data;
  (void)len;
  plait__free(piece->os, piece);
}

static size_t ring_bytes(uint32_t capacity) {
  return sizeof(plait__ring) + capacity * sizeof(plait__segment);
}

static plait__segment *ring_at(plait__ring *ring, uint32_t i) {
  return &ring->segments[(ring->first + i) & (ring->capacity - 1)];
}

static plait__ring *ring_new(const plait__os *os, uint32_t capacity) {
  plait__ring *ring = plait__alloc(os, ring_bytes(capacity));
  if (ring != NULL)
    *ring = (plait__ring){.capacity = capacity};
  return ring;
}

int plait__outbox_init(plait__outbox *o, const plait__os *os) {
  o->borrower = NULL;
  o->used = 0;
  o->ring = ring_new(os, PLAIT__OUTBOX_SEGMENTS);
  o->bytes = plait__alloc(os, PLAIT__OUTBOX_BYTES);
  return o->ring != NULL && o->bytes != NULL ? 0 : -1;
}

void plait__outbox_fini(plait__outbox *o, const plait__os *os) {
  plait__free(os, o->ring);
  plait__free(os, o->bytes);
}

void plait__queue_borrow(plait__queue *q, plait__outbox *o) {
  o->borrower = q;
  o->used = 0;
  o->open = NULL;
  o->ring->first = o->ring->count = 0;
  o->ring->extra = 0;
  o->ring->skip = 0;
  q->ring = o->ring;
}

/* A ring of twice the capacity, the segments in order from its start. */
static bool queue_grow(plait__queue *q, const plait__os *os) {
  plait__ring *old = q->ring;
  plait__ring *ring = ring_new(os, old->capacity * 2);
  if (ring == NULL)
    return false;
  for (uint32_t i = 0; i < old->count; i++)
    ring->segments[i] = *ring_at(old, i);
  ring->count = old->count;
  ring->extra = old->extra;
  ring->skip = old->skip;
  plait__free(os, old);
  q->ring = ring;
  return true;
}

/* Room for one more segment. */
static bool queue_reserve(plait__queue *q, plait__outbox *o,
                          const plait__os *os) {
  if (q->ring == NULL) {
    q->ring = ring_new(os, 4);
    return q->ring != NULL;
  }
  if (q->ring->count < q->ring->capacity)
    return true;
  return !plait__queue_borrows(q, o) && queue_grow(q, os);
}

bool plait__queue_refer(plait__queue *q, plait__outbox *o, const plait__os *os,
                        plait__segment segment) {
  if (!queue_reserve(q, o, os))
    return false;
  if (plait__queue_borrows(q, o))
    o->open = NULL;
  *ring_at(q->ring, q->ring->count++) = segment;
  q->ring->extra += segment.extra;
  q->bytes += segment.len;
  return true;
}

static bool copy_to_outbox(plait__queue *q, plait__outbox *o,
                           const plait__os *os, const void *data, size_t len) {
  if (plait__queue_extend(q, o, data, len))
    return true;
  if (len > PLAIT__OUTBOX_BYTES - o->used)
    return false;
  uint8_t *to = o->bytes + o->used;
  plait__segment segment = {.data = to, .len = len};
  if (!plait__queue_refer(q, o, os, segment))
    return false;
  o->open = ring_at(q->ring, q->ring->count - 1);
  memcpy(to, data, len);
  o->used += len;
  return true;
}

/* As much of the copy as fits behind the last segment. */
static size_t copy_to_last(plait__queue *q, const void *data, size_t len) {
  if (q->ring == NULL || q->ring->count == 0)
    return 0;
  plait__segment *last = ring_at(q->ring, q->ring->count - 1);
  if (last->release != piece_release)
    return 0;
  queue_piece *piece = last->arg;
  size_t end = (size_t)(last->data - piece->data) + last->len;
  size_t room = piece->capacity - end;
  if (len > room)
    len = room;
  memcpy(piece->data + end, data, len);
  last->len += len;
  q->bytes += len;
  return len;
}

/* Bytes of the next piece's buffer.  Each is bigger than the one before it, so
 * that many copies take few pieces; but a byte between segments that are no
 * copies takes little, or a queue of few bytes would hold much memory. */
static size_t piece_bytes(const plait__queue *q) {
  if (q->bytes == 0)
    return PLAIT__PIECE_FIRST_BYTES;
  const plait__segment *last = ring_at(q->ring, q->ring->count - 1);
  if (last->release != piece_release)
    return PLAIT__PIECE_LEAST_BYTES;
  const queue_piece *piece = last->arg;
  size_t bytes = piece->capacity * 4;
  return bytes < PLAIT__PIECE_BYTES ? bytes : PLAIT__PIECE_BYTES;
}

static bool copy_to_piece(plait__queue *q, plait__outbox *o,
                          const plait__os *os, const void *data, size_t len) {
  size_t least = piece_bytes(q);
  size_t capacity = len > least ? len : least;
  queue_piece *piece = plait__alloc(os, sizeof *piece + capacity);
  if (piece == NULL)
    return false;
  *piece = (queue_piece){.os = os, .capacity = capacity};
  plait__segment segment = {piece->data, len, piece_release, piece, 0};
  if (!plait__queue_refer(q, o, os, segment)) {
    plait__free(os, piece);
    return false;
  }
  memcpy(piece->data, data, len);
  return true;
}

bool plait__queue_copy(plait__queue *q, plait__outbox *o, const plait__os *os,
                       const void *data, size_t len) {
  if (len == 0)
    return true;
  if (plait__queue_borrows(q, o))
    return copy_to_outbox(q, o, os, data, len);
  size_t taken = copy_to_last(q, data, len);
  return taken == len ||
         copy_to_piece(q, o, os, (const uint8_t *)data + taken, len - taken);
}

size_t plait__queue_gather(const plait__queue *q, plait__iovec *v, size_t n) {
  if (q->ring == NULL)
    return 0;
  size_t count = q->ring->count < n ? q->ring->count : n;
  for (size_t i = 0; i < count; i++) {
    const plait__segment *s = ring_at(q->ring, (uint32_t)i);
    v[i] = (plait__iovec){s->data, s->len};
  }
  if (count > 0) {
    v[0].data = (const uint8_t *)v[0].data + q->ring->skip;
    v[0].len -= q->ring->skip;
  }
  return count;
}

/* An empty queue's ring goes back to where it is from. */
static void queue_return(plait__queue *q, plait__outbox *o,
                         const plait__os *os) {
  if (plait__queue_borrows(q, o))
    o->borrower = NULL;
  else
    plait__free(os, q->ring);
  q->ring = NULL;
}

static void segment_release(const plait__segment *s) {
  if (s->release != NULL)
    s->release(s->arg, s->data, s->len);
}

void plait__queue_consume(plait__queue *q, plait__outbox *o,
                          const plait__os *os, size_t len) {
  plait__ring *ring = q->ring;
  q->bytes -= len;
  len += ring->skip;
  while (ring->count > 0 && len >= ring_at(ring, 0)->len) {
    plait__segment s = *ring_at(ring, 0);
    len -= s.len;
    ring->first = (ring->first + 1) & (ring->capacity - 1);
    ring->count--;
    ring->extra -= s.extra;
    segment_release(&s);
  }
  ring->skip = len;
  if (ring->count == 0)
    queue_return(q, o, os);
}

/* Moves the segments of the outbox to |own|; copies those it has the bytes of.
 */
static bool settle_into(plait__queue *own, plait__outbox *o,
                        const plait__os *os) {
  size_t skip = o->ring->skip;
  for (uint32_t i = 0; i < o->ring->count; i++, skip = 0) {
    plait__segment *s = ring_at(o->ring, i);
    bool ok = s->release != NULL ? plait__queue_refer(own, o, os, *s)
                                 : plait__queue_copy(own, o, os, s->data + skip,
                                                     s->len - skip);
    if (!ok)
      return false;
    if (i == 0 && s->release != NULL)
      own->ring->skip = skip;
  }
  return true;
}

bool plait__queue_settle(plait__queue *q, plait__outbox *o,
                         const plait__os *os) {
  if (!plait__queue_borrows(q, o))
    return true;
  plait__queue own = {0};
  if (!settle_into(&own, o, os)) {
    /* What was referred stays with the outbox: only the copies go. */
    for (uint32_t i = 0; own.ring != NULL && i < own.ring->count; i++)
      if (ring_at(own.ring, i)->release == piece_release)
        segment_release(ring_at(own.ring, i));
    plait__free(os, own.ring);
    return false;
  }
  own.bytes = q->bytes;
  o->borrower = NULL;
  *q = own;
  return true;
}

void plait__queue_drop(plait__queue *q, plait__outbox *o, const plait__os *os) {
  if (q->ring == NULL)
    return;
  while (q->ring->count > 0) {
    plait__segment *s = ring_at(q->ring, --q->ring->count);
    segment_release(s);
  }
  q->bytes = 0;
  queue_return(q, o, os);
}
