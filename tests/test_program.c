/* Programs as endpoints: process:... to connect to. */
#include <check.h>
#include <fnmatch.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "support/child.h"
#include "support/require.h"
#include "support/runtime.h"
#include "support/spy.h"

static struct spy_side side;
static struct {
  plait_connect_options options;
  plait_dispatch dispatch;
  unsigned connections; /* that are made before it is stopped; 0: it is not */
  char detail[256];     /* in connection_lost */
} scene;

static void on(enum spy_event event, spy_action *action) {
  side.kinds[0].script.on[event] = action;
}

static void begin(void) {
  memset(&scene, 0, sizeof scene);
  spy_side_init(&side, "client", NULL);
}

static void play_on(plait_runtime_options options, const char *endpoint) {
  open_runtime(options);
  side.factory.dispatch = scene.dispatch;
  spy_side_arm(&side);
  require(plait_connect(runtime, endpoint, &side.factory, &scene.options,
                        NULL) == 0,
          "%s", plait_error_detail());
  ck_assert_int_eq(plait_run(runtime), 0);
  spy_side_check(&side);
  close_runtime();
}

static void play(const char *endpoint) {
  play_on((plait_runtime_options){0}, endpoint);
}

static void expect(const char *pattern) {
  require(fnmatch(pattern, side.records[0].trace, 0) == 0, "%s",
          side.records[0].trace);
}

/* ---- what goes through --------------------------------------------------- */

static void hello(struct spy *s) {
  spy_say(s, "hello");
}

static void hello_and_eof(struct spy *s) {
  spy_say(s, "hello");
  spy_write_eof(s);
}

START_TEST(test_cat) {
  begin();
  on(SPY_MADE, hello_and_eof);
  on(SPY_EOF, spy_nothing);
  play("process:/bin/cat");
  expect("made data(5) eof lost(0)");
}
END_TEST

START_TEST(test_cat_on_workers) {
  begin();
  scene.dispatch = PLAIT_ON_WORKERS;
  on(SPY_MADE, hello_and_eof);
  on(SPY_EOF, spy_nothing);
  play("process:/bin/cat");
  expect("made data(5) eof lost(0)");
}
END_TEST

START_TEST(test_arguments) {
  begin();
  on(SPY_EOF, spy_close);
  play("process:/bin/sh:arg=-c:arg=printf '%s' \"$1$2\":arg=sh:"
       "arg=a b\\:c:arg=d\\=e");
  expect("made data(8) eof lost(0)");
}
END_TEST

/* Without an eof_received, the end of its output ends the connection. */
START_TEST(test_output_ends) {
  begin();
  play("process:/bin/echo:arg=hello");
  expect("made data(6) lost(EOF)");
}
END_TEST

/* ---- how it ends --------------------------------------------------------- */

static void note_detail(struct spy *s) {
  (void)s;
  snprintf(scene.detail, sizeof scene.detail, "%s", plait_error_detail());
}

START_TEST(test_exit_code) {
  begin();
  on(SPY_LOST, note_detail);
  play("process:/bin/sh:arg=-c:arg=exit 3");
  expect("made lost(ECHILDFAILED)");
  ck_assert_str_eq(scene.detail, "process /bin/sh: exited with 3");
}
END_TEST

START_TEST(test_signal) {
  begin();
  on(SPY_MADE, hello);
  on(SPY_LOST, note_detail);
  play("process:/bin/sh:arg=-c:arg=kill -9 $$");
  expect("made lost(ECHILDFAILED)");
  ck_assert_str_eq(scene.detail, "process /bin/sh: ended by signal 9");
}
END_TEST

/* It reads what was written, then its end: nothing has to be killed. */
START_TEST(test_close) {
  begin();
  on(SPY_MADE, hello);
  on(SPY_DATA, spy_close);
  play("process:/bin/cat");
  expect("made data(5) lost(0)");
}
END_TEST

/* The descriptor is closed, and then it gets its signals. */
START_TEST(test_close_without_reader) {
  begin();
  side.factory.limits.linger_ms = 20;
  on(SPY_MADE, spy_close);
  play("process:/bin/sleep:arg=1000");
  expect("made lost(0)");
}
END_TEST

START_TEST(test_abort) {
  begin();
  on(SPY_MADE, spy_abort);
  play("process:/bin/sleep:arg=1000");
  expect("made lost(ECANCELED)");
}
END_TEST

/* Another one has its end, and says nothing more. */
START_TEST(test_keeper) {
  begin();
  play("process:/bin/sh:arg=-c:arg=echo a; (sleep 3) &");
  expect("made data(2) lost(EOF)");
}
END_TEST

static void stop_runtime(struct spy *s) {
  (void)s;
  plait_runtime_stop(runtime);
}

START_TEST(test_stop) {
  begin();
  on(SPY_MADE, hello);
  on(SPY_DATA, stop_runtime);
  play("process:/bin/cat");
  expect("made data(5) lost(0)");
}
END_TEST

START_TEST(test_grace) {
  begin();
  on(SPY_MADE, stop_runtime);
  on(SPY_DRAINING, spy_nothing);
  play_on((plait_runtime_options){.grace_ms = 30},
          "process:/bin/sh:arg=-c:arg=trap '' TERM; sleep 1000");
  expect("made draining lost(EDRAIN)");
}
END_TEST

static void stop_now(struct spy *s) {
  (void)s;
  plait_runtime_stop_now(runtime);
}

/* The connection is cut, and so is the ladder that this begins. */
START_TEST(test_stop_now) {
  begin();
  on(SPY_MADE, stop_now);
  open_runtime((plait_runtime_options){0});
  spy_side_arm(&side);
  require(plait_connect(runtime, "process:/bin/sh:arg=-c:arg=trap '' TERM; cat",
                        &side.factory, NULL, NULL) == 0,
          "%s", plait_error_detail());
  ck_assert_int_eq(plait_run(runtime), PLAIT_EDRAIN);
  spy_side_check(&side);
  close_runtime();
  expect("made lost(EDRAIN)");
}
END_TEST

/* ---- it does not start --------------------------------------------------- */

START_TEST(test_missing) {
  begin();
  play("process:/nowhere/at/all");
  ck_assert_uint_eq(side.failed, 1);
  ck_assert_int_eq(side.failure, PLAIT_ENOENT);
  ck_assert_str_eq(side.failure_detail,
                   "connect process:/nowhere/at/all: exec: no such file or "
                   "directory");
}
END_TEST

/* The step and the reason are told, however long the arguments are. */
START_TEST(test_missing_with_long_arguments) {
  static const char reason[] = "...: exec: no such file or directory";
  char endpoint[1000] = "process:/nowhere/at/all:arg=";
  memset(endpoint + strlen(endpoint), 'x',
         sizeof endpoint - 1 - strlen(endpoint));
  begin();
  play(endpoint);
  ck_assert_int_eq(side.failure, PLAIT_ENOENT);
  size_t len = strlen(side.failure_detail);
  ck_assert_uint_ge(len, sizeof reason - 1);
  ck_assert_str_eq(side.failure_detail + len - (sizeof reason - 1), reason);
}
END_TEST

static void stop_when_failed_often(struct spy_side *s) {
  if (s->failed == 3)
    plait_runtime_stop(runtime);
}

START_TEST(test_missing_again_and_again) {
  begin();
  side.on_failure = stop_when_failed_often;
  scene.options.reconnect = (plait_reconnect){
      .retries = PLAIT_UNLIMITED, .initial_ms = 1, .max_ms = 1};
  play("process:/nowhere");
  ck_assert_uint_ge(side.failed, 3);
}
END_TEST

static void stop_when_made_often(struct spy_side *s, unsigned connections) {
  (void)s;
  if (connections == 3)
    plait_runtime_stop(runtime);
}

/* One that ends is started again. */
START_TEST(test_reconnect) {
  begin();
  side.on_connection = stop_when_made_often;
  scene.options.reconnect =
      (plait_reconnect){.retries = 1, .initial_ms = 1, .max_ms = 1};
  play("process:/bin/true");
  ck_assert_uint_eq(side.connections, 3);
}
END_TEST

/* A start that is given up: the child is not left behind. */
static void stop_at_once(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  plait_runtime_stop(runtime);
}

START_TEST(test_stopped_while_it_starts) {
  plait_call call = {.run = stop_at_once};
  begin();
  open_runtime((plait_runtime_options){0});
  spy_side_arm(&side);
  require(plait_connect(runtime, "process:/bin/cat", &side.factory, NULL,
                        NULL) == 0,
          "%s", plait_error_detail());
  plait_reactor_post(plait_runtime_reactor(runtime, 0), &call);
  ck_assert_int_eq(plait_run(runtime), 0);
  spy_side_check(&side);
  close_runtime();
  ck_assert(side.failed == 1 || side.made == 1);
}
END_TEST

static int refuse(plait_factory *factory, const plait_address *peer,
                  const plait_protocol_ops **ret) {
  (void)factory, (void)ret;
  ck_assert_int_eq(peer->family, PLAIT_NO_ADDRESS);
  return PLAIT_EPERM;
}

START_TEST(test_refused_by_factory) {
  begin();
  spy_side_arm(&side);
  side.factory.build_protocol = refuse;
  open_runtime((plait_runtime_options){0});
  require(plait_connect(runtime, "process:/bin/cat", &side.factory, NULL,
                        NULL) == 0,
          "%s", plait_error_detail());
  ck_assert_int_eq(plait_run(runtime), 0);
  close_runtime();
  ck_assert_int_eq(side.failure, PLAIT_EPERM);
}
END_TEST

START_TEST(test_memory) {
  bool failed = true;
  for (size_t n = 1; failed; n++) {
    begin();
    spy_side_arm(&side);
    open_runtime((plait_runtime_options){0});
    leak_fail_at(n);
    int code =
        plait_connect(runtime, "process:/bin/true", &side.factory, NULL, NULL);
    if (code == 0)
      ck_assert_int_eq(plait_run(runtime), 0);
    failed = leak_failed();
    leak_fail_at(0);
    close_runtime();
    if (code != 0)
      ck_assert_int_eq(code, PLAIT_ENOMEM);
    else
      ck_assert_uint_eq(side.failed + side.connections, 1);
    ck_assert_uint_lt(n, 200);
  }
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("program");
  TCase *c = tcase_create("program");
  tcase_set_timeout(c, 60);
  tcase_add_test(c, test_cat);
  tcase_add_test(c, test_cat_on_workers);
  tcase_add_test(c, test_arguments);
  tcase_add_test(c, test_output_ends);
  tcase_add_test(c, test_exit_code);
  tcase_add_test(c, test_signal);
  tcase_add_test(c, test_close);
  tcase_add_test(c, test_close_without_reader);
  tcase_add_test(c, test_abort);
  tcase_add_test(c, test_keeper);
  tcase_add_test(c, test_stop);
  tcase_add_test(c, test_grace);
  tcase_add_test(c, test_stop_now);
  tcase_add_test(c, test_missing);
  tcase_add_test(c, test_missing_with_long_arguments);
  tcase_add_test(c, test_missing_again_and_again);
  tcase_add_test(c, test_reconnect);
  tcase_add_test(c, test_stopped_while_it_starts);
  tcase_add_test(c, test_refused_by_factory);
  tcase_add_test(c, test_memory);
  suite_add_tcase(s, c);
  return s;
}

int main(void) {
  return run_suite(suite());
}
