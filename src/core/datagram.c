/* A socket for datagrams on its reactor.
 *
 * A wake-up receives one batch, delivers it, sends what that caused and then
 * looks what is due.  Whatever errors the network has for it, the socket lives
 * on; only what shows that it does not work ends it.
 */
#include "core/datagram.h"

#include <plait/error.h>
#include <plait/factory.h>

#include "core/memory.h"

enum { ATTEND_PASSES = 4, CACHE_LINE = 64 };

static plait_datagram *datagram_of(plait__socket *socket) {
  return plait_container_of(socket, plait_datagram, socket);
}

/* ---- the reactor's area -------------------------------------------------- */

plait__datagram_area *plait__datagram_area_of(plait_reactor *r) {
  if (r->datagram_area == NULL)
    r->datagram_area = plait__zalloc(r->os, sizeof *r->datagram_area);
  return r->datagram_area;
}

/* How much may come at a time. */
static size_t receive_len(const plait_datagram *d) {
  size_t room = d->reactor->io->datagram_room;
  return room != 0 ? room : d->port->limits.datagram_bytes_max;
}

/* Makes room for what comes to |d|.  A line more than it needs, or the first
 * bytes of all would compete for the same places of the caches.  Pages that
 * nothing comes into are not used. */
static bool area_reserve(plait_datagram *d, plait__datagram_area *area) {
  const plait__os *os = d->reactor->os;
  size_t bytes = receive_len(d);
  size_t stride = (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
  stride += CACHE_LINE;
  if (area->stride >= stride)
    return true;
  plait__free(os, area->input);
  area->stride = 0;
  area->input = plait__alloc(os, PLAIT__DATAGRAMS * stride);
  if (area->input == NULL)
    return false;
  area->stride = stride;
  return true;
}

/* ---- attention ----------------------------------------------------------- */

void plait__datagram_interest(plait_datagram *d) {
  unsigned interest = d->paused ? 0 : PLAIT__READABLE;
  if (d->blocked)
    interest |= PLAIT__WRITABLE;
  if (plait__datagram_works(d))
    d->reactor->io->interest(&d->socket, interest);
}

void plait__datagram_need(plait_datagram *d, unsigned due) {
  plait_reactor *r = d->reactor;
  if (!plait__datagram_works(d) && due != PLAIT__DATAGRAM_END)
    return;
  d->due |= (uint8_t)due;
  if (d->ready)
    return;
  d->ready = true;
  d->next_ready = r->datagrams_ready;
  r->datagrams_ready = d;
  if (!r->in_batch)
    r->os->wake(r->loop);
}

void plait__datagram_end(plait_datagram *d, int reason) {
  if (!plait__datagram_works(d))
    return;
  d->state = PLAIT__DATAGRAM_CLOSING;
  d->reason = reason;
  plait__datagram_need(d, PLAIT__DATAGRAM_END);
}

static void attend_end(plait_datagram *d) {
  plait_reactor *r = d->reactor;
  plait__datagram_post(r);
  if (d->reason == 0 && d->queue_first != NULL) {
    d->blocked = false; /* or nobody has told yet */
    plait__datagram_flush(d);
  }
  plait__datagram_drop(d);
  plait__datagram_release(d);
  if (d->prev != NULL)
    d->prev->next = d->next;
  else
    r->datagrams = d->next;
  if (d->next != NULL)
    d->next->prev = d->prev;
  r->io->close(&d->socket, false);
}

static void attend_drain(plait_datagram *d) {
  if (d->told_drain)
    return;
  d->told_drain = true;
  if (d->p->ops->draining != NULL)
    plait__deliver_datagram_draining(d);
  else
    plait__datagram_end(d, 0);
}

static void attend_error(plait_datagram *d) {
  plait_address to = d->error_to;
  int code = d->error;
  d->error = 0;
  plait__deliver_error(d, code, to.family != PLAIT_NO_ADDRESS ? &to : NULL);
}

static void attend_once(plait_datagram *d, unsigned due) {
  if (due & PLAIT__DATAGRAM_ERROR && plait__datagram_works(d))
    attend_error(d);
  if (due & PLAIT__DATAGRAM_RESUME && plait__datagram_works(d))
    plait__deliver_datagram_resume(d);
  if (due & PLAIT__DATAGRAM_UNHOLD)
    plait__datagram_unhold(d);
  if (due & PLAIT__DATAGRAM_DRAIN && plait__datagram_works(d))
    attend_drain(d);
  if (due & PLAIT__DATAGRAM_END)
    attend_end(d);
}

/* A callback that always causes another one waits for the next turn. */
static void attend_ready(plait_reactor *r) {
  for (int i = 0; i < ATTEND_PASSES && r->datagrams_ready != NULL; i++) {
    plait_datagram *d = r->datagrams_ready;
    r->datagrams_ready = NULL;
    while (d != NULL) {
      plait_datagram *next = d->next_ready;
      unsigned due = d->due;
      d->ready = false;
      d->due = 0;
      attend_once(d, due);
      plait__datagram_post(r);
      d = next;
    }
  }
}

void plait__datagrams_turn(plait_reactor *r) {
  plait__datagram_post(r);
  if (r->datagrams_ready != NULL)
    attend_ready(r);
}

/* ---- receiving ----------------------------------------------------------- */

/* What says that the descriptor is no such socket, or no socket. */
static bool is_fatal(int code) {
  return code == PLAIT_EBADF || code == PLAIT_ENOTSOCK ||
         code == PLAIT_EINVAL || code == PLAIT_ENOTSUP;
}

static void receive_failed(plait_datagram *d, int code) {
  if (code == PLAIT_EAGAIN)
    return;
  if (is_fatal(code))
    plait__datagram_end(d, code);
  else
    plait__datagram_note(d, code, &d->port->peer);
}

unsigned plait__datagram_hand_on(plait_datagram *d, plait__packet *packet) {
  size_t most = d->port->limits.datagram_bytes_max, left = packet->len;
  size_t each = packet->segment != 0 ? packet->segment : left;
  bool truncated = packet->truncated;
  unsigned count = 0;
  do {
    size_t len = left < each ? left : each;
    packet->len = len < most ? len : most;
    packet->truncated = truncated || len > most;
    plait__deliver_datagram(d, packet);
    packet->data += len;
    left -= len;
    count++;
  } while (left > 0 && !d->paused && plait__datagram_works(d));
  packet->len = left;
  packet->truncated = truncated;
  return count;
}

/* Where one always comes by itself it is not worth its while to ask for a
 * second one each time: but now and then the next wake-up tells. */
static unsigned receive_width(const plait_datagram *d) {
  return d->alone > PLAIT__DATAGRAM_ALONE ? 1 : d->width;
}

/* One more came by itself. */
static void receive_alone(plait_datagram *d) {
  d->width = PLAIT__DATAGRAMS;
  if (++d->alone == PLAIT__DATAGRAM_ALONE + PLAIT__DATAGRAM_LOOK)
    d->alone = PLAIT__DATAGRAM_ALONE;
}

/* Each counts as an event; by eights, so that the clock is looked at as often.
 * The next time as many are received as these let expect that it is enough. */
static void receive_many(plait_datagram *d, unsigned packets, unsigned count) {
  unsigned width = PLAIT__DATAGRAM_EVENTS * packets / count;
  d->alone = 0;
  d->reactor->events += count / PLAIT__CLOCK_EVENTS * PLAIT__CLOCK_EVENTS;
  if (width > PLAIT__DATAGRAMS)
    width = PLAIT__DATAGRAMS;
  d->width = (uint8_t)(width > 0 ? width : 1);
}

/* How many datagrams of |n| packets were delivered; the others are held. */
static unsigned receive_deliver(plait_datagram *d, plait__packet *v,
                                unsigned n) {
  unsigned count = 0;
  for (unsigned i = 0; i < n && plait__datagram_works(d); i++) {
    bool held = d->paused;
    if (!held)
      count += plait__datagram_hand_on(d, &v[i]);
    if (held || (d->paused && v[i].len > 0))
      plait__datagram_hold(d, &v[i]);
  }
  return count;
}

static void datagram_receive(plait_datagram *d) {
  plait_reactor *r = d->reactor;
  plait__datagram_area *area = plait__datagram_area_of(r);
  unsigned count = 0;
  if (area == NULL || !area_reserve(d, area)) {
    plait__datagram_end(d, PLAIT_ENOMEM);
    return;
  }
  plait__room room = {
      .data = area->input, .stride = area->stride, .len = receive_len(d)};
  int n =
      r->io->receive_batch(&d->socket, &room, area->received, receive_width(d));
  if (n < 0)
    receive_failed(d, n);
  else
    count = receive_deliver(d, area->received, (unsigned)n);
  if (count > 1)
    receive_many(d, (unsigned)n, count);
  else if (count == 1)
    receive_alone(d);
}

/* What is held came before. */
static void datagram_readable(plait_datagram *d) {
  if (d->held_first != NULL)
    plait__datagram_unhold(d);
  if (d->paused)
    plait__datagram_interest(d);
  else if (plait__datagram_works(d))
    datagram_receive(d);
}

static void datagram_ready(plait__socket *socket, unsigned events) {
  plait_datagram *d = datagram_of(socket);
  if (!plait__datagram_works(d))
    return;
  /* While reading is paused it is a send that reads the error. */
  if (events & PLAIT__WRITABLE || (d->paused && events & PLAIT__FAILED)) {
    d->blocked = false;
    plait__datagram_flush(d);
    if (!d->blocked)
      plait__datagram_interest(d);
  }
  if (events & (PLAIT__READABLE | PLAIT__FAILED) && plait__datagram_works(d))
    datagram_readable(d);
  plait__datagrams_turn(d->reactor);
  /* The backend has stopped watching, and goes on once the error was read. */
  if (events & PLAIT__FAILED)
    plait__datagram_interest(d);
}

/* ---- life ---------------------------------------------------------------- */

static void datagram_gone(plait_datagram *d) {
  plait_runtime *runtime = d->reactor->runtime;
  plait__deliver_stopped(d, d->reason);
  d->state = PLAIT__DATAGRAM_GONE;
  plait__free(d->reactor->os, d->p);
  d->p = NULL;
  plait__datagram_port_left(d->port);
  plait__runtime_unref(runtime);
}

static void datagram_closed(plait__socket *socket) {
  datagram_gone(datagram_of(socket));
}

static const plait__socket_events datagram_events = {
    .ready = datagram_ready,
    .closed = datagram_closed,
};

/* A socket that cannot be watched is told so in order: it has started. */
static void datagram_fail(plait_datagram *d, int code) {
  d->reactor->io->close_fd(d->fd);
  d->fd = -1;
  d->state = PLAIT__DATAGRAM_CLOSING;
  d->reason = code;
  plait__deliver_started(d);
  datagram_gone(d);
}

void plait__datagram_arm(plait_datagram *d) {
  plait_reactor *r = d->reactor;
  int code = r->io->attach(r->loop, &d->socket, d->fd);
  if (code != 0) {
    datagram_fail(d, code);
    return;
  }
  d->fd = -1;
  d->state = PLAIT__DATAGRAM_OPEN;
  d->next = r->datagrams;
  if (d->next != NULL)
    d->next->prev = d;
  r->datagrams = d;
  plait__datagram_interest(d);
  plait__deliver_started(d);
  if (d->close_asked)
    plait__datagram_end(d, 0);
  else if (r->cut)
    plait__datagram_end(d, PLAIT_EDRAIN);
  else if (r->draining)
    plait__datagram_need(d, PLAIT__DATAGRAM_DRAIN);
}

static void arm_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  (void)r;
  if (!drop)
    plait__datagram_arm(plait_container_of(mail, plait_datagram, arm));
}

static void close_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  plait_datagram *d = plait_container_of(mail, plait_datagram, close);
  (void)r;
  if (drop)
    return;
  d->close_asked = true; /* in case |arm| is still on its way */
  plait__datagram_end(d, 0);
  plait__datagram_port_unref(d->port);
}

static plait_datagram_protocol *instance_new(plait_datagram *d) {
  plait_datagram_factory *factory = d->port->factory;
  size_t size = factory->protocol->size;
  if (size < sizeof(plait_datagram_protocol))
    size = sizeof(plait_datagram_protocol);
  plait_datagram_protocol *p = plait__zalloc(d->reactor->os, size);
  if (p != NULL)
    *p = (plait_datagram_protocol){
        .ops = factory->protocol, .socket = d, .factory = factory};
  return p;
}

plait_datagram *plait__datagram_new(plait_datagram_port *port, plait_reactor *r,
                                    int fd) {
  plait_datagram *d = plait__zalloc(r->os, offsetof(plait_datagram, socket) +
                                               r->io->socket_bytes);
  if (d == NULL)
    return NULL;
  d->reactor = r;
  d->port = port;
  d->fd = -1;
  d->width = PLAIT__DATAGRAM_WIDTH;
  d->socket.events = &datagram_events;
  d->arm.deliver = arm_deliver;
  d->close.deliver = close_deliver;
  d->p = instance_new(d);
  if (d->p == NULL) {
    plait__free(r->os, d);
    return NULL;
  }
  d->fd = fd;
  return d;
}

void plait__datagram_free(plait_datagram *d) {
  if (d->fd >= 0)
    d->reactor->io->close_fd(d->fd);
  plait__free(d->reactor->os, d->p);
  plait__free(d->reactor->os, d);
}

void plait__datagrams_drain(plait_reactor *r) {
  for (plait_datagram_port *port = r->datagram_ports; port != NULL;
       port = port->next)
    if (port->search != NULL)
      plait__datagram_search_stop(port->search);
  for (plait_datagram *d = r->datagrams; d != NULL; d = d->next)
    plait__datagram_need(d, PLAIT__DATAGRAM_DRAIN);
}

void plait__datagrams_cut(plait_reactor *r) {
  for (plait_datagram *d = r->datagrams; d != NULL; d = d->next)
    plait__datagram_end(d, PLAIT_EDRAIN);
}
