#include "wire_text.h"

#include <stdio.h>

void plait__wire_line(uint8_t line[PLAIT__WIRE_LINE], unsigned first) {
  for (unsigned i = 0; i < PLAIT__WIRE_TEXT; i++)
    line[i] = (uint8_t)(' ' + (first + i) % PLAIT__WIRE_RING);
  line[PLAIT__WIRE_TEXT] = '\r';
  line[PLAIT__WIRE_TEXT + 1] = '\n';
}

struct date {
  long year;
  unsigned month, day;
};

/* The Gregorian date |days| after 1970-01-01.  Years are counted from March,
 * so that the leap day is the last of a year, in eras of 400 years, which all
 * have the same 146,097 days. */
static struct date daytime_date(int64_t days) {
  int64_t since = days + 719468; /* 0000-03-01 */
  int64_t era = (since >= 0 ? since : since - 146096) / 146097;
  unsigned in_era = (unsigned)(since - era * 146097);
  unsigned year =
      (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
  unsigned in_year = in_era - (365 * year + year / 4 - year / 100);
  unsigned march = (5 * in_year + 2) / 153; /* months since March */

  return (struct date){
      .year = (long)(era * 400) + (long)year + (march >= 10 ? 1 : 0),
      .month = march < 10 ? march + 3 : march - 9,
      .day = in_year - (153 * march + 2) / 5 + 1,
  };
}

size_t plait__wire_daytime(const plait_reactor *reactor,
                           char text[PLAIT__WIRE_DAYTIME_MAX]) {
  int64_t now = plait_reactor_wall_s(reactor);
  int64_t days = (now >= 0 ? now : now - 86399) / 86400;
  unsigned second = (unsigned)(now - days * 86400);
  struct date date = daytime_date(days);

  return (size_t)snprintf(text, PLAIT__WIRE_DAYTIME_MAX,
                          "%04ld-%02u-%02uT%02u:%02u:%02uZ\r\n", date.year,
                          date.month, date.day, second / 3600, second / 60 % 60,
                          second % 60);
}

/* 70 years, 17 of them leap years, before 1970; wraps in 2036, as the protocol
 * does. */
void plait__wire_time(const plait_reactor *reactor, uint8_t wire[4]) {
  int64_t now = plait_reactor_wall_s(reactor);
  uint32_t s = (uint32_t)((uint64_t)now + UINT64_C(2208988800));

  for (int i = 0; i < 4; i++)
    wire[i] = (uint8_t)(s >> (24 - 8 * i));
}
