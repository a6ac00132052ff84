/* What went wrong with an endpoint, in words that help to put it right. */
#ifndef PLAIT_ENDPOINT_COMPLAIN_H
#define PLAIT_ENDPOINT_COMPLAIN_H

#include <plait/export.h>

/* Stores the error
 *
 *     endpoint "ENDPOINT": FIELD: "VALUE" FORMAT... (example: EXAMPLE)
 *
 * and returns PLAIT_EENDPOINT.  |value| may be NULL; with |endpoint| and
 * |value| of any length the example is still in it. */
int plait__complain(const char *endpoint, const char *field, const char *value,
                    const char *example, const char *format, ...)
    PLAIT_PRINTF(5, 6);

/* Puts |verb| and |endpoint| in front of the error detail, which is the step
 * that failed, or what |code| means if there is none: "listen tcp:80: bind:
 * permission denied".  Returns |code|. */
int plait__fail_at(int code, const char *verb, const char *endpoint);

#endif
