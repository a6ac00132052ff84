/* Rows of tests/vectors: what was tried with Twisted, and what came of it.
 * tests/vectors/generate.py, which writes them, says what they mean. */
#ifndef PLAIT_TESTS_VECTORS_H
#define PLAIT_TESTS_VECTORS_H

#include <stdbool.h>

#include "support/text.h"

struct vector {
  const char *name, *value;
  struct text wire;
};

/* Calls |row| for each row of tests/vectors/|file|; returns how many there
 * are. */
unsigned vectors_read(const char *file,
                      void (*row)(const struct vector *v, void *arg),
                      void *arg);

/* The JSON text of a member of |value|, which must be there. */
const char *vector_member(const struct vector *v, const char *key);
bool vector_has(const struct vector *v, const char *key);
/* Whether the member is |json|: "true", "\"text\"". */
bool vector_is(const struct vector *v, const char *key, const char *json);
size_t vector_number(const struct vector *v, const char *key);
/* Adds bytes as rows have them, up to the first character that is none of
 * theirs, which is returned. */
const char *vector_bytes(struct text *ret, const char *hex);

#endif
