/* Watches under test: each counts its calls and does what its |then| says, in a
 * runtime that is counted for leaks. */
#ifndef PLAIT_TESTS_SEEN_H
#define PLAIT_TESTS_SEEN_H

#include "support/runtime.h"

#define R PLAIT_WATCH_READABLE
#define W PLAIT_WATCH_WRITABLE
#define F PLAIT_WATCH_FAILED

struct seen {
  plait_watch watch;
  int fd, other_end;
  unsigned calls, events; /* of the last call */
  void (*then)(struct seen *seen);
};

extern struct seen seen[3];

/* run(), without what it passes. */
int run_first(void (*start)(void));
/* The same with a runtime of one reactor, which has to go well. */
void run_alone(void (*start)(void));

void watch(struct seen *s, int fd, unsigned events,
           void (*then)(struct seen *seen));
void stop(struct seen *s);
/* The descriptor is the caller's again, and was never closed. */
void stop_and_close(struct seen *s);
void change(struct seen *s, unsigned events);

/* An eventfd; and add to it, and take all of it, which there must be. */
int event(unsigned value);
void put(int fd);
void take(int fd);
void pair(int fds[2]);
/* What the |then| of what must not be ready is. */
void never(struct seen *s);

/* The program of a suite. */
int seen_main(TCase *tests);

#endif
