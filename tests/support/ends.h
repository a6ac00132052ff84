/* Sockets of the simulator, used as a reactor would use them, without one. */
#ifndef PLAIT_TESTS_ENDS_H
#define PLAIT_TESTS_ENDS_H

#include <plait/error.h>

#include "sim/net.h"
#include "support/sim_world.h"

enum { PUMP_GOES_ON = 1 };

struct end {
  unsigned seen;  /* events, since ends_forget() */
  unsigned count; /* how many */
  unsigned place; /* of the last one, among those of all ends */
  bool closed;    /* it was told so */
  void (*ready)(struct end *e, unsigned events); /* may be NULL */
  size_t sent, received;                         /* by end_pump() */
  int reading, writing; /* PUMP_GOES_ON, 0 at the end, or why not */
  plait__sim_head head;
};

/* A world with a loop that has no reactor. */
void ends_begin(plait_sim_options options);
/* All that was attached is closed already. */
void ends_end(void);
/* Hands events on for |us| of virtual time. */
void ends_run(uint64_t us);
/* One round of what is ready now. */
bool ends_round(void);

void end_attach(struct end *e, int fd);
int end_fd(const struct end *e);
void end_want(struct end *e, unsigned interest);
void end_forget(struct end *e);
void end_close(struct end *e, bool reset);

ptrdiff_t end_read(struct end *e, void *buffer, size_t len);
/* Reads all that there is, of what end_write() wrote: the count; or, if there
 * is nothing, what read() answers. */
ptrdiff_t end_read_all(struct end *e);
/* |len| bytes of the pattern, from where the last write ended. */
ptrdiff_t end_write(struct end *e, size_t len);
int end_shut(struct end *e);

/* In answer to an event: reads, and sends of |total| bytes and then an end. */
void end_pump(struct end *e, size_t total);

plait_address end_address(const char *text, uint16_t port);
plait_address end_path(const char *path);
/* Listens, and attaches |count| ends; the code. */
int end_listen(struct end *listeners, unsigned count, plait_address *address,
               unsigned backlog);
/* Begins to connect. */
int end_connect(struct end *e, const plait_address *address);
int end_finish(struct end *e);
int end_accept(struct end *listener, struct end *e);
/* Two ends of a TCP stream, or of a pair. */
void ends_connect(struct end *a, struct end *b);
void ends_pair(struct end *a, struct end *b);

#endif
