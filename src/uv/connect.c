/* Connecting, and taking over descriptors that others opened. */
#include "uv/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

static int connect_bind(int fd, const plait_address *local) {
  struct sockaddr_storage sa;
  socklen_t len;
  int rc = plait__uv_to_sockaddr(local, &sa, &len);
  if (rc)
    return rc;
  if (sa.ss_family != AF_UNIX) {
    /* With port 0 the port is chosen when the peer is known, so that many
     * connections from one address may share the ports. */
    int option = local->port ? SO_REUSEADDR : IP_BIND_ADDRESS_NO_PORT;
    int level = local->port ? SOL_SOCKET : IPPROTO_IP;
    rc = plait__uv_set(fd, level, option, 1);
    if (rc)
      return rc;
  }
  return bind(fd, (struct sockaddr *)&sa, len) ? -errno : 0;
}

static int connect_open(int fd, const struct sockaddr_storage *sa,
                        socklen_t len, const plait_address *local,
                        const char **ret_step) {
  int rc = 0;
  *ret_step = "setsockopt";
  if (sa->ss_family != AF_UNIX)
    rc = plait__uv_set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (rc)
    return rc;
  *ret_step = "bind";
  if (local && local->family != PLAIT_NO_ADDRESS)
    rc = connect_bind(fd, local);
  if (rc)
    return rc;
  *ret_step = "connect";
  rc = connect(fd, (const struct sockaddr *)sa, len);
  /* Interrupted, it goes on as if it were in progress.  EAGAIN (a UNIX
   * listener's full backlog) is an end: nothing would ever come. */
  return !rc || errno == EINPROGRESS || errno == EINTR ? 0 : -errno;
}

int plait__uv_connect(const plait_address *peer, const plait_address *local,
                      int *ret_fd, const char **ret_step) {
  struct sockaddr_storage sa;
  socklen_t len;
  *ret_step = peer->family == PLAIT_UNIX ? "path" : "address";
  int rc = plait__uv_to_sockaddr(peer, &sa, &len);
  if (rc)
    return rc;
  *ret_step = "socket";
  int fd = socket(sa.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return -errno;
  rc = connect_open(fd, &sa, len, local, ret_step);
  if (rc)
    plait__uv_close_fd(fd);
  else
    *ret_fd = fd;
  return rc;
}

int plait__uv_finish_connect(plait__socket *socket) {
  int code = 0;
  socklen_t len = sizeof code;
  int fd = plait__uv_socket_of(socket)->fd;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &len))
    return -errno;
  return -code;
}

static int adopt_check(int fd, bool listening) {
  int type = 0, accepts = 0;
  socklen_t len = sizeof type;
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len))
    return -errno; /* EBADF, ENOTSOCK */
  len = sizeof accepts;
  if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &len))
    return -errno;
  if (type != SOCK_STREAM || (accepts != 0) != listening)
    return PLAIT_EINVAL;
  struct sockaddr_storage sa;
  len = sizeof sa;
  if (!listening && getpeername(fd, (struct sockaddr *)&sa, &len))
    return PLAIT_EINVAL; /* ENOTCONN: never connected, or gone */
  return 0;
}

int plait__uv_adopt(int fd, bool listening) {
  int rc = adopt_check(fd, listening);
  if (rc)
    return rc;
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
    return -errno;
  /* It is ours from now on, and ours are not for children. */
  return fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? -errno : 0;
}
