/* Requirements of tests. */
#include "support/require.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

_Noreturn void require_failed(const char *file, int line, const char *condition,
                              const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  flockfile(stderr);
  fprintf(stderr, "%s:%d: not so: %s\n  ", file, line, condition);
  vfprintf(stderr, format, arguments);
  fputc('\n', stderr);
  funlockfile(stderr);
  va_end(arguments);
  abort();
}
