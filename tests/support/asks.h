/* A host whose resolver answers by a script, and queries that write a trace.
 *
 * What a lookup does is in the name that it is asked for:
 *   gate...     waits until script_open() lets it go on
 *   slow...     takes 5 ms
 *   missing...  there is none
 *   later...    the servers could not say
 * All others are found at once: 192.0.2.1 and 2001:db8::1. */
#ifndef PLAIT_TESTS_ASKS_H
#define PLAIT_TESTS_ASKS_H

#include <plait.h>
#include <pthread.h>

#include "core/driver.h"

/* |driver| with a resolver that does as above; one at a time. */
const plait_backend *script_driver(const plait_backend *driver);

/* Forgets trace and counts; no lookup is under way. */
void script_begin(void);
/* Lets |times| lookups through the gate. */
void script_open(unsigned times);
/* Waits until |times| more lookups have come to the gate. */
void script_await(unsigned times);
/* Lookups so far. */
unsigned script_asked(void);

struct ask {
  plait_query query;
  const char *label;
  void (*then)(struct ask *ask); /* optional: after the trace was written */
  plait_reactor *reactor;        /* that asked */
  pthread_t thread;              /* that answered */
  unsigned answered;
  int code;
};

/* Asks for |ask->query|; the trace gets "LABEL: ADDRESS... (CANONICAL)" or
 * "LABEL: PLAIT_E...", with "; " in between. */
int ask_start(plait_runtime *runtime, plait_transport *owner, struct ask *ask);
/* The same, which must be accepted. */
void ask(plait_runtime *runtime, struct ask *ask);

void trace_add(const char *format, ...) PLAIT_PRINTF(1, 2);
void trace_expect(const char *text);

plait_resolver_stats resolver_stats(plait_runtime *runtime);

#endif
