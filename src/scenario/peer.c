/* Both ends of an echo: a client that sends messages of all sizes, raw or as
 * frames, with pauses, and ends in one of the ways there are; a server that
 * answers each byte with one of its own. */
#include "stage.h"

enum { ECHO_BUDGET = 1 << 20, ECHO_SEGMENTS = 1500 };

/* Both ends; raw bytes are frames that nobody cuts. */
struct peer {
  plait_framed framed;
  struct witness *w;
  struct end end; /* |link| */
  struct dice dice;
  plait_timer timer; /* sends again, or reads again */
  struct token timed;
  unsigned messages; /* that it still sends */
  uint64_t budget;
  bool finishing;
};

static struct peer *peer_of(plait_protocol *p) {
  return plait_container_of(p, struct peer, framed.base);
}

static struct stage *peer_stage(struct peer *peer) {
  return side_of(peer->framed.base.factory)->stage;
}

static struct flow *peer_out(struct peer *peer) {
  return peer->w->client ? &peer->end.link->up : &peer->end.link->down;
}

static bool peer_send(struct peer *peer, size_t len) {
  plait_transport *t = peer->framed.base.transport;
  struct flow *out = peer_out(peer);
  return peer->w->stage->plan->framed
             ? flow_write_frame(out, &peer->framed, len)
             : flow_write(out, &peer->dice, t, len);
}

static void peer_later(struct peer *peer) {
  uint32_t pause_ms = peer->w->stage->plan->pause_ms;
  if (plait_timer_active(&peer->timer))
    return;
  token_start(&peer->timed, peer->w->stage, "a timer");
  plait_timer_start(&peer->timer, dice_below(&peer->dice, pause_ms + 1), 0);
}

static void peer_stop_timer(struct peer *peer) {
  if (!plait_timer_active(&peer->timer))
    return;
  plait_timer_stop(&peer->timer);
  token_end(&peer->timed);
}

/* ---- the client ---------------------------------------------------------- */

/* Ends in one of the ways there are. */
static void client_finish(struct peer *peer) {
  plait_transport *t = peer->framed.base.transport;
  peer->finishing = true;
  if (!peer->w->paused)
    peer_stop_timer(peer);
  switch (dice_below(&peer->dice, 8)) {
  case 0:
    witness_abort(peer->w, t);
    break;
  case 1:
    witness_close(peer->w, t);
    break;
  default:
    witness_write_eof(peer->w, t);
    break;
  }
}

static bool client_waits(const struct peer *peer) {
  const struct link *link = peer->end.link;
  return link->up.sent - link->down.delivered >=
         peer->w->stage->plan->window_bytes;
}

static size_t client_size(struct peer *peer) {
  const struct plan *plan = peer->w->stage->plan;
  unsigned bits = 0;
  while (plan->message_bytes >> bits > 1)
    bits++;
  uint64_t most = UINT64_C(1) << dice_below(&peer->dice, bits + 1);
  uint64_t size = dice_below(&peer->dice, most + 1);
  if (plan->framed && size > PLAIT_FRAME_BYTES_MAX)
    size = PLAIT_FRAME_BYTES_MAX;
  return (size_t)(size < peer->budget ? size : peer->budget);
}

static void client_go_on(struct peer *peer) {
  struct witness *w = peer->w;
  bool more = !w->wants_resume;
  if (w->closed || peer->finishing)
    return;
  while (more && !w->closed && peer->messages > 0 && !client_waits(peer)) {
    size_t size = client_size(peer);
    if (peer->end.link->up.sent == 0 && size < FLOW_HEAD)
      size = FLOW_HEAD;
    peer->messages--;
    peer->budget -= size < peer->budget ? size : peer->budget;
    more = peer_send(peer, size);
    if (plait_transport_closing(peer->framed.base.transport))
      return;
    if (dice_chance(&peer->dice, w->stage->plan->end_ppm / 8))
      client_finish(peer);
    if (w->stage->plan->pause_ms != 0 && dice_below(&peer->dice, 4) == 0) {
      peer_later(peer);
      return;
    }
  }
  if (peer->messages == 0 && !peer->finishing)
    client_finish(peer);
}

static void client_owes(struct peer *peer) {
  const struct link *link = peer->end.link;
  /* One that nobody has accepted may wait for the others to go. */
  peer->w->owed = link->up.to != NULL && !peer->w->paused &&
                  link->up.sent > link->down.delivered;
}

/* ---- events -------------------------------------------------------------- */

static void peer_timer(plait_timer *timer) {
  struct peer *peer = plait_container_of(timer, struct peer, timer);
  witness_enter(peer->w, CALL_TIMER);
  token_end(&peer->timed);
  if (peer->w->paused)
    witness_pause(peer->w, peer->framed.base.transport, false);
  if (peer->w->client)
    client_go_on(peer);
  witness_leave(peer->w);
}

/* Which options there are depends on the medium, not on the connection. */
static void peer_tune(struct peer *peer) {
  struct stage *stage = peer->w->stage;
  plait_transport *t = peer->framed.base.transport;
  bool tcp = stage->plan->medium == MEDIUM_TCP;
  const int codes[] = {
      plait_transport_set_nodelay(t, peer->w->number % 2 != 0),
      plait_transport_set_keepalive(t, (peer->w->number % 3 + 1) * 30)};
  for (int i = 0; i < 2; i++)
    CHECK(stage,
          codes[i] == (tcp ? 0 : PLAIT_ENOTSUP) ||
              (codes[i] < 0 && stage_faulty(stage)) ||
              (codes[i] == PLAIT_ECLOSED && stage->plan->workers != 0),
          "%s %u: an option of the socket answers %s", peer->w->role,
          peer->w->number, plait_error_name(codes[i]));
}

static void peer_made(plait_protocol *p, bool client) {
  struct peer *peer = peer_of(p);
  struct stage *stage = peer_stage(peer);
  witness_made(stage, &peer->w, p, client ? "client" : "server", client);
  peer->dice = stage_dice(stage, peer->w->number);
  plait_timer_init(&peer->timer, p->transport, peer_timer);
  struct side *side = side_of(p->factory);
  peer_tune(peer);
  if (side->made != NULL)
    side->made(side, peer->w, p->transport);
}

static void client_made(plait_protocol *p) {
  struct peer *peer = peer_of(p);
  peer_made(p, true);
  const struct plan *plan = peer->w->stage->plan;
  uint32_t step =
      plan->segment < plan->capacity ? plan->segment : plan->capacity;
  uint64_t budget = (uint64_t)step * ECHO_SEGMENTS;
  peer->end.link = link_new(peer->w);
  peer->messages = plan->messages;
  peer->budget =
      (budget < ECHO_BUDGET ? budget : ECHO_BUDGET) / plan->connections;
  client_go_on(peer);
  client_owes(peer);
  witness_leave(peer->w);
}

static void server_made(plait_protocol *p) {
  struct peer *peer = peer_of(p);
  peer_made(p, false);
  peer->w->stage->served += peer->w->stage->plan->medium != MEDIUM_PAIR;
  witness_leave(peer->w);
}

/* The server answers with as many bytes. */
static void server_answer(struct peer *peer, size_t len) {
  struct witness *w = peer->w;
  plait_transport *t = peer->framed.base.transport;
  if (peer->end.link == NULL)
    return;
  uint64_t owed = peer->end.link->up.delivered - peer->end.link->down.sent;
  if (!w->stage->plan->framed)
    len = (size_t)owed;
  if (dice_chance(&peer->dice, w->stage->plan->end_ppm / 64))
    witness_abort(w, t);
  else if (dice_chance(&peer->dice, w->stage->plan->end_ppm / 32))
    witness_close(w, t);
  else if (!peer_send(peer, len) && !plait_transport_closing(t) && !w->paused)
    witness_pause(w, t, true);
}

static void peer_got(struct peer *peer, const uint8_t *data, size_t len) {
  struct witness *w = peer->w;
  struct stage *stage = w->stage;
  CHECK(stage, witness_takes(w), "%s %u got data though it has %s", w->role,
        w->number, w->closed ? "closed" : "paused");
  w->received += len + (stage->plan->framed ? 4 : 0);
  if (!w->client) {
    end_deliver(&peer->end, w, data, len);
    server_answer(peer, len);
    return;
  }
  flow_deliver(&peer->end.link->down, data, len);
  if (stage->plan->pause_ms != 0 && dice_below(&peer->dice, 8) == 0 &&
      !plait_timer_active(&peer->timer)) {
    witness_pause(w, peer->framed.base.transport, true);
    peer_later(peer);
  }
  client_go_on(peer);
}

static void peer_frame(plait_framed *framed, plait_slice payload) {
  peer_got(peer_of(&framed->base), payload.data, payload.len);
}

static void peer_data(plait_protocol *p, const uint8_t *data, size_t len) {
  struct peer *peer = peer_of(p);
  struct witness *w = peer->w;
  witness_enter(w, CALL_DATA);
  if (w->stage->plan->framed)
    plait_framed_data_received(p, data, len);
  else
    peer_got(peer, data, len);
  if (w->client)
    client_owes(peer);
  witness_leave(w);
}

static void peer_eof(plait_protocol *p) {
  struct peer *peer = peer_of(p);
  witness_enter(peer->w, CALL_EOF);
  witness_close(peer->w, p->transport);
  witness_leave(peer->w);
}

static void peer_resume(plait_protocol *p) {
  struct peer *peer = peer_of(p);
  witness_enter(peer->w, CALL_RESUME);
  if (peer->w->client)
    client_go_on(peer);
  else if (peer->w->paused)
    witness_pause(peer->w, p->transport, false);
  witness_leave(peer->w);
}

static void peer_timed_out(plait_protocol *p) {
  struct peer *peer = peer_of(p);
  uint64_t idle_ns = peer->w->stage->plan->idle_ms * UINT64_C(1000000);
  uint64_t age_ns = plait_sim_now_ns(peer->w->stage->sim) - peer->w->traffic_ns;
  witness_enter(peer->w, CALL_TIMED_OUT);
  /* Stamps are of whole milliseconds; on workers they came some time ago. */
  CHECK(peer->w->stage,
        idle_ns != 0 &&
            (age_ns + 1000000 > idle_ns || peer->w->stage->plan->workers != 0),
        "%s %u timed out %.3f ms after its last byte", peer->w->role,
        peer->w->number, (double)age_ns / 1e6);
  witness_close(peer->w, p->transport);
  witness_leave(peer->w);
}

static void peer_draining(plait_protocol *p) {
  struct peer *peer = peer_of(p);
  witness_enter(peer->w, CALL_DRAINING);
  CHECK(peer->w->stage, peer->w->stage->stopping,
        "%s %u is to drain, and nobody stopped anything", peer->w->role,
        peer->w->number);
  if (peer->w->client && dice_below(&peer->dice, 2) == 0) {
    peer->messages = 0;
    witness_write_eof(peer->w, p->transport);
    peer->finishing = true;
  } else if (peer->w->client || dice_below(&peer->dice, 4) == 0) {
    witness_close(peer->w, p->transport);
  }
  witness_leave(peer->w);
}

static void peer_lost(plait_protocol *p, int reason) {
  struct peer *peer = peer_of(p);
  struct stage *stage = peer->w->stage;
  struct side *side = side_of(p->factory);
  CHECK(stage, !plait_timer_active(&peer->timer),
        "%s %u: a timer runs in connection_lost", peer->w->role,
        peer->w->number);
  if (peer->timed.out)
    token_end(&peer->timed); /* it was stopped with its owner */
  witness_lost(peer->w, p, reason);
  if (side->lost != NULL)
    side->lost(side);
}

#define ECHO_OPS(made)                                                         \
  {                                                                            \
    .base = {.name = "echo",                                                   \
             .size = PLAIT_INSTANCE(struct peer, framed),                      \
             .connection_made = made,                                          \
             .data_received = peer_data,                                       \
             .eof_received = peer_eof,                                         \
             .resume_writing = peer_resume,                                    \
             .timed_out = peer_timed_out,                                      \
             .draining = peer_draining,                                        \
             .connection_lost = peer_lost},                                    \
    .codec = &plait_int32.codec, .frame_received = peer_frame                  \
  }

const plait_framed_ops peer_server = ECHO_OPS(server_made);
const plait_framed_ops peer_client = ECHO_OPS(client_made);
