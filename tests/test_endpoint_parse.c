/* The parts that endpoint strings are read with: fields, values, errors. */
#include <check.h>
#include <string.h>

#include <plait/error.h>

#include "core/error.h"
#include "endpoint/complain.h"
#include "endpoint/parse.h"
#include "endpoint/value.h"

#define COUNT(table) ((int)(sizeof(table) / sizeof *(table)))

enum { DAY_MS = 86400 * 1000 };

/* ---- fields -------------------------------------------------------------- */

typedef struct fields_case {
  const char *text;
  const char *fields; /* "value|key->value|..." */
} fields_case;

static const fields_case fields_good[] = {
    {"", ""},
    {"tcp", "tcp"},
    {"stdio:", "stdio|"},
    {"tcp:80", "tcp|80"},
    {"tcp:80:a=b:c=d", "tcp|80|a->b|c->d"},
    {"t:a=b:80", "t|a->b|80"},
    {":", "|"},
    {"::", "||"},
    {"=", "->"},
    {"t:=", "t|->"},
    {"t:=v", "t|->v"},
    {"t:k=", "t|k->"},
    /* The first '=' of a field splits it, later ones are literal. */
    {"t:k=a=b=c", "t|k->a=b=c"},
    {"t:k==", "t|k->="},
    {"t:k=a=b:l=c=d", "t|k->a=b|l->c=d"},
    /* A backslash takes the meaning away. */
    {"t:\\:\\:1", "t|::1"},
    {"t:a\\=b", "t|a=b"},
    {"t:a\\=b=c", "t|a=b->c"},
    {"t:a\\:b=c\\:d", "t|a:b->c:d"},
    {"t:a\\\\b", "t|a\\b"},
    {"t:\\\\:x", "t|\\|x"},
    {"t:\\\\\\:x", "t|\\:x"},
    {"t:k=\\=", "t|k->="},
    /* Before any other character it just goes, as in Twisted. */
    {"\\t\\c\\p:\\8\\0", "tcp|80"},
    {"1:2:3:4:5:6:7:8:9:a:b:c:d:e:f", "1|2|3|4|5|6|7|8|9|a|b|c|d|e|f"},
    {"1:2:3:4:5:6:7:8:9:a:b:c:d:e:f:g", "1|2|3|4|5|6|7|8|9|a|b|c|d|e|f|g"},
};

START_TEST(test_fields) {
  const fields_case *c = &fields_good[_i];
  plait__fields fields;
  char got[256] = "";

  ck_assert_ptr_null(plait__fields_parse(c->text, &fields));
  for (size_t i = 0; i < fields.count; i++) {
    const plait__field *f = &fields.field[i];

    if (i > 0)
      strcat(got, "|");
    if (f->key != NULL)
      strcat(strcat(got, f->key), "->");
    strcat(got, f->value);
  }
  ck_assert_str_eq(got, c->fields);
}
END_TEST

START_TEST(test_fields_errors) {
  static const char dangling[] =
      "nothing follows the '\\' at the end; a backslash is written '\\\\'";
  plait__fields fields;

  ck_assert_pstr_eq(
      plait__fields_parse("1:2:3:4:5:6:7:8:9:a:b:c:d:e:f:g:h", &fields),
      "more than 16 fields");
  ck_assert_pstr_eq(plait__fields_parse("\\", &fields), dangling);
  ck_assert_pstr_eq(plait__fields_parse("tcp:80\\", &fields), dangling);
  ck_assert_pstr_eq(plait__fields_parse("tcp:80\\\\\\", &fields), dangling);
}
END_TEST

START_TEST(test_fields_length) {
  char text[PLAIT__ENDPOINT_MAX + 2];
  plait__fields fields;

  for (size_t len = PLAIT__ENDPOINT_MAX - 1; len <= PLAIT__ENDPOINT_MAX + 1;
       len++) {
    const char *problem;

    memset(text, 'x', len);
    text[len] = '\0';
    problem = plait__fields_parse(text, &fields);
    if (len > PLAIT__ENDPOINT_MAX) {
      ck_assert_pstr_eq(problem, "longer than 1024 bytes");
      continue;
    }
    ck_assert_ptr_null(problem);
    ck_assert_str_eq(fields.field[0].value, text);
  }
}
END_TEST

/* ---- values -------------------------------------------------------------- */

typedef struct seconds_case {
  const char *text;
  uint32_t ms; /* 0: refused */
} seconds_case;

static const seconds_case seconds[] = {
    {"1", 1000},
    {"30", 30000},
    {"0.5", 500},
    {"0.001", 1},
    {"0.0019", 1},
    {"1.25", 1250},
    {"1.000", 1000},
    {"007", 7000},
    {"86400", 86400000},
    {"86400.000", 86400000},
    {"86399.999", 86399999},
    {"", 0},
    {"0", 0},
    {"0.0", 0},
    {"0.0009", 0},
    {".5", 0},
    {"5.", 0},
    {".", 0},
    {"-1", 0},
    {"+1", 0},
    {" 1", 0},
    {"1 ", 0},
    {"1e3", 0},
    {"1.5.5", 0},
    {"0x1", 0},
    {"inf", 0},
    {"nan", 0},
    {"86401", 0},
    {"86400.001", 0},
    {"18446744073709551617", 0},
    {"1.0000000000000000000000000000000000000000x", 0},
};

START_TEST(test_seconds) {
  const seconds_case *c = &seconds[_i];
  uint32_t ms = 77;

  ck_assert(plait__value_seconds(c->text, DAY_MS, &ms) == (c->ms != 0));
  ck_assert_uint_eq(ms, c->ms != 0 ? c->ms : 77);
}
END_TEST

START_TEST(test_number) {
  unsigned n = 77;

  ck_assert(!plait__value_number("", 10, 0, 9, &n));
  ck_assert(!plait__value_number("4", 10, 5, 9, &n));
  ck_assert(!plait__value_number("10", 10, 5, 9, &n));
  ck_assert(!plait__value_number("8", 8, 0, 99, &n));
  ck_assert(!plait__value_number("4294967296", 10, 0, UINT32_MAX, &n));
  ck_assert(!plait__value_number("18446744073709551621", 10, 5, 9, &n));
  ck_assert_uint_eq(n, 77);
  ck_assert(plait__value_number("5", 10, 5, 9, &n));
  ck_assert_uint_eq(n, 5);
  ck_assert(plait__value_number("00009", 10, 5, 9, &n));
  ck_assert_uint_eq(n, 9);
  ck_assert(plait__value_number("4294967295", 10, 0, UINT32_MAX, &n));
  ck_assert_uint_eq(n, UINT32_MAX);
  ck_assert(plait__value_number("660", 8, 0, 0777, &n));
  ck_assert_uint_eq(n, 0660);
}
END_TEST

/* ---- errors -------------------------------------------------------------- */

START_TEST(test_clip) {
  char buffer[PLAIT__CLIP_MAX];
  char long_text[2 * PLAIT__CLIP_MAX];

  ck_assert_str_eq(plait__clip("", 4, buffer), "");
  ck_assert_str_eq(plait__clip("abc", 4, buffer), "abc");
  ck_assert_str_eq(plait__clip("abcd", 4, buffer), "abcd");
  ck_assert_str_eq(plait__clip("abcde", 4, buffer), "abcd...");
  ck_assert_str_eq(plait__clip("abc\xc3\xa4z", 4, buffer), "abc...");
  ck_assert_str_eq(plait__clip("ab\xc3\xa4z", 4, buffer), "ab\xc3\xa4...");
  memset(long_text, 'x', sizeof long_text - 1);
  long_text[sizeof long_text - 1] = '\0';
  plait__clip(long_text, PLAIT__CLIP_MAX - 4, buffer);
  ck_assert_uint_eq(strlen(buffer), PLAIT__CLIP_MAX - 1);
}
END_TEST

START_TEST(test_fail_at) {
  plait__fail(PLAIT_EACCES, "bind: permission denied");
  ck_assert_int_eq(plait__fail_at(PLAIT_EACCES, "listen", "tcp:80"),
                   PLAIT_EACCES);
  ck_assert_str_eq(plait_error_detail(), "listen tcp:80: bind: permission "
                                         "denied");
  plait__error_clear();
  plait__fail_at(PLAIT_ENOMEM, "connect", "unix:/a\nb");
  ck_assert_str_eq(plait_error_detail(), "connect unix:/a?b: out of memory");
}
END_TEST

int main(void) {
  Suite *suite = suite_create("endpoint_parse");
  TCase *tcase = tcase_create("endpoint_parse");
  SRunner *runner;
  int failed;

  suite_add_tcase(suite, tcase);
  tcase_add_loop_test(tcase, test_fields, 0, COUNT(fields_good));
  tcase_add_test(tcase, test_fields_errors);
  tcase_add_test(tcase, test_fields_length);
  tcase_add_loop_test(tcase, test_seconds, 0, COUNT(seconds));
  tcase_add_test(tcase, test_number);
  tcase_add_test(tcase, test_clip);
  tcase_add_test(tcase, test_fail_at);

  runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
