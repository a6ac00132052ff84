/* The contract: what every transport does, whatever carries it.
 *
 * A behaviour is one function that scripts the ends of a world, plays it and
 * says what must have happened.  Themes are files; contract.c has the table of
 * what applies where.
 */
#ifndef PLAIT_TESTS_CONTRACT_H
#define PLAIT_TESTS_CONTRACT_H

#include <check.h>

#include "support/world.h"

/* Where a behaviour applies.
 *
 * Who waits for an answer has no pipe.  A terminal in raw mode ends when its
 * descriptor closes and no sooner, and knows no reset: nothing there waits for
 * the peer's end in order to close.  What the slave has not read goes with the
 * master; what the master has not read outlives the slave: so a side that sends
 * and closes at once has the slave. */
enum {
  ON_TCP = 1u << MEDIUM_TCP,
  ON_UNIX = 1u << MEDIUM_UNIX,
  ON_PAIR = 1u << MEDIUM_PAIR,
  ON_BACKGROUND = 1u << MEDIUM_BACKGROUND,
  ON_PROCESS = 1u << MEDIUM_PROCESS,
  ON_STDIO = 1u << MEDIUM_STDIO, /* one connection at a time */
  ON_UP = 1u << MEDIUM_UP,
  ON_DOWN = 1u << MEDIUM_DOWN,
  ON_PTYC = 1u << MEDIUM_PTY_CLIENT,
  ON_PTYS = 1u << MEDIUM_PTY_SERVER,
  ON_KERNEL = 1u << 16, /* real sockets */
  ON_SIM = 1u << 17,    /* the simulator, with its virtual clock */

  ON_SOCKETS = ON_TCP | ON_UNIX | ON_PAIR | ON_PROCESS,
  ON_STREAMS = ON_SOCKETS | ON_BACKGROUND | ON_STDIO,
  ON_PTY = ON_PTYC | ON_PTYS,
  ON_ALL = ON_STREAMS | ON_UP | ON_DOWN | ON_PTY,
  /* A simulated child looks around all the time: months of that take long. */
  ON_LASTING = ON_TCP | ON_UNIX | ON_PAIR,
  ON_LISTENERS = ON_TCP | ON_UNIX,
  ON_BOTH = ON_KERNEL | ON_SIM
};

struct behaviour {
  const char *name;
  void (*check)(struct world *w);
  unsigned where;
};

/* Each ends with a nameless one. */
extern const struct behaviour abuse_behaviours[];
extern const struct behaviour closing_behaviours[];
extern const struct behaviour framing_behaviours[];
extern const struct behaviour lifetime_behaviours[];
extern const struct behaviour matrix_behaviours[];
extern const struct behaviour reading_behaviours[];
extern const struct behaviour stopping_behaviours[];
extern const struct behaviour switching_behaviours[];
extern const struct behaviour task_behaviours[];
extern const struct behaviour timer_behaviours[];
extern const struct behaviour writing_behaviours[];

/* Behaviour |i| of all themes, or NULL behind the last. */
const struct behaviour *contract_behaviour(unsigned i);

/* How many reactors there are, and where callbacks run. */
struct contract_mode {
  const char *name;
  unsigned reactors;
  plait_dispatch dispatch;
};

bool contract_applies(const struct behaviour *b, enum medium medium,
                      unsigned backend, const struct contract_mode *mode);

/* Prints what applies where. */
void contract_print_table(unsigned backend, const struct contract_mode *modes,
                          unsigned n);

/* Adds a test case for each behaviour.  |test| is looped over what applies: of
 * its number _i / CELLS is the behaviour, with n * MEDIA cells, and the rest
 * the medium times n and the mode. */
void contract_add(Suite *s, const TTest *test, unsigned backend,
                  const struct contract_mode *modes, unsigned n);

enum { CONTRACT_KERNEL_MODES = 2 };

/* kernel.c: main() of a program that runs it in these modes. */
int contract_on_kernel(const struct contract_mode *modes);

/* For scripts: |s| does this in |event|. */
static inline void on(struct spy_side *side, enum spy_event event,
                      spy_action *action) {
  side->kinds[0].script.on[event] = action;
}

/* The same for what follows a switch. */
static inline void on_next(struct spy_side *side, enum spy_event event,
                           spy_action *action) {
  side->kinds[1].script.on[event] = action;
}

#endif
