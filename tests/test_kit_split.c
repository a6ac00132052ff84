/* plait_check_protocol() finds what depends on cuts, and what is left behind.
 */
#include <stdlib.h>
#include <string.h>

#include "kit/acts.h"

static struct site site;
static unsigned begun, ended;

static void count_begin(plait_factory *factory) {
  (void)factory;
  begun++;
}

static void count_end(plait_factory *factory) {
  (void)factory;
  ended++;
}

static const char *check(const plait_protocol_ops *ops, plait_slice input,
                         uint32_t wait_ms) {
  plait_protocol_check c = {.factory = &site.factory,
                            .input = input,
                            .wait_ms = wait_ms,
                            .begin = count_begin,
                            .end = count_end};
  site = (struct site){.factory.protocol = ops};
  begun = ended = 0;
  return plait_check_protocol(&c);
}

static const plait_slice eleven = PLAIT_BYTES("hello\r\nyou\0");

/* ---- what is well --------------------------------------------------------*/

/* 1 whole, 10 in two, 1 byte by byte, 100 at random. */
START_TEST(an_echo_is_well) {
  plait_protocol_check c = {.factory = &site.factory, .input = eleven};
  MUST(check(&act_echo, eleven, 0));
  ck_assert_uint_eq(begun, 112);
  ck_assert_uint_eq(ended, 112);
  ck_assert_uint_eq(site.lost, 112);
  ck_assert_int_eq(site.reason, PLAIT_EOF);
  site.factory.dispatch = PLAIT_ON_WORKERS;
  c.stays = true;
  MUST(plait_check_protocol(&c));
  ck_assert_uint_eq(site.lost, 224);
  ck_assert_int_eq(site.reason, 0); /* it was the runtime that ended it */
  site.factory.protocol = &act_slow;
  c.input.len = 3;
  c.wait_ms = 5000;
  c.options = (plait_test_options){.sim.seed = 9, .runtime.reactors = 2};
  MUST(plait_check_protocol(&c));
}
END_TEST

START_TEST(no_input_is_well) {
  MUST(check(&act_polite, (plait_slice){NULL, 0}, 0));
}
END_TEST

START_TEST(a_late_answer_is_waited_for) {
  MUST(check(&act_late, eleven, 1001));
}
END_TEST

static size_t heard_min;

static void answers_first(plait_protocol *p, const uint8_t *data, size_t len) {
  (void)data;
  if (site.resumed == 0) {
    plait_write_str(p->transport, "go on");
    plait_write_eof(p->transport);
  }
  site.resumed += (unsigned)len;
}

static void heard_begin(plait_factory *factory) {
  (void)factory;
  site.resumed = 0;
}

static void heard_end(plait_factory *factory) {
  (void)factory;
  if (site.resumed < heard_min)
    heard_min = site.resumed;
}

START_TEST(who_has_ended_hears_all) {
  static const plait_protocol_ops answers = {.name = "answers",
                                             .size = sizeof(plait_protocol),
                                             .data_received = answers_first};
  plait_protocol_check c = {.factory = &site.factory,
                            .input = eleven,
                            .begin = heard_begin,
                            .end = heard_end};
  site = (struct site){.factory.protocol = &answers};
  heard_min = SIZE_MAX;
  MUST(plait_check_protocol(&c));
  ck_assert_uint_eq(heard_min, eleven.len);
}
END_TEST

static void hangs_up(plait_protocol *p, const uint8_t *data, size_t len) {
  (void)len;
  plait_write(p->transport, data, 1);
  plait_close(p->transport);
}

START_TEST(who_hangs_up_is_well) {
  static const plait_protocol_ops hangs = {.name = "hangs",
                                           .size = sizeof(plait_protocol),
                                           .data_received = hangs_up};
  MUST(check(&hangs, eleven, 0));
}
END_TEST

/* ---- what is not ---------------------------------------------------------*/

static void counts_data(plait_protocol *p, const uint8_t *data, size_t len) {
  plait_printf(p->transport, "%zu:", len);
  plait_write(p->transport, data, len);
}

/* It answers deliveries, not what is said. */
START_TEST(what_depends_on_a_cut_is_found) {
  static const plait_protocol_ops counts = {.name = "counts",
                                            .size = sizeof(plait_protocol),
                                            .data_received = counts_data};
  READS(check(&counts, (plait_slice){(const uint8_t *)"hello", 5}, 0),
        "protocol counts, in pieces of 1 4 of 5 bytes: another answer than "
        "whole\n"
        "  came     \"1:h4:ello\", 9 bytes, and the connection has ended\n"
        "  whole    \"5:hello\", 7 bytes\n"
        "            ^");
}
END_TEST

static void closes_at_one(plait_protocol *p, const uint8_t *data, size_t len) {
  (void)data;
  if (len == 1)
    plait_abort(p->transport);
}

/* Nothing is written, but it ends otherwise. */
START_TEST(another_end_is_found) {
  static const plait_protocol_ops closes = {.name = "closes",
                                            .size = sizeof(plait_protocol),
                                            .data_received = closes_at_one};
  READS(check(&closes, (plait_slice){(const uint8_t *)"hello", 5}, 0),
        "protocol closes, in pieces of 1 4 of 5 bytes: another answer than "
        "whole\n"
        "  came     \"\", 0 bytes, and the connection was reset\n"
        "  whole    \"\", 0 bytes\n"
        "            ^\n"
        "  whole, the connection has ended");
}
END_TEST

/* Only where five bytes come one by one, and then three at once, which no cut
 * in two has. */
static void rare_data(plait_protocol *p, const uint8_t *data, size_t len) {
  site.resumed = len == 1 ? site.resumed + 1 : 0;
  if (site.resumed > 4)
    plait_write(p->transport, data, len);
}

START_TEST(byte_by_byte_is_tried) {
  static const plait_protocol_ops rare = {.size = sizeof(plait_protocol),
                                          .data_received = rare_data};
  const char *wrong = check(&rare, eleven, 0);
  ck_assert_ptr_nonnull(wrong);
  ck_assert_ptr_nonnull(strstr(
      wrong, "protocol without a name, the input byte by byte: another"));
  ck_assert_uint_eq(begun, ended);
}
END_TEST

static void pairs_data(plait_protocol *p, const uint8_t *data, size_t len) {
  (void)data;
  if (len == 2 && ++site.resumed == 2)
    plait_write_str(p->transport, "two pairs");
}

static void pairs_made(plait_protocol *p) {
  (void)p;
  site.resumed = 0;
}

START_TEST(random_cuts_are_tried) {
  static const plait_protocol_ops pairs = {.name = "pairs",
                                           .size = sizeof(plait_protocol),
                                           .connection_made = pairs_made,
                                           .data_received = pairs_data};
  const char *wrong = check(&pairs, eleven, 0);
  ck_assert_ptr_nonnull(wrong);
  ck_assert_ptr_nonnull(strstr(wrong, " 2"));
  ck_assert_ptr_nonnull(strstr(wrong, "two pairs"));
}
END_TEST

static void leaks_made(plait_protocol *p) {
  plait_strand_new(plait_runtime_pool(
      plait_reactor_runtime(plait_transport_reactor(p->transport))));
}

START_TEST(what_is_left_is_told) {
  static const plait_protocol_ops leaks = {.name = "leaks",
                                           .size = sizeof(plait_protocol),
                                           .connection_made = leaks_made};
  const char *wrong = check(&leaks, eleven, 0);
  ck_assert_ptr_nonnull(wrong);
  ck_assert_ptr_nonnull(
      strstr(wrong, "protocol leaks, the input whole: left behind:\n"));
  ck_assert_ptr_nonnull(strstr(wrong, "src/pool/strand.c:"));
}
END_TEST

/* What begin made is taken away again all the same. */
START_TEST(a_world_that_cannot_be_is_told) {
  plait_protocol_check c = {.factory = &site.factory,
                            .input = eleven,
                            .begin = count_begin,
                            .end = count_end,
                            .options.runtime.reactors = PLAIT_REACTORS_MAX + 1};
  site = (struct site){.factory.protocol = &act_echo};
  begun = ended = 0;
  const char *wrong = plait_check_protocol(&c);
  ck_assert_ptr_nonnull(wrong);
  ck_assert_ptr_nonnull(strstr(wrong, ", the input whole: a test: "));
  ck_assert_uint_eq(begun, 1);
  ck_assert_uint_eq(ended, 1);
}
END_TEST

int main(void) {
  Suite *s = suite_create("kit_split");
  TCase *tc = tcase_create("kit_split");
  tcase_set_timeout(tc, 60);
  tcase_add_test(tc, an_echo_is_well);
  tcase_add_test(tc, no_input_is_well);
  tcase_add_test(tc, a_late_answer_is_waited_for);
  tcase_add_test(tc, who_has_ended_hears_all);
  tcase_add_test(tc, who_hangs_up_is_well);
  tcase_add_test(tc, what_depends_on_a_cut_is_found);
  tcase_add_test(tc, another_end_is_found);
  tcase_add_test(tc, byte_by_byte_is_tried);
  tcase_add_test(tc, random_cuts_are_tried);
  tcase_add_test(tc, what_is_left_is_told);
  tcase_add_test(tc, a_world_that_cannot_be_is_told);
  suite_add_tcase(s, tc);
  SRunner *runner = srunner_create(s);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
