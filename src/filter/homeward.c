/* A connection comes home: the reactor's half of a switch to an instance there.
 *
 * From the strand's order on home stalls the input and pushes nothing but
 * |back|, so when the strand acknowledges, what it has held back is all there
 * is, and what came meanwhile is noted here.  What the strand gets between its
 * order and |back| it keeps: that is not for the old instance either.  Then the
 * home is a protocol that is switched away from. */
#include "core/deliver.h"
#include "filter/away.h"

void plait__home_awaits(plait__away *a) {
  if (a->lost_sent)
    return; /* which ends it, too */
  a->homing = a->stream->waiting = true;
  a->back.deliver = plait__away_on_back;
  plait__away_push(a, &a->back);
}

static void calls_run(plait__stream *s, plait_call *call, bool drop) {
  plait_runtime *runtime = s->reactor->runtime;
  for (plait_call *next; call != NULL; call = next) {
    next = call->next;
    if (!drop)
      plait__deliver_call(s->reactor, s->phase != PLAIT__GONE ? s : NULL, call);
    else if (call->drop != NULL)
      call->drop(call);
    plait__runtime_unref(runtime);
  }
}

/* The stream takes what the strand knew. */
static void home_take_over(plait__away *a) {
  plait__stream *s = a->stream;
  s->u.leaving = s->head.protocol;
  s->head.protocol = a->follower;
  s->paused = a->paused;
  s->held = false;
  s->above |= a->above;
  if (a->eof_due)
    s->rd_told = false;
  if (!plait__away_return_input(a))
    plait__closing(s, PLAIT__ON_FAIL, PLAIT_ENOMEM);
}

void plait__home_return(plait__away *a, bool drop) {
  plait__stream *s = a->stream;
  plait_call *kept = a->calls_kept, *late = a->late_calls;
  bool drains = a->drain_kept || a->late_drain, closes = a->late_close;
  home_take_over(a);
  if (s->phase != PLAIT__GONE)
    plait__attend_switch(s); /* |a| goes with the home */
  if (drains)
    s->told_drain = false;
  if (s->phase == PLAIT__OPEN)
    plait__timeout_idle(s);
  plait__stream_need(s, PLAIT__DUE_RESUME | (drains ? PLAIT__DUE_DRAIN : 0u));
  calls_run(s, kept, drop);
  calls_run(s, late, drop);
  if (closes)
    plait__closing(s, PLAIT__ON_CLOSE, 0);
  plait__attend(s);
}
