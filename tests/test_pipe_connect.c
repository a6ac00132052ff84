/* A pipe to a connection that is yet to be made: a proxy, its visitor, and a
 * server that echoes, if there is one. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit/acts.h"

enum { TIMEOUT_MS = 3000, LOOKUP_MS = 5000, FAULTS_MAX = 1000 };

static plait_test *test;
static plait_test_peer *visitor; /* the far end of it */
static struct site echo;
static plait_factory proxy;
static const char *to;
static plait_connect_options options;
static plait_joint joint;
static plait_handle handle;
static int code_of_connect;
static unsigned lost[2];
static char told[200]; /* by the joint */

static void tell(const char *format, ...) {
  size_t used = strlen(told);
  va_list args;
  va_start(args, format);
  vsnprintf(told + used, sizeof told - used, format, args);
  va_end(args);
}

static void joint_joined(plait_joint *j) {
  ck_assert_ptr_eq(j, &joint);
  ck_assert_ptr_nonnull(j->sides[0]);
  ck_assert_ptr_nonnull(j->sides[1]);
  tell("joined ");
}

static void joint_lost(plait_joint *j, int side, int reason) {
  ck_assert_ptr_eq(j, &joint);
  lost[side]++;
  tell("%s(%d %s) ", j->sides[side] != NULL ? "lost" : "none", side,
       reason == 0 ? "0" : plait_error_name(reason));
}

/* ---- the proxy -----------------------------------------------------------*/

static void visitor_made(plait_protocol *p) {
  handle = plait_transport_handle(p->transport);
  code_of_connect = plait_pipe_connect(p->transport, to, &options, &joint);
}

static void visitor_data(plait_protocol *p, const uint8_t *data, size_t len) {
  (void)p, (void)data, (void)len;
  ck_abort_msg("it is read from before it is joined");
}

static const plait_protocol_ops visitor_ops = {.name = "visitor",
                                               .size = sizeof(plait_protocol),
                                               .connection_made = visitor_made,
                                               .data_received = visitor_data};

/* |on_workers|: the visitor's callbacks, at first. */
static void begin(int on_workers) {
  plait_test_options world = {.sim.seed = 1};
  MUST(plait_test_new(&world, &test));
  echo = (struct site){.factory.protocol = &act_echo};
  ck_assert_int_eq(plait_listen(plait_test_runtime(test), "tcp:4001",
                                &echo.factory, NULL, NULL),
                   0);
  proxy = (plait_factory){.protocol = &visitor_ops,
                          .dispatch =
                              on_workers ? PLAIT_ON_WORKERS : PLAIT_ON_REACTOR};
  to = "tcp:127.0.0.1:4001";
  options = (plait_connect_options){.timeout_ms = TIMEOUT_MS};
  joint = (plait_joint){.joined = joint_joined, .lost = joint_lost};
  code_of_connect = 1;
  lost[0] = lost[1] = 0;
  told[0] = '\0';
}

static void come(void) {
  MUST(plait_test_serve(test, &proxy, &visitor));
}

/* Is reset, maybe so early that it never was there. */
static void come_in_vain(void) {
  const char *wrong = plait_test_serve(test, &proxy, &visitor);
  if (wrong != NULL)
    ck_assert_ptr_nonnull(strstr(wrong, "reset"));
  else
    MUST(plait_test_expect_state(visitor, PLAIT_TEST_RESET));
}

/* Comes when the name of the server takes long to be found. */
static void come_to_one_that_waits(void) {
  plait_address nowhere;
  ck_assert_int_eq(plait_address_parse("10.0.0.1", 0, &nowhere), 0);
  ck_assert_int_eq(plait_sim_name(plait_test_sim(test), "slow.example",
                                  &nowhere, 1, LOOKUP_MS, 0),
                   0);
  to = "tcp:slow.example:4001";
  come();
  ck_assert_int_eq(code_of_connect, 0);
  ck_assert_str_eq(told, "");
}

/* A lookup that was given up is over then, too. */
#define END(expected)                                                          \
  do {                                                                         \
    plait_test_advance(test, 2 * LOOKUP_MS);                                   \
    MUST(plait_test_free(test));                                               \
    ck_assert_str_eq(told, expected);                                          \
  } while (0)

/* ---- it is made ----------------------------------------------------------*/

START_TEST(it_is_made_and_joined) {
  begin(_i);
  come();
  ck_assert_int_eq(code_of_connect, 0);
  plait_test_feed(visitor, "hello");
  MUST(plait_test_expect(visitor, "hello"));
  ck_assert_str_eq(told, "joined ");
  ck_assert_uint_eq(joint.bytes[0], 5);
  ck_assert_uint_eq(joint.bytes[1], 5);
  plait_test_end(visitor);
  MUST(plait_test_expect_state(visitor, PLAIT_TEST_ENDED));
  ck_assert_uint_eq(lost[0], 1);
  ck_assert_uint_eq(lost[1], 1);
  MUST(plait_test_free(test));
}
END_TEST

/* What is said before waits for the connection, and so does its end. */
START_TEST(early_words_wait) {
  begin(_i);
  plait_sim_name(plait_test_sim(test), "slow.example",
                 &(plait_address){.family = PLAIT_IPV4, .ip = {10, 0, 0, 1}}, 1,
                 1000, 0);
  to = "tcp:slow.example:4001";
  come();
  plait_test_feed(visitor, "early");
  plait_test_end(visitor);
  MUST(plait_test_expect(visitor, ""));
  plait_test_advance(test, 2000);
  MUST(plait_test_expect(visitor, "early"));
  MUST(plait_test_expect_state(visitor, PLAIT_TEST_ENDED));
  MUST(plait_test_free(test));
}
END_TEST

/* Of the same limits as the other one. */
START_TEST(it_has_the_limits_of_the_other) {
  begin(_i);
  proxy.limits.idle_ms = 1000;
  come();
  plait_test_advance(test, 900);
  plait_test_feed(visitor, "x");
  plait_test_advance(test, 900);
  MUST(plait_test_expect_state(visitor, PLAIT_TEST_OPEN));
  plait_test_advance(test, 200);
  MUST(plait_test_expect_state(visitor, PLAIT_TEST_ENDED));
  plait_test_end(visitor);
  plait_test_settle(test);
  ck_assert_ptr_nonnull(strstr(told, "lost(0 PLAIT_ETIMEOUT)"));
  ck_assert_ptr_nonnull(strstr(told, "lost(1 PLAIT_ETIMEOUT)"));
  MUST(plait_test_free(test));
}
END_TEST

/* ---- it is not -----------------------------------------------------------*/

START_TEST(it_is_refused) {
  begin(_i);
  to = "tcp:127.0.0.1:4002";
  come();
  ck_assert_int_eq(code_of_connect, 0);
  MUST(plait_test_expect_state(visitor, PLAIT_TEST_RESET));
  END("none(1 PLAIT_ECONNREFUSED) lost(0 PLAIT_ECANCELED) ");
}
END_TEST

START_TEST(it_takes_too_long) {
  begin(_i);
  come_to_one_that_waits();
  plait_test_advance(test, TIMEOUT_MS - 10);
  MUST(plait_test_expect_state(visitor, PLAIT_TEST_OPEN));
  plait_test_advance(test, 20);
  MUST(plait_test_expect_state(visitor, PLAIT_TEST_RESET));
  END("none(1 PLAIT_ETIMEOUT) lost(0 PLAIT_ECANCELED) ");
}
END_TEST

START_TEST(the_visitor_goes_first) {
  begin(_i);
  come_to_one_that_waits();
  plait_test_reset(visitor);
  plait_test_settle(test);
  END("lost(0 PLAIT_ECONNRESET) none(1 PLAIT_ECANCELED) ");
}
END_TEST

START_TEST(the_proxy_closes_it_first) {
  begin(_i);
  come_to_one_that_waits();
  plait_handle_close(handle);
  plait_test_end(visitor);
  MUST(plait_test_expect_state(visitor, PLAIT_TEST_ENDED));
  END("lost(0 0) none(1 PLAIT_ECANCELED) ");
}
END_TEST

START_TEST(the_runtime_stops_first) {
  begin(_i);
  come_to_one_that_waits();
  plait_runtime_stop(plait_test_runtime(test));
  plait_test_settle(test);
  ck_assert_uint_eq(lost[1], 1);
  plait_test_end(visitor);
  plait_test_advance(test, 2 * LOOKUP_MS);
  ck_assert_uint_eq(lost[0], 1);
  MUST(plait_test_free(test));
}
END_TEST

/* The visitor is closing, and not gone yet, when its connection is there. */
START_TEST(it_comes_too_late) {
  begin(_i);
  plait_sim_name(plait_test_sim(test), "slow.example",
                 &(plait_address){.family = PLAIT_IPV4, .ip = {10, 0, 0, 1}}, 1,
                 1000, 0);
  to = "tcp:slow.example:4001";
  come();
  plait_test_advance(test, 500);
  plait_handle_close(handle); /* it lingers for 2 s */
  plait_test_advance(test, 5000);
  MUST(plait_test_expect_state(visitor, PLAIT_TEST_ENDED));
  END("none(1 PLAIT_ECLOSED) lost(0 PLAIT_ECLOSED) ");
}
END_TEST

/* ---- it is wrong ---------------------------------------------------------*/

START_TEST(it_is_no_endpoint) {
  begin(_i);
  to = "tpc:127.0.0.1:4001";
  come_in_vain();
  ck_assert_int_eq(code_of_connect, PLAIT_EENDPOINT);
  END("");
}
END_TEST

START_TEST(it_cannot_reconnect) {
  begin(_i);
  options.reconnect.retries = 1;
  come_in_vain();
  ck_assert_int_eq(code_of_connect, PLAIT_EINVAL);
  END("");
}
END_TEST

/* ---- nothing works -------------------------------------------------------*/

/* One call fails, each in its turn: both sides are told of once or not at all,
 * and nothing is left. */
START_TEST(single_faults) {
  uint64_t k = 0;
  const char *failed;
  do {
    begin(_i);
    plait_test_settle(test);
    plait_sim_fail_at(plait_test_sim(test), ++k);
    bool made = plait_test_serve(test, &proxy, &visitor) == NULL;
    if (made) {
      plait_test_feed(visitor, "hello");
      plait_test_end(visitor);
      plait_test_advance(test, 60000);
    }
    failed = plait_sim_failed(plait_test_sim(test));
    plait_sim_fail_at(plait_test_sim(test), 0);
    unsigned each = code_of_connect == 0 ? 1 : 0;
    const char *wrong = plait_test_free(test);
    ck_assert_msg(wrong == NULL, "fault %u, %s: %s", (unsigned)k, failed,
                  wrong);
    ck_assert_msg(lost[0] == each && lost[1] == each,
                  "fault %u, %s, code %d: %s", (unsigned)k, failed,
                  code_of_connect, told);
  } while (failed != NULL && k < FAULTS_MAX);
  ck_assert_uint_gt(k, 20);
  ck_assert_uint_lt(k, FAULTS_MAX);
}
END_TEST

/* ---- the suite -----------------------------------------------------------*/

int main(void) {
  Suite *s = suite_create("pipe_connect");
  TCase *tc = tcase_create("pipe_connect");
  tcase_set_timeout(tc, 60);
  tcase_add_loop_test(tc, it_is_made_and_joined, 0, 2);
  tcase_add_loop_test(tc, early_words_wait, 0, 2);
  tcase_add_loop_test(tc, it_has_the_limits_of_the_other, 0, 2);
  tcase_add_loop_test(tc, it_is_refused, 0, 2);
  tcase_add_loop_test(tc, it_takes_too_long, 0, 2);
  tcase_add_loop_test(tc, the_visitor_goes_first, 0, 2);
  tcase_add_loop_test(tc, the_proxy_closes_it_first, 0, 2);
  tcase_add_loop_test(tc, the_runtime_stops_first, 0, 2);
  tcase_add_loop_test(tc, it_comes_too_late, 0, 2);
  tcase_add_loop_test(tc, it_is_no_endpoint, 0, 2);
  tcase_add_loop_test(tc, it_cannot_reconnect, 0, 2);
  tcase_add_loop_test(tc, single_faults, 0, 2);
  suite_add_tcase(s, tc);
  SRunner *runner = srunner_create(s);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
