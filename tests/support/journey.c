/* See journey.h. */
#include "support/journey.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/connector.h"
#include "core/runtime.h"
#include "support/leak.h"
#include "sim/sim.h"
#include "support/require.h"
#include "support/sim_world.h"

static struct journey *journey; /* the one under way */

uint64_t journey_now_ms(const struct journey *j) {
  return (plait_sim_now_ns(sim) - j->start_ns) / 1000000;
}

/* "250 try 10.0.0.1". */
static void journey_write(struct journey *j, const char *what,
                          const char *whom) {
  text_format(&j->trace, "%s%llu %s%s%s", j->trace.len > 0 ? "; " : "",
              (unsigned long long)journey_now_ms(j) / 10 * 10, what,
              whom[0] != '\0' ? " " : "", whom);
}

static void journey_address(const struct journey_host *host,
                            plait_address *ret) {
  require(plait_address_parse(host->ip, JOURNEY_PORT, ret) == 0, "%s",
          host->ip);
}

static const char *journey_ip(const plait_address *a) {
  static char text[PLAIT_ADDRESS_TEXT_MAX];
  plait_address_format(a, text, sizeof text);
  *strrchr(text, ':') = '\0';
  if (text[0] != '[')
    return text;
  *strrchr(text, ']') = '\0';
  return text + 1;
}

/* ---- roads ---------------------------------------------------------------*/

static plait__sim_road journey_road(const plait_address *peer) {
  struct journey *j = journey;
  j->tries++;
  journey_write(j, "try", journey_ip(peer));
  for (const struct journey_host *h = j->hosts; h->ip != NULL; h++) {
    plait_address address;
    journey_address(h, &address);
    if (address.family == peer->family &&
        memcmp(address.ip, peer->ip, sizeof peer->ip) == 0)
      return (plait__sim_road){.code = h->code, .ms = h->ms};
  }
  require(false, "an attempt to nowhere");
  return (plait__sim_road){0};
}

/* ---- the name ------------------------------------------------------------*/

struct journey_name {
  plait__finder finder;
  plait_timer timer;
  int code;
  bool looking;
};

static void name_found(plait_timer *timer) {
  struct journey_name *name =
      plait_container_of(timer, struct journey_name, timer);
  plait_address addresses[JOURNEY_HOSTS];
  size_t n = 0;
  while (name->code == 0 && journey->hosts[n].ip != NULL) {
    journey_address(&journey->hosts[n], &addresses[n]);
    n++;
  }
  name->looking = false;
  plait__finder_found(&name->finder, name->code, addresses, n);
}

static int name_start(plait__finder *finder) {
  struct journey_name *name = (struct journey_name *)(void *)finder;
  require(!name->looking, "two lookups at once");
  journey->looks++;
  journey_write(journey, "look", "");
  if (journey->lookup_start != 0)
    return journey->lookup_start;
  name->looking = true;
  name->code = journey->lookup_code;
  plait_timer_init(&name->timer, NULL, name_found);
  plait_timer_start(&name->timer, journey->lookup_ms, 0);
  return 0;
}

static void name_cancel(plait__finder *finder) {
  struct journey_name *name = (struct journey_name *)(void *)finder;
  require(name->looking, "there is no lookup to cancel");
  name->code = PLAIT_ECANCELED;
  plait_timer_start(&name->timer, 0, 0);
}

static void name_free(plait__finder *finder, const plait__os *os) {
  struct journey_name *name = (struct journey_name *)(void *)finder;
  require(!name->looking, "freed while it is looked up");
  os->alloc(name, 0, "free");
}

static const plait__finder_ops name_ops = {name_start, name_cancel, name_free};

static plait__finder *name_new(const plait__os *os) {
  struct journey_name *name = os->alloc(NULL, sizeof *name, "journey");
  require(name != NULL, "no memory for a name");
  memset(name, 0, sizeof *name);
  name->finder.ops = &name_ops;
  name->finder.step = "resolve";
  return &name->finder;
}

/* ---- the client ----------------------------------------------------------*/

static void client_made(plait_protocol *p) {
  struct journey *j = journey;
  plait_address peer;
  plait_transport_peer(p->transport, &peer);
  j->made++;
  require(j->transport == NULL, "two connections at once");
  j->transport = p->transport;
  journey_write(j, "made", journey_ip(&peer));
  if (j->on_made != NULL)
    j->on_made(j);
}

static void client_lost(plait_protocol *p, int reason) {
  struct journey *j = journey;
  (void)p;
  j->transport = NULL;
  journey_write(j, "lost", reason == PLAIT_EOF ? "" : plait_error_name(reason));
  if (j->on_lost != NULL)
    j->on_lost(j);
}

static int client_build(plait_factory *factory, const plait_address *peer,
                        const plait_protocol_ops **ret_ops) {
  (void)factory;
  (void)peer;
  (void)ret_ops;
  return journey->refuses ? PLAIT_EPERM : 0;
}

static void client_failed(plait_factory *factory, plait_connector *connector,
                          int reason) {
  struct journey *j = journey;
  uint32_t wait_ms;
  (void)factory;
  j->failed++;
  snprintf(j->detail, sizeof j->detail, "%s", plait_error_detail());
  journey_write(j, "failed", plait_error_name(reason));
  if (plait_connector_retries(connector, &wait_ms) && j->wait_count < 64)
    j->waits[j->wait_count++] = wait_ms;
  if (j->unowned)
    j->connector = connector;
  if (j->on_failed != NULL)
    j->on_failed(j, reason);
}

static void client_stopped(plait_factory *factory) {
  (void)factory;
  journey_write(journey, "stopped", "");
}

static const plait_protocol_ops client_ops = {
    .name = "traveller",
    .connection_made = client_made,
    .connection_lost = client_lost,
};

/* ---- the server ----------------------------------------------------------*/

struct host {
  plait_protocol base;
  plait_timer timer;
};

static void host_closes(plait_timer *timer) {
  plait_close(plait_container_of(timer, struct host, timer)->base.transport);
}

static void host_made(plait_protocol *p) {
  struct host *self = (struct host *)(void *)p;
  plait_timer_init(&self->timer, p->transport, host_closes);
  if (journey->silent)
    return;
  if (journey->lives_ms > 0)
    plait_timer_start(&self->timer, journey->lives_ms, 0);
  else
    plait_close(p->transport);
}

static const plait_protocol_ops host_ops = {
    .name = "host",
    .size = sizeof(struct host),
    .connection_made = host_made,
};

/* ---- a run ---------------------------------------------------------------*/

void journey_stop(struct journey *j) {
  require(j->connector != NULL, "stopped twice");
  plait_connector *connector = j->connector;
  j->connector = NULL;
  plait_connector_stop(connector);
}

static void journey_room(plait_call *call, plait_protocol *p) {
  struct journey *j = plait_container_of(call, struct journey, call);
  journey_write(j, p != NULL ? "room" : "no room", "");
  journey_stop(j);
}

void journey_wait_for_room(struct journey *j) {
  static const uint8_t bytes[1 << 20];
  plait_write(j->transport, bytes, sizeof bytes);
  j->call.run = journey_room;
  int code = plait_handle_when_writable(plait_transport_handle(j->transport),
                                        &j->call);
  require(code == 0, "%s", plait_strerror(code));
}

void journey_stop_runtime(struct journey *j) {
  plait_runtime_stop(j->runtime);
}

static void journey_ring(plait_timer *timer) {
  struct journey *j = plait_container_of(timer, struct journey, timer);
  j->at(j);
}

static void journey_begin(plait_call *call, plait_protocol *p) {
  struct journey *j = journey;
  (void)call;
  (void)p;
  j->start_ns = plait_sim_now_ns(sim);
  plait_timer_init(&j->timer, NULL, journey_ring);
  if (j->at != NULL)
    plait_timer_start(&j->timer, j->at_ms, 0);
}

/* On every address. */
static void journey_listen(struct journey *j, plait_listener **ret) {
  char endpoint[64];
  snprintf(endpoint, sizeof endpoint, "tcp:%d:interface=\\:\\:", JOURNEY_PORT);
  int code = plait_listen(j->runtime, endpoint, &j->server, NULL, ret);
  require(code == 0, "%s", plait_error_detail());
}

static void journey_connect(struct journey *j, const plait__os *os) {
  plait__connect_spec spec = {.timeout_ms = j->timeout_ms,
                              .attempt_delay_ms = j->delay_ms,
                              .reconnect = &j->reconnect,
                              .owned = !j->unowned,
                              .endpoint = "tcp:h:7"};
  plait_connector *connector;
  if (j->literal)
    journey_address(&j->hosts[0], &spec.peer);
  else
    spec.finder = name_new(os);
  if (j->bind != NULL)
    require(plait_address_parse(j->bind, 0, &spec.local) == 0, "%s", j->bind);
  int code = plait__connect_to(j->runtime, &spec, &j->factory, &connector);
  require(code == 0, "%s", plait_error_detail());
  j->connector = j->unowned ? NULL : connector;
}

/* The server listens as long as the client tries. */
static void journey_over(plait_factory *factory) {
  struct journey *j = plait_container_of(factory, struct journey, factory);
  client_stopped(factory);
  plait_runtime_stop(j->runtime);
}

void journey_make(struct journey *j) {
  struct leak before;
  plait_call begin = {.run = journey_begin};
  plait_listener *listener;
  journey = j;
  sim_begin((plait_sim_options){0});
  plait__sim_road_to = journey_road;
  j->factory = (plait_factory){.protocol = &client_ops,
                               .build_protocol = client_build,
                               .connect_failed = client_failed,
                               .stopped = journey_over};
  j->server = (plait_factory){.protocol = &host_ops};
  leak_begin(&before);
  const plait_backend *driver = leak_driver(plait_sim_backend(sim));
  plait_runtime_options options = {.backend = driver};
  require(plait_runtime_new(&options, &j->runtime) == 0, "no runtime");
  journey_listen(j, &listener);
  plait_reactor_post(plait_runtime_reactor(j->runtime, 0), &begin);
  journey_connect(j, driver->os);
  leak_fail_at(j->fail_at);
  require(plait_run(j->runtime) == 0, "%s", plait_error_detail());
  plait_listener_close(listener);
  if (j->connector != NULL && !j->unowned)
    journey_stop(j);
  require(plait_runtime_free(j->runtime) == 0, "%s", plait_error_detail());
  leak_end(&before);
  sim_end();
  plait__sim_road_to = NULL;
}

/* ---- what is expected ----------------------------------------------------*/

void journey_expect(struct journey *j, const char *expected) {
  require(strcmp(j->trace.s, expected) == 0, "\n  expected: %s\n  happened: %s",
          expected, j->trace.s);
  text_free(&j->trace);
}

void journey_expect_detail(const struct journey *j, const char *expected) {
  require(strcmp(j->detail, expected) == 0, "\n  expected: %s\n  happened: %s",
          expected, j->detail);
}
