/* Many seeds, on all processors. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim.h"

enum { BATCH_SEEDS = 64, BATCH_JOBS = 1024 };

struct batch {
  const struct sim_order *order;
  struct sim_result *result;
  FILE *out;
  bool progress;
  uint64_t next, end; /* seeds that nobody has */
  struct sim_child children[BATCH_JOBS];
};

/* Seeds for |child|; false if there are none. */
static bool batch_give(struct batch *batch, struct sim_child *child) {
  uint64_t left = batch->end - batch->next;
  uint64_t share = left / (4 * batch->order->jobs) + 1;
  uint64_t count = share < BATCH_SEEDS ? share : BATCH_SEEDS;
  if (left == 0)
    return false;
  child->next = batch->next;
  child->end = batch->next += count < left ? count : left;
  return true;
}

static void batch_count(struct batch *batch, const struct sim_record *record) {
  struct sim_result *result = batch->result;
  result->seeds++;
  result->events += record->outcome.events;
  result->virtual_ns += record->outcome.virtual_ns;
  result->connections += record->outcome.connections;
  result->bytes += record->outcome.bytes;
  if (record->outcome.fallible > result->fallible)
    result->fallible = record->outcome.fallible;
  places_add(&result->places, record->outcome.failed);
  /* In any order the same. */
  result->hash += record->outcome.hash * (2 * record->seed + 1);
}

static void batch_failed(struct batch *batch, struct sim_child *child,
                         const char *how) {
  struct sim_result *result = batch->result;
  struct plan plan;
  char replay[SIM_REPLAY];
  if (batch->progress)
    fputs("\r\033[K", stderr);
  sim_plan(&plan, batch->order, child->next);
  sim_replay(replay, batch->order, &plan);
  fprintf(batch->out, "FAILED %s (%s)\n", replay, how);
  sim_child_print(child, batch->out);
  if (result->failures < SIM_FAILURES)
    result->failed[result->failures] = child->next;
  result->failures++;
  result->seeds++;
}

/* A record has come, or the end.  False: out of processes. */
static bool batch_read(struct batch *batch, struct sim_child *child) {
  struct sim_record record;
  ssize_t len = read(child->records, &record, sizeof record);
  if (len == (ssize_t)sizeof record) {
    batch_count(batch, &record);
    child->next = record.seed + 1;
    return true;
  }
  if (len < 0 && errno == EINTR)
    return true;
  const char *how = sim_child_end(child);
  if (how != NULL && child->next != child->end) {
    batch_failed(batch, child, how);
    child->next++;
  }
  sim_child_close(child);
  if (child->next != child->end || batch_give(batch, child))
    return sim_child_start(child, batch->order, NULL);
  return true;
}

static void batch_progress(const struct batch *batch) {
  if (batch->progress)
    fprintf(stderr, "\r%" PRIu64 " of %" PRIu64 " seeds, %" PRIu64 " failed",
            batch->result->seeds, batch->order->seeds, batch->result->failures);
}

static bool batch_run(struct batch *batch) {
  static struct pollfd fds[BATCH_JOBS];
  unsigned jobs = batch->order->jobs;
  bool ok = true;
  for (unsigned i = 0; i < jobs && ok; i++)
    if (batch_give(batch, &batch->children[i]))
      ok = sim_child_start(&batch->children[i], batch->order, NULL);
  while (ok) {
    unsigned busy = 0;
    for (unsigned i = 0; i < jobs; i++) {
      bool runs = batch->children[i].pid > 0;
      busy += runs;
      fds[i] = (struct pollfd){.fd = runs ? batch->children[i].records : -1,
                               .events = POLLIN};
    }
    if (busy == 0)
      break;
    int ready = poll(fds, jobs, -1);
    for (unsigned i = 0; i < jobs && ready > 0 && ok; i++)
      if (fds[i].revents != 0)
        ok = batch_read(batch, &batch->children[i]);
    batch_progress(batch);
  }
  if (batch->progress)
    fputs("\r\033[K", stderr);
  return ok;
}

bool sim_batch(const struct sim_order *order, struct sim_result *ret, FILE *out,
               bool progress) {
  struct batch *batch = calloc(1, sizeof *batch);
  if (batch == NULL)
    return false;
  *ret = (struct sim_result){0};
  batch->order = order;
  batch->result = ret;
  batch->out = out;
  batch->progress = progress;
  batch->next = order->seed;
  batch->end = order->seed + order->seeds;
  bool ok = batch_run(batch);
  free(batch);
  return ok;
}
