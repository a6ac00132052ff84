/* Error codes.
 *
 * Functions that start something return 0 or one of these negative codes.
 * Those that have an errno equal -errno; plait's own lie in a range apart.
 * The same codes are the reasons of connection_lost() and connect_failed().
 */
#ifndef PLAIT_ERROR_H
#define PLAIT_ERROR_H

#include <errno.h>

#include <plait/export.h>

/* X(name, value, text) */
#define PLAIT_ERROR_MAP(X)                                                     \
  X(E2BIG, -E2BIG, "arguments or environment too long")                        \
  X(EACCES, -EACCES, "permission denied")                                      \
  X(EADDRINUSE, -EADDRINUSE, "address already in use")                         \
  X(EADDRNOTAVAIL, -EADDRNOTAVAIL, "address not available here")               \
  X(EAFNOSUPPORT, -EAFNOSUPPORT, "address family not supported")               \
  X(EAGAIN, -EAGAIN, "try again")                                              \
  X(EBADF, -EBADF, "bad descriptor")                                           \
  X(EBUSY, -EBUSY, "still busy")                                               \
  X(ECANCELED, -ECANCELED, "canceled")                                         \
  X(ECHILD, -ECHILD, "somebody else took the end of the child")                \
  X(ECONNABORTED, -ECONNABORTED, "connection aborted")                         \
  X(ECONNREFUSED, -ECONNREFUSED, "connection refused")                         \
  X(ECONNRESET, -ECONNRESET, "connection reset by peer")                       \
  X(EEXIST, -EEXIST, "exists already")                                         \
  X(EHOSTUNREACH, -EHOSTUNREACH, "no route to host")                           \
  X(EINVAL, -EINVAL, "invalid argument")                                       \
  X(EIO, -EIO, "input/output error")                                           \
  X(EMFILE, -EMFILE, "too many open descriptors in this process")              \
  X(EMSGSIZE, -EMSGSIZE, "message too long")                                   \
  X(ENETUNREACH, -ENETUNREACH, "network unreachable")                          \
  X(ENFILE, -ENFILE, "too many open descriptors in this system")               \
  X(ENOBUFS, -ENOBUFS, "no buffer space left")                                 \
  X(ENOENT, -ENOENT, "no such file or directory")                              \
  X(ENOEXEC, -ENOEXEC, "not a program this system runs")                       \
  X(ENOMEM, -ENOMEM, "out of memory")                                          \
  X(ENOTDIR, -ENOTDIR, "not a directory")                                      \
  X(ENOTSOCK, -ENOTSOCK, "not a socket")                                       \
  X(ENOTSUP, -ENOTSUP, "not supported here")                                   \
  X(EPERM, -EPERM, "operation not permitted")                                  \
  X(EPIPE, -EPIPE, "broken pipe")                                              \
  X(ESRCH, -ESRCH, "no such process")                                          \
  X(ETIMEDOUT, -ETIMEDOUT, "timed out in the network")                         \
  X(EOF, -5001, "the peer closed the connection")                              \
  X(EFRAME, -5002, "malformed or too long frame")                              \
  X(EFULL, -5003, "full for now")                                              \
  X(EQUEUE, -5004, "send queue above its hard limit")                          \
  X(ECLOSED, -5005, "connection is gone")                                      \
  X(ETIMEOUT, -5006, "no activity within the time-out")                        \
  X(ESWITCHED, -5007, "another protocol took the transport over")              \
  X(ELINGER, -5008, "peer did not take all bytes before the deadline")         \
  X(ELIMIT, -5009, "limit reached")                                            \
  X(EDRAIN, -5010, "server stopped before the connection was done")            \
  X(EENDPOINT, -5011, "malformed endpoint")                                    \
  X(ETRUNCATED, -5012, "the input ended inside a frame")                       \
  X(ENOTFOUND, -5013, "no such name or address")                               \
  X(ETEMPORARY, -5014, "name servers could not say")                           \
  X(ECHILDFAILED, -5015, "the child process failed")

/* The codes: PLAIT_E2BIG and so on. */
#define PLAIT_ERROR_ENUM_(name, value, text) PLAIT_##name = (value),
enum plait_error { PLAIT_ERROR_MAP(PLAIT_ERROR_ENUM_) PLAIT_OK = 0 };
#undef PLAIT_ERROR_ENUM_

PLAIT_BEGIN

/* What |code| means, in words, such as "connection refused".  0 is
 * "ok"; a code that plait has no words for is "error N", in a text that the
 * thread's next such call replaces; all others are static.  Any thread. */
PLAIT_EXTERN const char *plait_strerror(int code);

/* The name of |code|, such as "PLAIT_EOF"; static, "unknown error" if plait
 * has none.  Any thread. */
PLAIT_EXTERN const char *plait_error_name(int code);

/* The step, the subject and the reason in one line, such as
 * "listen tcp:80: bind: permission denied": after a function that starts
 * something has failed; inside connect_failed(); inside a query's |answered|
 * with a code; inside |ended| of a process that did not start; and, on a
 * reactor, inside connection_lost(PLAIT_ECHILDFAILED).  The text belongs to the
 * calling thread and holds until its next failure. */
PLAIT_EXTERN const char *plait_error_detail(void);

PLAIT_END

#endif
