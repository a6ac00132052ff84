/* How differences are told. */
#ifndef PLAIT_TESTING_EXPECT_H
#define PLAIT_TESTING_EXPECT_H

#include <plait/test.h>

/* "is open". */
const char *plait__state_name(plait_test_state state);

/* Adds to the report what |came|, how the connection |ended|, and below it,
 * under the word |other|, what should have, with a mark where they differ. */
void plait__report_difference(plait_slice came, const char *ended,
                              const char *other, plait_slice expected);

#endif
