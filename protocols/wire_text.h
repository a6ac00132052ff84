/* What the small services say, over streams and over datagrams. */
#ifndef PLAIT_PROTOCOLS_WIRE_TEXT_H
#define PLAIT_PROTOCOLS_WIRE_TEXT_H

#include <plait/reactor.h>

/* Line n of chargen is 72 characters of the ring of the 95 printable ones, from
 * the nth on. */
enum {
  PLAIT__WIRE_RING = 95,
  PLAIT__WIRE_TEXT = 72,
  PLAIT__WIRE_LINE = PLAIT__WIRE_TEXT + 2,
  PLAIT__WIRE_DAYTIME_MAX = 64
};

void plait__wire_line(uint8_t line[PLAIT__WIRE_LINE], unsigned first);

/* Date and time now, as in RFC 3339, with CR LF; its length. */
size_t plait__wire_daytime(const plait_reactor *reactor,
                           char text[PLAIT__WIRE_DAYTIME_MAX]);

/* Seconds since 1900. */
void plait__wire_time(const plait_reactor *reactor, uint8_t wire[4]);

#endif
