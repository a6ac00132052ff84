/* Foreign descriptors, in an epoll set of their own that the loop polls.
 *
 * Not under a uv_poll_t each: libuv adds a descriptor to its set only once it
 * waits and aborts if the system refuses, makes it non-blocking, hides a
 * hang-up, and stops watching after an error, which for a foreign library may
 * be an event like any other (a socket's error queue).  And the handles that
 * poll.c keeps by number would know nothing of an owner who has closed his
 * descriptor and opened another one.  Here, what epoll_ctl() answers is what
 * the caller gets, at once.
 *
 * Events are fetched in batches; what was fetched and not yet told of a watch
 * that stops is taken out of the batch. */
#include "uv/backend.h"

#include <errno.h>
#include <unistd.h>

static void watch_dispatch(plait__loop *loop, const struct epoll_event *e) {
  unsigned events = 0;
  if (e->events & EPOLLIN)
    events |= PLAIT__READABLE;
  if (e->events & EPOLLOUT)
    events |= PLAIT__WRITABLE;
  if (e->events & (EPOLLERR | EPOLLHUP))
    events |= PLAIT__FAILED;
  plait__dispatch(loop->uv.data, e->data.ptr, events);
}

static void watch_on_poll(uv_poll_t *poll, int status, int events) {
  plait__loop *loop = (plait__loop *)poll->loop;
  plait__uv_watches *w = &loop->watches;
  (void)status, (void)events; /* an epoll descriptor has no errors */
  int n = epoll_wait(w->epoll, w->batch, PLAIT__UV_WATCH_BATCH, 0);
  w->batched = n > 0 ? (unsigned)n : 0;
  for (unsigned i = 0; i < w->batched; i++)
    if (w->batch[i].data.ptr != NULL) {
      /* A copy: the callback may clear what is in the batch. */
      struct epoll_event e = w->batch[i];
      watch_dispatch(loop, &e);
    }
  w->batched = 0;
}

static int watches_open(plait__loop *loop) {
  plait__uv_watches *w = &loop->watches;
  if (w->open)
    return 0;
  w->epoll = epoll_create1(EPOLL_CLOEXEC);
  if (w->epoll < 0)
    return -errno;
  int rc = uv_poll_init(&loop->uv, &w->poll, w->epoll);
  if (rc) {
    close(w->epoll);
    return rc;
  }
  uv_poll_start(&w->poll, UV_READABLE, watch_on_poll);
  w->open = true;
  return 0;
}

void plait__uv_watches_close(plait__loop *loop) {
  plait__uv_watches *w = &loop->watches;
  if (!w->open)
    return;
  uv_close((uv_handle_t *)&w->poll, NULL);
  close(w->epoll);
}

static int watch_control(plait__loop *loop, int operation,
                         plait__socket *socket, int fd, unsigned events) {
  struct epoll_event e = {.data.ptr = socket};
  if (events & PLAIT__READABLE)
    e.events |= EPOLLIN;
  if (events & PLAIT__WRITABLE)
    e.events |= EPOLLOUT;
  if (epoll_ctl(loop->watches.epoll, operation, fd, &e) == 0)
    return 0;
  return errno == ENOSPC ? PLAIT_ELIMIT : -errno;
}

int plait__uv_watch(plait__loop *loop, plait__socket *socket, int fd,
                    unsigned events) {
  if (plait__uv_poll_taken(loop, fd))
    return PLAIT_EEXIST;
  int rc = watches_open(loop);
  if (rc)
    return rc;
  return watch_control(loop, EPOLL_CTL_ADD, socket, fd, events);
}

int plait__uv_rewatch(plait__loop *loop, plait__socket *socket, int fd,
                      unsigned events) {
  int rc = watch_control(loop, EPOLL_CTL_MOD, socket, fd, events);
  /* Closed, which took it out of the set, and opened again. */
  if (rc == PLAIT_ENOENT)
    rc = plait__uv_watch(loop, socket, fd, events);
  return rc;
}

void plait__uv_unwatch(plait__loop *loop, plait__socket *socket, int fd) {
  plait__uv_watches *w = &loop->watches;
  (void)watch_control(loop, EPOLL_CTL_DEL, socket, fd, 0);
  for (unsigned i = 0; i < w->batched; i++)
    if (w->batch[i].data.ptr == socket)
      w->batch[i].data.ptr = NULL;
}
