/* Cutting.  What a cut costs is proportional to the input, so short ones are
 * cut at every place and long ones where something begins or ends. */
#include "cuts.h"

enum {
  CUTS_SHORT = 1024,      /* an input that is cut at every place */
  CUTS_LONG = 16 * 1024,  /* one that is cut in few ways */
  CUTS_HUGE = 256 * 1024, /* and in very few */
  CUTS_REACH = 18,        /* places around what begins or ends */
  CUTS_REACH_LONG = 1,
  CUTS_ENDS = 8, /* frames at both ends of an input that is not short */
  CUTS_ENDS_HUGE = 1,
  CUTS_RANDOM_LONG = 10,
  CUTS_RANDOM_HUGE = 2
};

/* ---- one way ------------------------------------------------------------- */

/* The length of the next piece. */
static size_t cut_next(plait__loop *l, size_t most) {
  size_t left = l->input->len - l->given, size = left;

  if (l->cut.how == PLAIT__AT)
    size = l->given == 0 ? l->cut.number : left;
  else if (l->cut.how == PLAIT__PIECES)
    size = l->cut.number;
  else if (l->cut.how >= PLAIT__RANDOM)
    size = 1 + plait__random_below(&l->random, most);
  return size < left ? size : left;
}

/* Some random cuts are mostly small pieces, some mostly big ones. */
static size_t cut_most(plait__loop *l) {
  return 1 + plait__random_below(&l->random, l->input->len);
}

bool plait__cut_run(plait__kit *kit, plait__input *in, size_t limit,
                    plait__cut cut) {
  plait__loop l;
  bool ok = plait__loop_open(&l, kit, in, limit, cut);
  size_t most = cut_most(&l);

  while (ok && !l.over && l.given < in->len)
    ok = plait__loop_feed(&l, cut_next(&l, most));
  ok = ok && plait__loop_end(&l);
  plait__loop_close(&l);
  return ok;
}

bool plait__cut_in_turn(plait__kit *kit, plait__input *a, plait__input *b) {
  plait__loop loops[2];
  bool ok = true;

  for (size_t i = 0; i < 2; i++)
    ok &= plait__loop_open(&loops[i], kit, i == 0 ? a : b, SIZE_MAX,
                           (plait__cut){.how = PLAIT__IN_TURN, .number = i});
  while (ok && (loops[0].given < a->len || loops[1].given < b->len))
    for (size_t i = 0; ok && i < 2; i++)
      if (loops[i].given < loops[i].input->len)
        ok = plait__loop_feed(&loops[i], cut_next(&loops[i], 4));
  for (size_t i = 0; ok && i < 2; i++)
    ok = plait__loop_end(&loops[i]);
  plait__loop_close(&loops[0]);
  plait__loop_close(&loops[1]);
  return ok;
}

/* ---- all of them --------------------------------------------------------- */

/* One way, in each surrounding. */
static bool cut_around(plait__kit *kit, plait__input *in, size_t limit,
                       plait__cut cut) {
  for (unsigned i = 0; i < PLAIT__AROUNDS; i++) {
    cut.around = (plait__around)i;
    if (!plait__cut_run(kit, in, limit, cut))
      return false;
  }
  return true;
}

/* One way, in one surrounding; with the number, they take turns. */
static bool cut_once(plait__kit *kit, plait__input *in, size_t limit,
                     plait__cut cut) {
  cut.around = (plait__around)(cut.number % PLAIT__AROUNDS);
  return plait__cut_run(kit, in, limit, cut);
}

/* Two pieces, cut within |reach| of |at|. */
static bool cut_near(plait__kit *kit, plait__input *in, size_t limit, size_t at,
                     size_t reach) {
  size_t from = at > reach ? at - reach : 1;

  for (size_t i = from; i <= at + reach && i < in->len; i++)
    if (!cut_once(kit, in, limit, (plait__cut){.how = PLAIT__AT, .number = i}))
      return false;
  return true;
}

/* Two pieces, cut where a frame or its payload begins or ends. */
static bool cut_edges(plait__kit *kit, plait__input *in, size_t limit) {
  size_t reach = in->len > CUTS_LONG ? CUTS_REACH_LONG : CUTS_REACH;
  size_t ends = in->len > CUTS_HUGE ? CUTS_ENDS_HUGE : CUTS_ENDS;

  for (size_t i = 0; i < in->count; i++) {
    const plait__event *e = &in->events[i];
    if (i >= ends && i + ends < in->count)
      continue;
    if (!cut_near(kit, in, limit, e->start, reach) ||
        !cut_near(kit, in, limit, e->start + e->offset, reach) ||
        !cut_near(kit, in, limit, e->start + e->offset + e->length, reach))
      return false;
  }
  return cut_near(kit, in, limit, in->len, reach);
}

static bool cut_in_two(plait__kit *kit, plait__input *in, size_t limit) {
  if (in->len > CUTS_SHORT)
    return cut_edges(kit, in, limit);
  for (size_t at = 1; at < in->len; at++)
    if (!cut_around(kit, in, limit, (plait__cut){PLAIT__AT, at, PLAIT__TRUTH}))
      return false;
  return true;
}

static bool cut_in_sizes(plait__kit *kit, plait__input *in, size_t limit) {
  bool all = in->len <= CUTS_SHORT;

  for (size_t i = 2; i < in->len; i += all ? 1 : i / 2)
    if (!cut_once(kit, in, limit,
                  (plait__cut){.how = PLAIT__PIECES, .number = i}))
      return false;
  return true;
}

/* For a long input, ways that look the same are left out. */
static bool cut_evenly(plait__kit *kit, plait__input *in, size_t limit) {
  const plait__cut whole = {.how = PLAIT__WHOLE},
                   bytes = {PLAIT__PIECES, 1, PLAIT__TRUTH};

  if (in->len > CUTS_LONG)
    return plait__cut_run(kit, in, limit, whole) &&
           plait__cut_run(kit, in, limit, bytes) &&
           (in->len > CUTS_HUGE || cut_in_sizes(kit, in, limit));
  return cut_around(kit, in, limit, whole) &&
         cut_around(kit, in, limit, bytes) && cut_in_sizes(kit, in, limit);
}

bool plait__cut_all(plait__kit *kit, plait__input *in, size_t limit,
                    size_t random) {
  if (!cut_evenly(kit, in, limit) || !cut_in_two(kit, in, limit))
    return false;
  if (in->len > CUTS_LONG && random > CUTS_RANDOM_LONG)
    random = CUTS_RANDOM_LONG;
  if (in->len > CUTS_HUGE)
    random = CUTS_RANDOM_HUGE;
  for (size_t i = 0; i < random; i++)
    if (!cut_once(kit, in, limit,
                  (plait__cut){.how = PLAIT__RANDOM, .number = i}))
      return false;
  return true;
}
