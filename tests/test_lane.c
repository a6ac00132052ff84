/* A lane on workers that run when the test says so: what happens while another
 * thread is just being woken or started is done inside that very call. */
#include "pool/lane.h"

#include <check.h>
#include <plait/error.h>
#include <stdlib.h>

#include "support/require.h"

enum { WORKERS = 4, MS = 1000000 };

struct plait__worker {
  uint64_t (*step)(void *arg);
  void *arg;
  bool woken, ended, joined;
};

struct job {
  plait__job job;
  void (*body)(void);
  unsigned ran, dropped;
};

static plait__lane lane;
static plait__worker workers[WORKERS];
static unsigned started;
static struct job jobs[4];
static uint64_t now_ns = MS;
static int start_code; /* of the next worker_start() */
static int drop_code = PLAIT_EAGAIN;
static bool no_memory;
static plait__stage stage;
static void (*meanwhile)(void);

static void happen(void) {
  void (*what)(void) = meanwhile;
  meanwhile = NULL;
  if (what != NULL)
    what();
}

/* ---- the world ----------------------------------------------------------- */

static uint64_t fake_now_ns(void) {
  return now_ns;
}

static void *fake_alloc(void *old, size_t size, const char *site) {
  (void)site;
  if (size > 0)
    return no_memory ? NULL : realloc(old, size);
  free(old);
  return NULL;
}

static void fake_yield(void) {
  require(false, "there is nobody to wait for");
}

static int fake_start(uint64_t (*step)(void *arg), void *arg, const char *name,
                      plait__worker **ret) {
  (void)name;
  int code = start_code;
  start_code = 0;
  happen();
  if (code != 0)
    return code;
  require(started < WORKERS, "too many workers");
  *ret = &workers[started++];
  (*ret)->step = step;
  (*ret)->arg = arg;
  return 0;
}

static void fake_wake(plait__worker *worker) {
  happen();
  ck_assert(!worker->joined);
  worker->woken = true;
}

/* It runs until it ends: the lane has told it to. */
static void fake_join(plait__worker *worker) {
  while (!worker->ended)
    worker->ended = worker->step(worker->arg) == PLAIT__STEP_END;
  worker->joined = true;
}

static const plait__os fake_os = {.now_ns = fake_now_ns,
                                  .alloc = fake_alloc,
                                  .yield = fake_yield,
                                  .worker_start = fake_start,
                                  .worker_wake = fake_wake,
                                  .worker_join = fake_join};

static void job_run(plait__job *job) {
  ((struct job *)job)->ran++;
  if (((struct job *)job)->body != NULL)
    ((struct job *)job)->body();
}

static void job_finished(plait__job *job) {
  (void)job;
}

static void job_dropped(plait__job *job, int code) {
  ck_assert_int_eq(code, drop_code);
  /* A time-out that looks now must not take it for late. */
  ck_assert_uint_eq(plait__lane_began(&lane, job), 0);
  ((struct job *)job)->dropped++;
}

static void begin(unsigned threads_max) {
  plait__lane_options options = {.thread_name = "lane",
                                 .threads_max = threads_max,
                                 .queue_max = 4,
                                 .stuck_max = 1,
                                 .idle_ms = 10};
  plait__lane_init(&lane, &fake_os, &options);
}

static plait__job *fresh(unsigned i) {
  jobs[i].job = (plait__job){
      .run = job_run, .finished = job_finished, .dropped = job_dropped};
  return &jobs[i].job;
}

static int push(unsigned i) {
  return plait__lane_push(&lane, fresh(i), NULL);
}

static uint64_t step(unsigned i) {
  workers[i].woken = false;
  uint64_t answer = workers[i].step(workers[i].arg);
  workers[i].ended = answer == PLAIT__STEP_END;
  return answer;
}

/* Worker |i| runs what is queued, and is idle. */
static void run_all(unsigned i) {
  while (step(i) == PLAIT__STEP_AGAIN)
    continue;
}

/* ---- the tests ----------------------------------------------------------- */

/* Worker 0 wakes by itself, runs job 1 and is idle again; somebody else wakes
 * it for job 2, is done with it, and its time passes: all while the first is
 * still about to wake it.  Whoever starts worker 1 would reap it. */
static void overtaken(void) {
  now_ns += 10 * MS;
  run_all(0);
  ck_assert_uint_eq(jobs[1].ran, 1);
  ck_assert_int_eq(push(2), 0);
  ck_assert(workers[0].woken);
  run_all(0);
  now_ns += 10 * MS;
  ck_assert_uint_eq(step(0), PLAIT__STEP_END);
  ck_assert_int_eq(push(3), 0);
  ck_assert_uint_eq(started, 2);
  run_all(1);
}

START_TEST(test_two_senders) {
  begin(2);
  ck_assert_int_eq(push(0), 0);
  run_all(0);
  meanwhile = overtaken;
  ck_assert_int_eq(push(1), 0);
  for (unsigned i = 0; i < 4; i++)
    ck_assert_uint_eq(jobs[i].ran, 1);
  plait__lane_fini(&lane);
  ck_assert(workers[0].joined);
}
END_TEST

/* Worker 0 does what worker 1 is being started for, and is idle when another
 * job comes.  Worker 1 is on its way, so nobody is woken. */
static void another_comes(void) {
  run_all(0);
  ck_assert_int_eq(push(2), 0);
  ck_assert(!workers[0].woken);
}

START_TEST(test_start_fails_on_its_way) {
  begin(2);
  ck_assert_int_eq(push(0), 0);
  ck_assert_uint_eq(step(0), PLAIT__STEP_AGAIN);
  start_code = PLAIT_EAGAIN;
  meanwhile = another_comes;
  ck_assert_int_eq(push(1), 0);
  ck_assert(workers[0].woken); /* instead of worker 1 */
  run_all(0);
  ck_assert_uint_eq(jobs[2].ran, 1);
  plait__lane_fini(&lane);
}
END_TEST

/* Worker 0 runs job 1, its time passes, and the same job is queued again.  It
 * is not the one that the start of worker 1 fails for. */
static void the_same_comes(void) {
  run_all(0);
  ck_assert_uint_eq(jobs[1].ran, 1);
  now_ns += 10 * MS;
  ck_assert_uint_eq(step(0), PLAIT__STEP_END);
  ck_assert_int_eq(push(1), 0);
}

START_TEST(test_start_fails_for_another) {
  begin(2);
  ck_assert_int_eq(push(0), 0);
  ck_assert_uint_eq(step(0), PLAIT__STEP_AGAIN);
  start_code = PLAIT_EAGAIN;
  meanwhile = the_same_comes;
  ck_assert_int_eq(push(1), 0);
  ck_assert_uint_eq(jobs[1].ran, 1);
  ck_assert_uint_eq(jobs[1].dropped, 1); /* it had been queued */
  plait__lane_fini(&lane);
}
END_TEST

static void others_come(void) {
  ck_assert_int_eq(push(1), 0);
  ck_assert_int_eq(push(2), 0);
}

/* The job that is refused is the caller's; those that were queued are dropped.
 */
START_TEST(test_no_thread_starts) {
  begin(2);
  start_code = PLAIT_EAGAIN;
  meanwhile = others_come;
  ck_assert_int_eq(push(0), PLAIT_EAGAIN);
  ck_assert_uint_eq(jobs[0].ran + jobs[0].dropped, 0);
  ck_assert_uint_eq(jobs[1].dropped, 1);
  ck_assert_uint_eq(jobs[2].dropped, 1);
  ck_assert_int_eq(push(3), 0);
  run_all(0);
  ck_assert_uint_eq(jobs[3].ran, 1);
  plait__lane_fini(&lane);
}
END_TEST

static void one_was_joined(void) {
  ck_assert(workers[0].joined);
}

/* Whoever starts a thread has nothing to do with the lane afterwards: the job
 * may be done then, and the lane be freed. */
START_TEST(test_reaps_before_it_starts) {
  begin(2);
  ck_assert_int_eq(push(0), 0);
  run_all(0);
  now_ns += 10 * MS;
  ck_assert_uint_eq(step(0), PLAIT__STEP_END);
  meanwhile = one_was_joined;
  ck_assert_int_eq(push(1), 0);
  ck_assert(meanwhile == NULL);
  run_all(1);
  ck_assert_uint_eq(jobs[1].ran, 1);
  plait__lane_fini(&lane);
}
END_TEST

static void give_up(void) {
  plait__lane_abandon(&lane, &jobs[0].job);
}

static void give_up_in_vain(void) {
  ck_assert_int_eq(push(1), 0);
  start_code = PLAIT_EAGAIN;
  give_up();
}

/* No other thread can take the place of the only one there may be, and that one
 * will not look at the queue again. */
START_TEST(test_given_up_in_vain) {
  begin(1);
  jobs[0].body = give_up_in_vain;
  ck_assert_int_eq(push(0), 0);
  ck_assert_uint_eq(step(0), PLAIT__STEP_END);
  ck_assert_uint_eq(jobs[1].dropped, 1);
  ck_assert_int_eq(push(2), 0);
  ck_assert(workers[0].joined);
  run_all(1);
  ck_assert_uint_eq(jobs[2].ran, 1);
  plait__lane_fini(&lane);
}
END_TEST

/* Worker 0 wakes by itself, its job is given up, and it ends. */
static void given_up_meanwhile(void) {
  jobs[0].body = give_up;
  now_ns += 10 * MS;
  ck_assert_uint_eq(step(0), PLAIT__STEP_END);
  ck_assert_int_eq(push(1), 0);
  ck_assert_uint_eq(started, 2);
  run_all(1);
}

START_TEST(test_given_up_and_sent_for) {
  begin(1);
  ck_assert_int_eq(push(0), 0);
  run_all(0);
  meanwhile = given_up_meanwhile;
  ck_assert_int_eq(push(0), 0);
  ck_assert_uint_eq(jobs[0].ran, 2);
  ck_assert_uint_eq(jobs[1].ran, 1);
  plait__lane_fini(&lane);
}
END_TEST

/* ---- promises ------------------------------------------------------------ */

static void begin_staging(unsigned queue_max) {
  plait__lane_options options = {.thread_name = "lane",
                                 .bit = PLAIT__LANE_TASKS,
                                 .threads_max = 2,
                                 .queue_max = queue_max,
                                 .stage_max = 2,
                                 .idle_ms = 10};
  plait__lane_init(&lane, &fake_os, &options);
}

/* Nobody runs, but there is a thread. */
static void have_thread(void) {
  ck_assert_int_eq(push(3), 0);
  run_all(0);
  jobs[3].ran = 0;
}

static int put(unsigned i) {
  return plait__lane_stage(&lane, fresh(i), &stage);
}

/* While job 0 runs, three others come from the reactor: worker 1 is only
 * started when the reactor keeps its promise. */
static void others_wait(void) {
  ck_assert_int_eq(put(1), 0);
  ck_assert_int_eq(put(2), 0);
  ck_assert_int_eq(put(3), 0);
  ck_assert_uint_eq(stage.count, 2); /* behind the one that is queued */
  ck_assert_uint_eq(lane.queued, 1);
  plait__lane_flush(&lane, &stage);
  ck_assert_uint_eq(lane.queued, 3);
  ck_assert_uint_eq(lane.reserved, 0);
  ck_assert_uint_eq(started, 1);
}

static void others_wait_for_it(void) {
  others_wait();
  ck_assert_uint_eq(stage.promised, PLAIT__LANE_TASKS);
  plait__lane_keep(&lane, &stage);
  ck_assert_uint_eq(stage.promised, 0);
  ck_assert_uint_eq(started, 2);
  run_all(1);
  for (unsigned i = 1; i < 4; i++)
    ck_assert_uint_eq(jobs[i].ran, 1);
}

START_TEST(test_promise_kept) {
  begin_staging(1000);
  have_thread();
  jobs[0].body = others_wait_for_it;
  ck_assert_int_eq(put(0), 0);
  ck_assert_uint_eq(stage.promised, 0); /* nobody was running */
  run_all(0);
  plait__lane_fini(&lane);
}
END_TEST

/* The thread that runs keeps up: nobody else is needed. */
START_TEST(test_promise_not_needed) {
  begin_staging(1000);
  have_thread();
  jobs[0].body = others_wait;
  ck_assert_int_eq(put(0), 0);
  run_all(0);
  ck_assert_uint_eq(jobs[3].ran, 1);
  plait__lane_keep(&lane, &stage);
  ck_assert_uint_eq(started, 1);
  ck_assert(!workers[0].woken);
  plait__lane_fini(&lane);
}
END_TEST

static void one_is_staged(void) {
  ck_assert_int_eq(put(1), 0);
  ck_assert_int_eq(put(2), 0);
  ck_assert_uint_eq(stage.count, 1);
}

/* What was staged while a thread was running comes when it is idle. */
START_TEST(test_flush_wakes) {
  begin_staging(1000);
  have_thread();
  jobs[0].body = one_is_staged;
  ck_assert_int_eq(put(0), 0);
  run_all(0);
  ck_assert_uint_eq(jobs[1].ran, 1);
  plait__lane_flush(&lane, &stage);
  ck_assert(workers[0].woken);
  run_all(0);
  ck_assert_uint_eq(jobs[2].ran, 1);
  plait__lane_keep(&lane, &stage);
  plait__lane_fini(&lane);
}
END_TEST

/* ... or when it has ended, and there is no memory for another one. */
START_TEST(test_staged_and_stranded) {
  begin_staging(1000);
  have_thread();
  jobs[0].body = one_is_staged;
  ck_assert_int_eq(put(0), 0);
  run_all(0);
  now_ns += 10 * MS;
  ck_assert_uint_eq(step(0), PLAIT__STEP_END);
  no_memory = true;
  drop_code = PLAIT_ENOMEM;
  plait__lane_keep(&lane, &stage);
  ck_assert_uint_eq(jobs[2].dropped, 1);
  no_memory = false;
  ck_assert_int_eq(push(3), 0);
  run_all(1);
  ck_assert_uint_eq(jobs[3].ran, 1);
  plait__lane_fini(&lane);
}
END_TEST

static void cut_meanwhile(void) {
  one_is_staged();
  drop_code = PLAIT_ECANCELED;
  plait__lane_cut(&lane);
  ck_assert_uint_eq(jobs[1].dropped, 1);
  plait__lane_flush(&lane, &stage);
  ck_assert_uint_eq(jobs[2].dropped, 1);
  ck_assert_int_eq(put(3), PLAIT_ECANCELED);
  plait__lane_keep(&lane, &stage);
}

START_TEST(test_staged_and_cut) {
  begin_staging(1000);
  have_thread();
  jobs[0].body = cut_meanwhile;
  ck_assert_int_eq(put(0), 0);
  run_all(0);
  plait__lane_fini(&lane);
}
END_TEST

/* The bound of the queue is exact where it is near. */
static void queue_is_full(void) {
  ck_assert_int_eq(put(1), 0);
  ck_assert_int_eq(put(2), 0);
  ck_assert_uint_eq(stage.count, 0);
  ck_assert_int_eq(put(3), PLAIT_EFULL);
}

START_TEST(test_full_and_promised) {
  begin_staging(2);
  have_thread();
  jobs[0].body = queue_is_full;
  ck_assert_int_eq(put(0), 0);
  run_all(0);
  plait__lane_keep(&lane, &stage);
  plait__lane_fini(&lane);
}
END_TEST

static Suite *lane_suite(void) {
  Suite *suite = suite_create("lane");
  TCase *tcase = tcase_create("meanwhile");
  tcase_add_test(tcase, test_two_senders);
  tcase_add_test(tcase, test_start_fails_on_its_way);
  tcase_add_test(tcase, test_start_fails_for_another);
  tcase_add_test(tcase, test_no_thread_starts);
  tcase_add_test(tcase, test_reaps_before_it_starts);
  tcase_add_test(tcase, test_given_up_in_vain);
  tcase_add_test(tcase, test_given_up_and_sent_for);
  suite_add_tcase(suite, tcase);
  tcase = tcase_create("promises");
  tcase_add_test(tcase, test_promise_kept);
  tcase_add_test(tcase, test_promise_not_needed);
  tcase_add_test(tcase, test_flush_wakes);
  tcase_add_test(tcase, test_staged_and_stranded);
  tcase_add_test(tcase, test_staged_and_cut);
  tcase_add_test(tcase, test_full_and_promised);
  suite_add_tcase(suite, tcase);
  return suite;
}

int main(void) {
  SRunner *runner = srunner_create(lane_suite());
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
