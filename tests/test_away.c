/* Callbacks on workers, while something else happens on the reactor. */
#include <check.h>
#include <plait.h>
#include <stdlib.h>
#include <string.h>

#include "support/require.h"
#include "support/runtime.h"
#include "support/sim_world.h"

enum { MUCH = 200000, SOME_MS = 50 };

static plait_factory here, there;
static plait_task task;
static int answer;
static unsigned resumed, done;
static int reason;

/* ---- both ends -----------------------------------------------------------*/

static void client_made(plait_protocol *p) {
  plait_write(p->transport, "go", 2);
}

static void client_data(plait_protocol *p, const uint8_t *data, size_t len) {
  (void)p, (void)data, (void)len;
}

static const plait_protocol_ops client_ops = {.name = "client",
                                              .size = sizeof(plait_protocol),
                                              .connection_made = client_made,
                                              .data_received = client_data};

static void server_resume(plait_protocol *p) {
  (void)p;
  resumed++;
}

static void server_lost(plait_protocol *p, int why) {
  (void)p;
  reason = why;
}

static void (*on_resume)(plait_protocol *) = server_resume;

static void join_both(void) {
  int fds[2];
  plait_reactor *reactor = plait_runtime_reactor(runtime, 0);
  require(plait_sim_pair(sim, fds) == 0 &&
              plait_adopt(reactor, fds[0], &here) == 0 &&
              plait_adopt(reactor, fds[1], &there) == 0,
          "%s", plait_error_detail());
}

/* Runs a connection whose server's callbacks are on workers. */
static void play(void (*data)(plait_protocol *, const uint8_t *, size_t)) {
  plait_protocol_ops ops = {.name = "server",
                            .size = sizeof(plait_protocol),
                            .data_received = data,
                            .resume_writing = on_resume,
                            .connection_lost = server_lost};
  resumed = done = 0;
  answer = reason = 1;
  here = (plait_factory){.protocol = &ops, .dispatch = PLAIT_ON_WORKERS};
  there = (plait_factory){.protocol = &client_ops};
  sim_begin((plait_sim_options){.seed = 1});
  open_runtime_on(plait_sim_backend(sim), (plait_runtime_options){0});
  join_both();
  require(plait_run(runtime) == 0, "%s", plait_error_detail());
  require(plait_runtime_free(runtime) == 0, "%s", plait_error_detail());
  sim_end();
}

/* ---- a close overtakes a resume ------------------------------------------*/

/* The queue is low again long before the callback closes; but resume_writing
 * could come only after it. */
static void close_late(plait_protocol *p, const uint8_t *data, size_t len) {
  static const uint8_t bytes[MUCH];
  (void)data, (void)len;
  answer = plait_write(p->transport, bytes, sizeof bytes);
  plait_write(p->transport, bytes, 1); /* it goes, and this one waits */
  plait_work_sleep_ms(SOME_MS);
  plait_close(p->transport);
}

/* The same, without the close. */
static void close_later(plait_protocol *p, const uint8_t *data, size_t len) {
  static const uint8_t bytes[MUCH];
  (void)data, (void)len;
  answer = plait_write(p->transport, bytes, sizeof bytes);
  plait_write(p->transport, bytes, 1);
  plait_work_sleep_ms(SOME_MS);
  plait_transport_set_timeout(p->transport, SOME_MS);
}

START_TEST(no_resume_after_a_close) {
  play(close_later);
  ck_assert_int_eq(answer, false);
  ck_assert_uint_eq(resumed, 1);
  ck_assert_int_eq(reason, PLAIT_ETIMEOUT);
  play(close_late);
  ck_assert_int_eq(answer, false);
  ck_assert_uint_eq(resumed, 0);
  ck_assert_int_eq(reason, 0);
}
END_TEST

/* ---- a write overtakes a resume -------------------------------------------*/

enum { LOW = 16 * 1024 };

/* What was written first is gone when the callback writes once more. */
static void write_twice(plait_protocol *p, const uint8_t *data, size_t len) {
  static const uint8_t bytes[MUCH];
  close_later(p, data, len);
  answer = plait_write(p->transport, bytes, sizeof bytes);
}

static void low_resume(plait_protocol *p) {
  ck_assert_uint_le(plait_transport_queued(p->transport), LOW);
  server_resume(p);
}

START_TEST(resumed_when_it_is_low) {
  on_resume = low_resume;
  play(write_twice);
  ck_assert_int_eq(answer, false);
  ck_assert_uint_eq(resumed, 1);
  ck_assert_int_eq(reason, PLAIT_ETIMEOUT);
}
END_TEST

/* ---- no memory for an end ------------------------------------------------*/

static void abort_without(plait_protocol *p, const uint8_t *data, size_t len) {
  (void)data, (void)len;
  plait_sim_fail_at(sim, 1);
  plait_abort(p->transport);
  plait_sim_fail_at(sim, 0);
}

static void close_without(plait_protocol *p, const uint8_t *data, size_t len) {
  (void)data, (void)len;
  plait_sim_fail_at(sim, 1);
  plait_close(p->transport);
  plait_sim_fail_at(sim, 0);
}

START_TEST(a_close_needs_no_memory) {
  play(close_without);
  ck_assert_int_eq(reason, 0);
}
END_TEST

START_TEST(an_abort_needs_no_memory) {
  play(abort_without);
  ck_assert_int_eq(reason, PLAIT_ECANCELED);
}
END_TEST

/* ---- tasks ---------------------------------------------------------------*/

static void task_work(plait_task *t) {
  (void)t;
  plait_work_sleep_ms(SOME_MS);
}

static void task_done(plait_task *t, int status) {
  (void)t;
  ck_assert_int_eq(status, 0);
  done++;
}

/* A time-out rings on a reactor, and this is none. */
static void submit_timed(plait_protocol *p, const uint8_t *data, size_t len) {
  (void)data, (void)len;
  task = (plait_task){.work = task_work, .done = task_done, .timeout_ms = 5};
  answer = plait_pool_submit(plait_runtime_pool(runtime), &task);
  plait_close(p->transport);
}

START_TEST(a_timed_task_takes_a_reactor) {
  play(submit_timed);
  ck_assert_int_eq(answer, PLAIT_ENOTSUP);
  ck_assert_uint_eq(done, 0);
}
END_TEST

static void cancel_late(plait_timer *timer) {
  answer = plait_task_cancel(&task);
  (void)timer;
}

static plait_timer timer;

/* It works already when the timer rings; what it does is done. */
static void defer_and_cancel(plait_protocol *p, const uint8_t *data,
                             size_t len) {
  (void)data, (void)len;
  task = (plait_task){.work = task_work, .done = task_done};
  ck_assert_int_eq(plait_defer(p->transport, &task, 0), 0);
  plait_timer_init(&timer, p->transport, cancel_late);
  plait_timer_start(&timer, SOME_MS / 2, 0);
  plait_transport_set_timeout(p->transport, 4 * SOME_MS);
}

START_TEST(a_deferred_task_that_works_is_not_cancelled) {
  play(defer_and_cancel);
  ck_assert_int_eq(answer, PLAIT_EBUSY);
  ck_assert_uint_eq(done, 1);
}
END_TEST

/* ---- what was held back takes long ---------------------------------------*/

enum { HELD = 10, HELD_MS = 400, HELD_GRACE_MS = 1000 };

static plait_timer held_timer;
static unsigned held_got;

static void held_go_on(plait_timer *t) {
  plait_resume_reading(t->instance->transport);
}

static void held_made(plait_protocol *p) {
  plait_pause_reading(p->transport);
  plait_timer_init(&held_timer, p->transport, held_go_on);
  plait_timer_start(&held_timer, SOME_MS, 0);
}

/* A byte at a time; the stop comes with the second one. */
static void held_data(plait_protocol *p, const uint8_t *data, size_t len) {
  held_got++;
  plait_unread(p->transport, data + 1, len - 1);
  if (held_got == 2)
    plait_runtime_stop(runtime);
  plait_work_sleep_ms(HELD_MS);
}

static void held_draining(plait_protocol *p) {
  (void)p;
}

static void held_client_made(plait_protocol *p) {
  static const uint8_t bytes[HELD];
  plait_write(p->transport, bytes, sizeof bytes);
}

static const plait_protocol_ops held_client_ops = {
    .name = "client",
    .size = sizeof(plait_protocol),
    .connection_made = held_client_made};

static const plait_protocol_ops held_ops = {.name = "held",
                                            .size = sizeof(plait_protocol),
                                            .connection_made = held_made,
                                            .data_received = held_data,
                                            .draining = held_draining,
                                            .connection_lost = server_lost};

/* When the grace is over, one of its callbacks has just begun, and all of them
 * in one job of the strand's. */
START_TEST(a_callback_that_has_just_begun_is_not_stuck) {
  reason = 1;
  held_got = 0;
  here = (plait_factory){.protocol = &held_ops, .dispatch = PLAIT_ON_WORKERS};
  there = (plait_factory){.protocol = &held_client_ops};
  sim_begin((plait_sim_options){.seed = 1});
  open_runtime_on(plait_sim_backend(sim),
                  (plait_runtime_options){.grace_ms = HELD_GRACE_MS});
  join_both();
  ck_assert_int_eq(plait_run(runtime), 0);
  ck_assert_int_eq(reason, PLAIT_EDRAIN);
  ck_assert_uint_lt(held_got, HELD);
  require(plait_runtime_free(runtime) == 0, "%s", plait_error_detail());
  sim_end();
}
END_TEST

/* ---- a task that is gone at once ------------------------------------------*/

enum { GONE = 0xa5 };

static plait_task gone;
static const plait_backend *driver; /* the simulator's */
static bool submitting;

/* Whoever is woken has done all of it when this returns. */
static void wake_late(plait__worker *worker) {
  driver->os->worker_wake(worker);
  if (submitting)
    plait_work_sleep_ms(1);
}

static void gone_work(plait_task *t) {
  (void)t;
}

static void gone_done(plait_task *t, int status) {
  answer = status;
  memset(t, GONE, sizeof *t);
}

static void submit_what_goes(plait_protocol *p, const uint8_t *data,
                             size_t len) {
  (void)data, (void)len;
  for (int i = 0; i < 2; i++) { /* the first one has a thread started */
    gone = (plait_task){.work = gone_work, .done = gone_done};
    answer = 1;
    submitting = i == 1;
    ck_assert_int_eq(plait_pool_submit(plait_runtime_pool(runtime), &gone), 0);
    ck_assert(!submitting || answer == 0);
    submitting = false;
    plait_work_sleep_ms(1);
  }
  plait_close(p->transport);
}

static const plait_protocol_ops submit_ops = {.name = "submits",
                                              .size = sizeof(plait_protocol),
                                              .data_received =
                                                  submit_what_goes};

/* It may be done on its reactor, where |done| frees it, while the worker that
 * submits it is still about to return. */
START_TEST(a_task_is_not_touched_once_it_is_done) {
  here = (plait_factory){.protocol = &submit_ops, .dispatch = PLAIT_ON_WORKERS};
  there = (plait_factory){.protocol = &client_ops};
  sim_begin((plait_sim_options){.seed = 1});
  driver = plait_sim_backend(sim);
  plait__os os = *driver->os;
  plait_backend late = *driver;
  os.worker_wake = wake_late;
  late.os = &os;
  open_runtime_on(&late, (plait_runtime_options){0});
  join_both();
  require(plait_run(runtime) == 0, "%s", plait_error_detail());
  require(plait_runtime_free(runtime) == 0, "%s", plait_error_detail());
  sim_end();
  for (size_t i = 0; i < sizeof gone; i++)
    ck_assert_uint_eq(((const uint8_t *)&gone)[i], GONE);
}
END_TEST

/* ---- on the way to the reactor -------------------------------------------*/

enum { WORLDS = 400, LATEST_US = 400 };

static plait_handle handle;
static unsigned switched, settled, lost, called;
static uint64_t when_us;
static bool asked; /* the client has asked */
static bool left;  /* the one on workers has asked for the other */
static bool early; /* before it was settled */

static void settled_resume(plait_protocol *p) {
  (void)p;
  resumed++;
}

static void settled_draining(plait_protocol *p) {
  plait_close(p->transport);
}

static void settled_made(plait_protocol *p) {
  ck_assert(!plait_transport_on_workers(p->transport));
  settled++;
}

static void settled_lost(plait_protocol *p, int why) {
  ck_assert(!plait_transport_on_workers(p->transport));
  reason = why;
  lost++;
}

static const plait_protocol_ops settled_ops = {.name = "settled",
                                               .size = sizeof(plait_protocol),
                                               .connection_made = settled_made,
                                               .resume_writing = settled_resume,
                                               .draining = settled_draining,
                                               .connection_lost = settled_lost};

static void mover_made(plait_protocol *p) {
  handle = plait_transport_handle(p->transport);
}

/* What is resumed later is asked for first, so that it is on its way. */
static void mover_data(plait_protocol *p, const uint8_t *data, size_t len) {
  static const uint8_t bytes[MUCH];
  (void)data, (void)len;
  if (!asked) {
    asked = true;
    plait_write(p->transport, bytes, sizeof bytes);
    return;
  }
  ck_assert_ptr_nonnull(
      plait_switch_to_reactor(p->transport, &settled_ops, NULL, 0));
  left = true;
}

/* Asks a second time when the answer begins. */
static void asker_data(plait_protocol *p, const uint8_t *data, size_t len) {
  (void)data, (void)len;
  plait_write(p->transport, "go", 2);
}

static const plait_protocol_ops asker_ops = {.name = "asker",
                                             .size = sizeof(plait_protocol),
                                             .connection_made = client_made,
                                             .data_received = asker_data};

static void mover_resume(plait_protocol *p) {
  (void)p;
  ck_assert(!left);
}

static void mover_draining(plait_protocol *p) {
  ck_assert(!left);
  plait_close(p->transport);
}

/* Closed before it got anything, or it is switched. */
static void mover_lost(plait_protocol *p, int why) {
  ck_assert(plait_transport_on_workers(p->transport));
  if (why == PLAIT_ESWITCHED) {
    switched++;
    return;
  }
  reason = why;
  lost++;
}

static const plait_protocol_ops mover_ops = {.name = "mover",
                                             .size = sizeof(plait_protocol),
                                             .connection_made = mover_made,
                                             .data_received = mover_data,
                                             .resume_writing = mover_resume,
                                             .draining = mover_draining,
                                             .connection_lost = mover_lost};

static void close_it(void) {
  plait_handle_close(handle);
}

static void abort_it(void) {
  plait_handle_abort(handle);
}

static void call_run(plait_call *call, plait_protocol *p) {
  (void)call;
  called++;
  ck_assert(p == NULL || p->ops != &mover_ops || !left);
  if (p != NULL)
    plait_close_reason(p->transport, PLAIT_EBUSY);
}

static plait_call call = {.run = call_run};

static void call_it(void) {
  if (plait_handle_call(handle, &call) != 0)
    called++;
}

static void stop_it(void) {
  plait_runtime_stop(runtime);
}

static void stop_it_now(void) {
  plait_runtime_stop_now(runtime);
}

static const struct {
  void (*fn)(void);
  int reason, code; /* of plait_run() */
} deeds[] = {{close_it, 0, 0},
             {abort_it, PLAIT_ECANCELED, 0},
             {call_it, PLAIT_EBUSY, 0},
             {stop_it, 0, 0},
             {stop_it_now, PLAIT_EDRAIN, PLAIT_EDRAIN}};

static void disturb(void *arg) {
  while (handle.id == 0)
    plait_sim_sleep_us(sim, 1);
  plait_sim_sleep_us(sim, when_us);
  early = settled == 0;
  (*(void (*const *)(void))arg)();
}

static void play_homeward(uint64_t world, int deed) {
  int fds[2];
  plait_sim_thread *thread;
  void (*fn)(void) = deeds[deed].fn;
  switched = settled = lost = called = 0;
  asked = left = false;
  reason = 1;
  here = (plait_factory){.protocol = &mover_ops, .dispatch = PLAIT_ON_WORKERS};
  there = (plait_factory){.protocol = &asker_ops};
  sim_begin((plait_sim_options){
      .seed = world, .switch_ppm = 300000, .wake_max_us = 40});
  open_runtime_on(plait_sim_backend(sim), (plait_runtime_options){0});
  plait_reactor *reactor = plait_runtime_reactor(runtime, 0);
  require(plait_sim_pair(sim, fds) == 0 &&
              plait_adopt(reactor, fds[0], &here) == 0 &&
              plait_adopt(reactor, fds[1], &there) == 0 &&
              plait_sim_thread_start(sim, disturb, &fn, "deed", &thread) == 0,
          "%s", plait_error_detail());
  ck_assert_int_eq(plait_run(runtime), deeds[deed].code);
  plait_sim_thread_join(thread);
  require(plait_runtime_free(runtime) == 0, "%s", plait_error_detail());
  sim_end();
}

/* Whatever comes, and whenever: whoever is there gets it, once; that is not who
 * was switched away from. */
START_TEST(what_comes_meanwhile_is_not_lost) {
  unsigned before = 0, after = 0;
  resumed = 0;
  for (unsigned i = 0; i < WORLDS; i++) {
    when_us = (uint64_t)LATEST_US * i / WORLDS;
    handle = (plait_handle){0};
    play_homeward(i + 1, _i);
    ck_assert_uint_eq(lost, 1);
    ck_assert_uint_eq(settled, switched);
    ck_assert_int_eq(called, deeds[_i].fn == call_it);
    require(reason == deeds[_i].reason, "world %u: lost with %d", i, reason);
    before += early;
    after += !early;
  }
  ck_assert_uint_gt(before, 10);
  ck_assert_uint_gt(after, 10);
  ck_assert_uint_gt(resumed, 0);
}
END_TEST

/* ---- ordered answers -----------------------------------------------------*/

static plait_query questions[2];
static unsigned answers;

static void note_answer(plait_query *query, int code) {
  ck_assert_int_eq(code, 0);
  ck_assert_ptr_eq(query, &questions[answers++]);
}

static void ask_in_order(plait_query *query, plait_transport *owner) {
  *query = (plait_query){
      .name = "127.0.0.1", .ordered = true, .answered = note_answer};
  require(plait_resolve(plait_runtime_resolver(runtime), owner, query) == 0,
          "%s", plait_error_detail());
}

static void ask_second(plait_call *c, plait_protocol *p) {
  (void)c, (void)p;
  ask_in_order(&questions[1], NULL);
}

/* Its answer comes when it has returned, and the reactor's behind that. */
static void ask_and_block(plait_protocol *p, const uint8_t *data, size_t len) {
  static plait_call second = {.run = ask_second};
  (void)data, (void)len;
  ask_in_order(&questions[0], p->transport);
  plait_reactor_post(plait_runtime_reactor(runtime, 0), &second);
  plait_work_sleep_ms(SOME_MS);
  plait_close(p->transport);
}

START_TEST(answers_are_in_order) {
  play(ask_and_block);
  ck_assert_uint_eq(answers, 2);
}
END_TEST

int main(void) {
  Suite *s = suite_create("away");
  TCase *tc = tcase_create("away");
  tcase_set_timeout(tc, 60);
  tcase_add_test(tc, no_resume_after_a_close);
  tcase_add_test(tc, resumed_when_it_is_low);
  tcase_add_test(tc, a_close_needs_no_memory);
  tcase_add_test(tc, an_abort_needs_no_memory);
  tcase_add_test(tc, a_timed_task_takes_a_reactor);
  tcase_add_test(tc, a_deferred_task_that_works_is_not_cancelled);
  tcase_add_test(tc, a_callback_that_has_just_begun_is_not_stuck);
  tcase_add_test(tc, a_task_is_not_touched_once_it_is_done);
  tcase_add_loop_test(tc, what_comes_meanwhile_is_not_lost, 0,
                      sizeof deeds / sizeof deeds[0]);
  tcase_add_test(tc, answers_are_in_order);
  suite_add_tcase(s, tc);
  return run_suite(s);
}
