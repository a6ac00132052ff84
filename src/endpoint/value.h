/* The values of fields: numbers, times and addresses as text.  Pure: true and
 * |ret| set, or false. */
#ifndef PLAIT_ENDPOINT_VALUE_H
#define PLAIT_ENDPOINT_VALUE_H

#include <plait/address.h>

/* Digits alone, in |base| 8 or 10, from |min| to |max|. */
bool plait__value_number(const char *text, unsigned base, unsigned min,
                         unsigned max, unsigned *ret);

/* Seconds, with decimals if need be ("0.5"), as milliseconds: from 1 to
 * |max_ms|.  Decimals after the third do not count. */
bool plait__value_seconds(const char *text, uint32_t max_ms, uint32_t *ret_ms);

/* A numeric IP address; an IPv6 one may stand in brackets. */
bool plait__value_ip(const char *text, uint16_t port, plait_address *ret);

/* Whether |text|, which is no IP address, looks like a name rather than like
 * an address with a mistake in it. */
bool plait__value_is_name(const char *text);

/* What is wrong with |text| as the name of a host (static), or NULL. */
const char *plait__value_host(const char *text);

/* Whether |text| could be the name of a service, as in /etc/services: it begins
 * with a letter. */
bool plait__value_is_service(const char *text);

#endif
