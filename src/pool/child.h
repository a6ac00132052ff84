/* A child process: started on a lane of its own, waited for on its reactor,
 * ended by a ladder of signals.  What it has for descriptors is its owner's
 * business.
 *
 *     BEGINS --mail--> STARTS --lane, mail--> RUNS --its descriptor--> OVER
 *        |                |                  TERM, KILL
 *        +----------------+--> OVER: it was closed, or failed to start
 */
#ifndef PLAIT_POOL_CHILD_H
#define PLAIT_POOL_CHILD_H

#include <plait/process.h>

#include "core/reactor.h"
#include "core/stream.h"
#include "pool/pool.h"

typedef struct plait__child plait__child;

enum {
  PLAIT__CHILD_TERM = 15, /* as Linux has them everywhere */
  PLAIT__CHILD_KILL = 9,
  PLAIT__CHILD_SIGNALS = 64,
  PLAIT__CHILD_TERM_MS = 5000,
  PLAIT__CHILD_DRAIN_MS = 2000,
  PLAIT__CHILD_FDS_NUMBER = 1023
};

/* On its reactor, with nothing of the core's on the stack. */
typedef struct plait__child_events {
  /* It runs; or it does not, and |code| with the error detail says why: then
   * nothing follows. */
  void (*began)(plait__child *c, int code);
  /* The runtime is stopping, and it runs. */
  void (*draining)(plait__child *c);
  /* It is over, as c->end says; the last one. */
  void (*exited)(plait__child *c);
  /* Instead of all others: the runtime is being freed. */
  void (*dropped)(plait__child *c);
} plait__child_events;

typedef enum plait__child_state {
  PLAIT__CHILD_BEGINS,
  PLAIT__CHILD_STARTS,
  PLAIT__CHILD_RUNS,
  PLAIT__CHILD_OVER
} plait__child_state;

/* Embedded in what it is for. */
struct plait__child {
  const plait__child_events *events;
  plait_pool *pool;
  plait_reactor *reactor;
  plait__spawn spawn;
  plait__spawn_fd fds[PLAIT__SPAWN_FDS_MAX];
  void *block; /* what |spawn| points to */
  plait__child_state state;
  bool closing;  /* plait__child_close() was called */
  bool watched;  /* else |look| rings now and then */
  uint64_t sent; /* signals, as bits */
  uint32_t term_ms, look_ms;
  int code; /* of the start, and where it failed */
  const char *step;
  plait__kid kid;
  plait__socket socket;
  plait__alarm look, ladder;
  plait__job job;
  plait__mail mail;
  plait_process_end end;
  plait__child *next, *prev; /* of the reactor's */
};

/* What its standard input and output are. */
typedef enum plait__child_stdio {
  PLAIT__CHILD_PIPES,     /* what its options say */
  PLAIT__CHILD_SOCKET,    /* one end of a pair; the first of |fds| has ours */
  PLAIT__CHILD_CONNECTION /* |fd| */
} plait__child_stdio;

/* |c|, which is zeroed, for |options|; descriptors that it inherits are copied,
 * and so is |fd|.  0, or a code with the error detail. */
int plait__child_init(plait__child *c, plait_pool *pool, plait_reactor *reactor,
                      const plait_process_options *options,
                      plait__child_stdio stdio, int fd,
                      const plait__child_events *events);
/* Starts it; |began| follows, not inside this call.  A reference to the runtime
 * is its own from here to plait__child_fini(). */
void plait__child_start(plait__child *c);
/* Frees what is its own: it is OVER, or was dropped. */
void plait__child_fini(plait__child *c);
/* The same for one that was never started. */
void plait__child_undo(plait__child *c);

int plait__child_signal(plait__child *c, int number);
/* SIGTERM, and later SIGKILL. */
void plait__child_close(plait__child *c);
/* SIGKILL. */
void plait__child_kill(plait__child *c);

/* Whether all is delivered that a child can have written that has ended when
 * |owed| bytes were received or there to be read. */
static inline bool plait__child_is_drained(const plait__stream *s,
                                           uint64_t owed) {
  return s->phase != PLAIT__OPEN ||
         (s->received_bytes >= owed && s->leftover == NULL &&
          !plait__stream_stalled(s));
}

/* ---- for the pool -------------------------------------------------------- */

/* |reactor| begins to drain; its grace is over. */
void plait__children_drain(plait_reactor *reactor);
void plait__children_cut(plait_reactor *reactor);

/* ---- spawn.c ------------------------------------------------------------- */

/* Fills in |c->spawn| and its descriptors from |options|. */
int plait__spawn_plan(plait__child *c, const plait_process_options *options,
                      plait__child_stdio stdio, int fd);
/* Closes our copies of what it inherits. */
void plait__spawn_close_copies(plait__child *c);
/* Closes our ends, which nobody has taken. */
void plait__spawn_close_ends(plait__child *c);

#endif
