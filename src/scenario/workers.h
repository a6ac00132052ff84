/* What the two files of the scenario workers share. */
#ifndef PLAIT_SCENARIO_WORKERS_H
#define PLAIT_SCENARIO_WORKERS_H

#include "stage.h"

enum { LETTERS = 64, LETTER_PAD = 2000 };

/* How a request is handled.  The first two are answered in order. */
enum {
  LETTER_NOW,
  LETTER_HELD,   /* plait_defer() with PLAIT_HOLD_READING */
  LETTER_LOOSE,  /* without */
  LETTER_TIMED,  /* with a time-out */
  LETTER_STRAND, /* on the strand of all, which answers by handle */
  LETTER_POOL,   /* plait_pool_submit(), some cancelled */
  LETTER_SWITCH,
  LETTER_KINDS
};

struct job;

/* A request, and its answer. */
struct letter {
  uint32_t link, number, kind;
};

struct office {
  struct side server, client;
  plait_strand *strand;
  struct job *last; /* that was submitted, if it is not done */
  unsigned wanted;
  unsigned posted, next; /* calls of the strand */
  bool busy;             /* one runs */
};

/* Either end. */
struct asker {
  plait_framed framed;
  struct witness *w, *before;
  struct link *link;
  struct dice dice;
  plait_timer timer;
  struct token timed;
  uint64_t due_ns;
  unsigned messages, asked, due, next_held;
  bool answered[LETTERS];
  unsigned jobs, deferred, done; /* tasks: not done, of all times, done */
  bool working;
};

extern const plait_framed_ops workers_server;

void server_reply(struct asker *a, const struct letter *letter);
void server_close_if_done(struct asker *a);

/* 0 or why there is no task. */
int job_defer(struct asker *a, const struct letter *letter);
void job_post(struct office *office, struct asker *a,
              const struct letter *letter);
void job_submit(struct office *office, struct asker *a,
                const struct letter *letter);

#endif
