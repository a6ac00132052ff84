/* The two ends of a stream: each has what leads to it.
 *
 *      write --> items on their way --latency--> bytes that have come --> read
 *
 * Closing sends an end behind the bytes, or a reset if there are bytes that
 * nobody read.  A reset comes behind what is on its way, some of which it may
 * overtake and so destroy; what has come before stays readable.  Then its error
 * is told once, by whichever call asks first, and after that reading is at its
 * end and writing a broken pipe, as on Linux.  UNIX streams have no resets but
 * for unread bytes, and know at once that the peer takes no more. */
#include "sim/net.h"

void plait__sim_stream_join(plait__sim_socket *a, plait__sim_socket *b) {
  a->peer = b;
  b->peer = a;
}

/* ---- what leads to an end ------------------------------------------------ */

static void stream_send(plait__sim_socket *to, plait__sim_what what, size_t len,
                        uint64_t delay_ns) {
  plait__sim_way_push(&to->in, what, len, delay_ns);
}

/* Whether what is sent to it now gets to |to|. */
static bool stream_reaches(const plait__sim_socket *to) {
  return to != NULL && !to->in.cut && !to->dead;
}

/* A reset for |to|, which in a world with resets some of what is before it does
 * not survive. */
static void stream_send_reset(plait__sim_socket *to, uint64_t delay_ns) {
  plait__sim_way *way = &to->in;
  size_t flying = way->flying;
  if (!stream_reaches(to))
    return;
  if (plait__sim_options()->reset_ppm > 0 && !plait__sim_healed())
    plait__sim_way_lose(way, (size_t)plait__sim_below(way->item_count + 1));
  if (to->peer != NULL) /* which sees that they were not acknowledged */
    to->peer->astray += flying - way->flying;
  way->cut = true;
  stream_send(to, PLAIT__SIM_RESET, 0, delay_ns);
}

void plait__sim_stream_cut(plait__sim_socket *s) {
  stream_send_reset(s, plait__sim_latency_ns());
}

static void stream_on_reset(plait__sim_socket *s) {
  if (s->state == PLAIT__SIM_CONNECTING) {
    plait__sim_stream_fail(s, PLAIT_ECONNREFUSED);
    return;
  }
  s->error = s->ended && !s->local ? PLAIT_EPIPE : PLAIT_ECONNRESET;
  s->dead = true;
}

void plait__sim_stream_arrive(plait__sim_event *event) {
  plait__sim_socket *s = plait_container_of(event, plait__sim_socket, in.event);
  plait__sim_item item;
  if (plait__sim_parted() && !s->local)
    return;
  while (plait__sim_way_arrive(&s->in, &item)) {
    if (item.what == PLAIT__SIM_RESET)
      stream_on_reset(s);
    else if (item.what != PLAIT__SIM_BYTES)
      s->ended = true;
    s->gone |= item.what == PLAIT__SIM_GONE;
  }
  plait__sim_way_arm(&s->in);
  plait__sim_socket_changed(s);
}

void plait__sim_stream_fail(plait__sim_socket *s, int code) {
  plait__sim_unset(&s->attempt);
  s->state = PLAIT__SIM_CONNECTED;
  s->error = code;
  s->dead = true;
  plait__sim_socket_changed(s);
}

/* The connection breaks here and now. */
static int stream_break(plait__sim_socket *s) {
  if (s->peer != NULL)
    stream_send_reset(s->peer, plait__sim_latency_ns());
  plait__sim_way_close(&s->in);
  s->dead = true;
  s->error = 0; /* the caller tells */
  return PLAIT_ECONNRESET;
}

int plait__sim_stream_take_error(plait__sim_socket *s) {
  int code = s->error;
  s->error = 0;
  return code;
}

/* ---- readiness ----------------------------------------------------------- */

/* Bytes that can be sent. */
static size_t stream_room(const plait__sim_socket *s) {
  size_t capacity = plait__sim_options()->capacity, used = s->astray;
  if (s->peer != NULL)
    used += s->peer->in.arrived + s->peer->in.flying;
  return used < capacity ? capacity - used : 0;
}

unsigned plait__sim_stream_events(const plait__sim_socket *s) {
  unsigned both = PLAIT__READABLE | PLAIT__WRITABLE, ready = 0;
  bool over = s->dead || s->gone || (s->ended && s->shut);
  if (s->state == PLAIT__SIM_CONNECTING)
    return 0;
  if (s->error != 0)
    return PLAIT__FAILED;
  if (over && (s->interest & both) == 0)
    return PLAIT__HANGUP;
  if (over || s->ended || s->in.arrived > 0)
    ready |= PLAIT__READABLE;
  if (over || s->shut || stream_room(s) > 0)
    ready |= PLAIT__WRITABLE;
  return ready & s->interest;
}

/* ---- reading ------------------------------------------------------------- */

/* Whether this once nothing is said to be ready, though something is. */
static bool stream_balks(const plait__sim_socket *s) {
  return !s->dead && plait__sim_chance(plait__sim_options()->again_ppm);
}

static ptrdiff_t stream_read_end(plait__sim_socket *s) {
  if (s->error != 0 && (s->local || !s->ended))
    return plait__sim_stream_take_error(s);
  return s->ended || s->dead ? 0 : PLAIT_EAGAIN;
}

ptrdiff_t plait__sim_stream_read(plait__sim_socket *s, void *buffer,
                                 size_t len) {
  if (!s->dead && plait__sim_fails("io.read", 0))
    return stream_break(s);
  if (stream_balks(s))
    return PLAIT_EAGAIN;
  if (s->in.arrived == 0)
    return stream_read_end(s);
  if (plait__sim_chance(plait__sim_options()->short_read_ppm) && len > 1)
    len = (size_t)plait__sim_between(1, len);
  size_t n = plait__sim_way_take(&s->in, buffer, len);
  if (s->peer != NULL)
    plait__sim_socket_changed(s->peer); /* there is room */
  return (ptrdiff_t)n;
}

/* ---- writing ------------------------------------------------------------- */

static size_t stream_offered(const plait__iovec *v, size_t n) {
  size_t sum = 0;
  for (size_t i = 0; i < n; i++)
    sum += v[i].len;
  return sum;
}

static uint64_t stream_delay_ns(void) {
  const plait_sim_options *o = plait__sim_options();
  uint64_t ns = plait__sim_latency_ns();
  if (plait__sim_chance(o->stall_ppm))
    ns += plait__sim_below(UINT64_C(1000000) * o->stall_max_ms + 1);
  return ns;
}

/* To nobody: the answer is a reset. */
static void stream_write_astray(plait__sim_socket *s, size_t len) {
  s->astray += len;
  stream_send_reset(s, plait__sim_latency_ns() + plait__sim_latency_ns());
}

/* In pieces.  False: the connection breaks at one of them. */
static bool stream_write_to(plait__sim_socket *peer, const plait__iovec *v,
                            size_t len) {
  const plait_sim_options *o = plait__sim_options();
  bool whole = true;
  plait__sim_way_put(&peer->in, v, len);
  while (len > 0) {
    size_t some = (size_t)plait__sim_between(1, o->segment_max);
    some = some < len ? some : len;
    stream_send(peer, PLAIT__SIM_BYTES, some, stream_delay_ns());
    whole &= !plait__sim_chance(o->reset_ppm);
    len -= some;
  }
  return whole;
}

static void stream_write_all(plait__sim_socket *s, const plait__iovec *v,
                             size_t len) {
  if (!stream_reaches(s->peer)) {
    stream_write_astray(s, len);
  } else if (!stream_write_to(s->peer, v, len)) {
    stream_send_reset(s->peer, plait__sim_latency_ns());
    stream_send_reset(s, plait__sim_latency_ns());
  }
}

ptrdiff_t plait__sim_stream_write(plait__sim_socket *s, const plait__iovec *v,
                                  size_t n) {
  size_t len = stream_offered(v, n), room = stream_room(s);
  if (s->state == PLAIT__SIM_CONNECTING)
    return PLAIT_EAGAIN;
  if (s->error != 0)
    return plait__sim_stream_take_error(s);
  if (s->dead || s->shut || (s->local && (s->peer == NULL || s->peer->hung_up)))
    return PLAIT_EPIPE;
  if (plait__sim_fails("io.writev", 0))
    return stream_break(s);
  if (room == 0 || stream_balks(s))
    return PLAIT_EAGAIN;
  len = len < room ? len : room;
  if (len > 1 && plait__sim_chance(plait__sim_options()->short_write_ppm))
    len = (size_t)plait__sim_between(1, len);
  stream_write_all(s, v, len);
  return (ptrdiff_t)len;
}

int plait__sim_stream_shut(plait__sim_socket *s) {
  if (!s->dead && plait__sim_fails("io.shut_wr", 0))
    stream_break(s);
  if (s->dead)
    return -ENOTCONN;
  if (!s->shut && stream_reaches(s->peer))
    stream_send(s->peer, PLAIT__SIM_END, 0, plait__sim_latency_ns());
  s->shut = true;
  plait__sim_socket_changed(s);
  return 0;
}

/* What is on its way is not read either. */
size_t plait__sim_stream_hang_up(plait__sim_socket *s) {
  size_t unread = s->in.arrived + s->in.flying;
  if (stream_reaches(s->peer))
    stream_send(s->peer, PLAIT__SIM_GONE, 0, plait__sim_latency_ns());
  s->shut = s->hung_up = true;
  return unread;
}

size_t plait__sim_stream_unacked(const plait__sim_socket *s) {
  if (s->dead)
    return 0;
  size_t bytes = s->astray;
  if (s->peer != NULL)
    bytes += s->peer->in.flying + (s->local ? s->peer->in.arrived : 0);
  return bytes;
}

/* ---- closing ------------------------------------------------------------- */

/* What is still on its way to |s| finds it closed, which is answered by a
 * reset. */
static void stream_part(plait__sim_socket *s, plait__sim_socket *peer) {
  uint64_t due_ns;
  if (s->local)
    stream_send(peer, PLAIT__SIM_GONE, 0, plait__sim_latency_ns());
  else if (!s->shut)
    stream_send(peer, PLAIT__SIM_END, 0, plait__sim_latency_ns());
  if (plait__sim_way_bytes_due(&s->in, &due_ns)) {
    peer->in.cut = true;
    stream_send(peer, PLAIT__SIM_RESET, 0, due_ns + plait__sim_latency_ns());
  }
}

void plait__sim_stream_close(plait__sim_socket *s, bool reset, bool abort) {
  plait__sim_socket *peer = s->peer;
  s->peer = NULL;
  if (peer != NULL) {
    bool unread = s->in.arrived > 0 || (s->local && s->in.flying > 0);
    peer->peer = NULL;
    peer->astray += s->in.flying + (s->local ? s->in.arrived : 0);
    if (unread || abort || (reset && !s->local))
      stream_send_reset(peer, plait__sim_latency_ns());
    else if (stream_reaches(peer))
      stream_part(s, peer);
    plait__sim_socket_changed(peer);
  }
  plait__sim_way_close(&s->in);
}
