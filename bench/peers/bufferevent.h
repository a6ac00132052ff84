/* What the servers of libevent's bufferevents share.  The limits per read and
 * write are raised from 16 KiB, or large messages would cost it several rounds
 * through the loop. */
#ifndef PEERS_BUFFEREVENT_H
#define PEERS_BUFFEREVENT_H

#include "net.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

static bufferevent_data_cb served; /* called with new input */

static inline void on_event(struct bufferevent *b, short what, void *arg) {
  (void)arg;
  if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
    bufferevent_free(b);
}

static inline void on_accept(struct evconnlistener *l, evutil_socket_t fd,
                             struct sockaddr *peer, int len, void *arg) {
  struct event_base *base = evconnlistener_get_base(l);
  struct bufferevent *b =
      bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
  (void)peer;
  (void)len;
  (void)arg;
  if (!b)
    net_die("bufferevent_socket_new");
  bufferevent_setcb(b, served, NULL, on_event, NULL);
  bufferevent_set_max_single_read(b, READ_BYTES);
  bufferevent_set_max_single_write(b, READ_BYTES);
  bufferevent_enable(b, EV_READ | EV_WRITE);
}

static inline int bufferevent_serve(int argc, char **argv,
                                    bufferevent_data_cb on_read) {
  int fd = net_listen(argc, argv);
  struct event_base *base = event_base_new();
  served = on_read;
  if (!base ||
      !evconnlistener_new(base, on_accept, NULL, LEV_OPT_CLOSE_ON_FREE, 0, fd))
    net_die("libevent");
  return event_base_dispatch(base);
}

#endif
