/* A member of a group, or who sends to one, for tests/datagram_groups.py.
 *
 *   datagram_group ENDPOINT GROUP INTERFACE member
 *       joins, says "ready", prints "got TEXT to ADDRESS" for each datagram and
 *       answers it; "leave" makes it leave, and "end" ends it
 *   datagram_group ENDPOINT GROUP INTERFACE send TTL LOOP TEXT PORT
 *       sends TEXT to the group at PORT, and prints "answer TEXT" until one is
 * "end" */
#include <net/if.h>
#include <plait.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const *words;
static unsigned interface;

static void check(int code) {
  if (code >= 0)
    return;
  fprintf(stderr, "%s\n", plait_strerror(code));
  exit(1);
}

static plait_address group(int port) {
  plait_address ret;
  check(plait_address_parse(words[1], (uint16_t)port, &ret));
  return ret;
}

static void say(const char *what, const uint8_t *data, size_t len) {
  printf("%s %.*s", what, (int)len, (const char *)data);
}

static bool is(const char *text, const uint8_t *data, size_t len) {
  return len == strlen(text) && memcmp(data, text, len) == 0;
}

static void member_started(plait_datagram_protocol *p) {
  plait_address g = group(0);
  check(plait_datagram_join(p->socket, &g, interface));
  printf("ready\n");
  fflush(stdout);
}

static void member_got(plait_datagram_protocol *p, const uint8_t *data,
                       size_t len, const plait_datagram_info *info) {
  char to[PLAIT_ADDRESS_TEXT_MAX];
  plait_address g = group(0);
  if (is("leave", data, len))
    check(plait_datagram_leave(p->socket, &g, interface));
  say("got", data, len);
  printf(" to %s%s\n", plait_address_format_ip(info->to, to, sizeof to),
         info->to_many ? ", many" : "");
  fflush(stdout);
  check(plait_datagram_reply(p->socket, info, data, len));
  if (is("end", data, len))
    plait_datagram_close(p->socket);
}

static void sender_started(plait_datagram_protocol *p) {
  plait_address g = group(atoi(words[7]));
  check(plait_datagram_set_multicast_interface(p->socket, interface));
  check(plait_datagram_set_multicast_ttl(p->socket, (unsigned)atoi(words[4])));
  check(plait_datagram_set_multicast_loop(p->socket, atoi(words[5]) != 0));
  check(plait_datagram_send(p->socket, words[6], strlen(words[6]), &g));
}

static void sender_got(plait_datagram_protocol *p, const uint8_t *data,
                       size_t len, const plait_datagram_info *info) {
  (void)info;
  say("answer", data, len);
  printf("\n");
  fflush(stdout);
  if (is("end", data, len))
    plait_datagram_close(p->socket);
}

static const plait_datagram_ops member = {
    .name = "member",
    .size = sizeof(plait_datagram_protocol),
    .started = member_started,
    .datagram_received = member_got,
};

static const plait_datagram_ops sender = {
    .name = "sender",
    .size = sizeof(plait_datagram_protocol),
    .started = sender_started,
    .datagram_received = sender_got,
};

int main(int argc, char **argv) {
  plait_datagram_options options = {.shared = true};
  plait_datagram_factory factory = {0};
  plait_runtime *runtime;
  if (argc != 5 && argc != 9)
    return 2;
  words = (const char *const *)argv + 1;
  interface = if_nametoindex(argv[3]);
  factory.protocol = argc == 5 ? &member : &sender;
  check(plait_runtime_new(NULL, &runtime));
  check(plait_datagram_listen(runtime, argv[1], &factory, &options, NULL));
  check(plait_run(runtime));
  check(plait_runtime_free(runtime));
  return 0;
}
