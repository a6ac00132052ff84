/* The pool: tasks, lanes of threads, and strands. */
#include <check.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <plait.h>

#include "support/require.h"
#include "support/runtime.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static plait_pool *pool(void) {
  plait_pool *p = plait_runtime_pool(runtime);
  require(p != NULL, "no pool");
  return p;
}

/* ---- tasks --------------------------------------------------------------- */

struct job {
  plait_task task;
  void (*body)(struct job *job);
  pthread_t worker;
  unsigned worked, done;
  int status;
};

static struct job jobs[10000];
static atomic_uint inside, inside_max;
static unsigned all_done;
static pthread_t reactor_thread;

static void job_work(plait_task *task) {
  struct job *job = plait_container_of(task, struct job, task);
  unsigned now = atomic_fetch_add(&inside, 1) + 1, max = inside_max;
  while (now > max && !atomic_compare_exchange_weak(&inside_max, &max, now))
    continue;
  job->worked++;
  job->worker = pthread_self();
  require(plait_reactor_current() == NULL, "a reactor on a worker");
  if (job->body != NULL)
    job->body(job);
  atomic_fetch_sub(&inside, 1);
}

static void job_done(plait_task *task, int status) {
  struct job *job = plait_container_of(task, struct job, task);
  job->done++;
  job->status = status;
  all_done++;
  if (status != PLAIT_ECLOSED)
    require(pthread_equal(pthread_self(), reactor_thread),
            "done on another thread");
}

static void wait_at_gate(struct job *job);

static int submit(struct job *job, void (*body)(struct job *job)) {
  *job = (struct job){.body = body};
  job->task = (plait_task){.work = job_work,
                           .done = job_done,
                           .name = body == wait_at_gate ? "gate" : NULL};
  return plait_pool_submit(pool(), &job->task);
}

static void begin(void) {
  reactor_thread = pthread_self();
  all_done = 0;
  inside = inside_max = 0;
}

static void start_many(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  begin();
  for (size_t i = 0; i < COUNT(jobs); i++)
    require(submit(&jobs[i], NULL) == 0, "%s", plait_error_detail());
}

START_TEST(test_many_tasks) {
  open_runtime((plait_runtime_options){.pool.threads_max = (unsigned)_i});
  ck_assert_int_eq(run(start_many), 0);
  ck_assert_uint_eq(all_done, COUNT(jobs));
  for (size_t i = 0; i < COUNT(jobs); i++)
    require(jobs[i].worked == 1 && jobs[i].done == 1 && jobs[i].status == 0,
            "task %zu: worked %u, done %u", i, jobs[i].worked, jobs[i].done);
  ck_assert_uint_le(inside_max, (unsigned)_i);
  plait_pool_stats stats;
  plait_pool_get_stats(pool(), &stats);
  ck_assert_uint_eq(stats.done, COUNT(jobs));
  ck_assert_uint_eq(stats.queued + stats.running, 0);
  ck_assert_uint_le(stats.threads, (unsigned)_i);
  close_runtime();
}
END_TEST

/* ---- a gate that tasks wait at ------------------------------------------- */

static sem_t gate, arrived;

static void wait_at_gate(struct job *job) {
  (void)job;
  sem_post(&arrived);
  while (sem_wait(&gate) != 0)
    continue;
}

static void open_gate(unsigned times) {
  while (times-- > 0)
    sem_post(&gate);
}

static void await_arrivals(unsigned times) {
  while (times-- > 0)
    while (sem_wait(&arrived) != 0)
      continue;
}

static void start_eight(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  begin();
  for (int i = 0; i < 8; i++)
    require(submit(&jobs[i], wait_at_gate) == 0, "%s", plait_error_detail());
}

/* As many at once as there may be threads, and no more. */
static void *keep_gate(void *arg) {
  await_arrivals(4);
  plait_pool_stats stats;
  plait_pool_get_stats(pool(), &stats);
  require(stats.running == 4 && stats.queued == 4 && stats.threads == 4,
          "%u running, %u queued, %u threads", stats.running, stats.queued,
          stats.threads);
  open_gate(8);
  return arg;
}

/* The gate is kept by a thread that is none of plait's. */
static void run_eight(void (*start)(plait_call *, plait_protocol *)) {
  pthread_t keeper;
  require(pthread_create(&keeper, NULL, keep_gate, NULL) == 0, "no thread");
  ck_assert_int_eq(run(start), 0);
  pthread_join(keeper, NULL);
}

START_TEST(test_threads_max) {
  open_runtime((plait_runtime_options){.pool.threads_max = 4});
  run_eight(start_eight);
  ck_assert_uint_eq(all_done, 8);
  ck_assert_uint_eq(inside_max, 4);
  close_runtime();
}
END_TEST

static void start_cancelling(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  begin();
  require(submit(&jobs[0], wait_at_gate) == 0, "%s", plait_error_detail());
  await_arrivals(1);
  for (int i = 1; i < 4; i++)
    require(submit(&jobs[i], wait_at_gate) == 0, "%s", plait_error_detail());
  require(submit(&jobs[5], NULL) == PLAIT_EFULL, "it is full");
  require(plait_task_cancel(&jobs[0].task) == PLAIT_EBUSY, "it runs");
  require(plait_task_cancel(&jobs[2].task) == 0, "it waits");
  require(plait_task_cancel(&jobs[2].task) == PLAIT_EBUSY, "twice");
  require(all_done == 0, "done inside cancel");
  require(submit(&jobs[4], NULL) == 0, "%s", plait_error_detail());
  open_gate(3);
}

START_TEST(test_cancel_and_full) {
  open_runtime(
      (plait_runtime_options){.pool = {.threads_max = 1, .queue_max = 3}});
  ck_assert_int_eq(run(start_cancelling), 0);
  ck_assert_uint_eq(all_done, 5);
  ck_assert_int_eq(jobs[2].status, PLAIT_ECANCELED);
  ck_assert_uint_eq(jobs[2].worked, 0);
  ck_assert_uint_eq(jobs[5].done, 0);
  plait_pool_stats stats;
  plait_pool_get_stats(pool(), &stats);
  ck_assert_uint_eq(stats.cancelled, 1);
  ck_assert_uint_eq(stats.refused, 1);
  ck_assert_uint_eq(stats.done, 4);
  close_runtime();
}
END_TEST

/* ---- where it may be used ------------------------------------------------ */

/* plait_runtime_pool() was out of memory. */
START_TEST(test_no_pool) {
  plait_task task = {0};
  plait_query query = {.name = "localhost"};
  plait_pool_stats stats = {.threads = 7}, strand_stats = {.threads = 7};
  plait_resolver_stats names = {.threads = 7};
  ck_assert_int_eq(plait_pool_submit(NULL, &task), PLAIT_ENOMEM);
  ck_assert_int_eq(plait_resolve(NULL, NULL, &query), PLAIT_ENOMEM);
  ck_assert_ptr_null(plait_strand_new(NULL));
  plait_strand_free(NULL);
  plait_pool_get_stats(NULL, &stats);
  plait_pool_get_strand_stats(NULL, &strand_stats);
  plait_resolver_get_stats(NULL, &names);
  ck_assert_uint_eq(stats.threads + strand_stats.threads + names.threads, 0);
}
END_TEST

START_TEST(test_submit_elsewhere) {
  open_runtime((plait_runtime_options){0});
  ck_assert_int_eq(submit(&jobs[0], NULL), PLAIT_EINVAL);
  ck_assert_ptr_eq(pool(), pool());
  close_runtime();
}
END_TEST

/* A task submits the next one when it is done. */
static unsigned chain_left;

static void chain_done(plait_task *task, int status) {
  require(status == 0, "status %d", status);
  if (--chain_left > 0)
    require(plait_pool_submit(pool(), task) == 0, "%s", plait_error_detail());
}

static void start_chain(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  begin();
  chain_left = 5000;
  jobs[0] = (struct job){.task = {.work = job_work, .done = chain_done}};
  require(plait_pool_submit(pool(), &jobs[0].task) == 0, "%s",
          plait_error_detail());
}

START_TEST(test_chain) {
  open_runtime((plait_runtime_options){0});
  ck_assert_int_eq(run(start_chain), 0);
  ck_assert_uint_eq(chain_left, 0);
  ck_assert_uint_eq(jobs[0].worked, 5000);
  close_runtime();
}
END_TEST

/* ---- a reactor that never waits ------------------------------------------ */

static plait_call again;

/* Busy until task 1, which opens the gate for task 0, has run. */
static void go_on(plait_call *call, plait_protocol *p) {
  (void)p;
  if (jobs[1].done == 0)
    require(plait_reactor_post(plait_reactor_current(), call) == 0, "closed");
}

static void let_it_go(struct job *job) {
  (void)job;
  open_gate(1);
}

static void start_busy(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  begin();
  require(submit(&jobs[0], wait_at_gate) == 0, "%s", plait_error_detail());
  await_arrivals(1);
  require(submit(&jobs[1], let_it_go) == 0, "%s", plait_error_detail());
  again.run = go_on;
  go_on(&again, NULL);
}

START_TEST(test_busy_reactor) {
  open_runtime((plait_runtime_options){0});
  ck_assert_int_eq(run(start_busy), 0);
  ck_assert_uint_eq(all_done, 2);
  close_runtime();
}
END_TEST

/* ---- threads come and go ------------------------------------------------- */

static plait_timer poll_timer;
static unsigned threads_seen;

static void look_for_the_end(plait_timer *timer) {
  plait_pool_stats stats;
  plait_pool_get_stats(pool(), &stats);
  threads_seen = stats.threads;
  if (all_done == 8 && stats.threads <= 1)
    plait_timer_stop(timer);
}

static void start_and_watch(plait_call *call, plait_protocol *p) {
  start_eight(call, p);
  plait_timer_init(&poll_timer, NULL, look_for_the_end);
  plait_timer_start(&poll_timer, 1, 1);
}

START_TEST(test_idle_threads_end) {
  open_runtime((plait_runtime_options){
      .pool = {.threads_min = 1, .threads_max = 4, .idle_ms = 5}});
  run_eight(start_and_watch);
  ck_assert_uint_eq(threads_seen, 1);
  close_runtime();
}
END_TEST

/* ---- the end of the grace ------------------------------------------------ */

static void start_stuck(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  begin();
  for (int i = 0; i < 3; i++)
    require(submit(&jobs[i], wait_at_gate) == 0, "%s", plait_error_detail());
  await_arrivals(1);
  plait_runtime_stop(runtime);
}

START_TEST(test_stuck_task) {
  open_runtime((plait_runtime_options){.grace_ms = 30, .pool.threads_max = 1});
  ck_assert_int_eq(run(start_stuck), PLAIT_EBUSY);
  ck_assert_ptr_nonnull(strstr(plait_error_detail(), "gate has not returned"));
  ck_assert_uint_eq(all_done, 2);
  ck_assert_int_eq(jobs[1].status, PLAIT_ECANCELED);
  ck_assert_int_eq(plait_runtime_free(runtime), PLAIT_EBUSY);
  open_gate(1);
  while (plait_runtime_free(runtime) == PLAIT_EBUSY)
    continue;
  ck_assert_uint_eq(jobs[0].done, 1);
  ck_assert_int_eq(jobs[0].status, PLAIT_ECLOSED);
  leak_end(&leak);
}
END_TEST

/* One that returns within the grace is nothing special. */
static void start_slow(plait_call *call, plait_protocol *p) {
  start_stuck(call, p);
  open_gate(3);
}

START_TEST(test_slow_task) {
  open_runtime((plait_runtime_options){.pool.threads_max = 1});
  ck_assert_int_eq(run(start_slow), 0);
  ck_assert_uint_eq(all_done, 3);
  ck_assert_int_eq(jobs[2].status, 0);
  close_runtime();
}
END_TEST

/* ---- out of memory ------------------------------------------------------- */

static int first_code;

static void start_one(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  begin();
  leak_fail_at(1);
  first_code = submit(&jobs[0], NULL);
  leak_fail_at(0);
}

START_TEST(test_no_thread) {
  open_runtime((plait_runtime_options){0});
  pool();
  ck_assert_int_eq(run(start_one), 0);
  ck_assert_int_eq(first_code, PLAIT_ENOMEM);
  ck_assert_uint_eq(jobs[0].worked + jobs[0].done, 0);
  close_runtime();
}
END_TEST

/* ---- strands ------------------------------------------------------------- */

enum { STRANDS = 8, POSTERS = 4, POSTS = 2000 };

struct post {
  plait_call call;
  unsigned strand, poster, number;
};

static plait_strand *strands[STRANDS];
static struct post posts[POSTERS][STRANDS][POSTS];
static bool inside_strand[STRANDS]; /* not atomic: the strand is the lock */
static unsigned last_of[STRANDS][POSTERS], ran[STRANDS];

static void post_run(plait_call *call, plait_protocol *p) {
  struct post *post = plait_container_of(call, struct post, call);
  require(p == NULL && !inside_strand[post->strand], "two at once");
  inside_strand[post->strand] = true;
  require(post->number == last_of[post->strand][post->poster]++,
          "call %u out of order", post->number);
  ran[post->strand]++;
  inside_strand[post->strand] = false;
}

static void *post_all(void *arg) {
  unsigned poster = (unsigned)(size_t)arg;
  for (unsigned n = 0; n < POSTS; n++)
    for (unsigned s = 0; s < STRANDS; s++) {
      posts[poster][s][n] = (struct post){
          .call.run = post_run, .strand = s, .poster = poster, .number = n};
      require(plait_strand_post(strands[s], &posts[poster][s][n].call) == 0,
              "no post");
    }
  return NULL;
}

START_TEST(test_sleep) {
  struct timespec before, after;
  clock_gettime(CLOCK_MONOTONIC, &before);
  plait_work_sleep_ms(3);
  clock_gettime(CLOCK_MONOTONIC, &after);
  ck_assert_int_ge((after.tv_sec - before.tv_sec) * 1000000000 +
                       after.tv_nsec - before.tv_nsec,
                   3000000);
}
END_TEST

START_TEST(test_strands) {
  pthread_t posters[POSTERS];
  open_runtime((plait_runtime_options){.pool.strand_threads_max = 4});
  for (unsigned s = 0; s < STRANDS; s++)
    strands[s] = plait_strand_new(pool());
  for (size_t i = 0; i < POSTERS; i++)
    pthread_create(&posters[i], NULL, post_all, (void *)i);
  for (size_t i = 0; i < POSTERS; i++)
    pthread_join(posters[i], NULL);
  ck_assert_int_eq(plait_run(runtime), 0);
  for (unsigned s = 0; s < STRANDS; s++) {
    ck_assert_uint_eq(ran[s], POSTERS * POSTS);
    plait_strand_free(strands[s]);
  }
  close_runtime();
}
END_TEST

/* A call that never returns keeps others of its strand from running, and not
 * those of another strand. */
static plait_call stuck_call, behind_call, other_call;
static unsigned dropped;

static void stuck_run(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  wait_at_gate(NULL);
}

static void never_run(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  require(false, "it ran");
}

static void count_drop(plait_call *call) {
  (void)call;
  dropped++;
}

static void other_run(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  plait_runtime_stop(runtime);
}

START_TEST(test_stuck_strand) {
  open_runtime((plait_runtime_options){.grace_ms = 30});
  strands[0] = plait_strand_new(pool());
  strands[1] = plait_strand_new(pool());
  stuck_call = (plait_call){.run = stuck_run};
  behind_call = (plait_call){.run = never_run, .drop = count_drop};
  other_call = (plait_call){.run = other_run};
  ck_assert_int_eq(plait_strand_post(strands[0], &stuck_call), 0);
  ck_assert_int_eq(plait_strand_post(strands[0], &behind_call), 0);
  await_arrivals(1);
  ck_assert_int_eq(plait_strand_post(strands[1], &other_call), 0);
  ck_assert_int_eq(plait_run(runtime), PLAIT_EBUSY);
  ck_assert_ptr_nonnull(strstr(plait_error_detail(), "strand"));
  ck_assert_int_eq(plait_strand_post(strands[1], &other_call), PLAIT_ECANCELED);
  plait_strand_free(strands[0]);
  plait_strand_free(strands[1]);
  ck_assert_int_eq(plait_runtime_free(runtime), PLAIT_EBUSY);
  open_gate(1);
  while (plait_runtime_free(runtime) == PLAIT_EBUSY)
    continue;
  ck_assert_uint_eq(dropped, 1);
  leak_end(&leak);
}
END_TEST

/* Frees its own strand; what was posted before still runs. */
static void free_run(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  plait_strand_free(strands[0]);
}

START_TEST(test_strand_frees_itself) {
  open_runtime((plait_runtime_options){0});
  strands[0] = plait_strand_new(pool());
  stuck_call = (plait_call){.run = stuck_run};
  other_call = (plait_call){.run = free_run};
  ck_assert_int_eq(plait_strand_post(strands[0], &stuck_call), 0);
  ck_assert_int_eq(plait_strand_post(strands[0], &other_call), 0);
  open_gate(1);
  ck_assert_int_eq(plait_run(runtime), 0);
  close_runtime();
}
END_TEST

static Suite *pool_suite(void) {
  Suite *suite = suite_create("pool");
  TCase *tasks = tcase_create("tasks");
  tcase_add_loop_test(tasks, test_many_tasks, 1, 5);
  tcase_add_test(tasks, test_sleep);
  tcase_add_test(tasks, test_threads_max);
  tcase_add_test(tasks, test_cancel_and_full);
  tcase_add_test(tasks, test_no_pool);
  tcase_add_test(tasks, test_submit_elsewhere);
  tcase_add_test(tasks, test_chain);
  tcase_add_test(tasks, test_busy_reactor);
  tcase_add_test(tasks, test_idle_threads_end);
  tcase_add_test(tasks, test_stuck_task);
  tcase_add_test(tasks, test_slow_task);
  tcase_add_test(tasks, test_no_thread);
  suite_add_tcase(suite, tasks);
  TCase *strand = tcase_create("strands");
  tcase_add_test(strand, test_strands);
  tcase_add_test(strand, test_stuck_strand);
  tcase_add_test(strand, test_strand_frees_itself);
  suite_add_tcase(suite, strand);
  return suite;
}

int main(void) {
  sem_init(&gate, 0, 0);
  sem_init(&arrived, 0, 0);
  return run_suite(pool_suite());
}
