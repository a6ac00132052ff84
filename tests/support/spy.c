/* Spies: traces, the order of calls, scripts. */
#include "support/spy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/context.h"
#include "support/pattern.h"
#include "support/require.h"

static const char *const spy_event_names[SPY_EVENTS] = {
    "made",     "data",  "eof",  "resume", "timed_out",
    "draining", "timer", "call", "done",   "lost"};

enum { SPY_THREADS = 256 };

/* Threads of plait's that are inside a protocol's callback.  They are all the
 * calling one, or simulated ones on it. */
static _Thread_local const plait__context *spy_inside[SPY_THREADS];

/* The place of |thread| among them; with NULL a free one. */
static const plait__context **spy_place(const plait__context *thread) {
  for (size_t i = 0; i < SPY_THREADS; i++)
    if (spy_inside[i] == thread)
      return &spy_inside[i];
  return NULL;
}

/* ---- traces --------------------------------------------------------------*/

static void spy_put(struct spy_record *r, const char *entry) {
  size_t len = strlen(entry);
  if (r->trace_len + len + 2 > SPY_TRACE)
    return;
  if (r->trace_len > 0)
    r->trace[r->trace_len++] = ' ';
  memcpy(r->trace + r->trace_len, entry, len + 1);
  r->trace_len += len;
}

/* Adds to the entry before it, if that is one of data. */
static void spy_put_data(struct spy *s) {
  struct spy_record *r = s->record;
  if (r->piece_sum > 0 && r->piece_at <= r->trace_len) {
    r->trace_len = r->piece_at;
    r->trace[r->trace_len] = 0;
  }
  r->piece_at = r->trace_len;
  r->piece_sum += s->len;
  char entry[64];
  snprintf(entry, sizeof entry, "%sdata(%zu)", s->kind->script.mark,
           r->piece_sum);
  spy_put(r, entry);
}

static const char *spy_reason_name(int reason) {
  const char *name = reason == 0 ? "0" : plait_error_name(reason);
  return strncmp(name, "PLAIT_", 6) == 0 ? name + 6 : name;
}

static void spy_write_down(struct spy *s, enum spy_event event) {
  bool quiet = (s->kind->script.flags & SPY_QUIET) != 0;
  if (quiet && (event == SPY_TIMER || event == SPY_RESUME ||
                event == SPY_CALL || event == SPY_DONE))
    return;
  if (event == SPY_DATA) {
    spy_put_data(s);
    return;
  }
  s->record->piece_sum = 0;
  char entry[64];
  if (event == SPY_LOST)
    snprintf(entry, sizeof entry, "%slost(%s)", s->kind->script.mark,
             spy_reason_name(s->reason));
  else if (event == SPY_DONE && s->status != 0)
    snprintf(entry, sizeof entry, "%sdone(%s)", s->kind->script.mark,
             spy_reason_name(s->status));
  else
    snprintf(entry, sizeof entry, "%s%s", s->kind->script.mark,
             spy_event_names[event]);
  spy_put(s->record, entry);
}

/* ---- the order of calls --------------------------------------------------*/

static void spy_check_order(const struct spy *s, enum spy_event event) {
  const char *name = spy_event_names[event];
  const char *trace = s->record->trace;
  require(s->phase != SPY_LOST, "%s: %s after lost: %s", s->side->name, name,
          trace);
  bool first = s->phase == SPY_EVENTS;
  require(first == (event == SPY_MADE), "%s: %s is out of order: %s",
          s->side->name, name, trace);
  if (s->phase == SPY_EOF)
    require(event != SPY_DATA && event != SPY_EOF, "%s: %s after eof: %s",
            s->side->name, name, trace);
}

/* It was switched away from, and has tasks under way. */
static bool spy_is_waited_for(const struct spy *s) {
  bool any = false;
  for (size_t i = 0; i < SPY_TASKS; i++)
    any |= s->tasks[i].busy;
  return any;
}

static void spy_enter(struct spy *s, enum spy_event event) {
  bool inside = atomic_exchange(&s->inside, true);
  require(!inside, "%s: %s overlaps another call: %s", s->side->name,
          spy_event_names[event], s->record->trace);
  require(spy_place(plait__context_here()) == NULL,
          "%s: %s inside another callback: %s", s->side->name,
          spy_event_names[event], s->record->trace);
  *spy_place(NULL) = plait__context_here();
  spy_check_order(s, event);
  require(plait_reactor_current() == plait_transport_reactor(s->base.transport),
          "%s: %s on another reactor", s->side->name, spy_event_names[event]);
  require(plait_transport_protocol(s->base.transport) == &s->base ||
              event == SPY_LOST || event == SPY_TIMER || event == SPY_DONE ||
              spy_is_waited_for(s),
          "%s: %s of an instance that is not the transport's", s->side->name,
          spy_event_names[event]);
  if (event == SPY_MADE || event == SPY_EOF || event == SPY_LOST)
    s->phase = event;
  s->count[event]++;
}

static void spy_happens(struct spy *s, enum spy_event event) {
  spy_enter(s, event);
  spy_write_down(s, event);
  spy_action *action = s->kind->script.on[event];
  if (action != NULL)
    action(s);
  *spy_place(plait__context_here()) = NULL;
  atomic_store(&s->inside, false);
}

/* ---- callbacks -----------------------------------------------------------*/

static void spy_raise(atomic_uint *maximum, unsigned value) {
  unsigned seen = atomic_load(maximum);
  while (seen < value && !atomic_compare_exchange_weak(maximum, &seen, value))
    continue;
}

/* An instance that the factory made, not spy_switch(). */
static void spy_is_new(struct spy *s) {
  struct spy_side *side =
      plait_container_of(s->base.factory, struct spy_side, factory);
  s->side = side;
  s->kind = plait_container_of(s->base.ops, struct spy_kind, ops);
  s->index = atomic_fetch_add(&side->connections, 1);
  require(s->index < SPY_RECORDS, "%s: too many connections", side->name);
  s->record = &side->records[s->index];
  require(atomic_load(&side->started) == 1, "%s: made before started",
          side->name);
  require(atomic_load(&side->stopped) == 0, "%s: made after stopped",
          side->name);
  atomic_store(&s->record->handle,
               plait_transport_handle(s->base.transport).id);
  spy_raise(&side->alive_max, atomic_fetch_add(&side->alive, 1) + 1);
}

static void spy_connection_made(plait_protocol *p) {
  struct spy *s = (struct spy *)p;
  bool connection = s->side == NULL;
  if (connection)
    spy_is_new(s);
  require(p->factory == &s->side->factory, "%s: another factory",
          s->side->name);
  require(s->count[SPY_MADE] == 0, "%s: made twice: %s", s->side->name,
          s->record->trace);
  s->phase = SPY_EVENTS;
  atomic_fetch_add(&s->side->made, 1);
  if (connection && s->side->on_connection != NULL)
    s->side->on_connection(s->side, s->index + 1);
  spy_happens(s, SPY_MADE);
}

static void spy_data_received(plait_protocol *p, const uint8_t *data,
                              size_t len) {
  struct spy *s = (struct spy *)p;
  require(len > 0, "%s: data of no bytes", s->side->name);
  require(!plait_transport_paused(p->transport), "%s: data while paused: %s",
          s->side->name, s->record->trace);
  require(!plait_transport_closing(p->transport), "%s: data after close: %s",
          s->side->name, s->record->trace);
  s->data = data;
  s->len = len;
  if ((s->kind->script.flags & SPY_VERIFY) != 0) {
    size_t good = pattern_match(data, s->received, len);
    require(good == len, "%s: wrong byte at %llu", s->side->name,
            (unsigned long long)(s->received + good));
  }
  s->received += len;
  s->record->received += len;
  spy_happens(s, SPY_DATA);
  s->data = NULL;
  s->len = 0;
}

static void spy_eof_received(plait_protocol *p) {
  struct spy *s = (struct spy *)p;
  require(!plait_transport_paused(p->transport), "%s: eof while paused: %s",
          s->side->name, s->record->trace);
  require(!plait_transport_closing(p->transport), "%s: eof after close: %s",
          s->side->name, s->record->trace);
  spy_happens(s, SPY_EOF);
}

static void spy_resume_writing(plait_protocol *p) {
  spy_happens((struct spy *)p, SPY_RESUME);
}

static void spy_timed_out(plait_protocol *p) {
  spy_happens((struct spy *)p, SPY_TIMED_OUT);
}

static void spy_draining(plait_protocol *p) {
  spy_happens((struct spy *)p, SPY_DRAINING);
}

static void spy_connection_lost(plait_protocol *p, int reason) {
  struct spy *s = (struct spy *)p;
  require(!plait_timer_active(&s->timer), "%s: a timer runs in lost",
          s->side->name);
  s->reason = reason;
  s->record->reason = reason;
  s->record->unsent = plait_transport_unsent(p->transport);
  require(atomic_load(&s->side->stopped) == 0, "%s: lost after stopped",
          s->side->name);
  atomic_fetch_add(&s->side->lost, 1);
  if (reason != PLAIT_ESWITCHED)
    atomic_fetch_sub(&s->side->alive, 1);
  spy_happens(s, SPY_LOST);
}

static void spy_on_timer(plait_timer *timer) {
  struct spy *s = plait_container_of(timer, struct spy, timer);
  uint64_t now = plait_reactor_now_ms(plait_reactor_current());
  require(now >= s->timer_due_ms, "%s: a timer %llu ms early", s->side->name,
          (unsigned long long)(s->timer_due_ms - now));
  spy_happens(s, SPY_TIMER);
}

static void spy_on_call(plait_call *call, plait_protocol *p) {
  struct spy *s = (struct spy *)p;
  if (s == NULL)
    return;
  require(call == &s->record->call, "%s: the call of another", s->side->name);
  spy_happens(s, SPY_CALL);
}

/* ---- factories -----------------------------------------------------------*/

static void spy_started(plait_factory *f) {
  struct spy_side *side = plait_container_of(f, struct spy_side, factory);
  require(atomic_fetch_add(&side->started, 1) == 0, "%s: started twice",
          side->name);
  require(plait_reactor_index(plait_reactor_current()) == 0,
          "%s: started on another reactor", side->name);
}

static void spy_stopped(plait_factory *f) {
  struct spy_side *side = plait_container_of(f, struct spy_side, factory);
  require(atomic_fetch_add(&side->stopped, 1) == 0, "%s: stopped twice",
          side->name);
  require(atomic_load(&side->made) == atomic_load(&side->lost),
          "%s: stopped, but %u made and %u lost", side->name,
          atomic_load(&side->made), atomic_load(&side->lost));
  require(plait_reactor_index(plait_reactor_current()) == 0,
          "%s: stopped on another reactor", side->name);
  if (side->on_stopped != NULL)
    side->on_stopped(side);
}

static void spy_connect_failed(plait_factory *f, plait_connector *connector,
                               int reason) {
  struct spy_side *side = plait_container_of(f, struct spy_side, factory);
  (void)connector;
  require(atomic_load(&side->stopped) == 0, "%s: connect_failed after stopped",
          side->name);
  if (atomic_fetch_add(&side->failed, 1) == 0) {
    snprintf(side->failure_detail, sizeof side->failure_detail, "%s",
             plait_error_detail());
    atomic_store(&side->failure, reason);
  }
  if (side->on_failure != NULL)
    side->on_failure(side);
}

void spy_side_init(struct spy_side *side, const char *name,
                   struct spy_side *peer) {
  memset(side, 0, sizeof *side);
  side->name = name;
  side->peer = peer;
  side->factory.started = spy_started;
  side->factory.stopped = spy_stopped;
  side->factory.connect_failed = spy_connect_failed;
  side->kinds[1].script.mark = "B.";
  side->kinds[2].script.mark = "C.";
}

static void spy_kind_arm(struct spy_kind *k) {
  if (k->script.mark == NULL)
    k->script.mark = "";
  k->ops = (plait_protocol_ops){.name = "spy",
                                .size = PLAIT_INSTANCE(struct spy, base),
                                .connection_made = spy_connection_made,
                                .data_received = spy_data_received,
                                .resume_writing = spy_resume_writing,
                                .connection_lost = spy_connection_lost};
  if (k->script.on[SPY_EOF] != NULL)
    k->ops.eof_received = spy_eof_received;
  if (k->script.on[SPY_TIMED_OUT] != NULL)
    k->ops.timed_out = spy_timed_out;
  if (k->script.on[SPY_DRAINING] != NULL)
    k->ops.draining = spy_draining;
}

void spy_side_arm(struct spy_side *side) {
  for (size_t i = 0; i < SPY_KINDS; i++)
    spy_kind_arm(&side->kinds[i]);
  side->factory.protocol = &side->kinds[0].ops;
}

void spy_side_check(const struct spy_side *side) {
  unsigned made = atomic_load(&side->made);
  require(atomic_load(&side->lost) == made, "%s: %u made, %u lost", side->name,
          made, atomic_load(&side->lost));
  require(atomic_load(&side->alive) == 0, "%s: some are alive", side->name);
  unsigned started = atomic_load(&side->started);
  require(started == atomic_load(&side->stopped), "%s: started but not stopped",
          side->name);
  require(made == 0 || started == 1, "%s: never started", side->name);
}

void spy_side_print(const struct spy_side *side) {
  for (size_t i = 0; i < SPY_RECORDS; i++) {
    const struct spy_record *r = &side->records[i];
    if (r->trace_len == 0)
      continue;
    bool ok = write(2, side->name, strlen(side->name)) > 0 &&
              write(2, ": ", 2) > 0 && write(2, r->trace, r->trace_len) > 0 &&
              write(2, "\n", 1) > 0;
    if (!ok)
      return;
  }
}

/* ---- actions -------------------------------------------------------------*/

void spy_nothing(struct spy *s) {
  (void)s;
}

void spy_close(struct spy *s) {
  plait_close(s->base.transport);
}

void spy_abort(struct spy *s) {
  plait_abort(s->base.transport);
}

void spy_pause(struct spy *s) {
  plait_pause_reading(s->base.transport);
}

void spy_resume(struct spy *s) {
  plait_resume_reading(s->base.transport);
}

void spy_write_eof(struct spy *s) {
  plait_write_eof(s->base.transport);
}

void spy_stop_runtime(struct spy *s) {
  plait_reactor *reactor = plait_transport_reactor(s->base.transport);
  plait_runtime_stop(plait_reactor_runtime(reactor));
}

void spy_echo(struct spy *s) {
  plait_write(s->base.transport, s->data, s->len);
}

bool spy_say(struct spy *s, const char *text) {
  return plait_write_str(s->base.transport, text);
}

bool spy_send(struct spy *s, size_t len) {
  uint8_t *bytes = malloc(len + 1);
  require(bytes != NULL, "no memory for %zu bytes", len);
  pattern_fill(bytes, s->sent, len);
  bool more = plait_write(s->base.transport, bytes, len);
  s->sent += len;
  free(bytes);
  return more;
}

bool spy_send_up_to(struct spy *s, uint64_t total) {
  bool more = true;
  while (more && s->sent < total) {
    uint64_t left = total - s->sent;
    more = spy_send(s, left < 50000 ? (size_t)left : 50000);
  }
  return s->sent == total;
}

void spy_start_timer(struct spy *s, uint64_t after_ms, uint64_t every_ms) {
  if (s->timer_due_ms == 0)
    plait_timer_init(&s->timer, s->base.transport, spy_on_timer);
  s->timer_due_ms = plait_reactor_now_ms(plait_reactor_current()) + after_ms;
  plait_timer_start(&s->timer, after_ms, every_ms);
}

int spy_call(struct spy_record *record) {
  record->call.run = spy_on_call;
  record->call.drop = NULL;
  plait_handle h = {atomic_load(&record->handle)};
  return plait_handle_call(h, &record->call);
}

static void spy_task_work(plait_task *task) {
  struct spy_task *st = plait_container_of(task, struct spy_task, task);
  require(atomic_fetch_add(&st->spy->working, 1) == 0, "two tasks at once");
  require(plait_reactor_current() == NULL, "a task on a reactor");
  if (st->work != NULL)
    st->work(task);
  atomic_fetch_sub(&st->spy->working, 1);
}

static void spy_task_done(plait_task *task, int status) {
  struct spy_task *st = plait_container_of(task, struct spy_task, task);
  st->busy = false;
  st->spy->status = status;
  spy_happens(st->spy, SPY_DONE);
}

int spy_defer(struct spy *s, unsigned i, void (*work)(plait_task *task),
              unsigned flags) {
  struct spy_task *st = &s->tasks[i];
  require(!st->busy, "task %u is deferred already", i);
  *st = (struct spy_task){.task = {.work = spy_task_work,
                                   .done = spy_task_done,
                                   .name = "a spy's task"},
                          .spy = s,
                          .work = work};
  int code = plait_defer(s->base.transport, &st->task, flags);
  st->busy = code == 0;
  return code;
}

struct spy *spy_switch(struct spy *s, unsigned kind, const uint8_t *rest,
                       size_t len) {
  const struct spy_kind *k = &s->side->kinds[kind];
  plait_protocol *p =
      plait_switch_protocol(s->base.transport, &k->ops, rest, len);
  if (p == NULL)
    return NULL;
  struct spy *next = (struct spy *)p;
  next->side = s->side;
  next->kind = k;
  next->record = s->record;
  next->index = s->index;
  return next;
}

plait_handle spy_handle(const struct spy *s) {
  return plait_transport_handle(s->base.transport);
}

plait_handle spy_peer_handle(const struct spy *s, unsigned index) {
  return (plait_handle){atomic_load(&s->side->peer->records[index].handle)};
}
