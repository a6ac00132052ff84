/* What the raw epoll servers share: connections, and the loop around them.
 *
 * Level-triggered, one static buffer for all connections, one read of at most
 * 256 KiB per wake-up, and one send of what is answered.  What the kernel does
 * not take is kept, and nothing more is read until it is gone.  The head of a
 * message whose rest is still to come is carried to the next read, which finds
 * it in front of its bytes.  Nothing is allocated on the way, but by a
 * connection's first rest or first carried head. */
#ifndef PEERS_EPOLL_H
#define PEERS_EPOLL_H

#include "net.h"

#include <stdbool.h>
#include <sys/epoll.h>

enum { EVENTS_MAX = 1024, CARRY_MAX = 128 * 1024, LOOPS_MAX = 16 };

/* What each loop has one of; a program with several threads says so. */
#ifndef PER_LOOP
#define PER_LOOP static
#endif

struct kept {
  char *data;
  uint32_t len, capacity;
};

struct conn {
  struct kept rest; /* what the kernel did not take */
  struct kept head; /* what is carried */
  uint32_t rest_off;
  int fd;
};

struct piece {
  char *data;
  size_t len;
};

/* Reads begin behind the room for what is carried, at a page. */
PER_LOOP _Alignas(READ_ALIGNMENT) char input[CARRY_MAX + READ_BYTES];
PER_LOOP int poller;

/* Those of all loops: the first one accepts, and connections go round. */
static int pollers[LOOPS_MAX];
static unsigned loops = 1, accepted;

static inline void watch_in(int where, struct conn *c, int op, int fd,
                            uint32_t events) {
  struct epoll_event e = {.events = events, .data.ptr = c};
  if (epoll_ctl(where, op, fd, &e))
    net_die("epoll_ctl");
}

static inline void watch(struct conn *c, int op, int fd, uint32_t events) {
  watch_in(poller, c, op, fd, events);
}

/* Empties |k| and makes room for |len| bytes. */
static inline void kept_clear(struct kept *k, size_t len) {
  k->len = 0;
  if (len <= k->capacity)
    return;
  free(k->data);
  k->data = malloc(len);
  if (!k->data)
    net_die("malloc");
  k->capacity = (uint32_t)len;
}

static inline void kept_add(struct kept *k, const char *data, size_t len) {
  memcpy(k->data + k->len, data, len);
  k->len += (uint32_t)len;
}

static inline void conn_finish(struct conn *c) {
  close(c->fd);
  free(c->rest.data);
  free(c->head.data);
  free(c);
}

/* The rest, |len| bytes that follow by kept_add, leaves when it can. */
static inline void conn_keep(struct conn *c, size_t len) {
  kept_clear(&c->rest, len);
  c->rest_off = 0;
  watch(c, EPOLL_CTL_MOD, c->fd, EPOLLOUT);
}

static inline void conn_send(struct conn *c, const char *data, size_t len) {
  ssize_t sent = send(c->fd, data, len, MSG_NOSIGNAL);
  if (sent == (ssize_t)len)
    return;
  if (sent < 0)
    sent = 0;
  conn_keep(c, len - (size_t)sent);
  kept_add(&c->rest, data + sent, len - (size_t)sent);
}

/* Reads once.  Returns what was carried and what has come, or nothing. */
static inline struct piece conn_receive(struct conn *c) {
  struct piece p = {input + CARRY_MAX, 0};
  ssize_t n = read(c->fd, p.data, READ_BYTES);
  if (n < 0 && errno == EAGAIN)
    return p;
  if (n <= 0) {
    conn_finish(c);
    return p;
  }
  p.len = (size_t)n + c->head.len;
  p.data -= c->head.len;
  if (c->head.len)
    memcpy(p.data, c->head.data, c->head.len);
  c->head.len = 0;
  return p;
}

/* Carries |len| bytes to the next read; false if that are too many, and the
 * connection is gone. */
static inline bool conn_carry(struct conn *c, const char *data, size_t len) {
  if (len > CARRY_MAX) {
    conn_finish(c);
    return false;
  }
  if (len) {
    kept_clear(&c->head, len);
    kept_add(&c->head, data, len);
  }
  return true;
}

static inline void conn_writable(struct conn *c) {
  size_t left = c->rest.len - c->rest_off;
  ssize_t n = send(c->fd, c->rest.data + c->rest_off, left, MSG_NOSIGNAL);
  if (n < 0 && errno == EAGAIN)
    return;
  if (n < 0) {
    conn_finish(c);
    return;
  }
  c->rest_off += (uint32_t)n;
  if (c->rest_off < c->rest.len)
    return;
  c->rest.len = 0;
  watch(c, EPOLL_CTL_MOD, c->fd, EPOLLIN);
}

static inline void conn_accept(int listener) {
  for (int i = 0; i < ACCEPTS_MAX; i++) {
    int fd = net_accept(listener);
    if (fd < 0)
      return;
    struct conn *c = calloc(1, sizeof *c);
    if (!c)
      net_die("calloc");
    c->fd = fd;
    watch_in(pollers[accepted++ % loops], c, EPOLL_CTL_ADD, fd, EPOLLIN);
  }
}

/* Makes the pollers of all loops; the first one watches the listener, which is
 * returned. */
static inline int epoll_open(int argc, char **argv) {
  int listener = net_listen(argc, argv);
  for (unsigned i = 0; i < loops; i++)
    pollers[i] = epoll_create1(EPOLL_CLOEXEC);
  watch_in(pollers[0], NULL, EPOLL_CTL_ADD, listener, EPOLLIN);
  return listener;
}

/* A loop, for ever; |readable| is called for each connection with input. */
static inline void epoll_loop(unsigned index, int listener,
                              void (*readable)(struct conn *)) {
  struct epoll_event events[EVENTS_MAX];
  poller = pollers[index];
  for (;;) {
    int n = epoll_wait(poller, events, EVENTS_MAX, -1);
    for (int i = 0; i < n; i++) {
      struct conn *c = events[i].data.ptr;
      if (!c)
        conn_accept(listener);
      else if (c->rest.len)
        conn_writable(c);
      else
        readable(c);
    }
  }
}

static inline void epoll_serve(int argc, char **argv,
                               void (*readable)(struct conn *)) {
  epoll_loop(0, epoll_open(argc, argv), readable);
}

#endif
