/* Datagrams of the simulated network: mailboxes, and letters between them.
 *
 *      letter.c    a letter's way
 *      datagram.c  what a socket can do */
#ifndef PLAIT_SIM_POST_H
#define PLAIT_SIM_POST_H

#include "sim/net.h"

enum {
  PLAIT__SIM_GROUPS = 8,       /* that a socket may join */
  PLAIT__SIM_UNIX_WAITING = 10 /* as net.unix.max_dgram_qlen */
};

/* What a datagram socket has besides. */
struct plait__sim_mailbox {
  plait__sim_socket *socket;
  uint64_t number; /* no other one had or will have it */
  plait__sim_link all;
  plait__sim_link letters; /* that have come */
  size_t bytes, count;     /* of these; UNIX: and of those on their way */
  uint64_t last_ns;        /* when the last that it sent arrives */
  int error;
  bool has_peer, shared, broadcast;
  bool silent; /* what it sends to groups is not for this host */
  plait_address groups[PLAIT__SIM_GROUPS];
};

typedef struct plait__sim_letter {
  plait__sim_event event;
  plait__sim_link link; /* in |flying|, or in letters of its receiver */
  uint64_t sender;
  plait__sim_mailbox *receiver; /* UNIX: NULL once it is closed */
  plait_address from, to;
  bool to_many;
  size_t len;
  uint8_t data[];
} plait__sim_letter;

/* A new mailbox is there from now on; it goes, and what is in it. */
void plait__sim_mailbox_open(plait__sim_mailbox *m);
void plait__sim_mailbox_close(plait__sim_mailbox *m);
/* The first, and the one behind |m|; NULL: there is none. */
plait__sim_mailbox *plait__sim_mailbox_next(const plait__sim_mailbox *m);

bool plait__sim_is_group(const plait_address *a);
bool plait__sim_is_broadcast(const plait_address *a);

/* NULL: out of memory. */
plait__sim_letter *plait__sim_letter_new(size_t len);
plait__sim_letter *plait__sim_letter_copy(const plait__sim_letter *from);
void plait__sim_letter_free(plait__sim_letter *l);
/* It is on its way. */
void plait__sim_letter_send(plait__sim_letter *l, plait__sim_mailbox *from);
/* The first that has come to |m|; NULL: none has. */
plait__sim_letter *plait__sim_letter_first(const plait__sim_mailbox *m);

#endif
