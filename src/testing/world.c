/* A test's world: begin and end, time, calls. */
#include "world.h"

#include <plait/error.h>
#include <plait/reactor.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "kit.h"

enum {
  WORLD_WORK_US = 50,    /* what sim.h says that a job takes at most */
  WORLD_STALL_MS = 1000, /* and that a segment waits */
  WORLD_MARGIN_US = 20,  /* a reactor's turns */
  WORLD_RESTLESS_US = 100000,
  WORLD_CALL_MS = 60000
};

const char *plait__test_wrong(const char *format, ...) {
  char text[1024];
  va_list arguments;

  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  plait__report_clear();
  plait__report("%s", text);
  return plait__report_text();
}

void plait_test_must(const char *text, const char *file, int line) {
  if (text == NULL)
    return;
  fprintf(stderr, "%s:%d: %s\n", file, line, text);
  abort();
}

plait_runtime *plait_test_runtime(plait_test *test) {
  return test->runtime;
}

plait_sim *plait_test_sim(plait_test *test) {
  return test->sim;
}

/* ---- running ------------------------------------------------------------- */

static void world_run(void *arg) {
  plait_test *test = arg;
  test->code = plait_run(test->runtime);
  test->over = true;
}

static void world_run_peers(void *arg) {
  plait_test *test = arg;
  plait_run(test->peers);
}

bool plait__test_start(plait_test *test) {
  if (test->peers_thread == NULL &&
      plait_sim_thread_start(test->sim, world_run_peers, test, "peers",
                             &test->peers_thread) != 0)
    return false;
  return test->thread != NULL ||
         plait_sim_thread_start(test->sim, world_run, test, "runtime",
                                &test->thread) == 0;
}

/* ---- time ---------------------------------------------------------------- */

/* Nothing is under way if nothing calls the seam for longer than anything
 * takes on its way. */
void plait_test_settle(plait_test *test) {
  uint64_t before, passed_us = 0, most_us = 100 * test->quiet_us;
  if (most_us < WORLD_RESTLESS_US)
    most_us = WORLD_RESTLESS_US;
  plait__test_start(test);
  do {
    before = plait_sim_events(test->sim);
    plait_sim_sleep_us(test->sim, test->quiet_us);
    passed_us += test->quiet_us;
  } while (plait_sim_events(test->sim) != before && passed_us < most_us);
}

void plait_test_advance(plait_test *test, uint64_t ms) {
  plait__test_start(test);
  plait_sim_sleep_us(test->sim, ms * 1000);
  plait_test_settle(test);
}

uint64_t plait_test_now_ms(const plait_test *test) {
  return (plait_sim_now_ns(test->sim) - test->began_ns) / 1000000;
}

bool plait__test_await(plait_test *test, const bool *done, uint64_t ms) {
  uint64_t until_ns = plait_sim_now_ns(test->sim) + ms * 1000000;
  while (!*done && !test->over && plait_sim_now_ns(test->sim) < until_ns)
    plait_sim_sleep_us(test->sim, test->quiet_us);
  return *done;
}

/* ---- calls --------------------------------------------------------------- */

/* On the heap: it may be told to drop long after the test went on. */
struct world_call {
  plait_call call;
  void (*fn)(void *arg);
  void *arg;
  bool done, given_up;
};

static void call_run(plait_call *call, plait_protocol *p) {
  struct world_call *self = plait_container_of(call, struct world_call, call);
  (void)p;
  if (self->given_up) {
    free(self);
    return;
  }
  self->fn(self->arg);
  self->done = true;
}

static void call_drop(plait_call *call) {
  free(plait_container_of(call, struct world_call, call));
}

const char *plait_test_call(plait_test *test, void (*fn)(void *arg),
                            void *arg) {
  struct world_call *self = calloc(1, sizeof *self);
  if (self == NULL || !plait__test_start(test)) {
    free(self);
    return plait__test_wrong("a call: out of memory");
  }
  self->call = (plait_call){.run = call_run, .drop = call_drop};
  self->fn = fn;
  self->arg = arg;
  if (plait_reactor_post(plait_runtime_reactor(test->runtime, 0),
                         &self->call) != 0) {
    free(self);
    return plait__test_wrong("a call: the runtime has stopped");
  }
  if (!plait__test_await(test, &self->done, WORLD_CALL_MS)) {
    self->given_up = true;
    return plait__test_wrong("a call: the runtime %s",
                             test->over ? "has stopped" : "does not get to it");
  }
  free(self);
  plait_test_settle(test);
  return NULL;
}

/* ---- begin --------------------------------------------------------------- */

static plait_sim_options world_options(const plait_sim_options *given) {
  plait_sim_options sim = *given;
  if (sim.latency_max_us == 0)
    sim.latency_min_us = sim.latency_max_us = 1;
  return sim;
}

/* A connect is heard of when it has gone there and back. */
static uint64_t world_quiet_us(const plait_sim_options *sim) {
  uint64_t work = sim->work_max_us > 0 ? sim->work_max_us : WORLD_WORK_US;
  uint64_t stall_ms =
      sim->stall_max_ms > 0 ? sim->stall_max_ms : WORLD_STALL_MS;
  uint64_t way = 2 * (uint64_t)sim->latency_max_us;
  if (sim->stall_ppm > 0)
    way += 1000 * stall_ms;
  return way + sim->wake_max_us + work + WORLD_MARGIN_US;
}

static int world_open(plait_test *test, const plait_test_options *given) {
  plait_sim_options sim = world_options(&given->sim);
  plait_runtime_options options = given->runtime,
                        peers = {.keep_running = true};
  int code = plait_sim_new(&sim, &test->sim);
  if (code != 0)
    return code;
  test->quiet_us = world_quiet_us(&sim);
  test->began_ns = plait_sim_now_ns(test->sim);
  options.keep_running = true;
  options.backend = peers.backend = plait_sim_backend(test->sim);
  code = plait_runtime_new(&options, &test->runtime);
  return code != 0 ? code : plait_runtime_new(&peers, &test->peers);
}

static void world_close(plait_test *test) {
  plait_sim_free(test->sim);
  plait__ports_free(test);
  free(test);
}

const char *plait_test_new(const plait_test_options *options,
                           plait_test **ret) {
  static const plait_test_options none = {0};
  plait_test *test = calloc(1, sizeof *test);
  if (test == NULL)
    return plait__test_wrong("a test: out of memory");
  if (world_open(test, options != NULL ? options : &none) != 0) {
    plait__test_wrong("a test: %s", plait_error_detail());
    plait_runtime_free(test->runtime);
    world_close(test);
    return plait__report_text();
  }
  *ret = test;
  return NULL;
}

/* ---- end ----------------------------------------------------------------- */

static void world_stop(plait_test *test) {
  plait_runtime_stop(test->runtime);
  if (test->thread != NULL)
    plait_sim_thread_join(test->thread);
  plait_runtime_stop_now(test->peers);
  if (test->peers_thread != NULL)
    plait_sim_thread_join(test->peers_thread);
}

const char *plait_test_free(plait_test *test) {
  const char *left, *wrong = NULL;
  char detail[PLAIT__FAILURE_TEXT];
  if (test == NULL)
    return NULL;
  world_stop(test);
  if (test->code != 0)
    wrong = plait__test_wrong("the runtime ended with %s (%s)",
                              plait_error_name(test->code),
                              plait_strerror(test->code));
  plait_runtime_free(test->peers);
  if (plait_runtime_free(test->runtime) != 0) {
    snprintf(detail, sizeof detail, "%s", plait_error_detail());
    wrong = plait__test_wrong("the runtime cannot be freed: %s", detail);
  }
  left = plait_sim_left(test->sim);
  if (wrong == NULL && left != NULL)
    wrong = plait__test_wrong("left behind:\n%s", left);
  world_close(test);
  return wrong;
}
