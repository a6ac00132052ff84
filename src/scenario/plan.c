/* Drawing a world from a seed: swarm testing, in which each plan has some of
 * the faults only, so that none hides what another one would show. */
#include <string.h>

#include "scenario.h"
#include "stage.h"

enum { SWARM = 1, LOG = 2, PLAN_OFF_PERCENT = 30 };

static const struct field {
  const char *name;
  size_t offset;
  uint32_t none, low, high;
  unsigned how;
} fields[] = {
#define PLAN_ROW_(name, none, low, high, how)                                  \
  {#name, offsetof(struct plan, name), none, low, high, how},
    PLAN_MAP(PLAN_ROW_)
#undef PLAN_ROW_
};

enum { FIELDS = sizeof fields / sizeof fields[0] };

size_t plan_fields(void) {
  return FIELDS;
}

const char *plan_name(size_t field) {
  return fields[field].name;
}

uint32_t *plan_value(struct plan *plan, size_t field) {
  return (uint32_t *)(void *)((char *)plan + fields[field].offset);
}

uint32_t *plan_find(struct plan *plan, const char *name, size_t len) {
  for (size_t i = 0; i < FIELDS; i++)
    if (strlen(fields[i].name) == len && memcmp(fields[i].name, name, len) == 0)
      return plan_value(plan, i);
  return NULL;
}

static uint64_t name_hash(const char *name) {
  uint64_t hash = UINT64_C(14695981039346656037);
  for (; *name != '\0'; name++)
    hash = (hash ^ (uint8_t)*name) * UINT64_C(1099511628211);
  return hash;
}

static uint32_t draw(struct dice *dice, uint32_t low, uint32_t high,
                     unsigned how) {
  uint64_t span = (uint64_t)high - low + 1;
  if ((how & LOG) == 0)
    return low + (uint32_t)dice_below(dice, span);
  /* Each doubling is as likely as the next one. */
  unsigned doublings = 0;
  while ((UINT64_C(1) << doublings) < span)
    doublings++;
  uint64_t most = UINT64_C(1) << dice_below(dice, doublings + 1);
  return low + (uint32_t)dice_below(dice, most < span ? most : span);
}

/* A row of the table, as |scenario| has it. */
static struct field field_of(size_t i, const struct scenario *scenario) {
  struct field field = fields[i];
  for (const struct plan_range *r = scenario->ranges; r->name != NULL; r++) {
    if (strcmp(r->name, field.name) != 0)
      continue;
    field.low = r->low;
    field.high = r->high;
    if (r->low == r->high) {
      field.none = r->low;
      field.how = 0;
    }
  }
  return field;
}

void plan_draw(struct plan *ret, const struct scenario *scenario,
               uint64_t seed) {
  ret->seed = seed;
  for (size_t i = 0; i < FIELDS; i++) {
    struct field f = field_of(i, scenario);
    struct dice dice = {seed * UINT64_C(0x9e3779b97f4a7c15) ^
                        name_hash(f.name)};
    bool off =
        (f.how & SWARM) != 0 && dice_below(&dice, 100) < PLAN_OFF_PERCENT;
    *plan_value(ret, i) = off ? f.none : draw(&dice, f.low, f.high, f.how);
  }
}

void plan_calm(struct plan *ret, const struct scenario *scenario,
               uint64_t seed) {
  ret->seed = seed;
  for (size_t i = 0; i < FIELDS; i++)
    *plan_value(ret, i) = field_of(i, scenario).none;
}
