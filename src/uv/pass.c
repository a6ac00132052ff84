/* Descriptors along with bytes: SCM_RIGHTS. */
#include "uv/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <plait/pass.h>
#include <stdalign.h>
#include <string.h>
#include <unistd.h>

ptrdiff_t plait__uv_send_fd(plait__socket *socket, const plait__iovec *v,
                            size_t n, int fd) {
  alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {0};
  struct msghdr message = {
      .msg_iov = (struct iovec *)v, /* only read */
      .msg_iovlen = n < IOV_MAX ? n : IOV_MAX,
      .msg_control = control,
      .msg_controllen = sizeof control,
  };
  struct cmsghdr *c = CMSG_FIRSTHDR(&message);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_len = CMSG_LEN(sizeof fd);
  memcpy(CMSG_DATA(c), &fd, sizeof fd);
  ssize_t sent =
      sendmsg(plait__uv_socket_of(socket)->fd, &message, MSG_NOSIGNAL);
  return sent < 0 ? -errno : sent;
}

/* What is in |message|; the system has closed what found no room. */
static unsigned pass_collect(struct msghdr *message, int *ret_fds,
                             unsigned max) {
  unsigned n = 0;
  for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c;
       c = CMSG_NXTHDR(message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
      continue;
    size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
      int fd;
      memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
      if (n < max)
        ret_fds[n++] = fd;
      else
        (void)close(fd);
    }
  }
  return message->msg_flags & MSG_CTRUNC ? max + 1 : n;
}

ptrdiff_t plait__uv_read_fds(plait__socket *socket, void *buffer, size_t len,
                             int *ret_fds, unsigned max, unsigned *ret_n) {
  alignas(struct cmsghdr) char control[CMSG_SPACE(PLAIT_FDS_MAX * sizeof(int))];
  struct iovec v = {buffer, len};
  struct msghdr message = {
      .msg_iov = &v,
      .msg_iovlen = 1,
      .msg_control = control,
      .msg_controllen = CMSG_SPACE(max * sizeof(int)),
  };
  for (unsigned i = 0; i < max; i++)
    ret_fds[i] = -1;
  ssize_t n =
      recvmsg(plait__uv_socket_of(socket)->fd, &message, MSG_CMSG_CLOEXEC);
  *ret_n = n < 0 ? 0 : pass_collect(&message, ret_fds, max);
  return n < 0 ? -errno : n;
}

int plait__uv_check_fd(int fd) {
  return fcntl(fd, F_GETFD) < 0 ? PLAIT_EBADF : 0;
}
