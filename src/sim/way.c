/* One direction of a stream: what was sent arrives in order, each item at a
 * time that is drawn when it is sent. */
#include <stdlib.h>
#include <string.h>

#include "sim/net.h"

enum { WAY_BYTES = 512, WAY_ITEMS = 8 }; /* of the first rings */

/* A ring of twice the |size|, or more, with what is in the old one at its
 * start. */
static void *ring_grow(void *ring, size_t size, size_t head, size_t width,
                       size_t new_size) {
  uint8_t *to = malloc(new_size * width), *from = ring;
  if (to == NULL)
    plait__sim_os.fatal("no memory for what is on its way");
  if (size > 0) {
    memcpy(to, from + head * width, (size - head) * width);
    memcpy(to + (size - head) * width, from, head * width);
  }
  free(ring);
  return to;
}

static size_t ring_size(size_t size, size_t first, size_t wanted) {
  for (size = size == 0 ? first : size; size < wanted; size *= 2)
    continue;
  return size;
}

/* ---- bytes --------------------------------------------------------------- */

static void way_reserve(plait__sim_way *way, size_t len) {
  size_t size = ring_size(way->size, WAY_BYTES, len);
  if (size == way->size)
    return;
  way->bytes = ring_grow(way->bytes, way->size, way->head, 1, size);
  way->size = size;
  way->head = 0;
}

static void way_append(plait__sim_way *way, const uint8_t *data, size_t len) {
  size_t at = (way->head + way->arrived + way->flying) % way->size;
  size_t first = way->size - at < len ? way->size - at : len;
  memcpy(way->bytes + at, data, first);
  memcpy(way->bytes, data + first, len - first);
  way->flying += len;
}

void plait__sim_way_put(plait__sim_way *way, const plait__iovec *v,
                        size_t len) {
  way_reserve(way, way->arrived + way->flying + len);
  for (; len > 0; v++) {
    size_t some = v->len < len ? v->len : len;
    if (some > 0)
      way_append(way, v->data, some);
    len -= some;
  }
}

size_t plait__sim_way_take(plait__sim_way *way, void *buffer, size_t len) {
  size_t n = way->arrived < len ? way->arrived : len;
  size_t first = way->size - way->head < n ? way->size - way->head : n;
  memcpy(buffer, way->bytes + way->head, first);
  memcpy((uint8_t *)buffer + first, way->bytes, n - first);
  way->head = (way->head + n) % way->size;
  way->arrived -= n;
  return n;
}

/* ---- items --------------------------------------------------------------- */

static plait__sim_item *way_item(const plait__sim_way *way, size_t i) {
  return &way->items[(way->item_head + i) % way->item_size];
}

void plait__sim_way_arm(plait__sim_way *way) {
  if (way->item_count == 0)
    plait__sim_unset(&way->event);
  else
    plait__sim_at(&way->event, way_item(way, 0)->at_ns);
}

void plait__sim_way_push(plait__sim_way *way, plait__sim_what what, size_t len,
                         uint64_t delay_ns) {
  uint64_t at_ns = plait__sim_now_ns() + delay_ns;
  size_t size = ring_size(way->item_size, WAY_ITEMS, way->item_count + 1);
  if (size != way->item_size) {
    way->items = ring_grow(way->items, way->item_size, way->item_head,
                           sizeof *way->items, size);
    way->item_size = size;
    way->item_head = 0;
  }
  if (way->item_count > 0 && way_item(way, way->item_count - 1)->at_ns > at_ns)
    at_ns = way_item(way, way->item_count - 1)->at_ns;
  *way_item(way, way->item_count++) = (plait__sim_item){
      .at_ns = at_ns, .len = (uint32_t)len, .what = (uint32_t)what};
  if (way->item_count == 1)
    plait__sim_way_arm(way);
}

bool plait__sim_way_arrive(plait__sim_way *way, plait__sim_item *ret) {
  if (way->item_count == 0 || way_item(way, 0)->at_ns > plait__sim_now_ns())
    return false;
  *ret = *way_item(way, 0);
  way->item_head = (way->item_head + 1) % way->item_size;
  way->item_count--;
  way->arrived += ret->len;
  way->flying -= ret->len;
  return true;
}

void plait__sim_way_hurry(plait__sim_way *way, uint64_t delay_ns) {
  uint64_t until_ns = plait__sim_now_ns() + delay_ns;
  for (size_t i = way->item_count; i-- > 0;) {
    if (way_item(way, i)->at_ns <= until_ns)
      break;
    way_item(way, i)->at_ns = until_ns;
  }
}

void plait__sim_way_lose(plait__sim_way *way, size_t count) {
  for (; count > 0; count--)
    way->flying -= way_item(way, --way->item_count)->len;
  plait__sim_way_arm(way);
}

bool plait__sim_way_bytes_due(const plait__sim_way *way, uint64_t *ret_ns) {
  uint64_t now_ns = plait__sim_now_ns();
  if (way->flying == 0)
    return false;
  size_t i = 0;
  while (way_item(way, i)->what != PLAIT__SIM_BYTES)
    i++;
  uint64_t at_ns = way_item(way, i)->at_ns;
  *ret_ns = at_ns > now_ns ? at_ns - now_ns : 0;
  return true;
}

void plait__sim_way_close(plait__sim_way *way) {
  plait__sim_unset(&way->event);
  free(way->bytes);
  free(way->items);
  way->bytes = NULL;
  way->items = NULL;
  way->size = way->head = way->arrived = way->flying = 0;
  way->item_size = way->item_head = way->item_count = 0;
}
