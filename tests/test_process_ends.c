/* Processes: how they end, and who is told. */
#include <check.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "support/child.h"
#include "support/job.h"
#include "support/require.h"
#include "support/runtime.h"

static struct job job;

static void act(const char *const *argv) {
  job = (struct job){.options = {.program = CHILD_PROGRAM, .argv = argv}};
}

static void shell(const char *script) {
  static const char *argv[] = {"sh", "-c", NULL, NULL};
  argv[2] = script;
  job = (struct job){.options = {.program = "/bin/sh", .argv = argv}};
}

/* ---- its end ------------------------------------------------------------- */

START_TEST(test_exit_code) {
  shell("exit 3");
  job_run(&job);
  job_expect(&job, PLAIT_PROCESS_EXITED, 3, false);
}
END_TEST

START_TEST(test_killed_by_another) {
  shell("kill -USR2 $$");
  job_run(&job);
  job_expect(&job, PLAIT_PROCESS_SIGNALLED, SIGUSR2, false);
}
END_TEST

static void signal_it(struct job *j) {
  ck_assert_int_eq(plait_process_signal(j->process, 0), PLAIT_EINVAL);
  ck_assert_int_eq(plait_process_signal(j->process, 65), PLAIT_EINVAL);
  ck_assert_int_eq(plait_process_signal(j->process, SIGUSR1), 0);
}

START_TEST(test_signalled) {
  act(CHILD("patient"));
  job.on_data = signal_it;
  job_run(&job);
  job_expect(&job, PLAIT_PROCESS_SIGNALLED, SIGUSR1, true);
}
END_TEST

START_TEST(test_close) {
  act(CHILD("patient"));
  job.on_data = job_close;
  job_run(&job);
  job_expect(&job, PLAIT_PROCESS_SIGNALLED, SIGTERM, true);
}
END_TEST

START_TEST(test_close_tidily) {
  act(CHILD("tidy", "5"));
  job.on_data = job_close;
  job_run(&job);
  job_expect(&job, PLAIT_PROCESS_EXITED, 5, true);
}
END_TEST

START_TEST(test_close_stubborn) {
  act(CHILD("stubborn"));
  job.options.term_ms = 30;
  job.on_data = job_close;
  job_run(&job);
  job_expect(&job, PLAIT_PROCESS_SIGNALLED, SIGKILL, true);
}
END_TEST

START_TEST(test_close_when_started) {
  act(CHILD("patient"));
  job.on_started = job_close;
  job_run(&job);
  job_expect(&job, PLAIT_PROCESS_SIGNALLED, SIGTERM, true);
}
END_TEST

START_TEST(test_close_at_once) {
  act(CHILD("patient"));
  open_runtime((plait_runtime_options){0});
  job_start(&job);
  job_close(&job);
  ck_assert_ptr_null(plait_process_transport(job.process, 0));
  ck_assert_int_eq(plait_process_pid(job.process), 0);
  ck_assert_int_eq(plait_process_signal(job.process, SIGTERM), PLAIT_ESRCH);
  ck_assert_int_eq(plait_run(runtime), 0);
  close_runtime();
  job_expect_failure(&job, PLAIT_ECANCELED, "spawn child: closed: canceled");
}
END_TEST

static sem_t late_began;

static int spawn_told(const plait__spawn *spawn, plait__kid *ret,
                      const char **ret_step) {
  int code = plait__uv_backend.host->spawn(spawn, ret, ret_step);
  sem_post(&late_began);
  return code;
}

/* It runs, and this reactor has yet to hear. */
static void close_late(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  wait_for(&late_began);
  job_close(&job);
}

static void look_at_input(plait_call *call, plait_protocol *p) {
  const plait_transport *input = plait_process_transport(job.process, 0);
  (void)call, (void)p;
  ck_assert(input == NULL || plait_transport_closing(input));
}

static void look_soon(struct job *j) {
  static plait_call call = {.run = look_at_input};
  plait_reactor_post(j->reactor, &call);
}

/* Not in time to stop it: its input is closed all the same. */
START_TEST(test_close_while_starting) {
  static plait_call call = {.run = close_late};
  plait__host host = *plait__uv_backend.host;
  plait_backend driver = plait__uv_backend;
  host.spawn = spawn_told;
  driver.host = &host;
  sem_init(&late_began, 0, 0);
  act(CHILD("patient"));
  job.on_started = look_soon;
  open_runtime_on(&driver, (plait_runtime_options){0});
  job_start(&job);
  plait_reactor_post(job.reactor, &call);
  ck_assert_int_eq(plait_run(runtime), 0);
  require(plait_runtime_free(runtime) == 0, "%s", plait_error_detail());
  job_expect(&job, PLAIT_PROCESS_SIGNALLED, SIGTERM, true);
}
END_TEST

/* Who does not heed SIGTERM finds that what is typed has ended. */
START_TEST(test_close_terminal) {
  shell("trap '' TERM; echo ready; cat; exit 7");
  job.options.pty = true;
  job.options.term_ms = PLAIT_UNLIMITED;
  job.on_data = job_close;
  job_run(&job);
  job_expect(&job, PLAIT_PROCESS_EXITED, 7, true);
}
END_TEST

/* The whole group goes with it, also who does not heed SIGTERM. */
START_TEST(test_close_group) {
  shell("(trap '' TERM; sleep 1000) & trap 'exit 3' TERM; echo ready; wait");
  job.options.new_group = true;
  job.on_data = job_close;
  job_run(&job);
  job_expect(&job, PLAIT_PROCESS_EXITED, 3, true);
  ck_assert(!job.end.cut);
}
END_TEST

/* ---- others have its pipes ----------------------------------------------- */

START_TEST(test_keeper) {
  act(CHILD("keeper", "1000000"));
  job.options.new_group = true;
  job.options.drain_ms = 20;
  job_run(&job);
  job_expect(&job, PLAIT_PROCESS_EXITED, 0, false);
  ck_assert(job.end.cut);
  ck_assert_str_eq(job.fds[1].text, "gone");
  ck_assert_int_eq(job.fds[1].reason, PLAIT_ETIMEOUT);
  ck_assert_int_eq(job.fds[0].reason, PLAIT_EPIPE);
  kill(-job.pid, SIGKILL);
}
END_TEST

START_TEST(test_keeper_waited_for) {
  act(CHILD("keeper", "60"));
  job.options.drain_ms = PLAIT_UNLIMITED;
  job_run(&job);
  ck_assert(!job.end.cut);
  ck_assert_int_eq(job.fds[1].reason, 0);
}
END_TEST

START_TEST(test_talker) {
  act(CHILD("talker"));
  job.options.drain_ms = 20;
  job_run(&job);
  ck_assert(job.end.cut);
  ck_assert_int_eq(strncmp(job.fds[1].text, "gone", 4), 0);
}
END_TEST

/* ---- the runtime stops --------------------------------------------------- */

static void stop_runtime(struct job *j) {
  (void)j;
  plait_runtime_stop(runtime);
}

START_TEST(test_stop) {
  act(CHILD("patient"));
  job.on_data = stop_runtime;
  job_run(&job);
  job_expect(&job, PLAIT_PROCESS_SIGNALLED, SIGTERM, true);
}
END_TEST

static void interrupt_it(struct job *j) {
  plait_process_signal(j->process, SIGINT);
}

START_TEST(test_draining) {
  act(CHILD("patient"));
  job.on_data = stop_runtime;
  job.on_draining = interrupt_it;
  job_run(&job);
  ck_assert_uint_eq(job.drained, 1);
  job_expect(&job, PLAIT_PROCESS_SIGNALLED, SIGINT, true);
}
END_TEST

static void do_nothing(struct job *j) {
  (void)j;
}

/* After the grace there is no more waiting. */
START_TEST(test_grace) {
  act(CHILD("stubborn"));
  job.options.term_ms = PLAIT_UNLIMITED;
  job.on_data = stop_runtime;
  job.on_draining = do_nothing;
  open_runtime((plait_runtime_options){.grace_ms = 30});
  job_start(&job);
  ck_assert_int_eq(plait_run(runtime), 0);
  close_runtime();
  job_expect(&job, PLAIT_PROCESS_SIGNALLED, SIGKILL, true);
}
END_TEST

static void stop_now(struct job *j) {
  (void)j;
  plait_runtime_stop_now(runtime);
}

START_TEST(test_stop_now) {
  act(CHILD("stubborn"));
  job.on_data = stop_now;
  open_runtime((plait_runtime_options){0});
  job_start(&job);
  ck_assert_int_eq(plait_run(runtime), PLAIT_EDRAIN);
  close_runtime();
  job_expect(&job, PLAIT_PROCESS_SIGNALLED, SIGKILL, true);
}
END_TEST

/* A runtime that never ran has started nothing. */
START_TEST(test_never_run) {
  act(CHILD("patient"));
  open_runtime((plait_runtime_options){0});
  job_start(&job);
  close_runtime();
  ck_assert(!job.started && !job.ended);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("process_ends");
  TCase *c = tcase_create("process_ends");
  tcase_set_timeout(c, 60);
  tcase_add_test(c, test_exit_code);
  tcase_add_test(c, test_killed_by_another);
  tcase_add_test(c, test_signalled);
  tcase_add_test(c, test_close);
  tcase_add_test(c, test_close_tidily);
  tcase_add_test(c, test_close_stubborn);
  tcase_add_test(c, test_close_when_started);
  tcase_add_test(c, test_close_at_once);
  tcase_add_test(c, test_close_while_starting);
  tcase_add_test(c, test_close_terminal);
  tcase_add_test(c, test_close_group);
  tcase_add_test(c, test_keeper);
  tcase_add_test(c, test_keeper_waited_for);
  tcase_add_test(c, test_talker);
  tcase_add_test(c, test_stop);
  tcase_add_test(c, test_draining);
  tcase_add_test(c, test_grace);
  tcase_add_test(c, test_stop_now);
  tcase_add_test(c, test_never_run);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return argc > 1 ? child_main(argv + 1) : run_suite(suite());
}
