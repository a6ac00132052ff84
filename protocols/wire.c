/* The small classic services.
 *
 * echo and chargen show the two honest ways to live with back-pressure: echo
 * stops reading while its peer does not take what it gets back, chargen stops
 * writing until resume_writing.
 */
#include <plait/factory.h>
#include <plait/reactor.h>
#include <plait/transport.h>
#include <plait/wire.h>

#include <string.h>

/* ---- echo, RFC 862 ----------------------------------------------------- */

static void echo_data(plait_protocol *p, const uint8_t *data, size_t len) {
  if (!plait_write(p->transport, data, len))
    plait_pause_reading(p->transport);
}

static void echo_resume(plait_protocol *p) {
  plait_resume_reading(p->transport);
}

const plait_protocol_ops plait_echo = {
    .name = "echo",
    .size = sizeof(plait_protocol),
    .data_received = echo_data,
    .resume_writing = echo_resume,
};

/* ---- discard, RFC 863 -------------------------------------------------- */

const plait_protocol_ops plait_discard = {
    .name = "discard",
    .size = sizeof(plait_protocol),
};

/* ---- chargen, RFC 864 -------------------------------------------------- */

/* Line n is 72 characters of the ring of the 95 printable ones, from the nth
 * on. */
enum {
  CHARGEN_RING = 95,
  CHARGEN_TEXT = 72,
  CHARGEN_LINE = CHARGEN_TEXT + 2,
  CHARGEN_LINES = 12, /* a write: some 900 bytes */
  /* A peer that takes all it gets must not keep the others waiting, so the
   * marks end a burst before the default ones would. */
  CHARGEN_HIGH = 16384 - CHARGEN_LINES * CHARGEN_LINE,
  CHARGEN_LOW = 4096
};

struct chargen {
  plait_protocol base;
  unsigned first; /* of the next line, counted in the ring */
};

static void chargen_line(uint8_t *line, unsigned first) {
  for (unsigned i = 0; i < CHARGEN_TEXT; i++)
    line[i] = (uint8_t)(' ' + (first + i) % CHARGEN_RING);
  line[CHARGEN_TEXT] = '\r';
  line[CHARGEN_TEXT + 1] = '\n';
}

static void chargen_go_on(plait_protocol *p) {
  struct chargen *self = plait_container_of(p, struct chargen, base);
  uint8_t lines[CHARGEN_LINES * CHARGEN_LINE];

  do {
    for (size_t i = 0; i < CHARGEN_LINES; i++) {
      chargen_line(lines + i * CHARGEN_LINE, self->first);
      self->first = (self->first + 1) % CHARGEN_RING;
    }
  } while (plait_write(p->transport, lines, sizeof lines));
}

static void chargen_made(plait_protocol *p) {
  plait_transport_set_watermarks(p->transport, CHARGEN_HIGH, CHARGEN_LOW);
  chargen_go_on(p);
}

const plait_protocol_ops plait_chargen = {
    .name = "chargen",
    .size = PLAIT_INSTANCE(struct chargen, base),
    .connection_made = chargen_made,
    .resume_writing = chargen_go_on,
};

/* ---- daytime, RFC 867, in the form of RFC 3339 ------------------------- */

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

static void daytime_made(plait_protocol *p) {
  int64_t now = plait_reactor_wall_s(plait_transport_reactor(p->transport));
  int64_t days = (now >= 0 ? now : now - 86399) / 86400;
  unsigned second = (unsigned)(now - days * 86400);
  struct date date = daytime_date(days);

  plait_printf(p->transport, "%04ld-%02u-%02uT%02u:%02u:%02uZ\r\n", date.year,
               date.month, date.day, second / 3600, second / 60 % 60,
               second % 60);
  plait_close(p->transport);
}

const plait_protocol_ops plait_daytime = {
    .name = "daytime",
    .size = sizeof(plait_protocol),
    .connection_made = daytime_made,
};

/* ---- time, RFC 868 ----------------------------------------------------- */

static void time_made(plait_protocol *p) {
  int64_t now = plait_reactor_wall_s(plait_transport_reactor(p->transport));
  /* 70 years, 17 of them leap years, before 1970; wraps in 2036, as the
   * protocol does. */
  uint32_t s = (uint32_t)((uint64_t)now + UINT64_C(2208988800));
  uint8_t wire[4] = {(uint8_t)(s >> 24), (uint8_t)(s >> 16), (uint8_t)(s >> 8),
                     (uint8_t)s};

  plait_write(p->transport, wire, sizeof wire);
  plait_close(p->transport);
}

const plait_protocol_ops plait_time = {
    .name = "time",
    .size = sizeof(plait_protocol),
    .connection_made = time_made,
};
