/* The contract: work that is deferred, one task at a time and in order. */
#include "contract/contract.h"

#include <semaphore.h>
#include <string.h>

#include "support/require.h"

static sem_t gate;

/* As a simulated thread can. */
static void wait_at_gate(plait_task *task) {
  (void)task;
  while (sem_trywait(&gate) != 0)
    plait_work_sleep_ms(1);
}

static void open_gate(void) {
  sem_post(&gate);
}

/* ---- order --------------------------------------------------------------- */

static atomic_uint order;

static void note_order(plait_task *task) {
  struct spy_task *st = plait_container_of(task, struct spy_task, task);
  unsigned i = (unsigned)(st - st->spy->tasks);
  require(atomic_fetch_add(&order, 1) == i, "task %u out of order", i);
}

static void defer_all(struct spy *s) {
  for (unsigned i = 0; i < SPY_TASKS; i++)
    require(spy_defer(s, i, note_order, 0) == 0, "%s", plait_error_detail());
  require(atomic_load(&order) <= 1, "they did not wait for each other");
}

static void done_in_order(struct spy *s) {
  unsigned n = s->count[SPY_DONE];
  require(!s->tasks[n - 1].busy, "another one is done");
  require(n == SPY_TASKS || s->tasks[n].busy, "they are done out of order");
  if (n == SPY_TASKS)
    spy_close(s);
}

static void tasks_in_order(struct world *w) {
  atomic_store(&order, 0);
  on(&w->server, SPY_MADE, defer_all);
  on(&w->server, SPY_DONE, done_in_order);
  world_play(w);
  world_expect(w, "made done done done done done done lost(0)",
               "made lost(EOF)");
}

/* ---- holding data back --------------------------------------------------- */

static void ask_twice(struct spy *s) {
  spy_say(s, "12");
  spy_write_eof(s);
}

/* Both questions are there at once, or the second comes during the task. */
static void take_one(struct spy *s) {
  plait_transport *t = s->base.transport;
  require(!s->tasks[0].busy, "data during a task that holds it back");
  s->scratch = s->data[0];
  plait_unread(t, s->data + 1, s->len - 1);
  require(spy_defer(s, 0, NULL, PLAIT_HOLD_READING) == 0, "%s",
          plait_error_detail());
  require(!plait_transport_paused(t), "a held transport says it is paused");
}

static void answer(struct spy *s) {
  const char text[2] = {(char)s->scratch, 0};
  spy_say(s, text);
}

static void check_answers(struct spy *s) {
  require(memcmp(s->data, s->count[SPY_DATA] == 1 ? "1" : "2", 1) == 0,
          "answers out of order");
}

/* R014 */
static void replies_keep_the_order(struct world *w) {
  on(&w->client, SPY_MADE, ask_twice);
  on(&w->client, SPY_DATA, check_answers);
  on(&w->server, SPY_DATA, take_one);
  on(&w->server, SPY_DONE, answer);
  world_play(w);
  world_expect(w, "made data(*) done data(*) done lost(EOF)",
               "made data(2) lost(0)");
}

/* ---- the connection goes first ------------------------------------------- */

static void defer_four(struct spy *s) {
  require(spy_defer(s, 0, wait_at_gate, 0) == 0, "%s", plait_error_detail());
  for (unsigned i = 1; i < 4; i++)
    require(spy_defer(s, i, NULL, 0) == 0, "%s", plait_error_detail());
  spy_say(s, "go");
}

/* The socket is closed although a task still runs: its peer hears of it. */
static void peer_goes(struct spy *s) {
  (void)s;
  open_gate();
}

static void abort_now(struct spy *s) {
  spy_abort(s);
}

static void gone_in_between(struct spy *s) {
  require(plait_transport_closing(s->base.transport), "it is not closing");
  require(!spy_say(s, "too late"), "it still takes bytes");
  require(s->count[SPY_DONE] > 1 || spy_defer(s, 4, NULL, 0) == PLAIT_ECLOSED,
          "it takes tasks");
}

static void tasks_end_before_lost(struct world *w) {
  sem_init(&gate, 0, 0);
  on(&w->server, SPY_MADE, defer_four);
  on(&w->server, SPY_TIMER, abort_now);
  on(&w->server, SPY_DATA, abort_now);
  on(&w->server, SPY_DONE, gone_in_between);
  on(&w->client, SPY_DATA, spy_echo);
  on(&w->client, SPY_LOST, peer_goes);
  world_play(w);
  world_expect_reset(
      w,
      "made data(2) done done(ECANCELED) done(ECANCELED) done(ECANCELED) "
      "lost(ECANCELED)",
      "made data(2) lost(%)");
}

/* ---- cancelling ---------------------------------------------------------- */

static void defer_and_cancel(struct spy *s) {
  require(spy_defer(s, 0, wait_at_gate, 0) == 0, "%s", plait_error_detail());
  require(spy_defer(s, 1, wait_at_gate, 0) == 0, "%s", plait_error_detail());
  require(spy_defer(s, 2, NULL, 0) == 0, "%s", plait_error_detail());
  require(plait_task_cancel(&s->tasks[1].task) == 0, "no cancel");
  open_gate();
}

static void close_after_three(struct spy *s) {
  if (s->count[SPY_DONE] == 3)
    spy_close(s);
}

static void a_waiting_task_is_cancelled(struct world *w) {
  sem_init(&gate, 0, 0);
  on(&w->server, SPY_MADE, defer_and_cancel);
  on(&w->server, SPY_DONE, close_after_three);
  world_play(w);
  world_expect(w, "made done done(ECANCELED) done lost(0)", "made lost(EOF)");
}

/* ---- switching ----------------------------------------------------------- */

static void defer_and_switch(struct spy *s) {
  require(spy_defer(s, 0, wait_at_gate, 0) == 0, "%s", plait_error_detail());
  require(spy_defer(s, 1, NULL, 0) == 0, "%s", plait_error_detail());
  spy_start_timer(s, 10, 0);
  struct spy *next = spy_switch(s, 1, s->data + 1, s->len - 1);
  require(next != NULL, "no switch");
  spy_start_timer(next, 0, 0);
}

/* Until now neither data nor the timer of the new one had a chance. */
static void let_them_go(struct spy *s) {
  (void)s;
  open_gate();
}

static void close_after_eof(struct spy *s) {
  if (s->count[SPY_EOF] == 0)
    spy_start_timer(s, 1, 0);
  else
    spy_close(s);
}

static void say_much(struct spy *s) {
  spy_say(s, "abc");
  spy_write_eof(s);
}

static void a_switch_waits_for_tasks(struct world *w) {
  sem_init(&gate, 0, 0);
  on(&w->client, SPY_MADE, say_much);
  on(&w->server, SPY_DATA, defer_and_switch);
  on(&w->server, SPY_TIMER, let_them_go);
  on_next(&w->server, SPY_EOF, spy_nothing);
  on_next(&w->server, SPY_TIMER, close_after_eof);
  w->server.kinds[1].script.flags = SPY_QUIET;
  world_play(w);
  world_expect(w,
               "made data(3) timer done done lost(ESWITCHED) B.made B.data(2) "
               "B.eof B.lost(0)",
               "made lost(0)");
}

const struct behaviour task_behaviours[] = {
    {"tasks_in_order", tasks_in_order, ON_ALL | ON_BOTH},
    {"replies_keep_the_order", replies_keep_the_order, ON_STREAMS | ON_BOTH},
    {"tasks_end_before_lost", tasks_end_before_lost,
     ON_STREAMS | ON_PTY | ON_BOTH},
    {"a_waiting_task_is_cancelled", a_waiting_task_is_cancelled,
     ON_ALL | ON_BOTH},
    {"a_switch_waits_for_tasks", a_switch_waits_for_tasks,
     ON_STREAMS | ON_UP | ON_BOTH},
    {NULL, NULL, 0}};
