/* Many frames and large ones.
 *
 * What a codec looks at cannot be seen, only what it is offered.  So the CPU
 * time of one cut is held to that of another one, which is the same work for a
 * codec that looks at its frame alone; one that looks at the whole piece for
 * each frame, or at the whole frame for each piece, is hundreds of times as
 * slow.  The margin is wide, for other threads' time counts, too.
 */
#include "cuts.h"
#include "stages.h"

enum {
  VOLUME_MARGIN = 10,
  VOLUME_MARGIN_MS = 200,
  VOLUME_FRAMES = 1000 * 1000,
  VOLUME_BYTES = 8 << 20,
  VOLUME_FEWER_BYTES = 1 << 20, /* in pieces of a few bytes */
  VOLUME_BLOCK = 64 * 1024,     /* what is written; the rest repeats it */
  VOLUME_LARGE = 256 * 1024,
  VOLUME_STEP = 256, /* a piece that is neither small nor big */
  VOLUME_NEAR = 16   /* a payload that is not large */
};

/* Cuts in pieces of |size| bytes, SIZE_MAX being whole, and tells the CPU time
 * if |ret| is not NULL. */
static bool volume_pieces(plait__kit *kit, plait__input *in, size_t limit,
                          size_t size, clock_t *ret) {
  clock_t start = clock();
  plait__cut cut = {PLAIT__PIECES, size, PLAIT__NOTHING};

  if (size == SIZE_MAX)
    cut.how = PLAIT__WHOLE;
  if (size < VOLUME_STEP) /* a block for each would be slow */
    cut.around = PLAIT__TRUTH;
  bool ok = plait__cut_run(kit, in, limit, cut);
  if (ret != NULL)
    *ret = clock() - start;
  return ok;
}

/* The same; it may take |margin| times |time| and a bit. */
static bool volume_pieces_within(plait__kit *kit, plait__input *in, size_t size,
                                 clock_t time) {
  kit->deadline =
      clock() + VOLUME_MARGIN * time + VOLUME_MARGIN_MS * CLOCKS_PER_SEC / 1000;
  bool ok = volume_pieces(kit, in, SIZE_MAX, size, NULL);
  kit->deadline = 0;
  return ok;
}

/* Frames of |n| bytes of payload, |bytes| of them together or |most| frames;
 * a few, if one is more. */
static bool volume_fill(plait__kit *kit, plait__input *in, size_t n,
                        size_t bytes, size_t most) {
  size_t block = bytes < VOLUME_BLOCK ? bytes : VOLUME_BLOCK;
  bool ok = true;

  while (ok && (in->count < 3 || (in->len < block && in->count < most)))
    ok = plait__input_add(kit, in, 0, n);
  if (!ok)
    return false;
  size_t times = bytes / in->len;
  if (times > most / in->count)
    times = most / in->count;
  return plait__input_repeat(kit, in, times > 0 ? times : 1);
}

/* A limit that each of them keeps and all together do not. */
static bool volume_under(plait__kit *kit, plait__input *in, size_t limit) {
  static const size_t sizes[] = {SIZE_MAX, 4096, VOLUME_STEP, 7, 1};
  bool ok = true;

  for (size_t i = 0; i < in->count; i++)
    if (in->events[i].length > limit)
      limit = in->events[i].length;
  for (size_t i = 0; ok && i < sizeof sizes / sizeof *sizes; i++)
    ok = volume_pieces(kit, in, limit, sizes[i], NULL);
  return ok;
}

bool plait__stage_many(plait__kit *kit) {
  plait__input small = {0}, all = {0};
  size_t limit = kit->check.codec->frame_bytes_max;

  if (limit == 0)
    limit = PLAIT_FRAME_BYTES_MAX;
  size_t bytes = 2 * (limit < VOLUME_LARGE ? limit : VOLUME_LARGE);
  bool ok = volume_fill(kit, &small, plait__kit_length(kit, VOLUME_NEAR), 4096,
                        200) &&
            volume_under(kit, &small, 0) &&
            volume_fill(kit, &all, plait__kit_length(kit, 1000), bytes,
                        VOLUME_FRAMES) &&
            volume_under(kit, &all, limit);

  plait__input_free(&small);
  plait__input_free(&all);
  return ok;
}

bool plait__stage_million(plait__kit *kit) {
  plait__input in = {0}, fewer = {0};
  size_t n = plait__kit_length(kit, 0);
  clock_t time = 0;
  bool ok = volume_fill(kit, &in, n, VOLUME_BYTES, VOLUME_FRAMES) &&
            volume_pieces(kit, &in, SIZE_MAX, VOLUME_STEP, &time) &&
            volume_pieces_within(kit, &in, SIZE_MAX, time) &&
            volume_fill(kit, &fewer, n, VOLUME_FEWER_BYTES, VOLUME_FRAMES) &&
            volume_pieces(kit, &fewer, SIZE_MAX, 3, NULL) &&
            volume_pieces(kit, &fewer, SIZE_MAX, 1, NULL);

  plait__input_free(&in);
  plait__input_free(&fewer);
  return ok;
}

bool plait__stage_large(plait__kit *kit) {
  plait__input large = {0}, small = {0};
  size_t n = plait__kit_length(kit, VOLUME_LARGE);
  clock_t time = 0;
  bool ok = plait__input_add(kit, &large, 0, n) &&
            plait__input_add(kit, &large, 1, plait__kit_length(kit, 1)) &&
            volume_fill(kit, &small, plait__kit_length(kit, VOLUME_NEAR),
                        large.len, SIZE_MAX) &&
            volume_pieces(kit, &small, SIZE_MAX, 1, &time) &&
            volume_pieces_within(kit, &large, 1, time) &&
            plait__cut_all(kit, &large, SIZE_MAX, 30);

  plait__input_free(&large);
  plait__input_free(&small);
  return ok;
}
