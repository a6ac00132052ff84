/* A codec of one's own, the chunks of HTTP/1.1 ("5\r\nhello\r\n"), and its
 * check, which needs no network and no test framework. */
#include <plait/error.h>
#include <plait/testing.h>
#include <stdio.h>
#include <string.h>

enum { DIGITS_MAX = 7 };

struct chunk {   /* the state: zeroed at first */
  size_t length; /* as far as its digits have come */
  size_t front;  /* bytes in front of the payload */
  size_t seen;   /* bytes behind these */
  bool cr, body; /* the CR behind the digits, and the LF, have come */
};

static int chunk_front(struct chunk *s, uint8_t byte) {
  static const char digits[] = "0123456789abcdef";
  const char *digit = memchr(digits, byte, 16);

  s->front++;
  if (s->cr) {
    s->body = true;
    return byte == '\n' ? 0 : PLAIT_EFRAME;
  }
  s->cr = byte == '\r' && s->front > 1;
  if (s->cr)
    return 0;
  if (digit == NULL || s->front > DIGITS_MAX)
    return PLAIT_EFRAME;
  s->length = s->length * 16 + (size_t)(digit - digits);
  return 0;
}

/* The payload is counted, the CR LF behind it looked at. */
static int chunk_body(struct chunk *s, const uint8_t *piece, size_t len,
                      plait_scan *ret) {
  size_t all = s->length + 2, i = 0;

  if (s->seen < s->length)
    i = len < s->length - s->seen ? len : s->length - s->seen;
  s->seen += i;
  for (; i < len && s->seen < all; i++, s->seen++)
    if (piece[i] != "\r\n"[s->seen - s->length])
      return PLAIT_EFRAME;
  if (s->seen < all) {
    ret->need = all - s->seen;
    return PLAIT_MORE;
  }
  ret->consumed += i;
  ret->offset = s->front;
  *s = (struct chunk){0};
  return PLAIT_FRAME;
}

static int chunk_scan(const plait_codec *codec, void *state,
                      const uint8_t *piece, size_t len, plait_scan *ret) {
  struct chunk *s = state;
  size_t i = 0;
  int answer = 0;

  (void)codec;
  while (i < len && !s->body && answer == 0)
    answer = chunk_front(s, piece[i++]);
  ret->length = s->length;
  if (answer < 0 || !s->body)
    return answer;
  ret->consumed = i;
  return chunk_body(s, piece + i, len - i, ret);
}

static const plait_codec chunks = {
    .name = "chunks", .state_size = sizeof(struct chunk), .scan = chunk_scan};

static size_t chunk_encode(const plait_codec *codec, unsigned way,
                           plait_slice payload, uint8_t *ret,
                           plait_slice *ret_payload) {
  size_t n = (size_t)sprintf((char *)ret, "%zx\r\n", payload.len);
  (void)codec;
  (void)way; /* there is one */
  *ret_payload = (plait_slice){ret + n, payload.len};
  memcpy(ret + n, payload.data, payload.len);
  n += payload.len;
  memcpy(ret + n, "\r\n", 2);
  return n + 2;
}

int main(void) {
  static const plait_codec_check check = {.codec = &chunks,
                                          .encode = chunk_encode};
  const char *wrong = plait_check_codec(&check);

  puts(wrong != NULL ? wrong : "nothing is wrong with chunks");
  return wrong != NULL;
}
