/* The tasks and calls of the scenario workers. */
#include <stdlib.h>
#include <string.h>

#include "workers.h"

struct job {
  plait_task task;
  plait_call call;
  struct token token;
  struct stage *stage;
  struct office *office;
  struct asker *asker; /* of a deferred one; good until it is done */
  plait_reactor *reactor;
  plait_handle handle;
  struct letter letter;
  unsigned number, timed_out;
  bool worked, cancelled;
};

static struct job *job_new(struct asker *a, const struct letter *letter,
                           const char *what) {
  struct job *job = calloc(1, sizeof *job);
  if (job == NULL)
    abort();
  job->stage = a->w->stage;
  job->office = (struct office *)a->w->stage->play;
  job->handle = plait_transport_handle(a->framed.base.transport);
  job->letter = *letter;
  job->reactor = plait_reactor_current();
  job->task.name = what;
  token_start(&job->token, job->stage, what);
  return job;
}

static void job_free(struct job *job) {
  if (job->office->last == job)
    job->office->last = NULL;
  token_end(&job->token);
  free(job);
}

static uint32_t job_ms(const struct job *job) {
  const struct plan *plan = job->stage->plan;
  return plan->work_ms * (job->letter.number % 4) / 2;
}

static void job_work(plait_task *task) {
  struct job *job = plait_container_of(task, struct job, task);
  struct asker *a = job->asker;
  CHECK(job->stage, !job->worked, "a task worked twice");
  if (a != NULL) {
    CHECK(job->stage, !a->working, "server %u: two tasks work at a time",
          a->w->number);
    a->working = true;
  }
  job->worked = true;
  if (job_ms(job) > 0)
    plait_work_sleep_ms(job_ms(job));
  if (a != NULL)
    a->working = false;
}

/* What every |done| may expect. */
static void job_check(struct job *job, int status) {
  struct stage *stage = job->stage;
  CHECK(stage,
        status == 0 || status == PLAIT_ETIMEOUT || status == PLAIT_ECANCELED ||
            status == PLAIT_ECLOSED || stage_faulty(stage),
        "a task is done with %s", plait_error_name(status));
  CHECK(stage,
        job->worked == (status == 0 || status == PLAIT_ETIMEOUT) ||
            status == PLAIT_ECLOSED,
        "a task that has%s worked is done with %s", job->worked ? "" : " not",
        plait_error_name(status));
  CHECK(stage,
        job->timed_out == (status == PLAIT_ETIMEOUT) || status == PLAIT_ECLOSED,
        "a task is done with %s, and timed_out was called %u times",
        plait_error_name(status), job->timed_out);
}

/* ---- plait_defer() ------------------------------------------------------- */

static void deferred_done(plait_task *task, int status) {
  struct job *job = plait_container_of(task, struct job, task);
  struct asker *a = job->asker;
  job_check(job, status);
  CHECK(job->stage, status != PLAIT_ECLOSED, "a deferred task outlived plait");
  witness_enter(a->w, CALL_DONE);
  CHECK(job->stage, job->number == a->done,
        "server %u: task %u is done before task %u", a->w->number, job->number,
        a->done);
  a->done++;
  a->jobs--;
  if (job->letter.kind == LETTER_HELD)
    a->w->held--;
  server_reply(a, &job->letter);
  server_close_if_done(a);
  witness_leave(a->w);
  job_free(job);
}

static void deferred_timed_out(plait_task *task) {
  struct job *job = plait_container_of(task, struct job, task);
  witness_enter(job->asker->w, CALL_DONE);
  CHECK(job->stage, plait_task_is_late(task), "a task is not late, and is");
  job->timed_out++;
  witness_leave(job->asker->w);
}

int job_defer(struct asker *a, const struct letter *letter) {
  struct job *job = job_new(a, letter, "a deferred task");
  bool held = letter->kind == LETTER_HELD;
  job->asker = a;
  job->task.work = job_work;
  job->task.done = deferred_done;
  if (letter->kind == LETTER_TIMED) {
    job->task.timeout_ms = a->w->stage->plan->work_ms / 2 + 1;
    job->task.timed_out = deferred_timed_out;
  }
  job->number = a->deferred;
  int code = plait_defer(a->framed.base.transport, &job->task,
                         held ? PLAIT_HOLD_READING : 0);
  if (code != 0) {
    job_free(job);
    return code;
  }
  a->deferred++;
  a->jobs++;
  a->w->held += held;
  return 0;
}

/* ---- answers by handle
 * ---------------------------------------------------------
 */

static void job_answer(const struct job *job) {
  uint8_t bytes[4 + sizeof job->letter] = {0, 0, 0, sizeof job->letter};
  memcpy(bytes + 4, &job->letter, sizeof job->letter);
  plait_handle_write(job->handle, bytes, sizeof bytes);
}

/* ---- the strand ---------------------------------------------------------- */

static void strand_run(plait_call *call, plait_protocol *p) {
  struct job *job = plait_container_of(call, struct job, call);
  struct office *office = job->office;
  CHECK(job->stage, p == NULL, "a call of a strand has a protocol");
  CHECK(job->stage, !office->busy, "two calls of a strand run at once");
  CHECK(job->stage, job->number >= office->next,
        "call %u of a strand runs behind call %u", job->number,
        office->next - 1);
  office->busy = true;
  office->next = job->number + 1; /* some in between were refused */
  if (job_ms(job) > 0)
    plait_work_sleep_ms(job_ms(job) / 8);
  job_answer(job);
  office->busy = false;
  job_free(job);
}

static void strand_drop(plait_call *call) {
  job_free(plait_container_of(call, struct job, call));
}

void job_post(struct office *office, struct asker *a,
              const struct letter *letter) {
  if (office->strand == NULL)
    return;
  struct job *job = job_new(a, letter, "a call of a strand");
  job->call = (plait_call){.run = strand_run, .drop = strand_drop};
  job->number = office->posted++;
  if (plait_strand_post(office->strand, &job->call) != 0)
    job_free(job);
}

/* ---- the pool ------------------------------------------------------------ */

static void submitted_done(plait_task *task, int status) {
  struct job *job = plait_container_of(task, struct job, task);
  job_check(job, status);
  CHECK(job->stage, !job->cancelled || status == PLAIT_ECANCELED,
        "a cancelled task is done with %s", plait_error_name(status));
  job_answer(job);
  job_free(job);
}

/* On the reactor that has submitted it. */
static void job_cancel(struct job *job, struct dice *dice) {
  if (job == NULL || job->cancelled || dice_below(dice, 4) != 0 ||
      job->reactor != plait_reactor_current())
    return;
  job->cancelled = plait_task_cancel(&job->task) == 0;
}

void job_submit(struct office *office, struct asker *a,
                const struct letter *letter) {
  struct job *job = job_new(a, letter, "a task");
  job->task.work = job_work;
  job->task.done = submitted_done;
  plait_pool *pool = plait_runtime_pool(job->stage->runtime);
  if (plait_pool_submit(pool, &job->task) != 0) {
    job_free(job);
    return;
  }
  /* On workers it may be done already. */
  if (job->stage->plan->workers != 0)
    return;
  job_cancel(office->last, &a->dice); /* it has begun, or not */
  office->last = job;
  job_cancel(job, &a->dice);
}
