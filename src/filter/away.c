/* The strand: a job that handles events as long as there are some, and then
 * sends the orders that came of it.
 *
 * The job is queued or runs exactly while something is |pending|, so the
 * callbacks of a connection never overlap.  The push that makes it 1 queues the
 * job; the job takes off what it has handled as its last act, for the moment
 * nothing is pending another thread may run it, and the connection may be gone.
 *
 * When the pool takes no more jobs, for the grace is over or no thread can be
 * started, the rest runs at home: there is nothing else left to run it. */
#include "filter/away.h"

#include <plait/error.h>

#include "core/context.h"
#include "core/deliver.h"
#include "core/instance.h"

enum { AWAY_BATCH = 64 };

static void away_set_running(plait__away *a) {
  plait__context_here()->running = a;
}

plait__away *plait__away_running(void) {
  return plait__context_here()->running;
}

plait_transport *plait__away_here(const plait__slot *slot) {
  plait__away *running = plait__away_running();
  bool here = running != NULL && running->head.slot == slot && !running->over;
  return here ? &running->head : NULL;
}

/* ---- one batch ----------------------------------------------------------- */

static void away_leave(plait__away *a) {
  plait__away_end(a, a->leaving, PLAIT_ESWITCHED);
  a->leaving = NULL;
}

/* A switch takes effect, or the next step to one on the reactor is taken. */
static void away_switch(plait__away *a) {
  if (a->homeward == PLAIT__HOMEWARD_BACK) {
    away_leave(a);
    a->over = true;
  } else if (a->phase == PLAIT__GONE) {
    return; /* plait__away_finish() */
  } else if (a->homeward == PLAIT__HOMEWARD_NOT) {
    away_leave(a);
    plait__away_made(a);
    if (a->drain_kept)
      plait__away_drain(a);
  } else if (a->homeward == PLAIT__HOMEWARD_LEAVES &&
             plait__order(a, PLAIT__ORDER_HOME, 0, 0)) {
    a->homeward = PLAIT__HOMEWARD_ASKED;
  }
}

/* What follows from an event, before the next one. */
static void away_settle(plait__away *a) {
  if (a->leaving != NULL && !plait__instance_waits(a->leaving))
    away_switch(a);
  if (a->phase == PLAIT__OPEN && a->wr_end && a->rd_told)
    plait__away_close_now(a, 0); /* both sides have ended */
  if (a->wants & PLAIT__WANT_LEASES)
    plait__orders_send(a); /* home reads on while the rest is handled */
}

/* |drop|: the runtime is being freed. */
static bool away_step(plait__away *a, bool drop) {
  if (a->over)
    return false;
  if (!plait__away_reread(a)) {
    plait__mail *mail = plait__mailbox_pop(&a->inbox);
    if (mail == NULL)
      return false;
    if (a->handled++ > 0)
      plait__lane_moves(&a->pool->strands, &a->job);
    mail->deliver(a->reactor, mail, drop);
  }
  if (!a->over)
    away_settle(a);
  return true;
}

static void away_run(plait__job *job) {
  plait__away *a = plait_container_of(job, plait__away, job);
  bool cut = false;
  away_set_running(a);
  plait__set_current(a->reactor);
  for (int i = 0; i < AWAY_BATCH && !cut && away_step(a, false); i++)
    cut = atomic_load_explicit(&a->pool->strands.cut, memory_order_relaxed);
  plait__orders_send(a);
  plait__set_current(NULL);
  away_set_running(NULL);
}

/* ---- scheduling ---------------------------------------------------------- */

static void away_dropped(plait__job *job, int code) {
  plait__away *a = plait_container_of(job, plait__away, job);
  a->dropped = code;
  atomic_store(&a->at_home, true);
  plait__reactor_mail(a->reactor, &a->turn);
}

static void away_queue(plait__away *a) {
  if (atomic_load(&a->at_home)) {
    plait__reactor_mail(a->reactor, &a->turn);
    return;
  }
  int code =
      plait__lane_push(&a->pool->strands, &a->job, plait__pool_stage(a->pool));
  if (code != 0)
    away_dropped(&a->job, code);
}

/* The last thing the job does. */
static void away_finished(plait__job *job) {
  plait__away *a = plait_container_of(job, plait__away, job);
  if (a->over) {
    plait__reactor_mail(a->reactor, &a->ack);
    return; /* it may be gone */
  }
  if (a->inbox.taken != NULL || plait__away_has_input(a)) {
    away_queue(a); /* others first */
    return;
  }
  int handled = a->handled;
  a->handled = 0;
  /* Less than nothing is left of a push that has not counted itself yet. */
  if (atomic_fetch_sub(&a->pending, handled) - handled > 0)
    away_queue(a);
}

void plait__away_push(plait__away *a, plait__mail *mail) {
  plait__mailbox_push(&a->inbox, mail);
  if (atomic_fetch_add(&a->pending, 1) == 0)
    away_queue(a);
}

void plait__away_mail(plait_transport *t, plait__mail *mail) {
  plait__away *a = plait_container_of(t, plait__away, head);
  atomic_fetch_add(&a->pushing, 1);
  plait__away_push(a, mail);
  atomic_fetch_sub(&a->pushing, 1);
}

void plait__away_notify(plait__away *a, plait__notice *notice,
                        void (*deliver)(plait_reactor *, plait__mail *, bool)) {
  if (atomic_exchange(&notice->sent, true))
    return;
  notice->mail.deliver = deliver;
  plait__away_push(a, &notice->mail);
}

/* ---- at home ------------------------------------------------------------- */

/* In place of a worker: the connection has failed or is cut, so that nothing is
 * left for its callbacks but to hear of it. */
static void turn_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  plait__away *a = plait_container_of(mail, plait__away, turn);
  (void)r;
  if (a->dropped == PLAIT_ECANCELED) /* as those that are cut on reactors */
    plait__closing(a->stream, PLAIT__ON_ABORT, PLAIT_EDRAIN);
  else
    plait__closing(a->stream, PLAIT__ON_FAIL, a->dropped);
  if (a->phase != PLAIT__GONE)
    plait__away_gone(a);
  away_set_running(a);
  while (away_step(a, drop)) {
  }
  plait__orders_send(a);
  away_set_running(NULL);
  away_finished(&a->job);
}

static void ack_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  plait__away *a = plait_container_of(mail, plait__away, ack);
  plait__stream *s = a->stream;
  while (atomic_load(&a->pushing) !=
         0) /* what the strand has handled already */
    r->os->yield();
  if (a->homeward != PLAIT__HOMEWARD_NOT)
    plait__home_return(a, drop);
  plait__stream_unhold(s);
}

void plait__away_init(plait__away *a) {
  a->job = (plait__job){.run = away_run,
                        .finished = away_finished,
                        .dropped = away_dropped,
                        .busy = &a->busy};
  a->turn.deliver = turn_deliver;
  a->ack.deliver = ack_deliver;
}
