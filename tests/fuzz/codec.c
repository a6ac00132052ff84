/* The codec that an input asks for.  A byte chooses one of a table; a byte
 * beyond the table, one that the bytes behind it describe. */
#include "fuzz/codec.h"

#include <string.h>

#define COUNT(table) (sizeof(table) / sizeof *(table))

uint8_t fuzz_byte(struct fuzz_input *in) {
  if (in->len == 0)
    return 0;
  in->len--;
  return *in->data++;
}

/* ---- delimited --------------------------------------------------------- */

/* Several of which one starts, or ends, or repeats another. */
static const plait_delimited codec_delimited[] = {
    PLAIT_DELIMITED(PLAIT_BYTES("\n")),
    PLAIT_DELIMITED(PLAIT_BYTES("\r\n")),
    PLAIT_DELIMITED(PLAIT_BYTES("\r"), PLAIT_BYTES("\r\n"), PLAIT_BYTES("\n")),
    PLAIT_DELIMITED(PLAIT_BYTES("ab"), PLAIT_BYTES("abcdef")),
    PLAIT_DELIMITED(PLAIT_BYTES("aaaaaaaaaaaaaaaa")),
    PLAIT_DELIMITED(PLAIT_BYTES("aaaaaaaaaaaaaaab"), PLAIT_BYTES("aab")),
    PLAIT_DELIMITED(PLAIT_BYTES("a"), PLAIT_BYTES("aa"), PLAIT_BYTES("aaaa")),
    PLAIT_DELIMITED(PLAIT_BYTES("abab"), PLAIT_BYTES("ba"), PLAIT_BYTES("b")),
    PLAIT_DELIMITED(PLAIT_BYTES("\0"), PLAIT_BYTES("\0\0\0")),
    PLAIT_DELIMITED_KEEP(PLAIT_BYTES("\n")),
    PLAIT_DELIMITED_KEEP(PLAIT_BYTES("\r"), PLAIT_BYTES("\r\n")),
    PLAIT_DELIMITED_KEEP(PLAIT_BYTES("ab"), PLAIT_BYTES("abcdef")),
    PLAIT_DELIMITED_KEEP(PLAIT_BYTES("aaaaaaaaaaaaaaaa"), PLAIT_BYTES("ab")),
};

/* A byte with how many and whether they are kept; for each its length, and its
 * bytes. */
static void codec_delimiters(struct fuzz_codec *c, struct fuzz_input *in) {
  uint8_t choice = fuzz_byte(in);
  size_t n = 1 + choice % PLAIT_DELIMITERS_MAX;

  c->delimited = codec_delimited[0];
  c->delimited.keep = choice >= 128;
  for (size_t i = 0; i < n; i++) {
    size_t len = 1 + fuzz_byte(in) % PLAIT_DELIMITER_BYTES_MAX;
    for (size_t j = 0; j < len; j++)
      c->bytes[i][j] = fuzz_byte(in);
    c->delimited.delimiters[i] = (plait_slice){c->bytes[i], len};
  }
}

/* ---- prefixed ---------------------------------------------------------- */

static const plait_prefixed *const codec_prefixed[] = {
    &plait_int8,     &plait_int16,    &plait_int24,    &plait_int32,
    &plait_int64,    &plait_int16_le, &plait_int24_le, &plait_int32_le,
    &plait_int64_le, &plait_varint,
};

/* Bytes with the width and the order, the offset, the adjustment as a number
 * with a sign, and how much is stripped. */
static void codec_options(struct fuzz_codec *c, struct fuzz_input *in) {
  static const uint8_t widths[] = {1, 2, 3, 4, 8, PLAIT_VARINT};
  uint8_t choice = fuzz_byte(in);

  c->prefixed = plait_int8;
  c->prefixed.length_field_length = widths[choice % COUNT(widths)];
  c->prefixed.little_endian = choice >= 128;
  c->prefixed.length_field_offset = fuzz_byte(in) % 20;
  c->prefixed.length_adjustment = (int8_t)fuzz_byte(in);
  choice = fuzz_byte(in);
  c->prefixed.initial_bytes_to_strip =
      choice < 128 ? choice % 32 : PLAIT_STRIP_PREFIX;
}

/* ---- all --------------------------------------------------------------- */

static void codec_read_line(struct fuzz_codec *c, uint8_t choice) {
  c->ending = (plait_line_ending)(choice % (PLAIT_LINE_LF + 1));
  c->codec = plait_line_codec(c->ending);
}

static void codec_read_delimited(struct fuzz_codec *c, uint8_t choice,
                                 struct fuzz_input *in) {
  if (choice < COUNT(codec_delimited))
    c->delimited = codec_delimited[choice];
  else
    codec_delimiters(c, in);
  c->codec = &c->delimited.codec;
}

static void codec_read_prefixed(struct fuzz_codec *c, uint8_t choice,
                                struct fuzz_input *in) {
  if (choice < COUNT(codec_prefixed))
    c->prefixed = *codec_prefixed[choice];
  else
    codec_options(c, in);
  c->codec = &c->prefixed.codec;
}

static void codec_read_fixed(struct fuzz_codec *c, uint8_t choice) {
  static const size_t big[] = {300, 1000, 4095, 4096, 4097, 5000, SIZE_MAX};
  size_t bytes = choice < 255 - COUNT(big) ? (size_t)choice + 1
                                           : big[(255U - choice) % COUNT(big)];

  c->fixed = (plait_fixed)PLAIT_FIXED(bytes);
  c->codec = &c->fixed.codec;
}

void fuzz_codec_read(struct fuzz_codec *ret, enum fuzz_kind kind,
                     struct fuzz_input *in) {
  uint8_t choice = fuzz_byte(in);

  memset(ret, 0, sizeof *ret);
  ret->kind = kind;
  if (kind == FUZZ_LINE)
    codec_read_line(ret, choice);
  else if (kind == FUZZ_DELIMITED)
    codec_read_delimited(ret, choice, in);
  else if (kind == FUZZ_PREFIXED)
    codec_read_prefixed(ret, choice, in);
  else if (kind == FUZZ_FIXED)
    codec_read_fixed(ret, choice);
  else
    ret->codec = &plait_netstring;
}
