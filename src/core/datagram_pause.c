/* Pausing: what comes waits in the system.
 *
 * What was received along with the datagram whose callback paused is copied and
 * held, and comes first when reading goes on; so there is never more of it than
 * was received at a time.  As with streams, interest in reading is withdrawn
 * only when something comes that nobody wants.
 */
#include "core/datagram.h"

#include <plait/error.h>

#include "core/memory.h"

struct plait__datagram_held {
  plait__datagram_held *next;
  plait__packet packet;
  uint8_t data[];
};

typedef plait__datagram_held held;

void plait__datagram_hold(plait_datagram *d, const plait__packet *packet) {
  static const plait_address nowhere = {.family = PLAIT_NO_ADDRESS};
  held *h = plait__alloc(d->reactor->os, sizeof *h + packet->len);
  if (h == NULL) {
    plait__datagram_note(d, PLAIT_ENOMEM, &nowhere);
    return;
  }
  h->next = NULL;
  h->packet = *packet;
  h->packet.data = h->data;
  if (packet->len > 0)
    memcpy(h->data, packet->data, packet->len);
  if (d->held_first == NULL)
    d->held_first = h;
  else
    d->held_last->next = h;
  d->held_last = h;
}

static void held_shift(plait_datagram *d) {
  held *h = d->held_first;
  d->held_first = h->next;
  plait__free(d->reactor->os, h);
}

void plait__datagram_release(plait_datagram *d) {
  while (d->held_first != NULL)
    held_shift(d);
}

void plait__datagram_unhold(plait_datagram *d) {
  while (d->held_first != NULL && !d->paused && plait__datagram_works(d)) {
    plait__packet *packet = &d->held_first->packet;
    plait__datagram_hand_on(d, packet);
    if (!d->paused || packet->len == 0)
      held_shift(d);
  }
  plait__datagram_interest(d);
}

void plait_datagram_pause_reading(plait_datagram *d) {
  plait__check_datagram_home(d, "plait_datagram_pause_reading");
  d->paused = true;
}

void plait_datagram_resume_reading(plait_datagram *d) {
  plait__check_datagram_home(d, "plait_datagram_resume_reading");
  if (!d->paused)
    return;
  d->paused = false;
  plait__datagram_need(d, PLAIT__DATAGRAM_UNHOLD);
}
