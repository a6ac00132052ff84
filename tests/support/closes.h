/* Watches every close() of a program that links closes.c: one of a number that
 * is not open aborts. */
#ifndef PLAIT_TESTS_CLOSES_H
#define PLAIT_TESTS_CLOSES_H

/* How many there were. */
unsigned closes_seen(void);

#endif
