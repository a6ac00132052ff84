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
 * Invariants: |carry| is NULL exactly if |carried| is 0, and then the state is
 * as at the start of a frame.  |rest| is set while a callback runs.  Once
 * |poisoned|, the place of the next frame is unknown, and all is discarded.
 */
#include <plait/error.h>
#include <plait/framing.h>
#include <plait/protocol.h>
#include <plait/transport.h>

#include <assert.h>
#include <string.h>

#include "core/instance.h"
#include "core/transport.h"

enum { FRAMING_CARRY_MIN = 4096 };

static void framing_drop(plait_protocol *p, uint8_t *carry) {
  if (carry != NULL)
    plait__instance_alloc(p, carry, 0, "framing carry");
}

void plait__framing_free(plait_framing *f) {
  framing_drop(f->protocol, f->carry);
  f->carry = NULL;
  f->carried = f->carry_capacity = 0;
}

void plait_framing_set_max(plait_framing *f, size_t frame_bytes_max) {
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
  plait__framing_free(f);
  f->codec = codec;
  f->state = state;
  f->events = events;
  f->poisoned = false;
  plait_framing_set_max(f, frame_bytes_max);
}

void plait_framing_halt(plait_framing *f) {
  f->halted = true;
}

plait_slice plait_framing_rest(const plait_framing *f) {
  return f->rest;
}

/* The carry's next capacity: room for |have| bytes and, if the frame ends with
 * them, no more.  Half as much again at least, so that moving it costs every
 * byte two copies on average at most; twice as much at most, whatever length
 * the peer has declared. */
static size_t framing_capacity(size_t have, size_t need, bool last) {
  size_t more = need == 0 || need > have ? have : need;

  if (last)
    return have;
  if (more < have / 2)
    more = have / 2;
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

/* Nothing can be decoded any more. */
static void framing_poison(plait_framing *f) {
  plait__framing_free(f);
  f->poisoned = true;
}

static void framing_fail(plait_framing *f, int reason) {
  framing_poison(f);
  plait_close_reason(f->protocol->transport, reason);
}

static void framing_too_long(plait_framing *f, size_t seen) {
  if (f->events->too_long == NULL) {
    framing_fail(f, PLAIT_EFRAME);
    return;
  }
  framing_poison(f);
  f->events->too_long(f->protocol, seen);
}

/* What ends a delivery other than a frame: the start of one, or trouble. */
static void framing_tail(plait_framing *f, int answer, const plait_scan *found,
                         const uint8_t *piece, size_t len) {
  assert(answer <= PLAIT_FRAME);
  if (answer < 0)
    framing_fail(f, answer);
  else if (found->length > f->frame_bytes_max)
    framing_too_long(f, found->length);
  else if (!framing_gather(f, piece, len, found->need, false))
    framing_fail(f, PLAIT_ENOMEM);
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

/* How many of |len| bytes are done with when the loop has stopped at |used|:
 * only a transport that goes on with this protocol has a use for the rest. */
static size_t framing_stopped(const plait_protocol *p, size_t used,
                              size_t len) {
  if (plait_transport_closing(p->transport) ||
      plait_transport_protocol(p->transport) != p)
    return len;
  return used;
}

size_t plait_framing_receive(plait_framing *f, const uint8_t *data,
                             size_t len) {
  plait_protocol *p = f->protocol;
  const plait_transport *t = p->transport;
  size_t used = 0;

  f->halted = false;
  if (f->poisoned)
    return len;
  while (used < len && !f->halted && !plait__transport_stopped(t, p)) {
    const uint8_t *piece = data + used;
    plait_scan found = {0};
    int answer = f->codec->scan(f->state, piece, len - used, &found);

    if (answer != PLAIT_FRAME || found.length > f->frame_bytes_max) {
      framing_tail(f, answer, &found, piece, len - used);
      return len;
    }
    used += found.consumed;
    assert(found.consumed <= len && used <= len);
    f->rest = (plait_slice){data + used, len - used};
    if (f->carried > 0) {
      framing_deliver_carry(f, &found, piece);
    } else {
      assert(found.consumed > 0 && found.offset <= found.consumed &&
             found.length <= found.consumed - found.offset);
      f->events->frame(p, (plait_slice){piece + found.offset, found.length});
    }
    f->rest = (plait_slice){0};
  }
  return used == len ? len : framing_stopped(p, used, len);
}
