/* One attempt to connect by name: which addresses are tried, in which order and
 * when, how it ends and what is said about it.  In memory, on a clock that
 * jumps. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/journey.h"
#include "support/sim_world.h"

#define A4 "10.0.0.1"
#define B4 "10.0.0.2"
#define C4 "10.0.0.3"
#define A6 "2001:db8::1"
#define B6 "2001:db8::2"
#define C6 "2001:db8::3"
#define NEVER JOURNEY_NEVER

/* Makes |j| and compares. */
static void check(struct journey j, const char *trace, const char *detail) {
  journey_make(&j);
  journey_expect(&j, trace);
  if (detail != NULL)
    journey_expect_detail(&j, detail);
}

/* ---- order and times -----------------------------------------------------*/

START_TEST(families_take_turns) {
  check((struct journey){.hosts = {{A6, NEVER, 0},
                                   {B6, NEVER, 0},
                                   {A4, NEVER, 0},
                                   {B4, NEVER, 0},
                                   {C6, 40, 0}}},
        "0 look; 0 try " A6 "; 250 try " A4 "; 500 try " B6 "; 750 try " B4
        "; 1000 try " C6 "; 1040 made " C6 "; 1040 lost; 1040 stopped",
        NULL);
}
END_TEST

START_TEST(first_family_is_the_resolvers) {
  check((struct journey){.hosts = {{A4, NEVER, 0},
                                   {B4, NEVER, 0},
                                   {C4, 20, 0},
                                   {A6, NEVER, 0}}},
        "0 look; 0 try " A4 "; 250 try " A6 "; 500 try " B4 "; 750 try " C4
        "; 770 made " C4 "; 770 lost; 770 stopped",
        NULL);
}
END_TEST

START_TEST(first_answers) {
  check((struct journey){.hosts = {{A4, 240, 0}, {A6, 10, 0}}},
        "0 look; 0 try " A4 "; 240 made " A4 "; 240 lost; 240 stopped", NULL);
}
END_TEST

START_TEST(lookup_takes_time) {
  check((struct journey){.lookup_ms = 400, .hosts = {{A4, 10, 0}}},
        "0 look; 400 try " A4 "; 410 made " A4 "; 410 lost; 410 stopped", NULL);
}
END_TEST

/* The next one begins at once, and the one after it 250 ms later. */
START_TEST(fast_failure_goes_on_at_once) {
  check((struct journey){.hosts = {{A4, 100, PLAIT_ECONNREFUSED},
                                   {B4, NEVER, 0},
                                   {C4, 20, 0}}},
        "0 look; 0 try " A4 "; 100 try " B4 "; 350 try " C4 "; 370 made " C4
        "; 370 lost; 370 stopped",
        NULL);
}
END_TEST

START_TEST(failure_in_connect_goes_on_at_once) {
  check((struct journey){.hosts = {{A6, 0, PLAIT_ENETUNREACH},
                                   {B6, 0, PLAIT_ENETUNREACH},
                                   {A4, 20, 0}}},
        "0 look; 0 try " A6 "; 0 try " A4 "; 20 made " A4
        "; 20 lost; 20 stopped",
        NULL);
}
END_TEST

/* A failure of an older attempt, while a younger one is under way. */
START_TEST(late_failure_goes_on_at_once) {
  check((struct journey){.hosts = {{A4, 300, PLAIT_EHOSTUNREACH},
                                   {B4, NEVER, 0},
                                   {C4, 20, 0}}},
        "0 look; 0 try " A4 "; 250 try " B4 "; 300 try " C4 "; 320 made " C4
        "; 320 lost; 320 stopped",
        NULL);
}
END_TEST

START_TEST(slow_one_may_still_win) {
  check((struct journey){.hosts = {{A4, 300, 0}, {A6, 100, 0}}},
        "0 look; 0 try " A4 "; 250 try " A6 "; 300 made " A4
        "; 300 lost; 300 stopped",
        NULL);
}
END_TEST

static void take_long(struct journey *j) {
  (void)j;
  plait_sim_sleep_us(sim, 200000);
}

/* Both in one batch of events: one protocol is made, for one of them. */
START_TEST(two_at_once) {
  check((struct journey){.at_ms = 400,
                         .at = take_long,
                         .hosts = {{A4, 510, 0}, {A6, 250, 0}}},
        "0 look; 0 try " A4 "; 250 try " A6 "; 600 made " A4
        "; 600 lost; 600 stopped",
        NULL);
}
END_TEST

START_TEST(delay_is_an_option) {
  check(
      (struct journey){.delay_ms = 100, .hosts = {{A4, NEVER, 0}, {B4, 10, 0}}},
      "0 look; 0 try " A4 "; 100 try " B4 "; 110 made " B4
      "; 110 lost; 110 stopped",
      NULL);
  check((struct journey){.delay_ms = 1, .hosts = {{A4, NEVER, 0}, {B4, 20, 0}}},
        "0 look; 0 try " A4 "; 10 try " B4 "; 30 made " B4
        "; 30 lost; 30 stopped",
        NULL);
}
END_TEST

START_TEST(one_after_the_other) {
  check((struct journey){.delay_ms = PLAIT_UNLIMITED,
                         .hosts = {{A4, 2000, PLAIT_ETIMEDOUT}, {B4, 10, 0}}},
        "0 look; 0 try " A4 "; 2000 try " B4 "; 2010 made " B4
        "; 2010 lost; 2010 stopped",
        NULL);
}
END_TEST

START_TEST(at_most_64_addresses) {
  static char texts[JOURNEY_HOSTS][16];
  struct journey j = {.delay_ms = 10};
  for (unsigned i = 0; i < JOURNEY_HOSTS - 1; i++) {
    snprintf(texts[i], sizeof texts[i], "10.0.0.%u", i + 1);
    j.hosts[i] = (struct journey_host){texts[i], 5000, PLAIT_ECONNREFUSED};
  }
  journey_make(&j);
  ck_assert_uint_eq(j.tries, 64);
  journey_expect_detail(&j, "connect tcp:h:7: connect 10.0.0.1:7: connection "
                            "refused (and 63 more)");
  text_free(&j.trace);
}
END_TEST

/* ---- failure -------------------------------------------------------------*/

START_TEST(one_refuses) {
  check((struct journey){.hosts = {{A4, 20, PLAIT_ECONNREFUSED}}},
        "0 look; 0 try " A4 "; 20 failed PLAIT_ECONNREFUSED; 20 stopped",
        "connect tcp:h:7: connect 10.0.0.1:7: connection refused");
}
END_TEST

START_TEST(literal_refuses) {
  check((struct journey){.literal = true,
                         .hosts = {{A4, 20, PLAIT_ECONNREFUSED}}},
        "0 try " A4 "; 20 failed PLAIT_ECONNREFUSED; 20 stopped",
        "connect tcp:h:7: connect: connection refused");
}
END_TEST

/* A refusal is an answer; no route is none. */
START_TEST(most_telling_failure) {
  check((struct journey){.hosts = {{A6, 0, PLAIT_ENETUNREACH},
                                   {A4, 10, PLAIT_EHOSTUNREACH},
                                   {B4, 20, PLAIT_ECONNREFUSED},
                                   {C4, 10, PLAIT_ECONNRESET}}},
        "0 look; 0 try " A6 "; 0 try " A4 "; 10 try " B4 "; 30 try " C4
        "; 40 failed PLAIT_ECONNREFUSED; 40 stopped",
        "connect tcp:h:7: connect 10.0.0.2:7: connection refused (and 3 more)");
}
END_TEST

/* R143 */
START_TEST(all_fail_in_connect) {
  check((struct journey){.hosts = {{A6, 0, PLAIT_ENETUNREACH},
                                   {A4, 0, PLAIT_EMFILE},
                                   {B6, 0, PLAIT_ENETUNREACH}}},
        "0 look; 0 try " A6 "; 0 try " A4 "; 0 try " B6
        "; 0 failed PLAIT_EMFILE; 0 stopped",
        "connect tcp:h:7: connect 10.0.0.1:7: too many open descriptors in "
        "this process (and 2 more)");
}
END_TEST

START_TEST(lookup_fails) {
  check((struct journey){.lookup_ms = 30, .lookup_code = PLAIT_ENOENT},
        "0 look; 30 failed PLAIT_ENOENT; 30 stopped",
        "connect tcp:h:7: resolve: no such file or directory");
  check((struct journey){.lookup_start = PLAIT_EFULL},
        "0 look; 0 failed PLAIT_EFULL; 0 stopped",
        "connect tcp:h:7: resolve: full for now");
}
END_TEST

START_TEST(protocol_is_refused) {
  check((struct journey){.refuses = true, .hosts = {{A4, 20, 0}, {B4, 0, 0}}},
        "0 look; 0 try " A4 "; 20 failed PLAIT_EPERM; 20 stopped",
        "connect tcp:h:7: protocol: operation not permitted");
}
END_TEST

START_TEST(bind_chooses_the_family) {
  check((struct journey){.bind = "127.0.0.1",
                         .hosts = {{A6, 20, 0}, {A4, 20, 0}}},
        "0 look; 0 try " A4 "; 20 made " A4 "; 20 lost; 20 stopped", NULL);
  check((struct journey){.bind = "127.0.0.1",
                         .hosts = {{A6, 20, 0}, {B6, 20, 0}}},
        "0 look; 0 failed PLAIT_EAFNOSUPPORT; 0 stopped",
        "connect tcp:h:7: bind for [2001:db8::1]:7: the local address is of "
        "another family (and 1 more)");
}
END_TEST

/* ---- time-out ------------------------------------------------------------*/

START_TEST(time_out_is_over_all) {
  check((struct journey){.lookup_ms = 200,
                         .timeout_ms = 500,
                         .hosts = {{A4, 100, PLAIT_ECONNREFUSED},
                                   {B4, NEVER, 0},
                                   {C4, NEVER, 0}}},
        "0 look; 200 try " A4 "; 300 try " B4
        "; 500 failed PLAIT_ETIMEOUT; 500 stopped",
        "connect tcp:h:7: connect 10.0.0.2:7: timed out after 500 ms (and 1 "
        "more)");
}
END_TEST

START_TEST(time_out_of_the_lookup) {
  check((struct journey){.lookup_ms = 5000,
                         .timeout_ms = 300,
                         .hosts = {{A4, 0, 0}}},
        "0 look; 300 failed PLAIT_ETIMEOUT; 300 stopped",
        "connect tcp:h:7: resolve: timed out after 300 ms");
}
END_TEST

START_TEST(time_out_is_30_s) {
  check((struct journey){.literal = true, .hosts = {{A4, NEVER, 0}}},
        "0 try " A4 "; 30000 failed PLAIT_ETIMEOUT; 30000 stopped",
        "connect tcp:h:7: connect: timed out after 30000 ms");
}
END_TEST

START_TEST(no_time_out) {
  check((struct journey){.timeout_ms = PLAIT_UNLIMITED,
                         .hosts = {{A4, 7200000, PLAIT_ETIMEDOUT}}},
        "0 look; 0 try " A4 "; 7200000 failed PLAIT_ETIMEDOUT; 7200000 stopped",
        "connect tcp:h:7: connect 10.0.0.1:7: timed out in the network");
}
END_TEST

/* ---- stopping ------------------------------------------------------------*/

START_TEST(stop_in_the_lookup) {
  check((struct journey){.lookup_ms = 500,
                         .at_ms = 100,
                         .at = journey_stop,
                         .hosts = {{A4, 0, 0}}},
        "0 look; 100 failed PLAIT_ECANCELED; 100 stopped",
        "connect tcp:h:7: resolve: canceled");
}
END_TEST

START_TEST(stop_in_the_race) {
  check((struct journey){.at_ms = 300,
                         .at = journey_stop,
                         .hosts = {{A4, NEVER, 0}, {B4, NEVER, 0}, {C4, 0, 0}}},
        "0 look; 0 try " A4 "; 250 try " B4
        "; 300 failed PLAIT_ECANCELED; 300 stopped",
        "connect tcp:h:7: connect 10.0.0.1:7: canceled (and 1 more)");
}
END_TEST

START_TEST(stop_when_made) {
  check((struct journey){.on_made = journey_stop, .hosts = {{A4, 20, 0}}},
        "0 look; 0 try " A4 "; 20 made " A4 "; 20 lost; 20 stopped", NULL);
}
END_TEST

static void stop_failed(struct journey *j, int reason) {
  (void)reason;
  journey_stop(j);
}

START_TEST(stop_when_failed) {
  check((struct journey){.on_failed = stop_failed,
                         .hosts = {{A4, 20, PLAIT_ECONNREFUSED}}},
        "0 look; 0 try " A4 "; 20 failed PLAIT_ECONNREFUSED; 20 stopped", NULL);
  check((struct journey){.on_failed = stop_failed,
                         .unowned = true,
                         .hosts = {{A4, 20, PLAIT_ECONNREFUSED}}},
        "0 look; 0 try " A4 "; 20 failed PLAIT_ECONNREFUSED; 20 stopped", NULL);
}
END_TEST

START_TEST(runtime_stops_in_the_lookup) {
  check((struct journey){.lookup_ms = 500,
                         .at_ms = 100,
                         .at = journey_stop_runtime,
                         .hosts = {{A4, 0, 0}}},
        "0 look; 100 failed PLAIT_ECANCELED; 100 stopped", NULL);
}
END_TEST

START_TEST(runtime_stops_in_the_race) {
  check((struct journey){.at_ms = 300,
                         .at = journey_stop_runtime,
                         .hosts = {{A4, NEVER, 0}, {B4, NEVER, 0}}},
        "0 look; 0 try " A4 "; 250 try " B4
        "; 300 failed PLAIT_ECANCELED; 300 stopped",
        NULL);
}
END_TEST

/* ---- the suite -----------------------------------------------------------*/

static void add_order(Suite *s) {
  TCase *tc = tcase_create("order");
  tcase_add_test(tc, families_take_turns);
  tcase_add_test(tc, first_family_is_the_resolvers);
  tcase_add_test(tc, first_answers);
  tcase_add_test(tc, lookup_takes_time);
  tcase_add_test(tc, fast_failure_goes_on_at_once);
  tcase_add_test(tc, failure_in_connect_goes_on_at_once);
  tcase_add_test(tc, late_failure_goes_on_at_once);
  tcase_add_test(tc, slow_one_may_still_win);
  tcase_add_test(tc, two_at_once);
  tcase_add_test(tc, delay_is_an_option);
  tcase_add_test(tc, one_after_the_other);
  tcase_add_test(tc, at_most_64_addresses);
  suite_add_tcase(s, tc);
}

static void add_failure(Suite *s) {
  TCase *tc = tcase_create("failure");
  tcase_add_test(tc, one_refuses);
  tcase_add_test(tc, literal_refuses);
  tcase_add_test(tc, most_telling_failure);
  tcase_add_test(tc, all_fail_in_connect);
  tcase_add_test(tc, lookup_fails);
  tcase_add_test(tc, protocol_is_refused);
  tcase_add_test(tc, bind_chooses_the_family);
  tcase_add_test(tc, time_out_is_over_all);
  tcase_add_test(tc, time_out_of_the_lookup);
  tcase_add_test(tc, time_out_is_30_s);
  tcase_add_test(tc, no_time_out);
  suite_add_tcase(s, tc);
}

static void add_stopping(Suite *s) {
  TCase *tc = tcase_create("stopping");
  tcase_add_test(tc, stop_in_the_lookup);
  tcase_add_test(tc, stop_in_the_race);
  tcase_add_test(tc, stop_when_made);
  tcase_add_test(tc, stop_when_failed);
  tcase_add_test(tc, runtime_stops_in_the_lookup);
  tcase_add_test(tc, runtime_stops_in_the_race);
  suite_add_tcase(s, tc);
}

int main(void) {
  Suite *s = suite_create("race");
  add_order(s);
  add_failure(s);
  add_stopping(s);
  SRunner *runner = srunner_create(s);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
