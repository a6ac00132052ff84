/* A call to the system that fails, wherever it is: on the way of a connection
 * that is accepted, and wherever bytes are sent. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "contract/contract.h"
#include "support/peer.h"
#include "support/require.h"
#include "support/runtime.h"
#include "support/sim_world.h"

enum { DEADLINE_S = 60, NTH_MAX = 1000, ECHO_BYTES = 300000 };

/* ---- the faults ----------------------------------------------------------*/

/* The |nth| call from now on fails once, with |code|. */
static struct {
  const plait__io *inner;
  unsigned calls, nth;
  int code;
  bool armed, first; /* |first|: the one before it answered PLAIT_EAGAIN */
} fault;

static bool fault_now(void) {
  return fault.armed && ++fault.calls == fault.nth;
}

static bool fault_fired(void) {
  return fault.calls >= fault.nth;
}

static int faulty_accept(plait__socket *listening, int *ret_fd,
                         plait_address *ret_peer) {
  return fault_now() ? fault.code
                     : fault.inner->accept(listening, ret_fd, ret_peer);
}

static int faulty_attach(plait__loop *loop, plait__socket *socket, int fd) {
  return fault_now() ? fault.code : fault.inner->attach(loop, socket, fd);
}

static int faulty_names(int fd, bool peer, plait_address *ret) {
  return fault_now() ? fault.code : fault.inner->names(fd, peer, ret);
}

static int faulty_option(plait__socket *socket, bool set, plait_option option,
                         plait_option_value *value) {
  return fault_now() ? fault.code
                     : fault.inner->option(socket, set, option, value);
}

static ptrdiff_t faulty_read(plait__socket *socket, void *buffer, size_t len) {
  return fault_now() ? fault.code : fault.inner->read(socket, buffer, len);
}

static ptrdiff_t faulty_writev(plait__socket *socket, const plait__iovec *v,
                               size_t n) {
  if (fault.first && fault.armed && fault.calls + 1 == fault.nth) {
    fault.first = false; /* full now, and failed the next time */
    return PLAIT_EAGAIN;
  }
  return fault_now() ? fault.code : fault.inner->writev(socket, v, n);
}

static void fault_set(const plait__io *inner, unsigned nth, int code) {
  memset(&fault, 0, sizeof fault);
  fault.inner = inner;
  fault.nth = nth;
  fault.code = code;
}

/* ---- accepting -----------------------------------------------------------*/

static plait_listener *listener;
static int clients[4];
static bool ended;
static unsigned served;

static int say(const char *text) {
  char endpoint[128];
  peer_endpoint(plait_listener_endpoint(listener), endpoint, sizeof endpoint);
  int fd = peer_connect(endpoint);
  require(fd >= 0, "%s", strerror(-fd));
  require(send(fd, text, strlen(text), MSG_NOSIGNAL) > 0, "no send");
  return fd;
}

/* The first client makes trouble for one of the others; of the last two, one
 * at least is served and ends it all. */
static void listening_data(plait_protocol *p, const uint8_t *data, size_t len) {
  require(len == 1, "%zu bytes", len);
  served++;
  if (data[0] == '1') {
    fault.armed = true;
    clients[1] = say("2");
    clients[2] = say("3");
    clients[3] = say("3");
  } else if (data[0] == '3' && !ended) {
    ended = true;
    fault.armed = false;
    plait_listener_close(listener);
    for (int i = 0; i < 4; i++)
      close(clients[i]);
  }
  plait_address address;
  plait_transport_peer(p->transport, &address);
}

static const plait_protocol_ops listening = {.name = "listening",
                                             .size = sizeof(plait_protocol),
                                             .data_received = listening_data};

static void open_faulty(void) {
  static plait_backend outer;
  static plait__io io;
  leak_begin(&leak);
  outer = *leak_driver(&plait__uv_backend);
  io = *outer.io;
  io.accept = faulty_accept;
  io.attach = faulty_attach;
  io.names = faulty_names;
  io.option = faulty_option;
  io.read = faulty_read;
  outer.io = &io;
  open_runtime_on(&outer, (plait_runtime_options){0});
}

/* Whether there was a call to fail. */
static bool accept_with_fault(unsigned nth, int code) {
  plait_factory factory = {.protocol = &listening};
  fault_set(plait__uv_backend.io, nth, code);
  open_faulty();
  require(plait_listen(runtime, "tcp:0:interface=127.0.0.1", &factory, NULL,
                       &listener) == 0,
          "%s", plait_error_detail());
  served = 0;
  ended = false;
  clients[0] = say("1");
  ck_assert_int_eq(plait_run(runtime), 0);
  close_runtime();
  /* What failed for a connection that was there may have ended that one. */
  require(served >= 2, "%u were served", served);
  return fault_fired();
}

/* R017: whichever call fails on the way of an accepted connection, and with
 * what, the next one is served. */
START_TEST(a_failed_accept_is_not_the_last) {
  static const int codes[] = {-EMFILE, -ENFILE,       -ENOBUFS,
                              -ENOMEM, -ECONNABORTED, -EPROTO,
                              -EPERM,  -ENETDOWN,     -ECONNRESET};
  for (unsigned nth = 1; accept_with_fault(nth, codes[_i]); nth++)
    require(nth < NTH_MAX, "no end of calls");
  require(fault.calls > 3, "only %u calls", fault.calls);
}
END_TEST

/* ---- sending -------------------------------------------------------------*/

static plait__io sending_io;
static plait_backend sending_driver;
static struct world_backend sending_backend;
static struct world world;
static unsigned owned, released;

static void count_release(void *arg, const void *data, size_t len) {
  (void)arg, (void)data, (void)len;
  released++;
}

/* Copied, owned and big, above the marks too. */
static void send_all_kinds(struct spy *s) {
  static const char bytes[30000];
  fault.armed = true;
  for (int i = 0; i < 3; i++) {
    spy_say(s, "some");
    plait_write_owned(s->base.transport, bytes, sizeof bytes, count_release,
                      NULL);
    owned++;
    spy_send(s, ECHO_BYTES / 3);
  }
}

static void close_when_all_came(struct spy *s) {
  if (s->received == ECHO_BYTES + 3 * (4 + 30000))
    spy_close(s);
}

static bool send_with_fault(unsigned nth, int code, bool first) {
  fault_set(world_sim.driver->io, nth, code);
  fault.first = first;
  sim_begin((plait_sim_options){0});
  owned = released = 0;
  world_init(&world, &sending_backend, MEDIUM_TCP, 1);
  world.dispatch = PLAIT_ON_REACTOR;
  on(&world.client, SPY_MADE, send_all_kinds);
  on(&world.client, SPY_DATA, close_when_all_came);
  on(&world.server, SPY_DATA, spy_echo);
  world_play(&world);
  sim_end();
  require(owned == 3 && released == owned, "%u owned, %u released", owned,
          released);
  int reason = world.client.records[0].reason;
  bool fired = fault_fired();
  require(fired || reason == 0, "no fault, and %s", plait_error_name(reason));
  return fired;
}

/* R002, R012: a write that fails at once, or after the system was full, ends
 * that connection in order. */
START_TEST(a_failed_write_ends_it) {
  static const int codes[] = {PLAIT_ECONNRESET, PLAIT_EPIPE, PLAIT_ENOBUFS,
                              PLAIT_ENOMEM};
  sending_io = *world_sim.driver->io;
  sending_io.writev = faulty_writev;
  sending_driver = *world_sim.driver;
  sending_driver.io = &sending_io;
  sending_backend = world_sim;
  sending_backend.driver = &sending_driver;
  for (unsigned nth = 1; send_with_fault(nth, codes[_i / 2], _i % 2); nth++)
    require(nth < NTH_MAX, "no end of calls");
  require(fault.calls > 3, "only %u calls", fault.calls);
}
END_TEST

int main(void) {
  Suite *s = suite_create("faults");
  TCase *tc = tcase_create("faults");
  tcase_set_timeout(tc, DEADLINE_S);
  tcase_add_loop_test(tc, a_failed_accept_is_not_the_last, 0, 9);
  tcase_add_loop_test(tc, a_failed_write_ends_it, 0, 8);
  suite_add_tcase(s, tc);
  return run_suite(s);
}
