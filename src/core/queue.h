/* The send queue: a deque of segments that wait for the system.
 *
 * A stream has none until something has to wait.  While a callback of its runs
 * it borrows the reactor's outbox, so that what a callback writes is gathered
 * without an allocation and leaves in one system call when it returns; what
 * the system did not take then moves to memory of the queue's own.
 */
#ifndef PLAIT_CORE_QUEUE_H
#define PLAIT_CORE_QUEUE_H

#include <plait/transport.h>
#include <string.h>

#include "core/driver.h"

enum {
  PLAIT__OUTBOX_BYTES = 64 * 1024,
  PLAIT__OUTBOX_SEGMENTS = 64,
  PLAIT__IOVECS = 64,             /* segments a system call */
  PLAIT__PIECE_FIRST_BYTES = 960, /* the first copy's buffer at least */
  PLAIT__PIECE_LEAST_BYTES = 64,  /* of one behind what is no copy */
  PLAIT__PIECE_BYTES = 16 * 1024, /* of others, growing up to this */
  PLAIT__PIECE_SHORT_BYTES = 256  /* copied without a call */
};

typedef struct plait__segment {
  const uint8_t *data;
  size_t len;
  plait_release_fn *release; /* NULL: in the outbox */
  void *arg;
  uint32_t extra; /* bytes that it keeps beyond its own: a pin */
} plait__segment;

typedef struct plait__ring {
  uint32_t first, count, capacity; /* capacity is a power of two */
  size_t extra;                    /* of the segments together */
  size_t skip; /* bytes of the first segment that are sent */
  plait__segment segments[];
} plait__ring;

typedef struct plait__queue {
  plait__ring *ring; /* NULL while nothing waits */
  size_t bytes;      /* that wait */
} plait__queue;

typedef struct plait__outbox {
  plait__queue *borrower; /* NULL: free */
  plait__ring *ring;
  plait__segment *open; /* the last one, if it ends where |used| does */
  uint8_t *bytes;
  size_t used;
} plait__outbox;

int plait__outbox_init(plait__outbox *o, const plait__os *os);
void plait__outbox_fini(plait__outbox *o, const plait__os *os);

/* The empty queue |q| borrows |o|, which is free. */
void plait__queue_borrow(plait__queue *q, plait__outbox *o);
static inline bool plait__queue_borrows(const plait__queue *q,
                                        const plait__outbox *o) {
  return o->borrower == q;
}

/* The common case of a callback's first copy: |q| is empty, |o| free. */
static inline void plait__queue_start(plait__queue *q, plait__outbox *o,
                                      const void *data, size_t len) {
  plait__ring *ring = o->ring;
  ring->segments[0] = (plait__segment){.data = o->bytes, .len = len};
  ring->first = 0;
  ring->extra = 0;
  ring->count = 1;
  ring->skip = 0;
  o->borrower = q;
  o->open = &ring->segments[0];
  o->used = len;
  memcpy(o->bytes, data, len);
  q->ring = ring;
  q->bytes = len;
}

/* And of its next ones.  False: not the common case. */
static inline bool plait__queue_extend(plait__queue *q, plait__outbox *o,
                                       const void *data, size_t len) {
  if (o->borrower != q || o->open == NULL ||
      len > (size_t)PLAIT__OUTBOX_BYTES - o->used)
    return false;
  memcpy(o->bytes + o->used, data, len);
  o->open->len += len;
  o->used += len;
  q->bytes += len;
  return true;
}

/* memcpy() for pieces that are mostly short, without a call for these: that and
 * its dispatch on the length would cost more than the copy.  Moves may
 * overlap. */
static inline void plait__queue_copy_piece(uint8_t *to, const uint8_t *from,
                                           size_t len) {
  if (len > PLAIT__PIECE_SHORT_BYTES) {
    memcpy(to, from, len);
  } else if (len >= 16) {
    for (size_t i = 0; i < len - 16; i += 16)
      memcpy(to + i, from + i, 16);
    memcpy(to + len - 16, from + len - 16, 16);
  } else if (len >= 8) {
    memcpy(to, from, 8);
    memcpy(to + len - 8, from + len - 8, 8);
  } else if (len >= 4) {
    memcpy(to, from, 4);
    memcpy(to + len - 4, from + len - 4, 4);
  } else if (len >= 2) {
    memcpy(to, from, 2);
    to[len - 1] = from[len - 1];
  } else if (len == 1) {
    *to = *from;
  }
}

/* The most common case of all: the last bytes of |q| are copies in |o|, and
 * |n| slices of |len_max| bytes together at most go behind them.  False:
 * another case, and nothing was done. */
static inline bool plait__queue_append(plait__queue *q, plait__outbox *o,
                                       const plait_slice *v, size_t n,
                                       size_t len_max) {
  if (o->borrower != q || o->open == NULL)
    return false;
  uint8_t *begin = o->bytes + o->used, *to = begin;
  size_t room = (size_t)PLAIT__OUTBOX_BYTES - o->used;
  if (room > len_max)
    room = len_max;
  for (; n > 0; n--, v++) {
    size_t len = v->len;
    if (len > room)
      return false;
    room -= len;
    plait__queue_copy_piece(to, v->data, len);
    to += len;
  }
  o->open->len += (size_t)(to - begin);
  o->used += (size_t)(to - begin);
  q->bytes += (size_t)(to - begin);
  return true;
}

/* All of |q| is copies in |o|, none of it sent. */
static inline bool plait__queue_is_plain(const plait__queue *q,
                                         const plait__outbox *o) {
  return o->borrower == q && o->ring->count == 1 && o->open != NULL &&
         o->ring->skip == 0;
}

/* All of a plain |q| is sent. */
static inline void plait__queue_reset(plait__queue *q, plait__outbox *o) {
  o->borrower = NULL;
  q->ring = NULL;
  q->bytes = 0;
}

/* Appends a copy.  False: out of memory, or, while |q| borrows |o|, the outbox
 * is full: flush, or settle, and go on. */
bool plait__queue_copy(plait__queue *q, plait__outbox *o, const plait__os *os,
                       const void *data, size_t len);
/* Appends a reference.  False as above; nothing was released. */
bool plait__queue_refer(plait__queue *q, plait__outbox *o, const plait__os *os,
                        plait__segment segment);

/* The first segments as iovecs; returns how many of at most |n|. */
size_t plait__queue_gather(const plait__queue *q, plait__iovec *v, size_t n);

/* The first |len| bytes are sent: their segments are released, and an empty
 * queue gives its ring back. */
void plait__queue_consume(plait__queue *q, plait__outbox *o,
                          const plait__os *os, size_t len);

/* What |q| has in the outbox moves to its own memory.  False: out of memory;
 * then the queue is unchanged. */
bool plait__queue_settle(plait__queue *q, plait__outbox *o,
                         const plait__os *os);

/* Releases everything. */
void plait__queue_drop(plait__queue *q, plait__outbox *o, const plait__os *os);

/* What the hard limit judges. */
static inline size_t plait__queue_weight(const plait__queue *q) {
  return q->bytes + (q->ring != NULL ? q->ring->extra : 0);
}

#endif
