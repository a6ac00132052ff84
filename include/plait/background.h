/* Background functions: a function that blocks as the other end of a
 * connection.
 *
 *     static int compress(int fd, void *arg) {
 *       ... read(fd, ...), which waits; write(fd, ...), which waits
 *       return 0;
 *     }
 *     plait_background(plait_reactor_current(), compress, job, &factory);
 *
 * The protocol that |factory| makes sees a transport like any other, with its
 * queue, marks, pausing and time-outs; the function sees a blocking descriptor.
 * For old code that reads and writes streams.  Work with one result is a task
 * (<plait/pool.h>).
 */
#ifndef PLAIT_BACKGROUND_H
#define PLAIT_BACKGROUND_H

#include <plait/export.h>

PLAIT_BEGIN

/* Runs on a thread of its own, with SIGPIPE blocked.  |fd| is one end of a
 * stream, blocking: what the protocol writes is read there, and what is written
 * there it receives.  Reading answers 0 behind plait_write_eof() and
 * plait_close(); once the connection is closed or aborted, writing fails with
 * EPIPE or ECONNRESET, so a function that looks at what read(2) and write(2)
 * answer returns soon.  shutdown(2) is fine; close(2) is not: |fd| is plait's,
 * and good until this returns.  Handles may be used, as on any thread.
 *
 * When it returns both directions end: the protocol receives what was written,
 * and then the peer's end.  0 or more is an end in order; a negative code
 * becomes the reason of connection_lost, unless the program closed with one of
 * its own or aborted. */
typedef int plait_background_fn(int fd, void *arg);

/* Runs |fn|(|arg|) at the other end of a new connection of |factory| on
 * |reactor|.  Before plait_run() and from any callback.
 *
 * 0: connection_made follows from the reactor, and |fn| begins behind it, or
 * beside it with callbacks on workers.  connection_lost comes only once |fn|
 * has returned: until then |arg|, and what the function uses of yours, has to
 * stay. Its reason is PLAIT_EPIPE if |fn| returned 0 or more without having
 * read all that was sent to it.  If no thread can be started the connection is
 * lost with the code (PLAIT_EAGAIN); if the factory refuses, memory is out or
 * the runtime is freed before that, there is neither connection nor |fn|.
 *
 * A function that does not return when its connection is closed keeps
 * plait_run(): when the runtime was stopped, its grace is over, and a second
 * more has gone by, plait_run() returns PLAIT_EBUSY with the protocol's name in
 * plait_error_detail(), and plait_runtime_free() answers so until it returns.
 *
 * Negative, with plait_error_detail(), and nothing follows: PLAIT_EMFILE,
 * PLAIT_ENFILE, PLAIT_ENOMEM, PLAIT_EINVAL (the factory makes no sense). */
PLAIT_EXTERN int plait_background(plait_reactor *reactor,
                                  plait_background_fn *fn, void *arg,
                                  plait_factory *factory);

PLAIT_END

#endif
