/* The test kit's world: peers, links, time, and what it says. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kit/acts.h"

static plait_test *test;
static plait_test_peer *peer;

static void begin(void) {
  MUST(plait_test_new(NULL, &test));
}

static void end(void) {
  MUST(plait_test_free(test));
}

static void serve(struct site *site) {
  MUST(plait_test_serve(test, &site->factory, &peer));
}

/* On reactors, then on workers. */
static struct site site_of(const plait_protocol_ops *ops, int i) {
  return (struct site){
      .factory = {.protocol = ops,
                  .dispatch = i ? PLAIT_ON_WORKERS : PLAIT_ON_REACTOR}};
}

/* ---- peers ---------------------------------------------------------------*/

START_TEST(what_is_said_is_answered) {
  struct site site = site_of(&act_echo, _i);
  plait_test_peer *other;
  begin();
  serve(&site);
  MUST(plait_test_serve(test, &site.factory, &other));
  plait_test_feed(peer, "hello");
  plait_test_feed_bytes(other, "a\0b", 3);
  ck_assert(plait_slice_equal(plait_test_value(peer), "hello"));
  MUST(plait_test_expect(peer, "hello"));
  MUST(plait_test_expect(peer, ""));
  MUST(plait_test_expect_bytes(other, "a\0b", 3));
  plait_test_feed_pieces(peer, "one by one", 10, 3);
  plait_test_feed_pieces(peer, "!", 1, 0);
  MUST(plait_test_expect(peer, "one by one!"));
  plait_test_feed(peer, "never mind");
  plait_test_clear(peer);
  MUST(plait_test_expect(peer, ""));
  ck_assert_uint_eq(site.made, 2);
  ck_assert_uint_eq(site.lost, 0);
  end();
  ck_assert_uint_eq(site.lost, 2);
}
END_TEST

START_TEST(a_peer_ends_its_side) {
  struct site site = site_of(&act_late, _i);
  begin();
  serve(&site);
  plait_test_end(peer);
  plait_test_feed(peer, "too late");
  plait_test_advance(test, 999);
  MUST(plait_test_expect(peer, ""));
  MUST(plait_test_expect_state(peer, PLAIT_TEST_OPEN));
  plait_test_advance(test, 2);
  MUST(plait_test_expect(peer, "that was all"));
  MUST(plait_test_expect_state(peer, PLAIT_TEST_ENDED));
  ck_assert_uint_eq(site.lost, 1);
  ck_assert_int_eq(site.reason, 0);
  end();
}
END_TEST

START_TEST(a_peer_resets) {
  struct site site = site_of(&act_echo, _i);
  begin();
  serve(&site);
  plait_test_reset(peer);
  ck_assert_int_eq(site.reason, PLAIT_ECONNRESET);
  ck_assert_int_eq(plait_test_get_state(peer), PLAIT_TEST_RESET);
  plait_test_feed(peer, "anybody there?");
  plait_test_end(peer);
  MUST(plait_test_expect(peer, ""));
  end();
}
END_TEST

START_TEST(a_reset_is_seen) {
  struct site site = site_of(&act_echo, _i);
  begin();
  serve(&site);
  plait_test_feed(peer, "x");
  plait_handle_abort(site.handle);
  MUST(plait_test_expect_state(peer, PLAIT_TEST_RESET));
  MUST(plait_test_expect(peer, "x"));
  ck_assert_int_eq(site.reason, PLAIT_ECANCELED);
  end();
}
END_TEST

/* A peer that does not read stops the writer, and gets all when it does. */
START_TEST(back_pressure) {
  struct site site = site_of(&act_flood, _i);
  begin();
  plait_limits limits = {.high_bytes = 20000};
  site.factory.limits = limits;
  MUST(plait_test_serve(test, &site.factory, &peer));
  ck_assert_uint_eq(plait_test_value(peer).len, FLOOD_BYTES);
  plait_test_clear(peer);

  struct site echo = site_of(&act_echo, _i);
  static char much[FLOOD_BYTES];
  memset(much, 'm', sizeof much);
  serve(&echo);
  plait_test_read(peer, false);
  plait_test_feed_bytes(peer, much, sizeof much);
  MUST(plait_test_expect(peer, ""));
  ck_assert_uint_eq(echo.lost, 0);
  unsigned resumed = echo.resumed;
  plait_test_advance(test, 10000);
  ck_assert_uint_eq(echo.resumed, resumed);
  plait_test_read(peer, true);
  ck_assert_uint_gt(echo.resumed, resumed);
  MUST(plait_test_expect_bytes(peer, much, sizeof much));
  end();
}
END_TEST

static int refuse(plait_factory *factory, const plait_address *address,
                  const plait_protocol_ops **ret_ops) {
  (void)factory, (void)address, (void)ret_ops;
  return PLAIT_EACCES;
}

START_TEST(a_factory_may_refuse) {
  struct site site = {.factory.build_protocol = refuse};
  begin();
  serve(&site);
  ck_assert_int_ne(plait_test_get_state(peer), PLAIT_TEST_OPEN);
  end();
}
END_TEST

/* ---- where they meet -----------------------------------------------------*/

START_TEST(a_program_may_listen_itself) {
  struct site site = {.factory.protocol = &act_polite};
  begin();
  ck_assert_int_eq(plait_listen(plait_test_runtime(test), "tcp:80",
                                &site.factory, NULL, NULL),
                   0);
  MUST(plait_test_dial(test, "tcp:10.0.0.1:80", &peer));
  MUST(plait_test_expect(peer, "hello"));
  READS(plait_test_dial(test, "tcp:10.0.0.1:81", &peer),
        "a peer: connect tcp:10.0.0.1:81: connect: connection refused");
  READS(plait_test_dial(test, "tcp", &peer),
        "a peer: endpoint \"tcp\": host: missing (example: "
        "tcp:www.example.net:80:timeout=0.5)");
  end();
}
END_TEST

static void never(void *arg) {
  (void)arg;
  ck_abort_msg("called");
}

START_TEST(a_program_drains) {
  struct site site = site_of(&act_polite, _i);
  begin();
  serve(&site);
  MUST(plait_test_expect(peer, "hello"));
  plait_runtime_stop(plait_test_runtime(test));
  plait_test_settle(test);
  MUST(plait_test_expect(peer, "goodbye"));
  MUST(plait_test_expect_state(peer, PLAIT_TEST_ENDED));
  plait_test_end(peer);
  plait_test_advance(test, 100);
  READS(plait_test_call(test, never, NULL), "a call: the runtime has stopped");
  end();
  ck_assert_int_eq(site.reason, 0);
}
END_TEST

/* The backoff of a connector takes no time. */
START_TEST(a_client_connects_anew) {
  struct site site = site_of(&act_polite, _i);
  plait_connect_options options = {
      .reconnect = {.retries = 3, .jitter = PLAIT_NO_JITTER}};
  begin();
  MUST(plait_test_accept(test, &site.factory, &options, &peer));
  MUST(plait_test_expect(peer, "hello"));
  ck_assert_ptr_null(plait_test_next(peer));
  plait_test_reset(peer);
  plait_test_advance(test, 998);
  ck_assert_ptr_null(plait_test_next(peer));
  plait_test_advance(test, 3);
  ck_assert_ptr_nonnull(plait_test_next(peer));
  MUST(plait_test_expect(plait_test_next(peer), "hello"));
  end();
}
END_TEST

static void say_first(void *arg) {
  struct site *site = arg;
  plait_handle_write(site->handle, "ball", 4);
}

START_TEST(two_factories_are_linked) {
  struct site server = site_of(&act_late, _i), client = site_of(&act_late, _i);
  begin();
  MUST(plait_test_link(test, &server.factory, &client.factory, NULL));
  ck_assert_uint_eq(server.made, 1);
  ck_assert_uint_eq(client.made, 1);
  MUST(plait_test_call(test, say_first, &client));
  plait_sim_partition(plait_test_sim(test), true);
  plait_handle_close(client.handle);
  plait_test_settle(test);
  ck_assert_uint_eq(server.lost, 0);
  plait_sim_partition(plait_test_sim(test), false);
  plait_test_advance(test, 1002);
  ck_assert_uint_eq(server.lost, 1);
  ck_assert_uint_eq(client.lost, 1);
  MUST(plait_test_link(test, &server.factory, &client.factory, NULL));
  ck_assert_uint_eq(server.made, 2);
  plait_sim_cut(plait_test_sim(test));
  plait_test_settle(test);
  ck_assert_int_eq(server.reason, PLAIT_ECONNRESET);
  ck_assert_int_eq(client.reason, PLAIT_ECONNRESET);
  end();
}
END_TEST

/* ---- time ----------------------------------------------------------------*/

START_TEST(time_outs_are_to_the_millisecond) {
  for (uint32_t ms = 1000; ms < 1020; ms++) {
    struct site site = site_of(&act_echo, _i);
    begin();
    site.factory.limits.idle_ms = ms;
    serve(&site);
    plait_test_advance(test, 500);
    plait_test_feed(peer, "x");
    plait_test_advance(test, ms - 1);
    MUST(plait_test_expect_state(peer, PLAIT_TEST_OPEN));
    plait_test_advance(test, 2);
    MUST(plait_test_expect_state(peer, PLAIT_TEST_ENDED));
    plait_test_end(peer);
    ck_assert_int_eq(site.reason, PLAIT_ETIMEOUT);
    ck_assert_uint_ge(plait_test_now_ms(test), 501 + ms);
    ck_assert_uint_le(plait_test_now_ms(test), 504 + ms);
    end();
  }
}
END_TEST

START_TEST(what_blocks_takes_time) {
  struct site site = site_of(&act_slow, 1);
  begin();
  serve(&site);
  plait_test_feed(peer, "slow");
  MUST(plait_test_expect(peer, ""));
  plait_test_advance(test, 1001);
  MUST(plait_test_expect(peer, "slow"));
  end();
}
END_TEST

/* What comes takes as long as the network says, and is there. */
START_TEST(a_slow_network_is_waited_for) {
  struct site site = site_of(&act_echo, _i);
  plait_test_options options = {.sim = {.seed = 3,
                                        .latency_min_us = 20000,
                                        .latency_max_us = 90000,
                                        .wake_max_us = 300,
                                        .work_max_us = 5000,
                                        .segment_max = 3,
                                        .again_ppm = 300000,
                                        .switch_ppm = 100000},
                                .runtime.reactors = 3};
  MUST(plait_test_new(&options, &test));
  serve(&site);
  plait_test_feed(peer, "hello, and good morning");
  ck_assert(
      plait_slice_equal(plait_test_value(peer), "hello, and good morning"));
  ck_assert_uint_ge(plait_test_now_ms(test), 80);
  end();
}
END_TEST

static struct site behind;

static void connects_on(plait_protocol *p, const uint8_t *data, size_t len) {
  (void)p, (void)data, (void)len;
  plait_connect(plait_test_runtime(test), "tcp:127.0.0.1:9", &behind.factory,
                NULL, NULL);
}

/* Nothing happens while it goes there and back. */
START_TEST(a_connect_is_waited_for) {
  static const plait_protocol_ops connects = {.size = sizeof(plait_protocol),
                                              .data_received = connects_on};
  struct site site = site_of(&connects, _i);
  plait_test_options options = {
      .sim = {.latency_min_us = 20000, .latency_max_us = 20000}};
  behind = site_of(&act_polite, 0);
  MUST(plait_test_new(&options, &test));
  ck_assert_int_eq(plait_listen(plait_test_runtime(test), "tcp:9",
                                &behind.factory, NULL, NULL),
                   0);
  serve(&site);
  plait_test_feed(peer, "go on");
  ck_assert_uint_eq(behind.made, 2);
  end();
}
END_TEST

START_TEST(what_stalls_is_waited_for) {
  struct site site = site_of(&act_echo, _i);
  plait_test_options options = {.sim.stall_ppm = 1000000};
  MUST(plait_test_new(&options, &test));
  serve(&site);
  plait_test_feed(peer, "hello");
  MUST(plait_test_expect(peer, "hello"));
  end();
}
END_TEST

static uint64_t hash_of_a_run(uint64_t seed) {
  struct site site = site_of(&act_echo, 1);
  plait_test_options options = {.sim = {.seed = seed, .switch_ppm = 100000},
                                .runtime.reactors = 2};
  MUST(plait_test_new(&options, &test));
  serve(&site);
  plait_test_feed_pieces(peer, "hello, and good morning", 23, 2);
  MUST(plait_test_expect(peer, "hello, and good morning"));
  uint64_t hash = plait_sim_hash(plait_test_sim(test));
  end();
  return hash;
}

START_TEST(the_seed_gives_the_run) {
  uint64_t first = hash_of_a_run(1);
  ck_assert_uint_eq(hash_of_a_run(1), first);
  ck_assert_uint_ne(hash_of_a_run(2), first);
}
END_TEST

/* ---- texts ---------------------------------------------------------------*/

START_TEST(failures_show_the_difference) {
  struct site site = site_of(&act_echo, 0);
  begin();
  serve(&site);
  plait_test_feed(peer, "one\r\n\"two\"");
  READS(plait_test_expect(peer, "one\r\ntwo"),
        "peer 1: byte 5 is not the expected one\n"
        "  came     \"one\\r\\n\\\"two\\\"\", 10 bytes, and the connection is "
        "open\n"
        "  expected \"one\\r\\ntwo\", 8 bytes\n"
        "                   ^");
  READS(plait_test_expect(peer, "one"),
        "peer 1: 7 bytes more came than expected\n"
        "  came     \"one\\r\\n\\\"two\\\"\", 10 bytes, and the connection is "
        "open\n"
        "  expected \"one\", 3 bytes\n"
        "               ^");
  plait_test_end(peer);
  READS(plait_test_expect(peer, "one\r\n\"two\"\x7f"),
        "peer 1: only 10 of 11 bytes came\n"
        "  came     \"one\\r\\n\\\"two\\\"\", 10 bytes, and the connection has "
        "ended\n"
        "  expected \"one\\r\\n\\\"two\\\"\\x7f\", 11 bytes\n"
        "                          ^");
  READS(plait_test_expect_state(peer, PLAIT_TEST_RESET),
        "peer 1: the connection has ended\n"
        "  came     \"one\\r\\n\\\"two\\\"\", 10 bytes\n"
        "  expected that it was reset");
  MUST(plait_test_expect(peer, "one\r\n\"two\""));
  end();
}
END_TEST

/* Of what is long, what is around the difference. */
START_TEST(long_failures_are_short) {
  struct site site = site_of(&act_echo, 0);
  char came[2001], expected[2001];
  begin();
  serve(&site);
  memset(came, 'x', 2000);
  came[2000] = '\0';
  memcpy(expected, came, sizeof came);
  expected[1000] = 'y';
  plait_test_feed(peer, came);
  READS(plait_test_expect(peer, expected),
        "peer 1: byte 1000 is not the expected one\n"
        "  came     ...\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"..., 2000 bytes, and the "
        "connection is open\n"
        "  expected ...\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "yxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"..., 2000 bytes\n"
        "                                                       ^");
  end();
}
END_TEST

START_TEST(what_is_left_is_told) {
  int fds[2];
  begin();
  ck_assert_ptr_nonnull(
      plait_strand_new(plait_runtime_pool(plait_test_runtime(test))));
  ck_assert_int_eq(plait_sim_pair(plait_test_sim(test), fds), 0);
  const char *left = plait_test_free(test);
  ck_assert_ptr_nonnull(left);
  ck_assert_ptr_nonnull(strstr(left, "left behind:\n"));
  ck_assert_ptr_nonnull(strstr(left, "src/pool/strand.c:"));
  ck_assert_ptr_nonnull(strstr(left, "2 descriptors"));
  begin(); /* and there is another world */
  READS(plait_test_new(NULL, &test), "a test: sim: there is one");
  end();
  MUST(plait_test_free(NULL));
}
END_TEST

/* What a process prints that MUST not go on. */
START_TEST(without_a_framework) {
  static char text[256];
  int ends[2], status;
  PLAIT_TEST_MUST(NULL);
  ck_assert_int_eq(pipe(ends), 0);
  pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], 2);
    plait_test_must("something\n  is wrong", "test_it.c", 12);
    _exit(0);
  }
  close(ends[1]);
  ck_assert_int_gt(read(ends[0], text, sizeof text - 1), 0);
  close(ends[0]);
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
  ck_assert_str_eq(text, "test_it.c:12: something\n  is wrong\n");
}
END_TEST

/* ---- the suite -----------------------------------------------------------*/

/* On reactors and on workers. */
static void add_both(TCase *tc, const TTest *one) {
  tcase_add_loop_test(tc, one, 0, 2);
}

int main(void) {
  Suite *s = suite_create("kit");
  TCase *tc = tcase_create("kit");
  tcase_set_timeout(tc, 60);
  add_both(tc, what_is_said_is_answered);
  add_both(tc, a_peer_ends_its_side);
  add_both(tc, a_peer_resets);
  add_both(tc, a_reset_is_seen);
  add_both(tc, back_pressure);
  tcase_add_test(tc, a_factory_may_refuse);
  tcase_add_test(tc, a_program_may_listen_itself);
  add_both(tc, a_program_drains);
  add_both(tc, a_client_connects_anew);
  add_both(tc, two_factories_are_linked);
  add_both(tc, time_outs_are_to_the_millisecond);
  tcase_add_test(tc, what_blocks_takes_time);
  add_both(tc, a_slow_network_is_waited_for);
  add_both(tc, a_connect_is_waited_for);
  add_both(tc, what_stalls_is_waited_for);
  tcase_add_test(tc, the_seed_gives_the_run);
  tcase_add_test(tc, failures_show_the_difference);
  tcase_add_test(tc, long_failures_are_short);
  tcase_add_test(tc, what_is_left_is_told);
  tcase_add_test(tc, without_a_framework);
  suite_add_tcase(s, tc);
  SRunner *runner = srunner_create(s);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
