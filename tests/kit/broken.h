/* Codecs with a mistake each, which the test kit has to find.
 *
 * They are models of two kinds: boxes are two bytes of length, the payload and
 * a dot; rows end with ";" or, which counts where both are, with ";abc", so
 * that the end of one may be known only behind it. */
#ifndef PLAIT_TESTS_BROKEN_H
#define PLAIT_TESTS_BROKEN_H

#include <plait/testing.h>

typedef enum broken_mistake {
  BROKEN_NOT = 0, /* none */

  /* Of boxes. */
  BROKEN_LENGTH_IN_MORE, /* counts the dot */
  BROKEN_FORGETS_HEADER, /* that was cut */
  BROKEN_FORGETS_SEEN,   /* what came of the payload */
  BROKEN_READS_ON,       /* looks for the dot behind the piece */
  BROKEN_READS_BACK,     /* looks for the length in front of the piece */
  BROKEN_KEEPS_POINTER,
  BROKEN_NEED,
  BROKEN_NEED_HUGE,
  BROKEN_CONSUMES_TOO_MUCH,
  BROKEN_CONSUMES_NOTHING,
  BROKEN_NO_RESET,
  BROKEN_OFFSET,
  BROKEN_LENGTH,
  BROKEN_OUTSIDE, /* a payload that the frame does not have */
  BROKEN_ERROR_IN_PIECES,
  BROKEN_ERROR_HIDES_LENGTH,
  BROKEN_REFUSES_A_BYTE,
  BROKEN_ANSWERS_2,
  BROKEN_SILENT,  /* MORE without a length */
  BROKEN_STATIC,  /* keeps its state in a variable */
  BROKEN_STATE,   /* is larger than its state_size */
  BROKEN_WRITES,  /* to the piece */
  BROKEN_SLOW,    /* looks at the whole piece for each frame */
  BROKEN_GATHERS, /* and looks at all it has gathered for each piece */

  BROKEN_TERMINATOR, /* says that the dot is one */

  BROKEN_LAST_BOX = BROKEN_TERMINATOR,

  /* Of rows. */
  BROKEN_NOT_ROWS, /* none */
  BROKEN_CUT_DELIMITER,
  BROKEN_AGAIN_SHORT,
  BROKEN_AGAIN_OTHER,
  BROKEN_AGAIN_PIECE,
  BROKEN_AGAIN_AND_CONSUMED,
  BROKEN_AGAIN_ALL,    /* hands a whole frame back */
  BROKEN_AGAIN_ALWAYS, /* waits for 16 bytes and hands them back */
  BROKEN_NO_END,
  BROKEN_END_IS_WRONG,
  BROKEN_END_CONSUMES,
  BROKEN_MISTAKES
} broken_mistake;

/* A check of boxes, or of rows, that have this mistake; static, until the next
 * call. */
const plait_codec_check *broken_check(broken_mistake mistake);

#endif
