/* Sending datagrams: the outbox and the queue.
 *
 * What is sent in the course of a batch of callbacks is gathered in the
 * reactor's outbox and leaves in one system call; it belongs to one socket at a
 * time.  Only what the system does not take then is copied into the socket's
 * own queue, and as long as there is one, sends go behind it: so the order is
 * kept, and a socket has never something in both.
 */
#include "core/datagram.h"

#include <plait/error.h>

#include "core/memory.h"

struct plait__datagram_node {
  plait__datagram_node *next;
  plait_address peer, local;
  size_t len;
  uint8_t data[];
};

typedef plait__datagram_node node;

static size_t queue_weight(size_t len) {
  return len + PLAIT__DATAGRAM_COST;
}

/* ---- the queue ----------------------------------------------------------- */

static bool queue_append(plait_datagram *d, const plait__packet *packet) {
  node *n = plait__alloc(d->reactor->os, sizeof *n + packet->len);
  if (n == NULL)
    return false;
  n->next = NULL;
  plait__address_copy(&n->peer, &packet->peer);
  plait__address_copy(&n->local, &packet->local);
  n->len = packet->len;
  if (n->len > 0)
    memcpy(n->data, packet->data, n->len);
  if (d->queue_first == NULL)
    d->queue_first = n;
  else
    d->queue_last->next = n;
  d->queue_last = n;
  d->queue_bytes += queue_weight(n->len);
  return true;
}

static void queue_shift(plait_datagram *d) {
  node *n = d->queue_first;
  d->queue_first = n->next;
  d->queue_bytes -= queue_weight(n->len);
  plait__free(d->reactor->os, n);
}

void plait__datagram_drop(plait_datagram *d) {
  for (; d->queue_first != NULL; queue_shift(d))
    d->stats.dropped++;
}

/* ---- handing to the system ----------------------------------------------- */

void plait__datagram_note(plait_datagram *d, int code,
                          const plait_address *to) {
  if (d->error != 0)
    return;
  d->error = code;
  d->error_to = *to;
  plait__datagram_need(d, PLAIT__DATAGRAM_ERROR);
}

static void count_sent(plait_datagram *d, const plait__packet *v, unsigned n) {
  d->stats.sent += n;
  for (unsigned i = 0; i < n; i++)
    d->stats.sent_bytes += v[i].len;
}

/* The first of |v| failed.  Of a socket with a peer that may have been an error
 * of an earlier one, which is gone with that: so it gets another chance. */
static bool send_again(plait_datagram *d, const plait__packet *v, int code,
                       bool *again) {
  bool connected = d->port->peer.family != PLAIT_NO_ADDRESS;
  plait__datagram_note(d, code, connected ? &d->port->peer : &v->peer);
  *again = connected && !*again;
  if (!*again)
    d->stats.dropped++;
  return *again;
}

/* How many of |v| are done with, sent or dropped; less than all: blocked. */
static unsigned send_some(plait_datagram *d, const plait__packet *v,
                          unsigned n) {
  const plait__io *io = d->reactor->io;
  bool again = false;
  unsigned done = 0;
  while (done < n) {
    int sent = io->send_batch(&d->socket, v + done, n - done);
    if (sent == PLAIT_EAGAIN)
      break;
    if (sent > 0) {
      count_sent(d, v + done, (unsigned)sent);
      done += (unsigned)sent;
      again = false;
    } else if (!send_again(d, v + done, sent, &again)) {
      done++;
    }
  }
  return done;
}

static void send_block(plait_datagram *d) {
  d->blocked = true;
  plait__datagram_interest(d);
}

static void post_send(plait__datagram_area *area, plait_datagram *d) {
  unsigned n = area->count;
  unsigned done = send_some(d, area->posted, n);
  area->owner = NULL;
  area->count = 0;
  area->used = 0;
  if (done == n)
    return;
  send_block(d);
  for (; done < n; done++)
    if (!queue_append(d, &area->posted[done])) {
      d->stats.dropped++;
      plait__datagram_note(d, PLAIT_ENOMEM, &area->posted[done].peer);
    }
}

void plait__datagram_post(plait_reactor *r) {
  plait__datagram_area *area = r->datagram_area;
  if (area != NULL && area->owner != NULL)
    post_send(area, area->owner);
}

/* The head of the queue, as packets; the outbox, which is empty, lends them. */
static unsigned queue_gather(const plait_datagram *d, plait__packet *v) {
  unsigned n = 0;
  for (node *i = d->queue_first; i != NULL && n < PLAIT__POST_PACKETS;
       i = i->next)
    v[n++] = (plait__packet){
        .data = i->data, .len = i->len, .peer = i->peer, .local = i->local};
  return n;
}

void plait__datagram_flush(plait_datagram *d) {
  plait__datagram_area *area = d->reactor->datagram_area;
  if (area == NULL)
    return;
  plait__datagram_post(d->reactor);
  while (d->queue_first != NULL && !d->blocked) {
    unsigned n = queue_gather(d, area->posted);
    unsigned done = send_some(d, area->posted, n);
    for (unsigned i = 0; i < done; i++)
      queue_shift(d);
    if (done < n)
      send_block(d);
  }
  if (d->wanting && d->queue_bytes <= d->port->limits.low_bytes) {
    d->wanting = false;
    plait__datagram_need(d, PLAIT__DATAGRAM_RESUME);
  }
}

/* ---- verbs --------------------------------------------------------------- */

static size_t longest(const plait_datagram *d) {
  switch (d->port->local.family) {
  case PLAIT_IPV4:
    return 65507;
  case PLAIT_IPV6:
    return 65527;
  default:
    return PLAIT__DATAGRAM_BYTES;
  }
}

/* 0, or why |len| bytes cannot be sent there. */
static int send_check(const plait_datagram *d, size_t len,
                      const plait_address *to, const plait_address *from) {
  uint8_t family = d->port->local.family;
  bool connected = d->port->peer.family != PLAIT_NO_ADDRESS;
  if (!plait__datagram_works(d))
    return PLAIT_ECLOSED;
  if ((to == NULL) != connected || (to != NULL && to->family != family) ||
      (from != NULL && from->family != family))
    return PLAIT_EINVAL;
  if (family == PLAIT_UNIX && to != NULL && to->path[0] == '\0')
    return PLAIT_EINVAL; /* it has no name */
  if (len > longest(d))
    return PLAIT_EMSGSIZE;
  if (d->queue_first != NULL &&
      d->queue_bytes + queue_weight(len) > d->port->limits.queue_bytes_max)
    return PLAIT_EFULL;
  return 0;
}

static void packet_set(plait__packet *packet, const plait_address *to,
                       const plait_address *from) {
  packet->peer.family = packet->local.family = PLAIT_NO_ADDRESS;
  if (to != NULL)
    plait__address_copy(&packet->peer, to);
  if (from != NULL)
    plait__address_copy(&packet->local, from);
}

static void post_put(plait__datagram_area *area, const void *data, size_t len,
                     const plait_address *to, const plait_address *from) {
  plait__packet *packet = &area->posted[area->count++];
  packet->data = area->output + area->used;
  packet->len = len;
  packet_set(packet, to, from);
  if (len > 0)
    memcpy(packet->data, data, len);
  area->used += len;
}

static int send_queue(plait_datagram *d, const void *data, size_t len,
                      const plait_address *to, const plait_address *from) {
  plait__packet packet = {.data = (uint8_t *)(uintptr_t)data, .len = len};
  packet_set(&packet, to, from);
  return queue_append(d, &packet) ? 0 : PLAIT_ENOMEM;
}

/* Behind what |d| has in the outbox, or in its queue. */
static int send_put(plait_datagram *d, const void *data, size_t len,
                    const plait_address *to, const plait_address *from) {
  plait_reactor *r = d->reactor;
  plait__datagram_area *area = plait__datagram_area_of(r);
  if (area == NULL)
    return PLAIT_ENOMEM;
  if (area->owner != NULL &&
      (area->owner != d || area->count == PLAIT__POST_PACKETS ||
       len > sizeof area->output - area->used))
    plait__datagram_post(r);
  if (d->queue_first != NULL)
    return send_queue(d, data, len, to, from);
  area->owner = d;
  post_put(area, data, len, to, from);
  if (area->count == 1 && !r->in_batch)
    r->os->wake(r->loop);
  return 0;
}

int plait_datagram_send_from(plait_datagram *d, const void *data, size_t len,
                             const plait_address *to,
                             const plait_address *from) {
  plait__check_datagram_home(d, "plait_datagram_send");
  int code = send_check(d, len, to, from);
  if (code == 0)
    code = send_put(d, data, len, to, from);
  if (code != 0)
    d->stats.dropped++;
  bool high = d->queue_bytes > d->port->limits.high_bytes;
  if (code == PLAIT_EFULL || (code == 0 && high))
    d->wanting = true;
  return code != 0 ? code : !high;
}

int plait_datagram_send(plait_datagram *d, const void *data, size_t len,
                        const plait_address *to) {
  return plait_datagram_send_from(d, data, len, to, NULL);
}

/* A group's address is none to send from, and the one that a socket is bound to
 * is what it sends from anyway. */
int plait_datagram_reply(plait_datagram *d, const plait_datagram_info *info,
                         const void *data, size_t len) {
  const plait_address *bound = &d->port->local, *to = info->to;
  if (d->port->peer.family != PLAIT_NO_ADDRESS)
    return plait_datagram_send(d, data, len, NULL);
  if (info->to_many || memcmp(to->ip, bound->ip, sizeof to->ip) == 0)
    to = NULL;
  return plait_datagram_send_from(d, data, len, info->from, to);
}
