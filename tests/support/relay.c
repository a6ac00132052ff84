#include "support/relay.h"

#include <errno.h>
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

static void way_read(struct way *w) {
  ssize_t n = recv(w->from, w->bytes, sizeof w->bytes, MSG_DONTWAIT);
  w->at = 0;
  if (n > 0)
    w->len = (size_t)n;
  else if (!again(n))
    w->ended = true;
}

/* |to| takes no more, and |from| is to know. */
static void way_break(struct way *w) {
  shutdown(w->from, SHUT_RD);
  w->len = 0;
  w->ended = w->over = true;
}

static void way_write(struct way *w) {
  ssize_t n =
      send(w->to, w->bytes + w->at, w->len, MSG_DONTWAIT | MSG_NOSIGNAL);
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
    shutdown(w->to, SHUT_WR);
    w->over = true;
  }
}

/* What the end is watched for that |out| comes from and |in| goes to. */
static short way_events(const struct way *out, const struct way *in) {
  short events = 0;
  if (!out->ended && out->len == 0)
    events |= POLLIN;
  if (in->len > 0)
    events |= POLLOUT;
  return events;
}

static void relay_step(struct way *ways, bool *gone) {
  struct pollfd p[2];
  for (int i = 0; i < 2; i++) {
    short events = way_events(&ways[i], &ways[1 - i]);
    p[i] = (struct pollfd){.fd = gone[i] && events == 0 ? -1 : ways[i].from,
                           .events = events};
  }
  if (poll(p, 2, -1) < 0) {
    require(errno == EINTR, "poll");
    return;
  }
  for (int i = 0; i < 2; i++) {
    if (p[i].revents & (POLLHUP | POLLERR) && !gone[i]) {
      gone[i] = true;
      way_break(&ways[1 - i]);
    }
  }
  way_move(&ways[0]);
  way_move(&ways[1]);
}

int relay(int fd, void *arg) {
  int inner = (int)(intptr_t)arg;
  struct way ways[2] = {{.from = fd, .to = inner}, {.from = inner, .to = fd}};
  bool gone[2] = {false};
  while (!ways[0].over || !ways[1].over)
    relay_step(ways, gone);
  close(inner);
  return 0;
}
