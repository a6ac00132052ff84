/* Watches: what the public calls make of the backend's events.
 *
 * A watch may be stopped, and its memory may go, inside any callback, its own
 * included: so nothing of it is looked at once |fn| was called, and the backend
 * forgets what it has yet to tell of a watch that stops. */
#include <plait/error.h>
#include <plait/factory.h>
#include <plait/watch.h>

#include "core/error.h"
#include "core/reactor.h"
#include "core/runtime.h"

_Static_assert((int)PLAIT_WATCH_READABLE == (int)PLAIT__READABLE,
               "passed through the seam");
_Static_assert((int)PLAIT_WATCH_WRITABLE == (int)PLAIT__WRITABLE,
               "passed through the seam");
_Static_assert((int)PLAIT_WATCH_FAILED == (int)PLAIT__FAILED,
               "passed through the seam");

enum { WATCHABLE = PLAIT_WATCH_READABLE | PLAIT_WATCH_WRITABLE };

static void watch_ready(plait__socket *socket, unsigned events) {
  plait_watch *watch = plait_container_of(socket, plait_watch, socket);
  plait_runtime *runtime = watch->reactor->runtime;
  if (events & PLAIT__FAILED)
    events |= watch->events;
  /* They may have been changed since the system was asked. */
  events &= watch->events | PLAIT__FAILED;
  if (events == 0)
    return;
  /* plait_run() goes on at least until |fn| has returned: it may stop the
   * watch and start it again. */
  plait__runtime_ref(runtime);
  watch->fn(watch, events);
  plait__runtime_unref(runtime);
}

static const plait__socket_events watch_events = {.ready = watch_ready};

void plait_watch_init(plait_watch *watch,
                      void (*fn)(plait_watch *watch, unsigned events)) {
  *watch = (plait_watch){.socket.events = &watch_events, .fn = fn};
}

static int watch_check(const plait_watch *watch, const plait_reactor *r, int fd,
                       unsigned events) {
  if (r == NULL)
    return plait__fail(PLAIT_EINVAL, "watch: not in a callback of a reactor");
  if (watch->reactor != NULL && watch->reactor != r)
    return plait__fail(PLAIT_EINVAL, "watch: active on another reactor");
  if (fd < 0)
    return plait__fail(PLAIT_EINVAL, "watch: %d is no descriptor", fd);
  if ((events & WATCHABLE) == 0 || (events & ~(unsigned)WATCHABLE) != 0)
    return plait__fail(PLAIT_EINVAL, "watch: no such events: 0x%x", events);
  return 0;
}

static int watch_fail(int code, int fd) {
  const char *why = plait_strerror(code);
  if (code == PLAIT_EPERM)
    why = "the system does not watch files and the like";
  else if (code == PLAIT_EEXIST)
    why = "this reactor watches it already";
  return plait__fail(code, "watch descriptor %d: %s", fd, why);
}

int plait_watch_start(plait_watch *watch, int fd, unsigned events) {
  plait_reactor *r = plait__here();
  int code = watch_check(watch, r, fd, events);
  if (code != 0)
    return code;
  bool active = watch->reactor != NULL;
  if (active && watch->fd == fd)
    code = r->io->rewatch(r->loop, &watch->socket, fd, events);
  else
    code = r->io->watch(r->loop, &watch->socket, fd, events);
  if (code != 0)
    return watch_fail(code, fd);
  if (!active)
    plait__runtime_timer_ref(r->runtime);
  else if (watch->fd != fd)
    r->io->unwatch(r->loop, &watch->socket, watch->fd);
  watch->reactor = r;
  watch->fd = fd;
  watch->events = events;
  return 0;
}

void plait_watch_stop(plait_watch *watch) {
  plait_reactor *r = watch->reactor;
  if (r == NULL)
    return;
  watch->reactor = NULL;
  r->io->unwatch(r->loop, &watch->socket, watch->fd);
  plait__runtime_timer_unref(r->runtime);
}

bool plait_watch_active(const plait_watch *watch) {
  return watch->reactor != NULL;
}
