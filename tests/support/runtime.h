/* The runtime of a test that needs no world: one at a time, and nothing of it
 * is left. */
#ifndef PLAIT_TESTS_RUNTIME_H
#define PLAIT_TESTS_RUNTIME_H

#include <check.h>
#include <plait.h>
#include <semaphore.h>

#include "core/driver.h"
#include "support/leak.h"

extern plait_runtime *runtime;
extern struct leak leak; /* what there was before it */

void open_runtime(plait_runtime_options options);
/* The same on |driver|, which wraps leak_driver()'s. */
void open_runtime_on(const plait_backend *driver,
                     plait_runtime_options options);
/* Frees it; aborts if something is left. */
void close_runtime(void);

/* Runs |start| on the first reactor, and the runtime until nothing is left. */
int run(void (*start)(plait_call *, plait_protocol *));

/* Makes a connection of |factory| on that reactor; returns its other end. */
int join(plait_factory *factory, unsigned reactor);

void wait_for(sem_t *sem);

/* main(): runs the suite; what a process makes once and keeps is no leak. */
int run_suite(Suite *suite);

#endif
