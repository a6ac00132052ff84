/* What is done for a stream between callbacks.
 *
 * plait_*() functions call nobody, so what they cause is noted (|due|) and
 * done here: after the running callback of the stream itself, or at the end of
 * the turn when it was caused from elsewhere.
 */
#include "core/away.h"
#include "core/deliver.h"
#include "core/factory.h"
#include "core/instance.h"

enum { ATTEND_PASSES = 4, READY_PASSES = 8 };

void plait__attend_switch(plait__stream *s) {
  plait_protocol *old = s->u.leaving;
  s->waiting = plait__instance_waits(old);
  if (s->waiting)
    return;
  plait__deliver_lost(s, old, PLAIT_ESWITCHED);
  s->u.leaving = NULL;
  plait__deliver_made(s);
  if (s->leftover != NULL || s->rd_end)
    plait__stream_need(s, PLAIT__DUE_READ);
  if (s->reactor->draining)
    plait__stream_need(s, PLAIT__DUE_DRAIN);
}

static void attend_drain(plait__stream *s) {
  if (s->told_drain || s->phase != PLAIT__OPEN)
    return;
  s->told_drain = s->u.leaving == NULL; /* else who follows is told as well */
  plait__deliver_draining(s);
}

/* Sends our end, if it was asked for and nothing waits before it. */
static void attend_our_end(plait__stream *s) {
  if (s->phase != PLAIT__OPEN || !s->wr_end || s->queue.bytes > 0)
    return;
  if (!s->wr_shut) {
    int code = s->reactor->io->shut_wr(&s->socket);
    if (code != 0) { /* the reset that explains it is still to be read */
      plait__stream_read_out(s, code);
      return;
    }
    s->wr_shut = true;
  }
  /* Both sides have ended; but a strand may still be on its way to there. */
  if (s->rd_told && !plait__stream_is_away(s))
    plait__closing(s, PLAIT__ON_CLOSE, 0);
}

static void attend_flush(plait__stream *s) {
  if (s->queue.ring != NULL && !s->blocked)
    plait__stream_flush(s);
  attend_our_end(s);
  plait__closing_check(s);
}

static void attend_resume(plait__stream *s) {
  if (s->queue.bytes > s->low)
    return;
  if (s->above) {
    s->above = false;
    if (s->phase == PLAIT__OPEN)
      plait__deliver_resume(s);
  }
  if (s->waiters != NULL)
    plait__stream_run_waiters(s, s->head.protocol);
}

static void attend_once(plait__stream *s, unsigned due) {
  if (due & PLAIT__DUE_SWITCH && s->u.leaving != NULL)
    plait__attend_switch(s);
  if (due & PLAIT__DUE_FAIL && s->phase != PLAIT__GONE)
    plait__stream_read_out(s, s->broken);
  if (due & PLAIT__DUE_DRAIN)
    attend_drain(s);
  if (due & PLAIT__DUE_FLUSH && s->phase != PLAIT__GONE)
    attend_flush(s);
  if (due & PLAIT__DUE_RESUME && s->phase != PLAIT__GONE)
    attend_resume(s);
  if (due & PLAIT__DUE_READ)
    plait__stream_reread(s);
}

void plait__attend(plait__stream *s) {
  for (int pass = 0; s->due != 0 && pass < ATTEND_PASSES; pass++) {
    unsigned due = s->due;
    s->due = 0;
    attend_once(s, due);
  }
  if (s->phase == PLAIT__GONE)
    return;
  /* Only now: a change of interest costs two system calls, and the connection
   * may have been closed meanwhile. */
  plait__stream_watch(s);
  if (s->due != 0)
    plait__stream_need(s, s->due); /* the rest after the others */
}

void plait__stream_need(plait__stream *s, unsigned due) {
  plait_reactor *r = s->reactor;
  if (s->phase == PLAIT__GONE)
    return;
  s->due |= (uint8_t)due;
  if (s->ready || r->current == s)
    return;
  s->ready = true;
  s->next_ready = NULL;
  if (r->ready_first == NULL)
    r->ready_first = s;
  else
    r->ready_last->next_ready = s;
  r->ready_last = s;
  if (!r->in_batch)
    r->os->wake(r->loop);
}

/* Rare: a stream goes while it waits for a turn that had no time left. */
void plait__attend_forget(plait__stream *s) {
  plait_reactor *r = s->reactor;
  plait__stream *before = NULL;
  if (!s->ready)
    return;
  for (plait__stream *i = r->ready_first; i != s; i = i->next_ready)
    before = i;
  if (before == NULL)
    r->ready_first = s->next_ready;
  else
    before->next_ready = s->next_ready;
  if (r->ready_last == s)
    r->ready_last = before;
  s->ready = false;
}

void plait__attend_ready(plait_reactor *r) {
  for (int pass = 0; pass < READY_PASSES && r->ready_first != NULL; pass++) {
    plait__stream *s = r->ready_first;
    r->ready_first = NULL;
    while (s != NULL) {
      plait__stream *next = s->next_ready;
      s->ready = false;
      plait__attend(s);
      s = next;
    }
  }
}
