/* See slot.h.
 *
 * A foreign call enters (users++, then looks at the state), and
 * plait__slots_close() changes the state and then waits for users == 0; both
 * are sequentially consistent, so one of the two sees the other.
 *
 * A slot is used again only when no mailbox entry of its past is left: a call
 * counts itself in |entries| before it looks at the generation for the last
 * time.  Free slots are a queue, so a slot rests as long as possible; its
 * generation rises with each use, and when it wraps the slot retires.  An
 * entry that is used again goes on above the generations it had, so that a
 * handle of a runtime that was freed never comes to life.
 */
#include "core/slot.h"

#include <plait/runtime.h>
#include <stdatomic.h>

#include "core/memory.h"

enum { STATE_FREE = 0, STATE_TAKEN, STATE_OPEN };

static plait__slots registry[PLAIT_REACTORS_MAX];

plait__slots *plait__slots_open(plait_reactor *reactor) {
  for (size_t i = 0; i < PLAIT_REACTORS_MAX; i++) {
    plait__slots *slots = &registry[i];
    uint32_t expected = STATE_FREE;
    if (!atomic_compare_exchange_strong(&slots->state, &expected, STATE_TAKEN))
      continue;
    if (slots->generation_floor == 0)
      slots->generation_floor = 1;
    slots->reactor = reactor;
    slots->free_first = slots->free_last = NULL;
    atomic_store(&slots->count, 0);
    atomic_store(&slots->state, STATE_OPEN);
    return slots;
  }
  return NULL;
}

void plait__slots_close(plait__slots *slots, const plait__os *os) {
  atomic_store(&slots->state, STATE_TAKEN);
  while (atomic_load(&slots->users) != 0)
    os->yield();
}

/* Page and place of the slot with |number|. */
static unsigned slot_page(uint32_t number, uint32_t *ret_place) {
  uint32_t n = number / PLAIT__SLOT_FIRST_PAGE + 1;
  unsigned page = 31u - (unsigned)__builtin_clz(n);
  *ret_place = number - PLAIT__SLOT_FIRST_PAGE * ((1u << page) - 1);
  return page;
}

static plait__slot *slot_at(plait__slots *slots, uint32_t number) {
  uint32_t place;
  unsigned page = slot_page(number, &place);
  return &slots->pages[page][place];
}

void plait__slots_free(plait__slots *slots, const plait__os *os) {
  uint32_t count = atomic_load(&slots->count);
  for (uint32_t i = 0; i < count; i++) {
    uint32_t generation = atomic_load(&slot_at(slots, i)->generation);
    if (generation > slots->generation_floor)
      slots->generation_floor = generation;
  }
  for (size_t i = 0; i < PLAIT__SLOT_PAGES; i++) {
    plait__free(os, slots->pages[i]);
    slots->pages[i] = NULL;
  }
  slots->reactor = NULL;
  /* An entry whose generations are used up is never taken again. */
  if (slots->generation_floor < UINT32_MAX - 1)
    atomic_store(&slots->state, STATE_FREE);
}

static plait__slot *slots_grow(plait__slots *slots, const plait__os *os) {
  uint32_t number = atomic_load(&slots->count), place;
  if (number >= PLAIT__SLOTS_MAX)
    return NULL;
  unsigned page = slot_page(number, &place);
  if (page >= PLAIT__SLOT_PAGES)
    return NULL;
  if (slots->pages[page] == NULL)
    slots->pages[page] = plait__alloc(
        os, ((size_t)PLAIT__SLOT_FIRST_PAGE << page) * sizeof(plait__slot));
  if (slots->pages[page] == NULL)
    return NULL;
  plait__slot *slot = &slots->pages[page][place];
  memset(slot, 0, sizeof *slot);
  atomic_store(&slot->generation, slots->generation_floor);
  atomic_store_explicit(&slots->count, number + 1, memory_order_release);
  return slot;
}

static void slots_put(plait__slots *slots, plait__slot *slot) {
  slot->u.next_free = NULL;
  if (slots->free_first == NULL)
    slots->free_first = slot;
  else
    slots->free_last->u.next_free = slot;
  slots->free_last = slot;
}

/* The oldest free slot if the mailbox has forgotten it; else it goes to the
 * back of the queue. */
static plait__slot *slots_reuse(plait__slots *slots) {
  plait__slot *slot = slots->free_first;
  if (slot == NULL)
    return NULL;
  slots->free_first = slot->u.next_free;
  if (atomic_load(&slot->entries) == 0)
    return slot;
  slots_put(slots, slot);
  return NULL;
}

plait__slot *plait__slot_take(plait__slots *slots, const plait__os *os,
                              plait_transport *t) {
  plait__slot *slot = slots_reuse(slots);
  if (slot == NULL)
    slot = slots_grow(slots, os);
  if (slot == NULL)
    return NULL;
  slot->u.transport = t;
  slot->live = true;
  slot->own_entries = 0;
  atomic_store_explicit(&slot->asked, 0, memory_order_relaxed);
  return slot;
}

/* A free slot has the generation of its next use; a handle can't have it yet.
 */
void plait__slot_release(plait__slots *slots, plait__slot *slot) {
  uint32_t generation = atomic_load(&slot->generation) + 1;
  slot->live = false;
  atomic_store(&slot->generation, generation);
  if (generation != UINT32_MAX)
    slots_put(slots, slot);
}

static uint32_t slot_number(const plait__slots *slots,
                            const plait__slot *slot) {
  for (unsigned page = 0; page < PLAIT__SLOT_PAGES; page++) {
    const plait__slot *first = slots->pages[page];
    uint32_t size = (uint32_t)PLAIT__SLOT_FIRST_PAGE << page;
    if (first != NULL && slot >= first && slot < first + size)
      return PLAIT__SLOT_FIRST_PAGE * ((1u << page) - 1) +
             (uint32_t)(slot - first);
  }
  return PLAIT__SLOTS_MAX;
}

plait_handle plait__slot_handle(const plait__slots *slots,
                                const plait__slot *slot) {
  uint64_t entry = (uint64_t)(slots - registry);
  uint64_t number = slot_number(slots, slot);
  uint64_t generation = atomic_load(&slot->generation);
  return (plait_handle){entry << 56 | number << 32 | generation};
}

plait__slots *plait__slots_of(plait_handle h) {
  size_t entry = (size_t)(h.id >> 56);
  return h.id != 0 && entry < PLAIT_REACTORS_MAX ? &registry[entry] : NULL;
}

bool plait__slots_enter(plait__slots *slots) {
  atomic_fetch_add(&slots->users, 1);
  if (atomic_load(&slots->state) == STATE_OPEN)
    return true;
  atomic_fetch_sub(&slots->users, 1);
  return false;
}

void plait__slots_leave(plait__slots *slots) {
  atomic_fetch_sub(&slots->users, 1);
}

plait__slot *plait__slot_find(plait__slots *slots, plait_handle h) {
  uint32_t number = (uint32_t)(h.id >> 32) & (PLAIT__SLOTS_MAX - 1);
  if (number >= atomic_load_explicit(&slots->count, memory_order_acquire))
    return NULL;
  return slot_at(slots, number);
}

bool plait__slot_is(const plait__slot *slot, plait_handle h) {
  return atomic_load(&slot->generation) == (uint32_t)h.id;
}

void plait__slots_each(plait__slots *slots, void (*fn)(plait_transport *t)) {
  uint32_t count = atomic_load(&slots->count);
  for (uint32_t i = 0; i < count; i++) {
    plait__slot *slot = slot_at(slots, i);
    if (slot->live)
      fn(slot->u.transport);
  }
}
