/* A pipe joins two connections: what comes from one goes to the other.
 *
 *     // connection_made of a connector's protocol: and that is a proxy
 *     static void back_made(plait_protocol *p) {
 *       struct visit *visit = ...;
 *
 *       plait_pipe(visit->front, p->transport);
 *     }
 *
 * Neither side is read faster than the other takes it: above the high-water
 * mark of a side's queue the other one is paused, at the low-water mark it is
 * resumed.  What is received is not copied but for what the system does not
 * take at once.
 */
#ifndef PLAIT_PIPE_H
#define PLAIT_PIPE_H

#include <plait/endpoint.h>

PLAIT_BEGIN

/* Joins |a| and |b|, two connections of one reactor, whose callbacks run there
 * (from workers plait_switch_to_reactor() brings them); call it in any callback
 * on it.
 *
 * Both are switched (plait_switch_protocol) to a protocol of plait's: your
 * instances get connection_lost(PLAIT_ESWITCHED) after the running callback.
 * Reading is resumed, and what was handed back by plait_unread() goes first; in
 * data_received hand back what you have not used.  Neither our side nor the
 * peer's has ended before.
 *
 * From then on,
 * - the end of one side's bytes ends the other's output (plait_write_eof), and
 *   once both have ended, both close;
 * - a side that closes in order closes the other one; a side that is lost
 *   otherwise resets it, for its peer must not take a part for the whole.  If
 *   the lost side had ended its bytes before, they are sent first;
 * - a stop of the runtime closes both, behind what was received;
 * - an idle time-out closes both with PLAIT_ETIMEOUT when nothing went either
 *   way for so long; it takes one on both sides.
 *
 * 0, or nothing is joined: PLAIT_EINVAL (two reactors, or the same connection
 * twice), PLAIT_ENOTSUP (callbacks on workers), PLAIT_ECLOSED (one could not be
 * switched; both are closed with that reason). */
PLAIT_EXTERN int plait_pipe(plait_transport *a, plait_transport *b);

/* What the owner of a pipe hears and sees of it; embedded in a struct of yours,
 * zeroed.  |side| is 0 for |a| and 1 for |b|.  The callbacks may be NULL, and
 * come in the context of that side's connection. */
typedef struct plait_joint plait_joint;
struct plait_joint {
  /* After plait_pipe_connect(): there is a connection, and it is joined. */
  void (*joined)(plait_joint *joint);

  /* |side|'s peer has sent its last byte, and the other side's output ends. */
  void (*ended)(plait_joint *joint, int side);

  /* The connection of |side| is lost; |reason| as in connection_lost, and its
   * transport still answers questions.  After this the other side is closed or
   * reset, unless you have closed it in here.  Called for each side once; the
   * second time the joint is yours again. */
  void (*lost)(plait_joint *joint, int side, int reason);

  plait_transport *sides[2]; /* NULL before there is one, and once its |lost|
                                has returned */
  uint64_t bytes[2];         /* received from each side, for the other */
};

/* The same with a joint, which may be NULL.  A negative code: the joint is
 * still yours. */
PLAIT_EXTERN int plait_pipe_joint(plait_transport *a, plait_transport *b,
                                  plait_joint *joint);

/* Joins |a| with a connection to |endpoint|, which is made now, on |a|'s
 * reactor, with the limits of |a|'s factory.  |options| are plait_connect()'s,
 * without |reactor| and |reconnect|, or NULL; |joint| may be NULL.
 *
 * |a|'s callbacks may run on workers; it is switched to its reactor
 * (plait_switch_to_reactor), where the joint's callbacks run.
 *
 * |a| is switched at once, and not read from until there is a connection.  If
 * none can be made, |a| is reset: |lost| is called for side 1, where
 * plait_error_detail() names the step, then for side 0.  If |a| is lost before,
 * the attempt is given up.
 *
 * 0, or a negative code with plait_error_detail(), and the joint hears nothing,
 * and |a| is reset: PLAIT_EENDPOINT, PLAIT_EINVAL (|options|), PLAIT_ECLOSED
 * (it could not be switched), PLAIT_ENOMEM. */
PLAIT_EXTERN int plait_pipe_connect(plait_transport *a, const char *endpoint,
                                    const plait_connect_options *options,
                                    plait_joint *joint);

PLAIT_END

#endif
