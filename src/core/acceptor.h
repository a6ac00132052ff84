/* An acceptor: one listening socket on one reactor. */
#ifndef PLAIT_CORE_ACCEPTOR_H
#define PLAIT_CORE_ACCEPTOR_H

#include "core/listener.h"
#include "core/reactor.h"

enum {
  PLAIT__ACCEPTS = 64,         /* a wake-up */
  PLAIT__STARVED_FIRST_MS = 5, /* out of descriptors: doubling */
  PLAIT__STARVED_MAX_MS = 500,
  PLAIT__SETTLE_MS = 25 /* for handshakes in flight when a drain begins */
};

struct plait_listener {
  plait_runtime *runtime;
  plait_factory *factory;
  plait_reactor *home; /* whose list it is in */
  char *endpoint;
  plait_address address;
  bool inherited;         /* the descriptor may be shared: it is only closed */
  bool spread;            /* one acceptor hands connections to all reactors */
  unsigned next_target;   /* of those */
  _Atomic(unsigned) refs; /* open acceptors, mail, the pointer's owner */
  plait__mail link, begin, gone;
  plait_listener *next, *prev;
  unsigned acceptor_count;
  plait__acceptor *acceptors[];
};

struct plait__acceptor {
  plait_reactor *reactor;
  plait_listener *listener;
  plait__mail arm, close;
  plait__alarm alarm;    /* starved: retry; draining: settle */
  plait__acceptor *next; /* of the reactor, while armed */
  int fd;                /* until it is attached */
  uint32_t starved_ms;
  enum {
    PLAIT__ACCEPTOR_NEW,
    PLAIT__ACCEPTOR_ARMED,
    PLAIT__ACCEPTOR_DRAINING,
    PLAIT__ACCEPTOR_ENDED
  } state;
  bool hungry, close_asked;
  plait__socket socket; /* the last member */
};

/* An acceptor of |l| for |fd|; NULL: out of memory, and |fd| is closed.  The
 * listener frees it: mail may name it after it has ended. */
plait__acceptor *plait__acceptor_new(plait_listener *l, plait_reactor *r,
                                     int fd);
void plait__acceptor_free(plait__acceptor *a);

/* On its reactor: listens from now on.  (The mails |arm| and |close| are for
 * getting there; |close| holds a reference of the listener's.) */
void plait__acceptor_arm(plait__acceptor *a);

void plait__listener_unref(plait_listener *l);

#endif
