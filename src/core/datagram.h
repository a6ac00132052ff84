/* Datagram sockets, from inside.
 *
 *      datagram.c          a socket's life: begins, receives, is attended to
 *      datagram_send.c     the outbox of a reactor and the queue of a socket
 *      datagram_pause.c    what is held while reading is paused
 *      datagram_deliver.c  calls protocols
 *      datagram_port.c     ports: what is opened, and its sockets
 *      datagram_search.c   a port whose peer has a name, until it has a socket
 *      datagram_verbs.c    questions and settings
 *
 * A reactor that receives has one area for all its sockets, so that an idle one
 * has no buffer.  Law 1 holds as with streams: what calls cause is noted in
 * |due| and done after the callbacks of a batch, or by the turn.
 */
#ifndef PLAIT_CORE_DATAGRAM_H
#define PLAIT_CORE_DATAGRAM_H

#include <plait/datagram.h>
#include <stdatomic.h>
#include <string.h>

#include "core/finder.h"
#include "core/reactor.h"

enum {
  PLAIT__PORT_TEXT_MAX = 320,    /* a UNIX path, all of it escaped */
  PLAIT__DATAGRAM_EVENTS = 256,  /* of a wake-up, about */
  PLAIT__DATAGRAM_WIDTH = 4,     /* at first: 64 may come as one */
  PLAIT__DATAGRAMS = 32,         /* received at a time */
  PLAIT__DATAGRAM_ALONE = 8,     /* see |alone| */
  PLAIT__DATAGRAM_LOOK = 32,     /* one wake-up of so many asks for more */
  PLAIT__DATAGRAM_BYTES = 65535, /* no datagram is longer */
  PLAIT__DATAGRAM_COST = 256,    /* what a queued one counts besides */
  PLAIT__POST_PACKETS = 64,      /* the outbox: datagrams, and bytes */
  PLAIT__POST_BYTES = 64 * 1024
};

/* What attention is due. */
enum {
  PLAIT__DATAGRAM_ERROR = 1u << 0,
  PLAIT__DATAGRAM_RESUME = 1u << 1,
  PLAIT__DATAGRAM_DRAIN = 1u << 2,
  PLAIT__DATAGRAM_END = 1u << 3,
  PLAIT__DATAGRAM_UNHOLD = 1u << 4 /* reading goes on */
};

typedef struct plait__datagram_node plait__datagram_node;
typedef struct plait__datagram_held plait__datagram_held;
typedef struct plait__datagram_search plait__datagram_search;

struct plait_datagram {
  plait_reactor *reactor;
  plait_datagram_port *port;
  plait_datagram_protocol *p; /* NULL once it is freed */
  plait__mail arm, close;
  plait_datagram *next, *prev; /* of the reactor, while open */
  plait_datagram *next_ready;
  int fd; /* until it is attached */
  enum {
    PLAIT__DATAGRAM_NEW,
    PLAIT__DATAGRAM_OPEN,
    PLAIT__DATAGRAM_CLOSING, /* |stopped| is to follow */
    PLAIT__DATAGRAM_GONE     /* it was called */
  } state;
  uint8_t due;
  bool ready;       /* in the reactor's list */
  bool told_drain;  /* or there is no need to */
  bool close_asked; /* by the port's owner, maybe before it was armed */
  bool blocked;     /* the system takes no more; WRITABLE will tell */
  bool wanting;     /* resume_writing is owed */
  bool paused;      /* nothing is delivered */
  uint8_t width;    /* how many to receive at a time */
  uint8_t alone;    /* so many times in a row one came by itself */
  int reason;
  int error; /* the first that was not told */
  plait_address error_to;
  plait__datagram_node *queue_first, *queue_last;
  size_t queue_bytes;
  plait__datagram_held *held_first, *held_last;
  plait_datagram_stats stats;
  plait__socket socket; /* the last member */
};

struct plait_datagram_port {
  plait_runtime *runtime;
  plait_datagram_factory *factory;
  plait_reactor *home;          /* whose list it is in */
  plait_reactor *one;           /* of the socket, if it has but one */
  plait_datagram_limits limits; /* defaults filled in */
  plait_address local, peer;
  char endpoint[PLAIT__PORT_TEXT_MAX];
  _Atomic(unsigned) refs;         /* sockets, mail, the pointer's owner */
  _Atomic(unsigned) open;         /* sockets */
  plait__datagram_search *search; /* NULL: the peer has no name */
  plait__mail begin, ended, gone;
  plait_datagram_port *next, *prev;
  unsigned count;
  plait_datagram *sockets[];
};

/* What a reactor has for all its sockets, once one has received or sent. */
struct plait__datagram_area {
  uint8_t *input; /* PLAIT__DATAGRAMS times |stride| bytes */
  size_t stride;
  plait__packet received[PLAIT__DATAGRAMS];
  /* The outbox: of one socket at a time. */
  plait_datagram *owner;
  unsigned count;
  size_t used;
  plait__packet posted[PLAIT__POST_PACKETS];
  uint8_t output[PLAIT__POST_BYTES];
};

/* The path is for UNIX alone, and most of an address. */
static inline void plait__address_copy(plait_address *to,
                                       const plait_address *from) {
  if (from->family == PLAIT_UNIX) {
    *to = *from;
  } else {
    memcpy(to, from, offsetof(plait_address, path));
    to->path[0] = '\0';
  }
}

/* ---- datagram.c ---------------------------------------------------------- */

/* NULL: out of memory; |fd| is still the caller's. */
plait_datagram *plait__datagram_new(plait_datagram_port *port, plait_reactor *r,
                                    int fd);
/* The port's memory goes. */
void plait__datagram_free(plait_datagram *d);
/* On its reactor: receives from now on. */
void plait__datagram_arm(plait_datagram *d);
/* |reason| is that of |stopped|, which follows. */
void plait__datagram_end(plait_datagram *d, int reason);
/* Attention is due: after the running batch, or in the turn. */
void plait__datagram_need(plait_datagram *d, unsigned due);
/* Watches what it waits for. */
void plait__datagram_interest(plait_datagram *d);
/* Delivers what came as one, datagram by datagram; how many there were.  What
 * is left of it when reading is paused meanwhile stays in |packet|. */
unsigned plait__datagram_hand_on(plait_datagram *d, plait__packet *packet);
/* Of |r|, or NULL: out of memory. */
plait__datagram_area *plait__datagram_area_of(plait_reactor *r);

static inline bool plait__datagram_works(const plait_datagram *d) {
  return d->state == PLAIT__DATAGRAM_OPEN;
}

/* ---- datagram_send.c ----------------------------------------------------- */

/* What is in the outbox leaves, or moves to its owner's queue. */
void plait__datagram_post(plait_reactor *r);
/* Offers the queue of |d| to the system. */
void plait__datagram_flush(plait_datagram *d);
/* Drops and counts the queue. */
void plait__datagram_drop(plait_datagram *d);
/* An error to be told. */
void plait__datagram_note(plait_datagram *d, int code, const plait_address *to);

/* ---- datagram_pause.c ---------------------------------------------------- */

/* Keeps a copy of |packet| until reading goes on. */
void plait__datagram_hold(plait_datagram *d, const plait__packet *packet);
/* Delivers what is held, unless reading is paused. */
void plait__datagram_unhold(plait_datagram *d);
/* Drops it. */
void plait__datagram_release(plait_datagram *d);

/* ---- datagram_deliver.c -------------------------------------------------- */

void plait__deliver_started(plait_datagram *d);
void plait__deliver_datagram(plait_datagram *d, plait__packet *packet);
void plait__deliver_error(plait_datagram *d, int code, const plait_address *to);
void plait__deliver_datagram_resume(plait_datagram *d);
void plait__deliver_datagram_draining(plait_datagram *d);
void plait__deliver_stopped(plait_datagram *d, int reason);

/* Debug builds: stops with a message unless the calling thread may use |d|. */
#if PLAIT_DEBUG
void plait__check_datagram_home(const plait_datagram *d, const char *function);
#else
#define plait__check_datagram_home(d, function) ((void)(d), (void)(function))
#endif

/* ---- datagram_port.c ----------------------------------------------------- */

void plait__datagram_port_unref(plait_datagram_port *port);
/* A socket is gone. */
void plait__datagram_port_left(plait_datagram_port *port);

/* Adds sockets of |fds|, one for each reactor or one alone; takes all of them,
 * also when it fails. */
int plait__datagram_port_add(plait_datagram_port *port, const int *fds,
                             unsigned n);
/* At home: they begin. */
void plait__datagram_port_arm(plait_datagram_port *port);
/* Its sockets close, and the pointer's owner is gone. */
void plait__datagram_port_end(plait_datagram_port *port);
void plait__datagram_port_free(plait_datagram_port *port);

/* For src/endpoint.  A port without sockets, and |spec| with what |options| say
 * filled in; |spec->peer| is NULL for a server. */
int plait__datagram_port_new(plait_runtime *runtime, plait__datagram_spec *spec,
                             plait_datagram_factory *factory,
                             const plait_datagram_options *options,
                             plait_datagram_port **ret);
/* Opens its sockets; else it is freed. */
int plait__datagram_port_open(plait_datagram_port *port,
                              const plait__datagram_spec *spec);
void plait__datagram_port_set_endpoint(plait_datagram_port *port,
                                       const char *text);
void plait__datagram_port_disown(plait_datagram_port *port);

/* ---- datagram_search.c --------------------------------------------------- */

/* Finds the peer of |port|, which has its endpoint, by |finder|, which is the
 * port's from now on.  0, or PLAIT_ENOMEM: both are freed. */
int plait__datagram_search_start(plait_datagram_port *port,
                                 const plait__datagram_spec *spec,
                                 plait__finder *finder);
/* At home: it is given up, if it is under way. */
void plait__datagram_search_stop(plait__datagram_search *s);
/* plait_datagram_port_close() of a port with a search. */
void plait__datagram_search_close(plait__datagram_search *s);
void plait__datagram_search_free(plait__datagram_search *s);

/* ---- for reactor.c ------------------------------------------------------- */

void plait__datagrams_turn(plait_reactor *r);
void plait__datagrams_drain(plait_reactor *r);
void plait__datagrams_cut(plait_reactor *r);
void plait__datagram_ports_free(plait_reactor *r);

#endif
