#include "support/ends.h"

#include <string.h>

#include "core/reactor.h"
#include "support/pattern.h"
#include "support/require.h"

enum { ENDS_STEP_US = 10 };

static plait_reactor reactor;
static plait__loop *loop;
static unsigned places;

static const plait__io *const io = &plait__sim_io;

static struct end *end_of(plait__socket *socket) {
  return plait_container_of(socket, struct end, head.base);
}

/* ---- the world -----------------------------------------------------------*/

void ends_begin(plait_sim_options options) {
  sim_begin(options);
  memset(&reactor, 0, sizeof reactor);
  reactor.os = &plait__sim_os;
  require(plait__sim_os.loop_new(&reactor, &loop) == 0, "no loop");
}

void ends_end(void) {
  plait__sim_os.loop_free(loop);
  sim_end();
}

bool ends_round(void) {
  return plait__sim_net_dispatch(loop, &reactor);
}

void ends_run(uint64_t us) {
  uint64_t until_ns = plait_sim_now_ns(sim) + us * 1000;
  do {
    plait_sim_sleep_us(sim, us < ENDS_STEP_US ? us : ENDS_STEP_US);
    ends_round();
  } while (plait_sim_now_ns(sim) < until_ns);
}

/* ---- sockets -------------------------------------------------------------*/

static void end_ready(plait__socket *socket, unsigned events) {
  struct end *e = end_of(socket);
  require(!e->closed, "an event after the end");
  e->seen |= events;
  e->count++;
  e->place = ++places;
  reactor.events = 0; /* or it would take a turn */
  if (e->ready != NULL)
    e->ready(e, events);
}

static void end_closed(plait__socket *socket) {
  end_of(socket)->closed = true;
}

static const plait__socket_events end_events = {end_ready, end_closed};

void end_attach(struct end *e, int fd) {
  void (*ready)(struct end *, unsigned) = e->ready;
  memset(e, 0, sizeof *e);
  e->ready = ready;
  e->reading = e->writing = PUMP_GOES_ON;
  e->head.base.events = &end_events;
  require(io->attach(loop, &e->head.base, fd) == 0, "not attached");
}

int end_fd(const struct end *e) {
  return io->fd(&e->head.base);
}

void end_want(struct end *e, unsigned interest) {
  io->interest(&e->head.base, interest);
}

void end_forget(struct end *e) {
  e->seen = e->count = 0;
}

void end_close(struct end *e, bool reset) {
  io->close(&e->head.base, reset);
  require(!e->closed, "told inside the call");
  require(end_fd(e) == -1, "still a descriptor");
}

/* ---- bytes ---------------------------------------------------------------*/

ptrdiff_t end_read(struct end *e, void *buffer, size_t len) {
  return io->read(&e->head.base, buffer, len);
}

static ptrdiff_t end_read_some(struct end *e) {
  uint8_t buffer[997];
  ptrdiff_t n = end_read(e, buffer, sizeof buffer);
  if (n <= 0)
    return n;
  require(pattern_match(buffer, e->received, (size_t)n) == (size_t)n,
          "other bytes, from %zu on", e->received);
  e->received += (size_t)n;
  return n;
}

ptrdiff_t end_read_all(struct end *e) {
  size_t before = e->received;
  if (io->unread(&e->head.base) == 0)
    return end_read_some(e);
  while (io->unread(&e->head.base) > 0)
    end_read_some(e);
  return (ptrdiff_t)(e->received - before);
}

/* In two pieces. */
ptrdiff_t end_write(struct end *e, size_t len) {
  static uint8_t bytes[1 << 17];
  require(len <= sizeof bytes, "%zu bytes at once", len);
  pattern_fill(bytes, e->sent, len);
  plait__iovec v[] = {{bytes, len / 3}, {bytes + len / 3, len - len / 3}};
  ptrdiff_t n = io->writev(&e->head.base, v, 2);
  if (n > 0)
    e->sent += (size_t)n;
  return n;
}

int end_shut(struct end *e) {
  return io->shut_wr(&e->head.base);
}

static void pump_write(struct end *e, size_t total) {
  size_t left = total - e->sent;
  if (left == 0) {
    e->writing = end_shut(e);
    return;
  }
  ptrdiff_t n = end_write(e, left < 700 ? left : 700);
  if (n < 0 && n != PLAIT_EAGAIN)
    e->writing = (int)n;
}

static void pump_read(struct end *e) {
  ptrdiff_t n = end_read_some(e);
  if (n <= 0 && n != PLAIT_EAGAIN)
    e->reading = (int)n;
}

/* A failure comes with no interest left, and reading tells what it is. */
void end_pump(struct end *e, size_t total) {
  bool failed = e->seen & PLAIT__FAILED;
  if (e->reading == PUMP_GOES_ON)
    pump_read(e);
  while (failed && e->reading == PUMP_GOES_ON)
    pump_read(e);
  if (e->writing == PUMP_GOES_ON)
    pump_write(e, total);
  end_want(e, (e->reading == PUMP_GOES_ON ? PLAIT__READABLE : 0u) |
                  (e->writing == PUMP_GOES_ON ? PLAIT__WRITABLE : 0u));
}

/* ---- addresses -----------------------------------------------------------*/

plait_address end_address(const char *text, uint16_t port) {
  plait_address a;
  require(plait_address_parse(text, port, &a) == 0, "%s", text);
  return a;
}

plait_address end_path(const char *path) {
  plait_address a = {.family = PLAIT_UNIX};
  memcpy(a.path, path, strlen(path) + 1);
  return a;
}

int end_listen(struct end *listeners, unsigned count, plait_address *address,
               unsigned backlog) {
  plait__listen_spec spec = {.address = address,
                             .backlog = backlog,
                             .sockets = count,
                             .dual = true,
                             .mode = -1};
  int fds[16];
  const char *step = NULL;
  require(count <= 16, "%u listeners", count);
  int code = io->listen(&spec, fds, &step);
  require(code == 0 || step != NULL, "no step");
  for (unsigned i = 0; code == 0 && i < count; i++) {
    end_attach(&listeners[i], fds[i]);
    end_want(&listeners[i], PLAIT__READABLE);
  }
  if (code == 0)
    require(io->names(fds[0], false, address) == 0, "no name");
  return code;
}

int end_connect(struct end *e, const plait_address *address) {
  const char *step = NULL;
  int fd = -1, code = io->connect(address, NULL, &fd, &step);
  require(code == 0 || step != NULL, "no step");
  if (code != 0)
    return code;
  end_attach(e, fd);
  end_want(e, PLAIT__WRITABLE);
  return 0;
}

int end_finish(struct end *e) {
  return io->finish_connect(&e->head.base);
}

int end_accept(struct end *listener, struct end *e) {
  plait_address peer;
  int fd = -1, code = io->accept(&listener->head.base, &fd, &peer);
  if (code == 0)
    end_attach(e, fd);
  return code;
}

void ends_connect(struct end *a, struct end *b) {
  plait_address address = end_address("127.0.0.1", 0);
  struct end listener = {0};
  require(end_listen(&listener, 1, &address, 1) == 0, "not listening");
  require(end_connect(a, &address) == 0, "no connect");
  while (a->seen == 0)
    ends_run(10);
  require(end_finish(a) == 0, "not connected");
  require(end_accept(&listener, b) == 0, "not accepted");
  end_want(a, 0);
  end_forget(a);
  end_close(&listener, false);
  ends_run(1);
  require(listener.closed, "not told of the end");
}

void ends_pair(struct end *a, struct end *b) {
  int fds[2];
  require(plait_sim_pair(sim, fds) == 0, "no pair");
  end_attach(a, fds[0]);
  end_attach(b, fds[1]);
}
