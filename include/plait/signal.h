/* Signals, as callbacks on a reactor.
 *
 *     static void reload(plait_signal *signal, int number) { ... }
 *
 *     static plait_signal hangup;
 *     plait_signal_init(&hangup, reload);
 *     plait_signal_start(&hangup, SIGHUP);   // in a callback
 *
 * Nothing of yours runs in a signal handler: what is called back may do what
 * any callback may.
 */
#ifndef PLAIT_SIGNAL_H
#define PLAIT_SIGNAL_H

#include <plait/export.h>

PLAIT_BEGIN

typedef struct plait_signal plait_signal;

/* Embedded in a struct of yours. */
struct plait_signal {
  /* private */
  plait_signal *next, *prev; /* of its reactor's */
  void (*fn)(plait_signal *signal, int number);
  plait_reactor *reactor; /* NULL: not active */
  int number;
  bool due; /* it has come, and |fn| is to be called */
};

/* Prepares |signal|, which is not active, to call |fn|. */
PLAIT_EXTERN void plait_signal_init(plait_signal *signal,
                                    void (*fn)(plait_signal *signal,
                                               int number));

/* From now on |fn| runs on the reactor whose callback is running each time
 * |number| is sent to this process; of several that are sent in a row the
 * system may make one.  Any number of subscribers, reactors and runtimes may
 * wait for the same signal: each is called.  An active one is changed to
 * |number|.  Keeps plait_run() from returning until it is stopped, or the
 * runtime is.
 *
 * As long as anybody waits for a signal, in any runtime, what the process did
 * about it before does not happen; with the last one that is restored.  Do not
 * change it meanwhile.  A thread of yours that blocks the signal goes on
 * blocking it.  SIGINT and SIGTERM of a runtime with handle_signals come to
 * both.
 *
 * 0; PLAIT_EINVAL, with plait_error_detail(): not on a reactor's thread
 * (callbacks on workers are not), active on another one, no signal;
 * PLAIT_EPERM: one that is not to be waited for (SIGKILL, SIGSTOP, what a fault
 * raises: SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, and
 * SIGPIPE, which plait blocks); PLAIT_ENOMEM, PLAIT_EMFILE.  After a code all
 * is as it was. */
PLAIT_EXTERN int plait_signal_start(plait_signal *signal, int number);

/* Immediate: |fn| does not run after it.  Harmless if it is not active.  On the
 * reactor's thread, inside any callback, or while plait_run() does not run;
 * before plait_runtime_free(), which restores what was forgotten. */
PLAIT_EXTERN void plait_signal_stop(plait_signal *signal);

/* Whether it is started and was not stopped. */
PLAIT_EXTERN bool plait_signal_active(const plait_signal *signal);

PLAIT_END

#endif
