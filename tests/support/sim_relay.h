/* relay() between descriptors of the simulator. */
#ifndef PLAIT_TESTS_SIM_RELAY_H
#define PLAIT_TESTS_SIM_RELAY_H

int sim_relay(int fd, void *arg);

#endif
