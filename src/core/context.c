#include "core/context.h"

#include <plait/reactor.h>

#include "core/reactor.h"

static _Thread_local struct {
  plait__context own;
  plait__context *other; /* in place of it, if not NULL */
} context;

plait__context *plait__context_here(void) {
  return context.other != NULL ? context.other : &context.own;
}

plait__context *plait__context_swap(plait__context *other) {
  plait__context *before = plait__context_here();
  context.other = other;
  return before;
}

plait_reactor *plait__here(void) {
  return plait__context_here()->here;
}

void plait__set_here(plait_reactor *r) {
  plait__context_here()->here = r;
}

void plait__set_current(plait_reactor *r) {
  plait__context_here()->current = r;
}

plait_reactor *plait_reactor_current(void) {
  const plait__context *c = plait__context_here();
  return c->here != NULL ? c->here : c->current;
}
