/* Errors about endpoints.
 *
 * A wrong string gets one line that names the field, says what is wrong with it
 * and shows a string that works.  The parts that come from outside are clipped,
 * so that the example, which comes last, always fits into the error detail.
 */
#include "endpoint/complain.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/error.h"

enum { COMPLAIN_ENDPOINT = 160, COMPLAIN_VALUE = 60, COMPLAIN_WHAT = 128 };

int plait__complain(const char *endpoint, const char *field, const char *value,
                    const char *example, const char *format, ...) {
  char where[PLAIT__CLIP_MAX];
  char quoted[PLAIT__CLIP_MAX] = "";
  char what[COMPLAIN_WHAT];
  const char *quote = value != NULL ? "\"" : "";
  va_list arguments;

  va_start(arguments, format);
  vsnprintf(what, sizeof what, format, arguments);
  va_end(arguments);
  plait__clip(endpoint, COMPLAIN_ENDPOINT, where);
  if (value != NULL)
    plait__clip(value, COMPLAIN_VALUE, quoted);
  return plait__fail(
      PLAIT_EENDPOINT, "endpoint \"%s\": %s: %s%s%s%s%s (example: %s)", where,
      field, quote, quoted, quote, value != NULL ? " " : "", what, example);
}

int plait__fail_at(int code, const char *verb, const char *endpoint) {
  const char *step = plait_error_detail();
  char where[PLAIT__CLIP_MAX];

  return plait__fail(code, "%s %s: %s", verb,
                     plait__clip(endpoint, PLAIT__CLIP_MAX - 4, where),
                     step[0] != '\0' ? step : plait_strerror(code));
}
