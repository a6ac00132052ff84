/* Sends random payloads to a server that echoes frames, and checks each echo:
 *
 *     framed_client CODEC ENDPOINT SEED COUNT LIMIT
 *
 * It sends as far ahead of the echoes as back-pressure lets it.  The payloads
 * are the same whenever the seed is, so what comes back is checked against a
 * second source of them and nothing is kept.  The first ones have 0, 1,
 * LIMIT - 1 and LIMIT bytes.
 */
#include <plait.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- payloads ---------------------------------------------------------- */

enum { SMALL = 300 }; /* most have no more */

struct source {
  uint64_t state;
  unsigned given;
  size_t limit;
  uint8_t *payload; /* the last one */
};

static uint64_t source_random(struct source *s) {
  uint64_t mixed = s->state += UINT64_C(0x9e3779b97f4a7c15);
  mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
  return mixed ^ mixed >> 31;
}

static size_t source_size(struct source *s) {
  const size_t first[] = {0, 1, s->limit - 1, s->limit};
  uint64_t random = source_random(s);
  size_t most = random % 8 > 0 && s->limit > SMALL ? SMALL : s->limit;

  if (s->given < sizeof first / sizeof *first)
    return first[s->given];
  return (size_t)(random / 8 % (most + 1));
}

/* The next payload; |text|: without bytes that end lines or strings. */
static plait_slice source_next(struct source *s, bool text) {
  size_t size = source_size(s);

  for (size_t i = 0; i < size; i++) {
    uint8_t byte = (uint8_t)(source_random(s) >> 56);
    bool ends = byte == '\r' || byte == '\n' || byte == '\0';
    s->payload[i] = text && ends ? '.' : byte;
  }
  s->given++;
  return (plait_slice){s->payload, size};
}

/* ---- the connection ---------------------------------------------------- */

struct kind {
  const char *name;
  const plait_protocol_ops *ops;
  void (*set_max)(plait_protocol *p, size_t bytes_max);
  /* 1: go on; 0: wait; negative: refused. */
  int (*send)(plait_protocol *p, plait_slice payload);
  bool text;
};

/* There is one connection, so all is around its factory. */
struct client {
  plait_factory factory;
  const struct kind *kind;
  struct source sent, expected;
  unsigned count;
  uint64_t bytes;
  bool failed;
};

static struct client *client_of(plait_factory *factory) {
  return plait_container_of(factory, struct client, factory);
}

static void client_fail(plait_protocol *p, const char *what) {
  struct client *c = client_of(p->factory);
  fprintf(stderr, "framed_client: %s %u of %u\n", what, c->expected.given,
          c->count);
  c->failed = true;
  plait_abort(p->transport);
}

static void client_send(plait_protocol *p) {
  struct client *c = client_of(p->factory);
  int answer = 1;

  while (c->sent.given < c->count && answer > 0)
    answer = c->kind->send(p, source_next(&c->sent, c->kind->text));
  if (answer < 0)
    client_fail(p, "a payload was refused, behind echo");
}

static void client_made(plait_protocol *p) {
  struct client *c = client_of(p->factory);
  c->kind->set_max(p, c->expected.limit);
  client_send(p);
}

static void client_echo(plait_protocol *p, plait_slice got) {
  struct client *c = client_of(p->factory);
  plait_slice wanted = source_next(&c->expected, c->kind->text);

  c->bytes += got.len;
  if (c->expected.given > c->sent.given)
    client_fail(p, "nobody asked for echo");
  else if (got.len != wanted.len ||
           (got.len > 0 && memcmp(got.data, wanted.data, got.len) != 0))
    client_fail(p, "something else than was sent is echo");
  else if (c->expected.given == c->count)
    plait_close(p->transport);
}

static void client_lost(plait_protocol *p, int reason) {
  struct client *c = client_of(p->factory);
  if (c->failed || (reason == 0 && c->expected.given == c->count))
    return;
  fprintf(stderr, "framed_client: connection lost behind echo %u of %u: %s\n",
          c->expected.given, c->count,
          reason == 0 ? "it was closed" : plait_strerror(reason));
  c->failed = true;
}

static void client_no_connection(plait_factory *factory,
                                 plait_connector *connector, int reason) {
  (void)connector, (void)reason;
  fprintf(stderr, "framed_client: %s\n", plait_error_detail());
  client_of(factory)->failed = true;
}

/* ---- kinds ------------------------------------------------------------- */

static plait_framed *framed_of(plait_protocol *p) {
  return plait_container_of(p, plait_framed, base);
}

static plait_line *line_of(plait_protocol *p) {
  return plait_container_of(p, plait_line, base);
}

static void framed_echo(plait_framed *framed, plait_slice payload) {
  client_echo(&framed->base, payload);
}

static void line_echo(plait_line *line, plait_slice text) {
  client_echo(&line->base, text);
}

static void framed_max(plait_protocol *p, size_t bytes_max) {
  plait_framed_set_max(framed_of(p), bytes_max);
}

static void line_max(plait_protocol *p, size_t bytes_max) {
  plait_line_set_max(line_of(p), bytes_max);
}

static int send_prefixed(plait_protocol *p, plait_slice payload) {
  return plait_prefixed_send(framed_of(p), payload.data, payload.len);
}

static int send_netstring(plait_protocol *p, plait_slice payload) {
  return plait_netstring_send(framed_of(p), payload.data, payload.len);
}

static int send_delimited(plait_protocol *p, plait_slice payload) {
  return plait_delimited_send(framed_of(p), payload.data, payload.len);
}

static int send_line(plait_protocol *p, plait_slice payload) {
  return plait_line_send(line_of(p), payload.data, payload.len);
}

#define CALLBACKS                                                              \
  .base.connection_made = client_made, .base.connection_lost = client_lost,    \
  .base.resume_writing = client_send
#define FRAMED(codec_)                                                         \
  PLAIT_FRAMED_OPS(.base.name = "framed_client",                               \
                   .base.size = sizeof(plait_framed), CALLBACKS,               \
                   .codec = (codec_), .frame_received = framed_echo)

static const plait_delimited by_nul = PLAIT_DELIMITED(PLAIT_BYTES("\0"));
static const plait_framed_ops int8_ops = FRAMED(&plait_int8.codec);
static const plait_framed_ops int16_ops = FRAMED(&plait_int16.codec);
static const plait_framed_ops int32_ops = FRAMED(&plait_int32.codec);
static const plait_framed_ops netstring_ops = FRAMED(&plait_netstring);
static const plait_framed_ops delimited_ops = FRAMED(&by_nul.codec);
static const plait_line_ops line_ops =
    PLAIT_LINE_OPS(.base.name = "framed_client",
                   .base.size = sizeof(plait_line), CALLBACKS,
                   .line_received = line_echo, .ending = PLAIT_LINE_CRLF);

static const struct kind kinds[] = {
    {"int8", &int8_ops.base, framed_max, send_prefixed, false},
    {"int16", &int16_ops.base, framed_max, send_prefixed, false},
    {"int32", &int32_ops.base, framed_max, send_prefixed, false},
    {"netstring", &netstring_ops.base, framed_max, send_netstring, false},
    {"delimited", &delimited_ops.base, framed_max, send_delimited, true},
    {"line", &line_ops.base, line_max, send_line, true},
};

static const struct kind *kind_find(const char *name) {
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (strcmp(kinds[i].name, name) == 0)
      return &kinds[i];
  return NULL;
}

/* ---- the program ------------------------------------------------------- */

static struct source source_new(const char *seed, size_t limit) {
  struct source s = {.state = strtoull(seed, NULL, 10), .limit = limit};
  s.payload = malloc(limit);
  if (s.payload == NULL)
    abort();
  return s;
}

static int client_run(struct client *c, const char *endpoint) {
  plait_runtime *runtime = NULL;

  c->factory.protocol = c->kind->ops;
  c->factory.connect_failed = client_no_connection;
  if (plait_runtime_new(NULL, &runtime) < 0 ||
      plait_connect(runtime, endpoint, &c->factory, NULL, NULL) < 0) {
    fprintf(stderr, "framed_client: %s\n", plait_error_detail());
    plait_runtime_free(runtime);
    return 1;
  }
  int code = plait_run(runtime);
  plait_runtime_free(runtime);
  if (code < 0 || c->failed)
    return 1;
  printf("%u echoes, %llu bytes\n", c->count, (unsigned long long)c->bytes);
  return 0;
}

int main(int argc, char **argv) {
  const struct kind *kind = argc == 6 ? kind_find(argv[1]) : NULL;
  size_t limit = argc == 6 ? strtoul(argv[5], NULL, 10) : 0;

  if (kind == NULL || limit == 0 || atoi(argv[4]) <= 0) {
    fprintf(stderr, "usage: framed_client CODEC ENDPOINT SEED COUNT LIMIT\n"
                    "CODEC: int8, int16, int32, netstring, delimited, line\n");
    return 2;
  }
  struct client c = {.kind = kind,
                     .sent = source_new(argv[3], limit),
                     .expected = source_new(argv[3], limit),
                     .count = (unsigned)atoi(argv[4])};
  int status = client_run(&c, argv[2]);
  free(c.sent.payload);
  free(c.expected.payload);
  return status;
}
