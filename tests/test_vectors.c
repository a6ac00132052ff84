/* Frames against what Twisted made of the same bytes, and the bytes it makes
 * of frames: tests/vectors.
 *
 * What plait makes of a wire does not depend on how it is cut, so each row's
 * wire is cut in every way.  What Twisted makes of it may; then there are
 * several rows, and all of them but one deviate at least.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <plait/delimited.h>
#include <plait/error.h>
#include <plait/factory.h>
#include <plait/netstring.h>
#include <plait/prefixed.h>

#include "support/require.h"
#include "support/speaker.h"
#include "support/talker.h"
#include "support/vectors.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* What came of a wire: "[payload][payload]", "{too long}" or nothing, and
 * whether it closed. */
struct outcome {
  struct text frames, too_long;
  bool closed;
};

/* ---- deviations -------------------------------------------------------- */

/* Rows whose outcome is not copied. */
struct deviation {
  const char *name, *frames, *too_long;
  bool closed;
  const char *reason;
};

/* A file of rows. */
struct file {
  const char *name;
  const struct deviation *deviations;
  size_t count;
};

static const char newline[] =
    "its pattern for digits ends with $, which fits before a newline too, so "
    "it waits; no netstring starts like that";
static const char late[] =
    "it waits until a whole delimiter more has come; this is too long already";
static const char partial[] =
    "it counts what may be the start of the delimiter as payload, so the cut "
    "decides; the longest line has to pass wherever it is cut";

static const struct deviation netstring_deviations[] = {
    {"NetstringReceiver max 99999 newline behind the length", "", "", true,
     newline},
};

#define LATE(delimiter)                                                        \
  {                                                                            \
    "LineReceiver max 8 '" delimiter "' limit + 1, no end yet", "",            \
        "{too long}", true, late                                               \
  }
#define PARTIAL(delimiter, wire, frames)                                       \
  { "LineOnlyReceiver max 8 '" delimiter "' " wire, frames, "", false, partial }
#define X7 "[xxxxxxx]"
#define X8 "[xxxxxxxx]"

static const struct deviation line_deviations[] = {
    LATE("\\r\\n"),
    LATE("--end--"),
    LATE("aab"),
    PARTIAL("\\r\\n", "limit, bytewise", X8),
    PARTIAL("\\r\\n", "two at the limit, bytewise", X8 X8),
    PARTIAL("\\r\\n", "two at the limit, cut at 19", X8 X8),
    PARTIAL("\\r\\n", "limit and the start of the delimiter", ""),
    PARTIAL("--end--", "limit - 1, bytewise", X7),
    PARTIAL("--end--", "limit, bytewise", X8),
    PARTIAL("--end--", "two at the limit, bytewise", X8 X8),
    PARTIAL("--end--", "two at the limit, cut at 24", X8 X8),
    PARTIAL("--end--", "limit and the start of the delimiter", ""),
    PARTIAL("aab", "limit - 1, bytewise", X7),
    PARTIAL("aab", "limit, bytewise", X8),
    PARTIAL("aab", "two at the limit, bytewise", X8 X8),
    PARTIAL("aab", "two at the limit, cut at 20", X8 X8),
    PARTIAL("aab", "limit and the start of the delimiter", ""),
};

static const struct file parse_files[] = {
    {"netstring_parse.hex", netstring_deviations, COUNT(netstring_deviations)},
    {"intn_parse.hex", NULL, 0},
    {"line_parse.hex", line_deviations, COUNT(line_deviations)},
};

static const struct deviation *deviation_of(const struct file *file,
                                            const char *name) {
  for (size_t i = 0; i < file->count; i++)
    if (strcmp(file->deviations[i].name, name) == 0)
      return &file->deviations[i];
  return NULL;
}

/* ---- codecs ------------------------------------------------------------ */

/* The codec of the receiver or sender under |key|; |delimited| is the room for
 * one that has to be made. */
static const plait_codec *codec_of(const struct vector *v, const char *key,
                                   plait_delimited *delimited) {
  if (vector_is(v, key, "\"NetstringReceiver\""))
    return &plait_netstring;
  if (vector_is(v, key, "\"Int8StringReceiver\""))
    return &plait_int8.codec;
  if (vector_is(v, key, "\"Int16StringReceiver\""))
    return &plait_int16.codec;
  if (vector_is(v, key, "\"Int32StringReceiver\""))
    return &plait_int32.codec;
  struct text delimiter = {0};
  vector_bytes(&delimiter, vector_member(v, "delimiter") + 1);
  static uint8_t bytes[PLAIT_DELIMITER_BYTES_MAX];
  require(delimiter.len <= sizeof bytes, "%s: a long delimiter", v->name);
  memcpy(bytes, delimiter.s, delimiter.len);
  *delimited = (plait_delimited)PLAIT_DELIMITED({bytes, delimiter.len});
  text_free(&delimiter);
  return &delimited->codec;
}

/* Whether it is about lines that plait_line knows too. */
static bool has_lines(const struct vector *v, plait_line_ending *ret) {
  if (!vector_has(v, "delimiter"))
    return false;
  *ret =
      vector_is(v, "delimiter", "\"0d0a\"") ? PLAIT_LINE_CRLF : PLAIT_LINE_LF;
  return *ret == PLAIT_LINE_CRLF || vector_is(v, "delimiter", "\"0a\"");
}

/* ---- receiving --------------------------------------------------------- */

static const char *outcome_payload(struct text *ret, const char *hex) {
  struct text payload = {0};
  const char *end = vector_bytes(&payload, hex);
  text_add(ret, "[", 1);
  text_escape(ret, payload.s, payload.len);
  text_add(ret, "]", 1);
  text_free(&payload);
  require(*end == '"', "%s", hex);
  return end + 1;
}

/* {"too long": 9}, or null for a number. */
static const char *outcome_too_long(struct text *ret, const char *json) {
  static const char key[] = "{\"too long\": ";
  require(strncmp(json, key, strlen(key)) == 0, "%s", json);
  const char *length = json + strlen(key), *end = strchr(length, '}');
  require(end != NULL, "%s", json);
  if (strncmp(length, "null", 4) == 0)
    text_format(ret, "{too long}");
  else
    text_format(ret, "{%.*s}", (int)(end - length), length);
  return end + 1;
}

/* "events": ["6162", {"too long": 9}], "closed": true */
static struct outcome outcome_of(const struct vector *v) {
  struct outcome o = {.closed = vector_is(v, "closed", "true")};
  const char *at = vector_member(v, "events") + 1;

  text_add(&o.frames, "", 0);
  text_add(&o.too_long, "", 0);
  while (*at != ']') {
    if (*at == '"')
      at = outcome_payload(&o.frames, at + 1);
    else if (*at == '{')
      at = outcome_too_long(&o.too_long, at);
    else
      at++;
  }
  return o;
}

static void outcome_free(struct outcome *o) {
  text_free(&o->frames);
  text_free(&o->too_long);
}

static bool outcome_is(const struct outcome *o, const struct deviation *d) {
  return strcmp(o->frames.s, d->frames) == 0 &&
         strcmp(o->too_long.s, d->too_long) == 0 && o->closed == d->closed;
}

/* The outcome that plait's should be. */
static struct outcome outcome_wanted(const struct file *file,
                                     const struct vector *v, unsigned *met) {
  struct outcome o = outcome_of(v);
  const struct deviation *d = deviation_of(file, v->name);

  if (d != NULL) {
    require(!outcome_is(&o, d), "%s does not deviate", v->name);
    text_clear(&o.frames);
    text_clear(&o.too_long);
    text_format(&o.frames, "%s", d->frames);
    text_format(&o.too_long, "%s", d->too_long);
    o.closed = d->closed;
    (*met)++;
  }
  return o;
}

/* The trace of a protocol that wants to be told what is too long, or of one
 * that does not; it is closed for it in either case. */
static struct text trace_of(const struct outcome *o, bool telling) {
  struct text trace = {0};
  bool told = telling && o->too_long.len > 0;

  text_add(&trace, o->frames.s, o->frames.len);
  if (told)
    text_add(&trace, o->too_long.s, o->too_long.len);
  text_format(&trace, " lost(%s)", o->closed ? "EFRAME" : "0");
  return trace;
}

static void check_frames(const struct vector *v, const struct outcome *o,
                         bool telling) {
  plait_delimited room;
  struct speaker_scene scene = {.codec = codec_of(v, "receiver", &room),
                                .max = vector_number(v, "max"),
                                .tell_too_long = telling,
                                .show_all = !vector_has(v, "delimiter")};
  struct text trace = trace_of(o, telling);
  speaker_check_bytes(scene, v->wire.s, v->wire.len, trace.s);
  text_free(&trace);
}

static void check_lines(const struct vector *v, const struct outcome *o,
                        bool telling) {
  struct talker_scene scene = {.max = vector_number(v, "max"),
                               .tell_too_long = telling};
  if (!has_lines(v, &scene.ending))
    return;
  struct text trace = trace_of(o, telling);
  talker_check_bytes(&scene, v->wire.s, v->wire.len, trace.s);
  text_free(&trace);
}

struct parsing {
  const struct file *file;
  unsigned met; /* deviations */
};

static void parse_row(const struct vector *v, void *arg) {
  struct parsing *parsing = arg;
  fprintf(stderr, "%s\n", v->name);
  struct outcome o = outcome_wanted(parsing->file, v, &parsing->met);

  check_frames(v, &o, false);
  check_lines(v, &o, false);
  if (!o.closed || o.too_long.len > 0) {
    check_frames(v, &o, true);
    check_lines(v, &o, true);
  }
  outcome_free(&o);
}

START_TEST(test_parse) {
  struct parsing parsing = {.file = &parse_files[_i]};
  ck_assert_uint_gt(vectors_read(parsing.file->name, parse_row, &parsing), 0);
  ck_assert_uint_eq(parsing.met, parsing.file->count);
}
END_TEST

/* ---- sending ----------------------------------------------------------- */

static bool send_frame(const struct vector *v, plait_framed *framed,
                       const struct text *payload) {
  if (vector_has(v, "delimiter"))
    return plait_delimited_send(framed, payload->s, payload->len);
  if (plait_framed_codec(framed) == &plait_netstring)
    return plait_netstring_send(framed, payload->s, payload->len);
  return plait_prefixed_send(framed, payload->s, payload->len) >= 0;
}

/* What was sent must be the wire, or nothing; and the wire must be received as
 * the payload. */
static void check_sent(const struct vector *v, const struct text *sent) {
  require(sent->len == v->wire.len &&
              (sent->len == 0 || memcmp(sent->s, v->wire.s, sent->len) == 0),
          "%s: %zu bytes instead of %zu", v->name, sent->len, v->wire.len);
}

static void encode_frame(const struct vector *v, const struct text *payload) {
  plait_delimited room;
  struct speaker_scene scene = {.codec = codec_of(v, "sender", &room),
                                .max = PLAIT_UNLIMITED,
                                .show_all = true};
  struct speaker_subject *s = speaker_open(&scene);
  struct text trace = {0};

  s->fake->high = SIZE_MAX;
  bool sent = send_frame(v, speaker_framed(s), payload);
  require(sent != vector_has(v, "refused"), "%s: %d", v->name, sent);
  check_sent(v, &s->fake->sent);
  if (sent)
    outcome_payload(&trace, vector_member(v, "bytes") + 1);
  text_format(&trace, " lost(0)");
  speaker_feed(s, (const uint8_t *)v->wire.s, v->wire.len);
  char *got = speaker_close(s);
  require(strcmp(got, trace.s) == 0, "%s comes back as %s", v->name, got);
  free(got);
  text_free(&trace);
}

static void encode_line(const struct vector *v, const struct text *payload) {
  struct talker_scene scene = {0};
  if (!has_lines(v, &scene.ending))
    return;
  struct talker_subject *s = talker_open(&scene);
  plait_line *line =
      plait_container_of(s->fake->head.protocol, plait_line, base);
  ck_assert(plait_line_send(line, payload->s, payload->len));
  check_sent(v, &s->fake->sent);
  free(talker_close(s));
}

static void encode_row(const struct vector *v, void *arg) {
  struct text payload = {0};

  (void)arg;
  fprintf(stderr, "%s\n", v->name);
  vector_bytes(&payload, vector_member(v, "bytes") + 1);
  encode_frame(v, &payload);
  encode_line(v, &payload);
  text_free(&payload);
}

START_TEST(test_encode) {
  static const char *const files[] = {"netstring_encode.hex", "intn_encode.hex",
                                      "line_encode.hex"};
  for (size_t i = 0; i < COUNT(files); i++)
    ck_assert_uint_gt(vectors_read(files[i], encode_row, NULL), 0);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("vectors");
  TCase *vectors = tcase_create("vectors");
  tcase_set_timeout(vectors, 60);
  tcase_add_loop_test(vectors, test_parse, 0, COUNT(parse_files));
  tcase_add_test(vectors, test_encode);
  suite_add_tcase(suite, vectors);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
