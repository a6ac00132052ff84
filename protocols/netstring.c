/* Netstrings (Twisted's NetstringReceiver).
 *
 * There is one way to write each: digits without a leading zero, a colon, the
 * bytes, a comma.  The digits so far are the least that the length can be, so
 * the loop refuses one that is too long before its colon; and no more of them
 * are taken than a 64-bit number has.
 */
#include <plait/error.h>
#include <plait/netstring.h>
#include <plait/transport.h>

enum { NETSTRING_DIGITS_MAX = 19 };

struct netstring_state {
  uint64_t length; /* as far as its digits have come */
  size_t seen;     /* bytes of the payload and the comma, once |colon| */
  uint8_t digits;
  bool colon;
};

static size_t netstring_length(const struct netstring_state *s) {
  return s->length < SIZE_MAX ? (size_t)s->length : SIZE_MAX;
}

static int netstring_digit(struct netstring_state *s, uint8_t byte) {
  if (byte == ':' && s->digits > 0) {
    s->colon = true;
    return 0;
  }
  if (byte < '0' || byte > '9' || s->digits == NETSTRING_DIGITS_MAX ||
      (s->digits == 1 && s->length == 0))
    return PLAIT_EFRAME;
  s->length = s->length * 10 + (byte - '0');
  s->digits++;
  return 0;
}

/* The payload and the comma, in what follows the colon. */
static int netstring_body(struct netstring_state *s, const uint8_t *piece,
                          size_t len, plait_scan *ret) {
  size_t length = netstring_length(s), left = length - s->seen;

  if (len <= left) {
    s->seen += len;
    ret->need = left - len + 1; /* 0, which is unknown, if that is too much */
    return PLAIT_MORE;
  }
  if (piece[left] != ',')
    return PLAIT_EFRAME;
  ret->consumed = left + 1;
  ret->offset = (size_t)s->digits + 1;
  *s = (struct netstring_state){0};
  return PLAIT_FRAME;
}

static int netstring_scan(const plait_codec *codec, void *state,
                          const uint8_t *piece, size_t len, plait_scan *ret) {
  struct netstring_state *s = state;
  size_t i = 0;
  int answer = 0;

  (void)codec;
  while (i < len && !s->colon && answer == 0)
    answer = netstring_digit(s, piece[i++]);
  ret->length = netstring_length(s);
  if (answer < 0 || !s->colon)
    return answer;
  answer = netstring_body(s, piece + i, len - i, ret);
  ret->consumed += i;
  return answer;
}

const plait_codec plait_netstring = {
    .name = "netstring",
    .state_size = sizeof(struct netstring_state),
    .scan = netstring_scan,
};

bool plait_netstring_send(plait_framed *framed, const void *data, size_t len) {
  uint8_t front[NETSTRING_DIGITS_MAX + 2]; /* from its end */
  size_t at = sizeof front, rest = len;

  front[--at] = ':';
  do
    front[--at] = (uint8_t)('0' + rest % 10);
  while ((rest /= 10) > 0);
  const plait_slice v[] = {
      {front + at, sizeof front - at},
      {data, len},
      {(const uint8_t *)",", 1},
  };
  return plait_writev(framed->base.transport, v, 3);
}
