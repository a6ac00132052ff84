/* What codecs are offered, and what has to come of it. */
#ifndef PLAIT_TESTING_INPUT_H
#define PLAIT_TESTING_INPUT_H

#include "kit.h"

/* What an event is, besides a negative code of the codec's. */
enum { PLAIT__FRAME = PLAIT_FRAME, PLAIT__TOO_LONG, PLAIT__TRUNCATED };

typedef struct plait__event {
  int what;
  size_t start; /* where in the input the frame begins */
  /* Of a frame: where it ends, and which part of it the payload is. */
  size_t end, offset, length;
} plait__event;

/* Zeroed at first; plait__input_free() it. */
typedef struct plait__input {
  uint8_t *bytes;
  size_t len, capacity;
  plait__event *events;
  size_t count, events_capacity;
  /* The events are not what encode wrote, but what came when the whole of it
   * was offered; until then there are none. */
  bool is_noise;
} plait__input;

/* Adds a frame of |len| bytes of payload.  False: the text says why, here and
 * below. */
bool plait__input_add(plait__kit *kit, plait__input *in, unsigned way,
                      size_t len);
/* The same of this payload. */
bool plait__input_add_payload(plait__kit *kit, plait__input *in, unsigned way,
                              plait_slice payload);
/* Adds what there is once more, up to |times| of it in all. */
bool plait__input_repeat(plait__kit *kit, plait__input *in, size_t times);
/* Adds bytes, and an event. */
bool plait__input_append(plait__kit *kit, plait__input *in,
                         const uint8_t *bytes, size_t len);
bool plait__input_event(plait__kit *kit, plait__input *in,
                        const plait__event *event);
void plait__input_clear(plait__input *in);
void plait__input_free(plait__input *in);

/* The length a payload may have that is nearest to payload_min + |n|. */
size_t plait__kit_length(const plait__kit *kit, size_t n);

#endif
