/* Frames that end with a delimiter.
 *
 * A place where a delimiter may start is found by its first byte.  There, what
 * has come either is none of them, or one and surely the longest; or it is the
 * beginning of one, and then these bytes, 15 at most, wait in |tail| for the
 * next piece:
 *
 *     seen          tail   next piece
 *     [payload .... [\r] | \n ...]
 *
 * They are in the loop's carry too.  When a longer delimiter turns out not to
 * be there and a shorter one was, some of them belong to the next frame: these
 * are handed back (|again|).
 *
 * Several first bytes are looked for in windows that double, or many short
 * frames in one piece would each scan all of it for a delimiter that does not
 * come.  What a byte costs is bounded by the number of delimiters and their
 * length, whatever the peer sends.
 */
#include <plait/delimited.h>
#include <plait/factory.h>
#include <plait/transport.h>

#include <assert.h>
#include <string.h>

enum {
  DELIMITED_TAIL = PLAIT_DELIMITER_BYTES_MAX - 1,
  DELIMITED_WINDOW = 64 /* the first one */
};

struct delimited_state {
  size_t seen; /* bytes of the frame before |tail| */
  uint8_t tail[DELIMITED_TAIL], tail_len;
};

/* What is found at one place. */
struct delimited_match {
  size_t len; /* of the longest delimiter there; 0: none */
  bool open;  /* a longer one may yet come of it */
};

static const plait_delimited *delimited_of(const plait_codec *codec) {
  assert(codec->scan == plait_delimited_scan);
  return plait_container_of(codec, const plait_delimited, codec);
}

static bool delimited_has(const plait_delimited *d, size_t i) {
  return i < PLAIT_DELIMITERS_MAX && d->delimiters[i].len > 0;
}

static struct delimited_match delimited_match(const plait_delimited *d,
                                              const uint8_t *at, size_t len) {
  struct delimited_match match = {0};

  for (size_t i = 0; delimited_has(d, i); i++) {
    plait_slice delimiter = d->delimiters[i];
    assert(delimiter.len <= PLAIT_DELIMITER_BYTES_MAX);
    if (delimiter.data[0] != at[0])
      continue;
    if (delimiter.len > len)
      match.open |= memcmp(delimiter.data, at, len) == 0;
    else if (delimiter.len > match.len &&
             memcmp(delimiter.data, at, delimiter.len) == 0)
      match.len = delimiter.len;
  }
  return match;
}

static bool delimited_starts(const plait_delimited *d, uint8_t byte) {
  size_t i = 0;
  while (delimited_has(d, i) && d->delimiters[i].data[0] != byte)
    i++;
  return delimited_has(d, i);
}

/* The first byte of |len| > 0 at |at| that a delimiter starts with, or NULL. */
static const uint8_t *delimited_find(const plait_delimited *d,
                                     const uint8_t *at, size_t len) {
  size_t window = delimited_has(d, 1) ? DELIMITED_WINDOW : len;

  if (delimited_starts(d, *at)) /* in a row of them: no window */
    return at;
  for (; len > 0; window *= 2) {
    size_t n = window < len ? window : len, before = n;
    const uint8_t *first = NULL;
    for (size_t i = 0; delimited_has(d, i); i++) {
      const uint8_t *hit = memchr(at, d->delimiters[i].data[0], before);
      if (hit != NULL) {
        first = hit;
        before = (size_t)(hit - at);
      }
    }
    if (first != NULL)
      return first;
    at += n;
    len -= n;
  }
  return NULL;
}

/* A frame whose delimiter, |len| bytes, starts |offset| bytes behind what was
 * seen. */
static int delimited_frame(const plait_delimited *d, struct delimited_state *s,
                           size_t offset, size_t len, plait_scan *ret) {
  ret->length = s->seen + offset + (d->keep ? len : 0);
  s->seen = 0;
  s->tail_len = 0;
  return PLAIT_FRAME;
}

/* |offset| bytes more are payload, and |len| bytes behind them may be. */
static int delimited_wait(struct delimited_state *s, size_t offset,
                          const uint8_t *tail, size_t len, plait_scan *ret) {
  s->seen += offset;
  memmove(s->tail, tail, len);
  s->tail_len = (uint8_t)len;
  ret->length = s->seen;
  return PLAIT_MORE;
}

/* A frame that ends |end| bytes behind the start of the tail, before |piece|
 * or in it. */
static void delimited_end_at(struct delimited_state *s, size_t end,
                             plait_scan *ret) {
  if (end >= s->tail_len)
    ret->consumed = end - s->tail_len;
  else
    ret->again = (plait_slice){s->tail + end, s->tail_len - end};
}

/* The places in the tail, now that |piece| follows it.  PLAIT_MORE with
 * |ret_done| false: there is nothing, and the tail is payload. */
static int delimited_scan_tail(const plait_delimited *d,
                               struct delimited_state *s, const uint8_t *piece,
                               size_t len, plait_scan *ret, bool *ret_done) {
  uint8_t both[2 * DELIMITED_TAIL];
  size_t more = len < DELIMITED_TAIL ? len : DELIMITED_TAIL;
  size_t all = s->tail_len + more;

  memcpy(both, s->tail, s->tail_len);
  memcpy(both + s->tail_len, piece, more);
  *ret_done = true;
  for (size_t i = 0; i < s->tail_len; i++) {
    struct delimited_match match = delimited_match(d, both + i, all - i);
    if (match.open)
      return delimited_wait(s, i, both + i, all - i, ret);
    if (match.len > 0) {
      delimited_end_at(s, i + match.len, ret);
      return delimited_frame(d, s, i, match.len, ret);
    }
  }
  s->seen += s->tail_len;
  s->tail_len = 0;
  *ret_done = false;
  return PLAIT_MORE;
}

int plait_delimited_scan(const plait_codec *codec, void *state,
                         const uint8_t *piece, size_t len, plait_scan *ret) {
  const plait_delimited *d = delimited_of(codec);
  struct delimited_state *s = state;
  size_t i = 0;
  bool done = false;

  assert(delimited_has(d, 0));
  if (s->tail_len > 0) {
    int answer = delimited_scan_tail(d, s, piece, len, ret, &done);
    if (done)
      return answer;
  }
  for (;; i++) {
    const uint8_t *at = delimited_find(d, piece + i, len - i);
    if (at == NULL)
      break;
    i = (size_t)(at - piece);
    struct delimited_match match = delimited_match(d, at, len - i);
    if (match.open)
      return delimited_wait(s, i, at, len - i, ret);
    if (match.len > 0) {
      ret->consumed = i + match.len;
      return delimited_frame(d, s, i, match.len, ret);
    }
  }
  return delimited_wait(s, len, piece, 0, ret);
}

/* No longer delimiter can come any more. */
int plait_delimited_end(const plait_codec *codec, void *state,
                        plait_scan *ret) {
  const plait_delimited *d = delimited_of(codec);
  struct delimited_state *s = state;

  for (size_t i = 0; i < s->tail_len; i++) {
    struct delimited_match match =
        delimited_match(d, s->tail + i, s->tail_len - i);
    if (match.len > 0) {
      delimited_end_at(s, i + match.len, ret);
      return delimited_frame(d, s, i, match.len, ret);
    }
  }
  return PLAIT_MORE;
}

bool plait_delimited_send(plait_framed *framed, const void *data, size_t len) {
  const plait_delimited *d = delimited_of(plait_framed_codec(framed));
  const plait_slice v[] = {{data, len}, d->delimiters[0]};
  return plait_writev(framed->base.transport, v, 2);
}
