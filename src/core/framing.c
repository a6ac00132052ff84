/* The framing loop: a codec says where frames end, this delivers them.
 *
 *     delivery 1         delivery 2            delivery 3
 *     [frame][frame][fra | me][frame][a long fr | ame t | hat goes on]
 *      in place      ^-- carry --^    in place  ^--- carry: gathered once
 *
 * A frame that lies whole in a delivery is handed on as it lies there.  Only
 * what a delivery ends with, the start of a frame, is copied, to a carry that
 * grows with what has come and goes when its frame was delivered.  The codec
 * is offered each byte once: it keeps in its state what it knows of the bytes
 * in the carry.
 *
 * A codec that looked beyond the end of a frame and into the next one says so
 * by |again|.  Then what is undecoded no longer lies in one piece, so all of it
 * goes back to the transport before the frame is told: whatever the protocol
 * does, pause, close or switch, its successor gets it from there.
 *
 * Invariants: |carry| is NULL exactly if |carried| is 0, and then the state is
 * as at the start of a frame, unless |skipping|: then a frame that was too long
 * is under way and not gathered.  |rest| is set while a callback runs.  Once
 * |poisoned|, the place of the next frame is unknown, and all is discarded.
 */
#include <plait/error.h>
#include <plait/framing.h>
#include <plait/protocol.h>
#include <plait/transport.h>

#include <assert.h>
#include <string.h>

#include "core/instance.h"
#include "core/stream.h"

enum { FRAMING_CARRY_MIN = 4096 };

/* ---- the carry ----------------------------------------------------------- */

static void framing_drop(plait_protocol *p, uint8_t *carry) {
  if (carry != NULL)
    plait__instance_alloc(p, carry, 0, "framing carry");
}

void plait__framing_free(plait_framing *f) {
  framing_drop(f->protocol, f->carry);
  f->carry = NULL;
  f->carried = f->carry_capacity = 0;
}

/* The carry's next capacity: room for |have| bytes and, if the frame ends with
 * them, no more.  Twice as much, so that moving it costs every byte one more
 * copy on average at most; or what the codec needs, if that is less, but not so
 * little that it would soon be moved again.  Never what was merely declared. */
static size_t framing_capacity(size_t have, size_t need, bool last) {
  size_t more = need >= have / 2 && need < have ? need : have;

  if (last)
    return have;
  return have + more < FRAMING_CARRY_MIN ? FRAMING_CARRY_MIN : have + more;
}

/* Puts the next bytes of a frame into the carry; false: out of memory. */
static bool framing_gather(plait_framing *f, const uint8_t *piece, size_t len,
                           size_t need, bool last) {
  size_t have = f->carried + len;

  if (have > f->carry_capacity) {
    size_t capacity = framing_capacity(have, need, last);
    uint8_t *carry =
        plait__instance_alloc(f->protocol, f->carry, capacity, "framing carry");
    if (carry == NULL)
      return false;
    f->carry = carry;
    f->carry_capacity = capacity;
  }
  memcpy(f->carry + f->carried, piece, len);
  f->carried = have;
  return true;
}

/* ---- trouble ------------------------------------------------------------- */

/* Nothing can be decoded any more. */
static void framing_poison(plait_framing *f) {
  plait__framing_free(f);
  f->poisoned = true;
}

static void framing_fail(plait_framing *f, int reason) {
  framing_poison(f);
  plait_close_reason(f->protocol->transport, reason);
}

/* The callback may lift the poison, by a skip or by starting afresh; else
 * nothing can come of the connection any more. */
static void framing_too_long(plait_framing *f, size_t seen) {
  plait_protocol *p = f->protocol;

  framing_poison(f);
  if (f->events->too_long != NULL)
    f->events->too_long(p, seen);
  if (f->poisoned && plait_transport_protocol(p->transport) == p)
    plait_close_reason(p->transport, PLAIT_EFRAME);
}

/* ---- frames -------------------------------------------------------------- */

/* What ends a delivery other than a frame: the start of one, or trouble. */
static void framing_tail(plait_framing *f, int answer, const plait_scan *found,
                         const uint8_t *piece, size_t len) {
  assert(answer <= PLAIT_FRAME);
  /* The length may have come ahead of what is wrong: then it is told first,
   * for so it is if they come in two pieces. */
  bool too_long = !f->skipping && found->length > f->frame_bytes_max;
  if (too_long)
    framing_too_long(f, found->length);
  else if (answer == PLAIT_MORE && !f->skipping &&
           !framing_gather(f, piece, len, found->need, false))
    framing_fail(f, PLAIT_ENOMEM);
  if (answer < 0 && (!too_long || f->skipping))
    framing_fail(f, answer);
}

/* A frame that ends with |found->consumed| bytes at |piece| and began in the
 * carry. */
static void framing_deliver_carry(plait_framing *f, const plait_scan *found,
                                  const uint8_t *piece) {
  uint8_t *carry;

  if (!framing_gather(f, piece, found->consumed, 0, true)) {
    framing_fail(f, PLAIT_ENOMEM);
    return;
  }
  assert(found->offset <= f->carried &&
         found->length <= f->carried - found->offset);
  /* Out of |f| before the callback, which may start |f| afresh. */
  carry = f->carry;
  f->carry = NULL;
  f->carried = f->carry_capacity = 0;
  f->events->frame(f->protocol,
                   (plait_slice){carry + found->offset, found->length});
  framing_drop(f->protocol, carry);
}

/* A frame that is not simply in the delivery.  False: it was too long, and what
 * follows it is discarded too. */
static bool framing_deliver(plait_framing *f, const plait_scan *found,
                            const uint8_t *piece) {
  if (!f->skipping && found->length <= f->frame_bytes_max) {
    framing_deliver_carry(f, found, piece);
    return true;
  }
  if (!f->skipping)
    framing_too_long(f, found->length);
  f->skipping = false; /* this was its end */
  return !f->poisoned;
}

/* All that is undecoded goes back, in the order in which it came. */
static void framing_give_back(plait_framing *f, plait_slice again) {
  plait_transport *t = f->protocol->transport;
  if (f->rest.len > 0)
    plait_unread(t, f->rest.data, f->rest.len);
  plait_unread(t, again.data, again.len);
  f->rest = (plait_slice){0};
}

/* Looks for one frame in |len| bytes; returns how many are done with. */
static size_t framing_scan(plait_framing *f, const uint8_t *piece, size_t len) {
  plait_scan found = {0};
  int answer = f->codec->scan(f->codec, f->state, piece, len, &found);

  if (answer != PLAIT_FRAME) {
    framing_tail(f, answer, &found, piece, len);
    return len;
  }
  size_t used = found.consumed;
  assert(used <= len);
  f->rest = (plait_slice){piece + used, len - used};
  if (found.again.len > 0) {
    assert(used == 0);
    framing_give_back(f, found.again);
    used = len;
  }
  if (f->carried == 0 && !f->skipping && found.length <= f->frame_bytes_max) {
    assert(found.consumed > 0 && found.offset <= found.consumed &&
           found.length <= found.consumed - found.offset);
    f->events->frame(f->protocol,
                     (plait_slice){piece + found.offset, found.length});
  } else if (!framing_deliver(f, &found, piece)) {
    used = len;
  }
  f->rest = (plait_slice){0};
  return used;
}

/* The short way through |len| bytes, for codecs with a terminator and while
 * nothing is carried: many short frames cost little more than finding them.
 * Returns how many bytes are done with. */
static size_t framing_terminated(plait_framing *f, const uint8_t *data,
                                 size_t len) {
  plait_protocol *p = f->protocol;
  const plait_codec *codec = f->codec;
  size_t used = 0;

  do {
    const uint8_t *piece = data + used;
    const uint8_t *last = memchr(piece, codec->terminator.byte, len - used);
    if (last == NULL)
      return used + framing_scan(f, piece, len - used);
    size_t payload = (size_t)(last - piece);
    if (payload > 0 && codec->terminator.strip_cr && last[-1] == '\r')
      payload--;
    if (payload > f->frame_bytes_max)
      return used + framing_scan(f, piece, len - used);
    used += (size_t)(last - piece) + 1;
    f->rest = (plait_slice){last + 1, len - used};
    f->events->frame(p, (plait_slice){piece, payload});
    f->rest = (plait_slice){0};
  } while (used < len && f->codec == codec && !f->in_raw &&
           !plait__transport_stopped(p->transport, p));
  return used;
}

bool plait__framing_end(plait_framing *f) {
  plait_scan found = {0};

  if ((f->carried == 0 && !f->skipping) || f->codec->end == NULL ||
      f->codec->end(f->codec, f->state, &found) != PLAIT_FRAME)
    return false;
  assert(found.consumed == 0);
  if (found.again.len > 0)
    framing_give_back(f, found.again);
  framing_deliver(f, &found, (const uint8_t *)""); /* no more bytes */
  return true;
}

bool plait__framing_is_inside(const plait_framing *f) {
  return f->carried > 0 || f->skipping ||
         (f->in_raw && f->raw_left != UINT64_MAX);
}

/* ---- raw mode ------------------------------------------------------------ */

/* Delivers raw bytes; returns how many of |len| are done with.  The mode is
 * set back before the callback, which may set either one again. */
static size_t framing_raw(plait_framing *f, const uint8_t *data, size_t len) {
  size_t piece = len, done;

  if (f->raw_left != UINT64_MAX) {
    if (f->raw_left < len)
      piece = (size_t)f->raw_left;
    f->raw_left -= piece;
    f->in_raw = f->raw_left > 0;
  }
  f->rest = (plait_slice){data + piece, len - piece};
  if (f->events->raw != NULL)
    f->events->raw(f->protocol, (plait_slice){data, piece});
  done = len - f->rest.len;
  f->rest = (plait_slice){0};
  return done;
}

/* Between the frames, at the start of one. */
static void framing_reset(plait_framing *f) {
  plait__framing_free(f);
  memset(f->state, 0, f->codec->state_size);
  f->skipping = false;
}

void plait_framing_set_raw(plait_framing *f, uint64_t bytes) {
  /* Only outside of the callbacks is anything carried; what lies in the
   * transport, undelivered, came behind it. */
  if (f->carried > 0) {
    plait_unread(f->protocol->transport, f->carry, f->carried);
    framing_reset(f);
  }
  f->in_raw = true;
  f->raw_left = bytes > 0 ? bytes : UINT64_MAX;
}

void plait_framing_set_frames(plait_framing *f, plait_slice extra) {
  f->in_raw = false;
  if (extra.len == 0)
    return;
  /* Raw bytes just delivered, up to the last one. */
  assert(extra.data + extra.len == f->rest.data);
  f->rest.data -= extra.len;
  f->rest.len += extra.len;
}

/* ---- the loop ------------------------------------------------------------ */

void plait_framing_set_max(plait_framing *f, size_t frame_bytes_max) {
  if (frame_bytes_max == 0)
    frame_bytes_max = f->codec->frame_bytes_max;
  if (frame_bytes_max == 0)
    frame_bytes_max = PLAIT_FRAME_BYTES_MAX;
  f->frame_bytes_max =
      frame_bytes_max == PLAIT_UNLIMITED ? SIZE_MAX : frame_bytes_max;
}

void plait_framing_init(plait_framing *f, plait_protocol *p,
                        const plait_codec *codec, void *state,
                        const plait_framing_events *events,
                        size_t frame_bytes_max) {
  if (f->protocol == NULL) {
    f->protocol = p;
    plait__instance_add_framing(p, f);
  }
  assert(f->protocol == p);
  assert(state != NULL || codec->state_size <= sizeof f->own_state);
  plait__framing_free(f);
  memset(f->own_state, 0, sizeof f->own_state);
  f->codec = codec;
  f->state = state != NULL ? state : f->own_state;
  f->events = events;
  f->in_raw = f->skipping = f->poisoned = false;
  plait_framing_set_max(f, frame_bytes_max);
}

void plait_framing_skip(plait_framing *f) {
  if (!f->poisoned)
    return;
  f->poisoned = false;
  f->skipping = true;
}

void plait_framing_clear(plait_framing *f) {
  framing_reset(f);
  if (f->raw_left != UINT64_MAX)
    f->in_raw = false;
}

plait_slice plait_framing_rest(const plait_framing *f) {
  return f->rest;
}

plait_slice plait_framing_unfinished(const plait_framing *f) {
  return (plait_slice){f->carry, f->carried};
}

/* How many of |len| bytes are done with when the loop has stopped at |used|:
 * only a transport that goes on with this protocol has a use for the rest. */
static size_t framing_stopped(const plait_protocol *p, size_t used,
                              size_t len) {
  if (plait_transport_closing(p->transport) ||
      plait_transport_protocol(p->transport) != p)
    return len;
  return used;
}

static size_t framing_step(plait_framing *f, const uint8_t *data, size_t len) {
  if (f->in_raw && !f->skipping)
    return framing_raw(f, data, len);
  if (f->codec->terminator.used && f->carried == 0 && !f->skipping)
    return framing_terminated(f, data, len);
  return framing_scan(f, data, len);
}

size_t plait_framing_receive(plait_framing *f, const uint8_t *data,
                             size_t len) {
  plait_protocol *p = f->protocol;
  const plait_transport *t = p->transport;
  size_t used = 0;

  while (used < len && !f->poisoned && !plait__transport_stopped(t, p))
    used += framing_step(f, data + used, len - used);
  return used == len || f->poisoned ? len : framing_stopped(p, used, len);
}
