/* The test kit finds mistakes, and says what they are. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include <plait/testing.h>

#include "kit/broken.h"

/* ---- codecs -------------------------------------------------------------- */

/* What the text about each mistake has to say. */
static const char *const words[BROKEN_MISTAKES] = {
    [BROKEN_LENGTH_IN_MORE] = "but MORE had length",
    [BROKEN_FORGETS_HEADER] = "pieces of 1",
    [BROKEN_FORGETS_SEEN] = "pieces of 1",
    [BROKEN_READS_ON] = "consumed is",
    [BROKEN_READS_BACK] = "other bytes around each piece",
    [BROKEN_KEEPS_POINTER] = "pieces of 1",
    [BROKEN_NEED] = "MORE had a need up to byte",
    [BROKEN_NEED_HUGE] = "MORE had a need up to byte",
    [BROKEN_CONSUMES_TOO_MUCH] = "came a frame of bytes",
    [BROKEN_CONSUMES_NOTHING] = "consumed 0",
    [BROKEN_NO_RESET] = "frame 2",
    [BROKEN_OFFSET] = "at offset 1",
    [BROKEN_LENGTH] = "length 6 at offset 2",
    [BROKEN_OUTSIDE] = "in a frame of",
    [BROKEN_ERROR_IN_PIECES] = "when whole PLAIT_EFRAME",
    [BROKEN_ERROR_HIDES_LENGTH] = "too long",
    [BROKEN_REFUSES_A_BYTE] = "came PLAIT_EFRAME",
    [BROKEN_ANSWERS_2] = "scan answered 2",
    [BROKEN_SILENT] = "MORE with length 0 when",
    [BROKEN_STATIC] = "two streams in turn",
    [BROKEN_STATE] = "outside of its state",
    [BROKEN_WRITES] = "const",
    [BROKEN_SLOW] = "a million frames, whole",
    [BROKEN_GATHERS] = "slower",
    [BROKEN_TERMINATOR] = "by the terminator",
    [BROKEN_CUT_DELIMITER] = "pieces of 1",
    [BROKEN_AGAIN_SHORT] = "again is not what came last but",
    [BROKEN_AGAIN_OTHER] = "again is not what came last but \"?",
    [BROKEN_AGAIN_PIECE] = "no view of the state",
    [BROKEN_AGAIN_AND_CONSUMED] = "consumed is 1, not 0",
    [BROKEN_AGAIN_ALL] = "but the frame only",
    [BROKEN_AGAIN_ALWAYS] = "more than twice",
    [BROKEN_NO_END] = "came the end of input inside a frame",
    [BROKEN_END_IS_WRONG] = "end answered PLAIT_EFRAME",
    [BROKEN_END_CONSUMES] = "consumed is 1",
};

START_TEST(test_mistakes) {
  const char *wrong = plait_check_codec(broken_check((broken_mistake)_i));

  if (words[_i] == NULL) {
    ck_assert_msg(wrong == NULL, "%s", wrong);
    return;
  }
  ck_assert_msg(wrong != NULL, "mistake %d was not found", _i);
  ck_assert_msg(strstr(wrong, words[_i]) != NULL, "mistake %d, not \"%s\":\n%s",
                _i, words[_i], wrong);
}
END_TEST

/* ---- what to check ------------------------------------------------------- */

static size_t bad_encode(const plait_codec *codec, unsigned way,
                         plait_slice payload, uint8_t *ret,
                         plait_slice *ret_payload) {
  const plait_codec_check *good = broken_check(BROKEN_NOT);
  size_t n = good->encode(codec, way, payload, ret, ret_payload);

  switch (payload.len) {
  case 11:
    return 0;
  case 12:
    return 2 * payload.len + good->overhead_max + 1000;
  case 13:
    *ret_payload = (plait_slice){ret + n, 1};
    return n;
  case 14:
    ret_payload->len = 0;
    return n;
  default:
    return n;
  }
}

START_TEST(test_encode_is_checked) {
  static const char *const wrong[] = {
      "asked for 11 bytes of payload, wrote nothing",
      "wrote more than it has room for",
      "says that the payload lies outside of the frame",
      "wrote more than overhead_max bytes that are no payload",
  };
  plait_codec_check check = *broken_check(BROKEN_NOT);

  check.encode = bad_encode;
  check.overhead_max = 10;
  check.payload_min = check.payload_max = (size_t)_i + 11;
  const char *text = plait_check_codec(&check);
  ck_assert_ptr_nonnull(text);
  ck_assert_msg(strstr(text, wrong[_i]) != NULL, "%s", text);
}
END_TEST

START_TEST(test_what_is_needed) {
  plait_codec_check check = *broken_check(BROKEN_NOT);

  check.payload_min = 4;
  check.payload_max = 3;
  ck_assert_str_eq(plait_check_codec(&check),
                   "codec boxes: what to check: payload_min 4 is more than "
                   "payload_max 3");
  check.payload_min = 0;
  check.encode = NULL;
  ck_assert_ptr_nonnull(strstr(plait_check_codec(&check), "are needed"));
  check.codec = NULL;
  ck_assert_ptr_nonnull(strstr(plait_check_codec(&check), "without a name"));
}
END_TEST

START_TEST(test_seed) {
  plait_codec_check check = *broken_check(BROKEN_ERROR_IN_PIECES);
  char first[512], other[512];

  snprintf(first, sizeof first, "%s", plait_check_codec(&check));
  snprintf(other, sizeof other, "%s", plait_check_codec(&check));
  ck_assert_str_eq(first, other);
  check.seed = 2;
  snprintf(other, sizeof other, "%s", plait_check_codec(&check));
  ck_assert_str_ne(first, other);
}
END_TEST

/* ---- what is offered ----------------------------------------------------- */

enum { SPIED_MAX = 1000 };

static struct spied {
  size_t frames, longest, pieces;
  bool first[256], last[256], ways[3];
} spied;

static int spied_scan(const plait_codec *codec, void *state,
                      const uint8_t *piece, size_t len, plait_scan *ret) {
  const plait_codec *boxes = broken_check(BROKEN_NOT)->codec;
  int answer = boxes->scan(boxes, state, piece, len, ret);

  (void)codec;
  spied.pieces++;
  if (answer == PLAIT_FRAME) {
    spied.frames++;
    if (ret->length > spied.longest)
      spied.longest = ret->length;
  }
  return answer;
}

static size_t spied_encode(const plait_codec *codec, unsigned way,
                           plait_slice payload, uint8_t *ret,
                           plait_slice *ret_payload) {
  const plait_codec_check *good = broken_check(BROKEN_NOT);

  ck_assert_uint_lt(way, 3);
  ck_assert_uint_le(payload.len, SPIED_MAX);
  spied.ways[way] = true;
  if (payload.len > 0) {
    spied.first[payload.data[0]] = true;
    spied.last[payload.data[payload.len - 1]] = true;
  }
  return good->encode(codec, way, payload, ret, ret_payload);
}

START_TEST(test_what_is_offered) {
  plait_codec codec = *broken_check(BROKEN_NOT)->codec;
  plait_codec_check check = {.codec = &codec,
                             .encode = spied_encode,
                             .payload_max = SPIED_MAX,
                             .ways = 3};

  codec.scan = spied_scan;
  ck_assert_ptr_null(plait_check_codec(&check));
  ck_assert_uint_gt(spied.frames, 2 * 1000 * 1000);
  ck_assert_uint_gt(spied.pieces, spied.frames);
  ck_assert_uint_eq(spied.longest, SPIED_MAX);
  for (size_t i = 0; i < 256; i++)
    ck_assert(spied.first[i] && spied.last[i]);
  ck_assert(spied.ways[0] && spied.ways[1] && spied.ways[2]);
}
END_TEST

static Suite *check_codec_suite(void) {
  Suite *suite = suite_create("check_codec");
  TCase *codecs = tcase_create("codecs");

  tcase_set_timeout(codecs, 60);
  tcase_add_loop_test(codecs, test_mistakes, BROKEN_NOT, BROKEN_MISTAKES);
  tcase_add_loop_test(codecs, test_encode_is_checked, 0, 4);
  tcase_add_test(codecs, test_what_is_needed);
  tcase_add_test(codecs, test_seed);
  tcase_add_test(codecs, test_what_is_offered);
  suite_add_tcase(suite, codecs);
  return suite;
}

int main(void) {
  SRunner *runner = srunner_create(check_codec_suite());
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
