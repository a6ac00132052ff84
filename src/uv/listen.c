/* Listening sockets: opening, accepting, refusing.
 *
 * Several TCP sockets share a port by SO_REUSEPORT, which would let a second
 * server in as well, without a word.  So the first one binds without it, which
 * fails if anybody has the port; only then is it set and the others join:
 *
 *   bind first -> REUSEPORT on first -> bind the others -> listen on all
 *
 * None listens before all are bound: a socket that listens alone for a moment
 * gets connections that the others were to share. */
#include "uv/backend.h"

#include <assert.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

static int listen_fail(const char **ret_step, const char *step, int code) {
  *ret_step = step;
  return code;
}

static int listen_set_options(int fd, const plait__listen_spec *spec,
                              bool shared) {
  int rc = plait__uv_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (!rc) /* Accepted sockets inherit it: one call instead of one each. */
    rc = plait__uv_set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (!rc && spec->address->family == PLAIT_IPV6)
    rc = plait__uv_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, !spec->dual);
  if (!rc && shared)
    rc = plait__uv_set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
  return rc;
}

/* On failure the caller closes *|ret_fd|, if it is not -1. */
static int listen_bind(const plait__listen_spec *spec,
                       const plait_address *address, bool shared, int *ret_fd,
                       const char **ret_step) {
  struct sockaddr_storage sa;
  socklen_t len;
  int rc = plait__uv_to_sockaddr(address, &sa, &len);
  if (rc)
    return listen_fail(ret_step, "address", rc);
  *ret_fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (*ret_fd < 0)
    return listen_fail(ret_step, "socket", -errno);
  rc = listen_set_options(*ret_fd, spec, shared);
  if (rc)
    return listen_fail(ret_step, "setsockopt", rc);
  if (bind(*ret_fd, (struct sockaddr *)&sa, len))
    return listen_fail(ret_step, "bind", -errno);
  return 0;
}

/* Binds the others to where the first one is: with port 0 the kernel chose. */
static int listen_join(const plait__listen_spec *spec, int *fds,
                       const char **ret_step) {
  plait_address address;
  int rc = plait__uv_names(fds[0], false, &address);
  if (rc)
    return listen_fail(ret_step, "getsockname", rc);
  rc = plait__uv_set(fds[0], SOL_SOCKET, SO_REUSEPORT, 1);
  if (rc)
    return listen_fail(ret_step, "setsockopt", rc);
  for (unsigned i = 1; i < spec->sockets && !rc; i++)
    rc = listen_bind(spec, &address, true, &fds[i], ret_step);
  return rc;
}

static int listen_start(const plait__listen_spec *spec, const int *fds,
                        const char **ret_step) {
  for (unsigned i = 0; i < spec->sockets; i++)
    if (listen(fds[i], (int)spec->backlog))
      return listen_fail(ret_step, "listen", -errno);
  return 0;
}

int plait__uv_listen(const plait__listen_spec *spec, int *ret_fds,
                     const char **ret_step) {
  assert(spec->sockets > 0 && spec->backlog <= INT32_MAX);
  if (spec->address->family == PLAIT_UNIX) {
    assert(spec->sockets == 1);
    return plait__uv_path_listen(spec, ret_fds, ret_step);
  }
  for (unsigned i = 0; i < spec->sockets; i++)
    ret_fds[i] = -1;
  int rc = listen_bind(spec, spec->address, false, &ret_fds[0], ret_step);
  if (!rc && spec->sockets > 1)
    rc = listen_join(spec, ret_fds, ret_step);
  if (!rc)
    rc = listen_start(spec, ret_fds, ret_step);
  for (unsigned i = 0; rc && i < spec->sockets; i++)
    if (ret_fds[i] >= 0)
      plait__uv_close_fd(ret_fds[i]);
  return rc;
}

int plait__uv_accept(plait__socket *listening, int *ret_fd,
                     plait_address *ret_peer) {
  struct sockaddr_storage sa;
  socklen_t len;
  int fd;
  do {
    len = sizeof sa;
    fd = accept4(plait__uv_socket_of(listening)->fd, (struct sockaddr *)&sa,
                 &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
  } while (fd < 0 && errno == EINTR);
  /* A UNIX listener that refuses answers EINVAL when its backlog is empty. */
  if (fd < 0)
    return errno == EINVAL ? PLAIT_EAGAIN : -errno;
  plait__uv_from_sockaddr(&sa, len, ret_peer);
  *ret_fd = fd;
  return 0;
}

/* Drops segments that have SYN and not ACK.  A filter on a listening socket
 * sees the segment from the TCP header on, the flags being byte 13; the last
 * ACK of a handshake in flight passes.  The SYN is not answered: to a client
 * that tries again later the port is closed, or its next server is there. */
static void listen_drop_syns(int fd) {
  enum { FLAGS_AT = 13, SYN = 0x02, ACK = 0x10 };
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, FLAGS_AT),
      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, SYN | ACK),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYN, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
  };
  struct sock_fprog program = {.len = sizeof code / sizeof code[0],
                               .filter = code};
  /* Without it new connections are accepted a little longer. */
  (void)setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

void plait__uv_refuse(plait__socket *listening) {
  int fd = plait__uv_socket_of(listening)->fd;
  int domain = AF_UNSPEC;
  socklen_t len = sizeof domain;
  if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len))
    return;
  if (domain == AF_UNIX)
    (void)shutdown(fd, SHUT_RD); /* connect() is refused, the queue stays */
  else
    listen_drop_syns(fd);
}
