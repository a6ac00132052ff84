/* Idle functions: work in small pieces, for when a reactor has nothing else.
 *
 * A reactor that has handled all that has come calls each of its idle functions
 * once, looks for events, and so on: it does not wait as long as there is one,
 * so stop it when there is nothing to do.  What takes longer than a millisecond
 * is a task (<plait/pool.h>); what is to run later, a timer.
 */
#ifndef PLAIT_IDLE_H
#define PLAIT_IDLE_H

#include <plait/export.h>

PLAIT_BEGIN

typedef struct plait_idle plait_idle;

/* Embedded in a struct of yours. */
struct plait_idle {
  /* private */
  plait_idle *next, *prev; /* of its reactor's, a ring */
  void (*fn)(plait_idle *idle);
  plait_reactor *reactor; /* NULL: not active */
  unsigned round;         /* in which it was called, or started */
};

/* Prepares |idle|, which is not active, to call |fn|. */
PLAIT_EXTERN void plait_idle_init(plait_idle *idle,
                                  void (*fn)(plait_idle *idle));

/* From now on |fn| runs on the reactor whose callback is running, each time
 * that it would wait otherwise; several take turns.  All events that have come
 * by then, mail and timers that are due come first.  Harmless if it is active.
 * Keeps plait_run() from returning until it is stopped, or the runtime is.
 *
 * 0; PLAIT_EINVAL, with plait_error_detail(): not on a reactor's thread
 * (callbacks on workers are not), or active on another one. */
PLAIT_EXTERN int plait_idle_start(plait_idle *idle);

/* Immediate: |fn| does not run after it.  Harmless if it is not active.  On the
 * reactor's thread, inside any callback, or while plait_run() does not run;
 * before plait_runtime_free(). */
PLAIT_EXTERN void plait_idle_stop(plait_idle *idle);

/* Whether it is started and was not stopped. */
PLAIT_EXTERN bool plait_idle_active(const plait_idle *idle);

PLAIT_END

#endif
