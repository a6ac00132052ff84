/* See sim_relay.h.  What a blocking descriptor cannot is to wait for two. */
#include "support/sim_relay.h"

#include <stdint.h>

#include "sim/net.h"
#include "support/relay.h"

static ptrdiff_t sim_read(int fd, void *bytes, size_t len) {
  plait__sim_point();
  return plait__sim_stream_read(plait__sim_descriptor_of(fd), bytes, len);
}

static ptrdiff_t sim_write(int fd, const void *bytes, size_t len) {
  plait__iovec v = {bytes, len};
  plait__sim_point();
  return plait__sim_stream_write(plait__sim_descriptor_of(fd), &v, 1);
}

/* Who writes on hears that nobody reads. */
static void sim_end(int fd, bool reading) {
  plait__sim_socket *s = plait__sim_descriptor_of(fd);
  plait__sim_point();
  if (!reading) {
    plait__sim_stream_shut(s);
    return;
  }
  s->hung_up = true;
  plait__sim_way_close(&s->in);
  if (s->peer != NULL)
    plait__sim_socket_changed(s->peer);
}

/* What |p| is about, for |sleeper|, or nothing any more; two of them may be one
 * socket. */
static void watch(const struct pollfd *p, unsigned n,
                  plait_sim_thread *sleeper) {
  for (unsigned i = 0; i < n; i++) {
    plait__sim_socket *s =
        p[i].fd >= 0 ? plait__sim_descriptor_of(p[i].fd) : NULL;
    if (s != NULL && s->sleepers[0] != sleeper)
      s->interest = sleeper != NULL ? PLAIT__ALIVE : 0;
    if (s != NULL)
      s->sleepers[0] = sleeper;
    if (s != NULL && sleeper != NULL)
      s->interest |= (p[i].events & POLLIN ? PLAIT__READABLE : 0u) |
                     (p[i].events & POLLOUT ? PLAIT__WRITABLE : 0u);
  }
}

/* As poll(2) has it, one that is over is ready for everything. */
static bool look(struct pollfd *p) {
  p->revents = 0;
  if (p->fd < 0)
    return false;
  const plait__sim_socket *s = plait__sim_descriptor_of(p->fd);
  unsigned events = plait__sim_socket_events(s);
  bool over = s->dead || s->gone || s->error != 0;
  bool in = p->events & POLLIN && (over || events & PLAIT__READABLE);
  bool out = p->events & POLLOUT && (over || events & PLAIT__WRITABLE);
  p->revents =
      (short)((over ? POLLHUP : 0) | (in ? POLLIN : 0) | (out ? POLLOUT : 0));
  return p->revents != 0;
}

static void sim_wait(struct pollfd *p, unsigned n) {
  for (bool any = false; !any;) {
    watch(p, n, plait__sim_self());
    for (unsigned i = 0; i < n; i++)
      any |= look(&p[i]);
    if (any)
      plait__sim_turn();
    else
      plait__sim_park("a relay", UINT64_MAX);
    watch(p, n, NULL);
  }
}

static const struct relay_calls calls = {sim_read, sim_write, sim_end,
                                         sim_wait};

int sim_relay(int fd, void *arg) {
  int inner = (int)(intptr_t)arg;
  relay_between(&calls, fd, inner, inner);
  plait__sim_io.close_fd(inner);
  return 0;
}
