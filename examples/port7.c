/* The echo service (RFC 862) over TCP and UDP, with a log of who came:
 *
 *     port7                     on port 12345, IPv6 and IPv4
 *     port7 tcp:7 udp:7         the real one
 */
#include <plait.h>
#include <stdio.h>

struct echo {
  plait_protocol base; /* comes first */
  char peer[PLAIT_ADDRESS_TEXT_MAX];
  uint64_t bytes;
};

static struct echo *echo_of(plait_protocol *p) {
  return plait_container_of(p, struct echo, base);
}

static void echo_made(plait_protocol *p) {
  struct echo *self = echo_of(p);
  plait_address peer = {0};
  plait_transport_peer(p->transport, &peer);
  plait_address_format(&peer, self->peer, sizeof self->peer);
  fprintf(stderr, "%s: connected\n", self->peer);
}

static void echo_data(plait_protocol *p, const uint8_t *data, size_t len) {
  echo_of(p)->bytes += len;
  if (!plait_write(p->transport, data, len)) {
    plait_pause_reading(p->transport); /* until it has read some of it */
  }
}

static void echo_resume(plait_protocol *p) {
  plait_resume_reading(p->transport);
}

static void echo_lost(plait_protocol *p, int reason) {
  struct echo *self = echo_of(p);
  fprintf(stderr, "%s: %llu bytes, %s\n", self->peer,
          (unsigned long long)self->bytes, plait_strerror(reason));
}

static const plait_protocol_ops echo = {
    .name = "echo",
    .size = PLAIT_INSTANCE(struct echo, base),
    .connection_made = echo_made,
    .data_received = echo_data,
    .resume_writing = echo_resume,
    .connection_lost = echo_lost,
};

static void echo_datagram(plait_datagram_protocol *p, const uint8_t *data,
                          size_t len, const plait_datagram_info *info) {
  char peer[PLAIT_ADDRESS_TEXT_MAX];
  plait_address_format(info->from, peer, sizeof peer);
  fprintf(stderr, "%s: a datagram of %zu bytes\n", peer, len);
  plait_datagram_reply(p->socket, info, data, len);
}

static const plait_datagram_ops echo_datagrams = {
    .name = "echo",
    .size = sizeof(plait_datagram_protocol),
    .datagram_received = echo_datagram,
};

int main(int argc, char **argv) {
  const char *tcp = argc > 1 ? argv[1] : "tcp:12345:interface=\\:\\:";
  const char *udp = argc > 2 ? argv[2] : "udp:12345:interface=\\:\\:";
  plait_factory streams = {.protocol = &echo, .limits.idle_ms = 300000};
  plait_datagram_factory datagrams = {.protocol = &echo_datagrams,
                                      .limits.datagram_bytes_max = 65535};
  plait_runtime_options options = {.reactors = PLAIT_PER_CPU,
                                   .handle_signals = true};
  plait_runtime *runtime = NULL;
  plait_listener *listener;
  plait_datagram_port *port;

  if (plait_runtime_new(&options, &runtime) < 0 ||
      plait_listen(runtime, tcp, &streams, NULL, &listener) < 0 ||
      plait_datagram_listen(runtime, udp, &datagrams, NULL, &port) < 0) {
    fprintf(stderr, "%s\n", plait_error_detail());
    plait_runtime_free(runtime);
    return 1;
  }
  printf("listening on %s and %s\n", plait_listener_endpoint(listener),
         plait_datagram_port_endpoint(port));
  fflush(stdout);
  int code = plait_run(runtime); /* Ctrl-C: no more come, and those end. */
  plait_runtime_free(runtime);
  return code < 0;
}
