/* Endpoint strings at random: each is read, or gets one line with an example.
 * The seed is fixed, so a failure comes back. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <plait/error.h>

#include "core/error.h"
#include "endpoint/parse.h"
#include "endpoint/spec.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof *(table)))

typedef int fuzz_read(const char *text, plait__endpoint *ret);
typedef const char *fuzz_text(const plait__endpoint *e, char *buffer);

enum { FUZZ_STRINGS = 200000, FUZZ_SEED = 20240501 };

static uint32_t fuzz_next(uint32_t *state, uint32_t below) {
  *state ^= *state << 13;
  *state ^= *state >> 17;
  *state ^= *state << 5;
  return *state % below;
}

static const char *const fuzz_words[] = {
    "tcp",
    "tcp6",
    "unix",
    "fd",
    "stdio",
    ":",
    ":",
    ":",
    ":",
    "=",
    "=",
    "\\",
    "\\:\\:",
    "\\:\\:1",
    "\\=",
    "\\\\",
    "interface=",
    "backlog=",
    "mode=",
    "timeout=",
    "bind=",
    "0",
    "80",
    "65536",
    "127.0.0.1",
    "0.5",
    "660",
    "/run/x",
    "bindAddress=",
    "[\\:\\:1]",
    "%2",
    "\n",
    "\x7f",
    "\xc3\xa4",
    "\x80\x80",
    "x",
    "localhost",
    "%s%n",
    "\"",
    " ",
};

/* Mostly words of the grammar in any order, now and then any bytes, now and
 * then a great many. */
static void fuzz_string(uint32_t *state, char *text, size_t size) {
  uint32_t words = fuzz_next(state, 100) == 0 ? 400 : fuzz_next(state, 12);
  size_t len = 0;

  for (uint32_t i = 0; i < words; i++) {
    char byte[2] = {(char)(1 + fuzz_next(state, 255)), '\0'};
    const char *word = fuzz_next(state, 20) == 0
                           ? byte
                           : fuzz_words[fuzz_next(state, COUNT(fuzz_words))];

    if (len + strlen(word) >= size)
      break;
    memcpy(text + len, word, strlen(word));
    len += strlen(word);
  }
  text[len] = '\0';
}

/* Check writes to a pipe for each assertion, too slow for 400,000 strings. */
static void fuzz_assert(bool ok, const char *text, const char *what) {
  if (!ok)
    ck_abort_msg("%s: \"%s\": %s", what, text, plait_error_detail());
}

static bool fuzz_is_one_line_with_example(const char *detail) {
  for (const char *c = detail; *c != '\0'; c++)
    if ((unsigned char)*c < 0x20 || *c == 0x7f)
      return false;
  return strstr(detail, " (example: ") != NULL &&
         detail[strlen(detail) - 1] == ')';
}

/* Whether |text| was good; either way the answer is as promised. */
static bool fuzz_check(fuzz_read *read, fuzz_text *write, const char *text) {
  char first[PLAIT__ENDPOINT_TEXT_MAX];
  char second[PLAIT__ENDPOINT_TEXT_MAX];
  plait__endpoint again;
  plait__endpoint e;
  int code = read(text, &e);

  if (code != 0) {
    fuzz_assert(code == PLAIT_EENDPOINT, text, "not PLAIT_EENDPOINT");
    fuzz_assert(fuzz_is_one_line_with_example(plait_error_detail()), text,
                "not a line with an example");
    return false;
  }
  write(&e, first);
  fuzz_assert(read(first, &again) == 0, text, "canonical text is bad");
  fuzz_assert(memcmp(&again.address, &e.address, sizeof e.address) == 0 &&
                  again.kind == e.kind && again.fd == e.fd &&
                  again.dual == e.dual,
              text, "canonical text is another place");
  fuzz_assert(strcmp(write(&again, second), first) == 0, text,
              "canonical text has another one");
  return true;
}

/* However long the parts are, the line ends in the whole example. */
/* R103 */
START_TEST(test_long_errors) {
  static const char *const starts[] = {"",
                                       "tcp:",
                                       "tcp:80:",
                                       "tcp:80:interface=",
                                       "tcp:80:interface=%",
                                       "unix:",
                                       "tcp:80:k",
                                       "unix:/x:mode="};
  char text[PLAIT__ENDPOINT_MAX + 3];
  plait__endpoint e;

  for (size_t len = 5 + PLAIT_UNIX_PATH_MAX; len <= sizeof text - 1; len++) {
    size_t start = strlen(starts[_i]);

    memset(text, 'x', len);
    memcpy(text, starts[_i], start);
    text[len] = '\0';
    fuzz_assert(plait__endpoint_listen(text, &e) != 0, text, "good");
    fuzz_assert(fuzz_is_one_line_with_example(plait_error_detail()), text,
                "not a line with an example");
  }
}
END_TEST

START_TEST(test_fuzz) {
  uint32_t state = FUZZ_SEED;
  int good[2] = {0, 0};

  for (int i = 0; i < FUZZ_STRINGS; i++) {
    char text[2 * PLAIT__ENDPOINT_MAX];
    char *exact;

    fuzz_string(&state, text, sizeof text);
    exact = strdup(text); /* so that a byte too far is seen */
    ck_assert_ptr_nonnull(exact);
    good[0] +=
        fuzz_check(plait__endpoint_listen, plait__endpoint_listen_text, exact);
    good[1] += fuzz_check(plait__endpoint_connect, plait__endpoint_connect_text,
                          exact);
    free(exact);
  }
  /* The words do make good strings too. */
  ck_assert_int_gt(good[0], 100);
  ck_assert_int_gt(good[1], 100);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("endpoint_fuzz");
  TCase *tcase = tcase_create("endpoint_fuzz");
  SRunner *runner;
  int failed;

  suite_add_tcase(suite, tcase);
  tcase_set_timeout(tcase, 60);
  tcase_add_loop_test(tcase, test_long_errors, 0, 8);
  tcase_add_test(tcase, test_fuzz);

  runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
