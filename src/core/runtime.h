/* A runtime: N reactors, and when plait_run() is done. */
#ifndef PLAIT_CORE_RUNTIME_H
#define PLAIT_CORE_RUNTIME_H

#include <plait/runtime.h>

#include "core/driver.h"

enum { PLAIT__STOP_NO = 0, PLAIT__STOP_DRAIN, PLAIT__STOP_NOW };

struct plait_runtime {
  const plait__driver *driver;
  plait_runtime_options options; /* defaults filled in */
  unsigned reactor_count;
  _Atomic(int) stop;                     /* PLAIT__STOP_* that was asked for */
  _Atomic(bool) running, over, finished; /* over: the loops are to end */
  _Atomic(uint64_t) refs;   /* listeners, connectors, connections, ... */
  _Atomic(uint64_t) timers; /* that run without an owner */
  _Atomic(unsigned) hungry; /* acceptors that wait for room */
  _Atomic(unsigned) room;   /* connections that went meanwhile */
  _Atomic(struct plait__factory_state *) factories;
  plait__stdio *stdio;
  unsigned signals; /* that came */
  plait_reactor *reactors[];
};

/* plait_runtime_new() on another backend. */
int plait__runtime_new(const plait__driver *driver,
                       const plait_runtime_options *options,
                       plait_runtime **ret);

/* Something that plait_run() waits for comes and goes.  Any thread. */
void plait__runtime_ref(plait_runtime *runtime);
void plait__runtime_unref(plait_runtime *runtime);
/* The same for a timer without an owner: a stop does not wait for it. */
void plait__runtime_timer_ref(plait_runtime *runtime);
void plait__runtime_timer_unref(plait_runtime *runtime);

void plait__runtime_wake_all(plait_runtime *runtime);

#endif
