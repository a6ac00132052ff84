/* Framing: cutting the stream into frames, in place.
 *
 * A codec is one pure function that finds the end of a frame.  It sees no
 * transport, allocates nothing and keeps no pointer.  plait_framing is the one
 * loop around it: a frame that lies whole in the receive buffer is delivered
 * in place; one that straddles reads is gathered in a carry buffer that exists
 * only meanwhile and never grows to a length that was merely declared.
 */
#ifndef PLAIT_FRAMING_H
#define PLAIT_FRAMING_H

#include <plait/export.h>

PLAIT_BEGIN

enum { PLAIT_MORE = 0, PLAIT_FRAME = 1 };

/* What a scan found.  It comes zeroed: set what is not 0. */
typedef struct plait_scan {
  size_t consumed; /* FRAME: bytes of the piece that end the frame */
  size_t offset;   /* FRAME: where the payload starts in the whole frame */
  size_t length;   /* the payload's length; MORE: what it has at least, or the
                      length that was declared */
  size_t need;     /* MORE: bytes the frame still needs at least; 0 unknown */
} plait_scan;

typedef struct plait_codec {
  const char *name;
  /* Looks at the next |len| > 0 bytes of the current frame: |piece| follows
   * what earlier calls have seen.  Answers PLAIT_FRAME and has reset |state|
   * for the next frame; or PLAIT_MORE, having taken the whole piece into
   * account; or a negative code (PLAIT_EFRAME), which the connection closes
   * with and after which it is not called again. */
  int (*scan)(void *state, const uint8_t *piece, size_t len, plait_scan *ret);
} plait_codec;

/* What the loop tells its protocol. */
typedef struct plait_framing_events {
  /* One frame's payload, good until this returns. */
  void (*frame)(plait_protocol *p, plait_slice payload);
  /* Optional: a frame of more than the limit, of which |seen| bytes of payload
   * are known (or declared).  It cannot be decoded, nor can what follows: all
   * of it is discarded until plait_framing_init(), and whether to close is up
   * to you.  NULL: the connection closes with PLAIT_EFRAME. */
  void (*too_long)(plait_protocol *p, size_t seen);
} plait_framing_events;

/* Embedded in a protocol instance; it goes with the instance. */
typedef struct plait_framing {
  /* private */
  plait_protocol *protocol;
  const plait_codec *codec;
  void *state;
  const plait_framing_events *events;
  size_t frame_bytes_max;
  uint8_t *carry;
  size_t carried, carry_capacity;
  plait_slice rest;
  struct plait_framing *next;
  bool halted, poisoned;
} plait_framing;

/* Prepares |f|, a zeroed member of the instance |p|, before its first bytes;
 * or makes it start afresh, in a callback from the next frame on.  |state| is
 * the codec's, zeroed, or NULL if it needs none.  |frame_bytes_max| is the
 * longest payload: PLAIT_UNLIMITED is none, 0 lets only empty frames pass. */
PLAIT_EXTERN void plait_framing_init(plait_framing *f, plait_protocol *p,
                                     const plait_codec *codec, void *state,
                                     const plait_framing_events *events,
                                     size_t frame_bytes_max);

/* Cuts |len| bytes into frames and delivers them.  Returns how many bytes are
 * done with: all of them, unless reading was paused or a callback halted the
 * loop; then the rest is undecoded and the caller passes it to plait_unread().
 * (After a close or a switch the rest is nobody's or the new protocol's, so it
 * is done with.)  In data_received:
 *
 *     size_t used = plait_framing_receive(&self->framing, data, len);
 *     if (used < len) plait_unread(p->transport, data + used, len - used);
 */
PLAIT_EXTERN size_t plait_framing_receive(plait_framing *f, const uint8_t *data,
                                          size_t len);

/* The longest payload from now on, see plait_framing_init().  A frame of which
 * a part has come is held to it too. */
PLAIT_EXTERN void plait_framing_set_max(plait_framing *f,
                                        size_t frame_bytes_max);

/* Inside a callback: the loop returns after the current frame. */
PLAIT_EXTERN void plait_framing_halt(plait_framing *f);

/* Inside a callback: the bytes of the current delivery behind the current
 * frame, for plait_switch_protocol().  Elsewhere it is empty. */
PLAIT_EXTERN plait_slice plait_framing_rest(const plait_framing *f);

PLAIT_END

#endif
