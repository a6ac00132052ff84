/* Names and options of sockets. */
#include "uv/backend.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

int plait__uv_set(int fd, int level, int name, int value) {
  return setsockopt(fd, level, name, &value, sizeof value) ? -errno : 0;
}

int plait__uv_names(int fd, bool peer, plait_address *ret) {
  struct sockaddr_storage sa;
  socklen_t len = sizeof sa;
  int rc = peer ? getpeername(fd, (struct sockaddr *)&sa, &len)
                : getsockname(fd, (struct sockaddr *)&sa, &len);
  if (rc)
    return -errno;
  plait__uv_from_sockaddr(&sa, len, ret);
  return 0;
}

static int option_keepalive(int fd, unsigned seconds) {
  int rc = plait__uv_set(fd, SOL_SOCKET, SO_KEEPALIVE, seconds != 0);
  if (rc || !seconds)
    return rc;
  /* What Linux takes at most. */
  int value = seconds < 32767 ? (int)seconds : 32767;
  return plait__uv_set(fd, IPPROTO_TCP, TCP_KEEPIDLE, value);
}

int plait__uv_option(plait__socket *socket, plait__option option,
                     unsigned value) {
  int fd = plait__uv_socket_of(socket)->fd;
  switch (option) {
  case PLAIT__NODELAY:
    return plait__uv_set(fd, IPPROTO_TCP, TCP_NODELAY, value != 0);
  case PLAIT__KEEPALIVE:
    return option_keepalive(fd, value);
  }
  return PLAIT_EINVAL;
}
