/* Lines against what Twisted made of the same bytes: tests/vectors. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/require.h"
#include "support/talker.h"

/* Rows whose outcome is not copied. */
static const struct deviation {
  const char *name, *expected, *reason;
} deviations[] = {
    {"LineOnlyReceiver '\\r\\n' at the limit, bytewise", "[xxxxxxxx] lost(0)",
     "it counts the CR as payload, so the outcome depends on the cut"},
    {"LineOnlyReceiver '\\r\\n' long start of the delimiter, whole", " lost(0)",
     "likewise: the CR may be half of the ending"},
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
  struct talker_scene scene = {.tell_too_long = true};
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
  talker_check_bytes(&scene, input.s, input.len, expected.s);
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

int main(void) {
  Suite *suite = suite_create("line vectors");
  TCase *vectors = tcase_create("vectors");
  tcase_set_timeout(vectors, 60);
  tcase_add_test(vectors, test_vectors);
  suite_add_tcase(suite, vectors);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
