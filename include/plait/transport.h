/* A transport carries the bytes of one connection: TCP, a UNIX socket, an
 * adopted descriptor, stdio, a child process, a background function.
 *
 * A plait_transport is used on its reactor's thread: in the callbacks of its
 * connection, and in any other callback on that reactor; if the connection's
 * callbacks run on workers, in these alone (with --enable-debug this is
 * asserted).  Everything else uses its plait_handle.  The pointer is good
 * from connection_made until connection_lost returns.
 */
#ifndef PLAIT_TRANSPORT_H
#define PLAIT_TRANSPORT_H

#include <plait/address.h>
#include <plait/export.h>
#include <plait/handle.h>

PLAIT_BEGIN

/* Gives bytes back that plait no longer needs.  Runs exactly once, on any
 * thread, possibly inside the call that passed it; it must not call plait. */
typedef void plait_release_fn(void *arg, const void *data, size_t len);

/* ---- sending ----------------------------------------------------------
 *
 * Bytes are sent in the order of the calls.  All writes return true while the
 * queue is at or below the high-water mark; false asks you to stop until
 * resume_writing (what was passed is queued all the same).  On a transport
 * that is closing they drop the bytes and return false.  A write that finds
 * more than limits.queue_bytes_max queued loses the connection with
 * PLAIT_EQUEUE.  Out of memory loses it with PLAIT_ENOMEM.
 */

/* Sends |len| bytes, which are yours again when this returns. */
PLAIT_EXTERN bool plait_write(plait_transport *t, const void *data, size_t len);

/* Sends |n| pieces as one. */
PLAIT_EXTERN bool plait_writev(plait_transport *t, const plait_slice *v,
                               size_t n);

/* Sends the string |text| without its NUL. */
PLAIT_EXTERN bool plait_write_str(plait_transport *t, const char *text);

/* Sends what printf would print. */
PLAIT_EXTERN bool plait_printf(plait_transport *t, const char *format, ...)
    PLAIT_PRINTF(2, 3);

/* Sends |len| bytes without copying them: they must not change until
 * |release|(|arg|, |data|, |len|) runs, which it does exactly once, whether
 * they were sent or not. */
PLAIT_EXTERN bool plait_write_owned(plait_transport *t, const void *data,
                                    size_t len, plait_release_fn *release,
                                    void *arg);

/* Ends our side once the queue is sent (a TCP FIN).  The peer may go on
 * sending; when its end has been read as well, the connection closes by itself
 * with 0.  Later writes are dropped. */
PLAIT_EXTERN void plait_write_eof(plait_transport *t);

/* ---- closing ----------------------------------------------------------*/

/* Sends what is queued, ends the connection in order and then calls
 * connection_lost.  No data is delivered any more: input is read and
 * discarded, so that a peer that sends all before it reads cannot block the
 * queue.  Bounded by flush_ms, linger_ms and linger_bytes_max; past them
 * connection_lost gets PLAIT_ELINGER, or 0 if the peer has taken everything and
 * merely keeps its side open. */
PLAIT_EXTERN void plait_close(plait_transport *t);

/* plait_close(), and connection_lost gets the negative code |reason|. */
PLAIT_EXTERN void plait_close_reason(plait_transport *t, int reason);

/* Drops the queue and resets the connection now; connection_lost follows with
 * PLAIT_ECANCELED, after the running callback. */
PLAIT_EXTERN void plait_abort(plait_transport *t);

/* ---- receiving --------------------------------------------------------*/

/* No data_received and no eof_received until plait_resume_reading().  A reset
 * by the peer is still noticed. */
PLAIT_EXTERN void plait_pause_reading(plait_transport *t);

/* Data flows again, from the reactor, never from inside this call. */
PLAIT_EXTERN void plait_resume_reading(plait_transport *t);

/* Inside data_received: hands back the tail of the delivery that you have not
 * consumed, |len| bytes at |data|.  They are delivered again, once reading is
 * not paused, before anything newer and before the end of input; closing drops
 * them.  What is handed back next goes in front of that.  Meant for a protocol
 * that paused in the middle of a delivery. */
PLAIT_EXTERN void plait_unread(plait_transport *t, const uint8_t *data,
                               size_t len);

/* Makes a new instance of |ops| the transport's protocol and returns it,
 * zeroed, for you to fill; NULL if out of memory, closing, after eof_received,
 * or while another switch is still to take effect.  After the
 * running callback the old instance gets connection_lost(PLAIT_ESWITCHED), the
 * new one connection_made and then |len| bytes of |rest|: the tail of the
 * current delivery that the old protocol did not decode (or NULL, 0). */
PLAIT_EXTERN plait_protocol *
plait_switch_protocol(plait_transport *t, const plait_protocol_ops *ops,
                      const uint8_t *rest, size_t len);

/* plait_switch_protocol() to an instance whose callbacks run on the
 * connection's reactor, from then on and whatever its factory says: where
 * plait_pipe() joins connections, or where there is nothing more that blocks.
 *
 * With callbacks on workers the new instance has another transport, its
 * base.transport, which is good from its connection_made on; |t| is the old
 * one's until its connection_lost(PLAIT_ESWITCHED) has returned.  The handle
 * stays, and so does what plait_switch_protocol() keeps. */
PLAIT_EXTERN plait_protocol *
plait_switch_to_reactor(plait_transport *t, const plait_protocol_ops *ops,
                        const uint8_t *rest, size_t len);

/* ---- questions and settings -------------------------------------------*/

/* The value that names this connection on any thread. */
PLAIT_EXTERN plait_handle plait_transport_handle(const plait_transport *t);
/* Its reactor, for life. */
PLAIT_EXTERN plait_reactor *plait_transport_reactor(const plait_transport *t);
/* Whether callbacks run on workers. */
PLAIT_EXTERN bool plait_transport_on_workers(const plait_transport *t);
/* The instance that gets the events. */
PLAIT_EXTERN plait_protocol *plait_transport_protocol(const plait_transport *t);

/* The other end's and our own address; 0, or a negative code if it is not
 * known.  The peer stays known until connection_lost returns for IP. */
PLAIT_EXTERN int plait_transport_peer(const plait_transport *t,
                                      plait_address *ret);
PLAIT_EXTERN int plait_transport_local(const plait_transport *t,
                                       plait_address *ret);

/* Whether the connection is on its way out (closed, aborted, failed). */
PLAIT_EXTERN bool plait_transport_closing(const plait_transport *t);
/* Whether reading is paused. */
PLAIT_EXTERN bool plait_transport_paused(const plait_transport *t);
/* Bytes that wait to be handed to the system. */
PLAIT_EXTERN size_t plait_transport_queued(const plait_transport *t);
/* In connection_lost: bytes written that the system never took. */
PLAIT_EXTERN size_t plait_transport_unsent(const plait_transport *t);

/* The idle time-out from now on, in milliseconds; 0 is none. */
PLAIT_EXTERN void plait_transport_set_timeout(plait_transport *t,
                                              uint32_t idle_ms);
/* The water marks from now on; 0 the default, |low| <= |high|. */
PLAIT_EXTERN void plait_transport_set_watermarks(plait_transport *t,
                                                 uint32_t high_bytes,
                                                 uint32_t low_bytes);
/* TCP_NODELAY, which is on by default.  0 or a negative code. */
PLAIT_EXTERN int plait_transport_set_nodelay(plait_transport *t, bool on);
/* SO_KEEPALIVE with a first probe after |idle_s| seconds; 0 turns it off.  0 or
 * a negative code. */
PLAIT_EXTERN int plait_transport_set_keepalive(plait_transport *t,
                                               unsigned idle_s);
/* The descriptor, still plait's, or -1 when it is closed. */
PLAIT_EXTERN int plait_transport_fd(const plait_transport *t);

/* What has gone through so far. */
typedef struct plait_transport_stats {
  uint64_t received_bytes; /* read from the system */
  uint64_t sent_bytes;     /* taken by the system */
} plait_transport_stats;

PLAIT_EXTERN void plait_transport_get_stats(const plait_transport *t,
                                            plait_transport_stats *ret);

PLAIT_END

#endif
