/* Signals: who is told, what is restored, and what is refused. */
#include <check.h>
#include <plait/sim.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "support/require.h"
#include "support/runtime.h"
#include "support/sim_world.h"
#include "support/text.h"

static struct text trace;
static plait_signal a, b, c;

/* ---- what was there before ----------------------------------------------- */

static atomic_uint handled;

static void handler(int number) {
  (void)number;
  handled++;
}

static void handle(int number) {
  struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
  sigaddset(&action.sa_mask, SIGWINCH);
  require(sigaction(number, &action, NULL) == 0, "no handler");
}

static void check_handled(int number) {
  struct sigaction now;
  sigaction(number, NULL, &now);
  ck_assert_ptr_eq((void *)(uintptr_t)now.sa_handler,
                   (void *)(uintptr_t)handler);
  ck_assert_int_eq(now.sa_flags & SA_RESTART, SA_RESTART);
  ck_assert_int_eq(sigismember(&now.sa_mask, SIGWINCH), 1);
  unsigned before = handled;
  raise(number);
  ck_assert_uint_eq(handled, before + 1);
}

/* ---- runs ---------------------------------------------------------------- */

static void (*first)(void);

static void run_first(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  first();
}

static void play_on(unsigned reactors, void (*fn)(void), const char *expected) {
  first = fn;
  open_runtime((plait_runtime_options){.reactors = reactors});
  ck_assert_int_eq(run(run_first), 0);
  close_runtime();
  if (expected != NULL)
    ck_assert_str_eq(trace.s != NULL ? trace.s : "", expected);
  text_free(&trace);
}

static void play(void (*fn)(void), const char *expected) {
  play_on(1, fn, expected);
}

static const char *name_of(const plait_signal *s) {
  return s == &a ? "a" : s == &b ? "b" : "c";
}

static void note(plait_signal *s, int number) {
  text_format(&trace, "%s(%s) ", name_of(s), strsignal(number));
}

static void wait_with(plait_signal *s, int number,
                      void (*fn)(plait_signal *signal, int number)) {
  plait_signal_init(s, fn);
  int code = plait_signal_start(s, number);
  require(code == 0, "%s", plait_error_detail());
  ck_assert(plait_signal_active(s));
}

static void note_and_stop(plait_signal *s, int number) {
  note(s, number);
  plait_signal_stop(s);
  ck_assert(!plait_signal_active(s));
  plait_signal_stop(s); /* harmless */
}

/* ---- who is told --------------------------------------------------------- */

static void each_kind(void) {
  wait_with(&a, SIGCHLD, note_and_stop);
  wait_with(&b, SIGUSR1, note_and_stop);
  wait_with(&c, SIGWINCH, note_and_stop);
  raise(SIGCHLD);
  raise(SIGUSR1);
  raise(SIGWINCH);
}

START_TEST(test_kinds) {
  handle(SIGUSR1);
  play(each_kind, "a(Child exited) b(User defined signal 1) "
                  "c(Window changed) ");
  check_handled(SIGUSR1);
}
END_TEST

static void two_of_one(void) {
  wait_with(&a, SIGHUP, note_and_stop);
  wait_with(&b, SIGHUP, note_and_stop);
  raise(SIGHUP);
}

START_TEST(test_two_subscribers) {
  handle(SIGHUP);
  play(two_of_one, "b(Hangup) a(Hangup) ");
  check_handled(SIGHUP);
}
END_TEST

/* The other one is not told any more, and its memory may be anything. */
static void stop_all(plait_signal *s, int number) {
  note(s, number);
  plait_signal_stop(&a);
  plait_signal_stop(&b);
  memset(&a, 0xa5, sizeof a);
  memset(&b, 0xa5, sizeof b);
}

static void stop_each_other(void) {
  wait_with(&a, SIGHUP, stop_all);
  wait_with(&b, SIGHUP, stop_all);
  raise(SIGHUP);
}

START_TEST(test_stop_other) {
  play(stop_each_other, "b(Hangup) ");
}
END_TEST

/* Who begins in a callback waits for the next one. */
static void begin_another(plait_signal *s, int number) {
  note(s, number);
  wait_with(&b, number, note_and_stop);
  plait_signal_stop(s);
  text_format(&trace, "again ");
  raise(number);
}

static void start_in_callback(void) {
  wait_with(&a, SIGHUP, begin_another);
  raise(SIGHUP);
}

START_TEST(test_start_in_callback) {
  play(start_in_callback, "a(Hangup) again b(Hangup) ");
}
END_TEST

static void change(plait_signal *s, int number) {
  note(s, number);
  if (number == SIGUSR2) {
    plait_signal_stop(s);
    return;
  }
  ck_assert_int_eq(plait_signal_start(s, number), 0); /* no change */
  ck_assert_int_eq(plait_signal_start(s, SIGUSR2), 0);
  raise(SIGUSR2);
}

static void change_it(void) {
  wait_with(&a, SIGUSR1, change);
  raise(SIGUSR1);
}

START_TEST(test_change) {
  handle(SIGUSR1);
  handle(SIGUSR2);
  play(change_it, "a(User defined signal 1) a(User defined signal 2) ");
  check_handled(SIGUSR1);
  check_handled(SIGUSR2);
}
END_TEST

/* ---- what is restored ---------------------------------------------------- */

static plait_signal twins[2];
static atomic_uint told, looked, ready;

/* What was there before comes back with the last one, not with the first. */
static void twin_told(plait_signal *s, int number) {
  struct sigaction now;
  if (atomic_fetch_add(&told, 1) > 0)
    while (atomic_load(&looked) == 0)
      usleep(100);
  plait_signal_stop(s);
  sigaction(number, NULL, &now);
  if (atomic_fetch_add(&looked, 1) == 0)
    ck_assert(now.sa_handler != handler);
}

static void twin_start(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  wait_with(&twins[plait_reactor_index(plait_reactor_current())], SIGUSR1,
            twin_told);
  if (atomic_fetch_add(&ready, 1) == 1)
    kill(getpid(), SIGUSR1);
}

static plait_call twin_calls[2] = {{.run = twin_start}, {.run = twin_start}};

static void start_twins(void) {
  for (unsigned i = 0; i < 2; i++)
    plait_reactor_post(plait_runtime_reactor(runtime, i), &twin_calls[i]);
}

START_TEST(test_two_reactors) {
  handle(SIGUSR1);
  told = ready = 0;
  play_on(2, start_twins, NULL);
  ck_assert_uint_eq(told, 2);
  check_handled(SIGUSR1);
}
END_TEST

static void stop_runtime(plait_signal *s, int number) {
  note(s, number);
  plait_runtime_stop(runtime);
}

static void stop_by_signal(void) {
  wait_with(&a, SIGQUIT, stop_runtime);
  raise(SIGQUIT);
}

/* A stop does not wait for those that are active; freeing restores. */
START_TEST(test_left_active) {
  handle(SIGQUIT);
  play(stop_by_signal, "a(Quit) ");
  check_handled(SIGQUIT);
}
END_TEST

/* ---- with handle_signals ------------------------------------------------- */

static void interrupt(void) {
  wait_with(&a, SIGINT, note_and_stop);
  raise(SIGINT);
}

START_TEST(test_handle_signals) {
  handle(SIGINT);
  handle(SIGTERM);
  first = interrupt;
  open_runtime(
      (plait_runtime_options){.handle_signals = true, .keep_running = true});
  ck_assert_int_eq(run(run_first), 0); /* since it was stopped */
  close_runtime();
  ck_assert_str_eq(trace.s, "a(Interrupt) ");
  text_free(&trace);
  check_handled(SIGINT);
  check_handled(SIGTERM);
}
END_TEST

/* ---- what is refused ----------------------------------------------------- */

static void refuse_all(void) {
  static const int bad[] = {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE,
                            SIGILL,  SIGTRAP, SIGABRT, SIGPIPE};
  plait_signal_init(&a, note);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    ck_assert_int_eq(plait_signal_start(&a, bad[i]), PLAIT_EPERM);
    ck_assert(!plait_signal_active(&a));
  }
  ck_assert_int_eq(plait_signal_start(&a, SIGKILL), PLAIT_EPERM);
  ck_assert_str_eq(plait_error_detail(),
                   "signal 9: no program waits for this one");
  ck_assert_int_eq(plait_signal_start(&a, 0), PLAIT_EINVAL);
  ck_assert_int_eq(plait_signal_start(&a, 65), PLAIT_EINVAL);
  ck_assert_int_eq(plait_signal_start(&a, 32), PLAIT_EINVAL); /* glibc's */
  ck_assert_str_eq(plait_error_detail(), "signal 32: invalid argument");
}

START_TEST(test_refused) {
  play(refuse_all, "");
  plait_signal_init(&a, note);
  ck_assert_int_eq(plait_signal_start(&a, SIGHUP), PLAIT_EINVAL);
  ck_assert_str_eq(plait_error_detail(),
                   "signal: not in a callback of a reactor");
}
END_TEST

/* ---- the simulator ------------------------------------------------------- */

static void sim_start(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  wait_with(&a, SIGUSR1, note_and_stop);
  wait_with(&b, SIGUSR2, note_and_stop);
  plait_sim_raise(sim, SIGHUP); /* nobody waits */
  plait_sim_raise(sim, SIGUSR2);
  plait_sim_raise(sim, SIGUSR2);
  plait_sim_raise(sim, SIGUSR1);
}

START_TEST(test_simulated) {
  sim_begin((plait_sim_options){0});
  plait_runtime_options o = {.backend = plait_sim_backend(sim)};
  plait_call call = {.run = sim_start};
  ck_assert_int_eq(plait_runtime_new(&o, &runtime), 0);
  plait_reactor_post(plait_runtime_reactor(runtime, 0), &call);
  ck_assert_int_eq(plait_run(runtime), 0);
  ck_assert_int_eq(plait_runtime_free(runtime), 0);
  ck_assert_str_eq(trace.s,
                   "a(User defined signal 1) b(User defined signal 2) ");
  text_free(&trace);
  sim_end();
}
END_TEST

static void sim_start_one(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  plait_signal_init(&a, note);
  ck_assert_int_eq(plait_signal_start(&a, SIGUSR1), PLAIT_ENOMEM);
  ck_assert(!plait_signal_active(&a));
}

START_TEST(test_cannot_be_caught) {
  sim_begin((plait_sim_options){0});
  plait_runtime_options o = {.backend = plait_sim_backend(sim)};
  plait_call call = {.run = sim_start_one};
  ck_assert_int_eq(plait_runtime_new(&o, &runtime), 0);
  plait_reactor_post(plait_runtime_reactor(runtime, 0), &call);
  plait_sim_fail_at(sim, 2); /* behind enter() */
  ck_assert_int_eq(plait_run(runtime), 0);
  ck_assert_str_eq(plait_sim_failed(sim), "host.signal_start");
  ck_assert_int_eq(plait_runtime_free(runtime), 0);
  sim_end();
}
END_TEST

/* ---- the suite ----------------------------------------------------------- */

int main(void) {
  Suite *s = suite_create("signal");
  TCase *tc = tcase_create("signal");
  tcase_add_test(tc, test_kinds);
  tcase_add_test(tc, test_two_subscribers);
  tcase_add_test(tc, test_stop_other);
  tcase_add_test(tc, test_start_in_callback);
  tcase_add_test(tc, test_change);
  tcase_add_test(tc, test_two_reactors);
  tcase_add_test(tc, test_left_active);
  tcase_add_test(tc, test_handle_signals);
  tcase_add_test(tc, test_refused);
  tcase_add_test(tc, test_simulated);
  tcase_add_test(tc, test_cannot_be_caught);
  suite_add_tcase(s, tc);
  return run_suite(s);
}
