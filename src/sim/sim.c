/* The world as a whole: its clock, its random numbers, its hash. */
#include <inttypes.h>
#include <plait/error.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/sim.h"

#define SIM_FNV_FIRST UINT64_C(14695981039346656037)
#define SIM_FNV_PRIME UINT64_C(1099511628211)

enum { SIM_LEFT = 8192 };

struct plait_sim {
  plait_sim_options options;
  uint64_t now_ns, healed_ns; /* the clock; when nothing fails any more */
  uint64_t world, program;    /* states of the random numbers */
  uint64_t hash, events;
  plait__sim_event heal;
  bool parted;
  char left[SIM_LEFT];
};

static const uint64_t FIRST_NS = UINT64_C(1000000000);

static plait_sim *sim_one;

plait_sim *plait__sim(void) {
  return sim_one;
}

const plait_sim_options *plait__sim_options(void) {
  return &sim_one->options;
}

/* ---- the clock ----------------------------------------------------------- */

uint64_t plait__sim_now_ns(void) {
  return sim_one->now_ns;
}

void plait__sim_pass(uint64_t ns) {
  sim_one->now_ns += ns;
}

void plait__sim_jump(uint64_t at_ns) {
  if (at_ns > sim_one->now_ns)
    sim_one->now_ns = at_ns;
}

uint64_t plait_sim_now_ns(const plait_sim *sim) {
  return sim->now_ns;
}

void plait_sim_sleep_us(plait_sim *sim, uint64_t us) {
  (void)sim;
  plait__sim_sleep("sleeps", us * 1000);
}

/* ---- random numbers ------------------------------------------------------ */

/* splitmix64: every state has a successor, and all numbers come. */
static uint64_t random_next(uint64_t *state) {
  uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);
  x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
  return x ^ (x >> 31);
}

uint64_t plait__sim_below(uint64_t bound) {
  return bound == 0 ? 0 : random_next(&sim_one->world) % bound;
}

uint64_t plait__sim_between(uint64_t min, uint64_t max) {
  return max <= min ? min : min + plait__sim_below(max - min + 1);
}

bool plait__sim_luck(uint32_t ppm) {
  return ppm > 0 && plait__sim_below(1000000) < ppm;
}

bool plait__sim_healed(void) {
  return sim_one->now_ns >= sim_one->healed_ns;
}

bool plait__sim_chance(uint32_t ppm) {
  return ppm > 0 && !plait__sim_healed() && plait__sim_luck(ppm);
}

uint64_t plait_sim_random(plait_sim *sim) {
  return random_next(&sim->program);
}

/* ---- what happened ------------------------------------------------------- */

static uint64_t hash_word(uint64_t hash, uint64_t word) {
  hash = (hash ^ word) * SIM_FNV_PRIME;
  return hash ^ (hash >> 29);
}

static uint64_t hash_text(uint64_t hash, const char *text) {
  for (; *text != '\0'; text++)
    hash = (hash ^ (uint8_t)*text) * SIM_FNV_PRIME;
  return hash;
}

void plait__sim_trace(const char *call, uint64_t subject, int64_t result) {
  plait_sim *sim = sim_one;
  uint64_t hash = hash_text(sim->hash, call);
  hash = hash_word(hash, sim->now_ns);
  hash = hash_word(hash, plait__sim_self()->number);
  hash = hash_word(hash, subject);
  sim->hash = hash_word(hash, (uint64_t)result);
  sim->events++;
  plait__sim_alarm_progress(call);
}

uint64_t plait_sim_hash(const plait_sim *sim) {
  return sim->hash;
}

uint64_t plait_sim_events(const plait_sim *sim) {
  return sim->events;
}

void plait_sim_note(plait_sim *sim, uint64_t what, uint64_t value) {
  (void)sim;
  plait__sim_trace("note", what, (int64_t)value);
}

unsigned plait_sim_descriptors(const plait_sim *sim) {
  (void)sim;
  return plait__sim_net_count();
}

unsigned plait_sim_events_per_turn(const plait_sim *sim) {
  (void)sim;
  return plait__sim_dispatched();
}

/* ---- trouble ends -------------------------------------------------------- */

bool plait__sim_parted(void) {
  return sim_one->parted;
}

void plait_sim_partition(plait_sim *sim, bool on) {
  plait__sim_trace("partition", 0, on);
  sim->parted = on;
  plait__sim_net_changed();
}

void plait_sim_cut(plait_sim *sim) {
  (void)sim;
  plait__sim_trace("cut", 0, 0);
  plait__sim_net_cut();
}

static void sim_on_heal(plait__sim_event *event) {
  (void)event;
  sim_one->healed_ns = sim_one->now_ns;
  sim_one->parted = false;
  plait__sim_net_changed();
}

void plait_sim_heal(plait_sim *sim) {
  plait__sim_trace("heal", 0, 0);
  plait__sim_unset(&sim->heal);
  sim_on_heal(&sim->heal);
}

/* ---- life ---------------------------------------------------------------- */

static void range_default(uint32_t *min, uint32_t *max, uint32_t standard_min,
                          uint32_t standard_max) {
  if (*max != 0)
    return;
  *min = standard_min;
  *max = standard_max;
}

static void number_default(uint32_t *value, uint32_t standard) {
  if (*value == 0)
    *value = standard;
}

static void sim_defaults(plait_sim_options *o) {
  range_default(&o->work_min_us, &o->work_max_us, 1, 50);
  range_default(&o->latency_min_us, &o->latency_max_us, 10, 50);
  number_default(&o->capacity, 65536);
  number_default(&o->segment_max, 65536);
  number_default(&o->stall_max_ms, 1000);
  number_default(&o->descriptors, 1024);
  number_default(&o->resolve_max_ms, 20);
}

static int sim_open(plait_sim *sim) {
  int code = plait__sim_events_reserve(); /* for |heal| */
  if (code == 0)
    code = plait__sim_threads_open();
  if (code == 0)
    code = plait__sim_net_open();
  if (code == 0)
    code = plait__sim_alarm_open();
  plait__sim_faults_open();
  plait__sim_memory_open();
  plait__sim_loops_open();
  sim->heal.fn = sim_on_heal;
  sim->healed_ns = UINT64_MAX;
  if (code == 0 && sim->options.heal_ms != 0)
    plait__sim_at(&sim->heal, FIRST_NS + sim->options.heal_ms * 1000000);
  return code;
}

int plait_sim_new(const plait_sim_options *options, plait_sim **ret) {
  if (sim_one != NULL)
    return plait__fail(PLAIT_EBUSY, "sim: there is one");
  plait_sim *sim = calloc(1, sizeof *sim);
  if (sim == NULL)
    return plait__fail(PLAIT_ENOMEM, "sim: out of memory");
  if (options != NULL)
    sim->options = *options;
  sim_defaults(&sim->options);
  sim->now_ns = FIRST_NS;
  sim->world = sim->options.seed;
  sim->program = ~sim->options.seed;
  sim->hash = SIM_FNV_FIRST;
  sim_one = sim;
  if (sim_open(sim) != 0) {
    plait_sim_free(sim);
    return plait__fail(PLAIT_ENOMEM, "sim: out of memory");
  }
  *ret = sim;
  return 0;
}

void plait_sim_free(plait_sim *sim) {
  if (sim == NULL)
    return;
  plait__sim_alarm_close();
  plait__sim_net_close();
  plait__sim_names_close();
  plait__sim_programs_close();
  plait__sim_threads_close();
  plait__sim_fibers_close();
  plait__sim_memory_close();
  plait__sim_unset(&sim->heal);
  plait__sim_events_close();
  sim_one = NULL;
  free(sim);
}

const plait_backend *plait_sim_backend(plait_sim *sim) {
  (void)sim;
  return &plait__sim_backend;
}

const char *plait_sim_left(plait_sim *sim) {
  char *text = sim->left;
  size_t len = plait__sim_memory_left(text, sizeof sim->left);
  const char *name;
  unsigned count = plait__sim_net_count();
  if (count > 0 && len < sizeof sim->left)
    len += (size_t)snprintf(text + len, sizeof sim->left - len,
                            "%u descriptors, %d for one\n", count,
                            plait__sim_net_first());
  count = plait__sim_thread_count(&name);
  if (count > 0 && len < sizeof sim->left)
    len += (size_t)snprintf(text + len, sizeof sim->left - len,
                            "%u threads, %s for one\n", count, name);
  return len == 0 ? NULL : text;
}
