/* A reactor: what the core keeps per event loop. */
#ifndef PLAIT_CORE_REACTOR_H
#define PLAIT_CORE_REACTOR_H

#include <plait/datagram.h>
#include <plait/reactor.h>

#include "core/chunk.h"
#include "core/driver.h"
#include "core/mailbox.h"
#include "core/queue.h"
#include "core/runtime.h"
#include "core/slot.h"
#include "core/wheel.h"

typedef struct plait__stream plait__stream;
typedef struct plait__acceptor plait__acceptor;
typedef struct plait__cookie plait__cookie;
typedef struct plait__background plait__background;
typedef struct plait__datagram_area plait__datagram_area;
typedef struct plait__pass plait__pass;

enum {
  PLAIT__TURN_EVENTS = 256, /* events between two turns at most */
  PLAIT__TURN_NS = 2000000, /* time between two turns, about */
  PLAIT__CLOCK_EVENTS = 8,  /* events between two looks at the clock */
  PLAIT__TURN_MAIL = 16384, /* mailbox entries a turn at most */
  PLAIT__CLOCK_MAIL = 256   /* entries between two looks at the clock */
};

struct plait_reactor {
  plait_runtime *runtime;
  const plait__io *io;
  const plait__os *os;
  plait__loop *loop;
  plait__slots *slots;
  unsigned index;

  plait__mailbox mailbox;
  plait__wheel wheel;
  uint64_t armed_ms; /* what the loop's timer is set to */
  uint64_t turn_ns;  /* when the last turn was taken */
  uint64_t now_ms;   /* the clock as of the last look at it */
  bool waited;       /* since then, maybe for long */
  unsigned events;   /* since the last turn */
  bool in_batch;     /* a turn is going to follow in any case */

  plait__stream *current;                  /* whose callback is running */
  plait__stream *ready_first, *ready_last; /* see plait__stream_need() */
  plait__chunk *chunk;                     /* the next read goes here */
  atomic_uint chunks;                      /* that are not freed */
  plait__outbox outbox;

  plait__acceptor *acceptors;
  plait_listener *listeners; /* that were made on this reactor */
  plait_connector *connectors;
  struct plait__child *children;                         /* the pool's */
  plait_datagram *datagrams, *datagrams_ready, *calling; /* see datagram.h */
  plait_datagram_port *datagram_ports; /* that were opened on this reactor */
  plait__datagram_area *datagram_area;
  plait__cookie *cookies;
  struct plait_signal *signals; /* that are waited for */
  plait__pass *passed, *caught; /* descriptors that streams bring along */
  struct plait_idle *idles;     /* the one whose turn it is */
  unsigned idle_round;
  plait__background *backgrounds; /* functions that have a thread */
  _Atomic(int) functions; /* references to the runtime that those account for
                             that have not returned */
  _Atomic(const char *) function; /* one of them, for messages */
  plait__mail drain;              /* to itself, once it is to stop */
  plait__alarm grace;
  unsigned expected; /* tasks that are to come back */
  plait__stage stage;
  unsigned room_seen; /* of the runtime's |room| */
  bool draining, cut;
  plait_reactor_stats stats;
  _Atomic(uint64_t) wakes; /* by other threads */
};

int plait__reactor_init(plait_reactor *r, plait_runtime *runtime,
                        const plait_backend *driver, unsigned index);
/* plait_runtime_free(), in two steps over all reactors: undelivered mail gets
 * |drop| and descriptors close; then the rest goes. */
void plait__reactor_close(plait_reactor *r);
void plait__reactor_fini(plait_reactor *r);

/* The reactor whose loop the calling thread runs, or NULL. */
plait_reactor *plait__here(void);
void plait__set_here(plait_reactor *r);
/* What plait_reactor_current() answers on a thread that runs no loop. */
void plait__set_current(plait_reactor *r);

/* Any thread: |mail| is delivered on |r|'s thread. */
void plait__reactor_mail(plait_reactor *r, plait__mail *mail);

/* A clock read just now; r->now_ms follows. */
uint64_t plait__reactor_clock(plait_reactor *r);

/* The clock as traffic is stamped with it: as of the last look since the loop
 * has waited. */
static inline uint64_t plait__reactor_stamp(plait_reactor *r) {
  return r->waited ? plait__reactor_clock(r) : r->now_ms;
}

/* |alarm| rings in |after_ms|, counted from now, never early. */
void plait__reactor_alarm(plait_reactor *r, plait__alarm *alarm,
                          uint64_t after_ms);
static inline void plait__reactor_unalarm(plait_reactor *r,
                                          plait__alarm *alarm) {
  plait__wheel_unset(&r->wheel, alarm);
}

void plait__cookies_eat(plait_reactor *r);

/* There are idle functions, and nothing else is to be done now. */
void plait__idles_run(plait_reactor *r);

#endif
