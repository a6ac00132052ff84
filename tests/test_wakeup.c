/* What comes together in one wake-up, over real sockets: the peer's last bytes
 * and its reset, a reset behind an end, a client that went before it was
 * accepted. */
#include <arpa/inet.h>
#include <check.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/peer.h"
#include "support/require.h"
#include "support/runtime.h"
#include "support/spy.h"

enum { DEADLINE_S = 60, LOOK_MS = 20, CALM = 100 };

static struct spy_side side, nobody;
static int peer; /* the other end, without plait */

static void reset_peer(void) {
  const struct linger reset = {1, 0};
  require(setsockopt(peer, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) == 0,
          "no linger");
  close(peer);
}

static void when(enum spy_event event, spy_action *action) {
  side.kinds[0].script.on[event] = action;
}

static void side_open(void) {
  memset(&side, 0, sizeof side);
  spy_side_init(&side, "server", &nobody);
}

/* Runs the script on one end of a TCP connection until that is lost. */
static void play(void) {
  int fds[2];
  peer_tcp_pair(fds);
  peer = fds[1];
  spy_side_arm(&side);
  int code =
      plait_adopt(plait_runtime_reactor(runtime, 0), fds[0], &side.factory);
  require(code == 0, "%s", plait_error_detail());
  ck_assert_int_eq(plait_run(runtime), 0);
  spy_side_check(&side);
}

/* ---- all at once ---------------------------------------------------------*/

static void last_words_then_reset(struct spy *s) {
  (void)s;
  require(send(peer, "data", 4, MSG_NOSIGNAL) == 4, "no send");
  reset_peer();
}

static void last_words_then_end(struct spy *s) {
  (void)s;
  require(send(peer, "data", 4, MSG_NOSIGNAL) == 4, "no send");
  close(peer);
}

static void write_much(struct spy *s) {
  spy_send(s, 1 << 20);
}

static void unread_and_close(struct spy *s) {
  plait_unread(s->base.transport, s->data + 1, s->len - 1);
  spy_close(s);
}

static void switch_to_next(struct spy *s) {
  spy_switch(s, 1, s->data + 1, s->len - 1);
}

static void write_and_pause(struct spy *s) {
  spy_say(s, "x");
  spy_pause(s);
}

static void close_by_handle(struct spy *s) {
  plait_handle_close(spy_handle(s));
}

static void abort_by_handle(struct spy *s) {
  plait_handle_abort(spy_handle(s));
}

static spy_action *const acts[] = {
    spy_nothing,     spy_close,       spy_abort,        spy_write_eof,
    write_much,      write_and_pause, unread_and_close, switch_to_next,
    close_by_handle, abort_by_handle, spy_stop_runtime};

enum { ACTS = sizeof acts / sizeof *acts };

/* R007: bytes, error and hang-up are one event; what the first callback does
 * holds for the rest of it. */
/* R015 */
START_TEST(the_first_callback_ends_it) {
  static spy_action *const words[] = {last_words_then_reset,
                                      last_words_then_end};
  open_runtime((plait_runtime_options){0});
  side_open();
  when(SPY_MADE, words[_i / ACTS]);
  when(SPY_DATA, acts[_i % ACTS]);
  play();
  const char *trace = side.records[0].trace;
  require(strncmp(trace, "made data(4) ", 13) == 0, "%s", trace);
  close_runtime();
}
END_TEST

/* ---- a reset behind an end -----------------------------------------------*/

static unsigned looks; /* at the clock, of the turns and events */
static const plait_backend *inner;

static uint64_t counted_now_ns(void) {
  looks++;
  return inner->os->now_ns();
}

static void open_counted(void) {
  static plait_backend outer;
  static plait__os os;
  leak_begin(&leak);
  inner = leak_driver(&plait__uv_backend);
  os = *inner->os;
  os.now_ns = counted_now_ns;
  outer = *inner;
  outer.os = &os;
  open_runtime_on(&outer, (plait_runtime_options){0});
}

static void say_and_end(void) {
  require(send(peer, "data", 4, MSG_NOSIGNAL) == 4, "no send");
  require(shutdown(peer, SHUT_WR) == 0, "no shutdown");
}

static void they_end(struct spy *s) {
  (void)s;
  say_and_end();
}

static void we_end(struct spy *s) {
  spy_write_eof(s);
}

static void they_end_unseen(struct spy *s) {
  say_and_end();
  spy_pause(s);
}

static void both_end_unseen(struct spy *s) {
  say_and_end();
  spy_write_eof(s);
  spy_pause(s);
}

static void we_end_and_pause(struct spy *s) {
  spy_write_eof(s);
  spy_pause(s);
}

static void they_end_then_pause(struct spy *s) {
  spy_pause(s);
}

static spy_action *half_close;

/* Twice: in between nothing may happen, however often it could be reported. */
static void look_then_reset(struct spy *s) {
  if (s->count[SPY_TIMER] == 1) {
    looks = 0;
    return;
  }
  require(looks < CALM, "%u turns while nothing happened", looks);
  plait_timer_stop(&s->timer);
  looks = 0;
  reset_peer();
  if (half_close == both_end_unseen)
    spy_resume(s); /* TCP has no reset behind two ends */
}

static void check_calm(struct spy *s) {
  (void)s;
  require(looks < CALM, "%u turns to see a reset", looks);
}

static void half_closed(struct spy *s) {
  half_close(s);
  spy_start_timer(s, LOOK_MS, LOOK_MS);
}

/* R010: half closed, whoever ended and whether it was read, nothing spins, and
 * a reset is the end. */
START_TEST(a_reset_behind_an_end_is_seen) {
  static spy_action *const states[] = {they_end,         we_end,
                                       they_end_unseen,  both_end_unseen,
                                       we_end_and_pause, they_end};
  open_counted();
  side_open();
  half_close = states[_i];
  when(SPY_MADE, half_closed);
  when(SPY_EOF, _i == 5 ? they_end_then_pause : spy_nothing);
  when(SPY_TIMER, look_then_reset);
  when(SPY_LOST, check_calm);
  play();
  const char *trace = side.records[0].trace;
  const char *end = half_close == both_end_unseen ? "data(4) eof lost(0)"
                                                  : "lost(ECONNRESET)";
  require(strstr(trace, end) != NULL, "%s", trace);
  close_runtime();
}
END_TEST

/* ---- before it was accepted ----------------------------------------------*/

static plait_listener *listener;

static void ask_names(struct spy *s) {
  plait_address address;
  plait_transport_peer(s->base.transport, &address);
  plait_transport_local(s->base.transport, &address);
}

static void close_all(struct spy *s) {
  plait_listener_close(listener);
  spy_close(s);
  close(peer);
}

static int connect_to_it(void) {
  char endpoint[128];
  peer_endpoint(plait_listener_endpoint(listener), endpoint, sizeof endpoint);
  int fd = peer_connect(endpoint);
  require(fd >= 0, "%s", strerror(-fd));
  return fd;
}

/* R024: the client is gone, by a reset, before it is accepted; the next one is
 * served. */
START_TEST(gone_before_it_is_accepted) {
  open_runtime((plait_runtime_options){.reactors = 1});
  side_open();
  when(SPY_MADE, ask_names);
  when(SPY_DATA, close_all);
  spy_side_arm(&side);
  require(plait_listen(runtime, "tcp:0:interface=127.0.0.1", &side.factory,
                       NULL, &listener) == 0,
          "%s", plait_error_detail());
  peer = connect_to_it();
  reset_peer();
  peer = connect_to_it();
  require(send(peer, "hello", 5, MSG_NOSIGNAL) == 5, "no send");
  ck_assert_int_eq(plait_run(runtime), 0);
  spy_side_check(&side);
  close_runtime();
}
END_TEST

int main(void) {
  Suite *s = suite_create("wakeup");
  TCase *tc = tcase_create("wakeup");
  tcase_set_timeout(tc, DEADLINE_S);
  tcase_add_loop_test(tc, the_first_callback_ends_it, 0, 2 * ACTS);
  tcase_add_loop_test(tc, a_reset_behind_an_end_is_seen, 0, 6);
  tcase_add_test(tc, gone_before_it_is_accepted);
  suite_add_tcase(s, tc);
  return run_suite(s);
}
