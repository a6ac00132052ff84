/* Background functions: what they read and write, how they end, and what is
 * waited for. */
#include <check.h>
#include <errno.h>
#include <plait/sim.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/runtime.h"
#include "support/require.h"
#include "support/runtime.h"
#include "support/sim_world.h"
#include "support/text.h"

enum { BIG = 1 << 20, GRACE_MS = 30 };

static struct text trace;
static atomic_bool ended; /* the function */
static sem_t go_on;
static void (*on_made)(plait_protocol *p);
static bool pauses;
static bool quiet; /* there are several connections */

static void note(const char *format, ...) PLAIT_PRINTF(1, 2);

static void note(const char *format, ...) {
  char text[64];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  if (!quiet)
    text_format(&trace, "%s", text);
}

/* ---- a protocol that writes down what it gets ---------------------------- */

static void noter_made(plait_protocol *p) {
  note("made");
  if (on_made != NULL)
    on_made(p);
}

static void noter_resume(plait_timer *timer) {
  (void)timer;
  plait_resume_reading(timer->instance->transport);
}

static atomic_size_t noter_bytes;

static void noter_data(plait_protocol *p, const uint8_t *data, size_t len) {
  static plait_timer timer;
  noter_bytes += len;
  if (len <= 16)
    note(" \"%.*s\"", (int)len, (const char *)data);
  if (!pauses)
    return;
  plait_pause_reading(p->transport);
  plait_timer_init(&timer, p->transport, noter_resume);
  plait_timer_start(&timer, 1, 0);
}

static void noter_eof(plait_protocol *p) {
  note(" eof");
  plait_close(p->transport);
}

static void noter_lost(plait_protocol *p, int reason) {
  (void)p;
  require(ended, "connection_lost before the function has returned");
  note(" lost(%s)", plait_error_name(reason));
}

static void noter_draining(plait_protocol *p) {
  note(" draining");
  plait_close(p->transport);
}

static const plait_protocol_ops noter_ops = {
    .name = "noter",
    .size = sizeof(plait_protocol),
    .connection_made = noter_made,
    .data_received = noter_data,
    .eof_received = noter_eof,
    .draining = noter_draining,
    .connection_lost = noter_lost,
};

static plait_factory factory;

static void prepare(plait_dispatch dispatch, void (*made)(plait_protocol *p)) {
  factory = (plait_factory){.protocol = &noter_ops, .dispatch = dispatch};
  trace = (struct text){0};
  ended = pauses = quiet = false;
  noter_bytes = 0;
  on_made = made;
}

static void begin(plait_dispatch dispatch, void (*made)(plait_protocol *p)) {
  prepare(dispatch, made);
  open_runtime((plait_runtime_options){.reactors = 2, .grace_ms = GRACE_MS});
}

static void start(plait_background_fn *fn, void *arg) {
  int code =
      plait_background(plait_runtime_reactor(runtime, 1), fn, arg, &factory);
  require(code == 0, "%s", plait_error_detail());
}

static void end(const char *expected) {
  close_runtime();
  ck_assert_str_eq(trace.s, expected);
  free(trace.s);
}

static void play(plait_dispatch dispatch, void (*made)(plait_protocol *p),
                 plait_background_fn *fn, const char *expected) {
  begin(dispatch, made);
  start(fn, NULL);
  ck_assert_int_eq(plait_run(runtime), 0);
  end(expected);
}

/* ---- functions ----------------------------------------------------------- */

static int leave(int code) {
  ended = true;
  return code;
}

/* R133: a write to what has gone is an error and no signal. */
static int echo(int fd, void *arg) {
  char bytes[4096];
  ssize_t n;
  (void)arg;
  while ((n = read(fd, bytes, sizeof bytes)) > 0) {
    if (write(fd, bytes, (size_t)n) != n)
      return leave(-errno);
  }
  return leave(0);
}

static void say_and_end(plait_protocol *p) {
  plait_write_str(p->transport, "hello");
  plait_write_eof(p->transport);
}

static plait_dispatch dispatch_of(int i) {
  return i == 0 ? PLAIT_ON_REACTOR : PLAIT_ON_WORKERS;
}

START_TEST(test_echo) {
  play(dispatch_of(_i), say_and_end, echo, "made \"hello\" eof lost(PLAIT_OK)");
}
END_TEST

static int fail_with_last_words(int fd, void *arg) {
  (void)arg;
  return leave(write(fd, "sorry", 5) == 5 ? -ENOENT : -errno);
}

/* What it wrote comes first. */
START_TEST(test_failure_is_the_reason) {
  play(dispatch_of(_i), NULL, fail_with_last_words,
       "made \"sorry\" eof lost(PLAIT_ENOENT)");
}
END_TEST

static void pause_at_first(plait_protocol *p) {
  static plait_timer timer;
  plait_pause_reading(p->transport);
  plait_timer_init(&timer, p->transport, noter_resume);
  plait_timer_start(&timer, 20, 0);
}

START_TEST(test_failure_while_paused) {
  play(dispatch_of(_i), pause_at_first, fail_with_last_words,
       "made \"sorry\" eof lost(PLAIT_ENOENT)");
}
END_TEST

static void close_for_a_reason(plait_protocol *p) {
  plait_close_reason(p->transport, PLAIT_ELIMIT);
}

static void just_abort(plait_protocol *p) {
  plait_abort(p->transport);
}

/* It writes until it is told. */
static int write_on(int fd, void *arg) {
  (void)arg;
  while (write(fd, "more", 4) > 0)
    continue;
  require(errno == EPIPE || errno == ECONNRESET, "%s", strerror(errno));
  return leave(-EIO);
}

START_TEST(test_our_reason_wins) {
  play(dispatch_of(_i), close_for_a_reason, write_on,
       "made lost(PLAIT_ELIMIT)");
}
END_TEST

START_TEST(test_abort_ends_it) {
  play(dispatch_of(_i), just_abort, write_on, "made lost(PLAIT_ECANCELED)");
}
END_TEST

static void just_close(plait_protocol *p) {
  plait_close(p->transport);
}

START_TEST(test_close_ends_it) {
  play(dispatch_of(_i), just_close, write_on, "made lost(PLAIT_EIO)");
}
END_TEST

static void say(plait_protocol *p) {
  plait_write_str(p->transport, "hello");
}

static int ignore(int fd, void *arg) {
  char byte;
  (void)arg;
  return leave(read(fd, &byte, 1) == 1 ? 0 : -EIO);
}

START_TEST(test_not_all_was_read) {
  play(dispatch_of(_i), say, ignore, "made eof lost(PLAIT_EPIPE)");
}
END_TEST

static int shut_and_wait(int fd, void *arg) {
  char byte;
  (void)arg;
  shutdown(fd, SHUT_WR);
  while (read(fd, &byte, 1) == 1)
    continue;
  return leave(0);
}

/* connection_lost waits: noter_lost() looks. */
START_TEST(test_waits_for_the_function) {
  play(dispatch_of(_i), say, shut_and_wait, "made eof lost(PLAIT_OK)");
}
END_TEST

static int write_big(int fd, void *arg) {
  static char bytes[BIG];
  (void)arg;
  return leave(write(fd, bytes, sizeof bytes) == BIG ? 0 : -EIO);
}

/* It blocks as long as nobody reads. */
START_TEST(test_back_pressure) {
  begin(dispatch_of(_i), NULL);
  pauses = true;
  factory.limits.lease_bytes_max = 16 << 10;
  start(write_big, NULL);
  ck_assert_int_eq(plait_run(runtime), 0);
  ck_assert_uint_eq(noter_bytes, BIG);
  end("made eof lost(PLAIT_OK)");
}
END_TEST

/* ---- no connection ------------------------------------------------------- */

static int never(int fd, void *arg) {
  (void)fd, (void)arg;
  require(false, "it has run");
  return 0;
}

static int refuse(plait_factory *f, const plait_address *peer,
                  const plait_protocol_ops **ret) {
  (void)f, (void)peer, (void)ret;
  return PLAIT_EACCES;
}

START_TEST(test_refused) {
  begin(PLAIT_ON_REACTOR, NULL);
  factory.build_protocol = refuse;
  start(never, NULL);
  ck_assert_int_eq(plait_run(runtime), 0);
  close_runtime();
  ck_assert_ptr_null(trace.s);
}
END_TEST

START_TEST(test_freed_before_it_ran) {
  begin(PLAIT_ON_REACTOR, NULL);
  start(never, NULL);
  close_runtime();
}
END_TEST

START_TEST(test_no_factory) {
  begin(PLAIT_ON_REACTOR, NULL);
  factory.protocol = NULL;
  ck_assert_int_eq(plait_background(plait_runtime_reactor(runtime, 0), never,
                                    NULL, &factory),
                   PLAIT_EINVAL);
  ck_assert_str_eq(plait_error_detail(),
                   "background: factory: invalid argument");
  close_runtime();
}
END_TEST

/* On a system whose threads start in another way. */
static void open_with_thread_start(plait__os *os,
                                   int (*how)(void (*)(void *), void *,
                                              const char *, int,
                                              plait__thread **)) {
  static plait_backend driver;
  leak_begin(&leak);
  driver = *leak_driver(&plait__uv_backend);
  *os = *driver.os;
  os->thread_start = how;
  driver.os = os;
  open_runtime_on(&driver,
                  (plait_runtime_options){.grace_ms = GRACE_MS, .reactors = 2});
}

static bool is_function(const char *name) {
  return strcmp(name, "plait-background") == 0;
}

static int no_thread(void (*fn)(void *arg), void *arg, const char *name,
                     int cpu, plait__thread **ret) {
  return is_function(name)
             ? PLAIT_EAGAIN
             : plait__uv_backend.os->thread_start(fn, arg, name, cpu, ret);
}

START_TEST(test_no_thread) {
  plait__os os;
  prepare(PLAIT_ON_REACTOR, NULL);
  ended = true; /* there is none to wait for */
  open_with_thread_start(&os, no_thread);
  start(never, NULL);
  ck_assert_int_eq(plait_run(runtime), 0);
  end("made lost(PLAIT_EAGAIN)");
}
END_TEST

/* ---- stopping ------------------------------------------------------------ */

static void stop_runtime(plait_protocol *p) {
  plait_runtime_stop(
      plait_reactor_runtime(plait_transport_reactor(p->transport)));
}

START_TEST(test_stop) {
  play(dispatch_of(_i), stop_runtime, echo, "made draining lost(PLAIT_OK)");
}
END_TEST

static int wait_until_told(int fd, void *arg) {
  (void)fd, (void)arg;
  wait_for(&go_on);
  return leave(0);
}

/* Stuck: plait_run() gives up and says for whom, and once it has returned
 * connection_lost still comes. */
START_TEST(test_stuck) {
  sem_init(&go_on, 0, 0);
  begin(dispatch_of(_i), stop_runtime);
  start(wait_until_told, NULL);
  ck_assert_int_eq(plait_run(runtime), PLAIT_EBUSY);
  ck_assert_str_eq(plait_error_detail(), "run: noter has not returned");
  ck_assert_int_eq(plait_runtime_free(runtime), PLAIT_EBUSY);
  ck_assert_str_eq(plait_error_detail(),
                   "runtime free: noter has not returned");
  sem_post(&go_on);
  while (plait_runtime_free(runtime) == PLAIT_EBUSY)
    continue;
  leak_end(&leak);
  ck_assert_str_eq(trace.s, "made draining lost(PLAIT_OK)");
  free(trace.s);
}
END_TEST

static sem_t is_made;

static int start_behind_made(void (*fn)(void *arg), void *arg, const char *name,
                             int cpu, plait__thread **ret) {
  if (is_function(name))
    wait_for(&is_made);
  return plait__uv_backend.os->thread_start(fn, arg, name, cpu, ret);
}

static void wait_for_the_function(plait_protocol *p) {
  sem_post(&is_made);
  wait_for(&go_on);
  stop_runtime(p);
}

static void stay(plait_protocol *p) {
  (void)p;
}

static int wait_for_the_end(int fd, void *arg) {
  char byte;
  (void)arg;
  sem_post(&go_on);
  return leave(read(fd, &byte, 1) <= 0 ? 0 : -EIO);
}

/* The call on the strand began first, so it was counted for both; when it has
 * returned the function still has its second. */
START_TEST(test_has_its_second) {
  plait_protocol_ops ops = noter_ops;
  plait__os os;
  ops.draining = stay;
  sem_init(&go_on, 0, 0);
  sem_init(&is_made, 0, 0);
  prepare(PLAIT_ON_WORKERS, wait_for_the_function);
  factory.protocol = &ops;
  open_with_thread_start(&os, start_behind_made);
  start(wait_for_the_end, NULL);
  ck_assert_int_eq(plait_run(runtime), 0);
  end("made lost(PLAIT_EDRAIN)");
}
END_TEST

/* Two that are stuck, one of them with a call on a strand that is stuck too:
 * they have two references to the runtime, not three. */
static void wait_on_the_strand(plait_protocol *p) {
  static atomic_bool second;
  if (!atomic_exchange(&second, true))
    return;
  stop_runtime(p);
  wait_for(&go_on);
}

START_TEST(test_stuck_twice) {
  sem_init(&go_on, 0, 0);
  begin(PLAIT_ON_WORKERS, wait_on_the_strand);
  quiet = true;
  start(wait_until_told, NULL);
  start(wait_until_told, NULL);
  ck_assert_int_eq(plait_run(runtime), PLAIT_EBUSY);
  for (int i = 0; i < 3; i++)
    sem_post(&go_on);
  while (plait_runtime_free(runtime) == PLAIT_EBUSY)
    continue;
  leak_end(&leak);
}
END_TEST

/* ---- many ---------------------------------------------------------------- */

enum { MANY = 100 };

static atomic_uint many_ended;

static int echo_of_many(int fd, void *arg) {
  int code = echo(fd, arg);
  many_ended++;
  return code;
}

START_TEST(test_many) {
  begin(dispatch_of(_i), say_and_end);
  quiet = true;
  many_ended = 0;
  for (int i = 0; i < MANY; i++)
    start(echo_of_many, NULL);
  ck_assert_int_eq(plait_run(runtime), 0);
  ck_assert_uint_eq(many_ended, MANY);
  ck_assert_uint_eq(noter_bytes, MANY * 5);
  close_runtime();
}
END_TEST

/* ---- the simulator ------------------------------------------------------- */

static int sim_echo(int fd, void *arg) {
  char bytes[7];
  ptrdiff_t n;
  (void)arg;
  while ((n = plait_sim_read(sim, fd, bytes, sizeof bytes)) > 0)
    if (plait_sim_write(sim, fd, bytes, (size_t)n) < 0)
      break;
  return leave((int)(n < 0 ? n : 0));
}

/* A world with a little of all that may be late. */
static void simulate(uint64_t seed, const plait_protocol_ops *ops,
                     void (*made)(plait_protocol *p)) {
  sim_begin((plait_sim_options){.seed = seed,
                                .switch_ppm = 300000,
                                .short_read_ppm = 100000,
                                .again_ppm = 100000});
  factory =
      (plait_factory){.protocol = ops, .dispatch = dispatch_of((int)seed % 2)};
  ended = pauses = false;
  quiet = true;
  noter_bytes = 0;
  on_made = made;
  plait_runtime_options o = {.reactors = 2, .backend = plait_sim_backend(sim)};
  ck_assert_int_eq(plait_runtime_new(&o, &runtime), 0);
  start(sim_echo, NULL);
  ck_assert_int_eq(plait_run(runtime), 0);
  ck_assert_int_eq(plait_runtime_free(runtime), 0);
  sim_end();
}

START_TEST(test_simulated) {
  for (uint64_t seed = 1; seed <= 200; seed++) {
    simulate(seed, &noter_ops, say_and_end);
    ck_assert_uint_eq(noter_bytes, 5);
  }
}
END_TEST

/* ---- the suite ----------------------------------------------------------- */

int main(void) {
  Suite *s = suite_create("background");
  TCase *tc = tcase_create("background");
  tcase_set_timeout(tc, 60);
  tcase_add_loop_test(tc, test_echo, 0, 2);
  tcase_add_loop_test(tc, test_failure_is_the_reason, 0, 2);
  tcase_add_loop_test(tc, test_failure_while_paused, 0, 2);
  tcase_add_loop_test(tc, test_our_reason_wins, 0, 2);
  tcase_add_loop_test(tc, test_abort_ends_it, 0, 2);
  tcase_add_loop_test(tc, test_close_ends_it, 0, 2);
  tcase_add_loop_test(tc, test_not_all_was_read, 0, 2);
  tcase_add_loop_test(tc, test_waits_for_the_function, 0, 2);
  tcase_add_loop_test(tc, test_back_pressure, 0, 2);
  tcase_add_test(tc, test_refused);
  tcase_add_test(tc, test_freed_before_it_ran);
  tcase_add_test(tc, test_no_factory);
  tcase_add_test(tc, test_no_thread);
  tcase_add_loop_test(tc, test_stop, 0, 2);
  tcase_add_loop_test(tc, test_stuck, 0, 2);
  tcase_add_test(tc, test_has_its_second);
  tcase_add_test(tc, test_stuck_twice);
  tcase_add_loop_test(tc, test_many, 0, 2);
  tcase_add_test(tc, test_simulated);
  suite_add_tcase(s, tc);
  return run_suite(s);
}
