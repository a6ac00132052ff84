/* A strand: calls that run on workers one at a time, in order.
 *
 * Any state may have one, a session, a room, a file: what is posted to its
 * strand never runs twice at once, so it needs no lock.  Calls may block; the
 * pool has threads for strands only, so that a call may wait for a task.
 * (Asio's strand.)
 */
#ifndef PLAIT_STRAND_H
#define PLAIT_STRAND_H

#include <plait/pool.h>

PLAIT_BEGIN

typedef struct plait_strand plait_strand;

/* A strand on |pool|; NULL: out of memory.  Any thread. */
PLAIT_EXTERN plait_strand *plait_strand_new(plait_pool *pool);

/* Runs |call| once, with a NULL protocol, behind all that was posted before.
 * After PLAIT_STRAND_BATCH calls in a row others get their turn.  plait_run()
 * waits for it.  Any thread, calls of the strand included.  0; PLAIT_ECANCELED:
 * the runtime's grace is over; PLAIT_ENOMEM, PLAIT_EAGAIN as
 * plait_pool_submit(). */
PLAIT_EXTERN int plait_strand_post(plait_strand *strand, plait_call *call);

enum { PLAIT_STRAND_BATCH = 64 }; /* calls */

/* Frees |strand|, or NULL, behind the calls that are queued.  Nothing is posted
 * any more.  Any thread, calls of the strand included; before
 * plait_runtime_free(). */
PLAIT_EXTERN void plait_strand_free(plait_strand *strand);

PLAIT_END

#endif
