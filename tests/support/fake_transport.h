/* A transport that is only itself: no reactor, no descriptor, no libplait.
 *
 * It stands in for the core under the framing loop and the protocols, and is
 * strict where the core is lenient: pieces end at a page nobody may touch and
 * are overwritten after the callback, memory moves whenever it grows, and
 * plait_unread() takes the tail of the delivery, and then, once, what came
 * before it.
 */
#ifndef PLAIT_TESTS_FAKE_TRANSPORT_H
#define PLAIT_TESTS_FAKE_TRANSPORT_H

#include <plait/protocol.h>

#include "core/stream.h"
#include "support/text.h"

struct fake {
  union {
    plait_transport head; /* what the protocol sees */
    plait__stream stream; /* of which only its state is used */
  };
  bool paused, closing;
  int reason; /* of the close */
  int64_t wall_s;

  const uint8_t *piece; /* the delivery that runs, or NULL */
  size_t piece_len;
  bool ending;         /* the last frame is delivered */
  struct text waiting; /* to be delivered once reading is not paused */
  struct text unread;  /* given back in the delivery that runs */
  plait_protocol *old; /* switched away from in the callback that runs */
  struct text rest;    /* for the one that was switched to */

  struct text sent;
  unsigned writes, pieces; /* calls; slices in all of them */
  size_t queued, high, low;
  bool full; /* a write answered false and resume_writing did not follow */

  size_t memory, memory_max;     /* of instances' allocations, now and ever */
  size_t moved;                  /* bytes that growing had to move */
  unsigned allocations, failing; /* fails the |failing|th, counted from 1 */
};

/* A connection that runs |ops|, on a transport of its own; connection_made has
 * not run. */
struct fake *fake_new(const plait_protocol_ops *ops);
void fake_made(struct fake *f);
/* The peer sends: delivers |data|, or keeps it while reading is paused. */
void fake_feed(struct fake *f, const void *data, size_t len);
/* Delivers what waits, as long as reading is not paused. */
void fake_turn(struct fake *f);
/* The peer ends its side.  True: that completed a frame, which was delivered,
 * and the end is still to come; so once more, when reading is not paused. */
bool fake_end(struct fake *f);
/* The peer takes |len| bytes of what is queued. */
void fake_take(struct fake *f, size_t len);
/* connection_lost, then the end of all.  Nothing of the instance's memory may
 * be left. */
void fake_free(struct fake *f);

/* "0", "EFRAME", ... */
const char *fake_reason(int code);

#endif
