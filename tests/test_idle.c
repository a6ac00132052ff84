/* Idle functions: when they run, that they take turns, and that they starve
 * nobody. */
#include <check.h>
#include <plait/sim.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/require.h"
#include "support/runtime.h"
#include "support/sim_world.h"
#include "support/text.h"

enum { ROUNDS = 1000 };

static struct text trace;
static plait_idle a, b, c;
static void (*first)(void);

static void run_first(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  first();
}

static void play(void (*fn)(void)) {
  first = fn;
  open_runtime((plait_runtime_options){0});
  ck_assert_int_eq(run(run_first), 0);
  close_runtime();
}

static void expect(const char *expected) {
  ck_assert_str_eq(trace.s != NULL ? trace.s : "", expected);
  text_free(&trace);
}

static void start(plait_idle *idle, void (*fn)(plait_idle *idle)) {
  plait_idle_init(idle, fn);
  require(plait_idle_start(idle) == 0, "%s", plait_error_detail());
  ck_assert(plait_idle_active(idle));
}

static void note(const plait_idle *idle) {
  text_format(&trace, "%s", idle == &a ? "a" : idle == &b ? "b" : "c");
}

static void three_times(plait_idle *idle) {
  static unsigned calls;
  note(idle);
  if (++calls % 9 == 0) {
    plait_idle_stop(&a);
    plait_idle_stop(&b);
    plait_idle_stop(&c);
  }
}

static void start_three(void) {
  start(&a, three_times);
  start(&b, three_times);
  start(&c, three_times);
  ck_assert_int_eq(plait_idle_start(&a), 0); /* harmless */
}

START_TEST(test_turns) {
  play(start_three);
  expect("abcabcabc");
}
END_TEST

/* ---- stopping and starting ----------------------------------------------- */

static void stop_others(plait_idle *idle) {
  note(idle);
  plait_idle_stop(&b);
  plait_idle_stop(&c);
  memset(&b, 0xa5, sizeof b);
  memset(&c, 0xa5, sizeof c);
  plait_idle_stop(idle);
  plait_idle_stop(idle); /* harmless */
}

static void start_and_stop(void) {
  start(&a, stop_others);
  start(&b, stop_others);
  start(&c, stop_others);
}

START_TEST(test_stop_others) {
  play(start_and_stop);
  expect("a");
}
END_TEST

static void stop_self(plait_idle *idle) {
  note(idle);
  plait_idle_stop(idle);
}

/* What is started in a round waits for the next one. */
static void start_another(plait_idle *idle) {
  note(idle);
  if (trace.len == 1) {
    start(&c, stop_self);
    return;
  }
  plait_idle_stop(idle);
}

static void start_in_a_round(void) {
  start(&a, start_another);
  start(&b, stop_self);
}

START_TEST(test_start_in_a_round) {
  play(start_in_a_round);
  expect("abac");
}
END_TEST

/* ---- what comes first ---------------------------------------------------- */

static void mail_runs(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  text_format(&trace, "m");
}

static plait_call mail = {.run = mail_runs};

static void send_mail(void) {
  start(&a, stop_self);
  plait_reactor_post(plait_reactor_current(), &mail);
}

START_TEST(test_behind_mail) {
  play(send_mail);
  expect("ma");
}
END_TEST

/* Timers, mail of other threads and traffic get through, and so does a stop: it
 * comes when all have had their share, however long that takes. */
static unsigned rounds, ticks, echoed;
static plait_timer timer;

static void count(unsigned *which) {
  ++*which;
  if (rounds > 100 && ticks >= 20 && echoed > 100)
    plait_runtime_stop(runtime);
}

static void spin(plait_idle *idle) {
  (void)idle;
  count(&rounds);
}

static void tick(plait_timer *t) {
  (void)t;
  count(&ticks);
}

static void echoer_data(plait_protocol *p, const uint8_t *data, size_t len) {
  plait_write(p->transport, data, len);
  count(&echoed);
}

static const plait_protocol_ops echoer = {.name = "echoer",
                                          .size = sizeof(plait_protocol),
                                          .data_received = echoer_data};

static void pinger_made(plait_protocol *p) {
  plait_write(p->transport, "x", 1);
}

static const plait_protocol_ops pinger = {.name = "pinger",
                                          .size = sizeof(plait_protocol),
                                          .connection_made = pinger_made,
                                          .data_received = echoer_data};

static plait_factory factories[2] = {{.protocol = &echoer},
                                     {.protocol = &pinger}};

static void spin_beside_the_rest(void) {
  int fds[2];
  start(&a, spin);
  start(&b, spin);
  require(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0, "no pair");
  for (int i = 0; i < 2; i++)
    require(plait_adopt(plait_reactor_current(), fds[i], &factories[i]) == 0,
            "%s", plait_error_detail());
  plait_timer_init(&timer, NULL, tick);
  plait_timer_start(&timer, 1, 1);
}

START_TEST(test_starves_nobody) {
  rounds = ticks = echoed = 0;
  play(spin_beside_the_rest);
}
END_TEST

/* In a world where each call takes 3 ms: one function, then the events. */
static void take_long(plait_idle *idle) {
  plait_sim_sleep_us(sim, 3000);
  note(idle);
  plait_idle_stop(idle);
}

static void start_long(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  start(&a, take_long);
  start(&b, take_long);
  start(&c, stop_self);
}

static void post_between(plait_idle *idle) {
  note(idle);
  plait_sim_sleep_us(sim, 3000);
  plait_idle_stop(idle);
  plait_reactor_post(plait_reactor_current(), &mail);
}

static void start_between(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  start(&a, post_between);
  start(&b, stop_self);
}

static void simulate(void (*begin)(plait_call *, plait_protocol *)) {
  sim_begin((plait_sim_options){0});
  plait_runtime_options o = {.backend = plait_sim_backend(sim)};
  ck_assert_int_eq(plait_runtime_new(&o, &runtime), 0);
  ck_assert_int_eq(run(begin), 0);
  ck_assert_int_eq(plait_runtime_free(runtime), 0);
  sim_end();
}

START_TEST(test_bounded_rounds) {
  simulate(start_long);
  expect("abc");
  simulate(start_between);
  expect("amb");
}
END_TEST

/* ---- what is refused ----------------------------------------------------- */

START_TEST(test_refused) {
  plait_idle_init(&a, spin);
  ck_assert_int_eq(plait_idle_start(&a), PLAIT_EINVAL);
  ck_assert_str_eq(plait_error_detail(),
                   "idle: not in a callback of a reactor");
  ck_assert(!plait_idle_active(&a));
}
END_TEST

/* One that is active belongs to its reactor. */
static plait_call there, back;

static void stop_here(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  plait_idle_stop(&a);
}

static void start_there(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  ck_assert_int_eq(plait_idle_start(&a), PLAIT_EINVAL);
  ck_assert_str_eq(plait_error_detail(), "idle: active on another reactor");
  back = (plait_call){.run = stop_here};
  plait_reactor_post(plait_runtime_reactor(runtime, 0), &back);
}

static void nothing(plait_idle *idle) {
  (void)idle;
}

static void start_on_both(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  start(&a, nothing);
  there = (plait_call){.run = start_there};
  plait_reactor_post(plait_runtime_reactor(runtime, 1), &there);
}

START_TEST(test_of_another_reactor) {
  sim_begin((plait_sim_options){0});
  open_runtime_on(plait_sim_backend(sim),
                  (plait_runtime_options){.reactors = 2});
  ck_assert_int_eq(run(start_on_both), 0);
  ck_assert_int_eq(plait_runtime_free(runtime), 0);
  sim_end();
}
END_TEST

static unsigned calls;

static void keep_running(plait_idle *idle) {
  if (++calls == ROUNDS)
    plait_idle_stop(idle);
}

static void start_to_keep(void) {
  start(&a, keep_running);
}

START_TEST(test_keeps_the_run) {
  calls = 0;
  play(start_to_keep);
  ck_assert_uint_eq(calls, ROUNDS);
}
END_TEST

int main(void) {
  Suite *s = suite_create("idle");
  TCase *tc = tcase_create("idle");
  tcase_set_timeout(tc, 60);
  tcase_add_test(tc, test_turns);
  tcase_add_test(tc, test_stop_others);
  tcase_add_test(tc, test_start_in_a_round);
  tcase_add_test(tc, test_behind_mail);
  tcase_add_test(tc, test_starves_nobody);
  tcase_add_test(tc, test_bounded_rounds);
  tcase_add_test(tc, test_refused);
  tcase_add_test(tc, test_of_another_reactor);
  tcase_add_test(tc, test_keeps_the_run);
  suite_add_tcase(s, tc);
  return run_suite(s);
}
