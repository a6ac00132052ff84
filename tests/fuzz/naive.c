/* The codecs once more, on the whole input. */
#include "fuzz/naive.h"

#include <string.h>

/* A length that is told; what is huge is above every limit and every input,
 * with whatever is added to it. */
static int64_t naive_clip(uint64_t length) {
  const int64_t huge = INT64_MAX / 2;
  return length < (uint64_t)huge ? (int64_t)length : huge;
}

static struct naive naive_unfinished(int64_t length) {
  return (struct naive){.status = NAIVE_UNFINISHED, .length = length};
}

static struct naive naive_malformed(int64_t length) {
  return (struct naive){.status = NAIVE_MALFORMED, .length = length};
}

static struct naive naive_frame(const uint8_t *payload, size_t len,
                                size_t all) {
  return (struct naive){.status = NAIVE_FRAME,
                        .length = naive_clip(len),
                        .all = all,
                        .payload = {payload, len}};
}

/* ---- line --------------------------------------------------------------- */

static struct naive naive_line(plait_line_ending ending, const uint8_t *data,
                               size_t len) {
  bool lf_alone = ending == PLAIT_LINE_LF;

  for (size_t i = 0; i < len; i++) {
    bool cr = i > 0 && data[i - 1] == '\r';
    if (data[i] == '\n' && (cr || ending != PLAIT_LINE_CRLF))
      return naive_frame(data, cr && !lf_alone ? i - 1 : i, i + 1);
  }
  /* A last CR may be half of the ending. */
  bool half = data[len - 1] == '\r' && !lf_alone;
  return naive_unfinished(naive_clip(half ? len - 1 : len));
}

/* ---- delimited ---------------------------------------------------------- */

/* The longest delimiter at |data|; 0: none. */
static size_t naive_delimiter(const plait_delimited *d, const uint8_t *data,
                              size_t len) {
  size_t longest = 0;
  for (size_t i = 0; i < PLAIT_DELIMITERS_MAX; i++) {
    size_t n = d->delimiters[i].len;
    if (n > longest && n <= len && memcmp(data, d->delimiters[i].data, n) == 0)
      longest = n;
  }
  return longest;
}

/* Whether these bytes are the start of a delimiter that is longer. */
static bool naive_is_start(const plait_delimited *d, const uint8_t *data,
                           size_t len) {
  for (size_t i = 0; i < PLAIT_DELIMITERS_MAX; i++)
    if (len < d->delimiters[i].len &&
        memcmp(data, d->delimiters[i].data, len) == 0)
      return true;
  return false;
}

static struct naive naive_delimited(const plait_delimited *d,
                                    const uint8_t *data, size_t len,
                                    bool ended) {
  size_t payload = 0;

  for (size_t i = 0; i < len; i++) {
    size_t delimiter = naive_delimiter(d, data + i, len - i);
    if (!ended && naive_is_start(d, data + i, len - i))
      break;
    if (delimiter > 0)
      return naive_frame(data, d->keep ? i + delimiter : i, i + delimiter);
  }
  while (payload < len && !naive_is_start(d, data + payload, len - payload))
    payload++;
  return naive_unfinished(naive_clip(payload));
}

/* ---- prefixed ----------------------------------------------------------- */

/* The length field at |data|; returns its bytes, 0 if it is not all there, or
 * -1 if it has more than 64 bits. */
static int naive_varint(const uint8_t *data, size_t len, uint64_t *ret) {
  uint64_t value = 0;

  for (size_t i = 0; i < len; i++) {
    if (i == PLAIT_PREFIX_BYTES_MAX - 1 && data[i] > 1)
      return -1;
    value |= (uint64_t)(data[i] & 127) << (7 * i);
    if (data[i] < 128) {
      *ret = value;
      return (int)i + 1;
    }
  }
  return 0;
}

static int naive_integer(const plait_prefixed *c, const uint8_t *data,
                         size_t len, uint64_t *ret) {
  size_t width = c->length_field_length;
  uint64_t value = 0;

  if (len < width)
    return 0;
  for (size_t i = 0; i < width; i++)
    value = value << 8 | data[c->little_endian ? width - 1 - i : i];
  *ret = value;
  return (int)width;
}

static struct naive naive_prefixed(const plait_prefixed *c, const uint8_t *data,
                                   size_t len) {
  size_t offset = c->length_field_offset;
  uint64_t value = 0;

  if (len <= offset)
    return naive_unfinished(0);
  int field = c->length_field_length == PLAIT_VARINT
                  ? naive_varint(data + offset, len - offset, &value)
                  : naive_integer(c, data + offset, len - offset, &value);
  if (field <= 0)
    return field < 0 ? naive_malformed(0) : naive_unfinished(0);

  int64_t front = naive_clip(offset) + field;
  int64_t strip = c->initial_bytes_to_strip == PLAIT_STRIP_PREFIX
                      ? front
                      : (int64_t)c->initial_bytes_to_strip;
  int64_t behind = naive_clip(value) + c->length_adjustment;
  int64_t length = front + behind - strip;
  if (behind < 0 || length < 0)
    return naive_malformed(0);
  if (front + behind > naive_clip(len))
    return naive_unfinished(length);
  return naive_frame(data + strip, (size_t)length, (size_t)(front + behind));
}

/* ---- netstring ---------------------------------------------------------- */

static struct naive naive_netstring(const uint8_t *data, size_t len) {
  uint64_t length = 0;
  size_t digits = 0;

  while (digits < len && digits < 19 && data[digits] >= '0' &&
         data[digits] <= '9' && !(digits > 0 && data[0] == '0'))
    length = length * 10 + (uint64_t)(data[digits++] - '0');
  if (digits == len)
    return naive_unfinished(naive_clip(length));
  if (digits == 0 || data[digits] != ':')
    return naive_malformed(naive_clip(length));
  if (length >= len - digits - 1)
    return naive_unfinished(naive_clip(length));

  const uint8_t *payload = data + digits + 1;
  if (payload[length] != ',')
    return naive_malformed(naive_clip(length));
  return naive_frame(payload, (size_t)length, digits + (size_t)length + 2);
}

/* ---- all ---------------------------------------------------------------- */

static struct naive naive_fixed(size_t record, const uint8_t *data,
                                size_t len) {
  if (len < record)
    return naive_unfinished(naive_clip(record));
  return naive_frame(data, record, record);
}

struct naive naive_next(const struct fuzz_codec *c, const uint8_t *data,
                        size_t len, bool ended) {
  switch (c->kind) {
  case FUZZ_LINE:
    return naive_line(c->ending, data, len);
  case FUZZ_DELIMITED:
    return naive_delimited(&c->delimited, data, len, ended);
  case FUZZ_PREFIXED:
    return naive_prefixed(&c->prefixed, data, len);
  case FUZZ_NETSTRING:
    return naive_netstring(data, len);
  case FUZZ_FIXED:
    return naive_fixed(c->fixed.record_bytes, data, len);
  case FUZZ_KINDS:
    break;
  }
  return naive_malformed(0);
}
