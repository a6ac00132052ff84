#include "support/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <plait/error.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/require.h"

enum { RELAY_BYTES = 16 * 1024 };

/* One direction. */
struct way {
  const struct relay_calls *calls;
  int from, to;
  char bytes[RELAY_BYTES];
  size_t at, len; /* what is still to be sent */
  bool ended;     /* |from| has */
  bool over;      /* so |to| was told */
};

static void way_read(struct way *w) {
  ptrdiff_t n = w->calls->read(w->from, w->bytes, sizeof w->bytes);
  w->at = 0;
  if (n > 0)
    w->len = (size_t)n;
  else if (n != PLAIT_EAGAIN)
    w->ended = true;
}

/* |to| takes no more, and |from| is to know. */
static void way_break(struct way *w) {
  w->calls->end(w->from, true);
  w->len = 0;
  w->ended = w->over = true;
}

static void way_write(struct way *w) {
  ptrdiff_t n = w->calls->write(w->to, w->bytes + w->at, w->len);
  if (n >= 0) {
    w->at += (size_t)n;
    w->len -= (size_t)n;
  } else if (n != PLAIT_EAGAIN) {
    way_break(w);
  }
}

static void way_move(struct way *w) {
  if (!w->ended && w->len == 0)
    way_read(w);
  if (w->len > 0)
    way_write(w);
  if (w->ended && w->len == 0 && !w->over) {
    w->calls->end(w->to, false);
    w->over = true;
  }
}

/* What one is watched for that |out| comes from and |in| goes to; either may be
 * NULL. */
static short way_events(const struct way *out, const struct way *in) {
  short events = 0;
  if (out != NULL && !out->ended && out->len == 0)
    events |= POLLIN;
  if (in != NULL && in->len > 0)
    events |= POLLOUT;
  return events;
}

enum { ENDS = 3 };

/* The ends: |fd|, where |ways[1]| comes from, where |ways[0]| goes to. */
static void relay_step(struct way *ways, bool *gone) {
  struct way *from[ENDS] = {&ways[0], &ways[1], NULL};
  struct way *to[ENDS] = {&ways[1], NULL, &ways[0]};
  const int fds[ENDS] = {ways[0].from, ways[1].from, ways[0].to};
  struct pollfd p[ENDS];
  for (int i = 0; i < ENDS; i++) {
    short events = way_events(from[i], to[i]);
    p[i] = (struct pollfd){.fd = gone[i] && events == 0 ? -1 : fds[i],
                           .events = events};
  }
  ways[0].calls->wait(p, ENDS);
  for (int i = 0; i < ENDS; i++) {
    if (p[i].revents & (POLLHUP | POLLERR) && !gone[i]) {
      gone[i] = true;
      if (to[i] != NULL)
        way_break(to[i]);
    }
  }
  way_move(&ways[0]);
  way_move(&ways[1]);
}

void relay_between(const struct relay_calls *calls, int fd, int in, int out) {
  struct way ways[2] = {{.calls = calls, .from = fd, .to = out},
                        {.calls = calls, .from = in, .to = fd}};
  bool gone[ENDS] = {false};
  while (!ways[0].over || !ways[1].over)
    relay_step(ways, gone);
}

/* ---- the kernel ----------------------------------------------------------*/

static ptrdiff_t answer(ssize_t n) {
  if (n >= 0)
    return n;
  return errno == EINTR ? PLAIT_EAGAIN : -errno;
}

static ptrdiff_t kernel_read(int fd, void *bytes, size_t len) {
  ssize_t n = recv(fd, bytes, len, MSG_DONTWAIT);
  if (n < 0 && errno == ENOTSOCK)
    n = read(fd, bytes, len);
  return answer(n);
}

static ptrdiff_t kernel_write(int fd, const void *bytes, size_t len) {
  ssize_t n = send(fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n < 0 && errno == ENOTSOCK)
    n = write(fd, bytes, len);
  return answer(n);
}

/* A pipe has one direction, and |fd| stays a descriptor. */
static void kernel_end(int fd, bool reading) {
  if (shutdown(fd, reading ? SHUT_RD : SHUT_WR) == 0 || errno != ENOTSOCK)
    return;
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  require(null >= 0 && dup3(null, fd, O_CLOEXEC) == fd, "no /dev/null");
  close(null);
}

static void kernel_wait(struct pollfd *p, unsigned n) {
  require(poll(p, n, -1) >= 0 || errno == EINTR, "poll");
}

const struct relay_calls relay_kernel = {kernel_read, kernel_write, kernel_end,
                                         kernel_wait};

int relay(int fd, void *arg) {
  int inner = (int)(intptr_t)arg;
  relay_between(&relay_kernel, fd, inner, inner);
  close(inner);
  return 0;
}
