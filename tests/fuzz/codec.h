/* The codec that an input asks for. */
#ifndef PLAIT_TESTS_FUZZ_CODEC_H
#define PLAIT_TESTS_FUZZ_CODEC_H

#include <plait/delimited.h>
#include <plait/fixed.h>
#include <plait/line.h>
#include <plait/netstring.h>
#include <plait/prefixed.h>

/* What is left of an input: choices first, then the wire. */
struct fuzz_input {
  const uint8_t *data;
  size_t len;
};

/* The next byte, 0 behind the last one. */
uint8_t fuzz_byte(struct fuzz_input *in);

enum fuzz_kind {
  FUZZ_LINE,
  FUZZ_DELIMITED,
  FUZZ_PREFIXED,
  FUZZ_NETSTRING,
  FUZZ_FIXED,
  FUZZ_KINDS
};

struct fuzz_codec {
  enum fuzz_kind kind;
  plait_line_ending ending; /* of a line */
  plait_delimited delimited;
  plait_prefixed prefixed;
  plait_fixed fixed;
  uint8_t bytes[PLAIT_DELIMITERS_MAX][PLAIT_DELIMITER_BYTES_MAX];
  const plait_codec *codec; /* one of the above, or a constant */
};

/* Reads the choice of a codec of this kind. */
void fuzz_codec_read(struct fuzz_codec *ret, enum fuzz_kind kind,
                     struct fuzz_input *in);

#endif
