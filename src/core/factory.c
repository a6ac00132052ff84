/* See factory.h.
 *
 * |uses| counts listeners, connectors and connections.  Whoever brings it to
 * zero mails a review to the first reactor, which looks again there: started
 * and stopped are called from that one place, so they alternate however the
 * threads race.  A state whose factory was stopped is retired: the factory may
 * be gone the moment |stopped| returns, and starts with a new state if not.  So
 * is one that was never started, by the last who used it: what it came to was a
 * call that failed, and the factory may be gone when that returns.
 *
 * Who uses a factory looks at its state before it counts as a use.  So these
 * callers are counted, and what is retired is freed while there are none: they
 * come too late to find it.
 */
#include "core/factory.h"

#include <plait/error.h>
#include <stdatomic.h>

#include "core/memory.h"
#include "core/reactor.h"

#define RETIRED UINT32_MAX
/* Of |uses|: */
#define REVIEW (UINT32_C(1) << 31)  /* |review| is in the mailbox */
#define STARTED (UINT32_C(1) << 30) /* since the factory has this state */

/* This many retired states are kept in any case. */
enum { RETIRED_KEPT = 16 };

struct plait__factory_state {
  plait_runtime *runtime;
  plait_factory *factory;
  plait_limits limits;
  _Atomic(uint32_t) uses;
  _Atomic(uint32_t) connections;
  plait__mail review;
  struct plait__factory_state *next; /* of the runtime */
};

typedef struct plait__factory_state factory_state;

static _Atomic(factory_state *) *state_of(plait_factory *factory) {
  return (_Atomic(factory_state *) *)&factory->state;
}

void plait__limits_fill_marks(plait_limits *l) {
  if (l->high_bytes == 0)
    l->high_bytes = 64 * 1024;
  if (l->low_bytes == 0)
    l->low_bytes = l->high_bytes < 16 * 1024 ? l->high_bytes / 4 : 16 * 1024;
  if (l->low_bytes > l->high_bytes)
    l->low_bytes = l->high_bytes;
}

static uint32_t default_connections(const plait_runtime *runtime) {
  unsigned limit = runtime->driver->host->descriptor_limit();
  unsigned less = limit > 64 ? limit - 64 : 0, half = limit / 2;
  unsigned max = less > half ? less : half;
  return max > 0 ? max : 1;
}

static void fill(uint32_t *value, uint32_t standard) {
  if (*value == 0)
    *value = standard;
}

static plait_limits limits_fill(const plait_runtime *runtime, plait_limits l) {
  fill(&l.connections_max, default_connections(runtime));
  fill(&l.flush_ms, 30 * 1000);
  fill(&l.linger_ms, 2 * 1000);
  fill(&l.linger_bytes_max, 256 * 1024);
  fill(&l.queue_bytes_max, 16 * 1024 * 1024);
  fill(&l.lease_bytes_max, 1024 * 1024);
  plait__limits_fill_marks(&l);
  if (l.idle_ms == PLAIT_UNLIMITED)
    l.idle_ms = 0;
  return l;
}

/* ---- started and stopped, on the first reactor --------------------------- */

static void state_start(factory_state *st) {
  if (atomic_fetch_or(&st->uses, STARTED) & STARTED)
    return;
  if (st->factory->started != NULL)
    st->factory->started(st->factory);
}

/* Puts those that were made since into the list of all.  The first reactor. */
static void states_take_in(plait_runtime *runtime) {
  factory_state *st = atomic_exchange(&runtime->factories, NULL);
  while (st != NULL) {
    factory_state *next = st->next;
    st->next = runtime->known_factories;
    runtime->known_factories = st;
    runtime->known_count++;
    st = next;
  }
}

/* Frees what is retired, if it is half of all that is kept: so a state costs
 * few looks on average. */
static void states_sweep(plait_runtime *runtime) {
  if (runtime->retired_count <= runtime->known_count / 2 + RETIRED_KEPT ||
      atomic_load(&runtime->factory_callers) > 0)
    return;
  factory_state **at = &runtime->known_factories, *st;
  while ((st = *at) != NULL) {
    if (st->factory == NULL) {
      *at = st->next;
      plait__free(runtime->driver->os, st);
      runtime->retired_count--;
      runtime->known_count--;
    } else {
      at = &st->next;
    }
  }
}

static void state_forget(factory_state *st) {
  plait_runtime *runtime = st->runtime;
  st->factory = NULL;
  states_take_in(runtime);
  runtime->retired_count++;
  states_sweep(runtime);
}

static void state_retire(factory_state *st) {
  plait_factory *factory = st->factory;
  atomic_store(state_of(factory), NULL);
  state_forget(st);
  if (factory->stopped != NULL)
    factory->stopped(factory);
}

static void state_review(plait_reactor *r, plait__mail *mail, bool drop) {
  factory_state *st = plait_container_of(mail, factory_state, review);
  plait_runtime *runtime = r->runtime;
  uint32_t uses = atomic_load(&st->uses), next;
  if (!drop && uses == RETIRED) {
    state_forget(st); /* it was never started */
  } else if (!drop) {
    do
      next = uses == (REVIEW | STARTED) ? RETIRED : uses & ~REVIEW;
    while (!atomic_compare_exchange_weak(&st->uses, &uses, next));
    if (next == RETIRED)
      state_retire(st);
  }
  plait__runtime_unref(runtime);
}

void plait__factory_start(plait_factory *factory) {
  state_start(factory->state);
}

/* ---- use ----------------------------------------------------------------- */

static factory_state *state_new(plait_runtime *runtime,
                                plait_factory *factory) {
  const plait__os *os = runtime->driver->os;
  factory_state *st = plait__zalloc(os, sizeof *st);
  if (st == NULL)
    return NULL;
  st->runtime = runtime;
  st->factory = factory;
  st->limits = limits_fill(runtime, factory->limits);
  st->review.deliver = state_review;
  return st;
}

/* The state of |factory|, made now if it has none. */
static int state_get(plait_runtime *runtime, plait_factory *factory,
                     factory_state **ret) {
  _Atomic(factory_state *) *at = state_of(factory);
  factory_state *st = atomic_load(at);
  if (st == NULL) {
    factory_state *mine = state_new(runtime, factory);
    if (mine == NULL)
      return PLAIT_ENOMEM;
    if (atomic_compare_exchange_strong(at, &st, mine)) {
      st = mine;
      st->next = atomic_load(&runtime->factories);
      while (!atomic_compare_exchange_weak(&runtime->factories, &st->next, st))
        continue;
    } else {
      plait__free(runtime->driver->os, mine);
    }
  }
  *ret = st;
  return st->runtime == runtime ? 0 : PLAIT_EINVAL;
}

static int factory_count_use(plait_runtime *runtime, plait_factory *factory) {
  for (;;) {
    factory_state *st;
    int code = state_get(runtime, factory, &st);
    if (code != 0)
      return code;
    uint32_t uses = atomic_load(&st->uses);
    while (uses != RETIRED)
      if (atomic_compare_exchange_weak(&st->uses, &uses, uses + 1))
        return 0;
  }
}

int plait__factory_use(plait_runtime *runtime, plait_factory *factory) {
  if (factory->protocol == NULL && factory->build_protocol == NULL)
    return PLAIT_EINVAL;
  atomic_fetch_add(&runtime->factory_callers, 1);
  int code = factory_count_use(runtime, factory);
  atomic_fetch_sub(&runtime->factory_callers, 1);
  return code;
}

/* The last use and the review in one step: the state may be gone after it. */
void plait__factory_unuse(plait_factory *factory) {
  factory_state *st = factory->state;
  plait_runtime *runtime = st->runtime;
  uint32_t uses = atomic_load(&st->uses), next;
  plait__runtime_ref(runtime);
  do
    next = uses == 1               ? RETIRED
           : uses == (STARTED | 1) ? STARTED | REVIEW
                                   : uses - 1;
  while (!atomic_compare_exchange_weak(&st->uses, &uses, next));
  if (next == RETIRED)
    atomic_store(state_of(factory), NULL);
  if (next == RETIRED || next == (STARTED | REVIEW))
    plait__reactor_mail(runtime->reactors[0], &st->review);
  else
    plait__runtime_unref(runtime);
}

/* ---- connections --------------------------------------------------------- */

bool plait__factory_reserve(plait_factory *factory) {
  factory_state *st = factory->state;
  uint32_t max = st->limits.connections_max;
  uint32_t n = atomic_load_explicit(&st->connections, memory_order_relaxed);
  do
    if (n >= max && max != PLAIT_UNLIMITED)
      return false;
  while (!atomic_compare_exchange_weak(&st->connections, &n, n + 1));
  atomic_fetch_add(&st->uses, 1);
  return true;
}

bool plait__factory_has_room(const plait_factory *factory) {
  const factory_state *st = factory->state;
  uint32_t max = st->limits.connections_max;
  return max == PLAIT_UNLIMITED || atomic_load(&st->connections) < max;
}

void plait__factory_count(plait_factory *factory) {
  atomic_fetch_add(&factory->state->connections, 1);
  atomic_fetch_add(&factory->state->uses, 1);
}

void plait__factory_release(plait_factory *factory) {
  atomic_fetch_sub(&factory->state->connections, 1);
  plait__factory_unuse(factory);
}

const plait_limits *plait__factory_limits(const plait_factory *factory) {
  return &factory->state->limits;
}

void plait__factories_free(plait_runtime *runtime) {
  states_take_in(runtime);
  factory_state *st = runtime->known_factories;
  while (st != NULL) {
    factory_state *next = st->next;
    if (atomic_load(&st->uses) != RETIRED)
      st->factory->state = NULL;
    plait__free(runtime->driver->os, st);
    st = next;
  }
}
