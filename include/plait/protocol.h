/* A protocol reacts to one connection.
 *
 * You write it as one const struct of callbacks.  plait allocates an instance
 * for each connection, calls it back in this order, the last one exactly once,
 *
 *     made (data | resume | timed_out | draining | timer | call | done)*
 *          (eof (resume | timed_out | draining | timer | call | done)*)? lost
 *
 * and frees the instance after its connection_lost returned.  Calls come one
 * at a time, in the connection's serial context: on the thread of its reactor,
 * or, if its factory says so (plait_dispatch), on one worker after the other.
 * No plait_*() function ever calls back into a protocol (but
 * plait_framing_receive(), which is there to hand on what data_received got),
 * so a callback may call anything: write, close, abort, switch.  After a close
 * or an abort every call on the transport is a harmless no-op until
 * connection_lost.
 *
 * The names are Twisted's (IProtocol) and asyncio's.
 */
#ifndef PLAIT_PROTOCOL_H
#define PLAIT_PROTOCOL_H

#include <plait/export.h>

PLAIT_BEGIN

/* All members but |name| and |size| may be NULL: not interested. */
struct plait_protocol_ops {
  const char *name; /* for messages */

  /* Bytes of an instance: PLAIT_INSTANCE(struct yours, base), or
   * sizeof(plait_protocol).  plait allocates, zeroes and frees it. */
  size_t size;

  /* The connection is up. */
  void (*connection_made)(plait_protocol *p);

  /* |len| > 0 bytes arrived.  They are a view of plait's receive buffer, good
   * until this returns. */
  void (*data_received)(plait_protocol *p, const uint8_t *data, size_t len);

  /* The peer has sent its last byte; you may go on writing until
   * plait_close().  NULL: the connection closes once the send queue is empty,
   * with PLAIT_EOF. */
  void (*eof_received)(plait_protocol *p);

  /* The send queue is at or below the low-water mark again, after a write
   * returned false. */
  void (*resume_writing)(plait_protocol *p);

  /* Nothing was received or sent for the idle time-out.  NULL: the connection
   * closes with PLAIT_ETIMEOUT.  Else it is called once an idle period. */
  void (*timed_out)(plait_protocol *p);

  /* The runtime is stopping: finish what you owe and close before the grace
   * deadline.  NULL: plait_close(). */
  void (*draining)(plait_protocol *p);

  /* The last call.  |reason|: 0 you closed and all was sent, or both sides
   * ended after your plait_write_eof(); PLAIT_EOF the peer closed;
   * PLAIT_ETRUNCATED it did so inside a frame; PLAIT_ECONNRESET it reset;
   * PLAIT_ECANCELED you aborted; PLAIT_ELINGER the peer did not take all bytes
   * in time; PLAIT_EFRAME, PLAIT_EQUEUE, PLAIT_ETIMEOUT, PLAIT_EDRAIN,
   * PLAIT_ESWITCHED, PLAIT_ECHILDFAILED, PLAIT_ELIMIT, PLAIT_ENOMEM, an errno,
   * a code of yours: why.  The transport still answers questions here (peer,
   * unsent, stats). */
  void (*connection_lost)(plait_protocol *p, int reason);
};

/* The base of every instance, its first member. */
struct plait_protocol {
  const plait_protocol_ops *ops;
  plait_transport *transport;
  plait_factory *factory;
};

/* private: something of an instance's that ends before its connection_lost */
typedef struct plait__attached {
  struct plait__attached *next, *prev;
  void (*end)(struct plait__attached *attached);
  bool waits; /* connection_lost does not come before it is detached */
} plait__attached;

/* The size of |type|, whose first member must be |base|: a base that is not
 * first does not compile. */
#define PLAIT_INSTANCE(type, base)                                             \
  (sizeof(type) + 0 * sizeof(char[offsetof(type, base) == 0 ? 1 : -1]))

/* The |type| that |p| is the base of, or NULL if |p| is NULL or runs other ops
 * than |of|.  The checked way from a protocol to its struct. */
#define PLAIT_CAST(p, of, type) ((type *)plait_protocol_if((p), (of)))

/* |p| if it is not NULL and runs |ops|, else NULL. */
static inline plait_protocol *plait_protocol_if(plait_protocol *p,
                                                const plait_protocol_ops *ops) {
  return p != NULL && p->ops == ops ? p : NULL;
}

PLAIT_END

#endif
