/* The simulated world, from inside: one clock, one random generator, one queue
 * of what is to happen, and the threads that take turns.
 *
 *      sim.c       the world as a whole, its clock, hash, random numbers
 *      alarm.c     the watchdog on the system's clock
 *      event.c     what happens at a time of the clock
 *      fiber.c     switching stacks (ucontext, told to the sanitizers)
 *      thread.c    simulated threads, and who goes on
 *      loop.c      a reactor's loop        worker.c  a worker's steps and parks
 *      os.c host.c the tables of the seam: os and host
 *      child.c     children, whose programs are functions
 *      memory.c    the accountant of allocations
 *      fault.c     which call fails
 *      list.c      lists
 *      net.h ...   the table io: descriptors, streams, listeners
 */
#ifndef PLAIT_SIM_SIM_H
#define PLAIT_SIM_SIM_H

#include <plait/sim.h>

#include "core/context.h"
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
/* Takes off the first event if it is due at |now_ns|, or NULL. */
plait__sim_event *plait__sim_due(uint64_t now_ns);
/* When the first one is due; UINT64_MAX if there is none. */
uint64_t plait__sim_next_ns(void);
/* Room for one event more, or for one less.  PLAIT_ENOMEM. */
int plait__sim_events_reserve(void);
void plait__sim_events_release(void);
void plait__sim_events_close(void);

/* ---- stacks: fiber.c ----------------------------------------------------- */

typedef struct plait__sim_fiber plait__sim_fiber;

/* The one that calls; one that begins with |fn|(|arg|) when it is first
 * switched to, and never returns from there.  NULL: out of memory. */
plait__sim_fiber *plait__sim_fiber_here(void);
plait__sim_fiber *plait__sim_fiber_new(void (*fn)(void *arg), void *arg);
/* Goes on with |to|, and returns when somebody goes on with |from|; which
 * nobody does if it |ends|. */
void plait__sim_fiber_switch(plait__sim_fiber *from, plait__sim_fiber *to,
                             bool ends);
/* Not the one that runs. */
void plait__sim_fiber_free(plait__sim_fiber *fiber);
/* Frees the stacks that were kept. */
void plait__sim_fibers_close(void);

/* ---- the world: sim.c ---------------------------------------------------- */

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

/* The clock goes on by |ns|, or to |at_ns|: of thread.c and loop.c. */
void plait__sim_pass(uint64_t ns);
void plait__sim_jump(uint64_t at_ns);

/* Each call of the seam says what it is (a name that stays, "io.read") and what
 * came of it. */
void plait__sim_trace(const char *call, uint64_t subject, int64_t result);

/* ---- who goes on: thread.c ----------------------------------------------- */

struct plait_sim_thread {
  plait__sim_fiber *fiber;
  plait__context *context;
  plait__context own;
  void (*fn)(void *arg);
  void *arg;
  const char *name;
  unsigned number;
  const char *where; /* it waits; NULL: it runs, or could */
  plait_sim_thread *whom;
  plait__sim_event alarm; /* it goes on */
  bool parked, waking, ended, watched;
  plait_sim_thread *joiner;         /* waits for the end */
  void (*free)(plait_sim_thread *); /* of one that nobody joins */
  plait_sim_thread *next, *prev;    /* of all */
  plait_sim_thread *after; /* of those that settle, or are to be freed */
};

int plait__sim_threads_open(void);
void plait__sim_threads_close(void);

/* Starts |t|, which is zeroed, with a stack of its own; the calling one goes on
 * first.  PLAIT_ENOMEM. */
int plait__sim_thread_init(plait_sim_thread *t, void (*fn)(void *arg),
                           void *arg, const char *name);
/* Waits for its end, and frees what is in it. */
void plait__sim_thread_await(plait_sim_thread *t);
/* Lets it go: |fn| frees it when it has ended. */
void plait__sim_thread_detach(plait_sim_thread *t,
                              void (*fn)(plait_sim_thread *t));

plait_sim_thread *plait__sim_self(void);
/* All threads but the one of the program: how many, and one's name. */
unsigned plait__sim_thread_count(const char **ret_name);

/* At the start of a call of the seam: another thread may go on for a while. */
void plait__sim_point(void);
/* Any thread that can goes on, be it this one. */
void plait__sim_turn(void);
/* Waits, until it is unparked or the clock is at |until_ns| (UINT64_MAX:
 * never).  Nothing happens between the caller's look at what it waits for and
 * this. */
void plait__sim_park(const char *where, uint64_t until_ns);
/* It goes on, if it is parked, some time. */
void plait__sim_unpark(plait_sim_thread *t);
void plait__sim_sleep(const char *where, uint64_t ns);

/* ---- which call fails: fault.c ------------------------------------------- */

/* Asked by each call that may fail: whether it is to, be it the one of
 * plait_sim_fail_at() or by the chance |ppm|.  |site| is where. */
bool plait__sim_fails(const char *site, uint32_t ppm);
/* The same for an allocation. */
bool plait__sim_fails_alloc(const char *site);
/* |site| without the way to the sources. */
const char *plait__sim_site(const char *site);
void plait__sim_faults_open(void);

/* ---- allocations: memory.c ----------------------------------------------- */

void *plait__sim_alloc(void *old, size_t size, const char *site);
/* Writes what is left to |ret|, a line for each site; returns its length. */
size_t plait__sim_memory_left(char *ret, size_t size);
void plait__sim_memory_open(void);
void plait__sim_memory_close(void); /* forgets what is left */

/* ---- no progress: alarm.c ------------------------------------------------ */

/* What the next simulation takes for PLAIT_SIM_ALARM_S. */
extern uint32_t plait__sim_alarm_ms;

int plait__sim_alarm_open(void);
void plait__sim_alarm_close(void);
/* |t| runs, and is looked after unless NULL; and has made a call. */
void plait__sim_alarm_watch(plait_sim_thread *t);
void plait__sim_alarm_progress(const char *call);

/* ---- the tables: os.c, host.c, worker.c, loop.c -------------------------- */

extern const plait_backend plait__sim_backend;
extern const plait__os plait__sim_os;
extern const plait__host plait__sim_host;

int plait__sim_worker_start(uint64_t (*step)(void *arg), void *arg,
                            const char *name, plait__worker **ret);
void plait__sim_worker_wake(plait__worker *worker);
void plait__sim_worker_join(plait__worker *worker);
void plait__sim_worker_detach(plait__worker *worker);
/* At now_ns(): from the second one of a worker's step on each is behind a job,
 * which has taken time. */
void plait__sim_worker_clock(void);

int plait__sim_loop_new(plait_reactor *reactor, plait__loop **ret);
void plait__sim_loop_run(plait__loop *loop);
void plait__sim_loop_stop(plait__loop *loop);
void plait__sim_loop_free(plait__loop *loop);
void plait__sim_wake(plait__loop *loop);
void plait__sim_arm(plait__loop *loop, uint64_t deadline_ns);
int plait__sim_signal_start(plait__loop *loop, int number);
void plait__sim_signal_stop(plait__loop *loop, int number);
/* To every loop that wants it. */
void plait__sim_signal_send(int number);

void plait__sim_names_close(void);

/* child.c */
int plait__sim_spawn(const plait__spawn *spawn, plait__kid *ret,
                     const char **ret_step);
int plait__sim_kid_reap(const plait__kid *kid, plait__kid_end *ret);
int plait__sim_kid_signal(const plait__kid *kid, int number, bool group);
void plait__sim_kid_close(const plait__kid *kid);
const char *const *plait__sim_environment(void);
int plait__sim_duplicate(int fd, int *ret_fd);
void plait__sim_programs_close(void);

/* ---- lists: list.c ------------------------------------------------------- */

/* Embedded in what is in a list, and the list itself: a ring.  All zero is what
 * is in no list, and an empty one. */
typedef struct plait__sim_link {
  struct plait__sim_link *next, *prev;
} plait__sim_link;

/* Adds |link|, which is in none, at the end of |list|. */
void plait__sim_append(plait__sim_link *list, plait__sim_link *link);
/* Out of the list that it is in, if any. */
void plait__sim_unlink(plait__sim_link *link);
bool plait__sim_linked(const plait__sim_link *link);
/* The first one, and the one behind |link|; NULL if there is none. */
plait__sim_link *plait__sim_first(const plait__sim_link *list);
plait__sim_link *plait__sim_next(const plait__sim_link *list,
                                 const plait__sim_link *link);
/* Takes out the first one; NULL if there is none. */
plait__sim_link *plait__sim_shift(plait__sim_link *list);

/* ---- a reactor's loop: loop.c -------------------------------------------- */

struct plait__loop {
  plait_reactor *reactor;
  plait_sim_thread *thread; /* that runs it; NULL: none does */
  uint64_t deadline_ns;
  bool woken, stopped;
  bool stirred;    /* since it last looked what there is to do */
  uint64_t wanted; /* signals, as bits */
  uint8_t waiting[PLAIT__SIGNALS + 1]; /* how many of each have come */
  bool signalled;
  plait__loop *next;             /* of all */
  plait__sim_link ready, closed; /* sockets: ready.c's */
};

/* Hands |events| to |socket|, and counts. */
void plait__sim_dispatch(plait__loop *loop, plait__socket *socket,
                         unsigned events);
/* The most that a loop has handed on between two turns. */
unsigned plait__sim_dispatched(void);
void plait__sim_loops_open(void);

/* Something is ready for |loop|, or may be: it looks with
 * plait__sim_net_dispatch() the next time it goes on. */
void plait__sim_loop_ready(plait__loop *loop);

/* ---- the network: net.c -------------------------------------------------- */

extern const plait__io plait__sim_io;

/* How a connect goes on its way: what comes of it, 0 being whatever is at its
 * end, after so long (UINT64_MAX: never).  A code after 0 ms is connect()'s.
 * Asked for each, for tests; NULL: it is as the options say. */
typedef struct plait__sim_road {
  int code;
  uint64_t ms;
} plait__sim_road;
extern plait__sim_road (*plait__sim_road_to)(const plait_address *peer);

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
/* Resets for both ends of all streams that have them. */
void plait__sim_net_cut(void);
bool plait__sim_parted(void);

#endif
