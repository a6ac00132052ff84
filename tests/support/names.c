#include "support/names.h"

#include <arpa/inet.h>
#include <plait/error.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pool/resolver.h"
#include "support/require.h"

sem_t names_gate, names_arrived;
atomic_uint names_lookups;

int names_kinds(void) {
  return plait__lookup_cares != NULL ? 2 : 1;
}

static bool begins(const char *name, const char *with) {
  return strncmp(name, with, strlen(with)) == 0;
}

/* ---- the system ---------------------------------------------------------- */

static char *copy(const plait__os *os, const char *text) {
  char *to = os->alloc(NULL, strlen(text) + 1, "test");
  return to != NULL ? strcpy(to, text) : NULL;
}

static int names_resolve(const plait__os *os, const plait__question *q,
                         plait__found *ret) {
  const char *name = q->name != NULL ? q->name : "reverse";
  atomic_fetch_add(&names_lookups, 1);
  if (begins(name, "wait")) {
    sem_post(&names_arrived);
    while (sem_wait(&names_gate) != 0)
      continue;
  }
  if (begins(name, "no"))
    return PLAIT_ENOTFOUND;
  ret->canonical = copy(os, q->name != NULL ? "canonical" : "host.example");
  ret->addresses = os->alloc(NULL, sizeof(plait_address), "test");
  if (ret->addresses == NULL || ret->canonical == NULL) {
    os->alloc(ret->addresses, 0, "test");
    os->alloc(ret->canonical, 0, "test");
    *ret = (plait__found){0};
    return PLAIT_ENOMEM;
  }
  ret->addresses[0] = (plait_address){
      .family = PLAIT_IPV4,
      .ip = {192, 0, 2, 1},
      .port = q->service != NULL ? (uint16_t)atoi(q->service) : q->port};
  ret->count = 1;
  return 0;
}

const plait_backend *names_driver(const plait_backend *driver) {
  static plait__host host;
  static plait_backend scripted;
  scripted = *driver;
  host = *driver->host;
  host.resolve = names_resolve;
  scripted.host = &host;
  return &scripted;
}

/* ---- the name server ----------------------------------------------------- */

enum { HEAD = 12, TYPE_A = 1, TYPE_PTR = 12, HELD = 1024 };

struct packet {
  struct sockaddr_in from;
  size_t len; /* of the question */
  uint8_t bytes[512];
};

static int names_fd = -1;
static pthread_t names_thread;
static atomic_bool names_ending;
static struct packet held[HELD];
static unsigned held_first, held_last;

/* The question's name as text, and its type. */
static unsigned packet_read(struct packet *p, char *name) {
  size_t at = HEAD, len = 0;
  while (p->bytes[at] != 0) {
    uint8_t part = p->bytes[at];
    memcpy(name + len, p->bytes + at + 1, part);
    len += part;
    name[len++] = '.';
    at += part + 1u;
  }
  name[len] = '\0';
  p->len = at + 5;
  return p->bytes[at + 2];
}

static void packet_add(struct packet *p, const void *bytes, size_t len) {
  memcpy(p->bytes + p->len, bytes, len);
  p->len += len;
}

#define ADD(p, literal) packet_add(p, "" literal, sizeof(literal) - 1)

/* With |rcode|, or with what the type has. */
static void packet_answer(struct packet *p, unsigned type, unsigned rcode) {
  uint8_t answers = 0;
  if (rcode == 0 && type == TYPE_A) {
    answers = 2;
    ADD(p, "\xc0\x0c\0\5\0\1\0\0\0\0\0\x0b\x09"
           "canonical\0");
    ADD(p, "\x09"
           "canonical\0\0\1\0\1\0\0\0\0\0\4\xc0\0\2\1");
  } else if (rcode == 0 && type == TYPE_PTR) {
    answers = 1;
    ADD(p, "\xc0\x0c\0\x0c\0\1\0\0\0\0\0\x0e\4host\7example\0");
  }
  p->bytes[2] = 0x81;
  p->bytes[3] = (uint8_t)(0x80 | rcode);
  memset(p->bytes + 6, 0, 6);
  p->bytes[7] = answers;
  sendto(names_fd, p->bytes, p->len, 0, (struct sockaddr *)&p->from,
         sizeof p->from);
}

static void packet_serve(struct packet *p) {
  char name[512];
  unsigned type = packet_read(p, name);
  if (begins(name, "mute"))
    return;
  if (type == TYPE_A || type == TYPE_PTR)
    atomic_fetch_add(&names_lookups, 1);
  if (begins(name, "wait") && type == TYPE_A) {
    require(held_last - held_first < HELD, "too many wait");
    held[held_last++ % HELD] = *p;
    sem_post(&names_arrived);
    return;
  }
  packet_answer(p, type,
                begins(name, "no")       ? 3
                : begins(name, "broken") ? 2
                                         : 0);
}

static void *names_run(void *arg) {
  struct pollfd poller = {.fd = names_fd, .events = POLLIN};
  (void)arg;
  while (!atomic_load(&names_ending)) {
    struct packet p = {0};
    socklen_t size = sizeof p.from;
    while (held_first != held_last && sem_trywait(&names_gate) == 0)
      packet_answer(&held[held_first++ % HELD], TYPE_A, 0);
    if (poll(&poller, 1, 1) == 1 &&
        recvfrom(names_fd, p.bytes, sizeof p.bytes / 2, 0,
                 (struct sockaddr *)&p.from, &size) > HEAD)
      packet_serve(&p);
  }
  return NULL;
}

static int names_bind(void) {
  static char servers[32];
  struct sockaddr_in in = {.sin_family = AF_INET,
                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof in;
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  require(bind(fd, (struct sockaddr *)&in, size) == 0, "no port");
  getsockname(fd, (struct sockaddr *)&in, &size);
  snprintf(servers, sizeof servers, "127.0.0.1:%u", ntohs(in.sin_port));
  plait__cares_servers = servers;
  return fd;
}

void names_serve(void) {
  int more = 1 << 20;
  names_stop();
  names_fd = names_bind();
  setsockopt(names_fd, SOL_SOCKET, SO_RCVBUF, &more, sizeof more);
  held_first = held_last = 0;
  atomic_store(&names_ending, false);
  require(pthread_create(&names_thread, NULL, names_run, NULL) == 0,
          "no thread");
}

void names_stop(void) {
  if (names_fd < 0)
    return;
  atomic_store(&names_ending, true);
  pthread_join(names_thread, NULL);
  close(names_fd);
  names_fd = -1;
}

void names_serve_nobody(void) {
  names_stop();
  close(names_bind());
}
