/* The simulator: the contract once more, hours of time-outs in no
 * time, and an allocation that fails, wherever it is. */
#include <check.h>
#include <stdlib.h>
#include <time.h>

#include "contract/contract.h"
#include "core/runtime.h"
#include "support/require.h"
#include "support/sim_world.h"

enum { DEADLINE_S = 120, BIG = 1 << 20, DESCRIPTORS = 4096 };

static struct world world;

/* ---- the contract --------------------------------------------------------*/

/* It is one thread of the system's, in which ThreadSanitizer finds nothing, and
 * takes its time. */
static const struct contract_mode modes[] = {
#ifndef __SANITIZE_THREAD__
    {"1", 1, PLAIT_ON_REACTOR},
    {"1w", 1, PLAIT_ON_WORKERS},
    {"3", 3, PLAIT_ON_REACTOR},
#endif
    {"3w", 3, PLAIT_ON_WORKERS}};

enum { MODES = sizeof modes / sizeof *modes, CELLS = (int)MEDIA * MODES };

/* /bin/sleep, which is the world's child. */
static int sleeper(plait_sim_child *child) {
  while (plait_sim_child_wait(child, 1000000))
    continue;
  return 0;
}

START_TEST(contract_holds) {
  const struct behaviour *b = contract_behaviour((unsigned)_i / CELLS);
  enum medium medium = (enum medium)(_i % CELLS / MODES);
  ck_assert_ptr_nonnull(b);
  sim_begin((plait_sim_options){
      .seed = (uint64_t)_i, .switch_ppm = 20000, .descriptors = DESCRIPTORS});
  plait_sim_program(sim, "/bin/sleep", sleeper);
  world_init(&world, &world_sim, medium, modes[_i % MODES].reactors);
  world.dispatch = modes[_i % MODES].dispatch;
  b->check(&world);
  sim_end();
}
END_TEST

/* ---- time ----------------------------------------------------------------*/

/* Plays |w|: it must take |virtual_ms| (and up to 500 more) of virtual time,
 * and hardly any of ours. */
static void play_for(struct world *w, uint64_t virtual_ms) {
  clock_t cpu = clock();
  uint64_t start = plait_sim_now_ns(sim);
  world_play(w);
  uint64_t ms = (plait_sim_now_ns(sim) - start) / 1000000;
  require(ms >= virtual_ms && ms < virtual_ms + 500, "it took %llu ms",
          (unsigned long long)ms);
  require(clock() - cpu < 10 * CLOCKS_PER_SEC, "it took our time");
  sim_end();
}

START_TEST(idle_takes_300_s) {
  sim_begin((plait_sim_options){0});
  world_init(&world, &world_sim, MEDIUM_TCP, 1);
  world.server.factory.limits.idle_ms = 300000;
  play_for(&world, 300000);
  world_expect(&world, "made lost(ETIMEOUT)", "made lost(EOF)");
}
END_TEST

static void send_big_and_close(struct spy *s) {
  spy_send(s, BIG);
  spy_close(s);
}

static void abort_peer(struct spy *s) {
  plait_handle_abort(spy_peer_handle(s, 0));
}

START_TEST(flush_takes_30_s) {
  sim_begin((plait_sim_options){0});
  world_init(&world, &world_sim, MEDIUM_TCP, 1);
  on(&world.client, SPY_MADE, spy_pause);
  on(&world.server, SPY_MADE, send_big_and_close);
  on(&world.server, SPY_LOST, abort_peer);
  play_for(&world, 30000);
  world_expect(&world, "made lost(ELINGER)", "made lost(*)");
}
END_TEST

/* Ten pauses of 29 seconds, each ended by a little reading. */
static void read_and_rest(struct spy *s) {
  spy_pause(s);
  spy_start_timer(s, 29000, 0);
}

START_TEST(flush_restarts_with_progress) {
  sim_begin((plait_sim_options){0});
  world_init(&world, &world_sim, MEDIUM_TCP, 1);
  world.server.factory.limits.linger_ms = 60000;
  on(&world.client, SPY_DATA, read_and_rest);
  on(&world.client, SPY_TIMER, spy_resume);
  world.client.kinds[0].script.flags = SPY_QUIET | SPY_VERIFY;
  on(&world.server, SPY_MADE, send_big_and_close);
  uint64_t start = plait_sim_now_ns(sim);
  world_play(&world);
  world_expect(&world, "made lost(0)", "made data(1048576) lost(EOF)");
  ck_assert_uint_gt((plait_sim_now_ns(sim) - start) / 1000000000, 100);
}
END_TEST

START_TEST(linger_takes_2_s) {
  sim_begin((plait_sim_options){0});
  world_init(&world, &world_sim, MEDIUM_TCP, 1);
  on(&world.client, SPY_EOF, spy_nothing);
  on(&world.server, SPY_MADE, spy_close);
  on(&world.server, SPY_LOST, abort_peer);
  play_for(&world, 2000);
  world_expect(&world, "made lost(0)", "made eof lost(*)");
}
END_TEST

START_TEST(grace_takes_10_s) {
  sim_begin((plait_sim_options){0});
  world_init(&world, &world_sim, MEDIUM_TCP, 1);
  on(&world.server, SPY_MADE, spy_stop_runtime);
  on(&world.server, SPY_DRAINING, spy_nothing);
  on(&world.client, SPY_DRAINING, spy_nothing);
  play_for(&world, 10000);
  world_expect(&world, "made draining lost(EDRAIN)", "made draining lost(*)");
}
END_TEST

static void tick_for_an_hour(struct spy *s) {
  spy_start_timer(s, 1000, 1000);
}

static void close_after_an_hour(struct spy *s) {
  if (s->count[SPY_TIMER] == 3600)
    spy_close(s);
}

START_TEST(timers_do_not_drift) {
  sim_begin((plait_sim_options){0});
  world_init(&world, &world_sim, MEDIUM_PAIR, 1);
  on(&world.server, SPY_MADE, tick_for_an_hour);
  on(&world.server, SPY_TIMER, close_after_an_hour);
  world.server.kinds[0].script.flags = SPY_QUIET;
  uint64_t start = plait_sim_now_ns(sim);
  world_play(&world);
  uint64_t ms = (plait_sim_now_ns(sim) - start) / 1000000;
  ck_assert_uint_ge(ms, 3600000);
  ck_assert_uint_le(ms, 3600100);
}
END_TEST

/* The first callback takes so long that some are missed: there is one for all
 * of these, and then they come when they would have come. */
enum { PERIOD_MS = 10, SLOW_MS = 95, PERIODS = 4 };

static void check_period(struct spy *s) {
  static const uint64_t after_ms[PERIODS] = {PERIOD_MS, PERIOD_MS + SLOW_MS,
                                             11 * PERIOD_MS, 12 * PERIOD_MS};
  static uint64_t start_ns;
  unsigned i = s->count[SPY_TIMER] - 1;
  if (i == 0)
    start_ns = plait_sim_now_ns(sim) - PERIOD_MS * 1000000;
  uint64_t ms = (plait_sim_now_ns(sim) - start_ns) / 1000000;
  require(ms >= after_ms[i] && ms <= after_ms[i] + 2, "the %uth after %llu ms",
          i + 1, (unsigned long long)ms);
  if (i == 0)
    plait_sim_sleep_us(sim, SLOW_MS * 1000);
  else if (i == PERIODS - 1)
    spy_close(s);
}

static void tick_often(struct spy *s) {
  spy_start_timer(s, PERIOD_MS, PERIOD_MS);
}

START_TEST(missed_periods_are_skipped) {
  sim_begin((plait_sim_options){0});
  world_init(&world, &world_sim, MEDIUM_PAIR, 1);
  on(&world.server, SPY_MADE, tick_often);
  on(&world.server, SPY_TIMER, check_period);
  world_play(&world);
  world_expect(&world, "made timer timer timer timer lost(0)",
               "made lost(EOF)");
  sim_end();
}
END_TEST

/* Begun at any part of a millisecond. */
enum { ODD_US = 137, ODD_MS = 2, ODD_TIMERS = 100 };

static uint64_t odd_due_ns;

static void start_at_odd_time(struct spy *s) {
  plait_sim_sleep_us(sim, ODD_US);
  odd_due_ns = plait_sim_now_ns(sim) + ODD_MS * 1000000;
  spy_start_timer(s, ODD_MS, 0);
}

static void check_odd_time(struct spy *s) {
  uint64_t now_ns = plait_sim_now_ns(sim);
  require(now_ns >= odd_due_ns, "%llu ns early",
          (unsigned long long)(odd_due_ns - now_ns));
  require(now_ns < odd_due_ns + 1100000, "%llu ns late",
          (unsigned long long)(now_ns - odd_due_ns));
  if (s->count[SPY_TIMER] < ODD_TIMERS)
    start_at_odd_time(s);
  else
    spy_close(s);
}

START_TEST(timers_are_never_early) {
  sim_begin((plait_sim_options){0});
  world_init(&world, &world_sim, MEDIUM_PAIR, 1);
  on(&world.server, SPY_MADE, start_at_odd_time);
  on(&world.server, SPY_TIMER, check_odd_time);
  world.server.kinds[0].script.flags = SPY_QUIET;
  world_play(&world);
  world_expect(&world, "made lost(0)", "made lost(EOF)");
  sim_end();
}
END_TEST

/* ---- the other clock -----------------------------------------------------*/

static int64_t wall_jumping_s(void) {
  enum { YEAR_S = 365 * 24 * 3600 };
  static bool ahead;
  ahead = !ahead;
  return 1000000000 + (ahead ? YEAR_S : -YEAR_S);
}

static void look_at_the_wall(struct spy *s) {
  plait_reactor_wall_s(plait_reactor_current());
  close_after_an_hour(s);
}

/* R148: a wall clock that jumps by years, forth and back, is no matter to
 * timers and time-outs. */
START_TEST(the_wall_clock_may_jump) {
  struct world_backend backend = world_sim;
  plait_backend driver = *world_sim.driver;
  plait__os os = *world_sim.driver->os;
  os.wall_s = wall_jumping_s;
  driver.os = &os;
  backend.driver = &driver;
  sim_begin((plait_sim_options){0});
  world_init(&world, &backend, MEDIUM_PAIR, 1);
  on(&world.server, SPY_MADE, tick_for_an_hour);
  on(&world.server, SPY_TIMER, look_at_the_wall);
  world.client.factory.limits.idle_ms = 2 * 3600 * 1000;
  world.server.kinds[0].script.flags = SPY_QUIET;
  uint64_t start = plait_sim_now_ns(sim);
  world_play(&world);
  world_expect(&world, "made lost(0)", "made lost(EOF)");
  uint64_t ms = (plait_sim_now_ns(sim) - start) / 1000000;
  ck_assert_uint_ge(ms, 3600000);
  ck_assert_uint_le(ms, 3600100);
  sim_end();
}
END_TEST

/* ---- memory --------------------------------------------------------------*/

enum { PAIRS = 3, ECHO_BYTES = 300000, FAILURES_MAX = 2000 };

static unsigned echo_attempts;

static void echo_send(struct spy *s) {
  spy_send(s, ECHO_BYTES);
}

static void echo_end(struct spy *s) {
  if (s->received == ECHO_BYTES)
    spy_close(s);
}

/* Leaves some bytes for later, once, and switches. */
static void echo_first(struct spy *s) {
  size_t some = s->len > 10 ? 10 : s->len;
  plait_write(s->base.transport, s->data, some);
  spy_pause(s);
  if (spy_switch(s, 1, s->data + some, s->len - some) == NULL)
    spy_abort(s);
}

static void echo_rest(struct spy *s) {
  spy_start_timer(s, 5, 0);
}

/* The listener goes with the last client. */
static void echo_client_is_gone(struct world *w) {
  unsigned gone = atomic_load(&w->client.lost) + atomic_load(&w->client.failed);
  if (gone == echo_attempts && w->listener != NULL)
    world_close_listener(w);
}

static void echo_lost(struct spy *s) {
  echo_client_is_gone(world_of(s));
}

static void echo_failed(struct spy_side *side) {
  echo_client_is_gone(plait_container_of(side, struct world, client));
}

static void echo_script(struct world *w) {
  on(&w->client, SPY_MADE, echo_send);
  on(&w->client, SPY_DATA, echo_end);
  on(&w->client, SPY_LOST, echo_lost);
  w->client.on_failure = echo_failed;
  w->client.kinds[0].script.flags = SPY_VERIFY;
  w->server.on_connection = NULL;
  on(&w->server, SPY_DATA, echo_first);
  on_next(&w->server, SPY_MADE, echo_rest);
  on_next(&w->server, SPY_TIMER, spy_resume);
  on_next(&w->server, SPY_DATA, spy_echo);
  spy_side_arm(&w->server);
  spy_side_arm(&w->client);
}

/* Whether there is something to run. */
static bool echo_set_up(struct world *w) {
  char endpoint[128];
  world_listen_endpoint(w, endpoint, sizeof endpoint);
  int code = plait_listen(w->runtime, endpoint, &w->server.factory, NULL,
                          &w->listener);
  require(code == 0 || (leak_failed() && code == PLAIT_ENOMEM), "%s",
          plait_error_detail());
  if (code != 0)
    return false;
  world_client_endpoint(w, plait_listener_endpoint(w->listener), w->endpoint,
                        sizeof w->endpoint);
  for (unsigned i = 0; i < PAIRS; i++) {
    code =
        plait_connect(w->runtime, w->endpoint, &w->client.factory, NULL, NULL);
    require(code == 0 || (leak_failed() && code == PLAIT_ENOMEM), "%s",
            plait_error_detail());
    echo_attempts += code == 0;
  }
  return true;
}

static void echo_check(const struct world *w, bool ran) {
  unsigned complete = 0;
  for (unsigned i = 0; i < PAIRS; i++)
    complete += w->client.records[i].received == ECHO_BYTES &&
                w->client.records[i].reason == 0;
  unsigned wanted = leak_failed() ? PAIRS - 1 : PAIRS;
  if (ran && complete < wanted) {
    spy_side_print(&w->server);
    spy_side_print(&w->client);
  }
  require(!ran || complete >= wanted, "no memory for %s: %u of %d echoes",
          leak_failed_site(), complete, PAIRS);
}

/* An echo whose allocation |n| fails.  Whether there was one. */
static bool echo_out_of_memory(struct world *w, size_t n) {
  sim_begin((plait_sim_options){0});
  world_init(w, &world_sim, MEDIUM_TCP, 1);
  echo_script(w);
  echo_attempts = 0;
  w->options.backend = leak_driver(plait_sim_backend(sim));
  leak_begin(&w->leak);
  leak_fail_at(n);
  int code = plait_runtime_new(&w->options, &w->runtime);
  require(code == 0 || (leak_failed() && code == PLAIT_ENOMEM),
          "runtime_new: %s", plait_strerror(code));
  if (code == 0) {
    bool ready = echo_set_up(w);
    code = ready ? plait_run(w->runtime) : 0;
    require(code == 0, "plait_run: %s", plait_strerror(code));
    require(plait_runtime_free(w->runtime) == 0, "runtime_free");
    echo_check(w, ready);
  }
  spy_side_check(&w->server);
  spy_side_check(&w->client);
  leak_end(&w->leak);
  sim_end();
  return leak_failed();
}

START_TEST(no_memory_hurts_one_connection) {
  size_t n = 1;
  while (echo_out_of_memory(&world, n)) {
    n++;
    require(n < FAILURES_MAX, "no end of allocations");
  }
  require(n > 10, "only %zu allocations", n);
}
END_TEST

/* ---- the suite -----------------------------------------------------------*/

static void add_time(Suite *s) {
  TCase *tc = tcase_create("time");
  tcase_set_timeout(tc, DEADLINE_S);
  tcase_add_test(tc, idle_takes_300_s);
  tcase_add_test(tc, flush_takes_30_s);
  tcase_add_test(tc, flush_restarts_with_progress);
  tcase_add_test(tc, linger_takes_2_s);
  tcase_add_test(tc, grace_takes_10_s);
  tcase_add_test(tc, timers_do_not_drift);
  tcase_add_test(tc, missed_periods_are_skipped);
  tcase_add_test(tc, timers_are_never_early);
  tcase_add_test(tc, the_wall_clock_may_jump);
  suite_add_tcase(s, tc);
}

static void add_memory(Suite *s) {
  TCase *tc = tcase_create("memory");
  tcase_set_timeout(tc, DEADLINE_S);
  tcase_add_test(tc, no_memory_hurts_one_connection);
  suite_add_tcase(s, tc);
}

int main(void) {
  contract_print_table(ON_SIM, modes, MODES);
  Suite *s = suite_create("contract on the simulator");
  contract_add(s, contract_holds, ON_SIM, modes, MODES);
  add_time(s);
  add_memory(s);
  SRunner *runner = srunner_create(s);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
