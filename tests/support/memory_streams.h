/* Sockets of the backend in memory: what its loop needs of them. */
#ifndef PLAIT_TESTS_MEMORY_STREAMS_H
#define PLAIT_TESTS_MEMORY_STREAMS_H

#include "core/driver.h"

extern const plait__io memory_io;

/* Makes two ends of one stream. */
void memory_pair(int ret_fds[2]);
/* Descriptors that are open. */
unsigned memory_open_count(void);

/* Hands one round of events to |reactor|, and closed() to sockets that were
 * closed.  Whether there were any. */
bool memory_dispatch(plait_reactor *reactor);

#endif
