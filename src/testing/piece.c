/* Pieces: what a scan is shown, so that only what it may read can count. */
#include <stdlib.h>
#include <string.h>

#include "piece.h"

/* A block with room for |len| bytes, kept for later ones. */
static uint8_t *pieces_block(plait__pieces *p, size_t len) {
  unsigned i = p->turn ^= 1;

  if (len > p->capacities[i]) {
    uint8_t *grown = realloc(p->blocks[i], len);
    if (grown == NULL)
      return NULL;
    p->blocks[i] = grown;
    p->capacities[i] = len;
  }
  return p->blocks[i];
}

/* A margin: the input's |len| bytes from |from| on, as far as there are. */
static void pieces_margin(uint8_t *ret, const plait__input *in, size_t from,
                          size_t len) {
  size_t there = from < in->len ? in->len - from : 0;
  memset(ret, 0, len);
  memcpy(ret, in->bytes + (there > 0 ? from : 0), there < len ? there : len);
}

static void pieces_surround(plait__pieces *p, const plait__input *in,
                            plait__around around, uint64_t *random) {
  uint8_t *before = p->bytes - PLAIT__MARGIN, *behind = p->bytes + p->len;
  size_t from = p->at - PLAIT__MARGIN, to = p->at + p->len;

  if (around == PLAIT__LIES) {
    from = plait__random_below(random, in->len);
    to = plait__random_below(random, in->len);
  } else if (p->at < PLAIT__MARGIN) {
    memset(before, 0, PLAIT__MARGIN - p->at);
    before += PLAIT__MARGIN - p->at;
    from = 0;
  }
  pieces_margin(before, in, from, (size_t)(p->bytes - before));
  pieces_margin(behind, in, to, PLAIT__MARGIN);
}

bool plait__pieces_make(plait__pieces *p, const plait__input *in, size_t at,
                        size_t len, plait__around around, uint64_t *random) {
  size_t margin = around == PLAIT__NOTHING ? 0 : PLAIT__MARGIN;
  uint8_t *block =
      margin == 0 ? malloc(len) : pieces_block(p, len + 2 * margin);

  if (block == NULL)
    return false;
  p->bytes = block + margin;
  p->at = at;
  p->len = len;
  if (margin > 0)
    pieces_surround(p, in, around, random);
  memcpy(p->bytes, in->bytes + at, len);
  return true;
}

bool plait__pieces_spoil(plait__pieces *p, const plait__input *in, size_t from,
                         size_t to) {
  uint8_t *bytes = p->bytes + (from - p->at);
  bool same = memcmp(bytes, in->bytes + from, to - from) == 0;

  memset(bytes, (uint8_t) ~*bytes, to - from);
  return same;
}

void plait__pieces_drop(plait__pieces *p, plait__around around) {
  if (around == PLAIT__NOTHING)
    free(p->bytes);
  p->bytes = NULL;
}

void plait__pieces_free(plait__pieces *p) {
  free(p->blocks[0]);
  free(p->blocks[1]);
}
