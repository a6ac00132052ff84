/* The simulated world, from inside: one clock, one random generator, one queue
 * of what is to happen, and the threads that take turns.
 *
 *      sim.c       the world as a whole, its clock, hash, random numbers
 *      event.c     what happens at a time of the clock
 *      fiber.c     switching stacks (ucontext, told to the sanitizers)
 *      thread.c    simulated threads, and who goes on
 *      loop.c      a reactor's loop        worker.c  a worker's steps and parks
 *      os.c host.c the tables of the seam: os and host
 *      memory.c    the accountant of allocations
 *      fault.c     which call fails
 *      net.c ...   the table io: descriptors, streams, listeners
 */
#ifndef PLAIT_SIM_SIM_H
#define PLAIT_SIM_SIM_H

#include <plait/sim.h>

#include "core/driver.h"

/* ---- what happens at a time: event.c ------------------------------------- */

/* Embedded in what waits.  |fn| runs between the turns of threads, on no
 * thread's stack that matters; it only changes the world and makes threads
 * runnable. */
typedef struct plait__sim_event {
  uint64_t at_ns;
  uint64_t number; /* of those at one time the first one set is the first */
  size_t place;    /* in the heap, from 1; 0: not set */
  void (*fn)(struct plait__sim_event *event);
} plait__sim_event;

/* Sets |event|, which may be set already, to |at_ns|.  There is always room:
 * events are reserved for when what embeds them is made. */
void plait__sim_at(plait__sim_event *event, uint64_t at_ns);
void plait__sim_unset(plait__sim_event *event);

/* ---- the world: sim.c -----------------------------------------------------
 */

/* The one that there is; NULL before and after. */
plait_sim *plait__sim(void);
const plait_sim_options *plait__sim_options(void); /* defaults filled in */
uint64_t plait__sim_now_ns(void);

/* A number below |bound|, 0 if that is 0; one from |min| to |max|. */
uint64_t plait__sim_below(uint64_t bound);
uint64_t plait__sim_between(uint64_t min, uint64_t max);
/* True with a chance of |ppm|; never once the world has healed. */
bool plait__sim_chance(uint32_t ppm);
bool plait__sim_healed(void);
/* A chance that does not heal: scheduling. */
bool plait__sim_luck(uint32_t ppm);

/* Each call of the seam says what it is (a name that stays, "io.read") and what
 * came of it. */
void plait__sim_trace(const char *call, uint64_t subject, int64_t result);

/* ---- who goes on: thread.c ------------------------------------------------
 */

/* At the start of a call of the seam: another thread may go on for a while. */
void plait__sim_point(void);

/* ---- which call fails: fault.c --------------------------------------------
 */

/* Asked by each call that may fail: whether it is to, be it the one of
 * plait_sim_fail_at() or by the chance |ppm|.  |site| is where. */
bool plait__sim_fails(const char *site, uint32_t ppm);

/* ---- a reactor's loop: loop.c ---------------------------------------------
 */

/* Something is ready for |loop|, or may be: it looks with
 * plait__sim_net_dispatch() the next time it goes on. */
void plait__sim_loop_ready(plait__loop *loop);

/* ---- the network: net.c ---------------------------------------------------
 */

extern const plait__io plait__sim_io;

int plait__sim_net_open(void);
void plait__sim_net_close(void);
/* Hands one round of events to |reactor| in an order that the seed gives, and
 * closed() to the sockets of |loop| that were closed.  Whether there were any.
 */
bool plait__sim_net_dispatch(plait__loop *loop, plait_reactor *reactor);
/* Descriptors that are open; the number of one for a message, or -1. */
unsigned plait__sim_net_count(void);
int plait__sim_net_first(void);
/* A partition begins or ends; the world heals: what is stalled goes on. */
void plait__sim_net_changed(void);
bool plait__sim_parted(void);

#endif
