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
 *           stdio:                                one connection
 * Clients:  tcp:127.0.0.1:8000[:timeout=30][:bind=127.0.0.2], tcp:[\:\:1]:80
 *           unix:/run/x.sock[:timeout=30]
 *           stdio:
 *
 * These functions are legal before plait_run() and from any callback.
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
 * live on.  Ends your ownership.  From a reactor, or outside plait_run(). */
PLAIT_EXTERN void plait_listener_close(plait_listener *l);

typedef struct plait_connect_options {
  plait_reactor *reactor; /* [the caller's, else the runtime's first] */
  uint32_t timeout_ms;    /* [30,000]; timeout= in the endpoint wins */
} plait_connect_options;

/* Connects to |endpoint|.  |options| and |ret| may be NULL.  0: the protocol's
 * connection_made or the factory's connect_failed follows, exactly one of
 * them, from the reactor; a stop of the runtime gives an attempt up with
 * PLAIT_ECANCELED.  Negative: neither follows (see plait_listen). */
PLAIT_EXTERN int plait_connect(plait_runtime *runtime, const char *endpoint,
                               plait_factory *factory,
                               const plait_connect_options *options,
                               plait_connector **ret);

/* Gives the attempt up, if it is still under way: connect_failed follows with
 * PLAIT_ECANCELED.  Ends your ownership.  On the connector's reactor, or
 * outside plait_run(). */
PLAIT_EXTERN void plait_connector_stop(plait_connector *c);

/* The endpoint it connects to; good as long as the connector. */
PLAIT_EXTERN const char *plait_connector_endpoint(const plait_connector *c);

/* Makes a connection of the connected stream socket |fd| (TCP, UNIX or one end
 * of a pair).  0: |fd| is plait's, and connection_made follows from the
 * reactor, unless the factory refuses or memory is out: then |fd| is closed.
 * Negative: |fd| is still yours. */
PLAIT_EXTERN int plait_adopt(plait_reactor *reactor, int fd,
                             plait_factory *factory);

/* Makes a connection of standard input and output, whatever they are:
 * terminals, pipes, files, sockets, /dev/null.  The flags and modes that they
 * share with other processes are left alone.  One at a time (PLAIT_EBUSY).
 * 0: connection_made follows from the reactor. */
PLAIT_EXTERN int plait_stdio(plait_reactor *reactor, plait_factory *factory);

PLAIT_END

#endif
