/* One input, cut in every way. */
#include "support/chunks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/require.h"

uint64_t chunks_random(uint64_t *state) {
  uint64_t mixed = *state += UINT64_C(0x9e3779b97f4a7c15);
  mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
  return mixed ^ mixed >> 31;
}

char *chunks_trace(const struct chunks *c, const void *input, size_t len,
                   size_t size) {
  const uint8_t *bytes = input;
  void *subject = c->open(c->arg);
  for (size_t at = 0; at < len; at += size)
    c->feed(subject, bytes + at, len - at < size ? len - at : size);
  return c->close(subject);
}

static char *chunks_split(const struct chunks *c, const uint8_t *input,
                          size_t len, size_t at) {
  void *subject = c->open(c->arg);
  c->feed(subject, input, at);
  c->feed(subject, input + at, len - at);
  return c->close(subject);
}

/* Some cuts are mostly small pieces, some mostly big ones. */
static char *chunks_scatter(const struct chunks *c, const uint8_t *input,
                            size_t len, uint64_t seed) {
  uint64_t state = seed;
  void *subject = c->open(c->arg);
  size_t most = 1 + (size_t)(chunks_random(&state) % len);
  for (size_t at = 0; at < len;) {
    size_t piece = 1 + (size_t)(chunks_random(&state) % most);
    if (piece > len - at)
      piece = len - at;
    c->feed(subject, input + at, piece);
    at += piece;
  }
  return c->close(subject);
}

static void chunks_same(char *trace, const char *expected, const char *cut,
                        size_t number) {
  require(strcmp(trace, expected) == 0, "%s %zu:\n  got  %s\n  want %s", cut,
          number, trace, expected);
  free(trace);
}

void chunks_check(const struct chunks *c, const void *input, size_t len,
                  const char *expected) {
  require(len > 0, "an empty input has no cuts");
  char *whole = chunks_trace(c, input, len, len);
  const char *want = expected != NULL ? expected : whole;
  require(strcmp(whole, want) == 0, "whole:\n  got  %s\n  want %s", whole,
          want);

  for (size_t size = 1; size < len; size++)
    chunks_same(chunks_trace(c, input, len, size), want, "pieces of", size);
  for (size_t at = 1; at < len; at++)
    chunks_same(chunks_split(c, input, len, at), want, "cut at", at);
  for (size_t seed = 0; seed < CHUNKS_RANDOM; seed++)
    chunks_same(chunks_scatter(c, input, len, seed), want, "random cut", seed);
  free(whole);
}
