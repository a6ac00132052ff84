/* Framing: cutting the stream into frames, in place.
 *
 * A codec is one pure function that finds the end of a frame.  It sees no
 * transport, allocates nothing and keeps no pointer.  plait_framing is the one
 * loop around it: a frame that lies whole in the receive buffer is delivered
 * in place; one that straddles reads is gathered in a carry buffer that exists
 * only meanwhile and never grows to a length that was merely declared.
 *
 * Most protocols want a plait_framed (framed.h) or a plait_line (line.h), which
 * have a loop in them; this is for those that need one of their own.
 */
#ifndef PLAIT_FRAMING_H
#define PLAIT_FRAMING_H

#include <plait/export.h>

PLAIT_BEGIN

/* ---- codecs -----------------------------------------------------------*/

/* What scan and end answer. */
enum { PLAIT_MORE = 0, PLAIT_FRAME = 1 };

/* What a scan found.  It comes zeroed: set what is not 0. */
typedef struct plait_scan {
  size_t consumed;   /* FRAME: bytes of the piece that end the frame */
  size_t offset;     /* FRAME: where the payload starts in the whole frame */
  size_t length;     /* the payload's length; MORE, or an error behind it: what
                        it has at least, or the length that was declared */
  size_t need;       /* MORE: bytes the frame still needs at least; 0 unknown */
  plait_slice again; /* FRAME: bytes that came before the piece and belong to
                        the next frame, a view of |state| that the next call
                        may change; then |consumed| is 0 */
} plait_scan;

/* For codecs whose frames end with the first |byte| in them, wherever that is:
 * a frame that lies whole in what was received is then found without asking
 * scan, which has to find the same frames. */
typedef struct plait_terminator {
  bool used;     /* false: scan is asked about every frame */
  bool strip_cr; /* a CR before the byte is no payload either */
  uint8_t byte;
} plait_terminator;

/* A struct of yours may have it as first member, and what configures it behind
 * it: scan and end get the codec, to be read only. */
typedef struct plait_codec plait_codec;
struct plait_codec {
  const char *name;
  /* Bytes of |state|, which is zeroed before the first frame. */
  size_t state_size;
  /* The longest payload unless another is set; 0: PLAIT_FRAME_BYTES_MAX. */
  size_t frame_bytes_max;
  plait_terminator terminator;
  /* Looks at the next |len| > 0 bytes of the current frame: |piece| follows
   * what earlier calls have seen.  Answers PLAIT_FRAME and has made |state|
   * ready for the next frame; or PLAIT_MORE, having taken the whole piece into
   * account; or a negative code (PLAIT_EFRAME), which the connection closes
   * with and after which it is not called again. */
  int (*scan)(const plait_codec *codec, void *state, const uint8_t *piece,
              size_t len, plait_scan *ret);
  /* Optional, for codecs that look beyond a frame's end: the input has ended
   * behind a frame for which scan wanted more.  PLAIT_FRAME if it is complete
   * all the same, |consumed| being 0; else PLAIT_MORE. */
  int (*end)(const plait_codec *codec, void *state, plait_scan *ret);
};

enum {
  PLAIT_FRAME_BYTES_MAX = 99999, /* Twisted's limit */
  PLAIT_CODEC_STATE_BYTES = 48 /* of state that a plait_framing has room for */
};

/* ---- the loop ---------------------------------------------------------*/

/* What the loop tells its protocol. */
typedef struct plait_framing_events {
  /* One frame's payload, good until this returns.  From inside
   * plait_framing_receive(); or from the reactor, when the peer's end has
   * completed it. */
  void (*frame)(plait_protocol *p, plait_slice payload);
  /* Optional: a frame of more than the limit, of which |seen| bytes of payload
   * are known (or declared).  plait_framing_skip() in here discards this frame
   * and goes on behind it; plait_framing_init() goes on behind what has come of
   * it, which depends on how the network cut it.  Else the connection closes,
   * with PLAIT_EFRAME unless you have closed it. */
  void (*too_long)(plait_protocol *p, size_t seen);
  /* Bytes in raw mode, good until this returns.  May be NULL without one. */
  void (*raw)(plait_protocol *p, plait_slice bytes);
} plait_framing_events;

/* Embedded in a protocol instance; it goes with the instance, and is fed with
 * all that data_received gets.  When the peer
 * ends its side inside a frame or inside counted raw bytes and the connection
 * then closes without another reason, connection_lost gets PLAIT_ETRUNCATED. */
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
  uint64_t raw_left; /* bytes of raw mode; UINT64_MAX: until set back */
  struct plait_framing *next;
  bool in_raw, skipping, poisoned;
  uint64_t own_state[PLAIT_CODEC_STATE_BYTES / 8];
} plait_framing;

/* Prepares |f|, a zeroed member of the instance |p|, before its first bytes;
 * or makes it start afresh, in a callback from the next frame on.  |state| is
 * the codec's, of its state_size and zeroed; NULL: it lies in |f|, aligned as a
 * uint64_t, for codecs of at most PLAIT_CODEC_STATE_BYTES.  |frame_bytes_max|
 * is the longest payload: 0 is the codec's own, PLAIT_UNLIMITED none. */
PLAIT_EXTERN void plait_framing_init(plait_framing *f, plait_protocol *p,
                                     const plait_codec *codec, void *state,
                                     const plait_framing_events *events,
                                     size_t frame_bytes_max);

/* Cuts |len| bytes into frames, or raw bytes, and delivers them.  Returns how
 * many bytes are done with: all of them, unless reading was paused; then the
 * rest is undecoded and the caller passes it to plait_unread().  (After a close
 * or a switch the rest is nobody's or the new protocol's, so it is done with.)
 * In data_received:
 *
 *     size_t used = plait_framing_receive(&self->framing, data, len);
 *     if (used < len) plait_unread(p->transport, data + used, len - used);
 */
PLAIT_EXTERN size_t plait_framing_receive(plait_framing *f, const uint8_t *data,
                                          size_t len);

/* The longest payload from the next frame on, see plait_framing_init().  A
 * frame of which a part has come is held to it too. */
PLAIT_EXTERN void plait_framing_set_max(plait_framing *f,
                                        size_t frame_bytes_max);

/* From the next byte on, in the middle of a delivery too: |bytes| raw bytes
 * and then frames again, or raw bytes until plait_framing_set_frames() if 0.
 * Outside of its callbacks a part of a frame may have come: it is the first of
 * the raw bytes.  Inside too_long they begin behind a frame that is skipped. */
PLAIT_EXTERN void plait_framing_set_raw(plait_framing *f, uint64_t bytes);

/* Frames again.  In the raw callback, |extra| is the tail of the bytes being
 * delivered that you did not consume: it is read as frames.  Elsewhere it is
 * (plait_slice){0}. */
PLAIT_EXTERN void plait_framing_set_frames(plait_framing *f, plait_slice extra);

/* Inside too_long: discards the frame up to its end, and goes on behind it.
 * Elsewhere nothing. */
PLAIT_EXTERN void plait_framing_skip(plait_framing *f);

/* Inside a callback: what of the current delivery is not decoded yet, for
 * plait_switch_protocol().  Elsewhere it is empty. */
PLAIT_EXTERN plait_slice plait_framing_rest(const plait_framing *f);

/* What has come of a frame that is not complete, with what precedes its
 * payload; empty between frames.  For eof_received: a last line without an
 * ending, say.  Good until plait_framing_clear(). */
PLAIT_EXTERN plait_slice plait_framing_unfinished(const plait_framing *f);

/* Forgets that, and what is left of counted raw bytes: an end of input here is
 * in order.  Outside of its callbacks. */
PLAIT_EXTERN void plait_framing_clear(plait_framing *f);

PLAIT_END

#endif
