/* The small classic services.
 *
 * echo and chargen show the two honest ways to live with back-pressure: echo
 * stops reading while its peer does not take what it gets back, chargen stops
 * writing until resume_writing.
 */
#include <plait/factory.h>
#include <plait/transport.h>
#include <plait/wire.h>

#include "wire_text.h"

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

enum {
  CHARGEN_LINES = 12, /* a write: some 900 bytes */
  /* A peer that takes all it gets must not keep the others waiting, so the
   * marks end a burst before the default ones would. */
  CHARGEN_HIGH = 16384 - CHARGEN_LINES * PLAIT__WIRE_LINE,
  CHARGEN_LOW = 4096
};

struct chargen {
  plait_protocol base;
  unsigned first; /* of the next line, counted in the ring */
};

static void chargen_go_on(plait_protocol *p) {
  struct chargen *self = plait_container_of(p, struct chargen, base);
  uint8_t lines[CHARGEN_LINES * PLAIT__WIRE_LINE];

  do {
    for (size_t i = 0; i < CHARGEN_LINES; i++) {
      plait__wire_line(lines + i * PLAIT__WIRE_LINE, self->first);
      self->first = (self->first + 1) % PLAIT__WIRE_RING;
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

static void daytime_made(plait_protocol *p) {
  char text[PLAIT__WIRE_DAYTIME_MAX];
  size_t len = plait__wire_daytime(plait_transport_reactor(p->transport), text);

  plait_write(p->transport, text, len);
  plait_close(p->transport);
}

const plait_protocol_ops plait_daytime = {
    .name = "daytime",
    .size = sizeof(plait_protocol),
    .connection_made = daytime_made,
};

/* ---- time, RFC 868 ----------------------------------------------------- */

static void time_made(plait_protocol *p) {
  uint8_t wire[4];

  plait__wire_time(plait_transport_reactor(p->transport), wire);
  plait_write(p->transport, wire, sizeof wire);
  plait_close(p->transport);
}

const plait_protocol_ops plait_time = {
    .name = "time",
    .size = sizeof(plait_protocol),
    .connection_made = time_made,
};
