/* Sending.
 *
 * What a callback writes is gathered and leaves when it returns; a big write is
 * offered to the system at once, behind what waits, so that it need not be
 * copied first and the answer about the high-water mark is about what really
 * remains.  What remains of bytes in the chunk being delivered keeps the chunk
 * if it is at least half of it, and is copied otherwise.
 */
#include <stdatomic.h>

#include "core/away.h"
#include "core/deliver.h"
#include "core/factory.h"
#include "core/pass.h"
#include "core/runtime.h"

void plait__stream_publish(plait__stream *s) {
  size_t bytes = s->queue.bytes;
  uint32_t room = bytes <= s->high ? s->high - (uint32_t)bytes : 0;
  if (bytes <= s->high && room < UINT32_MAX)
    room++;
  s->published = bytes > 0;
  atomic_store_explicit(&s->head.slot->room, room, memory_order_relaxed);
  if (plait__stream_is_away(s))
    plait__away_publish(s);
}

/* plait_write()'s answer. */
static bool write_answer(plait__stream *s) {
  if (s->queue.bytes <= s->high)
    return true;
  s->above = true;
  return false;
}

static void write_no_memory(plait__stream *s) {
  plait__closing(s, PLAIT__ON_FAIL, PLAIT_ENOMEM);
}

/* ---- flushing ------------------------------------------------------------ */

/* The system took |n| bytes (or a code) of |offered|. */
static void flush_took(plait__stream *s, ptrdiff_t n, size_t offered) {
  if (n < 0 && n != PLAIT_EAGAIN) {
    /* Nothing more is tried; but the peer's last bytes may still wait to be
     * read, so it is not the end yet. */
    s->blocked = true;
    s->broken = (int16_t)n;
    plait__stream_need(s, PLAIT__DUE_FAIL);
    return;
  }
  if (n > 0) {
    s->sent_bytes += (uint64_t)n;
    s->active_ms = plait__reactor_stamp(s->reactor);
  }
  s->blocked = n < 0 || (size_t)n < offered;
}

static size_t iovec_bytes(const plait__iovec *v, size_t n) {
  size_t sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += v[i].len;
  return sum;
}

/* io->writev() of what |v| is cut to, in front of the next byte that brings a
 * descriptor along. */
static ptrdiff_t flush_hand_over(plait__stream *s, plait__iovec *v,
                                 size_t *count) {
  const plait__io *io = s->reactor->io;
  int fd = s->passes ? plait__pass_cut(s, v, count) : -1;
  if (fd < 0)
    return io->writev(&s->socket, v, *count);
  ptrdiff_t n = io->send_fd(&s->socket, v, *count, fd);
  if (n > 0)
    plait__pass_sent(s);
  return n;
}

/* Hands the queue to the system, as far as it goes. */
static void flush_queue(plait__stream *s) {
  plait_reactor *r = s->reactor;
  plait__iovec v[PLAIT__IOVECS];
  while (s->queue.ring != NULL && !s->blocked) {
    size_t count = plait__queue_gather(&s->queue, v, PLAIT__IOVECS);
    ptrdiff_t n = flush_hand_over(s, v, &count);
    flush_took(s, n, iovec_bytes(v, count));
    if (n > 0)
      plait__queue_consume(&s->queue, &r->outbox, r->os, (size_t)n);
  }
}

static void flush_settle(plait__stream *s) {
  plait_reactor *r = s->reactor;
  if (!plait__queue_settle(&s->queue, &r->outbox, r->os))
    write_no_memory(s);
}

/* After the queue has become shorter. */
static void flush_done(plait__stream *s) {
  /* What was queued and sent between two looks is not worth touching the slot
   * for. */
  if (s->queue.bytes > 0 || s->published)
    plait__stream_publish(s);
  if (s->queue.bytes <= s->low && (s->above || s->waiters != NULL))
    plait__stream_need(s, PLAIT__DUE_RESUME);
  if (s->queue.bytes == 0 && s->wr_end)
    plait__stream_need(s, PLAIT__DUE_FLUSH);
}

/* The common case: what one callback copied leaves as a whole.  False: it did
 * not, or the case is another. */
static bool flush_plain(plait__stream *s) {
  plait_reactor *r = s->reactor;
  if (s->passes || !plait__queue_is_plain(&s->queue, &r->outbox))
    return false;
  plait__iovec v = {r->outbox.bytes, r->outbox.used};
  ptrdiff_t n = r->io->writev(&s->socket, &v, 1);
  flush_took(s, n, v.len);
  if (n != (ptrdiff_t)v.len) {
    if (n > 0)
      plait__queue_consume(&s->queue, &r->outbox, r->os, (size_t)n);
    return false;
  }
  plait__queue_reset(&s->queue, &r->outbox);
  if (s->above || s->waiters != NULL || s->wr_end || s->published)
    flush_done(s);
  return true;
}

void plait__stream_flush(plait__stream *s) {
  bool was_blocked = s->interest & PLAIT__WRITABLE;
  if (!was_blocked && flush_plain(s))
    return;
  flush_queue(s);
  flush_settle(s);
  if (s->phase == PLAIT__GONE)
    return;
  flush_done(s);
  if (s->blocked != was_blocked)
    plait__stream_watch(s);
}

/* ---- writing ------------------------------------------------------------- */

/* Whether |t| takes bytes; loses the connection above the hard limit, which
 * judges the queue as it is before the write. */
static bool write_allowed(plait__stream *s) {
  if (s->phase != PLAIT__OPEN || s->wr_end || s->due & PLAIT__DUE_FAIL)
    return false;
  if (s->queue.ring == NULL)
    return true;
  uint32_t limit = plait__stream_limits(s)->queue_bytes_max;
  if (limit == PLAIT_UNLIMITED || plait__queue_weight(&s->queue) <= limit)
    return true;
  plait__closing(s, PLAIT__ON_FAIL, PLAIT_EQUEUE);
  return false;
}

/* A stream whose callback runs gathers in the outbox. */
static void write_borrow(plait__stream *s) {
  plait_reactor *r = s->reactor;
  if (s->queue.ring == NULL && r->current == s && r->outbox.borrower == NULL)
    plait__queue_borrow(&s->queue, &r->outbox);
}

/* A small piece, the long way; when the outbox is full it is sent. */
static void write_copy_slowly(plait__stream *s, const void *data, size_t len) {
  plait_reactor *r = s->reactor;
  for (int attempt = 0; attempt < 2 && s->phase == PLAIT__OPEN; attempt++) {
    write_borrow(s);
    bool borrows = plait__queue_borrows(&s->queue, &r->outbox);
    if (plait__queue_copy(&s->queue, &r->outbox, r->os, data, len))
      return;
    if (!borrows)
      break;
    flush_queue(s);
    flush_settle(s);
  }
  write_no_memory(s);
}

static inline void write_copy(plait__stream *s, const void *data, size_t len) {
  plait_reactor *r = s->reactor;
  if (len == 0)
    return;
  if (s->queue.ring == NULL && r->current == s && r->outbox.borrower == NULL)
    plait__queue_start(&s->queue, &r->outbox, data, len);
  else if (!plait__queue_extend(&s->queue, &r->outbox, data, len))
    write_copy_slowly(s, data, len);
}

/* Queues a reference to |segment|; releases it if that fails. */
static bool write_refer(plait__stream *s, plait__segment segment) {
  plait_reactor *r = s->reactor;
  if (plait__queue_borrows(&s->queue, &r->outbox) &&
      r->outbox.ring->count == r->outbox.ring->capacity) {
    flush_queue(s);
    flush_settle(s);
  }
  if (s->phase == PLAIT__OPEN) {
    write_borrow(s);
    if (plait__queue_refer(&s->queue, &r->outbox, r->os, segment))
      return true;
    write_no_memory(s);
  }
  segment.release(segment.arg, segment.data, segment.len);
  return false;
}

/* What the system did not take of a big write. */
static void write_rest(plait__stream *s, const uint8_t *data, size_t len) {
  plait_reactor *r = s->reactor;
  plait__chunk *chunk = r->chunk;
  if (len >= PLAIT__CHUNK_BYTES / 2 && plait__chunk_holds(chunk, data)) {
    /* The queue has settled: what remains of a big write is not gathered. */
    plait__segment pin = {data, len, plait__chunk_release, chunk,
                          (uint32_t)(PLAIT__CHUNK_BYTES - len)};
    if (plait__queue_refer(&s->queue, &r->outbox, r->os, pin)) {
      plait__chunk_ref(chunk);
      chunk->fill = PLAIT__CHUNK_BYTES;
    } else {
      write_no_memory(s);
    }
    return;
  }
  if (!plait__queue_copy(&s->queue, &r->outbox, r->os, data, len))
    write_no_memory(s);
}

/* Offers the queue and the |n| slices behind it in one system call.  Returns
 * how many bytes of the slices the system took. */
static size_t write_offer(plait__stream *s, const plait_slice *slices,
                          size_t n) {
  plait_reactor *r = s->reactor;
  plait__iovec v[PLAIT__IOVECS];
  size_t queued = s->queue.bytes;
  size_t count = plait__queue_gather(&s->queue, v, PLAIT__IOVECS - n);
  size_t waiting = iovec_bytes(v, count);
  if (waiting < queued)
    return 0; /* more segments than fit: they go first */
  for (size_t i = 0; i < n; i++)
    v[count++] = (plait__iovec){slices[i].data, slices[i].len};
  ptrdiff_t took = flush_hand_over(s, v, &count);
  flush_took(s, took, iovec_bytes(v, count));
  if (took <= 0)
    return 0;
  size_t of_queue = (size_t)took < queued ? (size_t)took : queued;
  if (of_queue > 0)
    plait__queue_consume(&s->queue, &r->outbox, r->os, of_queue);
  return (size_t)took - of_queue;
}

enum { OFFER_SLICES = 8 };

static void write_big(plait__stream *s, const plait_slice *v, size_t n) {
  size_t took = s->blocked ? 0 : write_offer(s, v, n);
  flush_settle(s);
  for (size_t i = 0; i < n && s->phase == PLAIT__OPEN; i++) {
    size_t sent = took < v[i].len ? took : v[i].len;
    took -= sent;
    if (sent < v[i].len)
      write_rest(s, v[i].data + sent, v[i].len - sent);
  }
}

/* After |len| bytes were queued or sent: they leave with the callback, with the
 * turn, or when the system takes more. */
static bool write_queued(plait__stream *s, size_t len) {
  if (s->phase != PLAIT__OPEN)
    return false;
  if (s->blocked) {
    plait__stream_publish(s);
    plait__stream_watch(s); /* it may have become so just now */
  } else if (len > 0 && s->reactor->current != s) {
    plait__stream_need(s, PLAIT__DUE_FLUSH);
  }
  return write_answer(s);
}

static void write_each(plait__stream *s, const plait_slice *v, size_t n) {
  for (size_t i = 0; i < n && s->phase == PLAIT__OPEN; i++)
    if (v[i].len >= PLAIT__BIG_BYTES)
      write_big(s, &v[i], 1);
    else
      write_copy(s, v[i].data, v[i].len);
}

__attribute__((noinline)) static bool
writev_slowly(plait__stream *s, const plait_slice *v, size_t n) {
  size_t total = 0;
  for (size_t i = 0; i < n; i++)
    total += v[i].len;
  if (!write_allowed(s))
    return false;
  if (total >= PLAIT__BIG_BYTES && n <= OFFER_SLICES)
    write_big(s, v, n);
  else
    write_each(s, v, n);
  return write_queued(s, total);
}

/* First, short, what a callback that answers many frames does again and again:
 * in a callback that has written before, a queue below the high-water mark is
 * below the hard limit too, nothing is blocked, and all leaves with the
 * callback. */
bool plait__stream_writev(plait_transport *t, const plait_slice *v, size_t n) {
  plait__stream *s = plait__stream_of(t);
  if (!s->wr_end && !s->tight && s->queue.bytes <= s->high &&
      plait__queue_append(&s->queue, &s->reactor->outbox, v, n,
                          PLAIT__BIG_BYTES - 1))
    return write_answer(s);
  return writev_slowly(s, v, n);
}

bool plait__stream_write_owned(plait_transport *t, const void *data, size_t len,
                               plait_release_fn *release, void *arg) {
  plait__stream *s = plait__stream_of(t);
  bool allowed = write_allowed(s);
  if (!allowed || len == 0) {
    release(arg, data, len);
    return allowed && write_answer(s);
  }
  if (!write_refer(s, (plait__segment){data, len, release, arg, 0}))
    return false;
  return write_queued(s, len);
}

void plait__stream_when_gone(plait__stream *s, plait_call *call) {
  call->target = 0;
  call->next = s->waiters;
  s->waiters = call;
}

void plait__stream_forget(plait__stream *s, plait_call *call) {
  plait_call **at = &s->waiters;
  while (*at != call)
    at = &(*at)->next;
  *at = call->next;
}

static void run_waiter(plait__stream *s, plait_protocol *p, plait_call *call) {
  if (p != NULL && plait__stream_is_away(s) && plait__away_call(s, call))
    return;
  plait__deliver_call(s->reactor, p != NULL ? s : NULL, call);
  plait__runtime_unref(s->reactor->runtime);
}

/* Takes one of |s|'s waiters that wait for room out of the list; NULL: there is
 * none left. */
static plait_call *take_waiter_for_room(plait__stream *s) {
  plait_call **at = &s->waiters;
  while (*at != NULL && (*at)->target == 0)
    at = &(*at)->next;
  plait_call *call = *at;
  if (call != NULL)
    *at = call->next;
  return call;
}

/* Those that wait for room, and wait again before they have all run, are for
 * the next time. */
static void run_waiters_for_room(plait__stream *s, plait_protocol *p) {
  plait_call *due = NULL, **end = &due, *call;
  while ((call = take_waiter_for_room(s)) != NULL) {
    *end = call;
    end = &call->next;
    *end = NULL;
  }
  while ((call = due) != NULL) {
    due = call->next;
    run_waiter(s, p, call);
  }
}

/* What waits for the end stays in the list until it runs: any other one may
 * have it forgotten. */
void plait__stream_run_waiters(plait__stream *s, plait_protocol *p) {
  plait_call *call;
  if (p != NULL) {
    run_waiters_for_room(s, p);
    return;
  }
  while ((call = s->waiters) != NULL) {
    s->waiters = call->next;
    run_waiter(s, NULL, call);
  }
}
