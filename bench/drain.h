/* Socket pairs whose other ends a process of its own reads empty, so that the
 * CPU time of writing is apart from that of reading.  It counts what it gets:
 * a program that loses some of its messages has measured nothing. */
#ifndef BENCH_DRAIN_H
#define BENCH_DRAIN_H

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { DRAIN_CONNECTIONS = 1000, DRAIN_MESSAGE = 64 };

static int drain_fds[DRAIN_CONNECTIONS];
static struct {
  pid_t child;
  uint64_t *bytes; /* shared with it */
  double begin, cpu_begin;
} drain;

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
    for (int i = 0; i < n; i++) {
      ssize_t got = read(events[i].data.fd, bytes, sizeof bytes);
      if (got > 0) {
        *drain.bytes += (uint64_t)got;
        continue;
      }
      close(events[i].data.fd);
      left--;
    }
  }
  _exit(0);
}

static inline int drain_pairs(int *ends) {
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
  return 1;
}

/* Before any thread is started.  False: no descriptors, or no memory. */
static inline int drain_open(void) {
  static int ends[DRAIN_CONNECTIONS];
  drain.bytes = mmap(NULL, sizeof *drain.bytes, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (drain.bytes == MAP_FAILED || !drain_pairs(ends))
    return 0;
  drain.child = fork();
  if (drain.child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int i = 0; i < DRAIN_CONNECTIONS; i++)
      close(drain_fds[i]);
    drain_loop(ends);
  }
  for (int i = 0; i < DRAIN_CONNECTIONS; i++)
    close(ends[i]);
  return drain.child > 0;
}

static inline double drain_seconds(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static inline void drain_begin(void) {
  drain.begin = drain_seconds(CLOCK_MONOTONIC);
  drain.cpu_begin = drain_seconds(CLOCK_PROCESS_CPUTIME_ID);
}

/* When all of |drain_fds| are closed: waits until everything is read.  What
 * main() returns. */
static inline int drain_report(unsigned long messages, unsigned long wakes) {
  double cpu_s = drain_seconds(CLOCK_PROCESS_CPUTIME_ID) - drain.cpu_begin;
  waitpid(drain.child, NULL, 0);
  if (*drain.bytes != (uint64_t)messages * DRAIN_MESSAGE) {
    printf("FAIL %llu bytes came of %lu messages\n",
           (unsigned long long)*drain.bytes, messages);
    return 1;
  }
  printf("seconds=%.4f cpu_s=%.4f messages=%lu wakes=%lu\n",
         drain_seconds(CLOCK_MONOTONIC) - drain.begin, cpu_s, messages, wakes);
  return 0;
}

#endif
