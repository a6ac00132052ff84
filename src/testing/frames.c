/* Frames as they should be: each comes, and comes as it was written. */
#include "cuts.h"
#include "stages.h"

enum {
  FRAMES_RANDOM = 1000,   /* random cuts of the small ones */
  FRAMES_RANDOM_FEW = 30, /* and of all others */
  FRAMES_FEW_BYTES = 2048 /* an input that should be short */
};

/* How many frames of |n| bytes of payload make a short input: |most| but for
 * those that are large already. */
static size_t frames_count(const plait__kit *kit, size_t n, size_t most) {
  size_t count = FRAMES_FEW_BYTES / (plait__kit_length(kit, n) + 1);

  if (count > most)
    return most;
  return count < 3 ? 3 : count;
}

/* A few frames of small lengths, each way of them twice. */
static bool frames_small(plait__kit *kit, plait__input *in) {
  static const size_t lengths[] = {3, 0, 1, 7, 0, 2, 17, 1, 4, 0, 12};
  enum { LENGTHS = sizeof lengths / sizeof *lengths };
  size_t most = 2 * kit->check.ways;
  size_t count = frames_count(kit, 0, most > LENGTHS ? most : LENGTHS);
  bool ok = true;

  for (unsigned i = 0; ok && i < count; i++)
    ok = plait__input_add(kit, in, i,
                          plait__kit_length(kit, lengths[i % LENGTHS]));
  return ok;
}

bool plait__stage_small(plait__kit *kit) {
  plait__input in = {0};
  bool ok = frames_small(kit, &in) &&
            plait__cut_all(kit, &in, SIZE_MAX, FRAMES_RANDOM);

  plait__input_free(&in);
  return ok;
}

bool plait__stage_least(plait__kit *kit) {
  plait__input in = {0};
  size_t count = frames_count(kit, 0, 64);
  bool ok = true;

  for (unsigned i = 0; ok && i < count; i++)
    ok = plait__input_add(kit, &in, i, plait__kit_length(kit, 0));
  ok = ok && plait__cut_all(kit, &in, SIZE_MAX, FRAMES_RANDOM_FEW);
  plait__input_free(&in);
  return ok;
}

/* A payload of |len| bytes that starts with number |from| of the alphabet. */
static bool frames_add_from(plait__kit *kit, plait__input *in, unsigned from,
                            size_t len) {
  uint8_t payload[4];
  plait_slice all = kit->check.alphabet;

  for (size_t i = 0; i < sizeof payload; i++)
    payload[i] = all.data[(from + i) % all.len];
  if (len <= sizeof payload)
    return plait__input_add_payload(kit, in, from % kit->check.ways,
                                    (plait_slice){payload, len});
  return plait__input_add(kit, in, from, len);
}

/* Each byte is the first one and the last one of a payload. */
bool plait__stage_bytes(plait__kit *kit) {
  plait__input in = {0};
  size_t count = kit->check.alphabet.len;
  bool ok = true;

  if (kit->check.payload_min > 4)
    count = frames_count(kit, 0, count);
  for (unsigned i = 0; ok && i < count; i++)
    ok = frames_add_from(kit, &in, i, plait__kit_length(kit, i % 4 + 1));
  ok = ok && plait__cut_all(kit, &in, SIZE_MAX, FRAMES_RANDOM_FEW);
  plait__input_free(&in);
  return ok;
}

/* ---- limits -------------------------------------------------------------- */

/* Frames of about |n| bytes of payload, under limits about their length. */
static bool limits_about(plait__kit *kit, plait__input *in, size_t n) {
  const size_t lengths[] = {n > 0 ? n - 1 : 0, 0, n, n + 1, 0, n, 1};
  bool ok = true;

  plait__input_clear(in);
  for (unsigned i = 0; ok && i < sizeof lengths / sizeof *lengths; i++)
    ok = plait__input_add(kit, in, i, plait__kit_length(kit, lengths[i]));
  if (!ok)
    return false;
  size_t length = in->events[2].length;
  size_t least = length > 0 ? length - 1 : 0;
  for (size_t limit = least; ok && limit <= length + 1; limit++)
    ok = plait__cut_all(kit, in, limit, FRAMES_RANDOM_FEW);
  return ok;
}

bool plait__stage_limits(plait__kit *kit) {
  /* Above payload_min; what is above payload_max stands for that. */
  static const size_t lengths[] = {0, 1, 8, 127, 255, 1000, 20000};
  plait__input in = {0};
  bool ok = true;
  size_t before = SIZE_MAX;

  for (size_t i = 0; ok && i < sizeof lengths / sizeof *lengths; i++) {
    size_t n = plait__kit_length(kit, lengths[i]) - kit->check.payload_min;
    if (n == before)
      break;
    ok = limits_about(kit, &in, before = n);
  }
  plait__input_free(&in);
  return ok;
}

/* ---- two at once --------------------------------------------------------- */

bool plait__stage_in_turn(plait__kit *kit) {
  plait__input a = {0}, b = {0};
  bool ok = frames_small(kit, &a) && frames_small(kit, &b) &&
            plait__cut_in_turn(kit, &a, &b);

  plait__input_free(&a);
  plait__input_free(&b);
  return ok;
}
