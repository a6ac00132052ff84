/* Passing descriptors to another process, over UNIX sockets.
 *
 *     plait_write_fd(t, fd, "f", 1);                     the sender
 *
 *     plait_transport_set_fds_max(t, 1);                 the receiver, at first
 *     ... data_received(p, data, len):
 *       int fd = plait_take_fd(p->transport);
 *
 * Each function here takes a connection over a UNIX socket, one end of a pair
 * included: PLAIT_ENOTSUP, with plait_error_detail(), for all others, which
 * have nothing to take.
 */
#ifndef PLAIT_PASS_H
#define PLAIT_PASS_H

#include <plait/export.h>

PLAIT_BEGIN

enum { PLAIT_FDS_MAX = 16 }; /* of a connection that wait, each way */

/* plait_write() of |len| > 0 bytes, the first of which brings |fd| along: in
 * order with all that is written before and after.
 *
 * 0: |fd| is plait's, and is closed once it was sent, or with the connection.
 * Negative: it is still yours, and nothing was written: PLAIT_ENOTSUP;
 * PLAIT_EINVAL, no bytes; PLAIT_EBADF; PLAIT_EFULL, PLAIT_FDS_MAX of them wait;
 * PLAIT_ECLOSED, the transport takes no bytes any more; PLAIT_ENOMEM.  Whether
 * the high-water mark is reached plait_write() of nothing tells. */
PLAIT_EXTERN int plait_write_fd(plait_transport *t, int fd, const void *data,
                                size_t len);

/* Up to |n| descriptors, at most PLAIT_FDS_MAX, that the peer sends may wait to
 * be taken.  As long as it is 0, as at first, the system closes what comes, and
 * 0 closes what waits.  If one more comes than may wait the connection is lost
 * with PLAIT_ELIMIT, and with PLAIT_EMFILE if this process can have no more.
 * From a callback on a worker it holds once that has
 * returned; before connection_made has, nothing is read. */
PLAIT_EXTERN int plait_transport_set_fds_max(plait_transport *t, unsigned n);

/* Takes the first descriptor that has come and waits: it is yours, and
 * close-on-exec.  -1: there is none.  When data_received gets the byte that
 * brought it, it is here.  What was not taken is closed when the connection
 * is. */
PLAIT_EXTERN int plait_take_fd(plait_transport *t);

PLAIT_END

#endif
