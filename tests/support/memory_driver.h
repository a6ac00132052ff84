/* A backend in memory, on the seam of src/core/driver.h: one thread, a clock
 * of its own that jumps to the next deadline when nothing else is to be done,
 * streams that are two byte queues.  It behaves like TCP on one host.
 *
 * A run in which nothing can ever happen again is reported at once. */
#ifndef PLAIT_TESTS_MEMORY_DRIVER_H
#define PLAIT_TESTS_MEMORY_DRIVER_H

#include "support/world.h"

extern const plait_backend memory_driver;
extern const struct world_backend world_memory;

/* Nanoseconds of the virtual clock. */
uint64_t memory_now_ns(void);
/* A callback that takes so long. */
void memory_pass_ms(uint64_t ms);

/* Aborts unless every descriptor was closed. */
void memory_check_closed(void);

#endif
