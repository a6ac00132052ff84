/* Lines and raw bytes on a fake transport: no reactor is linked. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <plait/error.h>
#include <plait/factory.h>
#include <plait/line.h>

#include "support/chunks.h"
#include "support/fake_transport.h"
#include "support/require.h"

/* ---- the protocol: does what a line, or a raw byte, tells it ------------
 *
 * Its trace shows a line as [line], raw bytes as they are, {too long}, and
 * what the protocol that it switches to gets behind "after:".
 */

struct scene {
  plait_line_ending ending;
  size_t max;         /* 0: the default is left alone */
  bool tell_too_long; /* has a line_too_long, which does nothing else */
  bool close_too_long;
  bool pause; /* in every callback */
};

struct talker {
  plait_line line;
  const struct scene *scene;
  struct text *trace;
};

static struct talker *talker_of(plait_line *line) {
  return plait_container_of(line, struct talker, line);
}

struct after {
  plait_protocol base;
  struct text *trace;
};

static void after_data(plait_protocol *p, const uint8_t *data, size_t len) {
  text_escape(plait_container_of(p, struct after, base)->trace, data, len);
}

static const plait_protocol_ops after_ops = {
    .name = "after",
    .size = PLAIT_INSTANCE(struct after, base),
    .data_received = after_data,
};

static void talker_switch(struct talker *self) {
  plait_slice rest = plait_line_rest(&self->line);
  plait_protocol *p = plait_switch_protocol(self->line.base.transport,
                                            &after_ops, rest.data, rest.len);
  text_format(self->trace, "after:");
  plait_container_of(p, struct after, base)->trace = self->trace;
}

static const plait_slice nothing;

static void talker_line(plait_line *line, plait_slice text) {
  struct talker *self = talker_of(line);
  plait_transport *t = line->base.transport;

  text_add(self->trace, "[", 1);
  text_escape(self->trace, text.data, text.len);
  text_add(self->trace, "]", 1);
  if (self->scene->pause || plait_slice_equal(text, "pause"))
    plait_pause_reading(t);
  if (plait_slice_equal(text, "raw"))
    plait_line_set_raw(line, 0);
  else if (plait_slice_equal(text, "raw 5"))
    plait_line_set_raw(line, 5);
  else if (plait_slice_equal(text, "back")) {
    plait_line_set_raw(line, 5);
    plait_line_set_line(line, nothing);
  } else if (plait_slice_equal(text, "close"))
    plait_close(t);
  else if (plait_slice_equal(text, "abort"))
    plait_abort(t);
  else if (plait_slice_equal(text, "switch"))
    talker_switch(self);
  else if (plait_slice_equal(text, "max 4"))
    plait_line_set_max(line, 4);
}

static void talker_raw_command(struct talker *self, char command,
                               plait_slice extra) {
  plait_line *line = &self->line;
  switch (command) {
  case '!': /* lines again */
    plait_line_set_line(line, extra);
    break;
  case '5': /* five more */
    plait_line_set_line(line, extra);
    plait_line_set_raw(line, 5);
    break;
  case '^':
    plait_line_set_line(line, extra);
    talker_switch(self);
    break;
  case '#':
    plait_close(line->base.transport);
    break;
  default:
    plait_abort(line->base.transport);
    break;
  }
}

static void talker_raw(plait_line *line, plait_slice bytes) {
  struct talker *self = talker_of(line);
  size_t i = 0;

  require(bytes.len > 0, "no raw bytes");
  while (i < bytes.len && strchr("!5^#@", bytes.data[i]) == NULL)
    i++;
  text_escape(self->trace, bytes.data, i < bytes.len ? i + 1 : i);
  if (self->scene->pause)
    plait_pause_reading(line->base.transport);
  if (i < bytes.len)
    talker_raw_command(
        self, (char)bytes.data[i],
        (plait_slice){bytes.data + i + 1, bytes.len - i - 1});
}

static void talker_too_long(plait_line *line, size_t seen) {
  struct talker *self = talker_of(line);
  size_t max = self->scene->max;
  require(seen > (max > 0 ? max : PLAIT_LINE_BYTES_MAX), "%zu seen", seen);
  text_format(self->trace, "{too long}");
  if (self->scene->close_too_long)
    plait_close(line->base.transport);
}

static void talker_lost(plait_protocol *p, int reason) {
  struct talker *self = talker_of(plait_container_of(p, plait_line, base));
  if (reason != PLAIT_ESWITCHED)
    text_format(self->trace, " lost(%s)", fake_reason(reason));
}

/* Two of each ending: with and without line_too_long. */
#define TALKER(e, too_long)                                     \
  PLAIT_LINE_OPS(.base.name = "talker",                         \
                 .base.size = PLAIT_INSTANCE(struct talker, line), \
                 .base.connection_lost = talker_lost,           \
                 .line_received = talker_line,                  \
                 .raw_received = talker_raw,                    \
                 .line_too_long = too_long, .ending = e)

static const plait_line_ops talkers[][2] = {
    {TALKER(PLAIT_LINE_EITHER, NULL),
     TALKER(PLAIT_LINE_EITHER, talker_too_long)},
    {TALKER(PLAIT_LINE_CRLF, NULL), TALKER(PLAIT_LINE_CRLF, talker_too_long)},
    {TALKER(PLAIT_LINE_LF, NULL), TALKER(PLAIT_LINE_LF, talker_too_long)},
};

enum { ENDINGS = 3 };

/* ---- the subject of chunks_check() ------------------------------------- */

struct subject {
  struct fake *fake;
  struct text trace;
};

static void *subject_open(const void *arg) {
  const struct scene *scene = arg;
  struct subject *s = calloc(1, sizeof *s);
  require(s != NULL, "out of memory");
  s->fake = fake_new(&talkers[scene->ending][scene->tell_too_long].base);
  struct talker *self = talker_of(
      plait_container_of(s->fake->head.protocol, plait_line, base));
  self->scene = scene;
  self->trace = &s->trace;
  if (scene->max > 0)
    plait_line_set_max(&self->line, scene->max);
  text_add(&s->trace, "", 0);
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

static struct chunks subject_of(const struct scene *scene) {
  return (struct chunks){subject_open, subject_feed, subject_close, scene};
}

static void check_bytes(const struct scene *scene, const void *input,
                        size_t len, const char *expected) {
  const struct chunks c = subject_of(scene);
  chunks_check(&c, input, len, expected);
}

static void check(const struct scene *scene, const char *input,
                  const char *expected) {
  check_bytes(scene, input, strlen(input), expected);
}

/* The same with a pause in every callback. */
static void check_pausing(struct scene scene, const char *input,
                          const char *expected) {
  check(&scene, input, expected);
  scene.pause = true;
  check(&scene, input, expected);
}

static const struct scene scenes[ENDINGS] = {
    {.ending = PLAIT_LINE_EITHER},
    {.ending = PLAIT_LINE_CRLF},
    {.ending = PLAIT_LINE_LF},
};
static const char *const endings[ENDINGS] = {"\r\n", "\r\n", "\n"};

/* ---- endings ----------------------------------------------------------- */

START_TEST(test_endings) {
  static const char *const expected[] = {
      "[one][][two][a\\rb][\\r][] lost(0)",
      "[one][\\ntwo][a\\rb][\\r][] lost(0)",
      "[one\\r][][two\\r][a\\rb\\r][\\r\\r][\\r] lost(0)",
  };
  check_pausing(scenes[_i], "one\r\n\ntwo\r\na\rb\r\n\r\r\n\r\nrest",
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
      check_bytes(&scenes[kind], input, n, expected.s);
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
  check_bytes(&scenes[_i], input, n + strlen(endings[_i]), expected.s);
  text_free(&expected);
}
END_TEST

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
    const struct chunks c = subject_of(&scenes[_i]);
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
static void check_limit(const struct scene *scene, const char *ending,
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
    text_format(&expected, "{too long} lost(0)");
  text_format(&input, "%sb%s", ending, ending);
  check_bytes(scene, input.s, input.len, expected.s);
  text_free(&input);
  text_free(&expected);
}

START_TEST(test_limits) {
  static const size_t maxima[] = {1, 2, 8, 33};
  for (size_t i = 0; i < sizeof maxima / sizeof *maxima; i++)
    for (int delta = -1; delta <= 1; delta++)
      for (int tell = 0; tell < 2; tell++) {
        struct scene scene = scenes[_i];
        scene.max = maxima[i];
        scene.tell_too_long = tell != 0;
        check_limit(&scene, endings[_i], scene.max + (size_t)delta);
      }
  struct scene lf = {.max = 8};
  check_limit(&lf, "\n", 8);
  check_limit(&lf, "\n", 9);
}
END_TEST

/* The CR counts as soon as it is sure to be payload, and not before. */
START_TEST(test_limit_and_cr) {
  struct scene scene = scenes[_i];
  bool lf = scene.ending == PLAIT_LINE_LF;
  scene.max = 4;
  check(&scene, "abcd\r\nx\r\n",
        lf ? " lost(EFRAME)" : "[abcd][x] lost(0)");
  check(&scene, "abc\r\r\nx\r\n",
        lf ? " lost(EFRAME)" : "[abc\\r][x] lost(0)");
  check(&scene, "abcd\r\r\nx\r\n", " lost(EFRAME)");
  check(&scene, "abcd\rx", " lost(EFRAME)");
  check(&scene, "abcd\r", lf ? " lost(EFRAME)" : " lost(0)");
  check(&scene, "abcd", " lost(0)");
}
END_TEST

START_TEST(test_refused_as_soon_as_it_is_known) {
  struct scene scene = scenes[_i];
  scene.max = 6;
  struct subject *s = subject_open(&scene);
  subject_feed(s, (const uint8_t *)"xxxxxx", 6);
  ck_assert(!s->fake->closing);
  subject_feed(s, (const uint8_t *)"x", 1);
  ck_assert(s->fake->closing);
  ck_assert_uint_eq(s->fake->memory, 0);
  free(subject_close(s));
}
END_TEST

START_TEST(test_default_limit) {
  char *line = malloc(PLAIT_LINE_BYTES_MAX + 1);
  ck_assert_ptr_nonnull(line);
  memset(line, 'x', PLAIT_LINE_BYTES_MAX + 1);
  for (size_t over = 0; over < 2; over++) {
    struct subject *s = subject_open(&scenes[_i]);
    subject_feed(s, (uint8_t *)line, PLAIT_LINE_BYTES_MAX + over);
    ck_assert_int_eq(s->fake->closing, over > 0);
    free(subject_close(s));
  }
  struct subject *s = subject_open(&scenes[_i]);
  struct talker *self = talker_of(
      plait_container_of(s->fake->head.protocol, plait_line, base));
  plait_line_set_max(&self->line, 3);
  plait_line_set_max(&self->line, 0);
  subject_feed(s, (uint8_t *)line, PLAIT_LINE_BYTES_MAX);
  ck_assert(!s->fake->closing);
  plait_line_set_max(&self->line, PLAIT_UNLIMITED);
  subject_feed(s, (uint8_t *)line, PLAIT_LINE_BYTES_MAX);
  ck_assert(!s->fake->closing);
  free(subject_close(s));
  free(line);
}
END_TEST

START_TEST(test_short_lines_longer_than_the_limit) {
  struct scene scene = scenes[_i];
  struct text input = {0}, expected = {0};
  scene.max = 5;
  for (int i = 0; i < 100; i++) {
    text_format(&input, "ab%s", endings[_i]);
    text_format(&expected, "[ab]");
  }
  text_format(&expected, " lost(0)");
  check_bytes(&scene, input.s, input.len, expected.s);
  text_free(&input);
  text_free(&expected);
}
END_TEST

START_TEST(test_too_long_told_discards_the_rest) {
  struct scene scene = {.max = 5, .tell_too_long = true};
  check_pausing(scene, "ok\nxxxxxxx\nab\ncd\n", "[ok]{too long} lost(0)");
}
END_TEST

START_TEST(test_max_changes_with_the_next_line) {
  struct scene scene = {.max = 5};
  check_pausing(scene, "12345\nmax 4\n1234\n12345\nx\n",
                "[12345][max 4][1234] lost(EFRAME)");
}
END_TEST

/* ---- raw mode ---------------------------------------------------------- */

START_TEST(test_raw_until_set_back) {
  check_pausing(scenes[0], "a\r\nraw\r\nb\r\nc!d\r\ne\r\n",
                "[a][raw]b\\r\\nc![d][e] lost(0)");
  check_pausing(scenes[0], "raw\n!raw\n!!\nraw\n\n\n!\n",
                "[raw]![raw]![!][raw]\\n\\n![] lost(0)");
  check_pausing(scenes[0], "raw\n\r!\r\n", "[raw]\\r![] lost(0)");
}
END_TEST

START_TEST(test_raw_for_n_bytes) {
  check_pausing(scenes[0], "raw 5\nab\ncdef\nraw 5\n\n\n\n\n\n\nx\n",
                "[raw 5]ab\\ncd[ef][raw 5]\\n\\n\\n\\n\\n[][x] lost(0)");
  check_pausing(scenes[0], "raw 5\nabcd", "[raw 5]abcd lost(0)");
  check_pausing(scenes[0], "raw 5\nabcde", "[raw 5]abcde lost(0)");
  /* Back before the five are over; then five more from there. */
  check_pausing(scenes[0], "raw 5\na!bcd\ne\n", "[raw 5]a![bcd][e] lost(0)");
  check_pausing(scenes[0], "raw 5\nab5cdefgh\ni\n",
                "[raw 5]ab5cdefg[h][i] lost(0)");
  check_pausing(scenes[0], "raw\nab5cdefgh\ni\n",
                "[raw]ab5cdefg[h][i] lost(0)");
  check_pausing(scenes[0], "raw 5\nabcd5abcdefg\n",
                "[raw 5]abcd5abcde[fg] lost(0)");
}
END_TEST

START_TEST(test_raw_and_back_in_one_line) {
  check_pausing(scenes[0], "back\nab\ncd\n", "[back][ab][cd] lost(0)");
}
END_TEST

START_TEST(test_raw_from_the_start) {
  struct subject *s = subject_open(&scenes[0]);
  struct talker *self = talker_of(
      plait_container_of(s->fake->head.protocol, plait_line, base));
  plait_line_set_raw(&self->line, 0);
  subject_feed(s, (const uint8_t *)"a\nb!c\n", 6);
  char *trace = subject_close(s);
  ck_assert_str_eq(trace, "a\\nb![c] lost(0)");
  free(trace);
}
END_TEST

/* Raw bytes are handed on as they came: nothing is gathered for them. */
START_TEST(test_raw_is_in_place) {
  struct subject *s = subject_open(&scenes[0]);
  subject_feed(s, (const uint8_t *)"raw\nabc", 7);
  subject_feed(s, (const uint8_t *)"def!gh\n", 7);
  ck_assert_uint_eq(s->fake->allocations, 0);
  char *trace = subject_close(s);
  ck_assert_str_eq(trace, "[raw]abcdef![gh] lost(0)");
  free(trace);
}
END_TEST

/* ---- callbacks that do something --------------------------------------- */

START_TEST(test_pause_stops_behind_the_line) {
  struct subject *s = subject_open(&scenes[0]);
  static const char input[] = "a\npause\nb\nraw\nc";
  fake_feed(s->fake, input, strlen(input));
  ck_assert_str_eq(s->trace.s, "[a][pause]");
  ck_assert_uint_eq(s->fake->waiting.len, strlen("b\nraw\nc"));
  plait_resume_reading(&s->fake->head);
  ck_assert_str_eq(s->trace.s, "[a][pause]");
  fake_feed(s->fake, "d!e\n", 4);
  ck_assert_str_eq(s->trace.s, "[a][pause][b][raw]cd![e]");
  free(subject_close(s));
}
END_TEST

START_TEST(test_close_and_abort) {
  check_pausing(scenes[0], "a\nclose\nb\nraw\nc\n", "[a][close] lost(0)");
  check_pausing(scenes[0], "a\nabort\nb\n", "[a][abort] lost(ECANCELED)");
  check_pausing(scenes[0], "raw 5\nab#", "[raw 5]ab# lost(0)");
  check_pausing(scenes[0], "raw 5\nabcd#e\nf\n", "[raw 5]abcd# lost(0)");
  check_pausing(scenes[0], "raw 5\nabcd@e\nf\n",
                "[raw 5]abcd@ lost(ECANCELED)");
}
END_TEST

START_TEST(test_switch_in_mid_buffer) {
  check_pausing(scenes[0], "a\nswitch\nb\r\nc", "[a][switch]after:b\\r\\nc");
  check_pausing(scenes[0], "switch\r\n", "[switch]after:");
  /* Out of raw mode: what it did not consume, and what is behind. */
  check_pausing(scenes[0], "raw\nab^cd\nef", "[raw]ab^after:cd\\nef");
  check_pausing(scenes[0], "raw 5\nab^cdefg", "[raw 5]ab^after:cdefg");
  check_pausing(scenes[0], "raw 5\nabcd^efg", "[raw 5]abcd^after:efg");
}
END_TEST

START_TEST(test_rest_is_of_the_delivery) {
  struct subject *s = subject_open(&scenes[0]);
  struct talker *self = talker_of(
      plait_container_of(s->fake->head.protocol, plait_line, base));
  subject_feed(s, (const uint8_t *)"a\nb\nc", 5);
  ck_assert_uint_eq(plait_line_rest(&self->line).len, 0);
  free(subject_close(s));
}
END_TEST

START_TEST(test_nothing_wanted) {
  static const plait_line_ops silent = PLAIT_LINE_OPS(
      .base.name = "silent", .base.size = sizeof(plait_line));
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
  struct subject *s = subject_open(&scenes[_i]);
  struct talker *self = talker_of(
      plait_container_of(s->fake->head.protocol, plait_line, base));
  ck_assert(plait_line_send(&self->line, "hello", 5));
  ck_assert_uint_eq(s->fake->writes, 1);
  ck_assert_uint_eq(s->fake->pieces, 2);
  ck_assert(plait_line_send(&self->line, NULL, 0));
  ck_assert_str_eq(s->fake->sent.s, sent[_i]);
  s->fake->high = 3;
  ck_assert(!plait_line_send(&self->line, "hello", 5));
  free(subject_close(s));
}
END_TEST

/* ---- what Twisted makes of the same bytes ------------------------------ */

/* Rows whose outcome is not copied. */
static const struct deviation {
  const char *name, *expected, *reason;
} deviations[] = {
    {"LineOnlyReceiver '\\r\\n' at the limit, bytewise",
     "[xxxxxxxx] lost(0)",
     "it counts the CR as payload, so the outcome depends on the cut"},
    {"LineOnlyReceiver '\\r\\n' long start of the delimiter, whole",
     " lost(0)", "likewise: the CR may be half of the ending"},
    {"LineOnlyReceiver '\\r\\n' long start of the delimiter, bytewise",
     " lost(0)", "likewise"},
};

enum { VECTORS = 88 };

/* Decodes |hex| up to the first other character, which it returns. */
static const char *unhex(struct text *ret, const char *hex) {
  unsigned byte;
  for (; strspn(hex, "0123456789abcdef") >= 2; hex += 2) {
    sscanf(hex, "%2x", &byte);
    uint8_t value = (uint8_t)byte;
    text_add(ret, &value, 1);
  }
  return hex;
}

/* "events": ["6162", {"line too long": 9}], "closed": true, ... */
static void vector_expected(struct text *ret, const char *value) {
  const char *at = strstr(value, "\"events\": [");
  require(at != NULL, "no events: %s", value);
  for (at += strlen("\"events\": ["); *at != ']';) {
    if (*at == '{') {
      text_format(ret, "{too long}");
      at = strchr(at, '}') + 1;
    } else if (*at == '"') {
      struct text line = {0};
      at = unhex(&line, at + 1) + 1;
      text_add(ret, "[", 1);
      text_escape(ret, line.s, line.len);
      text_add(ret, "]", 1);
      text_free(&line);
    } else {
      at++;
    }
  }
  text_format(ret, " lost(0)");
}

static bool vector_check(char *row) {
  char *name = strtok(row, "\t"), *value = strtok(NULL, "\t");
  const char *wire = strtok(NULL, "\n");
  struct scene scene = {.tell_too_long = true};
  struct text input = {0}, expected = {0};

  require(name != NULL && value != NULL && wire != NULL, "a short row");
  if (strstr(value, "\"delimiter\": \"0d0a\"") != NULL)
    scene.ending = PLAIT_LINE_CRLF;
  else if (strstr(value, "\"delimiter\": \"0a\"") != NULL)
    scene.ending = PLAIT_LINE_LF;
  else
    return false; /* a delimiter that ends no lines */
  scene.close_too_long = strstr(value, "\"closed\": true") != NULL;
  require(sscanf(strstr(value, "\"max\":"), "\"max\": %zu", &scene.max) == 1,
          "no max: %s", value);
  unhex(&input, wire);
  vector_expected(&expected, value);
  for (size_t i = 0; i < sizeof deviations / sizeof *deviations; i++)
    if (strcmp(name, deviations[i].name) == 0) {
      require(strcmp(expected.s, deviations[i].expected) != 0,
              "%s does not deviate", name);
      text_clear(&expected);
      text_format(&expected, "%s", deviations[i].expected);
    }
  fprintf(stderr, "%s\n", name);
  check_bytes(&scene, input.s, input.len, expected.s);
  text_free(&input);
  text_free(&expected);
  return true;
}

START_TEST(test_vectors) {
  char path[4096], row[4096];
  const char *top = getenv("top_srcdir");
  snprintf(path, sizeof path, "%s/tests/vectors/line_parse.hex",
           top != NULL ? top : ".");
  FILE *file = fopen(path, "r");
  unsigned checked = 0;

  ck_assert_msg(file != NULL, "%s: cannot be read", path);
  while (fgets(row, sizeof row, file) != NULL)
    if (row[0] != '#' && vector_check(row))
      checked++;
  fclose(file);
  ck_assert_uint_eq(checked, VECTORS);
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
  tcase_add_test(lines, test_max_changes_with_the_next_line);
  tcase_add_loop_test(lines, test_send, 0, ENDINGS);
  tcase_add_test(lines, test_vectors);
  suite_add_tcase(suite, lines);

  tcase_set_timeout(raw, 60);
  tcase_add_test(raw, test_raw_until_set_back);
  tcase_add_test(raw, test_raw_for_n_bytes);
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
