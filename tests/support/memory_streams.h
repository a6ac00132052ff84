/* Sockets of the backend in memory: what its loop needs of them. */
#ifndef PLAIT_TESTS_MEMORY_STREAMS_H
#define PLAIT_TESTS_MEMORY_STREAMS_H

#include "core/driver.h"

extern const plait__io memory_io;

/* How a connect goes on its way. */
struct memory_road {
  int code;    /* what comes of it; 0: what is at the end of the road */
  uint64_t ms; /* after so long; UINT64_MAX: never */
};

/* The road to |peer|, asked for each connect; NULL: all take no time. */
extern struct memory_road (*memory_road)(const plait_address *peer);

/* When the next connect arrives; UINT64_MAX if none is on its way. */
uint64_t memory_arrival_ns(void);

/* Makes two ends of one stream. */
void memory_pair(int ret_fds[2]);
/* Descriptors that are open. */
unsigned memory_open_count(void);

/* Hands one round of events to |reactor|, and closed() to sockets that were
 * closed.  Whether there were any. */
bool memory_dispatch(plait_reactor *reactor);

#endif
