/* The contract: one protocol hands its transport to another. */
#include "contract/contract.h"

#include <string.h>

#include "support/require.h"

static void say_and_close(struct spy *s) {
  spy_say(s, "aaabbbbb");
  spy_close(s);
}

static void switch_after_three(struct spy *s) {
  struct spy *next = spy_switch(s, 1, s->data + 3, s->len - 3);
  require(next != NULL, "no switch");
  require(plait_transport_protocol(s->base.transport) == &next->base,
          "the new one is not current");
  require(next->count[SPY_MADE] == 0, "switch called back");
}

static void check_rest(struct spy *s) {
  if (s->count[SPY_DATA] == 1)
    require(s->len >= 5 && memcmp(s->data, "bbbbb", 5) == 0, "another rest");
}

static void switch_in_mid_buffer(struct world *w) {
  on(&w->client, SPY_MADE, say_and_close);
  on(&w->server, SPY_DATA, switch_after_three);
  on_next(&w->server, SPY_DATA, check_rest);
  world_play(w);
  world_expect(w, "made data(8) lost(ESWITCHED) B.made B.data(5) B.lost(EOF)",
               "made lost(0)");
}

static void switch_now(struct spy *s) {
  require(spy_switch(s, 1, NULL, 0) != NULL, "no switch");
}

static void switch_in_made(struct world *w) {
  on(&w->client, SPY_MADE, say_and_close);
  on(&w->server, SPY_MADE, switch_now);
  world_play(w);
  world_expect(w, "made lost(ESWITCHED) B.made B.data(8) B.lost(EOF)",
               "made lost(0)");
}

static void pause_and_switch(struct spy *s) {
  spy_pause(s);
  switch_after_three(s);
}

static void wait_then_resume(struct spy *s) {
  require(plait_transport_paused(s->base.transport), "a switch resumes");
  spy_start_timer(s, 20, 0);
}

static void switch_while_paused(struct world *w) {
  on(&w->client, SPY_MADE, say_and_close);
  on(&w->server, SPY_DATA, pause_and_switch);
  on_next(&w->server, SPY_MADE, wait_then_resume);
  on_next(&w->server, SPY_TIMER, spy_resume);
  on_next(&w->server, SPY_DATA, check_rest);
  world_play(w);
  world_expect(w,
               "made data(8) lost(ESWITCHED) B.made B.timer B.data(5) "
               "B.lost(EOF)",
               "made lost(0)");
}

/* The second switch passes on what the first one brought. */
static void switch_on(struct spy *s) {
  require(spy_switch(s, 2, NULL, 0) != NULL, "no switch");
}

static void switch_in_the_new_made(struct world *w) {
  on(&w->client, SPY_MADE, say_and_close);
  on(&w->server, SPY_DATA, switch_after_three);
  on_next(&w->server, SPY_MADE, switch_on);
  world_play(w);
  world_expect(w,
               "made data(8) lost(ESWITCHED) B.made B.lost(ESWITCHED) "
               "C.made C.data(5) C.lost(EOF)",
               "made lost(0)");
}

static void switch_to_and_fro(struct spy *s) {
  unsigned kind = (unsigned)(s->kind - s->side->kinds);
  struct spy *next = spy_switch(s, 1 - kind, s->data + 1, s->len - 1);
  require(next != NULL, "no switch");
}

static void switch_for_every_byte(struct world *w) {
  on(&w->client, SPY_MADE, say_and_close);
  on(&w->server, SPY_DATA, switch_to_and_fro);
  on_next(&w->server, SPY_DATA, switch_to_and_fro);
  world_play(w);
  world_expect(w,
               "made data(8) lost(ESWITCHED) B.made B.data(7) *"
               "B.data(1) B.lost(ESWITCHED) made lost(EOF)",
               "made lost(0)");
  require(atomic_load(&w->server.made) == 9, "%u instances",
          atomic_load(&w->server.made));
}

static void switch_and_close(struct spy *s) {
  switch_after_three(s);
  spy_close(s);
  require(spy_switch(s, 2, NULL, 0) == NULL, "switched while closing");
}

/* The new one is told of its beginning, and of its end. */
static void switch_then_close(struct world *w) {
  on(&w->client, SPY_MADE, say_and_close);
  on(&w->server, SPY_DATA, switch_and_close);
  world_play(w);
  world_expect(w, "made data(8) lost(ESWITCHED) B.made B.lost(0)",
               "made lost(*)");
}

static void switch_and_abort(struct spy *s) {
  switch_after_three(s);
  spy_abort(s);
}

static void switch_then_abort(struct world *w) {
  on(&w->client, SPY_MADE, say_and_close);
  on(&w->server, SPY_DATA, switch_and_abort);
  world_play(w);
  world_expect(w, "made data(8) lost(ESWITCHED) B.made B.lost(ECANCELED)",
               "made lost(*)");
}

static void close_then_switch(struct spy *s) {
  spy_close(s);
  require(spy_switch(s, 1, s->data, s->len) == NULL, "switched while closing");
}

static void no_switch_while_closing(struct world *w) {
  on(&w->client, SPY_MADE, say_and_close);
  on(&w->server, SPY_DATA, close_then_switch);
  world_play(w);
  world_expect(w, "made data(8) lost(0)", "made lost(*)");
}

static void switch_too_late(struct spy *s) {
  require(spy_switch(s, 1, NULL, 0) == NULL, "switched after the end");
  spy_close(s);
}

/* The end of input was told to the old one. */
static void no_switch_after_eof(struct world *w) {
  on(&w->client, SPY_MADE, say_and_close);
  on(&w->server, SPY_EOF, switch_too_late);
  world_play(w);
  world_expect(w, "made data(8) eof lost(0)", "made lost(0)");
}

/* The queue, and the bytes in it, belong to the transport. */
static void say_and_switch(struct spy *s) {
  spy_send(s, 1000000);
  switch_now(s);
}

static void say_more(struct spy *s) {
  s->sent = 1000000;
  spy_send(s, 1000000);
  spy_close(s);
}

static void the_queue_survives_a_switch(struct world *w) {
  on(&w->server, SPY_MADE, say_and_switch);
  on_next(&w->server, SPY_MADE, say_more);
  w->client.kinds[0].script.flags = SPY_VERIFY;
  world_play(w);
  world_expect(w, "made lost(ESWITCHED) B.made B.lost(0)",
               "made data(2000000) lost(EOF)");
}

static void switch_by_timer(struct spy *s) {
  require(spy_switch(s, 1, NULL, 0) != NULL, "no switch");
  s->side->user = s;
  /* The timer belongs to the old one, and must not fire any more. */
  spy_start_timer(s, 1, 1);
}

static void start_timer(struct spy *s) {
  spy_start_timer(s, 1, 1);
}

static void say_bye_later(struct spy *s) {
  spy_start_timer(s, 20, 0);
}

static void timers_of_the_old_one_stop(struct world *w) {
  on(&w->server, SPY_MADE, start_timer);
  on(&w->server, SPY_TIMER, switch_by_timer);
  on_next(&w->server, SPY_MADE, say_bye_later);
  on_next(&w->server, SPY_TIMER, spy_close);
  world_play(w);
  world_expect(w, "made timer lost(ESWITCHED) B.made B.timer B.lost(0)",
               "made lost(EOF)");
}

const struct behaviour switching_behaviours[] = {
    {"switch_in_mid_buffer", switch_in_mid_buffer,
     ON_STREAMS | ON_UP | ON_PTYS | ON_BOTH},
    {"switch_in_made", switch_in_made, ON_STREAMS | ON_UP | ON_PTYS | ON_BOTH},
    {"switch_while_paused", switch_while_paused,
     ON_STREAMS | ON_UP | ON_PTYS | ON_BOTH},
    {"switch_in_the_new_made", switch_in_the_new_made,
     ON_STREAMS | ON_UP | ON_PTYS | ON_BOTH},
    {"switch_for_every_byte", switch_for_every_byte,
     ON_STREAMS | ON_UP | ON_PTYS | ON_BOTH},
    {"switch_then_close", switch_then_close,
     ON_STREAMS | ON_UP | ON_PTYS | ON_BOTH},
    {"switch_then_abort", switch_then_abort,
     ON_STREAMS | ON_UP | ON_PTYS | ON_BOTH},
    {"no_switch_while_closing", no_switch_while_closing,
     ON_STREAMS | ON_UP | ON_PTYS | ON_BOTH},
    {"no_switch_after_eof", no_switch_after_eof,
     ON_STREAMS | ON_UP | ON_PTYS | ON_BOTH},
    {"the_queue_survives_a_switch", the_queue_survives_a_switch,
     ON_STREAMS | ON_DOWN | ON_PTYC | ON_BOTH},
    {"timers_of_the_old_one_stop", timers_of_the_old_one_stop,
     ON_ALL | ON_BOTH},
    {NULL, NULL, 0}};
