/* The simulator: faults, memory, names, signals. */
#include <check.h>
#include <plait.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/require.h"
#include "support/runtime.h"
#include "support/sim_world.h"

static void close_world(void) {
  require(plait_runtime_free(runtime) == 0, "%s", plait_error_detail());
  sim_end();
}

static uint64_t now_ms(void) {
  return plait_sim_now_ns(sim) / 1000000;
}

/* ---- faults -------------------------------------------------------------- */

static void nothing(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
}

/* A runtime with two reactors and a task; whatever fails, nothing is left, and
 * either it works or there is a code.  Whether something failed. */
static bool small_world(uint64_t k) {
  static plait_call call;
  sim_begin((plait_sim_options){.seed = k});
  plait_runtime_options options = {.reactors = 2,
                                   .backend = plait_sim_backend(sim)};
  plait_sim_fail_at(sim, k);
  int code = plait_runtime_new(&options, &runtime);
  if (code == 0) {
    plait_strand *strand = NULL;
    plait_pool *pool = plait_runtime_pool(runtime);
    call = (plait_call){.run = nothing};
    if (pool != NULL)
      strand = plait_strand_new(pool);
    if (strand != NULL)
      code = plait_strand_post(strand, &call);
    else
      code = PLAIT_ENOMEM;
    plait_strand_free(strand);
    int ran = plait_run(runtime);
    code = code != 0 ? code : ran;
    ck_assert_int_eq(plait_runtime_free(runtime), 0);
  }
  const char *failed = plait_sim_failed(sim);
  require((code != 0) == (failed != NULL), "%s: %s",
          failed != NULL ? failed : "nothing", plait_strerror(code));
  ck_assert_ptr_null(plait_sim_left(sim));
  bool any = failed != NULL;
  sim_end();
  return any;
}

START_TEST(each_call_fails) {
  uint64_t k = 1;
  while (small_world(k))
    k++;
  ck_assert_uint_gt(k, 8);
}
END_TEST

START_TEST(what_failed_has_a_name) {
  sim_begin((plait_sim_options){0});
  plait_runtime_options options = {.backend = plait_sim_backend(sim)};
  plait_sim_fail_at(sim, 1);
  ck_assert_int_eq(plait_runtime_new(&options, &runtime), PLAIT_ENOMEM);
  const char *failed = plait_sim_failed(sim);
  ck_assert_ptr_nonnull(failed);
  ck_assert_int_eq(strncmp(failed, "alloc src/core/runtime.c:", 25), 0);
  ck_assert_uint_eq(plait_sim_fallible(sim), 1);
  sim_end();
}
END_TEST

START_TEST(chances_end_when_it_heals) {
  sim_begin((plait_sim_options){.seed = 4, .alloc_fail_ppm = 500000});
  plait_runtime_options options = {.backend = plait_sim_backend(sim)};
  unsigned failed = 0;
  for (int i = 0; i < 20; i++) {
    if (plait_runtime_new(&options, &runtime) != 0)
      failed++;
    else
      plait_runtime_free(runtime);
    ck_assert_ptr_null(plait_sim_left(sim));
  }
  ck_assert_uint_gt(failed, 10);
  plait_sim_heal(sim);
  for (int i = 0; i < 20; i++) {
    open_runtime_on(plait_sim_backend(sim), (plait_runtime_options){0});
    plait_runtime_free(runtime);
  }
  sim_end();
}
END_TEST

/* ---- memory -------------------------------------------------------------- */

START_TEST(memory_is_accounted) {
  sim_begin((plait_sim_options){0});
  ck_assert_uint_eq(plait_sim_memory(sim), 0);
  open_runtime_on(plait_sim_backend(sim), (plait_runtime_options){0});
  size_t now = plait_sim_memory(sim);
  ck_assert_uint_gt(now, 1000);
  const char *left = plait_sim_left(sim);
  ck_assert_ptr_nonnull(left);
  ck_assert_ptr_nonnull(strstr(left, "of src/core/runtime.c:"));
  plait_runtime_free(runtime);
  ck_assert_uint_eq(plait_sim_memory(sim), 0);
  ck_assert_uint_ge(plait_sim_memory_peak(sim), now);
  sim_end();
}
END_TEST

/* ---- names --------------------------------------------------------------- */

static char found[128];
static uint64_t asked_ms, found_ms;
static plait_query query;

static void put(const char *text) {
  size_t len = strlen(found);
  snprintf(found + len, sizeof found - len, "%s%s", len == 0 ? "" : " ", text);
}

static void answered(plait_query *q, int code) {
  char text[64];
  found[0] = '\0';
  found_ms = now_ms();
  put(plait_error_name(code));
  for (size_t i = 0; i < q->count; i++)
    put(plait_address_format(&q->addresses[i], text, sizeof text));
  if (q->canonical != NULL)
    put(q->canonical);
}

static void ask_it(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  asked_ms = now_ms();
  require(plait_resolve(plait_runtime_resolver(runtime), NULL, &query) == 0,
          "%s", plait_error_detail());
}

static void ask(plait_query q, const char *expected) {
  query = q;
  query.answered = answered;
  open_runtime_on(plait_sim_backend(sim), (plait_runtime_options){0});
  require(run(ask_it) == 0, "%s", plait_error_detail());
  plait_runtime_free(runtime);
  ck_assert_str_eq(found, expected);
}

START_TEST(names_are_scripted) {
  plait_address both[2];
  sim_begin((plait_sim_options){.seed = 9, .resolve_max_ms = 3});
  plait_address_parse("10.0.0.1", 0, &both[0]);
  plait_address_parse("fd00::1", 0, &both[1]);
  ck_assert_int_eq(plait_sim_name(sim, "host", both, 2, 500, 0), 0);
  ck_assert_int_eq(plait_sim_name(sim, "odd", NULL, 0, 0, PLAIT_ETEMPORARY), 0);
  ask((plait_query){.name = "host", .port = 80},
      "PLAIT_OK 10.0.0.1:80 [fd00::1]:80 host");
  ck_assert_uint_ge(found_ms - asked_ms, 500);
  ck_assert_uint_le(found_ms - asked_ms, 505);
  ask((plait_query){.name = "host", .service = "8080", .family = PLAIT_IPV6},
      "PLAIT_OK [fd00::1]:8080 host");
  ask((plait_query){.address = both[1]}, "PLAIT_OK host");
  ask((plait_query){.name = "HOST", .port = 80},
      "PLAIT_OK 10.0.0.1:80 [fd00::1]:80 host");
  ask((plait_query){.name = "odd"}, "PLAIT_ETEMPORARY");
  ask((plait_query){.name = "nobody"}, "PLAIT_ENOTFOUND");
  ck_assert_int_eq(plait_sim_name(sim, "host", both, 1, 0, 0), 0);
  ask((plait_query){.name = "host", .port = 1}, "PLAIT_OK 10.0.0.1:1 host");
  sim_end();
}
END_TEST

/* ---- signals ------------------------------------------------------------- */

static void signal_later(void *arg) {
  (void)arg;
  plait_sim_sleep_us(sim, 5000000);
  plait_sim_signal(sim);
}

START_TEST(a_signal_stops) {
  plait_sim_thread *thread;
  sim_begin((plait_sim_options){0});
  open_runtime_on(
      plait_sim_backend(sim),
      (plait_runtime_options){.keep_running = true, .handle_signals = true});
  require(plait_sim_thread_start(sim, signal_later, NULL, "user", &thread) == 0,
          "no thread");
  require(plait_run(runtime) == 0, "%s", plait_error_detail());
  ck_assert_uint_ge(now_ms(), 6000);
  ck_assert_uint_le(now_ms(), 6010);
  plait_sim_thread_join(thread);
  close_world();
}
END_TEST

/* ---- the suite ----------------------------------------------------------- */

int main(void) {
  Suite *s = suite_create("sim_faults");
  TCase *tc = tcase_create("sim_faults");
  tcase_set_timeout(tc, 60);
  tcase_add_test(tc, each_call_fails);
  tcase_add_test(tc, what_failed_has_a_name);
  tcase_add_test(tc, chances_end_when_it_heals);
  tcase_add_test(tc, memory_is_accounted);
  tcase_add_test(tc, names_are_scripted);
  tcase_add_test(tc, a_signal_stops);
  suite_add_tcase(s, tc);
  SRunner *runner = srunner_create(s);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
