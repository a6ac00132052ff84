/* Receive chunks: one buffer per reactor that all its connections read into.
 *
 * A send queue that could not pass most of a chunk on keeps it (a pin); the
 * reactor then reads into another one.
 */
#ifndef PLAIT_CORE_CHUNK_H
#define PLAIT_CORE_CHUNK_H

#include "core/driver.h"

/* The bytes start at a page: the system copies into and out of a buffer that
 * is merely aligned to 16 at half the speed (64 KiB messages). */
enum { PLAIT__CHUNK_BYTES = 256 * 1024, PLAIT__CHUNK_ALIGNMENT = 4096 };

typedef struct plait__chunk {
  const plait__os *os;
  unsigned references;
  uint8_t *data;
  uint8_t memory[];
} plait__chunk;

plait__chunk *plait__chunk_new(const plait__os *os);
void plait__chunk_unref(plait__chunk *chunk); /* NULL is harmless */

/* A plait_release_fn: |arg| is the chunk. */
void plait__chunk_release(void *arg, const void *data, size_t len);

static inline bool plait__chunk_holds(const plait__chunk *chunk,
                                      const void *data) {
  return chunk != NULL &&
         (uintptr_t)data - (uintptr_t)chunk->data < PLAIT__CHUNK_BYTES;
}

#endif
