/* Protocols that receive frames instead of bytes: one struct for every codec.
 *
 *     struct greeter { plait_framed framed; ... };      // framed comes first
 *
 *     static void greet(plait_framed *framed, plait_slice name) { ... }
 *
 *     static const plait_framed_ops greeter = PLAIT_FRAMED_OPS(
 *         .base.name = "greeter",
 *         .base.size = PLAIT_INSTANCE(struct greeter, framed),
 *         .codec = &plait_netstring,
 *         .frame_received = greet);
 *
 *     factory.protocol = &greeter.base;
 *
 * Codecs: delimited.h, prefixed.h, netstring.h, fixed.h, the lines of line.h
 * (which has a struct of its own), or one of yours (framing.h).
 */
#ifndef PLAIT_FRAMED_H
#define PLAIT_FRAMED_H

#include <plait/framing.h>
#include <plait/protocol.h>

PLAIT_BEGIN

typedef struct plait_framed plait_framed;

/* What you write: a protocol that gets frames.  Of |base| leave data_received
 * alone. */
typedef struct plait_framed_ops {
  plait_protocol_ops base;
  /* Static, with a state of at most PLAIT_CODEC_STATE_BYTES. */
  const plait_codec *codec;
  /* One frame's payload, good until this returns. */
  void (*frame_received)(plait_framed *framed, plait_slice payload);
  /* Optional: a frame of more than the maximum, of which |seen| bytes are known
   * or declared.  plait_framed_skip() in here discards this one and goes on;
   * else the connection closes, with PLAIT_EFRAME unless you have closed it. */
  void (*frame_too_long)(plait_framed *framed, size_t seen);
  /* Bytes in raw mode, good until this returns. */
  void (*raw_received)(plait_framed *framed, plait_slice bytes);
} plait_framed_ops;

/* The initialiser of these ops: yours follow, by name. */
#define PLAIT_FRAMED_OPS(...)                                                  \
  { .base.data_received = plait_framed_data_received, __VA_ARGS__ }

/* The first member of your struct. */
struct plait_framed {
  plait_protocol base;
  /* private */
  plait_framing framing;
};

/* What base.data_received of a framed protocol is; PLAIT_FRAMED_OPS sets it. */
PLAIT_EXTERN void plait_framed_data_received(plait_protocol *p,
                                             const uint8_t *data, size_t len);

/* The longest payload from the next frame on; 0 is the codec's default,
 * PLAIT_UNLIMITED none.  In connection_made or later. */
PLAIT_EXTERN void plait_framed_set_max(plait_framed *framed, size_t bytes_max);

/* Raw bytes, and frames again: plait_framing_set_raw(),
 * plait_framing_set_frames(). */
PLAIT_EXTERN void plait_framed_set_raw(plait_framed *framed, uint64_t bytes);
PLAIT_EXTERN void plait_framed_set_frames(plait_framed *framed,
                                          plait_slice extra);

/* The codec of its ops, for what sends frames. */
PLAIT_EXTERN const plait_codec *plait_framed_codec(const plait_framed *framed);

/* In frame_too_long: discards that frame only. */
PLAIT_EXTERN void plait_framed_skip(plait_framed *framed);

/* In a callback: what of the current delivery is not decoded yet, for
 * plait_switch_protocol(). */
PLAIT_EXTERN plait_slice plait_framed_rest(const plait_framed *framed);

/* What has come of a frame that is not complete, and to forget it:
 * plait_framing_unfinished(), plait_framing_clear(). */
PLAIT_EXTERN plait_slice plait_framed_unfinished(const plait_framed *framed);
PLAIT_EXTERN void plait_framed_clear(plait_framed *framed);

PLAIT_END

#endif
