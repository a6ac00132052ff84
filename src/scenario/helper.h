/* Background functions that answer clients (peer.c), each byte with one of
 * their own. */
#ifndef PLAIT_SCENARIO_HELPER_H
#define PLAIT_SCENARIO_HELPER_H

#include "stage.h"

enum { HELPERS_MAX = 24, HELPER_CODE = -7002 };

struct helper {
  struct helpers *all;
  unsigned number;
  struct dice dice;
  struct link *link; /* NULL: it got no head */
  bool began, returned;
  bool ended;    /* it read the end */
  uint64_t sent; /* that were taken */
  int code;      /* what it returned */
  uint64_t returned_ns;
};

struct helpers {
  struct stage *stage;
  struct helper list[HELPERS_MAX];
};

/* Starts one for each connection of the plan; |client| is the factory of the
 * other ends.  How many there are. */
unsigned helpers_open(struct helpers *helpers, struct stage *stage,
                      struct side *client);
/* Behind it all: what they saw agrees with what their clients did. */
void helpers_close(const struct helpers *helpers);

#endif
