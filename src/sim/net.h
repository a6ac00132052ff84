/* The simulated network, from inside.
 *
 *      net.c         the table io: what each call is, and what came of it
 *      socket.c      sockets, and what is ready of them
 *      descriptor.c  their numbers
 *      ready.c       the sockets of a loop that are ready
 *      way.c         one direction of a stream: bytes that are on their way
 *      stream.c      the two ends of one: bytes, ends, resets
 *      listener.c    listening sockets, their addresses, their backlogs
 *      connect.c     how one end comes to another
 *      post.h ...    datagrams
 *
 * All of it belongs to the one thread of the system's.  Codes are the seam's.
 */
#ifndef PLAIT_SIM_NET_H
#define PLAIT_SIM_NET_H

#include "sim/sim.h"

#include <plait/error.h>
#include <plait/factory.h>

/* ---- one direction: way.c ------------------------------------------------ */

typedef enum plait__sim_what {
  PLAIT__SIM_BYTES,
  PLAIT__SIM_END,  /* the peer sends no more */
  PLAIT__SIM_GONE, /* and takes no more (UNIX) */
  PLAIT__SIM_RESET /* nothing comes behind it */
} plait__sim_what;

/* What arrives at once. */
typedef struct plait__sim_item {
  uint64_t at_ns;
  uint32_t len;
  uint32_t what;
} plait__sim_item;

/* In the end that it leads to.  The bytes that have come lie in a ring before
 * those that are on their way. */
typedef struct plait__sim_way {
  uint8_t *bytes;
  size_t size, head, arrived, flying;
  plait__sim_item *items; /* on their way, a ring */
  size_t item_size, item_head, item_count;
  plait__sim_event event; /* the first of them arrives */
  bool cut;               /* it ends with a reset */
} plait__sim_way;

/* Adds the first |len| bytes of |v| to those on their way.  They arrive as the
 * items tell that are pushed for them. */
void plait__sim_way_put(plait__sim_way *way, const plait__iovec *v, size_t len);
/* Adds an item that arrives |delay_ns| from now, or behind the one before. */
void plait__sim_way_push(plait__sim_way *way, plait__sim_what what, size_t len,
                         uint64_t delay_ns);
/* Takes off the first item if its time has come. */
bool plait__sim_way_arrive(plait__sim_way *way, plait__sim_item *ret);
/* Sets the event to when the first item arrives. */
void plait__sim_way_arm(plait__sim_way *way);
/* All of it arrives within |delay_ns| from now. */
void plait__sim_way_hurry(plait__sim_way *way, uint64_t delay_ns);
/* The last |count| items do not arrive. */
void plait__sim_way_lose(plait__sim_way *way, size_t count);
/* How long until bytes arrive; false if none do. */
bool plait__sim_way_bytes_due(const plait__sim_way *way, uint64_t *ret_ns);
/* Reads up to |len| bytes of those that have come. */
size_t plait__sim_way_take(plait__sim_way *way, void *buffer, size_t len);
/* Forgets all of it, and what is to come. */
void plait__sim_way_close(plait__sim_way *way);

/* ---- sockets: socket.c --------------------------------------------------- */

typedef enum plait__sim_state {
  PLAIT__SIM_CONNECTING, /* also: in a backlog, and the peer knows not yet */
  PLAIT__SIM_CONNECTED,
  PLAIT__SIM_LISTENING,
  PLAIT__SIM_DATAGRAM
} plait__sim_state;

typedef struct plait__sim_socket plait__sim_socket;
typedef struct plait__sim_mailbox plait__sim_mailbox;

/* A value that was set. */
typedef struct plait__sim_option {
  uint32_t number;
  bool on;
} plait__sim_option;

/* What the owner has of a socket. */
typedef struct plait__sim_head {
  plait__socket base;
  plait__sim_socket *socket;
} plait__sim_head;

struct plait__sim_socket {
  plait__sim_state state;
  int fd, number; /* fd: -1 unless it is open; number: what it was last */
  bool local;     /* UNIX */
  plait_address name, peer_name;
  plait__sim_link all;
  plait__sim_option options[PLAIT_OPTION_ERROR];

  /* Attached. */
  plait__loop *loop; /* NULL: it is not */
  plait__socket *owner;
  unsigned interest;
  plait__sim_link place;         /* in loop->ready, or in loop->closed */
  plait_sim_thread *sleepers[2]; /* not attached: who waits to read, to write */

  /* An end of a stream. */
  plait__sim_socket *peer; /* NULL: it is closed, or was never there */
  plait__sim_way in;
  size_t astray; /* bytes sent to a peer that is not there */
  bool shut;     /* sends no more */
  bool hung_up;  /* nor takes any more, though it is open */
  bool ended;    /* the peer's end has come */
  bool gone;     /* and with it that it takes no more */
  bool dead;     /* reset, or never connected */
  int error;     /* why, until somebody was told */

  /* Connecting. */
  plait__sim_event attempt;
  unsigned tries;
  bool lost;  /* no answer comes until the world heals */
  int answer; /* that is to come, whatever is there; 0: none */

  /* In a backlog. */
  plait__sim_socket *listener;
  plait__sim_link waiting;

  plait__sim_mailbox *mailbox; /* of a datagram socket */

  /* Listening. */
  plait__sim_link backlog, named;
  unsigned backlog_count, backlog_max;
  bool dual, refusing;
};

/* Without a descriptor.  NULL: out of memory. */
plait__sim_socket *plait__sim_socket_new(plait__sim_state state, bool local);
/* With one.  PLAIT_EMFILE, PLAIT_ENOMEM. */
int plait__sim_socket_open(plait__sim_state state, bool local,
                           plait__sim_socket **ret);
void plait__sim_socket_free(plait__sim_socket *s);
/* Ends what |s| is; it still is there for its loop. */
void plait__sim_socket_close(plait__sim_socket *s, bool reset);
/* What of |s| is ready, of what its owner waits for. */
unsigned plait__sim_socket_events(const plait__sim_socket *s);
/* Something of |s| has changed: its loop looks if there is anything ready. */
void plait__sim_socket_changed(plait__sim_socket *s);
void plait__sim_sockets_close(void);

uint64_t plait__sim_latency_ns(void);

/* ---- descriptors: descriptor.c ------------------------------------------- */

int plait__sim_descriptors_open(void);
void plait__sim_descriptors_close(void);
bool plait__sim_descriptors_left(void);
/* Gives |s| the lowest number that is free.  PLAIT_EMFILE. */
int plait__sim_descriptor_take(plait__sim_socket *s);
/* The number may be given out again. */
void plait__sim_descriptor_give(plait__sim_socket *s);
/* PLAIT_ENOTSOCK: not of this world; PLAIT_EBADF: closed. */
int plait__sim_descriptor_find(int fd, plait__sim_socket **ret);
/* Fatal unless |fd| is open; unless |socket| is. */
plait__sim_socket *plait__sim_descriptor_of(int fd);
plait__sim_socket *plait__sim_socket_of(const plait__socket *socket);

/* ---- ends of streams: stream.c ------------------------------------------- */

void plait__sim_stream_join(plait__sim_socket *a, plait__sim_socket *b);
ptrdiff_t plait__sim_stream_read(plait__sim_socket *s, void *buffer,
                                 size_t len);
ptrdiff_t plait__sim_stream_write(plait__sim_socket *s, const plait__iovec *v,
                                  size_t n);
int plait__sim_stream_shut(plait__sim_socket *s);
/* Both directions end; answers how many bytes nobody has read. */
size_t plait__sim_stream_hang_up(plait__sim_socket *s);
/* Why it broke, if nobody was told yet; 0 from then on. */
int plait__sim_stream_take_error(plait__sim_socket *s);
size_t plait__sim_stream_unacked(const plait__sim_socket *s);
unsigned plait__sim_stream_events(const plait__sim_socket *s);
/* The peer sees a reset if |abort| is set, whatever kind of stream it is. */
void plait__sim_stream_close(plait__sim_socket *s, bool reset, bool abort);
/* A reset comes for |s|. */
void plait__sim_stream_cut(plait__sim_socket *s);
/* |s| never gets connected, because of |code|. */
void plait__sim_stream_fail(plait__sim_socket *s, int code);
/* What has come of what is on its way. */
void plait__sim_stream_arrive(plait__sim_event *event);

/* ---- listening sockets: listener.c --------------------------------------- */

void plait__sim_listeners_open(void);
int plait__sim_listen(const plait__listen_spec *spec, int *ret_fds,
                      const char **ret_step);
/* Whether one listens on |port|, be it on one address only. */
bool plait__sim_port_taken(uint16_t port);
/* One that is free; they go round. */
uint16_t plait__sim_port_new(void);
/* Brings |s| into the backlog of one that listens on its peer's address, where
 * it gets its peer.  PLAIT_ECONNREFUSED or, UNIX, PLAIT_ENOENT: there is none;
 * PLAIT_EAGAIN: the backlog is full, or the listener is silent. */
int plait__sim_knock(plait__sim_socket *s);
/* |s|, which is in a backlog, is connected now, and can be accepted. */
void plait__sim_enter(plait__sim_socket *s);
/* The first one that can be accepted; NULL if there is none. */
plait__sim_socket *plait__sim_backlog_first(const plait__sim_socket *listener);
/* |s| leaves the backlog that it is in. */
void plait__sim_leave(plait__sim_socket *s);
int plait__sim_accept(plait__sim_socket *listener, int *ret_fd,
                      plait_address *ret_peer);
void plait__sim_listener_close(plait__sim_socket *listener);

/* Parts of addresses; those of one family for the second. */
bool plait__sim_is_any(const plait_address *a);
bool plait__sim_same_ip(const plait_address *a, const plait_address *b);

/* ---- datagrams: datagram.c, letter.c ------------------------------------- */

int plait__sim_datagram_open(const plait__datagram_spec *spec, int *ret_fds,
                             const char **ret_step);
int plait__sim_datagram_receive(plait__sim_socket *s, const plait__room *room,
                                plait__packet *v, unsigned n);
int plait__sim_datagram_send(plait__sim_socket *s, const plait__packet *v,
                             unsigned n);
unsigned plait__sim_datagram_events(const plait__sim_socket *s);
int plait__sim_datagram_option(plait__sim_socket *s,
                               plait__datagram_option option, unsigned value);
int plait__sim_group(plait__sim_socket *s, bool join,
                     const plait_address *group);
void plait__sim_datagram_close(plait__sim_socket *s);
void plait__sim_post_open(void);
void plait__sim_post_close(void);

/* ---- connecting: connect.c ----------------------------------------------- */

int plait__sim_connect(const plait_address *peer, const plait_address *local,
                       int *ret_fd, const char **ret_step);
void plait__sim_connect_abandon(plait__sim_socket *s);
void plait__sim_connect_ring(plait__sim_event *event);

#endif
