/* libuv streams, the way that costs least: one static read buffer for all
 * connections, and uv_try_write before uv_write.  What the kernel does not
 * take is copied and queued, and reading stops until it is gone. */
#include "net.h"

#include <uv.h>

struct conn {
  uv_tcp_t tcp; /* first: handles are cast to it */
};

struct rest {
  uv_write_t request; /* first: requests are cast to it */
  char data[];
};

static _Alignas(READ_ALIGNMENT) char buffer[READ_BYTES];
static uv_loop_t *loop;

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b);

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *b) {
  (void)h;
  (void)suggested;
  *b = uv_buf_init(buffer, sizeof buffer);
}

static void on_closed(uv_handle_t *h) {
  free(h);
}

static void on_written(uv_write_t *request, int status) {
  uv_stream_t *s = request->handle;
  free(request);
  if (status == 0 && !uv_is_closing((uv_handle_t *)s))
    uv_read_start(s, on_alloc, on_read);
}

static void keep(uv_stream_t *s, const char *data, size_t len) {
  struct rest *r = malloc(sizeof *r + len);
  if (!r)
    net_die("malloc");
  memcpy(r->data, data, len);
  uv_buf_t b = uv_buf_init(r->data, (unsigned)len);
  uv_read_stop(s);
  uv_write(&r->request, s, &b, 1, on_written);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b) {
  if (n == 0)
    return;
  if (n < 0) {
    uv_close((uv_handle_t *)s, on_closed);
    return;
  }
  uv_buf_t out = uv_buf_init(b->base, (unsigned)n);
  int sent = uv_try_write(s, &out, 1);
  if (sent == n)
    return;
  if (sent < 0)
    sent = 0;
  keep(s, b->base + sent, (size_t)(n - sent));
}

static void on_connection(uv_stream_t *listener, int status) {
  if (status < 0)
    return;
  struct conn *c = calloc(1, sizeof *c);
  if (!c)
    net_die("calloc");
  uv_tcp_init(loop, &c->tcp);
  if (uv_accept(listener, (uv_stream_t *)&c->tcp))
    uv_close((uv_handle_t *)&c->tcp, on_closed);
  else
    uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read);
}

int main(int argc, char **argv) {
  uv_tcp_t listener;
  int fd = net_listen(argc, argv);
  loop = uv_default_loop();
  uv_tcp_init(loop, &listener);
  if (uv_tcp_open(&listener, fd) ||
      uv_listen((uv_stream_t *)&listener, BACKLOG, on_connection))
    net_die("uv_listen");
  return uv_run(loop, UV_RUN_DEFAULT);
}
