/* The io table of the backend in memory: streams between two ends, a name
 * space of listeners, readiness. */
#include "support/memory_streams.h"

#include <plait/error.h>
#include <stdlib.h>
#include <string.h>

#include "support/memory_driver.h"
#include "support/require.h"

enum {
  MEMORY_ENDS = 2048,
  MEMORY_FIRST_FD = 10000, /* no descriptor of the kernel's */
  MEMORY_CAPACITY = 64 << 10,
  MEMORY_FIRST_PORT = 40000
};

/* A descriptor. */
struct memory_end {
  bool open, listening, connected, connecting, refusing;
  struct memory_end *peer; /* NULL once it is closed */
  uint8_t *bytes;          /* a ring: what the peer sent and nobody read */
  size_t head, len;
  bool ended;          /* the peer sends no more */
  bool ending;         /* nor do we */
  int failure;         /* what is left to say once the bytes are read */
  uint64_t arrival_ns; /* until then nobody hears of it */
  bool told;           /* FAILED was reported */
  plait_address local, remote;
  struct memory_end *backlog, *next; /* of a listener: first, next one */
  unsigned waiting, backlog_max;
  struct memory_socket *socket;
};

struct memory_socket {
  plait__socket head;
  struct memory_end *end; /* NULL once closed */
  unsigned interest;
  struct memory_socket *next; /* of those that were closed */
};

static struct memory_end memory_ends[MEMORY_ENDS];
static struct memory_socket *memory_closed;
static uint16_t memory_port = MEMORY_FIRST_PORT;

struct memory_road (*memory_road)(const plait_address *peer);

static struct memory_socket *memory_of(const plait__socket *socket) {
  return (struct memory_socket *)(uintptr_t)socket;
}

static int memory_fd(const struct memory_end *e) {
  return MEMORY_FIRST_FD + (int)(e - memory_ends);
}

static struct memory_end *memory_end_of(int fd) {
  require(fd >= MEMORY_FIRST_FD && fd < MEMORY_FIRST_FD + MEMORY_ENDS,
          "descriptor %d was never given out", fd);
  struct memory_end *e = &memory_ends[fd - MEMORY_FIRST_FD];
  require(e->open, "descriptor %d is closed", fd);
  return e;
}

unsigned memory_open_count(void) {
  unsigned n = 0;
  for (size_t i = 0; i < MEMORY_ENDS; i++)
    n += memory_ends[i].open;
  return n;
}

/* ---- descriptors ---------------------------------------------------------*/

static struct memory_end *memory_end_new(void) {
  for (size_t i = 0; i < MEMORY_ENDS; i++) {
    struct memory_end *e = &memory_ends[i];
    if (e->open)
      continue;
    memset(e, 0, sizeof *e);
    e->open = true;
    return e;
  }
  return NULL;
}

static void memory_join(struct memory_end *a, struct memory_end *b) {
  a->peer = b;
  b->peer = a;
  a->connected = b->connected = true;
  a->bytes = malloc(MEMORY_CAPACITY);
  b->bytes = malloc(MEMORY_CAPACITY);
  require(a->bytes != NULL && b->bytes != NULL, "no memory for a stream");
}

void memory_pair(int ret_fds[2]) {
  struct memory_end *a = memory_end_new();
  struct memory_end *b = memory_end_new();
  require(a != NULL && b != NULL, "too many ends");
  memory_join(a, b);
  ret_fds[0] = memory_fd(a);
  ret_fds[1] = memory_fd(b);
}

static void memory_fail(struct memory_end *e, int code) {
  if (e->failure == 0)
    e->failure = code;
  e->ended = true;
}

/* Unread bytes make a reset of it, as in TCP. */
static void memory_leave_peer(struct memory_end *e, bool reset) {
  struct memory_end *peer = e->peer;
  if (peer == NULL)
    return;
  peer->ended = true;
  peer->peer = NULL;
  if (reset || e->len > 0)
    memory_fail(peer, PLAIT_ECONNRESET);
}

static void memory_end_close(struct memory_end *e, bool reset) {
  struct memory_end *waiting = e->backlog;
  while (waiting != NULL) {
    struct memory_end *next = waiting->next;
    memory_end_close(waiting, true);
    waiting = next;
  }
  memory_leave_peer(e, reset);
  free(e->bytes);
  e->bytes = NULL;
  e->open = false;
}

static void memory_close_fd(int fd) {
  struct memory_end *e = memory_end_of(fd);
  require(e->socket == NULL, "close_fd of an attached descriptor");
  memory_end_close(e, false);
}

/* ---- listening and connecting --------------------------------------------*/

static bool memory_same(const plait_address *a, const plait_address *b) {
  return a->family == b->family && a->port == b->port &&
         strcmp(a->path, b->path) == 0;
}

static struct memory_end *memory_listener(const plait_address *a) {
  for (size_t i = 0; i < MEMORY_ENDS; i++) {
    struct memory_end *e = &memory_ends[i];
    if (e->open && e->listening && memory_same(&e->local, a))
      return e;
  }
  return NULL;
}

static int memory_listen(const plait__listen_spec *spec, int *ret_fds,
                         const char **ret_step) {
  require(spec->sockets <= 1 || spec->address->family == PLAIT_UNIX,
          "%u listening sockets for one thread", spec->sockets);
  *ret_step = "bind";
  if (memory_listener(spec->address) != NULL)
    return PLAIT_EADDRINUSE;
  struct memory_end *e = memory_end_new();
  if (e == NULL)
    return PLAIT_EMFILE;
  e->listening = true;
  e->backlog_max = spec->backlog;
  e->local = *spec->address;
  if (e->local.family != PLAIT_UNIX && e->local.port == 0)
    e->local.port = memory_port++;
  ret_fds[0] = memory_fd(e);
  return 0;
}

static int memory_accept(plait__socket *listening, int *ret_fd,
                         plait_address *ret_peer) {
  struct memory_end *e = memory_of(listening)->end;
  struct memory_end *taken = e->backlog;
  if (taken == NULL)
    return PLAIT_EAGAIN;
  e->backlog = taken->next;
  e->waiting--;
  *ret_fd = memory_fd(taken);
  *ret_peer = taken->remote;
  return 0;
}

static void memory_refuse(plait__socket *listening) {
  memory_of(listening)->end->refusing = true;
}

static void memory_enter_backlog(struct memory_end *listener,
                                 struct memory_end *e) {
  struct memory_end **at = &listener->backlog;
  while (*at != NULL)
    at = &(*at)->next;
  *at = e;
  listener->waiting++;
}

/* Sends |e| on its way; false if it gets no further than that. */
static bool memory_depart(struct memory_end *e, struct memory_road road) {
  if (road.ms == UINT64_MAX) {
    e->arrival_ns = UINT64_MAX;
    return false;
  }
  e->arrival_ns = memory_now_ns() + road.ms * 1000000;
  if (road.code != 0)
    memory_fail(e, road.code);
  return road.code == 0;
}

uint64_t memory_arrival_ns(void) {
  uint64_t first = UINT64_MAX;
  for (size_t i = 0; i < MEMORY_ENDS; i++) {
    const struct memory_end *e = &memory_ends[i];
    if (e->open && e->connecting && e->arrival_ns > memory_now_ns() &&
        e->arrival_ns < first)
      first = e->arrival_ns;
  }
  return first;
}

static int memory_connect(const plait_address *peer, const plait_address *local,
                          int *ret_fd, const char **ret_step) {
  struct memory_road road = {0};
  if (memory_road != NULL)
    road = memory_road(peer);
  *ret_step = "connect";
  if (road.code != 0 && road.ms == 0)
    return road.code;
  struct memory_end *listener = memory_listener(peer);
  if (listener == NULL && peer->family == PLAIT_UNIX)
    return PLAIT_ENOENT;
  struct memory_end *e = memory_end_new();
  if (e == NULL)
    return PLAIT_EMFILE;
  *ret_fd = memory_fd(e);
  e->connecting = true;
  e->local = local != NULL ? *local : *peer;
  e->local.port = peer->family == PLAIT_UNIX ? 0 : memory_port++;
  e->remote = *peer;
  if (!memory_depart(e, road))
    return 0;
  struct memory_end *other = NULL;
  if (listener != NULL && !listener->refusing &&
      listener->waiting < listener->backlog_max)
    other = memory_end_new();
  if (other == NULL) {
    memory_fail(e, PLAIT_ECONNREFUSED);
    return 0;
  }
  memory_join(e, other);
  other->local = *peer;
  other->remote = e->local;
  memory_enter_backlog(listener, other);
  return 0;
}

static int memory_finish_connect(plait__socket *socket) {
  struct memory_end *e = memory_of(socket)->end;
  e->connecting = false;
  return e->connected ? 0 : e->failure;
}

static int memory_adopt(int fd, bool listening) {
  if (fd < MEMORY_FIRST_FD || fd >= MEMORY_FIRST_FD + MEMORY_ENDS)
    return PLAIT_ENOTSOCK;
  const struct memory_end *e = &memory_ends[fd - MEMORY_FIRST_FD];
  if (!e->open)
    return PLAIT_EBADF;
  return (listening ? e->listening : e->connected) ? 0 : PLAIT_EINVAL;
}

/* ---- sockets -------------------------------------------------------------*/

static int memory_attach(plait__loop *loop, plait__socket *socket, int fd) {
  struct memory_socket *s = memory_of(socket);
  (void)loop;
  s->end = memory_end_of(fd);
  require(s->end->socket == NULL, "descriptor %d attached twice", fd);
  s->end->socket = s;
  s->interest = 0;
  s->next = NULL;
  return 0;
}

static int memory_socket_fd(const plait__socket *socket) {
  const struct memory_socket *s = memory_of(socket);
  return s->end == NULL ? -1 : memory_fd(s->end);
}

static void memory_interest(plait__socket *socket, unsigned interest) {
  struct memory_socket *s = memory_of(socket);
  require(s->end != NULL, "interest in a closed socket");
  s->interest = interest;
}

static void memory_close(plait__socket *socket, bool reset) {
  struct memory_socket *s = memory_of(socket);
  require(s->end != NULL, "a socket closed twice");
  memory_end_close(s->end, reset);
  s->end = NULL;
  s->next = memory_closed;
  memory_closed = s;
}

/* ---- bytes ---------------------------------------------------------------*/

static ptrdiff_t memory_read(plait__socket *socket, void *buffer, size_t len) {
  struct memory_end *e = memory_of(socket)->end;
  require(len > 0, "a read of nothing");
  if (e->len == 0) {
    if (e->failure != 0)
      return e->failure;
    return e->ended ? 0 : PLAIT_EAGAIN;
  }
  size_t n = len < e->len ? len : e->len;
  size_t first = MEMORY_CAPACITY - e->head;
  first = first < n ? first : n;
  memcpy(buffer, e->bytes + e->head, first);
  memcpy((uint8_t *)buffer + first, e->bytes, n - first);
  e->head = (e->head + n) % MEMORY_CAPACITY;
  e->len -= n;
  return (ptrdiff_t)n;
}

static size_t memory_put(struct memory_end *to, const uint8_t *data,
                         size_t len) {
  size_t n = MEMORY_CAPACITY - to->len;
  n = n < len ? n : len;
  size_t at = (to->head + to->len) % MEMORY_CAPACITY;
  size_t first = MEMORY_CAPACITY - at;
  first = first < n ? first : n;
  memcpy(to->bytes + at, data, first);
  memcpy(to->bytes, data + first, n - first);
  to->len += n;
  return n;
}

static ptrdiff_t memory_writev(plait__socket *socket, const plait__iovec *v,
                               size_t n) {
  struct memory_end *e = memory_of(socket)->end;
  size_t sum = 0, wanted = 0;
  if (e->failure != 0 || e->ending)
    return e->failure == 0 || e->told ? PLAIT_EPIPE : e->failure;
  for (size_t i = 0; i < n; i++) {
    wanted += v[i].len;
    if (e->peer != NULL)
      sum += memory_put(e->peer, v[i].data, v[i].len);
  }
  if (e->peer == NULL) {
    /* Sent to nobody: the answer is a reset. */
    memory_fail(e, PLAIT_ECONNRESET);
    return (ptrdiff_t)wanted;
  }
  require(wanted > 0, "a write of nothing");
  return sum == 0 ? PLAIT_EAGAIN : (ptrdiff_t)sum;
}

static int memory_shut_wr(plait__socket *socket) {
  struct memory_end *e = memory_of(socket)->end;
  e->ending = true;
  if (e->peer != NULL)
    e->peer->ended = true;
  return 0;
}

static size_t memory_unread(plait__socket *socket) {
  return memory_of(socket)->end->len;
}

static size_t memory_unacked(plait__socket *socket) {
  const struct memory_end *e = memory_of(socket)->end;
  return e->peer == NULL ? 0 : e->peer->len;
}

static int memory_names(int fd, bool peer, plait_address *ret) {
  const struct memory_end *e = memory_end_of(fd);
  *ret = peer ? e->remote : e->local;
  return 0;
}

static int memory_option(plait__socket *socket, plait__option option,
                         unsigned value) {
  (void)socket;
  (void)option;
  (void)value;
  return 0;
}

/* The system's descriptors are not of this world. */
static int memory_watch(plait__loop *loop, plait__socket *socket, int fd,
                        unsigned events) {
  (void)loop, (void)socket, (void)fd, (void)events;
  return PLAIT_ENOTSUP;
}

static void memory_unwatch(plait__loop *loop, plait__socket *socket, int fd) {
  (void)loop, (void)socket, (void)fd;
}

const plait__io memory_io = {.socket_bytes = sizeof(struct memory_socket),
                             .listen = memory_listen,
                             .accept = memory_accept,
                             .refuse = memory_refuse,
                             .connect = memory_connect,
                             .finish_connect = memory_finish_connect,
                             .adopt = memory_adopt,
                             .attach = memory_attach,
                             .fd = memory_socket_fd,
                             .interest = memory_interest,
                             .read = memory_read,
                             .writev = memory_writev,
                             .shut_wr = memory_shut_wr,
                             .unacked = memory_unacked,
                             .unread = memory_unread,
                             .close = memory_close,
                             .close_fd = memory_close_fd,
                             .names = memory_names,
                             .option = memory_option,
                             .watch = memory_watch,
                             .rewatch = memory_watch,
                             .unwatch = memory_unwatch};

/* ---- readiness -----------------------------------------------------------*/

static bool memory_writable(const struct memory_end *e) {
  if (e->connecting || e->peer == NULL || e->ending)
    return true;
  return e->peer->len < MEMORY_CAPACITY;
}

static unsigned memory_events(struct memory_end *e, unsigned interest) {
  unsigned events = 0;
  if (interest == 0 || e->arrival_ns > memory_now_ns())
    return 0;
  if (e->listening)
    return e->backlog != NULL ? interest & PLAIT__READABLE : 0;
  if (e->failure != 0 && !e->told) {
    e->told = true;
    return PLAIT__FAILED;
  }
  if (e->told)
    return 0;
  if (e->len > 0 || e->ended)
    events |= interest & PLAIT__READABLE;
  if (memory_writable(e))
    events |= interest & PLAIT__WRITABLE;
  if ((e->ended && e->ending) || (e->connected && e->peer == NULL))
    events |= interest & PLAIT__ALIVE;
  return events;
}

static bool memory_finish_closed(void) {
  struct memory_socket *s = memory_closed;
  memory_closed = NULL;
  for (struct memory_socket *next; s != NULL; s = next) {
    next = s->next;
    s->head.events->closed(&s->head);
    if (next == NULL)
      return true;
  }
  return false;
}

bool memory_dispatch(plait_reactor *reactor) {
  bool some = memory_finish_closed();
  for (size_t i = 0; i < MEMORY_ENDS; i++) {
    struct memory_end *e = &memory_ends[i];
    if (!e->open || e->socket == NULL)
      continue;
    unsigned events = memory_events(e, e->socket->interest);
    if (events == 0)
      continue;
    some = true;
    plait__dispatch(reactor, &e->socket->head, events);
  }
  return some;
}
