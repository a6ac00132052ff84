/* What datagram sockets can do: the calls of the seam. */
#include <stdlib.h>
#include <string.h>

#include "sim/post.h"

typedef plait__sim_letter letter;
typedef plait__sim_mailbox mailbox;

/* ---- sending ------------------------------------------------------------- */

/* A host that has every address is reached from the same one. */
static void letter_address(letter *l, const mailbox *m,
                           const plait__packet *packet) {
  const plait__sim_socket *s = m->socket;
  l->sender = m->number;
  l->to = m->has_peer ? s->peer_name : packet->peer;
  l->to_many = plait__sim_is_group(&l->to) || plait__sim_is_broadcast(&l->to);
  l->from = s->name;
  if (packet->local.family != PLAIT_NO_ADDRESS)
    memcpy(l->from.ip, packet->local.ip, sizeof l->from.ip);
  else if (s->name.family != PLAIT_UNIX && plait__sim_is_any(&s->name) &&
           !l->to_many)
    memcpy(l->from.ip, l->to.ip, sizeof l->from.ip);
}

/* UNIX: the one at that path, and whether it takes one more. */
static int find_path(const mailbox *sender, const plait_address *to,
                     mailbox **ret) {
  mailbox *m = plait__sim_mailbox_next(NULL);
  while (m != NULL && (m->socket->name.family != PLAIT_UNIX ||
                       strcmp(m->socket->name.path, to->path) != 0))
    m = plait__sim_mailbox_next(m);
  if (m == NULL)
    return sender->has_peer ? PLAIT_ECONNREFUSED : PLAIT_ENOENT;
  *ret = m;
  if (m->count < PLAIT__SIM_UNIX_WAITING)
    return 0;
  return sender->has_peer ? PLAIT_EAGAIN : PLAIT_ENOBUFS;
}

static int send_unix(mailbox *m, letter *l) {
  int code = find_path(m, &l->to, &l->receiver);
  if (code != 0) {
    plait__sim_letter_free(l);
    return code;
  }
  l->receiver->count++;
  l->receiver->bytes += l->len;
  plait__sim_letter_send(l, m);
  return 0;
}

/* What is lost on the way was sent all the same. */
static void send_ip(mailbox *m, letter *l) {
  const plait_sim_options *o = plait__sim_options();
  letter *twin = NULL;
  if (plait__sim_chance(o->datagram_loss_ppm) || (m->silent && l->to_many)) {
    plait__sim_letter_free(l);
    return;
  }
  if (plait__sim_chance(o->datagram_twice_ppm))
    twin = plait__sim_letter_copy(l);
  plait__sim_letter_send(l, m);
  if (twin != NULL)
    plait__sim_letter_send(twin, m);
}

static int send_one(mailbox *m, const plait__packet *packet) {
  letter *l = plait__sim_letter_new(packet->len);
  if (l == NULL)
    return PLAIT_ENOBUFS;
  letter_address(l, m, packet);
  if (packet->len > 0)
    memcpy(l->data, packet->data, packet->len);
  if (l->to.family == PLAIT_UNIX)
    return send_unix(m, l);
  if (plait__sim_is_broadcast(&l->to) && !m->broadcast) {
    plait__sim_letter_free(l);
    return PLAIT_EACCES;
  }
  send_ip(m, l);
  return 0;
}

static int take_error(mailbox *m) {
  int code = m->error;
  m->error = 0;
  return code;
}

int plait__sim_datagram_send(plait__sim_socket *s, const plait__packet *v,
                             unsigned n) {
  const plait_sim_options *o = plait__sim_options();
  mailbox *m = s->mailbox;
  unsigned i = 0;
  if (m->error != 0)
    return take_error(m);
  if (plait__sim_fails("io.send_batch", 0))
    return PLAIT_ENOBUFS;
  if (plait__sim_chance(o->again_ppm))
    return PLAIT_EAGAIN;
  if (n > 1 && plait__sim_chance(o->short_write_ppm))
    n = 1 + (unsigned)plait__sim_below(n);
  for (; i < n; i++) {
    int code = send_one(m, &v[i]);
    if (code != 0)
      return i > 0 ? (int)i : code;
  }
  return (int)i;
}

/* ---- receiving ----------------------------------------------------------- */

/* Somebody whose peer |m| is may send again. */
static void tell_room(const mailbox *m) {
  for (mailbox *i = plait__sim_mailbox_next(NULL); i != NULL;
       i = plait__sim_mailbox_next(i))
    if (i->has_peer && i->socket->peer_name.family == PLAIT_UNIX &&
        strcmp(i->socket->peer_name.path, m->socket->name.path) == 0)
      plait__sim_socket_changed(i->socket);
}

static void receive_one(mailbox *m, letter *l, plait__packet *ret, uint8_t *to,
                        size_t len) {
  bool is_unix = l->to.family == PLAIT_UNIX;
  m->bytes -= l->len;
  m->count--;
  *ret = (plait__packet){.data = to,
                         .len = l->len < len ? l->len : len,
                         .peer = l->from,
                         .truncated = l->len > len,
                         .to_many = l->to_many};
  if (!is_unix) {
    ret->local = l->to;
    ret->interface = 1;
  }
  memcpy(to, l->data, ret->len);
  plait__sim_letter_free(l);
  if (is_unix)
    tell_room(m);
}

int plait__sim_datagram_receive(plait__sim_socket *s, const plait__room *room,
                                plait__packet *v, unsigned n) {
  const plait_sim_options *o = plait__sim_options();
  mailbox *m = s->mailbox;
  letter *l;
  unsigned i = 0;
  if (m->error != 0)
    return take_error(m);
  if (plait__sim_fails("io.receive_batch", 0))
    return PLAIT_ENOBUFS;
  if (plait__sim_chance(o->again_ppm))
    return PLAIT_EAGAIN;
  if (plait__sim_chance(o->short_read_ppm))
    n = 1 + (unsigned)plait__sim_below(n);
  for (; i < n && (l = plait__sim_letter_first(m)) != NULL; i++)
    receive_one(m, l, &v[i], room->data + i * room->stride, room->len);
  return i > 0 ? (int)i : PLAIT_EAGAIN;
}

unsigned plait__sim_datagram_events(const plait__sim_socket *s) {
  const mailbox *m = s->mailbox;
  mailbox *to;
  unsigned events = 0;
  if (m->error != 0)
    return PLAIT__FAILED;
  if (plait__sim_letter_first(m) != NULL)
    events |= PLAIT__READABLE;
  if (!m->has_peer || s->peer_name.family != PLAIT_UNIX ||
      find_path(m, &s->peer_name, &to) != PLAIT_EAGAIN)
    events |= PLAIT__WRITABLE;
  return events & s->interest;
}

/* ---- opening and closing ------------------------------------------------- */

static bool address_taken(const plait__datagram_spec *spec,
                          const plait_address *a) {
  for (mailbox *m = plait__sim_mailbox_next(NULL); m != NULL;
       m = plait__sim_mailbox_next(m)) {
    const plait_address *at = &m->socket->name;
    if (a->family != at->family || (spec->shared && m->shared))
      continue;
    if (a->family == PLAIT_UNIX
            ? strcmp(at->path, a->path) == 0
            : at->port == a->port &&
                  (plait__sim_same_ip(at, a) || plait__sim_is_any(at) ||
                   plait__sim_is_any(a)))
      return true;
  }
  return false;
}

/* Where the sockets of |spec| are. */
static int open_name(const plait__datagram_spec *spec, plait_address *ret) {
  plait_address any = {.family = PLAIT_NO_ADDRESS};
  *ret = spec->local != NULL ? *spec->local : any;
  if (ret->family == PLAIT_NO_ADDRESS && spec->peer != NULL) {
    *ret = *spec->peer;
    ret->port = 0;
    ret->path[0] = '\0';
  }
  if (ret->family == PLAIT_UNIX)
    return ret->path[0] != '\0' && address_taken(spec, ret) ? PLAIT_EADDRINUSE
                                                            : 0;
  if (ret->port != 0)
    return address_taken(spec, ret) ? PLAIT_EADDRINUSE : 0;
  do
    ret->port = plait__sim_port_new();
  while (address_taken(spec, ret));
  return 0;
}

static int open_one(const plait__datagram_spec *spec, const plait_address *name,
                    int *ret_fd) {
  plait__sim_socket *s;
  mailbox *m = calloc(1, sizeof *m);
  int code = m != NULL ? plait__sim_socket_open(PLAIT__SIM_DATAGRAM,
                                                name->family == PLAIT_UNIX, &s)
                       : PLAIT_ENOMEM;
  if (code != 0) {
    free(m);
    return code;
  }
  m->socket = s;
  m->shared = spec->shared;
  m->has_peer = spec->peer != NULL;
  s->name = *name;
  if (m->has_peer)
    s->peer_name = *spec->peer;
  s->mailbox = m;
  plait__sim_mailbox_open(m);
  *ret_fd = s->fd;
  return 0;
}

int plait__sim_datagram_open(const plait__datagram_spec *spec, int *ret_fds,
                             const char **ret_step) {
  plait_address name;
  *ret_step = "bind";
  int code = plait__sim_fails("io.datagram_open", 0) ? PLAIT_ENOBUFS
                                                     : open_name(spec, &name);
  if (code != 0)
    return code;
  *ret_step = "socket";
  for (unsigned i = 0; i < spec->sockets && code == 0; i++) {
    code = open_one(spec, &name, &ret_fds[i]);
    for (unsigned k = 0; code != 0 && k < i; k++) {
      plait__sim_socket *s = plait__sim_descriptor_of(ret_fds[k]);
      plait__sim_socket_close(s, false);
      plait__sim_socket_free(s);
    }
  }
  return code;
}

void plait__sim_datagram_close(plait__sim_socket *s) {
  mailbox *m = s->mailbox;
  plait__sim_mailbox_close(m);
  s->mailbox = NULL;
  if (s->local)
    tell_room(m); /* whoever waited for it is refused now */
  free(m);
}

/* ---- settings ------------------------------------------------------------ */

int plait__sim_datagram_option(plait__sim_socket *s,
                               plait__datagram_option option, unsigned value) {
  mailbox *m = s->mailbox;
  if (s->local)
    return PLAIT_ENOTSUP;
  if (plait__sim_fails("io.datagram_option", 0))
    return PLAIT_EINVAL;
  if (option == PLAIT__BROADCAST)
    m->broadcast = value != 0;
  else if (option == PLAIT__MULTICAST_LOOP)
    m->silent = value == 0; /* there is no other host */
  return 0;
}

int plait__sim_group(plait__sim_socket *s, bool join,
                     const plait_address *group) {
  mailbox *m = s->mailbox;
  plait_address *free_place = NULL;
  if (s->local)
    return PLAIT_ENOTSUP;
  if (group->family != s->name.family || !plait__sim_is_group(group))
    return PLAIT_EINVAL;
  if (plait__sim_fails("io.group", 0))
    return PLAIT_ENOBUFS;
  for (unsigned i = 0; i < PLAIT__SIM_GROUPS; i++) {
    plait_address *at = &m->groups[i];
    if (at->family == PLAIT_NO_ADDRESS) {
      free_place = at;
    } else if (plait__sim_same_ip(at, group)) {
      if (join)
        return PLAIT_EADDRINUSE;
      at->family = PLAIT_NO_ADDRESS;
      return 0;
    }
  }
  if (!join)
    return PLAIT_EADDRNOTAVAIL;
  if (free_place == NULL)
    return PLAIT_ENOBUFS;
  *free_place = *group;
  return 0;
}
