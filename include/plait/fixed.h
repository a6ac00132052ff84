/* Records of one size (Netty's FixedLengthFrameDecoder).
 *
 *     static const plait_fixed samples = PLAIT_FIXED(12);
 *     ... .codec = &samples.codec ...
 */
#ifndef PLAIT_FIXED_H
#define PLAIT_FIXED_H

#include <plait/framed.h>

PLAIT_BEGIN

/* A codec and its size; made by PLAIT_FIXED. */
typedef struct plait_fixed {
  plait_codec codec;
  size_t record_bytes;
} plait_fixed;

/* The codec of records of |bytes| > 0 bytes, which are its limit too. */
#define PLAIT_FIXED(bytes)                                                     \
  {                                                                            \
    .codec = {.name = "fixed",                                                 \
              .state_size = sizeof(size_t),                                    \
              .frame_bytes_max = (bytes),                                      \
              .scan = plait_fixed_scan},                                       \
    .record_bytes = (bytes),                                                   \
  }

/* What PLAIT_FIXED puts into the codec. */
PLAIT_EXTERN int plait_fixed_scan(const plait_codec *codec, void *state,
                                  const uint8_t *piece, size_t len,
                                  plait_scan *ret);

PLAIT_END

#endif
