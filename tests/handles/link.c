#include "handles/link.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/require.h"

enum { DEAF = 8 };

struct links links;

size_t packet_fill(union packet *packet, unsigned sender, uint32_t number,
                   uint32_t len) {
  packet->message = (struct message){MAGIC, sender, number, len};
  size_t size = sizeof packet->message + len;
  for (size_t k = sizeof packet->message; k < size; k++)
    packet->bytes[k] = (uint8_t)(number + k);
  return size;
}

/* ---- checkers ------------------------------------------------------------*/

/* The end that looks at what comes. */
struct checker {
  plait_protocol base;
  plait_timer timer;
  uint32_t next[SENDERS + 1];
  size_t have;
  union packet in;
  unsigned rests;
  uint32_t answers;
  bool full; /* there is no room for an answer */
};

/* One for each message, as long as there is room. */
static void checker_answer(struct checker *c) {
  struct message m = {MAGIC, SENDERS, c->answers, 0};
  if (c->full || plait_transport_closing(c->base.transport))
    return;
  c->answers++;
  c->full = !plait_write(c->base.transport, &m, sizeof m);
}

static void checker_resume(plait_protocol *p) {
  struct checker *c = (struct checker *)p;
  c->full = false;
}

static void checker_message(struct checker *c) {
  const struct message *m = &c->in.message;
  require(m->magic == MAGIC && m->sender <= SENDERS && m->len <= PAYLOAD_MAX,
          "not a message");
  require(m->number == c->next[m->sender], "sender %u: %u came, not %u",
          m->sender, m->number, c->next[m->sender]);
  c->next[m->sender]++;
  for (size_t i = sizeof *m; i < c->have; i++)
    require(c->in.bytes[i] == (uint8_t)(m->number + i), "a torn message");
  c->have = 0;
  atomic_fetch_add(&links.checked, 1);
  checker_answer(c);
}

static size_t checker_wants(const struct checker *c) {
  if (c->have < sizeof c->in.message)
    return sizeof c->in.message - c->have;
  return sizeof c->in.message + c->in.message.len - c->have;
}

static void checker_wake(plait_timer *timer) {
  struct checker *c = plait_container_of(timer, struct checker, timer);
  plait_resume_reading(c->base.transport);
}

static void checker_data(plait_protocol *p, const uint8_t *data, size_t len) {
  struct checker *c = (struct checker *)p;
  while (len > 0) {
    size_t n = checker_wants(c);
    n = n < len ? n : len;
    memcpy(c->in.bytes + c->have, data, n);
    c->have += n;
    data += n;
    len -= n;
    require(c->have < sizeof c->in.message || c->in.message.len <= PAYLOAD_MAX,
            "not a message");
    if (c->have >= sizeof c->in.message && checker_wants(c) == 0)
      checker_message(c);
  }
  /* A slow reader now and then. */
  if (++c->rests % 50 != 0)
    return;
  plait_pause_reading(p->transport);
  plait_timer_start(&c->timer, 10, 0);
}

/* Some never read, so that queues fill for certain. */
static void checker_made(plait_protocol *p) {
  struct checker *c = (struct checker *)p;
  static atomic_uint turn;
  if (atomic_fetch_add(&turn, 1) % DEAF == 0)
    plait_pause_reading(p->transport);
  plait_timer_init(&c->timer, p->transport, checker_wake);
}

static const plait_protocol_ops checker_ops = {
    .name = "checker",
    .size = PLAIT_INSTANCE(struct checker, base),
    .connection_made = checker_made,
    .data_received = checker_data,
    .resume_writing = checker_resume};

/* ---- links ---------------------------------------------------------------*/

void links_open(plait_runtime *runtime) {
  links.runtime = runtime;
  for (int i = 0; i < 2; i++) {
    plait_factory *t = &links.targets[i], *c = &links.checkers[i];
    t->protocol = target_protocol;
    t->limits.high_bytes = 8000;
    t->limits.low_bytes = 2000;
    t->limits.flush_ms = 20;
    t->limits.linger_ms = 20;
    c->protocol = &checker_ops;
    t->dispatch = c->dispatch = (plait_dispatch)i;
  }
  for (unsigned i = 0; i < LINKS; i++)
    link_new();
}

static int link_end(unsigned reactor, int fd, plait_factory *factory) {
  plait_reactor *r = plait_runtime_reactor(links.runtime, reactor % REACTORS);
  int code = plait_adopt(r, fd, factory);
  require(code == 0 || code == PLAIT_ECLOSED, "adopt: %s",
          plait_strerror(code));
  if (code != 0)
    close(fd);
  return code;
}

void link_new(void) {
  static atomic_uint turn;
  int fds[2];
  require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0,
          "no socket pair");
  int small = 4096;
  setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  unsigned i = atomic_fetch_add(&turn, 1);
  if (link_end(i, fds[0], &links.targets[i % 2]) == 0)
    atomic_fetch_add(&links.count, 1);
  link_end(i / 2, fds[1], &links.checkers[i / 4 % 2]);
}
