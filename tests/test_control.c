/* libporty's control channel, from the other end of a pair. */
#include <check.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/child.h"
#include "support/require.h"
#include "support/runtime.h"

static plait_control control;
static plait_process_options options;
static int end; /* ours */

/* The caller's part: reads lines, and answers them by a script. */
static struct {
  plait_watch watch;
  const char *answer_to, *answer;
  bool hang_up; /* instead of an answer */
  char got[256];
} caller;

static void caller_answer(void) {
  const char *answer = caller.answer;
  caller.answer = NULL;
  if (caller.hang_up) {
    plait_watch_stop(&caller.watch);
    close(end);
    return;
  }
  require(send(end, answer, strlen(answer), MSG_NOSIGNAL) > 0, "not sent");
}

static void caller_ready(plait_watch *watch, unsigned events) {
  size_t len = strlen(caller.got);
  ssize_t n = recv(end, caller.got + len, sizeof caller.got - len - 1, 0);
  (void)events;
  if (n <= 0) {
    plait_watch_stop(watch);
    close(end);
    return;
  }
  if (caller.answer != NULL && strstr(caller.got, caller.answer_to) != NULL)
    caller_answer();
}

static void start(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  end = join(&control.factory, 0);
  plait_watch_init(&caller.watch, caller_ready);
  require(plait_watch_start(&caller.watch, end, PLAIT_WATCH_READABLE) == 0,
          "%s", plait_error_detail());
  if (caller.answer != NULL && caller.answer_to == NULL)
    caller_answer();
}

static void begin(const char *program, const char *const *argv) {
  memset(&caller, 0, sizeof caller);
  options = (plait_process_options){.program = program, .argv = argv};
  plait_control_init(&control, &options);
}

static void answer(const char *to, const char *text) {
  caller.answer_to = to;
  caller.answer = text;
}

static void play(void) {
  open_runtime((plait_runtime_options){0});
  ck_assert_int_eq(run(start), 0);
  close_runtime();
}

#define SHELL(script) ((const char *const[]){"sh", "-c", script, NULL})

START_TEST(test_exit) {
  begin("/bin/sh", SHELL("exit 4"));
  play();
  ck_assert_str_eq(caller.got, "START\nEND EXIT 4\n");
}
END_TEST

START_TEST(test_term) {
  begin("/bin/sleep", (const char *const[]){"sleep", "1000", NULL});
  answer("START\n", "TERM\n");
  play();
  ck_assert_str_eq(caller.got, "START\nEND KILL 15\n");
}
END_TEST

START_TEST(test_kill) {
  begin("/bin/sleep", (const char *const[]){"sleep", "1000", NULL});
  answer("START\n", "unknown\r\nKI\nKILL\n");
  play();
  ck_assert_str_eq(caller.got, "START\nEND KILL 9\n");
}
END_TEST

/* Before it runs, even. */
START_TEST(test_kill_at_once) {
  begin("/bin/sleep", (const char *const[]){"sleep", "1000", NULL});
  answer(NULL, "KILL\n");
  play();
  ck_assert_str_eq(caller.got, "START\nEND KILL 9\n");
}
END_TEST

/* A later TERM takes nothing back. */
START_TEST(test_kill_and_term_at_once) {
  begin("/bin/sleep", (const char *const[]){"sleep", "1000", NULL});
  answer(NULL, "KILL\nTERM\n");
  play();
  ck_assert_str_eq(caller.got, "START\nEND KILL 9\n");
}
END_TEST

START_TEST(test_abnormal) {
  begin("/bin/sh", SHELL("kill -SEGV $$"));
  play();
  ck_assert_str_eq(caller.got, "START\nEND ABNR 11\n");
}
END_TEST

START_TEST(test_missing) {
  begin("/nowhere", NULL);
  play();
  ck_assert_str_eq(caller.got, "END ABNR 2\n");
}
END_TEST

START_TEST(test_wrong) {
  begin("", NULL);
  play();
  ck_assert_str_eq(caller.got, "END ABNR 22\n");
}
END_TEST

/* Nothing is left to tell, and nothing of the child. */
START_TEST(test_hang_up) {
  begin("/bin/sleep", (const char *const[]){"sleep", "1000", NULL});
  answer("START\n", "");
  caller.hang_up = true;
  play();
  ck_assert_str_eq(caller.got, "START\n");
}
END_TEST

static void stop_runtime(plait_timer *timer) {
  (void)timer;
  plait_runtime_stop(runtime);
}

static void start_and_stop(plait_call *call, plait_protocol *p) {
  static plait_timer timer;
  start(call, p);
  plait_timer_init(&timer, NULL, stop_runtime);
  plait_timer_start(&timer, 0, 0);
}

/* The caller is told, whether it had started by then or not. */
START_TEST(test_stop) {
  begin("/bin/sleep", (const char *const[]){"sleep", "1000", NULL});
  open_runtime((plait_runtime_options){0});
  ck_assert_int_eq(run(start_and_stop), 0);
  /* A stop does not wait for watches: the rest may still be to be read. */
  while (plait_watch_active(&caller.watch))
    caller_ready(&caller.watch, 0);
  close_runtime();
  ck_assert_str_eq(caller.got, "START\nEND KILL 15\n");
}
END_TEST

int main(void) {
  Suite *s = suite_create("control");
  TCase *c = tcase_create("control");
  tcase_set_timeout(c, 60);
  tcase_add_test(c, test_exit);
  tcase_add_test(c, test_term);
  tcase_add_test(c, test_kill);
  tcase_add_test(c, test_kill_at_once);
  tcase_add_test(c, test_kill_and_term_at_once);
  tcase_add_test(c, test_abnormal);
  tcase_add_test(c, test_missing);
  tcase_add_test(c, test_wrong);
  tcase_add_test(c, test_hang_up);
  tcase_add_test(c, test_stop);
  suite_add_tcase(s, c);
  return run_suite(s);
}
