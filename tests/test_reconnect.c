/* Connecting anew: when it does and when not, and how it is stopped.  In
 * memory, on a clock that jumps. */
#include <check.h>
#include <stdlib.h>

#include "support/journey.h"
#include "support/leak.h"
#include "support/require.h"

#define A4 "10.0.0.1"
#define REFUSED "failed PLAIT_ECONNREFUSED"

static const plait_reconnect plain = {.retries = PLAIT_UNLIMITED,
                                      .jitter = PLAIT_NO_JITTER};

/* ---- connectors ----------------------------------------------------------*/

static void check(struct journey j, const char *trace) {
  journey_make(&j);
  journey_expect(&j, trace);
}

/* One attempt, unless asked for more. */
START_TEST(off_by_default) {
  check((struct journey){.hosts = {{A4, 0, PLAIT_ECONNREFUSED}}},
        "0 look; 0 try " A4 "; 0 " REFUSED "; 0 stopped");
  check((struct journey){.reconnect = {.initial_ms = 10, .max_ms = 20},
                         .hosts = {{A4, 0, PLAIT_ECONNREFUSED}}},
        "0 look; 0 try " A4 "; 0 " REFUSED "; 0 stopped");
  check((struct journey){.hosts = {{A4, 0, 0}}},
        "0 look; 0 try " A4 "; 0 made " A4 "; 0 lost; 0 stopped");
}
END_TEST

/* The name is looked up each time. */
START_TEST(retries_are_counted) {
  struct journey j = {.reconnect = plain,
                      .hosts = {{A4, 20, PLAIT_ECONNREFUSED}}};
  j.reconnect.retries = 3;
  journey_make(&j);
  ck_assert_uint_eq(j.wait_count, 3);
  ck_assert_uint_eq(j.waits[0], 1000);
  ck_assert_uint_eq(j.waits[1], 1500);
  ck_assert_uint_eq(j.waits[2], 2250);
  journey_expect(
      &j, "0 look; 0 try " A4 "; 20 " REFUSED "; 1020 look; 1020 try " A4
          "; 1040 " REFUSED "; 2540 look; 2540 try " A4 "; 2560 " REFUSED
          "; 4810 look; 4810 try " A4 "; 4830 " REFUSED "; 4830 stopped");
}
END_TEST

/* R143: no port is left to connect from. */
START_TEST(no_port_is_waited_for) {
  struct journey j = {.reconnect = plain,
                      .hosts = {{A4, 0, PLAIT_EADDRNOTAVAIL}}};
  j.reconnect.retries = 1;
  check(j, "0 look; 0 try " A4 "; 0 failed PLAIT_EADDRNOTAVAIL; 1000 look; "
           "1000 try " A4 "; 1000 failed PLAIT_EADDRNOTAVAIL; 1000 stopped");
}
END_TEST

/* Each attempt has the whole time-out, and a failed lookup is a failure. */
START_TEST(each_attempt_has_its_time_out) {
  struct journey j = {
      .reconnect = plain, .timeout_ms = 500, .hosts = {{A4, JOURNEY_NEVER, 0}}};
  j.reconnect.retries = 1;
  check(j, "0 look; 0 try " A4 "; 500 failed PLAIT_ETIMEOUT; 1500 look; 1500 "
           "try " A4 "; 2000 failed PLAIT_ETIMEOUT; 2000 stopped");
  j.lookup_code = PLAIT_ENOENT;
  check(j, "0 look; 0 failed PLAIT_ENOENT; 1000 look; 1000 failed "
           "PLAIT_ENOENT; 1000 stopped");
}
END_TEST

START_TEST(jitter_is_drawn) {
  struct journey j = {.hosts = {{A4, 0, PLAIT_ECONNREFUSED}}};
  j.reconnect = (plait_reconnect){
      .retries = 40, .initial_ms = 1000, .factor = 1, .jitter = 0.25};
  journey_make(&j);
  uint32_t least = 2000, most = 0;
  ck_assert_uint_eq(j.wait_count, 40);
  for (unsigned i = 0; i < j.wait_count; i++) {
    least = j.waits[i] < least ? j.waits[i] : least;
    most = j.waits[i] > most ? j.waits[i] : most;
  }
  ck_assert_uint_ge(least, 750);
  ck_assert_uint_le(most, 1000);
  ck_assert_uint_gt(most - least, 100);
  text_free(&j.trace);
}
END_TEST

static void stop_third(struct journey *j) {
  if (j->made == 3)
    journey_stop(j);
}

/* Connections that end soon do not start the row anew; but they do count as
 * made, so retries do not end it. */
START_TEST(short_lives) {
  struct journey j = {
      .reconnect = plain, .on_made = stop_third, .hosts = {{A4, 0, 0}}};
  j.reconnect.retries = 1;
  check(j, "0 look; 0 try " A4 "; 0 made " A4 "; 0 lost"
           "; 1000 look; 1000 try " A4 "; 1000 made " A4 "; 1000 lost"
           "; 2500 look; 2500 try " A4 "; 2500 made " A4 "; 2500 lost"
           "; 2500 stopped");
}
END_TEST

START_TEST(healthy_lives) {
  struct journey j = {.reconnect = plain,
                      .on_made = stop_third,
                      .lives_ms = 200,
                      .hosts = {{A4, 0, 0}}};
  j.reconnect.healthy_ms = 200;
  check(j, "0 look; 0 try " A4 "; 0 made " A4 "; 200 lost"
           "; 1200 look; 1200 try " A4 "; 1200 made " A4 "; 1400 lost"
           "; 2400 look; 2400 try " A4 "; 2400 made " A4 "; 2600 lost"
           "; 2600 stopped");
}
END_TEST

START_TEST(healthy_is_10_s) {
  struct journey j = {.reconnect = plain,
                      .on_made = stop_third,
                      .lives_ms = 9900,
                      .hosts = {{A4, 0, 0}}};
  check(j, "0 look; 0 try " A4 "; 0 made " A4 "; 9900 lost"
           "; 10900 look; 10900 try " A4 "; 10900 made " A4 "; 20800 lost"
           "; 22300 look; 22300 try " A4 "; 22300 made " A4 "; 32200 lost"
           "; 32200 stopped");
  j.lives_ms = 10010;
  j.trace = (struct text){0};
  check(j, "0 look; 0 try " A4 "; 0 made " A4 "; 10010 lost"
           "; 11010 look; 11010 try " A4 "; 11010 made " A4 "; 21020 lost"
           "; 22020 look; 22020 try " A4 "; 22020 made " A4 "; 32030 lost"
           "; 32030 stopped");
}
END_TEST

/* A connection ends the row of failures. */
static void refuse_from_now(struct journey *j) {
  j->hosts[0].code = PLAIT_ECONNREFUSED;
}

START_TEST(a_connection_ends_the_failures) {
  struct journey j = {
      .reconnect = plain, .on_lost = refuse_from_now, .hosts = {{A4, 20, 0}}};
  j.reconnect.retries = 1;
  check(j, "0 look; 0 try " A4 "; 20 made " A4 "; 20 lost"
           "; 1020 look; 1020 try " A4 "; 1040 " REFUSED
           "; 2540 look; 2540 try " A4 "; 2560 " REFUSED "; 2560 stopped");
}
END_TEST

/* Each of its allocations fails once, and costs one attempt or connection. */
static void stop_seventh(struct journey *j, int reason) {
  (void)reason;
  if (j->failed == 7)
    journey_stop(j);
}

/* Without a protocol there was no connection. */
START_TEST(a_refusal_is_a_failure) {
  struct journey j = {.reconnect = plain,
                      .refuses = true,
                      .on_failed = stop_seventh,
                      .hosts = {{A4, 0, 0}}};
  j.reconnect.retries = 1;
  check(j, "0 look; 0 try " A4 "; 0 failed PLAIT_EPERM; 1000 look; 1000 try " A4
           "; 1000 failed PLAIT_EPERM; 1000 stopped");
}
END_TEST

START_TEST(out_of_memory_is_a_failure) {
  size_t n = 1;
  do {
    struct journey j = {.reconnect = plain,
                        .lives_ms = 10,
                        .fail_at = n++,
                        .hosts = {{A4, 0, PLAIT_ENETUNREACH}, {A4, 20, 0}}};
    j.reconnect.retries = 1;
    j.hosts[0].ip = "::2";
    j.on_lost = journey_stop;
    journey_make(&j);
    ck_assert_msg(j.made == 1 && j.failed <= 1, "%s", j.trace.s);
    text_free(&j.trace);
  } while (leak_failed());
  ck_assert_uint_gt(n, 4);
}
END_TEST

START_TEST(literals_reconnect) {
  struct journey j = {.reconnect = plain,
                      .literal = true,
                      .hosts = {{A4, 0, PLAIT_ECONNREFUSED}}};
  j.reconnect.retries = 1;
  check(j, "0 try " A4 "; 0 " REFUSED "; 1000 try " A4 "; 1000 " REFUSED
           "; 1000 stopped");
}
END_TEST

/* ---- stopping ------------------------------------------------------------*/

START_TEST(stop_while_it_waits) {
  struct journey j = {.reconnect = plain,
                      .at_ms = 500,
                      .at = journey_stop,
                      .hosts = {{A4, 0, PLAIT_ECONNREFUSED}}};
  check(j, "0 look; 0 try " A4 "; 0 " REFUSED "; 500 stopped");
  j.at = journey_stop_runtime;
  check(j, "0 look; 0 try " A4 "; 0 " REFUSED "; 500 stopped");
}
END_TEST

static void stop_failed(struct journey *j, int reason) {
  (void)reason;
  journey_stop(j);
}

static void stop_runtime_failed(struct journey *j, int reason) {
  uint32_t ms;
  (void)reason;
  require(plait_connector_retries(j->connector, &ms) && ms == 1000,
          "it gave up");
  journey_stop_runtime(j);
}

START_TEST(stop_when_failed) {
  struct journey j = {.reconnect = plain,
                      .on_failed = stop_failed,
                      .hosts = {{A4, 0, PLAIT_ECONNREFUSED}}};
  check(j, "0 look; 0 try " A4 "; 0 " REFUSED "; 0 stopped");
  j.unowned = true;
  check(j, "0 look; 0 try " A4 "; 0 " REFUSED "; 0 stopped");
  j.unowned = false;
  j.on_failed = stop_runtime_failed;
  check(j, "0 look; 0 try " A4 "; 0 " REFUSED "; 0 stopped");
}
END_TEST

START_TEST(stop_in_the_second_attempt) {
  struct journey j = {.reconnect = plain,
                      .lookup_ms = 100,
                      .at_ms = 1150,
                      .at = journey_stop,
                      .hosts = {{A4, 0, PLAIT_ECONNREFUSED}}};
  check(j, "0 look; 100 try " A4 "; 100 " REFUSED
           "; 1100 look; 1150 failed PLAIT_ECANCELED; 1150 stopped");
}
END_TEST

static void close_connection(struct journey *j) {
  journey_stop(j);
  require(j->transport != NULL, "the connection is gone");
  j->at = NULL;
}

/* The connection lives on, and is the last. */
START_TEST(stop_while_connected) {
  struct journey j = {.reconnect = plain,
                      .at_ms = 500,
                      .at = close_connection,
                      .lives_ms = 2000,
                      .hosts = {{A4, 0, 0}}};
  check(j, "0 look; 0 try " A4 "; 0 made " A4 "; 2000 lost; 2000 stopped");
}
END_TEST

START_TEST(stop_when_lost) {
  struct journey j = {
      .reconnect = plain, .on_lost = journey_stop, .hosts = {{A4, 0, 0}}};
  check(j, "0 look; 0 try " A4 "; 0 made " A4 "; 0 lost; 0 stopped");
}
END_TEST

/* In a call that waited for the same stream as the connector does. */
START_TEST(stop_when_there_is_room) {
  struct journey j = {.reconnect = plain,
                      .on_made = journey_wait_for_room,
                      .lives_ms = 2000,
                      .hosts = {{A4, 0, 0}}};
  check(j,
        "0 look; 0 try " A4 "; 0 made " A4 "; 0 room; 2000 lost; 2000 stopped");
  /* The host closes, and does not take all that comes. */
  j.lives_ms = 0;
  check(j, "0 look; 0 try " A4 "; 0 made " A4
           "; 0 lost PLAIT_ECONNRESET; 0 no room; 0 stopped");
}
END_TEST

START_TEST(runtime_stops_while_connected) {
  struct journey j = {.reconnect = plain,
                      .at_ms = 500,
                      .at = journey_stop_runtime,
                      .silent = true,
                      .hosts = {{A4, 0, 0}}};
  check(j,
        "0 look; 0 try " A4 "; 0 made " A4 "; 500 lost PLAIT_OK; 500 stopped");
}
END_TEST

/* ---- the suite -----------------------------------------------------------*/

static void add_connectors(Suite *s) {
  TCase *tc = tcase_create("connectors");
  tcase_add_test(tc, off_by_default);
  tcase_add_test(tc, retries_are_counted);
  tcase_add_test(tc, no_port_is_waited_for);
  tcase_add_test(tc, each_attempt_has_its_time_out);
  tcase_add_test(tc, jitter_is_drawn);
  tcase_add_test(tc, short_lives);
  tcase_add_test(tc, healthy_lives);
  tcase_add_test(tc, healthy_is_10_s);
  tcase_add_test(tc, a_connection_ends_the_failures);
  tcase_add_test(tc, a_refusal_is_a_failure);
  tcase_add_test(tc, out_of_memory_is_a_failure);
  tcase_add_test(tc, literals_reconnect);
  suite_add_tcase(s, tc);
}

static void add_stopping(Suite *s) {
  TCase *tc = tcase_create("stopping");
  tcase_add_test(tc, stop_while_it_waits);
  tcase_add_test(tc, stop_when_failed);
  tcase_add_test(tc, stop_in_the_second_attempt);
  tcase_add_test(tc, stop_while_connected);
  tcase_add_test(tc, stop_when_lost);
  tcase_add_test(tc, stop_when_there_is_room);
  tcase_add_test(tc, runtime_stops_while_connected);
  suite_add_tcase(s, tc);
}

int main(void) {
  Suite *s = suite_create("reconnect");
  add_connectors(s);
  add_stopping(s);
  SRunner *runner = srunner_create(s);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
