/* The small services over datagrams: each answers what came with one datagram,
 * from the address that was asked. */
#include <plait/datagram.h>
#include <plait/factory.h>
#include <plait/wire.h>

#include "wire_text.h"

static void echo_datagram(plait_datagram_protocol *p, const uint8_t *data,
                          size_t len, const plait_datagram_info *info) {
  /* What is no answer any more is not sent. */
  if (!info->truncated)
    plait_datagram_reply(p->socket, info, data, len);
}

const plait_datagram_ops plait_datagram_echo = {
    .name = "echo",
    .size = sizeof(plait_datagram_protocol),
    .datagram_received = echo_datagram,
};

const plait_datagram_ops plait_datagram_discard = {
    .name = "discard",
    .size = sizeof(plait_datagram_protocol),
};

struct chargen_datagram {
  plait_datagram_protocol base;
  unsigned first;
};

/* One line: it is not much more than came, for whoever is made to get it. */
static void chargen_datagram(plait_datagram_protocol *p, const uint8_t *data,
                             size_t len, const plait_datagram_info *info) {
  struct chargen_datagram *self =
      plait_container_of(p, struct chargen_datagram, base);
  uint8_t line[PLAIT__WIRE_LINE];

  (void)data;
  (void)len;
  plait__wire_line(line, self->first);
  self->first = (self->first + 1) % PLAIT__WIRE_RING;
  plait_datagram_reply(p->socket, info, line, sizeof line);
}

const plait_datagram_ops plait_datagram_chargen = {
    .name = "chargen",
    .size = PLAIT_INSTANCE(struct chargen_datagram, base),
    .datagram_received = chargen_datagram,
};

static void daytime_datagram(plait_datagram_protocol *p, const uint8_t *data,
                             size_t len, const plait_datagram_info *info) {
  char text[PLAIT__WIRE_DAYTIME_MAX];

  (void)data;
  len = plait__wire_daytime(plait_datagram_reactor(p->socket), text);
  plait_datagram_reply(p->socket, info, text, len);
}

const plait_datagram_ops plait_datagram_daytime = {
    .name = "daytime",
    .size = sizeof(plait_datagram_protocol),
    .datagram_received = daytime_datagram,
};

static void time_datagram(plait_datagram_protocol *p, const uint8_t *data,
                          size_t len, const plait_datagram_info *info) {
  uint8_t wire[4];

  (void)data;
  (void)len;
  plait__wire_time(plait_datagram_reactor(p->socket), wire);
  plait_datagram_reply(p->socket, info, wire, sizeof wire);
}

const plait_datagram_ops plait_datagram_time = {
    .name = "time",
    .size = sizeof(plait_datagram_protocol),
    .datagram_received = time_datagram,
};
