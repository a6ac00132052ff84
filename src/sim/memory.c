/* The accountant: each block knows who asked for it.  A block never grows in
 * place, and what is freed is overwritten, so that whoever uses an old pointer
 * learns of it. */
#include <plait/error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

enum { MEMORY_POISON = 0xdf };

typedef struct memory_block {
  _Alignas(max_align_t) struct memory_block *next;
  struct memory_block *prev;
  const char *site;
  size_t size;
} memory_block;

static struct {
  memory_block *first; /* the newest */
  size_t bytes, peak;
} memory;

static memory_block *memory_take(size_t size, const char *site) {
  memory_block *block = malloc(sizeof *block + size);
  if (block == NULL)
    return NULL;
  *block = (memory_block){.next = memory.first, .site = site, .size = size};
  if (block->next != NULL)
    block->next->prev = block;
  memory.first = block;
  memory.bytes += size;
  if (memory.bytes > memory.peak)
    memory.peak = memory.bytes;
  return block;
}

static void memory_give(memory_block *block) {
  *(block->prev != NULL ? &block->prev->next : &memory.first) = block->next;
  if (block->next != NULL)
    block->next->prev = block->prev;
  memory.bytes -= block->size;
  memset(block + 1, MEMORY_POISON, block->size);
  /* Or the compiler leaves it out, since nobody may look any more. */
  __asm__ volatile("" : : "r"(block) : "memory");
  free(block);
}

static void *memory_change(memory_block *old, size_t size, const char *site) {
  memory_block *block = memory_take(size, site);
  if (block == NULL)
    return NULL;
  if (old != NULL) {
    memcpy(block + 1, old + 1, old->size < size ? old->size : size);
    memory_give(old);
  }
  return block + 1;
}

void *plait__sim_alloc(void *old, size_t size, const char *site) {
  memory_block *block = old == NULL ? NULL : (memory_block *)old - 1;
  plait__sim_point();
  if (size == 0) {
    plait__sim_trace("free", block == NULL ? 0 : block->size, 0);
    if (block != NULL)
      memory_give(block);
    return NULL;
  }
  void *given = NULL;
  if (!plait__sim_fails_alloc(site))
    given = memory_change(block, size, site);
  plait__sim_trace("alloc", size, given != NULL);
  return given;
}

/* Blocks of one site are told of together, where the first one is found. */
static bool memory_is_first(const memory_block *block) {
  for (const memory_block *b = memory.first; b != block; b = b->next)
    if (strcmp(b->site, block->site) == 0)
      return false;
  return true;
}

static size_t memory_of_site(const memory_block *first, unsigned *ret_count) {
  size_t bytes = 0;
  *ret_count = 0;
  for (const memory_block *b = first; b != NULL; b = b->next)
    if (strcmp(b->site, first->site) == 0) {
      bytes += b->size;
      ++*ret_count;
    }
  return bytes;
}

size_t plait__sim_memory_left(char *ret, size_t size) {
  size_t len = 0;
  for (const memory_block *b = memory.first; b != NULL && len < size;
       b = b->next) {
    unsigned count;
    if (!memory_is_first(b))
      continue;
    size_t bytes = memory_of_site(b, &count);
    len += (size_t)snprintf(ret + len, size - len, "%zu bytes in %u of %s\n",
                            bytes, count, plait__sim_site(b->site));
  }
  return len < size ? len : size;
}

void plait__sim_memory_open(void) {
  memory.peak = 0;
}

void plait__sim_memory_close(void) {
  while (memory.first != NULL)
    memory_give(memory.first);
}

size_t plait_sim_memory(const plait_sim *sim) {
  (void)sim;
  return memory.bytes;
}

size_t plait_sim_memory_peak(const plait_sim *sim) {
  (void)sim;
  return memory.peak;
}
