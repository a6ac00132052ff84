/* Receive chunks: one buffer per reactor that all its connections read into.
 *
 * A send queue that could not pass most of a chunk on keeps it (a pin); the
 * reactor then reads into another one.  What a strand is to see later is lent
 * to it (a lease): what is read next goes behind that, as long as there is
 * room.
 */
#ifndef PLAIT_CORE_CHUNK_H
#define PLAIT_CORE_CHUNK_H

#include <stdatomic.h>

#include "core/driver.h"

/* The bytes start at a page: the system copies into and out of a buffer that
 * is merely aligned to 16 at half the speed (64 KiB messages). */
enum {
  PLAIT__CHUNK_BYTES = 256 * 1024,
  PLAIT__CHUNK_ALIGNMENT = 4096,
  PLAIT__CHUNK_ROOM = 64 * 1024, /* less is not worth a read */
  PLAIT__CHUNKS_LENT = 64,       /* at a time, a reactor */
  PLAIT__LEASE_BYTES = 64        /* behind a delivery that is lent */
};

typedef struct plait__chunk {
  const plait__os *os;
  atomic_uint references; /* leases are given back on any thread */
  atomic_uint *alive;     /* chunks of its reactor */
  size_t fill;            /* up to here it is lent or pinned */
  uint8_t *data;
  uint8_t memory[];
} plait__chunk;

plait__chunk *plait__chunk_new(const plait__os *os, atomic_uint *alive);
void plait__chunk_unref(plait__chunk *chunk); /* NULL is harmless */

static inline void plait__chunk_ref(plait__chunk *chunk) {
  atomic_fetch_add_explicit(&chunk->references, 1, memory_order_relaxed);
}

/* Whether nobody but the reactor has it. */
static inline bool plait__chunk_is_free(const plait__chunk *chunk) {
  return atomic_load_explicit(&chunk->references, memory_order_acquire) == 1;
}

/* Whether more of it may be lent: one lease keeps a whole chunk. */
static inline bool plait__chunk_lends(const plait__chunk *chunk) {
  return atomic_load_explicit(chunk->alive, memory_order_relaxed) <=
         PLAIT__CHUNKS_LENT;
}

static inline size_t plait__chunk_aligned(size_t offset) {
  return (offset + 15) & ~(size_t)15;
}

/* A plait_release_fn: |arg| is the chunk. */
void plait__chunk_release(void *arg, const void *data, size_t len);

static inline bool plait__chunk_holds(const plait__chunk *chunk,
                                      const void *data) {
  return chunk != NULL &&
         (uintptr_t)data - (uintptr_t)chunk->data < PLAIT__CHUNK_BYTES;
}

#endif
