/* What c-ares answers, in plait's words. */
#ifndef PLAIT_CARES_ANSWER_H
#define PLAIT_CARES_ANSWER_H

#include <ares.h>

#include "core/driver.h"

/* The code of an ARES_* status. */
int plait__cares_code(int status);

/* Fills |ret|, which is zeroed, with the addresses of |info|, or of |address|
 * alone, each with |port|.  0, or a code and nothing in it. */
int plait__cares_take(const plait__os *os, const char *name, uint16_t port,
                      const struct ares_addrinfo *info, plait__found *ret);
int plait__cares_take_literal(const plait__os *os, const char *name,
                              const plait_address *address, plait__found *ret);
/* The same with a name alone. */
int plait__cares_take_name(const plait__os *os, const char *name,
                           plait__found *ret);

/* The port of |question|: of its service, if it has one.  Reads the system's
 * file of services.  0 or PLAIT_ENOTFOUND. */
int plait__cares_port(const plait__question *question, uint16_t *ret);

#endif
