/* A hierarchical wheel without wrap-around.
 *
 * An alarm lies at the level of the highest group of six bits in which its due
 * time differs from now, in the slot that those six bits of its due time
 * number.  So all alarms of a level are later than those of the levels below,
 * slots are passed in rising order, and the next time at which anything has to
 * be done is read from one bitmap: nothing is ticked through.  When now
 * reaches the start of a slot of a higher level, its alarms move down.
 *
 * Lists are doubly linked with |prev| of the first alarm pointing to the last
 * one: an alarm is set exactly when its |prev| is not NULL.
 */
#include "core/wheel.h"

#include <string.h>

static const uint64_t horizon_ms =
    ((uint64_t)1 << (PLAIT__WHEEL_BITS * PLAIT__WHEEL_LEVELS)) - 1;

static void list_append(plait__alarm **list, plait__alarm *a) {
  a->next = NULL;
  if (*list == NULL) {
    *list = a;
    a->prev = a;
  } else {
    a->prev = (*list)->prev;
    a->prev->next = a;
    (*list)->prev = a;
  }
}

static void list_remove(plait__alarm **list, plait__alarm *a) {
  if (a->next != NULL)
    a->next->prev = a->prev;
  else if (*list != a)
    (*list)->prev = a->prev;
  if (*list == a)
    *list = a->next;
  else
    a->prev->next = a->next;
  a->next = a->prev = NULL;
}

static unsigned highest_bit(uint64_t x) {
  return 63u - (unsigned)__builtin_clzll(x);
}

/* Where an alarm that is due later than now lies. */
static unsigned wheel_level(const plait__wheel *w, uint64_t due_ms) {
  return highest_bit(due_ms ^ w->now_ms) / PLAIT__WHEEL_BITS;
}

static void slot_used(plait__wheel *w, unsigned level, unsigned slot) {
  w->used[level] |= (uint64_t)1 << slot;
  w->levels |= 1u << level;
}

static void slot_emptied(plait__wheel *w, unsigned level, unsigned slot) {
  w->used[level] &= ~((uint64_t)1 << slot);
  if (w->used[level] == 0)
    w->levels &= ~(1u << level);
}

static unsigned wheel_slot(uint64_t due_ms, unsigned level) {
  return (unsigned)(due_ms >> (PLAIT__WHEEL_BITS * level)) &
         (PLAIT__WHEEL_SLOTS - 1);
}

void plait__wheel_init(plait__wheel *w, uint64_t now_ms) {
  memset(w, 0, sizeof *w);
  w->now_ms = now_ms;
}

static void wheel_insert(plait__wheel *w, plait__alarm *a) {
  if (a->due_ms <= w->now_ms) {
    list_append(&w->due, a);
    return;
  }
  unsigned level = wheel_level(w, a->due_ms);
  unsigned slot = wheel_slot(a->due_ms, level);
  list_append(&w->slots[level][slot], a);
  slot_used(w, level, slot);
}

void plait__wheel_set(plait__wheel *w, plait__alarm *alarm, uint64_t due_ms) {
  /* What is due already waits for the next advance(): an alarm that sets
   * itself to now cannot keep advance() busy for ever. */
  if (due_ms <= w->now_ms)
    due_ms = w->now_ms + 1;
  alarm->due_ms = due_ms < horizon_ms ? due_ms : horizon_ms;
  wheel_insert(w, alarm);
}

void plait__wheel_set_again(plait__wheel *w, plait__alarm *alarm,
                            uint64_t every_ms) {
  uint64_t missed = (w->until_ms - alarm->due_ms) / every_ms;
  uint64_t later = (missed + 1) * every_ms;
  uint64_t due = alarm->due_ms + later;
  plait__wheel_set(w, alarm, due > later ? due : UINT64_MAX);
}

void plait__wheel_unset(plait__wheel *w, plait__alarm *alarm) {
  if (!plait__alarm_is_set(alarm))
    return;
  if (alarm->due_ms <= w->now_ms) {
    list_remove(&w->due, alarm);
    return;
  }
  unsigned level = wheel_level(w, alarm->due_ms);
  unsigned slot = wheel_slot(alarm->due_ms, level);
  list_remove(&w->slots[level][slot], alarm);
  if (w->slots[level][slot] == NULL)
    slot_emptied(w, level, slot);
}

uint64_t plait__wheel_next(const plait__wheel *w) {
  if (w->levels == 0)
    return UINT64_MAX;
  unsigned level = (unsigned)__builtin_ctz(w->levels);
  unsigned shift = PLAIT__WHEEL_BITS * level;
  uint64_t slot = (uint64_t)__builtin_ctzll(w->used[level]);
  uint64_t above = w->now_ms >> (shift + PLAIT__WHEEL_BITS);
  return ((above << PLAIT__WHEEL_BITS) | slot) << shift;
}

/* Now has reached the start of a slot: its alarms are due or move down. */
static void wheel_open(plait__wheel *w, unsigned level, unsigned slot) {
  plait__alarm *a = w->slots[level][slot];
  w->slots[level][slot] = NULL;
  slot_emptied(w, level, slot);
  while (a != NULL) {
    plait__alarm *next = a->next;
    wheel_insert(w, a);
    a = next;
  }
}

static void wheel_ring(plait__wheel *w) {
  while (w->due != NULL) {
    plait__alarm *a = w->due;
    list_remove(&w->due, a);
    a->ring(a);
  }
}

void plait__wheel_advance(plait__wheel *w, uint64_t now_ms) {
  w->until_ms = now_ms;
  while (w->now_ms < now_ms) {
    uint64_t next = plait__wheel_next(w);
    if (next > now_ms) {
      w->now_ms = now_ms;
      return;
    }
    w->now_ms = next;
    for (unsigned level = PLAIT__WHEEL_LEVELS; level-- > 0;) {
      unsigned slot = wheel_slot(next, level);
      if (w->used[level] >> slot & 1)
        wheel_open(w, level, slot);
    }
    wheel_ring(w);
  }
}
