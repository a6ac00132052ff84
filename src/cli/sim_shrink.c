/* A failing world with less in it: each number of its plan goes to where it
 * stands for nothing, or half way there, as long as it still fails. */
#include <inttypes.h>

#include "sim.h"

static bool fails(const struct sim_order *order, const struct plan *plan) {
  struct sim_child child = {.next = plan->seed, .end = plan->seed + 1};
  if (!sim_child_start(&child, order, plan))
    return false;
  bool failed = sim_child_end(&child) != NULL;
  sim_child_close(&child);
  return failed;
}

/* Whether |plan| still fails with |value| in |field|, which it has then. */
static bool try(const struct sim_order *order, struct plan *plan, size_t field,
                uint32_t value) {
  struct plan less = *plan;
  if (*plan_value(plan, field) == value)
    return false;
  *plan_value(&less, field) = value;
  if (!fails(order, &less))
    return false;
  *plan = less;
  return true;
}

static bool shrink_field(const struct sim_order *order, struct plan *plan,
                         size_t field) {
  struct plan calm;
  plan_calm(&calm, order->scenario, plan->seed);
  uint32_t none = *plan_value(&calm, field);
  if (*plan_value(plan, field) == none)
    return false;
  if (try(order, plan, field, none))
    return true;
  bool any = false, went = true;
  while (went) {
    int64_t value = *plan_value(plan, field);
    went = try(order, plan, field, (uint32_t)(value - (value - none) / 2));
    any |= went;
  }
  return any;
}

void sim_shrink(const struct sim_order *order, struct plan *plan, FILE *out) {
  bool any = true;
  for (unsigned round = 1; any && round <= 4; round++) {
    any = false;
    for (size_t i = 0; i < plan_fields(); i++) {
      if (shrink_field(order, plan, i)) {
        any = true;
        fprintf(out, "  without: %s=%" PRIu32 "\n", plan_name(i),
                *plan_value(plan, i));
      }
    }
  }
  char replay[SIM_REPLAY];
  sim_replay(replay, order, plan);
  fprintf(out, "smallest: %s\n", replay);
}
