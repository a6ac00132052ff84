/* The framing loop, with a codec made for the purpose: two bytes of length,
 * the payload, a dot.  Only the loop, the codec and a fake transport are
 * linked: framing needs no reactor. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <plait/error.h>
#include <plait/factory.h>
#include <plait/framing.h>
#include <plait/line.h>

#include "support/chunks.h"
#include "support/fake_transport.h"
#include "support/require.h"

/* ---- the codec --------------------------------------------------------- */

enum { HEADER = 2, WRAPPING = 3 };

/* |offered| and |scans| are the test's and outlive frames. */
struct dotted {
  size_t seen, length;
  uint64_t offered;
  unsigned scans;
};

static int dotted_scan(void *state, const uint8_t *piece, size_t len,
                       plait_scan *ret) {
  struct dotted *s = state;
  size_t i = 0;

  require(len > 0 && ret->consumed == 0 && ret->offset == 0 &&
              ret->length == 0 && ret->need == 0,
          "a scan of %zu bytes does not come zeroed", len);
  s->scans++;
  for (; i < len && s->seen < HEADER; s->seen++)
    s->length = s->length << 8 | piece[i++];
  if (s->seen < HEADER) {
    s->offered += len;
    ret->need = WRAPPING - s->seen;
    return PLAIT_MORE;
  }
  size_t left = s->length + WRAPPING - s->seen;
  ret->length = s->length;
  if (len - i < left) {
    s->offered += len;
    s->seen += len - i;
    ret->need = left - (len - i);
    return PLAIT_MORE;
  }
  if (piece[i + left - 1] != '.')
    return PLAIT_EIO;
  s->offered += i + left;
  ret->consumed = i + left;
  ret->offset = HEADER;
  s->seen = s->length = 0;
  return PLAIT_FRAME;
}

static const plait_codec dotted = {.name = "dotted", .scan = dotted_scan};

static void add_frame(struct text *t, const char *payload, size_t len) {
  uint8_t header[HEADER] = {(uint8_t)(len >> 8), (uint8_t)len};
  text_add(t, header, HEADER);
  text_add(t, payload, len);
  text_add(t, ".", 1);
}

static void add_frames(struct text *t, const char *const *payloads) {
  for (; *payloads != NULL; payloads++)
    add_frame(t, *payloads, strlen(*payloads));
}

/* ---- the protocol: does what a frame tells it -------------------------- */

struct scene {
  bool tell_too_long; /* handles too long frames itself */
  bool pause;         /* in every frame */
  bool start_afresh;  /* when a frame was too long */
  size_t max;
  unsigned failing; /* the allocation that fails */
};

struct framed {
  plait_protocol base;
  plait_framing framing;
  struct dotted codec, other;
  const struct scene *scene;
  struct text *trace;
};

static struct framed *framed_of(plait_protocol *p) {
  return plait_container_of(p, struct framed, base);
}

struct after {
  plait_protocol base;
  struct text *trace;
};

static void after_made(plait_protocol *p) {
  text_format(plait_container_of(p, struct after, base)->trace, "after:");
}

static void after_data(plait_protocol *p, const uint8_t *data, size_t len) {
  text_escape(plait_container_of(p, struct after, base)->trace, data, len);
}

static const plait_protocol_ops after_ops = {
    .name = "after",
    .size = PLAIT_INSTANCE(struct after, base),
    .connection_made = after_made,
    .data_received = after_data,
};

static void framed_init(struct framed *self, struct dotted *state);

static void framed_switch(struct framed *self) {
  plait_slice rest = plait_framing_rest(&self->framing);
  plait_protocol *p = plait_switch_protocol(self->base.transport, &after_ops,
                                            rest.data, rest.len);
  plait_container_of(p, struct after, base)->trace = self->trace;
}

static void framed_frame(plait_protocol *p, plait_slice payload) {
  struct framed *self = framed_of(p);
  plait_transport *t = p->transport;

  text_add(self->trace, "(", 1);
  if (payload.len <= 64)
    text_escape(self->trace, payload.data, payload.len);
  else
    text_format(self->trace, "%zu bytes", payload.len);
  text_add(self->trace, ")", 1);

  if (self->scene->pause || plait_slice_equal(payload, "pause"))
    plait_pause_reading(t);
  else if (plait_slice_equal(payload, "close"))
    plait_close(t);
  else if (plait_slice_equal(payload, "abort"))
    plait_abort(t);
  else if (plait_slice_equal(payload, "switch"))
    framed_switch(self);
  else if (plait_slice_equal(payload, "halt"))
    plait_framing_halt(&self->framing);
  else if (plait_slice_equal(payload, "max 4"))
    plait_framing_set_max(&self->framing, 4);
  else if (plait_slice_equal(payload, "afresh"))
    framed_init(self, &self->other);
  if (plait_slice_equal(payload, "close pause"))
    plait_close(t);
  if (plait_slice_equal(payload, "switch pause"))
    framed_switch(self);
  /* It must still be what it was, whatever was called. */
  text_format(self->trace, "%s", payload.len > 0 ? "" : "empty");
  require(payload.len == 0 || payload.data[payload.len] == '.',
          "the payload went away");
}

static void framed_too_long(plait_protocol *p, size_t seen) {
  struct framed *self = framed_of(p);
  text_format(self->trace, "{%zu}", seen);
  require(plait_framing_rest(&self->framing).len == 0, "a rest");
  if (self->scene->start_afresh) {
    self->other = (struct dotted){0};
    framed_init(self, &self->other);
  }
}

static void framed_init(struct framed *self, struct dotted *state) {
  static const plait_framing_events closing = {.frame = framed_frame};
  static const plait_framing_events telling = {.frame = framed_frame,
                                               .too_long = framed_too_long};
  plait_framing_init(&self->framing, &self->base, &dotted, state,
                     self->scene->tell_too_long ? &telling : &closing,
                     self->scene->max);
}

static void framed_data(plait_protocol *p, const uint8_t *data, size_t len) {
  struct framed *self = framed_of(p);
  size_t used = plait_framing_receive(&self->framing, data, len);
  require(plait_framing_rest(&self->framing).data == NULL, "a rest is left");
  if (used < len)
    plait_unread(p->transport, data + used, len - used);
}

static void framed_lost(plait_protocol *p, int reason) {
  text_format(framed_of(p)->trace, " lost(%s) ", fake_reason(reason));
}

static const plait_protocol_ops framed_ops = {
    .name = "framed",
    .size = PLAIT_INSTANCE(struct framed, base),
    .data_received = framed_data,
    .connection_lost = framed_lost,
};

/* ---- the subject of chunks_check() ------------------------------------- */

struct subject {
  struct fake *fake;
  struct text trace;
  bool pause;
};

static struct framed *subject_framed(struct subject *s) {
  return framed_of(s->fake->head.protocol);
}

static void *subject_open(const void *arg) {
  struct subject *s = calloc(1, sizeof *s);
  require(s != NULL, "out of memory");
  const struct scene *scene = arg;
  s->fake = fake_new(&framed_ops);
  s->fake->failing = scene->failing;
  s->pause = scene->pause;
  subject_framed(s)->scene = scene;
  subject_framed(s)->trace = &s->trace;
  framed_init(subject_framed(s), &subject_framed(s)->codec);
  return s;
}

static void subject_feed(void *subject, const uint8_t *piece, size_t len) {
  struct subject *s = subject;
  fake_feed(s->fake, piece, len);
  while (s->fake->paused && !s->fake->closing) {
    plait_resume_reading(&s->fake->head);
    fake_turn(s->fake);
  }
}

static char *subject_close(void *subject) {
  struct subject *s = subject;
  fake_free(s->fake);
  char *trace = s->trace.s;
  free(s);
  return trace;
}

static void check(const struct scene *scene, const struct text *input,
                  const char *expected) {
  const struct chunks c = {subject_open, subject_feed, subject_close, scene};
  chunks_check(&c, input->s, input->len, expected);
}

static void check_frames(const struct scene *scene,
                         const char *const *payloads, const char *expected) {
  struct text input = {0};
  add_frames(&input, payloads);
  check(scene, &input, expected);
  text_free(&input);
}

#define FRAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

static const struct scene plain = {.max = 100};

/* ---- frames ------------------------------------------------------------ */

START_TEST(test_frames) {
  check_frames(&plain, FRAMES("one", "", "", "a longer one", "x"),
               "(one)()empty()empty(a longer one)(x) lost(0) ");
}
END_TEST

START_TEST(test_unfinished_frame_is_dropped) {
  struct text input = {0};
  add_frame(&input, "one", 3);
  add_frame(&input, "unfinished", 10);
  input.len--;
  check(&plain, &input, "(one) lost(0) ");
  text_free(&input);
}
END_TEST

START_TEST(test_whole_frames_lie_in_place) {
  struct text input = {0};
  struct subject *s = subject_open(&plain);
  for (int i = 0; i < 1000; i++)
    add_frame(&input, "payload", 7);
  subject_feed(s, (uint8_t *)input.s, input.len);
  ck_assert_uint_eq(s->fake->allocations, 0);
  ck_assert_uint_eq(subject_framed(s)->codec.scans, 1000);
  ck_assert_uint_eq(s->trace.len, 1000 * strlen("(payload)"));
  free(subject_close(s));
  text_free(&input);
}
END_TEST

/* ---- the carry --------------------------------------------------------- */

START_TEST(test_carry_goes_with_its_frame) {
  struct text input = {0};
  struct subject *s = subject_open(&plain);
  add_frames(&input, FRAMES("first", "second"));
  subject_feed(s, (uint8_t *)input.s, 4);
  ck_assert_uint_eq(s->fake->memory, 4096);
  subject_feed(s, (uint8_t *)input.s + 4, 4);
  ck_assert_uint_eq(s->fake->memory, 0);
  subject_feed(s, (uint8_t *)input.s + 8, 1);
  ck_assert_uint_eq(s->fake->memory, 4096);
  ck_assert_uint_eq(s->fake->allocations, 2);
  free(subject_close(s));
  text_free(&input);
}
END_TEST

/* Feeds a frame of |payload| bytes by |step| and looks at the carry. */
static void check_carry(size_t payload, size_t step) {
  struct scene scene = {.max = 65535};
  struct subject *s = subject_open(&scene);
  struct text input = {0};
  char *bytes = calloc(1, payload);
  size_t at = 0;

  ck_assert_ptr_nonnull(bytes);
  add_frame(&input, bytes, payload);
  while (at < input.len) {
    size_t piece = input.len - at < step ? input.len - at : step;
    subject_feed(s, (uint8_t *)input.s + at, piece);
    at += piece;
    size_t bound = at < 2048 ? 4096 : 2 * at;
    require(s->fake->memory <= bound, "%zu for %zu", s->fake->memory, at);
    require(subject_framed(s)->framing.carry_capacity == s->fake->memory,
            "%zu of %zu", subject_framed(s)->framing.carry_capacity,
            s->fake->memory);
  }
  ck_assert_uint_eq(subject_framed(s)->codec.offered, input.len);
  ck_assert_uint_le(s->fake->moved, 2 * input.len);
  ck_assert_uint_eq(s->fake->memory, 0);
  free(subject_close(s));
  text_free(&input);
  free(bytes);
}

START_TEST(test_carry_is_bounded_by_what_came) {
  check_carry(65535, 1);
  check_carry(65535, 1000);
  check_carry(65535, 1024);
  check_carry(65535, 40000);
  check_carry(5000, 4097);
}
END_TEST

START_TEST(test_declared_length_allocates_nothing) {
  struct scene scene = {.max = 65535};
  struct subject *s = subject_open(&scene);
  subject_feed(s, (const uint8_t *)"\xff\xff" "abc", 5);
  ck_assert_uint_eq(s->fake->memory, 4096);
  free(subject_close(s));
}
END_TEST

START_TEST(test_out_of_memory) {
  struct scene scene = {.max = 60000, .failing = (unsigned)_i};
  struct subject *s = subject_open(&scene);
  struct text input = {0};
  char payload[20000] = {0};

  add_frame(&input, payload, sizeof payload);
  for (size_t at = 0; at < input.len; at += 1000)
    subject_feed(s, (uint8_t *)input.s + at,
                 input.len - at < 1000 ? input.len - at : 1000);
  require(s->fake->closing, "allocation %d did not fail", _i);
  char *trace = subject_close(s);
  ck_assert_str_eq(trace, " lost(ENOMEM) ");
  free(trace);
  text_free(&input);
}
END_TEST

/* The one allocation that gathers the end of a frame, with frames behind. */
START_TEST(test_out_of_memory_at_the_end) {
  struct scene scene = {.max = 60000, .failing = 2};
  struct subject *s = subject_open(&scene);
  struct text input = {0};
  char payload[20000] = {0};

  add_frame(&input, payload, sizeof payload);
  add_frame(&input, "next", 4);
  subject_feed(s, (uint8_t *)input.s, 100);
  subject_feed(s, (uint8_t *)input.s + 100, input.len - 100);
  ck_assert(s->fake->closing);
  char *trace = subject_close(s);
  ck_assert_str_eq(trace, " lost(ENOMEM) ");
  free(trace);
  text_free(&input);
}
END_TEST

/* ---- limits and errors ------------------------------------------------- */

START_TEST(test_limits) {
  struct scene scene = {.max = 4};
  check_frames(&scene, FRAMES("", "abc", "abcd"),
               "()empty(abc)(abcd) lost(0) ");
  check_frames(&scene, FRAMES("abc", "abcde", "x"), "(abc) lost(EFRAME) ");
  scene.max = 0;
  check_frames(&scene, FRAMES("", "", "a"), "()empty()empty lost(EFRAME) ");
  scene.max = PLAIT_UNLIMITED;
  check_frames(&scene, FRAMES("abc", "abcdefg"), "(abc)(abcdefg) lost(0) ");
}
END_TEST

START_TEST(test_many_frames_are_longer_than_the_limit) {
  struct scene scene = {.max = 2};
  struct text input = {0}, expected = {0};
  for (int i = 0; i < 60; i++) {
    add_frame(&input, "ab", 2);
    text_format(&expected, "(ab)");
  }
  text_format(&expected, " lost(0) ");
  check(&scene, &input, expected.s);
  text_free(&input);
  text_free(&expected);
}
END_TEST

START_TEST(test_declared_length_is_refused_at_once) {
  struct scene scene = {.max = 4};
  struct subject *s = subject_open(&scene);
  subject_feed(s, (const uint8_t *)"\x00", 1);
  ck_assert(!s->fake->closing);
  subject_feed(s, (const uint8_t *)"\x05", 1);
  ck_assert(s->fake->closing);
  free(subject_close(s));
}
END_TEST

/* Whatever comes after it is discarded, in the same delivery or later. */
START_TEST(test_too_long_is_told) {
  struct scene scene = {.max = 4, .tell_too_long = true};
  check_frames(&scene, FRAMES("ab", "abcde", "x", "y"), "(ab){5} lost(0) ");
}
END_TEST

START_TEST(test_start_afresh_when_too_long) {
  struct scene scene = {.max = 4, .tell_too_long = true, .start_afresh = true};
  struct subject *s = subject_open(&scene);
  struct text input = {0};

  add_frames(&input, FRAMES("ab", "abcde", "lost"));
  subject_feed(s, (uint8_t *)input.s, input.len);
  text_clear(&input);
  add_frames(&input, FRAMES("back"));
  subject_feed(s, (uint8_t *)input.s, input.len);
  char *trace = subject_close(s);
  ck_assert_str_eq(trace, "(ab){5}(back) lost(0) ");
  free(trace);
  text_free(&input);
}
END_TEST

START_TEST(test_codec_error_closes_with_its_code) {
  struct scene scene = {.max = 4, .tell_too_long = true};
  struct text input = {0};
  add_frames(&input, FRAMES("ab", "cd"));
  input.s[input.len - 1] = '!';
  add_frames(&input, FRAMES("ef"));
  check(&scene, &input, "(ab) lost(EIO) ");
  text_free(&input);
}
END_TEST

/* A closing transport may be a strict one's business; the loop alone must
 * discard what follows an error, too. */
START_TEST(test_poisoned_loop_discards) {
  struct subject *s = subject_open(&plain);
  const uint8_t bad[] = {0, 1, 'a', '!'}, good[] = {0, 1, 'a', '.'};

  subject_feed(s, bad, sizeof bad);
  ck_assert(s->fake->closing);
  s->fake->closing = false;
  unsigned scans = subject_framed(s)->codec.scans;
  subject_feed(s, good, sizeof good);
  ck_assert_uint_eq(subject_framed(s)->codec.scans, scans);
  ck_assert_ptr_null(s->trace.s);
  free(subject_close(s));
}
END_TEST

START_TEST(test_max_changes_with_the_next_frame) {
  check_frames(&plain, FRAMES("12345", "max 4", "1234", "12345", "x"),
               "(12345)(max 4)(1234) lost(EFRAME) ");
}
END_TEST

/* ---- callbacks that do something --------------------------------------- */

START_TEST(test_pause_in_every_frame) {
  struct scene scene = {.max = 100, .pause = true};
  check_frames(&scene, FRAMES("one", "", "three", "four", "five"),
               "(one)()empty(three)(four)(five) lost(0) ");
}
END_TEST

START_TEST(test_pause_stops_behind_the_frame) {
  struct subject *s = subject_open(&plain);
  struct text input = {0};

  add_frames(&input, FRAMES("one", "pause", "two", "three"));
  fake_feed(s->fake, input.s, input.len);
  ck_assert_str_eq(s->trace.s, "(one)(pause)");
  ck_assert_uint_eq(s->fake->waiting.len, 6 + 8);
  ck_assert_uint_eq(s->fake->memory, 0);
  plait_resume_reading(&s->fake->head);
  ck_assert_str_eq(s->trace.s, "(one)(pause)");
  fake_turn(s->fake);
  ck_assert_str_eq(s->trace.s, "(one)(pause)(two)(three)");
  free(subject_close(s));
  text_free(&input);
}
END_TEST

START_TEST(test_close_abort_switch_inside_a_frame) {
  check_frames(&plain, FRAMES("one", "close", "x", "y"),
               "(one)(close) lost(0) ");
  check_frames(&plain, FRAMES("one", "abort", "x", "y"),
               "(one)(abort) lost(ECANCELED) ");
  check_frames(&plain, FRAMES("one", "switch", "x", ""),
               "(one)(switch) lost(ESWITCHED) after:"
               "\\x00\\x01x.\\x00\\x00.");
  check_frames(&plain, FRAMES("one", "switch"),
               "(one)(switch) lost(ESWITCHED) after:");
}
END_TEST

/* The rest goes to one place: not back to plait_unread() as well. */
START_TEST(test_pause_and_go) {
  struct scene scene = {.max = 100, .pause = true};
  check_frames(&scene, FRAMES("one", "close pause", "x"),
               "(one)(close pause) lost(0) ");
  check_frames(&scene, FRAMES("one", "switch pause", "x"),
               "(one)(switch pause) lost(ESWITCHED) after:\\x00\\x01x.");
}
END_TEST

START_TEST(test_halt_stops_behind_the_frame) {
  struct subject *s = subject_open(&plain);
  struct framed *self = subject_framed(s);
  struct text input = {0};

  add_frames(&input, FRAMES("one", "halt", "two", "three"));
  const uint8_t *data = (uint8_t *)input.s;
  ck_assert_uint_eq(plait_framing_receive(&self->framing, data, input.len),
                    6 + 7);
  ck_assert_str_eq(s->trace.s, "(one)(halt)");
  ck_assert_uint_eq(
      plait_framing_receive(&self->framing, data + 13, input.len - 13), 14);
  ck_assert_str_eq(s->trace.s, "(one)(halt)(two)(three)");
  free(subject_close(s));
  text_free(&input);
}
END_TEST

START_TEST(test_paused_before_the_first_frame) {
  struct subject *s = subject_open(&plain);
  struct framed *self = subject_framed(s);

  plait_pause_reading(&s->fake->head);
  ck_assert_uint_eq(
      plait_framing_receive(&self->framing, (const uint8_t *)"\0\0.", 3), 0);
  plait_close(&s->fake->head);
  ck_assert_uint_eq(
      plait_framing_receive(&self->framing, (const uint8_t *)"\0\0.", 3), 3);
  ck_assert_ptr_null(s->trace.s);
  free(subject_close(s));
}
END_TEST

/* Also when the frame that says so lies in the carry. */
START_TEST(test_start_afresh_inside_a_frame) {
  check_frames(&plain, FRAMES("one", "afresh", "two", "three"),
               "(one)(afresh)(two)(three) lost(0) ");
}
END_TEST

/* ---- linear time, counted ---------------------------------------------- */

struct counted {
  const plait_codec *codec;
  plait_line_state state;
  uint64_t offered;
};

static int counted_scan(void *state, const uint8_t *piece, size_t len,
                        plait_scan *ret) {
  struct counted *c = state;
  int answer = c->codec->scan(&c->state, piece, len, ret);
  c->offered += answer == PLAIT_FRAME ? ret->consumed : len;
  return answer;
}

struct counter {
  plait_protocol base;
  plait_framing framing;
  struct counted counted;
  size_t frames, bytes;
};

static void counter_frame(plait_protocol *p, plait_slice payload) {
  struct counter *self = plait_container_of(p, struct counter, base);
  self->frames++;
  self->bytes += payload.len;
}

static void counter_data(plait_protocol *p, const uint8_t *data, size_t len) {
  struct counter *self = plait_container_of(p, struct counter, base);
  ck_assert_uint_eq(plait_framing_receive(&self->framing, data, len), len);
}

static const plait_protocol_ops counter_ops = {
    .name = "counter",
    .size = PLAIT_INSTANCE(struct counter, base),
    .data_received = counter_data,
};

START_TEST(test_lines_are_scanned_once) {
  static const plait_codec counting = {.name = "counting",
                                       .scan = counted_scan};
  static const plait_framing_events events = {.frame = counter_frame};
  static const size_t steps[] = {1, 7, 1000, 65536};
  enum { LINE = 1 << 20, LINES = 3, ALL = LINES * (LINE + 2) };

  struct text input = {0};
  char *line = malloc(LINE);
  ck_assert_ptr_nonnull(line);
  memset(line, '\r', LINE);
  for (int i = 0; i < LINES; i++) {
    text_add(&input, line, LINE);
    text_add(&input, "\r\n", 2);
  }
  free(line);
  ck_assert_uint_eq(input.len, ALL);

  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
    struct fake *f = fake_new(&counter_ops);
    struct counter *self =
        plait_container_of(f->head.protocol, struct counter, base);
    self->counted.codec = plait_line_codec((plait_line_ending)_i);
    plait_framing_init(&self->framing, &self->base, &counting, &self->counted,
                       &events, LINE + 1);
    for (size_t at = 0; at < ALL; at += steps[i])
      fake_feed(f, input.s + at, ALL - at < steps[i] ? ALL - at : steps[i]);
    ck_assert_uint_eq(self->frames, LINES);
    ck_assert_uint_eq(self->bytes,
                      LINES * (LINE + (_i == PLAIT_LINE_LF ? 1 : 0)));
    ck_assert_uint_eq(self->counted.offered, ALL);
    ck_assert_uint_le(f->moved, 2 * ALL);
    ck_assert_uint_le(f->memory_max, 4 * LINE);
    fake_free(f);
  }
  text_free(&input);
}
END_TEST

static Suite *framing_suite(void) {
  Suite *suite = suite_create("framing");
  TCase *loop = tcase_create("loop");
  TCase *calls = tcase_create("calls");

  tcase_set_timeout(loop, 60);
  tcase_add_test(loop, test_frames);
  tcase_add_test(loop, test_unfinished_frame_is_dropped);
  tcase_add_test(loop, test_whole_frames_lie_in_place);
  tcase_add_test(loop, test_carry_goes_with_its_frame);
  tcase_add_test(loop, test_carry_is_bounded_by_what_came);
  tcase_add_test(loop, test_declared_length_allocates_nothing);
  tcase_add_loop_test(loop, test_out_of_memory, 1, 4);
  tcase_add_test(loop, test_out_of_memory_at_the_end);
  tcase_add_test(loop, test_limits);
  tcase_add_test(loop, test_many_frames_are_longer_than_the_limit);
  tcase_add_test(loop, test_declared_length_is_refused_at_once);
  tcase_add_test(loop, test_too_long_is_told);
  tcase_add_test(loop, test_start_afresh_when_too_long);
  tcase_add_test(loop, test_codec_error_closes_with_its_code);
  tcase_add_test(loop, test_poisoned_loop_discards);
  tcase_add_loop_test(loop, test_lines_are_scanned_once, PLAIT_LINE_EITHER,
                      PLAIT_LINE_LF + 1);
  suite_add_tcase(suite, loop);

  tcase_set_timeout(calls, 60);
  tcase_add_test(calls, test_max_changes_with_the_next_frame);
  tcase_add_test(calls, test_pause_in_every_frame);
  tcase_add_test(calls, test_pause_stops_behind_the_frame);
  tcase_add_test(calls, test_close_abort_switch_inside_a_frame);
  tcase_add_test(calls, test_pause_and_go);
  tcase_add_test(calls, test_halt_stops_behind_the_frame);
  tcase_add_test(calls, test_paused_before_the_first_frame);
  tcase_add_test(calls, test_start_afresh_inside_a_frame);
  suite_add_tcase(suite, calls);
  return suite;
}

int main(void) {
  SRunner *runner = srunner_create(framing_suite());
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
