/* The contract: any callback may call anything.
 *
 * One connection for each combination of a callback, a first call in it and a
 * second one after that.  Nothing is expected but the order of calls, which
 * the spy sees to, and that all of them end.
 */
#include "contract/contract.h"

#include <stdlib.h>
#include <string.h>

#include "support/require.h"

enum {
  MATRIX_BATCH = 240,
  MATRIX_IDLE_MS = 20,
  MATRIX_STOP_MS = 80,
  MATRIX_GRACE_MS = 50,
  MATRIX_PATIENCE = 5
};

/* A build that looks at everything takes longer for what is to come first. */
static uint32_t matrix_ms(uint32_t ms) {
  return getenv("CK_TIMEOUT_MULTIPLIER") != NULL ? ms * MATRIX_PATIENCE : ms;
}

/* ---- what may be called --------------------------------------------------*/

static void write_some(struct spy *s) {
  spy_say(s, "some bytes");
}

static void write_much(struct spy *s) {
  spy_send(s, 100000);
}

static void write_nothing(struct spy *s) {
  plait_write(s->base.transport, "", 0);
}

static void release_nothing(void *arg, const void *data, size_t len) {
  (void)arg;
  (void)data;
  (void)len;
}

static void write_owned(struct spy *s) {
  static const char bytes[40000];
  plait_write_owned(s->base.transport, bytes, sizeof bytes, release_nothing,
                    NULL);
}

static void close_reason(struct spy *s) {
  plait_close_reason(s->base.transport, PLAIT_ELIMIT);
}

static void switch_with_rest(struct spy *s) {
  spy_switch(s, 1, s->data, s->len);
}

static void unread(struct spy *s) {
  if (s->data != NULL && s->count[SPY_DATA] < 3)
    plait_unread(s->base.transport, s->data, s->len);
}

static void handle_write(struct spy *s) {
  plait_handle_write(spy_handle(s), "bytes", 5);
}

static void handle_close(struct spy *s) {
  plait_handle_close(spy_handle(s));
}

static void handle_abort(struct spy *s) {
  plait_handle_abort(spy_handle(s));
}

static void peer_abort(struct spy *s) {
  plait_handle_abort(spy_peer_handle(s, s->index));
}

static void start_timer(struct spy *s) {
  spy_start_timer(s, 0, 2);
}

static void stop_timer(struct spy *s) {
  if (s->timer_due_ms != 0)
    plait_timer_stop(&s->timer);
}

static void set_timeout(struct spy *s) {
  plait_transport_set_timeout(s->base.transport, 1);
}

static void set_marks(struct spy *s) {
  plait_transport_set_watermarks(s->base.transport, 1, 1);
}

static void defer(struct spy *s) {
  if (!s->tasks[1].busy)
    spy_defer(s, 1, NULL, 0);
}

static void defer_and_hold(struct spy *s) {
  if (!s->tasks[1].busy)
    spy_defer(s, 1, NULL, PLAIT_HOLD_READING);
}

static spy_action *const matrix_first[] = {
    write_some,    write_much,    write_nothing,    write_owned,
    spy_write_eof, spy_close,     close_reason,     spy_abort,
    spy_pause,     spy_resume,    switch_with_rest, unread,
    handle_write,  handle_close,  handle_abort,     peer_abort,
    start_timer,   stop_timer,    set_timeout,      set_marks,
    defer,         defer_and_hold};

static spy_action *const matrix_second[] = {spy_nothing,      write_much,
                                            spy_close,        spy_abort,
                                            switch_with_rest, spy_resume};

enum {
  MATRIX_FIRST = sizeof matrix_first / sizeof *matrix_first,
  MATRIX_SECOND = sizeof matrix_second / sizeof *matrix_second,
  MATRIX_CELLS = (int)SPY_EVENTS * MATRIX_FIRST * MATRIX_SECOND
};

/* ---- one cell ------------------------------------------------------------*/

static unsigned matrix_offset; /* the cell of this batch's connection 0 */

static void matrix_act(struct spy *s, enum spy_event event) {
  unsigned cell = matrix_offset + s->index;
  if (s->count[event] > 1 || cell >= MATRIX_CELLS ||
      cell / (MATRIX_FIRST * MATRIX_SECOND) != (unsigned)event)
    return;
  matrix_first[cell / MATRIX_SECOND % MATRIX_FIRST](s);
  matrix_second[cell % MATRIX_SECOND](s);
}

static plait_timer matrix_alarm;

static void matrix_stop(plait_timer *timer) {
  (void)timer;
  plait_runtime_stop(plait_reactor_runtime(plait_reactor_current()));
}

static void matrix_set_alarm(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  plait_timer_init(&matrix_alarm, NULL, matrix_stop);
  plait_timer_start(&matrix_alarm, matrix_ms(MATRIX_STOP_MS), 0);
}

static plait_call matrix_alarm_call = {.run = matrix_set_alarm};

/* Brings about all the other events. */
static void matrix_made(struct spy *s) {
  if (s->index == MATRIX_BATCH - 1)
    plait_reactor_post(plait_reactor_current(), &matrix_alarm_call);
  spy_start_timer(s, 5, 10);
  spy_call(s->record);
  spy_defer(s, 0, NULL, 0);
  spy_send(s, 10); /* more than high_bytes, until this returns */
  matrix_act(s, SPY_MADE);
}

static void matrix_data(struct spy *s) {
  matrix_act(s, SPY_DATA);
}

static void matrix_eof(struct spy *s) {
  matrix_act(s, SPY_EOF);
}

static void matrix_resume(struct spy *s) {
  matrix_act(s, SPY_RESUME);
}

static void matrix_timed_out(struct spy *s) {
  matrix_act(s, SPY_TIMED_OUT);
}

static void matrix_draining(struct spy *s) {
  matrix_act(s, SPY_DRAINING);
}

static void matrix_timer(struct spy *s) {
  if (s->count[SPY_TIMER] == 2)
    plait_timer_stop(&s->timer);
  matrix_act(s, SPY_TIMER);
}

static void matrix_call(struct spy *s) {
  matrix_act(s, SPY_CALL);
}

static void matrix_done(struct spy *s) {
  matrix_act(s, SPY_DONE);
}

static void matrix_lost(struct spy *s) {
  matrix_act(s, SPY_LOST);
}

/* ---- the other end -------------------------------------------------------*/

static void peer_made(struct spy *s) {
  spy_say(s, "question");
  spy_start_timer(s, 10, 0);
}

static void peer_timer(struct spy *s) {
  spy_say(s, "more");
  spy_write_eof(s);
}

static void matrix_script(struct world *w) {
  static spy_action *const actions[SPY_EVENTS] = {
      matrix_made,      matrix_data,     matrix_eof,   matrix_resume,
      matrix_timed_out, matrix_draining, matrix_timer, matrix_call,
      matrix_done,      matrix_lost};
  for (int event = 0; event < SPY_EVENTS; event++) {
    on(&w->server, (enum spy_event)event, actions[event]);
    if (event != SPY_MADE && event != SPY_LOST)
      on_next(&w->server, (enum spy_event)event, spy_nothing);
  }
  on(&w->client, SPY_MADE, peer_made);
  on(&w->client, SPY_TIMER, peer_timer);
  on(&w->client, SPY_EOF, spy_nothing);
  on(&w->client, SPY_DRAINING, spy_nothing);
  w->server.factory.limits.idle_ms = matrix_ms(MATRIX_IDLE_MS);
  w->server.factory.limits.high_bytes = 2;
  w->server.factory.limits.low_bytes = 1;
  w->server.factory.limits.linger_ms = matrix_ms(MATRIX_GRACE_MS);
  w->options.grace_ms = matrix_ms(MATRIX_GRACE_MS);
}

static void matrix_count(const struct world *w, unsigned *events) {
  static const char *const names[SPY_EVENTS] = {
      "made",     "data",  "eof",  "resume", "timed_out",
      "draining", "timer", "call", "done",   "lost"};
  for (unsigned i = 0; i < MATRIX_BATCH; i++) {
    for (int event = 0; event < SPY_EVENTS; event++)
      events[event] += strstr(w->server.records[i].trace, names[event]) != NULL;
  }
}

/* Who only writes receives nothing.  Who only reads has nothing queued, and is
 * over with the peer's end.  At a terminal that comes with its close alone. */
static bool matrix_is_rare(enum medium medium, int event) {
  if (medium == MEDIUM_UP)
    return event == SPY_RESUME || event == SPY_TIMED_OUT ||
           event == SPY_DRAINING;
  if (medium == MEDIUM_DOWN)
    return event == SPY_DATA || event == SPY_EOF;
  return medium_is_pty(medium) && event == SPY_EOF;
}

/* R003, R004 */
static void callbacks_call_everything(struct world *w) {
  const struct world_backend *backend = w->backend;
  enum medium medium = w->medium;
  unsigned reactors = w->reactors;
  plait_dispatch dispatch = w->dispatch;
  unsigned events[SPY_EVENTS] = {0};
  for (matrix_offset = 0; matrix_offset < MATRIX_CELLS;
       matrix_offset += MATRIX_BATCH) {
    world_init(w, backend, medium, reactors);
    w->dispatch = dispatch;
    w->connections = MATRIX_BATCH;
    matrix_script(w);
    world_play(w);
    require(atomic_load(&w->server.connections) == MATRIX_BATCH,
            "%u connections", atomic_load(&w->server.connections));
    matrix_count(w, events);
  }
  for (int event = 0; event < SPY_EVENTS; event++)
    require(matrix_is_rare(medium, event) || events[event] > MATRIX_CELLS / 8,
            "event %d came %u times", event, events[event]);
}

const struct behaviour matrix_behaviours[] = {{"callbacks_call_everything",
                                               callbacks_call_everything,
                                               (ON_ALL & ~ON_STDIO) | ON_BOTH},
                                              {NULL, NULL, 0}};
