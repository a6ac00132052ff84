/* Framed protocols and the codecs that come with plait, on a fake transport. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <plait/delimited.h>
#include <plait/error.h>
#include <plait/factory.h>
#include <plait/fixed.h>
#include <plait/netstring.h>
#include <plait/prefixed.h>

#include "support/require.h"
#include "support/speaker.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
/* Input that may hold NULs. */
#define WIRE(literal) literal, sizeof(literal) - 1

struct row {
  const plait_codec *codec;
  size_t max;
  const char *wire;
  size_t len;
  const char *expected;
};

/* Each in every cut, with and without pauses, and with the peer's end. */
static void check_rows(const struct row *rows, size_t n) {
  for (size_t i = 0; i < n; i++) {
    struct speaker_scene scene = {
        .codec = rows[i].codec, .max = rows[i].max, .end = true};
    speaker_check_bytes(scene, rows[i].wire, rows[i].len, rows[i].expected);
  }
}

/* ---- delimited --------------------------------------------------------- */

#define DELIMITED(name, ...)                                                   \
  static const plait_delimited name = PLAIT_DELIMITED(__VA_ARGS__)

DELIMITED(bar, PLAIT_BYTES("|"));
DELIMITED(crlf, PLAIT_BYTES("\r\n"));
DELIMITED(nul, PLAIT_BYTES("\0"));
DELIMITED(repeated, PLAIT_BYTES("aaaaaaaaaaaaaaab"));
DELIMITED(overlapping, PLAIT_BYTES("aab"), PLAIT_BYTES("ab;"));
DELIMITED(newlines, PLAIT_BYTES("\n"), PLAIT_BYTES("\r\n"), PLAIT_BYTES("\r"));
DELIMITED(stair, PLAIT_BYTES("ab"), PLAIT_BYTES("abcdef"), PLAIT_BYTES("d"));
DELIMITED(inner, PLAIT_BYTES("abc"), PLAIT_BYTES("b"));
DELIMITED(full, PLAIT_BYTES("0"), PLAIT_BYTES("1"), PLAIT_BYTES("2"),
          PLAIT_BYTES("3"), PLAIT_BYTES("4"), PLAIT_BYTES("5"),
          PLAIT_BYTES("6"), PLAIT_BYTES("7"));
static const plait_delimited kept =
    PLAIT_DELIMITED_KEEP(PLAIT_BYTES("\n"), PLAIT_BYTES("\n\n"));

START_TEST(test_delimited) {
  static const struct row rows[] = {
      {&bar.codec, 0, WIRE("one||two|"), "[one][][two] lost(0)"},
      {&bar.codec, 0, WIRE("one|two"), "[one] lost(ETRUNCATED)"},
      {&nul.codec, 0, WIRE("a\0\0b\0"), "[a][][b] lost(0)"},
      {&crlf.codec, 0, WIRE("a\r\n\r\r\n\n\r\n\r\n"),
       "[a][\\r][\\n][] lost(0)"},
      {&crlf.codec, 0, WIRE("a\r\nb\r"), "[a] lost(ETRUNCATED)"},
      {&repeated.codec, 0, WIRE("xaaaaaaaaaaaaaaabaaaaaaaaaaaaaaaaaab"),
       "[x][aaa] lost(0)"},
      {&repeated.codec, 0, WIRE("aaaaaaaaaaaaaab"), " lost(ETRUNCATED)"},
      {&full.codec, 0, WIRE("a0b1c2d3e4f5g6h78"),
       "[a][b][c][d][e][f][g][h] lost(ETRUNCATED)"},
  };
  check_rows(rows, COUNT(rows));
}
END_TEST

/* The first place where one starts; there the longest; and what was looked at
 * in vain belongs to the next frame. */
START_TEST(test_delimited_longest) {
  static const struct row rows[] = {
      {&newlines.codec, 0, WIRE("a\nb\r\nc\rd\r\r\n\n"),
       "[a][b][c][d][][] lost(0)"},
      {&newlines.codec, 0, WIRE("a\r"), "[a] lost(0)"},
      {&overlapping.codec, 0, WIRE("xaab;yab;zaaab"), "[x][;y][za] lost(0)"},
      {&stair.codec, 0, WIRE("xabcdefyab"), "[x][y] lost(0)"},
      {&stair.codec, 0, WIRE("xabcdeyabz"), "[x][c][ey] lost(ETRUNCATED)"},
      {&stair.codec, 0, WIRE("xabcabcdefab"), "[x][c][] lost(0)"},
      {&stair.codec, 0, WIRE("xabcde"), "[x][c] lost(ETRUNCATED)"},
      {&stair.codec, 0, WIRE("xabcd"), "[x][c] lost(0)"},
      {&stair.codec, 0, WIRE("xabc"), "[x] lost(ETRUNCATED)"},
      {&stair.codec, 0, WIRE("abababcdeabcd"), "[][][][c][e][c] lost(0)"},
      {&stair.codec, 0, WIRE("abab"), "[][] lost(0)"},
      {&inner.codec, 0, WIRE("xab"), "[xa] lost(0)"},
      {&inner.codec, 0, WIRE("xabcyabz"), "[x][ya] lost(ETRUNCATED)"},
      {&kept.codec, 0, WIRE("a\nb\n\nc\n\n\n"),
       "[a\\n][b\\n\\n][c\\n\\n][\\n] lost(0)"},
  };
  check_rows(rows, COUNT(rows));
}
END_TEST

/* Whatever a frame asks for, also when the end of its delimiter was only known
 * with bytes of the next one. */
START_TEST(test_delimited_obeys) {
  static const struct row rows[] = {
      {&stair.codec, 0, WIRE("xabcloseabcdeyab"), "[x][close] lost(0)"},
      {&stair.codec, 0, WIRE("xababortabcdeyab"), "[x][][ort][c][ey] lost(0)"},
      {&newlines.codec, 0, WIRE("x\rclose\ry"), "[x][close] lost(0)"},
      {&newlines.codec, 0, WIRE("x\rabort\ry"), "[x][abort] lost(ECANCELED)"},
      {&newlines.codec, 0, WIRE("x\rswitch\ry\r\nz"),
       "[x][switch]after:y\\r\\nz"},
      {&newlines.codec, 0, WIRE("switch\r"), "[switch]after:"},
      {&newlines.codec, 0, WIRE("raw\ry\r!z\r"), "[raw]y\\r![z] lost(0)"},
      {&newlines.codec, 0, WIRE("raw 5\r12\r45z\n"),
       "[raw 5]12\\r45[z] lost(0)"},
      {&newlines.codec, 0, WIRE("raw 5\r12\r4"),
       "[raw 5]12\\r4 lost(ETRUNCATED)"},
      {&newlines.codec, 0, WIRE("raw\r12\r4"), "[raw]12\\r4 lost(0)"},
      {&newlines.codec, 0, WIRE("raw\ry^z\r"), "[raw]y^after:z\\r"},
      {&newlines.codec, 0, WIRE("max 4\r1234\r12345\rx\r"),
       "[max 4][1234] lost(EFRAME)"},
  };
  static const plait_delimited switching =
      PLAIT_DELIMITED(PLAIT_BYTES("#"), PLAIT_BYTES("#123456"));
  static const struct row rest[] = {
      {&switching.codec, 0, WIRE("switch#12345"), "[switch]after:12345"},
      {&switching.codec, 0, WIRE("switch#12345#6"), "[switch]after:12345#6"},
      {&switching.codec, 0, WIRE("close#12345#6"), "[close] lost(0)"},
      {&switching.codec, 0, WIRE("raw 5#12345#12345#"),
       "[raw 5]12345[][12345] lost(0)"},
      {&switching.codec, 0, WIRE("raw 5#12346x#"), "[raw 5]12346[x] lost(0)"},
  };
  check_rows(rows, COUNT(rows));
  check_rows(rest, COUNT(rest));
}
END_TEST

START_TEST(test_delimited_limits) {
  static const struct row rows[] = {
      {&bar.codec, 3, WIRE("ab|abc|"), "[ab][abc] lost(0)"},
      {&bar.codec, 3, WIRE("ab|abcd|x|"), "[ab] lost(EFRAME)"},
      {&bar.codec, 3, WIRE("ab|abcd"), "[ab] lost(EFRAME)"},
      {&stair.codec, 3, WIRE("xyzabcdexyzabcdefxyzd"), "[xyz][c] lost(EFRAME)"},
      {&stair.codec, 3, WIRE("xyzabcdefxyzd"), "[xyz][xyz] lost(0)"},
      {&kept.codec, 3, WIRE("ab\na\n\n"), "[ab\\n][a\\n\\n] lost(0)"},
      {&kept.codec, 3, WIRE("abc\n"), " lost(EFRAME)"},
      {&kept.codec, 3, WIRE("ab\n\n"), " lost(EFRAME)"},
  };
  check_rows(rows, COUNT(rows));
  struct text input = {0};
  for (int i = 0; i <= PLAIT_DELIMITED_BYTES_MAX; i++)
    text_add(&input, "x", 1);
  for (size_t over = 0; over < 2; over++) {
    struct speaker_scene scene = {.codec = &bar.codec};
    struct speaker_subject *s = speaker_open(&scene);
    speaker_feed(s, (uint8_t *)input.s, PLAIT_DELIMITED_BYTES_MAX + over);
    ck_assert_int_eq(s->fake->closing, over > 0);
    free(speaker_close(s));
  }
  text_free(&input);
}
END_TEST

/* Skipping leaves off where the frame ends, whatever else was looked at. */
START_TEST(test_skip) {
  struct speaker_scene scene = {
      .max = 3, .tell_too_long = true, .skip = true, .end = true};
  scene.codec = &bar.codec;
  speaker_check(scene, "abcd|ab|abcdefgh|c|",
                "{too long}[ab]{too long}[c] lost(0)");
  speaker_check(scene, "abcd|ab|abcdefgh",
                "{too long}[ab]{too long} lost(ETRUNCATED)");
  scene.codec = &stair.codec;
  speaker_check(scene, "wxyzabcdexabwxyzab",
                "{too long}[c][ex]{too long} lost(0)");
  speaker_check(scene, "wxyzabcd", "{too long}[c] lost(0)");
  speaker_check(scene, "wxyzabc", "{too long} lost(ETRUNCATED)");
  scene.codec = &plait_netstring;
  speaker_check(scene, "4:abcd,1:a,12:abcdefghijkl,0:,",
                "{too long}[a]{too long}[] lost(0)");
  speaker_check(scene, "4:abcdX", "{too long} lost(EFRAME)");
  scene.skip = false;
  speaker_check(scene, "4:abcdX", "{too long} lost(EFRAME)");
  speaker_check(scene, "1:a,44X", "[a]{too long} lost(EFRAME)");
}
END_TEST

/* The next protocol gets what follows the frame, or the rest of it: what a
 * switch can do here depends on the cut, so it is shown for two. */
START_TEST(test_switch_when_too_long) {
  struct speaker_scene scene = {
      .codec = &bar.codec, .max = 3, .tell_too_long = true, .go = true};
  scene.skip = _i == 1;
  struct speaker_subject *s = speaker_open(&scene);
  speaker_feed(s, (const uint8_t *)"ab|abcd|ef|", 11);
  ck_assert_str_eq(s->trace.s, "[ab]{too long}after:ef|");
  free(speaker_close(s));
  s = speaker_open(&scene);
  speaker_feed(s, (const uint8_t *)"ab|abcd", 7);
  speaker_feed(s, (const uint8_t *)"|ef|", 4);
  ck_assert_str_eq(s->trace.s, "[ab]{too long}after:|ef|");
  free(speaker_close(s));
}
END_TEST

START_TEST(test_delimited_windows) {
  /* Delimiters far behind the first windows, and one that never comes. */
  struct speaker_scene scene = {.codec = &newlines.codec, .end = true};
  struct text input = {0}, expected = {0};
  for (size_t len = 60; len < 1000; len = len * 5 / 4) {
    for (size_t i = 0; i < len; i++)
      text_add(&input, "x", 1);
    text_format(&input, "\n");
    if (len <= 64)
      text_format(&expected, "[%.*s]", (int)len, input.s + input.len - len - 1);
    else
      text_format(&expected, "[%zu bytes]", len);
  }
  text_format(&expected, " lost(0)");
  speaker_check_bytes(scene, input.s, input.len, expected.s);
  text_free(&input);
  text_free(&expected);
}
END_TEST

/* ---- prefixed ---------------------------------------------------------- */

/* R046 */
START_TEST(test_prefixed) {
  static const struct row rows[] = {
      {&plait_int8.codec, 0, WIRE("\1a\0\3bcd"), "[a][][bcd] lost(0)"},
      {&plait_int8.codec, 0, WIRE("\1a\3bc"), "[a] lost(ETRUNCATED)"},
      {&plait_int16.codec, 0, WIRE("\0\1a\0\0\0\2bc\0"),
       "[a][][bc] lost(ETRUNCATED)"},
      {&plait_int16_le.codec, 0, WIRE("\1\0a\0\0\2\0bc"), "[a][][bc] lost(0)"},
      {&plait_int24.codec, 0, WIRE("\0\0\1a\0\0\0"), "[a][] lost(0)"},
      {&plait_int24_le.codec, 0, WIRE("\1\0\0a\0\0\0"), "[a][] lost(0)"},
      {&plait_int32.codec, 0, WIRE("\0\0\0\1a\0\0\0\0"), "[a][] lost(0)"},
      {&plait_int32_le.codec, 0, WIRE("\1\0\0\0a\0\0\0\0"), "[a][] lost(0)"},
      {&plait_int64.codec, 0, WIRE("\0\0\0\0\0\0\0\1a\0\0\0\0\0\0\0\0"),
       "[a][] lost(0)"},
      {&plait_int64_le.codec, 0, WIRE("\1\0\0\0\0\0\0\0a\0\0\0\0\0\0\0\0"),
       "[a][] lost(0)"},
      {&plait_varint.codec, 0, WIRE("\1a\0\2bc"), "[a][][bc] lost(0)"},
      {&plait_varint.codec, 0, WIRE("\x81\x80\0a\x80\0"), "[a][] lost(0)"},
      {&plait_int16.codec, 3, WIRE("\0\3abc\0\4abcd"), "[abc] lost(EFRAME)"},
      {&plait_int16.codec, 0, WIRE("\0\5close\0\1a"), "[close] lost(0)"},
      {&plait_int16.codec, 0, WIRE("\0\6switch\0\1a"),
       "[switch]after:\\x00\\x01a"},
      {&plait_int16.codec, 0, WIRE("\0\5raw 512345\0\1a"),
       "[raw 5]12345[a] lost(0)"},
      {&plait_int16.codec, 0, WIRE("\0\3raw12!\0\1a"), "[raw]12![a] lost(0)"},
  };
  check_rows(rows, COUNT(rows));
}
END_TEST

/* Refused when the length is known, wherever it is cut. */
/* R032 */
START_TEST(test_prefixed_refuses) {
  static const struct row rows[] = {
      {&plait_int32.codec, 0, WIRE("\x7f\xff\xff\xff"), " lost(EFRAME)"},
      {&plait_int32.codec, 0, WIRE("\x80\0\0\0"), " lost(EFRAME)"},
      {&plait_int32.codec, 0, WIRE("\xff\xff\xff\xff"), " lost(EFRAME)"},
      {&plait_int32.codec, 0, WIRE("\0\1\x86\xa0"), " lost(EFRAME)"},
      {&plait_int32.codec, 0, WIRE("\0\1\x86\x9f"), " lost(ETRUNCATED)"},
      {&plait_int64.codec, 0, WIRE("\xff\xff\xff\xff\xff\xff\xff\xff"),
       " lost(EFRAME)"},
      {&plait_varint.codec, 0, WIRE("\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"),
       " lost(EFRAME)"},
      {&plait_varint.codec, 0, WIRE("\x80\x80\x80\x80\x80\x80\x80\x80\x80\2"),
       " lost(EFRAME)"},
      {&plait_varint.codec, PLAIT_UNLIMITED,
       WIRE("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\0"), " lost(EFRAME)"},
      {&plait_varint.codec, PLAIT_UNLIMITED,
       WIRE("\x80\x80\x80\x80\x80\x80\x80\x80\x80\1x"), " lost(ETRUNCATED)"},
      {&plait_int64.codec, PLAIT_UNLIMITED,
       WIRE("\xff\xff\xff\xff\xff\xff\xff\xffxxx"), " lost(ETRUNCATED)"},
  };
  check_rows(rows, COUNT(rows));
}
END_TEST

/* Netty's examples for LengthFieldBasedFrameDecoder, and what is malformed. */
START_TEST(test_prefixed_options) {
  static const plait_prefixed plain = PLAIT_PREFIXED(.length_field_length = 2);
  static const plait_prefixed strip =
      PLAIT_PREFIXED(.length_field_length = 2, .initial_bytes_to_strip = 2);
  static const plait_prefixed whole =
      PLAIT_PREFIXED(.length_field_length = 2, .length_adjustment = -2);
  static const plait_prefixed offset =
      PLAIT_PREFIXED(.length_field_offset = 2, .length_field_length = 3);
  static const plait_prefixed behind =
      PLAIT_PREFIXED(.length_field_length = 3, .length_adjustment = 2);
  static const plait_prefixed middle =
      PLAIT_PREFIXED(.length_field_offset = 1, .length_field_length = 2,
                     .length_adjustment = 1, .initial_bytes_to_strip = 3);
  static const plait_prefixed middle_whole =
      PLAIT_PREFIXED(.length_field_offset = 1, .length_field_length = 2,
                     .length_adjustment = -3, .initial_bytes_to_strip = 3);
  static const plait_prefixed deep =
      PLAIT_PREFIXED(.length_field_offset = 1,
                     .length_field_length = PLAIT_VARINT,
                     .initial_bytes_to_strip = PLAIT_STRIP_PREFIX);
  static const plait_prefixed big =
      PLAIT_PREFIXED(.length_field_length = 8, .length_adjustment = 10);
  static const struct row rows[] = {
      {&plain.codec, 0, WIRE("\0\5hello\0\1a"),
       "[\\x00\\x05hello][\\x00\\x01a] lost(0)"},
      {&strip.codec, 0, WIRE("\0\5hello\0\1a"), "[hello][a] lost(0)"},
      {&whole.codec, 0, WIRE("\0\7hello\0\2\0\3a"),
       "[\\x00\\x07hello][\\x00\\x02][\\x00\\x03a] lost(0)"},
      {&whole.codec, 0, WIRE("\0\7hello\0\1"),
       "[\\x00\\x07hello] lost(EFRAME)"},
      {&offset.codec, 0, WIRE("HH\0\0\2abHH\0\0\0"),
       "[HH\\x00\\x00\\x02ab][HH\\x00\\x00\\x00] lost(0)"},
      {&behind.codec, 0, WIRE("\0\0\2HHab\0\0\0HH"),
       "[\\x00\\x00\\x02HHab][\\x00\\x00\\x00HH] lost(0)"},
      {&middle.codec, 0, WIRE("A\0\2Bab"), "[Bab] lost(0)"},
      {&middle_whole.codec, 0, WIRE("A\0\6Bab"), "[Bab] lost(0)"},
      {&deep.codec, 0, WIRE("T\2abT\x80\1"), "[ab] lost(ETRUNCATED)"},
      {&deep.codec, 0, WIRE("T\2abT\0T\1c"), "[ab][][c] lost(0)"},
      {&big.codec, 0, WIRE("\xff\xff\xff\xff\xff\xff\xff\xff"),
       " lost(EFRAME)"},
      {&plain.codec, 3, WIRE("\0\1a\0\2ab"), "[\\x00\\x01a] lost(EFRAME)"},
  };
  static const plait_prefixed greedy =
      PLAIT_PREFIXED(.length_field_length = 1, .initial_bytes_to_strip = 3);
  static const struct row shorter[] = {
      {&greedy.codec, 0, WIRE("\2ab\3abc"), "[][c] lost(0)"},
      {&greedy.codec, 0, WIRE("\2ab\1a"), "[] lost(EFRAME)"},
  };
  check_rows(rows, COUNT(rows));
  check_rows(shorter, COUNT(shorter));
}
END_TEST

/* ---- netstrings and records -------------------------------------------- */

/* R045 */
START_TEST(test_netstring) {
  static const struct row rows[] = {
      {&plait_netstring, 0, WIRE("3:abc,0:,4:a,:b,"), "[abc][][a,:b] lost(0)"},
      {&plait_netstring, 0, WIRE("10:0123456789,"), "[0123456789] lost(0)"},
      {&plait_netstring, 0, WIRE("3:abc"), " lost(ETRUNCATED)"},
      {&plait_netstring, 0, WIRE("3:"), " lost(ETRUNCATED)"},
      {&plait_netstring, 0, WIRE("3"), " lost(ETRUNCATED)"},
      {&plait_netstring, 0, WIRE("1:a,03:abc,"), "[a] lost(EFRAME)"},
      {&plait_netstring, 0, WIRE("00:,"), " lost(EFRAME)"},
      {&plait_netstring, 0, WIRE(":,"), " lost(EFRAME)"},
      {&plait_netstring, 0, WIRE("+1:a,"), " lost(EFRAME)"},
      {&plait_netstring, 0, WIRE(" 1:a,"), " lost(EFRAME)"},
      {&plait_netstring, 0, WIRE("1 :a,"), " lost(EFRAME)"},
      {&plait_netstring, 0, WIRE("1:aX"), " lost(EFRAME)"},
      {&plait_netstring, 5, WIRE("5:abcde,6:abcdef,"), "[abcde] lost(EFRAME)"},
      {&plait_netstring, 99, WIRE("123"), " lost(EFRAME)"},
      {&plait_netstring, 0, WIRE("99999"), " lost(ETRUNCATED)"},
      {&plait_netstring, 0, WIRE("100000"), " lost(EFRAME)"},
      {&plait_netstring, PLAIT_UNLIMITED, WIRE("9999999999999999999"),
       " lost(ETRUNCATED)"},
      {&plait_netstring, PLAIT_UNLIMITED, WIRE("9999999999999999999:a"),
       " lost(ETRUNCATED)"},
      {&plait_netstring, PLAIT_UNLIMITED, WIRE("10000000000000000000"),
       " lost(EFRAME)"},
  };
  check_rows(rows, COUNT(rows));
}
END_TEST

START_TEST(test_fixed) {
  static const plait_fixed three = PLAIT_FIXED(3), one = PLAIT_FIXED(1);
  static const struct row rows[] = {
      {&three.codec, 0, WIRE("abcdefghi"), "[abc][def][ghi] lost(0)"},
      {&three.codec, 0, WIRE("abcdefgh"), "[abc][def] lost(ETRUNCATED)"},
      {&three.codec, 2, WIRE("abc"), " lost(EFRAME)"},
      {&one.codec, 0, WIRE("abc"), "[a][b][c] lost(0)"},
      {&three.codec, 0, WIRE("rawde!abc"), "[raw]de![abc] lost(0)"},
  };
  check_rows(rows, COUNT(rows));
}
END_TEST

/* ---- sending ----------------------------------------------------------- */

static void check_sent(struct speaker_subject *s, const char *wire,
                       size_t len) {
  require(s->fake->sent.len == len && memcmp(s->fake->sent.s, wire, len) == 0,
          "sent %zu bytes: %s", s->fake->sent.len, s->fake->sent.s);
  text_clear(&s->fake->sent);
}

static struct speaker_subject *open_on(const plait_codec *codec) {
  static struct speaker_scene scene;
  scene = (struct speaker_scene){.codec = codec};
  return speaker_open(&scene);
}

static unsigned released;

static void count_release(void *arg, const void *data, size_t len) {
  (void)arg, (void)data, (void)len;
  released++;
}

START_TEST(test_send) {
  struct speaker_subject *s = open_on(&newlines.codec);
  ck_assert(plait_delimited_send(speaker_framed(s), "hello", 5));
  check_sent(s, WIRE("hello\n"));
  s->fake->high = 1;
  ck_assert(!plait_delimited_send(speaker_framed(s), "", 0));
  free(speaker_close(s));

  s = open_on(&plait_netstring);
  ck_assert(plait_netstring_send(speaker_framed(s), "hello", 5));
  ck_assert(plait_netstring_send(speaker_framed(s), NULL, 0));
  ck_assert(plait_netstring_send(speaker_framed(s), "0123456789", 10));
  check_sent(s, WIRE("5:hello,0:,10:0123456789,"));
  s->fake->high = 1;
  ck_assert(!plait_netstring_send(speaker_framed(s), "", 0));
  free(speaker_close(s));
}
END_TEST

START_TEST(test_send_prefixed) {
  static const struct {
    const plait_prefixed *codec;
    const char *wire;
    size_t len;
  } rows[] = {
      {&plait_int8, WIRE("\5hello\0")},
      {&plait_int16, WIRE("\0\5hello\0\0")},
      {&plait_int16_le, WIRE("\5\0hello\0\0")},
      {&plait_int24, WIRE("\0\0\5hello\0\0\0")},
      {&plait_int32, WIRE("\0\0\0\5hello\0\0\0\0")},
      {&plait_int32_le, WIRE("\5\0\0\0hello\0\0\0\0")},
      {&plait_int64, WIRE("\0\0\0\0\0\0\0\5hello\0\0\0\0\0\0\0\0")},
      {&plait_varint, WIRE("\5hello\0")},
  };
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct speaker_subject *s = open_on(&rows[i].codec->codec);
    ck_assert_int_eq(plait_prefixed_send(speaker_framed(s), "hello", 5), 1);
    ck_assert_int_eq(plait_prefixed_send(speaker_framed(s), NULL, 0), 1);
    check_sent(s, rows[i].wire, rows[i].len);
    free(speaker_close(s));
  }
}
END_TEST

START_TEST(test_send_prefixed_refuses) {
  static const char payload[256];
  struct speaker_subject *s = open_on(&plait_int8.codec);
  plait_framed *framed = speaker_framed(s);

  released = 0;
  ck_assert_int_eq(plait_prefixed_send(framed, payload, 256), PLAIT_ELIMIT);
  ck_assert_int_eq(
      plait_prefixed_send_owned(framed, payload, 256, count_release, NULL),
      PLAIT_ELIMIT);
  ck_assert_uint_eq(released, 1);
  ck_assert_uint_eq(s->fake->sent.len, 0);
  ck_assert_int_eq(plait_prefixed_send(framed, payload, 255), 1);
  ck_assert_uint_eq(s->fake->sent.len, 256);
  ck_assert_int_eq(
      plait_prefixed_send_owned(framed, payload, 255, count_release, NULL), 1);
  ck_assert_uint_eq(released, 2);
  ck_assert_uint_eq(s->fake->sent.len, 512);
  s->fake->high = 10;
  ck_assert_int_eq(plait_prefixed_send(framed, payload, 255), 0);
  ck_assert_int_eq(
      plait_prefixed_send_owned(framed, payload, 1, count_release, NULL), 0);
  ck_assert_uint_eq(released, 3);
  free(speaker_close(s));
}
END_TEST

START_TEST(test_encode) {
  static const plait_prefixed whole =
      PLAIT_PREFIXED(.length_field_length = 1, .length_adjustment = -1);
  static const plait_prefixed ahead =
      PLAIT_PREFIXED(.length_field_length = 1, .length_adjustment = 2);
  uint8_t field[PLAIT_PREFIX_BYTES_MAX];

  ck_assert_uint_eq(plait_prefixed_encode(&whole, 254, field), 1);
  ck_assert_uint_eq(field[0], 255);
  ck_assert_uint_eq(plait_prefixed_encode(&whole, 255, field), 0);
  ck_assert_uint_eq(plait_prefixed_encode(&whole, SIZE_MAX, field), 0);
  ck_assert_uint_eq(plait_prefixed_encode(&ahead, 2, field), 1);
  ck_assert_uint_eq(field[0], 0);
  ck_assert_uint_eq(plait_prefixed_encode(&ahead, 1, field), 0);
  ck_assert_uint_eq(plait_prefixed_encode(&plait_int24, 0xffffff, field), 3);
  ck_assert_uint_eq(plait_prefixed_encode(&plait_int24, 0x1000000, field), 0);
  ck_assert_uint_eq(plait_prefixed_encode(&plait_varint, 127, field), 1);
  ck_assert_uint_eq(plait_prefixed_encode(&plait_varint, 128, field), 2);
  ck_assert_uint_eq(field[0], 0x80);
  ck_assert_uint_eq(field[1], 1);
  ck_assert_uint_eq(plait_prefixed_encode(&plait_varint, SIZE_MAX, field), 10);
  ck_assert_uint_eq(field[9], 1);
}
END_TEST

/* ---- the rest ---------------------------------------------------------- */

START_TEST(test_nothing_wanted) {
  static const plait_framed_ops silent =
      PLAIT_FRAMED_OPS(.base.name = "silent", .base.size = sizeof(plait_framed),
                       .codec = &plait_netstring);
  struct fake *f = fake_new(&silent.base);
  plait_framed *framed =
      plait_container_of(f->head.protocol, plait_framed, base);
  fake_feed(f, "1:a,", 4);
  plait_framed_set_raw(framed, 3);
  fake_feed(f, "abc1:b,", 7);
  plait_framed_set_raw(framed, 0);
  plait_framed_set_frames(framed, (plait_slice){0});
  fake_feed(f, "1:b,1", 5);
  ck_assert(!f->closing);
  plait_slice unfinished = plait_framed_unfinished(framed);
  ck_assert_uint_eq(unfinished.len, 1);
  ck_assert_int_eq(unfinished.data[0], '1');
  plait_framed_clear(framed);
  ck_assert_uint_eq(plait_framed_unfinished(framed).len, 0);
  plait_framed_skip(framed); /* nothing is too long */
  ck_assert(plait_framed_codec(framed) == &plait_netstring);
  fake_free(f);
}
END_TEST

/* The limit may be set, and raw mode begin, before anything has come. */
START_TEST(test_from_the_start) {
  struct speaker_subject *s = open_on(&bar.codec);
  plait_framed_set_raw(speaker_framed(s), 3);
  plait_framed_set_max(speaker_framed(s), PLAIT_UNLIMITED);
  speaker_feed(s, (const uint8_t *)"a|bc|", 5);
  char *trace = speaker_close(s);
  ck_assert_str_eq(trace, "a|b[c] lost(0)");
  free(trace);
}
END_TEST

static Suite *framed_suite(void) {
  Suite *suite = suite_create("framed");
  TCase *codecs = tcase_create("codecs");
  TCase *sending = tcase_create("sending");

  tcase_set_timeout(codecs, 60);
  tcase_add_test(codecs, test_delimited);
  tcase_add_test(codecs, test_delimited_longest);
  tcase_add_test(codecs, test_delimited_obeys);
  tcase_add_test(codecs, test_delimited_limits);
  tcase_add_test(codecs, test_delimited_windows);
  tcase_add_test(codecs, test_skip);
  tcase_add_loop_test(codecs, test_switch_when_too_long, 0, 2);
  tcase_add_test(codecs, test_prefixed);
  tcase_add_test(codecs, test_prefixed_refuses);
  tcase_add_test(codecs, test_prefixed_options);
  tcase_add_test(codecs, test_netstring);
  tcase_add_test(codecs, test_fixed);
  tcase_add_test(codecs, test_nothing_wanted);
  tcase_add_test(codecs, test_from_the_start);
  suite_add_tcase(suite, codecs);
  tcase_add_test(sending, test_send);
  tcase_add_test(sending, test_send_prefixed);
  tcase_add_test(sending, test_send_prefixed_refuses);
  tcase_add_test(sending, test_encode);
  suite_add_tcase(suite, sending);
  return suite;
}

int main(void) {
  SRunner *runner = srunner_create(framed_suite());
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
