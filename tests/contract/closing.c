/* The contract: closing, aborting, and what holds a close up. */
#include "contract/contract.h"

#include "support/require.h"

enum { BIG = 8 << 20, SHORT_MS = 100 };

static void say_hello(struct spy *s) {
  spy_say(s, "hello");
}

static void abort_peer(struct spy *s) {
  plait_handle_abort(spy_peer_handle(s, 0));
}

static void close_peer(struct spy *s) {
  plait_handle_close(spy_peer_handle(s, 0));
}

/* ---- at once -------------------------------------------------------------*/

static void close_in_made(struct world *w) {
  on(&w->server, SPY_MADE, spy_close);
  world_play(w);
  world_expect(w, "made lost(0)", "made lost(EOF)");
}

static void abort_in_made(struct world *w) {
  on(&w->client, SPY_MADE, spy_abort);
  world_play(w);
  world_expect_reset(w, "made lost(%)", "made lost(ECANCELED)");
}

static void abort_in_data(struct world *w) {
  on(&w->client, SPY_MADE, say_hello);
  on(&w->server, SPY_DATA, spy_abort);
  world_play(w);
  world_expect_reset(w, "made data(5) lost(ECANCELED)", "made lost(%)");
}

static void close_then_write(struct spy *s) {
  plait_transport *t = s->base.transport;
  spy_say(s, "last");
  spy_close(s);
  require(plait_transport_closing(t), "not closing");
  require(!spy_say(s, "late"), "a closing transport takes bytes");
  require(!plait_write(t, "", 0), "a closing transport wants more");
  plait_write_eof(t);
  plait_close(t);
}

static void write_after_close_is_dropped(struct world *w) {
  on(&w->server, SPY_MADE, close_then_write);
  world_play(w);
  world_expect(w, "made lost(0)", "made data(4) lost(EOF)");
}

static void write_after_eof(struct spy *s) {
  spy_say(s, "last");
  spy_write_eof(s);
  spy_say(s, "late");
}

static void write_after_eof_is_dropped(struct world *w) {
  on(&w->server, SPY_MADE, write_after_eof);
  on(&w->client, SPY_EOF, spy_close);
  world_play(w);
  world_expect(w, "made lost(0)", "made data(4) eof lost(0)");
}

static void abort_after_close(struct spy *s) {
  spy_send(s, BIG);
  spy_close(s);
  spy_abort(s);
}

/* The peer reads nothing: another reactor could take all before the abort. */
static void say_hello_and_pause(struct spy *s) {
  spy_pause(s);
  spy_say(s, "hello");
}

static void abort_overtakes_close(struct world *w) {
  on(&w->client, SPY_MADE, say_hello_and_pause);
  on(&w->server, SPY_DATA, abort_after_close);
  on(&w->server, SPY_LOST, abort_peer);
  world_play(w);
  world_expect(w, "made data(5) lost(ECANCELED)", "made lost(*)");
  require(w->server.records[0].unsent > 0, "an abort sent all");
}

static void give_a_reason(struct spy *s) {
  spy_say(s, "no");
  plait_close_reason(s->base.transport, PLAIT_ELIMIT);
  plait_close(s->base.transport);
}

static void close_reason(struct world *w) {
  on(&w->server, SPY_MADE, give_a_reason);
  world_play(w);
  world_expect(w, "made lost(ELIMIT)", "made data(2) lost(EOF)");
}

/* ---- flushing ------------------------------------------------------------*/

static void send_big_and_close(struct spy *s) {
  spy_send(s, BIG);
  spy_close(s);
}

static void close_sends_the_queue(struct world *w) {
  on(&w->server, SPY_MADE, send_big_and_close);
  w->client.kinds[0].script.flags = SPY_VERIFY;
  world_play(w);
  world_expect(w, "made lost(0)", "made data(8388608) lost(EOF)");
}

static void upload(struct spy *s) {
  spy_pause(s);
  spy_send(s, BIG);
}

/* A peer that sends everything before it reads: our input is read and thrown
 * away meanwhile, and none of our bytes is lost.  How much of it is still under
 * way when ours have arrived is up to the system. */
static void close_while_the_peer_sends(struct world *w) {
  w->server.factory.limits.linger_bytes_max = PLAIT_UNLIMITED;
  on(&w->client, SPY_MADE, upload);
  on(&w->client, SPY_RESUME, spy_resume);
  on(&w->server, SPY_DATA, send_big_and_close);
  w->client.kinds[0].script.flags = SPY_VERIFY;
  world_play(w);
  world_expect(w, "made data(*) lost(0)",
               "made resume data(8388608) lost(EOF)");
}

static void close_with_unread_start(struct spy *s) {
  spy_pause(s);
  spy_start_timer(s, 20, 0);
}

static void send_some(struct spy *s) {
  spy_send(s, 50000);
}

/* Unread input must not turn the close into a reset. */
static void close_with_unread_input(struct world *w) {
  on(&w->client, SPY_MADE, send_some);
  on(&w->server, SPY_MADE, close_with_unread_start);
  on(&w->server, SPY_TIMER, send_big_and_close);
  w->client.kinds[0].script.flags = SPY_VERIFY;
  world_play(w);
  world_expect(w, "made timer lost(0)", "made data(8388608) lost(EOF)");
}

static void flush_deadline(struct world *w) {
  w->server.factory.limits.flush_ms = SHORT_MS;
  on(&w->client, SPY_MADE, say_hello_and_pause);
  on(&w->server, SPY_DATA, send_big_and_close);
  on(&w->server, SPY_LOST, abort_peer);
  world_play(w);
  world_expect(w, "made data(5) lost(ELINGER)", "made lost(*)");
  require(w->server.records[0].unsent > 0, "all was sent");
}

/* Progress restarts the deadline: a slow reader is not a dead one. */
static void read_in_steps(struct spy *s) {
  spy_pause(s);
  spy_start_timer(s, SHORT_MS / 10, 0);
}

/* On workers, bytes that wait for a callback are read already: few may. */
static void progress_restarts_the_deadline(struct world *w) {
  w->server.factory.limits.flush_ms = SHORT_MS;
  w->client.factory.limits.lease_bytes_max = 64 << 10;
  on(&w->client, SPY_DATA, read_in_steps);
  on(&w->client, SPY_TIMER, spy_resume);
  w->client.kinds[0].script.flags = SPY_QUIET;
  on(&w->server, SPY_MADE, send_big_and_close);
  world_play(w);
  world_expect(w, "made lost(0)", "made data(8388608) lost(EOF)");
}

/* ---- lingering -----------------------------------------------------------*/

static void send_and_close(struct spy *s) {
  spy_send(s, 100000);
  spy_close(s);
}

/* The peer has read all and keeps its side open: nothing was lost. */
static void linger_ends_well(struct world *w) {
  w->server.factory.limits.linger_ms = SHORT_MS;
  on(&w->client, SPY_MADE, say_hello);
  on(&w->client, SPY_EOF, spy_nothing);
  on(&w->server, SPY_DATA, send_and_close);
  on(&w->server, SPY_LOST, close_peer);
  world_play(w);
  world_expect(w, "made data(5) lost(0)", "made data(100000) eof lost(*)");
}

/* The peer takes our end without having read all of it.  TCP cannot know. */
static void linger_ends_badly(struct world *w) {
  w->server.factory.limits.linger_ms = SHORT_MS;
  w->server.factory.limits.flush_ms = SHORT_MS;
  on(&w->client, SPY_MADE, say_hello_and_pause);
  on(&w->server, SPY_DATA, send_and_close);
  on(&w->server, SPY_LOST, abort_peer);
  world_play(w);
  world_expect(w, "made data(5) lost(ELINGER)", "made lost(*)");
}

static void send_for_ever(struct spy *s) {
  spy_send_up_to(s, UINT64_C(1) << 40);
}

/* What is discarded after our end has a bound, and ends it before the time
 * does. */
static void linger_bytes(struct world *w) {
  w->server.factory.limits.linger_bytes_max = 100000;
  w->server.factory.limits.linger_ms = 3600 * 1000;
  on(&w->client, SPY_MADE, send_for_ever);
  on(&w->client, SPY_RESUME, send_for_ever);
  on(&w->client, SPY_EOF, spy_nothing);
  w->client.kinds[0].script.flags = SPY_QUIET;
  on(&w->server, SPY_DATA, send_and_close);
  world_play(w);
  world_expect(w, "made data(*) lost(*)", "made*lost(*)");
}

static uint64_t now_ms(void) {
  return plait_reactor_now_ms(plait_reactor_current());
}

static uint64_t closed_at_ms, lost_at_ms;

static void close_and_stamp(struct spy *s) {
  closed_at_ms = now_ms();
  spy_close(s);
}

static void stamp(struct spy *s) {
  (void)s;
  lost_at_ms = now_ms();
}

/* With the peer's end read and nothing queued there is nothing to wait for. */
static void no_linger_after_eof(struct world *w) {
  on(&w->client, SPY_MADE, spy_write_eof);
  on(&w->server, SPY_EOF, close_and_stamp);
  on(&w->server, SPY_LOST, stamp);
  on(&w->client, SPY_EOF, spy_close);
  world_play(w);
  world_expect(w, "made eof lost(0)", "made eof lost(0)");
  require(lost_at_ms - closed_at_ms < 1000, "it took %llu ms",
          (unsigned long long)(lost_at_ms - closed_at_ms));
}

/* ---- questions in lost ---------------------------------------------------*/

static void ask_in_lost(struct spy *s) {
  plait_transport *t = s->base.transport;
  plait_transport_stats stats;
  plait_transport_get_stats(t, &stats);
  require(stats.sent_bytes == 5, "%llu sent",
          (unsigned long long)stats.sent_bytes);
  require(stats.received_bytes == 3, "%llu received",
          (unsigned long long)stats.received_bytes);
  require(plait_transport_closing(t), "not closing in lost");
  require(plait_transport_protocol(t) == &s->base, "another protocol");
  require(!spy_say(s, "late"), "a write in lost");
  plait_close(t);
  plait_abort(t);
  plait_resume_reading(t);
  require(plait_switch_protocol(t, s->base.ops, NULL, 0) == NULL,
          "switched in lost");
}

static void say_bye(struct spy *s) {
  spy_say(s, "bye");
  spy_write_eof(s);
}

static void say_hello_and_close(struct spy *s) {
  spy_say(s, "hello");
  spy_close(s);
}

static void questions_in_lost(struct world *w) {
  on(&w->client, SPY_MADE, say_bye);
  on(&w->server, SPY_EOF, say_hello_and_close);
  on(&w->server, SPY_LOST, ask_in_lost);
  world_play(w);
  world_expect(w, "made data(3) eof lost(0)", "made data(5) lost(0)");
}

/* Without limits a close waits for whoever may read at last. */
static void read_after_months(struct spy *s) {
  spy_pause(s);
  spy_start_timer(s, UINT64_C(100) * 24 * 3600 * 1000, 0);
}

static void send_a_lot_and_close(struct spy *s) {
  spy_send(s, 4 << 20);
  spy_close(s);
}

static void flush_unlimited(struct world *w) {
  w->server.factory.limits.flush_ms = PLAIT_UNLIMITED;
  on(&w->server, SPY_MADE, send_a_lot_and_close);
  on(&w->client, SPY_MADE, read_after_months);
  on(&w->client, SPY_TIMER, spy_resume);
  world_play(w);
  world_expect(w, "made lost(0)", "made timer data(4194304) lost(EOF)");
}

const struct behaviour closing_behaviours[] = {
    {"close_in_made", close_in_made, ON_ALL | ON_BOTH},
    {"abort_in_made", abort_in_made, ON_ALL | ON_BOTH},
    {"abort_in_data", abort_in_data, ON_STREAMS | ON_UP | ON_PTY | ON_BOTH},
    {"write_after_close_is_dropped", write_after_close_is_dropped,
     ON_STREAMS | ON_DOWN | ON_PTYC | ON_BOTH},
    {"write_after_eof_is_dropped", write_after_eof_is_dropped,
     ON_STREAMS | ON_DOWN | ON_BOTH},
    {"abort_overtakes_close", abort_overtakes_close,
     ON_STREAMS | ON_PTY | ON_BOTH},
    {"close_reason", close_reason, ON_STREAMS | ON_DOWN | ON_PTYC | ON_BOTH},
    {"close_sends_the_queue", close_sends_the_queue,
     ON_STREAMS | ON_DOWN | ON_PTYC | ON_BOTH},
    {"close_while_the_peer_sends", close_while_the_peer_sends,
     ON_STREAMS | ON_PTYC | ON_BOTH},
    {"close_with_unread_input", close_with_unread_input,
     ON_STREAMS | ON_PTYC | ON_BOTH},
    {"flush_deadline", flush_deadline, ON_SOCKETS | ON_PTY | ON_BOTH},
    {"flush_unlimited", flush_unlimited, ON_LASTING | ON_SIM},
    {"progress_restarts_the_deadline", progress_restarts_the_deadline,
     ON_STREAMS | ON_SIM},
    {"linger_ends_well", linger_ends_well, ON_SOCKETS | ON_BOTH},
    {"linger_ends_badly", linger_ends_badly, ON_UNIX | ON_PAIR | ON_BOTH},
    {"linger_bytes", linger_bytes, ON_STREAMS | ON_BOTH},
    {"no_linger_after_eof", no_linger_after_eof, ON_STREAMS | ON_BOTH},
    {"questions_in_lost", questions_in_lost, ON_STREAMS | ON_BOTH},
    {NULL, NULL, 0}};
