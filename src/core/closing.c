/* How a connection ends: one table of states, and what entering each does.
 *
 *                close      sent       done   late   fail   abort
 *   CONNECTING   gone       -          -      gone   gone   gone
 *   OPEN         FLUSHING   -          -      -      gone   gone
 *   FLUSHING     -          LINGERING  gone   gone   gone   gone
 *   LINGERING    -          -          gone   gone   gone   gone
 *   GONE         -          -          -      -      -      -
 *
 * From FLUSHING on input is read and discarded: a peer that sends all before
 * it reads would otherwise block our queue for ever, and closing over unread
 * input would reset the connection and lose what we sent.
 *
 * There is no peer's end to wait for where a pipe goes but one way, nor where
 * the peer is a mate: the thread that copies for stdio, a background function, a
 * child.  It reads on over such a reset, and is waited for in GONE, where it is a
 * hold; what an abort there means is the mate's to say.
 */
#include "core/closing.h"

#include "core/away.h"
#include "core/deliver.h"
#include "core/factory.h"
#include "core/instance.h"
#include "core/memory.h"
#include "core/pass.h"

#define STAY PLAIT__PHASES

static const uint8_t next_phase[PLAIT__PHASES][PLAIT__CLOSING_EVENTS] = {
    [PLAIT__CONNECTING] = {PLAIT__GONE, STAY, STAY, PLAIT__GONE, PLAIT__GONE,
                           PLAIT__GONE},
    [PLAIT__OPEN] = {PLAIT__FLUSHING, STAY, STAY, STAY, PLAIT__GONE,
                     PLAIT__GONE},
    [PLAIT__FLUSHING] = {STAY, PLAIT__LINGERING, PLAIT__GONE, PLAIT__GONE,
                         PLAIT__GONE, PLAIT__GONE},
    [PLAIT__LINGERING] = {STAY, STAY, PLAIT__GONE, PLAIT__GONE, PLAIT__GONE,
                          PLAIT__GONE},
    [PLAIT__GONE] = {STAY, STAY, STAY, STAY, STAY, STAY},
};

/* A reason the program gave wins; that the peer closed does not excuse bytes
 * that were lost. */
void plait__closing_reason(plait__stream *s, int code) {
  if (code != 0 && (s->reason == 0 || s->reason == PLAIT_EOF))
    s->reason = code;
}

/* An orderly end, if the peer's came in the middle of a frame. */
static bool closing_truncates(const plait__stream *s, int code) {
  return (code == 0 || code == PLAIT_EOF) && s->rd_told &&
         plait__instance_is_inside(s->head.protocol);
}

static void enter_flushing(plait__stream *s) {
  s->wr_end = true;
  plait__reactor_unalarm(s->reactor, &s->alarm);
  plait__stream_need(s, PLAIT__DUE_FLUSH);
}

/* The peer has all that was sent and we have all that it sent: it merely keeps
 * its side open. */
static bool closing_is_settled(plait__stream *s) {
  const plait__io *io = s->reactor->io;
  return io->unacked(&s->socket) == 0 && io->unread(&s->socket) == 0;
}

static void enter_lingering(plait__stream *s) {
  s->discarded = 0;
  int code = s->wr_shut ? 0 : s->reactor->io->shut_wr(&s->socket);
  if (code != 0) { /* the reset that explains it is still to be read */
    s->broken = (int16_t)code;
    plait__stream_need(s, PLAIT__DUE_FAIL);
    return;
  }
  s->wr_shut = true;
  plait__timeout_linger(s);
  plait__stream_watch(s);
}

static void enter_gone(plait__stream *s, bool reset) {
  plait_reactor *r = s->reactor;
  plait__reactor_unalarm(r, &s->alarm);
  s->unsent_bytes = s->queue.bytes;
  plait__queue_drop(&s->queue, &r->outbox, r->os);
  s->due = 0;
  if (s->mated)
    s->mate->closed(s->mate, reset);
  if (s->passes || s->catches != 0)
    plait__pass_gone(s);
  if (plait__stream_is_away(s))
    plait__away_close_socket(s, reset);
  else
    r->io->close(&s->socket, reset);
}

void plait__closing(plait__stream *s, plait__closing_event event, int code) {
  plait__phase from = s->phase, to = next_phase[from][event];
  if (to == STAY) {
    if (s->mated && from == PLAIT__GONE && event == PLAIT__ON_ABORT)
      s->mate->closed(s->mate, true);
    return;
  }
  if (event == PLAIT__ON_LATE)
    code =
        from == PLAIT__LINGERING && closing_is_settled(s) ? 0 : PLAIT_ELINGER;
  else if (event == PLAIT__ON_CLOSE && closing_truncates(s, code))
    code = PLAIT_ETRUNCATED;
  plait__closing_reason(s, code);
  s->phase = to & 15u;
  if (to == PLAIT__FLUSHING)
    enter_flushing(s);
  else if (to == PLAIT__LINGERING)
    enter_lingering(s);
  else
    enter_gone(s, event == PLAIT__ON_ABORT ||
                      (event == PLAIT__ON_LATE && from == PLAIT__FLUSHING));
}

void plait__closing_check(plait__stream *s) {
  if (s->phase != PLAIT__FLUSHING && s->phase != PLAIT__LINGERING)
    return;
  bool done = s->rd_end || s->one_way;
  if (s->queue.bytes == 0)
    plait__closing(s, done ? PLAIT__ON_DONE : PLAIT__ON_SENT, 0);
  else if (!plait__alarm_is_set(&s->alarm))
    plait__timeout_flush(s);
}
