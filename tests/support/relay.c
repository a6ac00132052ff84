#include "support/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/require.h"

enum { RELAY_BYTES = 16 * 1024 };

/* One direction. */
struct way {
  int from, to;
  char bytes[RELAY_BYTES];
  size_t at, len; /* what is still to be sent */
  bool ended;     /* |from| has */
  bool over;      /* so |to| was told */
};

static bool again(ssize_t n) {
  return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* As shutdown(2); a pipe has one direction, and |fd| stays a descriptor. */
static void end(int fd, int how) {
  if (shutdown(fd, how) == 0 || errno != ENOTSOCK)
    return;
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  require(null >= 0 && dup3(null, fd, O_CLOEXEC) == fd, "no /dev/null");
  close(null);
}

static void way_read(struct way *w) {
  ssize_t n = recv(w->from, w->bytes, sizeof w->bytes, MSG_DONTWAIT);
  if (n < 0 && errno == ENOTSOCK)
    n = read(w->from, w->bytes, sizeof w->bytes);
  w->at = 0;
  if (n > 0)
    w->len = (size_t)n;
  else if (!again(n))
    w->ended = true;
}

/* |to| takes no more, and |from| is to know. */
static void way_break(struct way *w) {
  end(w->from, SHUT_RD);
  w->len = 0;
  w->ended = w->over = true;
}

static void way_write(struct way *w) {
  ssize_t n =
      send(w->to, w->bytes + w->at, w->len, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (n < 0 && errno == ENOTSOCK)
    n = write(w->to, w->bytes + w->at, w->len);
  if (n >= 0) {
    w->at += (size_t)n;
    w->len -= (size_t)n;
  } else if (!again(n)) {
    way_break(w);
  }
}

static void way_move(struct way *w) {
  if (!w->ended && w->len == 0)
    way_read(w);
  if (w->len > 0)
    way_write(w);
  if (w->ended && w->len == 0 && !w->over) {
    end(w->to, SHUT_WR);
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
  if (poll(p, ENDS, -1) < 0) {
    require(errno == EINTR, "poll");
    return;
  }
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

void relay_between(int fd, int in, int out) {
  struct way ways[2] = {{.from = fd, .to = out}, {.from = in, .to = fd}};
  bool gone[ENDS] = {false};
  while (!ways[0].over || !ways[1].over)
    relay_step(ways, gone);
}

int relay(int fd, void *arg) {
  int inner = (int)(intptr_t)arg;
  relay_between(fd, inner, inner);
  close(inner);
  return 0;
}
