/* libuv as a poller only: uv_poll_t on sockets that are ours, with our own
 * read and send.  The same system calls as raw epoll, with libuv's loop around
 * them; what plait's backend adds to this is plait. */
#include "net.h"

#include <uv.h>

struct conn {
  uv_poll_t poll; /* first: handles are cast to it */
  int fd;
  size_t off, len; /* of |rest|: what the kernel did not take */
  char *rest;
};

static _Alignas(READ_ALIGNMENT) char buffer[READ_BYTES];
static uv_loop_t *loop;
static int listener;

static void on_event(uv_poll_t *h, int status, int events);

static void on_closed(uv_handle_t *h) {
  struct conn *c = (struct conn *)h;
  close(c->fd);
  free(c->rest);
  free(c);
}

static void finish(struct conn *c) {
  uv_close((uv_handle_t *)&c->poll, on_closed);
}

static void keep(struct conn *c, const char *data, size_t len) {
  c->rest = malloc(len);
  if (!c->rest)
    net_die("malloc");
  memcpy(c->rest, data, len);
  c->off = 0;
  c->len = len;
  uv_poll_start(&c->poll, UV_WRITABLE, on_event);
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
  free(c->rest);
  c->rest = NULL;
  uv_poll_start(&c->poll, UV_READABLE, on_event);
}

static void on_event(uv_poll_t *h, int status, int events) {
  struct conn *c = (struct conn *)h;
  (void)events;
  if (status < 0)
    finish(c);
  else if (c->rest)
    writable(c);
  else
    readable(c);
}

static void on_acceptable(uv_poll_t *h, int status, int events) {
  (void)h;
  (void)events;
  if (status < 0)
    net_die("listener");
  for (int i = 0; i < ACCEPTS_MAX; i++) {
    int fd = net_accept(listener);
    if (fd < 0)
      return;
    struct conn *c = calloc(1, sizeof *c);
    if (!c)
      net_die("calloc");
    c->fd = fd;
    uv_poll_init(loop, &c->poll, fd);
    uv_poll_start(&c->poll, UV_READABLE, on_event);
  }
}

int main(int argc, char **argv) {
  uv_poll_t acceptor;
  listener = net_listen(argc, argv);
  loop = uv_default_loop();
  uv_poll_init(loop, &acceptor, listener);
  uv_poll_start(&acceptor, UV_READABLE, on_acceptable);
  return uv_run(loop, UV_RUN_DEFAULT);
}
