#include "support/side.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/require.h"
#include "support/runtime.h"

/* ---- the protocol -------------------------------------------------------- */

static struct side *side_of(plait_datagram_protocol *p) {
  return plait_container_of(p->factory, struct side, factory);
}

static void on_started(plait_datagram_protocol *p) {
  struct side *s = side_of(p);
  s->socket = p->socket;
  text_format(&s->trace, "started ");
  if (s->begin != NULL)
    s->begin(s);
}

static void on_datagram(plait_datagram_protocol *p, const uint8_t *data,
                        size_t len, const plait_datagram_info *info) {
  struct side *s = side_of(p);
  s->count++;
  if (s->count <= 16)
    text_format(&s->trace, "got(%zu%s) ", len, info->truncated ? "+" : "");
  text_add(&s->bytes, data, len);
  if (s->got != NULL)
    s->got(s, data, len, info);
}

static void on_error(plait_datagram_protocol *p, int code,
                     const plait_address *to) {
  struct side *s = side_of(p);
  text_format(&s->trace, "%s ", plait_error_name(code) + strlen("PLAIT_"));
  if (s->failed != NULL)
    s->failed(s, code, to);
}

static void on_resume(plait_datagram_protocol *p) {
  struct side *s = side_of(p);
  text_format(&s->trace, "resume ");
  if (s->resume != NULL)
    s->resume(s);
}

static void on_draining(plait_datagram_protocol *p) {
  struct side *s = side_of(p);
  text_format(&s->trace, "draining ");
  if (s->drain != NULL)
    s->drain(s);
}

static void on_stopped(plait_datagram_protocol *p, int reason) {
  struct side *s = side_of(p);
  plait_datagram_stats stats;
  plait_datagram_get_stats(p->socket, &stats);
  s->dropped = stats.dropped;
  require(plait_datagram_send(p->socket, "x", 1, NULL) == PLAIT_ECLOSED,
          "a closed socket sends");
  if (reason == 0)
    text_format(&s->trace, "stopped ");
  else
    text_format(&s->trace, "stopped(%s) ",
                plait_error_name(reason) + strlen("PLAIT_"));
}

static const plait_datagram_ops side_ops = {
    .name = "side",
    .size = sizeof(plait_datagram_protocol),
    .started = on_started,
    .datagram_received = on_datagram,
    .error_received = on_error,
    .resume_writing = on_resume,
    .draining = on_draining,
    .stopped = on_stopped,
};

/* ---- the factory --------------------------------------------------------- */

static void on_opened(plait_datagram_factory *factory,
                      plait_datagram_port *port) {
  struct side *s = plait_container_of(factory, struct side, factory);
  require(s->port == port, "another port");
  text_format(&s->trace, "opened ");
  if (s->opened != NULL)
    s->opened(s);
}

static void on_connect_failed(plait_datagram_factory *factory,
                              plait_datagram_port *port, int reason) {
  struct side *s = plait_container_of(factory, struct side, factory);
  require(s->port == port, "another port");
  text_format(&s->trace, "failed(%s: %s) ",
              plait_error_name(reason) + strlen("PLAIT_"),
              plait_error_detail());
}

static void on_ended(plait_datagram_factory *factory) {
  struct side *s = plait_container_of(factory, struct side, factory);
  text_format(&s->trace, "ended");
  if (s->ended != NULL)
    s->ended(s);
}

static int side_open(struct side *s, const char *endpoint, bool client,
                     const plait_datagram_options *options) {
  s->factory.protocol = &side_ops;
  s->factory.started = on_opened;
  s->factory.stopped = on_ended;
  s->factory.connect_failed = on_connect_failed;
  return client ? plait_datagram_connect(runtime, endpoint, &s->factory,
                                         options, &s->port)
                : plait_datagram_listen(runtime, endpoint, &s->factory, options,
                                        &s->port);
}

void side_listen(struct side *s, const char *endpoint,
                 const plait_datagram_options *options) {
  require(side_open(s, endpoint, false, options) == 0, "%s",
          plait_error_detail());
}

void side_connect(struct side *s, const char *endpoint,
                  const plait_datagram_options *options) {
  require(side_open(s, endpoint, true, options) == 0, "%s",
          plait_error_detail());
}

int side_try(struct side *s, const char *endpoint, bool client) {
  return side_open(s, endpoint, client, NULL);
}

/* ---- addresses ----------------------------------------------------------- */

static unsigned side_port(const struct side *s) {
  const char *at = strchr(plait_datagram_port_endpoint(s->port), ':');
  return (unsigned)atoi(at + 1);
}

const char *side_client(const struct side *s, const char *ip) {
  static char text[256];
  if (ip == NULL)
    snprintf(text, sizeof text, "%s", plait_datagram_port_endpoint(s->port));
  else
    snprintf(text, sizeof text, "udp:%s:%u", ip, side_port(s));
  return text;
}

plait_address side_address(const struct side *s, const char *ip) {
  plait_address a;
  require(plait_address_parse(ip, (uint16_t)side_port(s), &a) == 0, "%s", ip);
  return a;
}

void side_end(struct side *s, const char *trace) {
  if (trace != NULL)
    ck_assert_str_eq(s->trace.s != NULL ? s->trace.s : "", trace);
  text_free(&s->trace);
  text_free(&s->bytes);
}

/* ---- common answers ------------------------------------------------------ */

void side_echo(struct side *s, const uint8_t *data, size_t len,
               const plait_datagram_info *info) {
  int code = plait_datagram_reply(s->socket, info, data, len);
  require(code >= 0, "%s", plait_strerror(code));
}

void side_close(struct side *s) {
  plait_datagram_close(s->socket);
}
