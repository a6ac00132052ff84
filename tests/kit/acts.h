/* What is tested in tests of the test kit. */
#ifndef PLAIT_TESTS_KIT_ACTS_H
#define PLAIT_TESTS_KIT_ACTS_H

#include <check.h>
#include <plait.h>
#include <plait/testing.h>

#define MUST(text)                                                             \
  do {                                                                         \
    const char *wrong_ = (text);                                               \
    ck_assert_msg(wrong_ == NULL, "%s", wrong_);                               \
  } while (0)

/* |text| is there, and exactly this. */
#define READS(text, expected)                                                  \
  do {                                                                         \
    const char *text_ = (text);                                                \
    ck_assert_ptr_nonnull(text_);                                              \
    ck_assert_str_eq(text_, expected);                                         \
  } while (0)

/* A factory that knows how its connections came and went. */
struct site {
  plait_factory factory;
  unsigned made, resumed, lost;
  int reason; /* of the last one */
  plait_handle handle;
  plait_runtime *runtime;
};

/* Answers with what it gets, and stops reading when it is not taken. */
extern const plait_protocol_ops act_echo;
/* Writes a million bytes, and no more than are taken. */
extern const plait_protocol_ops act_flood;
enum { FLOOD_BYTES = 1000000 };
/* At the end of its input it says so, a second later. */
extern const plait_protocol_ops act_late;
/* Answers after it has blocked for a second. */
extern const plait_protocol_ops act_slow;
/* Says hello at first, and goodbye when it drains. */
extern const plait_protocol_ops act_polite;

#endif
