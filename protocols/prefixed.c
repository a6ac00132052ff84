/* Frames behind their length (Twisted's IntNStringReceiver, Netty's
 * LengthFieldBasedFrameDecoder).
 *
 * The length field is read byte by byte, so it may be cut anywhere; from then
 * on scanning is one subtraction.  What a peer declares is never more than a
 * number here: the loop's limit and its carry decide what it costs.
 */
#define _DEFAULT_SOURCE /* <endian.h> */

#include <plait/error.h>
#include <plait/factory.h>
#include <plait/prefixed.h>
#include <plait/transport.h>

#include <assert.h>
#include <endian.h>
#include <string.h>

struct prefixed_state {
  uint64_t value; /* of the length field, as far as it has come */
  size_t seen;    /* bytes of the frame */
  size_t total;   /* bytes of the whole frame; 0: not known yet */
  uint8_t field;  /* bytes of the length field so far */
};

static inline bool prefixed_has_width(uint32_t width) {
  const unsigned widths = 1u << 1 | 1u << 2 | 1u << 3 | 1u << 4 | 1u << 8;
  return width == PLAIT_VARINT || (width <= 8 && widths >> width & 1u);
}

static const plait_prefixed *prefixed_of(const plait_codec *codec) {
  const plait_prefixed *c =
      plait_container_of(codec, const plait_prefixed, codec);

  assert(codec->scan == plait_prefixed_scan);
  assert(prefixed_has_width(c->length_field_length));
  return c;
}

/* length_adjustment without its sign. */
static uint64_t prefixed_adjust(const plait_prefixed *c) {
  int64_t adjust = c->length_adjustment;
  return (uint64_t)(adjust < 0 ? -adjust : adjust);
}

/* ---- receiving --------------------------------------------------------- */

/* Takes one byte of the length field; 1 when it was the last one. */
static int prefixed_take(const plait_prefixed *c, struct prefixed_state *s,
                         uint8_t byte) {
  uint32_t width = c->length_field_length;

  if (width == PLAIT_VARINT) {
    if (s->field == PLAIT_PREFIX_BYTES_MAX - 1 && byte > 1)
      return PLAIT_EFRAME; /* more than 64 bits */
    s->value |= (uint64_t)(byte & 0x7f) << (7 * s->field++);
    return byte < 0x80;
  }
  if (c->little_endian)
    s->value |= (uint64_t)byte << (8 * s->field);
  else
    s->value = s->value << 8 | byte;
  return ++s->field == width;
}

/* The bytes that are no payload at the front of the frame. */
static size_t prefixed_strip(const plait_prefixed *c,
                             const struct prefixed_state *s) {
  if (c->initial_bytes_to_strip == PLAIT_STRIP_PREFIX)
    return (size_t)c->length_field_offset + s->field;
  return c->initial_bytes_to_strip;
}

/* The length field is complete. */
static int prefixed_total(const plait_prefixed *c, struct prefixed_state *s) {
  size_t front = (size_t)c->length_field_offset + s->field;
  uint64_t behind = s->value, adjust = prefixed_adjust(c);

  if (c->length_adjustment >= 0)
    behind = behind > UINT64_MAX - adjust ? UINT64_MAX : behind + adjust;
  else if (behind >= adjust)
    behind -= adjust;
  else
    return PLAIT_EFRAME;
  s->total = behind > SIZE_MAX - front ? SIZE_MAX : front + (size_t)behind;
  return prefixed_strip(c, s) > s->total ? PLAIT_EFRAME : 0;
}

/* The short way to a length field of fixed width: |field| is 8 bytes at least
 * that begin with it. */
static int prefixed_whole_field(const plait_prefixed *c,
                                struct prefixed_state *s,
                                const uint8_t *field) {
  unsigned unused = 64 - 8 * c->length_field_length;
  uint64_t bytes;

  memcpy(&bytes, field, sizeof bytes);
  s->value = c->little_endian ? le64toh(bytes) << unused >> unused
                              : be64toh(bytes) >> unused;
  s->field = (uint8_t)c->length_field_length;
  return prefixed_total(c, s);
}

/* Reads what the piece has of the length field. */
static int prefixed_field(const plait_prefixed *c, struct prefixed_state *s,
                          const uint8_t *piece, size_t len) {
  size_t begin = c->length_field_offset;
  int answer = 0;

  if (s->seen == 0 && c->length_field_length != PLAIT_VARINT &&
      len >= begin + sizeof s->value)
    return prefixed_whole_field(c, s, piece + begin);
  for (size_t i = begin > s->seen ? begin - s->seen : 0; i < len; i++) {
    answer = prefixed_take(c, s, piece[i]);
    if (answer != 0)
      return answer < 0 ? answer : prefixed_total(c, s);
  }
  return 0;
}

int plait_prefixed_scan(const plait_codec *codec, void *state,
                        const uint8_t *piece, size_t len, plait_scan *ret) {
  const plait_prefixed *c = prefixed_of(codec);
  struct prefixed_state *s = state;

  if (s->total == 0) {
    int answer = prefixed_field(c, s, piece, len);
    if (answer < 0)
      return answer;
  }
  if (s->total == 0) {
    s->seen += len;
    return PLAIT_MORE;
  }
  size_t strip = prefixed_strip(c, s), left = s->total - s->seen;
  ret->length = s->total - strip;
  if (len < left) {
    s->seen += len;
    ret->need = left - len;
    return PLAIT_MORE;
  }
  ret->offset = strip;
  ret->consumed = left;
  *s = (struct prefixed_state){0};
  return PLAIT_FRAME;
}

/* ---- sending ----------------------------------------------------------- */

static size_t prefixed_encode_varint(uint64_t value, uint8_t *ret) {
  size_t n = 0;
  for (; value >= 0x80; value >>= 7)
    ret[n++] = (uint8_t)(value | 0x80);
  ret[n++] = (uint8_t)value;
  return n;
}

/* Writes |width| bytes of |value|, and then some, in one store: the field is
 * copied right after this, and a copy would have to wait for single ones. */
static void prefixed_put(uint64_t value, uint32_t width, bool little,
                         uint8_t *ret) {
  uint64_t bytes = little ? htole64(value) : htobe64(value << (64 - 8 * width));
  memcpy(ret, &bytes, sizeof bytes);
}

size_t plait_prefixed_encode(const plait_prefixed *c, size_t len,
                             uint8_t *ret) {
  uint32_t width = prefixed_of(&c->codec)->length_field_length;
  uint64_t value = len, adjust = prefixed_adjust(c);

  if (c->length_adjustment > 0 ? value < adjust : value > UINT64_MAX - adjust)
    return 0;
  value = c->length_adjustment > 0 ? value - adjust : value + adjust;
  if (width == PLAIT_VARINT)
    return prefixed_encode_varint(value, ret);
  if (width < 8 && value >> (8 * width) != 0)
    return 0;
  prefixed_put(value, width, c->little_endian, ret);
  return width;
}

/* The length field of a frame of |len| bytes of payload; its size, or 0. */
static size_t prefixed_front(const plait_framed *framed, size_t len,
                             uint8_t *ret) {
  const plait_prefixed *c = prefixed_of(plait_framed_codec(framed));

  assert(c->length_field_offset == 0 &&
         (c->initial_bytes_to_strip == PLAIT_STRIP_PREFIX ||
          c->initial_bytes_to_strip == c->length_field_length));
  return plait_prefixed_encode(c, len, ret);
}

int plait_prefixed_send(plait_framed *framed, const void *data, size_t len) {
  uint8_t front[PLAIT_PREFIX_BYTES_MAX];
  size_t n = prefixed_front(framed, len, front);
  const plait_slice v[] = {{front, n}, {data, len}};

  if (n == 0)
    return PLAIT_ELIMIT;
  return plait_writev(framed->base.transport, v, 2);
}

int plait_prefixed_send_owned(plait_framed *framed, const void *data,
                              size_t len, plait_release_fn *release,
                              void *arg) {
  uint8_t front[PLAIT_PREFIX_BYTES_MAX];
  size_t n = prefixed_front(framed, len, front);

  if (n == 0) {
    release(arg, data, len);
    return PLAIT_ELIMIT;
  }
  plait_write(framed->base.transport, front, n);
  return plait_write_owned(framed->base.transport, data, len, release, arg);
}

/* ---- ready-made -------------------------------------------------------- */

#define PREFIXED_PLAIN(...)                                                    \
  PLAIT_PREFIXED(.initial_bytes_to_strip = PLAIT_STRIP_PREFIX, __VA_ARGS__)

const plait_prefixed plait_int8 = PREFIXED_PLAIN(.length_field_length = 1);
const plait_prefixed plait_int16 = PREFIXED_PLAIN(.length_field_length = 2);
const plait_prefixed plait_int24 = PREFIXED_PLAIN(.length_field_length = 3);
const plait_prefixed plait_int32 = PREFIXED_PLAIN(.length_field_length = 4);
const plait_prefixed plait_int64 = PREFIXED_PLAIN(.length_field_length = 8);
const plait_prefixed plait_int16_le =
    PREFIXED_PLAIN(.length_field_length = 2, .little_endian = true);
const plait_prefixed plait_int24_le =
    PREFIXED_PLAIN(.length_field_length = 3, .little_endian = true);
const plait_prefixed plait_int32_le =
    PREFIXED_PLAIN(.length_field_length = 4, .little_endian = true);
const plait_prefixed plait_int64_le =
    PREFIXED_PLAIN(.length_field_length = 8, .little_endian = true);
const plait_prefixed plait_varint =
    PREFIXED_PLAIN(.length_field_length = PLAIT_VARINT);
