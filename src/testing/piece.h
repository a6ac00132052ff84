/* The pieces that a codec is offered: copies in a surrounding that lies. */
#ifndef PLAIT_TESTING_PIECE_H
#define PLAIT_TESTING_PIECE_H

#include "input.h"

enum { PLAIT__MARGIN = 32 };

/* What lies before and behind a piece. */
typedef enum plait__around {
  PLAIT__TRUTH,  /* what the input has there, as if it had come already */
  PLAIT__LIES,   /* other bytes of the input */
  PLAIT__NOTHING /* nothing: a block of its own size, freed at once */
} plait__around;
enum { PLAIT__AROUNDS = PLAIT__NOTHING + 1 };

/* Zeroed at first.  Blocks that are not freed at once are used in turn, so
 * that one who keeps a pointer finds what replaced his bytes. */
typedef struct plait__pieces {
  uint8_t *blocks[2];
  size_t capacities[2];
  unsigned turn;
  uint8_t *bytes; /* the piece */
  size_t at, len; /* where in the input it is */
} plait__pieces;

/* Makes the next piece; false: out of memory. */
bool plait__pieces_make(plait__pieces *p, const plait__input *in, size_t at,
                        size_t len, plait__around around, uint64_t *random);
/* The codec is done with the piece's bytes from |from| to |to|, places of the
 * input: replaces them.  False: they are not any more what they were. */
bool plait__pieces_spoil(plait__pieces *p, const plait__input *in, size_t from,
                         size_t to);
void plait__pieces_drop(plait__pieces *p, plait__around around);
void plait__pieces_free(plait__pieces *p);

#endif
