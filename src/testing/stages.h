/* What is checked, in this order.  False: the text says what is wrong. */
#ifndef PLAIT_TESTING_STAGES_H
#define PLAIT_TESTING_STAGES_H

#include "kit.h"

/* frames.c */
bool plait__stage_small(plait__kit *kit);
bool plait__stage_least(plait__kit *kit);
bool plait__stage_bytes(plait__kit *kit);
bool plait__stage_limits(plait__kit *kit);
bool plait__stage_in_turn(plait__kit *kit);

/* noise.c */
bool plait__stage_noise(plait__kit *kit);
bool plait__stage_noise_limited(plait__kit *kit);

/* volume.c */
bool plait__stage_many(plait__kit *kit);
bool plait__stage_million(plait__kit *kit);
bool plait__stage_large(plait__kit *kit);

#endif
