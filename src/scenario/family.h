/* What the two files of the scenario children share. */
#ifndef PLAIT_SCENARIO_FAMILY_H
#define PLAIT_SCENARIO_FAMILY_H

#include "stage.h"

enum {
  CHILD_ROUNDS = 3, /* of each place, one after the other */
  CHILDREN = 24 * CHILD_ROUNDS,
  CHILD_BYTES = 3000,
  CHILD_NOBODY = 99, /* the code of one without an input */
  CHILD_TERM_MS = 300
};

/* One of all times: what it got and did, and what was heard of it. */
struct child {
  struct flow in, out;
  struct dice dice;
  struct token token; /* until its end is told */
  unsigned place;
  int code;
  bool returned; /* with |code|, having written all */
  bool torn;     /* it was not all taken */
  bool started, exited, asked, lost[3];
};

struct family {
  struct stage *stage;
  struct side talker, visitor;
  plait_inetd inetd;
  plait_listener *listener;
  struct child list[CHILDREN];
  unsigned count, running; /* processes: of all times, now */
  unsigned wanted;         /* connections that are not done */
};

/* The one that is on; programs have no other way to it. */
extern struct family *family;

/* A plait_sim_program_fn. */
int child_main(plait_sim_child *c);
/* NULL: there were as many as there may be. */
struct child *child_new(unsigned place);
/* One that ended |by_itself|: what it wrote has come. */
void child_check(const struct child *child, bool by_itself);
/* Starts one, and another one when it has ended. */
void family_spawn(plait_reactor *reactor, unsigned place);

#endif
