/* The simulator: virtual time, the seed, threads and who goes on. */
#include <check.h>
#include <plait.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "support/require.h"
#include "support/runtime.h"
#include "support/sim_world.h"

static void close_world(void) {
  require(plait_runtime_free(runtime) == 0, "%s", plait_error_detail());
  sim_end();
}

static void begin(plait_call *call, unsigned reactor,
                  void (*fn)(plait_call *call, plait_protocol *p)) {
  *call = (plait_call){.run = fn};
  require(plait_reactor_post(plait_runtime_reactor(runtime, reactor), call) ==
              0,
          "no post");
}

static void run_it(void) {
  require(plait_run(runtime) == 0, "%s", plait_error_detail());
}

static uint64_t now_ms(void) {
  return plait_sim_now_ns(sim) / 1000000;
}

/* ---- what is stuck ------------------------------------------------------- */

enum { CALLS = 10 };

static plait_call calls[CALLS];
static unsigned calls_run, calls_dropped;

/* Ten in a row take three seconds, and none of them more than 300 ms. */
static void slow_call(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  calls_run++;
  if (calls_run == 5)
    plait_runtime_stop_now(runtime);
  plait_work_sleep_ms(300);
}

static void drop_call(plait_call *call) {
  (void)call;
  calls_dropped++;
}

START_TEST(a_turn_that_goes_on_is_not_stuck) {
  sim_begin((plait_sim_options){.seed = 1});
  open_runtime_on(plait_sim_backend(sim), (plait_runtime_options){0});
  plait_strand *strand = plait_strand_new(plait_runtime_pool(runtime));
  ck_assert_ptr_nonnull(strand);
  for (int i = 0; i < CALLS; i++) {
    calls[i] = (plait_call){.run = slow_call, .drop = drop_call};
    ck_assert_int_eq(plait_strand_post(strand, &calls[i]), 0);
  }
  plait_strand_free(strand);
  ck_assert_int_eq(plait_run(runtime), PLAIT_EDRAIN);
  ck_assert_uint_eq(calls_run, 5);
  ck_assert_uint_eq(calls_dropped, CALLS - 5);
  close_world();
}
END_TEST

/* ---- time ---------------------------------------------------------------- */

static plait_timer timer;
static uint64_t rang_ms;

static void ring(plait_timer *t) {
  (void)t;
  rang_ms = now_ms();
}

static void start_timer(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  plait_timer_init(&timer, NULL, ring);
  plait_timer_start(&timer, 24 * 3600 * 1000, 0);
}

START_TEST(a_day_takes_no_time) {
  clock_t cpu = clock();
  plait_call call;
  sim_begin((plait_sim_options){.seed = 1});
  ck_assert_uint_eq(plait_sim_now_ns(sim), 1000000000);
  open_runtime_on(plait_sim_backend(sim), (plait_runtime_options){0});
  begin(&call, 0, start_timer);
  run_it();
  ck_assert_uint_ge(rang_ms, 1000 + 24 * 3600 * 1000);
  ck_assert_uint_le(rang_ms, 1002 + 24 * 3600 * 1000);
  close_world();
  ck_assert_int_lt(clock() - cpu, CLOCKS_PER_SEC);
}
END_TEST

START_TEST(one_at_a_time) {
  plait_sim *second;
  sim_begin((plait_sim_options){0});
  ck_assert_int_eq(plait_sim_new(NULL, &second), PLAIT_EBUSY);
  sim_end();
  plait_sim_free(NULL);
}
END_TEST

/* ---- a world with all kinds of threads ----------------------------------- */

enum { REACTORS = 3, TASKS = 40, FOREIGN = 3, POSTS = 20 };

struct busy_task {
  plait_task task;
  unsigned reactor;
};

static struct {
  plait_call starts[REACTORS], posts[FOREIGN][POSTS], calls[TASKS];
  struct busy_task tasks[REACTORS][TASKS];
  plait_strand *strand;
  unsigned worked, done, posted, called, inside;
} busy;

static void busy_work(plait_task *task) {
  (void)task;
  busy.worked++;
  plait_work_sleep_ms((uint32_t)(plait_sim_random(sim) % 5));
}

static void busy_done(plait_task *task, int status) {
  const struct busy_task *mine =
      plait_container_of(task, struct busy_task, task);
  require(status == 0, "a task: %s", plait_strerror(status));
  require(plait_reactor_index(plait_reactor_current()) == mine->reactor,
          "done elsewhere");
  busy.done++;
}

static void busy_start(plait_call *call, plait_protocol *p) {
  unsigned r = (unsigned)(call - busy.starts);
  (void)p;
  for (unsigned i = 0; i < TASKS; i++) {
    struct busy_task *t = &busy.tasks[r][i];
    *t = (struct busy_task){.task = {.work = busy_work, .done = busy_done},
                            .reactor = r};
    require(plait_pool_submit(plait_runtime_pool(runtime), &t->task) == 0, "%s",
            plait_error_detail());
  }
}

static void busy_posted(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  busy.posted++;
  plait_sim_note(sim, 1, busy.posted);
}

static void busy_called(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  require(busy.inside++ == 0, "two calls of a strand at once");
  busy.called++;
  plait_work_sleep_ms(1);
  busy.inside--;
}

static void busy_foreign(void *arg) {
  plait_call *posts = arg;
  require(plait_reactor_current() == NULL, "on a reactor");
  for (unsigned i = 0; i < POSTS; i++) {
    begin(&posts[i], i % REACTORS, busy_posted);
    plait_sim_sleep_us(sim, plait_sim_random(sim) % 300);
  }
}

static void busy_threads(void) {
  static plait_sim_thread *foreign[FOREIGN];
  for (unsigned i = 0; i < FOREIGN; i++)
    require(plait_sim_thread_start(sim, busy_foreign, busy.posts[i], "foreign",
                                   &foreign[i]) == 0,
            "no thread");
  run_it();
  for (unsigned i = 0; i < FOREIGN; i++)
    plait_sim_thread_join(foreign[i]);
}

/* Returns the hash. */
static uint64_t busy_world(plait_sim_options options) {
  memset(&busy, 0, sizeof busy);
  sim_begin(options);
  open_runtime_on(plait_sim_backend(sim),
                  (plait_runtime_options){.reactors = REACTORS});
  busy.strand = plait_strand_new(plait_runtime_pool(runtime));
  for (unsigned i = 0; i < TASKS; i++) {
    busy.calls[i] = (plait_call){.run = busy_called};
    require(plait_strand_post(busy.strand, &busy.calls[i]) == 0, "no post");
  }
  plait_strand_free(busy.strand);
  for (unsigned r = 0; r < REACTORS; r++)
    begin(&busy.starts[r], r, busy_start);
  busy_threads();
  require(busy.worked == REACTORS * TASKS && busy.done == busy.worked,
          "%u worked, %u done", busy.worked, busy.done);
  require(busy.called == TASKS, "%u called", busy.called);
  require(plait_runtime_free(runtime) == 0, "%s", plait_error_detail());
  require(busy.posted == FOREIGN * POSTS, "%u posted", busy.posted);
  uint64_t hash = plait_sim_hash(sim);
  sim_end();
  return hash;
}

/* Without pauses, and with them at every tenth call. */
START_TEST(threads_of_all_kinds) {
  for (uint64_t seed = 0; seed < 100; seed++)
    busy_world((plait_sim_options){.seed = seed,
                                   .switch_ppm = seed % 2 ? 100000 : 0,
                                   .wake_max_us = seed % 4 < 2 ? 0 : 70});
}
END_TEST

START_TEST(the_seed_decides) {
  plait_sim_options options = {.seed = 5, .switch_ppm = 100000};
  uint64_t first = busy_world(options);
  ck_assert_uint_eq(busy_world(options), first);
  options.seed = 6;
  ck_assert_uint_ne(busy_world(options), first);
}
END_TEST

/* ---- the program's threads ----------------------------------------------- */

static char story[64];

static void add(char letter) {
  size_t len = strlen(story);
  require(len + 1 < sizeof story, "too long a story");
  story[len] = letter;
  story[len + 1] = '\0';
}

static void tell(void *arg) {
  plait_sim_sleep_us(sim, 100 * (uint64_t)(*(char *)arg - 'a'));
  add(*(char *)arg);
}

START_TEST(sleepers_wake_in_order) {
  static char names[] = "dbca";
  plait_sim_thread *threads[4];
  sim_begin((plait_sim_options){.seed = 3});
  story[0] = '\0';
  for (unsigned i = 0; i < 4; i++)
    require(plait_sim_thread_start(sim, tell, names + i, "teller",
                                   &threads[i]) == 0,
            "no thread");
  ck_assert_str_eq(story, "");
  plait_sim_settle(sim);
  ck_assert_str_eq(story, "a");
  ck_assert_uint_eq(plait_sim_now_ns(sim), 1000000000);
  for (unsigned i = 0; i < 4; i++)
    plait_sim_thread_join(threads[i]);
  ck_assert_str_eq(story, "abcd");
  ck_assert_uint_eq(plait_sim_now_ns(sim), 1000300000);
  ck_assert_ptr_null(plait_sim_left(sim));
  sim_end();
}
END_TEST

static void fail_here(void *arg) {
  plait_sim *second;
  require(plait_sim_new(NULL, &second) == PLAIT_EBUSY, "two worlds");
  require(strcmp(plait_error_detail(), "sim: there is one") == 0, "%s",
          plait_error_detail());
  snprintf(arg, 64, "%s", plait_strerror(-123456));
}

/* What plait says of a thread's failure is that thread's. */
START_TEST(errors_are_a_threads_own) {
  plait_sim_thread *thread;
  plait_runtime *none;
  char text[64];
  sim_begin((plait_sim_options){0});
  plait_runtime_options options = {.reactors = 1000,
                                   .backend = plait_sim_backend(sim)};
  ck_assert_int_eq(plait_runtime_new(&options, &none), PLAIT_EINVAL);
  const char *detail = plait_error_detail();
  ck_assert_ptr_nonnull(strstr(detail, "1000 reactors"));
  const char *mine = plait_strerror(-654321);
  require(plait_sim_thread_start(sim, fail_here, text, "failing", &thread) == 0,
          "no thread");
  plait_sim_thread_join(thread);
  ck_assert_str_eq(text, "error -123456");
  ck_assert_str_eq(mine, "error -654321");
  ck_assert_ptr_nonnull(strstr(detail, "1000 reactors"));
  sim_end();
}
END_TEST

/* ---- scheduling ---------------------------------------------------------- */

static plait_call letters[26];

static void letter_posted(plait_call *call, plait_protocol *p) {
  (void)p;
  add((char)('a' + (call - letters)));
}

/* Posts |arg| and the four letters behind it, with a call of the seam before
 * each. */
static void post_letters(void *arg) {
  plait_call *first = arg;
  for (unsigned i = 0; i < 5; i++) {
    plait_reactor_now_ms(plait_runtime_reactor(runtime, 0));
    begin(&first[i], 0, letter_posted);
  }
}

/* Two threads post at a time; returns what the reactor got. */
static const char *two_posters(uint64_t seed, uint32_t switch_ppm) {
  plait_sim_thread *first, *second;
  sim_begin((plait_sim_options){.seed = seed, .switch_ppm = switch_ppm});
  open_runtime_on(plait_sim_backend(sim), (plait_runtime_options){0});
  story[0] = '\0';
  require(plait_sim_thread_start(sim, post_letters, letters, "first", &first) ==
              0,
          "no thread");
  require(plait_sim_thread_start(sim, post_letters, letters + 5, "second",
                                 &second) == 0,
          "no thread");
  plait_sim_thread_join(first);
  plait_sim_thread_join(second);
  run_it();
  close_world();
  return story;
}

static bool is_whole(const char *text) {
  return strcmp(text, "abcdefghij") == 0 || strcmp(text, "fghijabcde") == 0;
}

START_TEST(threads_change_at_calls) {
  unsigned mixed = 0, second = 0;
  for (uint64_t seed = 0; seed < 20; seed++) {
    ck_assert(is_whole(two_posters(seed, 0)));
    second += story[0] == 'f';
    mixed += !is_whole(two_posters(seed, 300000));
  }
  ck_assert_uint_gt(mixed, 5);
  ck_assert_uint_gt(second, 2);
  ck_assert_uint_lt(second, 18);
}
END_TEST

static uint64_t began_ns, ended_ns;

static void do_nothing(plait_task *task) {
  (void)task;
}

static void count_time(plait_task *task, int status) {
  (void)task, (void)status;
  ended_ns = plait_sim_now_ns(sim);
}

static void begin_task(plait_call *call, plait_protocol *p) {
  static plait_task task;
  (void)call, (void)p;
  began_ns = plait_sim_now_ns(sim);
  task = (plait_task){.work = do_nothing, .done = count_time};
  require(plait_pool_submit(plait_runtime_pool(runtime), &task) == 0, "%s",
          plait_error_detail());
}

START_TEST(a_job_takes_time) {
  plait_call call;
  sim_begin((plait_sim_options){.work_min_us = 700, .work_max_us = 900});
  open_runtime_on(plait_sim_backend(sim), (plait_runtime_options){0});
  begin(&call, 0, begin_task);
  run_it();
  ck_assert_uint_ge(ended_ns - began_ns, 700000);
  ck_assert_uint_le(ended_ns - began_ns, 910000);
  close_world();
}
END_TEST

static plait_task long_task, short_tasks[2];
static uint64_t long_ms, short_ms;
static unsigned shorts;

static void sleep_long(plait_task *task) {
  (void)task;
  plait_work_sleep_ms(1000);
}

static void note_time(plait_task *task, int status) {
  (void)status;
  *(task == &long_task ? &long_ms : &short_ms) = now_ms();
}

static void submit(plait_task *task, void (*work)(plait_task *task)) {
  *task = (plait_task){.work = work, .done = note_time};
  require(plait_pool_submit(plait_runtime_pool(runtime), task) == 0, "%s",
          plait_error_detail());
}

static void submit_short(plait_timer *t) {
  submit(&short_tasks[shorts], do_nothing);
  if (++shorts == 1)
    plait_timer_start(t, 10, 0);
}

static void submit_long(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  submit(&long_task, sleep_long);
  plait_timer_init(&timer, NULL, submit_short);
  plait_timer_start(&timer, 10, 0);
}

/* While a task runs, a reactor only promises to send a thread for the next one:
 * before it waits. */
START_TEST(a_promise_is_kept) {
  plait_call call;
  sim_begin((plait_sim_options){0});
  open_runtime_on(plait_sim_backend(sim), (plait_runtime_options){0});
  begin(&call, 0, submit_long);
  run_it();
  ck_assert_uint_le(short_ms, 1030);
  ck_assert_uint_ge(long_ms, 2000);
  close_world();
}
END_TEST

START_TEST(a_wake_takes_time) {
  static char name[] = "a";
  plait_sim_thread *thread;
  sim_begin((plait_sim_options){.seed = 2, .wake_max_us = 1000});
  story[0] = '\0';
  require(plait_sim_thread_start(sim, tell, name, "teller", &thread) == 0,
          "no thread");
  plait_sim_settle(sim);
  ck_assert_str_eq(story, "");
  plait_sim_thread_join(thread);
  ck_assert_str_eq(story, "a");
  ck_assert_uint_gt(plait_sim_now_ns(sim), 1000000000);
  ck_assert_uint_le(plait_sim_now_ns(sim), 1002000000);
  sim_end();
}
END_TEST

/* ---- the suite ----------------------------------------------------------- */

int main(void) {
  Suite *s = suite_create("sim");
  TCase *tc = tcase_create("sim");
  tcase_set_timeout(tc, 60);
  tcase_add_test(tc, a_day_takes_no_time);
  tcase_add_test(tc, one_at_a_time);
  tcase_add_test(tc, a_turn_that_goes_on_is_not_stuck);
  tcase_add_test(tc, threads_of_all_kinds);
  tcase_add_test(tc, the_seed_decides);
  tcase_add_test(tc, sleepers_wake_in_order);
  tcase_add_test(tc, errors_are_a_threads_own);
  tcase_add_test(tc, threads_change_at_calls);
  tcase_add_test(tc, a_job_takes_time);
  tcase_add_test(tc, a_promise_is_kept);
  tcase_add_test(tc, a_wake_takes_time);
  suite_add_tcase(s, tc);
  SRunner *runner = srunner_create(s);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
