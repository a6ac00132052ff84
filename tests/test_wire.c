/* The small services on a fake transport. */
#include <check.h>
#include <stdint.h>
#include <string.h>

#include <plait/factory.h>
#include <plait/wire.h>

#include "support/fake_transport.h"

START_TEST(test_echo) {
  struct fake *f = fake_new(&plait_echo);
  fake_made(f);
  fake_feed(f, "abc", 3);
  fake_feed(f, "\0de", 3);
  ck_assert_uint_eq(f->sent.len, 6);
  ck_assert_mem_eq(f->sent.s, "abc\0de", 6);
  ck_assert(!f->closing);
  fake_free(f);
}
END_TEST

/* R028 */
START_TEST(test_echo_stops_reading_while_the_peer_does) {
  struct fake *f = fake_new(&plait_echo);
  f->high = 4;
  f->low = 2;
  fake_made(f);
  fake_feed(f, "abcd", 4);
  ck_assert(!f->paused);
  fake_feed(f, "e", 1);
  ck_assert(f->paused);
  fake_feed(f, "fg", 2);
  ck_assert_uint_eq(f->sent.len, 5);
  fake_take(f, 2);
  ck_assert(f->paused);
  fake_take(f, 1);
  ck_assert(!f->paused);
  fake_turn(f);
  ck_assert_str_eq(f->sent.s, "abcdefg");
  fake_free(f);
}
END_TEST

START_TEST(test_discard) {
  struct fake *f = fake_new(&plait_discard);
  fake_made(f);
  fake_feed(f, "abc", 3);
  ck_assert_uint_eq(f->writes, 0);
  ck_assert(!f->closing);
  fake_free(f);
}
END_TEST

/* RFC 864: the lines of the ring of printable characters. */
static void check_pattern(const char *sent, size_t len) {
  for (size_t i = 0; i < len; i++) {
    size_t line = i / 74, column = i % 74;
    char want = column == 72   ? '\r'
                : column == 73 ? '\n'
                               : (char)(' ' + (line + column) % 95);
    if (sent[i] != want)
      ck_abort_msg("byte %zu is %d, not %d", i, sent[i], want);
  }
}

START_TEST(test_chargen) {
  static const char first[] =
      " !\"#$%&'()*+,-./"
      "0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefg"
      "\r\n!\"#";
  struct fake *f = fake_new(&plait_chargen);
  size_t before = 0;
  fake_made(f);
  ck_assert_mem_eq(f->sent.s, first, sizeof first - 1);
  for (int burst = 0; burst < 20; burst++) {
    ck_assert_uint_gt(f->sent.len, before + 8192);
    ck_assert_uint_le(f->sent.len, before + 16384);
    before = f->sent.len;
    fake_feed(f, "input is ignored", 16);
    ck_assert_uint_eq(f->sent.len, before);
    fake_take(f, f->queued);
  }
  check_pattern(f->sent.s, f->sent.len);
  fake_free(f);
}
END_TEST

START_TEST(test_chargen_ends_with_its_connection) {
  struct fake *f = fake_new(&plait_chargen);
  plait_close(&f->head);
  fake_made(f);
  ck_assert_uint_eq(f->sent.len, 0);
  fake_free(f);
}
END_TEST

static const struct {
  int64_t wall_s;
  const char *text;
  uint8_t time[4];
} moments[] = {
    {0, "1970-01-01T00:00:00Z\r\n", {0x83, 0xaa, 0x7e, 0x80}},
    {-1, "1969-12-31T23:59:59Z\r\n", {0x83, 0xaa, 0x7e, 0x7f}},
    {951782399, "2000-02-28T23:59:59Z\r\n", {0xbc, 0x65, 0x8a, 0x7f}},
    {951782400, "2000-02-29T00:00:00Z\r\n", {0xbc, 0x65, 0x8a, 0x80}},
    {951868800, "2000-03-01T00:00:00Z\r\n", {0xbc, 0x66, 0xdc, 0x00}},
    {1709251199, "2024-02-29T23:59:59Z\r\n", {0xe9, 0x8b, 0x98, 0xff}},
    {1735689599, "2024-12-31T23:59:59Z\r\n", {0xeb, 0x1f, 0x03, 0xff}},
    {1735689600, "2025-01-01T00:00:00Z\r\n", {0xeb, 0x1f, 0x04, 0x00}},
    {2085978495, "2036-02-07T06:28:15Z\r\n", {0xff, 0xff, 0xff, 0xff}},
    {2085978496, "2036-02-07T06:28:16Z\r\n", {0, 0, 0, 0}},
    {4107542400, "2100-03-01T00:00:00Z\r\n", {0x78, 0x7e, 0x9e, 0x00}},
};

START_TEST(test_daytime) {
  struct fake *f = fake_new(&plait_daytime);
  f->wall_s = moments[_i].wall_s;
  fake_made(f);
  ck_assert_str_eq(f->sent.s, moments[_i].text);
  ck_assert(f->closing && f->reason == 0);
  fake_free(f);
}
END_TEST

START_TEST(test_time) {
  struct fake *f = fake_new(&plait_time);
  f->wall_s = moments[_i].wall_s;
  fake_made(f);
  ck_assert_uint_eq(f->sent.len, 4);
  ck_assert_mem_eq(f->sent.s, moments[_i].time, 4);
  ck_assert(f->closing && f->reason == 0);
  fake_free(f);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("wire");
  TCase *wire = tcase_create("wire");
  const int count = (int)(sizeof moments / sizeof *moments);

  tcase_add_test(wire, test_echo);
  tcase_add_test(wire, test_echo_stops_reading_while_the_peer_does);
  tcase_add_test(wire, test_discard);
  tcase_add_test(wire, test_chargen);
  tcase_add_test(wire, test_chargen_ends_with_its_connection);
  tcase_add_loop_test(wire, test_daytime, 0, count);
  tcase_add_loop_test(wire, test_time, 0, count);
  suite_add_tcase(suite, wire);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
