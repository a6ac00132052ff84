/* However the network cuts a stream, the same has to come of it: feeds one
 * input whole, in pieces of every size, cut in two at every place, and in
 * 1,000 random ways (the same ones each time), and wants the same trace. */
#ifndef PLAIT_TESTS_CHUNKS_H
#define PLAIT_TESTS_CHUNKS_H

#include <stddef.h>
#include <stdint.h>

/* What is fed. */
struct chunks {
  void *(*open)(const void *arg);
  void (*feed)(void *subject, const uint8_t *piece, size_t len);
  /* Frees the subject; its trace, which is freed too. */
  char *(*close)(void *subject);
  const void *arg;
};

enum { CHUNKS_RANDOM = 1000 };

/* Aborts, naming the cut, when a trace is not |expected|, or if that is NULL
 * not the one of the whole input. */
void chunks_check(const struct chunks *c, const void *input, size_t len,
                  const char *expected);

/* The trace of one cut: pieces of |size| bytes; free() it. */
char *chunks_trace(const struct chunks *c, const void *input, size_t len,
                   size_t size);

/* The next of a row of random numbers, the same in each run. */
uint64_t chunks_random(uint64_t *state);

#endif
