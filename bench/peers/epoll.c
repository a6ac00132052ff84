/* Raw epoll echo: the reference all ratios are taken to.
 *
 * Level-triggered, one static buffer for all connections, one read of at most
 * 256 KiB per wake-up, and what was read is sent at once.  What the kernel
 * does not take is kept, and nothing more is read until it is gone: two
 * system calls per message and no allocation on the way. */
#include "net.h"

#include <sys/epoll.h>

enum { EVENTS_MAX = 1024 };

struct conn {
  int fd;
  size_t off, len, capacity; /* of |rest|: what the kernel did not take */
  char *rest;
};

static _Alignas(READ_ALIGNMENT) char buffer[READ_BYTES];
static int poller;

static void watch(struct conn *c, int op, int fd, uint32_t events) {
  struct epoll_event e = {.events = events, .data.ptr = c};
  if (epoll_ctl(poller, op, fd, &e))
    net_die("epoll_ctl");
}

static void finish(struct conn *c) {
  close(c->fd);
  free(c->rest);
  free(c);
}

static void keep(struct conn *c, const char *data, size_t len) {
  if (len > c->capacity) {
    free(c->rest);
    c->rest = malloc(len);
    if (!c->rest)
      net_die("malloc");
    c->capacity = len;
  }
  memcpy(c->rest, data, len);
  c->off = 0;
  c->len = len;
  watch(c, EPOLL_CTL_MOD, c->fd, EPOLLOUT);
}

static void readable(struct conn *c) {
  ssize_t n = read(c->fd, buffer, sizeof buffer);
  if (n < 0 && errno == EAGAIN)
    return;
  if (n <= 0) {
    finish(c);
    return;
  }
  ssize_t sent = send(c->fd, buffer, (size_t)n, MSG_NOSIGNAL);
  if (sent == n)
    return;
  if (sent < 0)
    sent = 0;
  keep(c, buffer + sent, (size_t)(n - sent));
}

static void writable(struct conn *c) {
  ssize_t n = send(c->fd, c->rest + c->off, c->len - c->off, MSG_NOSIGNAL);
  if (n < 0 && errno == EAGAIN)
    return;
  if (n < 0) {
    finish(c);
    return;
  }
  c->off += (size_t)n;
  if (c->off < c->len)
    return;
  c->len = 0;
  watch(c, EPOLL_CTL_MOD, c->fd, EPOLLIN);
}

static void accept_some(int listener) {
  for (int i = 0; i < ACCEPTS_MAX; i++) {
    int fd = net_accept(listener);
    if (fd < 0)
      return;
    struct conn *c = calloc(1, sizeof *c);
    if (!c)
      net_die("calloc");
    c->fd = fd;
    watch(c, EPOLL_CTL_ADD, fd, EPOLLIN);
  }
}

int main(int argc, char **argv) {
  struct epoll_event events[EVENTS_MAX];
  int listener = net_listen(argc, argv);
  poller = epoll_create1(EPOLL_CLOEXEC);
  watch(NULL, EPOLL_CTL_ADD, listener, EPOLLIN);
  for (;;) {
    int n = epoll_wait(poller, events, EVENTS_MAX, -1);
    for (int i = 0; i < n; i++) {
      struct conn *c = events[i].data.ptr;
      if (!c)
        accept_some(listener);
      else if (c->len)
        writable(c);
      else
        readable(c);
    }
  }
}
