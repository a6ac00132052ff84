/* Frames that end with a delimiter: any bytes, or the longest of several.
 *
 *     static const plait_delimited records =
 *         PLAIT_DELIMITED(PLAIT_BYTES("\x1e"), PLAIT_BYTES("\r\n"));
 *     ... .codec = &records.codec ...
 *
 * (AsyncNet's DelimitedPacketProtocol, Netty's DelimiterBasedFrameDecoder.)  A
 * frame ends at the first place where a delimiter starts, with the longest one
 * that starts there, however the network cuts the stream.  So if one is the
 * start of another, as "\r" is of "\r\n", a frame that ends with the shorter
 * one is only known to end with the next byte, or with the input.
 */
#ifndef PLAIT_DELIMITED_H
#define PLAIT_DELIMITED_H

#include <plait/framed.h>

PLAIT_BEGIN

enum {
  PLAIT_DELIMITER_BYTES_MAX = 16,   /* of one delimiter; at least one */
  PLAIT_DELIMITERS_MAX = 8,         /* of one codec */
  PLAIT_DELIMITED_BYTES_MAX = 16384 /* the longest payload unless set */
};

/* A codec and what it looks for; made by PLAIT_DELIMITED. */
typedef struct plait_delimited {
  plait_codec codec;
  bool keep; /* the delimiter stays at the end of the payload, and counts */
  plait_slice delimiters[PLAIT_DELIMITERS_MAX]; /* up to an empty one */
} plait_delimited;

/* The codec of these delimiters; for the payload to keep them,
 * PLAIT_DELIMITED_KEEP. */
#define PLAIT_DELIMITED(...) PLAIT_DELIMITED_(false, __VA_ARGS__)
#define PLAIT_DELIMITED_KEEP(...) PLAIT_DELIMITED_(true, __VA_ARGS__)
#define PLAIT_DELIMITED_(keep_, ...)                                           \
  {                                                                            \
    .codec = {.name = "delimited",                                             \
              .state_size = PLAIT_CODEC_STATE_BYTES,                           \
              .frame_bytes_max = PLAIT_DELIMITED_BYTES_MAX,                    \
              .scan = plait_delimited_scan,                                    \
              .end = plait_delimited_end},                                     \
    .keep = keep_, .delimiters = {__VA_ARGS__},                                \
  }

/* A string literal as a slice, which may hold NULs. */
#define PLAIT_BYTES(literal)                                                   \
  { (const uint8_t *)("" literal), sizeof("" literal) - 1 }

/* Sends |len| bytes, which hold no delimiter, and the first of the codec's
 * delimiters; answers as plait_write(). */
PLAIT_EXTERN bool plait_delimited_send(plait_framed *framed, const void *data,
                                       size_t len);

/* What PLAIT_DELIMITED puts into the codec. */
PLAIT_EXTERN int plait_delimited_scan(const plait_codec *codec, void *state,
                                      const uint8_t *piece, size_t len,
                                      plait_scan *ret);
PLAIT_EXTERN int plait_delimited_end(const plait_codec *codec, void *state,
                                     plait_scan *ret);

PLAIT_END

#endif
