/* The framing loop.  Only the loop, a codec and a fake transport are linked:
 * framing needs no reactor. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <plait/factory.h>
#include <plait/line.h>

#include "support/framed.h"
#include "support/require.h"

#define FRAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

static const struct framed_scene plain = {.max = 100};

/* ---- frames ------------------------------------------------------------ */

START_TEST(test_frames) {
  framed_check_all(&plain, FRAMES("one", "", "", "a longer one", "x"),
                   "(one)()empty()empty(a longer one)(x) lost(0) ");
}
END_TEST

START_TEST(test_unfinished_frame_is_truncated) {
  struct framed_scene ending = {.max = 100, .end = true};
  struct text input = {0};
  framed_add(&input, "one", 3);
  framed_check(&ending, &input, "(one) lost(0) ");
  framed_add(&input, "unfinished", 10);
  input.len--;
  framed_check(&ending, &input, "(one) lost(ETRUNCATED) ");
  text_free(&input);
}
END_TEST

START_TEST(test_whole_frames_lie_in_place) {
  struct text input = {0};
  struct framed_subject *s = framed_open(&plain);
  for (int i = 0; i < 1000; i++)
    framed_add(&input, "payload", 7);
  framed_feed(s, (uint8_t *)input.s, input.len);
  ck_assert_uint_eq(s->fake->allocations, 0);
  ck_assert_uint_eq(framed_in(s)->codec.scans, 1000);
  ck_assert_uint_eq(s->trace.len, 1000 * strlen("(payload)"));
  free(framed_close(s));
  text_free(&input);
}
END_TEST

/* ---- the carry --------------------------------------------------------- */

START_TEST(test_carry_goes_with_its_frame) {
  struct text input = {0};
  struct framed_subject *s = framed_open(&plain);
  framed_add_all(&input, FRAMES("first", "second"));
  framed_feed(s, (uint8_t *)input.s, 4);
  ck_assert_uint_eq(s->fake->memory, 4096);
  framed_feed(s, (uint8_t *)input.s + 4, 4);
  ck_assert_uint_eq(s->fake->memory, 0);
  framed_feed(s, (uint8_t *)input.s + 8, 1);
  ck_assert_uint_eq(s->fake->memory, 4096);
  ck_assert_uint_eq(s->fake->allocations, 2);
  free(framed_close(s));
  text_free(&input);
}
END_TEST

/* Feeds a frame of |payload| bytes by |step| and looks at the carry. */
static void check_carry(size_t payload, size_t step) {
  struct framed_scene scene = {.max = 65535};
  struct framed_subject *s = framed_open(&scene);
  struct text input = {0};
  char *bytes = calloc(1, payload);
  size_t at = 0;

  ck_assert_ptr_nonnull(bytes);
  framed_add(&input, bytes, payload);
  while (at < input.len) {
    size_t piece = input.len - at < step ? input.len - at : step;
    framed_feed(s, (uint8_t *)input.s + at, piece);
    at += piece;
    size_t bound = at < 2048 ? 4096 : 2 * at;
    require(s->fake->memory <= bound, "%zu for %zu", s->fake->memory, at);
    require(framed_in(s)->framing.carry_capacity == s->fake->memory,
            "%zu of %zu", framed_in(s)->framing.carry_capacity,
            s->fake->memory);
  }
  ck_assert_uint_eq(framed_in(s)->codec.offered, input.len);
  ck_assert_uint_le(s->fake->moved, 2 * input.len);
  ck_assert_uint_eq(s->fake->memory, 0);
  free(framed_close(s));
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

/* R043 */
START_TEST(test_declared_length_allocates_nothing) {
  struct framed_scene scene = {.max = 65535};
  struct framed_subject *s = framed_open(&scene);
  framed_feed(s,
              (const uint8_t *)"\xff\xff"
                               "abc",
              5);
  ck_assert_uint_eq(s->fake->memory, 4096);
  free(framed_close(s));
}
END_TEST

START_TEST(test_out_of_memory) {
  struct framed_scene scene = {.max = 60000, .failing = (unsigned)_i};
  struct framed_subject *s = framed_open(&scene);
  struct text input = {0};
  char payload[20000] = {0};

  framed_add(&input, payload, sizeof payload);
  for (size_t at = 0; at < input.len; at += 1000)
    framed_feed(s, (uint8_t *)input.s + at,
                input.len - at < 1000 ? input.len - at : 1000);
  require(s->fake->closing, "allocation %d did not fail", _i);
  char *trace = framed_close(s);
  ck_assert_str_eq(trace, " lost(ENOMEM) ");
  free(trace);
  text_free(&input);
}
END_TEST

/* The one allocation that gathers the end of a frame, with frames behind. */
START_TEST(test_out_of_memory_at_the_end) {
  struct framed_scene scene = {.max = 60000, .failing = 2};
  struct framed_subject *s = framed_open(&scene);
  struct text input = {0};
  char payload[20000] = {0};

  framed_add(&input, payload, sizeof payload);
  framed_add(&input, "next", 4);
  framed_feed(s, (uint8_t *)input.s, 100);
  framed_feed(s, (uint8_t *)input.s + 100, input.len - 100);
  ck_assert(s->fake->closing);
  char *trace = framed_close(s);
  ck_assert_str_eq(trace, " lost(ENOMEM) ");
  free(trace);
  text_free(&input);
}
END_TEST

/* The end of a frame is known when it comes: there is no room for more. */
START_TEST(test_carry_of_a_whole_frame_is_exact) {
  struct framed_scene scene = {.max = 65535};
  struct framed_subject *s = framed_open(&scene);
  struct text input = {0};
  char payload[10000] = {0};

  framed_add(&input, payload, sizeof payload);
  framed_feed(s, (uint8_t *)input.s, 100);
  framed_feed(s, (uint8_t *)input.s + 100, input.len - 100);
  ck_assert_uint_eq(s->fake->memory_max, 4096 + input.len);
  free(framed_close(s));
  text_free(&input);
}
END_TEST

START_TEST(test_start_afresh_drops_the_carry) {
  struct framed_subject *s = framed_open(&plain);
  struct framed *self = framed_in(s);

  framed_feed(s, (const uint8_t *)"\0\5abc", 5);
  framed_init(self, &self->other);
  ck_assert_uint_eq(s->fake->memory, 0);
  framed_feed(s, (const uint8_t *)"\0\1a.", 4);
  ck_assert_str_eq(s->trace.s, "(a)");
  free(framed_close(s));
}
END_TEST

START_TEST(test_too_long_drops_the_carry) {
  struct framed_scene scene = {.max = 5, .tell_too_long = true};
  struct framed_subject *s = framed_open(&scene);

  framed_feed(s, (const uint8_t *)"\0\5abc", 5);
  plait_framing_set_max(&framed_in(s)->framing, 4);
  framed_feed(s, (const uint8_t *)"d", 1);
  ck_assert_str_eq(s->trace.s, "{5}");
  ck_assert_uint_eq(s->fake->memory, 0);
  free(framed_close(s));
}
END_TEST

/* ---- limits and errors ------------------------------------------------- */

START_TEST(test_limits) {
  struct framed_scene scene = {.max = 4};
  framed_check_all(&scene, FRAMES("", "abc", "abcd"),
                   "()empty(abc)(abcd) lost(0) ");
  framed_check_all(&scene, FRAMES("abc", "abcde", "x"), "(abc) lost(EFRAME) ");
  scene.max = 0; /* the codec's own: 7 */
  framed_check_all(&scene, FRAMES("", "1234567"), "()empty(1234567) lost(0) ");
  framed_check_all(&scene, FRAMES("", "12345678"), "()empty lost(EFRAME) ");
  scene.max = PLAIT_UNLIMITED;
  framed_check_all(&scene, FRAMES("abc", "abcdefg"), "(abc)(abcdefg) lost(0) ");
}
END_TEST

START_TEST(test_many_frames_are_longer_than_the_limit) {
  struct framed_scene scene = {.max = 2};
  struct text input = {0}, expected = {0};
  for (int i = 0; i < 60; i++) {
    framed_add(&input, "ab", 2);
    text_format(&expected, "(ab)");
  }
  text_format(&expected, " lost(0) ");
  framed_check(&scene, &input, expected.s);
  text_free(&input);
  text_free(&expected);
}
END_TEST

START_TEST(test_declared_length_is_refused_at_once) {
  struct framed_scene scene = {.max = 4};
  struct framed_subject *s = framed_open(&scene);
  framed_feed(s, (const uint8_t *)"\x00", 1);
  ck_assert(!s->fake->closing);
  framed_feed(s, (const uint8_t *)"\x05", 1);
  ck_assert(s->fake->closing);
  free(framed_close(s));
}
END_TEST

/* Whatever comes after it is discarded, in the same delivery or later. */
START_TEST(test_too_long_is_told) {
  struct framed_scene scene = {.max = 4, .tell_too_long = true};
  framed_check_all(&scene, FRAMES("ab", "abcde", "x", "y"),
                   "(ab){5} lost(EFRAME) ");
}
END_TEST

START_TEST(test_start_afresh_when_too_long) {
  struct framed_scene scene = {
      .max = 4, .tell_too_long = true, .start_afresh = true};
  struct framed_subject *s = framed_open(&scene);
  struct text input = {0};

  framed_add_all(&input, FRAMES("ab", "abcde", "lost"));
  framed_feed(s, (uint8_t *)input.s, input.len);
  text_clear(&input);
  framed_add_all(&input, FRAMES("back"));
  framed_feed(s, (uint8_t *)input.s, input.len);
  char *trace = framed_close(s);
  ck_assert_str_eq(trace, "(ab){5}(lost)(back) lost(0) ");
  free(trace);
  text_free(&input);
}
END_TEST

START_TEST(test_too_long_is_skipped) {
  struct framed_scene scene = {
      .max = 4, .tell_too_long = true, .skip = true, .end = true};
  framed_check_all(&scene, FRAMES("ab", "abcde", "x", "123456", "1234567", "y"),
                   "(ab){5}(x){6}{7}(y) lost(0) ");
  scene.pause = true;
  framed_check_all(&scene, FRAMES("abcde", "x", "123456", "y"),
                   "{5}(x){6}(y) lost(0) ");
}
END_TEST

/* A skipped frame that the input ends in is truncated, one that is malformed
 * behind its length closes. */
START_TEST(test_skipped_frame_goes_wrong) {
  struct framed_scene scene = {
      .max = 4, .tell_too_long = true, .skip = true, .end = true};
  struct text input = {0};
  framed_add_all(&input, FRAMES("ab", "abcde"));
  input.len--;
  framed_check(&scene, &input, "(ab){5} lost(ETRUNCATED) ");
  text_add(&input, "!", 1);
  framed_add_all(&input, FRAMES("x"));
  framed_check(&scene, &input, "(ab){5} lost(EIO) ");
  text_free(&input);
}
END_TEST

START_TEST(test_codec_error_closes_with_its_code) {
  struct framed_scene scene = {.max = 4, .tell_too_long = true};
  struct text input = {0};
  framed_add_all(&input, FRAMES("ab", "cd"));
  input.s[input.len - 1] = '!';
  framed_add_all(&input, FRAMES("ef"));
  framed_check(&scene, &input, "(ab) lost(EIO) ");
  text_free(&input);
}
END_TEST

/* A closing transport may be a strict one's business; the loop alone must
 * discard what follows an error, too. */
/* R019 */
START_TEST(test_poisoned_loop_discards) {
  struct framed_subject *s = framed_open(&plain);
  const uint8_t bad[] = {0, 1, 'a', '!'}, good[] = {0, 1, 'a', '.'};

  framed_feed(s, bad, sizeof bad);
  ck_assert(s->fake->closing);
  s->fake->closing = false;
  unsigned scans = framed_in(s)->codec.scans;
  framed_feed(s, good, sizeof good);
  ck_assert_uint_eq(framed_in(s)->codec.scans, scans);
  ck_assert_ptr_null(s->trace.s);
  free(framed_close(s));
}
END_TEST

START_TEST(test_max_changes_with_the_next_frame) {
  framed_check_all(&plain, FRAMES("12345", "max 4", "1234", "12345", "x"),
                   "(12345)(max 4)(1234) lost(EFRAME) ");
}
END_TEST

/* ---- callbacks that do something --------------------------------------- */

START_TEST(test_pause_in_every_frame) {
  struct framed_scene scene = {.max = 100, .pause = true};
  framed_check_all(&scene, FRAMES("one", "", "three", "four", "five"),
                   "(one)()empty(three)(four)(five) lost(0) ");
}
END_TEST

START_TEST(test_pause_stops_behind_the_frame) {
  struct framed_subject *s = framed_open(&plain);
  struct text input = {0};

  framed_add_all(&input, FRAMES("one", "pause", "two", "three"));
  fake_feed(s->fake, input.s, input.len);
  ck_assert_str_eq(s->trace.s, "(one)(pause)");
  ck_assert_uint_eq(s->fake->waiting.len, 6 + 8);
  ck_assert_uint_eq(s->fake->memory, 0);
  plait_resume_reading(&s->fake->head);
  ck_assert_str_eq(s->trace.s, "(one)(pause)");
  fake_turn(s->fake);
  ck_assert_str_eq(s->trace.s, "(one)(pause)(two)(three)");
  free(framed_close(s));
  text_free(&input);
}
END_TEST

START_TEST(test_close_abort_switch_inside_a_frame) {
  framed_check_all(&plain, FRAMES("one", "close", "x", "y"),
                   "(one)(close) lost(0) ");
  framed_check_all(&plain, FRAMES("one", "abort", "x", "y"),
                   "(one)(abort) lost(ECANCELED) ");
  framed_check_all(&plain, FRAMES("one", "switch", "x", ""),
                   "(one)(switch) lost(ESWITCHED) after:"
                   "\\x00\\x01x.\\x00\\x00.");
  framed_check_all(&plain, FRAMES("one", "switch"),
                   "(one)(switch) lost(ESWITCHED) after:");
}
END_TEST

/* The rest goes to one place: not back to plait_unread() as well. */
START_TEST(test_pause_and_go) {
  struct framed_scene scene = {.max = 100, .pause = true};
  framed_check_all(&scene, FRAMES("one", "close pause", "x"),
                   "(one)(close pause) lost(0) ");
  framed_check_all(&scene, FRAMES("one", "switch pause", "x"),
                   "(one)(switch pause) lost(ESWITCHED) after:\\x00\\x01x.");
}
END_TEST

START_TEST(test_paused_before_the_first_frame) {
  struct framed_subject *s = framed_open(&plain);
  struct framed *self = framed_in(s);

  plait_pause_reading(&s->fake->head);
  ck_assert_uint_eq(
      plait_framing_receive(&self->framing, (const uint8_t *)"\0\0.", 3), 0);
  plait_close(&s->fake->head);
  ck_assert_uint_eq(
      plait_framing_receive(&self->framing, (const uint8_t *)"\0\0.", 3), 3);
  ck_assert_ptr_null(s->trace.s);
  free(framed_close(s));
}
END_TEST

/* Also when the frame that says so lies in the carry. */
START_TEST(test_start_afresh_inside_a_frame) {
  framed_check_all(&plain, FRAMES("one", "afresh", "two", "three"),
                   "(one)(afresh)(two)(three) lost(0) ");
}
END_TEST

/* A protocol without a raw callback discards them. */
START_TEST(test_raw_bytes_that_nobody_wants) {
  struct framed_subject *s = framed_open(&plain);

  plait_framing_set_raw(&framed_in(s)->framing, 3);
  framed_feed(s, (const uint8_t *)"xyz\0\1a.", 7);
  ck_assert_str_eq(s->trace.s, "(a)");
  free(framed_close(s));
}
END_TEST

/* ---- linear time, counted ---------------------------------------------- */

struct counted {
  const plait_codec *codec;
  uint64_t state[PLAIT_CODEC_STATE_BYTES / 8];
  uint64_t offered;
};

static int counted_scan(const plait_codec *codec, void *state,
                        const uint8_t *piece, size_t len, plait_scan *ret) {
  struct counted *c = state;
  (void)codec;
  int answer = c->codec->scan(c->codec, c->state, piece, len, ret);
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
  /* Not Check's assertions, which each write to a pipe: millions of calls. */
  size_t used = plait_framing_receive(&self->framing, data, len);
  require(used == len, "%zu of %zu", used, len);
}

static const plait_protocol_ops counter_ops = {
    .name = "counter",
    .size = PLAIT_INSTANCE(struct counter, base),
    .data_received = counter_data,
};

/* R044 */
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
  tcase_add_test(loop, test_unfinished_frame_is_truncated);
  tcase_add_test(loop, test_whole_frames_lie_in_place);
  tcase_add_test(loop, test_carry_goes_with_its_frame);
  tcase_add_test(loop, test_carry_is_bounded_by_what_came);
  tcase_add_test(loop, test_declared_length_allocates_nothing);
  tcase_add_loop_test(loop, test_out_of_memory, 1, 4);
  tcase_add_test(loop, test_out_of_memory_at_the_end);
  tcase_add_test(loop, test_carry_of_a_whole_frame_is_exact);
  tcase_add_test(loop, test_start_afresh_drops_the_carry);
  tcase_add_test(loop, test_too_long_drops_the_carry);
  tcase_add_test(loop, test_limits);
  tcase_add_test(loop, test_many_frames_are_longer_than_the_limit);
  tcase_add_test(loop, test_declared_length_is_refused_at_once);
  tcase_add_test(loop, test_too_long_is_told);
  tcase_add_test(loop, test_start_afresh_when_too_long);
  tcase_add_test(loop, test_too_long_is_skipped);
  tcase_add_test(loop, test_skipped_frame_goes_wrong);
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
  tcase_add_test(calls, test_paused_before_the_first_frame);
  tcase_add_test(calls, test_start_afresh_inside_a_frame);
  tcase_add_test(calls, test_raw_bytes_that_nobody_wants);
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
