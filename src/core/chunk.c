#include "core/chunk.h"

#include "core/memory.h"

plait__chunk *plait__chunk_new(const plait__os *os) {
  plait__chunk *chunk = plait__alloc(os, sizeof *chunk + PLAIT__CHUNK_BYTES +
                                             PLAIT__CHUNK_ALIGNMENT - 1);
  if (chunk != NULL) {
    uintptr_t past = (uintptr_t)chunk->memory % PLAIT__CHUNK_ALIGNMENT;
    chunk->data =
        chunk->memory + (past != 0 ? PLAIT__CHUNK_ALIGNMENT - past : 0);
    chunk->os = os;
    chunk->references = 1;
  }
  return chunk;
}

void plait__chunk_unref(plait__chunk *chunk) {
  if (chunk != NULL && --chunk->references == 0)
    plait__free(chunk->os, chunk);
}

void plait__chunk_release(void *arg, const void *data, size_t len) {
  (void)data;
  (void)len;
  plait__chunk_unref(arg);
}
