/* Connections of descriptors that somebody else connected. */
#ifndef PLAIT_CORE_ADOPT_H
#define PLAIT_CORE_ADOPT_H

#include <plait/endpoint.h>

#include "core/reactor.h"

typedef struct plait__adoption plait__adoption;

/* What makes more of an adoption than a connection of its descriptor. */
typedef struct plait__adopter {
  /* On the reactor, as plait__stream_accept().  Not if the runtime is freed. */
  int (*open)(struct plait__adopter *adopter, int fd, plait_factory *factory,
              const plait_address *peer);
  /* The adoption's last act: it has opened, or there will be nothing. */
  void (*over)(struct plait__adopter *adopter);
} plait__adopter;

/* An adoption begins: from here on |factory| is in use.  A code leaves the
 * error detail, of |step|.  Then one of the two below. */
int plait__adoption_new(plait_reactor *r, plait_factory *factory,
                        const char *step, plait__adoption **ret);
/* |fd| is plait's now, and goes to the reactor. */
void plait__adoption_send(plait__adoption *a, plait__adopter *adopter, int fd);
/* It comes to nothing (|made| is for adopt.c). */
void plait__adoption_end(plait__adoption *a, bool made);

/* plait_adopt() of a descriptor that is known to do. */
int plait__adopt_fd(plait_reactor *r, int fd, plait_factory *factory);

#endif
