/* A UDP echo on raw epoll: recvfrom() and sendto() for each datagram, until
 * there are no more. */
#include "net.h"

#include <sys/epoll.h>

enum { DATAGRAM_BYTES = 65536 };

static int bind_datagrams(void) {
  struct sockaddr_in a = {.sin_family = AF_INET,
                          .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    net_die("socket");
  if (bind(fd, (struct sockaddr *)&a, sizeof a))
    net_die("bind");
  net_tell_port(fd);
  return fd;
}

static void echo_all(int fd) {
  static char data[DATAGRAM_BYTES];
  struct sockaddr_in from;
  socklen_t len = sizeof from;
  ssize_t n;
  while ((n = recvfrom(fd, data, sizeof data, 0, (struct sockaddr *)&from,
                       &len)) >= 0) {
    if (sendto(fd, data, (size_t)n, 0, (struct sockaddr *)&from, len) < 0 &&
        errno != EAGAIN)
      net_die("sendto");
    len = sizeof from;
  }
  if (errno != EAGAIN)
    net_die("recvfrom");
}

int main(void) {
  int poller = epoll_create1(EPOLL_CLOEXEC), fd = bind_datagrams();
  struct epoll_event e = {.events = EPOLLIN};
  if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e))
    net_die("epoll_ctl");
  for (;;)
    if (epoll_wait(poller, &e, 1, -1) > 0)
      echo_all(fd);
}
