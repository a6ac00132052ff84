/* Inputs: frames that the user's encode wrote, one behind the other.
 *
 * What has to come of a frame is what encode says about it; nothing here knows
 * how frames look.
 */
#include <stdlib.h>
#include <string.h>

#include "input.h"

/* ---- memory -------------------------------------------------------------- */

/* Room for |count| members of |size| bytes in the |*capacity| of |block|. */
static void *input_grow(void *block, size_t *capacity, size_t count,
                        size_t size) {
  size_t wanted = *capacity > 0 ? *capacity : 64;

  if (count <= *capacity)
    return block;
  while (wanted < count)
    wanted *= 2;
  void *grown = realloc(block, wanted * size);
  if (grown != NULL)
    *capacity = wanted;
  return grown;
}

bool plait__input_append(plait__kit *kit, plait__input *in,
                         const uint8_t *bytes, size_t len) {
  uint8_t *grown = input_grow(in->bytes, &in->capacity, in->len + len, 1);

  if (grown == NULL)
    return plait__kit_no_memory(kit);
  in->bytes = grown;
  memcpy(in->bytes + in->len, bytes, len);
  in->len += len;
  return true;
}

bool plait__input_event(plait__kit *kit, plait__input *in,
                        const plait__event *event) {
  plait__event *grown = input_grow(in->events, &in->events_capacity,
                                   in->count + 1, sizeof *grown);

  if (grown == NULL)
    return plait__kit_no_memory(kit);
  in->events = grown;
  in->events[in->count++] = *event;
  return true;
}

void plait__input_clear(plait__input *in) {
  in->len = in->count = 0;
}

void plait__input_free(plait__input *in) {
  free(in->bytes);
  free(in->events);
  *in = (plait__input){0};
}

/* ---- frames -------------------------------------------------------------- */

/* What encode has written: a frame of |len| bytes at |frame|, of which
 * |payload| is delivered.  False: it cannot be right. */
static bool input_written(const plait__kit *kit, const uint8_t *frame,
                          size_t room, size_t len, size_t asked,
                          plait_slice payload) {
  size_t offset = (size_t)((uintptr_t)payload.data - (uintptr_t)frame);
  const char *wrong = NULL;

  if (len == 0)
    wrong = "wrote nothing; has a frame room for so much?";
  else if (len > room)
    wrong = "wrote more than it has room for; is overhead_max right?";
  else if (offset > len || payload.len > len - offset)
    wrong = "says that the payload lies outside of the frame";
  else if (len - payload.len > kit->check.overhead_max)
    wrong = "wrote more than overhead_max bytes that are no payload";
  if (wrong == NULL)
    return true;
  plait__report_start(kit);
  plait__report(": encode, asked for %zu bytes of payload, %s", asked, wrong);
  return false;
}

bool plait__input_add_payload(plait__kit *kit, plait__input *in, unsigned way,
                              plait_slice payload) {
  const plait_codec_check *c = &kit->check;
  size_t room = 2 * payload.len + c->overhead_max;
  uint8_t *frame = malloc(room);
  plait_slice part = {0};

  if (frame == NULL)
    return plait__kit_no_memory(kit);
  size_t len = c->encode(c->codec, way, payload, frame, &part);
  if (part.data == NULL)
    part = (plait_slice){frame, len};
  plait__event event = {.what = PLAIT__FRAME,
                        .start = in->len,
                        .end = in->len + len,
                        .offset = (size_t)(part.data - frame),
                        .length = part.len};
  bool ok = input_written(kit, frame, room, len, payload.len, part) &&
            plait__input_append(kit, in, frame, len) &&
            plait__input_event(kit, in, &event);
  free(frame);
  return ok;
}

/* Bytes of the alphabet: one of them again and again, a few, or all. */
static void input_fill(plait__kit *kit, uint8_t *ret, size_t len) {
  plait_slice all = kit->check.alphabet;
  size_t few = 1 + plait__random_below(&kit->random, 4);
  size_t from = plait__random_below(&kit->random, all.len);
  bool any = plait__random_below(&kit->random, 2) == 0;

  for (size_t i = 0; i < len; i++) {
    size_t at = plait__random_below(&kit->random, any ? all.len : few);
    ret[i] = all.data[any ? at : (from + at) % all.len];
  }
}

bool plait__input_add(plait__kit *kit, plait__input *in, unsigned way,
                      size_t len) {
  /* An empty payload is at a place, too. */
  uint8_t *payload = malloc(len > 0 ? len : 1);

  if (payload == NULL)
    return plait__kit_no_memory(kit);
  input_fill(kit, payload, len);
  bool ok = plait__input_add_payload(kit, in, way % kit->check.ways,
                                     (plait_slice){payload, len});
  free(payload);
  return ok;
}

bool plait__input_repeat(plait__kit *kit, plait__input *in, size_t times) {
  size_t len = in->len, count = in->count;

  for (size_t round = 1; round < times; round++) {
    uint8_t *grown = input_grow(in->bytes, &in->capacity, in->len + len, 1);
    if (grown == NULL)
      return plait__kit_no_memory(kit);
    in->bytes = grown;
    memcpy(in->bytes + in->len, in->bytes, len);
    for (size_t i = 0; i < count; i++) {
      plait__event event = in->events[i];
      event.start += in->len;
      event.end += in->len;
      if (!plait__input_event(kit, in, &event))
        return false;
    }
    in->len += len;
  }
  return true;
}

size_t plait__kit_length(const plait__kit *kit, size_t n) {
  size_t most = kit->check.payload_max - kit->check.payload_min;
  return kit->check.payload_min + (n < most ? n : most);
}
