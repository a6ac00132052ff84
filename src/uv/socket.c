/* A socket: a descriptor of ours under a uv_poll_t.
 *
 * READABLE and WRITABLE are what they are called.  ALIVE alone is watched as
 * UV_PRIORITIZED, which is silent on data and on the peer's end; what libuv
 * 1.44.2 makes of the rest, by the events of epoll:
 *
 *   EPOLLERR (a reset)             status UV_EBADF, and libuv has stopped
 *   EPOLLHUP alone (both ends are  merged with what is watched: READABLE or
 *     out; a UNIX peer closed)     WRITABLE, or PRIORITIZED for ALIVE
 *   EPOLLPRI (urgent data)         PRIORITIZED for ALIVE, else not watched
 *
 * uv_poll_stop() takes the descriptor out of epoll and drops its events from
 * the batch at hand, so close(2) right behind it is safe even if the number is
 * given out again within that batch. */
#include "uv/backend.h"

#include <poll.h>
#include <unistd.h>

_Static_assert(sizeof(plait__uv_socket) <= 24, "sockets must stay small");
_Static_assert((int)PLAIT__READABLE == (int)UV_READABLE, "used as libuv's");
_Static_assert((int)PLAIT__WRITABLE == (int)UV_WRITABLE, "used as libuv's");
_Static_assert((int)PLAIT__ALIVE == (int)UV_DISCONNECT, "used as libuv's");

/* An urgent byte lies ahead, which nobody here reads.  Takes it out, or
 * EPOLLPRI would come for ever. */
static bool socket_drop_urgent(int fd) {
  char byte;
  return recv(fd, &byte, 1, MSG_OOB | MSG_DONTWAIT) > 0;
}

/* Asks poll(2) and not SO_ERROR, which would take away the error that read()
 * has yet to return. */
static void socket_on_priority(plait__uv_socket *s) {
  struct pollfd p = {.fd = s->fd};
  unsigned events = PLAIT__HANGUP;
  if (poll(&p, 1, 0) < 0)
    return;
  if (p.revents & POLLERR) {
    plait__uv_interest(&s->base, 0);
    events = PLAIT__FAILED;
  } else if (!(p.revents & POLLHUP) && socket_drop_urgent(s->fd)) {
    return;
  }
  plait__dispatch(s->u.poll->loop->data, &s->base, events);
}

static void socket_on_poll(uv_poll_t *poll, int status, int events) {
  plait__uv_socket *s = poll->data;
  if (status < 0) {
    s->interest = 0;
    plait__dispatch(poll->loop->data, &s->base, PLAIT__FAILED);
  } else if (events & UV_PRIORITIZED) {
    socket_on_priority(s);
  } else {
    plait__dispatch(poll->loop->data, &s->base, (unsigned)events);
  }
}

int plait__uv_attach(plait__loop *loop, plait__socket *socket, int fd) {
  plait__uv_socket *s = plait__uv_socket_of(socket);
  int rc = plait__uv_poll_take(loop, fd, &s->u.poll);
  if (rc)
    return rc;
  s->u.poll->data = s;
  s->fd = fd;
  s->interest = 0;
  s->fin = s->file = false;
  s->segments = s->receives = 0;
  return 0;
}

int plait__uv_fd(const plait__socket *socket) {
  return ((const plait__uv_socket *)socket)->fd;
}

void plait__uv_interest(plait__socket *socket, unsigned interest) {
  plait__uv_socket *s = plait__uv_socket_of(socket);
  /* Along with another, ALIVE is UV_DISCONNECT. */
  unsigned wanted =
      interest & (PLAIT__READABLE | PLAIT__WRITABLE | PLAIT__ALIVE);
  if (wanted == s->interest || s->fd < 0)
    return;
  s->interest = (uint8_t)wanted;
  /* Neither call fails for a handle that was initialised. */
  if (!wanted)
    uv_poll_stop(s->u.poll);
  else if (wanted == PLAIT__ALIVE)
    uv_poll_start(s->u.poll, UV_PRIORITIZED, socket_on_poll);
  else
    uv_poll_start(s->u.poll, (int)wanted, socket_on_poll);
}

/* Appended, so that connections are told in the order they went. */
static void socket_list_closed(plait__loop *loop, plait__uv_socket *s) {
  s->u.next_closed = NULL;
  if (loop->closed_first)
    loop->closed_last->u.next_closed = s;
  else
    loop->closed_first = s;
  loop->closed_last = s;
}

void plait__uv_tell_closed(plait__loop *loop) {
  plait__uv_socket *s = loop->closed_first;
  loop->closed_first = NULL;
  while (s) {
    plait__uv_socket *next = s->u.next_closed;
    s->base.events->closed(&s->base);
    s = next;
  }
  /* What was closed in the course of that waits for the next round. */
  if (loop->closed_first)
    plait__uv_wake(loop);
}

void plait__uv_close(plait__socket *socket, bool reset) {
  plait__uv_socket *s = plait__uv_socket_of(socket);
  if (s->fd < 0)
    return;
  if (reset) {
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    /* Where there is no reset (UNIX) this has no effect. */
    (void)setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }
  plait__loop *loop = (plait__loop *)s->u.poll->loop;
  plait__uv_poll_give(loop, s->u.poll);
  plait__uv_close_fd(s->fd);
  socket_list_closed(loop, s);
  s->fd = -1;
  s->interest = 0;
}

void plait__uv_close_fd(int fd) {
  plait__uv_path_forget(fd);
  /* Linux has let go of the descriptor whatever close() answers. */
  (void)close(fd);
}
