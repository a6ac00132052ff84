/* Addresses as text and back; error texts; slices; the version. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <plait/address.h>
#include <plait/error.h>
#include <plait/version.h>

#include "core/error.h"

typedef struct good_case {
  const char *text;
  uint8_t family;
  uint32_t scope;
  const char *formatted; /* with port 80 */
} good_case;

static const good_case good[] = {
    {"127.0.0.1", PLAIT_IPV4, 0, "127.0.0.1:80"},
    {"0.0.0.0", PLAIT_IPV4, 0, "0.0.0.0:80"},
    {"255.255.255.255", PLAIT_IPV4, 0, "255.255.255.255:80"},
    {"::", PLAIT_IPV6, 0, "[::]:80"},
    {"::1", PLAIT_IPV6, 0, "[::1]:80"},
    {"0:0:0:0:0:0:0:1", PLAIT_IPV6, 0, "[::1]:80"},
    {"2001:DB8::7", PLAIT_IPV6, 0, "[2001:db8::7]:80"},
    {"::ffff:1.2.3.4", PLAIT_IPV6, 0, "[::ffff:1.2.3.4]:80"},
    {"fe80::1%2", PLAIT_IPV6, 2, "[fe80::1%2]:80"},
    {"fe80::1%002", PLAIT_IPV6, 2, "[fe80::1%2]:80"},
    {"fe80::1%1", PLAIT_IPV6, 1, "[fe80::1%1]:80"},
    {"fe80::1%4294967295", PLAIT_IPV6, 4294967295u, "[fe80::1%4294967295]:80"},
    {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", PLAIT_IPV6, 0,
     "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:80"},
};

static const char *const bad[] = {
    "",
    " ",
    "127.0.0.1 ",
    " 127.0.0.1",
    "127.0.0",
    "127.1",
    "127.0.0.256",
    "127.0.0.1.1",
    "0127.0.0.1",
    "127.0.0.1:80",
    "127.0.0.1%2",
    "[::1]",
    ":",
    ":::",
    "1::2::3",
    "::12345",
    "::g",
    "%2",
    "fe80::1%",
    "fe80::1%0",
    "fe80::1%eth0",
    "fe80::1%-1",
    "fe80::1%2 ",
    "fe80::1%2%3",
    "fe80::1%4294967296",
    "fe80::1%18446744073709551618",
    "localhost",
    "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000",
    "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555",
};

START_TEST(test_parse_good) {
  const good_case *c = &good[_i];
  char buffer[PLAIT_ADDRESS_TEXT_MAX];
  plait_address a;

  memset(&a, 0xff, sizeof a);
  ck_assert_int_eq(plait_address_parse(c->text, 80, &a), 0);
  ck_assert_uint_eq(a.family, c->family);
  ck_assert_uint_eq(a.port, 80);
  ck_assert_uint_eq(a.scope, c->scope);
  ck_assert_str_eq(a.path, "");
  ck_assert_str_eq(plait_address_format(&a, buffer, sizeof buffer),
                   c->formatted);
}
END_TEST

START_TEST(test_parse_bad) {
  plait_address a;
  plait_address before;

  memset(&a, 0x5a, sizeof a);
  before = a;
  ck_assert_int_eq(plait_address_parse(bad[_i], 80, &a), PLAIT_EINVAL);
  ck_assert_mem_eq(&a, &before, sizeof a);
}
END_TEST

START_TEST(test_parse_null) {
  plait_address a;

  ck_assert_int_eq(plait_address_parse(NULL, 80, &a), PLAIT_EINVAL);
}
END_TEST

START_TEST(test_bytes_are_in_network_order) {
  static const uint8_t ipv4[4] = {1, 2, 3, 4};
  static const uint8_t ipv6[16] = {0x20, 1, 0x0d, 0xb8, [15] = 7};
  plait_address a;

  ck_assert_int_eq(plait_address_parse("1.2.3.4", 65535, &a), 0);
  ck_assert_mem_eq(a.ip, ipv4, sizeof ipv4);
  ck_assert_uint_eq(a.port, 65535);
  ck_assert_int_eq(plait_address_parse("2001:db8::7", 0, &a), 0);
  ck_assert_mem_eq(a.ip, ipv6, sizeof ipv6);
  ck_assert_uint_eq(a.port, 0);
}
END_TEST

START_TEST(test_format_others) {
  static const char *const ips[] = {"127.0.0.1", "::1", "fe80::1%2"};
  plait_address a = {.family = PLAIT_UNIX, .path = "/run/x"};
  char buffer[PLAIT_ADDRESS_TEXT_MAX];

  ck_assert_str_eq(plait_address_format(&a, buffer, sizeof buffer),
                   "unix:/run/x");
  a.path[0] = '\0';
  ck_assert_str_eq(plait_address_format(&a, buffer, sizeof buffer), "unix:");
  a.family = PLAIT_NO_ADDRESS;
  ck_assert_str_eq(plait_address_format(&a, buffer, sizeof buffer), "unknown");
  ck_assert_str_eq(plait_address_format_ip(&a, buffer, sizeof buffer),
                   "unknown");
  for (size_t i = 0; i < sizeof ips / sizeof *ips; i++) {
    ck_assert_int_eq(plait_address_parse(ips[i], 80, &a), 0);
    ck_assert_str_eq(plait_address_format_ip(&a, buffer, sizeof buffer),
                     ips[i]);
  }
}
END_TEST

START_TEST(test_format_longest) {
  plait_address a = {.family = PLAIT_UNIX};
  char buffer[PLAIT_ADDRESS_TEXT_MAX];

  /* Even a path that fills its array, without a NUL. */
  memset(a.path, 'p', sizeof a.path);
  plait_address_format(&a, buffer, sizeof buffer);
  ck_assert_uint_eq(strlen(buffer), strlen("unix:") + PLAIT_UNIX_PATH_MAX - 1);

  ck_assert_int_eq(plait_address_parse("ffff:ffff:ffff:ffff:ffff:ffff:"
                                       "ffff:ffff%4294967295",
                                       65535, &a),
                   0);
  plait_address_format(&a, buffer, sizeof buffer);
  ck_assert_str_eq(buffer, "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
                           "%4294967295]:65535");
}
END_TEST

/* Every size: what fits, with a NUL, and not a byte beyond. */
START_TEST(test_format_every_size) {
  static const char full[] = "127.0.0.1:80";
  plait_address a;

  ck_assert_int_eq(plait_address_parse("127.0.0.1", 80, &a), 0);
  for (size_t size = 0; size <= sizeof full + 1; size++) {
    size_t fits = size < sizeof full ? size : sizeof full;
    char *buffer = malloc(size + 1);

    ck_assert_ptr_nonnull(buffer);
    memset(buffer, '#', size + 1);
    ck_assert_ptr_eq(plait_address_format(&a, buffer, size), buffer);
    ck_assert_int_eq(buffer[size], '#');
    if (fits > 0) {
      ck_assert_mem_eq(buffer, full, fits - 1);
      ck_assert_int_eq(buffer[fits - 1], '\0');
    }
    free(buffer);
  }
}
END_TEST

START_TEST(test_error_texts) {
  ck_assert_str_eq(plait_strerror(0), "ok");
  ck_assert_str_eq(plait_strerror(-ECONNREFUSED), "connection refused");
  ck_assert_str_eq(plait_strerror(PLAIT_EENDPOINT), "malformed endpoint");
  ck_assert_str_eq(plait_strerror(-9999), "error -9999");
  ck_assert_str_eq(plait_strerror(1), "error 1");
  ck_assert_str_eq(plait_strerror(INT32_MIN), "error -2147483648");

  ck_assert_str_eq(plait_error_name(0), "PLAIT_OK");
  ck_assert_str_eq(plait_error_name(PLAIT_EOF), "PLAIT_EOF");
  ck_assert_str_eq(plait_error_name(-EBUSY), "PLAIT_EBUSY");
  ck_assert_str_eq(plait_error_name(-9999), "unknown error");
}
END_TEST

#define CHECK_ERROR(name, value, text)                                         \
  ck_assert_str_eq(plait_strerror(value), text);                               \
  ck_assert_str_eq(plait_error_name(value), "PLAIT_" #name);                   \
  ck_assert_int_lt(value, 0);

START_TEST(test_every_error_has_its_words){
    PLAIT_ERROR_MAP(CHECK_ERROR)} END_TEST

    START_TEST(test_detail) {
  plait__error_clear();
  ck_assert_str_eq(plait_error_detail(), "");
  ck_assert_int_eq(plait__fail(PLAIT_EACCES, "bind: %s", "no"), PLAIT_EACCES);
  ck_assert_str_eq(plait_error_detail(), "bind: no");
  /* The old detail may be among the arguments. */
  plait__fail(PLAIT_EACCES, "listen %s: %s", "tcp:80", plait_error_detail());
  ck_assert_str_eq(plait_error_detail(), "listen tcp:80: bind: no");
  plait__error_clear();
  ck_assert_str_eq(plait_error_detail(), "");
}
END_TEST

START_TEST(test_detail_is_one_line) {
  plait__fail(PLAIT_EINVAL, "a\nb\rc\td\x7f"
                            "e\x1b[31m\xc3\xa4");
  ck_assert_str_eq(plait_error_detail(), "a?b?c?d?e?[31m\xc3\xa4");
}
END_TEST

START_TEST(test_detail_limit) {
  char text[PLAIT__ERROR_DETAIL_MAX + 2];
  const size_t room = PLAIT__ERROR_DETAIL_MAX - 1;

  for (size_t len = room - 1; len <= room + 1; len++) {
    const char *detail;

    memset(text, 'x', len);
    text[len] = '\0';
    plait__fail(PLAIT_EINVAL, "%s", text);
    detail = plait_error_detail();
    if (len <= room) {
      ck_assert_str_eq(detail, text);
      continue;
    }
    ck_assert_uint_eq(strlen(detail), room);
    ck_assert_str_eq(detail + room - 4, "x...");
  }
}
END_TEST

/* A text that is cut keeps whole UTF-8 characters only. */
START_TEST(test_detail_cut_in_utf8) {
  char text[2 * PLAIT__ERROR_DETAIL_MAX + 2] = "";
  const char *detail;
  size_t len;

  memset(text, 'x', (size_t)_i);
  for (size_t i = (size_t)_i; i + 2 < sizeof text; i += 2)
    memcpy(text + i, "\xc3\xa4", 3);
  plait__fail(PLAIT_EINVAL, "%s", text);
  detail = plait_error_detail();
  len = strlen(detail);
  ck_assert_uint_ge(len, PLAIT__ERROR_DETAIL_MAX - 2);
  ck_assert_str_eq(detail + len - 3, "...");
  ck_assert_int_eq((unsigned char)detail[len - 4], 0xa4);
}
END_TEST

START_TEST(test_slice_equal) {
  const plait_slice none = {NULL, 0};
  const plait_slice quit = {(const uint8_t *)"quitter", 4};
  const plait_slice zero = {(const uint8_t *)"a\0b", 3};

  ck_assert(plait_slice_equal(none, ""));
  ck_assert(!plait_slice_equal(none, "x"));
  ck_assert(plait_slice_equal(quit, "quit"));
  ck_assert(!plait_slice_equal(quit, "qui"));
  ck_assert(!plait_slice_equal(quit, "quitter"));
  ck_assert(!plait_slice_equal(quit, "quiz"));
  ck_assert(!plait_slice_equal(quit, ""));
  ck_assert(!plait_slice_equal(zero, "a"));
}
END_TEST

START_TEST(test_version) {
  char text[32];

  snprintf(text, sizeof text, "%d.%d.%d", PLAIT_VERSION_MAJOR,
           PLAIT_VERSION_MINOR, PLAIT_VERSION_PATCH);
  ck_assert_str_eq(plait_version(), text);
  ck_assert_str_eq(plait_version(), PLAIT_VERSION);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("address");
  TCase *address = tcase_create("address");
  TCase *error = tcase_create("error");
  SRunner *runner;
  int failed;

  suite_add_tcase(suite, address);
  tcase_add_loop_test(address, test_parse_good, 0,
                      (int)(sizeof good / sizeof *good));
  tcase_add_loop_test(address, test_parse_bad, 0,
                      (int)(sizeof bad / sizeof *bad));
  tcase_add_test(address, test_parse_null);
  tcase_add_test(address, test_bytes_are_in_network_order);
  tcase_add_test(address, test_format_others);
  tcase_add_test(address, test_format_longest);
  tcase_add_test(address, test_format_every_size);
  tcase_add_test(address, test_slice_equal);
  tcase_add_test(address, test_version);
  suite_add_tcase(suite, error);
  tcase_add_test(error, test_error_texts);
  tcase_add_test(error, test_every_error_has_its_words);
  tcase_add_test(error, test_detail);
  tcase_add_test(error, test_detail_is_one_line);
  tcase_add_test(error, test_detail_limit);
  tcase_add_loop_test(error, test_detail_cut_in_utf8, 0, 2);

  runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
