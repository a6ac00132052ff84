/* Starting a child, the part of the thread that starts it.
 *
 * fork() copies the page tables, which takes long when much memory is resident,
 * and stalls the other threads meanwhile.  So the child shares our memory, and
 * this thread waits, until it runs its program (CLONE_VM, CLONE_VFORK): it
 * leaves errno and step in our memory, and nothing has to be sent.  No handler
 * may run in it, so all signals are blocked around its birth.  child.c is what
 * it does. */
#include "uv/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { SPAWN_STACK = 32 * 1024 };

#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x1000
#endif
#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

/* The sanitizers' clone() takes this for a fork(). */
#ifdef __GLIBC__
extern int __clone(int (*fn)(void *), void *stack, int flags, void *arg, ...);
#define spawn_clone __clone
#else
#define spawn_clone clone
#endif

/* ---- descriptors --------------------------------------------------------- */

static int spawn_own(int fd) {
  int flags = fcntl(fd, F_GETFL);
  return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

/* |ret_ours| becomes end |ours| of a pipe, and |ret_theirs| the other one. */
static int spawn_pipe(int ours, int *ret_ours, int *ret_theirs) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC))
    return -errno;
  *ret_ours = ends[ours];
  *ret_theirs = ends[1 - ours];
  return spawn_own(ends[ours]);
}

static int spawn_pair(int *ret_ours, int *ret_theirs) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
    return -errno;
  *ret_ours = ends[0];
  *ret_theirs = ends[1];
  return spawn_own(ends[0]);
}

static int spawn_open_slave(int master) {
  char path[64];
  int flags = O_RDWR | O_NOCTTY | O_CLOEXEC;
  int fd = ioctl(master, TIOCGPTPEER, flags);
  if (fd < 0 && !ptsname_r(master, path, sizeof path))
    fd = open(path, flags);
  return fd;
}

static int spawn_set_terminal(int fd, const plait__spawn *spawn) {
  struct winsize size = {.ws_row = spawn->rows, .ws_col = spawn->columns};
  struct termios t;
  if ((size.ws_row || size.ws_col) && ioctl(fd, TIOCSWINSZ, &size))
    return -errno;
  if (!spawn->raw)
    return 0;
  if (tcgetattr(fd, &t))
    return -errno;
  cfmakeraw(&t);
  return tcsetattr(fd, TCSANOW, &t) ? -errno : 0;
}

static int spawn_pty(const plait__spawn *spawn, int *ret_ours,
                     int *ret_theirs) {
  *ret_ours = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (*ret_ours < 0 || grantpt(*ret_ours) || unlockpt(*ret_ours))
    return -errno;
  *ret_theirs = spawn_open_slave(*ret_ours);
  if (*ret_theirs < 0)
    return -errno;
  int rc = spawn_set_terminal(*ret_theirs, spawn);
  return rc ? rc : spawn_own(*ret_ours);
}

static int spawn_null(int *ret_theirs) {
  *ret_theirs = open("/dev/null", O_RDWR | O_CLOEXEC);
  return *ret_theirs < 0 ? -errno : 0;
}

/* A connection's descriptor is what its child reads and writes as it likes. */
static int spawn_inherit(const plait__spawn_fd *d, int *ret_theirs) {
  *ret_theirs = d->fd;
  int flags = d->blocking ? fcntl(d->fd, F_GETFL) : 0;
  if (flags < 0 ||
      (d->blocking && fcntl(d->fd, F_SETFL, flags & ~O_NONBLOCK) < 0))
    return -errno;
  return 0;
}

static int spawn_open(const plait__spawn *spawn, plait__spawn_fd *d,
                      int *theirs, unsigned i, const char **ret_step) {
  switch (d->kind) {
  case PLAIT__SPAWN_READS:
    *ret_step = "pipe";
    return spawn_pipe(1, &d->fd, &theirs[i]);
  case PLAIT__SPAWN_WRITES:
    *ret_step = "pipe";
    return spawn_pipe(0, &d->fd, &theirs[i]);
  case PLAIT__SPAWN_SOCKET:
    *ret_step = "socketpair";
    return spawn_pair(&d->fd, &theirs[i]);
  case PLAIT__SPAWN_PTY:
    *ret_step = "terminal";
    return spawn_pty(spawn, &d->fd, &theirs[i]);
  case PLAIT__SPAWN_SAME:
    theirs[i] = theirs[d->fd];
    return 0;
  case PLAIT__SPAWN_INHERITS:
    *ret_step = "descriptor";
    return spawn_inherit(d, &theirs[i]);
  case PLAIT__SPAWN_NULL:
    break;
  }
  *ret_step = "/dev/null";
  return spawn_null(&theirs[i]);
}

static bool spawn_has_end(const plait__spawn_fd *d) {
  return d->kind != PLAIT__SPAWN_SAME && d->kind != PLAIT__SPAWN_INHERITS;
}

/* Closes the child's descriptors, and ours if it |failed|. */
static void spawn_close(const plait__spawn *spawn, const int *theirs,
                        bool failed) {
  for (unsigned i = 0; i < spawn->fd_count; i++) {
    plait__spawn_fd *d = &spawn->fds[i];
    if (!spawn_has_end(d))
      continue;
    if (theirs[i] >= 0)
      (void)close(theirs[i]);
    if (failed && d->fd >= 0) {
      (void)close(d->fd);
      d->fd = -1;
    }
  }
}

/* ---- the birth ----------------------------------------------------------- */

/* pthread_sigmask() leaves out the signals that glibc has for itself. */
static void spawn_mask(uint64_t mask, uint64_t *ret_old) {
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, ret_old, sizeof mask);
}

static int spawn_birth(plait__uv_embryo *embryo, plait__kid *ret,
                       const char **ret_step) {
  _Alignas(16) char stack[SPAWN_STACK];
  uint64_t old;
  ret->fd = -1; /* stays so where there are none */
  spawn_mask(UINT64_MAX, &old);
  ret->pid = spawn_clone(plait__uv_child, stack + sizeof stack,
                         CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, embryo,
                         &ret->fd);
  int rc = ret->pid < 0 ? -errno : 0;
  spawn_mask(old, NULL);
  *ret_step = "fork";
  if (rc || !embryo->code)
    return rc;
  *ret_step = embryo->step;
  while (waitpid(ret->pid, NULL, 0) < 0 && errno == EINTR) {
  }
  plait__uv_kid_close(ret);
  return embryo->code;
}

int plait__uv_spawn(const plait__spawn *spawn, plait__kid *ret,
                    const char **ret_step) {
  int theirs[PLAIT__SPAWN_FDS_MAX], rc = 0;
  plait__uv_embryo embryo = {.spawn = spawn, .theirs = theirs};
  for (unsigned i = 0; i < spawn->fd_count; i++) {
    theirs[i] = -1;
    if (spawn_has_end(&spawn->fds[i]))
      spawn->fds[i].fd = -1;
  }
  for (unsigned i = 0; i < spawn->fd_count && !rc; i++)
    rc = spawn_open(spawn, &spawn->fds[i], theirs, i, ret_step);
  if (!rc)
    rc = spawn_birth(&embryo, ret, ret_step);
  spawn_close(spawn, theirs, rc != 0);
  return rc;
}

const char *const *plait__uv_environment(void) {
  return (const char *const *)environ;
}

int plait__uv_duplicate(int fd, int *ret_fd) {
  *ret_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  return *ret_fd < 0 ? -errno : 0;
}
