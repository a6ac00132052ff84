/* Failures inside plait: a code, and a line of text about what was tried.
 *
 * The function that knows most stores the text first ("bind: permission
 * denied"); its callers put the subject in front of it:
 *
 *     return plait__fail(code, "listen %s: %s", endpoint,
 *                        plait_error_detail());
 */
#ifndef PLAIT_CORE_ERROR_H
#define PLAIT_CORE_ERROR_H

#include <plait/error.h>

enum {
  PLAIT__ERROR_DETAIL_MAX = 512, /* with its NUL */
  PLAIT__CLIP_MAX = 300
};

/* Makes the formatted text the calling thread's error detail and returns
 * |code|.  The old detail may be among the arguments.  Control characters
 * become '?', so it stays one line; a text that is too long ends in "...". */
PLAIT_EXTERN int plait__fail(int code, const char *format, ...)
    PLAIT_PRINTF(2, 3);

/* Copies |text| into |buffer| of PLAIT__CLIP_MAX bytes; what is longer than
 * |max| bytes ends in "...", after whole UTF-8 characters.  Returns |buffer|,
 * in which there is room for max + 4 <= PLAIT__CLIP_MAX. */
const char *plait__clip(const char *text, size_t max, char *buffer);

/* Makes the detail "". */
void plait__error_clear(void);

#endif
