/* Questions to datagram sockets, and their settings. */
#include "core/datagram.h"

#include <plait/error.h>

void plait_datagram_close(plait_datagram *d) {
  plait__check_datagram_home(d, "plait_datagram_close");
  plait__datagram_end(d, 0);
}

/* ---- multicast and broadcast --------------------------------------------- */

static int group_change(plait_datagram *d, bool join,
                        const plait_address *group, unsigned interface) {
  if (!plait__datagram_works(d))
    return PLAIT_ECLOSED;
  return d->reactor->io->group(&d->socket, join, group, interface);
}

int plait_datagram_join(plait_datagram *d, const plait_address *group,
                        unsigned interface) {
  return group_change(d, true, group, interface);
}

int plait_datagram_leave(plait_datagram *d, const plait_address *group,
                         unsigned interface) {
  return group_change(d, false, group, interface);
}

static int option_set(plait_datagram *d, plait__datagram_option option,
                      unsigned value) {
  if (!plait__datagram_works(d))
    return PLAIT_ECLOSED;
  return d->reactor->io->datagram_option(&d->socket, option, value);
}

int plait_datagram_set_multicast_ttl(plait_datagram *d, unsigned ttl) {
  return ttl > 255 ? PLAIT_EINVAL : option_set(d, PLAIT__MULTICAST_TTL, ttl);
}

int plait_datagram_set_multicast_loop(plait_datagram *d, bool on) {
  return option_set(d, PLAIT__MULTICAST_LOOP, on);
}

int plait_datagram_set_multicast_interface(plait_datagram *d,
                                           unsigned interface) {
  return option_set(d, PLAIT__MULTICAST_INTERFACE, interface);
}

int plait_datagram_set_broadcast(plait_datagram *d, bool on) {
  return option_set(d, PLAIT__BROADCAST, on);
}

/* ---- questions ----------------------------------------------------------- */

plait_reactor *plait_datagram_reactor(const plait_datagram *d) {
  return d->reactor;
}

static int address_answer(const plait_address *address, plait_address *ret) {
  if (address->family == PLAIT_NO_ADDRESS)
    return PLAIT_EINVAL;
  *ret = *address;
  return 0;
}

int plait_datagram_local(const plait_datagram *d, plait_address *ret) {
  return address_answer(&d->port->local, ret);
}

int plait_datagram_peer(const plait_datagram *d, plait_address *ret) {
  return address_answer(&d->port->peer, ret);
}

/* Either the queue or the outbox is empty. */
size_t plait_datagram_queued(const plait_datagram *d) {
  const plait__datagram_area *area = d->reactor->datagram_area;
  if (area == NULL || area->owner != d)
    return d->queue_bytes;
  return area->used + area->count * PLAIT__DATAGRAM_COST;
}

int plait_datagram_fd(const plait_datagram *d) {
  return plait__datagram_works(d) ? d->reactor->io->fd(&d->socket) : -1;
}

void plait_datagram_get_stats(const plait_datagram *d,
                              plait_datagram_stats *ret) {
  *ret = d->stats;
}
