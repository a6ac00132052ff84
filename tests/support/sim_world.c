#include "support/sim_world.h"

#include <stdio.h>

#include "sim/sim.h"
#include "support/require.h"
#include "support/sim_relay.h"

plait_sim *sim;

void sim_begin(plait_sim_options options) {
  require(plait_sim_new(&options, &sim) == 0, "%s", plait_error_detail());
}

void sim_end(void) {
  const char *left = plait_sim_left(sim);
  require(left == NULL, "left behind: %s", left);
  plait_sim_free(sim);
  sim = NULL;
}

static void sim_world_pair(int ret_fds[2]) {
  require(plait_sim_pair(sim, ret_fds) == 0, "no pair");
}

static void sim_world_nobody(enum medium medium, const char *folder, char *ret,
                             size_t size, int *ret_fd) {
  *ret_fd = -1;
  if (medium == MEDIUM_UNIX)
    snprintf(ret, size, "unix:%s/nobody", folder);
  else
    snprintf(ret, size, "tcp:127.0.0.1:9");
}

const struct world_backend world_sim = {.name = "simulator",
                                        .driver = &plait__sim_backend,
                                        .pair = sim_world_pair,
                                        .relay = sim_relay,
                                        .nobody = sim_world_nobody,
                                        .resets = {[MEDIUM_TCP] = true}};
