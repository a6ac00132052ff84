/* Scripted names, for both ways to look names up.
 *
 * "wait..." has an address once the gate is opened; "no..." is not found;
 * others have 192.0.2.1 and are aliases of "canonical"; addresses are those of
 * "host.example".  To the system that is a function, to c-ares a name server on
 * a thread of its own, which has more to it: "broken..." is SERVFAIL, "mute..."
 * is never answered. */
#ifndef PLAIT_TESTS_NAMES_H
#define PLAIT_TESTS_NAMES_H

#include <semaphore.h>
#include <stdatomic.h>

#include <plait/runtime.h>

#include "core/driver.h"

extern sem_t names_gate, names_arrived; /* of "wait..." */
extern atomic_uint names_lookups;

/* The ways that this build has: PLAIT_RESOLVER_SYSTEM, and so many more. */
int names_kinds(void);

/* |driver| with the script. */
const plait_backend *names_driver(const plait_backend *driver);

/* From now on c-ares asks the script, on another port each time.  Its thread
 * goes on until the next names_serve(), or names_stop(). */
void names_serve(void);
void names_stop(void);
/* From now on nobody is there whom c-ares could ask. */
void names_serve_nobody(void);

#endif
