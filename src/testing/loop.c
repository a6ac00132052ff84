/* The reference loop.
 *
 * It does what plait_framing does, in the simplest way: places in the input,
 * which is all there, stand for the bytes that were gathered.  A frame that is
 * too long is told once, when an answer first says so, and skipped.
 *
 *     input  [frame][frame][the current fra|me ... ]
 *                          ^start          ^seen   ^given
 *
 * Invariants: start <= seen <= given.  A piece is the input from |seen| to
 * |given| as it was when the piece was made; when bytes are handed back, |seen|
 * moves to before the piece, and another one is made.
 */
#include <stdlib.h>
#include <string.h>

#include "loop.h"

enum { LOOP_CANARY = sizeof(((plait__loop *)NULL)->canary) };

/* A broken rule. */
#define LOOP_FAIL(l, ...)                                                      \
  (plait__loop_report_start(l), plait__report(__VA_ARGS__),                    \
   plait__loop_report_end(l))

/* ---- events -------------------------------------------------------------- */

/* What has to come as number |i|; false: nothing. */
static bool loop_expected(const plait__loop *l, size_t i, plait__event *ret) {
  if (i >= l->input->count)
    return false;
  *ret = l->input->events[i];
  if (!l->input->is_noise && ret->length > l->limit)
    ret->what = PLAIT__TOO_LONG;
  return true;
}

static bool loop_same(const plait__event *a, const plait__event *b) {
  if (a->what != b->what || a->start != b->start)
    return false;
  return a->what != PLAIT__FRAME ||
         (a->end == b->end && a->length == b->length &&
          (a->length == 0 || a->offset == b->offset));
}

/* |e| has come, NULL for the end of input. */
static bool loop_event(plait__loop *l, const plait__event *e) {
  plait__event want;

  if (l->recording)
    return e == NULL || plait__input_event(l->kit, l->input, e);
  bool wanted = loop_expected(l, l->events, &want);
  if (e != NULL ? wanted && loop_same(e, &want) : !wanted) {
    l->events++;
    return true;
  }
  plait__loop_report_start(l);
  plait__report("came ");
  plait__loop_report_event(l, e);
  plait__report(l->input->is_noise ? "\n  when whole " : "\n  expected ");
  plait__loop_report_event(l, wanted ? &want : NULL);
  return plait__loop_report_end(l);
}

static bool loop_came(plait__loop *l, int what) {
  plait__event e = {.what = what, .start = l->start};
  return loop_event(l, &e);
}

/* ---- the contract -------------------------------------------------------- */

/* What scan is done with, up to |to|, is replaced. */
static bool loop_spoil(plait__loop *l, size_t to) {
  if (to == l->seen || plait__pieces_spoil(&l->pieces, l->input, l->seen, to))
    return true;
  return LOOP_FAIL(l, "scan has changed the piece, which is const");
}

/* What surrounds the state is to be as it was. */
static bool loop_check_state(const plait__loop *l) {
  size_t size = l->kit->check.codec->state_size;
  const uint8_t *behind = l->state_block + LOOP_CANARY + size;

  if (l->cut.around == PLAIT__NOTHING ||
      (memcmp(l->state_block, l->canary, LOOP_CANARY) == 0 &&
       memcmp(behind, l->canary, LOOP_CANARY) == 0))
    return true;
  return LOOP_FAIL(l, "has written outside of its state of state_size %zu",
                   size);
}

/* Codecs are to look at each byte once. */
static bool loop_offered(plait__loop *l, size_t len) {
  l->offered += len;
  if (l->offered / l->kit->check.ways <= 2 * l->given)
    return true;
  return LOOP_FAIL(l, "looked at %zu bytes where %zu came, more than twice",
                   l->offered, l->given);
}

static bool loop_in_time(plait__loop *l) {
  clock_t deadline = l->kit->deadline;
  if (deadline == 0 || ++l->scans % 64 != 0 || clock() <= deadline)
    return true;
  return LOOP_FAIL(l, "much slower than other pieces or shorter frames are: "
                      "are more bytes looked at than those of the frame?");
}

static bool loop_check_again(const plait__loop *l, const plait_scan *found) {
  plait_slice again = found->again;
  size_t before = l->seen - l->start;
  size_t state_size = l->kit->check.codec->state_size;
  size_t at = (size_t)((uintptr_t)again.data - (uintptr_t)l->state);

  if (found->consumed != 0)
    return LOOP_FAIL(l, "again has %zu bytes, but consumed is %zu, not 0",
                     again.len, found->consumed);
  if (again.len >= before)
    return LOOP_FAIL(l, "again has %zu bytes, but the frame only %zu",
                     again.len, before);
  if (at > state_size || again.len > state_size - at)
    return LOOP_FAIL(l, "again is no view of the state");
  if (memcmp(again.data, l->input->bytes + l->seen - again.len, again.len) == 0)
    return true;
  plait__loop_report_start(l);
  plait__report("again is not what came last but ");
  plait__report_bytes(again.data, again.len);
  return plait__loop_report_end(l);
}

/* The loop finds a frame that ends with the terminator without asking scan: it
 * has to be this one. */
static bool loop_check_terminator(plait__loop *l, const plait_scan *found,
                                  size_t total) {
  const plait_terminator *t = &l->kit->check.codec->terminator;
  const uint8_t *frame = l->input->bytes + l->start;
  size_t payload = total - 1;

  if (!t->used)
    return true;
  if (memchr(frame, t->byte, total) != frame + total - 1)
    return LOOP_FAIL(l,
                     "FRAME, but it does not end with the first byte %u in "
                     "it, the terminator",
                     t->byte);
  if (t->strip_cr && payload > 0 && frame[payload - 1] == '\r')
    payload--;
  if (found->length > 0 ? found->offset == 0 && found->length == payload
                        : payload == 0)
    return true;
  return LOOP_FAIL(l, "length %zu at offset %zu, but %zu by the terminator",
                   found->length, found->offset, payload);
}

/* FRAME where |left| bytes were offered, the frame to end at |end|. */
static bool loop_check_frame(plait__loop *l, const plait_scan *found,
                             size_t left, size_t end) {
  size_t total = end - l->start;

  if (found->consumed > left)
    return LOOP_FAIL(l, "consumed is %zu, but only %zu bytes were offered",
                     found->consumed, left);
  if (found->consumed == 0 && l->seen == l->start)
    return LOOP_FAIL(l, "FRAME with consumed 0, and no byte came before: a "
                        "frame of no bytes");
  if (found->again.len > 0 && !loop_check_again(l, found))
    return false;
  if (found->offset > total || found->length > total - found->offset)
    return LOOP_FAIL(l, "offset %zu and length %zu in a frame of %zu bytes",
                     found->offset, found->length, total);
  if (!loop_check_terminator(l, found, total))
    return false;
  if (found->length < l->length_least)
    return LOOP_FAIL(l, "FRAME with length %zu, but MORE had length %zu",
                     found->length, l->length_least);
  if (l->need_end > end)
    return LOOP_FAIL(l,
                     "MORE had a need up to byte %zu, but the frame ends at "
                     "%zu",
                     l->need_end, end);
  return true;
}

/* Whether MORE tells how long the frame has become, without which no limit
 * bounds what is gathered. */
static bool loop_check_growth(plait__loop *l, const plait_scan *found) {
  plait__event want;
  size_t came = l->seen - l->start, slack = l->kit->check.overhead_max;

  if (l->input->is_noise ||
      !loop_expected(l, l->events - (l->skipping ? 1 : 0), &want))
    return true;
  if (came > want.end - want.start)
    came = want.end - want.start;
  if (came <= slack || found->length >= came - slack)
    return true;
  return LOOP_FAIL(l,
                   "MORE with length %zu when %zu bytes of the frame had "
                   "come, of which at most %zu (overhead_max) are no payload",
                   found->length, came, slack);
}

static bool loop_fail_answer(const plait__loop *l, const char *function,
                             int answer) {
  plait__loop_report_start(l);
  plait__report("%s answered ", function);
  plait__report_answer(answer);
  return plait__loop_report_end(l);
}

/* ---- scanning ------------------------------------------------------------ */

/* Takes a frame in, which ends in the piece or before it. */
static bool loop_frame(plait__loop *l, const plait_scan *found, size_t left) {
  size_t end = l->seen + found->consumed - found->again.len;
  plait__event e = {.what = found->length > l->limit ? PLAIT__TOO_LONG
                                                     : PLAIT__FRAME,
                    .start = l->start,
                    .end = end,
                    .offset = found->offset,
                    .length = found->length};

  if (!loop_check_frame(l, found, left, end) ||
      !loop_offered(l, found->consumed) ||
      (end > l->seen && !loop_spoil(l, end)) ||
      (!l->skipping && !loop_event(l, &e)))
    return false;
  l->skipping = false;
  l->start = l->seen = end;
  l->length_least = l->need_end = 0;
  return true;
}

static void loop_need(plait__loop *l, size_t need) {
  size_t end = need > SIZE_MAX - l->seen ? SIZE_MAX : l->seen + need;
  if (need > 0 && end > l->need_end)
    l->need_end = end;
}

/* MORE or an error. */
static bool loop_tail(plait__loop *l, int answer, const plait_scan *found) {
  if (!loop_offered(l, l->given - l->seen) || !loop_spoil(l, l->given))
    return false;
  if (found->length > l->limit && !l->skipping) {
    if (!loop_came(l, PLAIT__TOO_LONG))
      return false;
    l->skipping = true;
  }
  if (answer < 0) {
    l->over = true;
    return loop_came(l, answer);
  }
  l->seen = l->given;
  if (found->length > l->length_least)
    l->length_least = found->length;
  loop_need(l, found->need);
  return loop_check_growth(l, found);
}

static bool loop_scan(plait__loop *l) {
  const plait_codec *codec = l->kit->check.codec;
  plait_scan found = {0};
  size_t left = l->given - l->seen;
  int answer =
      codec->scan(codec, l->state, l->pieces.bytes + (l->seen - l->pieces.at),
                  left, &found);

  if (!loop_check_state(l) || !loop_in_time(l))
    return false;
  if (answer > PLAIT_FRAME)
    return loop_fail_answer(l, "scan", answer);
  return answer == PLAIT_FRAME ? loop_frame(l, &found, left)
                               : loop_tail(l, answer, &found);
}

/* Scans what was given and not seen. */
static bool loop_go_on(plait__loop *l) {
  bool ok = true;

  while (ok && !l->over && l->seen < l->given) {
    plait__pieces *p = &l->pieces;
    if (!plait__pieces_make(p, l->input, l->seen, l->given - l->seen,
                            l->cut.around, &l->random))
      return plait__kit_no_memory(l->kit);
    while (ok && !l->over && l->seen >= p->at && l->seen < l->given)
      ok = loop_scan(l);
    plait__pieces_drop(p, l->cut.around);
  }
  return ok;
}

bool plait__loop_feed(plait__loop *l, size_t len) {
  l->given += len;
  return loop_go_on(l);
}

/* ---- the end of input, opening, closing ---------------------------------- */

/* Asks the codec whether the end of input completes the current frame. */
static bool loop_end_frame(plait__loop *l, bool *ret_done) {
  const plait_codec *codec = l->kit->check.codec;
  plait_scan found = {0};
  int answer = codec->end(codec, l->state, &found);

  *ret_done = answer == PLAIT_MORE;
  if (!loop_check_state(l))
    return false;
  if (answer == PLAIT_MORE)
    return true;
  if (answer != PLAIT_FRAME)
    return loop_fail_answer(l, "end", answer);
  /* The bytes handed back come once more. */
  return loop_frame(l, &found, 0) && loop_go_on(l);
}

bool plait__loop_end(plait__loop *l) {
  bool done = l->kit->check.codec->end == NULL;

  while (!done && !l->over && l->seen > l->start)
    if (!loop_end_frame(l, &done))
      return false;
  if (!l->over && l->seen > l->start && !loop_came(l, PLAIT__TRUNCATED))
    return false;
  return loop_event(l, NULL);
}

/* The state, zeroed, in between two margins, or in a block of its own. */
static bool loop_make_state(plait__loop *l) {
  size_t size = l->kit->check.codec->state_size;
  size_t margin = l->cut.around == PLAIT__NOTHING ? 0 : LOOP_CANARY;

  /* One byte is for a malloc() that has no blocks of none. */
  l->state_block = malloc(size + margin > 0 ? size + 2 * margin : 1);
  if (l->state_block == NULL)
    return false;
  memset(l->canary, l->cut.around == PLAIT__LIES ? 0x5c : 0, LOOP_CANARY);
  memcpy(l->state_block, l->canary, margin);
  memset(l->state_block + margin, 0, size);
  memcpy(l->state_block + margin + size, l->canary, margin);
  l->state = l->state_block + margin;
  return true;
}

bool plait__loop_open(plait__loop *l, plait__kit *kit, plait__input *input,
                      size_t limit, plait__cut cut) {
  *l = (plait__loop){.kit = kit,
                     .input = input,
                     .cut = cut,
                     .limit = limit,
                     .recording = input->is_noise && input->count == 0,
                     .random = kit->check.seed + cut.number};
  return loop_make_state(l) || plait__kit_no_memory(kit);
}

void plait__loop_close(plait__loop *l) {
  plait__pieces_free(&l->pieces);
  free(l->state_block);
}
