/* Stacks that take turns on one thread of the system's.
 *
 * The sanitizers and valgrind have to be told of each stack and each switch, or
 * they take what lies on another stack for a mistake. */
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "sim/sim.h"

#ifdef __has_feature
#define FIBER_FEATURE(x) __has_feature(x)
#else
#define FIBER_FEATURE(x) 0
#endif

#if defined __SANITIZE_ADDRESS__ || FIBER_FEATURE(address_sanitizer)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define FIBER_ASAN 1
#else
#define FIBER_ASAN 0
#endif

#if defined __SANITIZE_THREAD__ || FIBER_FEATURE(thread_sanitizer)
#include <sanitizer/tsan_interface.h>
#define FIBER_TSAN 1
#else
#define FIBER_TSAN 0
#endif

#if defined __has_include
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif
#ifndef VALGRIND_STACK_REGISTER
#define VALGRIND_STACK_REGISTER(start, end) 0
#define VALGRIND_STACK_DEREGISTER(id) (void)(id)
#endif

enum { FIBER_STACK = 1 << 20, FIBER_GUARD = 1 << 16, FIBER_KEPT = 256 };

/* The stack's upper end is the fiber's own; below is the guard. */
typedef struct fiber_stack {
  struct fiber_stack *next; /* of those that are kept */
  uint8_t *memory;
  unsigned valgrind;
} fiber_stack;

struct plait__sim_fiber {
  ucontext_t context;
  fiber_stack *stack; /* NULL: one of the system's */
  void (*fn)(void *arg);
  void *arg;
  void *fake;         /* ASan's, while it is away */
  const void *bottom; /* as ASan knows it */
  size_t size;
  void *tsan;
};

static struct {
  fiber_stack *kept;
  unsigned count;
  plait__sim_fiber *from, *to; /* of the switch that is under way */
} fibers;

/* ---- what the tools are told --------------------------------------------- */

#if FIBER_ASAN
static void fiber_leave(plait__sim_fiber *from, const plait__sim_fiber *to,
                        bool ends) {
  __sanitizer_start_switch_fiber(ends ? NULL : &from->fake, to->bottom,
                                 to->size);
}

/* On |to|'s stack.  What |from|'s is one learns here. */
static void fiber_enter(plait__sim_fiber *to) {
  __sanitizer_finish_switch_fiber(to->fake, &fibers.from->bottom,
                                  &fibers.from->size);
}

/* What lay on it when the last one ended is still marked. */
static void fiber_clean(const fiber_stack *stack) {
  __asan_unpoison_memory_region(stack->memory + FIBER_GUARD, FIBER_STACK);
}
#else
static void fiber_leave(plait__sim_fiber *from, const plait__sim_fiber *to,
                        bool ends) {
  (void)from, (void)to, (void)ends;
}

static void fiber_enter(plait__sim_fiber *to) {
  (void)to;
}

static void fiber_clean(const fiber_stack *stack) {
  (void)stack;
}
#endif

/* ---- stacks -------------------------------------------------------------- */

static fiber_stack *stack_new(void) {
  fiber_stack *stack = fibers.kept;
  if (stack != NULL) {
    fibers.kept = stack->next;
    fibers.count--;
    fiber_clean(stack);
    return stack;
  }
  stack = calloc(1, sizeof *stack);
  if (stack == NULL)
    return NULL;
  void *memory =
      mmap(NULL, FIBER_GUARD + FIBER_STACK, PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED || mprotect(memory, FIBER_GUARD, PROT_NONE) != 0) {
    if (memory != MAP_FAILED)
      munmap(memory, FIBER_GUARD + FIBER_STACK);
    free(stack);
    return NULL;
  }
  stack->memory = memory;
  stack->valgrind = VALGRIND_STACK_REGISTER(
      stack->memory + FIBER_GUARD, stack->memory + FIBER_GUARD + FIBER_STACK);
  return stack;
}

static void stack_unmap(fiber_stack *stack) {
  fiber_clean(stack);
  VALGRIND_STACK_DEREGISTER(stack->valgrind);
  munmap(stack->memory, FIBER_GUARD + FIBER_STACK);
  free(stack);
}

static void stack_free(fiber_stack *stack) {
  if (fibers.count >= FIBER_KEPT) {
    stack_unmap(stack);
    return;
  }
  stack->next = fibers.kept;
  fibers.kept = stack;
  fibers.count++;
}

void plait__sim_fibers_close(void) {
  for (fiber_stack *stack = fibers.kept, *next; stack != NULL; stack = next) {
    next = stack->next;
    stack_unmap(stack);
  }
  fibers.kept = NULL;
  fibers.count = 0;
}

/* ---- fibers -------------------------------------------------------------- */

static void fiber_main(void) {
  plait__sim_fiber *fiber = fibers.to;
  fiber_enter(fiber);
  fiber->fn(fiber->arg);
  abort();
}

plait__sim_fiber *plait__sim_fiber_here(void) {
  plait__sim_fiber *fiber = calloc(1, sizeof *fiber);
  if (fiber == NULL)
    return NULL;
#if FIBER_TSAN
  fiber->tsan = __tsan_get_current_fiber();
#endif
  return fiber;
}

/* Apart, for the compiler has to expect that getcontext() returns twice. */
__attribute__((__noinline__)) static bool fiber_prepare(plait__sim_fiber *f) {
  if (getcontext(&f->context) != 0)
    return false;
  f->context.uc_stack.ss_sp = f->stack->memory + FIBER_GUARD;
  f->context.uc_stack.ss_size = FIBER_STACK;
  makecontext(&f->context, fiber_main, 0);
  /* ASan would take all that lies on it for gone at each switch. */
  f->context.uc_stack.ss_size = 0;
  return true;
}

plait__sim_fiber *plait__sim_fiber_new(void (*fn)(void *arg), void *arg) {
  plait__sim_fiber *fiber = calloc(1, sizeof *fiber);
  if (fiber == NULL)
    return NULL;
  fiber->stack = stack_new();
  if (fiber->stack == NULL || !fiber_prepare(fiber)) {
    free(fiber);
    return NULL;
  }
  fiber->fn = fn;
  fiber->arg = arg;
  fiber->bottom = fiber->stack->memory + FIBER_GUARD;
  fiber->size = FIBER_STACK;
#if FIBER_TSAN
  fiber->tsan = __tsan_create_fiber(0);
#endif
  return fiber;
}

void plait__sim_fiber_switch(plait__sim_fiber *from, plait__sim_fiber *to,
                             bool ends) {
  fibers.from = from;
  fibers.to = to;
  fiber_leave(from, to, ends);
#if FIBER_TSAN
  __tsan_switch_to_fiber(to->tsan, 0);
#endif
  swapcontext(&from->context, &to->context);
  fiber_enter(from);
}

void plait__sim_fiber_free(plait__sim_fiber *fiber) {
  if (fiber == NULL)
    return;
  if (fiber->stack != NULL) {
#if FIBER_TSAN
    __tsan_destroy_fiber(fiber->tsan);
#endif
    stack_free(fiber->stack);
  }
  free(fiber);
}
