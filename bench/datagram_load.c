/* Loads a UDP echo: so many datagrams are in flight, each is compared when it
 * comes back, and the server's CPU time is read at both ends.
 *
 *   datagram_load PORT PID IN_FLIGHT DATAGRAMS together|apart
 *
 * A datagram is 64 bytes, its number eight times; numbers come back in order,
 * for there is one sender.  As many are sent at once as have come back at once:
 * together, as one packet that is cut on its way (GSO), or apart, by
 * sendmmsg().
 *
 * Prints "seconds=S server_s=S datagrams=N". */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { WORDS = 8, BYTES = WORDS * 8, IN_FLIGHT_MAX = 64, WARM = 2000 };

static struct mmsghdr messages[IN_FLIGHT_MAX];
static struct iovec pieces[IN_FLIGHT_MAX];
static uint64_t data[IN_FLIGHT_MAX][WORDS];
static uint64_t sent, received;
static bool together;

static void load_die(const char *what) {
  perror(what);
  exit(2);
}

static uint64_t load_clock(clockid_t id) {
  struct timespec t;
  if (clock_gettime(id, &t))
    load_die("clock");
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int load_connect(int port) {
  struct sockaddr_in a = {.sin_family = AF_INET,
                          .sin_port = htons((uint16_t)port),
                          .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a))
    load_die("connect");
  for (int i = 0; i < IN_FLIGHT_MAX; i++) {
    pieces[i] = (struct iovec){.iov_base = data[i], .iov_len = BYTES};
    messages[i].msg_hdr.msg_iov = &pieces[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  return fd;
}

static void load_send_together(int fd, unsigned n) {
  uint16_t segment = BYTES;
  _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof segment)] = {0};
  struct iovec piece = {.iov_base = data, .iov_len = n * (size_t)BYTES};
  struct msghdr message = {.msg_iov = &piece,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = sizeof control};
  struct cmsghdr *c = CMSG_FIRSTHDR(&message);
  c->cmsg_level = IPPROTO_UDP;
  c->cmsg_type = UDP_SEGMENT;
  c->cmsg_len = CMSG_LEN(sizeof segment);
  memcpy(CMSG_DATA(c), &segment, sizeof segment);
  if (sendmsg(fd, &message, 0) < 0)
    load_die("sendmsg");
}

static void load_send_apart(int fd, unsigned n) {
  if (sendmmsg(fd, messages, n, 0) != (int)n)
    load_die("sendmmsg");
}

static void load_send(int fd, unsigned n) {
  for (unsigned i = 0; i < n; i++, sent++)
    for (int k = 0; k < WORDS; k++)
      data[i][k] = sent;
  if (n == 0)
    return;
  if (together)
    load_send_together(fd, n);
  else
    load_send_apart(fd, n);
}

/* Waits for at least one. */
static unsigned load_receive(int fd, unsigned max) {
  struct pollfd p = {.fd = fd, .events = POLLIN};
  if (poll(&p, 1, 10000) != 1)
    load_die("FAIL: nothing comes back");
  int n = recvmmsg(fd, messages, max, MSG_DONTWAIT, NULL);
  if (n <= 0)
    load_die("recvmmsg");
  for (int i = 0; i < n; i++, received++)
    for (int k = 0; k < WORDS; k++)
      if (messages[i].msg_len != BYTES || data[i][k] != received) {
        fprintf(stderr, "FAIL: datagram %llu came back wrong\n",
                (unsigned long long)received);
        exit(1);
      }
  return (unsigned)n;
}

static void load_run(int fd, unsigned in_flight, uint64_t count) {
  uint64_t end = sent + count;
  load_send(fd, in_flight);
  while (received < end) {
    unsigned n = load_receive(fd, in_flight);
    uint64_t left = end > sent ? end - sent : 0;
    load_send(fd, left < n ? (unsigned)left : n);
  }
}

int main(int argc, char **argv) {
  clockid_t server;
  if (argc != 6 || clock_getcpuclockid(atoi(argv[2]), &server))
    return 2;
  together = strcmp(argv[5], "together") == 0;
  int fd = load_connect(atoi(argv[1]));
  unsigned in_flight = (unsigned)atoi(argv[3]);
  uint64_t count = strtoull(argv[4], NULL, 10);
  if (in_flight < 1 || in_flight > IN_FLIGHT_MAX)
    return 2;
  load_run(fd, in_flight, WARM);
  uint64_t begin = load_clock(CLOCK_MONOTONIC), cpu = load_clock(server);
  load_run(fd, in_flight, count);
  printf("seconds=%.6f server_s=%.9f datagrams=%llu\n",
         (double)(load_clock(CLOCK_MONOTONIC) - begin) / 1e9,
         (double)(load_clock(server) - cpu) / 1e9, (unsigned long long)count);
  return 0;
}
