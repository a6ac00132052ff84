/* What the files of `plait sim` share. */
#ifndef PLAIT_CLI_SIM_H
#define PLAIT_CLI_SIM_H

#include <stdio.h>

#include "cli.h"
#include "scenario.h"

enum { SIM_SETTINGS = 128, SIM_REPLAY = 4096 };

/* What --set has said. */
struct settings {
  size_t count;
  struct {
    size_t field;
    uint32_t value;
  } of[SIM_SETTINGS];
};

/* What to run. */
struct sim_order {
  const struct scenario *scenario;
  uint64_t seed;  /* the first one */
  uint64_t seeds; /* how many */
  unsigned jobs;
  bool verify;
  bool calm; /* nothing is drawn */
  /* In the world of |world| the calls with the numbers |seed| and on fail,
   * instead: one in each run, with a run without a failure after it. */
  bool faults;
  uint64_t world;
  struct settings settings;
};

/* ---- one run: sim_run.c -------------------------------------------------- */

/* The plan of |seed|, with what was set. */
void sim_plan(struct plan *ret, const struct sim_order *order, uint64_t seed);
/* The command that runs |plan| again, into SIM_REPLAY bytes. */
void sim_replay(char *ret, const struct sim_order *order,
                const struct plan *plan);

struct sim_record {
  uint64_t seed;
  struct outcome outcome;
};

/* A process that runs seeds. */
struct sim_child {
  int pid; /* 0: none */
  int records;
  int messages;       /* what it said on stderr: a file */
  uint64_t next, end; /* the seed it is at, and the end of its seeds */
};

/* Starts one that runs |plan|, or if NULL seeds from |next| to |end|.  False:
 * there is no process to be had. */
bool sim_child_start(struct sim_child *child, const struct sim_order *order,
                     const struct plan *plan);
/* Waits for its end.  NULL: all went well; else how it ended. */
const char *sim_child_end(struct sim_child *child);
/* Prints what it has said. */
void sim_child_print(struct sim_child *child, FILE *out);
void sim_child_close(struct sim_child *child);

/* ---- places in the code: sim_places.c ------------------------------------ */

enum { PLACES = 2048 };

struct places {
  unsigned count;
  char *of[PLACES];
};

/* Remembers |place|, unless it is known or "". */
void places_add(struct places *places, const char *place);
void places_print(const struct places *places, FILE *out);

/* ---- many: sim_batch.c --------------------------------------------------- */

enum { SIM_FAILURES = 32 };

struct sim_result {
  uint64_t seeds, events, virtual_ns, connections, bytes;
  uint64_t hash; /* of all hashes */
  uint64_t failures;
  uint64_t failed[SIM_FAILURES]; /* the first ones */
  uint64_t fallible;             /* calls that may fail, at most in one run */
  struct places places;          /* where calls have failed */
};

/* Runs |order|, and says on |out| what failed.  |progress|: on a terminal. */
bool sim_batch(const struct sim_order *order, struct sim_result *ret, FILE *out,
               bool progress);

/* ---- less: sim_shrink.c -------------------------------------------------- */

/* Makes |plan|, which fails, as small as it goes while it fails. */
void sim_shrink(const struct sim_order *order, struct plan *plan, FILE *out);

#endif
