/* The small classic services, as ready-made protocols (Twisted's wire.py). */
#ifndef PLAIT_WIRE_H
#define PLAIT_WIRE_H

#include <plait/datagram.h>
#include <plait/protocol.h>

PLAIT_BEGIN

PLAIT_EXTERN extern const plait_protocol_ops plait_echo;    /* RFC 862 */
PLAIT_EXTERN extern const plait_protocol_ops plait_discard; /* RFC 863 */
PLAIT_EXTERN extern const plait_protocol_ops plait_chargen; /* RFC 864 */
PLAIT_EXTERN extern const plait_protocol_ops plait_daytime; /* RFC 867: UTC,
    in the form of RFC 3339, one line, then closes */
PLAIT_EXTERN extern const plait_protocol_ops plait_time;    /* RFC 868: 32 bits,
    seconds since 1900, then closes */

/* The same over datagrams: each answers a datagram with one, chargen with a
 * line.  discard answers nothing, and echo nothing to what was truncated. */
PLAIT_EXTERN extern const plait_datagram_ops plait_datagram_echo;
PLAIT_EXTERN extern const plait_datagram_ops plait_datagram_discard;
PLAIT_EXTERN extern const plait_datagram_ops plait_datagram_chargen;
PLAIT_EXTERN extern const plait_datagram_ops plait_datagram_daytime;
PLAIT_EXTERN extern const plait_datagram_ops plait_datagram_time;

PLAIT_END

#endif
