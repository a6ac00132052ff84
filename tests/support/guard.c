/* Memory that ends at a page nobody may touch. */
#include "support/guard.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "support/require.h"

static size_t guard_page(void) {
  return (size_t)sysconf(_SC_PAGESIZE);
}

static void guard_grow(struct guard *g, size_t len) {
  size_t page = guard_page();
  size_t size = (len / page + 1) * page;

  guard_free(g);
  void *memory = mmap(NULL, size + page, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  require(memory != MAP_FAILED, "mmap of %zu bytes", size + page);
  g->memory = memory;
  g->size = size;
  require(mprotect(g->memory + size, page, PROT_NONE) == 0, "mprotect");
}

uint8_t *guard_put(struct guard *g, const void *data, size_t len) {
  if (g->memory == NULL || len > g->size)
    guard_grow(g, len);
  uint8_t *place = g->memory + g->size - len;
  if (len > 0)
    memcpy(place, data, len);
  return place;
}

void guard_free(struct guard *g) {
  if (g->memory != NULL)
    munmap(g->memory, g->size + guard_page());
  *g = (struct guard){0};
}
