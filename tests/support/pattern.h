/* Bytes that know their place: the content of a stream whose every byte
 * follows from its offset, so that a loss, a repetition or a swap shows. */
#ifndef PLAIT_TESTS_PATTERN_H
#define PLAIT_TESTS_PATTERN_H

#include <stddef.h>
#include <stdint.h>

/* Writes the |len| bytes of the stream from |offset| on to |ret|. */
void pattern_fill(uint8_t *ret, uint64_t offset, size_t len);

/* How many bytes of |data| are those of the stream from |offset| on; |len| if
 * all are. */
size_t pattern_match(const uint8_t *data, uint64_t offset, size_t len);

#endif
