/* Lookups that take their time: time-outs, threads that are stuck, bounds, the
 * end of a runtime, and memory that is out.  What is asked and answered is in
 * test_resolver.c. */
#include <check.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/runtime.h"
#include "support/leak.h"
#include "support/asks.h"
#include "support/require.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { THREADS = 8, STUCK_MAX = 64, QUERIES_MAX = 65536 };

static plait_runtime *runtime;
static struct leak leak;

static void open_runtime(plait_runtime_options options) {
  script_begin();
  leak_begin(&leak);
  options.backend = leak_driver(script_driver(&plait__uv_backend));
  require(plait_runtime_new(&options, &runtime) == 0, "%s",
          plait_error_detail());
}

/* A thread that was left to itself frees what it has when it returns. */
static void await_orphans(void) {
  while (leak_bytes() > leak.bytes)
    sched_yield();
  leak_end(&leak);
}

static void close_runtime(void) {
  require(plait_runtime_free(runtime) == 0, "%s", plait_error_detail());
  await_orphans();
}

static int run(void (*start)(plait_call *, plait_protocol *)) {
  plait_call call = {.run = start};
  require(plait_reactor_post(plait_runtime_reactor(runtime, 0), &call) == 0,
          "no post");
  return plait_run(runtime);
}

/* ---- time-outs ----------------------------------------------------------- */

static struct ask first, second, third;
static plait_timer timer;
static uint64_t asked_ms, answered_ms;

static uint64_t now_ms(void) {
  return plait_reactor_now_ms(plait_runtime_reactor(runtime, 0));
}

static void second_stuck(struct ask *a) {
  (void)a;
  answered_ms = now_ms();
}

static void third_answered(struct ask *a) {
  plait_resolver_stats stats = resolver_stats(runtime);
  (void)a;
  require(stats.stuck == 1 && stats.threads == 1, "%u stuck, %u threads",
          stats.stuck, stats.threads);
  script_open(1);
}

/* Long after its time, the second one waits still: it has not begun. */
static void let_first_go(plait_timer *t) {
  (void)t;
  require(second.answered == 0 && first.answered == 0, "too early");
  asked_ms = now_ms();
  script_open(1);
}

static void start_timeouts(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  first = (struct ask){
      .query = {.name = "gate1", .timeout_ms = PLAIT_UNLIMITED}, .label = "a"};
  second = (struct ask){.query = {.name = "gate2", .timeout_ms = 30},
                        .label = "b",
                        .then = second_stuck};
  third = (struct ask){
      .query = {.name = "missing"}, .label = "c", .then = third_answered};
  ask(runtime, &first);
  script_await(1);
  ask(runtime, &second);
  ask(runtime, &third);
  plait_timer_init(&timer, NULL, let_first_go);
  plait_timer_start(&timer, 150, 0);
}

START_TEST(test_timeout_from_the_beginning) {
  open_runtime((plait_runtime_options){.pool.name_threads_max = 1});
  ck_assert_int_eq(run(start_timeouts), 0);
  trace_expect("a: 192.0.2.1:0 [2001:db8::1]:0 (real.gate1); "
               "b: PLAIT_ETIMEOUT; c: PLAIT_ENOTFOUND");
  ck_assert_uint_ge(answered_ms - asked_ms, 30);
  ck_assert_uint_eq(resolver_stats(runtime).timed_out, 1);
  close_runtime();
}
END_TEST

/* Of two that share a lookup only one has no time, and the thread goes on. */
static void still_waited_for(struct ask *a) {
  (void)a;
  require(resolver_stats(runtime).stuck == 0, "it was given up");
  script_open(1);
}

static void start_sharing(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  first = (struct ask){.query = {.name = "gate", .timeout_ms = 20},
                       .label = "a",
                       .then = still_waited_for};
  second = (struct ask){.query = {.name = "gate"}, .label = "b"};
  ask(runtime, &first);
  ask(runtime, &second);
}

START_TEST(test_timeout_of_one) {
  open_runtime((plait_runtime_options){0});
  ck_assert_int_eq(run(start_sharing), 0);
  trace_expect("a: PLAIT_ETIMEOUT; "
               "b: 192.0.2.1:0 [2001:db8::1]:0 (real.gate)");
  ck_assert_uint_eq(script_asked(), 1);
  close_runtime();
}
END_TEST

/* What timed out is not joined, but looked up anew. */
static void ask_anew(struct ask *a) {
  (void)a;
  second = (struct ask){.query = {.name = "gate"}, .label = "b"};
  ask(runtime, &second);
  script_await(2);
  script_open(2);
}

static void start_anew(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  first = (struct ask){.query = {.name = "gate", .timeout_ms = 10},
                       .label = "a",
                       .then = ask_anew};
  ask(runtime, &first);
}

START_TEST(test_timed_out_is_not_shared) {
  open_runtime((plait_runtime_options){.pool.name_threads_max = 1});
  ck_assert_int_eq(run(start_anew), 0);
  trace_expect("a: PLAIT_ETIMEOUT; "
               "b: 192.0.2.1:0 [2001:db8::1]:0 (real.gate)");
  ck_assert_uint_eq(script_asked(), 2);
  close_runtime();
}
END_TEST

/* One that comes when the lookup is over starts another. */
static struct ask again;

static void ask_again(struct ask *a) {
  if (again.answered > 0)
    return;
  (void)a;
  again = (struct ask){.query = {.name = "a.test"}};
  ask(runtime, &again);
}

static void start_again(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  first = (struct ask){.query = {.name = "a.test"}, .then = ask_again};
  ask(runtime, &first);
}

START_TEST(test_found_is_not_shared) {
  open_runtime((plait_runtime_options){0});
  again.answered = 0;
  ck_assert_int_eq(run(start_again), 0);
  ck_assert_uint_eq(script_asked(), 2);
  ck_assert_uint_eq(resolver_stats(runtime).shared, 0);
  close_runtime();
}
END_TEST

/* ---- cancelling ---------------------------------------------------------- */

static struct ask running, queued, sharing, kept, behind;

static void cancel_twice(struct ask *a) {
  require(plait_query_cancel(&a->query) == 0, "%s", a->label);
  require(a->answered == 0, "answered inside cancel");
}

/* gate2 has the place of gate1, which is still there. */
static void running_cancelled(struct ask *a) {
  (void)a;
  script_await(1);
  plait_resolver_stats stats = resolver_stats(runtime);
  require(stats.stuck == 1 && stats.threads == 1 && stats.running == 1 &&
              stats.queued == 1,
          "%u stuck, %u threads, %u running, %u queued", stats.stuck,
          stats.threads, stats.running, stats.queued);
  script_open(2);
}

static void start_cancelling(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  running = (struct ask){.query = {.name = "gate1"},
                         .label = "running",
                         .then = running_cancelled};
  sharing = (struct ask){.query = {.name = "gate2"}, .label = "sharing"};
  kept = (struct ask){.query = {.name = "gate2"}, .label = "kept"};
  queued = (struct ask){.query = {.name = "q.test"}, .label = "queued"};
  behind = (struct ask){.query = {.name = "missing"}, .label = "behind"};
  ask(runtime, &running);
  script_await(1);
  ask(runtime, &sharing);
  ask(runtime, &queued);
  ask(runtime, &behind);
  ask(runtime, &kept);
  cancel_twice(&queued);
  cancel_twice(&sharing);
  cancel_twice(&running);
}

START_TEST(test_cancelling) {
  open_runtime((plait_runtime_options){.pool.name_threads_max = 1});
  ck_assert_int_eq(run(start_cancelling), 0);
  trace_expect("queued: PLAIT_ECANCELED; sharing: PLAIT_ECANCELED; "
               "running: PLAIT_ECANCELED; "
               "kept: 192.0.2.1:0 [2001:db8::1]:0 (real.gate2); "
               "behind: PLAIT_ENOTFOUND");
  ck_assert_uint_eq(script_asked(), 3);
  ck_assert_uint_eq(resolver_stats(runtime).cancelled, 3);
  close_runtime();
}
END_TEST

/* ---- the most that may be stuck ------------------------------------------ */

enum { MANY = STUCK_MAX + THREADS + 28 };

static struct ask many[MANY];
static char many_names[MANY][16];
static unsigned timed_out, found;

/* When all are stuck that may be, the rest waits for a thread. */
static void one_of_many(struct ask *a) {
  timed_out += a->code == PLAIT_ETIMEOUT;
  found += a->code == 0;
  if (timed_out < STUCK_MAX + THREADS || found > 0)
    return;
  plait_resolver_stats stats = resolver_stats(runtime);
  require(stats.stuck == STUCK_MAX && stats.threads == THREADS &&
              stats.queued == MANY - STUCK_MAX - THREADS,
          "%u stuck, %u threads, %u queued", stats.stuck, stats.threads,
          stats.queued);
  script_open(MANY);
}

static void start_many(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  timed_out = found = 0;
  for (size_t i = 0; i < MANY; i++) {
    bool last = i >= STUCK_MAX + THREADS;
    snprintf(many_names[i], sizeof *many_names, "gate%zu", i);
    many[i] = (struct ask){.query = {.name = many_names[i],
                                     .timeout_ms = last ? PLAIT_UNLIMITED : 20},
                           .then = one_of_many};
    ask(runtime, &many[i]);
  }
}

/* R105 */
START_TEST(test_stuck_max) {
  open_runtime((plait_runtime_options){0});
  ck_assert_int_eq(run(start_many), 0);
  ck_assert_uint_eq(timed_out, STUCK_MAX + THREADS);
  ck_assert_uint_eq(found, MANY - STUCK_MAX - THREADS);
  ck_assert_uint_eq(script_asked(), MANY);
  close_runtime();
}
END_TEST

/* ---- the most that may wait ---------------------------------------------- */

static struct ask *crowd;
static unsigned crowd_answered;

static void one_of_the_crowd(struct ask *a) {
  crowd_answered += a->code == 0;
}

static void start_crowd(plait_call *call, plait_protocol *p) {
  static struct ask one_more;
  (void)call, (void)p;
  for (size_t i = 0; i < QUERIES_MAX; i++) {
    crowd[i] =
        (struct ask){.query = {.name = "gate"}, .then = one_of_the_crowd};
    ask(runtime, &crowd[i]);
  }
  one_more = (struct ask){.query = {.name = "127.0.0.1"}};
  require(ask_start(runtime, NULL, &one_more) == PLAIT_EFULL, "not full");
  require(strstr(plait_error_detail(), "full") != NULL, "%s",
          plait_error_detail());
  plait_resolver_stats stats = resolver_stats(runtime);
  require(stats.waiting == QUERIES_MAX && stats.refused == 1,
          "%u wait, %u refused", stats.waiting, (unsigned)stats.refused);
  script_open(1);
}

START_TEST(test_full) {
  crowd = calloc(QUERIES_MAX, sizeof *crowd);
  ck_assert_ptr_nonnull(crowd);
  crowd_answered = 0;
  open_runtime((plait_runtime_options){0});
  ck_assert_int_eq(run(start_crowd), 0);
  ck_assert_uint_eq(crowd_answered, QUERIES_MAX);
  ck_assert_uint_eq(script_asked(), 1);
  close_runtime();
  free(crowd);
}
END_TEST

/* ---- the end ------------------------------------------------------------- */

/* Neither what waits nor what is stuck keeps anybody. */
static void too_late(struct ask *a) {
  third = (struct ask){.query = {.name = "127.0.0.1"}};
  require(ask_start(runtime, NULL, &third) == PLAIT_ECANCELED, "%s", a->label);
}

static void start_stuck(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  first = (struct ask){
      .query = {.name = "gate", .timeout_ms = PLAIT_UNLIMITED, .ordered = true},
      .label = "a",
      .then = too_late};
  second =
      (struct ask){.query = {.name = "missing", .ordered = true}, .label = "b"};
  ask(runtime, &first);
  script_await(1);
  ask(runtime, &second);
  plait_runtime_stop(runtime);
}

/* R106 */
START_TEST(test_end_while_stuck) {
  open_runtime((plait_runtime_options){
      .grace_ms = 30, .pool.name_threads_max = 1, .reactors = 2});
  ck_assert_int_eq(run(start_stuck), 0);
  trace_expect("a: PLAIT_ECANCELED; b: PLAIT_ECANCELED");
  ck_assert_int_eq(plait_runtime_free(runtime), 0);
  ck_assert_uint_eq(script_asked(), 1);
  script_open(1);
  await_orphans();
}
END_TEST

/* What ends within the grace is nothing special. */
static void start_slow(plait_call *call, plait_protocol *p) {
  start_stuck(call, p);
  first.then = NULL;
  script_open(1);
}

START_TEST(test_end_in_order) {
  open_runtime((plait_runtime_options){.pool.name_threads_max = 1});
  ck_assert_int_eq(run(start_slow), 0);
  trace_expect("a: 192.0.2.1:0 [2001:db8::1]:0 (real.gate); "
               "b: PLAIT_ENOTFOUND");
  close_runtime();
}
END_TEST

/* ---- out of memory ------------------------------------------------------- */

enum { FAILURES_MAX = 200 };

static size_t failing;
static int codes[3];

static void start_failing(plait_call *call, plait_protocol *p) {
  static const char *const all[] = {"a.test", "127.0.0.1", "c.test"};
  struct ask *asks[] = {&first, &second, &third};
  (void)call, (void)p;
  leak_fail_at(failing);
  for (int i = 0; i < 3; i++) {
    *asks[i] = (struct ask){.query = {.name = all[i]}};
    codes[i] = ask_start(runtime, NULL, asks[i]);
  }
}

/* Whether there was an allocation to fail. */
static bool one_failure(void) {
  const struct ask *asks[] = {&first, &second, &third};
  unsigned failures = 0;
  open_runtime((plait_runtime_options){0});
  ck_assert_int_eq(run(start_failing), 0);
  bool failed = leak_failed();
  leak_fail_at(0);
  for (int i = 0; i < 3; i++) {
    int code = codes[i] != 0 ? codes[i] : asks[i]->code;
    require(asks[i]->answered == (codes[i] == 0), "query %d", i);
    require(code == 0 || code == PLAIT_ENOMEM, "query %d: %d", i, code);
    failures += code != 0;
  }
  /* Without the pool or its first thread there are no lookups. */
  require(failures <= (failed ? 1 : 0), "%u failures", failures);
  close_runtime();
  return failed;
}

START_TEST(test_out_of_memory) {
  for (failing = 1; one_failure(); failing++)
    require(failing < FAILURES_MAX, "no end of allocations");
  require(failing > 10, "only %zu allocations", failing);
}
END_TEST

/* No thread can take the place of one that is stuck, and there is no other:
 * what waits is told so. */
static void start_replacing(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  first =
      (struct ask){.query = {.name = "gate", .timeout_ms = 20}, .label = "a"};
  second = (struct ask){.query = {.name = "b.test"}, .label = "b"};
  ask(runtime, &first);
  script_await(1);
  ask(runtime, &second);
  leak_fail_at(failing);
}

START_TEST(test_nobody_takes_its_place) {
  failing = (size_t)_i;
  open_runtime((plait_runtime_options){.pool.name_threads_max = 1});
  ck_assert_int_eq(run(start_replacing), 0);
  ck_assert(leak_failed());
  leak_fail_at(0);
  trace_expect("a: PLAIT_ETIMEOUT; b: PLAIT_ENOMEM");
  script_open(1);
  close_runtime();
}
END_TEST

/* ---- all at once --------------------------------------------------------- */

enum { REACTORS = 2, SLOTS = 64, STORM = 20000 };

struct storm {
  plait_call call;
  struct ask asks[SLOTS];
  char names[SLOTS][16];
  unsigned left, under_way, seed;
  unsigned count[3]; /* found, given up, other */
};

static struct storm storms[REACTORS];

static unsigned roll(struct storm *s, unsigned sides) {
  s->seed = s->seed * 1103515245u + 12345u;
  return (s->seed >> 16) % sides;
}

static void storm_go_on(struct storm *s);

static void storm_answered(struct ask *a) {
  struct storm *s = &storms[plait_reactor_index(plait_reactor_current())];
  require(pthread_equal(a->thread, pthread_self()), "another thread");
  s->under_way--;
  if (a->code == 0)
    s->count[0]++;
  else
    s->count[a->code == PLAIT_ECANCELED || a->code == PLAIT_ETIMEOUT ? 1 : 2]++;
  storm_go_on(s);
}

static void storm_ask(struct storm *s, struct ask *a, char *name) {
  static const char *const kinds[] = {"a", "missing", "gate", "127.0.0.",
                                      "slow"};
  unsigned kind = roll(s, COUNT(kinds));
  snprintf(name, sizeof *s->names, "%s%u", kinds[kind], roll(s, 8));
  *a = (struct ask){.then = storm_answered};
  a->query.name = name;
  a->query.ordered = roll(s, 8) == 0;
  a->query.timeout_ms = kind == 4 ? 1 : 0;
  ask(runtime, a);
  script_open(kind == 2);
  s->under_way++;
  s->left--;
}

/* Answers come only later, so this does not call itself. */
static void storm_go_on(struct storm *s) {
  for (unsigned i = 0; i < SLOTS && s->left > 0; i++) {
    struct ask *a = &s->asks[i];
    if (a->query.request == NULL)
      storm_ask(s, a, s->names[i]);
  }
  struct ask *any = &s->asks[roll(s, SLOTS)];
  if (any->query.request != NULL && roll(s, 8) == 0)
    require(plait_query_cancel(&any->query) == 0, "it was not answered");
  if (s->left == 0)
    script_open(SLOTS);
}

static void start_storm(plait_call *call, plait_protocol *p) {
  struct storm *s = plait_container_of(call, struct storm, call);
  (void)p;
  storm_go_on(s);
}

START_TEST(test_storm) {
  open_runtime((plait_runtime_options){.reactors = REACTORS});
  for (unsigned i = 0; i < REACTORS; i++) {
    storms[i] = (struct storm){.left = STORM, .seed = i + 1};
    storms[i].call.run = start_storm;
    plait_reactor_post(plait_runtime_reactor(runtime, i), &storms[i].call);
  }
  ck_assert_int_eq(plait_run(runtime), 0);
  for (unsigned i = 0; i < REACTORS; i++) {
    const unsigned *count = storms[i].count;
    ck_assert_uint_eq(storms[i].under_way, 0);
    ck_assert_uint_eq(count[0] + count[1] + count[2], STORM);
    require(count[0] > 0 && count[1] > 0 && count[2] > 0, "%u, %u, %u",
            count[0], count[1], count[2]);
  }
  plait_resolver_stats stats = resolver_stats(runtime);
  ck_assert_uint_eq(stats.asked, (uint64_t)REACTORS * STORM);
  ck_assert_uint_eq(stats.waiting, 0);
  ck_assert_uint_gt(stats.timed_out, 0);
  script_open(STUCK_MAX + THREADS);
  close_runtime();
}
END_TEST

/* ---- the suite ----------------------------------------------------------- */

static Suite *lookups_suite(void) {
  Suite *suite = suite_create("lookups");
  TCase *tcase = tcase_create("lookups");
  tcase_set_timeout(tcase, 60);
  tcase_add_test(tcase, test_timeout_from_the_beginning);
  tcase_add_test(tcase, test_timeout_of_one);
  tcase_add_test(tcase, test_timed_out_is_not_shared);
  tcase_add_test(tcase, test_found_is_not_shared);
  tcase_add_test(tcase, test_cancelling);
  tcase_add_test(tcase, test_stuck_max);
  tcase_add_test(tcase, test_full);
  tcase_add_test(tcase, test_end_while_stuck);
  tcase_add_test(tcase, test_end_in_order);
  tcase_add_test(tcase, test_out_of_memory);
  tcase_add_loop_test(tcase, test_nobody_takes_its_place, 1, 4);
  tcase_add_test(tcase, test_storm);
  suite_add_tcase(suite, tcase);
  return suite;
}

int main(void) {
  /* libuv keeps a pipe from its first loop on. */
  require(plait_runtime_new(NULL, &runtime) == 0, "%s", plait_error_detail());
  plait_runtime_free(runtime);
  SRunner *runner = srunner_create(lookups_suite());
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
