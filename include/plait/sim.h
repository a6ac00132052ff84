/* A simulated world: whole servers and clients under virtual time, from one
 * seed.
 *
 *     plait_sim_options world = {.seed = 7, .latency_max_us = 20000};
 *     plait_sim *sim;
 *     plait_sim_new(&world, &sim);
 *     plait_runtime_options options = {.backend = plait_sim_backend(sim)};
 *     ... plait_runtime_new(&options, ...), plait_run(): as always
 *     plait_runtime_free(runtime);
 *     const char *left = plait_sim_left(sim);  // NULL, or what was left behind
 *     plait_sim_free(sim);
 *
 * It is a backend: what runs on it is plait as it ships, with all its
 * reactors, its pool and its strands.  There is one thread of the system's;
 * reactors, workers and the threads of plait_sim_thread_start() are simulated,
 * and take turns at calls of plait's, in an order that the seed gives.  The
 * clock stands still while anything runs, but for what a call is said to take,
 * and jumps to the next thing that happens when nothing does.  The same seed,
 * program and build give the same run: see plait_sim_hash().
 *
 * Code that runs in it must wait through plait only: plait_work_sleep_ms()
 * stands for what blocks.  A callback that waits for another thread would wait
 * for ever; after PLAIT_SIM_ALARM_S seconds of the system's time without a call
 * of plait's the process ends with a message that names it.
 *
 * What of plait's is not in it: standard input and output, terminals,
 * plait_watch(), descriptors that are passed on or were handed over, c-ares.
 *
 * In libplait-testing (pkg-config plait-testing).  One simulation at a time in
 * a process; all functions on the thread that made it.
 */
#ifndef PLAIT_SIM_H
#define PLAIT_SIM_H

#include <plait/address.h>
#include <plait/runtime.h>

PLAIT_BEGIN

/* A world; and a thread of the program's in it. */
typedef struct plait_sim plait_sim;
typedef struct plait_sim_thread plait_sim_thread;

enum { PLAIT_SIM_ALARM_S = 10 }; /* seconds */

/* What the world is like.  All zero is a quick and faultless one.  Chances are
 * in millionths (ppm) of what is said there; a range whose maximum is 0 is its
 * default. */
typedef struct plait_sim_options {
  uint64_t seed;

  /* Scheduling. */
  uint32_t switch_ppm; /* of calls of the seam: another thread goes on [0: only
                          when one waits] */
  uint32_t work_min_us, work_max_us; /* that a job takes on a worker [1; 50] */
  uint32_t wake_max_us; /* from waking a thread until it runs [0] */

  /* Streams. */
  uint32_t latency_min_us, latency_max_us; /* one way [10; 50] */
  uint32_t capacity;    /* bytes one way that nobody has read [65,536] */
  uint32_t segment_max; /* bytes that arrive at once [65,536] */
  uint32_t short_read_ppm, short_write_ppm; /* of reads; of writes */
  uint32_t again_ppm;    /* of both: PLAIT_EAGAIN though it is ready */
  uint32_t reset_ppm;    /* of segments: both sides see a reset */
  uint32_t stall_ppm;    /* of segments: it and what follows wait ... */
  uint32_t stall_max_ms; /* ... so long at most [1,000] */

  /* Datagrams, not those of UNIX sockets. */
  uint32_t datagram_loss_ppm, datagram_twice_ppm; /* of them */
  uint32_t datagram_reorder_ppm; /* of them: later ones may come before it */

  /* Connecting. */
  uint32_t refuse_ppm;      /* of connects */
  uint32_t black_hole_ppm;  /* of them, but not of UNIX sockets: no answer */
  uint32_t accept_fail_ppm; /* of accepts: no descriptors, no memory, or the
                               peer has gone */
  uint32_t backlog_max;     /* [what the listener asked for] */
  uint32_t descriptors;     /* that may be open [1,024] */

  /* The host. */
  uint32_t alloc_fail_ppm;   /* of allocations */
  uint32_t resolve_fail_ppm; /* of lookups */
  uint32_t resolve_max_ms;   /* that one takes [20] */
  uint32_t thread_fail_ppm;  /* of starts of a worker */

  uint64_t heal_ms; /* when it is so old nothing fails any more [never] */
} plait_sim_options;

/* Makes a world; |options| may be NULL.  0, PLAIT_ENOMEM, PLAIT_EBUSY (there
 * is one). */
PLAIT_EXTERN int plait_sim_new(const plait_sim_options *options,
                               plait_sim **ret);
/* Ends it, or nothing if NULL.  No runtime of it is left. */
PLAIT_EXTERN void plait_sim_free(plait_sim *sim);

/* For plait_runtime_options.backend. */
PLAIT_EXTERN const plait_backend *plait_sim_backend(plait_sim *sim);

/* What runtimes that were freed have left behind: memory with the place that
 * asked for it, descriptors, threads; a text that is good until the next call.
 * NULL: nothing. */
PLAIT_EXTERN const char *plait_sim_left(plait_sim *sim);

/* ---- time and threads ---------------------------------------------------- */

/* Virtual nanoseconds; it begins at one second. */
PLAIT_EXTERN uint64_t plait_sim_now_ns(const plait_sim *sim);

/* Starts a thread that is none of plait's: it runs |fn|(|arg|) in turn with all
 * others.  The creating one goes on first.  0 or PLAIT_ENOMEM.  |name| stays.
 */
PLAIT_EXTERN int plait_sim_thread_start(plait_sim *sim, void (*fn)(void *arg),
                                        void *arg, const char *name,
                                        plait_sim_thread **ret);
/* Waits for its end, and frees it. */
PLAIT_EXTERN void plait_sim_thread_join(plait_sim_thread *thread);

/* Lets |us| of virtual time pass for the calling thread, and others run.  In a
 * callback on a reactor this is a reactor that is blocked. */
PLAIT_EXTERN void plait_sim_sleep_us(plait_sim *sim, uint64_t us);
/* Lets others run until all of them wait, without time passing, or for a time
 * to come. */
PLAIT_EXTERN void plait_sim_settle(plait_sim *sim);

/* ---- what happened ------------------------------------------------------- */

/* A hash of every call of the seam but looks at the clock, with its time,
 * thread, arguments and answer, of each job's time, and of what
 * plait_sim_note() was told. */
PLAIT_EXTERN uint64_t plait_sim_hash(const plait_sim *sim);
/* How many of these there were. */
PLAIT_EXTERN uint64_t plait_sim_events(const plait_sim *sim);
/* A callback of the program's, say: part of the hash, and counted. */
PLAIT_EXTERN void plait_sim_note(plait_sim *sim, uint64_t what, uint64_t value);
/* Random numbers for the program, which come of the seed and do not disturb
 * those of the world. */
PLAIT_EXTERN uint64_t plait_sim_random(plait_sim *sim);

/* Bytes that are allocated through the seam now, and were at most. */
PLAIT_EXTERN size_t plait_sim_memory(const plait_sim *sim);
PLAIT_EXTERN size_t plait_sim_memory_peak(const plait_sim *sim);
/* Descriptors that are open. */
PLAIT_EXTERN unsigned plait_sim_descriptors(const plait_sim *sim);
/* The most events between two turns of a reactor. */
PLAIT_EXTERN unsigned plait_sim_events_per_turn(const plait_sim *sim);

/* ---- what is to happen --------------------------------------------------- */

/* Nothing gets through any more but by UNIX sockets and pipes: bytes wait,
 * connects get no answer; and it does again. */
PLAIT_EXTERN void plait_sim_partition(plait_sim *sim, bool on);
/* Breaks all connections but UNIX ones: both ends of each see a reset, behind
 * what is on its way. */
PLAIT_EXTERN void plait_sim_cut(plait_sim *sim);
/* As if heal_ms were now; ends a partition too. */
PLAIT_EXTERN void plait_sim_heal(plait_sim *sim);

/* Two ends of one stream, for plait_adopt().  0, PLAIT_EMFILE, PLAIT_ENOMEM. */
PLAIT_EXTERN int plait_sim_pair(plait_sim *sim, int ret_fds[2]);

/* What read(2) and write(2) of a blocking descriptor are here, for background
 * functions and threads of plait_sim_thread_start(): a count, 0 at the peer's
 * end, or a negative code.  Writing answers when all was taken, or none can be
 * any more. */
PLAIT_EXTERN ptrdiff_t plait_sim_read(plait_sim *sim, int fd, void *buffer,
                                      size_t len);
PLAIT_EXTERN ptrdiff_t plait_sim_write(plait_sim *sim, int fd, const void *data,
                                       size_t len);

/* What |name| resolves to from now on: |count| addresses (their ports do not
 * count), after |delay_ms| more than others; or |code|, PLAIT_ENOTFOUND say.
 * Other names are not found; the reverse of an address is the first name that
 * has it.  0 or PLAIT_ENOMEM. */
PLAIT_EXTERN int plait_sim_name(plait_sim *sim, const char *name,
                                const plait_address *addresses, unsigned count,
                                uint32_t delay_ms, int code);

/* A program: |fn| runs as a child that was started from |path|, which stays;
 * the last 8 bits of its answer are the exit code.  There are no others, PATH
 * is "/bin", and nothing is behind inherited descriptors.  0 or PLAIT_ENOMEM.
 */
typedef struct plait_sim_child plait_sim_child;
typedef int plait_sim_program_fn(plait_sim_child *child);
PLAIT_EXTERN int plait_sim_program(plait_sim *sim, const char *path,
                                   plait_sim_program_fn *fn);

/* In such a function.  All of them wait, and a signal ends that, after which it
 * has to return, unless it is one that would not end a process.  Read: a count,
 * 0 at the end, PLAIT_ECANCELED for a signal, or another code.  The others:
 * false for a signal, and when nobody reads. */
PLAIT_EXTERN ptrdiff_t plait_sim_child_read(plait_sim_child *child, int fd,
                                            void *buffer, size_t len);
PLAIT_EXTERN bool plait_sim_child_write(plait_sim_child *child, int fd,
                                        const void *data, size_t len);
PLAIT_EXTERN bool plait_sim_child_wait(plait_sim_child *child, uint64_t us);
PLAIT_EXTERN void plait_sim_child_close(plait_sim_child *child, int fd);
/* It lives on when it gets the signal |number|. */
PLAIT_EXTERN void plait_sim_child_ignore(plait_sim_child *child, int number);

/* Sends signal |number|, which comes to who waits for it. */
PLAIT_EXTERN void plait_sim_raise(plait_sim *sim, int number);
/* SIGINT, for runtimes with handle_signals, too. */
PLAIT_EXTERN void plait_sim_signal(plait_sim *sim);

/* ---- fault injection ----------------------------------------------------- */

/* Fails the |k|th call, counted from now and from 1, of those that may fail:
 * allocations, calls of the seam, lookups, starts of threads.  0: none. */
PLAIT_EXTERN void plait_sim_fail_at(plait_sim *sim, uint64_t k);
/* How many of these there have been since. */
PLAIT_EXTERN uint64_t plait_sim_fallible(const plait_sim *sim);
/* Where the one that was failed is: "io.accept", "alloc src/core/slot.c:81".
 * NULL: none was. */
PLAIT_EXTERN const char *plait_sim_failed(const plait_sim *sim);

PLAIT_END

#endif
