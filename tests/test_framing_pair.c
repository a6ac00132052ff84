/* Two framings in one instance, and framings that start afresh. */
#include <check.h>
#include <string.h>

#include <plait/delimited.h>
#include <plait/error.h>
#include <plait/factory.h>
#include <plait/line.h>
#include <plait/netstring.h>

#include "support/fake_transport.h"

struct pair {
  plait_protocol base;
  plait_framing first, second;
  struct text trace;
  bool replace;
};

static const plait_framing_events second_events;

static void pair_frame(plait_protocol *p, plait_slice payload) {
  struct pair *self = plait_container_of(p, struct pair, base);
  text_format(&self->trace, "a[%.*s]", (int)payload.len,
              (const char *)payload.data);
  if (self->replace)
    plait_framing_init(&self->first, p, &plait_netstring, NULL, &second_events,
                       0);
}

static void pair_second(plait_protocol *p, plait_slice payload) {
  struct pair *self = plait_container_of(p, struct pair, base);
  text_format(&self->trace, "b[%.*s]", (int)payload.len,
              (const char *)payload.data);
}

static const plait_framing_events first_events = {.frame = pair_frame};
static const plait_framing_events second_events = {.frame = pair_second};
static const plait_delimited newlines =
    PLAIT_DELIMITED(PLAIT_BYTES("\n"), PLAIT_BYTES("\r\n"), PLAIT_BYTES("\r"));

static const plait_protocol_ops pair_ops = {
    .name = "pair", .size = PLAIT_INSTANCE(struct pair, base)};

static struct pair *pair_open(void) {
  struct fake *f = fake_new(&pair_ops);
  struct pair *self = plait_container_of(f->head.protocol, struct pair, base);
  plait_framing_init(&self->first, &self->base, &newlines.codec, NULL,
                     &first_events, 0);
  plait_framing_init(&self->second, &self->base, &newlines.codec, NULL,
                     &second_events, 0);
  return self;
}

static void pair_receive(plait_framing *f, const char *data) {
  size_t len = strlen(data);
  ck_assert_uint_eq(plait_framing_receive(f, (const uint8_t *)data, len), len);
}

/* The end of input completes their frames in the order in which they were
 * prepared; it truncates either; and what they carry goes with the instance. */
START_TEST(test_two_framings) {
  struct pair *self = pair_open();
  struct fake *f = (struct fake *)(void *)self->base.transport;
  pair_receive(&self->second, "two\r");
  pair_receive(&self->first, "one\r");
  ck_assert(fake_end(f));
  ck_assert(fake_end(f));
  ck_assert(!fake_end(f));
  ck_assert_str_eq(self->trace.s, "a[one]b[two]");
  ck_assert_int_eq(f->reason, 0);
  pair_receive(_i == 0 ? &self->first : &self->second, "x");
  ck_assert(!fake_end(f));
  ck_assert_int_eq(f->reason, PLAIT_ETRUNCATED);
  text_free(&self->trace);
  fake_free(f);
}
END_TEST

/* In a frame: other frames from the next byte on. */
START_TEST(test_start_afresh_with_another_codec) {
  struct pair *self = pair_open();
  struct fake *f = (struct fake *)(void *)self->base.transport;
  plait_framing_init(&self->first, &self->base,
                     plait_line_codec(PLAIT_LINE_EITHER), NULL, &first_events,
                     0);
  self->replace = true;
  pair_receive(&self->first, "one\n3:a\nb,");
  ck_assert_str_eq(self->trace.s, "a[one]b[a\nb]");
  text_free(&self->trace);
  fake_free(f);
}
END_TEST

/* All that it knew is forgotten: its state, the mode, what was skipped. */
START_TEST(test_start_afresh_forgets) {
  struct pair *self = pair_open();
  struct fake *f = (struct fake *)(void *)self->base.transport;
  plait_framing *g = &self->first;
  pair_receive(g, "a\r");
  plait_framing_init(g, &self->base, &newlines.codec, NULL, &first_events, 0);
  pair_receive(g, "\n");
  plait_framing_set_raw(g, 100);
  plait_framing_init(g, &self->base, &newlines.codec, NULL, &first_events, 0);
  pair_receive(g, "b\n");
  ck_assert_str_eq(self->trace.s, "a[]a[b]");
  text_free(&self->trace);
  fake_free(f);
}
END_TEST

static Suite *pair_suite(void) {
  Suite *suite = suite_create("framing pair");
  TCase *pair = tcase_create("pair");
  tcase_add_loop_test(pair, test_two_framings, 0, 2);
  tcase_add_test(pair, test_start_afresh_with_another_codec);
  tcase_add_test(pair, test_start_afresh_forgets);
  suite_add_tcase(suite, pair);
  return suite;
}

int main(void) {
  SRunner *runner = srunner_create(pair_suite());
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
