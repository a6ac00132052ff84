/* Frames behind their length.
 *
 *     ... .codec = &plait_int32.codec ...                  // ready-made
 *
 *     static const plait_prefixed header = PLAIT_PREFIXED( // one of yours
 *         .length_field_offset = 2, .length_field_length = 2,
 *         .length_adjustment = -4, .initial_bytes_to_strip = 4);
 *     ... .codec = &header.codec ...
 *
 * (Twisted's IntNStringReceiver; Netty's LengthFieldBasedFrameDecoder, whose
 * fields mean the same here, but its limit is the whole frame's and ours the
 * payload's; and ProtobufVarint32FrameDecoder.)
 */
#ifndef PLAIT_PREFIXED_H
#define PLAIT_PREFIXED_H

#include <plait/framed.h>
#include <plait/transport.h>

PLAIT_BEGIN

enum {
  /* For length_field_length: base 128, 1 to 10 bytes, least significant group
   * first, as Protocol Buffers have it. */
  PLAIT_VARINT = 255,
  PLAIT_PREFIX_BYTES_MAX = 10
};
/* For initial_bytes_to_strip: up to the end of the length field. */
#define PLAIT_STRIP_PREFIX UINT32_MAX

/* A frame is length_field_offset bytes, the length field, and as many bytes as
 * its value and length_adjustment together say; a negative number of them is
 * malformed.  The payload is the frame without its first
 * initial_bytes_to_strip bytes; a frame that is shorter is malformed. */
typedef struct plait_prefixed {
  plait_codec codec;
  uint32_t length_field_offset;
  uint32_t length_field_length; /* 1, 2, 3, 4, 8 or PLAIT_VARINT */
  int32_t length_adjustment;
  uint32_t initial_bytes_to_strip;
  bool little_endian;
} plait_prefixed;

/* The initialiser of such a codec: its members follow, by name. */
#define PLAIT_PREFIXED(...)                                                    \
  {                                                                            \
    .codec = {.name = "prefixed",                                              \
              .state_size = PLAIT_CODEC_STATE_BYTES,                           \
              .scan = plait_prefixed_scan},                                    \
    __VA_ARGS__                                                                \
  }

/* A length that counts the payload, and the payload; big-endian, or with _le
 * little-endian.  The longest payload is 99,999 bytes unless set, or what the
 * prefix can say (Twisted's Int8StringReceiver and so on). */
PLAIT_EXTERN extern const plait_prefixed plait_int8, plait_int16, plait_int24,
    plait_int32, plait_int64, plait_int16_le, plait_int24_le, plait_int32_le,
    plait_int64_le, plait_varint;

/* Sends a frame of |len| bytes of payload: its length field and the payload,
 * which is not moved for it.  For codecs whose length field comes first and
 * alone is stripped.  Answers 1: go on; 0: as a plait_write() that returned
 * false, stop until resume_writing; PLAIT_ELIMIT: refused, the prefix cannot
 * say that length, and nothing was sent. */
PLAIT_EXTERN PLAIT_MUST_CHECK int
plait_prefixed_send(plait_framed *framed, const void *data, size_t len);

/* The same by plait_write_owned(): not even a small payload is copied.
 * |release| is called exactly once, also if it is refused. */
PLAIT_EXTERN PLAIT_MUST_CHECK int
plait_prefixed_send_owned(plait_framed *framed, const void *data, size_t len,
                          plait_release_fn *release, void *arg);

/* Writes the length field of |codec| for a frame with |len| bytes behind the
 * field to |ret|, which has PLAIT_PREFIX_BYTES_MAX bytes.  Returns its size,
 * or 0 if it cannot say that length.  For frames that you put together
 * yourself, with plait_writev().  Any thread. */
PLAIT_EXTERN size_t plait_prefixed_encode(const plait_prefixed *codec,
                                          size_t len, uint8_t *ret);

/* What PLAIT_PREFIXED puts into the codec. */
PLAIT_EXTERN int plait_prefixed_scan(const plait_codec *codec, void *state,
                                     const uint8_t *piece, size_t len,
                                     plait_scan *ret);

PLAIT_END

#endif
