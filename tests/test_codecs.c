/* Every codec that comes with plait, and the one of docs/guide.md, under the
 * test kit. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <plait/delimited.h>
#include <plait/error.h>
#include <plait/factory.h>
#include <plait/fixed.h>
#include <plait/line.h>
#include <plait/netstring.h>
#include <plait/prefixed.h>
#include <plait/testing.h>

#define LENGTH(array) ((int)(sizeof(array) / sizeof *(array)))

static void check_codec(const plait_codec_check *check) {
  const char *wrong = plait_check_codec(check);
  ck_assert_msg(wrong == NULL, "%s", wrong);
}

/* ---- lines --------------------------------------------------------------- */

/* A line without an ending in it, and one. */
static size_t line_encode(plait_line_ending ending, unsigned way,
                          plait_slice payload, uint8_t *ret,
                          plait_slice *ret_payload) {
  bool crlf = ending == PLAIT_LINE_CRLF || way == 1;
  size_t n = payload.len;

  memcpy(ret, payload.data, n);
  for (size_t i = 0; i < n; i++)
    if (ret[i] == '\n' &&
        (ending != PLAIT_LINE_CRLF || (i > 0 && ret[i - 1] == '\r')))
      ret[i] = 'n';
  if (ending == PLAIT_LINE_EITHER && !crlf && n > 0 && ret[n - 1] == '\r')
    ret[n - 1] = 'r';
  *ret_payload = (plait_slice){ret, n};
  if (crlf)
    ret[n++] = '\r';
  ret[n++] = '\n';
  return n;
}

static size_t either_encode(const plait_codec *codec, unsigned way,
                            plait_slice payload, uint8_t *ret,
                            plait_slice *ret_payload) {
  (void)codec;
  return line_encode(PLAIT_LINE_EITHER, way, payload, ret, ret_payload);
}

static size_t crlf_encode(const plait_codec *codec, unsigned way,
                          plait_slice payload, uint8_t *ret,
                          plait_slice *ret_payload) {
  (void)codec;
  return line_encode(PLAIT_LINE_CRLF, way, payload, ret, ret_payload);
}

static size_t lf_encode(const plait_codec *codec, unsigned way,
                        plait_slice payload, uint8_t *ret,
                        plait_slice *ret_payload) {
  (void)codec;
  return line_encode(PLAIT_LINE_LF, way, payload, ret, ret_payload);
}

/* R031 */
START_TEST(test_lines) {
  static const plait_codec_check checks[] = {
      [PLAIT_LINE_EITHER] = {.encode = either_encode, .ways = 2},
      [PLAIT_LINE_CRLF] = {.encode = crlf_encode},
      [PLAIT_LINE_LF] = {.encode = lf_encode},
  };
  static const uint8_t endings[] = "\r\n.";
  plait_codec_check check = checks[_i];

  check.codec = plait_line_codec((plait_line_ending)_i);
  check_codec(&check);
  check.alphabet = (plait_slice){endings, 3};
  check_codec(&check);
}
END_TEST

/* ---- delimited ----------------------------------------------------------- */

static const plait_delimited *delimited_of(const plait_codec *codec) {
  return plait_container_of(codec, const plait_delimited, codec);
}

static bool delimited_starts(plait_slice s, const uint8_t *at, size_t len) {
  return s.len <= len && memcmp(s.data, at, s.len) == 0;
}

/* Whether a delimiter starts at |at|, of which |len| bytes are known. */
static bool delimited_at(const plait_delimited *d, const uint8_t *at,
                         size_t len) {
  for (size_t i = 0; i < PLAIT_DELIMITERS_MAX; i++)
    if (d->delimiters[i].len > 0 && delimited_starts(d->delimiters[i], at, len))
      return true;
  return false;
}

/* Whether the delimiter before a frame would go on into it: with "\r" before
 * "\n", where "\r\n" is one, too. */
static bool delimited_joins(const plait_delimited *d, const uint8_t *frame,
                            size_t len) {
  for (size_t i = 0; i < PLAIT_DELIMITERS_MAX; i++)
    for (size_t j = 0; j < PLAIT_DELIMITERS_MAX; j++) {
      plait_slice a = d->delimiters[i], b = d->delimiters[j];
      if (a.len == 0 || a.len >= b.len || memcmp(a.data, b.data, a.len) != 0)
        continue;
      size_t rest = b.len - a.len;
      if (memcmp(b.data + a.len, frame, rest < len ? rest : len) == 0)
        return true;
    }
  return false;
}

/* "." is in no delimiter here. */
static size_t delimited_encode(const plait_codec *codec, unsigned way,
                               plait_slice payload, uint8_t *ret,
                               plait_slice *ret_payload) {
  const plait_delimited *d = delimited_of(codec);
  plait_slice delimiter = d->delimiters[way];
  size_t n = payload.len, all = n + delimiter.len;

  memcpy(ret, payload.data, n);
  memcpy(ret + n, delimiter.data, delimiter.len);
  for (size_t i = 0; i < n; i++)
    if (delimited_at(d, ret + i, all - i))
      ret[i] = '.';
  if (delimited_joins(d, ret, all)) {
    if (n == 0) /* then by another one: the first can stand anywhere */
      return delimited_encode(codec, 0, payload, ret, ret_payload);
    ret[0] = '.';
  }
  *ret_payload = (plait_slice){ret, d->keep ? all : n};
  return all;
}

#define LINES PLAIT_BYTES("\r"), PLAIT_BYTES("\r\n"), PLAIT_BYTES("\n")
#define OVERLAPPING PLAIT_BYTES("ab"), PLAIT_BYTES("abcdef")
#define FIFTEEN_AND_B PLAIT_BYTES("aaaaaaaaaaaaaaab")
#define EIGHT                                                                  \
  PLAIT_BYTES("--"), PLAIT_BYTES("|"), PLAIT_BYTES("||"), PLAIT_BYTES("|-|"),  \
      PLAIT_BYTES("\0"), PLAIT_BYTES("\0\0\0"), PLAIT_BYTES("=-="),            \
      PLAIT_BYTES("0123456789abcdef")

static const struct delimited_case {
  plait_delimited codec;
  unsigned ways;
  const char *alphabet; /* NULL: all bytes */
} delimited[] = {
    {PLAIT_DELIMITED(PLAIT_BYTES("\n")), 1, NULL},
    {PLAIT_DELIMITED(PLAIT_BYTES("\r\n")), 1, NULL},
    {PLAIT_DELIMITED(PLAIT_BYTES("\r\n")), 1, "\r\n."},
    {PLAIT_DELIMITED_KEEP(PLAIT_BYTES("\r\n")), 1, "\r\n."},
    {PLAIT_DELIMITED(FIFTEEN_AND_B), 1, "abx"},
    {PLAIT_DELIMITED_KEEP(FIFTEEN_AND_B), 1, "abx"},
    {PLAIT_DELIMITED(LINES), 3, NULL},
    {PLAIT_DELIMITED(LINES), 3, "\r\n."},
    {PLAIT_DELIMITED_KEEP(LINES), 3, "\r\n."},
    {PLAIT_DELIMITED(OVERLAPPING), 2, "abcdefx"},
    {PLAIT_DELIMITED_KEEP(OVERLAPPING), 2, "abcdefx"},
    {PLAIT_DELIMITED(EIGHT), 8, NULL},
    {PLAIT_DELIMITED(EIGHT), 8, "|-=0123456789abcdef"},
};

START_TEST(test_delimited) {
  const struct delimited_case *c = &delimited[_i];
  plait_codec_check check = {
      .codec = &c->codec.codec, .encode = delimited_encode, .ways = c->ways};
  if (c->alphabet != NULL)
    check.alphabet =
        (plait_slice){(const uint8_t *)c->alphabet, strlen(c->alphabet)};
  check_codec(&check);
}
END_TEST

/* ---- prefixed ------------------------------------------------------------ */

/* A header of bytes that mean nothing and the length, some more of it if the
 * length does not count them, and the payload. */
static size_t prefixed_encode(const plait_codec *codec, unsigned way,
                              plait_slice payload, uint8_t *ret,
                              plait_slice *ret_payload) {
  const plait_prefixed *c =
      plait_container_of(codec, const plait_prefixed, codec);
  size_t n = c->length_field_offset;
  size_t more = c->length_adjustment > 0 ? (size_t)c->length_adjustment : 0;
  size_t width = plait_prefixed_encode(c, more + payload.len, ret + n);

  (void)way;
  if (width == 0)
    return 0;
  memset(ret, '?', n);
  n += width;
  memset(ret + n, '!', more);
  n += more;
  memcpy(ret + n, payload.data, payload.len);
  size_t strip = c->initial_bytes_to_strip == PLAIT_STRIP_PREFIX
                     ? n - more
                     : c->initial_bytes_to_strip;
  n += payload.len;
  *ret_payload = (plait_slice){ret + strip, n - strip};
  return n;
}

/* The length counts the header, and nothing is stripped. */
static const plait_prefixed whole =
    PLAIT_PREFIXED(.length_field_offset = 2, .length_field_length = 2,
                   .length_adjustment = -4);
/* It counts neither the header nor the two bytes behind it. */
static const plait_prefixed behind =
    PLAIT_PREFIXED(.length_field_offset = 1, .length_field_length = 3,
                   .little_endian = true, .length_adjustment = 2,
                   .initial_bytes_to_strip = 6);
/* Only a part is stripped, and a varint is in the middle. */
static const plait_prefixed middle =
    PLAIT_PREFIXED(.length_field_offset = 3,
                   .length_field_length = PLAIT_VARINT,
                   .initial_bytes_to_strip = 2);

static const struct prefixed_case {
  const plait_prefixed *codec;
  size_t payload_max;
} prefixed[] = {
    {&plait_int8, 255},   {&plait_int16, 65535},
    {&plait_int24, 0},    {&plait_int32, 0},
    {&plait_int64, 0},    {&plait_int16_le, 65535},
    {&plait_int24_le, 0}, {&plait_int32_le, 0},
    {&plait_int64_le, 0}, {&plait_varint, 300000},
    {&whole, 65531},      {&behind, 0},
    {&middle, 0},
};

/* R040 */
START_TEST(test_prefixed) {
  plait_codec_check check = {.codec = &prefixed[_i].codec->codec,
                             .encode = prefixed_encode,
                             .payload_max = prefixed[_i].payload_max};
  check_codec(&check);
}
END_TEST

/* Payloads that look like lengths. */
START_TEST(test_varint_of_small_bytes) {
  static const uint8_t small[] = {0, 1, 4, 0x80};
  check_codec(&(plait_codec_check){.codec = &plait_varint.codec,
                                   .encode = prefixed_encode,
                                   .alphabet = {small, sizeof small}});
}
END_TEST

/* ---- netstrings, fixed records ------------------------------------------- */

static size_t netstring_encode(const plait_codec *codec, unsigned way,
                               plait_slice payload, uint8_t *ret,
                               plait_slice *ret_payload) {
  int front = sprintf((char *)ret, "%zu:", payload.len);
  size_t n = (size_t)front;

  (void)codec;
  (void)way;
  memcpy(ret + n, payload.data, payload.len);
  ret[n + payload.len] = ',';
  *ret_payload = (plait_slice){ret + n, payload.len};
  return n + payload.len + 1;
}

START_TEST(test_netstring) {
  static const uint8_t own[] = "0123,:";
  plait_codec_check check = {.codec = &plait_netstring,
                             .encode = netstring_encode};

  check_codec(&check);
  check.alphabet = (plait_slice){own, sizeof own - 1};
  check_codec(&check);
}
END_TEST

/* The whole frame is what is delivered. */
static size_t fixed_encode(const plait_codec *codec, unsigned way,
                           plait_slice payload, uint8_t *ret,
                           plait_slice *ret_payload) {
  (void)codec;
  (void)way;
  (void)ret_payload;
  memcpy(ret, payload.data, payload.len);
  return payload.len;
}

static const plait_fixed fixed[] = {PLAIT_FIXED(1), PLAIT_FIXED(12),
                                    PLAIT_FIXED(1000), PLAIT_FIXED(300000)};

START_TEST(test_fixed) {
  check_codec(&(plait_codec_check){.codec = &fixed[_i].codec,
                                   .encode = fixed_encode,
                                   .payload_min = fixed[_i].record_bytes,
                                   .payload_max = fixed[_i].record_bytes});
}
END_TEST

/* ---- the codec of docs/guide.md ------------------------------------------ */

struct json { /* the state: zeroed at first */
  size_t seen;
  unsigned depth;
  bool text, escape;
};

static int json_scan(const plait_codec *codec, void *state,
                     const uint8_t *piece, size_t len, plait_scan *ret) {
  struct json *s = state;
  (void)codec;
  for (size_t i = 0; i < len; i++) {
    if (s->escape || s->text) {
      s->text = s->escape || piece[i] != '"';
      s->escape = !s->escape && piece[i] == '\\';
    } else if (piece[i] == '"') {
      s->text = true;
    } else if (piece[i] == '{') {
      s->depth++;
    } else if (piece[i] == '}' && s->depth == 0) {
      ret->length = s->seen + i; /* it may have been too long before */
      return PLAIT_EFRAME;
    } else if (piece[i] == '}' && --s->depth == 0) {
      ret->consumed = i + 1;
      ret->length = s->seen + i + 1;
      s->seen = 0;
      return PLAIT_FRAME;
    }
  }
  ret->length = s->seen += len;
  return PLAIT_MORE;
}

static const plait_codec json = {
    .name = "json", .state_size = sizeof(struct json), .scan = json_scan};

/* Writes a text of |payload|, in an object. */
static size_t json_encode(const plait_codec *codec, unsigned way,
                          plait_slice payload, uint8_t *ret,
                          plait_slice *ret_payload) {
  size_t n = 0;
  (void)codec;
  (void)way;
  (void)ret_payload; /* the whole frame */
  for (const char *s = "{\"text\":\""; *s != '\0'; s++)
    ret[n++] = (uint8_t)*s;
  for (size_t i = 0; i < payload.len; i++) {
    if (payload.data[i] == '"' || payload.data[i] == '\\')
      ret[n++] = '\\';
    ret[n++] = payload.data[i];
  }
  ret[n++] = '"';
  ret[n++] = '}';
  return n;
}

START_TEST(test_json) {
  static const uint8_t own[] = "{}\"\\: ";
  plait_codec_check check = {.codec = &json, .encode = json_encode};

  check_codec(&check);
  check.alphabet = (plait_slice){own, sizeof own - 1};
  check_codec(&check);
}
END_TEST

/* How many of |n| codecs to check: one thread has nothing for
 * ThreadSanitizer, which is slow. */
static int codecs_of(int n) {
  const char *sanitizer = getenv("PLAIT_SANITIZER");
  return sanitizer != NULL && strcmp(sanitizer, "thread") == 0 ? 1 : n;
}

static Suite *codecs_suite(void) {
  Suite *suite = suite_create("codecs");
  TCase *codecs = tcase_create("codecs");

  tcase_set_timeout(codecs, 60);
  tcase_add_loop_test(codecs, test_lines, 0, codecs_of(PLAIT_LINE_LF + 1));
  tcase_add_loop_test(codecs, test_delimited, 0, codecs_of(LENGTH(delimited)));
  tcase_add_loop_test(codecs, test_prefixed, 0, codecs_of(LENGTH(prefixed)));
  tcase_add_test(codecs, test_varint_of_small_bytes);
  tcase_add_test(codecs, test_netstring);
  tcase_add_loop_test(codecs, test_fixed, 0, codecs_of(LENGTH(fixed)));
  tcase_add_test(codecs, test_json);
  suite_add_tcase(suite, codecs);
  return suite;
}

int main(void) {
  SRunner *runner = srunner_create(codecs_suite());
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
