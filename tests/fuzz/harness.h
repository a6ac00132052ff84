/* What the fuzz targets share: what has to hold for an input. */
#ifndef PLAIT_TESTS_FUZZ_HARNESS_H
#define PLAIT_TESTS_FUZZ_HARNESS_H

#include "fuzz/codec.h"

/* The targets: a file of that name each, and a folder in corpus/. */
#define FUZZ_TARGETS(X)                                                        \
  X(line)                                                                      \
  X(delimited)                                                                 \
  X(prefixed)                                                                  \
  X(netstring)                                                                 \
  X(fixed)                                                                     \
  X(differential)

#define FUZZ_DECLARE(name) void fuzz_##name(const uint8_t *data, size_t len);
FUZZ_TARGETS(FUZZ_DECLARE)
#undef FUZZ_DECLARE

/* Aborts unless the trace of this input is the one of the reference, and the
 * same however the wire is cut and wherever reading is paused; and a start of
 * it if memory runs out.  FUZZ_KINDS: the input chooses the kinds, too. */
void fuzz_check(enum fuzz_kind kind, const uint8_t *data, size_t len);

#endif
