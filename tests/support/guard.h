/* Input that ends at a page nobody may touch: reading past its end is a crash,
 * whatever lies there in the stream. */
#ifndef PLAIT_TESTS_GUARD_H
#define PLAIT_TESTS_GUARD_H

#include <stddef.h>
#include <stdint.h>

/* Zeroed at first. */
struct guard {
  uint8_t *memory; /* |size| bytes, then the page */
  size_t size;
};

/* A copy of |data| that ends at the page; good until the next one. */
uint8_t *guard_put(struct guard *g, const void *data, size_t len);
void guard_free(struct guard *g);

#endif
