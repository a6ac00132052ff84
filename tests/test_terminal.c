/* Raw mode: on, off, and every way by which it is given back. */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "support/require.h"
#include "support/runtime.h"

/* A terminal, and how it was. */
static int outside, inside;
static struct termios before;

static void make_terminal(int *ret_outside, int *ret_inside) {
  *ret_outside = posix_openpt(O_RDWR | O_NOCTTY);
  require(*ret_outside >= 0 && grantpt(*ret_outside) == 0 &&
              unlockpt(*ret_outside) == 0,
          "no terminal");
  *ret_inside = open(ptsname(*ret_outside), O_RDWR | O_NOCTTY);
  require(*ret_inside >= 0, "no inside");
}

static void setup(void) {
  make_terminal(&outside, &inside);
  tcgetattr(inside, &before);
}

static void teardown(void) {
  close(outside);
  close(inside);
}

static bool is_raw(void) {
  struct termios now;
  tcgetattr(inside, &now);
  return (now.c_lflag & (ICANON | ECHO | ISIG)) == 0;
}

static void check_before(void) {
  struct termios now;
  memset(&now, 0, sizeof now);
  tcgetattr(inside, &now);
  ck_assert_uint_eq(now.c_lflag, before.c_lflag);
  ck_assert_uint_eq(now.c_iflag, before.c_iflag);
  ck_assert_uint_eq(now.c_oflag, before.c_oflag);
  ck_assert_int_eq(memcmp(now.c_cc, before.c_cc, sizeof now.c_cc), 0);
}

static void raw(bool on) {
  require(plait_terminal_raw(runtime, inside, on) == 0, "%s",
          plait_error_detail());
  ck_assert(is_raw() == on);
}

static const int fatals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

static bool is_default(int number) {
  struct sigaction now;
  sigaction(number, NULL, &now);
  return now.sa_handler == SIG_DFL;
}

START_TEST(test_on_and_off) {
  open_runtime((plait_runtime_options){0});
  raw(true);
  raw(true);
  ck_assert(!is_default(SIGHUP));
  raw(false);
  check_before();
  ck_assert(is_default(SIGHUP));
  raw(false);
  raw(true);
  close_runtime();
  check_before();
  ck_assert(is_default(SIGHUP));
}
END_TEST

static void handler(int number) {
  (void)number;
}

/* Who handles a signal does so as before. */
START_TEST(test_leaves_handlers_alone) {
  struct sigaction now;
  signal(SIGHUP, handler);
  signal(SIGQUIT, SIG_IGN);
  open_runtime((plait_runtime_options){0});
  raw(true);
  sigaction(SIGHUP, NULL, &now);
  ck_assert(now.sa_handler == handler);
  sigaction(SIGQUIT, NULL, &now);
  ck_assert(now.sa_handler == SIG_IGN);
  raise(SIGHUP);
  ck_assert(is_raw());
  close_runtime();
  sigaction(SIGHUP, NULL, &now);
  ck_assert(now.sa_handler == handler);
}
END_TEST

/* ---- the end of a process ------------------------------------------------ */

/* What |fn| in a process of its own comes to. */
static int status_of(void (*fn)(void)) {
  int status;
  pid_t child = fork();
  if (child == 0) {
    fn();
    _exit(99);
  }
  require(waitpid(child, &status, 0) == child, "no child");
  return status;
}

static void leave(void) {
  require(plait_runtime_new(NULL, &runtime) == 0, "no runtime");
  raw(true);
  exit(7);
}

START_TEST(test_exit) {
  int status = status_of(leave);
  ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 7);
  check_before();
}
END_TEST

static int fatal;

static void die(void) {
  signal(fatal, SIG_DFL); /* Check has handlers */
  require(plait_runtime_new(NULL, &runtime) == 0, "no runtime");
  raw(true);
  raise(fatal);
}

START_TEST(test_killed) {
  fatal = fatals[_i];
  int status = status_of(die);
  ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == fatal);
  check_before();
}
END_TEST

/* While it is caught it is no end; when it is not caught any more it is. */
static plait_signal caught;

static void not_any_more(plait_signal *s, int number) {
  (void)number;
  plait_signal_stop(s);
}

static void catch_and_raise(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  plait_signal_init(&caught, not_any_more);
  require(plait_signal_start(&caught, SIGTERM) == 0, "%s",
          plait_error_detail());
  raw(true); /* when it is caught already */
  raise(SIGTERM);
}

static void die_later(void) {
  signal(SIGTERM, SIG_DFL);
  require(plait_runtime_new(NULL, &runtime) == 0, "no runtime");
  require(run(catch_and_raise) == 0, "%s", plait_error_detail());
  require(is_raw(), "it was given back");
  raise(SIGTERM);
}

START_TEST(test_killed_when_not_caught_any_more) {
  int status = status_of(die_later);
  ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
  check_before();
}
END_TEST

/* Nothing stays of what was there meanwhile. */
static void catch_in_raw_mode(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  raw(true);
  plait_signal_init(&caught, not_any_more);
  require(plait_signal_start(&caught, SIGTERM) == 0, "%s",
          plait_error_detail());
  raw(false);
  plait_signal_stop(&caught);
}

START_TEST(test_off_while_caught) {
  signal(SIGTERM, SIG_DFL); /* Check has a handler */
  open_runtime((plait_runtime_options){0});
  ck_assert_int_eq(run(catch_in_raw_mode), 0);
  ck_assert(is_default(SIGTERM));
  close_runtime();
}
END_TEST

/* ---- what is refused ----------------------------------------------------- */

START_TEST(test_refused) {
  int other_outside, other_inside, file = open("/dev/null", O_RDWR);
  unsigned columns, rows;
  make_terminal(&other_outside, &other_inside);
  open_runtime((plait_runtime_options){0});
  ck_assert_int_eq(plait_terminal_raw(runtime, file, true), PLAIT_ENOTSUP);
  ck_assert_int_eq(plait_terminal_raw(runtime, -1, true), PLAIT_EBADF);
  raw(true);
  ck_assert_int_eq(plait_terminal_raw(runtime, other_inside, true),
                   PLAIT_EBUSY);
  ck_assert_ptr_nonnull(
      strstr(plait_error_detail(), "another one is in raw mode"));
  ck_assert_int_eq(plait_terminal_raw(runtime, file, true), PLAIT_ENOTSUP);
  ck_assert_int_eq(plait_terminal_raw(runtime, -1, true), PLAIT_EBADF);
  ck_assert_int_eq(plait_terminal_size(runtime, file, &columns, &rows),
                   PLAIT_ENOTSUP);
  close_runtime();
  check_before();
  close(other_outside);
  close(other_inside);
  close(file);
}
END_TEST

/* The other one is off already. */
START_TEST(test_off_of_another) {
  int other_outside, other_inside;
  make_terminal(&other_outside, &other_inside);
  open_runtime((plait_runtime_options){0});
  raw(true);
  ck_assert_int_eq(plait_terminal_raw(runtime, other_inside, false), 0);
  ck_assert(is_raw());
  close_runtime();
  check_before();
  close(other_outside);
  close(other_inside);
}
END_TEST

/* /dev/tty is the one that controls the process. */
static void by_its_other_name(void) {
  setsid();
  require(ioctl(inside, TIOCSCTTY, 0) == 0, "it does not control");
  int other = open("/dev/tty", O_RDWR);
  require(plait_runtime_new(NULL, &runtime) == 0, "no runtime");
  raw(true);
  require(plait_terminal_raw(runtime, other, true) == 0, "%s",
          plait_error_detail());
  require(plait_terminal_raw(runtime, other, false) == 0, "%s",
          plait_error_detail());
  _exit(is_raw());
}

START_TEST(test_other_name) {
  int status = status_of(by_its_other_name);
  ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  check_before();
}
END_TEST

/* It is given back all the same. */
START_TEST(test_closed_meanwhile) {
  open_runtime((plait_runtime_options){0});
  int copy = dup(inside);
  require(plait_terminal_raw(runtime, copy, true) == 0, "%s",
          plait_error_detail());
  close(copy);
  ck_assert(is_raw());
  ck_assert_int_eq(plait_terminal_raw(runtime, copy, false), 0);
  check_before();
  close_runtime();
}
END_TEST

START_TEST(test_size) {
  struct winsize size = {.ws_col = 132, .ws_row = 50};
  unsigned columns = 0, rows = 0;
  ioctl(outside, TIOCSWINSZ, &size);
  open_runtime((plait_runtime_options){0});
  ck_assert_int_eq(plait_terminal_size(runtime, inside, &columns, &rows), 0);
  ck_assert_uint_eq(columns, 132);
  ck_assert_uint_eq(rows, 50);
  close_runtime();
}
END_TEST

int main(void) {
  /* Whoever started this may ignore some. */
  for (size_t i = 0; i < sizeof fatals / sizeof *fatals; i++)
    signal(fatals[i], SIG_DFL);
  Suite *s = suite_create("terminal");
  TCase *tc = tcase_create("terminal");
  tcase_add_checked_fixture(tc, setup, teardown);
  tcase_add_test(tc, test_on_and_off);
  tcase_add_test(tc, test_leaves_handlers_alone);
  tcase_add_test(tc, test_exit);
  tcase_add_loop_test(tc, test_killed, 0, 4);
  tcase_add_test(tc, test_killed_when_not_caught_any_more);
  tcase_add_test(tc, test_off_while_caught);
  tcase_add_test(tc, test_refused);
  tcase_add_test(tc, test_off_of_another);
  tcase_add_test(tc, test_other_name);
  tcase_add_test(tc, test_closed_meanwhile);
  tcase_add_test(tc, test_size);
  suite_add_tcase(s, tc);
  return run_suite(s);
}
