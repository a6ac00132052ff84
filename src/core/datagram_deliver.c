/* Calls the protocols of datagram sockets, as deliver.c does those of streams;
 * a debug build asserts the first two laws here as well. */
#include "core/datagram.h"

#include <stdio.h>

#if PLAIT_DEBUG
void plait__check_datagram_home(const plait_datagram *d, const char *function) {
  char text[256];
  if (plait__here() == d->reactor)
    return;
  snprintf(text, sizeof text,
           "%s: a socket of reactor %u was used on another thread; those get "
           "there by plait_reactor_post()",
           function, d->reactor->index);
  d->reactor->os->fatal(text);
}

static void enter(plait_datagram *d, const char *call) {
  plait_reactor *r = d->reactor;
  char text[256];
  if (r->current != NULL || r->calling != NULL) {
    snprintf(text, sizeof text,
             "law 1: %s of protocol \"%s\" inside a callback", call,
             d->p->ops->name);
    r->os->fatal(text);
  }
  if (d->state != PLAIT__DATAGRAM_OPEN && d->state != PLAIT__DATAGRAM_CLOSING) {
    snprintf(text, sizeof text, "law 2: %s of protocol \"%s\" out of order",
             call, d->p->ops->name);
    r->os->fatal(text);
  }
  r->calling = d;
}
#else
#define enter(d, call) ((void)((d)->reactor->calling = (d)))
#endif

static void leave(plait_datagram *d) {
  d->reactor->calling = NULL;
}

void plait__deliver_started(plait_datagram *d) {
  if (d->p->ops->started == NULL)
    return;
  enter(d, "started");
  d->p->ops->started(d->p);
  leave(d);
}

void plait__deliver_datagram(plait_datagram *d, plait__packet *packet) {
  const plait_address *bound = &d->port->local;
  plait_datagram_info info = {
      .from = packet->peer.family != PLAIT_NO_ADDRESS ? &packet->peer
                                                      : &d->port->peer,
      .to = packet->local.family != PLAIT_NO_ADDRESS ? &packet->local : bound,
      .interface = packet->interface,
      .truncated = packet->truncated,
      .to_many = packet->to_many,
  };
  packet->local.port = bound->port;
  d->stats.received++;
  d->stats.received_bytes += packet->len;
  d->stats.truncated += packet->truncated;
  if (d->p->ops->datagram_received == NULL)
    return;
  enter(d, "datagram_received");
  d->p->ops->datagram_received(d->p, packet->data, packet->len, &info);
  leave(d);
}

void plait__deliver_error(plait_datagram *d, int code,
                          const plait_address *to) {
  if (d->p->ops->error_received == NULL)
    return;
  enter(d, "error_received");
  d->p->ops->error_received(d->p, code, to);
  leave(d);
}

void plait__deliver_datagram_resume(plait_datagram *d) {
  if (d->p->ops->resume_writing == NULL)
    return;
  enter(d, "resume_writing");
  d->p->ops->resume_writing(d->p);
  leave(d);
}

void plait__deliver_datagram_draining(plait_datagram *d) {
  if (d->p->ops->draining == NULL)
    return;
  enter(d, "draining");
  d->p->ops->draining(d->p);
  leave(d);
}

void plait__deliver_stopped(plait_datagram *d, int reason) {
  if (d->p->ops->stopped == NULL)
    return;
  enter(d, "stopped");
  d->p->ops->stopped(d->p, reason);
  leave(d);
}
