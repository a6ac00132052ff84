/* Accepting: at most so many a wake-up, and knowing when to stop.
 *
 * Out of descriptors (EMFILE and its kin) the acceptor stops polling and tries
 * again by timer, and at once when a connection closes; the same, without the
 * timer, when the factory has all the connections it may have.  What it does
 * not accept waits in the backlog.  Nobody is spun for and nobody is shed.
 */
#include "core/acceptor.h"

#include <plait/error.h>
#include <stdatomic.h>

#include "core/deliver.h"
#include "core/factory.h"
#include "core/memory.h"

/* A connection that goes to another reactor. */
typedef struct acceptor_gift {
  plait__mail mail;
  plait_factory *factory;
  plait_address peer;
  int fd;
} acceptor_gift;

static void acceptor_end(plait__acceptor *a);

static plait__acceptor *acceptor_of(plait__socket *socket) {
  return plait_container_of(socket, plait__acceptor, socket);
}

/* ---- waiting for room ---------------------------------------------------- */

static void acceptor_listen(plait__acceptor *a) {
  if (a->hungry) {
    a->hungry = false;
    atomic_fetch_sub(&a->reactor->runtime->hungry, 1);
  }
  plait__reactor_unalarm(a->reactor, &a->alarm);
  a->reactor->io->interest(&a->socket, PLAIT__READABLE | PLAIT__ALIVE);
}

static void acceptor_pause(plait__acceptor *a) {
  if (!a->hungry) {
    a->hungry = true;
    atomic_fetch_add(&a->reactor->runtime->hungry, 1);
  }
  a->reactor->io->interest(&a->socket, 0);
}

static void starved_ring(plait__alarm *alarm) {
  acceptor_listen(plait_container_of(alarm, plait__acceptor, alarm));
}

static void acceptor_starve(plait__acceptor *a) {
  a->reactor->stats.accept_starved++;
  a->starved_ms =
      a->starved_ms == 0 ? PLAIT__STARVED_FIRST_MS : a->starved_ms * 2;
  if (a->starved_ms > PLAIT__STARVED_MAX_MS)
    a->starved_ms = PLAIT__STARVED_MAX_MS;
  acceptor_pause(a);
  plait__reactor_unalarm(a->reactor, &a->alarm);
  a->alarm.ring = starved_ring;
  plait__reactor_alarm(a->reactor, &a->alarm, a->starved_ms);
}

/* Counted, so that each reactor retries once for what went, and not for its
 * own turns. */
void plait__acceptors_retry(plait_reactor *r) {
  unsigned room = atomic_load(&r->runtime->room);
  if (room == r->room_seen)
    return;
  r->room_seen = room;
  for (plait__acceptor *a = r->acceptors; a != NULL; a = a->next)
    if (a->hungry && a->state == PLAIT__ACCEPTOR_ARMED &&
        plait__factory_has_room(a->listener->factory))
      acceptor_listen(a);
}

void plait__acceptors_room(plait_reactor *r) {
  plait_runtime *runtime = r->runtime;
  if (atomic_load(&runtime->hungry) == 0)
    return;
  atomic_fetch_add(&runtime->room, 1);
  plait__runtime_wake_all(runtime);
}

/* ---- accepting ----------------------------------------------------------- */

/* A place that was reserved and not used: meanwhile another acceptor may have
 * found none. */
static void acceptor_return(plait_reactor *r, plait_factory *factory) {
  plait__factory_release(factory);
  plait__acceptors_room(r);
}

static void gift_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  acceptor_gift *g = plait_container_of(mail, acceptor_gift, mail);
  plait_runtime *runtime = r->runtime;
  if (drop) {
    r->io->close_fd(g->fd);
    plait__factory_release(g->factory);
  } else if (plait__stream_accept(r, g->fd, g->factory, &g->peer) != 0) {
    acceptor_return(r, g->factory);
  }
  plait__free(r->os, g);
  plait__runtime_unref(runtime);
}

/* The reactor the next connection of |l| goes to. */
static plait_reactor *acceptor_target(plait__acceptor *a) {
  plait_listener *l = a->listener;
  plait_runtime *runtime = l->runtime;
  if (!l->spread)
    return a->reactor;
  return runtime->reactors[l->next_target++ % runtime->reactor_count];
}

static void acceptor_take(plait__acceptor *a, int fd,
                          const plait_address *peer) {
  plait_reactor *r = a->reactor, *target = acceptor_target(a);
  plait_factory *factory = a->listener->factory;
  acceptor_gift *g = target != r ? plait__alloc(r->os, sizeof *g) : NULL;
  r->stats.accepted++;
  a->starved_ms = 0;
  if (g == NULL) { /* ours, or no memory to send it away */
    if (plait__stream_accept(r, fd, factory, peer) != 0)
      acceptor_return(r, factory);
    return;
  }
  *g = (acceptor_gift){.factory = factory, .peer = *peer, .fd = fd};
  g->mail.deliver = gift_deliver;
  plait__runtime_ref(r->runtime);
  plait__reactor_mail(target, &g->mail);
}

static bool is_starvation(int code) {
  return code == PLAIT_EMFILE || code == PLAIT_ENFILE ||
         code == PLAIT_ENOBUFS || code == PLAIT_ENOMEM;
}

/* One connection, or why there is none: PLAIT_EAGAIN when none waits,
 * PLAIT_ELIMIT at connections_max. */
static int acceptor_one(plait__acceptor *a) {
  plait_factory *factory = a->listener->factory;
  plait_address peer;
  int fd;
  if (!plait__factory_reserve(factory))
    return PLAIT_ELIMIT;
  int code = a->reactor->io->accept(&a->socket, &fd, &peer);
  if (code == 0)
    acceptor_take(a, fd, &peer);
  else if (is_starvation(code))
    plait__factory_release(factory); /* others would find no room either */
  else
    acceptor_return(a->reactor, factory);
  return code;
}

/* Room that came before this acceptor counted as hungry was told nobody. */
static void acceptor_full(plait__acceptor *a) {
  acceptor_pause(a);
  if (plait__factory_has_room(a->listener->factory))
    acceptor_listen(a);
}

static void acceptor_ready(plait__socket *socket, unsigned events) {
  plait__acceptor *a = acceptor_of(socket);
  for (int i = 0; i < PLAIT__ACCEPTS; i++) {
    int code = acceptor_one(a);
    if (code == PLAIT_ELIMIT)
      acceptor_full(a);
    else if (is_starvation(code))
      acceptor_starve(a);
    else if (code != PLAIT_EAGAIN)
      continue;                      /* taken; or that one connection failed */
    else if (events & PLAIT__HANGUP) /* shut down by who has it, too */
      acceptor_end(a);
    return;
  }
}

/* ---- closing ------------------------------------------------------------- */

static void acceptor_end(plait__acceptor *a) {
  plait_reactor *r = a->reactor;
  plait__acceptor **at = &r->acceptors;
  while (*at != a)
    at = &(*at)->next;
  *at = a->next;
  a->state = PLAIT__ACCEPTOR_ENDED;
  plait__reactor_unalarm(r, &a->alarm);
  if (a->hungry)
    atomic_fetch_sub(&r->runtime->hungry, 1);
  r->io->close(&a->socket, false);
}

/* What waits in the backlog is accepted; nothing else enters it. */
static void acceptor_empty(plait__acceptor *a) {
  unsigned bound = 4096;
  int code = 0;
  while (bound-- > 0 && code != PLAIT_EAGAIN && code != PLAIT_ELIMIT &&
         code != PLAIT_EINVAL && !is_starvation(code))
    code = acceptor_one(a);
}

static void settle_ring(plait__alarm *alarm) {
  plait__acceptor *a = plait_container_of(alarm, plait__acceptor, alarm);
  acceptor_empty(a);
  acceptor_end(a);
}

static void acceptor_drain(plait__acceptor *a) {
  plait_reactor *r = a->reactor;
  if (a->state != PLAIT__ACCEPTOR_ARMED)
    return;
  a->state = PLAIT__ACCEPTOR_DRAINING;
  r->io->interest(&a->socket, 0);
  if (!a->listener->inherited)
    r->io->refuse(&a->socket);
  acceptor_empty(a); /* room for the handshakes in flight */
  plait__reactor_unalarm(r, &a->alarm);
  a->alarm.ring = settle_ring;
  plait__reactor_alarm(r, &a->alarm, PLAIT__SETTLE_MS);
}

void plait__acceptors_drain(plait_reactor *r) {
  for (plait__acceptor *a = r->acceptors; a != NULL; a = a->next)
    acceptor_drain(a);
}

void plait__acceptors_cut(plait_reactor *r) {
  while (r->acceptors != NULL)
    acceptor_end(r->acceptors);
}

static void acceptor_gone(plait__acceptor *a) {
  plait_listener *l = a->listener;
  plait_runtime *runtime = l->runtime;
  plait__factory_unuse(l->factory);
  plait__listener_unref(l);
  plait__runtime_unref(runtime);
}

static void acceptor_closed(plait__socket *socket) {
  acceptor_gone(acceptor_of(socket));
}

static const plait__socket_events acceptor_events = {
    .ready = acceptor_ready,
    .closed = acceptor_closed,
};

/* ---- life ---------------------------------------------------------------- */

static void acceptor_close_fd(plait__acceptor *a) {
  if (a->fd >= 0)
    a->reactor->io->close_fd(a->fd);
  a->fd = -1;
}

void plait__acceptor_arm(plait__acceptor *a) {
  plait_reactor *r = a->reactor;
  int code = r->io->attach(r->loop, &a->socket, a->fd);
  if (code != 0) {
    acceptor_close_fd(a);
    a->state = PLAIT__ACCEPTOR_ENDED;
    acceptor_gone(a);
    return;
  }
  a->fd = -1;
  a->state = PLAIT__ACCEPTOR_ARMED;
  a->next = r->acceptors;
  r->acceptors = a;
  acceptor_listen(a);
  if (r->cut)
    acceptor_end(a);
  else if (r->draining || a->close_asked)
    acceptor_drain(a);
}

static void arm_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  (void)r;
  if (!drop)
    plait__acceptor_arm(plait_container_of(mail, plait__acceptor, arm));
}

static void close_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  plait__acceptor *a = plait_container_of(mail, plait__acceptor, close);
  (void)r;
  if (drop)
    return;
  a->close_asked = true; /* in case |arm| is still on its way */
  acceptor_drain(a);
  plait__listener_unref(a->listener);
}

plait__acceptor *plait__acceptor_new(plait_listener *l, plait_reactor *r,
                                     int fd) {
  plait__acceptor *a = plait__zalloc(r->os, offsetof(plait__acceptor, socket) +
                                                r->io->socket_bytes);
  if (a == NULL) {
    r->io->close_fd(fd);
    return NULL;
  }
  a->reactor = r;
  a->listener = l;
  a->fd = fd;
  a->socket.events = &acceptor_events;
  a->arm.deliver = arm_deliver;
  a->close.deliver = close_deliver;
  return a;
}

void plait__acceptor_free(plait__acceptor *a) {
  acceptor_close_fd(a);
  plait__free(a->reactor->os, a);
}
