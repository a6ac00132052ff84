/* What the simulator says when a program is stuck, and what it leaves behind.
 * Each of these ends the process, so it is a child's. */
#include <check.h>
#include <plait.h>
#include <plait/sim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/sim.h"
#include "support/last_words.h"
#include "support/require.h"

static plait_sim *sim;

static void expect(const char *text, const char *part) {
  require(strstr(text, part) != NULL, "no '%s' in: %s", part, text);
}

static plait_runtime *new_runtime(void) {
  plait_sim_options world = {.seed = 77};
  plait_runtime_options options = {.reactors = 2, .keep_running = true};
  plait_runtime *runtime;
  require(plait_sim_new(&world, &sim) == 0, "no world");
  options.backend = plait_sim_backend(sim);
  require(plait_runtime_new(&options, &runtime) == 0, "no runtime");
  return runtime;
}

/* ---- nothing will ever happen -------------------------------------------- */

static void wait_for_another(void *arg) {
  plait_sim_thread_join(arg);
}

static void run_for_ever(void *arg) {
  plait_run(arg);
}

static void stop(void) {
  plait_sim_thread *runs, *waits;
  require(plait_sim_thread_start(sim, run_for_ever, new_runtime(), "server",
                                 &runs) == 0,
          "no thread");
  require(plait_sim_thread_start(sim, wait_for_another, runs, "second",
                                 &waits) == 0,
          "no thread");
  plait_sim_sleep_us(sim, 2500000);
  plait_sim_thread_join(waits);
}

START_TEST(a_stop_is_reported) {
  const char *text = last_words(stop);
  expect(text, "nothing will ever happen any more (seed 77, at 3.50");
  expect(text, "\n  0 program: waits for the end of 2 second\n");
  expect(text, "\n  1 server: a reactor with nothing to do\n");
  expect(text, "\n  2 second: waits for the end of 1 server\n");
  expect(text, "\n  3 plait-reactor: a reactor with nothing to do\n");
}
END_TEST

/* ---- a callback that does not return ------------------------------------- */

static void spin(void) {
  for (;;)
    pause();
}

static void spin_in_callback(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  spin();
}

static void hang_in_callback(void) {
  plait_call call = {.run = spin_in_callback};
  plait__sim_alarm_ms = 100;
  plait_runtime *runtime = new_runtime();
  plait_reactor_post(plait_runtime_reactor(runtime, 1), &call);
  plait_run(runtime);
}

START_TEST(a_callback_that_hangs_is_reported) {
  const char *text = last_words(hang_in_callback);
  expect(text, "the simulation hangs (seed 77): thread 1 plait-reactor has "
               "made no call for 100 ms");
}
END_TEST

static void spin_in_task(plait_task *task) {
  (void)task;
  spin();
}

static void submit(plait_call *call, plait_protocol *p) {
  static plait_task task = {.work = spin_in_task, .name = "the lazy task"};
  (void)call, (void)p;
  plait_runtime *runtime = plait_reactor_runtime(plait_reactor_current());
  plait_pool_submit(plait_runtime_pool(runtime), &task);
}

static void hang_in_task(void) {
  plait_call call = {.run = submit};
  plait__sim_alarm_ms = 100;
  plait_runtime *runtime = new_runtime();
  plait_reactor_post(plait_runtime_reactor(runtime, 0), &call);
  plait_run(runtime);
}

START_TEST(a_task_that_hangs_is_named) {
  const char *text = last_words(hang_in_task);
  expect(text, "thread 2 plait-task, which runs the lazy task, has made no");
}
END_TEST

/* ---- a lost block ------------------------------------------ */

static void lose(void) {
  plait_runtime *runtime = new_runtime();
  plait_sim_fail_at(sim, 1);
  const plait__os *os = plait_sim_backend(sim)->os;
  require(os->alloc(NULL, 10, "src/a.c:1") == NULL, "it was to fail");
  char *lost = os->alloc(NULL, 10, "../../src/a.c:1");
  memcpy(lost, "contents.", 10);
  lost = os->alloc(lost, 30, "../../src/a.c:2");
  require(memcmp(lost, "contents.", 10) == 0, "contents are lost, too");
  os->alloc(NULL, 5, "../../src/a.c:2");
  plait_runtime_free(runtime);
  require(plait_sim_memory(sim) == 35, "%zu bytes", plait_sim_memory(sim));
  fputs(plait_sim_left(sim), stderr);
  plait_sim_free(sim);
  abort();
}

START_TEST(what_is_left_has_a_place) {
  ck_assert_str_eq(last_words(lose), "35 bytes in 2 of src/a.c:2\n");
}
END_TEST

/* ---- the suite ----------------------------------------------------------- */

int main(void) {
  Suite *s = suite_create("sim_reports");
  TCase *tc = tcase_create("reports");
  tcase_set_timeout(tc, 60);
  tcase_add_test(tc, a_stop_is_reported);
  tcase_add_test(tc, a_callback_that_hangs_is_reported);
  tcase_add_test(tc, a_task_that_hangs_is_named);
  tcase_add_test(tc, what_is_left_has_a_place);
  suite_add_tcase(s, tc);
  SRunner *runner = srunner_create(s);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
