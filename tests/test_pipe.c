/* Pipes: what goes through, how fast, and how one side's end is the other's.
 * Between two peers, one of which connected and one of which was connected to.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit/acts.h"

enum { MANY = 1000000, IDLE_MS = 1000, FLIGHT_MAX = 400000, QUEUED = 100000 };

/* One of the two connections, before it is joined. */
struct door {
  plait_factory factory;
  plait_transport *transport;
  int reason; /* of its own protocol's end */
  unsigned resumed;
};

static plait_test *test;
static struct door doors[2];
static plait_test_peer *peers[2];
static plait_joint joint;
static char told[200]; /* by the joint */
static char many[MANY];

static void tell(const char *format, ...) {
  size_t used = strlen(told);
  va_list args;
  va_start(args, format);
  vsnprintf(told + used, sizeof told - used, format, args);
  va_end(args);
}

static void joint_ended(plait_joint *j, int side) {
  ck_assert_ptr_eq(j, &joint);
  ck_assert_ptr_nonnull(j->sides[side]);
  tell("ended(%d) ", side);
}

static void joint_lost(plait_joint *j, int side, int reason) {
  ck_assert_ptr_eq(j, &joint);
  plait_transport_stats stats;
  plait_transport_get_stats(j->sides[side], &stats);
  ck_assert_uint_ge(stats.received_bytes, j->bytes[side]);
  tell("lost(%d %s) ", side, reason == 0 ? "0" : plait_error_name(reason));
}

/* ---- before they are joined ----------------------------------------------*/

static struct door *door_of(plait_protocol *p) {
  return plait_container_of(p->factory, struct door, factory);
}

static void door_made(plait_protocol *p) {
  door_of(p)->transport = p->transport;
}

static void door_lost(plait_protocol *p, int reason) {
  door_of(p)->reason = reason;
}

/* Takes what comes up to a "!", and joins then. */
static void door_data(plait_protocol *p, const uint8_t *data, size_t len) {
  const uint8_t *mark = memchr(data, '!', len);
  if (mark == NULL)
    return;
  size_t used = (size_t)(mark - data) + 1;
  plait_unread(p->transport, mark + 1, len - used);
  ck_assert_int_eq(
      plait_pipe_joint(doors[0].transport, doors[1].transport, &joint), 0);
}

static void door_eof(plait_protocol *p) {
  (void)p;
}

static const plait_protocol_ops door_ops = {.name = "door",
                                            .size = sizeof(plait_protocol),
                                            .connection_made = door_made,
                                            .data_received = door_data,
                                            .eof_received = door_eof,
                                            .connection_lost = door_lost};

/* |limits| are those of both connections. */
static void begin(plait_test_options options, plait_limits limits) {
  MUST(plait_test_new(&options, &test));
  for (int i = 0; i < 2; i++)
    doors[i] = (struct door){
        .factory = {.protocol = &door_ops, .limits = limits}, .reason = 1};
  joint = (plait_joint){.ended = joint_ended, .lost = joint_lost};
  told[0] = '\0';
  for (size_t i = 0; i < MANY; i++)
    many[i] = (char)('a' + i * 7 % 26 + i / 997 % 3);
  MUST(plait_test_serve(test, &doors[0].factory, &peers[0]));
  MUST(plait_test_accept(test, &doors[1].factory, NULL, &peers[1]));
}

static void join(void *arg) {
  (void)arg;
  ck_assert_int_eq(
      plait_pipe_joint(doors[0].transport, doors[1].transport, &joint), 0);
}

static void begin_joined(plait_limits limits) {
  begin((plait_test_options){.sim.seed = 1}, limits);
  MUST(plait_test_call(test, join, NULL));
  ck_assert_int_eq(doors[0].reason, PLAIT_ESWITCHED);
  ck_assert_int_eq(doors[1].reason, PLAIT_ESWITCHED);
}

static const plait_limits defaults;

/* Frees the world; the joint has told |expected| in all. */
#define END(expected)                                                          \
  do {                                                                         \
    ck_assert_str_eq(told, expected);                                          \
    MUST(plait_test_free(test));                                               \
  } while (0)

/* ---- what goes through ---------------------------------------------------*/

START_TEST(both_ways) {
  begin_joined(defaults);
  plait_test_feed(peers[0], "question");
  MUST(plait_test_expect(peers[1], "question"));
  plait_test_feed(peers[1], "answer");
  MUST(plait_test_expect(peers[0], "answer"));
  plait_test_feed_bytes(peers[0], many, MANY);
  plait_test_feed_pieces(peers[1], many, MANY, 70001);
  MUST(plait_test_expect_bytes(peers[1], many, MANY));
  MUST(plait_test_expect_bytes(peers[0], many, MANY));
  ck_assert_uint_eq(joint.bytes[0], MANY + 8);
  ck_assert_uint_eq(joint.bytes[1], MANY + 6);
  END("");
}
END_TEST

/* What was not used before, and what waits meanwhile, goes first. */
START_TEST(held_bytes_go_first) {
  begin((plait_test_options){.sim.seed = 1}, defaults);
  plait_test_feed(peers[0], "hello");
  plait_test_feed(peers[0], " to me!and to you");
  MUST(plait_test_expect(peers[1], "and to you"));
  plait_test_feed(peers[0], ", too");
  MUST(plait_test_expect(peers[1], ", too"));
  END("");
}
END_TEST

static void pause_both(void *arg) {
  (void)arg;
  plait_pause_reading(doors[0].transport);
  plait_pause_reading(doors[1].transport);
}

START_TEST(paused_ones_are_resumed) {
  begin((plait_test_options){.sim.seed = 1}, defaults);
  MUST(plait_test_call(test, pause_both, NULL));
  plait_test_feed(peers[0], "in good time");
  plait_test_end(peers[0]);
  plait_test_feed(peers[1], "as well");
  MUST(plait_test_call(test, join, NULL));
  MUST(plait_test_expect(peers[1], "in good time"));
  MUST(plait_test_expect(peers[0], "as well"));
  MUST(plait_test_expect_state(peers[1], PLAIT_TEST_ENDED));
  END("ended(0) ");
}
END_TEST

/* One that does not read stops the other one: what is under way is bounded. */
START_TEST(a_slow_reader_stops_the_writer) {
  begin_joined(defaults);
  int from = _i, to = 1 - _i;
  plait_test_read(peers[to], false);
  for (int i = 0; i < 10; i++)
    plait_test_feed_bytes(peers[from], many, MANY);
  ck_assert_uint_lt(joint.bytes[from], FLIGHT_MAX);
  plait_test_feed(peers[to], "the other way goes on");
  MUST(plait_test_expect(peers[from], "the other way goes on"));
  plait_test_read(peers[to], true);
  for (int i = 0; i < 10; i++)
    ck_assert(memcmp(plait_test_value(peers[to]).data + (size_t)i * MANY, many,
                     MANY) == 0);
  ck_assert_uint_eq(plait_test_value(peers[to]).len, (size_t)10 * MANY);
  END("");
}
END_TEST

/* ---- ends ----------------------------------------------------------------*/

START_TEST(half_close_is_passed_on) {
  int first = _i, second = 1 - _i;
  begin_joined(defaults);
  plait_test_feed(peers[first], "question");
  plait_test_end(peers[first]);
  MUST(plait_test_expect(peers[second], "question"));
  MUST(plait_test_expect_state(peers[second], PLAIT_TEST_ENDED));
  MUST(plait_test_expect_state(peers[first], PLAIT_TEST_OPEN));
  plait_test_feed_bytes(peers[second], many, MANY);
  MUST(plait_test_expect_bytes(peers[first], many, MANY));
  ck_assert_str_eq(told, first == 0 ? "ended(0) " : "ended(1) ");
  plait_test_end(peers[second]);
  MUST(plait_test_expect_state(peers[first], PLAIT_TEST_ENDED));
  ck_assert_ptr_nonnull(strstr(told, "lost(0 0)"));
  ck_assert_ptr_nonnull(strstr(told, "lost(1 0)"));
  MUST(plait_test_free(test));
}
END_TEST

/* The end comes behind what a slow reader has yet to take, however long. */
START_TEST(the_end_waits_for_what_is_queued) {
  begin_joined(defaults);
  plait_test_read(peers[1], false);
  plait_test_feed_bytes(peers[0], many, QUEUED);
  plait_test_end(peers[0]);
  plait_test_end(peers[1]);
  plait_test_advance(test, 3600000);
  plait_test_read(peers[1], true);
  MUST(plait_test_expect_bytes(peers[1], many, QUEUED));
  MUST(plait_test_expect_state(peers[1], PLAIT_TEST_ENDED));
  ck_assert_ptr_nonnull(strstr(told, "lost(0 0)"));
  ck_assert_ptr_nonnull(strstr(told, "lost(1 0)"));
  MUST(plait_test_free(test));
}
END_TEST

START_TEST(a_reset_is_passed_on) {
  int first = _i, second = 1 - _i;
  begin_joined(defaults);
  plait_test_read(peers[second], false);
  plait_test_feed_bytes(peers[first], many, MANY);
  plait_test_reset(peers[first]);
  plait_test_read(peers[second], true);
  MUST(plait_test_expect_state(peers[second], PLAIT_TEST_RESET));
  END(first == 0 ? "lost(0 PLAIT_ECONNRESET) lost(1 PLAIT_ECANCELED) "
                 : "lost(1 PLAIT_ECONNRESET) lost(0 PLAIT_ECANCELED) ");
}
END_TEST

/* A server that answers and does not want to hear the rest: its answer is
 * whole, and gets there. */
START_TEST(a_whole_answer_outlives_a_reset) {
  begin_joined(defaults);
  plait_test_read(peers[0], false);
  plait_test_feed_bytes(peers[1], many, QUEUED);
  plait_test_end(peers[1]);
  plait_test_reset(peers[1]);
  plait_test_read(peers[0], true);
  MUST(plait_test_expect_bytes(peers[0], many, QUEUED));
  MUST(plait_test_expect_state(peers[0], PLAIT_TEST_ENDED));
  ck_assert_ptr_nonnull(strstr(told, "lost(1 PLAIT_ECONNRESET) "));
  MUST(plait_test_free(test));
}
END_TEST

static void close_first(void *arg) {
  (void)arg;
  plait_close(joint.sides[0]);
}

static void abort_first(void *arg) {
  (void)arg;
  plait_abort(joint.sides[0]);
}

START_TEST(a_close_of_ours_closes_both) {
  begin_joined(defaults);
  MUST(plait_test_call(test, close_first, NULL));
  plait_test_end(peers[0]);
  MUST(plait_test_expect_state(peers[1], PLAIT_TEST_ENDED));
  plait_test_end(peers[1]);
  plait_test_settle(test);
  END("lost(0 0) lost(1 0) ");
}
END_TEST

START_TEST(an_abort_of_ours_resets_both) {
  begin_joined(defaults);
  MUST(plait_test_call(test, abort_first, NULL));
  MUST(plait_test_expect_state(peers[0], PLAIT_TEST_RESET));
  MUST(plait_test_expect_state(peers[1], PLAIT_TEST_RESET));
  END("lost(0 PLAIT_ECANCELED) lost(1 PLAIT_ECANCELED) ");
}
END_TEST

static void close_other(plait_joint *j, int side, int reason) {
  joint_lost(j, side, reason);
  if (j->sides[1 - side] != NULL)
    plait_close(j->sides[1 - side]);
}

/* Who rather has a part than nothing. */
START_TEST(the_owner_may_close_instead) {
  begin_joined(defaults);
  joint.lost = close_other;
  plait_test_read(peers[1], false);
  plait_test_feed_bytes(peers[0], many, QUEUED);
  plait_test_reset(peers[0]);
  plait_test_read(peers[1], true);
  MUST(plait_test_expect_bytes(peers[1], many, QUEUED));
  MUST(plait_test_expect_state(peers[1], PLAIT_TEST_ENDED));
  MUST(plait_test_free(test));
}
END_TEST

/* What was received before the stop is sent. */
START_TEST(a_stop_closes_both) {
  begin_joined(defaults);
  plait_test_read(peers[1], false);
  plait_test_feed_bytes(peers[0], many, QUEUED);
  plait_runtime_stop(plait_test_runtime(test));
  plait_test_settle(test);
  plait_test_read(peers[1], true);
  MUST(plait_test_expect_bytes(peers[1], many, QUEUED));
  MUST(plait_test_expect_state(peers[0], PLAIT_TEST_ENDED));
  MUST(plait_test_expect_state(peers[1], PLAIT_TEST_ENDED));
  plait_test_end(peers[0]);
  plait_test_end(peers[1]);
  plait_test_settle(test);
  ck_assert_ptr_nonnull(strstr(told, "lost(0 0)"));
  ck_assert_ptr_nonnull(strstr(told, "lost(1 0)"));
  MUST(plait_test_free(test));
}
END_TEST

/* ---- time ----------------------------------------------------------------*/

/* The pipe is idle when both sides are: after the later one's last byte. */
START_TEST(idle_is_when_both_are) {
  begin_joined((plait_limits){.idle_ms = IDLE_MS});
  for (int i = 0; i < 5; i++) {
    plait_test_advance(test, IDLE_MS * 3 / 4);
    plait_test_feed(peers[_i], "x");
  }
  plait_test_advance(test, IDLE_MS - 2);
  MUST(plait_test_expect(peers[1 - _i], "xxxxx"));
  MUST(plait_test_expect_state(peers[0], PLAIT_TEST_OPEN));
  plait_test_advance(test, 4);
  MUST(plait_test_expect_state(peers[0], PLAIT_TEST_ENDED));
  MUST(plait_test_expect_state(peers[1], PLAIT_TEST_ENDED));
  plait_test_end(peers[0]);
  plait_test_end(peers[1]);
  plait_test_settle(test);
  ck_assert_ptr_nonnull(strstr(told, "lost(0 PLAIT_ETIMEOUT)"));
  ck_assert_ptr_nonnull(strstr(told, "lost(1 PLAIT_ETIMEOUT)"));
  MUST(plait_test_free(test));
}
END_TEST

static void set_time_outs(void *arg) {
  (void)arg;
  for (int i = 0; i < 2; i++)
    plait_transport_set_timeout(joint.sides[i], 2 * IDLE_MS);
}

/* A side that is paused because the other one is slow is not idle: here that
 * takes 4 KiB in 400 ms of a queue of 64 KiB and more. */
START_TEST(a_paused_side_is_not_idle) {
  plait_test_options slow = {.sim = {.seed = 1,
                                     .capacity = 4096,
                                     .latency_min_us = 400000,
                                     .latency_max_us = 400000}};
  begin(slow, (plait_limits){.low_bytes = 1});
  MUST(plait_test_call(test, join, NULL));
  plait_test_read(peers[1], false);
  plait_test_feed_bytes(peers[0], many, 2 * QUEUED);
  ck_assert_uint_lt(joint.bytes[0], 2 * QUEUED);
  MUST(plait_test_call(test, set_time_outs, NULL));
  plait_test_read(peers[1], true);
  plait_test_advance(test, 100000);
  MUST(plait_test_expect_bytes(peers[1], many, 2 * QUEUED));
  MUST(plait_test_free(test));
}
END_TEST

/* ---- what cannot be joined -----------------------------------------------*/

static void join_wrongly(void *arg) {
  (void)arg;
  plait_transport *a = doors[0].transport;
  ck_assert_int_eq(plait_pipe(a, a), PLAIT_EINVAL);
  ck_assert_int_eq(plait_pipe_joint(a, a, &joint), PLAIT_EINVAL);
}

START_TEST(one_alone) {
  begin((plait_test_options){.sim.seed = 1}, defaults);
  MUST(plait_test_call(test, join_wrongly, NULL));
  MUST(plait_test_expect_state(peers[0], PLAIT_TEST_OPEN));
  ck_assert_int_eq(doors[0].reason, 1);
  END("");
}
END_TEST

static void join_closing(void *arg) {
  int *closed = arg;
  plait_close(doors[*closed].transport);
  ck_assert_int_eq(
      plait_pipe_joint(doors[0].transport, doors[1].transport, &joint),
      PLAIT_ECLOSED);
}

START_TEST(one_that_closes) {
  int closed = _i;
  begin((plait_test_options){.sim.seed = 1}, defaults);
  MUST(plait_test_call(test, join_closing, &closed));
  MUST(plait_test_expect_state(peers[0], PLAIT_TEST_ENDED));
  MUST(plait_test_expect_state(peers[1], PLAIT_TEST_ENDED));
  plait_test_end(peers[0]);
  plait_test_end(peers[1]);
  END("");
}
END_TEST

static void join_ended(void *arg) {
  (void)arg;
  ck_assert_int_eq(plait_pipe(doors[0].transport, doors[1].transport),
                   PLAIT_ECLOSED);
}

START_TEST(one_whose_end_was_told) {
  begin((plait_test_options){.sim.seed = 1}, defaults);
  plait_test_end(peers[_i]);
  MUST(plait_test_call(test, join_ended, NULL));
  MUST(plait_test_expect_state(peers[0], PLAIT_TEST_ENDED));
  MUST(plait_test_expect_state(peers[1], PLAIT_TEST_ENDED));
  plait_test_end(peers[1 - _i]);
  END("");
}
END_TEST

static void join_on_workers(plait_protocol *p) {
  door_made(p);
  ck_assert_int_eq(plait_pipe(p->transport, doors[0].transport), PLAIT_ENOTSUP);
}

START_TEST(callbacks_on_workers) {
  static const plait_protocol_ops ops = {.name = "worker",
                                         .size = sizeof(plait_protocol),
                                         .connection_made = join_on_workers};
  struct door away = {
      .factory = {.protocol = &ops, .dispatch = PLAIT_ON_WORKERS}};
  plait_test_peer *peer;
  begin((plait_test_options){.sim.seed = 1}, defaults);
  MUST(plait_test_serve(test, &away.factory, &peer));
  MUST(plait_test_expect_state(peer, PLAIT_TEST_OPEN));
  END("");
}
END_TEST

/* Each comes to the reactor when it has got a "!", and the later one joins. */
static void porter_made(plait_protocol *p) {
  struct door *door = door_of(p);
  door->transport = p->transport;
  plait_pause_reading(p->transport);
  if (doors[0].transport != NULL && doors[1].transport != NULL)
    ck_assert_int_eq(
        plait_pipe_joint(doors[0].transport, doors[1].transport, &joint), 0);
}

static const plait_protocol_ops porter_ops = {.name = "porter",
                                              .size = sizeof(plait_protocol),
                                              .connection_made = porter_made,
                                              .connection_lost = door_lost};

static void away_data(plait_protocol *p, const uint8_t *data, size_t len) {
  ck_assert_int_eq(data[0], '!');
  ck_assert_ptr_nonnull(
      plait_switch_to_reactor(p->transport, &porter_ops, data + 1, len - 1));
}

START_TEST(from_workers_by_way_of_the_reactor) {
  static const plait_protocol_ops ops = {.name = "away",
                                         .size = sizeof(plait_protocol),
                                         .data_received = away_data};
  MUST(plait_test_new(&(plait_test_options){.sim.seed = 1}, &test));
  joint = (plait_joint){.ended = joint_ended, .lost = joint_lost};
  told[0] = '\0';
  for (int i = 0; i < 2; i++) {
    doors[i] = (struct door){
        .factory = {.protocol = &ops, .dispatch = PLAIT_ON_WORKERS}};
    MUST(plait_test_serve(test, &doors[i].factory, &peers[i]));
  }
  plait_test_feed(peers[0], "!from the first");
  plait_test_feed(peers[1], "!from the second");
  MUST(plait_test_expect(peers[1], "from the first"));
  MUST(plait_test_expect(peers[0], "from the second"));
  ck_assert_int_eq(doors[0].reason, PLAIT_ESWITCHED);
  ck_assert_int_eq(doors[1].reason, PLAIT_ESWITCHED);
  plait_test_reset(peers[0]);
  MUST(plait_test_expect_state(peers[1], PLAIT_TEST_RESET));
  END("lost(0 PLAIT_ECONNRESET) lost(1 PLAIT_ECANCELED) ");
}
END_TEST

/* ---- no memory -----------------------------------------------------------*/

static int code_of_join;

static void join_failing(void *arg) {
  const uint64_t *at = arg;
  plait_sim_fail_at(plait_test_sim(test), *at);
  code_of_join =
      plait_pipe_joint(doors[0].transport, doors[1].transport, &joint);
  plait_sim_fail_at(plait_test_sim(test), 0);
}

/* Neither is left without the other. */
START_TEST(no_memory_for_the_sides) {
  uint64_t at = (uint64_t)_i + 1;
  begin((plait_test_options){.sim.seed = 1}, defaults);
  MUST(plait_test_call(test, join_failing, &at));
  ck_assert_int_eq(code_of_join, PLAIT_ECLOSED);
  MUST(plait_test_expect_state(peers[0], PLAIT_TEST_ENDED));
  MUST(plait_test_expect_state(peers[1], PLAIT_TEST_ENDED));
  plait_test_end(peers[0]);
  plait_test_end(peers[1]);
  END("");
}
END_TEST

/* ---- the suite -----------------------------------------------------------*/

int main(void) {
  Suite *s = suite_create("pipe");
  TCase *tc = tcase_create("pipe");
  tcase_set_timeout(tc, 60);
  tcase_add_test(tc, both_ways);
  tcase_add_test(tc, held_bytes_go_first);
  tcase_add_test(tc, paused_ones_are_resumed);
  tcase_add_loop_test(tc, a_slow_reader_stops_the_writer, 0, 2);
  tcase_add_loop_test(tc, half_close_is_passed_on, 0, 2);
  tcase_add_test(tc, the_end_waits_for_what_is_queued);
  tcase_add_loop_test(tc, a_reset_is_passed_on, 0, 2);
  tcase_add_test(tc, a_whole_answer_outlives_a_reset);
  tcase_add_test(tc, a_close_of_ours_closes_both);
  tcase_add_test(tc, an_abort_of_ours_resets_both);
  tcase_add_test(tc, the_owner_may_close_instead);
  tcase_add_test(tc, a_stop_closes_both);
  tcase_add_loop_test(tc, idle_is_when_both_are, 0, 2);
  tcase_add_test(tc, a_paused_side_is_not_idle);
  tcase_add_test(tc, one_alone);
  tcase_add_loop_test(tc, one_that_closes, 0, 2);
  tcase_add_loop_test(tc, one_whose_end_was_told, 0, 2);
  tcase_add_test(tc, callbacks_on_workers);
  tcase_add_test(tc, from_workers_by_way_of_the_reactor);
  tcase_add_loop_test(tc, no_memory_for_the_sides, 0, 2);
  suite_add_tcase(s, tc);
  SRunner *runner = srunner_create(s);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
