/* Time-outs of tasks: counted from when the work begins. */
#include <check.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include <plait.h>

#include "support/require.h"
#include "support/runtime.h"

static sem_t gate;

struct job {
  plait_task task;
  unsigned timed_out, done;
  int status;
  bool gave_up;
};

static struct job jobs[3];

static struct job *job_of(plait_task *task) {
  return plait_container_of(task, struct job, task);
}

/* Takes as long as nobody says that it is too long. */
static void work_until_late(plait_task *task) {
  while (!plait_task_is_late(task))
    usleep(100);
  job_of(task)->gave_up = true;
}

static void work_at_gate(plait_task *task) {
  (void)task;
  while (sem_wait(&gate) != 0)
    continue;
}

static void work_nothing(plait_task *task) {
  (void)task;
}

static void timed_out(plait_task *task) {
  struct job *job = job_of(task);
  require(job->timed_out++ == 0 && job->done == 0, "out of order");
  require(plait_reactor_current() != NULL, "not where done would be");
  if (task->work == work_at_gate)
    sem_post(&gate);
}

static void done(plait_task *task, int status) {
  struct job *job = job_of(task);
  job->done++;
  job->status = status;
}

static struct job *prepare(struct job *job, void (*work)(plait_task *),
                           uint32_t timeout_ms) {
  *job = (struct job){.task = {.work = work,
                               .done = done,
                               .timed_out = timed_out,
                               .timeout_ms = timeout_ms}};
  return job;
}

static void submit(struct job *job) {
  require(plait_pool_submit(plait_runtime_pool(runtime), &job->task) == 0, "%s",
          plait_error_detail());
}

static void start_late(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  submit(prepare(&jobs[0], work_until_late, 20));
  submit(prepare(&jobs[1], work_nothing, 60000));
}

START_TEST(test_late) {
  plait_pool_stats stats;
  open_runtime((plait_runtime_options){0});
  ck_assert_int_eq(run(start_late), 0);
  ck_assert(jobs[0].gave_up);
  ck_assert_uint_eq(jobs[0].timed_out, 1);
  ck_assert_int_eq(jobs[0].status, PLAIT_ETIMEOUT);
  ck_assert_uint_eq(jobs[1].timed_out, 0);
  ck_assert_int_eq(jobs[1].status, 0);
  ck_assert_uint_eq(jobs[0].done + jobs[1].done, 2);
  plait_pool_get_stats(plait_runtime_pool(runtime), &stats);
  ck_assert_uint_eq(stats.timed_out, 1);
  close_runtime();
}
END_TEST

/* The only thread is taken for four times as long as the second task may run:
 * that does not count. */
static void open_gate(plait_timer *timer) {
  (void)timer;
  sem_post(&gate);
}

static plait_timer timer;

static void start_queued(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  submit(prepare(&jobs[0], work_at_gate, 0));
  submit(prepare(&jobs[1], work_nothing, 100));
  plait_timer_init(&timer, NULL, open_gate);
  plait_timer_start(&timer, 400, 0);
}

START_TEST(test_waiting_does_not_count) {
  open_runtime((plait_runtime_options){.pool.threads_max = 1});
  ck_assert_int_eq(run(start_queued), 0);
  ck_assert_uint_eq(jobs[1].timed_out, 0);
  ck_assert_int_eq(jobs[1].status, 0);
  close_runtime();
}
END_TEST

/* Deferred, wherever the callbacks run. */
static void defer_late(plait_protocol *p) {
  for (int i = 0; i < 3; i++) {
    struct job *job = prepare(&jobs[i], i == 1 ? work_nothing : work_at_gate,
                              i == 1 ? 60000 : 10);
    require(plait_defer(p->transport, &job->task, 0) == 0, "%s",
            plait_error_detail());
  }
}

static void all_done(plait_protocol *p, int reason) {
  (void)p, (void)reason;
  for (int i = 0; i < 3; i++) {
    require(jobs[i].done == 1, "task %d is done %u times", i, jobs[i].done);
    require(jobs[i].timed_out == (i != 1), "task %d", i);
    require(jobs[i].status == (i != 1 ? PLAIT_ETIMEOUT : 0), "task %d: %s", i,
            plait_strerror(jobs[i].status));
  }
}

static void close_after(plait_protocol *p, const uint8_t *data, size_t len) {
  (void)data, (void)len;
  plait_close(p->transport);
}

static plait_task last;

static void last_work(plait_task *task) {
  (void)task;
}

static void last_done(plait_task *task, int status) {
  plait_protocol *p = task->owner;
  (void)status;
  plait_close(p->transport);
}

static void defer_all(plait_protocol *p) {
  defer_late(p);
  last = (plait_task){.work = last_work, .done = last_done};
  require(plait_defer(p->transport, &last, 0) == 0, "no defer");
}

static const plait_protocol_ops ops = {.name = "late",
                                       .size = sizeof(plait_protocol),
                                       .connection_made = defer_all,
                                       .data_received = close_after,
                                       .connection_lost = all_done};

START_TEST(test_deferred) {
  plait_factory factory = {.protocol = &ops, .dispatch = (plait_dispatch)_i};
  int fds[2];
  open_runtime((plait_runtime_options){0});
  require(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0, "no pair");
  require(plait_adopt(plait_runtime_reactor(runtime, 0), fds[0], &factory) == 0,
          "%s", plait_error_detail());
  ck_assert_int_eq(plait_run(runtime), 0);
  ck_assert_uint_eq(jobs[2].done, 1);
  close(fds[1]);
  close_runtime();
}
END_TEST

int main(void) {
  sem_init(&gate, 0, 0);
  Suite *suite = suite_create("timeout");
  TCase *tc = tcase_create("tasks");
  tcase_add_test(tc, test_late);
  tcase_add_test(tc, test_waiting_does_not_count);
  tcase_add_loop_test(tc, test_deferred, 0, 2);
  suite_add_tcase(suite, tc);
  return run_suite(suite);
}
