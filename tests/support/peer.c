/* Plain sockets. */
#include "support/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "support/pattern.h"
#include "support/require.h"

enum { PEER_PIECE = 64 << 10 };

static int peer_connect_to(const struct sockaddr *a, socklen_t len) {
  int fd = socket(a->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return -errno;
  if (connect(fd, a, len) == 0)
    return fd;
  int error = errno;
  close(fd);
  return -error;
}

int peer_connect(const char *endpoint) {
  unsigned port = 0;
  if (sscanf(endpoint, "tcp:127.0.0.1:%u", &port) == 1) {
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((uint16_t)port),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return peer_connect_to((struct sockaddr *)&a, sizeof a);
  }
  struct sockaddr_un u = {.sun_family = AF_UNIX};
  require(strncmp(endpoint, "unix:", 5) == 0, "endpoint '%s'", endpoint);
  snprintf(u.sun_path, sizeof u.sun_path, "%s", endpoint + 5);
  return peer_connect_to((struct sockaddr *)&u, sizeof u);
}

void peer_endpoint(const char *listening, char *ret, size_t size) {
  unsigned port = 0;
  if (sscanf(listening, "tcp:%u", &port) == 1)
    snprintf(ret, size, "tcp:127.0.0.1:%u", port);
  else
    snprintf(ret, size, "%s", listening);
}

void peer_tcp_pair(int fds[2]) {
  struct sockaddr_storage a = {.ss_family = AF_INET};
  socklen_t len = sizeof a;
  int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  require(listen(listening, 1) == 0 &&
              getsockname(listening, (struct sockaddr *)&a, &len) == 0 &&
              connect(fds[1], (struct sockaddr *)&a, len) == 0,
          "no TCP");
  fds[0] = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
  require(fds[0] >= 0, "no connection");
  close(listening);
}

bool peer_send(int fd, uint64_t len) {
  uint8_t piece[PEER_PIECE];
  for (uint64_t at = 0; at < len;) {
    size_t n = len - at < sizeof piece ? (size_t)(len - at) : sizeof piece;
    pattern_fill(piece, at, n);
    ssize_t sent = send(fd, piece, n, MSG_NOSIGNAL);
    if (sent < 0)
      return false;
    at += (uint64_t)sent;
  }
  return true;
}

uint64_t peer_read_all(int fd, int *ret_error) {
  uint8_t piece[PEER_PIECE];
  uint64_t at = 0;
  for (;;) {
    ssize_t n = recv(fd, piece, sizeof piece, 0);
    *ret_error = n < 0 ? errno : 0;
    if (n <= 0)
      return at;
    size_t good = pattern_match(piece, at, (size_t)n);
    require(good == (size_t)n, "wrong byte at %llu",
            (unsigned long long)(at + good));
    at += (uint64_t)n;
  }
}

bool peer_readable(int fd, int wait_ms) {
  struct pollfd p = {.fd = fd, .events = POLLIN};
  return poll(&p, 1, wait_ms) > 0;
}

void peer_raise_limit(unsigned n) {
  struct rlimit limit;
  require(getrlimit(RLIMIT_NOFILE, &limit) == 0, "no limit");
  if (limit.rlim_cur >= n)
    return;
  limit.rlim_cur = n;
  require(n <= limit.rlim_max && setrlimit(RLIMIT_NOFILE, &limit) == 0,
          "%u descriptors are not allowed", n);
}
