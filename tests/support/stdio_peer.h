/* Our standard input and output as pipes to somebody else, for as long as a
 * test has them. */
#ifndef PLAIT_TESTS_STDIO_PEER_H
#define PLAIT_TESTS_STDIO_PEER_H

#include <pthread.h>
#include <stdbool.h>

/* A thread hands on what goes through the pipes, and their ends. */
struct stdio_peer {
  pthread_t thread;
  int fd, in, out; /* the thread's */
  int saved[2];    /* what 0 and 1 were */
  bool begun, given_back;
};

/* From here on what we write to standard output comes out of |fd|, a stream
 * socket that is the peer's now, and what goes in there is standard input. */
void stdio_peer_begin(struct stdio_peer *p, int fd);
/* They are what they were, and so the peer hears of their end; once.  This is
 * what the end of our process would do. */
void stdio_peer_give_back(struct stdio_peer *p);
/* Does that if it was not done, and waits until the peer has gone. */
void stdio_peer_end(struct stdio_peer *p);

#endif
