/* Worlds on the simulator. */
#ifndef PLAIT_TESTS_SIM_WORLD_H
#define PLAIT_TESTS_SIM_WORLD_H

#include <plait/sim.h>

#include "support/world.h"

extern const struct world_backend world_sim;

/* The simulation there is. */
extern plait_sim *sim;

void sim_begin(plait_sim_options options);
/* Aborts if something is left. */
void sim_end(void);

#endif
