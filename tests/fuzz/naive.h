/* The codecs once more, by code that sees the whole input at once and so has
 * nothing to remember: what the real ones are held against. */
#ifndef PLAIT_TESTS_FUZZ_NAIVE_H
#define PLAIT_TESTS_FUZZ_NAIVE_H

#include "fuzz/codec.h"

enum naive_status { NAIVE_UNFINISHED, NAIVE_MALFORMED, NAIVE_FRAME };

struct naive {
  enum naive_status status;
  int64_t length; /* of the payload, as far as it is known */
  size_t all;     /* of a frame: its bytes in all */
  plait_slice payload;
};

/* What the |len| > 0 bytes at |data| begin with; and |ended|, or more of them
 * may come. */
struct naive naive_next(const struct fuzz_codec *c, const uint8_t *data,
                        size_t len, bool ended);

#endif
