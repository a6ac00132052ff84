/* What the strand calls: the protocol's callbacks, as src/core/deliver.c does
 * on a reactor, and the events that lead to them. */
#include "filter/away.h"

#include <plait/error.h>

#include "core/instance.h"
#include "core/memory.h"
#include "core/runtime.h"

static void enter(plait__away *a, plait_protocol *p, const char *call,
                  unsigned from, unsigned to, unsigned next) {
  plait__check_order(a->reactor->os, a->inside, p, call, from, to, next);
  (void)from, (void)to, (void)next;
  a->inside = true;
}

static void leave(plait__away *a) {
  a->inside = false;
}

/* Any callback that comes between made and lost. */
static void enter_any(plait__away *a, plait_protocol *p, const char *call) {
  enter(a, p, call, PLAIT__STAGE_MADE, PLAIT__STAGE_EOF, 0);
}

/* ---- callbacks ----------------------------------------------------------- */

void plait__away_made(plait__away *a) {
  plait_protocol *p = a->head.protocol;
  enter(a, p, "connection_made", PLAIT__STAGE_NEW, PLAIT__STAGE_NEW,
        PLAIT__STAGE_MADE);
  if (p->ops->connection_made != NULL)
    p->ops->connection_made(p);
  leave(a);
}

void plait__away_data(plait__away *a, const uint8_t *data, size_t len) {
  plait_protocol *p = a->head.protocol;
  if (p->ops->data_received == NULL)
    return;
  enter(a, p, "data_received", PLAIT__STAGE_MADE, PLAIT__STAGE_MADE, 0);
  p->ops->data_received(p, data, len);
  leave(a);
}

static bool away_last_frame(plait__away *a, plait_protocol *p) {
  if (plait__instance_of(p)->framings == NULL)
    return false;
  enter(a, p, "data_received", PLAIT__STAGE_MADE, PLAIT__STAGE_MADE, 0);
  bool any = plait__instance_end(p);
  leave(a);
  return any;
}

void plait__away_eof(plait__away *a) {
  plait_protocol *p = a->head.protocol;
  if (away_last_frame(a, p))
    return;
  a->eof_due = false;
  a->rd_told = true;
  if (p->ops->eof_received == NULL) {
    if (!a->wr_end)
      plait__away_close_now(a, PLAIT_EOF);
    return;
  }
  enter(a, p, "eof_received", PLAIT__STAGE_MADE, PLAIT__STAGE_MADE,
        PLAIT__STAGE_EOF);
  p->ops->eof_received(p);
  leave(a);
}

void plait__away_perform(plait_transport *t, plait_protocol *p,
                         const char *what, void (*fn)(void *arg), void *arg) {
  plait__away *a = plait_container_of(t, plait__away, head);
  enter_any(a, p, what);
  fn(arg);
  leave(a);
}

void plait__away_end(plait__away *a, plait_protocol *p, int reason) {
  a->inside = true;
  plait__attached_end(p);
  a->inside = false;
  enter(a, p, "connection_lost", PLAIT__STAGE_MADE, PLAIT__STAGE_EOF,
        PLAIT__STAGE_LOST);
  if (p->ops->connection_lost != NULL)
    p->ops->connection_lost(p, reason);
  leave(a);
  plait__instance_free(a->reactor->os, p);
}

/* ---- events -------------------------------------------------------------- */

/* It may be sent again. */
static void arrived(plait__mail *mail) {
  plait__notice *notice = plait_container_of(mail, plait__notice, mail);
  atomic_store(&notice->sent, false);
}

void plait__away_on_made(plait_reactor *r, plait__mail *mail, bool drop) {
  plait__away *a = plait_container_of(mail, plait__away, made.mail);
  (void)r, (void)drop;
  plait__away_made(a);
  if (a->stream->peer.family == PLAIT_UNIX)
    a->wants |= PLAIT__WANT_LEASES;
}

void plait__away_on_eof(plait_reactor *r, plait__mail *mail, bool drop) {
  plait__away *a = plait_container_of(mail, plait__away, eof.mail);
  (void)r, (void)drop;
  a->eof_due = a->phase == PLAIT__OPEN;
}

/* A write that was answered false since home said so is not there yet: home is
 * asked again. */
void plait__away_on_resume(plait_reactor *r, plait__mail *mail, bool drop) {
  plait__away *a = plait_container_of(mail, plait__away, resume.mail);
  plait_protocol *p = plait__away_receiver(a);
  (void)r, (void)drop;
  arrived(mail);
  if (a->phase != PLAIT__OPEN || !a->above || plait__away_departs(a))
    return;
  if (plait__away_queued(a) > a->low) {
    a->wants |= PLAIT__WANT_RESUME_WRITING;
    return;
  }
  a->above = false;
  if (p->ops->resume_writing == NULL)
    return;
  enter_any(a, p, "resume_writing");
  p->ops->resume_writing(p);
  leave(a);
}

void plait__away_on_timed_out(plait_reactor *r, plait__mail *mail, bool drop) {
  plait__away *a = plait_container_of(mail, plait__away, timed_out.mail);
  plait_protocol *p = plait__away_receiver(a);
  (void)r, (void)drop;
  arrived(mail);
  if (a->phase != PLAIT__OPEN || plait__away_departs(a))
    return; /* the one that follows has a clock of its own */
  if (p->ops->timed_out == NULL) {
    plait__away_close_now(a, PLAIT_ETIMEOUT);
    return;
  }
  enter_any(a, p, "timed_out");
  p->ops->timed_out(p);
  leave(a);
}

/* Who follows the one that is told is told as well. */
void plait__away_drain(plait__away *a) {
  plait_protocol *p = plait__away_receiver(a);
  a->drain_kept = a->leaving != NULL;
  if (a->phase != PLAIT__OPEN || plait__away_departs(a))
    return;
  if (p->ops->draining == NULL) {
    plait__away_close_now(a, 0);
    return;
  }
  enter_any(a, p, "draining");
  p->ops->draining(p);
  leave(a);
}

void plait__away_on_draining(plait_reactor *r, plait__mail *mail, bool drop) {
  plait__away *a = plait_container_of(mail, plait__away, draining.mail);
  (void)r, (void)drop;
  plait__away_drain(a);
}

void plait__away_on_close(plait_reactor *r, plait__mail *mail, bool drop) {
  plait__away *a = plait_container_of(mail, plait__away, close.mail);
  (void)r, (void)drop;
  plait__away_close_now(a, 0);
}

void plait__away_on_call(plait_reactor *r, plait__mail *mail, bool drop) {
  plait_call *call = plait_container_of(mail, plait_call, mail);
  plait__away *a = plait__away_running();
  plait_protocol *p = plait__away_receiver(a);
  plait_runtime *runtime = r->runtime;
  if (drop) {
    if (call->drop != NULL)
      call->drop(call);
  } else if (plait__away_departs(a)) {
    plait__calls_append(&a->calls_kept, call);
    return; /* with its reference to the runtime */
  } else if (a->phase == PLAIT__GONE) {
    call->run(call, NULL);
  } else {
    enter_any(a, p, "call");
    call->run(call, p);
    leave(a);
  }
  plait__runtime_unref(runtime);
}

void plait__away_on_back(plait_reactor *r, plait__mail *mail, bool drop) {
  plait__away *a = plait_container_of(mail, plait__away, back);
  (void)r, (void)drop;
  a->homeward = PLAIT__HOMEWARD_BACK;
}

/* ---- the end ------------------------------------------------------------- */

void plait__away_on_lost(plait_reactor *r, plait__mail *mail, bool drop) {
  plait__away *a = plait_container_of(mail, plait__away, lost.mail);
  (void)r, (void)drop;
  plait__away_gone(a);
  a->lost_due = true;
  plait__away_finish(a);
}

void plait__away_finish(plait__away *a) {
  if (!a->lost_due || a->retained > 0)
    return;
  bool comes_home = a->homeward != PLAIT__HOMEWARD_NOT;
  if (a->leaving != NULL) {
    plait__away_end(a, a->leaving, PLAIT_ESWITCHED);
    a->leaving = NULL;
    if (!comes_home)
      plait__away_made(a);
  }
  if (!comes_home)
    plait__away_end(a, a->head.protocol, a->stream->reason);
  a->over = true;
}
