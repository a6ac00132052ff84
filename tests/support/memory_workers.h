/* Workers of the backend in memory: their steps run in turn on the one thread,
 * between those of its loop. */
#ifndef PLAIT_TESTS_MEMORY_WORKERS_H
#define PLAIT_TESTS_MEMORY_WORKERS_H

#include "core/driver.h"

int memory_worker_start(uint64_t (*step)(void *arg), void *arg,
                        const char *name, plait__worker **ret);
void memory_worker_wake(plait__worker *worker);
void memory_worker_join(plait__worker *worker);
void memory_worker_detach(plait__worker *worker);

/* One step of each worker that does not park at |now_ns|.  False: all do. */
bool memory_workers_step(uint64_t now_ns);
/* When the first of them has parked long enough; UINT64_MAX: never. */
uint64_t memory_workers_deadline(void);

#endif
