/* Processes on the simulator: programs that are functions, by turns and faults
 * of the seed's. */
#include <check.h>
#include <signal.h>
#include <string.h>

#include "support/job.h"
#include "support/require.h"
#include "support/runtime.h"
#include "support/sim_world.h"

static struct job job;

static int cat(plait_sim_child *c) {
  char bytes[64];
  ptrdiff_t n;
  while ((n = plait_sim_child_read(c, 0, bytes, sizeof bytes)) > 0)
    if (!plait_sim_child_write(c, 1, bytes, (size_t)n))
      return 1;
  return 0;
}

static int stubborn(plait_sim_child *c) {
  plait_sim_child_ignore(c, 15);
  plait_sim_child_write(c, 1, "ready", 5);
  while (plait_sim_child_wait(c, 1000000))
    continue;
  return 0;
}

static int deaf(plait_sim_child *c) {
  plait_sim_child_close(c, 0);
  plait_sim_child_write(c, 2, "no", 2);
  plait_sim_child_wait(c, 5000);
  return 7;
}

/* Its input and output are one socket, but each descriptor is closed alone. */
static int sums_up(plait_sim_child *c) {
  char byte;
  plait_sim_child_close(c, 0);
  plait_sim_child_close(c, 0);
  if (plait_sim_child_read(c, 0, &byte, 1) != 0 ||
      plait_sim_child_write(c, 0, "no", 2))
    return 1;
  plait_sim_child_write(c, 1, "sum", 3);
  plait_sim_child_close(c, 1);
  return plait_sim_child_write(c, 1, "no", 2);
}

static int fails(plait_sim_child *c) {
  (void)c;
  return -1;
}

static void open_world(plait_sim_options options) {
  sim_begin(options);
  plait_sim_program(sim, "/bin/cat", cat);
  plait_sim_program(sim, "/bin/stubborn", stubborn);
  plait_sim_program(sim, "/bin/deaf", deaf);
  plait_sim_program(sim, "/bin/sums_up", sums_up);
  plait_sim_program(sim, "/bin/fails", fails);
  open_runtime_on(plait_sim_backend(sim), (plait_runtime_options){0});
}

static void close_world(void) {
  require(plait_runtime_free(runtime) == 0, "%s", plait_error_detail());
  sim_end();
}

static void play(uint64_t seed) {
  open_world((plait_sim_options){.seed = seed});
  job_start(&job);
  ck_assert_int_eq(plait_run(runtime), 0);
  close_world();
}

static void say_hello(struct job *j) {
  job_write(j, 0, "hello");
  job_close_stdin(j);
}

START_TEST(test_cat) {
  for (uint64_t seed = 0; seed < 200; seed++) {
    job = (struct job){.options.program = "cat", .on_started = say_hello};
    play(seed);
    job_expect(&job, PLAIT_PROCESS_EXITED, 0, false);
    ck_assert_str_eq(job.fds[1].text, "hello");
  }
}
END_TEST

START_TEST(test_ladder) {
  for (uint64_t seed = 0; seed < 50; seed++) {
    job = (struct job){.options.program = "stubborn", .on_data = job_close};
    play(seed);
    job_expect(&job, PLAIT_PROCESS_SIGNALLED, 9, true);
  }
}
END_TEST

START_TEST(test_deaf) {
  for (uint64_t seed = 0; seed < 50; seed++) {
    job = (struct job){.options.program = "/bin/deaf"};
    play(seed);
    job_expect(&job, PLAIT_PROCESS_EXITED, 7, false);
    ck_assert_str_eq(job.fds[2].text, "no");
    ck_assert_int_eq(job.fds[0].reason, PLAIT_EPIPE);
  }
}
END_TEST

static void signal_it(struct job *j) {
  static const int harmless[] = {SIGCHLD, SIGCONT, SIGURG, SIGWINCH};
  for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
    ck_assert_int_eq(plait_process_signal(j->process, harmless[i]), 0);
  job_write(j, 0, "still here");
  job_close_stdin(j);
}

START_TEST(test_harmless_signals) {
  job = (struct job){.options.program = "cat", .on_started = signal_it};
  play(1);
  job_expect(&job, PLAIT_PROCESS_EXITED, 0, false);
  ck_assert_str_eq(job.fds[1].text, "still here");
}
END_TEST

START_TEST(test_exit_code) {
  job = (struct job){.options.program = "fails"};
  play(1);
  job_expect(&job, PLAIT_PROCESS_EXITED, 255, false);
}
END_TEST

START_TEST(test_missing) {
  job = (struct job){.options.program = "/bin/nothing"};
  play(1);
  job_expect_failure(&job, PLAIT_ENOENT,
                     "spawn /bin/nothing: exec: no such file or directory");
}
END_TEST

static bool spawn_failed, duplicate_failed;

/* The world where the |k|th call fails: it starts or is told why not, and it
 * ends.  False: there are not so many. */
static bool play_with_fault(uint64_t k) {
  static const plait_process_fd fds[] = {{0, PLAIT_CHILD_READS, 0},
                                         {1, PLAIT_CHILD_WRITES, 0},
                                         {9, PLAIT_CHILD_INHERITS, 2}};
  job = (struct job){.options = {.program = "cat", .fds = fds, .fd_count = 3},
                     .on_started = say_hello};
  open_world((plait_sim_options){.seed = k});
  plait_sim_fail_at(sim, k);
  int code = job_try(&job);
  if (code == 0)
    code = plait_run(runtime); /* with a code, it never began */
  const char *where = plait_sim_failed(sim);
  bool failed = where != NULL;
  spawn_failed |= failed && strcmp(where, "host.spawn") == 0;
  duplicate_failed |= failed && strcmp(where, "host.duplicate") == 0;
  close_world();
  require(code != 0 || job.ended, "it has not ended");
  require(failed || job.started, "%s", job.detail);
  return failed;
}

START_TEST(test_each_call_fails) {
  uint64_t k = 1;
  while (play_with_fault(k))
    k++;
  ck_assert_uint_gt(k, 15);
  ck_assert(spawn_failed && duplicate_failed);
}
END_TEST

/* ---- while it is being started --------------------------------------------*/

enum { START_MS = 60, SOON_MS = 20, OVER_MS = 500, STARTING = 3 };

static struct job jobs[STARTING];
static plait_timer timer;
static void (*soon)(void);

static void soon_rings(plait_timer *t) {
  (void)t;
  soon();
}

static void start_soon(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  plait_timer_init(&timer, NULL, soon_rings);
  plait_timer_start(&timer, SOON_MS, 0);
}

/* |n| programs begin, of which two are started at a time, and take longer for
 * that than it takes until |fn| is called. */
static int play_soon(unsigned n, const char *program, void (*fn)(void)) {
  soon = fn;
  open_world((plait_sim_options){.latency_min_us = START_MS * 1000,
                                 .latency_max_us = START_MS * 1000});
  for (unsigned i = 0; i < n; i++) {
    jobs[i] = (struct job){.options.program = program};
    job_start(&jobs[i]);
  }
  int code = run(start_soon);
  close_world();
  return code;
}

static void close_first(void) {
  ck_assert(!jobs[0].started && !jobs[0].ended);
  job_close(&jobs[0]);
}

/* It is started, and then ended as any other one. */
START_TEST(test_closed_while_it_starts) {
  ck_assert_int_eq(play_soon(1, "cat", close_first), 0);
  job_expect(&jobs[0], PLAIT_PROCESS_SIGNALLED, 15, true);
}
END_TEST

static void close_last(void) {
  job_close(&jobs[STARTING - 1]);
}

/* One that still waits is not started at all. */
START_TEST(test_closed_while_it_waits) {
  ck_assert_int_eq(play_soon(STARTING, "/bin/deaf", close_last), 0);
  job_expect(&jobs[0], PLAIT_PROCESS_EXITED, 7, false);
  job_expect(&jobs[1], PLAIT_PROCESS_EXITED, 7, false);
  job_expect_failure(&jobs[STARTING - 1], PLAIT_ECANCELED,
                     "spawn /bin/deaf: closed: canceled");
}
END_TEST

static void stop(void) {
  plait_runtime_stop(runtime);
}

START_TEST(test_stop_while_it_starts) {
  ck_assert_int_eq(play_soon(1, "cat", stop), 0);
  job_expect(&jobs[0], PLAIT_PROCESS_SIGNALLED, 15, true);
}
END_TEST

static void stop_now(void) {
  plait_runtime_stop_now(runtime);
}

/* Whoever is being started is killed then, and who waits is not started. */
START_TEST(test_stop_now_while_it_starts) {
  ck_assert_int_eq(play_soon(STARTING, "stubborn", stop_now), PLAIT_EDRAIN);
  for (unsigned i = 0; i < STARTING - 1; i++)
    job_expect(&jobs[i], PLAIT_PROCESS_SIGNALLED, 9, true);
  job_expect_failure(&jobs[STARTING - 1], PLAIT_ECANCELED,
                     "spawn stubborn: pool: canceled");
}
END_TEST

/* ---- a program as an endpoint ---------------------------------------------*/

static plait_connector *connector;
static unsigned failures;
static int failure;

static void no_connection(plait_protocol *p) {
  require(p == NULL, "it is connected");
}

static const plait_protocol_ops user_ops = {.name = "user",
                                            .size = sizeof(plait_protocol),
                                            .connection_made = no_connection};

static void connect_failed(plait_factory *factory, plait_connector *c,
                           int code) {
  (void)factory;
  ck_assert_ptr_eq(c, connector);
  failures++;
  failure = code;
}

static void stop_connector(void) {
  plait_connector_stop(connector);
}

/* Stopped, or late, while it is being started: nobody gets to see it, and it is
 * ended at once. */
static void play_connector(void (*fn)(void), uint32_t timeout_ms, int code) {
  plait_factory factory = {.protocol = &user_ops,
                           .connect_failed = connect_failed};
  plait_connect_options options = {.timeout_ms = timeout_ms};
  failures = 0;
  soon = fn;
  open_world((plait_sim_options){.latency_min_us = START_MS * 1000,
                                 .latency_max_us = START_MS * 1000});
  require(plait_connect(runtime, "process:/bin/cat", &factory, &options,
                        &connector) == 0,
          "%s", plait_error_detail());
  uint64_t start_ns = plait_sim_now_ns(sim);
  ck_assert_int_eq(run(start_soon), 0);
  ck_assert_uint_lt(plait_sim_now_ns(sim) - start_ns, OVER_MS * 1000000);
  close_world();
  ck_assert_uint_eq(failures, 1);
  ck_assert_int_eq(failure, code);
}

static void nothing(void) {
}

START_TEST(test_connector_stops) {
  play_connector(stop_connector, 0, PLAIT_ECANCELED);
  play_connector(nothing, SOON_MS, PLAIT_ETIMEOUT);
}
END_TEST

static char came[8];
static int ended_with;

static void user_data(plait_protocol *p, const uint8_t *data, size_t len) {
  (void)p;
  ck_assert_uint_lt(strlen(came) + len, sizeof came);
  strncat(came, (const char *)data, len);
}

static void user_lost(plait_protocol *p, int reason) {
  (void)p;
  ended_with = reason;
}

START_TEST(test_ends_of_one_socket) {
  static const plait_protocol_ops reader_ops = {.name = "reader",
                                                .size = sizeof(plait_protocol),
                                                .data_received = user_data,
                                                .connection_lost = user_lost};
  plait_factory factory = {.protocol = &reader_ops};
  open_world((plait_sim_options){.seed = 1});
  require(
      plait_connect(runtime, "process:/bin/sums_up", &factory, NULL, NULL) == 0,
      "%s", plait_error_detail());
  ck_assert_int_eq(plait_run(runtime), 0);
  close_world();
  ck_assert_str_eq(came, "sum");
  ck_assert_int_eq(ended_with, PLAIT_EOF);
}
END_TEST

int main(void) {
  Suite *s = suite_create("sim_processes");
  TCase *c = tcase_create("sim_processes");
  tcase_set_timeout(c, 60);
  tcase_add_test(c, test_cat);
  tcase_add_test(c, test_ladder);
  tcase_add_test(c, test_deaf);
  tcase_add_test(c, test_exit_code);
  tcase_add_test(c, test_harmless_signals);
  tcase_add_test(c, test_missing);
  tcase_add_test(c, test_each_call_fails);
  tcase_add_test(c, test_closed_while_it_starts);
  tcase_add_test(c, test_closed_while_it_waits);
  tcase_add_test(c, test_stop_while_it_starts);
  tcase_add_test(c, test_stop_now_while_it_starts);
  tcase_add_test(c, test_connector_stops);
  tcase_add_test(c, test_ends_of_one_socket);
  suite_add_tcase(s, c);
  return run_suite(s);
}
