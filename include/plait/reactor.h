/* A reactor is one event loop on one thread.  Reactor pointers are good until
 * plait_runtime_free(). */
#ifndef PLAIT_REACTOR_H
#define PLAIT_REACTOR_H

#include <plait/call.h>
#include <plait/export.h>

PLAIT_BEGIN

/* The reactor whose callback is running on this thread, or NULL.  In a callback
 * that runs on a worker it is the connection's. */
PLAIT_EXTERN plait_reactor *plait_reactor_current(void);

/* Its place in its runtime, counted from 0; and its runtime.  Any thread. */
PLAIT_EXTERN unsigned plait_reactor_index(const plait_reactor *reactor);
PLAIT_EXTERN plait_runtime *plait_reactor_runtime(const plait_reactor *reactor);

/* Runs |call| once on |reactor|'s thread, with a NULL protocol, in the order
 * of this thread's posts.  Any thread.  0, or PLAIT_ECLOSED if the runtime is
 * being freed. */
PLAIT_EXTERN int plait_reactor_post(plait_reactor *reactor, plait_call *call);

/* Milliseconds of the monotonic clock, read now.  Any thread. */
PLAIT_EXTERN uint64_t plait_reactor_now_ms(const plait_reactor *reactor);
/* Seconds since 1970-01-01 00:00 UTC, read now.  Any thread. */
PLAIT_EXTERN int64_t plait_reactor_wall_s(const plait_reactor *reactor);

/* What it has done so far. */
typedef struct plait_reactor_stats {
  uint64_t accepted;       /* connections that its acceptors took */
  uint64_t accept_starved; /* accepts for which there was no descriptor or no
                              memory (EMFILE and its kin) */
  uint64_t wakes;          /* times another thread had to wake its loop */
} plait_reactor_stats;

/* On the reactor's thread, or while plait_run() does not run. */
PLAIT_EXTERN void plait_reactor_get_stats(const plait_reactor *reactor,
                                          plait_reactor_stats *ret);

/* The cookie jar: one value of yours per key and reactor, so that a library
 * keeps state per reactor without a global.  The address of the key is its
 * identity. */
typedef struct plait_cookie_key {
  const char *name;
} plait_cookie_key;

/* Puts |value| in the jar; when the runtime is freed, |eat|(value) runs unless
 * |eat| is NULL.  Returns the value that it replaced, uneaten, or NULL.
 * A NULL |value| takes the old one out.  On the reactor's thread, or while
 * plait_run() does not run.  Out of memory returns |value| itself: it was not
 * kept. */
PLAIT_EXTERN void *plait_reactor_cookie_set(plait_reactor *reactor,
                                            const plait_cookie_key *key,
                                            void *value, void (*eat)(void *));
/* The value under |key|, or NULL.  Where plait_reactor_cookie_set() may be. */
PLAIT_EXTERN void *plait_reactor_cookie(const plait_reactor *reactor,
                                        const plait_cookie_key *key);

PLAIT_END

#endif
