/* Scenarios: whole programs of plait's on the simulator, whose world is drawn
 * from a seed, and checkers that look at all they do.
 *
 *     const struct scenario *scenario = scenario_find("echo");
 *     struct plan plan;
 *     plan_draw(&plan, scenario, 4711);
 *     struct outcome outcome;
 *     scenario_run(scenario, &plan, "plait sim echo --seed 4711", &outcome);
 *
 * If a check fails, the process says what and where on stderr and ends with
 * SCENARIO_FAILED: who runs scenarios does so in a process of its own. */
#ifndef PLAIT_SCENARIO_SCENARIO_H
#define PLAIT_SCENARIO_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SCENARIO_FAILED = 3, SCENARIO_PLACE = 96 };

/* ---- plans: plan.c ---------------------------------------------------------
 *
 * X(name, none, low, high, how): a number of the drawn world.  |none| is its
 * value without what it stands for, to which a plan shrinks; the others are
 * drawn from |low| to |high|.  SWARM is |none| in three of ten plans; LOG draws
 * the magnitude. */
#define PLAN_MAP(X)                                                            \
  /* what is there */                                                          \
  X(reactors, 1, 1, 4, 0)                                                      \
  X(connections, 1, 1, 24, LOG)                                                \
  X(messages, 1, 1, 60, LOG)                                                   \
  X(message_bytes, 1, 1, 300000, LOG)                                          \
  X(window_bytes, 1048576, 1, 1048576, SWARM | LOG)                            \
  X(pause_ms, 0, 1, 500, SWARM | LOG)                                          \
  X(threads, 0, 1, 3, SWARM)                                                   \
  X(medium, 0, 0, 2, 0)                                                        \
  X(framed, 0, 0, 1, 0)                                                        \
  X(workers, 0, 0, 1, 0)                                                       \
  X(work_ms, 0, 1, 300, SWARM | LOG)                                           \
  X(task_threads, 0, 1, 4, SWARM)                                              \
  X(strand_threads, 0, 1, 4, SWARM)                                            \
  X(end_ppm, 0, 1000, 300000, SWARM | LOG)                                     \
  X(outage_ms, 0, 50, 8000, SWARM | LOG)                                       \
  X(stop_ms, 0, 1, 20000, SWARM | LOG)                                         \
  X(stop_now, 0, 0, 1, SWARM)                                                  \
  X(signals, 0, 0, 1, 0)                                                       \
  X(turn_away_ppm, 0, 1000, 300000, SWARM | LOG)                               \
  X(grace_ms, 10000, 1, 20000, SWARM | LOG)                                    \
  /* limits */                                                                 \
  X(connections_max, 0, 1, 30, SWARM | LOG)                                    \
  X(idle_ms, 0, 20, 20000, SWARM | LOG)                                        \
  X(flush_ms, 0, 20, 20000, SWARM | LOG)                                       \
  X(linger_ms, 0, 1, 4000, SWARM | LOG)                                        \
  X(linger_bytes, 0, 1, 200000, SWARM | LOG)                                   \
  X(high_bytes, 0, 1, 200000, SWARM | LOG)                                     \
  X(queue_bytes, 0, 100, 1000000, SWARM | LOG)                                 \
  X(lease_bytes, 0, 1, 300000, SWARM | LOG)                                    \
  /* a bound of memory for each connection, instead of that of the limits */   \
  X(memory_bytes, 0, 0, 0, 0)                                                  \
  /* the world */                                                              \
  X(switch_ppm, 0, 1000, 500000, SWARM | LOG)                                  \
  X(work_us, 50, 1, 20000, SWARM | LOG)                                        \
  X(wake_us, 0, 1, 5000, SWARM | LOG)                                          \
  X(latency_us, 50, 10, 100000, SWARM | LOG)                                   \
  X(capacity, 65536, 1, 262144, SWARM | LOG)                                   \
  X(segment, 65536, 1, 65536, SWARM | LOG)                                     \
  X(short_read_ppm, 0, 1000, 900000, SWARM | LOG)                              \
  X(short_write_ppm, 0, 1000, 900000, SWARM | LOG)                             \
  X(again_ppm, 0, 1000, 400000, SWARM | LOG)                                   \
  X(reset_ppm, 0, 100, 50000, SWARM | LOG)                                     \
  X(stall_ppm, 0, 100, 100000, SWARM | LOG)                                    \
  X(stall_ms, 1, 1, 3000, LOG)                                                 \
  /* datagrams, which one scenario has */                                      \
  X(loss_ppm, 0, 0, 0, SWARM | LOG)                                            \
  X(twice_ppm, 0, 0, 0, SWARM | LOG)                                           \
  X(reorder_ppm, 0, 0, 0, SWARM | LOG)                                         \
  X(refuse_ppm, 0, 1000, 300000, SWARM | LOG)                                  \
  X(black_hole_ppm, 0, 1000, 300000, SWARM | LOG)                              \
  X(accept_fail_ppm, 0, 1000, 300000, SWARM | LOG)                             \
  X(backlog, 0, 1, 10, SWARM)                                                  \
  X(descriptors, 1024, 8, 200, SWARM | LOG)                                    \
  X(alloc_fail_ppm, 0, 10, 5000, SWARM | LOG)                                  \
  X(resolve_fail_ppm, 0, 1000, 500000, SWARM | LOG)                            \
  X(resolve_ms, 20, 1, 12000, SWARM | LOG)                                     \
  X(thread_fail_ppm, 0, 1000, 300000, SWARM | LOG)                             \
  X(heal_ms, 1, 1, 15000, LOG)                                                 \
  X(fail_at, 0, 0, 0, 0)

struct plan {
  uint64_t seed;
#define PLAN_FIELD_(name, none, low, high, how) uint32_t name;
  PLAN_MAP(PLAN_FIELD_)
#undef PLAN_FIELD_
};

/* Where a scenario draws a field from, other than the table says. */
struct plan_range {
  const char *name; /* NULL ends a list */
  uint32_t low, high;
};

struct scenario;

/* The plan of |seed|.  A field's value depends on nothing but the seed and its
 * name. */
void plan_draw(struct plan *ret, const struct scenario *scenario,
               uint64_t seed);

/* That of a world in which nothing is that need not be. */
void plan_calm(struct plan *ret, const struct scenario *scenario,
               uint64_t seed);

size_t plan_fields(void);
const char *plan_name(size_t field);
uint32_t *plan_value(struct plan *plan, size_t field);
/* The field that has the |len| bytes of |name|; NULL: there is none. */
uint32_t *plan_find(struct plan *plan, const char *name, size_t len);

/* ---- scenarios ----------------------------------------------------------- */

struct stage;

struct scenario {
  const char *name, *summary;
  const struct plan_range *ranges;
  size_t size; /* of its struct, stage->play, zeroed */
  /* Before plait_run(): listens and connects.  A code: it could not. */
  int (*open)(struct stage *stage);
  /* Every 100 virtual milliseconds, on a thread of the simulation: whether all
   * that was to happen has.  May be NULL: not before stop_ms. */
  bool (*finished)(struct stage *stage);
  /* Behind plait_run(): ends threads of its own.  May be NULL. */
  void (*leave)(struct stage *stage);
  /* The most bytes that a connection may need. */
  size_t (*bound)(const struct stage *stage);
  /* Behind it all: what it has left, and its own checks. */
  void (*close)(struct stage *stage);
};

/* Ends with a NULL name. */
extern const struct scenario *const scenarios[];
const struct scenario *scenario_find(const char *name);

/* What came of a run. */
struct outcome {
  uint64_t hash, events, virtual_ns;
  uint64_t connections, bytes;
  uint64_t fallible;           /* calls that may fail */
  char failed[SCENARIO_PLACE]; /* where the one of |fail_at| is, or "" */
};

/* Runs |scenario| by |plan|.  |replay| is how to do so again, for messages. */
void scenario_run(const struct scenario *scenario, const struct plan *plan,
                  const char *replay, struct outcome *ret);

#endif
