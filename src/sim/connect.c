/* Connecting: a knock that arrives, and an answer that comes back.
 *
 *      begun --latency--> knock --latency--> connected
 *        ^                  | no answer: nothing gets through, the backlog is
 *        +---- 1, 2, 4 ... s+ full, or the listener silent
 *
 * A UNIX socket knocks at once, and is told so if that fails; the network has
 * no part in it. */
#include "sim/net.h"

static const uint64_t RETRY_NS = UINT64_C(1000000000);

enum { CONNECT_TRIES = 7 }; /* more, in 127 s, until it has timed out */

plait__sim_road (*plait__sim_road_to)(const plait_address *peer);

static void connect_in(plait__sim_socket *s, uint64_t ns) {
  plait__sim_at(&s->attempt, plait__sim_now_ns() + ns);
}

/* ---- on the way ---------------------------------------------------------- */

static void connect_again(plait__sim_socket *s) {
  if (s->tries == CONNECT_TRIES) {
    plait__sim_connect_abandon(s);
    plait__sim_stream_fail(s, PLAIT_ETIMEDOUT);
  } else {
    connect_in(s, RETRY_NS << s->tries++);
  }
}

static void connect_knock(plait__sim_socket *s) {
  int code = plait__sim_knock(s);
  if (code == 0)
    connect_in(s, plait__sim_latency_ns());
  else if (code == PLAIT_EAGAIN)
    connect_again(s);
  else
    plait__sim_stream_fail(s, code);
}

void plait__sim_connect_ring(plait__sim_event *event) {
  plait__sim_socket *s = plait_container_of(event, plait__sim_socket, attempt);
  bool silent = plait__sim_parted() || (s->lost && !plait__sim_healed());
  if (silent && !s->local) {
    connect_again(s);
  } else if (s->answer != 0) {
    plait__sim_stream_fail(s, s->answer);
  } else if (s->peer == NULL) {
    connect_knock(s);
  } else {
    s->state = PLAIT__SIM_CONNECTED;
    plait__sim_enter(s->peer);
    plait__sim_socket_changed(s);
  }
}

/* Who is no further than the backlog, and has not heard that it is connected,
 * is forgotten there. */
void plait__sim_connect_abandon(plait__sim_socket *s) {
  plait__sim_socket *peer = s->peer;
  plait__sim_unset(&s->attempt);
  if (s->state != PLAIT__SIM_CONNECTING || peer == NULL)
    return;
  s->peer = NULL;
  plait__sim_leave(peer);
  plait__sim_socket_free(peer);
}

/* ---- beginning ----------------------------------------------------------- */

static int connect_fail(const char **ret_step, const char *step, int code) {
  *ret_step = step;
  return code;
}

/* A host that has every address is reached from the same one, unless |local|
 * says otherwise. */
static int connect_bind(plait__sim_socket *s, const plait_address *local) {
  bool bound = local != NULL && local->family != PLAIT_NO_ADDRESS;
  if (s->local) {
    s->name.family = PLAIT_UNIX;
    return 0;
  }
  if (bound && local->family != s->peer_name.family)
    return PLAIT_EINVAL;
  s->name = bound ? *local : s->peer_name;
  if (!bound || local->port == 0)
    s->name.port = plait__sim_port_new();
  else if (plait__sim_port_taken(local->port))
    return PLAIT_EADDRINUSE;
  return 0;
}

/* By chance: some fail at once, the others are refused or get no answer. */
static int connect_draw(plait__sim_socket *s, const char **ret_step) {
  const plait_sim_options *o = plait__sim_options();
  s->lost = plait__sim_chance(o->black_hole_ppm);
  if (!plait__sim_fails("io.connect", o->refuse_ppm))
    return 0;
  switch (plait__sim_below(4)) {
  case 0:
    return connect_fail(ret_step, "socket", PLAIT_EMFILE);
  case 1:
    return connect_fail(ret_step, "connect",
                        s->local ? PLAIT_ECONNREFUSED : PLAIT_ENETUNREACH);
  default:
    s->answer = PLAIT_ECONNREFUSED;
    return 0;
  }
}

/* The way that a test has laid out; one that leads nowhere has no end. */
static int connect_on_road(plait__sim_socket *s, plait__sim_road road) {
  if (road.code != 0 && road.ms == 0)
    return road.code;
  s->answer = road.code;
  if (road.ms != UINT64_MAX)
    connect_in(s, road.ms * 1000000);
  return 0;
}

static int connect_depart(plait__sim_socket *s, const char **ret_step) {
  *ret_step = "connect";
  if (plait__sim_road_to != NULL)
    return connect_on_road(s, plait__sim_road_to(&s->peer_name));
  int code = connect_draw(s, ret_step);
  if (code == 0 && s->local && s->answer == 0)
    code = plait__sim_knock(s);
  if (code == 0)
    connect_in(s, plait__sim_latency_ns());
  return code;
}

static int connect_begin(plait__sim_socket *s, const plait_address *local,
                         const char **ret_step) {
  int code = connect_bind(s, local);
  if (code != 0)
    return connect_fail(ret_step, "bind", code);
  return connect_depart(s, ret_step);
}

int plait__sim_connect(const plait_address *peer, const plait_address *local,
                       int *ret_fd, const char **ret_step) {
  plait__sim_socket *s;
  if (peer->family == PLAIT_NO_ADDRESS)
    return connect_fail(ret_step, "address", PLAIT_EINVAL);
  if (peer->family == PLAIT_UNIX && peer->path[0] == '\0')
    return connect_fail(ret_step, "path", PLAIT_EINVAL);
  int code = plait__sim_socket_open(PLAIT__SIM_CONNECTING,
                                    peer->family == PLAIT_UNIX, &s);
  if (code != 0)
    return connect_fail(ret_step, "socket", code);
  s->peer_name = *peer;
  code = connect_begin(s, local, ret_step);
  if (code != 0) {
    plait__sim_socket_close(s, false);
    plait__sim_socket_free(s);
    return code;
  }
  *ret_fd = s->fd;
  return 0;
}
