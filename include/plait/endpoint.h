/* Listening and connecting, by endpoint string.
 *
 * The grammar is Twisted's: type:argument:key=value, where a backslash takes
 * the meaning from ':', '=' and '\' (so an IPv6 address is \:\:1).
 *
 * Servers:  tcp:8000[:interface=127.0.0.1][:backlog=511]   IPv4; with
 *             interface=\:\: it listens on IPv6 and IPv4
 *           tcp6:8000[:interface=\:\:1]                    IPv6 only
 *           unix:/run/x.sock[:mode=660][:backlog=511]
 *           fd:3                                  a descriptor that listens
 *           systemd:name=web, systemd:index=0     one that the service manager
 *             has bound (sd_listen_fds(3)): the first time that one is asked
 *             for, LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES are read and taken
 *             out of the environment, and all of them become close-on-exec
 *           stdio:                                one connection
 * Clients:  tcp:www.example.net:80[:timeout=30][:bind=127.0.0.2], tcp:db:http,
 *             tcp:127.0.0.1:8000, tcp:[\:\:1]:80
 *           unix:/run/x.sock[:timeout=30]
 *           process:/bin/cat[:arg=-n]...          a program's standard input
 *             and output, see plait/process.h
 *           stdio:
 *
 * These functions are legal before plait_run() and from any callback, be it on
 * a reactor or on a worker.
 */
#ifndef PLAIT_ENDPOINT_H
#define PLAIT_ENDPOINT_H

#include <plait/export.h>

PLAIT_BEGIN

/* All zero is a good default. */
typedef struct plait_listen_options {
  unsigned backlog; /* [511] */
} plait_listen_options;

/* Listens on |endpoint|: bound and listening when this returns, accepting from
 * the reactor, on all reactors of the runtime.  |options| and |ret| may be
 * NULL.  0, or a negative code with plait_error_detail() (PLAIT_EENDPOINT: the
 * string is wrong).  A listener that is taken is yours until
 * plait_listener_close() or plait_runtime_free(). */
PLAIT_EXTERN int plait_listen(plait_runtime *runtime, const char *endpoint,
                              plait_factory *factory,
                              const plait_listen_options *options,
                              plait_listener **ret);

/* The endpoint with the real port, such as "tcp:4001:interface=127.0.0.1";
 * good as long as the listener. */
PLAIT_EXTERN const char *plait_listener_endpoint(const plait_listener *l);

/* Accepts what already waits in the backlog, then stops listening; connections
 * live on.  Ends your ownership.  From any callback, or outside plait_run(). */
PLAIT_EXTERN void plait_listener_close(plait_listener *l);

/* "No jitter", which has to be asked for by name. */
#define PLAIT_NO_JITTER (-1.0)

/* Whether and when a connector connects anew.  All zero: it does not, and ends
 * with its first attempt.  0 in any other member means the default in brackets.
 *
 * It does so after an attempt that failed, and after the connection that it
 * made is over, and waits each time before.  The first wait is |initial_ms|,
 * each one after it |factor| times as long, up to |max_ms|; a connection that
 * lived for |healthy_ms| starts the row anew.  Of each wait a random part is
 * taken away, |jitter| of it at most, so that the clients of a server that
 * comes back do not come all at once.
 *
 *                                  initial   max      factor    jitter
 *     plait                        1 s       60 s     1.5       up to half less
 *     Twisted, ClientService       1 s       60 s     1.5       0 to 1 s more
 *     Twisted, Reconnecting-       1 s       3600 s   2.718...  normal, sigma
 *       ClientFactory                                           0.1196 of it
 *
 * (ClientService waits that long after its first failure, and anew from there
 * after each connection, however short.  ReconnectingClientFactory multiplies
 * before it waits for the first time, and only resetDelay() starts it anew.
 * Both go on for ever.) */
typedef struct plait_reconnect {
  uint32_t retries;    /* after failures in a row, which a connection ends;
       PLAIT_UNLIMITED: until it is stopped [0: it does not reconnect] */
  uint32_t initial_ms; /* [1,000] */
  uint32_t max_ms;     /* [60,000, or initial_ms if that is more] */
  double factor;       /* 1 to 1,000 [1.5] */
  double jitter;       /* a part of the wait, up to 1; PLAIT_NO_JITTER [0.5] */
  uint32_t healthy_ms; /* [10,000] */
} plait_reconnect;

/* All zero is a good default. */
typedef struct plait_connect_options {
  plait_reactor *reactor;    /* [the caller's, else the runtime's first] */
  uint32_t timeout_ms;       /* of one attempt: the lookup and all addresses;
       PLAIT_UNLIMITED: none [30,000]; timeout= in the endpoint wins */
  uint32_t attempt_delay_ms; /* between the addresses of a name, at least 10;
       PLAIT_UNLIMITED: the next one only when one failed [250] */
  plait_reconnect reconnect;
} plait_connect_options;

/* Connects to |endpoint|.  |options| and |ret| may be NULL.
 *
 * 0: attempts follow, and for each of them the protocol's connection_made or
 * the factory's connect_failed, exactly one of them, from the connector's
 * reactor.  There is one attempt, or with |reconnect| one after the other.  A
 * stop of the runtime gives an attempt up with PLAIT_ECANCELED and is followed
 * by no other.  Negative: nothing follows (see plait_listen; PLAIT_EINVAL: the
 * options make no sense).
 *
 * A name is looked up for each attempt.  Its addresses are tried as RFC 8305
 * has it (happy eyeballs): in the order of the resolver, but by turns of the
 * families; the next one |attempt_delay_ms| after the last, or at once when one
 * fails.  The first that connects wins, and the others are closed: no protocol
 * is made for them.  Of 64 addresses, that is: more are not tried.  With bind=
 * those of the other family fail untried.
 *
 * In connect_failed, plait_error_detail() tells the step and the address:
 *
 *     connect tcp:www.example.net:80: resolve: no such name or address
 *     connect tcp:db:80: connect 10.0.0.1:80: connection refused (and 2 more)
 *
 * The address is the one whose failure says most: what a peer answered or what
 * this process lacked comes before what the network said (no route, no answer),
 * and that before a family or an address that this host does not have; among
 * equals the first address.  If time was up it is the oldest one that had not
 * answered. */
PLAIT_EXTERN int plait_connect(plait_runtime *runtime, const char *endpoint,
                               plait_factory *factory,
                               const plait_connect_options *options,
                               plait_connector **ret);

/* No attempt begins any more, and one that is under way is given up:
 * connect_failed follows with PLAIT_ECANCELED, not inside this call.  Between
 * attempts nothing follows but the factory's |stopped|, and a connection lives
 * on.  Ends your ownership.  From any callback and any thread, until
 * plait_runtime_free(); off the connector's reactor it takes effect there a
 * little later.  In connect_failed, and only there, it is also legal if you did
 * not take the connector. */
PLAIT_EXTERN void plait_connector_stop(plait_connector *c);

/* In connect_failed: whether another attempt follows, |ret_ms| (may be NULL)
 * from now. */
PLAIT_EXTERN bool plait_connector_retries(const plait_connector *c,
                                          uint32_t *ret_ms);

/* The endpoint it connects to; good as long as the connector. */
PLAIT_EXTERN const char *plait_connector_endpoint(const plait_connector *c);

/* Makes a connection of the connected stream socket |fd| (TCP, UNIX or one end
 * of a pair).  0: |fd| is plait's, and connection_made follows from the
 * reactor, unless the factory refuses or memory is out: then |fd| is closed.
 * Negative, with plait_error_detail(): |fd| is still yours, maybe non-blocking
 * by then.  PLAIT_EBADF, PLAIT_ENOTSOCK, PLAIT_EINVAL (no stream, not
 * connected, or the factory makes no sense), PLAIT_ENOMEM. */
PLAIT_EXTERN int plait_adopt(plait_reactor *reactor, int fd,
                             plait_factory *factory);

/* Makes a connection of standard input and output, whatever they are:
 * terminals, pipes, files, sockets, /dev/null.  The flags and modes that they
 * share with other processes are left alone.  One at a time (PLAIT_EBUSY);
 * from connection_lost on plait holds nothing of them.
 * 0: connection_made follows from the reactor.  Negative, with
 * plait_error_detail(), and nothing follows. */
PLAIT_EXTERN int plait_stdio(plait_reactor *reactor, plait_factory *factory);

PLAIT_END

#endif
