/* The contract: what a peer, or a program, does to exhaust a transport. */
#include "contract/contract.h"

#include <pthread.h>
#include <sys/socket.h>

#include "support/require.h"

enum {
  HIGH = 10000,
  LOW = 1000,
  IDLE_MS = 300,
  BIG = 8 << 20,
  SINGLES = 100000,
  SLACK = 128 << 10
};

static void abort_peer(struct spy *s) {
  plait_handle_abort(spy_peer_handle(s, 0));
}

static void pause_and_say_go(struct spy *s) {
  spy_pause(s);
  spy_say(s, "go");
}

static void release_nothing(void *arg, const void *data, size_t len) {
  (void)data, (void)len;
  if (arg != NULL)
    ++*(unsigned *)arg;
}

/* ---- sending -------------------------------------------------------------*/

static void *write_elsewhere(void *arg) {
  const plait_handle *h = arg;
  int code = plait_handle_write(*h, "x", 1);
  require(code == PLAIT_EFULL, "another thread: %s", plait_strerror(code));
  return NULL;
}

/* What a strand has written another thread is told a little later. */
static void check_elsewhere(struct spy *s) {
  plait_handle h = spy_handle(s);
  pthread_t thread;
  if (world_of(s)->dispatch != PLAIT_ON_REACTOR)
    return;
  require(pthread_create(&thread, NULL, write_elsewhere, &h) == 0, "no thread");
  pthread_join(thread, NULL);
}

static void send_every_way(struct spy *s) {
  plait_transport *t = s->base.transport;
  const plait_slice pieces[2] = {{(const uint8_t *)"a", 1},
                                 {(const uint8_t *)"b", 1}};
  require(!spy_send(s, BIG), "the system takes everything");
  require(!plait_write(t, "x", 1), "write");
  require(!plait_write(t, "", 0), "write of nothing");
  require(!plait_writev(t, pieces, 2), "writev");
  require(!plait_write_str(t, "x"), "write_str");
  require(!plait_printf(t, "%d", 1), "printf");
  require(!plait_write_owned(t, "x", 1, release_nothing, NULL), "write_owned");
  int code = plait_handle_write(spy_handle(s), "x", 1);
  require(code == PLAIT_EFULL, "handle_write: %s", plait_strerror(code));
  require(!spy_send(s, 20000), "a big write");
  check_elsewhere(s);
  spy_abort(s);
}

/* R037 */
static void every_send_obeys_the_mark(struct world *w) {
  w->server.factory.limits.high_bytes = HIGH;
  w->server.factory.limits.low_bytes = LOW;
  on(&w->client, SPY_MADE, pause_and_say_go);
  on(&w->server, SPY_DATA, send_every_way);
  on(&w->server, SPY_LOST, abort_peer);
  world_play(w);
  world_expect(w, "made data(2) lost(ECANCELED)", "made lost(*)");
}

static size_t singles_before;

/* Fills what the system takes, so that single bytes are queued; their memory
 * is looked at later, when they have come to where they are queued. */
static void send_singles(struct spy *s) {
  spy_send(s, BIG);
  singles_before = leak_bytes();
  for (int i = 0; i < SINGLES; i++)
    plait_write(s->base.transport, "x", 1);
  spy_start_timer(s, 20, 0);
}

static void weigh_singles(struct spy *s) {
  size_t grown = leak_bytes() - singles_before;
  require(leak_bytes() < singles_before || grown <= 2 * SINGLES + BIG + SLACK,
          "%zu bytes for %d", grown, SINGLES);
  spy_abort(s);
}

/* R035: a byte that is queued costs little more than a byte. */
static void single_bytes_are_merged(struct world *w) {
  on(&w->client, SPY_MADE, pause_and_say_go);
  on(&w->server, SPY_DATA, send_singles);
  on(&w->server, SPY_TIMER, weigh_singles);
  on(&w->server, SPY_LOST, abort_peer);
  world_play(w);
  world_expect(w, "made data(2) timer lost(ECANCELED)", "made lost(*)");
}

static unsigned no_such_releases;

/* More bytes than there are; the system refuses them. */
static void send_no_such_length(struct spy *s) {
  static const char byte = 'x';
  plait_write_owned(s->base.transport, &byte, SIZE_MAX / 2 + 1, release_nothing,
                    &no_such_releases);
  plait_write_owned(s->base.transport, &byte, SIZE_MAX / 2 + 1, release_nothing,
                    &no_such_releases);
}

/* R030 */
static void no_length_overflows(struct world *w) {
  no_such_releases = 0;
  on(&w->server, SPY_MADE, send_no_such_length);
  world_play(w);
  world_expect(w, "made lost(*)", "made lost(*)");
  require(w->server.records[0].reason < 0, "lost in order");
  require(no_such_releases == 2, "released %u times", no_such_releases);
}

/* The system answers EPIPE to the next write, and would send SIGPIPE. */
static void write_to_a_broken_pipe(struct spy *s) {
  int fd = plait_transport_fd(s->base.transport);
  require(shutdown(fd, SHUT_WR) == 0, "no shutdown");
  spy_say(s, "x");
}

/* R133 */
static void broken_pipe_is_no_signal(struct world *w) {
  on(&w->client, SPY_EOF, spy_close);
  on(&w->server, SPY_MADE, write_to_a_broken_pipe);
  world_play(w);
  world_expect(w, "made lost(EPIPE)", "made eof lost(*)");
}

/* ---- receiving -----------------------------------------------------------*/

static size_t idle_before;

/* By the second byte both ends have received. */
static void look_later(struct spy *s) {
  if (s->count[SPY_DATA] == 1)
    spy_say(s, "go");
  else
    spy_start_timer(s, 20, 0);
}

/* Once everything that is kept for good is there, and again after a byte. */
static void weigh_idle(struct spy *s) {
  if (s->count[SPY_TIMER] == 1) {
    idle_before = leak_bytes();
    spy_say(s, "go");
    return;
  }
  size_t now = leak_bytes();
  require(now <= idle_before + 1024, "%zu bytes before, %zu after", idle_before,
          now);
  spy_close(s);
}

static void say_a_byte(struct spy *s) {
  spy_say(s, "x");
}

/* R036 */
static void an_idle_connection_has_no_buffer(struct world *w) {
  on(&w->client, SPY_MADE, say_a_byte);
  on(&w->client, SPY_DATA, say_a_byte);
  on(&w->server, SPY_DATA, look_later);
  on(&w->server, SPY_TIMER, weigh_idle);
  world_play(w);
  world_expect(w, "made data(2) timer data(1) timer lost(0)",
               "made data(4) lost(EOF)");
}

/* ---- time ----------------------------------------------------------------*/

static void send_and_go_on(struct spy *s) {
  spy_send(s, BIG);
  spy_start_timer(s, IDLE_MS * 2 / 3, IDLE_MS * 2 / 3);
}

/* R140: a peer that takes nothing is idle, however often we write. */
static void writing_in_vain_is_idle(struct world *w) {
  w->server.factory.limits.idle_ms = IDLE_MS;
  on(&w->client, SPY_MADE, pause_and_say_go);
  on(&w->server, SPY_DATA, send_and_go_on);
  on(&w->server, SPY_TIMER, say_a_byte);
  on(&w->server, SPY_LOST, abort_peer);
  w->server.kinds[0].script.flags = SPY_QUIET;
  world_play(w);
  world_expect(w, "made data(2) lost(*)", "made lost(*)");
  require(w->server.records[0].unsent > 0, "all was sent");
}

static void start_at_once(struct spy *s) {
  spy_start_timer(s, 0, 0);
}

static void say_hello(struct spy *s) {
  spy_say(s, "hello");
}

/* R144: a timer that is started anew with 0 in its callback, for as long as
 * the connection lives, leaves room for others. */
static void timers_of_nothing_starve_nobody(struct world *w) {
  on(&w->server, SPY_MADE, start_at_once);
  on(&w->server, SPY_TIMER, start_at_once);
  on(&w->server, SPY_DATA, spy_echo);
  w->server.kinds[0].script.flags = SPY_QUIET;
  on(&w->client, SPY_MADE, say_hello);
  on(&w->client, SPY_DATA, spy_close);
  world_play(w);
  world_expect(w, "made data(5) lost(EOF)", "made data(5) lost(0)");
}

const struct behaviour abuse_behaviours[] = {
    {"every_send_obeys_the_mark", every_send_obeys_the_mark,
     ON_STREAMS | ON_PTY | ON_BOTH},
    {"single_bytes_are_merged", single_bytes_are_merged,
     ON_SOCKETS | ON_PTY | ON_BOTH},
    {"no_length_overflows", no_length_overflows,
     ON_STREAMS | ON_DOWN | ON_PTY | ON_KERNEL},
    {"broken_pipe_is_no_signal", broken_pipe_is_no_signal,
     ON_STREAMS | ON_KERNEL},
    {"an_idle_connection_has_no_buffer", an_idle_connection_has_no_buffer,
     ON_STREAMS | ON_PTY | ON_BOTH},
    {"writing_in_vain_is_idle", writing_in_vain_is_idle, ON_SOCKETS | ON_SIM},
    {"timers_of_nothing_starve_nobody", timers_of_nothing_starve_nobody,
     ON_STREAMS | ON_PTY | ON_BOTH},
    {NULL, NULL, 0}};
