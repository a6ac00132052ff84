/* Peers: a protocol that keeps what comes, and orders for it. */
#include <plait/error.h>
#include <plait/reactor.h>
#include <plait/runtime.h>
#include <plait/transport.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

struct peer_end {
  plait_protocol base;
  plait_test_peer *peer; /* NULL: out of memory */
};

static struct peer_end *peer_end_of(plait_protocol *p) {
  return plait_container_of(p, struct peer_end, base);
}

/* ---- what comes ---------------------------------------------------------- */

static bool peer_reserve(plait_test_peer *peer, size_t more) {
  size_t need = peer->len + more + 1;
  size_t size = need > 2 * peer->size ? need : 2 * peer->size;
  if (need <= peer->size)
    return true;
  uint8_t *bytes = realloc(peer->bytes, size);
  if (bytes == NULL)
    return false;
  peer->bytes = bytes;
  peer->size = size;
  return true;
}

static void peer_made(plait_protocol *p) {
  plait__test_port *port =
      plait_container_of(p->factory, plait__test_port, factory);
  plait_test_peer *peer = calloc(1, sizeof *peer);
  if (peer == NULL || !peer_reserve(peer, 0)) {
    free(peer);
    plait_abort(p->transport);
    return;
  }
  peer->test = port->test;
  peer->number = ++port->test->peers_made;
  peer->handle = plait_transport_handle(p->transport);
  peer->bytes[0] = '\0';
  *(port->last != NULL ? &port->last->next : &port->first) = peer;
  port->last = peer;
  peer_end_of(p)->peer = peer;
}

static void peer_data(plait_protocol *p, const uint8_t *data, size_t len) {
  plait_test_peer *peer = peer_end_of(p)->peer;
  if (!peer_reserve(peer, len)) {
    plait_abort(p->transport);
    return;
  }
  memcpy(peer->bytes + peer->len, data, len);
  peer->len += len;
  peer->bytes[peer->len] = '\0';
}

static void peer_eof(plait_protocol *p) {
  peer_end_of(p)->peer->state = PLAIT_TEST_ENDED;
}

static void peer_lost(plait_protocol *p, int reason) {
  plait_test_peer *peer = peer_end_of(p)->peer;
  if (peer != NULL && reason != 0 && reason != PLAIT_EDRAIN)
    peer->state = PLAIT_TEST_RESET;
}

static const plait_protocol_ops peer_ops = {
    .name = "peer",
    .size = PLAIT_INSTANCE(struct peer_end, base),
    .connection_made = peer_made,
    .data_received = peer_data,
    .eof_received = peer_eof,
    .connection_lost = peer_lost,
};

/* ---- where they come from ------------------------------------------------ */

static void port_failed(plait_factory *factory, plait_connector *connector,
                        int reason) {
  plait__test_port *port =
      plait_container_of(factory, plait__test_port, factory);
  (void)connector, (void)reason;
  snprintf(port->failed, sizeof port->failed, "%s", plait_error_detail());
}

plait__test_port *plait__port_new(plait_test *test) {
  plait__test_port *port = calloc(1, sizeof *port);
  if (port == NULL)
    return NULL;
  port->factory.protocol = &peer_ops;
  port->factory.connect_failed = port_failed;
  port->factory.limits.queue_bytes_max = PLAIT_UNLIMITED;
  port->test = test;
  port->next = test->ports;
  test->ports = port;
  return port;
}

static void port_free(plait__test_port *port) {
  while (port->first != NULL) {
    plait_test_peer *peer = port->first;
    port->first = peer->next;
    free(peer->bytes);
    free(peer);
  }
  free(port);
}

void plait__ports_free(plait_test *test) {
  while (test->ports != NULL) {
    plait__test_port *port = test->ports;
    test->ports = port->next;
    port_free(port);
  }
  while (test->servers != NULL) {
    plait__test_server *server = test->servers;
    test->servers = server->next;
    free(server);
  }
}

plait_test_peer *plait_test_next(const plait_test_peer *peer) {
  return peer->next;
}

/* ---- orders -------------------------------------------------------------- */

/* On the stack of the test, which waits until it was carried out: the peers'
 * reactor never blocks. */
struct order {
  plait_call call;
  void (*fn)(void *arg);                                /* for the reactor */
  void (*act)(struct order *order, plait_transport *t); /* for a peer */
  void *arg;
  const void *data;
  size_t len;
  bool done;
};

static void order_run(plait_call *call, plait_protocol *p) {
  struct order *order = plait_container_of(call, struct order, call);
  if (order->fn != NULL)
    order->fn(order->arg);
  else if (p != NULL)
    order->act(order, p->transport);
  order->done = true;
}

void plait__peers_call(plait_test *test, void (*fn)(void *arg), void *arg) {
  struct order order = {.call.run = order_run, .fn = fn, .arg = arg};
  if (plait__test_start(test) &&
      plait_reactor_post(plait_runtime_reactor(test->peers, 0), &order.call) ==
          0)
    while (!order.done)
      plait_sim_sleep_us(test->sim, test->quiet_us);
}

static void peer_order(plait_test_peer *peer, struct order order) {
  plait_test *test = peer->test;
  order.call.run = order_run;
  if (plait_handle_call(peer->handle, &order.call) == 0)
    while (!order.done)
      plait_sim_sleep_us(test->sim, test->quiet_us);
  plait_test_settle(test);
}

static void peer_say(struct order *order, plait_transport *t) {
  plait_write(t, order->data, order->len);
}

static void peer_say_no_more(struct order *order, plait_transport *t) {
  (void)order;
  plait_write_eof(t);
}

static void peer_break(struct order *order, plait_transport *t) {
  (void)order;
  plait_abort(t);
}

static void peer_turn(struct order *order, plait_transport *t) {
  if (order->len > 0)
    plait_resume_reading(t);
  else
    plait_pause_reading(t);
}

void plait_test_feed_bytes(plait_test_peer *peer, const void *data,
                           size_t len) {
  if (len > 0)
    peer_order(peer, (struct order){.act = peer_say, .data = data, .len = len});
}

void plait_test_feed(plait_test_peer *peer, const char *text) {
  plait_test_feed_bytes(peer, text, strlen(text));
}

void plait_test_feed_pieces(plait_test_peer *peer, const void *data, size_t len,
                            size_t piece) {
  const uint8_t *bytes = data;
  piece = piece > 0 ? piece : 1;
  for (size_t at = 0; at < len; at += piece)
    plait_test_feed_bytes(peer, bytes + at,
                          len - at < piece ? len - at : piece);
}

void plait_test_end(plait_test_peer *peer) {
  peer_order(peer, (struct order){.act = peer_say_no_more});
}

void plait_test_reset(plait_test_peer *peer) {
  peer_order(peer, (struct order){.act = peer_break});
}

void plait_test_read(plait_test_peer *peer, bool on) {
  peer_order(peer, (struct order){.act = peer_turn, .len = on});
}

/* ---- what has come ------------------------------------------------------- */

plait_slice plait_test_value(const plait_test_peer *peer) {
  return (plait_slice){peer->bytes, peer->len};
}

void plait_test_clear(plait_test_peer *peer) {
  peer->len = 0;
  peer->bytes[0] = '\0';
}

plait_test_state plait_test_get_state(const plait_test_peer *peer) {
  return peer->state;
}
