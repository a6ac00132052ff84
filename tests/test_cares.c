/* What the resolver's backend on c-ares has to itself: its channel, its
 * sockets, its queue.  What all backends do is in test_resolver.c. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <plait.h>

#include "core/runtime.h"
#include "support/names.h"
#include "support/require.h"
#include "support/runtime.h"

enum { ASKED = 128, MANY = 300 }; /* at once; of which so many are asked */

struct question {
  plait_query query;
  char name[32];
  unsigned answered;
  int code;
  void (*then)(void);
};

static struct question questions[MANY];
static unsigned answers;

static void open_cares(plait_runtime_options options) {
  answers = 0;
  options.resolver = PLAIT_RESOLVER_CARES;
  open_runtime(options);
}

static plait_resolver_stats stats(void) {
  plait_resolver_stats s;
  plait_resolver_get_stats(plait_runtime_resolver(runtime), &s);
  return s;
}

static void on_answer(plait_query *query, int code) {
  struct question *q = plait_container_of(query, struct question, query);
  require(q->answered++ == 0, "answered twice");
  q->code = code;
  answers++;
  if (q->then != NULL)
    q->then();
}

static void ask_for(struct question *q, const char *name, uint32_t timeout_ms,
                    void (*then)(void)) {
  *q = (struct question){.then = then};
  snprintf(q->name, sizeof q->name, "%s", name);
  q->query = (plait_query){
      .name = q->name, .timeout_ms = timeout_ms, .answered = on_answer};
  require(plait_resolve(plait_runtime_resolver(runtime), NULL, &q->query) == 0,
          "%s", plait_error_detail());
  require(q->answered == 0, "an answer inside the call");
}

static void (*the_start)(void);

static void start_run(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  the_start();
}

static int run_on(unsigned reactor, void (*start)(void)) {
  static plait_call call = {.run = start_run};
  the_start = start;
  plait_reactor_post(plait_runtime_reactor(runtime, reactor), &call);
  return plait_run(runtime);
}

static int run_first(void (*start)(void)) {
  return run_on(0, start);
}

/* ---- a burst ------------------------------------------------------------- */

static void start_many(void) {
  char name[32];
  unsigned threads = leak_count_threads();
  for (unsigned i = 0; i < MANY; i++) {
    snprintf(name, sizeof name, "wait%u.test", i);
    ask_for(&questions[i], name, PLAIT_UNLIMITED, NULL);
  }
  ck_assert_uint_eq(stats().running, ASKED);
  ck_assert_uint_eq(stats().queued, MANY - ASKED);
  require(leak_count_threads() == threads, "a thread");
  for (unsigned i = 0; i < MANY; i++)
    sem_post(&names_gate);
}

START_TEST(test_a_burst_waits) {
  names_serve();
  open_cares((plait_runtime_options){.reactors = 2});
  ck_assert_int_eq(run_on(1, start_many), 0);
  for (unsigned i = 0; i < MANY; i++)
    ck_assert_int_eq(questions[i].code, 0);
  ck_assert_uint_eq(stats().running + stats().queued + stats().stuck, 0);
  close_runtime();
}
END_TEST

/* Questions that are given up make room for others; and when there are only
 * such, all are let go of: plait_run() does not wait the 10.5 s that c-ares
 * would go on for. */
static void start_mute(void) {
  char name[32];
  for (unsigned i = 0; i < MANY; i++) {
    bool mute = i < MANY - 1;
    snprintf(name, sizeof name, mute ? "mute%u.test" : "good%u.test", i);
    ask_for(&questions[i], name, mute ? 20 : 10000, NULL);
  }
}

START_TEST(test_given_up) {
  names_serve();
  open_cares((plait_runtime_options){0});
  time_t begin = time(NULL);
  ck_assert_int_eq(run_first(start_mute), 0);
  ck_assert_int_lt(time(NULL) - begin, 8);
  for (unsigned i = 0; i < MANY - 1; i++)
    ck_assert_int_eq(questions[i].code, PLAIT_ETIMEOUT);
  ck_assert_int_eq(questions[MANY - 1].code, 0);
  ck_assert_uint_eq(stats().running + stats().queued + stats().stuck, 0);
  close_runtime();
}
END_TEST

/* In the queue, and with c-ares. */
static void start_cancelled(void) {
  start_many();
  for (unsigned i = 0; i < MANY; i += 2)
    require(plait_query_cancel(&questions[i].query) == 0, "no cancel");
  ck_assert_uint_eq(answers, 0);
}

START_TEST(test_cancelled) {
  names_serve();
  open_cares((plait_runtime_options){0});
  ck_assert_int_eq(run_first(start_cancelled), 0);
  for (unsigned i = 0; i < MANY; i++)
    ck_assert_int_eq(questions[i].code, i % 2 == 0 ? PLAIT_ECANCELED : 0);
  close_runtime();
}
END_TEST

static void start_and_stop(void) {
  start_mute();
  plait_runtime_stop(runtime);
}

static void start_and_stop_now(void) {
  start_mute();
  plait_runtime_stop_now(runtime);
}

START_TEST(test_stopped) {
  names_serve();
  open_cares((plait_runtime_options){.grace_ms = 1});
  if (_i == 0)
    ck_assert_int_eq(run_first(start_and_stop), 0);
  else
    ck_assert_int_eq(run_first(start_and_stop_now), PLAIT_EDRAIN);
  ck_assert_uint_eq(answers, MANY);
  close_runtime();
}
END_TEST

/* ---- servers ------------------------------------------------------------- */

static void start_broken(void) {
  ask_for(&questions[0], "broken.test", 0, NULL);
}

START_TEST(test_servers_that_could_not_say) {
  if (_i == 0)
    names_serve();
  else
    names_serve_nobody();
  open_cares((plait_runtime_options){0});
  ck_assert_int_eq(run_first(start_broken), 0);
  ck_assert_int_eq(questions[0].code, PLAIT_ETEMPORARY);
  close_runtime();
}
END_TEST

/* A channel that had nothing to do is made anew, with the servers of then. */
static plait_timer pause_timer;

static void ask_again(plait_timer *timer) {
  (void)timer;
  names_serve();
  ask_for(&questions[1], "second.test", 0, NULL);
}

static void start_twice(void) {
  ask_for(&questions[0], "first.test", 0, NULL);
  plait_timer_init(&pause_timer, NULL, ask_again);
  plait_timer_start(&pause_timer, 1200, 0);
}

START_TEST(test_servers_of_later) {
  names_serve();
  open_cares((plait_runtime_options){0});
  ck_assert_int_eq(run_first(start_twice), 0);
  ck_assert_int_eq(questions[0].code, 0);
  ck_assert_int_eq(questions[1].code, 0);
  names_stop();
  require(plait_runtime_free(runtime) == 0, "%s", plait_error_detail());
}
END_TEST

/* ---- out of descriptors -------------------------------------------------- */

static struct rlimit limit;

static void starve(unsigned descriptors) {
  int fd = open("/dev/null", O_RDONLY | O_CLOEXEC); /* the next number */
  close(fd);
  getrlimit(RLIMIT_NOFILE, &limit);
  struct rlimit low = limit;
  low.rlim_cur = (rlim_t)fd + descriptors;
  setrlimit(RLIMIT_NOFILE, &low);
}

static void ask_well(void) {
  setrlimit(RLIMIT_NOFILE, &limit);
  ask_for(&questions[1], "good.test", 0, NULL);
}

/* c-ares has its sockets, and there is none left for the watches' set. */
static void start_unwatched(void) {
  starve(1);
  ask_for(&questions[0], "bad.test", 0, ask_well);
}

/* Not even these. */
static void start_starved(void) {
  starve(0);
  ask_for(&questions[0], "bad.test", 0, ask_well);
}

START_TEST(test_out_of_descriptors) {
  names_serve();
  open_cares((plait_runtime_options){0});
  ck_assert_int_eq(run_first(_i == 0 ? start_unwatched : start_starved), 0);
  if (_i == 0)
    ck_assert_int_eq(questions[0].code, PLAIT_EMFILE);
  else
    ck_assert_int_lt(questions[0].code, 0);
  ck_assert_int_eq(questions[1].code, 0);
  close_runtime();
}
END_TEST

/* ---- without c-ares ------------------------------------------------------ */

START_TEST(test_not_configured) {
  plait_runtime_options options = {.resolver = PLAIT_RESOLVER_CARES};
  ck_assert_int_eq(plait_runtime_new(&options, &runtime), PLAIT_ENOTSUP);
  ck_assert_str_eq(plait_error_detail(),
                   "runtime: plait was built without c-ares");
}
END_TEST

int main(void) {
  sem_init(&names_gate, 0, 0);
  sem_init(&names_arrived, 0, 0);
  Suite *suite = suite_create("cares");
  TCase *tc = tcase_create("cares");
  tcase_set_timeout(tc, 20);
  if (plait__lookup_cares == NULL) {
    tcase_add_test(tc, test_not_configured);
  } else {
    tcase_add_test(tc, test_a_burst_waits);
    tcase_add_test(tc, test_given_up);
    tcase_add_test(tc, test_cancelled);
    tcase_add_loop_test(tc, test_stopped, 0, 2);
    tcase_add_loop_test(tc, test_servers_that_could_not_say, 0, 2);
    tcase_add_test(tc, test_servers_of_later);
    tcase_add_loop_test(tc, test_out_of_descriptors, 0, 2);
  }
  suite_add_tcase(suite, tc);
  return run_suite(suite);
}
