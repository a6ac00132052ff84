/* The reactor's turn, and what any thread may send it. */
#include "core/reactor.h"

#include <plait/error.h>
#include <stdatomic.h>

#include "core/connector.h"
#include "core/datagram.h"
#include "core/deliver.h"
#include "core/error.h"
#include "core/listener.h"
#include "core/memory.h"
#include "core/runtime.h"

/* ---- life ---------------------------------------------------------------- */

int plait__reactor_init(plait_reactor *r, plait_runtime *runtime,
                        const plait_backend *driver, unsigned index) {
  r->runtime = runtime;
  r->io = driver->io;
  r->os = driver->os;
  r->index = index;
  r->armed_ms = UINT64_MAX;
  plait__wheel_init(&r->wheel, plait__reactor_clock(r));
  int code = driver->os->loop_new(r, &r->loop);
  if (code != 0)
    return plait__fail(code, "runtime: event loop %u: %s", index,
                       plait_strerror(code));
  if (plait__outbox_init(&r->outbox, r->os) != 0)
    return plait__fail(PLAIT_ENOMEM, "runtime: reactor %u: out of memory",
                       index);
  r->slots = plait__slots_open(r);
  if (r->slots == NULL)
    return plait__fail(PLAIT_ELIMIT, "runtime: at most %d reactors at once",
                       PLAIT_REACTORS_MAX);
  return 0;
}

static void reactor_drop_mail(plait_reactor *r) {
  plait__mail *mail;
  while ((mail = plait__mailbox_pop(&r->mailbox)) != NULL)
    mail->deliver(r, mail, true);
}

void plait__reactor_close(plait_reactor *r) {
  plait__slots_close(r->slots, r->os);
  reactor_drop_mail(r);
}

void plait__reactor_fini(plait_reactor *r) {
  if (r->slots != NULL)
    reactor_drop_mail(r);
  plait__listeners_free(r); /* now that no mailbox names them */
  plait__connectors_free(r);
  plait__datagram_ports_free(r);
  if (r->loop != NULL)
    r->os->loop_free(r->loop);
  plait__cookies_eat(r);
  plait__outbox_fini(&r->outbox, r->os);
  plait__chunk_unref(r->chunk);
  if (r->datagram_area != NULL)
    plait__free(r->os, r->datagram_area->input);
  plait__free(r->os, r->datagram_area);
  if (r->slots != NULL)
    plait__slots_free(r->slots, r->os);
}

/* ---- clock and alarms ---------------------------------------------------- */

uint64_t plait__reactor_clock(plait_reactor *r) {
  r->now_ms = r->os->now_ns() / 1000000;
  r->waited = false;
  return r->now_ms;
}

void plait__reactor_alarm(plait_reactor *r, plait__alarm *alarm,
                          uint64_t after_ms) {
  /* Rounded up, or an alarm could ring up to 1 ms early. */
  uint64_t now_ns = r->os->now_ns();
  uint64_t now_ms = now_ns / 1000000 + (now_ns % 1000000 != 0);
  uint64_t due_ms = now_ms + after_ms;
  plait__wheel_set(&r->wheel, alarm, due_ms >= now_ms ? due_ms : UINT64_MAX);
  if (alarm->due_ms < r->armed_ms && !r->in_batch) {
    r->armed_ms = alarm->due_ms;
    r->os->arm(r->loop, r->armed_ms * 1000000);
  }
}

/* The loop's timer may ring before the next alarm, never after it. */
static void reactor_arm(plait_reactor *r) {
  uint64_t next = plait__wheel_next(&r->wheel);
  if (next >= r->armed_ms && r->armed_ms > r->wheel.now_ms)
    return;
  if (next == r->armed_ms)
    return;
  r->armed_ms = next;
  r->os->arm(r->loop, next == UINT64_MAX ? UINT64_MAX : next * 1000000);
}

/* ---- turns --------------------------------------------------------------- */

/* What is written to one connection leaves as one, so when much has come, much
 * is taken at once. */
static void turn_mail(plait_reactor *r) {
  for (int i = 1; i <= PLAIT__TURN_MAIL; i++) {
    plait__mail *mail = plait__mailbox_pop(&r->mailbox);
    if (mail == NULL)
      return;
    mail->deliver(r, mail, false);
    if (i % PLAIT__CLOCK_MAIL == 0 &&
        r->os->now_ns() - r->turn_ns >= PLAIT__TURN_NS)
      return;
  }
}

static void drain_one(plait_transport *t) {
  plait__stream_need(plait__stream_of(t), PLAIT__DUE_DRAIN);
}

static void cut_one(plait_transport *t) {
  plait__closing(plait__stream_of(t), PLAIT__ON_ABORT, PLAIT_EDRAIN);
}

enum { STUCK_LOOK_MS = 20 };

/* The turn that follows looks whether a job is stuck. */
static void stuck_ring(plait__alarm *alarm) {
  plait_reactor *r = plait_container_of(alarm, plait_reactor, grace);
  plait__reactor_alarm(r, alarm, STUCK_LOOK_MS);
}

static void grace_ring(plait__alarm *alarm) {
  plait_reactor *r = plait_container_of(alarm, plait_reactor, grace);
  r->cut = true;
  if (r->index == 0) {
    plait__runtime_cut(r->runtime);
    alarm->ring = stuck_ring;
    plait__reactor_alarm(r, alarm, STUCK_LOOK_MS);
  }
  plait__workers *workers = atomic_load(&r->runtime->workers);
  if (workers != NULL)
    workers->cut_here(workers, r);
  plait__slots_each(r->slots, cut_one);
  plait__datagrams_cut(r);
}

static void drain_begin(plait_reactor *r) {
  if (r->draining)
    return;
  r->draining = true;
  r->grace.ring = grace_ring;
  plait__reactor_alarm(r, &r->grace, r->runtime->options.grace_ms);
  plait__acceptors_drain(r);
  plait__connectors_stop(r);
  plait__slots_each(r->slots, drain_one);
  plait__workers *workers = atomic_load(&r->runtime->workers);
  if (workers != NULL)
    workers->drain(workers, r);
  plait__datagrams_drain(r);
}

static void drain_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  (void)mail;
  if (!drop)
    drain_begin(r);
}

/* A drain begins behind what was sent before the stop: that was accepted. */
static void turn_stop(plait_reactor *r) {
  int stop = atomic_load_explicit(&r->runtime->stop, memory_order_relaxed);
  if (stop == PLAIT__STOP_NO)
    return;
  if (r->drain.deliver == NULL) {
    r->drain.deliver = drain_deliver;
    plait__reactor_mail(r, &r->drain);
  }
  if (stop == PLAIT__STOP_NOW && !r->cut) {
    drain_begin(r);
    plait__reactor_unalarm(r, &r->grace);
    grace_ring(&r->grace);
    plait__acceptors_cut(r);
  }
}

static void reactor_keep(plait_reactor *r) {
  plait__workers *workers = atomic_load(&r->runtime->workers);
  if (r->stage.promised == 0)
    return;
  r->stage.since_ms = 0;
  workers->keep(workers, &r->stage);
}

void plait__before_wait(plait_reactor *r) {
  if (r->idles != NULL && !atomic_load(&r->runtime->over))
    plait__idles_run(r);
  reactor_keep(r);
}

/* A reactor that is always busy keeps its promises too, in a millisecond or
 * two. */
static void turn_stage(plait_reactor *r) {
  plait__stage *stage = &r->stage;
  plait__workers *workers = atomic_load(&r->runtime->workers);
  if (stage->count > 0)
    workers->flush(workers, stage);
  if (stage->since_ms == 0)
    stage->since_ms = r->now_ms;
  else if (r->now_ms > stage->since_ms)
    reactor_keep(r);
}

void plait__turn(plait_reactor *r) {
  uint64_t now_ms = plait__reactor_clock(r);
  r->turn_ns = now_ms * 1000000;
  r->events = 0;
  r->in_batch = true;
  turn_stop(r);
  turn_mail(r);
  plait__wheel_advance(&r->wheel, now_ms);
  if (atomic_load_explicit(&r->runtime->hungry, memory_order_relaxed) > 0)
    plait__acceptors_retry(r);
  plait__attend_ready(r);
  plait__datagrams_turn(r);
  if (r->stage.promised != 0)
    turn_stage(r);
  r->in_batch = false;
  reactor_arm(r);
  if (r->cut && r->index == 0)
    plait__runtime_check_stuck(r->runtime);
  if (atomic_load_explicit(&r->runtime->over, memory_order_acquire))
    r->os->loop_stop(r->loop);
  else if (r->ready_first != NULL || r->datagrams_ready != NULL ||
           plait__mailbox_any(&r->mailbox))
    r->os->wake(r->loop);
}

void plait__dispatch(plait_reactor *r, plait__socket *socket, unsigned events) {
  if (r->events == 0)
    r->waited = true;
  r->in_batch = true;
  socket->events->ready(socket, events);
  r->in_batch = false;
  r->events++;
  if (r->events % PLAIT__CLOCK_EVENTS != 0)
    return;
  uint64_t now_ns = r->os->now_ns();
  r->now_ms = now_ns / 1000000;
  r->waited = false;
  if (r->events >= PLAIT__TURN_EVENTS || now_ns - r->turn_ns >= PLAIT__TURN_NS)
    plait__turn(r);
}

bool plait__expects(const plait_reactor *r) {
  return r->expected > 0;
}

/* ---- mail ---------------------------------------------------------------- */

void plait__reactor_mail(plait_reactor *r, plait__mail *mail) {
  const plait_reactor *here = plait__here();
  bool first = plait__mailbox_push(&r->mailbox, mail);
  if (!first || (here == r && r->in_batch)) /* the turn finds it */
    return;
  if (here != r)
    atomic_fetch_add_explicit(&r->wakes, 1, memory_order_relaxed);
  r->os->wake(r->loop);
}

static void post_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  plait_call *call = plait_container_of(mail, plait_call, mail);
  plait_runtime *runtime = r->runtime;
  if (!drop)
    plait__deliver_call(r, NULL, call);
  else if (call->drop != NULL)
    call->drop(call);
  plait__runtime_unref(runtime);
}

int plait_reactor_post(plait_reactor *reactor, plait_call *call) {
  plait__slots *slots = reactor->slots;
  if (!plait__slots_enter(slots))
    return PLAIT_ECLOSED;
  call->mail.deliver = post_deliver;
  plait__runtime_ref(reactor->runtime);
  plait__reactor_mail(reactor, &call->mail);
  plait__slots_leave(slots);
  return 0;
}

/* ---- questions ----------------------------------------------------------- */

unsigned plait_reactor_index(const plait_reactor *reactor) {
  return reactor->index;
}

plait_runtime *plait_reactor_runtime(const plait_reactor *reactor) {
  return reactor->runtime;
}

uint64_t plait_reactor_now_ms(const plait_reactor *reactor) {
  return reactor->os->now_ns() / 1000000;
}

int64_t plait_reactor_wall_s(const plait_reactor *reactor) {
  return reactor->os->wall_s();
}

void plait_reactor_get_stats(const plait_reactor *reactor,
                             plait_reactor_stats *ret) {
  *ret = reactor->stats;
  ret->wakes = atomic_load_explicit(&reactor->wakes, memory_order_relaxed);
}
