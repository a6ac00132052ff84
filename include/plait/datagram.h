/* Datagrams: UDP and UNIX datagram sockets.
 *
 * You write a protocol as one const struct of callbacks.  A port is what is
 * opened on an endpoint; it has a socket on each reactor that serves it, and
 * plait allocates an instance for each socket, calls it back on that reactor in
 * this order, |stopped| exactly once,
 *
 *     started (datagram | error | resume | draining)* stopped
 *
 * and frees the instance after its |stopped| returned.  Calls come one at a
 * time, and no plait_*() function ever calls back.  After
 * plait_datagram_close() nothing comes but |stopped|, and every call on the
 * socket does nothing.
 *
 *     Servers:  udp:5353[:interface=127.0.0.1]    IPv4; with interface=\:\:
 *                                                 IPv6 and IPv4
 *               udp6:5353[:interface=\:\:1]       IPv6 only
 *               unixgram:/run/x.sock[:mode=660]
 *     Clients:  udp:ns.example.net:53[:bind=127.0.0.2], udp:[\:\:1]:53
 *               unixgram:/run/x.sock[:bind=/run/mine.sock]
 *
 * The names are Twisted's (DatagramProtocol, listenUDP) and asyncio's.
 */
#ifndef PLAIT_DATAGRAM_H
#define PLAIT_DATAGRAM_H

#include <plait/address.h>
#include <plait/protocol.h> /* PLAIT_INSTANCE */

PLAIT_BEGIN

/* A socket of a port, on one reactor.  Used on that reactor's thread, in any
 * callback there, from |started| until |stopped| returns; other threads get
 * there by plait_reactor_post() with plait_datagram_reactor(). */
typedef struct plait_datagram plait_datagram;
/* What was opened on an endpoint: its sockets. */
typedef struct plait_datagram_port plait_datagram_port;
typedef struct plait_datagram_factory plait_datagram_factory;
typedef struct plait_datagram_ops plait_datagram_ops;

/* The base of every instance, its first member. */
typedef struct plait_datagram_protocol {
  const plait_datagram_ops *ops;
  plait_datagram *socket;
  plait_datagram_factory *factory;
} plait_datagram_protocol;

/* What comes with a datagram; good until datagram_received returns. */
typedef struct plait_datagram_info {
  const plait_address *from; /* unnamed for a UNIX socket without a path */
  const plait_address *to;   /* the address that was asked, maybe a group's or a
                                broadcast one */
  unsigned interface;        /* that it came by; 0: not known, as with a port on
                                one address alone */
  bool truncated;            /* it was longer than datagram_bytes_max */
  bool to_many;              /* |to| is a group's or a broadcast address */
} plait_datagram_info;

/* All members but |name| and |size| may be NULL: not interested. */
struct plait_datagram_ops {
  const char *name; /* for messages */

  /* Bytes of an instance: PLAIT_INSTANCE(struct yours, base), or
   * sizeof(plait_datagram_protocol).  plait allocates, zeroes and frees it. */
  size_t size;

  /* The socket is open. */
  void (*started)(plait_datagram_protocol *p);

  /* A datagram has come, of |len| bytes, which may be 0.  They are a view of
   * plait's receive buffer, good until this returns. */
  void (*datagram_received)(plait_datagram_protocol *p, const uint8_t *data,
                            size_t len, const plait_datagram_info *info);

  /* The network or the system had no way for a datagram that was sent, or had
   * one and reports that it came to nothing; the socket lives on.  |code|:
   * PLAIT_ECONNREFUSED nobody listens at the peer (only a client, and a UNIX
   * socket, hears of it), PLAIT_EMSGSIZE, PLAIT_EHOSTUNREACH,
   * PLAIT_ENETUNREACH, PLAIT_ENOBUFS (UNIX: the receiver's queue is full),
   * PLAIT_ENOMEM, another errno.  |to| is where it was to go, or NULL if that
   * is not known.  Of several errors at a time the first is told;
   * plait_datagram_get_stats() counts what was dropped. */
  void (*error_received)(plait_datagram_protocol *p, int code,
                         const plait_address *to);

  /* The send queue is at or below the low-water mark again, after a send
   * answered 0 or PLAIT_EFULL. */
  void (*resume_writing)(plait_datagram_protocol *p);

  /* The runtime is stopping: finish what you owe and close before the grace
   * deadline.  NULL: plait_datagram_close(). */
  void (*draining)(plait_datagram_protocol *p);

  /* The last call.  |reason|: 0 it was closed; PLAIT_EDRAIN the runtime
   * stopped; another code: the socket does not work. */
  void (*stopped)(plait_datagram_protocol *p, int reason);
};

/* Bounds of a socket.  0 means the default in brackets. */
typedef struct plait_datagram_limits {
  uint32_t datagram_bytes_max; /* longest one that is received whole, up to
       65,535 [8,192] */
  uint32_t high_bytes;         /* sends answer 0 above it [64 KiB] */
  uint32_t low_bytes; /* resume_writing at or below it [16 KiB, or a quarter of
       high_bytes if that is below 16 KiB] */
  uint32_t queue_bytes_max; /* a send beyond it is dropped [1 MiB] */
} plait_datagram_limits;

/* What outlives a socket.  It is yours, may be the first member of a bigger
 * struct, and must stay until |stopped| was called for each of its ports, or
 * plait_runtime_free() returned. */
struct plait_datagram_factory {
  const plait_datagram_ops *protocol;
  plait_datagram_limits limits;

  /* Optional: before the first |started| of the port's sockets, and after the
   * last |stopped|, when |port| is gone unless you own it.  These and
   * |connect_failed| run on the reactor whose callback opened the port, or else
   * on the first. */
  void (*started)(plait_datagram_factory *factory, plait_datagram_port *port);
  void (*stopped)(plait_datagram_factory *factory);

  /* Optional: a client whose peer was given by name got no socket; |stopped|
   * follows.  |reason|: a code of plait_query's |answered|, PLAIT_ECANCELED if
   * the port was closed or the runtime stopped meanwhile, or why the first
   * address could not be opened; plait_error_detail() names the step. */
  void (*connect_failed)(plait_datagram_factory *factory,
                         plait_datagram_port *port, int reason);
};

/* ---- ports ------------------------------------------------------------*/

/* All zero is a good default. */
typedef struct plait_datagram_options {
  plait_reactor *reactor; /* one socket, on this reactor [a port has one on each
       reactor, which share it: what one sender sends comes to the same one; a
       UNIX port and a client have one, on the caller's reactor, else on the
       first] */
  bool shared; /* other sockets may have the port as well, if they all say so:
       for multicast, where each of them gets a copy */
  uint32_t receive_buffer_bytes; /* SO_RCVBUF: what waits in the system; it
       caps it [the system's] */
} plait_datagram_options;

/* Opens |endpoint|: bound when this returns, receiving from the reactor.
 * |options| and |ret| may be NULL.  0, or a negative code with
 * plait_error_detail() (PLAIT_EENDPOINT: the string is wrong).  A port that is
 * taken is yours until plait_datagram_port_close() or plait_runtime_free().
 * Legal before plait_run() and from any callback on a reactor.  An open port
 * keeps plait_run() running. */
PLAIT_EXTERN int plait_datagram_listen(plait_runtime *runtime,
                                       const char *endpoint,
                                       plait_datagram_factory *factory,
                                       const plait_datagram_options *options,
                                       plait_datagram_port **ret);

/* Opens a socket that sends to, and receives from, one peer alone, which is
 * told of refusals.  Otherwise as above, but for a peer that is given by name:
 * then this returns before the runtime's resolver is asked, the port has no
 * socket until it answers, and the first of the addresses that can be opened is
 * the peer, or connect_failed tells why there is none.  Nothing is sent to find
 * out whether anybody is there.  plait_datagram_port_close() ends the search.
 */
PLAIT_EXTERN int plait_datagram_connect(plait_runtime *runtime,
                                        const char *endpoint,
                                        plait_datagram_factory *factory,
                                        const plait_datagram_options *options,
                                        plait_datagram_port **ret);

/* The endpoint with the real port, such as "udp:4001:interface=127.0.0.1";
 * good as long as the port. */
PLAIT_EXTERN const char *
plait_datagram_port_endpoint(const plait_datagram_port *port);

/* Closes all sockets of |port|, as plait_datagram_close() does, and ends your
 * ownership.  From a reactor, or outside plait_run(). */
PLAIT_EXTERN void plait_datagram_port_close(plait_datagram_port *port);

/* ---- sending ----------------------------------------------------------
 *
 * A datagram is copied, and leaves when the running callback returns, together
 * with the others; those of several datagram_received in a row, and those that
 * timers and other callbacks send, leave soon after.  What the system does not
 * take at once waits in the socket's queue.  What was accepted is handed to the
 * system in order, or dropped and counted, and error_received tells why;
 * datagrams are lost in the network, too.
 *
 * The answers are 1: accepted; 0: accepted, and the queue is above the
 * high-water mark, so wait for resume_writing; or a code, and the datagram is
 * dropped: PLAIT_EFULL the queue is full, PLAIT_EMSGSIZE it is longer than
 * 65,507 bytes (IPv6: 65,527, UNIX: 65,535), PLAIT_EINVAL an address of another
 * family, or one where the socket has a peer, or none where it has not,
 * PLAIT_ECLOSED the socket is closing.
 */

/* Sends |len| bytes, which are yours again when this returns, to |to|; a client
 * to its peer with NULL. */
PLAIT_EXTERN int plait_datagram_send(plait_datagram *d, const void *data,
                                     size_t len, const plait_address *to);

/* The same from the address |from|, one of this host's, whose port does not
 * matter; NULL: the system's choice. */
PLAIT_EXTERN int plait_datagram_send_from(plait_datagram *d, const void *data,
                                          size_t len, const plait_address *to,
                                          const plait_address *from);

/* In datagram_received: answers the sender, from the address that was asked. */
PLAIT_EXTERN int plait_datagram_reply(plait_datagram *d,
                                      const plait_datagram_info *info,
                                      const void *data, size_t len);

/* Offers the queue to the system once more, drops and counts what it does not
 * take, and closes; |stopped| follows with 0, not inside this call. */
PLAIT_EXTERN void plait_datagram_close(plait_datagram *d);

/* ---- receiving --------------------------------------------------------*/

/* No datagram_received until plait_datagram_resume_reading(); what comes waits
 * in the system, which drops what its buffer has no room for (see
 * plait_datagram_options).  Datagrams that were received together with the one
 * whose callback pauses are kept, and come first then.  Meanwhile an error of
 * the network is told when something is sent, or when reading goes on. */
PLAIT_EXTERN void plait_datagram_pause_reading(plait_datagram *d);
/* Delivers nothing by itself: what is there comes after the running callback.
 */
PLAIT_EXTERN void plait_datagram_resume_reading(plait_datagram *d);

/* ---- multicast and broadcast ------------------------------------------
 *
 * Interfaces are numbers, as of if_nametoindex() or in plait_datagram_info; 0
 * is the system's choice.  0 or a negative code.  If several sockets of a port
 * join a group each gets a copy, so join in one (the reactor with index 0, or
 * options.reactor).  A socket gets what is sent to the groups it has joined
 * itself.
 */
/* Makes the socket a member of |group|; ends that. */
PLAIT_EXTERN int plait_datagram_join(plait_datagram *d,
                                     const plait_address *group,
                                     unsigned interface);
PLAIT_EXTERN int plait_datagram_leave(plait_datagram *d,
                                      const plait_address *group,
                                      unsigned interface);
/* How many networks what is sent to a group may cross, 0 to 255 [1]. */
PLAIT_EXTERN int plait_datagram_set_multicast_ttl(plait_datagram *d,
                                                  unsigned ttl);
/* Whether members on this host get what is sent to a group [yes]. */
PLAIT_EXTERN int plait_datagram_set_multicast_loop(plait_datagram *d, bool on);
/* By which interface it goes. */
PLAIT_EXTERN int plait_datagram_set_multicast_interface(plait_datagram *d,
                                                        unsigned interface);
/* Whether it may send to a broadcast address [no: PLAIT_EACCES]. */
PLAIT_EXTERN int plait_datagram_set_broadcast(plait_datagram *d, bool on);

/* ---- questions --------------------------------------------------------*/

/* The reactor it is on. */
PLAIT_EXTERN plait_reactor *plait_datagram_reactor(const plait_datagram *d);
/* What it is bound to, and the peer of a client: 0, or PLAIT_EINVAL if there
 * is none. */
PLAIT_EXTERN int plait_datagram_local(const plait_datagram *d,
                                      plait_address *ret);
PLAIT_EXTERN int plait_datagram_peer(const plait_datagram *d,
                                     plait_address *ret);
/* Bytes that wait to be handed to the system, and 256 for each datagram. */
PLAIT_EXTERN size_t plait_datagram_queued(const plait_datagram *d);
/* The descriptor, still plait's, or -1 when it is closed. */
PLAIT_EXTERN int plait_datagram_fd(const plait_datagram *d);

/* What has gone through a socket so far. */
typedef struct plait_datagram_stats {
  uint64_t received, received_bytes; /* that were delivered */
  uint64_t truncated;                /* of these */
  uint64_t sent, sent_bytes;         /* taken by the system */
  uint64_t dropped;                  /* sends that were not */
} plait_datagram_stats;

/* Also in |stopped|. */
PLAIT_EXTERN void plait_datagram_get_stats(const plait_datagram *d,
                                           plait_datagram_stats *ret);

PLAIT_END

#endif
