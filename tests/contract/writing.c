/* The contract: sending, water marks, ownership of bytes. */
#include "contract/contract.h"

#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "support/pattern.h"
#include "support/require.h"

enum { BIG = 8 << 20, HIGH = 10000, LOW = 1000, PIECES = 300 };

static void wait_a_little(struct spy *s) {
  spy_pause(s);
  spy_start_timer(s, 20, 0);
}

/* A client that reads nothing for a while. */
static void late_reader(struct spy_side *side) {
  on(side, SPY_MADE, wait_a_little);
  on(side, SPY_TIMER, spy_resume);
  side->kinds[0].script.flags = SPY_QUIET | SPY_VERIFY;
}

static void pause_and_say_go(struct spy *s) {
  spy_pause(s);
  spy_say(s, "go");
}

/* A client that starts the server and reads nothing until it is aborted. */
static void never_read(struct spy_side *side) {
  on(side, SPY_MADE, pause_and_say_go);
}

static void abort_peer(struct spy *s) {
  plait_handle_abort(spy_peer_handle(s, 0));
}

/* ---- water marks ---------------------------------------------------------*/

static void fill_to_the_mark(struct spy *s) {
  bool more = true;
  while (more) {
    more = spy_send(s, 3000);
    size_t queued = plait_transport_queued(s->base.transport);
    require(more == (queued <= HIGH), "%zu queued, answer %d", queued, more);
  }
  s->scratch++;
}

/* One resume for each false, until the peer's buffers are long full. */
static void check_low_and_go_on(struct spy *s) {
  size_t queued = plait_transport_queued(s->base.transport);
  require(queued <= LOW, "%zu queued at resume", queued);
  require(s->count[SPY_RESUME] == s->scratch, "%u times false, %u resumes",
          s->scratch, s->count[SPY_RESUME]);
  if (s->sent < BIG) {
    fill_to_the_mark(s);
    return;
  }
  /* That is true, so it brings no resume. */
  require(spy_send(s, 1), "too much");
  spy_start_timer(s, 5, 0);
}

static void resume_comes_once(struct world *w) {
  w->server.factory.limits.high_bytes = HIGH;
  w->server.factory.limits.low_bytes = LOW;
  late_reader(&w->client);
  on(&w->server, SPY_MADE, fill_to_the_mark);
  on(&w->server, SPY_RESUME, check_low_and_go_on);
  on(&w->server, SPY_TIMER, spy_close);
  w->server.kinds[0].script.flags = SPY_QUIET;
  world_play(w);
  world_expect(w, "made lost(0)", "made data(*) lost(EOF)");
  require(w->client.records[0].received >= BIG, "not all came");
}

enum { SMALL = 1024, SMALL_WRITES = 3000 };

static void write_many_small(struct spy *s) {
  for (unsigned i = 0; i < SMALL_WRITES; i++)
    spy_send(s, SMALL);
}

static void close_when_all_came(struct spy *s) {
  if (s->record->received == (uint64_t)SMALL * SMALL_WRITES)
    spy_close(s);
}

/* More small writes in one callback than can be gathered, and than a UNIX
 * socket takes: the rest goes on as the peer reads, without another event of
 * the server's to set it going. */
/* R006 */
static void many_small_writes(struct world *w) {
  late_reader(&w->client);
  on(&w->client, SPY_DATA, close_when_all_came);
  on(&w->server, SPY_MADE, write_many_small);
  w->server.kinds[0].script.flags = SPY_QUIET;
  world_play(w);
  world_expect(w, "made lost(EOF)", "made data(3072000) lost(0)");
}

static void set_marks_and_fill(struct spy *s) {
  plait_transport_set_watermarks(s->base.transport, HIGH, LOW);
  fill_to_the_mark(s);
}

static void marks_can_be_set(struct world *w) {
  late_reader(&w->client);
  on(&w->server, SPY_MADE, set_marks_and_fill);
  on(&w->server, SPY_RESUME, check_low_and_go_on);
  on(&w->server, SPY_TIMER, spy_close);
  w->server.kinds[0].script.flags = SPY_QUIET;
  world_play(w);
  world_expect(w, "made lost(0)", "made data(*) lost(EOF)");
  require(w->client.records[0].received >= BIG, "not all came");
}

static void write_below_the_mark(struct spy *s) {
  require(spy_send(s, HIGH), "false at the mark");
  spy_start_timer(s, 30, 0);
}

/* No resume_writing without a false. */
static void no_resume_without_false(struct world *w) {
  w->server.factory.limits.high_bytes = HIGH;
  w->server.factory.limits.low_bytes = LOW;
  late_reader(&w->client);
  on(&w->server, SPY_MADE, write_below_the_mark);
  on(&w->server, SPY_TIMER, spy_close);
  world_play(w);
  world_expect(w, "made timer lost(0)", "made data(10000) lost(EOF)");
}

/* ---- marks that move while the queue is above them ----------------------- */

static void send_big(struct spy *s) {
  require(!spy_send(s, BIG), "more was welcome");
  spy_start_timer(s, 20, 0);
}

static void raise_marks(struct spy *s) {
  require(s->count[SPY_RESUME] == 0, "a resume above the mark");
  plait_transport_set_watermarks(s->base.transport, 4 * BIG, 2 * BIG);
}

static void abort_above_the_old_mark(struct spy *s) {
  require(s->count[SPY_TIMER] == 1, "resumed before the marks moved");
  require(plait_transport_queued(s->base.transport) > 64 * 1024, "%zu queued",
          plait_transport_queued(s->base.transport));
  spy_abort(s);
}

/* The peer reads nothing, so it is the marks alone that bring the resume. */
static void raised_marks_resume(struct world *w) {
  never_read(&w->client);
  on(&w->server, SPY_DATA, send_big);
  on(&w->server, SPY_TIMER, raise_marks);
  on(&w->server, SPY_RESUME, abort_above_the_old_mark);
  on(&w->server, SPY_LOST, abort_peer);
  world_play(w);
  world_expect(w, "made data(2) timer resume lost(ECANCELED)", "made*lost(*)");
}

/* As if it were the high one: a resume above that would be answered by the next
 * write with false. */
static void check_high_and_go_on(struct spy *s) {
  size_t queued = plait_transport_queued(s->base.transport);
  require(queued <= HIGH, "%zu queued at resume", queued);
  if (s->sent < BIG)
    fill_to_the_mark(s);
  else
    spy_close(s);
}

static void low_above_high(struct world *w) {
  w->server.factory.limits.high_bytes = HIGH;
  w->server.factory.limits.low_bytes = 100 * HIGH;
  late_reader(&w->client);
  on(&w->server, SPY_MADE, fill_to_the_mark);
  on(&w->server, SPY_RESUME, check_high_and_go_on);
  w->server.kinds[0].script.flags = SPY_QUIET;
  world_play(w);
  world_expect(w, "made lost(0)", "made data(*) lost(EOF)");
  require(w->client.records[0].received >= BIG, "not all came");
}

static void write_twice_too_much(struct spy *s) {
  plait_transport *t = s->base.transport;
  spy_send(s, BIG);
  require(!plait_transport_closing(t), "one big write is an error");
  require(plait_transport_queued(t) > 100000, "%zu queued",
          plait_transport_queued(t));
  bool more = spy_send(s, 1);
  require(!more, "more was welcome");
  require(plait_transport_closing(t), "above the limit, and not closing");
}

/* The hard limit holds for small writes of one callback too, above which marks
 * there are: by the factory, or set meanwhile. */
static void write_small_too_much(struct spy *s) {
  plait_transport *t = s->base.transport;
  if (s->side->user != NULL)
    plait_transport_set_watermarks(t, 65536, 0);
  spy_send(s, 600);
  spy_send(s, 600);
  require(!plait_transport_closing(t), "too early");
  require(!spy_send(s, 600) && plait_transport_closing(t), "not closed");
}

static void small_writes_above_the_limit(struct world *w) {
  w->server.factory.limits.queue_bytes_max = 1000;
  on(&w->server, SPY_MADE, write_small_too_much);
  world_play(w);
  world_expect(w, "made lost(EQUEUE)", "made*lost(*)");
}

static void small_writes_above_marks_that_moved(struct world *w) {
  w->server.factory.limits.queue_bytes_max = 1000;
  w->server.factory.limits.high_bytes = 800;
  w->server.user = w;
  on(&w->server, SPY_MADE, write_small_too_much);
  world_play(w);
  world_expect(w, "made lost(EQUEUE)", "made*lost(*)");
}

/* R027 */
static void hard_limit(struct world *w) {
  w->server.factory.limits.queue_bytes_max = 100000;
  never_read(&w->client);
  on(&w->server, SPY_DATA, write_twice_too_much);
  on(&w->server, SPY_LOST, abort_peer);
  world_play(w);
  world_expect(w, "made data(2) lost(EQUEUE)", "made lost(*)");
  require(w->server.records[0].unsent > 0, "all was sent");
}

/* ---- owned bytes ---------------------------------------------------------*/

enum { OWNED = 20, OWNED_BYTES = 300000 };

/* Blocks of the pattern, and how often each was released. */
struct owned {
  uint8_t bytes[OWNED][OWNED_BYTES];
  unsigned released[OWNED];
};

static struct owned owned;

static void owned_release(void *arg, const void *data, size_t len) {
  size_t i = (size_t)((unsigned *)arg - owned.released);
  require(i < OWNED && data == owned.bytes[i] && len <= OWNED_BYTES,
          "a release of something else");
  owned.released[i]++;
}

static void owned_reset(void) {
  memset(&owned, 0, sizeof owned);
  for (size_t i = 0; i < OWNED; i++)
    pattern_fill(owned.bytes[i], i * OWNED_BYTES, OWNED_BYTES);
}

static void owned_write(struct spy *s, size_t i, size_t len) {
  plait_write_owned(s->base.transport, owned.bytes[i], len, owned_release,
                    &owned.released[i]);
}

static void owned_check(unsigned n) {
  for (unsigned i = 0; i < OWNED; i++)
    require(owned.released[i] == (i < n), "block %u was released %u times", i,
            owned.released[i]);
}

static void owned_write_all(struct spy *s) {
  for (size_t i = 0; i < OWNED; i++)
    owned_write(s, i, OWNED_BYTES);
  spy_close(s);
}

static void owned_is_released_when_sent(struct world *w) {
  owned_reset();
  late_reader(&w->client);
  on(&w->server, SPY_MADE, owned_write_all);
  world_play(w);
  world_expect(w, "made lost(0)", "made data(6000000) lost(EOF)");
  owned_check(OWNED);
}

static void owned_write_then_abort(struct spy *s) {
  owned_write(s, 0, OWNED_BYTES);
  spy_say(s, "between");
  owned_write(s, 1, 1);
  owned_write(s, 2, 0);
  spy_abort(s);
  owned_write(s, 3, 10);
  require(owned.released[3] == 1, "a closing transport keeps bytes");
}

static void say_x(struct spy *s) {
  spy_say(s, "x");
}

static void owned_is_released_when_lost(struct world *w) {
  owned_reset();
  on(&w->server, SPY_DATA, owned_write_then_abort);
  on(&w->client, SPY_MADE, say_x);
  world_play(w);
  world_expect_reset(w, "made data(1) lost(ECANCELED)", "made* lost(%)");
  owned_check(4);
}

/* ---- shapes of writes ----------------------------------------------------*/

static void write_nothing(struct spy *s) {
  plait_transport *t = s->base.transport;
  owned_reset();
  plait_slice none[2] = {{0}};
  require(plait_write(t, "", 0) && plait_write(t, NULL, 0) &&
              plait_writev(t, none, 2) && plait_writev(t, NULL, 0) &&
              spy_say(s, ""),
          "no bytes are too many");
  owned_write(s, 0, 0);
  require(plait_transport_queued(t) == 0, "no bytes are queued");
  spy_say(s, "x");
  plait_write(t, "", 0);
  spy_close(s);
}

/* R005, R013 */
static void writes_of_nothing(struct world *w) {
  on(&w->server, SPY_MADE, write_nothing);
  world_play(w);
  world_expect(w, "made lost(0)", "made data(1) lost(EOF)");
  owned_check(1);
}

/* 300 pieces of 0 to 39,999 bytes. */
static void write_pieces(struct spy *s) {
  plait_slice pieces[PIECES];
  static uint8_t bytes[6 << 20];
  pattern_fill(bytes, 0, sizeof bytes);
  size_t at = 0;
  for (size_t i = 0; i < PIECES; i++) {
    pieces[i].data = bytes + at;
    pieces[i].len = i * 7919 % 40000;
    at += pieces[i].len;
  }
  require(at <= sizeof bytes, "%zu bytes", at);
  plait_writev(s->base.transport, pieces, PIECES);
  s->sent = at;
  memset(bytes, 0, sizeof bytes);
  spy_close(s);
}

static void big_writev(struct world *w) {
  late_reader(&w->client);
  on(&w->server, SPY_MADE, write_pieces);
  world_play(w);
  size_t sum = 0;
  for (size_t i = 0; i < PIECES; i++)
    sum += i * 7919 % 40000;
  world_expect(w, "made lost(0)", "made data(*) lost(EOF)");
  require(w->client.records[0].received == sum, "%llu of %zu bytes",
          (unsigned long long)w->client.records[0].received, sum);
}

static void write_text(struct spy *s) {
  spy_say(s, "a ");
  plait_printf(s->base.transport, "%s %d %08.3f", "text", 42, 3.25);
  plait_printf(s->base.transport, "%s", "");
  plait_printf(s->base.transport, "%5000d", 7);
  spy_close(s);
}

static void check_text(struct spy *s) {
  static const char start[] = "a text 42 0003.250";
  require(s->count[SPY_DATA] > 1 ||
              memcmp(s->data, start, sizeof start - 1) == 0,
          "other text");
}

static void formatted_text(struct world *w) {
  on(&w->server, SPY_MADE, write_text);
  on(&w->client, SPY_DATA, check_text);
  world_play(w);
  world_expect(w, "made lost(0)", "made data(5018) lost(EOF)");
}

/* Small and big, copied and owned, in one stream: the order stays. */
static void write_a_mixture(struct spy *s) {
  for (size_t i = 0; i < OWNED; i++) {
    size_t len = i % 3 == 0 ? 10 : i % 3 == 1 ? 20000 : 5;
    pattern_fill(owned.bytes[i], s->sent, len);
    if (i % 2 == 0) {
      owned_write(s, i, len);
    } else {
      plait_write(s->base.transport, owned.bytes[i], len);
      owned.released[i]++;
    }
    s->sent += len;
  }
  spy_close(s);
}

static void order_of_writes(struct world *w) {
  owned_reset();
  late_reader(&w->client);
  on(&w->server, SPY_MADE, write_a_mixture);
  world_play(w);
  world_expect(w, "made lost(0)", "made data(140100) lost(EOF)");
  owned_check(OWNED);
}

static atomic_uint released_count;

static void count_release(void *arg, const void *data, size_t len) {
  (void)arg, (void)data, (void)len;
  atomic_fetch_add(&released_count, 1);
}

/* More pieces in the queue than one call of the system takes: what is big
 * enough to be offered at once waits behind them. */
static void write_big_behind_many(struct spy *s) {
  enum { MANY = 1500, SHORT = 100, LONG = 100000 };
  static uint8_t bytes[MANY * SHORT + LONG];
  pattern_fill(bytes, 0, sizeof bytes);
  for (size_t i = 0; i < MANY; i++)
    plait_write_owned(s->base.transport, bytes + i * SHORT, SHORT,
                      count_release, NULL);
  plait_write(s->base.transport, bytes + sizeof bytes - LONG, LONG);
  s->sent = sizeof bytes;
  spy_close(s);
}

static plait_timer elsewhere;
static struct spy *elsewhere_spy;

static void elsewhere_rings(plait_timer *timer) {
  (void)timer;
  write_big_behind_many(elsewhere_spy);
}

/* In a callback of nobody's nothing is sent before it returns, so the queue has
 * all of them at once. */
static void write_from_elsewhere(struct spy *s) {
  if (s->side->factory.dispatch == PLAIT_ON_WORKERS) {
    write_big_behind_many(s);
    return;
  }
  elsewhere_spy = s;
  plait_timer_init(&elsewhere, NULL, elsewhere_rings);
  plait_timer_start(&elsewhere, 1, 0);
}

static void big_behind_many(struct world *w) {
  atomic_store(&released_count, 0);
  late_reader(&w->client);
  on(&w->server, SPY_MADE, write_from_elsewhere);
  world_play(w);
  world_expect(w, "made lost(0)", "made data(250000) lost(EOF)");
  unsigned count = atomic_load(&released_count);
  require(count == 1500, "%u were released", count);
}

/* Writing back what is being delivered, whose memory is used again. */
static void send_and_end(struct spy *s) {
  if (s->sent < BIG && spy_send_up_to(s, BIG))
    spy_write_eof(s);
}

static void echo_of_big_pieces(struct world *w) {
  on(&w->client, SPY_MADE, send_and_end);
  on(&w->client, SPY_RESUME, send_and_end);
  on(&w->server, SPY_DATA, spy_echo);
  on(&w->server, SPY_EOF, spy_close);
  w->client.kinds[0].script.flags = SPY_QUIET | SPY_VERIFY;
  w->server.kinds[0].script.flags = SPY_QUIET | SPY_VERIFY;
  world_play(w);
  world_expect(w, "made data(8388608) eof lost(0)",
               "made data(8388608) lost(0)");
}

/* A format that printf itself cannot print, also when all is over. */
static void print_nonsense(struct spy *s) {
  plait_transport *t = s->base.transport;
  spy_say(s, "before");
  require(!plait_printf(t, "%lc", (wint_t)0xd800), "it was printed");
  require(plait_transport_closing(t), "not closing");
  require(!plait_printf(t, "%lc", (wint_t)0xd800), "it was printed now");
}

static void printf_of_nonsense(struct world *w) {
  on(&w->server, SPY_MADE, print_nonsense);
  world_play(w);
  world_expect(w, "made lost(EINVAL)", "made*lost(*)");
}

/* What does not fit on the stack needs memory; without it all is over. */
static void print_without_memory(struct spy *s) {
  leak_fail_at(1);
  require(!plait_printf(s->base.transport, "%1000d", 7), "it was printed");
  require(leak_failed(), "it needed no memory");
  leak_fail_at(0);
}

static void printf_without_memory(struct world *w) {
  on(&w->server, SPY_MADE, print_without_memory);
  world_play(w);
  world_expect(w, "made lost(ENOMEM)", "made lost(*)");
}

const struct behaviour writing_behaviours[] = {
    {"many_small_writes", many_small_writes,
     ON_STREAMS | ON_DOWN | ON_PTY | ON_BOTH},
    {"resume_comes_once", resume_comes_once,
     ON_STREAMS | ON_DOWN | ON_PTYC | ON_BOTH},
    {"marks_can_be_set", marks_can_be_set,
     ON_STREAMS | ON_DOWN | ON_PTYC | ON_BOTH},
    {"no_resume_without_false", no_resume_without_false,
     ON_STREAMS | ON_DOWN | ON_PTYC | ON_BOTH},
    {"small_writes_above_the_limit", small_writes_above_the_limit,
     ON_STREAMS | ON_DOWN | ON_PTY | ON_BOTH},
    {"small_writes_above_marks_that_moved", small_writes_above_marks_that_moved,
     ON_STREAMS | ON_DOWN | ON_PTY | ON_BOTH},
    {"hard_limit", hard_limit, ON_STREAMS | ON_PTY | ON_BOTH},
    {"raised_marks_resume", raised_marks_resume, ON_SOCKETS | ON_PTY | ON_BOTH},
    {"low_above_high", low_above_high,
     ON_STREAMS | ON_DOWN | ON_PTYC | ON_BOTH},
    {"big_behind_many", big_behind_many,
     ON_STREAMS | ON_DOWN | ON_PTYC | ON_BOTH},
    {"printf_of_nonsense", printf_of_nonsense,
     ON_STREAMS | ON_DOWN | ON_PTY | ON_BOTH},
    {"owned_is_released_when_sent", owned_is_released_when_sent,
     ON_STREAMS | ON_DOWN | ON_PTYC | ON_BOTH},
    {"owned_is_released_when_lost", owned_is_released_when_lost,
     ON_STREAMS | ON_PTY | ON_BOTH},
    {"writes_of_nothing", writes_of_nothing,
     ON_STREAMS | ON_DOWN | ON_PTYC | ON_BOTH},
    {"big_writev", big_writev, ON_STREAMS | ON_DOWN | ON_PTYC | ON_BOTH},
    {"formatted_text", formatted_text,
     ON_STREAMS | ON_DOWN | ON_PTYC | ON_BOTH},
    {"order_of_writes", order_of_writes,
     ON_STREAMS | ON_DOWN | ON_PTYC | ON_BOTH},
    {"echo_of_big_pieces", echo_of_big_pieces, ON_STREAMS | ON_BOTH},
    {"printf_without_memory", printf_without_memory, ON_STREAMS | ON_SIM},
    {NULL, NULL, 0}};
