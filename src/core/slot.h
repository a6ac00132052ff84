/* The handle table: what a plait_handle leads to, on any thread.
 *
 * A static registry has an entry per reactor of the process; an entry has
 * pages of slots that never move; a slot stands for one connection at a time.
 * A handle is {entry, slot, generation}.
 */
#ifndef PLAIT_CORE_SLOT_H
#define PLAIT_CORE_SLOT_H

#include <plait/handle.h>

#include "core/driver.h"

enum {
  PLAIT__SLOT_PAGES = 18, /* page i has 64 << i slots: 16 million in all */
  PLAIT__SLOT_FIRST_PAGE = 64,
  PLAIT__SLOTS_MAX = 1 << 24,
  PLAIT__HANDLE_BYTES_MAX = 1 << 20 /* of writes on their way, a connection */
};

enum {
  PLAIT__ASK_CLOSE = 1u,
  PLAIT__ASK_ABORT = 2u,
  PLAIT__ASK_OWN = 4u /* the owner's thread pushed the entry */
};

typedef struct plait__slot plait__slot;
struct plait__slot {
  /* A handle is live while its generation is this one. */
  _Atomic(uint32_t) generation;
  _Atomic(uint32_t) mail_bytes; /* of handle writes in the mailbox */
  _Atomic(uint32_t) room;       /* 1 + bytes up to the high-water mark, as last
                                   published; 0: the queue is above it */
  _Atomic(uint32_t) entries;    /* in the mailbox that name this slot */
  _Atomic(uint8_t) asked;       /* PLAIT__ASK_*: |mail| is in the mailbox */
  bool live;                    /* the owner's: a connection has the slot */
  uint32_t own_entries;         /* of |entries|, pushed by the owner's thread */
  union {
    plait_transport *transport; /* the owner's, while live */
    plait__slot *next_free;
  } u;
  plait__mail mail; /* close and abort travel in it: no memory needed */
};

typedef struct plait__slots {
  _Atomic(uint32_t) users; /* foreign calls under way */
  _Atomic(uint32_t) state; /* enum in slot.c */
  _Atomic(uint32_t) count; /* slots that exist */
  uint32_t generation_floor;
  plait_reactor *reactor;
  plait__slot *_Atomic pages[PLAIT__SLOT_PAGES];
  plait__slot *free_first, *free_last; /* oldest first */
} plait__slots;

/* Takes an entry for |reactor|; NULL if there is none left. */
plait__slots *plait__slots_open(plait_reactor *reactor);
/* Foreign calls answer PLAIT_ECLOSED from now on; waits for those under way. */
void plait__slots_close(plait__slots *slots, const plait__os *os);
/* Then: frees the pages.  The entry may be taken again. */
void plait__slots_free(plait__slots *slots, const plait__os *os);

/* The owner: a slot for |t|, or NULL if out of memory. */
plait__slot *plait__slot_take(plait__slots *slots, const plait__os *os,
                              plait_transport *t);
/* The owner: handles to it are dead from now on. */
void plait__slot_release(plait__slots *slots, plait__slot *slot);

plait_handle plait__slot_handle(const plait__slots *slots,
                                const plait__slot *slot);

/* The entry of |h|, or NULL if there is none like it. */
plait__slots *plait__slots_of(plait_handle h);

/* Any thread.  Between the two, the entry's reactor stays.  False if it is
 * gone, and then there is nothing to leave. */
bool plait__slots_enter(plait__slots *slots);
void plait__slots_leave(plait__slots *slots);

/* The slot of |h|, or NULL if there is none like it.  Whether it is live is
 * for plait__slot_is() to say. */
plait__slot *plait__slot_find(plait__slots *slots, plait_handle h);
bool plait__slot_is(const plait__slot *slot, plait_handle h);

/* The owner: calls fn for each live transport; fn may release slots. */
void plait__slots_each(plait__slots *slots, void (*fn)(plait_transport *t));

#endif
