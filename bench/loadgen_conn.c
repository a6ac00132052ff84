/* Connections: open, send, receive, and compare every byte.
 *
 * Source addresses are spread over 127.0.1.1 to 127.0.1.64, so that closed
 * connections in TIME_WAIT never use up the ports of one address. */
#include "loadgen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SOURCES = 64 };
static const uint64_t STALL_NS = 10000000000u;

struct conn *conns;
uint64_t conn_inflight;
static int conn_epoll;
static unsigned char conn_buffer[READ_BYTES];

void conn_setup(void) {
  conn_epoll = epoll_create1(EPOLL_CLOEXEC);
  if (conn_epoll < 0)
    die("epoll_create1");
  conns = calloc((size_t)opt.conns, sizeof *conns);
  if (!conns)
    die("memory for connections");
  for (int i = 0; i < opt.conns; i++) {
    conns[i].due = calloc(opt.depth, sizeof *conns[i].due);
    if (!conns[i].due)
      die("memory for connections");
  }
}

static void conn_poll(struct conn *c, int op, uint32_t events) {
  struct epoll_event e = {.events = events, .data.ptr = c};
  if (epoll_ctl(conn_epoll, op, c->fd, &e))
    die("epoll_ctl");
}

static void conn_bind_source(int fd, unsigned serial) {
  int one = 1;
  struct sockaddr_in source = {.sin_family = AF_INET};
  source.sin_addr.s_addr = htonl(0x7f000101u + serial % SOURCES);
  setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
  if (bind(fd, (struct sockaddr *)&source, sizeof source))
    die("bind");
}

static int conn_socket(unsigned serial, int flags) {
  int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
  struct sockaddr_in to = {.sin_family = AF_INET};
  if (fd < 0)
    die("socket");
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (opt.congestion &&
      setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, opt.congestion,
                 (socklen_t)strlen(opt.congestion)))
    die("congestion control");
  to.sin_port = htons((uint16_t)opt.port);
  if (inet_pton(AF_INET, opt.host, &to.sin_addr) != 1)
    die("address");
  if (ntohl(to.sin_addr.s_addr) >> 24 == 127)
    conn_bind_source(fd, serial);
  if (connect(fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS)
    die("connect");
  return fd;
}

void conn_queue(struct conn *c, unsigned n, uint64_t due) {
  for (unsigned i = 0; i < n; i++) {
    unsigned slot = c->first + c->inflight++;
    c->due[slot >= opt.depth ? slot - opt.depth : slot] = due;
  }
  c->tx_left += n * opt.size;
  conn_inflight += n;
}

static bool conn_send_some(struct conn *c) {
  ssize_t n = send(c->fd, table.bytes + c->tx_pos, c->tx_left, MSG_NOSIGNAL);
  if (n < 0 && errno == EAGAIN)
    return false;
  if (n < 0)
    fail("send: %s", strerror(errno));
  c->tx_left -= (size_t)n;
  c->tx_pos = (c->tx_pos + (size_t)n) % table.period;
  return true;
}

void conn_send(struct conn *c) {
  while (c->tx_left)
    if (!conn_send_some(c))
      break;
  if (c->armed == (c->tx_left > 0))
    return;
  c->armed = c->tx_left > 0;
  conn_poll(c, EPOLL_CTL_MOD, EPOLLIN | (c->armed ? EPOLLOUT : 0u));
}

static _Noreturn void conn_differs(const struct conn *c, size_t n) {
  size_t at = 0;
  while (at < n && conn_buffer[at] == table.bytes[c->rx_pos + at])
    at++;
  fail("content differs on connection %td: byte %zu of a message is 0x%02x, "
       "not 0x%02x",
       c - conns, (c->rx_part + at) % opt.size, (unsigned)conn_buffer[at],
       (unsigned)table.bytes[c->rx_pos + at]);
}

static unsigned conn_take(struct conn *c, size_t n, uint64_t now) {
  if (memcmp(conn_buffer, table.bytes + c->rx_pos, n))
    conn_differs(c, n);
  c->rx_pos = (c->rx_pos + n) % table.period;
  size_t part = c->rx_part + n;
  unsigned complete = (unsigned)(part / opt.size);
  c->rx_part = part - complete * opt.size;
  if (complete + (c->rx_part > 0) > c->inflight)
    fail("connection %td got more than was sent", c - conns);
  for (unsigned i = 0; i < complete; i++) {
    uint64_t due = c->due[c->first];
    meter_latency(now > due ? now - due : 0);
    if (++c->first == opt.depth)
      c->first = 0;
  }
  c->inflight -= complete;
  conn_inflight -= complete;
  meter_count(n, complete);
  return complete;
}

unsigned conn_receive(struct conn *c, uint64_t *ret_now) {
  ssize_t n = recv(c->fd, conn_buffer, READ_BYTES, 0);
  *ret_now = meter_now();
  if (n == 0)
    fail("the server closed connection %td", c - conns);
  if (n < 0 && errno != EAGAIN)
    fail("recv: %s", strerror(errno));
  return n > 0 ? conn_take(c, (size_t)n, *ret_now) : 0;
}

/* One message there and back on |c| alone.  The answer shows that the server
 * has accepted it, and everything that connected before it. */
static void conn_prime(struct conn *c) {
  uint64_t now = meter_now(), limit = now + STALL_NS;
  conn_queue(c, 1, now);
  while (c->inflight) {
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    if (c->tx_left)
      p.events |= POLLOUT;
    if (poll(&p, 1, 1000) < 0)
      die("poll");
    if (meter_now() > limit)
      fail("no answer on a new connection");
    if (p.revents & POLLOUT)
      conn_send_some(c);
    if (p.revents & (POLLIN | POLLHUP | POLLERR))
      conn_receive(c, &now);
  }
}

void conn_connect(int from, int to, bool each) {
  for (int i = from; i < to; i++) {
    struct conn *c = &conns[i];
    c->fd = conn_socket((unsigned)i, 0);
    if (fcntl(c->fd, F_SETFL, O_NONBLOCK))
      die("fcntl");
    c->tx_pos = c->rx_pos = table_start((unsigned)i);
    if (each || i % 256 == 255 || i == to - 1)
      conn_prime(c);
    conn_poll(c, EPOLL_CTL_ADD, EPOLLIN);
  }
}

void conn_start(struct conn *c, unsigned serial) {
  c->fd = conn_socket(serial, SOCK_NONBLOCK);
  c->tx_pos = c->rx_pos = table_start(serial);
  c->tx_left = c->rx_part = 0;
  c->first = c->inflight = 0;
  c->armed = false;
  conn_queue(c, 1, meter_now());
  conn_poll(c, EPOLL_CTL_ADD, EPOLLIN);
  /* On loopback it is mostly connected by now; else EAGAIN asks for EPOLLOUT
   * and the message leaves with that event. */
  conn_send(c);
}

int conn_wait(struct epoll_event *events, int timeout_ms) {
  static uint64_t quiet_since;
  int n = epoll_wait(conn_epoll, events, EVENTS_MAX, timeout_ms);
  if (n < 0 && errno != EINTR)
    die("epoll_wait");
  if (n > 0) {
    quiet_since = 0;
    return n;
  }
  uint64_t now = meter_now();
  if (!quiet_since)
    quiet_since = now;
  if (now - quiet_since > STALL_NS)
    fail("nothing came back for ten seconds");
  return 0;
}

void conn_reset_all(void) {
  struct linger now = {.l_onoff = 1, .l_linger = 0};
  for (int i = 0; i < opt.conns; i++) {
    setsockopt(conns[i].fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(conns[i].fd);
  }
}
