/* Which call fails: the one with a number, or any by chance. */
#include <stdio.h>
#include <string.h>

#include "sim/sim.h"

enum { FAULT_SITE = 128 };

static struct {
  uint64_t count, at; /* since and of plait_sim_fail_at() */
  bool failed;
  char site[FAULT_SITE];
} fault;

/* Whether this is the one. */
static bool fault_is_at(const char *kind, const char *site) {
  if (++fault.count != fault.at)
    return false;
  fault.failed = true;
  snprintf(fault.site, sizeof fault.site, "%s%s", kind, site);
  return true;
}

bool plait__sim_fails(const char *site, uint32_t ppm) {
  return fault_is_at("", site) || plait__sim_chance(ppm);
}

const char *plait__sim_site(const char *site) {
  while (strncmp(site, "../", 3) == 0)
    site += 3;
  return site;
}

bool plait__sim_fails_alloc(const char *site) {
  return fault_is_at("alloc ", plait__sim_site(site)) ||
         plait__sim_chance(plait__sim_options()->alloc_fail_ppm);
}

void plait__sim_faults_open(void) {
  plait_sim_fail_at(NULL, 0);
}

void plait_sim_fail_at(plait_sim *sim, uint64_t k) {
  (void)sim;
  fault.count = 0;
  fault.at = k;
  fault.failed = false;
}

uint64_t plait_sim_fallible(const plait_sim *sim) {
  (void)sim;
  return fault.count;
}

const char *plait_sim_failed(const plait_sim *sim) {
  (void)sim;
  return fault.failed ? fault.site : NULL;
}
