/* Netstrings: "5:hello," (cr.yp.to/proto/netstrings.txt).
 *
 * As strict as Twisted's NetstringReceiver: digits only, no leading zeros, a
 * comma; anything else is PLAIT_EFRAME.  A length above the maximum is refused
 * as soon as its digits say so.
 */
#ifndef PLAIT_NETSTRING_H
#define PLAIT_NETSTRING_H

#include <plait/framed.h>

PLAIT_BEGIN

/* The codec, for a plait_framed. */
PLAIT_EXTERN extern const plait_codec plait_netstring;

/* Sends |len| bytes as a netstring, which are not moved for it; answers as
 * plait_write(). */
PLAIT_EXTERN bool plait_netstring_send(plait_framed *framed, const void *data,
                                       size_t len);

PLAIT_END

#endif
