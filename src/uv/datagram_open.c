/* Sockets for datagrams: opening and setting.
 *
 * Several share a port as listening ones do (listen.c): the first binds alone,
 * so that a port that somebody else has is refused, and lets the others in
 * then.  What comes before they have joined goes to the first. */
#include "uv/backend.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

static int open_fail(const char **ret_step, const char *step, int code) {
  *ret_step = step;
  return code;
}

/* Whether |a| is one address of a host: what comes to it was sent to it. */
static bool is_one(const plait_address *a) {
  static const uint8_t any[sizeof a->ip];
  if (a->family == PLAIT_IPV4)
    return memcmp(a->ip, any, 4) && a->ip[0] < 224;
  return a->family == PLAIT_IPV6 && memcmp(a->ip, any, sizeof any) &&
         a->ip[0] != 0xff;
}

/* Where a datagram was sent to is told with it, at some cost, where there is
 * more than one answer; and a socket gets what goes to its own groups, not to
 * those of all. */
static int set_ip(int fd, int family, const plait__datagram_spec *spec) {
  int rc, told = !spec->peer && !is_one(spec->local);
  if (family == AF_INET) {
    rc = plait__uv_set(fd, IPPROTO_IP, IP_PKTINFO, told);
    if (!rc)
      rc = plait__uv_set(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
    return rc;
  }
  rc = plait__uv_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, !spec->dual && !spec->peer);
  if (!rc)
    rc = plait__uv_set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, told);
  if (!rc) /* for the IPv4 of a dual one */
    rc = plait__uv_set(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
  if (!rc)
    rc = plait__uv_set(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
  return rc;
}

static int set_all(int fd, int family, const plait__datagram_spec *spec,
                   bool joins) {
  int rc = family != AF_UNIX ? set_ip(fd, family, spec) : 0;
  if (!rc && spec->shared)
    rc = plait__uv_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (!rc && (spec->shared || joins))
    rc = plait__uv_set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
  if (!rc && spec->receive_bytes)
    rc = plait__uv_set(
        fd, SOL_SOCKET, SO_RCVBUF,
        spec->receive_bytes < INT32_MAX ? (int)spec->receive_bytes : INT32_MAX);
  return rc;
}

static int open_bind(int fd, const plait_address *local, int mode,
                     const char **ret_step) {
  struct sockaddr_storage sa;
  socklen_t len;
  if (local->family == PLAIT_NO_ADDRESS)
    return 0;
  if (local->family == PLAIT_UNIX)
    return plait__uv_path_bind(fd, SOCK_DGRAM, local, mode, ret_step);
  *ret_step = "bind";
  int rc = plait__uv_to_sockaddr(local, &sa, &len);
  if (!rc && bind(fd, (struct sockaddr *)&sa, len))
    rc = -errno;
  return rc;
}

static int open_connect(int fd, const plait_address *peer,
                        const char **ret_step) {
  struct sockaddr_storage sa;
  socklen_t len;
  *ret_step = "connect";
  int rc = plait__uv_to_sockaddr(peer, &sa, &len);
  if (!rc && connect(fd, (struct sockaddr *)&sa, len))
    rc = -errno;
  return rc;
}

/* One that |joins| those on |local|.  On failure the caller closes *|ret_fd|,
 * if it is not -1. */
static int open_one(const plait__datagram_spec *spec,
                    const plait_address *local, bool joins, int *ret_fd,
                    const char **ret_step) {
  const plait_address *either = spec->peer ? spec->peer : local;
  int family = either->family == PLAIT_IPV4   ? AF_INET
               : either->family == PLAIT_IPV6 ? AF_INET6
                                              : AF_UNIX;
  *ret_fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (*ret_fd < 0)
    return open_fail(ret_step, "socket", -errno);
  int rc = set_all(*ret_fd, family, spec, joins);
  if (rc)
    return open_fail(ret_step, "setsockopt", rc);
  rc = open_bind(*ret_fd, local, spec->mode, ret_step);
  if (!rc && spec->peer)
    rc = open_connect(*ret_fd, spec->peer, ret_step);
  return rc;
}

/* The others, to where the first one is. */
static int open_others(const plait__datagram_spec *spec, int *fds,
                       const char **ret_step) {
  plait_address address;
  int rc = plait__uv_names(fds[0], false, &address);
  if (rc)
    return open_fail(ret_step, "getsockname", rc);
  rc = plait__uv_set(fds[0], SOL_SOCKET, SO_REUSEPORT, 1);
  if (rc)
    return open_fail(ret_step, "setsockopt", rc);
  for (unsigned i = 1; i < spec->sockets && !rc; i++)
    rc = open_one(spec, &address, true, &fds[i], ret_step);
  return rc;
}

int plait__uv_datagram_open(const plait__datagram_spec *spec, int *ret_fds,
                            const char **ret_step) {
  for (unsigned i = 0; i < spec->sockets; i++)
    ret_fds[i] = -1;
  int rc = open_one(spec, spec->local, false, &ret_fds[0], ret_step);
  if (!rc && spec->sockets > 1)
    rc = open_others(spec, ret_fds, ret_step);
  for (unsigned i = 0; rc && i < spec->sockets; i++)
    if (ret_fds[i] >= 0)
      plait__uv_close_fd(ret_fds[i]);
  return rc;
}

/* ---- settings ------------------------------------------------------------ */

static int socket_family(int fd) {
  int family = AF_UNSPEC;
  socklen_t len = sizeof family;
  return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) ? -errno : family;
}

static int option_ipv4(int fd, plait__datagram_option option, int value) {
  struct ip_mreqn by = {.imr_ifindex = value};
  switch (option) {
  case PLAIT__MULTICAST_TTL:
    return plait__uv_set(fd, IPPROTO_IP, IP_MULTICAST_TTL, value);
  case PLAIT__MULTICAST_LOOP:
    return plait__uv_set(fd, IPPROTO_IP, IP_MULTICAST_LOOP, value);
  default:
    return setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &by, sizeof by) ? -errno
                                                                       : 0;
  }
}

static int option_ipv6(int fd, plait__datagram_option option, int value) {
  switch (option) {
  case PLAIT__MULTICAST_TTL:
    return plait__uv_set(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, value);
  case PLAIT__MULTICAST_LOOP:
    return plait__uv_set(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, value);
  default:
    return plait__uv_set(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, value);
  }
}

int plait__uv_datagram_option(plait__socket *socket,
                              plait__datagram_option option, unsigned value) {
  int fd = plait__uv_socket_of(socket)->fd;
  int family = socket_family(fd);
  if (family < 0)
    return family;
  if (family != AF_INET && family != AF_INET6)
    return PLAIT_ENOTSUP;
  if (value > INT32_MAX)
    return PLAIT_EINVAL;
  if (option == PLAIT__BROADCAST)
    return plait__uv_set(fd, SOL_SOCKET, SO_BROADCAST, value != 0);
  return family == AF_INET ? option_ipv4(fd, option, (int)value)
                           : option_ipv6(fd, option, (int)value);
}

int plait__uv_group(plait__socket *socket, bool join,
                    const plait_address *group, unsigned interface) {
  int fd = plait__uv_socket_of(socket)->fd;
  struct group_req request = {.gr_interface = interface};
  socklen_t len;
  int family = socket_family(fd);
  if (family < 0)
    return family;
  if (family != AF_INET && family != AF_INET6)
    return PLAIT_ENOTSUP;
  if ((group->family == PLAIT_IPV4) != (family == AF_INET))
    return PLAIT_EINVAL;
  int rc = plait__uv_to_sockaddr(group, &request.gr_group, &len);
  if (rc)
    return rc;
  int level = family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
  int name = join ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP;
  return setsockopt(fd, level, name, &request, sizeof request) ? -errno : 0;
}
