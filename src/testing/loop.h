/* The reference loop: offers an input to a codec, cut in some way, and holds
 * it to its contract and to what has to come. */
#ifndef PLAIT_TESTING_LOOP_H
#define PLAIT_TESTING_LOOP_H

#include "input.h"
#include "piece.h"

/* How an input is cut. */
typedef struct plait__cut {
  enum {
    PLAIT__WHOLE,
    PLAIT__AT,     /* in two, behind |number| bytes */
    PLAIT__PIECES, /* in pieces of |number| bytes */
    PLAIT__RANDOM, /* the |number|th random way */
    PLAIT__IN_TURN /* the |number|th of two streams, in random pieces */
  } how;
  size_t number;
  plait__around around;
} plait__cut;

typedef struct plait__loop {
  plait__kit *kit;
  plait__input *input;
  plait__cut cut;
  size_t limit;
  bool recording; /* noise without events: what comes is put down there */
  uint8_t *state_block;
  void *state;
  uint8_t canary[64]; /* what surrounds the state */
  plait__pieces pieces;
  size_t given; /* bytes of the input that came */
  size_t seen;  /* and that scan was offered */
  size_t start; /* where the current frame begins */
  size_t events;
  size_t length_least, need_end; /* what MORE has said of it */
  size_t offered, scans;
  uint64_t random;
  bool skipping; /* the current frame is too long, and this was told */
  bool over;     /* an error came: no scan follows */
} plait__loop;

/* Prepares |loop|, whatever it was.  All but the last answer false if
 * something is wrong, which the text then says. */
bool plait__loop_open(plait__loop *loop, plait__kit *kit, plait__input *input,
                      size_t limit, plait__cut cut);
/* The next |len| bytes of the input. */
bool plait__loop_feed(plait__loop *loop, size_t len);
/* The end of the input behind what was fed. */
bool plait__loop_end(plait__loop *loop);
/* Frees what it has. */
void plait__loop_close(plait__loop *loop);

/* Starts the text with the codec, the cut and the place; adds an event, NULL
 * for none; ends it with the input there, and returns false. */
void plait__loop_report_start(const plait__loop *loop);
void plait__loop_report_event(const plait__loop *loop,
                              const plait__event *event);
bool plait__loop_report_end(const plait__loop *loop);

#endif
