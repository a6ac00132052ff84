/* Names and options of sockets. */
#include "uv/backend.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

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

/* What an option is to the system. */
typedef struct option_row {
  int level, name;
  unsigned unit; /* of milliseconds: 1, or 1,000 for seconds */
} option_row;

enum { OPTION_SECONDS_MAX = 32767 }; /* what Linux takes at most */

static const option_row option_rows[] = {
    [PLAIT_OPTION_DEBUG] = {SOL_SOCKET, SO_DEBUG, 0},
    [PLAIT_OPTION_ACCEPTCONN] = {SOL_SOCKET, SO_ACCEPTCONN, 0},
    [PLAIT_OPTION_REUSE_ADDRESS] = {SOL_SOCKET, SO_REUSEADDR, 0},
    [PLAIT_OPTION_KEEP_ALIVE] = {SOL_SOCKET, SO_KEEPALIVE, 0},
    [PLAIT_OPTION_DONT_ROUTE] = {SOL_SOCKET, SO_DONTROUTE, 0},
    [PLAIT_OPTION_BROADCAST] = {SOL_SOCKET, SO_BROADCAST, 0},
    [PLAIT_OPTION_OOB_INLINE] = {SOL_SOCKET, SO_OOBINLINE, 0},
    [PLAIT_OPTION_NODELAY] = {IPPROTO_TCP, TCP_NODELAY, 0},
    [PLAIT_OPTION_QUICKACK] = {IPPROTO_TCP, TCP_QUICKACK, 0},
    [PLAIT_OPTION_KEEP_ALIVE_IDLE] = {IPPROTO_TCP, TCP_KEEPIDLE, 1000},
    [PLAIT_OPTION_KEEP_ALIVE_INTERVAL] = {IPPROTO_TCP, TCP_KEEPINTVL, 1000},
    [PLAIT_OPTION_USER_TIMEOUT] = {IPPROTO_TCP, TCP_USER_TIMEOUT, 1},
    [PLAIT_OPTION_SEND_TIMEOUT] = {SOL_SOCKET, SO_SNDTIMEO, 1},
    [PLAIT_OPTION_RECEIVE_TIMEOUT] = {SOL_SOCKET, SO_RCVTIMEO, 1},
    [PLAIT_OPTION_SEND_BUFFER] = {SOL_SOCKET, SO_SNDBUF, 0},
    [PLAIT_OPTION_RECEIVE_BUFFER] = {SOL_SOCKET, SO_RCVBUF, 0},
    [PLAIT_OPTION_SEND_LOWAT] = {SOL_SOCKET, SO_SNDLOWAT, 0},
    [PLAIT_OPTION_RECEIVE_LOWAT] = {SOL_SOCKET, SO_RCVLOWAT, 0},
    [PLAIT_OPTION_UNSENT_LOWAT] = {IPPROTO_TCP, TCP_NOTSENT_LOWAT, 0},
    [PLAIT_OPTION_KEEP_ALIVE_COUNT] = {IPPROTO_TCP, TCP_KEEPCNT, 0},
    [PLAIT_OPTION_PRIORITY] = {SOL_SOCKET, SO_PRIORITY, 0},
    [PLAIT_OPTION_TOS] = {IPPROTO_IP, IP_TOS, 0},
    [PLAIT_OPTION_LINGER] = {SOL_SOCKET, SO_LINGER, 0},
    [PLAIT_OPTION_CONGESTION] = {IPPROTO_TCP, TCP_CONGESTION, 0},
    [PLAIT_OPTION_TYPE] = {SOL_SOCKET, SO_TYPE, 0},
};

static int option_get(int fd, const option_row *o, void *ret, socklen_t len) {
  return getsockopt(fd, o->level, o->name, ret, &len) ? -errno : 0;
}

static int option_put(int fd, const option_row *o, const void *value,
                      socklen_t len) {
  return setsockopt(fd, o->level, o->name, value, len) ? -errno : 0;
}

/* ---- flags, numbers, bytes, milliseconds --------------------------------- */

static unsigned option_unit(const option_row *o, const plait_option_value *v) {
  return v->type == PLAIT_OPTION_IS_MS ? o->unit : 1;
}

static int option_from(const option_row *o, const plait_option_value *v) {
  unsigned unit = option_unit(o, v);
  if (v->type == PLAIT_OPTION_IS_FLAG)
    return v->on;
  uint32_t n = v->number / unit + (v->number % unit != 0);
  if (unit == 1000 && n > OPTION_SECONDS_MAX)
    n = OPTION_SECONDS_MAX;
  return (int)n;
}

static int option_int(int fd, const option_row *o, bool set,
                      plait_option_value *v) {
  int n = set ? option_from(o, v) : 0;
  if (set)
    return option_put(fd, o, &n, sizeof n);
  int rc = option_get(fd, o, &n, sizeof n);
  v->on = n != 0;
  v->number = n < 0 ? UINT32_MAX : (uint32_t)n * option_unit(o, v);
  return rc;
}

/* ---- the others ---------------------------------------------------------- */

static int option_time(int fd, const option_row *o, bool set,
                       plait_option_value *v) {
  struct timeval tv = {(time_t)(v->number / 1000),
                       (suseconds_t)(v->number % 1000) * 1000};
  if (set)
    return option_put(fd, o, &tv, sizeof tv);
  int rc = option_get(fd, o, &tv, sizeof tv);
  v->number = (uint32_t)(tv.tv_sec * 1000 + (tv.tv_usec + 999) / 1000);
  return rc;
}

static int option_linger(int fd, const option_row *o, plait_option_value *v) {
  struct linger linger = {0};
  int rc = option_get(fd, o, &linger, sizeof linger);
  v->on = linger.l_onoff != 0;
  v->number = (uint32_t)linger.l_linger * 1000;
  return rc;
}

static int option_text(int fd, const option_row *o, bool set,
                       plait_option_value *v) {
  if (set)
    return option_put(fd, o, v->text, (socklen_t)strlen(v->text));
  return option_get(fd, o, v->text, sizeof v->text - 1);
}

static int option_type(int fd, const option_row *o, plait_option_value *v) {
  int type = 0;
  int rc = option_get(fd, o, &type, sizeof type);
  snprintf(v->text, sizeof v->text, "%s",
           type == SOCK_STREAM ? "stream" : "another");
  return rc;
}

/* IPv6 has another one; a socket of it that speaks IPv4 has both, and sends
 * what that of IPv4 says. */
static int option_tos(int fd, bool set, plait_option_value *v) {
  static const option_row six = {IPPROTO_IPV6, IPV6_TCLASS, 0};
  int domain = AF_INET;
  socklen_t len = sizeof domain;
  (void)getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len);
  const option_row *four = &option_rows[PLAIT_OPTION_TOS];
  if (domain != AF_INET6)
    return option_int(fd, four, set, v);
  int rc = option_int(fd, &six, set, v);
  return rc || !set ? rc : option_int(fd, four, true, v);
}

int plait__uv_option(plait__socket *socket, bool set, plait_option option,
                     plait_option_value *value) {
  int fd = plait__uv_socket_of(socket)->fd;
  const option_row *o = &option_rows[option];
  switch (option) {
  case PLAIT_OPTION_TOS:
    return option_tos(fd, set, value);
  case PLAIT_OPTION_SEND_TIMEOUT:
  case PLAIT_OPTION_RECEIVE_TIMEOUT:
    return option_time(fd, o, set, value);
  case PLAIT_OPTION_LINGER:
    return option_linger(fd, o, value);
  case PLAIT_OPTION_CONGESTION:
    return option_text(fd, o, set, value);
  case PLAIT_OPTION_TYPE:
    return option_type(fd, o, value);
  default:
    return option_int(fd, o, set, value);
  }
}
