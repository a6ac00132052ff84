/* Lines and raw bytes (Twisted's LineReceiver).
 *
 * Lines are frames, so the loop and the two modes are plait_framing's; what is
 * here is the codec.
 *
 * An ending that is cut between CR and LF: the CR is not counted as payload
 * until the next byte has come, so the longest allowed line passes wherever
 * the network cuts it.
 */
#include <plait/factory.h>
#include <plait/line.h>
#include <plait/transport.h>

#include <assert.h>
#include <string.h>

/* ---- the codec --------------------------------------------------------- */

/* What is known of the line that has begun. */
struct line_state {
  size_t seen;
  bool cr; /* the last byte seen was a CR */
};

/* A line that ends with |consumed| bytes of the piece, of which |ending| in
 * all are not payload. */
static int line_frame(struct line_state *s, size_t consumed, size_t ending,
                      plait_scan *ret) {
  ret->consumed = consumed;
  ret->length = s->seen + consumed - ending;
  s->seen = 0;
  s->cr = false;
  return PLAIT_FRAME;
}

static int line_more(struct line_state *s, size_t len, bool cr,
                     plait_scan *ret) {
  s->seen += len;
  s->cr = cr;
  ret->length = s->seen - (cr ? 1 : 0);
  return PLAIT_MORE;
}

/* Whether the byte before piece[i] is a CR. */
static bool line_cr_before(const struct line_state *s, const uint8_t *piece,
                           size_t i) {
  return i > 0 ? piece[i - 1] == '\r' : s->cr;
}

static int line_scan_either(const plait_codec *codec, void *state,
                            const uint8_t *piece, size_t len, plait_scan *ret) {
  struct line_state *s = state;
  const uint8_t *lf = memchr(piece, '\n', len);

  (void)codec;
  if (lf == NULL)
    return line_more(s, len, piece[len - 1] == '\r', ret);
  size_t i = (size_t)(lf - piece);
  return line_frame(s, i + 1, line_cr_before(s, piece, i) ? 2 : 1, ret);
}

static int line_scan_crlf(const plait_codec *codec, void *state,
                          const uint8_t *piece, size_t len, plait_scan *ret) {
  struct line_state *s = state;
  const uint8_t *lf = memchr(piece, '\n', len);

  (void)codec;
  while (lf != NULL) {
    size_t i = (size_t)(lf - piece);
    if (line_cr_before(s, piece, i))
      return line_frame(s, i + 1, 2, ret);
    lf = memchr(lf + 1, '\n', len - i - 1);
  }
  return line_more(s, len, piece[len - 1] == '\r', ret);
}

static int line_scan_lf(const plait_codec *codec, void *state,
                        const uint8_t *piece, size_t len, plait_scan *ret) {
  struct line_state *s = state;
  const uint8_t *lf = memchr(piece, '\n', len);

  (void)codec;
  if (lf == NULL)
    return line_more(s, len, false, ret);
  return line_frame(s, (size_t)(lf - piece) + 1, 1, ret);
}

#define LINE_CODEC(name_, scan_, ...)                                          \
  {                                                                            \
    .name = name_, .state_size = sizeof(struct line_state),                    \
    .frame_bytes_max = PLAIT_LINE_BYTES_MAX, .scan = scan_,                    \
    .terminator = {__VA_ARGS__},                                               \
  }

const plait_codec *plait_line_codec(plait_line_ending ending) {
  static const plait_codec codecs[] = {
      [PLAIT_LINE_EITHER] = LINE_CODEC("line", line_scan_either, .used = true,
                                       .byte = '\n', .strip_cr = true),
      [PLAIT_LINE_CRLF] = LINE_CODEC("line CRLF", line_scan_crlf, false),
      [PLAIT_LINE_LF] =
          LINE_CODEC("line LF", line_scan_lf, .used = true, .byte = '\n'),
  };

  assert((unsigned)ending < sizeof codecs / sizeof codecs[0]);
  return &codecs[ending];
}

/* ---- the protocol ------------------------------------------------------ */

/* |p| is the first member of a plait_line, and its ops of plait_line_ops. */
static plait_line *line_of(plait_protocol *p) {
  return plait_container_of(p, plait_line, base);
}

static const plait_line_ops *line_ops(const plait_line *line) {
  return (const plait_line_ops *)(const void *)line->base.ops;
}

static void line_received(plait_protocol *p, plait_slice text) {
  plait_line *line = line_of(p);
  const plait_line_ops *ops = line_ops(line);

  if (ops->line_received != NULL)
    ops->line_received(line, text);
}

static void line_raw(plait_protocol *p, plait_slice bytes) {
  plait_line *line = line_of(p);
  const plait_line_ops *ops = line_ops(line);

  if (ops->raw_received != NULL)
    ops->raw_received(line, bytes);
}

/* Without a line_too_long the loop closes the connection. */
static void line_too_long(plait_protocol *p, size_t seen) {
  plait_line *line = line_of(p);
  const plait_line_ops *ops = line_ops(line);

  if (ops->line_too_long != NULL)
    ops->line_too_long(line, seen);
}

/* connection_made belongs to the user, so the first use prepares the line. */
static void line_start(plait_line *line) {
  static const plait_framing_events events = {
      .frame = line_received, .too_long = line_too_long, .raw = line_raw};

  if (line->framing.codec == NULL)
    plait_framing_init(&line->framing, &line->base,
                       plait_line_codec(line_ops(line)->ending), NULL, &events,
                       0);
}

void plait_line_data_received(plait_protocol *p, const uint8_t *data,
                              size_t len) {
  plait_line *line = line_of(p);

  line_start(line);
  size_t used = plait_framing_receive(&line->framing, data, len);
  if (used < len)
    plait_unread(p->transport, data + used, len - used);
}

void plait_line_set_raw(plait_line *line, uint64_t bytes) {
  line_start(line);
  plait_framing_set_raw(&line->framing, bytes);
}

void plait_line_set_line(plait_line *line, plait_slice extra) {
  line_start(line);
  plait_framing_set_frames(&line->framing, extra);
}

void plait_line_set_max(plait_line *line, size_t bytes_max) {
  line_start(line);
  plait_framing_set_max(&line->framing, bytes_max);
}

void plait_line_skip(plait_line *line) {
  plait_framing_skip(&line->framing);
}

bool plait_line_send(plait_line *line, const void *data, size_t len) {
  bool lf = line_ops(line)->ending == PLAIT_LINE_LF;
  const plait_slice v[] = {
      {data, len},
      {(const uint8_t *)(lf ? "\n" : "\r\n"), lf ? 1 : 2},
  };
  return plait_writev(line->base.transport, v, 2);
}

plait_slice plait_line_rest(const plait_line *line) {
  return plait_framing_rest(&line->framing);
}

plait_slice plait_line_unfinished(const plait_line *line) {
  return plait_framing_unfinished(&line->framing);
}

void plait_line_clear(plait_line *line) {
  line_start(line);
  plait_framing_clear(&line->framing);
}
