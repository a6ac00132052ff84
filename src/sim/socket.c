/* Sockets: what there is behind a descriptor, in a backlog, or closed and not
 * yet told so. */
#include <stdlib.h>

#include "sim/net.h"

static plait__sim_link sockets; /* all */

uint64_t plait__sim_latency_ns(void) {
  const plait_sim_options *o = plait__sim_options();
  return 1000 * plait__sim_between(o->latency_min_us, o->latency_max_us);
}

/* ---- life ---------------------------------------------------------------- */

plait__sim_socket *plait__sim_socket_new(plait__sim_state state, bool local) {
  plait__sim_socket *s = calloc(1, sizeof *s);
  if (s == NULL || plait__sim_events_reserve() != 0)
    goto no_socket;
  if (plait__sim_events_reserve() != 0)
    goto no_event;
  s->state = state;
  s->local = local;
  s->fd = s->number = -1;
  s->in.event.fn = plait__sim_stream_arrive;
  s->attempt.fn = plait__sim_connect_ring;
  plait__sim_append(&sockets, &s->all);
  return s;
no_event:
  plait__sim_events_release();
no_socket:
  free(s);
  return NULL;
}

int plait__sim_socket_open(plait__sim_state state, bool local,
                           plait__sim_socket **ret) {
  plait__sim_socket *s = plait__sim_socket_new(state, local);
  if (s == NULL)
    return PLAIT_ENOMEM;
  int fd = plait__sim_descriptor_take(s);
  if (fd < 0) {
    plait__sim_socket_free(s);
    return fd;
  }
  *ret = s;
  return 0;
}

void plait__sim_socket_free(plait__sim_socket *s) {
  plait__sim_unlink(&s->all);
  plait__sim_unlink(&s->place);
  plait__sim_unset(&s->attempt);
  if (s->mailbox != NULL)
    plait__sim_datagram_close(s);
  plait__sim_way_close(&s->in);
  plait__sim_events_release();
  plait__sim_events_release();
  free(s);
}

void plait__sim_socket_close(plait__sim_socket *s, bool reset) {
  plait__sim_descriptor_give(s);
  plait__sim_unlink(&s->place);
  if (s->state == PLAIT__SIM_LISTENING) {
    plait__sim_listener_close(s);
    return;
  }
  if (s->state == PLAIT__SIM_DATAGRAM) {
    plait__sim_datagram_close(s);
    return;
  }
  plait__sim_connect_abandon(s);
  plait__sim_stream_close(s, reset, false);
}

void plait__sim_sockets_close(void) {
  plait__sim_link *link;
  while ((link = plait__sim_first(&sockets)) != NULL)
    plait__sim_socket_free(plait_container_of(link, plait__sim_socket, all));
}

/* ---- readiness ----------------------------------------------------------- */

unsigned plait__sim_socket_events(const plait__sim_socket *s) {
  if (s->fd < 0 || s->interest == 0)
    return 0;
  if (s->state == PLAIT__SIM_LISTENING)
    return plait__sim_backlog_first(s) != NULL ? s->interest & PLAIT__READABLE
                                               : 0;
  if (s->state == PLAIT__SIM_DATAGRAM)
    return plait__sim_datagram_events(s);
  return plait__sim_stream_events(s);
}

void plait__sim_socket_changed(plait__sim_socket *s) {
  for (unsigned i = 0; i < 2; i++)
    if (s->sleepers[i] != NULL && plait__sim_socket_events(s) != 0)
      plait__sim_unpark(s->sleepers[i]);
  if (s->loop == NULL || plait__sim_linked(&s->place) ||
      plait__sim_socket_events(s) == 0)
    return;
  plait__sim_append(&s->loop->ready, &s->place);
  plait__sim_loop_ready(s->loop);
}

/* ---- the world changes --------------------------------------------------- */

void plait__sim_net_changed(void) {
  uint64_t delay_ns = (uint64_t)1000 * plait__sim_options()->latency_max_us;
  for (plait__sim_link *link = plait__sim_first(&sockets); link != NULL;
       link = plait__sim_next(&sockets, link)) {
    plait__sim_socket *s = plait_container_of(link, plait__sim_socket, all);
    if (plait__sim_healed())
      plait__sim_way_hurry(&s->in, delay_ns);
    if (!plait__sim_parted())
      plait__sim_way_arm(&s->in);
  }
}

/* Also those that wait in a backlog. */
void plait__sim_net_cut(void) {
  for (plait__sim_link *link = plait__sim_first(&sockets); link != NULL;
       link = plait__sim_next(&sockets, link)) {
    plait__sim_socket *s = plait_container_of(link, plait__sim_socket, all);
    bool open = s->fd >= 0 || s->listener != NULL;
    if (s->state == PLAIT__SIM_CONNECTED && !s->local && open)
      plait__sim_stream_cut(s);
  }
}
