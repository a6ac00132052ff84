/* The fuzz targets on the inputs of tests/fuzz/corpus: what a fuzzer has found
 * once stays found, with any compiler. */
#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "fuzz/harness.h"
#include "support/require.h"
#include "support/text.h"

enum { CORPUS_FILES_MIN = 5 }; /* fewer are the wrong folder */

static const struct target {
  const char *name;
  void (*run)(const uint8_t *data, size_t len);
} targets[] = {
#define TARGET(name) {#name, fuzz_##name},
    FUZZ_TARGETS(TARGET)
#undef TARGET
};

static int is_file(const struct dirent *entry) {
  return entry->d_name[0] != '.';
}

/* A copy of exactly the file's size, so that reading behind it shows. */
static void corpus_run(const struct target *target, const char *path) {
  static uint8_t content[1 << 20];
  FILE *file = fopen(path, "rb");

  /* So that a failure can be told from the log. */
  fprintf(stderr, "%s\n", path);
  require(file != NULL, "%s: cannot be read", path);
  size_t len = fread(content, 1, sizeof content, file);
  require(len < sizeof content, "%s: too big", path);
  fclose(file);
  uint8_t *exact = malloc(len > 0 ? len : 1);
  require(exact != NULL, "out of memory");
  for (size_t i = 0; i < len; i++)
    exact[i] = content[i];
  target->run(exact, len);
  free(exact);
}

START_TEST(test_corpus) {
  const struct target *target = &targets[_i];
  const char *top = getenv("top_srcdir");
  struct text folder = {0};
  struct dirent **files;

  text_format(&folder, "%s/tests/fuzz/corpus/%s", top != NULL ? top : ".",
              target->name);
  int n = scandir(folder.s, &files, is_file, alphasort);
  ck_assert_msg(n >= CORPUS_FILES_MIN, "%s: %d files", folder.s, n);
  for (int i = 0; i < n; i++) {
    struct text path = {0};
    text_format(&path, "%s/%s", folder.s, files[i]->d_name);
    corpus_run(target, path.s);
    text_free(&path);
    free(files[i]);
  }
  free(files);
  text_free(&folder);
}
END_TEST

/* No input at all, too. */
START_TEST(test_nothing) {
  targets[_i].run((const uint8_t *)"", 0);
}
END_TEST

int main(void) {
  enum { TARGETS = sizeof targets / sizeof *targets };
  Suite *suite = suite_create("fuzz corpus");
  TCase *corpus = tcase_create("corpus");
  tcase_set_timeout(corpus, 60);
  tcase_add_loop_test(corpus, test_corpus, 0, TARGETS);
  tcase_add_loop_test(corpus, test_nothing, 0, TARGETS);
  suite_add_tcase(suite, corpus);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
