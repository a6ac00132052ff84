#include "uv/patience.h"

#include <sched.h>
#include <stdatomic.h>

#include "uv/backend.h"

enum {
  PATIENCE_NS = 20000,
  PATIENCE_LOOKS = 32,      /* between two looks at the clock */
  PATIENCE_FAILURES = 4,    /* in a row, until it is tried less often */
  PATIENCE_SKIPS_MAX = 1024 /* every so many times at least */
};

void plait__uv_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

static bool patience_look(bool (*came)(void *arg), void *arg) {
  uint64_t end_ns = plait__uv_now_ns() + PATIENCE_NS;
  do {
    for (int i = 0; i < PATIENCE_LOOKS; i++) {
      if (came(arg))
        return true;
      plait__uv_pause();
    }
  } while (plait__uv_now_ns() < end_ns);
  return false;
}

void plait__uv_patience_met(plait__uv_patience *p) {
  atomic_store_explicit(&p->other, sched_getcpu(), memory_order_relaxed);
}

bool plait__uv_wait_a_moment(plait__uv_patience *p, bool (*came)(void *arg),
                             void *arg) {
  if (atomic_load_explicit(&p->other, memory_order_relaxed) == sched_getcpu())
    return false;
  if (p->skip > 0) {
    p->skip--;
    return false;
  }
  if (patience_look(came, arg)) {
    p->failed = 0;
    return true;
  }
  p->failed++;
  if (p->failed >= PATIENCE_FAILURES) {
    unsigned shift = p->failed - PATIENCE_FAILURES;
    p->skip = shift < 10 ? 1u << shift : PATIENCE_SKIPS_MAX;
  }
  return false;
}
