/* Lines and raw bytes on a fake transport: no reactor is linked. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <plait/factory.h>

#include "support/require.h"
#include "support/talker.h"

enum { ENDINGS = 3 };

static const struct talker_scene scenes[ENDINGS] = {
    {.ending = PLAIT_LINE_EITHER},
    {.ending = PLAIT_LINE_CRLF},
    {.ending = PLAIT_LINE_LF},
};
static const char *const endings[ENDINGS] = {"\r\n", "\r\n", "\n"};

static plait_line *line_in(const struct fake *f) {
  return plait_container_of(f->head.protocol, plait_line, base);
}

/* ---- endings ----------------------------------------------------------- */

START_TEST(test_endings) {
  static const char *const expected[] = {
      "[one][][two][a\\rb][\\r][] lost(0)",
      "[one][\\ntwo][a\\rb][\\r][] lost(0)",
      "[one\\r][][two\\r][a\\rb\\r][\\r\\r][\\r] lost(0)",
  };
  talker_check_pausing(scenes[_i], "one\r\n\ntwo\r\na\rb\r\n\r\r\n\r\nrest",
                       expected[_i]);
}
END_TEST

/* A CR at every place of a line and of what follows it, alone and doubled:
 * held against a reference that knows the whole input. */
static void reference(struct text *ret, const char *input, size_t len,
                      plait_line_ending ending) {
  size_t start = 0;
  for (size_t i = 0; i < len; i++) {
    bool cr = i > start && input[i - 1] == '\r';
    if (input[i] != '\n' || (ending == PLAIT_LINE_CRLF && !cr))
      continue;
    size_t end = cr && ending != PLAIT_LINE_LF ? i - 1 : i;
    text_add(ret, "[", 1);
    text_escape(ret, input + start, end - start);
    text_add(ret, "]", 1);
    start = i + 1;
  }
  text_format(ret, " lost(0)");
}

START_TEST(test_cr_at_every_place) {
  static const char base[] = "ab\n\ncd\r\n\r\nef\r\n";
  for (int kind = 0; kind < ENDINGS; kind++)
    for (size_t crs = 1; crs <= 2; crs++) {
      char input[32];
      struct text expected = {0};
      size_t at = (size_t)_i, n = 0;
      memcpy(input, base, at);
      n += at;
      memset(input + n, '\r', crs);
      n += crs;
      memcpy(input + n, base + at, sizeof base - 1 - at);
      n += sizeof base - 1 - at;
      reference(&expected, input, n, (plait_line_ending)kind);
      talker_check_bytes(&scenes[kind], input, n, expected.s);
      text_free(&expected);
    }
}
END_TEST

START_TEST(test_bytes_of_all_values) {
  char input[255 + 3];
  struct text expected = {0};
  size_t n = 0;
  for (int value = 0; value < 256; value++)
    if (value != '\n')
      input[n++] = (char)value;
  memcpy(input + n, endings[_i], strlen(endings[_i]));
  text_add(&expected, "[", 1);
  text_escape(&expected, input, n);
  text_format(&expected, "] lost(0)");
  talker_check_bytes(&scenes[_i], input, n + strlen(endings[_i]), expected.s);
  text_free(&expected);
}
END_TEST

/* R034 */
START_TEST(test_a_million_empty_lines) {
  enum { LINES = 1000000 };
  static const size_t steps[] = {1, 3, 4096, 262144, SIZE_MAX};
  size_t width = strlen(endings[_i]);
  char *input = malloc(LINES * width);
  struct text expected = {0};

  ck_assert_ptr_nonnull(input);
  for (size_t i = 0; i < LINES; i++) {
    memcpy(input + i * width, endings[_i], width);
    text_add(&expected, "[]", 2);
  }
  text_format(&expected, " lost(0)");
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
    const struct chunks c = talker_chunks(&scenes[_i]);
    size_t step = steps[i] < LINES * width ? steps[i] : LINES * width;
    char *trace = chunks_trace(&c, input, LINES * width, step);
    require(strcmp(trace, expected.s) == 0, "step %zu", step);
    free(trace);
  }
  text_free(&expected);
  free(input);
}
END_TEST

/* ---- limits ------------------------------------------------------------ */

/* "a", then a line of |len| bytes, then "b". */
static void check_limit(const struct talker_scene *scene, const char *ending,
                        size_t len) {
  struct text input = {0}, expected = {0};
  size_t line;

  text_format(&input, "a%s", ending);
  line = input.len;
  for (size_t i = 0; i < len; i++)
    text_add(&input, "x", 1);
  text_format(&expected, "[a]");
  if (len <= scene->max)
    text_format(&expected, "[%.*s][b] lost(0)", (int)len, input.s + line);
  else if (!scene->tell_too_long)
    text_format(&expected, " lost(EFRAME)");
  else
    text_format(&expected, "{too long} lost(EFRAME)");
  text_format(&input, "%sb%s", ending, ending);
  talker_check_bytes(scene, input.s, input.len, expected.s);
  text_free(&input);
  text_free(&expected);
}

START_TEST(test_limits) {
  static const size_t maxima[] = {1, 2, 8, 33};
  for (size_t i = 0; i < sizeof maxima / sizeof *maxima; i++)
    for (int delta = -1; delta <= 1; delta++)
      for (int tell = 0; tell < 2; tell++) {
        struct talker_scene scene = scenes[_i];
        scene.max = maxima[i];
        scene.tell_too_long = tell != 0;
        check_limit(&scene, endings[_i], scene.max + (size_t)delta);
      }
  struct talker_scene lf = {.max = 8};
  check_limit(&lf, "\n", 8);
  check_limit(&lf, "\n", 9);
}
END_TEST

/* The CR counts as soon as it is sure to be payload, and not before. */
/* R042 */
START_TEST(test_limit_and_cr) {
  struct talker_scene scene = scenes[_i];
  bool lf = scene.ending == PLAIT_LINE_LF;
  scene.max = 4;
  talker_check(&scene, "abcd\r\nx\r\n",
               lf ? " lost(EFRAME)" : "[abcd][x] lost(0)");
  talker_check(&scene, "abc\r\r\nx\r\n",
               lf ? " lost(EFRAME)" : "[abc\\r][x] lost(0)");
  talker_check(&scene, "abcd\r\r\nx\r\n", " lost(EFRAME)");
  talker_check(&scene, "abcd\rx", " lost(EFRAME)");
  talker_check(&scene, "abcd\r", lf ? " lost(EFRAME)" : " lost(0)");
  talker_check(&scene, "abcd", " lost(0)");
}
END_TEST

/* R041 */
START_TEST(test_refused_as_soon_as_it_is_known) {
  struct talker_scene scene = scenes[_i];
  scene.max = 6;
  struct talker_subject *s = talker_open(&scene);
  talker_feed(s, (const uint8_t *)"xxxxxx", 6);
  ck_assert(!s->fake->closing);
  talker_feed(s, (const uint8_t *)"x", 1);
  ck_assert(s->fake->closing);
  ck_assert_uint_eq(s->fake->memory, 0);
  free(talker_close(s));
}
END_TEST

START_TEST(test_default_limit) {
  char *text = malloc(PLAIT_LINE_BYTES_MAX + 1);
  ck_assert_ptr_nonnull(text);
  memset(text, 'x', PLAIT_LINE_BYTES_MAX + 1);
  for (size_t over = 0; over < 2; over++) {
    struct talker_subject *s = talker_open(&scenes[_i]);
    talker_feed(s, (uint8_t *)text, PLAIT_LINE_BYTES_MAX + over);
    ck_assert_int_eq(s->fake->closing, over > 0);
    free(talker_close(s));
  }
  struct talker_subject *s = talker_open(&scenes[_i]);
  plait_line *line = line_in(s->fake);
  plait_line_set_max(line, 3);
  plait_line_set_max(line, 0);
  talker_feed(s, (uint8_t *)text, PLAIT_LINE_BYTES_MAX);
  ck_assert(!s->fake->closing);
  plait_line_set_max(line, PLAIT_UNLIMITED);
  talker_feed(s, (uint8_t *)text, PLAIT_LINE_BYTES_MAX);
  ck_assert(!s->fake->closing);
  free(talker_close(s));
  free(text);
}
END_TEST

START_TEST(test_short_lines_longer_than_the_limit) {
  struct talker_scene scene = scenes[_i];
  struct text input = {0}, expected = {0};
  scene.max = 5;
  for (int i = 0; i < 100; i++) {
    text_format(&input, "ab%s", endings[_i]);
    text_format(&expected, "[ab]");
  }
  text_format(&expected, " lost(0)");
  talker_check_bytes(&scene, input.s, input.len, expected.s);
  text_free(&input);
  text_free(&expected);
}
END_TEST

START_TEST(test_too_long_told_discards_the_rest) {
  struct talker_scene scene = {.max = 5, .tell_too_long = true};
  talker_check_pausing(scene, "ok\nxxxxxxx\nab\ncd\n",
                       "[ok]{too long} lost(EFRAME)");
}
END_TEST

/* Discards to the next line and goes on, whatever ends it. */
START_TEST(test_too_long_skipped) {
  struct talker_scene scene = scenes[_i];
  char input[128];
  scene.max = 5;
  scene.tell_too_long = scene.skip_too_long = true;
  const char *e = endings[_i];
  snprintf(input, sizeof input, "ok%sxxxxxx%sab%syyyyyyyyyyy%s%scd%s", e, e, e,
           e, e, e);
  talker_check_pausing(scene, input,
                       "[ok]{too long}[ab]{too long}[][cd] lost(0)");
}
END_TEST

/* Raw bytes begin behind the line that is skipped. */
START_TEST(test_raw_behind_a_skipped_line) {
  struct talker_scene scene = {.max = 5,
                               .tell_too_long = true,
                               .skip_too_long = true,
                               .raw_too_long = true};
  talker_check_pausing(scene, "ok\nxxxxxxxx\nabcdef\nghi\n",
                       "[ok]{too long}abc[def][ghi] lost(0)");
}
END_TEST

/* Random lines of few different bytes, cut in any way. */
START_TEST(test_skipping_in_any_cut) {
  static const char bytes[] = {'x', 'x', 'x', '\r', '\r', '\n'};
  struct talker_scene scene = scenes[_i];
  uint64_t random = 1;
  scene.max = 5;
  scene.tell_too_long = scene.skip_too_long = true;
  for (int k = 0; k < 20; k++) {
    char input[40];
    for (size_t i = 0; i < sizeof input; i++)
      input[i] = bytes[chunks_random(&random) % sizeof bytes];
    talker_check_bytes(&scene, input, sizeof input, NULL);
  }
}
END_TEST

START_TEST(test_max_changes_with_the_next_line) {
  struct talker_scene scene = {.max = 5};
  talker_check_pausing(scene, "12345\nmax 4\n1234\n12345\nx\n",
                       "[12345][max 4][1234] lost(EFRAME)");
}
END_TEST

/* ---- raw mode ---------------------------------------------------------- */

START_TEST(test_raw_until_set_back) {
  talker_check_pausing(scenes[0], "a\r\nraw\r\nb\r\nc!d\r\ne\r\n",
                       "[a][raw]b\\r\\nc![d][e] lost(0)");
  talker_check_pausing(scenes[0], "raw\n!raw\n!!\nraw\n\n\n!\n",
                       "[raw]![raw]![!][raw]\\n\\n![] lost(0)");
  talker_check_pausing(scenes[0], "raw\n\r!\r\n", "[raw]\\r![] lost(0)");
}
END_TEST

START_TEST(test_raw_for_n_bytes) {
  talker_check_pausing(scenes[0], "raw 5\nab\ncdef\nraw 5\n\n\n\n\n\n\nx\n",
                       "[raw 5]ab\\ncd[ef][raw 5]\\n\\n\\n\\n\\n[][x] lost(0)");
  talker_check_pausing(scenes[0], "raw 5\nabcd", "[raw 5]abcd lost(0)");
  talker_check_pausing(scenes[0], "raw 5\nabcde", "[raw 5]abcde lost(0)");
  /* Back before the five are over; then five more from there. */
  talker_check_pausing(scenes[0], "raw 5\na!bcd\ne\n",
                       "[raw 5]a![bcd][e] lost(0)");
  talker_check_pausing(scenes[0], "raw 5\nab5cdefgh\ni\n",
                       "[raw 5]ab5cdefg[h][i] lost(0)");
  talker_check_pausing(scenes[0], "raw\nab5cdefgh\ni\n",
                       "[raw]ab5cdefg[h][i] lost(0)");
  talker_check_pausing(scenes[0], "raw 5\nabcd5abcdefg\n",
                       "[raw 5]abcd5abcde[fg] lost(0)");
}
END_TEST

/* A CR that was raw ends no line. */
START_TEST(test_raw_ends_with_a_cr) {
  talker_check_pausing(scenes[0], "raw 5\nabcd\r\nx\n",
                       "[raw 5]abcd\\r[][x] lost(0)");
}
END_TEST

/* From outside of its callbacks: what has come of a line is raw, too. */
START_TEST(test_raw_from_outside) {
  struct talker_subject *s = talker_open(&scenes[_i]);
  plait_line *line = line_in(s->fake);
  talker_feed(s, (const uint8_t *)"abc", 3);
  plait_line_set_raw(line, 5);
  ck_assert_uint_eq(s->fake->memory, 0);
  talker_feed(s, (const uint8_t *)"defgh\r\n", 7);
  ck_assert_str_eq(s->trace.s,
                   _i == PLAIT_LINE_LF ? "abcde[fgh\\r]" : "abcde[fgh]");
  free(talker_close(s));
}
END_TEST

START_TEST(test_unfinished) {
  struct talker_subject *s = talker_open(&scenes[0]);
  plait_line *line = line_in(s->fake);
  talker_feed(s, (const uint8_t *)"one\ntwo", 7);
  plait_slice last = plait_line_unfinished(line);
  ck_assert(plait_slice_equal(last, "two"));
  plait_line_clear(line);
  ck_assert_uint_eq(plait_line_unfinished(line).len, 0);
  ck_assert_uint_eq(s->fake->memory, 0);
  talker_feed(s, (const uint8_t *)"three\n", 6);
  plait_line_set_raw(line, 5);
  plait_line_clear(line);
  talker_feed(s, (const uint8_t *)"four\n", 5);
  ck_assert(!fake_end(s->fake));
  char *trace = talker_close(s);
  ck_assert_str_eq(trace, "[one][three][four] lost(0)");
  free(trace);
}
END_TEST

/* Raw bytes without a number are not a part of anything. */
START_TEST(test_clear_in_raw) {
  struct talker_subject *s = talker_open(&scenes[0]);
  plait_line *line = line_in(s->fake);
  plait_line_set_raw(line, 0);
  talker_feed(s, (const uint8_t *)"a\n", 2);
  plait_line_clear(line);
  talker_feed(s, (const uint8_t *)"b\n!c\n", 5);
  char *trace = talker_close(s);
  ck_assert_str_eq(trace, "a\\nb\\n![c] lost(0)");
  free(trace);
}
END_TEST

START_TEST(test_raw_and_back_in_one_line) {
  talker_check_pausing(scenes[0], "back\nab\ncd\n", "[back][ab][cd] lost(0)");
}
END_TEST

START_TEST(test_raw_from_the_start) {
  struct talker_subject *s = talker_open(&scenes[0]);
  plait_line *line = line_in(s->fake);
  plait_line_set_raw(line, 0);
  talker_feed(s, (const uint8_t *)"a\nb!c\n", 6);
  char *trace = talker_close(s);
  ck_assert_str_eq(trace, "a\\nb![c] lost(0)");
  free(trace);
}
END_TEST

/* Raw bytes are handed on as they came: nothing is gathered for them. */
START_TEST(test_raw_is_in_place) {
  struct talker_subject *s = talker_open(&scenes[0]);
  talker_feed(s, (const uint8_t *)"raw\nabc", 7);
  talker_feed(s, (const uint8_t *)"def!gh\n", 7);
  ck_assert_uint_eq(s->fake->allocations, 0);
  char *trace = talker_close(s);
  ck_assert_str_eq(trace, "[raw]abcdef![gh] lost(0)");
  free(trace);
}
END_TEST

/* ---- callbacks that do something --------------------------------------- */

START_TEST(test_pause_stops_behind_the_line) {
  struct talker_subject *s = talker_open(&scenes[0]);
  static const char input[] = "a\npause\nb\nraw\nc";
  fake_feed(s->fake, input, strlen(input));
  ck_assert_str_eq(s->trace.s, "[a][pause]");
  ck_assert_uint_eq(s->fake->waiting.len, strlen("b\nraw\nc"));
  plait_resume_reading(&s->fake->head);
  ck_assert_str_eq(s->trace.s, "[a][pause]");
  fake_feed(s->fake, "d!e\n", 4);
  ck_assert_str_eq(s->trace.s, "[a][pause][b][raw]cd![e]");
  free(talker_close(s));
}
END_TEST

START_TEST(test_close_and_abort) {
  talker_check_pausing(scenes[0], "a\nclose\nb\nraw\nc\n",
                       "[a][close] lost(0)");
  talker_check_pausing(scenes[0], "a\nabort\nb\n",
                       "[a][abort] lost(ECANCELED)");
  talker_check_pausing(scenes[0], "raw 5\nab#", "[raw 5]ab# lost(0)");
  talker_check_pausing(scenes[0], "raw 5\nabcd#e\nf\n", "[raw 5]abcd# lost(0)");
  talker_check_pausing(scenes[0], "raw 5\nabcd@e\nf\n",
                       "[raw 5]abcd@ lost(ECANCELED)");
}
END_TEST

/* R047 */
START_TEST(test_switch_in_mid_buffer) {
  talker_check_pausing(scenes[0], "a\nswitch\nb\r\nc",
                       "[a][switch]after:b\\r\\nc");
  talker_check_pausing(scenes[0], "switch\r\n", "[switch]after:");
  /* Behind raw bytes, the rest is no longer theirs. */
  talker_check_pausing(scenes[0], "raw 5\nabcdea\nswitch\nb",
                       "[raw 5]abcde[a][switch]after:b");
  /* Out of raw mode: what it did not consume, and what is behind. */
  talker_check_pausing(scenes[0], "raw\nab^cd\nef", "[raw]ab^after:cd\\nef");
  talker_check_pausing(scenes[0], "raw 5\nab^cdefg", "[raw 5]ab^after:cdefg");
  talker_check_pausing(scenes[0], "raw 5\nabcd^efg", "[raw 5]abcd^after:efg");
}
END_TEST

START_TEST(test_rest_is_of_the_delivery) {
  struct talker_subject *s = talker_open(&scenes[0]);
  plait_line *line = line_in(s->fake);
  talker_feed(s, (const uint8_t *)"a\nb\nc", 5);
  ck_assert_uint_eq(plait_line_rest(line).len, 0);
  free(talker_close(s));
}
END_TEST

START_TEST(test_nothing_wanted) {
  static const plait_line_ops silent =
      PLAIT_LINE_OPS(.base.name = "silent", .base.size = sizeof(plait_line));
  struct fake *f = fake_new(&silent.base);
  plait_line *line = plait_container_of(f->head.protocol, plait_line, base);
  fake_feed(f, "a\nb\n", 4);
  plait_line_set_raw(line, 3);
  fake_feed(f, "c\nd\n", 4);
  ck_assert(!f->closing);
  fake_free(f);
}
END_TEST

START_TEST(test_send) {
  static const char *const sent[] = {"hello\r\n\r\n", "hello\r\n\r\n",
                                     "hello\n\n"};
  struct talker_subject *s = talker_open(&scenes[_i]);
  plait_line *line = line_in(s->fake);
  ck_assert(plait_line_send(line, "hello", 5));
  ck_assert_uint_eq(s->fake->writes, 1);
  ck_assert_uint_eq(s->fake->pieces, 2);
  ck_assert(plait_line_send(line, NULL, 0));
  ck_assert_str_eq(s->fake->sent.s, sent[_i]);
  s->fake->high = 3;
  ck_assert(!plait_line_send(line, "hello", 5));
  free(talker_close(s));
}
END_TEST

static Suite *line_suite(void) {
  Suite *suite = suite_create("line");
  TCase *lines = tcase_create("lines");
  TCase *raw = tcase_create("raw");

  tcase_set_timeout(lines, 60);
  tcase_add_loop_test(lines, test_endings, 0, ENDINGS);
  tcase_add_loop_test(lines, test_cr_at_every_place, 0, 15);
  tcase_add_loop_test(lines, test_bytes_of_all_values, 0, ENDINGS);
  tcase_add_loop_test(lines, test_a_million_empty_lines, 0, ENDINGS);
  tcase_add_loop_test(lines, test_limits, 0, ENDINGS);
  tcase_add_loop_test(lines, test_limit_and_cr, 0, ENDINGS);
  tcase_add_loop_test(lines, test_refused_as_soon_as_it_is_known, 0, ENDINGS);
  tcase_add_loop_test(lines, test_default_limit, 0, ENDINGS);
  tcase_add_loop_test(lines, test_short_lines_longer_than_the_limit, 0,
                      ENDINGS);
  tcase_add_test(lines, test_too_long_told_discards_the_rest);
  tcase_add_loop_test(lines, test_too_long_skipped, 0, ENDINGS);
  tcase_add_test(lines, test_raw_behind_a_skipped_line);
  tcase_add_loop_test(lines, test_skipping_in_any_cut, 0, ENDINGS);
  tcase_add_test(lines, test_max_changes_with_the_next_line);
  tcase_add_loop_test(lines, test_send, 0, ENDINGS);
  suite_add_tcase(suite, lines);

  tcase_set_timeout(raw, 60);
  tcase_add_test(raw, test_raw_until_set_back);
  tcase_add_test(raw, test_raw_for_n_bytes);
  tcase_add_test(raw, test_raw_ends_with_a_cr);
  tcase_add_loop_test(raw, test_raw_from_outside, 0, ENDINGS);
  tcase_add_test(raw, test_unfinished);
  tcase_add_test(raw, test_clear_in_raw);
  tcase_add_test(raw, test_raw_and_back_in_one_line);
  tcase_add_test(raw, test_raw_from_the_start);
  tcase_add_test(raw, test_raw_is_in_place);
  tcase_add_test(raw, test_pause_stops_behind_the_line);
  tcase_add_test(raw, test_close_and_abort);
  tcase_add_test(raw, test_switch_in_mid_buffer);
  tcase_add_test(raw, test_rest_is_of_the_delivery);
  tcase_add_test(raw, test_nothing_wanted);
  suite_add_tcase(suite, raw);
  return suite;
}

int main(void) {
  SRunner *runner = srunner_create(line_suite());
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
