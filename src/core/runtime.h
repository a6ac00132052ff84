/* A runtime: N reactors, and when plait_run() is done. */
#ifndef PLAIT_CORE_RUNTIME_H
#define PLAIT_CORE_RUNTIME_H

#include <plait/runtime.h>
#include <plait/signal.h>

#include "core/driver.h"

enum { PLAIT__STOP_NO = 0, PLAIT__STOP_DRAIN, PLAIT__STOP_NOW };

/* A job that has not run for as long when the grace is over may be about to
 * return. */
enum { PLAIT__STUCK_MS = 1000 };

/* What a reactor has for the pool: see pool/lane.h. */
typedef struct plait__stage {
  plait__job *first, *last; /* tasks that it queues all at once */
  unsigned count, room;
  unsigned promised; /* lanes to look after before it waits, as bits */
  uint64_t since_ms; /* when that was first seen in a turn, 0: not yet */
} plait__stage;

/* What a layer above adds to a runtime: the pool. */
typedef struct plait__workers {
  /* The grace is over: nothing more begins.  On the first reactor. */
  void (*cut)(struct plait__workers *workers);
  /* |reactor| begins to drain; its grace is over.  Its thread. */
  void (*drain)(struct plait__workers *workers, plait_reactor *reactor);
  void (*cut_here)(struct plait__workers *workers, plait_reactor *reactor);
  /* How many references to the runtime the jobs account for that run, less what
   * others do that count in the same |busy|; |ret_name| becomes the name of
   * one, if one runs, and |ret_young| true if one has run for less than
   * PLAIT__STUCK_MS.  Any thread. */
  int (*running)(struct plait__workers *workers, const char **ret_name,
                 bool *ret_young);
  /* A reactor's turn ends with tasks in |stage|.  Its thread. */
  void (*flush)(struct plait__workers *workers, plait__stage *stage);
  /* A reactor is going to wait, or has not for a while.  Its thread. */
  void (*keep)(struct plait__workers *workers, plait__stage *stage);
  /* Ends its threads; nothing runs. */
  void (*close)(struct plait__workers *workers);
  void (*free)(struct plait__workers *workers);
} plait__workers;

/* How names are looked up by c-ares, for the pool; NULL: plait was configured
 * without. */
typedef struct plait__lookup_backend plait__lookup_backend;
extern const plait__lookup_backend *const plait__lookup_cares;

struct plait_runtime {
  const plait_backend *driver;
  plait_runtime_options options; /* defaults filled in */
  unsigned reactor_count;
  _Atomic(int) stop;                     /* PLAIT__STOP_* that was asked for */
  _Atomic(bool) running, over, finished; /* over: the loops are to end */
  _Atomic(uint64_t) refs;   /* listeners, connectors, connections, ... */
  _Atomic(uint64_t) timers; /* that run without an owner, and watches */
  _Atomic(unsigned) hungry; /* acceptors that wait for room */
  _Atomic(unsigned) room;   /* connections that went meanwhile */
  _Atomic(struct plait__factory_state *) factories; /* that are new */
  _Atomic(unsigned) factory_callers; /* who may see one that is retired */
  struct plait__factory_state *known_factories; /* the first reactor's */
  unsigned known_count, retired_count;
  _Atomic(plait__workers *) workers; /* NULL until the pool is used */
  _Atomic(const char *) stuck;       /* a job that did not return in time */
  uint64_t cut_ns;                   /* when the grace was over */
  _Atomic(plait__stdio *) stdio;
  bool raw;                          /* a terminal is to be given back */
  plait_signal interrupt, terminate; /* with handle_signals */
  unsigned signals;                  /* of these that came */
  plait_reactor *reactors[];
};

/* Something that plait_run() waits for comes and goes.  Any thread. */
void plait__runtime_ref(plait_runtime *runtime);
void plait__runtime_unref(plait_runtime *runtime);
/* The same for a timer without an owner and for a watch: a stop does not wait
 * for it. */
void plait__runtime_timer_ref(plait_runtime *runtime);
void plait__runtime_timer_unref(plait_runtime *runtime);

void plait__runtime_wake_all(plait_runtime *runtime);

/* The first reactor, when the grace is over: and again after that, in each
 * turn: ends plait_run() if it only waits for jobs. */
void plait__runtime_cut(plait_runtime *runtime);
void plait__runtime_check_stuck(plait_runtime *runtime);

#endif
