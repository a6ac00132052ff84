/* plait_check_protocol(): one connection after another is told the same, cut
 * in other ways, and has to answer the same. */
#include <plait/factory.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expect.h"
#include "kit.h"
#include "world.h"

enum { SPLIT_RANDOM = 100, SPLIT_SHOWN = 16 };

/* Where to cut. */
typedef enum split_how {
  SPLIT_WHOLE,
  SPLIT_AT,
  SPLIT_BYTES,
  SPLIT_AT_RANDOM
} split_how;

struct split {
  const plait_protocol_check *check;
  split_how how;
  size_t number; /* where; which random one */
  uint64_t random;
  uint8_t *whole; /* what came when nothing was cut */
  size_t whole_len;
  plait_test_state whole_state;
  char text[4096];
};

static uint64_t split_seed(const struct split *s) {
  return s->check->options.sim.seed ^ (uint64_t)s->number << 32;
}

/* The length of the next piece of |left| bytes; |first|: nothing was said. */
static size_t split_next(struct split *s, size_t left, bool first) {
  size_t size = left;
  if (s->how == SPLIT_AT && first)
    size = s->number;
  else if (s->how == SPLIT_BYTES)
    size = 1;
  else if (s->how == SPLIT_AT_RANDOM)
    size = 1 + plait__random_below(&s->random, s->number % 2 ? 8 : left);
  return size < left ? size : left;
}

/* ---- the text ------------------------------------------------------------ */

static void report_pieces(struct split *s) {
  size_t len = s->check->input.len, at = 0, count = 0;
  s->random = split_seed(s);
  plait__report("in pieces of");
  while (at < len && count++ < SPLIT_SHOWN) {
    size_t size = split_next(s, len - at, at == 0);
    plait__report(" %zu", size);
    at += size;
  }
  plait__report("%s of %zu bytes", at < len ? " ..." : "", len);
}

static void report_start(struct split *s) {
  const plait_protocol_ops *ops = s->check->factory->protocol;
  plait__report_clear();
  plait__report("protocol %s, ", ops != NULL && ops->name != NULL
                                     ? ops->name
                                     : "without a name");
  if (s->how == SPLIT_WHOLE)
    plait__report("the input whole");
  else if (s->how == SPLIT_BYTES)
    plait__report("the input byte by byte");
  else
    report_pieces(s);
}

/* |wrong| behind the start of it. */
static const char *split_wrong(struct split *s, const char *wrong) {
  snprintf(s->text, sizeof s->text, "%s", wrong);
  report_start(s);
  plait__report(": %s", s->text);
  return plait__report_text();
}

/* ---- one way ------------------------------------------------------------- */

/* Who has ended its side may still listen; where it has closed, the rest is in
 * time to be dropped. */
static void split_feed(struct split *s, plait_test_peer *peer) {
  plait_slice in = s->check->input;
  s->random = split_seed(s);
  for (size_t at = 0; at < in.len;) {
    size_t size = split_next(s, in.len - at, at == 0);
    if (plait_test_get_state(peer) != PLAIT_TEST_OPEN)
      size = in.len - at;
    plait_test_feed_bytes(peer, in.data + at, size);
    at += size;
  }
}

static const char *split_keep(struct split *s, plait_slice came,
                              plait_test_state state) {
  s->whole = malloc(came.len + 1);
  if (s->whole == NULL)
    return "out of memory";
  memcpy(s->whole, came.data, came.len);
  s->whole_len = came.len;
  s->whole_state = state;
  return NULL;
}

static const char *split_compare(struct split *s, plait_slice came,
                                 plait_test_state state) {
  plait_slice whole = {s->whole, s->whole_len};
  if (state == s->whole_state && came.len == whole.len &&
      memcmp(came.data, whole.data, came.len) == 0)
    return NULL;
  report_start(s);
  plait__report(": another answer than whole");
  plait__report_difference(came, plait__state_name(state), "whole", whole);
  if (state != s->whole_state)
    plait__report("\n  whole, the connection %s",
                  plait__state_name(s->whole_state));
  return plait__report_text();
}

/* What comes of it in a world that is there. */
static const char *split_talk(struct split *s, plait_test *test) {
  const plait_protocol_check *check = s->check;
  plait_test_peer *peer;
  const char *wrong = plait_test_serve(test, check->factory, &peer);
  if (wrong != NULL)
    return split_wrong(s, wrong);
  split_feed(s, peer);
  if (!check->stays)
    plait_test_end(peer);
  plait_test_advance(test, check->wait_ms);
  return s->whole == NULL
             ? split_keep(s, plait_test_value(peer), plait_test_get_state(peer))
             : split_compare(s, plait_test_value(peer),
                             plait_test_get_state(peer));
}

/* What was |wrong| first stays. */
static const char *split_free(struct split *s, plait_test *test,
                              const char *wrong) {
  if (wrong != NULL)
    snprintf(s->text, sizeof s->text, "%s", wrong);
  const char *left = plait_test_free(test);
  if (wrong == NULL)
    return left == NULL ? NULL : split_wrong(s, left);
  plait__report_clear();
  plait__report("%s", s->text);
  return plait__report_text();
}

static const char *split_run(struct split *s) {
  const plait_protocol_check *check = s->check;
  plait_test *test;
  if (check->begin != NULL)
    check->begin(check->factory);
  const char *wrong = plait_test_new(&check->options, &test);
  wrong = wrong != NULL ? split_wrong(s, wrong)
                        : split_free(s, test, split_talk(s, test));
  if (check->end != NULL)
    check->end(check->factory);
  return wrong;
}

/* ---- all of them --------------------------------------------------------- */

static const char *split_in(struct split *s, split_how how, size_t number) {
  s->how = how;
  s->number = number;
  return split_run(s);
}

static const char *split_all(struct split *s) {
  const char *wrong = split_in(s, SPLIT_WHOLE, 0);
  for (size_t i = 1; wrong == NULL && i < s->check->input.len; i++)
    wrong = split_in(s, SPLIT_AT, i);
  if (wrong == NULL)
    wrong = split_in(s, SPLIT_BYTES, 0);
  for (size_t i = 0; wrong == NULL && i < SPLIT_RANDOM; i++)
    wrong = split_in(s, SPLIT_AT_RANDOM, i);
  return wrong;
}

const char *plait_check_protocol(const plait_protocol_check *check) {
  struct split s = {.check = check};
  const char *wrong = split_all(&s);
  free(s.whole);
  return wrong;
}
