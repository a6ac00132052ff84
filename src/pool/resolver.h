/* The inside of the resolver.
 *
 *   query (yours) --- request --+
 *                               +-- lookup --- backend: a thread, or c-ares
 *   query (yours) --- request --+
 *
 * A request is the resolver's part of a query; it goes on when the query has
 * ended early.  All requests of a reactor for the same are one lookup.  Both
 * live on that reactor, but for the last step: a request is answered in the
 * serial context of its owner.
 */
#ifndef PLAIT_POOL_RESOLVER_H
#define PLAIT_POOL_RESOLVER_H

#include <plait/resolver.h>
#include <stdatomic.h>

#include "core/reactor.h"
#include "pool/pool.h"

typedef struct plait__request plait__request;
typedef struct plait__lookup plait__lookup;

enum { PLAIT__LOOKUP_BUCKETS = 64, PLAIT__QUERIES_MAX = 65536 };

/* How lookups are done.  On the lookup's reactor. */
struct plait__lookup_backend {
  /* 0: plait__lookup_complete() follows, on that reactor and not inside
   * start(); or a code. */
  int (*start)(plait__lookup *lookup);
  /* Nobody waits for it any more.  It may complete all the same; true: it never
   * will. */
  bool (*cancel)(plait__lookup *lookup);
  /* When it began, in nanoseconds of the clock; 0: it has not. */
  uint64_t (*began)(plait__lookup *lookup);
  /* On each reactor when the grace is over, optional. */
  void (*cut)(plait_resolver *resolver, plait_reactor *reactor);
  /* When plait_run() is over, while there still are reactors, optional. */
  void (*close)(plait_resolver *resolver);
};

/* Threads of their own that ask the system. */
extern const plait__lookup_backend plait__lookup_system;
/* c-ares on the reactor that asks (src/cares) is plait__lookup_cares, which
 * core/runtime.h declares.  For tests: whom it asks, "127.0.0.1:5300", instead
 * of the name servers of resolv.conf, and without its search list. */
extern const char *plait__cares_servers;

/* What is asked, and what came out. */
struct plait__lookup {
  plait_resolver *resolver;
  plait_reactor *reactor;
  plait__question question; /* its texts lie behind it */
  plait__found found;
  int code;
  plait__request *first; /* that wait for it */
  plait__lookup *next;   /* in its bucket */
  bool listed;
  atomic_uint refs; /* requests, and the backend */
  /* For a thread that may outlive all else. */
  const plait__os *os;
  const plait__host *host;
  uint64_t began_ns; /* the backend's, as the rest: */
  plait__job job;
  plait__mail mail;
  void *data;
  char text[];
};

/* What a resolver keeps for a reactor. */
typedef struct plait__resolver_home {
  plait_resolver *resolver;
  plait__lookup *lookups[PLAIT__LOOKUP_BUCKETS]; /* under way */
  plait__request *all;
  plait__request *ordered_first, *ordered_last; /* not answered yet */
  plait__request *on_strand; /* ordered, and to be answered there */
  plait__mail cut;
  void *backend; /* the backend's */
} plait__resolver_home;

struct plait_resolver {
  plait_pool *pool;
  const plait__lookup_backend *backend;
  atomic_bool cut;
  atomic_uint waiting;
  atomic_uint queued, running, stuck; /* of a backend without a lane */
  atomic_uint_least64_t asked, shared, literal, timed_out, cancelled, refused;
  plait__resolver_home homes[]; /* by the reactors' indices */
};

struct plait__request {
  plait_resolver *resolver;
  plait_reactor *reactor;
  plait_query *query;       /* the serial context's; NULL: it has ended */
  plait_handle owner;       /* 0: none */
  plait__question question; /* its texts lie behind it */
  uint32_t timeout_ms;
  int code;
  atomic_bool cancelled;
  atomic_uint refs; /* its way to the answer, and a cancel under way */

  /* the reactor's */
  plait__lookup *lookup;
  plait__request *next, *prev; /* of the lookup's */
  plait__request *all_next, *all_prev;
  plait__request *after; /* in the order of answers */
  bool linked, waits, ordered, ready;
  bool away; /* its owner's callbacks run on workers */
  plait__alarm alarm;

  plait__mail begin, cancel, answer;
  plait_call call;
  char text[];
};

/* ---- resolver.c ---------------------------------------------------------- */

/* Ends its backend's part of the reactors. */
void plait__resolver_close(plait_resolver *resolver);
/* Frees it; nothing is under way. */
void plait__resolver_free(plait_resolver *resolver);
/* The grace is over: everything is cancelled. */
void plait__resolver_cut(plait_resolver *resolver);

static inline plait__resolver_home *
plait__resolver_home_of(plait_resolver *resolver,
                        const plait_reactor *reactor) {
  return &resolver->homes[reactor->index];
}

/* ---- request.c ----------------------------------------------------------- */

/* A request for |query|, or NULL; its text is copied. */
plait__request *plait__request_new(plait_resolver *resolver,
                                   plait_reactor *reactor, plait_query *query);
void plait__request_unref(plait__request *request);
/* On its reactor: looks it up. */
void plait__request_begin(plait__request *request);
/* On its reactor: it is answered soon, with what its lookup found if 0. */
void plait__request_done(plait__request *request, int code);
/* On its reactor: sends what is ready at the head of the queue. */
void plait__ordered_send(plait__resolver_home *home);
/* Any thread: it is given up. */
void plait__request_cancel(plait__request *request);
/* In the serial context: its query is told, unless it has ended. */
void plait__request_tell(plait__request *request, int code);

/* ---- lookup.c ------------------------------------------------------------ */

/* Joins a lookup for the same, or starts one.  0, or a code. */
int plait__lookup_join(plait__request *request);
/* |request| does not wait for it any more. */
void plait__lookup_leave(plait__request *request);
/* Answers |request| from its text; false: it has to be looked up. */
bool plait__lookup_literal(plait__request *request, int *ret_code);
void plait__lookup_unref(plait__lookup *lookup);
/* The backend's: |lookup->found| is filled in if |code| is 0.  It lets go of
 * it.
 */
void plait__lookup_complete(plait__lookup *lookup, int code);
/* Copies |question| with its texts to |text|, which has room for them. */
void plait__question_copy(plait__question *to, const plait__question *from,
                          char *text);
size_t plait__question_size(const plait__question *question);

#endif
