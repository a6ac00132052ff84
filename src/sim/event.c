/* The queue of what is to happen: a heap, in the order of time and, of those at
 * one time, of setting. */
#include <plait/error.h>
#include <stdlib.h>

#include "sim/sim.h"

static struct {
  plait__sim_event **heap; /* from 1 */
  size_t count, room, reserved;
  uint64_t number;
} queue;

static bool event_before(const plait__sim_event *a, const plait__sim_event *b) {
  return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->number < b->number;
}

static void heap_put(size_t place, plait__sim_event *event) {
  queue.heap[place] = event;
  event->place = place;
}

static void heap_rise(size_t place, plait__sim_event *event) {
  while (place > 1 && event_before(event, queue.heap[place / 2])) {
    heap_put(place, queue.heap[place / 2]);
    place /= 2;
  }
  heap_put(place, event);
}

static void heap_sink(size_t place, plait__sim_event *event) {
  for (size_t child; (child = 2 * place) <= queue.count; place = child) {
    if (child < queue.count &&
        event_before(queue.heap[child + 1], queue.heap[child]))
      child++;
    if (!event_before(queue.heap[child], event))
      break;
    heap_put(place, queue.heap[child]);
  }
  heap_put(place, event);
}

void plait__sim_unset(plait__sim_event *event) {
  size_t place = event->place;
  if (place == 0)
    return;
  plait__sim_event *last = queue.heap[queue.count--];
  event->place = 0;
  if (last == event)
    return;
  if (place > 1 && event_before(last, queue.heap[place / 2]))
    heap_rise(place, last);
  else
    heap_sink(place, last);
}

void plait__sim_at(plait__sim_event *event, uint64_t at_ns) {
  plait__sim_unset(event);
  event->at_ns = at_ns;
  event->number = queue.number++;
  heap_rise(++queue.count, event);
}

plait__sim_event *plait__sim_due(uint64_t now_ns) {
  if (queue.count == 0 || queue.heap[1]->at_ns > now_ns)
    return NULL;
  plait__sim_event *event = queue.heap[1];
  plait__sim_unset(event);
  return event;
}

uint64_t plait__sim_next_ns(void) {
  return queue.count == 0 ? UINT64_MAX : queue.heap[1]->at_ns;
}

int plait__sim_events_reserve(void) {
  if (queue.reserved + 1 >= queue.room) {
    size_t room = queue.room == 0 ? 64 : 2 * queue.room;
    plait__sim_event **heap =
        realloc(queue.heap, room * sizeof(plait__sim_event *));
    if (heap == NULL)
      return PLAIT_ENOMEM;
    queue.heap = heap;
    queue.room = room;
  }
  queue.reserved++;
  return 0;
}

void plait__sim_events_release(void) {
  queue.reserved--;
}

void plait__sim_events_close(void) {
  free(queue.heap);
  queue.heap = NULL;
  queue.count = queue.room = queue.reserved = 0;
  queue.number = 0;
}
