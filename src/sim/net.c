/* STUB. The io table of the backend in memory: streams between two ends, a name
 * space of listeners, readiness. */

#include <plait/error.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"
#include <stdio.h>
#define require(c, ...)                                                        \
  do {                                                                         \
    if (!(c)) {                                                                \
      fprintf(stderr, __VA_ARGS__);                                            \
      abort();                                                                 \
    }                                                                          \
  } while (0)

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
  struct plait__sim_socket *socket;
  plait__sim_event event;
};

struct plait__sim_socket {
  plait__socket head;
  struct memory_end *end; /* NULL once closed */
  unsigned interest;
  plait__loop *loop;
  struct plait__sim_socket *next; /* of those that were closed */
  struct plait__sim_socket *link;
};

static struct memory_end memory_ends[MEMORY_ENDS];
static uint16_t memory_port = MEMORY_FIRST_PORT;

plait__sim_road (*plait__sim_road_to)(const plait_address *peer);
static void memory_changed(struct memory_end *e) {
  if (e != NULL && e->socket != NULL && e->socket->loop != NULL)
    plait__sim_loop_ready(e->socket->loop);
}
static void memory_arrived(plait__sim_event *event) {
  memory_changed((struct memory_end *)((char *)event -
                                       offsetof(struct memory_end, event)));
}

static struct plait__sim_socket *memory_of(const plait__socket *socket) {
  return (struct plait__sim_socket *)(uintptr_t)socket;
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

/* ---- descriptors ---------------------------------------------------------*/

static struct memory_end *memory_end_new(void) {
  for (size_t i = 0; i < MEMORY_ENDS; i++) {
    struct memory_end *e = &memory_ends[i];
    if (e->open)
      continue;
    memset(e, 0, sizeof *e);
    e->event.fn = memory_arrived;
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

static void memory_pair(int ret_fds[2]) {
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
  memory_changed(e);
}

/* Unread bytes make a reset of it, as in TCP. */
static void memory_leave_peer(struct memory_end *e, bool reset) {
  struct memory_end *peer = e->peer;
  if (peer == NULL)
    return;
  peer->ended = true;
  peer->peer = NULL;
  memory_changed(peer);
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
  plait__sim_unset(&e->event);
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
  struct memory_end *found = NULL;
  unsigned n = 0;
  for (size_t i = 0; i < MEMORY_ENDS; i++) {
    struct memory_end *e = &memory_ends[i];
    if (e->open && e->listening && memory_same(&e->local, a) &&
        plait__sim_below(++n) == 0)
      found = e;
  }
  return found;
}

static int memory_listen(const plait__listen_spec *spec, int *ret_fds,
                         const char **ret_step) {
  *ret_step = "bind";
  if (memory_listener(spec->address) != NULL)
    return PLAIT_EADDRINUSE;
  plait_address local = *spec->address;
  if (local.family != PLAIT_UNIX && local.port == 0)
    local.port = memory_port++;
  unsigned count =
      local.family == PLAIT_UNIX || spec->sockets == 0 ? 1 : spec->sockets;
  for (unsigned i = 0; i < count; i++) {
    struct memory_end *e = memory_end_new();
    if (e == NULL)
      return PLAIT_EMFILE;
    e->listening = true;
    e->backlog_max = spec->backlog;
    e->local = local;
    ret_fds[i] = memory_fd(e);
  }
  return 0;
}

static int memory_accept(plait__socket *listening, int *ret_fd,
                         plait_address *ret_peer) {
  plait__sim_point();
  plait__sim_trace("io.accept", 0, 0);
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
  memory_changed(listener);
}

/* Sends |e| on its way; false if it gets no further than that. */
static bool memory_depart(struct memory_end *e, plait__sim_road road) {
  if (road.ms == UINT64_MAX) {
    e->arrival_ns = UINT64_MAX;
    return false;
  }
  e->arrival_ns = plait__sim_now_ns() + road.ms * 1000000;
  plait__sim_at(&e->event, e->arrival_ns);
  if (road.code != 0)
    memory_fail(e, road.code);
  return road.code == 0;
}

static int memory_connect(const plait_address *peer, const plait_address *local,
                          int *ret_fd, const char **ret_step) {
  plait__sim_point();
  plait__sim_trace("io.connect", 0, 0);
  plait__sim_road road = {0};
  if (plait__sim_road_to != NULL)
    road = plait__sim_road_to(peer);
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
  plait__sim_point();
  plait__sim_trace("io.attach", 0, 0);
  struct plait__sim_socket *s = memory_of(socket);
  s->end = memory_end_of(fd);
  s->loop = loop;
  s->link = loop->ready;
  loop->ready = s;
  require(s->end->socket == NULL, "descriptor %d attached twice", fd);
  s->end->socket = s;
  s->interest = 0;
  s->next = NULL;
  return 0;
}

static int memory_socket_fd(const plait__socket *socket) {
  const struct plait__sim_socket *s = memory_of(socket);
  return s->end == NULL ? -1 : memory_fd(s->end);
}

static void memory_interest(plait__socket *socket, unsigned interest) {
  plait__sim_point();
  plait__sim_trace("io.interest", 0, 0);
  struct plait__sim_socket *s = memory_of(socket);
  require(s->end != NULL, "interest in a closed socket");
  s->interest = interest;
  plait__sim_loop_ready(s->loop);
}

static void memory_close(plait__socket *socket, bool reset) {
  plait__sim_point();
  plait__sim_trace("io.close", 0, 0);
  struct plait__sim_socket *s = memory_of(socket);
  require(s->end != NULL, "a socket closed twice");
  memory_end_close(s->end, reset);
  s->end = NULL;
  struct plait__sim_socket **at = &s->loop->ready;
  while (*at != s)
    at = &(*at)->link;
  *at = s->link;
  s->next = s->loop->closed;
  s->loop->closed = s;
  plait__sim_loop_ready(s->loop);
}

/* ---- bytes ---------------------------------------------------------------*/

static ptrdiff_t memory_read(plait__socket *socket, void *buffer, size_t len) {
  plait__sim_point();
  plait__sim_trace("io.read", 0, 0);
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
  memory_changed(e->peer);
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
  memory_changed(to);
  return n;
}

static ptrdiff_t memory_writev(plait__socket *socket, const plait__iovec *v,
                               size_t n) {
  plait__sim_point();
  plait__sim_trace("io.writev", 0, 0);
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
  plait__sim_point();
  plait__sim_trace("io.shut_wr", 0, 0);
  struct memory_end *e = memory_of(socket)->end;
  e->ending = true;
  if (e->peer != NULL)
    e->peer->ended = true;
  memory_changed(e->peer);
  memory_changed(e);
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

const plait__io plait__sim_io = {.socket_bytes =
                                     sizeof(struct plait__sim_socket),
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
  if (interest == 0 || e->arrival_ns > plait__sim_now_ns())
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

static bool memory_finish_closed(plait__loop *loop) {
  struct plait__sim_socket *s = loop->closed;
  bool any = s != NULL;
  loop->closed = NULL;
  for (struct plait__sim_socket *next; s != NULL; s = next) {
    next = s->next;
    s->head.events->closed(&s->head);
  }
  return any;
}

bool plait__sim_net_dispatch(plait__loop *loop, plait_reactor *reactor) {
  bool some = memory_finish_closed(loop);
  (void)reactor;
  for (size_t i = 0; i < MEMORY_ENDS; i++) {
    struct memory_end *e = &memory_ends[i];
    if (!e->open || e->socket == NULL || e->socket->loop != loop)
      continue;
    unsigned events = memory_events(e, e->socket->interest);
    if (events == 0)
      continue;
    some = true;
    plait__sim_dispatch(loop, &e->socket->head, events);
  }
  return some;
}
int plait__sim_net_open(void) {
  for (int i = 0; i < MEMORY_ENDS; i++)
    if (plait__sim_events_reserve())
      return PLAIT_ENOMEM;
  return 0;
}
void plait__sim_net_close(void) {
  memset(memory_ends, 0, sizeof memory_ends);
}
unsigned plait__sim_net_count(void) {
  unsigned n = 0;
  for (size_t i = 0; i < MEMORY_ENDS; i++)
    n += memory_ends[i].open;
  return n;
}
int plait__sim_net_first(void) {
  return -1;
}
void plait__sim_net_changed(void) {
}
int plait_sim_pair(plait_sim *sim, int r[2]) {
  (void)sim;
  memory_pair(r);
  return 0;
}
