/* Watches: several of them, and what runs beside them. */
#include <check.h>
#include <string.h>
#include <unistd.h>

#include "support/require.h"
#include "support/seen.h"

/* ---- two in one batch ---------------------------------------------------- */

static struct seen *other_of(const struct seen *s) {
  return &seen[s == &seen[0]];
}

static void stop_other_then(struct seen *s) {
  stop_and_close(other_of(s));
  memset(&other_of(s)->watch, 0xa5, sizeof s->watch); /* it is ours */
  stop_and_close(s);
}

/* Its events are asked for anew, so it comes after all, once. */
static void restart_other_then(struct seen *s) {
  struct seen *other = other_of(s);
  stop(s);
  if (other->calls > 0)
    return;
  stop(other);
  change(other, R);
}

static void change_other_then(struct seen *s) {
  if (other_of(s)->calls > 0) {
    ck_assert_uint_eq(s->events, W); /* and never R, which was in the batch */
    stop(s);
  } else if (s->calls == 1) {
    change(other_of(s), W);
    stop(s);
  }
}

/* The number is given out again, to a watch that is not ready. */
static void reuse_other_then(struct seen *s) {
  struct seen *other = other_of(s);
  if (s == &seen[2]) {
    stop(&seen[2]);
    return;
  }
  stop_and_close(s);
  stop_and_close(other);
  for (int i = 0; i < 2; i++) /* both numbers */
    watch(&seen[2 * i], event(0), R, reuse_other_then);
  require(seen[2].fd == other->fd || seen[0].fd == other->fd, "another number");
  stop_and_close(&seen[0]);
  put(seen[2].fd);
}

static void (*both_then)(struct seen *s);

static void start_both(void) {
  for (int i = 0; i < 2; i++)
    watch(&seen[i], event(1), R, both_then);
}

static void run_both(void (*then)(struct seen *s)) {
  both_then = then;
  run_alone(start_both);
}

START_TEST(test_stop_other) {
  run_both(stop_other_then);
  ck_assert_uint_eq(seen[0].calls + seen[1].calls, 1);
  close_runtime();
}
END_TEST

static void close_both(void) {
  close(seen[0].fd);
  close(seen[1].fd);
  close_runtime();
}

START_TEST(test_restart_other) {
  run_both(restart_other_then);
  ck_assert_uint_eq(seen[0].calls, 1);
  ck_assert_uint_eq(seen[1].calls, 1);
  close_both();
}
END_TEST

START_TEST(test_change_other) {
  run_both(change_other_then);
  ck_assert_uint_eq(seen[0].calls, 1);
  ck_assert_uint_eq(seen[1].calls, 1);
  close_both();
}
END_TEST

START_TEST(test_reuse_other) {
  run_both(reuse_other_then);
  ck_assert_uint_eq(seen[2].calls, 1);
  close(seen[2].fd);
  close_runtime();
}
END_TEST

/* ---- runtimes ------------------------------------------------------------ */

static void watch_idly(void) {
  watch(&seen[0], event(0), R, never);
  plait_runtime_stop(runtime);
}

/* A stop does not wait; the watch is stopped later, or never. */
START_TEST(test_runtime_stop) {
  run_alone(watch_idly);
  if (_i == 1)
    stop(&seen[0]);
  close(seen[0].fd);
  close_runtime();
}
END_TEST

/* A descriptor that is always ready holds up neither timers nor mail. */
static plait_timer timer;
static plait_call mail;
static unsigned rung;

static void always_then(struct seen *s) {
  if (rung == 2)
    stop_and_close(s);
}

static void mail_run(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  rung++;
}

static void timer_ring(plait_timer *t) {
  (void)t;
  rung++;
  mail.run = mail_run;
  require(plait_reactor_post(plait_reactor_current(), &mail) == 0, "no post");
}

static void start_always(void) {
  rung = 0;
  plait_timer_init(&timer, NULL, timer_ring);
  plait_timer_start(&timer, 1, 0);
  watch(&seen[0], event(1), R, always_then);
}

START_TEST(test_always_ready) {
  run_alone(start_always);
  ck_assert_uint_eq(rung, 2);
  close_runtime();
}
END_TEST

/* Each reactor has its watch; they call each other, 1,000 times. */
static void bounce_then(struct seen *s) {
  struct seen *other = other_of(s);
  require(plait_reactor_index(plait_reactor_current()) == (s != seen),
          "another reactor");
  take(s->fd);
  put(other->other_end);
  if (s->calls == 1000)
    stop(s);
}

static int both_fds[2];

static void start_second(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  watch(&seen[1], both_fds[1], R, bounce_then);
  seen[1].other_end = both_fds[1];
  ck_assert_int_eq(plait_watch_start(&seen[0].watch, both_fds[1], R),
                   PLAIT_EINVAL);
  ck_assert_str_eq(plait_error_detail(), "watch: active on another reactor");
  put(both_fds[0]);
}

static void start_first(void) {
  static plait_call second = {.run = start_second};
  watch(&seen[0], both_fds[0], R, bounce_then);
  seen[0].other_end = both_fds[0];
  require(plait_reactor_post(plait_runtime_reactor(runtime, 1), &second) == 0,
          "no post");
}

START_TEST(test_two_reactors) {
  open_runtime((plait_runtime_options){.reactors = 2});
  both_fds[0] = event(0);
  both_fds[1] = event(0);
  ck_assert_int_eq(run_first(start_first), 0);
  ck_assert_uint_eq(seen[0].calls, 1000);
  ck_assert_uint_eq(seen[1].calls, 1000);
  close_both();
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("watch");
  tcase_add_test(tests, test_stop_other);
  tcase_add_test(tests, test_restart_other);
  tcase_add_test(tests, test_change_other);
  tcase_add_test(tests, test_reuse_other);
  tcase_add_loop_test(tests, test_runtime_stop, 0, 2);
  tcase_add_test(tests, test_always_ready);
  tcase_add_test(tests, test_two_reactors);
  return seen_main(tests);
}
