#include "core/chunk.h"

#include "core/memory.h"

plait__chunk *plait__chunk_new(const plait__os *os, atomic_uint *alive) {
  plait__chunk *chunk = plait__alloc(os, sizeof *chunk + PLAIT__CHUNK_BYTES +
                                             PLAIT__CHUNK_ALIGNMENT - 1);
  if (chunk != NULL) {
    uintptr_t past = (uintptr_t)chunk->memory % PLAIT__CHUNK_ALIGNMENT;
    chunk->data =
        chunk->memory + (past != 0 ? PLAIT__CHUNK_ALIGNMENT - past : 0);
    chunk->os = os;
    chunk->fill = 0;
    chunk->alive = alive;
    atomic_init(&chunk->references, 1);
    atomic_fetch_add_explicit(alive, 1, memory_order_relaxed);
  }
  return chunk;
}

void plait__chunk_unref(plait__chunk *chunk) {
  if (chunk == NULL || atomic_fetch_sub_explicit(&chunk->references, 1,
                                                 memory_order_acq_rel) != 1)
    return;
  atomic_fetch_sub_explicit(chunk->alive, 1, memory_order_relaxed);
  plait__free(chunk->os, chunk);
}

void plait__chunk_release(void *arg, const void *data, size_t len) {
  (void)data;
  (void)len;
  plait__chunk_unref(arg);
}
