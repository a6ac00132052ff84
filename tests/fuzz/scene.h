/* What an input chooses besides the wire: the codecs, the limit, and what the
 * protocol does when it is called.
 *
 * An input is 18 bytes, in the order of struct fuzz_scene; the choice of two
 * codecs, see codec.c; and the wire.  All of it holds however the wire is cut,
 * and so must the trace:
 *
 *     (3:abc)   a frame          {too long}
 *     ~x        a raw byte       after:=x   a byte for the next protocol
 *     (?2:ab    what is unfinished at the end of input
 *     lost(EFRAME)
 */
#ifndef PLAIT_TESTS_FUZZ_SCENE_H
#define PLAIT_TESTS_FUZZ_SCENE_H

#include "fuzz/codec.h"
#include "support/text.h"

enum fuzz_too_long { FUZZ_CLOSES, FUZZ_IS_TOLD, FUZZ_IS_SKIPPED };

/* What the protocol does in a callback. */
enum fuzz_verb {
  FUZZ_NOTHING,
  FUZZ_RAW,          /* as many raw bytes, which the loop counts */
  FUZZ_RAW_OPEN,     /* the same, but the protocol counts them and goes back */
  FUZZ_RAW_EARLY,    /* twice as many, but it goes back after these */
  FUZZ_RAW_AND_BACK, /* and none */
  FUZZ_MAX,          /* another limit */
  FUZZ_AFRESH,       /* with the other codec */
  FUZZ_SWITCH,       /* to another protocol, with the rest */
  FUZZ_CLOSE,
  FUZZ_ABORT,
  FUZZ_CLEAR /* outside of callbacks: forget what has begun */
};

struct fuzz_action {
  enum fuzz_verb verb;
  size_t bytes;
};

enum { FUZZ_CUTS = 4, FUZZ_ACTIONS = 8 };

struct fuzz_scene {
  size_t max;                  /* as plait_framing_init() has it */
  enum fuzz_too_long too_long; /* what a frame that is so does */
  uint8_t pauses;              /* bit i: the (8 k + i)th callback does */
  uint8_t failing;             /* the allocation that fails; 0: none */
  size_t cuts[FUZZ_CUTS];      /* sizes of pieces, in turn */
  struct fuzz_action actions[FUZZ_ACTIONS]; /* of events, in turn */
  size_t outside_at;                        /* so many bytes come before */
  struct fuzz_action outside;  /* what is done outside of callbacks */
  struct fuzz_codec codecs[2]; /* the second after FUZZ_AFRESH */
};

/* Takes the choices from |in|, and leaves the wire.  FUZZ_KINDS: the kinds are
 * chosen too. */
void fuzz_scene_read(struct fuzz_scene *ret, enum fuzz_kind kind,
                     struct fuzz_input *in);

/* Whether raw bytes are to come. */
bool fuzz_scene_is_raw(struct fuzz_action action);

/* What |max| comes to with this codec; SIZE_MAX: no limit. */
size_t fuzz_scene_max(size_t max, const struct fuzz_codec *c);

/* ---- the trace ---------------------------------------------------------- */

void fuzz_trace_frame(struct text *trace, plait_slice payload);
void fuzz_trace_unfinished(struct text *trace, plait_slice bytes);
/* Each byte behind |mark|: the trace must not show where they were cut. */
void fuzz_trace_bytes(struct text *trace, char mark, plait_slice bytes);
void fuzz_trace_word(struct text *trace, const char *word);
void fuzz_trace_lost(struct text *trace, int reason);

#endif
