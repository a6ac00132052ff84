/* The framing loop on a fake transport, with a protocol that does what a scene
 * says. */
#ifndef PLAIT_TESTS_FUZZ_SUBJECT_H
#define PLAIT_TESTS_FUZZ_SUBJECT_H

#include "fuzz/scene.h"

/* How the wire comes. */
struct fuzz_delivery {
  const size_t *cuts; /* FUZZ_CUTS sizes of pieces, in turn; NULL: whole */
  uint8_t pauses;
  unsigned failing;
};

/* Feeds the wire and ends the input; the trace of it.  Aborts when a rule is
 * broken that holds for every input. */
struct text fuzz_subject_trace(const struct fuzz_scene *scene, plait_slice wire,
                               struct fuzz_delivery delivery);

#endif
