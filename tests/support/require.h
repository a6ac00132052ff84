/* require(condition, format, ...): what a test needs, on any thread.  A broken
 * requirement prints its place and the text, then aborts. */
#ifndef PLAIT_TESTS_REQUIRE_H
#define PLAIT_TESTS_REQUIRE_H

#include <plait/export.h>

#define require(condition, ...)                                                \
  do {                                                                         \
    if (!(condition))                                                          \
      require_failed(__FILE__, __LINE__, #condition, __VA_ARGS__);             \
  } while (0)

_Noreturn void require_failed(const char *file, int line, const char *condition,
                              const char *format, ...) PLAIT_PRINTF(4, 5);

#endif
