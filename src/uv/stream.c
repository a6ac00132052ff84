/* Bytes in and out of a connected socket: one system call each.
 *
 * Pipes and the masters of pseudo-terminals come here as well.  They are known
 * by the first call, which is a socket's and fails: so sockets pay nothing for
 * them. */
#include "uv/backend.h"

#include <errno.h>
#include <limits.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <termios.h>
#include <unistd.h>

_Static_assert(sizeof(plait__iovec) == sizeof(struct iovec), "cast below");
_Static_assert(offsetof(plait__iovec, data) == offsetof(struct iovec, iov_base),
               "cast below");
_Static_assert(offsetof(plait__iovec, len) == offsetof(struct iovec, iov_len),
               "cast below");

static bool is_file(plait__uv_socket *s) {
  s->file = s->file || errno == ENOTSOCK;
  return s->file;
}

/* The last slave of a terminal that closes is told as EIO. */
static ptrdiff_t file_read(int fd, void *buffer, size_t len) {
  ssize_t n = read(fd, buffer, len);
  if (n < 0 && errno == EIO)
    return 0;
  return n < 0 ? -errno : n;
}

ptrdiff_t plait__uv_read(plait__socket *socket, void *buffer, size_t len) {
  plait__uv_socket *s = plait__uv_socket_of(socket);
  ssize_t n = s->file ? -1 : recv(s->fd, buffer, len, 0);
  if (n < 0 && is_file(s))
    return file_read(s->fd, buffer, len);
  return n < 0 ? -errno : n;
}

/* send() takes one piece for less than sendmsg() does. */
static ssize_t socket_writev(int fd, const plait__iovec *v, size_t n) {
  if (n == 1)
    return send(fd, v->data, v->len, MSG_NOSIGNAL);
  struct msghdr message = {
      .msg_iov = (struct iovec *)v, /* only read */
      .msg_iovlen = n < IOV_MAX ? n : IOV_MAX,
  };
  return sendmsg(fd, &message, MSG_NOSIGNAL);
}

ptrdiff_t plait__uv_writev(plait__socket *socket, const plait__iovec *v,
                           size_t n) {
  plait__uv_socket *s = plait__uv_socket_of(socket);
  ssize_t sent = s->file ? -1 : socket_writev(s->fd, v, n);
  if (sent < 0 && is_file(s))
    sent =
        writev(s->fd, (const struct iovec *)v, n < IOV_MAX ? (int)n : IOV_MAX);
  return sent < 0 ? -errno : sent;
}

/* A pipe has one direction, and ends when it is closed.  At a terminal whoever
 * types ends the input by a character, where lines are read; behind half a line
 * the first one only hands that over. */
static void file_end(int fd) {
  struct termios t;
  if (tcgetattr(fd, &t) || !(t.c_lflag & ICANON))
    return;
  const cc_t twice[] = {t.c_cc[VEOF], t.c_cc[VEOF]};
  (void)!write(fd, twice, sizeof twice);
}

int plait__uv_shut_wr(plait__socket *socket) {
  plait__uv_socket *s = plait__uv_socket_of(socket);
  if (shutdown(s->fd, SHUT_WR)) {
    if (!is_file(s))
      return -errno;
    file_end(s->fd);
  }
  s->fin = true;
  return 0;
}

/* TCP counts our FIN as one byte until it is acknowledged, and as it is the
 * last of them it is unacknowledged as long as anything is.  UNIX counts the
 * memory of what the peer has not read, where one byte more or less does not
 * tell zero from the rest. */
size_t plait__uv_unacked(plait__socket *socket) {
  plait__uv_socket *s = plait__uv_socket_of(socket);
  int out = 0;
  if (ioctl(s->fd, SIOCOUTQ, &out) || out < 0)
    out = 0;
  if (s->fin && out > 0)
    out--;
  return (size_t)out;
}

/* The peer's FIN is not counted. */
static size_t stream_unread(int fd) {
  int in = 0;
  if (ioctl(fd, FIONREAD, &in) || in < 0)
    in = 0;
  return (size_t)in;
}

size_t plait__uv_unread(plait__socket *socket) {
  return stream_unread(plait__uv_socket_of(socket)->fd);
}

/* ---- pairs --------------------------------------------------------------- */

int plait__uv_pair(int ret_fds[2]) {
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret_fds))
    return -errno;
  int rc = plait__uv_adopt(ret_fds[0], false); /* which makes it non-blocking */
  if (!rc)
    return 0;
  (void)close(ret_fds[0]);
  (void)close(ret_fds[1]);
  return rc;
}

/* Nothing comes any more when it is counted. */
size_t plait__uv_hang_up(int fd) {
  (void)shutdown(fd, SHUT_RD);
  size_t unread = stream_unread(fd);
  (void)shutdown(fd, SHUT_WR);
  return unread;
}
