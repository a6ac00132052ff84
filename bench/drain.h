/* Socket pairs whose other ends a process of its own reads empty, so that the
 * CPU time of writing is apart from that of reading. */
#ifndef BENCH_DRAIN_H
#define BENCH_DRAIN_H

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { DRAIN_CONNECTIONS = 1000, DRAIN_MESSAGE = 64 };

static int drain_fds[DRAIN_CONNECTIONS];

static inline void drain_loop(const int *ends) {
  static char bytes[65536];
  struct epoll_event events[64];
  int ep = epoll_create1(0), left = DRAIN_CONNECTIONS;
  for (int i = 0; i < DRAIN_CONNECTIONS; i++) {
    struct epoll_event e = {.events = EPOLLIN, .data.fd = ends[i]};
    epoll_ctl(ep, EPOLL_CTL_ADD, ends[i], &e);
  }
  while (left > 0) {
    int n = epoll_wait(ep, events, 64, -1);
    for (int i = 0; i < n; i++)
      if (read(events[i].data.fd, bytes, sizeof bytes) <= 0) {
        close(events[i].data.fd);
        left--;
      }
  }
  _exit(0);
}

/* Before any thread is started.  False: no descriptors. */
static inline int drain_open(void) {
  static int ends[DRAIN_CONNECTIONS];
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  for (int i = 0; i < DRAIN_CONNECTIONS; i++) {
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
      return 0;
    fcntl(fds[0], F_SETFL, O_NONBLOCK);
    drain_fds[i] = fds[0];
    ends[i] = fds[1];
  }
  pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int i = 0; i < DRAIN_CONNECTIONS; i++)
      close(drain_fds[i]);
    drain_loop(ends);
  }
  for (int i = 0; i < DRAIN_CONNECTIONS; i++)
    close(ends[i]);
  return child > 0;
}

static inline double drain_seconds(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static inline void drain_report(double begin, double messages, double wakes) {
  printf("seconds=%.4f cpu_s=%.4f messages=%.0f wakes=%.0f\n",
         drain_seconds(CLOCK_MONOTONIC) - begin,
         drain_seconds(CLOCK_PROCESS_CPUTIME_ID), messages, wakes);
}

#endif
