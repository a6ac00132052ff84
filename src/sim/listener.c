/* Listening sockets: their addresses, their backlogs.
 *
 *      knock --> in the backlog --enter--> connected --accept--> a descriptor
 *
 * There is one host, which has every address.  Sockets that share a port are
 * apart in all else: whoever knocks is sent to one of them by the seed.  As on
 * Linux a backlog holds one more than was asked for, and who waits in it when
 * it goes is reset. */
#include <string.h>

#include "sim/net.h"

enum { PORT_FIRST = 32768, PORT_LAST = 60999 }; /* that are given out */

static struct {
  plait__sim_link named;
  uint16_t port; /* the last one that was given out */
} listeners;

static plait__sim_socket *socket_named(plait__sim_link *link) {
  return plait_container_of(link, plait__sim_socket, named);
}

static plait__sim_socket *socket_waiting(plait__sim_link *link) {
  return plait_container_of(link, plait__sim_socket, waiting);
}

static plait__sim_link *named_first(void) {
  return plait__sim_first(&listeners.named);
}

static plait__sim_link *named_next(const plait__sim_link *link) {
  return plait__sim_next(&listeners.named, link);
}

void plait__sim_listeners_open(void) {
  listeners.named = (plait__sim_link){0}; /* some may have been left behind */
  listeners.port = PORT_LAST;
}

/* ---- addresses ----------------------------------------------------------- */

static size_t ip_bytes(const plait_address *a) {
  return a->family == PLAIT_IPV4 ? 4 : sizeof a->ip;
}

bool plait__sim_is_any(const plait_address *a) {
  static const uint8_t zero[sizeof a->ip];
  return memcmp(a->ip, zero, ip_bytes(a)) == 0;
}

bool plait__sim_same_ip(const plait_address *a, const plait_address *b) {
  return a->family == b->family && memcmp(a->ip, b->ip, ip_bytes(a)) == 0;
}

static bool address_same_path(const plait_address *a, const plait_address *b) {
  return a->family == PLAIT_UNIX && b->family == PLAIT_UNIX &&
         strcmp(a->path, b->path) == 0;
}

/* How well |l| suits who wants to get |to| that address; 0: not at all. */
static int listener_suits(const plait__sim_socket *l, const plait_address *to) {
  const plait_address *at = &l->name;
  if (l->local || to->family == PLAIT_UNIX)
    return address_same_path(at, to);
  if (at->port != to->port)
    return 0;
  if (plait__sim_same_ip(at, to))
    return 3;
  if (at->family == to->family)
    return plait__sim_is_any(at) || plait__sim_is_any(to) ? 2 : 0;
  return l->dual && plait__sim_is_any(at);
}

/* The one that suits best, or any of those by the seed. */
static plait__sim_socket *listener_of(const plait_address *to) {
  plait__sim_socket *found = NULL;
  uint64_t count = 0;
  int best = 1;
  for (plait__sim_link *at = named_first(); at != NULL; at = named_next(at)) {
    int suits = listener_suits(socket_named(at), to);
    if (suits < best)
      continue;
    count = suits > best ? 1 : count + 1;
    best = suits;
    if (plait__sim_below(count) == 0)
      found = socket_named(at);
  }
  return found;
}

bool plait__sim_port_taken(uint16_t port) {
  for (plait__sim_link *at = named_first(); at != NULL; at = named_next(at))
    if (!socket_named(at)->local && socket_named(at)->name.port == port)
      return true;
  return false;
}

uint16_t plait__sim_port_new(void) {
  do
    listeners.port = listeners.port == PORT_LAST
                         ? PORT_FIRST
                         : (uint16_t)(listeners.port + 1);
  while (plait__sim_port_taken(listeners.port));
  return listeners.port;
}

/* ---- opening ------------------------------------------------------------- */

static int listen_fail(const char **ret_step, const char *step, int code) {
  *ret_step = step;
  return code;
}

/* Whether |l| is in the way.  A path whose socket refuses is as good as a stale
 * one: the next server may have it. */
static bool listener_excludes(const plait__sim_socket *l,
                              const plait__listen_spec *spec,
                              const plait_address *a) {
  if (l->local || a->family == PLAIT_UNIX)
    return address_same_path(&l->name, a) && !l->refusing;
  if (l->name.port != a->port)
    return false;
  if (l->name.family == a->family)
    return plait__sim_same_ip(&l->name, a) || plait__sim_is_any(&l->name) ||
           plait__sim_is_any(a);
  return (l->dual && plait__sim_is_any(&l->name)) ||
         (spec->dual && plait__sim_is_any(a));
}

static bool address_taken(const plait__listen_spec *spec,
                          const plait_address *address) {
  for (plait__sim_link *at = named_first(); at != NULL; at = named_next(at))
    if (listener_excludes(socket_named(at), spec, address))
      return true;
  return false;
}

static int listen_draw_failure(const char **ret_step) {
  switch (plait__sim_below(3)) {
  case 0:
    return listen_fail(ret_step, "socket", PLAIT_EMFILE);
  case 1:
    return listen_fail(ret_step, "bind", PLAIT_EADDRINUSE);
  default:
    return listen_fail(ret_step, "listen", PLAIT_ENOMEM);
  }
}

static int listen_check(const plait__listen_spec *spec,
                        const plait_address *address, const char **ret_step) {
  if (address->family == PLAIT_NO_ADDRESS)
    return listen_fail(ret_step, "address", PLAIT_EINVAL);
  if (address->family == PLAIT_UNIX && address->path[0] == '\0')
    return listen_fail(ret_step, "path", PLAIT_EINVAL);
  if (plait__sim_fails("io.listen", 0))
    return listen_draw_failure(ret_step);
  if (address_taken(spec, address))
    return listen_fail(ret_step, "bind", PLAIT_EADDRINUSE);
  return 0;
}

static int listen_open(const plait__listen_spec *spec,
                       const plait_address *address, int *ret_fd) {
  uint32_t most = plait__sim_options()->backlog_max;
  plait__sim_socket *s;
  int code = plait__sim_socket_open(PLAIT__SIM_LISTENING,
                                    address->family == PLAIT_UNIX, &s);
  if (code != 0)
    return code;
  s->backlog_max = most != 0 && most < spec->backlog ? most : spec->backlog;
  s->dual = address->family == PLAIT_IPV6 && spec->dual;
  s->name = *address;
  plait__sim_append(&listeners.named, &s->named);
  *ret_fd = s->fd;
  return 0;
}

static void listen_undo(const int *fds, unsigned count) {
  for (unsigned i = 0; i < count; i++) {
    plait__sim_socket *s = plait__sim_descriptor_of(fds[i]);
    plait__sim_socket_close(s, false);
    plait__sim_socket_free(s);
  }
}

int plait__sim_listen(const plait__listen_spec *spec, int *ret_fds,
                      const char **ret_step) {
  plait_address address = *spec->address;
  if (address.family != PLAIT_UNIX && address.port == 0)
    address.port = plait__sim_port_new();
  int code = listen_check(spec, &address, ret_step);
  if (code != 0)
    return code;
  plait__sim_socket *before = listener_of(&address);
  if (before != NULL && before->local)
    plait__sim_unlink(&before->named); /* its path is ours now */
  for (unsigned i = 0; i < spec->sockets; i++) {
    code = listen_open(spec, &address, &ret_fds[i]);
    if (code != 0) {
      listen_undo(ret_fds, i);
      return listen_fail(ret_step, "socket", code);
    }
  }
  return 0;
}

/* ---- the backlog --------------------------------------------------------- */

int plait__sim_knock(plait__sim_socket *s) {
  plait__sim_socket *l = listener_of(&s->peer_name), *child = NULL;
  if (l == NULL)
    return s->local ? PLAIT_ENOENT : PLAIT_ECONNREFUSED;
  if (l->refusing)
    return l->local ? PLAIT_ECONNREFUSED : PLAIT_EAGAIN;
  if (l->backlog_count <= l->backlog_max)
    child = plait__sim_socket_new(PLAIT__SIM_CONNECTING, l->local);
  if (child == NULL)
    return PLAIT_EAGAIN;
  child->name = s->peer_name;
  child->peer_name = s->name;
  plait__sim_stream_join(s, child);
  child->listener = l;
  plait__sim_append(&l->backlog, &child->waiting);
  l->backlog_count++;
  return 0;
}

void plait__sim_enter(plait__sim_socket *s) {
  s->state = PLAIT__SIM_CONNECTED;
  plait__sim_socket_changed(s->listener);
}

void plait__sim_leave(plait__sim_socket *s) {
  plait__sim_unlink(&s->waiting);
  s->listener->backlog_count--;
  s->listener = NULL;
}

plait__sim_socket *plait__sim_backlog_first(const plait__sim_socket *l) {
  for (plait__sim_link *at = plait__sim_first(&l->backlog); at != NULL;
       at = plait__sim_next(&l->backlog, at))
    if (socket_waiting(at)->state == PLAIT__SIM_CONNECTED)
      return socket_waiting(at);
  return NULL;
}

/* Nobody has accepted it, nor will. */
static void backlog_drop(plait__sim_socket *s) {
  if (s->state == PLAIT__SIM_CONNECTING)
    plait__sim_unset(&s->peer->attempt); /* the reset answers it */
  plait__sim_leave(s);
  plait__sim_stream_close(s, true, true);
  plait__sim_socket_free(s);
}

/* Only the last one of these costs a connection. */
static int accept_fail(plait__sim_socket *waiting) {
  static const int codes[] = {PLAIT_EMFILE, PLAIT_ENFILE, PLAIT_ENOBUFS,
                              PLAIT_ENOMEM, PLAIT_ECONNABORTED};
  int code = codes[plait__sim_below(sizeof codes / sizeof *codes)];
  if (code == PLAIT_ECONNABORTED)
    backlog_drop(waiting);
  return code;
}

int plait__sim_accept(plait__sim_socket *listener, int *ret_fd,
                      plait_address *ret_peer) {
  plait__sim_socket *s = plait__sim_backlog_first(listener);
  if (!plait__sim_descriptors_left())
    return PLAIT_EMFILE;
  if (s == NULL)
    return PLAIT_EAGAIN;
  if (plait__sim_fails("io.accept", plait__sim_options()->accept_fail_ppm))
    return accept_fail(s);
  plait__sim_leave(s);
  *ret_fd = plait__sim_descriptor_take(s);
  *ret_peer = s->peer_name;
  return 0;
}

void plait__sim_listener_close(plait__sim_socket *listener) {
  plait__sim_link *link;
  plait__sim_unlink(&listener->named);
  while ((link = plait__sim_first(&listener->backlog)) != NULL)
    backlog_drop(socket_waiting(link));
}
