/* The contract: framing, and how the peer's end meets it.
 *
 * What frames are made of is for the tests of the loop and of codecs; here is
 * what only a transport can do: the end of input. */
#include "contract/contract.h"

#include <string.h>

#include "support/require.h"
#include "support/text.h"

static plait_framing framing; /* of the one connection */
static struct text frames;
static spy_action *on_frame; /* what the server does in one, or NULL */

static const plait_delimited lines =
    PLAIT_DELIMITED(PLAIT_BYTES("\n"), PLAIT_BYTES("\r\n"), PLAIT_BYTES("\r"));
static const plait_delimited stair =
    PLAIT_DELIMITED(PLAIT_BYTES("#"), PLAIT_BYTES("#123456"));

/* ---- the server frames ---------------------------------------------------*/

static void frame(plait_protocol *p, plait_slice payload) {
  text_format(&frames, "[");
  text_escape(&frames, payload.data, payload.len);
  text_format(&frames, "]");
  if (on_frame != NULL)
    on_frame(plait_container_of(p, struct spy, base));
}

static void raw(plait_protocol *p, plait_slice bytes) {
  (void)p;
  text_escape(&frames, bytes.data, bytes.len);
}

static const plait_framing_events events = {.frame = frame, .raw = raw};

static void begin(struct spy *s, const plait_codec *codec) {
  framing = (plait_framing){0};
  text_clear(&frames);
  plait_framing_init(&framing, &s->base, codec, NULL, &events, 0);
}

static void begin_netstrings(struct spy *s) {
  begin(s, &plait_netstring);
}

static void begin_lines(struct spy *s) {
  begin(s, &lines.codec);
}

static void begin_stair(struct spy *s) {
  begin(s, &stair.codec);
}

static void cut(struct spy *s) {
  size_t used = plait_framing_receive(&framing, s->data, s->len);
  if (used < s->len)
    plait_unread(s->base.transport, s->data + used, s->len - used);
}

/* The client says |text| and ends its side; the server frames it. */
static const char *text;

static void say_and_end(struct spy *s) {
  spy_say(s, text);
  spy_write_eof(s);
}

static void play(struct world *w, spy_action *begin_framing, spy_action *act,
                 const char *said) {
  text = said;
  on_frame = act;
  on(&w->server, SPY_MADE, begin_framing);
  on(&w->server, SPY_DATA, cut);
  on(&w->client, SPY_MADE, say_and_end);
  world_play(w);
}

static void expect_frames(const char *expected) {
  require(strcmp(frames.s, expected) == 0, "frames %s, not %s", frames.s,
          expected);
  text_free(&frames);
}

/* ---- the end inside a frame ----------------------------------------------*/

static void end_between_frames(struct world *w) {
  play(w, begin_netstrings, NULL, "1:a,2:bc,");
  world_expect(w, "made data(9) lost(EOF)", "made lost(0)");
  expect_frames("[a][bc]");
}

static void end_inside_a_frame(struct world *w) {
  play(w, begin_netstrings, NULL, "1:a,2:b");
  world_expect(w, "made data(7) lost(ETRUNCATED)", "made lost(0)");
  expect_frames("[a]");
}

static void end_inside_a_frame_is_told(struct world *w) {
  on(&w->server, SPY_EOF, spy_close);
  play(w, begin_netstrings, NULL, "1:a,2:b");
  world_expect(w, "made data(7) eof lost(ETRUNCATED)", "made lost(0)");
  expect_frames("[a]");
}

/* Both sides end by themselves. */
static void end_inside_a_frame_of_both(struct world *w) {
  on(&w->server, SPY_EOF, spy_write_eof);
  play(w, begin_netstrings, NULL, "1:a,2:b");
  world_expect(w, "made data(7) eof lost(ETRUNCATED)", "made lost(0)");
  expect_frames("[a]");
}

static void close_for_a_reason(struct spy *s) {
  plait_close_reason(s->base.transport, PLAIT_ELIMIT);
}

static void a_reason_of_the_program_wins(struct world *w) {
  on(&w->server, SPY_EOF, close_for_a_reason);
  play(w, begin_netstrings, NULL, "1:a,2:b");
  world_expect(w, "made data(7) eof lost(ELIMIT)", "made lost(0)");
  expect_frames("[a]");
}

static void take_unfinished(struct spy *s) {
  plait_slice last = plait_framing_unfinished(&framing);
  frame(&s->base, last);
  plait_framing_init(&framing, &s->base, &lines.codec, NULL, &events, 0);
  spy_close(s);
}

static void unfinished_may_be_taken(struct world *w) {
  on(&w->server, SPY_EOF, take_unfinished);
  play(w, begin_lines, NULL, "one\ntwo");
  world_expect(w, "made data(7) eof lost(0)", "made lost(0)");
  expect_frames("[one][two]");
}

static void set_raw(struct spy *s) {
  (void)s;
  plait_framing_set_raw(&framing, 5);
}

static void end_inside_raw_bytes(struct world *w) {
  play(w, begin_lines, set_raw, "one\n1234");
  world_expect(w, "made data(8) lost(ETRUNCATED)", "made lost(0)");
  expect_frames("[one]1234");
}

/* From a timer, and the peer's end comes only then. */
static void cut_and_start(struct spy *s) {
  cut(s);
  if (s->count[SPY_DATA] == 1)
    spy_start_timer(s, 10, 0);
}

static void say_half(struct spy *s) {
  spy_say(s, "1:a,2:b");
}

static void closed_before_the_end(struct world *w) {
  on_frame = NULL;
  on(&w->server, SPY_MADE, begin_netstrings);
  on(&w->server, SPY_DATA, cut_and_start);
  on(&w->server, SPY_TIMER, spy_close);
  on(&w->client, SPY_MADE, say_half);
  world_play(w);
  world_expect(w, "made data(7) timer lost(0)", "made lost(EOF)");
  expect_frames("[a]");
}

static void closed_inside_a_frame(struct world *w) {
  play(w, begin_netstrings, spy_close, "1:a,2:b");
  world_expect(w, "made data(7) lost(0)", "made lost(*)");
  expect_frames("[a]");
}

/* ---- the end completes a frame -------------------------------------------*/

static void end_completes_a_frame(struct world *w) {
  on(&w->server, SPY_EOF, spy_close);
  play(w, begin_lines, NULL, "one\r");
  world_expect(w, "made data(4) eof lost(0)", "made lost(0)");
  expect_frames("[one]");
}

static void pause_a_while(struct spy *s) {
  spy_pause(s);
  spy_start_timer(s, 10, 0);
}

static void last_frame_pauses(struct world *w) {
  on(&w->server, SPY_EOF, spy_close);
  on(&w->server, SPY_TIMER, spy_resume);
  play(w, begin_lines, pause_a_while, "one\r");
  world_expect(w, "made data(4) timer eof lost(0)", "made lost(0)");
  expect_frames("[one]");
}

static void last_frame_closes(struct world *w) {
  on(&w->server, SPY_EOF, spy_nothing);
  play(w, begin_lines, spy_close, "one\r");
  world_expect(w, "made data(4) lost(0)", "made lost(*)");
  expect_frames("[one]");
}

/* What was looked at behind the frame is the next protocol's. */
static void switch_now(struct spy *s) {
  plait_slice rest = plait_framing_rest(&framing);
  require(spy_switch(s, 1, rest.data, rest.len) != NULL, "no switch");
}

static void last_frame_switches(struct world *w) {
  on(&w->server, SPY_EOF, spy_close);
  on_next(&w->server, SPY_EOF, spy_close);
  play(w, begin_stair, switch_now, "go#123");
  world_expect(w,
               "made data(6) lost(ESWITCHED) B.made B.data(3) B.eof B.lost(0)",
               "made lost(0)");
  expect_frames("[go]");
}

/* The same in the middle of the stream: two deliveries, and what the first
 * ended with is given back in front of the second. */
static void say_the_second_part(struct spy *s) {
  spy_say(s, "4xyz");
  spy_write_eof(s);
}

static void say_go(struct spy *s) {
  spy_say(s, "go#123");
  spy_start_timer(s, 20, 0);
}

static void switch_with_bytes_of_two_reads(struct world *w) {
  on_next(&w->server, SPY_EOF, spy_close);
  on_frame = switch_now;
  on(&w->server, SPY_MADE, begin_stair);
  on(&w->server, SPY_DATA, cut);
  on(&w->client, SPY_MADE, say_go);
  on(&w->client, SPY_TIMER, say_the_second_part);
  world_play(w);
  world_expect(w,
               "made data(10) lost(ESWITCHED) B.made B.data(7) B.eof B.lost(0)",
               "made timer lost(0)");
  expect_frames("[go]");
}

const struct behaviour framing_behaviours[] = {
    {"end_between_frames", end_between_frames, ON_STREAMS | ON_UP | ON_BOTH},
    {"end_inside_a_frame", end_inside_a_frame, ON_STREAMS | ON_UP | ON_BOTH},
    {"end_inside_a_frame_is_told", end_inside_a_frame_is_told,
     ON_STREAMS | ON_UP | ON_BOTH},
    {"end_inside_a_frame_of_both", end_inside_a_frame_of_both,
     ON_STREAMS | ON_UP | ON_BOTH},
    {"a_reason_of_the_program_wins", a_reason_of_the_program_wins,
     ON_STREAMS | ON_UP | ON_BOTH},
    {"unfinished_may_be_taken", unfinished_may_be_taken,
     ON_STREAMS | ON_UP | ON_BOTH},
    {"end_inside_raw_bytes", end_inside_raw_bytes,
     ON_STREAMS | ON_UP | ON_BOTH},
    {"closed_inside_a_frame", closed_inside_a_frame,
     ON_STREAMS | ON_UP | ON_PTY | ON_BOTH},
    {"closed_before_the_end", closed_before_the_end,
     ON_STREAMS | ON_UP | ON_PTY | ON_BOTH},
    {"end_completes_a_frame", end_completes_a_frame,
     ON_STREAMS | ON_UP | ON_BOTH},
    {"last_frame_pauses", last_frame_pauses, ON_STREAMS | ON_UP | ON_BOTH},
    {"last_frame_closes", last_frame_closes, ON_STREAMS | ON_UP | ON_BOTH},
    {"last_frame_switches", last_frame_switches, ON_STREAMS | ON_UP | ON_BOTH},
    {"switch_with_bytes_of_two_reads", switch_with_bytes_of_two_reads,
     ON_STREAMS | ON_UP | ON_BOTH},
    {NULL, NULL, 0}};
