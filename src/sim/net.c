/* The table io: each call is a point where other threads may go on, may fail,
 * and leaves its trace. */
#include "core/error.h"
#include "sim/net.h"

static int64_t net_trace(const char *call, uint64_t subject, int64_t result) {
  plait__sim_trace(call, subject, result);
  return result;
}

static uint64_t net_fd(const plait__sim_socket *s) {
  return (uint64_t)s->fd;
}

/* ---- opening ------------------------------------------------------------- */

static int net_listen(const plait__listen_spec *spec, int *ret_fds,
                      const char **ret_step) {
  plait__sim_point();
  int code = plait__sim_listen(spec, ret_fds, ret_step);
  return (int)net_trace("io.listen", spec->sockets, code);
}

static int net_accept(plait__socket *listening, int *ret_fd,
                      plait_address *ret_peer) {
  plait__sim_point();
  plait__sim_socket *s = plait__sim_socket_of(listening);
  int code = plait__sim_accept(s, ret_fd, ret_peer);
  plait__sim_trace("io.accept", net_fd(s), code != 0 ? code : *ret_fd);
  return code;
}

static void net_refuse(plait__socket *listening) {
  plait__sim_point();
  plait__sim_socket *s = plait__sim_socket_of(listening);
  plait__sim_trace("io.refuse", net_fd(s), 0);
  s->refusing = true;
}

static int net_connect(const plait_address *peer, const plait_address *local,
                       int *ret_fd, const char **ret_step) {
  plait__sim_point();
  int code = plait__sim_connect(peer, local, ret_fd, ret_step);
  plait__sim_trace("io.connect", peer->port, code != 0 ? code : *ret_fd);
  return code;
}

static int net_finish_connect(plait__socket *socket) {
  plait__sim_point();
  plait__sim_socket *s = plait__sim_socket_of(socket);
  int code = s->state == PLAIT__SIM_CONNECTING
                 ? PLAIT_EAGAIN
                 : plait__sim_stream_take_error(s);
  return (int)net_trace("io.finish_connect", net_fd(s), code);
}

/* As getpeername() says. */
static bool net_connected(const plait__sim_socket *s) {
  return s->state == PLAIT__SIM_CONNECTED && !s->dead;
}

static int net_adopt_check(int fd, bool listening) {
  plait__sim_socket *s;
  int code = plait__sim_descriptor_find(fd, &s);
  if (code != 0)
    return code;
  if (plait__sim_fails("io.adopt", 0))
    return PLAIT_EINVAL;
  bool good = listening ? s->state == PLAIT__SIM_LISTENING : net_connected(s);
  return good ? 0 : PLAIT_EINVAL;
}

static int net_adopt(int fd, bool listening) {
  plait__sim_point();
  return (int)net_trace("io.adopt", (uint64_t)fd,
                        net_adopt_check(fd, listening));
}

static int net_pair(int ret_fds[2]) {
  plait__sim_socket *a, *b;
  int code = plait__sim_socket_open(PLAIT__SIM_CONNECTED, true, &a);
  if (code != 0)
    return code;
  code = plait__sim_socket_open(PLAIT__SIM_CONNECTED, true, &b);
  if (code != 0) {
    plait__sim_socket_close(a, false);
    plait__sim_socket_free(a);
    return code;
  }
  a->name.family = a->peer_name.family = PLAIT_UNIX;
  b->name.family = b->peer_name.family = PLAIT_UNIX;
  plait__sim_stream_join(a, b);
  ret_fds[0] = a->fd;
  ret_fds[1] = b->fd;
  return 0;
}

int plait_sim_pair(plait_sim *sim, int ret_fds[2]) {
  (void)sim;
  plait__sim_point();
  int code = (int)net_trace("pair", 0, net_pair(ret_fds));
  return code == 0 ? 0
                   : plait__fail(code, "sim: pair: %s", plait_strerror(code));
}

static int net_pair_of(int ret_fds[2]) {
  plait__sim_point();
  int code = plait__sim_fails("io.pair", 0) ? PLAIT_EMFILE : net_pair(ret_fds);
  return (int)net_trace("io.pair", 0, code);
}

static size_t net_hang_up(int fd) {
  plait__sim_point();
  plait__sim_socket *s = plait__sim_descriptor_of(fd);
  return (size_t)net_trace("io.hang_up", (uint64_t)fd,
                           (ptrdiff_t)plait__sim_stream_hang_up(s));
}

/* ---- threads that block -------------------------------------------------- */

/* Until something of |s| changes, or is there already.  Another thread may wait
 * for the other |interest| meanwhile. */
static void net_await(plait__sim_socket *s, unsigned interest) {
  plait_sim_thread **sleeper = &s->sleepers[interest == PLAIT__WRITABLE];
  s->interest |= interest;
  *sleeper = plait__sim_self();
  if ((plait__sim_socket_events(s) & (interest | PLAIT__FAILED)) != 0)
    plait__sim_turn();
  else
    plait__sim_park("reads or writes", UINT64_MAX);
  *sleeper = NULL;
  s->interest &= ~interest;
}

ptrdiff_t plait_sim_read(plait_sim *sim, int fd, void *buffer, size_t len) {
  plait__sim_socket *s = plait__sim_descriptor_of(fd);
  ptrdiff_t n;
  (void)sim;
  plait__sim_point();
  while ((n = plait__sim_stream_read(s, buffer, len)) == PLAIT_EAGAIN)
    net_await(s, PLAIT__READABLE);
  return net_trace("read", (uint64_t)fd, n);
}

ptrdiff_t plait_sim_write(plait_sim *sim, int fd, const void *data,
                          size_t len) {
  plait__sim_socket *s = plait__sim_descriptor_of(fd);
  size_t written = 0;
  (void)sim;
  plait__sim_point();
  while (written < len) {
    plait__iovec v = {(const uint8_t *)data + written, len - written};
    ptrdiff_t n = plait__sim_stream_write(s, &v, 1);
    if (n > 0)
      written += (size_t)n;
    else if (n == PLAIT_EAGAIN)
      net_await(s, PLAIT__WRITABLE);
    else
      return net_trace("write", (uint64_t)fd, n);
  }
  return net_trace("write", (uint64_t)fd, (ptrdiff_t)written);
}

/* ---- sockets ------------------------------------------------------------- */

static int net_attach(plait__loop *loop, plait__socket *socket, int fd) {
  plait__sim_point();
  plait__sim_socket *s = plait__sim_descriptor_of(fd);
  if (s->owner != NULL)
    plait__sim_os.fatal("a descriptor is attached twice");
  int code = plait__sim_fails("io.attach", 0) ? PLAIT_ENOMEM : 0;
  plait__sim_trace("io.attach", net_fd(s), code);
  if (code != 0)
    return code;
  ((plait__sim_head *)socket)->socket = s;
  s->owner = socket;
  s->loop = loop;
  return 0;
}

static int net_fd_of(const plait__socket *socket) {
  const plait__sim_socket *s = ((const plait__sim_head *)socket)->socket;
  return s != NULL ? s->fd : -1;
}

static void net_interest(plait__socket *socket, unsigned interest) {
  plait__sim_point();
  plait__sim_socket *s = plait__sim_socket_of(socket);
  unsigned both = PLAIT__READABLE | PLAIT__WRITABLE;
  plait__sim_trace("io.interest", net_fd(s), interest);
  /* Reading or writing notices all that ALIVE would. */
  s->interest = interest & both ? interest & both : interest & PLAIT__ALIVE;
  plait__sim_socket_changed(s);
}

static void net_close(plait__socket *socket, bool reset) {
  plait__sim_point();
  plait__sim_socket *s = plait__sim_socket_of(socket);
  plait__sim_trace("io.close", net_fd(s), reset);
  plait__sim_socket_close(s, reset);
  plait__sim_append(&s->loop->closed, &s->place);
  plait__sim_loop_ready(s->loop);
}

static void net_close_fd(int fd) {
  plait__sim_point();
  plait__sim_socket *s = plait__sim_descriptor_of(fd);
  if (s->owner != NULL)
    plait__sim_os.fatal("close_fd() of a descriptor that is attached");
  plait__sim_trace("io.close_fd", net_fd(s), 0);
  plait__sim_socket_close(s, false);
  plait__sim_socket_free(s);
}

/* ---- streams ------------------------------------------------------------- */

static ptrdiff_t net_read(plait__socket *socket, void *buffer, size_t len) {
  plait__sim_point();
  plait__sim_socket *s = plait__sim_socket_of(socket);
  if (len == 0)
    plait__sim_os.fatal("a read of nothing");
  ptrdiff_t n = plait__sim_stream_read(s, buffer, len);
  return (ptrdiff_t)net_trace("io.read", net_fd(s), n);
}

static ptrdiff_t net_writev(plait__socket *socket, const plait__iovec *v,
                            size_t n) {
  plait__sim_point();
  plait__sim_socket *s = plait__sim_socket_of(socket);
  return (ptrdiff_t)net_trace("io.writev", net_fd(s),
                              plait__sim_stream_write(s, v, n));
}

static int net_shut_wr(plait__socket *socket) {
  plait__sim_point();
  plait__sim_socket *s = plait__sim_socket_of(socket);
  return (int)net_trace("io.shut_wr", net_fd(s), plait__sim_stream_shut(s));
}

static size_t net_unacked(plait__socket *socket) {
  plait__sim_point();
  const plait__sim_socket *s = plait__sim_socket_of(socket);
  size_t bytes = plait__sim_stream_unacked(s);
  return (size_t)net_trace("io.unacked", net_fd(s), (int64_t)bytes);
}

static size_t net_unread(plait__socket *socket) {
  plait__sim_point();
  const plait__sim_socket *s = plait__sim_socket_of(socket);
  return (size_t)net_trace("io.unread", net_fd(s), (int64_t)s->in.arrived);
}

/* ---- names and options --------------------------------------------------- */

static int net_names(int fd, bool peer, plait_address *ret) {
  plait__sim_point();
  const plait__sim_socket *s = plait__sim_descriptor_of(fd);
  int code = 0;
  if (plait__sim_fails("io.names", 0))
    code = PLAIT_EINVAL;
  else if (peer && !net_connected(s))
    code = -ENOTCONN;
  else
    *ret = peer ? s->peer_name : s->name;
  return (int)net_trace("io.names", net_fd(s), code);
}

/* Which ones Linux has for TCP alone. */
static bool net_of_tcp(plait_option option) {
  switch (option) {
  case PLAIT_OPTION_NODELAY:
  case PLAIT_OPTION_QUICKACK:
  case PLAIT_OPTION_KEEP_ALIVE_IDLE:
  case PLAIT_OPTION_KEEP_ALIVE_INTERVAL:
  case PLAIT_OPTION_KEEP_ALIVE_COUNT:
  case PLAIT_OPTION_USER_TIMEOUT:
  case PLAIT_OPTION_UNSENT_LOWAT:
  case PLAIT_OPTION_CONGESTION:
  case PLAIT_OPTION_TOS:
    return true;
  default:
    return false;
  }
}

/* It keeps what it is told, and does nothing about it. */
static int net_option(plait__socket *socket, bool set, plait_option option,
                      plait_option_value *value) {
  plait__sim_point();
  plait__sim_socket *s = plait__sim_socket_of(socket);
  int code = plait__sim_fails("io.option", 0) ? PLAIT_EINVAL : 0;
  plait__sim_option *o = &s->options[option];
  if (code == 0 && s->local && net_of_tcp(option)) {
    code = PLAIT_ENOTSUP;
  } else if (code == 0 && set) {
    *o = (plait__sim_option){value->number, value->on};
    code = value->type == PLAIT_OPTION_IS_TEXT ? PLAIT_ENOTSUP : 0;
  } else if (code == 0) {
    value->number = o->number;
    value->on = o->on;
  }
  return (int)net_trace("io.option", option, code);
}

/* ---- descriptors that are passed, of which this world has none ----------- */

static int net_check_fd(int fd) {
  (void)fd;
  return PLAIT_ENOTSUP;
}

static ptrdiff_t net_send_fd(plait__socket *socket, const plait__iovec *v,
                             size_t n, int fd) {
  (void)socket, (void)v, (void)n, (void)fd;
  return PLAIT_ENOTSUP;
}

static ptrdiff_t net_read_fds(plait__socket *socket, void *buffer, size_t len,
                              int *ret_fds, unsigned max, unsigned *ret_n) {
  (void)ret_fds, (void)max;
  *ret_n = 0;
  return net_read(socket, buffer, len);
}

/* ---- foreign descriptors, which this world has none of ------------------- */

static int net_watch(plait__loop *loop, plait__socket *socket, int fd,
                     unsigned events) {
  (void)loop, (void)socket, (void)events;
  plait__sim_point();
  return (int)net_trace("io.watch", (uint64_t)fd, PLAIT_ENOTSUP);
}

static void net_unwatch(plait__loop *loop, plait__socket *socket, int fd) {
  (void)loop, (void)socket;
  plait__sim_point();
  plait__sim_trace("io.unwatch", (uint64_t)fd, 0);
}

/* ---- datagrams ----------------------------------------------------------- */

static int net_datagram_open(const plait__datagram_spec *spec, int *ret_fds,
                             const char **ret_step) {
  plait__sim_point();
  int code = plait__sim_datagram_open(spec, ret_fds, ret_step);
  return (int)net_trace("io.datagram_open", spec->sockets, code);
}

static int net_receive_batch(plait__socket *socket, const plait__room *room,
                             plait__packet *v, unsigned n) {
  plait__sim_point();
  plait__sim_socket *s = plait__sim_socket_of(socket);
  return (int)net_trace("io.receive_batch", net_fd(s),
                        plait__sim_datagram_receive(s, room, v, n));
}

static int net_send_batch(plait__socket *socket, const plait__packet *v,
                          unsigned n) {
  plait__sim_point();
  plait__sim_socket *s = plait__sim_socket_of(socket);
  return (int)net_trace("io.send_batch", net_fd(s),
                        plait__sim_datagram_send(s, v, n));
}

static int net_datagram_option(plait__socket *socket,
                               plait__datagram_option option, unsigned value) {
  plait__sim_point();
  plait__sim_socket *s = plait__sim_socket_of(socket);
  return (int)net_trace("io.datagram_option", option,
                        plait__sim_datagram_option(s, option, value));
}

static int net_group(plait__socket *socket, bool join,
                     const plait_address *group, unsigned interface) {
  plait__sim_point();
  plait__sim_socket *s = plait__sim_socket_of(socket);
  (void)interface; /* there is one */
  return (int)net_trace("io.group", net_fd(s),
                        plait__sim_group(s, join, group));
}

const plait__io plait__sim_io = {
    .socket_bytes = sizeof(plait__sim_head),
    .listen = net_listen,
    .accept = net_accept,
    .refuse = net_refuse,
    .connect = net_connect,
    .finish_connect = net_finish_connect,
    .adopt = net_adopt,
    .pair = net_pair_of,
    .hang_up = net_hang_up,
    .attach = net_attach,
    .fd = net_fd_of,
    .interest = net_interest,
    .read = net_read,
    .writev = net_writev,
    .send_fd = net_send_fd,
    .read_fds = net_read_fds,
    .check_fd = net_check_fd,
    .shut_wr = net_shut_wr,
    .unacked = net_unacked,
    .unread = net_unread,
    .close = net_close,
    .close_fd = net_close_fd,
    .names = net_names,
    .option = net_option,
    .datagram_open = net_datagram_open,
    .receive_batch = net_receive_batch,
    .send_batch = net_send_batch,
    .datagram_option = net_datagram_option,
    .group = net_group,
    .watch = net_watch,
    .rewatch = net_watch,
    .unwatch = net_unwatch,
};

/* ---- life ---------------------------------------------------------------- */

int plait__sim_net_open(void) {
  plait__sim_listeners_open();
  plait__sim_post_open();
  return plait__sim_descriptors_open();
}

void plait__sim_net_close(void) {
  plait__sim_sockets_close();
  plait__sim_post_close();
  plait__sim_descriptors_close();
}
