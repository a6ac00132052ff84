/* A background function that hands bytes and ends on, both ways: two of them
 * with a socket pair in between join two connections, each of which has a
 * function for its peer. */
#ifndef PLAIT_TESTS_RELAY_H
#define PLAIT_TESTS_RELAY_H

/* |arg| is a descriptor as a pointer; it is closed at the end.  Returns 0 once
 * both directions have ended. */
int relay(int fd, void *arg);

/* The same between |fd| and two others: |in| is read and |out| written, which
 * may be one socket or two ends of pipes that do not block.  Until both
 * directions have ended; all of them are still the caller's. */
void relay_between(int fd, int in, int out);

#endif
