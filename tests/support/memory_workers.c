#include "support/memory_workers.h"

#include <stdlib.h>

#include "core/reactor.h"
#include "support/require.h"

struct plait__worker {
  uint64_t (*step)(void *arg);
  void *arg;
  uint64_t parked_until; /* 0: it runs */
  bool woken, ended;
  plait__worker *next;
};

static plait__worker *workers;

int memory_worker_start(uint64_t (*step)(void *arg), void *arg,
                        const char *name, plait__worker **ret) {
  plait__worker *w = calloc(1, sizeof *w);
  (void)name;
  require(w != NULL, "no memory for a worker");
  w->step = step;
  w->arg = arg;
  w->next = workers;
  workers = w;
  *ret = w;
  return 0;
}

void memory_worker_wake(plait__worker *w) {
  w->woken = true;
}

/* On this thread, which runs a reactor, it must seem to be another. */
static void worker_step(plait__worker *w) {
  plait_reactor *here = plait__here();
  plait__set_here(NULL);
  w->woken = false;
  uint64_t answer = w->step(w->arg);
  plait__set_here(here);
  w->ended = answer == PLAIT__STEP_END;
  w->parked_until = answer == PLAIT__STEP_AGAIN ? 0 : answer;
}

bool memory_workers_step(uint64_t now_ns) {
  bool any = false;
  for (plait__worker *w = workers; w != NULL; w = w->next) {
    if (w->ended || (w->parked_until > now_ns && !w->woken))
      continue;
    worker_step(w);
    any = true;
  }
  return any;
}

uint64_t memory_workers_deadline(void) {
  uint64_t first = UINT64_MAX;
  for (const plait__worker *w = workers; w != NULL; w = w->next)
    if (!w->ended && w->parked_until < first)
      first = w->parked_until;
  return first;
}

void memory_worker_join(plait__worker *w) {
  plait__worker **at = &workers;
  while (!w->ended)
    worker_step(w);
  while (*at != w)
    at = &(*at)->next;
  *at = w->next;
  free(w);
}

/* Nothing is ever in the middle of a step here. */
void memory_worker_detach(plait__worker *w) {
  memory_worker_join(w);
}
