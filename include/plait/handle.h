/* A handle names a connection from any thread.
 *
 * It is a 64-bit value that may be copied, stored and compared; zero names
 * none.  Every function here may be called on any thread at any time, for a
 * live, a dying or a long gone connection, and after its runtime was freed.
 * The order of one thread's calls is kept.
 *
 * On the connection's own reactor thread, and in its callbacks if they run on
 * workers, write, close and abort act at once, unless something this thread
 * sent the connection is still queued: then they queue behind it.
 */
#ifndef PLAIT_HANDLE_H
#define PLAIT_HANDLE_H

#include <plait/call.h>
#include <plait/export.h>

PLAIT_BEGIN

/* Passed by value; plait_transport_handle() makes it. */
typedef struct plait_handle {
  uint64_t id;
} plait_handle;

/* Sends a copy of |len| bytes.  0: accepted as a whole (it may still be lost
 * with the connection).  PLAIT_EFULL: 1 MiB of this connection's writes are on
 * their way to its thread, or its send queue is above the high-water mark;
 * nothing was taken, plait_handle_when_writable() tells when to go on.
 * PLAIT_ECLOSED: gone.  PLAIT_ENOMEM, PLAIT_EINVAL (from another
 * thread: |len| above 4 GiB - 1 MiB): nothing was taken. */
PLAIT_EXTERN int plait_handle_write(plait_handle h, const void *data,
                                    size_t len);

/* plait_close() and plait_abort().  0 or PLAIT_ECLOSED; never fails for lack
 * of memory, never overtakes this thread's writes. */
PLAIT_EXTERN int plait_handle_close(plait_handle h);
PLAIT_EXTERN int plait_handle_abort(plait_handle h);

/* Runs |call| once in the connection's serial context when its send queue is
 * at or below the low-water mark, at once if it is; with a NULL protocol if
 * the connection goes first.  0 or PLAIT_ECLOSED. */
PLAIT_EXTERN int plait_handle_when_writable(plait_handle h, plait_call *call);

/* Runs |call| once in the connection's serial context, always from the
 * reactor, never inside this function.  0 or PLAIT_ECLOSED. */
PLAIT_EXTERN int plait_handle_call(plait_handle h, plait_call *call);

PLAIT_END

#endif
