/* Children: programs are functions of the test's, each on a thread of its own.
 *
 * Its descriptors are ends of streams that have no numbers here.  There are no
 * descriptors of processes: who waits for one looks now and then, so that is
 * tried out, too.  A signal reaches it when it next waits. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "sim/net.h"

enum {
  CHILD_FDS = PLAIT__SPAWN_FDS_MAX,
  CHILD_FIRST_PID = 1000,
  CHILD_CODE = 0xff
};

static const uint64_t CHILD_LOOK_NS = 100000;

typedef struct child_fd {
  int number;
  plait__spawn_kind kind;
  struct child_fd *same;     /* SAME: as this one */
  plait__sim_socket *socket; /* NULL: nothing, or closed */
  unsigned users;            /* of |socket|: numbers that are open */
  bool closed;               /* this number */
} child_fd;

struct plait_sim_child {
  plait_sim_thread thread;
  plait_sim_child *next;
  plait_sim_program_fn *fn;
  child_fd fds[CHILD_FDS];
  unsigned fd_count;
  int pid, signal; /* that ends it; 0: none */
  int status;
  uint64_t ignored;
};

typedef struct child_program {
  struct child_program *next;
  const char *path;
  plait_sim_program_fn *fn;
} child_program;

#define CHILD_BIT(number) (UINT64_C(1) << ((number)-1))
/* What does nothing to who has not asked for it. */
#define CHILD_IGNORED                                                          \
  (CHILD_BIT(SIGCHLD) | CHILD_BIT(SIGCONT) | CHILD_BIT(SIGURG) |               \
   CHILD_BIT(SIGWINCH))

static child_program *programs;
static plait_sim_child *children;
static int last_pid = CHILD_FIRST_PID;

int plait_sim_program(plait_sim *sim, const char *path,
                      plait_sim_program_fn *fn) {
  child_program *p = calloc(1, sizeof *p);
  (void)sim;
  if (p == NULL)
    return plait__fail(PLAIT_ENOMEM, "sim: out of memory");
  *p = (child_program){programs, path, fn};
  programs = p;
  return 0;
}

void plait__sim_programs_close(void) {
  for (child_program *p = programs, *next; p != NULL; p = next) {
    next = p->next;
    free(p);
  }
  programs = NULL;
  last_pid = CHILD_FIRST_PID;
}

static plait_sim_program_fn *program_find(const char *const *paths) {
  for (; *paths != NULL; paths++)
    for (const child_program *p = programs; p != NULL; p = p->next)
      if (strcmp(p->path, *paths) == 0)
        return p->fn;
  return NULL;
}

/* ---- descriptors --------------------------------------------------------- */

static bool is_end(plait__spawn_kind kind) {
  return kind == PLAIT__SPAWN_READS || kind == PLAIT__SPAWN_WRITES ||
         kind == PLAIT__SPAWN_SOCKET || kind == PLAIT__SPAWN_PTY;
}

/* Who writes to a pipe that nobody reads any more is told at once. */
static void fd_close(child_fd *d) {
  plait__sim_socket *s = d->socket;
  if (s == NULL)
    return;
  bool reset = d->kind == PLAIT__SPAWN_READS;
  plait__sim_stream_close(s, reset, reset);
  plait__sim_socket_free(s);
  d->socket = NULL;
}

static int fd_open(child_fd *d, plait__spawn_fd *ours) {
  plait__sim_socket *mine = NULL;
  int code = plait__sim_socket_open(PLAIT__SIM_CONNECTED, true, &mine);
  if (code != 0)
    return code;
  d->socket = plait__sim_socket_new(PLAIT__SIM_CONNECTED, true);
  if (d->socket == NULL) {
    plait__sim_socket_close(mine, false);
    plait__sim_socket_free(mine);
    return PLAIT_ENOMEM;
  }
  plait__sim_stream_join(mine, d->socket);
  d->users = 1;
  ours->fd = mine->fd;
  return 0;
}

static int child_open(plait_sim_child *c, const plait__spawn *spawn) {
  for (unsigned i = 0; i < spawn->fd_count; i++) {
    child_fd *d = &c->fds[i];
    plait__spawn_fd *ours = &spawn->fds[i];
    *d = (child_fd){.number = ours->number, .kind = ours->kind};
    c->fd_count++;
    if (ours->kind == PLAIT__SPAWN_SAME) {
      d->same = &c->fds[ours->fd];
      d->same->users++;
    }
    int code = is_end(ours->kind) ? fd_open(d, ours) : 0;
    if (code != 0)
      return code;
  }
  return 0;
}

static void child_close(plait_sim_child *c) {
  for (unsigned i = 0; i < c->fd_count; i++)
    fd_close(&c->fds[i]);
}

/* What was opened for a child that does not come to be. */
static void child_undo(plait_sim_child *c, const plait__spawn *spawn) {
  for (unsigned i = 0; i < c->fd_count; i++) {
    plait__spawn_fd *ours = &spawn->fds[i];
    if (!is_end(ours->kind) || c->fds[i].socket == NULL)
      continue;
    plait__sim_socket *mine = plait__sim_descriptor_of(ours->fd);
    plait__sim_socket_close(mine, false);
    plait__sim_socket_free(mine);
    ours->fd = -1;
  }
  child_close(c);
  free(c);
}

/* ---- what a program may do ----------------------------------------------- */

/* NULL: it is not open. */
static child_fd *child_find(plait_sim_child *c, int number) {
  for (unsigned i = 0; i < c->fd_count; i++)
    if (c->fds[i].number == number)
      return c->fds[i].closed ? NULL : &c->fds[i];
  return NULL;
}

/* The one that has the socket. */
static child_fd *child_end(plait_sim_child *c, int number) {
  child_fd *d = child_find(c, number);
  return d != NULL && d->same != NULL ? d->same : d;
}

bool plait_sim_child_wait(plait_sim_child *c, uint64_t us) {
  uint64_t until_ns = plait__sim_now_ns() + us * 1000;
  while (c->signal == 0 && plait__sim_now_ns() < until_ns) {
    uint64_t left_ns = until_ns - plait__sim_now_ns();
    plait__sim_sleep("a child",
                     left_ns < CHILD_LOOK_NS ? left_ns : CHILD_LOOK_NS);
  }
  return c->signal == 0;
}

/* Waits until |d| is ready for what |interest| says, or no more.  False: a
 * signal. */
static bool fd_await(plait_sim_child *c, const child_fd *d, unsigned interest) {
  bool ready = false, goes_on = true;
  while (!ready && goes_on) {
    d->socket->interest = interest;
    ready = plait__sim_stream_events(d->socket) != 0;
    d->socket->interest = 0;
    if (!ready)
      goes_on = plait_sim_child_wait(c, CHILD_LOOK_NS / 1000);
  }
  return ready;
}

ptrdiff_t plait_sim_child_read(plait_sim_child *c, int fd, void *buffer,
                               size_t len) {
  child_fd *d = child_end(c, fd);
  ptrdiff_t n = d == NULL || d->socket == NULL ? 0 : PLAIT_EAGAIN;
  while (n == PLAIT_EAGAIN) {
    if (!fd_await(c, d, PLAIT__READABLE))
      return PLAIT_ECANCELED;
    n = plait__sim_stream_read(d->socket, buffer, len);
  }
  return n;
}

bool plait_sim_child_write(plait_sim_child *c, int fd, const void *data,
                           size_t len) {
  child_fd *d = child_end(c, fd);
  const char *from = data;
  if (d == NULL || d->socket == NULL)
    return false;
  while (len > 0) {
    plait__iovec v = {from, len};
    if (!fd_await(c, d, PLAIT__WRITABLE))
      return false;
    ptrdiff_t n = plait__sim_stream_write(d->socket, &v, 1);
    if (n < 0 && n != PLAIT_EAGAIN)
      return false;
    if (n > 0) {
      from += n;
      len -= (size_t)n;
    }
  }
  return true;
}

void plait_sim_child_close(plait_sim_child *c, int fd) {
  child_fd *d = child_find(c, fd), *end = child_end(c, fd);
  if (d == NULL)
    return;
  d->closed = true;
  if (end->socket != NULL && --end->users == 0)
    fd_close(end);
}

void plait_sim_child_ignore(plait_sim_child *c, int number) {
  c->ignored |= CHILD_BIT(number);
}

/* ---- its life ------------------------------------------------------------ */

static void child_main(void *arg) {
  plait_sim_child *c = arg;
  c->status = c->fn(c) & CHILD_CODE; /* no more is handed on */
  child_close(c);
}

static void child_free(plait_sim_thread *thread) {
  free(plait_container_of(thread, plait_sim_child, thread));
}

static plait_sim_child **child_place(int pid) {
  plait_sim_child **at = &children;
  while (*at != NULL && (*at)->pid != pid)
    at = &(*at)->next;
  return at;
}

static int child_start(plait_sim_child *c, const plait__spawn *spawn,
                       const char **ret_step) {
  *ret_step = "pipe";
  int code = child_open(c, spawn);
  if (code != 0)
    return code;
  *ret_step = "fork";
  if (plait__sim_fails("host.spawn", 0))
    return PLAIT_EAGAIN;
  return plait__sim_thread_init(&c->thread, child_main, c, "child");
}

int plait__sim_spawn(const plait__spawn *spawn, plait__kid *ret,
                     const char **ret_step) {
  plait_sim_program_fn *fn = program_find(spawn->programs);
  plait__sim_sleep("a start", plait__sim_latency_ns());
  *ret_step = "exec";
  if (fn == NULL)
    return PLAIT_ENOENT;
  plait_sim_child *c = calloc(1, sizeof *c);
  if (c == NULL)
    return PLAIT_ENOMEM;
  c->fn = fn;
  c->ignored = CHILD_IGNORED;
  int code = child_start(c, spawn, ret_step);
  plait__sim_trace("host.spawn", spawn->fd_count, code);
  if (code != 0) {
    child_undo(c, spawn);
    return code;
  }
  c->pid = ++last_pid;
  c->next = children;
  children = c;
  *ret = (plait__kid){.pid = c->pid, .fd = -1};
  return 0;
}

int plait__sim_kid_reap(const plait__kid *kid, plait__kid_end *ret) {
  plait__sim_point();
  plait_sim_child **at = child_place(kid->pid), *c = *at;
  if (c == NULL)
    return PLAIT_ECHILD;
  if (!c->thread.ended)
    return PLAIT_EAGAIN;
  *at = c->next;
  *ret = (plait__kid_end){.signalled = c->signal != 0,
                          .status = c->signal != 0 ? c->signal : c->status};
  plait__sim_trace("host.kid_reap", (uint64_t)c->pid, ret->status);
  plait__sim_thread_await(&c->thread);
  free(c);
  return 0;
}

int plait__sim_kid_signal(const plait__kid *kid, int number, bool group) {
  plait__sim_point();
  plait_sim_child *c = *child_place(kid->pid);
  (void)group;
  plait__sim_trace("host.kid_signal", (uint64_t)kid->pid, number);
  if (c == NULL)
    return PLAIT_ESRCH;
  bool ignored = number != SIGKILL && (c->ignored & CHILD_BIT(number)) != 0;
  if (!ignored && c->signal == 0 && !c->thread.ended)
    c->signal = number;
  return 0;
}

/* One that was not reaped goes on by itself. */
void plait__sim_kid_close(const plait__kid *kid) {
  plait_sim_child **at = child_place(kid->pid), *c = *at;
  if (c == NULL)
    return;
  *at = c->next;
  plait__sim_thread_detach(&c->thread, child_free);
}

const char *const *plait__sim_environment(void) {
  static const char *const alone[] = {"PATH=/bin", NULL};
  return alone;
}

/* Of the system's descriptors, which are not of this world, it is told only
 * that they are there. */
int plait__sim_duplicate(int fd, int *ret_fd) {
  plait__sim_socket *s = NULL;
  plait__sim_point();
  if (plait__sim_descriptor_find(fd, &s) != PLAIT_ENOTSOCK)
    return PLAIT_ENOTSUP;
  int code = plait__sim_fails("host.duplicate", 0)
                 ? PLAIT_EMFILE
                 : plait__sim_socket_open(PLAIT__SIM_CONNECTED, true, &s);
  plait__sim_trace("host.duplicate", 0, code);
  if (code == 0)
    *ret_fd = s->fd;
  return code;
}
