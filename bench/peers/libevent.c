/* libevent bufferevents, as its book shows an echo server: input moves to
 * output by reference.  The limits per read and write are raised from 16 KiB,
 * or large messages would cost it several rounds through the loop. */
#include "net.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

static void on_read(struct bufferevent *b, void *arg) {
  (void)arg;
  evbuffer_add_buffer(bufferevent_get_output(b), bufferevent_get_input(b));
}

static void on_event(struct bufferevent *b, short what, void *arg) {
  (void)arg;
  if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
    bufferevent_free(b);
}

static void on_accept(struct evconnlistener *l, evutil_socket_t fd,
                      struct sockaddr *peer, int len, void *arg) {
  struct event_base *base = evconnlistener_get_base(l);
  struct bufferevent *b =
      bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
  (void)peer;
  (void)len;
  (void)arg;
  if (!b)
    net_die("bufferevent_socket_new");
  bufferevent_setcb(b, on_read, NULL, on_event, NULL);
  bufferevent_set_max_single_read(b, READ_BYTES);
  bufferevent_set_max_single_write(b, READ_BYTES);
  bufferevent_enable(b, EV_READ | EV_WRITE);
}

int main(int argc, char **argv) {
  int fd = net_listen(argc, argv);
  struct event_base *base = event_base_new();
  if (!base ||
      !evconnlistener_new(base, on_accept, NULL, LEV_OPT_CLOSE_ON_FREE, 0, fd))
    net_die("libevent");
  return event_base_dispatch(base);
}
