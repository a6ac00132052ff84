/* Text that may be shown to somebody else. */
#ifndef PLAIT_CLI_UTF8_H
#define PLAIT_CLI_UTF8_H

#include <plait.h>

enum utf8_answer {
  UTF8_TEXT,
  UTF8_MALFORMED, /* not UTF-8 (RFC 3629) */
  UTF8_CONTROL    /* has control characters, C0, DEL or C1 */
};

enum utf8_answer utf8_check(plait_slice text);

#endif
