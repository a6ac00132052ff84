/* The resolver: what it asks, what it shares, and what it does not wait for.
 * The system is a script, but where the real one is named. */
#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <plait.h>

#include "pool/pool.h"
#include "support/names.h"
#include "support/require.h"
#include "support/runtime.h"

static int kind; /* plait_resolver_kind */

/* |which| counts the ways that names are looked up. */
static void choose(int which) {
  kind = PLAIT_RESOLVER_SYSTEM + which;
  if (kind == PLAIT_RESOLVER_CARES)
    names_serve();
}

static void open_named(plait_runtime_options options) {
  leak_begin(&leak);
  options.resolver = (plait_resolver_kind)kind;
  open_runtime_on(names_driver(leak_driver(&plait__uv_backend)), options);
}

static plait_resolver *resolver(void) {
  plait_resolver *r = plait_runtime_resolver(runtime);
  require(r != NULL, "no resolver");
  return r;
}

static plait_resolver_stats stats(void) {
  plait_resolver_stats s;
  plait_resolver_get_stats(resolver(), &s);
  return s;
}

/* ---- questions ----------------------------------------------------------- */

struct question {
  plait_query query;
  unsigned answered, order;
  int code;
  size_t count;
  plait_address first;
  char canonical[64], detail[200];
};

enum { QUESTIONS = 200 };

static struct question questions[QUESTIONS];
static unsigned answers;
static bool inside;

static void on_answer(plait_query *query, int code) {
  struct question *q = plait_container_of(query, struct question, query);
  require(!inside, "an answer inside the call");
  require(q->answered++ == 0, "answered twice");
  q->order = answers++;
  q->code = code;
  q->count = query->count;
  snprintf(q->detail, sizeof q->detail, "%s", plait_error_detail());
  if (query->canonical != NULL)
    snprintf(q->canonical, sizeof q->canonical, "%s", query->canonical);
  if (query->count > 0)
    q->first = query->addresses[0];
}

static int ask_as(struct question *q, plait_query query,
                  plait_transport *owner) {
  char name[300];
  *q = (struct question){.query = query};
  q->query.answered = on_answer;
  if (query.name != NULL) { /* it is copied */
    snprintf(name, sizeof name, "%s", query.name);
    q->query.name = name;
  }
  inside = true;
  int code = plait_resolve(resolver(), owner, &q->query);
  inside = false;
  memset(name, 'x', sizeof name);
  q->query.name = NULL;
  return code;
}

static void ask(struct question *q, const char *name) {
  require(ask_as(q, (plait_query){.name = name, .port = 7}, NULL) == 0, "%s",
          plait_error_detail());
}

static int run_questions(void (*start)(plait_call *, plait_protocol *)) {
  answers = 0;
  return run(start);
}

static void expect(unsigned i, int code, const char *canonical) {
  struct question *q = &questions[i];
  require(q->answered == 1, "question %u: %u answers", i, q->answered);
  require(q->code == code, "question %u: %s", i, plait_strerror(q->code));
  require(strcmp(q->canonical, canonical) == 0, "question %u: %s", i,
          q->canonical);
}

/* ---- literals ------------------------------------------------------------ */

static void start_literals(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  ask(&questions[0], "127.0.0.1");
  ask(&questions[1], "::1");
  require(ask_as(&questions[2],
                 (plait_query){.name = "192.0.2.7", .service = "8080"},
                 NULL) == 0,
          "no query");
  require(ask_as(&questions[3],
                 (plait_query){.name = "::1", .family = PLAIT_IPV4}, NULL) == 0,
          "no query");
}

START_TEST(test_literals_stay_on_the_thread) {
  choose(_i);
  open_named((plait_runtime_options){0});
  ck_assert_int_eq(run_questions(start_literals), 0);
  expect(0, 0, "127.0.0.1");
  expect(1, 0, "::1");
  expect(2, 0, "192.0.2.7");
  expect(3, PLAIT_ENOTFOUND, "");
  ck_assert_uint_eq(questions[0].first.port, 7);
  ck_assert_uint_eq(questions[2].first.port, 8080);
  ck_assert_uint_eq(stats().literal, 4);
  ck_assert_uint_eq(stats().threads, 0);
  ck_assert_uint_eq(atomic_load(&names_lookups), 0);
  close_runtime();
}
END_TEST

/* ---- answers ------------------------------------------------------------- */

static void start_answers(plait_call *call, plait_protocol *p) {
  plait_address address = {.family = PLAIT_IPV4, .ip = {192, 0, 2, 1}};
  (void)call, (void)p;
  ask(&questions[0], "www.example.net");
  ask(&questions[1], "no.example.net");
  require(ask_as(&questions[2], (plait_query){.address = address}, NULL) == 0,
          "no query");
  require(ask_as(&questions[3],
                 (plait_query){.name = "example.net.", .service = "99"},
                 NULL) == 0,
          "no query");
}

START_TEST(test_answers) {
  choose(_i);
  open_named((plait_runtime_options){.reactors = 2});
  ck_assert_int_eq(run_questions(start_answers), 0);
  expect(0, 0, "canonical");
  expect(1, PLAIT_ENOTFOUND, "");
  expect(2, 0, "host.example");
  expect(3, 0, "canonical");
  ck_assert_uint_eq(questions[0].first.port, 7);
  ck_assert_uint_eq(questions[3].first.port, 99);
  ck_assert_str_eq(questions[1].detail,
                   "resolve no.example.net: no such name or address");
  close_runtime();
}
END_TEST

static void start_wrong(plait_call *call, plait_protocol *p) {
  static char long_name[300], long_part[80];
  plait_address path = {.family = PLAIT_UNIX};
  (void)call, (void)p;
  memset(long_name, 'a', sizeof long_name - 1);
  for (size_t i = 50; i < sizeof long_name - 1; i += 50)
    long_name[i] = '.';
  memset(long_part, 'a', 64);
  const char *wrong[] = {"", ".", "a..b", ".a", "a b", long_name, long_part};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
    require(ask_as(&questions[0], (plait_query){.name = wrong[i]}, NULL) ==
                PLAIT_EINVAL,
            "\"%s\" is taken", wrong[i]);
  require(ask_as(&questions[0], (plait_query){.address = path}, NULL) ==
              PLAIT_EINVAL,
          "a path is taken");
  require(strstr(plait_error_detail(), "neither a name nor an IP address"),
          "it says: %s", plait_error_detail());
  require(ask_as(&questions[0], (plait_query){.name = "a", .service = ""},
                 NULL) == PLAIT_EINVAL,
          "an empty service is taken");
  require(ask_as(&questions[0], (plait_query){.name = "a", .service = "65536"},
                 NULL) == PLAIT_EINVAL,
          "a port above 65,535 is taken");
  require(ask_as(&questions[0],
                 (plait_query){.name = "::1", .service = "4294967376"},
                 NULL) == PLAIT_EINVAL,
          "a port above 65,535 is taken");
  const char *ports[] = {" 80", "\t65616", "+80", "+65616", "-65456"};
  for (size_t i = 0; i < sizeof ports / sizeof *ports; i++)
    require(ask_as(&questions[0],
                   (plait_query){.name = "::1", .service = ports[i]},
                   NULL) == PLAIT_EINVAL,
            "\"%s\" is taken", ports[i]);
}

START_TEST(test_wrong_questions) {
  choose(_i);
  open_named((plait_runtime_options){0});
  ck_assert_int_eq(run_questions(start_wrong), 0);
  ck_assert_uint_eq(answers, 0);
  ck_assert_int_eq(ask_as(&questions[0], (plait_query){.name = "a"}, NULL),
                   PLAIT_EINVAL);
  close_runtime();
}
END_TEST

/* ---- sharing ------------------------------------------------------------- */

static void start_shared(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  for (unsigned i = 0; i < 50; i++)
    ask(&questions[i], "wait.example.net");
  ask(&questions[50], "wait.example.org");
  require(ask_as(&questions[51],
                 (plait_query){.name = "wait.example.net", .port = 8},
                 NULL) == 0,
          "no query");
  for (int i = 0; i < 3; i++)
    sem_post(&names_gate);
}

START_TEST(test_identical_lookups_are_one) {
  choose(_i);
  open_named((plait_runtime_options){0});
  ck_assert_int_eq(run_questions(start_shared), 0);
  for (unsigned i = 0; i < 52; i++)
    expect(i, 0, "canonical");
  ck_assert_uint_eq(atomic_load(&names_lookups), 3);
  ck_assert_uint_eq(stats().shared, 49);
  close_runtime();
}
END_TEST

/* ---- order --------------------------------------------------------------- */

static void start_ordered(plait_call *call, plait_protocol *p) {
  const char *names[] = {"wait.example", "127.0.0.1", "no.example",
                         "b.example"};
  (void)call, (void)p;
  for (unsigned i = 0; i < 4; i++)
    require(ask_as(&questions[i],
                   (plait_query){.name = names[i], .ordered = true}, NULL) == 0,
            "no query");
  ask(&questions[4], "127.0.0.1"); /* not ordered: it overtakes */
}

static void *open_gate_later(void *arg) {
  (void)arg;
  while (sem_wait(&names_arrived) != 0)
    continue;
  usleep(20000);
  sem_post(&names_gate);
  return NULL;
}

START_TEST(test_ordered_answers) {
  choose(_i);
  pthread_t opener;
  open_named((plait_runtime_options){0});
  pthread_create(&opener, NULL, open_gate_later, NULL);
  ck_assert_int_eq(run_questions(start_ordered), 0);
  pthread_join(opener, NULL);
  ck_assert_uint_eq(questions[4].order, 0);
  for (unsigned i = 0; i < 4; i++)
    ck_assert_uint_eq(questions[i].order, i + 1);
  close_runtime();
}
END_TEST

/* ---- giving up ----------------------------------------------------------- */

static void start_cancel(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  ask(&questions[0], "wait.example");
  ask(&questions[1], "wait.example");
  ask(&questions[2], "127.0.0.1");
  inside = true;
  require(plait_query_cancel(&questions[0].query) == 0, "no cancel");
  require(plait_query_cancel(&questions[2].query) == 0, "no cancel");
  inside = false;
  sem_post(&names_gate);
}

/* R009 */
START_TEST(test_cancel) {
  choose(_i);
  open_named((plait_runtime_options){0});
  ck_assert_int_eq(run_questions(start_cancel), 0);
  expect(0, PLAIT_ECANCELED, "");
  expect(1, 0, "canonical");
  expect(2, PLAIT_ECANCELED, "");
  ck_assert_int_eq(plait_query_cancel(&questions[0].query), PLAIT_EBUSY);
  close_runtime();
}
END_TEST

/* The threads of names are taken; those of tasks are not. */
static plait_task unaffected;
static bool was_done;

static void unaffected_work(plait_task *task) {
  (void)task;
}

static void unaffected_done(plait_task *task, int status) {
  (void)task;
  require(status == 0 && questions[0].answered == 0, "a task waits for names");
  was_done = true;
}

/* Four names that never answer, and two threads: each is given up 200 ms after
 * its lookup began, gives its place to the next, and the good one is not held
 * up for ever. */
static void start_stuck(plait_call *call, plait_protocol *p) {
  static char names[4][16];
  (void)call, (void)p;
  for (unsigned i = 0; i < 4; i++) {
    snprintf(names[i], sizeof names[i], "wait%u", i);
    require(ask_as(&questions[i],
                   (plait_query){.name = names[i], .timeout_ms = 200},
                   NULL) == 0,
            "no query");
  }
  require(ask_as(&questions[4], (plait_query){.name = "good"}, NULL) == 0,
          "no query");
  unaffected = (plait_task){.work = unaffected_work, .done = unaffected_done};
  require(plait_pool_submit(plait_runtime_pool(runtime), &unaffected) == 0,
          "no task");
}

START_TEST(test_time_outs_count_from_execution) {
  choose(_i);
  open_named((plait_runtime_options){.pool.name_threads_max = 2});
  ck_assert_int_eq(run_questions(start_stuck), 0);
  for (unsigned i = 0; i < 4; i++)
    expect(i, PLAIT_ETIMEOUT, "");
  expect(4, 0, "canonical");
  ck_assert(was_done);
  ck_assert_uint_eq(stats().timed_out, 4);
  if (kind == PLAIT_RESOLVER_SYSTEM) /* c-ares lets go of them */
    ck_assert_uint_eq(stats().stuck, 4);
  ck_assert_str_eq(questions[0].detail, "resolve wait0: no answer in time");
  for (int i = 0; i < 4; i++)
    sem_post(&names_gate);
  while (stats().stuck > 0)
    usleep(100);
  close_runtime();
}
END_TEST

/* A thread that is stuck keeps neither plait_run() nor plait_runtime_free(). */
static void stop_now(plait_timer *timer) {
  (void)timer;
  plait_runtime_stop(runtime);
}

static plait_timer timer;

static void start_hopeless(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  ask(&questions[0], "wait.example");
  ask(&questions[1], "wait.example");
  plait_timer_init(&timer, NULL, stop_now);
  plait_timer_start(&timer, 10, 0);
}

START_TEST(test_shutdown_with_a_stuck_lookup) {
  choose(_i);
  open_named((plait_runtime_options){.grace_ms = 30});
  ck_assert_int_eq(run_questions(start_hopeless), 0);
  expect(0, PLAIT_ECANCELED, "");
  expect(1, PLAIT_ECANCELED, "");
  ck_assert_int_eq(plait_runtime_free(runtime), 0);
  sem_post(&names_gate);
  /* What is left to itself cleans up. */
  while (leak_bytes() > leak.bytes || leak_count_threads() > leak.threads)
    usleep(100);
  leak_end(&leak);
}
END_TEST

/* ---- owners -------------------------------------------------------------- */

static unsigned lost;
static int fds[2];

static void owner_answer(plait_query *query, int code);

static void owner_made(plait_protocol *p) {
  require(ask_as(&questions[0], (plait_query){.name = "good.example"},
                 p->transport) == 0,
          "%s", plait_error_detail());
  require(ask_as(&questions[1], (plait_query){.name = "wait.example"},
                 p->transport) == 0,
          "%s", plait_error_detail());
  questions[0].query.answered = questions[1].query.answered = owner_answer;
}

static void owner_answer(plait_query *query, int code) {
  require(lost == 0, "an answer after connection_lost");
  require(plait_reactor_current() != NULL, "on no reactor");
  on_answer(query, code);
  if (query == &questions[0].query)
    shutdown(fds[1], SHUT_WR);
}

static void owner_lost(plait_protocol *p, int reason) {
  (void)reason;
  require(questions[1].answered == 1, "not answered before connection_lost");
  require(ask_as(&questions[2], (plait_query){.name = "a"}, p->transport) ==
              PLAIT_ECLOSED,
          "a dead owner asks");
  lost++;
}

static const plait_protocol_ops owner_ops = {.name = "owner",
                                             .size = sizeof(plait_protocol),
                                             .connection_made = owner_made,
                                             .connection_lost = owner_lost};

START_TEST(test_owner) {
  choose(_i / 2);
  plait_factory factory = {.protocol = &owner_ops,
                           .dispatch = (plait_dispatch)(_i % 2)};
  open_named((plait_runtime_options){.reactors = 2});
  require(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0, "no pair");
  require(plait_adopt(plait_runtime_reactor(runtime, 1), fds[0], &factory) == 0,
          "%s", plait_error_detail());
  ck_assert_int_eq(plait_run(runtime), 0);
  ck_assert_uint_eq(lost, 1);
  expect(0, 0, "canonical");
  expect(1, PLAIT_ECANCELED, "");
  sem_post(&names_gate);
  while (stats().stuck > 0)
    usleep(100);
  close(fds[1]);
  close_runtime();
}
END_TEST

/* ---- out of memory ------------------------------------------------------- */

static bool refused;

static void start_no_memory(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  leak_fail_at((size_t)questions[10].order);
  plait_resolver *r = plait_runtime_resolver(runtime);
  refused = r == NULL;
  if (r == NULL)
    return;
  questions[0] = (struct question){
      .query = {.name = "example.net", .answered = on_answer}};
  refused = plait_resolve(r, NULL, &questions[0].query) != 0;
}

START_TEST(test_no_memory) {
  choose(_i);
  bool failed = true;
  for (unsigned n = 1; failed; n++) {
    open_named((plait_runtime_options){0});
    questions[10].order = n;
    questions[0] = (struct question){0};
    ck_assert_int_eq(run_questions(start_no_memory), 0);
    failed = leak_failed();
    leak_fail_at(0);
    if (refused)
      ck_assert_uint_eq(questions[0].answered, 0);
    else
      ck_assert_uint_eq(questions[0].answered, 1);
    if (!failed)
      expect(0, 0, "canonical");
    close_runtime();
  }
}
END_TEST

/* ---- the real system ----------------------------------------------------- */

static void start_real(plait_call *call, plait_protocol *p) {
  plait_address loopback = {.family = PLAIT_IPV4, .ip = {127, 0, 0, 1}};
  (void)call, (void)p;
  require(ask_as(&questions[0],
                 (plait_query){.name = "localhost", .service = "http"},
                 NULL) == 0,
          "no query");
  require(ask_as(&questions[1], (plait_query){.address = loopback}, NULL) == 0,
          "no query");
  require(ask_as(&questions[2],
                 (plait_query){.name = "127.0.0.1", .service = "no-such-one"},
                 NULL) == 0,
          "no query");
}

START_TEST(test_the_hosts_file) {
  choose(_i);
  open_runtime((plait_runtime_options){.resolver = (plait_resolver_kind)kind});
  ck_assert_int_eq(run_questions(start_real), 0);
  ck_assert_int_eq(questions[0].code, 0);
  ck_assert_uint_ge(questions[0].count, 1);
  ck_assert_uint_eq(questions[0].first.port, 80);
  expect(1, 0, "localhost");
  expect(2, PLAIT_ENOTFOUND, "");
  close_runtime();
}
END_TEST

int main(void) {
  sem_init(&names_gate, 0, 0);
  sem_init(&names_arrived, 0, 0);
  Suite *suite = suite_create("resolver");
  TCase *tc = tcase_create("resolver");
  tcase_set_timeout(tc, 20);
  tcase_add_loop_test(tc, test_literals_stay_on_the_thread, 0, names_kinds());
  tcase_add_loop_test(tc, test_answers, 0, names_kinds());
  tcase_add_loop_test(tc, test_wrong_questions, 0, names_kinds());
  tcase_add_loop_test(tc, test_identical_lookups_are_one, 0, names_kinds());
  tcase_add_loop_test(tc, test_ordered_answers, 0, names_kinds());
  tcase_add_loop_test(tc, test_cancel, 0, names_kinds());
  tcase_add_loop_test(tc, test_time_outs_count_from_execution, 0,
                      names_kinds());
  tcase_add_loop_test(tc, test_shutdown_with_a_stuck_lookup, 0, names_kinds());
  tcase_add_loop_test(tc, test_owner, 0, 2 * names_kinds());
  tcase_add_loop_test(tc, test_no_memory, 0, names_kinds());
  tcase_add_loop_test(tc, test_the_hosts_file, 0, names_kinds());
  suite_add_tcase(suite, tc);
  return run_suite(suite);
}
