/* Processes: one child, from its start to its end. */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

/* ---- pipes --------------------------------------------------------------- */

static void say_hello(struct job *j) {
  job_write(j, 0, "hello");
  job_close_stdin(j);
}

START_TEST(test_cat) {
  job = (struct job){.options.program = "/bin/cat", .on_started = say_hello};
  job_run(&job);
  job_expect(&job, PLAIT_PROCESS_EXITED, 0, false);
  ck_assert_str_eq(job.fds[1].text, "hello");
  ck_assert_uint_eq(job.fds[2].received, 0);
  for (int fd = 0; fd <= 2; fd++)
    ck_assert(job.fds[fd].lost && job.fds[fd].reason == 0);
}
END_TEST

/* Into a pipe of 64 KiB, out of another one, with a queue before it. */
enum { MUCH = 3 << 20 };

static size_t pumped;

static void pump(struct job *j) {
  static char bytes[64 * 1024];
  plait_transport *t = plait_process_transport(j->process, 0);
  bool more = true;
  while (more && pumped < MUCH) {
    more = plait_write(t, bytes, sizeof bytes);
    pumped += sizeof bytes;
  }
  if (pumped >= MUCH)
    plait_close(t);
}

START_TEST(test_back_pressure) {
  job = (struct job){
      .options.program = "/bin/cat", .on_started = pump, .on_resume = pump};
  pumped = 0;
  job_run(&job);
  job_expect(&job, PLAIT_PROCESS_EXITED, 0, false);
  ck_assert_uint_eq(job.fds[1].received, MUCH);
  ck_assert_uint_gt(job.resumed, 0);
}
END_TEST

/* A reader that pauses makes the child wait; what it wrote last is still there
 * when it has exited, however long that takes. */
static plait_timer timer;

static void go_on(plait_timer *t) {
  (void)t;
  plait_resume_reading(plait_process_transport(job.process, 1));
}

static void pause_output(struct job *j) {
  plait_pause_reading(plait_process_transport(j->process, 1));
}

static void resume_later(struct job *j) {
  (void)j;
  plait_timer_init(&timer, NULL, go_on);
  plait_timer_start(&timer, 60, 0);
}

START_TEST(test_paused_after_exit) {
  act(CHILD("flood", "1", "50000"));
  job.options.drain_ms = 10;
  job.on_started = pause_output;
  job.on_exited = resume_later;
  job_run(&job);
  job_expect(&job, PLAIT_PROCESS_EXITED, 0, false);
  ck_assert_uint_eq(job.fds[1].received, 50000);
  ck_assert(!job.end.cut);
}
END_TEST

START_TEST(test_flood_of_errors) {
  act(CHILD("flood", "2", "5000000"));
  job_run(&job);
  job_expect(&job, PLAIT_PROCESS_EXITED, 0, false);
  ck_assert_uint_eq(job.fds[2].received, 5000000);
}
END_TEST

static void write_much(struct job *j) {
  static char bytes[1 << 20];
  if (j->fds[0].lost)
    return;
  plait_write(plait_process_transport(j->process, 0), bytes, sizeof bytes);
}

static void let_go(struct job *j) {
  if (j->fd == 0)
    job_write(j, 3, "x");
}

/* The child closes its input: that is told while it lives on. */
START_TEST(test_input_closed) {
  static const plait_process_fd fds[] = {{0, PLAIT_CHILD_READS, 0},
                                         {1, PLAIT_CHILD_WRITES, 0},
                                         {3, PLAIT_CHILD_READS, 0}};
  act(CHILD("swallow"));
  job.options.fds = fds;
  job.options.fd_count = 3;
  job.on_data = write_much;
  job.on_lost = let_go;
  job_run(&job);
  job_expect(&job, PLAIT_PROCESS_EXITED, 0, false);
  ck_assert_int_eq(job.fds[0].reason, PLAIT_EPIPE);
}
END_TEST

static unsigned lost_before_exit;

static void close_when_silent(struct job *j) {
  if (!j->exited && ++lost_before_exit == 3)
    job_close(j);
}

START_TEST(test_output_closed_early) {
  act(CHILD("silent"));
  lost_before_exit = 0;
  job.on_lost = close_when_silent;
  job_run(&job);
  ck_assert_uint_eq(lost_before_exit, 3);
  job_expect(&job, PLAIT_PROCESS_SIGNALLED, SIGTERM, true);
}
END_TEST

/* ---- what the child has -------------------------------------------------- */

/* R026, P21. */
START_TEST(test_descriptors) {
  static plait_process_fd fds[] = {{1, PLAIT_CHILD_WRITES, 0},
                                   {5, PLAIT_CHILD_NULL, 0},
                                   {7, PLAIT_CHILD_INHERITS, 0},
                                   {40, PLAIT_CHILD_READS, 0}};
  int leaks[20];
  for (int i = 0; i < 20; i++) /* which others would get */
    leaks[i] = open("/", O_RDONLY);
  fds[2].fd = leaks[19];
  act(CHILD("descriptors"));
  job.options.fds = fds;
  job.options.fd_count = 4;
  job_run(&job);
  for (int i = 0; i < 20; i++)
    close(leaks[i]);
  ck_assert_str_eq(job.fds[1].text, "0 1 2 5 7 40 ");
}
END_TEST

/* Copies of them are where others are to go. */
START_TEST(test_descriptors_swapped) {
  enum { SWAPPED = 40 };
  static plait_process_fd fds[SWAPPED] = {{1, PLAIT_CHILD_WRITES, 0}};
  char expected[8 * SWAPPED] = "";
  int dirs[2] = {open("/usr", O_RDONLY | O_CLOEXEC),
                 open("/etc", O_RDONLY | O_CLOEXEC)};
  shell("i=3; while [ $i -le 41 ]; do readlink /proc/self/fd/$i; "
        "i=$((i+1)); done");
  for (int i = 1; i < SWAPPED; i++) {
    int number = SWAPPED + 2 - i; /* the last is the first that is told */
    fds[i] = (plait_process_fd){number, PLAIT_CHILD_INHERITS, dirs[i % 2]};
    strcat(expected, i % 2 == 1 ? "/etc\n" : "/usr\n");
  }
  job.options.fds = fds;
  job.options.fd_count = SWAPPED;
  open_runtime((plait_runtime_options){0});
  job_start(&job);
  close(dirs[0]); /* copied at once */
  close(dirs[1]);
  ck_assert_int_eq(plait_run(runtime), 0);
  plait_runtime_free(runtime);
  ck_assert_str_eq(job.fds[1].text, expected);
}
END_TEST

/* Of /proc/PID/status. */
static unsigned long long signals_of(const char *name) {
  const char *line = strstr(job.fds[1].text, name);
  ck_assert_ptr_nonnull(line);
  return strtoull(line + strlen(name), NULL, 16);
}

START_TEST(test_signals) {
  sigset_t all;
  sigfillset(&all);
  signal(SIGHUP, SIG_IGN);
  signal(SIGUSR1, SIG_IGN);
  sigprocmask(SIG_BLOCK, &all, NULL);
  job = (struct job){.options = {.program = "/bin/cat",
                                 .argv = (const char *const[]){
                                     "cat", "/proc/self/status", NULL}}};
  job_run(&job);
  ck_assert_uint_eq(signals_of("SigBlk:"), 0);
  ck_assert_uint_eq(signals_of("SigIgn:"), 0);
  ck_assert_uint_eq(signals_of("SigCgt:"), 0);
}
END_TEST

START_TEST(test_environment_inherits) {
  setenv("PLAIT_TEST_OURS", "1", 1);
  shell("echo $PLAIT_TEST_OURS $PLAIT_TEST_MORE");
  job.options.environment = (const char *const[]){"PLAIT_TEST_MORE=2", NULL};
  job_run(&job);
  ck_assert_str_eq(job.fds[1].text, "1 2\n");
}
END_TEST

START_TEST(test_environment_replaces) {
  setenv("PLAIT_TEST_OURS", "1", 1);
  job = (struct job){.options = {.program = "/usr/bin/env",
                                 .environment = (const char *const[]){
                                     "PLAIT_TEST_OURS=2", NULL}}};
  job_run(&job);
  ck_assert_ptr_nonnull(strstr(job.fds[1].text, "PLAIT_TEST_OURS=2\n"));
  ck_assert_ptr_null(strstr(job.fds[1].text, "PLAIT_TEST_OURS=1\n"));
}
END_TEST

START_TEST(test_environment_alone) {
  job = (struct job){
      .options = {.program = "/usr/bin/env",
                  .environment = (const char *const[]){"A=b", NULL},
                  .environment_alone = true}};
  job_run(&job);
  ck_assert_str_eq(job.fds[1].text, "A=b\n");
}
END_TEST

START_TEST(test_search) {
  job = (struct job){.options = {.program = "pwd", .directory = "/usr"}};
  job_run(&job);
  job_expect(&job, PLAIT_PROCESS_EXITED, 0, false);
  ck_assert_str_eq(job.fds[1].text, "/usr\n");
}
END_TEST

START_TEST(test_user) {
  if (getuid() != 0)
    return; /* nobody else may */
  static const uint32_t groups[] = {7, 8};
  act(CHILD("ids"));
  job.options.program = CHILD_PROGRAM;
  job.options.uid = 65534;
  job.options.gid = 65533;
  job.options.groups = groups;
  job.options.group_count = 2;
  job_run(&job);
  ck_assert_str_eq(job.fds[1].text, "65534 65533 2");
}
END_TEST

START_TEST(test_session) {
  act(CHILD("groups"));
  job.options.new_session = true;
  job_run(&job);
  ck_assert_str_eq(job.fds[1].text, "1 1");
}
END_TEST

START_TEST(test_group) {
  act(CHILD("groups"));
  job.options.new_group = true;
  job_run(&job);
  ck_assert_str_eq(job.fds[1].text, "0 1");
}
END_TEST

START_TEST(test_no_group) {
  act(CHILD("groups"));
  job_run(&job);
  ck_assert_str_eq(job.fds[1].text, "0 0");
}
END_TEST

/* ---- a terminal ---------------------------------------------------------- */

START_TEST(test_terminal) {
  act(CHILD("terminal"));
  job.options.pty = true;
  job.options.pty_rows = 33;
  job.options.pty_columns = 77;
  job_run(&job);
  job_expect(&job, PLAIT_PROCESS_EXITED, 0, false);
  ck_assert_str_eq(job.fds[1].text, "1 1 1 1 33x77");
  ck_assert_int_eq(job.fds[1].reason, 0);
}
END_TEST

static void type_line(struct job *j) {
  plait_transport *t = plait_process_transport(j->process, 0);
  ck_assert_ptr_eq(t, plait_process_transport(j->process, 2));
  plait_write_str(t, "line\n");
  plait_write_eof(t);
}

/* It echoes, makes two bytes of a newline, and knows the key for the end. */
START_TEST(test_terminal_cooked) {
  job = (struct job){.options = {.program = "/bin/cat", .pty = true},
                     .on_started = type_line};
  job_run(&job);
  job_expect(&job, PLAIT_PROCESS_EXITED, 0, false);
  ck_assert_str_eq(job.fds[1].text, "line\r\nline\r\n");
}
END_TEST

static void type_half(struct job *j) {
  plait_transport *t = plait_process_transport(j->process, 0);
  plait_write_str(t, "half");
  plait_write_eof(t);
}

/* The end of the input is one behind half a line, too. */
START_TEST(test_terminal_half_a_line) {
  job = (struct job){.options = {.program = "/bin/cat", .pty = true},
                     .on_started = type_half};
  job_run(&job);
  job_expect(&job, PLAIT_PROCESS_EXITED, 0, false);
  ck_assert_str_eq(job.fds[1].text, "halfhalf");
}
END_TEST

static void type_raw(struct job *j) {
  job_write(j, 1, "a\004b\003\n");
}

static void close_when_all(struct job *j) {
  if (j->fds[1].received == 5)
    job_close(j);
}

START_TEST(test_terminal_raw) {
  job = (struct job){
      .options = {.program = "/bin/cat", .pty = true, .pty_raw = true},
      .on_started = type_raw,
      .on_data = close_when_all};
  job_run(&job);
  job_expect(&job, PLAIT_PROCESS_SIGNALLED, SIGTERM, true);
  ck_assert_str_eq(job.fds[1].text, "a\004b\003\n");
}
END_TEST

static void hang_up(struct job *j) {
  plait_abort(plait_process_transport(j->process, 1));
}

START_TEST(test_terminal_hung_up) {
  act(CHILD("patient"));
  job.options.pty = true;
  job.on_data = hang_up;
  job_run(&job);
  job_expect(&job, PLAIT_PROCESS_SIGNALLED, SIGHUP, false);
  ck_assert_int_eq(job.fds[1].reason, PLAIT_ECANCELED);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("process");
  TCase *c = tcase_create("process");
  tcase_set_timeout(c, 60);
  tcase_add_test(c, test_cat);
  tcase_add_test(c, test_back_pressure);
  tcase_add_test(c, test_paused_after_exit);
  tcase_add_test(c, test_flood_of_errors);
  tcase_add_test(c, test_input_closed);
  tcase_add_test(c, test_output_closed_early);
  tcase_add_test(c, test_descriptors);
  tcase_add_test(c, test_descriptors_swapped);
  tcase_add_test(c, test_signals);
  tcase_add_test(c, test_environment_inherits);
  tcase_add_test(c, test_environment_replaces);
  tcase_add_test(c, test_environment_alone);
  tcase_add_test(c, test_search);
  tcase_add_test(c, test_user);
  tcase_add_test(c, test_session);
  tcase_add_test(c, test_group);
  tcase_add_test(c, test_no_group);
  tcase_add_test(c, test_terminal);
  tcase_add_test(c, test_terminal_cooked);
  tcase_add_test(c, test_terminal_half_a_line);
  tcase_add_test(c, test_terminal_raw);
  tcase_add_test(c, test_terminal_hung_up);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return argc > 1 ? child_main(argv + 1) : run_suite(suite());
}
