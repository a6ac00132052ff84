/* A link of the storm: a socket pair, both ends of which are plait's.
 *
 * Threads send numbered messages by handle to one end, the target, which sends
 * some of its own and does at random what a callback may do; the other end, the
 * checker, looks whether what it gets from each has a gap or a swap.  It
 * answers them, and the target looks whether the answers have.  Half of the
 * ends have their callbacks on reactors, half on workers.
 *
 * target.c has what targets are and do, link.c the rest. */
#ifndef PLAIT_TESTS_HANDLES_LINK_H
#define PLAIT_TESTS_HANDLES_LINK_H

#include <plait.h>
#include <stdatomic.h>

enum {
  SENDERS = 4,
  REACTORS = 4,
  WORKERS = 8,
  LINKS = 60,
  GONE = 12, /* a sixth of the handles are of targets long gone */
  TABLE = LINKS + GONE,
  PAYLOAD_MAX = 3000
};

enum { MAGIC = 0x504c4149 };

/* From a sender, or with the number SENDERS from the target itself. */
struct message {
  uint32_t magic, sender, number, len;
};

union packet {
  struct message message;
  uint8_t bytes[sizeof(struct message) + PAYLOAD_MAX];
};

size_t packet_fill(union packet *packet, unsigned sender, uint32_t number,
                   uint32_t len);

/* The end that senders have handles of. */
struct target {
  plait_protocol base;
  uint32_t calls[SENDERS]; /* the number that may come next, at least */
  uint32_t messages;       /* of its own */
  uint32_t answers;        /* that it got */
  struct message in;       /* the answer that is arriving */
  size_t have;             /* bytes of it */
  uint32_t deferred, done; /* tasks */
  unsigned holds;          /* tasks that hold reading */
  unsigned place;          /* in the table */
  uint64_t random;
  plait_timer timer;
  bool inside; /* not atomic: its serial context is the lock */
  bool lost;
  bool again;    /* after a switch */
  bool switched; /* away from */
  bool ended;    /* the peer's end has come */
};

extern const plait_protocol_ops *const target_protocol;

/* The target that |p| is; aborts if it is something else. */
struct target *target_of(plait_protocol *p);
/* In a callback of |t|'s: something that a callback may do, by |random|. */
void target_act(struct target *t, unsigned random);
/* Around what is done in |t|'s context: no two at once. */
void target_enter(struct target *t);
void target_leave(struct target *t);

/* All links of a runtime. */
struct links {
  plait_runtime *runtime;
  plait_factory targets[2], checkers[2]; /* by plait_dispatch */
  _Atomic uint64_t table[TABLE];         /* handles of targets */
  atomic_bool taken[LINKS];              /* by a target that is alive */
  atomic_uint count, made, checked, live;
  atomic_uint answered, unread; /* answers that came, and were handed back */
  atomic_uint deferred, done, cancelled, fired, switched;
  atomic_bool stopping;
};

extern struct links links;

void links_open(plait_runtime *runtime);
void link_new(void);

#endif
