/* The waits of a connector that connects anew. */
#include <check.h>
#include <plait/error.h>
#include <stdlib.h>

#include "core/backoff.h"

enum { MANY = 1000 };

static const plait_reconnect plain = {.retries = PLAIT_UNLIMITED,
                                      .jitter = PLAIT_NO_JITTER};

static void check_waits(const plait_reconnect *policy, const uint32_t *waits,
                        size_t n) {
  plait__backoff b;
  ck_assert_int_eq(plait__backoff_init(&b, policy), 0);
  for (size_t i = 0; i < n; i++)
    ck_assert_uint_eq(plait__backoff_next(&b, UINT64_MAX), waits[i]);
}

START_TEST(waits_grow_to_the_maximum) {
  static const uint32_t standard[] = {1000,  1500,  2250,  3375,  5062,
                                      7593,  11390, 17085, 25628, 38443,
                                      57665, 60000, 60000};
  static const uint32_t doubled[] = {10, 20, 40, 80, 100, 100};
  static const uint32_t even[] = {70000, 70000, 70000};
  plait_reconnect p = plain;
  check_waits(&p, standard, 13);
  p.initial_ms = 10;
  p.max_ms = 100;
  p.factor = 2;
  check_waits(&p, doubled, 6);
  p = plain;
  p.initial_ms = 70000;
  check_waits(&p, even, 3);
}
END_TEST

/* Twisted's two, as far as they are rows of waits. */
START_TEST(waits_like_twisted) {
  static const uint32_t service[] = {1000, 1500, 2250, 3375};
  static const uint32_t factory[] = {2718, 7388, 20083, 54592};
  plait_reconnect p = plain;
  p.factor = 1.5;
  check_waits(&p, service, 4);
  p.initial_ms = 2718;
  p.max_ms = 3600 * 1000;
  p.factor = 2.718281828;
  check_waits(&p, factory, 4);
}
END_TEST

START_TEST(jitter_shortens) {
  plait_reconnect p = {.retries = 1, .factor = 1, .initial_ms = 1000};
  plait__backoff b;
  uint32_t least = 2000, most = 0;
  ck_assert_int_eq(plait__backoff_init(&b, &p), 0); /* up to half */
  ck_assert_uint_eq(plait__backoff_next(&b, 0), 1000);
  for (uint64_t i = 0; i < MANY; i++) {
    uint32_t wait = plait__backoff_next(&b, UINT64_MAX / MANY * i);
    least = wait < least ? wait : least;
    most = wait > most ? wait : most;
  }
  ck_assert_uint_eq(least, 500);
  ck_assert_uint_eq(most, 1000);
  ck_assert_uint_ge(plait__backoff_next(&b, UINT64_MAX), 500);
  p.jitter = 1;
  ck_assert_int_eq(plait__backoff_init(&b, &p), 0);
  ck_assert_uint_eq(plait__backoff_next(&b, UINT64_MAX), 0);
}
END_TEST

START_TEST(policy_makes_sense) {
  static const struct {
    plait_reconnect policy;
    const char *error;
  } bad[] = {
      {{.initial_ms = 5, .max_ms = 3},
       "reconnect: initial_ms 5 is above max_ms 3"},
      {{.factor = 0.5}, "reconnect: factor 0.5 is not in 1 to 1000"},
      {{.factor = -1}, "reconnect: factor -1 is not in 1 to 1000"},
      {{.jitter = 1.5},
       "reconnect: jitter 1.5 is neither a part of 1 nor PLAIT_NO_JITTER"},
  };
  plait__backoff b;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    ck_assert_int_eq(plait__backoff_init(&b, &bad[i].policy), PLAIT_EINVAL);
    ck_assert_str_eq(plait_error_detail(), bad[i].error);
  }
  ck_assert_int_eq(plait__backoff_init(&b, NULL), 0);
  ck_assert(!plait__backoff_is_on(&b));
}
END_TEST

/* ---- the suite -----------------------------------------------------------*/

static void add_waits(Suite *s) {
  TCase *tc = tcase_create("waits");
  tcase_add_test(tc, waits_grow_to_the_maximum);
  tcase_add_test(tc, waits_like_twisted);
  tcase_add_test(tc, jitter_shortens);
  tcase_add_test(tc, policy_makes_sense);
  suite_add_tcase(s, tc);
}

int main(void) {
  Suite *s = suite_create("backoff");
  add_waits(s);
  SRunner *runner = srunner_create(s);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
