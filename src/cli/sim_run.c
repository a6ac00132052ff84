/* Runs of scenarios in processes of their own, since a check that fails ends
 * its process. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim.h"

void sim_plan(struct plan *ret, const struct sim_order *order, uint64_t seed) {
  uint64_t world = order->faults ? order->world : seed;
  if (order->calm)
    plan_calm(ret, order->scenario, world);
  else
    plan_draw(ret, order->scenario, world);
  if (order->faults)
    ret->fail_at = (uint32_t)seed;
  for (size_t i = 0; i < order->settings.count; i++)
    *plan_value(ret, order->settings.of[i].field) = order->settings.of[i].value;
}

/* |plan| as what it has other than |base|; returns how much that is. */
static size_t settings_print(char *ret, size_t size, struct plan plan,
                             struct plan base) {
  size_t count = 0;
  int n = 0;
  ret[0] = '\0';
  for (size_t i = 0; i < plan_fields(); i++) {
    uint32_t value = *plan_value(&plan, i);
    if (value == *plan_value(&base, i))
      continue;
    n += snprintf(ret + n, size - (size_t)n, " --set %s=%" PRIu32, plan_name(i),
                  value);
    count++;
  }
  return count;
}

void sim_replay(char *ret, const struct sim_order *order,
                const struct plan *plan) {
  static char drawn_text[SIM_REPLAY], calm_text[SIM_REPLAY];
  struct plan drawn, calm;
  plan_draw(&drawn, order->scenario, plan->seed);
  plan_calm(&calm, order->scenario, plan->seed);
  size_t a = settings_print(drawn_text, SIM_REPLAY, *plan, drawn);
  size_t b = settings_print(calm_text, SIM_REPLAY, *plan, calm);
  snprintf(ret, SIM_REPLAY, "plait sim %s --seed %" PRIu64 "%s%.4000s",
           order->scenario->name, plan->seed, a <= b ? "" : " --calm",
           a <= b ? drawn_text : calm_text);
}

/* ---- in the child -------------------------------------------------------- */

/* What has failed leaves nothing behind that the next world would see. */
static void run_without(const struct sim_order *order, struct plan plan) {
  static char replay[SIM_REPLAY];
  struct outcome outcome;
  snprintf(replay, sizeof replay,
           "plait sim %s --seed %" PRIu64 " --faults (behind call %" PRIu32 ")",
           order->scenario->name, order->world, plan.fail_at);
  plan.fail_at = 0;
  scenario_run(order->scenario, &plan, replay, &outcome);
}

static void run_one(const struct sim_order *order, const struct plan *plan,
                    struct outcome *ret) {
  static char replay[SIM_REPLAY];
  struct outcome again;
  sim_replay(replay, order, plan);
  scenario_run(order->scenario, plan, replay, ret);
  if (order->faults)
    run_without(order, *plan);
  if (!order->verify)
    return;
  scenario_run(order->scenario, plan, replay, &again);
  if (again.hash == ret->hash && again.events == ret->events)
    return;
  fprintf(stderr,
          "plait sim: %s: two runs of one seed differ: hash %016" PRIx64
          " of %" PRIu64 " events, then %016" PRIx64 " of %" PRIu64
          "\nreplay: %s --verify\n",
          order->scenario->name, ret->hash, ret->events, again.hash,
          again.events, replay);
  exit(SCENARIO_FAILED);
}

_Noreturn static void run_all(const struct sim_child *child,
                              const struct sim_order *order,
                              const struct plan *plan, int out) {
  for (uint64_t seed = child->next; seed != child->end; seed++) {
    struct plan drawn;
    struct sim_record record = {.seed = seed};
    if (plan == NULL)
      sim_plan(&drawn, order, seed);
    run_one(order, plan != NULL ? plan : &drawn, &record.outcome);
    if (write(out, &record, sizeof record) != (ssize_t)sizeof record)
      _exit(STATUS_FAILED); /* nobody wants to know */
  }
  exit(STATUS_DONE);
}

/* ---- in the parent ------------------------------------------------------- */

bool sim_child_start(struct sim_child *child, const struct sim_order *order,
                     const struct plan *plan) {
  char name[] = "/tmp/plait-sim-XXXXXX";
  int ends[2];
  child->messages = mkstemp(name);
  if (child->messages < 0)
    return false;
  unlink(name);
  if (pipe(ends) < 0) {
    close(child->messages);
    return false;
  }
  fflush(NULL);
  child->pid = fork();
  if (child->pid == 0) {
    close(ends[0]);
    dup2(child->messages, STDERR_FILENO);
    run_all(child, order, plan, ends[1]);
  }
  close(ends[1]);
  child->records = ends[0];
  if (child->pid < 0) {
    sim_child_close(child);
    return false;
  }
  return true;
}

const char *sim_child_end(struct sim_child *child) {
  static char how[64];
  int status;
  while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
    continue;
  child->pid = 0;
  if (WIFSIGNALED(status)) {
    snprintf(how, sizeof how, "killed by signal %d", WTERMSIG(status));
    return how;
  }
  if (WEXITSTATUS(status) == 0)
    return NULL;
  snprintf(how, sizeof how, "status %d", WEXITSTATUS(status));
  return WEXITSTATUS(status) == SCENARIO_FAILED ? "a check" : how;
}

void sim_child_print(struct sim_child *child, FILE *out) {
  char piece[4096];
  ssize_t len;
  off_t at = 0;
  while ((len = pread(child->messages, piece, sizeof piece, at)) > 0) {
    fwrite(piece, 1, (size_t)len, out);
    at += len;
  }
}

void sim_child_close(struct sim_child *child) {
  close(child->records);
  close(child->messages);
  child->pid = 0;
}
