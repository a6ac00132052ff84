/* A reactor's loop: dispatch what is ready, take a turn, park. */
#include "core/reactor.h"
#include "sim/sim.h"

#include <plait/error.h>
#include <stdlib.h>

enum { LOOP_NS = 1000 }; /* that a batch takes */

static struct {
  plait__loop *first;
  unsigned dispatched; /* the most */
} loops;

int plait__sim_loop_new(plait_reactor *reactor, plait__loop **ret) {
  plait__sim_point();
  plait__loop *loop = NULL;
  if (!plait__sim_fails("os.loop_new", 0))
    loop = calloc(1, sizeof *loop);
  plait__sim_trace("os.loop_new", 0, loop != NULL);
  if (loop == NULL)
    return PLAIT_ENOMEM;
  loop->reactor = reactor;
  loop->deadline_ns = UINT64_MAX;
  loop->next = loops.first;
  loops.first = loop;
  *ret = loop;
  return 0;
}

void plait__sim_loop_free(plait__loop *loop) {
  plait__loop **at = &loops.first;
  if (loop == NULL)
    return;
  while (*at != loop)
    at = &(*at)->next;
  *at = loop->next;
  plait__sim_trace("os.loop_free", 0, 0);
  while (plait__sim_net_dispatch(loop, loop->reactor))
    continue;
  free(loop);
}

/* ---- what a loop is woken by --------------------------------------------- */

static void loop_go_on(plait__loop *loop) {
  loop->stirred = true;
  if (loop->thread != NULL)
    plait__sim_unpark(loop->thread);
}

void plait__sim_loop_ready(plait__loop *loop) {
  loop_go_on(loop);
}

void plait__sim_wake(plait__loop *loop) {
  plait__sim_point();
  plait__sim_trace("os.wake", 0, loop->woken);
  loop->woken = true;
  loop_go_on(loop);
}

void plait__sim_arm(plait__loop *loop, uint64_t deadline_ns) {
  plait__sim_point();
  plait__sim_trace("os.arm", deadline_ns, 0);
  loop->deadline_ns = deadline_ns;
}

void plait__sim_loop_stop(plait__loop *loop) {
  plait__sim_trace("os.loop_stop", 0, 0);
  loop->stopped = true;
}

/* ---- running ------------------------------------------------------------- */

/* What |reactor| has counted since its last turn is about to be one more. */
void plait__sim_dispatch(plait__loop *loop, plait__socket *socket,
                         unsigned events) {
  unsigned now = loop->reactor->events + 1;
  if (now > loops.dispatched)
    loops.dispatched = now;
  plait__dispatch(loop->reactor, socket, events);
}

unsigned plait__sim_dispatched(void) {
  return loops.dispatched;
}

void plait__sim_loops_open(void) {
  loops.first = NULL;
  loops.dispatched = 0;
}

static bool loop_take_signals(plait__loop *loop) {
  bool any = loop->signalled;
  loop->signalled = false;
  for (int number = 1; any && number <= PLAIT__SIGNALS; number++)
    while (loop->waiting[number] > 0) {
      loop->waiting[number]--;
      plait__signal(loop->reactor, number);
    }
  return any;
}

/* Whether a turn is due. */
static bool loop_batch(plait__loop *loop) {
  bool due = plait__sim_net_dispatch(loop, loop->reactor);
  due |= loop_take_signals(loop);
  due |= loop->woken;
  loop->woken = false;
  if (loop->deadline_ns <= plait__sim_now_ns()) {
    loop->deadline_ns = UINT64_MAX;
    due = true;
  }
  return due;
}

/* A batch takes time, or a reactor that always has something to do would stop
 * the clock. */
void plait__sim_loop_run(plait__loop *loop) {
  plait_sim_thread *self = plait__sim_self();
  bool watched = self->watched;
  loop->thread = self;
  self->watched = true;
  plait__sim_alarm_watch(self);
  while (!loop->stopped) {
    loop->stirred = false;
    if (loop_batch(loop)) {
      plait__turn(loop->reactor);
      plait__sim_pass(LOOP_NS);
      plait__sim_turn();
      continue;
    }
    plait__before_wait(loop->reactor);
    if (!loop->stirred)
      plait__sim_park("a reactor with nothing to do", loop->deadline_ns);
  }
  loop->stopped = false;
  loop->thread = NULL;
  self->watched = watched;
  plait__sim_alarm_watch(watched ? self : NULL);
}

/* ---- signals ------------------------------------------------------------- */

static uint64_t signal_bit(int number) {
  return UINT64_C(1) << (number - 1);
}

int plait__sim_signal_start(plait__loop *loop, int number) {
  plait__sim_point();
  bool fails = plait__sim_fails("host.signal_start", 0);
  plait__sim_trace("host.signal_start", (uint64_t)number, fails);
  if (fails)
    return PLAIT_ENOMEM;
  loop->wanted |= signal_bit(number);
  return 0;
}

void plait__sim_signal_stop(plait__loop *loop, int number) {
  plait__sim_trace("host.signal_stop", (uint64_t)number, 0);
  loop->wanted &= ~signal_bit(number);
  loop->waiting[number] = 0;
}

void plait__sim_signal_send(int number) {
  for (plait__loop *loop = loops.first; loop != NULL; loop = loop->next) {
    if ((loop->wanted & signal_bit(number)) == 0)
      continue;
    if (loop->waiting[number] < UINT8_MAX)
      loop->waiting[number]++;
    loop->signalled = true;
    loop_go_on(loop);
  }
}
