/* Codecs with a mistake each. */
#include "kit/broken.h"

#include <string.h>

#include <plait/error.h>
#include <plait/factory.h>

struct broken {
  plait_codec codec;
  broken_mistake mistake;
};

static broken_mistake mistake_of(const plait_codec *codec) {
  return plait_container_of(codec, const struct broken, codec)->mistake;
}

/* ---- boxes --------------------------------------------------------------- */

enum { HEADER = 2, WRAPPING = 3, BOX_MAX = 65535 };

struct box {
  size_t seen, length;
  const uint8_t *kept;
  uint64_t frames; /* last: it lies outside of a state that is too small */
};

/* Takes as long as if it looked at |len| bytes. */
static void waste(size_t len) {
  static volatile size_t sink;
  size_t sum = 0;
  for (size_t i = 0; i < len; i++)
    sum = sum * 3 + i;
  sink = sum;
  (void)sink;
}

static void box_waste(broken_mistake m, const struct box *s, size_t len) {
  if (m == BROKEN_SLOW)
    waste(len);
  if (m == BROKEN_GATHERS)
    waste(s->seen);
}

/* Takes what there is of the header; returns how many bytes that is. */
static size_t box_header(broken_mistake m, struct box *s, const uint8_t *piece,
                         size_t len) {
  size_t i = 0;

  if (m == BROKEN_KEEPS_POINTER && s->seen == 1)
    s->length = *s->kept;
  if (m == BROKEN_READS_BACK && s->seen == 1)
    s->length = piece[-1];
  if (m == BROKEN_FORGETS_HEADER && s->seen == 1)
    s->length = 0;
  for (; i < len && s->seen < HEADER; s->seen++) {
    s->kept = piece + i;
    s->length = s->length << 8 | piece[i++];
  }
  return i;
}

static int box_more(broken_mistake m, struct box *s, size_t left,
                    plait_scan *ret) {
  ret->need = left + (m == BROKEN_NEED ? 1 : 0);
  if (m == BROKEN_NEED_HUGE)
    ret->need = SIZE_MAX;
  if (m == BROKEN_LENGTH_IN_MORE)
    ret->length++;
  if (m == BROKEN_SILENT)
    ret->length = 0;
  if (m == BROKEN_FORGETS_SEEN)
    s->seen = HEADER;
  return PLAIT_MORE;
}

static int box_frame(broken_mistake m, struct box *s, size_t used,
                     plait_scan *ret) {
  ret->consumed = used + (m == BROKEN_CONSUMES_TOO_MUCH ? 1 : 0);
  ret->offset = HEADER - (m == BROKEN_OFFSET ? 1 : 0);
  if (m == BROKEN_CONSUMES_NOTHING)
    ret->consumed = 0;
  if (m == BROKEN_LENGTH && s->length == 7)
    ret->length--;
  if (m == BROKEN_OUTSIDE)
    ret->length += 2;
  s->seen = 0;
  s->frames++;
  if (m != BROKEN_NO_RESET)
    s->length = 0;
  return m == BROKEN_ANSWERS_2 ? 2 : PLAIT_FRAME;
}

/* Whether the dot, at |at| of the piece, is wrong. */
static bool box_is_bad(broken_mistake m, const uint8_t *piece, size_t at) {
  if (m == BROKEN_ERROR_IN_PIECES && at == 0)
    return false;
  if (m == BROKEN_REFUSES_A_BYTE && at > 0 && piece[at - 1] == 0xfe)
    return true;
  return piece[at] != '.';
}

static int box_scan(const plait_codec *codec, void *state, const uint8_t *piece,
                    size_t len, plait_scan *ret) {
  static struct box shared;
  broken_mistake m = mistake_of(codec);
  struct box *s = m == BROKEN_STATIC ? &shared : state;

  box_waste(m, s, len);
  size_t i = box_header(m, s, piece, len);
  if (s->seen < HEADER)
    return box_more(m, s, WRAPPING - s->seen, ret);
  size_t left = s->length + WRAPPING - s->seen;
  ret->length = s->length;
  if (m == BROKEN_READS_ON && len - i == left - 1 && piece[len] == '.')
    return box_frame(m, s, len + 1, ret);
  if (len - i < left) {
    s->seen += len - i;
    return box_more(m, s, left - (len - i), ret);
  }
  if (m == BROKEN_WRITES)
    *(uint8_t *)(uintptr_t)piece = '!';
  if (box_is_bad(m, piece, i + left - 1)) {
    ret->length = m == BROKEN_ERROR_HIDES_LENGTH ? 0 : ret->length;
    return PLAIT_EFRAME;
  }
  return box_frame(m, s, i + left, ret);
}

static size_t box_encode(const plait_codec *codec, unsigned way,
                         plait_slice payload, uint8_t *ret,
                         plait_slice *ret_payload) {
  (void)codec;
  (void)way;
  ret[0] = (uint8_t)(payload.len >> 8);
  ret[1] = (uint8_t)payload.len;
  memcpy(ret + HEADER, payload.data, payload.len);
  ret[HEADER + payload.len] = '.';
  *ret_payload = (plait_slice){ret + HEADER, payload.len};
  return payload.len + WRAPPING;
}

/* ---- rows ---------------------------------------------------------------- */

static const uint8_t row_ending[] = {';', 'a', 'b', 'c'};
enum { ENDING = sizeof row_ending, ROW_WAIT = 16 };

struct row {
  size_t seen;    /* bytes of the payload */
  size_t matched; /* bytes of the ending that have come */
  uint8_t tail[ROW_WAIT];
};

/* The row has ended with a ";" of an ending of which |matched| bytes have
 * come, all but |in_piece| of them before this piece. */
static int row_shorter(broken_mistake m, struct row *s, size_t in_piece,
                       const uint8_t *piece, plait_scan *ret) {
  size_t before = s->matched - in_piece;

  ret->length = s->seen;
  if (before == 0)
    ret->consumed = in_piece + 1 - s->matched;
  else
    ret->again = (plait_slice){s->tail, before - 1};
  memcpy(s->tail, row_ending + 1, ENDING - 1);
  if (ret->again.len > 0) {
    ret->again.len -= m == BROKEN_AGAIN_SHORT;
    s->tail[0] = m == BROKEN_AGAIN_OTHER ? '?' : s->tail[0];
    ret->again.data = m == BROKEN_AGAIN_PIECE ? piece : s->tail;
    ret->consumed = m == BROKEN_AGAIN_AND_CONSUMED;
    ret->again.len += m == BROKEN_AGAIN_ALL ? 1 + s->seen : 0;
  }
  s->seen = s->matched = 0;
  return PLAIT_FRAME;
}

static int row_scan(const plait_codec *codec, void *state, const uint8_t *piece,
                    size_t len, plait_scan *ret) {
  broken_mistake m = mistake_of(codec);
  struct row *s = state;

  if (m == BROKEN_CUT_DELIMITER && s->matched > 1)
    s->matched = 1;
  for (size_t i = 0; i < len; i++) {
    if (s->matched == 0 && piece[i] != ';') {
      s->seen++;
    } else if (piece[i] != row_ending[s->matched]) {
      size_t in_piece = i < s->matched ? i : s->matched;
      int answer = row_shorter(m, s, in_piece, piece, ret);
      if (i > in_piece)
        ret->consumed += i - in_piece;
      return answer;
    } else if (++s->matched == ENDING) {
      ret->consumed = i + 1;
      ret->length = s->seen;
      s->seen = s->matched = 0;
      return PLAIT_FRAME;
    }
  }
  ret->length = s->seen;
  return PLAIT_MORE;
}

static int row_end(const plait_codec *codec, void *state, plait_scan *ret) {
  broken_mistake m = mistake_of(codec);
  struct row *s = state;

  if (s->matched == 0)
    return m == BROKEN_END_IS_WRONG ? PLAIT_EFRAME : PLAIT_MORE;
  int answer = row_shorter(m, s, 0, NULL, ret);
  if (m == BROKEN_END_CONSUMES)
    ret->consumed = 1;
  return answer;
}

/* Rows that end with ";" alone, of a codec that wants to see more of them than
 * it has to. */
static int waiting_scan(const plait_codec *codec, void *state,
                        const uint8_t *piece, size_t len, plait_scan *ret) {
  struct row *s = state;
  const uint8_t *end = memchr(piece, ';', len);

  (void)codec;
  if (s->seen == 0 && s->matched + len < ROW_WAIT) {
    memcpy(s->tail + s->matched, piece, len);
    s->matched += len;
    return PLAIT_MORE;
  }
  const uint8_t *in_tail = memchr(s->tail, ';', s->matched);
  size_t waited = s->matched;
  s->matched = 0;
  if (in_tail != NULL) {
    ret->length = (size_t)(in_tail - s->tail);
    ret->again = (plait_slice){in_tail + 1, waited - ret->length - 1};
    return PLAIT_FRAME;
  }
  s->seen += waited + (end != NULL ? (size_t)(end - piece) : len);
  ret->length = s->seen;
  if (end == NULL)
    return PLAIT_MORE;
  ret->consumed = (size_t)(end - piece) + 1;
  s->seen = 0;
  return PLAIT_FRAME;
}

/* A row that still waits; what follows it is handed back. */
static int waiting_end(const plait_codec *codec, void *state, plait_scan *ret) {
  struct row *s = state;
  const uint8_t *end = memchr(s->tail, ';', s->matched);

  (void)codec;
  if (end == NULL)
    return PLAIT_MORE;
  ret->length = (size_t)(end - s->tail);
  ret->again = (plait_slice){end + 1, s->matched - ret->length - 1};
  s->matched = 0;
  return PLAIT_FRAME;
}

static size_t row_encode(const plait_codec *codec, unsigned way,
                         plait_slice payload, uint8_t *ret,
                         plait_slice *ret_payload) {
  size_t n = payload.len, ending = way == 0 ? 1 : ENDING;

  (void)codec;
  memcpy(ret, payload.data, n);
  for (size_t i = 0; i < n; i++)
    ret[i] = ret[i] == ';' ? 'x' : ret[i];
  if (n >= ENDING - 1 && memcmp(ret, row_ending + 1, ENDING - 1) == 0)
    ret[0] = 'x';
  memcpy(ret + n, row_ending, ending);
  *ret_payload = (plait_slice){ret, n};
  return n + ending;
}

/* ---- checks -------------------------------------------------------------- */

static struct broken broken;

static plait_codec_check check_boxes(void) {
  broken.codec = (plait_codec){.name = "boxes",
                               .state_size = sizeof(struct box),
                               .frame_bytes_max = BOX_MAX,
                               .scan = box_scan};
  if (broken.mistake == BROKEN_TERMINATOR)
    broken.codec.terminator = (plait_terminator){.used = true, .byte = '.'};
  if (broken.mistake == BROKEN_STATE)
    broken.codec.state_size = offsetof(struct box, frames);
  return (plait_codec_check){.codec = &broken.codec, .encode = box_encode};
}

static plait_codec_check check_rows(void) {
  static const uint8_t letters[] = {'a', 'b', 'c', 'x', ';'};
  bool waiting = broken.mistake == BROKEN_AGAIN_ALWAYS;

  broken.codec = (plait_codec){.name = "rows",
                               .state_size = sizeof(struct row),
                               .scan = waiting ? waiting_scan : row_scan,
                               .end = waiting ? waiting_end : row_end};
  if (broken.mistake == BROKEN_NO_END)
    broken.codec.end = NULL;
  return (plait_codec_check){.codec = &broken.codec,
                             .encode = row_encode,
                             .ways = waiting ? 1 : 2,
                             .alphabet = {letters, sizeof letters}};
}

const plait_codec_check *broken_check(broken_mistake mistake) {
  static plait_codec_check check;

  broken.mistake = mistake;
  check = mistake <= BROKEN_LAST_BOX ? check_boxes() : check_rows();
  return &check;
}
