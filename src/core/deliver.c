/* The one place that calls protocols of connections on reactors.
 *
 * Between enter() and leave() the stream is its reactor's current one: what is
 * written to it meanwhile is gathered in the outbox, and leave() sends it in
 * one system call.  No other callback runs in between, because no plait_*()
 * function calls one.  A debug build asserts that, and the order of calls.
 */
#include "core/deliver.h"

#include <stdio.h>

#include "core/instance.h"

#if PLAIT_DEBUG
void plait__check_home(const plait__stream *s, const char *function) {
  plait_reactor *here = plait__here();
  if (here == s->reactor)
    return;
  char where[64] = "a thread that runs no reactor", text[256];
  if (here != NULL)
    snprintf(where, sizeof where, "reactor %u", here->index);
  snprintf(text, sizeof text,
           "%s: a transport of reactor %u was used on %s; other threads use "
           "its handle",
           function, s->reactor->index, where);
  s->reactor->os->fatal(text);
}
#endif

/* The reactor has one callback at a time, whosever it is. */
#define check_order(s, p, call, from, to, next)                                \
  plait__check_order((s)->reactor->os, (s)->reactor->current != NULL, (p),     \
                     (call), (from), (to), (next))

static inline void enter(plait__stream *s) {
  s->reactor->current = s;
}

static inline void leave(plait__stream *s) {
  if (s->queue.ring != NULL && !s->blocked)
    plait__stream_flush(s);
  s->reactor->current = NULL;
}

/* Who gets the next event.  A switch takes effect before it, whatever it is, so
 * the new instance gets it, and connection_made before it; unless the old one
 * has to wait for its tasks: until then events other than data are its own.
 * NULL: the switch ended the connection. */
static plait_protocol *receiver(plait__stream *s) {
  if (s->u.leaving != NULL)
    plait__attend_switch(s);
  else
    return s->head.protocol;
  if (s->u.leaving != NULL)
    return s->u.leaving;
  return s->phase == PLAIT__OPEN ? s->head.protocol : NULL;
}

void plait__deliver_made(plait__stream *s) {
  plait_protocol *p = s->head.protocol;
  check_order(s, p, "connection_made", PLAIT__STAGE_NEW, PLAIT__STAGE_NEW,
              PLAIT__STAGE_MADE);
  if (p->ops->connection_made == NULL)
    return;
  enter(s);
  p->ops->connection_made(p);
  leave(s);
}

/* The new instance may have paused in its connection_made. */
static bool settled_for_data(plait__stream *s, const uint8_t *data,
                             size_t len) {
  if (s->u.leaving == NULL)
    return true;
  if (receiver(s) == NULL)
    return false;
  if (!plait__stream_stalled(s))
    return true;
  if (!plait__stream_keep(s, data, len))
    plait__closing(s, PLAIT__ON_FAIL, PLAIT_ENOMEM);
  return false;
}

void plait__deliver_data(plait__stream *s, const uint8_t *data, size_t len) {
  if (!settled_for_data(s, data, len))
    return;
  plait_protocol *p = s->head.protocol;
  check_order(s, p, "data_received", PLAIT__STAGE_MADE, PLAIT__STAGE_MADE,
              PLAIT__STAGE_MADE);
  if (p->ops->data_received == NULL)
    return;
  enter(s);
  p->ops->data_received(p, data, len);
  leave(s);
}

bool plait__deliver_last_frame(plait__stream *s) {
  plait_protocol *p = s->head.protocol;
  if (plait__instance_of(p)->framings == NULL)
    return false;
  check_order(s, p, "data_received", PLAIT__STAGE_MADE, PLAIT__STAGE_MADE,
              PLAIT__STAGE_MADE);
  enter(s);
  bool any = plait__instance_end(p);
  leave(s);
  return any;
}

void plait__deliver_eof(plait__stream *s) {
  plait_protocol *p = s->head.protocol;
  check_order(s, p, "eof_received", PLAIT__STAGE_MADE, PLAIT__STAGE_MADE,
              PLAIT__STAGE_EOF);
  enter(s);
  p->ops->eof_received(p);
  leave(s);
}

void plait__deliver_resume(plait__stream *s) {
  plait_protocol *p = receiver(s);
  if (p == NULL || p->ops->resume_writing == NULL)
    return;
  check_order(s, p, "resume_writing", PLAIT__STAGE_MADE, PLAIT__STAGE_EOF, 0);
  enter(s);
  p->ops->resume_writing(p);
  leave(s);
}

void plait__deliver_timed_out(plait__stream *s) {
  plait_protocol *p = receiver(s);
  if (p == NULL)
    return;
  if (p->ops->timed_out == NULL) {
    plait__closing(s, PLAIT__ON_CLOSE, PLAIT_ETIMEOUT);
    return;
  }
  check_order(s, p, "timed_out", PLAIT__STAGE_MADE, PLAIT__STAGE_EOF, 0);
  enter(s);
  p->ops->timed_out(p);
  leave(s);
}

void plait__deliver_draining(plait__stream *s) {
  plait_protocol *p = receiver(s);
  if (p == NULL)
    return;
  if (p->ops->draining == NULL) {
    plait__closing(s, PLAIT__ON_CLOSE, 0);
    return;
  }
  check_order(s, p, "draining", PLAIT__STAGE_MADE, PLAIT__STAGE_EOF, 0);
  enter(s);
  p->ops->draining(p);
  leave(s);
}

void plait__deliver_lost(plait__stream *s, plait_protocol *p, int reason) {
  plait_reactor *r = s->reactor;
  enter(s);
  plait__attached_end(p);
  leave(s);
  check_order(s, p, "connection_lost", PLAIT__STAGE_MADE, PLAIT__STAGE_EOF,
              PLAIT__STAGE_LOST);
  if (p->ops->connection_lost != NULL) {
    enter(s);
    p->ops->connection_lost(p, reason);
    leave(s);
  }
  plait__instance_free(r->os, p);
}

void plait__deliver_call(plait_reactor *r, plait__stream *s, plait_call *call) {
  if (s == NULL) {
    call->run(call, NULL);
    return;
  }
  plait_protocol *p = receiver(s);
  if (p == NULL)
    p = s->head.protocol;
  check_order(s, p, "call", PLAIT__STAGE_MADE, PLAIT__STAGE_EOF, 0);
  r->current = s;
  call->run(call, p);
  leave(s);
}

void plait__deliver_performance(plait__stream *s, plait_protocol *p,
                                const char *what, void (*fn)(void *arg),
                                void *arg) {
  check_order(s, p, what, PLAIT__STAGE_MADE, PLAIT__STAGE_EOF, 0);
  enter(s);
  fn(arg);
  leave(s);
  if (s->u.leaving != NULL)
    plait__stream_need(s, PLAIT__DUE_SWITCH); /* it may have waited for this */
  plait__attend(s);
}
