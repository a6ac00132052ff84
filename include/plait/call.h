/* A function call that travels to another thread.
 *
 * Embed a plait_call in a struct of yours and set |run| (and |drop|, if losing
 * it matters).  A queueing function that returns 0 has taken it: exactly one
 * of |run| and |drop| follows, and after it started the struct is yours again.
 * A negative answer means that neither follows and the call is still yours.
 */
#ifndef PLAIT_CALL_H
#define PLAIT_CALL_H

#include <plait/export.h>

PLAIT_BEGIN

/* private: a link of a reactor's mailbox */
typedef struct plait__mail {
  struct plait__mail *next;
  void (*deliver)(plait_reactor *reactor, struct plait__mail *mail, bool drop);
} plait__mail;

struct plait_call {
  /* On the target's thread.  |p| is the connection's protocol, or NULL if the
   * connection is gone or the call was posted to a reactor. */
  void (*run)(plait_call *call, plait_protocol *p);
  /* Optional: the runtime ended before the call could run.  On any thread;
   * it must not call plait. */
  void (*drop)(plait_call *call);

  /* private */
  plait__mail mail;
  uint64_t target;
  plait_call *next;
  bool own;
};

PLAIT_END

#endif
