/* Lines and raw bytes, as Twisted's LineReceiver has them.
 *
 *     struct greeter { plait_line line; ... };            // line comes first
 *
 *     static void greet(plait_line *line, plait_slice text) { ... }
 *
 *     static const plait_line_ops greeter = PLAIT_LINE_OPS(
 *         .base.name = "greeter",
 *         .base.size = PLAIT_INSTANCE(struct greeter, line),
 *         .line_received = greet);
 *
 *     factory.protocol = &greeter.base;
 */
#ifndef PLAIT_LINE_H
#define PLAIT_LINE_H

#include <plait/framing.h>
#include <plait/protocol.h>

PLAIT_BEGIN

enum { PLAIT_LINE_BYTES_MAX = 16384 }; /* the longest line unless set */

/* What ends a line that is received; one that is sent ends with CR LF, or with
 * LF under PLAIT_LINE_LF. */
typedef enum plait_line_ending {
  PLAIT_LINE_EITHER = 0, /* LF, or CR LF */
  PLAIT_LINE_CRLF,       /* CR LF; a lone LF belongs to the line */
  PLAIT_LINE_LF          /* LF; a CR before it belongs to the line */
} plait_line_ending;

typedef struct plait_line plait_line;

/* What you write: a protocol that gets lines.  Of |base| leave data_received
 * alone. */
typedef struct plait_line_ops {
  plait_protocol_ops base;
  /* One line without its ending, good until this returns. */
  void (*line_received)(plait_line *line, plait_slice text);
  /* Bytes in raw mode, good until this returns. */
  void (*raw_received)(plait_line *line, plait_slice bytes);
  /* Optional: a line of more than the maximum, of which |seen| bytes have
   * come.  plait_line_skip() in here discards it and goes on with the next one;
   * else the connection closes, with PLAIT_EFRAME unless you have closed it. */
  void (*line_too_long)(plait_line *line, size_t seen);
  plait_line_ending ending;
} plait_line_ops;

/* The initialiser of these ops: yours follow, by name. */
#define PLAIT_LINE_OPS(...)                                                    \
  { .base.data_received = plait_line_data_received, __VA_ARGS__ }

/* The first member of your struct. */
struct plait_line {
  plait_protocol base;
  /* private */
  plait_framing framing;
};

/* What base.data_received of a line protocol is; PLAIT_LINE_OPS sets it. */
PLAIT_EXTERN void plait_line_data_received(plait_protocol *p,
                                           const uint8_t *data, size_t len);

/* From the next byte on, in the middle of a delivery too: |bytes| raw bytes
 * and then lines again, or raw bytes until plait_line_set_line() if 0; see
 * plait_framing_set_raw(). */
PLAIT_EXTERN void plait_line_set_raw(plait_line *line, uint64_t bytes);

/* Lines again.  In raw_received, |extra| is the tail of the bytes being
 * delivered that you did not consume: it is read as lines.  Elsewhere it is
 * (plait_slice){0}. */
PLAIT_EXTERN void plait_line_set_line(plait_line *line, plait_slice extra);

/* The longest line from the next one on [PLAIT_LINE_BYTES_MAX]; 0 is the
 * default, PLAIT_UNLIMITED none.  In connection_made or later. */
PLAIT_EXTERN void plait_line_set_max(plait_line *line, size_t bytes_max);

/* In line_too_long: discards that line only. */
PLAIT_EXTERN void plait_line_skip(plait_line *line);

/* Sends |len| bytes and the ending; answers as plait_write(). */
PLAIT_EXTERN bool plait_line_send(plait_line *line, const void *data,
                                  size_t len);

/* In a callback: what of the current delivery is not decoded yet, for
 * plait_switch_protocol(). */
PLAIT_EXTERN plait_slice plait_line_rest(const plait_line *line);

/* What has come of a line whose ending has not, and to forget it:
 * plait_framing_unfinished(), plait_framing_clear(). */
PLAIT_EXTERN plait_slice plait_line_unfinished(const plait_line *line);
PLAIT_EXTERN void plait_line_clear(plait_line *line);

/* The codec, for a plait_framing of your own; static. */
PLAIT_EXTERN const plait_codec *plait_line_codec(plait_line_ending ending);

PLAIT_END

#endif
