/* Bytes that are no frames, or not those that they were: a codec may take them
 * for what it likes, but for the same in each cut.
 *
 * They are made of frames, so no knowledge about the codec is needed: a few
 * bytes of a row of frames are replaced, left out, put in or repeated, or all
 * are drawn from those that frames are made of.
 */
#include <string.h>

#include "cuts.h"
#include "stages.h"

enum {
  NOISE_ROUNDS = 1000,
  NOISE_BYTES = 100 * 1000, /* of frames, at most */
  NOISE_ROUNDS_FEW = 3,
  NOISE_FRAMES = 3,
  NOISE_EDITS = 4,
  NOISE_RUN = 20,
  NOISE_SHORT = 128, /* what is cut at every place */
  NOISE_RANDOM = 10,
  NOISE_LIMIT = 12
};

/* A byte that means something, as often as not. */
static uint8_t noise_byte(plait__kit *kit, const plait__input *frames) {
  if (plait__random_below(&kit->random, 4) == 0)
    return (uint8_t)plait__random(&kit->random);
  return frames->bytes[plait__random_below(&kit->random, frames->len)];
}

/* Puts a byte in, |count| times. */
static bool noise_insert(plait__kit *kit, plait__input *in, size_t at,
                         uint8_t byte, size_t count) {
  bool ok = true;

  for (size_t i = 0; ok && i < count; i++) {
    ok = plait__input_append(kit, in, &byte, 1);
    if (ok)
      memmove(in->bytes + at + 1, in->bytes + at, in->len - 1 - at);
    in->bytes[at] = byte;
  }
  return ok;
}

/* Changes something about |in|, which has no events. */
static bool noise_edit(plait__kit *kit, plait__input *in,
                       const plait__input *frames) {
  size_t at = plait__random_below(&kit->random, in->len);
  uint8_t byte = noise_byte(kit, frames);

  switch (plait__random_below(&kit->random, 5)) {
  case 0:
    in->bytes[at] = byte;
    return true;
  case 1:
    if (in->len > 1)
      memmove(in->bytes + at, in->bytes + at + 1, --in->len - at);
    return true;
  case 2:
    in->len = at + 1;
    return true;
  case 3:
    return noise_insert(kit, in, at, byte, 1);
  default:
    return noise_insert(kit, in, at, byte, NOISE_RUN);
  }
}

static bool noise_make(plait__kit *kit, plait__input *ret,
                       const plait__input *frames) {
  size_t edits = plait__random_below(&kit->random, NOISE_EDITS + 1);
  size_t len = 1 + plait__random_below(&kit->random, 24);
  bool ok = true;

  plait__input_clear(ret);
  if (plait__random_below(&kit->random, 3) > 0) {
    ok = plait__input_append(kit, ret, frames->bytes, frames->len);
    for (size_t i = 0; ok && i < edits; i++)
      ok = noise_edit(kit, ret, frames);
    return ok;
  }
  for (size_t i = 0; ok && i < len; i++) {
    uint8_t byte = noise_byte(kit, frames);
    ok = plait__input_append(kit, ret, &byte, 1);
  }
  return ok;
}

/* The first cut is the one that the others are held to. */
static bool noise_cut(plait__kit *kit, plait__input *in, size_t limit) {
  if (in->len <= NOISE_SHORT)
    return plait__cut_all(kit, in, limit, NOISE_RANDOM);
  if (!plait__cut_run(kit, in, limit, (plait__cut){.how = PLAIT__WHOLE}) ||
      !plait__cut_run(kit, in, limit, (plait__cut){PLAIT__PIECES, 1, 0}))
    return false;
  for (size_t i = 0; i < NOISE_RANDOM; i++) {
    size_t at = 1 + plait__random_below(&kit->random, in->len - 1);
    if (!plait__cut_run(kit, in, limit, (plait__cut){PLAIT__AT, at, 0}))
      return false;
  }
  return true;
}

static bool noise_round(plait__kit *kit, plait__input *frames,
                        plait__input *noise, size_t limit) {
  bool ok = true;

  plait__input_clear(frames);
  for (unsigned i = 0; ok && i < NOISE_FRAMES; i++) {
    size_t n = plait__random_below(&kit->random, 6);
    ok = plait__input_add(kit, frames, (unsigned)plait__random(&kit->random),
                          plait__kit_length(kit, n * n / 2));
  }
  return ok && noise_make(kit, noise, frames) && noise_cut(kit, noise, limit);
}

/* Fewer where frames are large. */
static size_t noise_count(const plait__kit *kit) {
  size_t count = NOISE_BYTES / (NOISE_FRAMES * kit->check.payload_min + 1);

  if (count > NOISE_ROUNDS)
    return NOISE_ROUNDS;
  return count < NOISE_ROUNDS_FEW ? NOISE_ROUNDS_FEW : count;
}

static bool noise_rounds(plait__kit *kit, bool limited) {
  plait__input frames = {0}, noise = {.is_noise = true};
  size_t rounds = noise_count(kit);
  bool ok = true;

  for (size_t i = 0; ok && i < rounds; i++)
    ok = noise_round(kit, &frames, &noise,
                     limited ? kit->check.payload_min + i % NOISE_LIMIT
                             : SIZE_MAX);
  plait__input_free(&frames);
  plait__input_free(&noise);
  return ok;
}

bool plait__stage_noise(plait__kit *kit) {
  return noise_rounds(kit, false);
}

bool plait__stage_noise_limited(plait__kit *kit) {
  return noise_rounds(kit, true);
}
