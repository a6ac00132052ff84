/* All the ways to cut an input. */
#ifndef PLAIT_TESTING_CUTS_H
#define PLAIT_TESTING_CUTS_H

#include "loop.h"

/* Offers |in| once, cut so, under |limit|; SIZE_MAX is none.  False: the text
 * says why, here and below. */
bool plait__cut_run(plait__kit *kit, plait__input *in, size_t limit,
                    plait__cut cut);

/* Offers it whole, a byte at a time, cut in two, in pieces of one size, and in
 * |random| random ways; the longer it is, the fewer of them. */
bool plait__cut_all(plait__kit *kit, plait__input *in, size_t limit,
                    size_t random);

/* Offers |a| and |b|, each with a state of its own, in turn. */
bool plait__cut_in_turn(plait__kit *kit, plait__input *a, plait__input *b);

#endif
