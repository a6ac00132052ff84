/* The contract: receiving, pausing, the peer's end. */
#include "contract/contract.h"

#include <string.h>

#include "support/require.h"

enum { HOLD_MS = 30, BULK = 10 << 20, BULK_PAUSE = 1 << 20, BULK_REST_MS = 1 };

/* ---- the peer's end ------------------------------------------------------
 *
 * PLAIT_EOF is the end of a connection that only the peer has ended; where our
 * side ended as well, by plait_write_eof(), it is 0. */

static void ask(struct spy *s) {
  spy_say(s, "question");
  spy_write_eof(s);
}

static void answer(struct spy *s) {
  spy_say(s, "answer");
  spy_close(s);
}

static void half_close_then_answer(struct world *w) {
  on(&w->client, SPY_MADE, ask);
  on(&w->server, SPY_EOF, answer);
  world_play(w);
  world_expect(w, "made data(8) eof lost(0)", "made data(6) lost(0)");
}

static void half_close_both_ways(struct world *w) {
  on(&w->client, SPY_MADE, spy_write_eof);
  on(&w->client, SPY_EOF, spy_close);
  on(&w->server, SPY_MADE, spy_write_eof);
  on(&w->server, SPY_EOF, spy_close);
  world_play(w);
  world_expect(w, "made eof lost(0)", "made eof lost(0)");
}

static void send_a_megabyte(struct spy *s) {
  spy_send(s, 1 << 20);
}

static void read_slowly(struct spy *s) {
  spy_pause(s);
  spy_start_timer(s, 1, 0);
}

/* The peer's end closes a protocol that has no eof_received, but not before
 * its queue was sent. */
static void eof_without_callback(struct world *w) {
  on(&w->client, SPY_MADE, spy_write_eof);
  on(&w->client, SPY_DATA, read_slowly);
  on(&w->client, SPY_TIMER, spy_resume);
  w->client.kinds[0].script.flags = SPY_QUIET | SPY_VERIFY;
  w->server.kinds[0].script.flags = SPY_QUIET;
  on(&w->server, SPY_MADE, send_a_megabyte);
  world_play(w);
  world_expect(w, "made lost(EOF)", "made data(1048576) lost(0)");
}

/* ---- pausing -------------------------------------------------------------*/

static void hold_reading(struct spy *s) {
  if (s->count[SPY_DATA] > 1)
    return;
  spy_pause(s);
  require(plait_transport_paused(s->base.transport), "not paused");
  spy_say(s, "go");
  spy_start_timer(s, HOLD_MS, 0);
}

static void say_one(struct spy *s) {
  spy_say(s, "one");
}

static void say_two_and_end(struct spy *s) {
  spy_say(s, "two");
  spy_write_eof(s);
}

/* Nothing came while reading was paused, and nothing comes inside the call
 * that ends it. */
static void let_go(struct spy *s) {
  require(s->count[SPY_DATA] == 1 && s->count[SPY_EOF] == 0,
          "a pause did not hold: %s", s->record->trace);
  spy_resume(s);
  require(s->count[SPY_DATA] == 1, "resume called back");
}

static void pause_holds_data_and_eof(struct world *w) {
  on(&w->client, SPY_MADE, say_one);
  on(&w->client, SPY_DATA, say_two_and_end);
  on(&w->server, SPY_DATA, hold_reading);
  on(&w->server, SPY_TIMER, let_go);
  on(&w->server, SPY_EOF, spy_close);
  world_play(w);
  world_expect(w, "made data(3) timer data(3) eof lost(0)",
               "made data(2) lost(0)");
}

static void pause_and_resume(struct spy *s) {
  spy_pause(s);
  spy_resume(s);
  require(!plait_transport_paused(s->base.transport), "still paused");
  if (s->count[SPY_DATA] == 1)
    spy_say(s, "go");
}

static void pause_and_resume_in_data(struct world *w) {
  on(&w->client, SPY_MADE, say_one);
  on(&w->client, SPY_DATA, say_two_and_end);
  on(&w->server, SPY_DATA, pause_and_resume);
  on(&w->server, SPY_EOF, spy_close);
  world_play(w);
  world_expect(w, "made data(6) eof lost(0)", "made data(2) lost(0)");
}

static void pause_in_made_start(struct spy *s) {
  spy_pause(s);
  spy_start_timer(s, HOLD_MS, 0);
}

static void pause_in_made(struct world *w) {
  on(&w->client, SPY_MADE, ask);
  on(&w->server, SPY_MADE, pause_in_made_start);
  on(&w->server, SPY_TIMER, spy_resume);
  on(&w->server, SPY_EOF, spy_close);
  world_play(w);
  world_expect(w, "made timer data(8) eof lost(0)", "made lost(0)");
}

static void pause_and_say_go(struct spy *s) {
  spy_pause(s);
  spy_say(s, "x");
}

static void reset_while_paused(struct world *w) {
  on(&w->client, SPY_MADE, say_one);
  on(&w->client, SPY_DATA, spy_abort);
  on(&w->server, SPY_DATA, pause_and_say_go);
  world_play(w);
  world_expect(w, "made data(3) lost(ECONNRESET)",
               "made data(1) lost(ECANCELED)");
}

static void say_tail_and_close(struct spy *s) {
  spy_say(s, "tail");
  spy_close(s);
}

/* What the peer sent before it closed is still there after a pause. */
static void close_while_paused(struct world *w) {
  on(&w->client, SPY_MADE, say_one);
  on(&w->client, SPY_DATA, say_tail_and_close);
  on(&w->server, SPY_DATA, hold_reading);
  on(&w->server, SPY_TIMER, spy_resume);
  on(&w->server, SPY_EOF, spy_close);
  world_play(w);
  world_expect(w, "made data(3) timer data(4) eof lost(0)",
               "made data(2) lost(*)");
}

static void close_while_paused_at_eof(struct spy *s) {
  spy_pause(s);
  spy_start_timer(s, HOLD_MS, 0);
}

/* Paused and closed by us: our close does not wait for a resume. */
static void own_close_while_paused(struct world *w) {
  on(&w->client, SPY_MADE, say_one);
  on(&w->server, SPY_DATA, close_while_paused_at_eof);
  on(&w->server, SPY_TIMER, spy_close);
  world_play(w);
  world_expect(w, "made data(3) timer lost(0)", "made lost(EOF)");
}

/* ---- leftovers -----------------------------------------------------------*/

static void say_ten(struct spy *s) {
  spy_say(s, "0123456789");
}

static void say_ten_and_close(struct spy *s) {
  spy_say(s, "0123456789");
  spy_close(s);
}

static void leave_nine(struct spy *s) {
  if (s->count[SPY_DATA] > 1) {
    require(s->len == 9 && memcmp(s->data, "123456789", 9) == 0,
            "other leftovers");
    return;
  }
  spy_pause(s);
  plait_unread(s->base.transport, s->data + 1, s->len - 1);
  spy_start_timer(s, HOLD_MS, 0);
}

static void eof_waits_for_leftovers(struct world *w) {
  on(&w->client, SPY_MADE, say_ten_and_close);
  on(&w->server, SPY_DATA, leave_nine);
  on(&w->server, SPY_TIMER, spy_resume);
  on(&w->server, SPY_EOF, spy_close);
  world_play(w);
  world_expect(w, "made data(10) timer data(9) eof lost(0)", "made lost(0)");
}

static void take_one(struct spy *s) {
  require(s->data[0] == (uint8_t)('0' + 10 - s->len), "wrong leftovers");
  plait_unread(s->base.transport, s->data + 1, s->len - 1);
}

/* 10 + 9 + ... + 1 bytes, one consumed each time. */
static void leftovers_come_again(struct world *w) {
  on(&w->client, SPY_MADE, say_ten_and_close);
  on(&w->server, SPY_DATA, take_one);
  on(&w->server, SPY_EOF, spy_close);
  world_play(w);
  world_expect(w, "made data(55) eof lost(0)", "made lost(0)");
}

/* The bytes that come again are good until the callback returns, whatever it
 * does first. */
static void end_in_leftovers(struct spy *s, void (*end)(struct spy *)) {
  if (s->count[SPY_DATA] == 1) {
    plait_unread(s->base.transport, s->data + 1, s->len - 1);
    return;
  }
  end(s);
  require(s->len == 9 && memcmp(s->data, "123456789", 9) == 0,
          "other leftovers");
  plait_unread(s->base.transport, s->data + 1, s->len - 1);
}

static void close_in_leftovers_data(struct spy *s) {
  end_in_leftovers(s, spy_close);
}

static void abort_in_leftovers_data(struct spy *s) {
  end_in_leftovers(s, spy_abort);
}

static void close_in_leftovers(struct world *w) {
  on(&w->client, SPY_MADE, say_ten);
  on(&w->server, SPY_DATA, close_in_leftovers_data);
  world_play(w);
  world_expect(w, "made data(19) lost(0)", "made lost(EOF)");
}

static void abort_in_leftovers(struct world *w) {
  on(&w->client, SPY_MADE, say_ten);
  on(&w->server, SPY_DATA, abort_in_leftovers_data);
  world_play(w);
  world_expect_reset(w, "made data(19) lost(ECANCELED)", "made lost(%)");
}

/* Reads one byte at a time, pausing in between, while newer bytes arrive. */
static void take_one_slowly(struct spy *s) {
  require(s->data[0] == (uint8_t)('0' + (s->count[SPY_DATA] - 1) % 10),
          "byte %u is '%c'", s->count[SPY_DATA], s->data[0]);
  spy_pause(s);
  plait_unread(s->base.transport, s->data + 1, s->len - 1);
  if (s->count[SPY_DATA] == 5)
    spy_say(s, "go");
  spy_start_timer(s, 1, 0);
}

static void check_twenty(struct spy *s) {
  require(s->count[SPY_DATA] == 20, "%u of 20 bytes", s->count[SPY_DATA]);
  spy_close(s);
}

static void leftovers_before_newer_bytes(struct world *w) {
  on(&w->client, SPY_MADE, say_ten);
  on(&w->client, SPY_DATA, say_ten_and_close);
  on(&w->server, SPY_DATA, take_one_slowly);
  on(&w->server, SPY_TIMER, spy_resume);
  on(&w->server, SPY_EOF, check_twenty);
  w->server.kinds[0].script.flags = SPY_QUIET;
  world_play(w);
  world_expect(w, "made data(*) eof lost(0)", "made data(2) lost(0)");
}

static void leave_all_and_close(struct spy *s) {
  plait_unread(s->base.transport, s->data, s->len);
  spy_close(s);
}

static void closing_drops_leftovers(struct world *w) {
  on(&w->client, SPY_MADE, say_ten);
  on(&w->server, SPY_DATA, leave_all_and_close);
  world_play(w);
  world_expect(w, "made data(10) lost(0)", "made lost(EOF)");
}

/* ---- bulk ----------------------------------------------------------------*/

static void bulk_send(struct spy *s) {
  bool ended = s->sent == BULK;
  if (!ended && spy_send_up_to(s, BULK))
    spy_write_eof(s);
}

static void bulk_rest(struct spy *s) {
  uint64_t before = s->received - s->len;
  if (s->received / BULK_PAUSE == before / BULK_PAUSE)
    return;
  spy_pause(s);
  spy_start_timer(s, BULK_REST_MS, 0);
}

static void bulk_end(struct spy *s) {
  require(s->received == BULK, "%llu bytes of %d",
          (unsigned long long)s->received, BULK);
  if (s->sent == BULK)
    spy_close(s);
}

static void bulk_script(struct spy_side *side) {
  on(side, SPY_MADE, bulk_send);
  on(side, SPY_RESUME, bulk_send);
  on(side, SPY_DATA, bulk_rest);
  on(side, SPY_TIMER, spy_resume);
  on(side, SPY_EOF, bulk_end);
  side->kinds[0].script.flags = SPY_QUIET | SPY_VERIFY;
}

/* An end that got everything before it has sent everything closes later. */
static void bulk_send_and_close(struct spy *s) {
  bulk_send(s);
  if (s->sent == BULK && s->phase == SPY_EOF)
    spy_close(s);
}

static void bulk_both_ways(struct world *w) {
  bulk_script(&w->server);
  bulk_script(&w->client);
  on(&w->server, SPY_RESUME, bulk_send_and_close);
  on(&w->client, SPY_RESUME, bulk_send_and_close);
  world_play(w);
  world_expect(w, "made data(10485760) eof lost(0)",
               "made data(10485760) eof lost(0)");
}

/* One byte after the other, and the peer is gone long before the last one. */
enum { SINGLE_BYTES = 4000 };

static void send_single_bytes(struct spy *s) {
  spy_send(s, SINGLE_BYTES);
}

static void take_first(struct spy *s) {
  if (s->count[SPY_DATA] == 1)
    spy_say(s, "go");
  if (s->len > 1)
    plait_unread(s->base.transport, s->data + 1, s->len - 1);
}

static void check_single_bytes(struct spy *s) {
  require(s->count[SPY_DATA] == SINGLE_BYTES, "only %u bytes were taken",
          s->count[SPY_DATA]);
}

static void reset_behind_leftovers(struct world *w) {
  on(&w->client, SPY_MADE, send_single_bytes);
  on(&w->client, SPY_DATA, spy_abort);
  on(&w->server, SPY_DATA, take_first);
  on(&w->server, SPY_LOST, check_single_bytes);
  world_play(w);
  world_expect(w, "made*lost(ECONNRESET)", "made data(2) lost(ECANCELED)");
}

const struct behaviour reading_behaviours[] = {
    {"half_close_then_answer", half_close_then_answer, ON_STREAMS | ON_BOTH},
    {"half_close_both_ways", half_close_both_ways, ON_STREAMS | ON_BOTH},
    {"eof_without_callback", eof_without_callback, ON_STREAMS | ON_BOTH},
    {"pause_holds_data_and_eof", pause_holds_data_and_eof,
     ON_STREAMS | ON_BOTH},
    {"pause_and_resume_in_data", pause_and_resume_in_data,
     ON_STREAMS | ON_BOTH},
    {"pause_in_made", pause_in_made, ON_STREAMS | ON_UP | ON_BOTH},
    {"reset_while_paused", reset_while_paused, ON_TCP | ON_BOTH},
    {"close_while_paused", close_while_paused, ON_STREAMS | ON_PTYS | ON_BOTH},
    {"own_close_while_paused", own_close_while_paused,
     ON_STREAMS | ON_UP | ON_PTY | ON_BOTH},
    {"eof_waits_for_leftovers", eof_waits_for_leftovers,
     ON_STREAMS | ON_UP | ON_PTYS | ON_BOTH},
    {"close_in_leftovers", close_in_leftovers,
     ON_STREAMS | ON_UP | ON_PTY | ON_BOTH},
    {"abort_in_leftovers", abort_in_leftovers,
     ON_STREAMS | ON_UP | ON_PTY | ON_BOTH},
    {"leftovers_come_again", leftovers_come_again,
     ON_STREAMS | ON_UP | ON_PTYS | ON_BOTH},
    {"reset_behind_leftovers", reset_behind_leftovers, ON_TCP | ON_BOTH},
    {"leftovers_before_newer_bytes", leftovers_before_newer_bytes,
     ON_STREAMS | ON_PTYS | ON_BOTH},
    {"closing_drops_leftovers", closing_drops_leftovers,
     ON_STREAMS | ON_UP | ON_PTY | ON_BOTH},
    {"bulk_both_ways", bulk_both_ways, ON_STREAMS | ON_BOTH},
    {NULL, NULL, 0}};
