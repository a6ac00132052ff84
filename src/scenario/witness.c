/* The order of the calls of one protocol instance:
 *
 *     made (data | resume | timed_out | draining | timer | call | done)*
 *          (eof (resume | timed_out | draining | timer | call | done)*)? lost
 *
 * with more that is promised: one at a time, on one reactor; no data while
 * reading is paused; nothing but timers, calls and tasks after a close. */
#include <stdlib.h>

#include "stage.h"

enum { WITNESS_AWAKE_NS = 50000000 };

static const char *const call_names[] = {
    "data_received", "eof_received",    "resume_writing", "timed_out",
    "draining",      "a timer",         "a call",         "a task's done",
    "an answer",     "connection_made", "connection_lost"};

static void witness_note(struct witness *w, enum call call) {
  w->progress_ns = plait_sim_now_ns(w->stage->sim);
  plait_sim_note(w->stage->sim, (uint64_t)call, w->number);
}

struct witness *witness_made(struct stage *stage, struct witness **at,
                             plait_protocol *p, const char *role, bool client) {
  CHECK(stage, *at == NULL, "connection_made of %s %u came twice", role,
        *at != NULL ? (*at)->number : 0);
  struct witness *w = calloc(1, sizeof *w);
  if (w == NULL)
    abort();
  *w = (struct witness){.stage = stage,
                        .role = role,
                        .number = ++stage->made,
                        .client = client,
                        .reactor = plait_transport_reactor(p->transport),
                        .inside = call_names[CALL_MADE],
                        .exact = !stage_faulty(stage),
                        .made_ns = plait_sim_now_ns(stage->sim),
                        .traffic_ns = plait_sim_now_ns(stage->sim),
                        .next = stage->witnesses};
  stage->witnesses = w;
  stage->open++;
  CHECK(stage, plait_reactor_current() == w->reactor,
        "connection_made of %s %u runs on another reactor", role, w->number);
  if (client || stage->plan->workers == 0)
    stage_check_jar(stage, w->reactor);
  witness_note(w, CALL_MADE);
  *at = w;
  return w;
}

void witness_enter(struct witness *w, enum call call) {
  struct stage *stage = w->stage;
  const char *name = call_names[call];
  CHECK(stage, w->state != WITNESS_LOST, "%s %u: %s after connection_lost",
        w->role, w->number, name);
  CHECK(stage, w->inside == NULL, "%s %u: %s while %s runs", w->role, w->number,
        name, w->inside);
  CHECK(stage, plait_reactor_current() == w->reactor,
        "%s %u: %s runs on another reactor", w->role, w->number, name);
  CHECK(stage, w->state == WITNESS_UP || call > CALL_EOF,
        "%s %u: %s after eof_received", w->role, w->number, name);
  CHECK(stage, !w->closed || call >= CALL_TIMER, "%s %u: %s after it closed",
        w->role, w->number, name);
  CHECK(stage, (!w->paused && w->held == 0) || call > CALL_EOF,
        "%s %u: %s while reading is paused", w->role, w->number, name);
  CHECK(stage, call != CALL_RESUME || w->wants_resume || w->shared,
        "%s %u: resume_writing, and no write answered false", w->role,
        w->number);
  /* Frames may come of what was read long ago. */
  if (call == CALL_DATA && stage->plan->framed == 0)
    w->traffic_ns = plait_sim_now_ns(stage->sim);
  if (call == CALL_RESUME)
    w->wants_resume = false;
  w->drained |= call == CALL_DRAINING;
  if (call == CALL_EOF) {
    w->state = WITNESS_ENDED;
    w->eof = true;
  }
  w->inside = name;
  witness_note(w, call);
}

void witness_block(struct witness *w) {
  uint64_t now_ns = plait_sim_now_ns(w->stage->sim);
  if (now_ns - w->blocked_ns < WITNESS_AWAKE_NS)
    return;
  plait_work_sleep_ms(w->stage->plan->work_ms);
  w->blocked_ns = plait_sim_now_ns(w->stage->sim);
}

void witness_leave(struct witness *w) {
  CHECK(w->stage, w->inside != NULL, "%s %u: a callback returns twice", w->role,
        w->number);
  w->inside = NULL;
}

/* What the transport says at the end agrees with what was told before. */
static void witness_count(struct witness *w, plait_protocol *p, int reason) {
  struct stage *stage = w->stage;
  plait_transport_stats stats;
  plait_transport_get_stats(p->transport, &stats);
  size_t unsent = plait_transport_unsent(p->transport);
  CHECK(stage, unsent == 0 || (reason != 0 && reason != PLAIT_EOF),
        "%s %u: the reason is %s, and %zu bytes were not sent", w->role,
        w->number, plait_error_name(reason), unsent);
  CHECK(stage, w->received <= stats.received_bytes,
        "%s %u: %llu bytes were delivered, and only %llu read", w->role,
        w->number, (unsigned long long)w->received,
        (unsigned long long)stats.received_bytes);
  /* What was written behind a failure that was not told yet is lost, too. */
  bool failed = reason != 0 && reason != PLAIT_EOF;
  CHECK(stage,
        !w->exact || w->written == stats.sent_bytes + unsent ||
            (failed && w->written > stats.sent_bytes + unsent),
        "%s %u: %llu bytes were accepted, %llu sent, %zu not sent", w->role,
        w->number, (unsigned long long)w->written,
        (unsigned long long)stats.sent_bytes, unsent);
}

void witness_lost(struct witness *w, plait_protocol *p, int reason) {
  struct stage *stage = w->stage;
  CHECK(stage, w->state != WITNESS_LOST, "%s %u: connection_lost twice",
        w->role, w->number);
  CHECK(stage, w->inside == NULL, "%s %u: connection_lost while %s runs",
        w->role, w->number, w->inside);
  CHECK(stage, w->asks == 0, "%s %u: connection_lost, and %u queries are open",
        w->role, w->number, w->asks);
  if (reason != PLAIT_ESWITCHED)
    witness_count(w, p, reason);
  CHECK(stage,
        reason != PLAIT_EDRAIN || w->drained || w->closed || w->shared ||
            w->made_ns >= stage->stopped_ns || stage->plan->stop_now ||
            stage->plan->workers,
        "%s %u was cut, and never heard of the stop", w->role, w->number);
  witness_note(w, CALL_LOST);
  plait_sim_note(stage->sim, CALL_LOST, (uint64_t)(int64_t)reason);
  w->state = WITNESS_LOST;
  w->lost_ns = plait_sim_now_ns(stage->sim);
  w->reason = reason;
  if (reason == PLAIT_EOF)
    w->eof = true;
  stage->open--;
}

void witness_progress(struct witness *w) {
  w->progress_ns = plait_sim_now_ns(w->stage->sim);
}

bool witness_takes(const struct witness *w) {
  return !w->closed && !w->paused;
}

bool witness_writes(struct witness *w, plait_transport *t, size_t len) {
  if (plait_transport_closing(t) || w->wrote_eof) {
    CHECK(w->stage, !plait_write(t, "late", 4),
          "%s %u: a write after the end answers true", w->role, w->number);
    return false;
  }
  uint32_t most = w->stage->plan->queue_bytes;
  size_t queued = plait_transport_queued(t);
  w->too_much = most != 0 && queued > most ? queued : 0;
  w->written += len;
  return true;
}

/* A write that loses the connection was not accepted, or not as a whole. */
void witness_wrote(struct witness *w, plait_transport *t, bool more) {
  CHECK(w->stage,
        w->too_much == 0 || plait_transport_closing(t) ||
            plait_transport_queued(t) <= w->too_much,
        "%s %u wrote more to a queue above the limit", w->role, w->number);
  w->exact &= !plait_transport_closing(t);
  w->wants_resume |= !more;
}

void witness_write_eof(struct witness *w, plait_transport *t) {
  w->wrote_eof = true;
  plait_write_eof(t);
}

void witness_close(struct witness *w, plait_transport *t) {
  w->closed = true;
  w->closed_ns = plait_sim_now_ns(w->stage->sim);
  plait_close(t);
}

void witness_abort(struct witness *w, plait_transport *t) {
  w->closed = true;
  plait_abort(t);
}

void witness_pause(struct witness *w, plait_transport *t, bool on) {
  w->paused = on;
  if (on)
    plait_pause_reading(t);
  else
    plait_resume_reading(t);
}

/* ---- of all of them ------------------------------------------------------ */

void witnesses_check(struct stage *stage) {
  for (const struct witness *w = stage->witnesses; w != NULL; w = w->next)
    CHECK(stage, w->state == WITNESS_LOST, "%s %u never got connection_lost",
          w->role, w->number);
}

/* How long nothing may come of a connection in a world without faults: a
 * close waits for the peer; on workers others are before it. */
static uint64_t patience_ms(const struct stage *stage, bool closed) {
  const struct plan *plan = stage->plan;
  uint64_t ms = 15000 + UINT64_C(128) * plan->connections *
                            (plan->work_ms + plan->work_us / 1000);
  /* A road for few bytes takes many turns of a worker for one message. */
  uint64_t pieces = plan->message_bytes / plan->capacity;
  ms += pieces * plan->connections * (plan->work_us * 8 + plan->latency_us) /
        1000;
  if (closed)
    ms += (plan->flush_ms != 0 ? plan->flush_ms : 30000) +
          (plan->linger_ms != 0 ? plan->linger_ms : 2000);
  return ms;
}

void witnesses_alive(struct stage *stage) {
  uint64_t now_ns = plait_sim_now_ns(stage->sim);
  uint64_t healed_ns = (uint64_t)(stage->plan->heal_ms + 1000) * 1000000;
  for (const struct witness *w = stage->witnesses; w != NULL; w = w->next) {
    if (w->state == WITNESS_LOST || !(w->owed || w->closed))
      continue;
    uint64_t since = w->progress_ns > healed_ns ? w->progress_ns : healed_ns;
    if (w->peer != NULL && w->peer->progress_ns > since)
      since = w->peer->progress_ns;
    CHECK(stage,
          now_ns < since + patience_ms(stage, w->closed) * UINT64_C(1000000),
          "%s %u %s, and nothing has come of it since %.3f ms", w->role,
          w->number, w->closed ? "has closed" : "waits for its peer",
          (double)(w->progress_ns - 1000000000) / 1e6);
  }
}

uint64_t witnesses_quiet_ns(const struct stage *stage) {
  uint64_t last_ns = 0;
  for (const struct witness *w = stage->witnesses; w != NULL; w = w->next)
    if (w->progress_ns > last_ns)
      last_ns = w->progress_ns;
  return plait_sim_now_ns(stage->sim) - last_ns;
}

void witnesses_free(struct stage *stage) {
  while (stage->witnesses != NULL) {
    struct witness *w = stage->witnesses;
    stage->witnesses = w->next;
    free(w);
  }
}
