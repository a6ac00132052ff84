/* A runtime: N reactors, and when plait_run() is done. */
#ifndef PLAIT_CORE_RUNTIME_H
#define PLAIT_CORE_RUNTIME_H

#include <plait/runtime.h>

#include "core/driver.h"

enum { PLAIT__STOP_NO = 0, PLAIT__STOP_DRAIN, PLAIT__STOP_NOW };

/* A job that runs when the grace is over may be about to return: it is given as
 * much time. */
enum { PLAIT__STUCK_MS = 100 };

/* What a layer above adds to a runtime: the pool. */
typedef struct plait__workers {
  /* The grace is over: nothing more begins.  On the first reactor. */
  void (*cut)(struct plait__workers *workers);
  /* How many references to the runtime the jobs account for that run;
   * |ret_name| is the name of one, |ret_young| says that one has run for less
   * than PLAIT__STUCK_MS.  Any thread. */
  unsigned (*running)(struct plait__workers *workers, const char **ret_name,
                      bool *ret_young);
  /* Ends its threads; nothing runs. */
  void (*close)(struct plait__workers *workers);
  void (*free)(struct plait__workers *workers);
} plait__workers;

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
  _Atomic(plait__workers *) workers; /* NULL until the pool is used */
  _Atomic(bool) stuck;               /* a job did not return in time */
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

/* The first reactor, when the grace is over: and again after that, in each
 * turn: ends plait_run() if it only waits for jobs. */
void plait__runtime_cut(plait_runtime *runtime);
void plait__runtime_check_stuck(plait_runtime *runtime);

#endif
