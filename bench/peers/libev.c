/* libev: two watchers per connection, our own read and send, one static
 * buffer.  While something waits to be sent only the second one is active. */
#include "net.h"

#include <ev.h>

struct conn {
  ev_io reader, writer;
  int fd;
  size_t off, len; /* of |rest|: what the kernel did not take */
  char *rest;
};

static _Alignas(READ_ALIGNMENT) char buffer[READ_BYTES];

static void finish(struct ev_loop *loop, struct conn *c) {
  ev_io_stop(loop, &c->reader);
  ev_io_stop(loop, &c->writer);
  close(c->fd);
  free(c->rest);
  free(c);
}

static void keep(struct ev_loop *loop, struct conn *c, const char *data,
                 size_t len) {
  c->rest = malloc(len);
  if (!c->rest)
    net_die("malloc");
  memcpy(c->rest, data, len);
  c->off = 0;
  c->len = len;
  ev_io_stop(loop, &c->reader);
  ev_io_start(loop, &c->writer);
}

static void on_readable(struct ev_loop *loop, ev_io *w, int events) {
  struct conn *c = w->data;
  ssize_t n = read(c->fd, buffer, sizeof buffer);
  (void)events;
  if (n < 0 && errno == EAGAIN)
    return;
  if (n <= 0) {
    finish(loop, c);
    return;
  }
  ssize_t sent = send(c->fd, buffer, (size_t)n, MSG_NOSIGNAL);
  if (sent == n)
    return;
  if (sent < 0)
    sent = 0;
  keep(loop, c, buffer + sent, (size_t)(n - sent));
}

static void on_writable(struct ev_loop *loop, ev_io *w, int events) {
  struct conn *c = w->data;
  ssize_t n = send(c->fd, c->rest + c->off, c->len - c->off, MSG_NOSIGNAL);
  (void)events;
  if (n < 0 && errno == EAGAIN)
    return;
  if (n < 0) {
    finish(loop, c);
    return;
  }
  c->off += (size_t)n;
  if (c->off < c->len)
    return;
  free(c->rest);
  c->rest = NULL;
  ev_io_stop(loop, &c->writer);
  ev_io_start(loop, &c->reader);
}

static void on_acceptable(struct ev_loop *loop, ev_io *w, int events) {
  (void)events;
  for (int i = 0; i < ACCEPTS_MAX; i++) {
    int fd = net_accept(w->fd);
    if (fd < 0)
      return;
    struct conn *c = calloc(1, sizeof *c);
    if (!c)
      net_die("calloc");
    c->fd = fd;
    ev_io_init(&c->reader, on_readable, fd, EV_READ);
    ev_io_init(&c->writer, on_writable, fd, EV_WRITE);
    c->reader.data = c->writer.data = c;
    ev_io_start(loop, &c->reader);
  }
}

int main(int argc, char **argv) {
  struct ev_loop *loop = ev_default_loop(0);
  ev_io acceptor;
  if (!loop)
    net_die("ev_default_loop");
  ev_io_init(&acceptor, on_acceptable, net_listen(argc, argv), EV_READ);
  ev_io_start(loop, &acceptor);
  return !ev_run(loop, 0);
}
