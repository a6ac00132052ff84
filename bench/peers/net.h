/* What the peer servers share: a listening socket on loopback, its port told
 * on stdout, and as many descriptors as the system lets us have.  TCP_NODELAY
 * is set on the listener, from which every accepted socket inherits it, so no
 * peer pays for a system call per connection that another one saves. */
#ifndef PEERS_NET_H
#define PEERS_NET_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* Read buffers begin at a page: the kernel copies into one that lies askew at
 * up to half the speed, and the reference shall not lose by that. */
enum {
  READ_BYTES = 256 * 1024, /* one read per wake-up of at most this */
  READ_ALIGNMENT = 4096,
  ACCEPTS_MAX = 64, /* accepts per wake-up */
  BACKLOG = 4096
};

static inline void net_die(const char *what) {
  perror(what);
  exit(1);
}

static inline void net_raise_limits(void) {
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files))
    net_die("getrlimit");
  files.rlim_cur = files.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &files))
    net_die("setrlimit");
}

/* Prints "listening on PORT", which the harness waits for. */
static inline void net_tell_port(int fd) {
  struct sockaddr_in a;
  socklen_t len = sizeof a;
  if (getsockname(fd, (struct sockaddr *)&a, &len))
    net_die("getsockname");
  printf("listening on %d\n", ntohs(a.sin_port));
  fflush(stdout);
}

/* A non-blocking listener on 127.0.0.1, at the port in the first argument or,
 * without one, at any that is free.  Connections wait in its backlog until the
 * server's loop runs, so the port may be told right away. */
static inline int net_listen(int argc, char **argv) {
  int one = 1, port = argc > 1 ? atoi(argv[1]) : 0;
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  struct sockaddr_in a;
  signal(SIGPIPE, SIG_IGN);
  net_raise_limits();
  memset(&a, 0, sizeof a);
  a.sin_family = AF_INET;
  a.sin_port = htons((uint16_t)port);
  a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0)
    net_die("socket");
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (bind(fd, (struct sockaddr *)&a, sizeof a))
    net_die("bind");
  if (listen(fd, BACKLOG))
    net_die("listen");
  net_tell_port(fd);
  return fd;
}

static inline int net_accept(int listener) {
  return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

#endif
