/* What a scene comes to, said by code that sees the whole wire at once. */
#ifndef PLAIT_TESTS_FUZZ_REFERENCE_H
#define PLAIT_TESTS_FUZZ_REFERENCE_H

#include "fuzz/scene.h"

/* The trace that fuzz_subject_trace() has to have. */
struct text fuzz_reference_trace(const struct fuzz_scene *scene,
                                 plait_slice wire);

#endif
