/* Patience: looking for a moment whether what is awaited comes, before going to
 * sleep.
 *
 * To put a thread to sleep and wake it costs tens of microseconds where
 * processors are virtual, more than a short task takes.  So who has just had
 * something to do, and expects more, looks for it a little.  That it is in vain
 * is the rule for tasks that take long: after a few times in a row it is tried
 * ever more rarely, so it costs next to nothing then.  With one processor
 * nobody can be busy meanwhile, and there is no looking at all. */
#ifndef PLAIT_UV_PATIENCE_H
#define PLAIT_UV_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

typedef struct plait__uv_patience {
  _Atomic(int) other; /* the processor that was last waited for */
  uint32_t failed;    /* times in a row that nothing came */
  uint32_t skip;      /* times to go to sleep at once */
} plait__uv_patience;

/* Any thread: it has brought what is waited for. */
void plait__uv_patience_met(plait__uv_patience *p);

/* Calls |came|(|arg|) until it is true, and answers whether it was; false, at
 * once or after some microseconds, if there is no more patience. */
bool plait__uv_wait_a_moment(plait__uv_patience *p, bool (*came)(void *arg),
                             void *arg);

/* Tells the processor that this is a loop which waits. */
void plait__uv_pause(void);

#endif
