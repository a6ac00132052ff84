/* Datagrams: letters, each of which travels by itself.
 *
 *      send --lost?--> on its way --latency--> who is there? --> waits -->
 * receive | nobody a sender with a peer is told  <---------+
 *
 * Letters of one socket keep their order, unless chance says otherwise; one may
 * come twice, or be lost when the receiver's buffer is full, or while nothing
 * gets through.  UNIX sockets lose nothing: they know at once who is there and
 * whether it has room.  Of several that share a port one sender is always sent
 * to the same one. */
#include <stdlib.h>
#include <string.h>

#include "sim/post.h"

typedef plait__sim_letter letter;
typedef plait__sim_mailbox mailbox;

static struct {
  plait__sim_link all, flying;
  uint64_t number;
} post;

static letter *letter_of(plait__sim_link *link) {
  return plait_container_of(link, letter, link);
}

static mailbox *mailbox_of(plait__sim_link *link) {
  return plait_container_of(link, mailbox, all);
}

mailbox *plait__sim_mailbox_next(const mailbox *m) {
  plait__sim_link *link = m == NULL ? plait__sim_first(&post.all)
                                    : plait__sim_next(&post.all, &m->all);
  return link != NULL ? mailbox_of(link) : NULL;
}

void plait__sim_letter_free(letter *l) {
  plait__sim_unset(&l->event);
  plait__sim_unlink(&l->link);
  plait__sim_events_release();
  free(l);
}

static void letters_free(plait__sim_link *list) {
  plait__sim_link *link;
  while ((link = plait__sim_first(list)) != NULL)
    plait__sim_letter_free(letter_of(link));
}

/* ---- who is there -------------------------------------------------------- */

bool plait__sim_is_group(const plait_address *a) {
  return a->family == PLAIT_IPV4   ? a->ip[0] >= 224 && a->ip[0] < 240
         : a->family == PLAIT_IPV6 ? a->ip[0] == 0xff
                                   : false;
}

bool plait__sim_is_broadcast(const plait_address *a) {
  static const uint8_t all[4] = {255, 255, 255, 255};
  return a->family == PLAIT_IPV4 && memcmp(a->ip, all, sizeof all) == 0;
}

static bool has_joined(const mailbox *m, const plait_address *group) {
  for (unsigned i = 0; i < PLAIT__SIM_GROUPS; i++)
    if (m->groups[i].family != PLAIT_NO_ADDRESS &&
        plait__sim_same_ip(&m->groups[i], group))
      return true;
  return false;
}

/* Whether |m| takes what comes from there. */
static bool takes_from(const mailbox *m, const plait_address *from) {
  const plait_address *peer = &m->socket->peer_name;
  return !m->has_peer ||
         (from->port == peer->port && plait__sim_same_ip(from, peer));
}

/* How well |m| suits a letter that was sent |to| there; 0: not at all. */
static int suits(const mailbox *m, const plait_address *from,
                 const plait_address *to) {
  const plait_address *at = &m->socket->name;
  if (at->port != to->port || !takes_from(m, from))
    return 0;
  if (plait__sim_is_group(to))
    return has_joined(m, to);
  if (plait__sim_is_broadcast(to))
    return at->family == PLAIT_IPV4 && plait__sim_is_any(at);
  if (plait__sim_same_ip(at, to))
    return m->has_peer ? 4 : 3;
  return at->family == to->family && plait__sim_is_any(at) ? 2 : 0;
}

/* The |n|th of those that suit best; NULL: so many there are not. */
static mailbox *receiver_number(const letter *l, int best, unsigned n) {
  for (mailbox *m = plait__sim_mailbox_next(NULL); m != NULL;
       m = plait__sim_mailbox_next(m))
    if (suits(m, &l->from, &l->to) == best && n-- == 0)
      return m;
  return NULL;
}

/* Of those that suit best the one that is |l|'s sender's. */
static mailbox *receiver_of(const letter *l) {
  unsigned count = 0;
  int best = 1;
  for (mailbox *m = plait__sim_mailbox_next(NULL); m != NULL;
       m = plait__sim_mailbox_next(m)) {
    int how = suits(m, &l->from, &l->to);
    if (how > best)
      count = 0;
    if (how >= best) {
      best = how;
      count++;
    }
  }
  return count > 0 ? receiver_number(l, best, l->from.port % count) : NULL;
}

static mailbox *sender_of(const letter *l) {
  mailbox *m = plait__sim_mailbox_next(NULL);
  while (m != NULL && m->number != l->sender)
    m = plait__sim_mailbox_next(m);
  return m;
}

/* ---- on the way ---------------------------------------------------------- */

static void letter_enter(letter *l, mailbox *m) {
  plait__sim_unlink(&l->link);
  plait__sim_append(&m->letters, &l->link);
  plait__sim_socket_changed(m->socket);
}

static void letter_refused(letter *l) {
  mailbox *sender = sender_of(l);
  if (sender != NULL && sender->has_peer) {
    sender->error = PLAIT_ECONNREFUSED;
    plait__sim_socket_changed(sender->socket);
  }
  plait__sim_letter_free(l);
}

/* A copy for each member. */
static void letter_to_many(letter *l);

static void letter_arrive(plait__sim_event *event) {
  letter *l = plait_container_of(event, letter, event);
  mailbox *m = l->receiver;
  if (l->to.family == PLAIT_UNIX) {
    if (m != NULL)
      letter_enter(l, m);
    else
      plait__sim_letter_free(l);
    return;
  }
  if (plait__sim_parted()) {
    plait__sim_letter_free(l);
    return;
  }
  if (l->to_many) {
    letter_to_many(l);
    return;
  }
  m = receiver_of(l);
  if (m == NULL) {
    letter_refused(l);
  } else if (m->bytes + l->len > plait__sim_options()->capacity) {
    plait__sim_letter_free(l);
  } else {
    m->bytes += l->len;
    m->count++;
    letter_enter(l, m);
  }
}

letter *plait__sim_letter_new(size_t len) {
  letter *l = malloc(sizeof *l + len);
  if (l == NULL || plait__sim_events_reserve() != 0) {
    free(l);
    return NULL;
  }
  memset(l, 0, sizeof *l);
  l->event.fn = letter_arrive;
  l->len = len;
  plait__sim_append(&post.flying, &l->link);
  return l;
}

letter *plait__sim_letter_copy(const letter *from) {
  letter *l = plait__sim_letter_new(from->len);
  if (l == NULL)
    return NULL;
  l->sender = from->sender;
  l->receiver = from->receiver;
  l->from = from->from;
  l->to = from->to;
  l->to_many = from->to_many;
  memcpy(l->data, from->data, from->len);
  return l;
}

static void letter_to_many(letter *l) {
  for (mailbox *m = plait__sim_mailbox_next(NULL); m != NULL;
       m = plait__sim_mailbox_next(m)) {
    letter *copy = suits(m, &l->from, &l->to) != 0 &&
                           m->bytes + l->len <= plait__sim_options()->capacity
                       ? plait__sim_letter_copy(l)
                       : NULL;
    if (copy == NULL)
      continue;
    m->bytes += l->len;
    m->count++;
    letter_enter(copy, m);
  }
  plait__sim_letter_free(l);
}

/* Behind what |m| has sent before, unless it is one that overtakes. */
void plait__sim_letter_send(letter *l, mailbox *m) {
  const plait_sim_options *o = plait__sim_options();
  uint64_t at_ns = plait__sim_now_ns() + plait__sim_latency_ns();
  if (l->to.family != PLAIT_UNIX && plait__sim_chance(o->datagram_reorder_ppm))
    at_ns += (uint64_t)1000 * o->latency_max_us;
  else if (at_ns < m->last_ns)
    at_ns = m->last_ns;
  else
    m->last_ns = at_ns;
  plait__sim_at(&l->event, at_ns);
}

letter *plait__sim_letter_first(const mailbox *m) {
  plait__sim_link *link = plait__sim_first(&m->letters);
  return link != NULL ? letter_of(link) : NULL;
}

/* ---- mailboxes ----------------------------------------------------------- */

void plait__sim_mailbox_open(mailbox *m) {
  m->number = ++post.number;
  plait__sim_append(&post.all, &m->all);
}

void plait__sim_mailbox_close(mailbox *m) {
  plait__sim_unlink(&m->all);
  for (plait__sim_link *link = plait__sim_first(&post.flying); link != NULL;
       link = plait__sim_next(&post.flying, link))
    if (letter_of(link)->receiver == m)
      letter_of(link)->receiver = NULL;
  letters_free(&m->letters);
}

void plait__sim_post_open(void) {
  post.all = post.flying = (plait__sim_link){0};
  post.number = 0;
}

void plait__sim_post_close(void) {
  letters_free(&post.flying);
}
