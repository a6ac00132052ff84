/* The sockets of a loop that may be ready: those that have changed since it
 * was last told of them, and those that still were then.  One round hands all
 * of them on, in an order that the seed gives; what becomes ready meanwhile
 * waits for the next one. */
#include "sim/net.h"

enum { READY_HEAPS = 16 };

/* What is closed in the course of this waits for the next round. */
static bool ready_tell_closed(plait__loop *loop) {
  plait__sim_link closed = {0}, *link;
  bool any = false;
  while ((link = plait__sim_shift(&loop->closed)) != NULL)
    plait__sim_append(&closed, link);
  for (; (link = plait__sim_shift(&closed)) != NULL; any = true) {
    plait__sim_socket *s = plait_container_of(link, plait__sim_socket, place);
    plait__socket *owner = s->owner;
    plait__sim_socket_free(s);
    ((plait__sim_head *)owner)->socket = NULL;
    owner->events->closed(owner);
  }
  return any;
}

static bool ready_hand_on(plait__loop *loop, plait__sim_socket *s) {
  unsigned events = plait__sim_socket_events(s);
  if (events == 0)
    return false;
  if (events & PLAIT__FAILED)
    s->interest = 0;
  plait__sim_dispatch(loop, s->owner, events);
  /* If it was closed it still is there, since only a round of this loop frees
   * it. */
  plait__sim_socket_changed(s);
  return true;
}

/* Dealt out to heaps, and these laid on each other: quick, and mixed enough. */
static void ready_mix(plait__sim_link *list, plait__sim_link heaps[]) {
  plait__sim_link *link;
  while ((link = plait__sim_shift(list)) != NULL)
    plait__sim_append(&heaps[plait__sim_below(READY_HEAPS)], link);
}

bool plait__sim_net_dispatch(plait__loop *loop, plait_reactor *reactor) {
  plait__sim_link heaps[READY_HEAPS] = {0}, *link;
  bool any = ready_tell_closed(loop);
  (void)reactor;
  if (plait__sim_first(&loop->ready) == NULL)
    return any;
  ready_mix(&loop->ready, heaps);
  /* A callback that closes one of the others takes it out of its heap. */
  for (unsigned i = 0; i < READY_HEAPS; i++)
    while ((link = plait__sim_shift(&heaps[i])) != NULL)
      any |= ready_hand_on(loop,
                           plait_container_of(link, plait__sim_socket, place));
  return any;
}
