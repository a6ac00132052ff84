/* Lines and raw bytes (Twisted's LineReceiver).
 *
 * Lines are frames: the loop is plait_framing's, and what is here is the codec
 * and the change of modes.  Both modes cut the delivery from the front, so a
 * switch in mid-buffer is only a step of another kind: set_raw halts the
 * framing loop behind the current line, set_line moves the end of the current
 * raw piece back by what was not consumed.
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

/* A line that ends with |consumed| bytes of the piece, of which |ending| in
 * all are not payload. */
static int line_frame(plait_line_state *s, size_t consumed, size_t ending,
                      plait_scan *ret) {
  ret->consumed = consumed;
  ret->length = s->seen + consumed - ending;
  s->seen = 0;
  s->cr = false;
  return PLAIT_FRAME;
}

static int line_more(plait_line_state *s, size_t len, bool cr,
                     plait_scan *ret) {
  s->seen += len;
  s->cr = cr;
  ret->length = s->seen - (cr ? 1 : 0);
  return PLAIT_MORE;
}

/* Whether the byte before piece[i] is a CR. */
static bool line_cr_before(const plait_line_state *s, const uint8_t *piece,
                           size_t i) {
  return i > 0 ? piece[i - 1] == '\r' : s->cr;
}

static int line_scan_either(void *state, const uint8_t *piece, size_t len,
                            plait_scan *ret) {
  plait_line_state *s = state;
  const uint8_t *lf = memchr(piece, '\n', len);

  if (lf == NULL)
    return line_more(s, len, piece[len - 1] == '\r', ret);
  size_t i = (size_t)(lf - piece);
  return line_frame(s, i + 1, line_cr_before(s, piece, i) ? 2 : 1, ret);
}

static int line_scan_crlf(void *state, const uint8_t *piece, size_t len,
                          plait_scan *ret) {
  plait_line_state *s = state;
  const uint8_t *lf = memchr(piece, '\n', len);

  while (lf != NULL) {
    size_t i = (size_t)(lf - piece);
    if (line_cr_before(s, piece, i))
      return line_frame(s, i + 1, 2, ret);
    lf = memchr(lf + 1, '\n', len - i - 1);
  }
  return line_more(s, len, piece[len - 1] == '\r', ret);
}

static int line_scan_lf(void *state, const uint8_t *piece, size_t len,
                        plait_scan *ret) {
  plait_line_state *s = state;
  const uint8_t *lf = memchr(piece, '\n', len);

  if (lf == NULL)
    return line_more(s, len, false, ret);
  return line_frame(s, (size_t)(lf - piece) + 1, 1, ret);
}

const plait_codec *plait_line_codec(plait_line_ending ending) {
  static const plait_codec codecs[] = {
      [PLAIT_LINE_EITHER] = {.name = "line", .scan = line_scan_either},
      [PLAIT_LINE_CRLF] = {.name = "line CRLF", .scan = line_scan_crlf},
      [PLAIT_LINE_LF] = {.name = "line LF", .scan = line_scan_lf},
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

static void line_too_long(plait_protocol *p, size_t seen) {
  plait_line *line = line_of(p);
  line_ops(line)->line_too_long(line, seen);
}

/* connection_made belongs to the user, so the first use prepares the line. */
static void line_start(plait_line *line) {
  static const plait_framing_events closing = {.frame = line_received};
  static const plait_framing_events telling = {.frame = line_received,
                                               .too_long = line_too_long};
  const plait_line_ops *ops = line_ops(line);

  if (line->started)
    return;
  line->started = true;
  plait_framing_init(
      &line->framing, &line->base, plait_line_codec(ops->ending), &line->state,
      ops->line_too_long != NULL ? &telling : &closing, PLAIT_LINE_BYTES_MAX);
}

/* Delivers raw bytes; returns how many of |len| are done with.  The mode is
 * set back before the callback, which may set either one again. */
static size_t line_receive_raw(plait_line *line, const uint8_t *data,
                               size_t len) {
  const plait_line_ops *ops = line_ops(line);
  size_t piece = len, done;

  if (line->raw_left != UINT64_MAX) {
    if (line->raw_left < len)
      piece = (size_t)line->raw_left;
    line->raw_left -= piece;
    line->in_raw = line->raw_left > 0;
  }
  line->raw_rest = (plait_slice){data + piece, len - piece};
  if (ops->raw_received != NULL)
    ops->raw_received(line, (plait_slice){data, piece});
  done = len - line->raw_rest.len;
  line->raw_rest = (plait_slice){0};
  return done;
}

/* Whether the delivery is somebody else's now: the next protocol's, or
 * nobody's. */
static bool line_gone(const plait_line *line) {
  plait_transport *t = line->base.transport;
  return plait_transport_closing(t) ||
         plait_transport_protocol(t) != &line->base;
}

void plait_line_data_received(plait_protocol *p, const uint8_t *data,
                              size_t len) {
  plait_line *line = line_of(p);
  bool paused = false;

  line_start(line);
  while (len > 0 && !paused) {
    size_t done = line->in_raw
                      ? line_receive_raw(line, data, len)
                      : plait_framing_receive(&line->framing, data, len);
    data += done;
    len -= done;
    if (len > 0 && line_gone(line))
      return;
    paused = plait_transport_paused(p->transport);
  }
  if (len > 0)
    plait_unread(p->transport, data, len);
}

void plait_line_set_raw(plait_line *line, uint64_t bytes) {
  line->in_raw = true;
  line->raw_left = bytes > 0 ? bytes : UINT64_MAX;
  plait_framing_halt(&line->framing);
}

void plait_line_set_line(plait_line *line, plait_slice extra) {
  line->in_raw = false;
  if (extra.len == 0)
    return;
  /* Raw bytes just delivered, up to the last one. */
  assert(extra.data + extra.len == line->raw_rest.data);
  line->raw_rest.data -= extra.len;
  line->raw_rest.len += extra.len;
}

void plait_line_set_max(plait_line *line, size_t bytes_max) {
  line_start(line);
  plait_framing_set_max(&line->framing,
                        bytes_max > 0 ? bytes_max : PLAIT_LINE_BYTES_MAX);
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
  return line->raw_rest.data != NULL ? line->raw_rest
                                     : plait_framing_rest(&line->framing);
}
