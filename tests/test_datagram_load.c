/* Many datagrams on loopback, none of which is lost: each sender has a window,
 * which acknowledgements move on.  Counts and the order of each sender are
 * checked, on several reactors that share the port.
 *
 * PLAIT_TEST_OPERATIONS says how many, of all senders together. */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/require.h"
#include "support/runtime.h"

/* All windows together fit into the smallest receive buffer there is. */
enum { CLIENTS = 3, THREADS = 3, SENDERS = CLIENTS + THREADS, WINDOW = 32 };
enum { REACTORS = 2, ACK_EACH = 8 };

struct message {
  uint32_t sender, number;
  uint8_t filling[56]; /* a byte that number and sender give */
};

static uint32_t each; /* datagrams of a sender */
static atomic_uint running;
static uint16_t port_number;

/* What the server has of a sender. */
static struct {
  _Atomic(uint32_t) next;
  _Atomic(unsigned) reactor; /* 1 + its number, once something came */
} senders[SENDERS];

static struct message make(uint32_t sender, uint32_t number) {
  struct message m = {.sender = sender, .number = number};
  memset(m.filling, (int)(sender * 31 + number), sizeof m.filling);
  return m;
}

static bool wants_ack(uint32_t number) {
  return number % ACK_EACH == ACK_EACH - 1 || number == each - 1;
}

static void sender_done(void) {
  if (atomic_fetch_sub(&running, 1) == 1)
    plait_runtime_stop(runtime);
}

/* ---- the server ---------------------------------------------------------- */

static void received(plait_datagram_protocol *p, const uint8_t *data,
                     size_t len, const plait_datagram_info *info) {
  unsigned here = 1 + plait_reactor_index(plait_datagram_reactor(p->socket));
  struct message m;
  require(len == sizeof m && !info->truncated, "%zu bytes", len);
  memcpy(&m, data, len);
  require(m.sender < SENDERS, "sender %u", m.sender);
  struct message expected = make(m.sender, senders[m.sender].next);
  require(memcmp(&m, &expected, sizeof m) == 0,
          "sender %u: %u came and %u was to come", m.sender, m.number,
          expected.number);
  senders[m.sender].next++;
  unsigned before = atomic_exchange(&senders[m.sender].reactor, here);
  require(before == 0 || before == here, "sender %u is on two", m.sender);
  if (wants_ack(m.number))
    require(plait_datagram_reply(p->socket, info, &m, sizeof m) == 1,
            "no answer");
}

static const plait_datagram_ops server_ops = {
    .name = "server",
    .size = sizeof(plait_datagram_protocol),
    .datagram_received = received,
};

/* ---- senders that are plait's -------------------------------------------- */

struct sender {
  plait_datagram_protocol base;
  uint32_t id, sent, acked;
};

static atomic_uint clients;

static void client_send(struct sender *s) {
  for (; s->sent < each && s->sent < s->acked + WINDOW; s->sent++) {
    struct message m = make(s->id, s->sent);
    require(plait_datagram_send(s->base.socket, &m, sizeof m, NULL) == 1,
            "it does not send");
  }
}

static void client_started(plait_datagram_protocol *p) {
  struct sender *s = plait_container_of(p, struct sender, base);
  s->id = atomic_fetch_add(&clients, 1);
  client_send(s);
}

static void client_received(plait_datagram_protocol *p, const uint8_t *data,
                            size_t len, const plait_datagram_info *info) {
  struct sender *s = plait_container_of(p, struct sender, base);
  struct message m;
  (void)info;
  require(len == sizeof m, "%zu bytes", len);
  memcpy(&m, data, len);
  require(m.sender == s->id && m.number >= s->acked && wants_ack(m.number),
          "acknowledged: %u of %u", m.number, m.sender);
  s->acked = m.number + 1;
  client_send(s);
  if (s->acked < each)
    return;
  plait_datagram_close(p->socket);
  sender_done();
}

static const plait_datagram_ops client_ops = {
    .name = "client",
    .size = PLAIT_INSTANCE(struct sender, base),
    .started = client_started,
    .datagram_received = client_received,
};

/* ---- senders that are not ------------------------------------------------ */

static int thread_connect(void) {
  struct sockaddr_in at = {.sin_family = AF_INET,
                           .sin_port = htons(port_number),
                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  struct timeval patience = {.tv_sec = 60};
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  require(fd >= 0 && connect(fd, (struct sockaddr *)&at, sizeof at) == 0 &&
              setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
                         sizeof patience) == 0,
          "no socket");
  return fd;
}

static void *thread_send(void *arg) {
  uint32_t id = *(uint32_t *)arg, sent = 0, acked = 0;
  int fd = thread_connect();
  while (acked < each) {
    struct message m;
    for (; sent < each && sent < acked + WINDOW; sent++) {
      m = make(id, sent);
      require(send(fd, &m, sizeof m, 0) == sizeof m, "it does not send");
    }
    require(recv(fd, &m, sizeof m, 0) == sizeof m, "sender %u: no answer", id);
    require(m.sender == id && m.number >= acked, "a wrong answer");
    acked = m.number + 1;
  }
  close(fd);
  sender_done();
  return NULL;
}

/* ---- the test ------------------------------------------------------------ */

static plait_datagram_factory server_factory = {.protocol = &server_ops};
static plait_datagram_factory client_factory = {.protocol = &client_ops};

static void open_server(void) {
  plait_datagram_port *port;
  require(plait_datagram_listen(runtime, "udp:0:interface=127.0.0.1",
                                &server_factory, NULL, &port) == 0,
          "%s", plait_error_detail());
  port_number =
      (uint16_t)atoi(plait_datagram_port_endpoint(port) + strlen("udp:"));
}

static void open_clients(void) {
  char endpoint[64];
  snprintf(endpoint, sizeof endpoint, "udp:127.0.0.1:%u", port_number);
  for (unsigned i = 0; i < CLIENTS; i++) {
    plait_datagram_options options = {
        .reactor = plait_runtime_reactor(runtime, i % REACTORS)};
    require(plait_datagram_connect(runtime, endpoint, &client_factory, &options,
                                   NULL) == 0,
            "%s", plait_error_detail());
  }
}

START_TEST(test_none_is_lost) {
  const char *wanted = getenv("PLAIT_TEST_OPERATIONS");
  uint32_t ids[THREADS];
  pthread_t threads[THREADS];
  each = (uint32_t)(wanted != NULL ? atoi(wanted) : 60000) / SENDERS + 1;
  atomic_store(&running, SENDERS);
  open_runtime((plait_runtime_options){.reactors = REACTORS});
  open_server();
  open_clients();
  for (unsigned i = 0; i < THREADS; i++) {
    ids[i] = CLIENTS + i;
    require(pthread_create(&threads[i], NULL, thread_send, &ids[i]) == 0,
            "no thread");
  }
  ck_assert_int_eq(plait_run(runtime), 0);
  for (unsigned i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  close_runtime();
  for (unsigned i = 0; i < SENDERS; i++)
    ck_assert_uint_eq(senders[i].next, each);
  printf("%u datagrams sent, each received once and in order\n",
         each * SENDERS);
}
END_TEST

int main(void) {
  Suite *suite = suite_create("datagram load");
  TCase *tcase = tcase_create("datagrams");
  tcase_set_timeout(tcase, 60);
  tcase_add_test(tcase, test_none_is_lost);
  suite_add_tcase(suite, tcase);
  return run_suite(suite);
}
