/* Standard input and output as one end of a socket pair.
 *
 * A uv_poll_t takes no files, and O_NONBLOCK belongs to the open file
 * description, which the shell and other programs share: a thread copies
 * instead (stdio_copy.c), and the transport sees a socket like any other.
 * Pipes and terminals are opened anew through /proc, which gives a description
 * of our own; terminal modes and the flags of 0 and 1 stay as they were.
 * Files are not: they have a position, which others are to see move. */
#include "uv/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "uv/stdio_copy.h"

/* A pipe that is writable takes PIPE_BUF.  Of a terminal nobody promises that
 * much; in Linux it has room for some hundred bytes then, and one may become
 * two on the way ("\n"). */
enum { STDIO_TERMINAL_PIECE = 64 };

static atomic_flag stdio_taken = ATOMIC_FLAG_INIT;

/* A description of our own, or CAREFUL if there is none to be had: no /proc,
 * no permission (the terminal of another user), a pipe whose reader is gone. */
static void stdio_reopen(plait__stdio_side *side, int access, size_t piece) {
  char path[32];
  unsigned number;
  int own = -1;
  snprintf(path, sizeof path, "/proc/self/fd/%d", side->fd);
  /* Opening the master of a pseudo-terminal would make another one. */
  if (ioctl(side->fd, TIOCGPTN, &number))
    own = open(path, access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  side->kind = own < 0 ? PLAIT__STDIO_CAREFUL : PLAIT__STDIO_REOPENED;
  side->piece = piece;
  if (own >= 0)
    side->fd = own;
}

/* |access| is O_RDONLY or O_WRONLY. */
static int stdio_open_side(int fd, int access, plait__stdio_side *ret) {
  struct stat st;
  *ret = (plait__stdio_side){fd, PLAIT__STDIO_PLAIN, 0};
  if (fstat(fd, &st))
    return -errno;
  /* Neither file nor pipe nor anything with a type: it was closed when the
   * program started, and the number went to an epoll or an eventfd. */
  if (!(st.st_mode & S_IFMT))
    return PLAIT_EBADF;
  int mode = fcntl(fd, F_GETFL) & O_ACCMODE;
  if (mode != O_RDWR && mode != access)
    return 0; /* nohup(1): it is opened so that reading fails */
  if (S_ISSOCK(st.st_mode))
    ret->kind = PLAIT__STDIO_SOCKET;
  else if (S_ISFIFO(st.st_mode))
    stdio_reopen(ret, access, PIPE_BUF);
  else if (S_ISCHR(st.st_mode) && isatty(fd))
    stdio_reopen(ret, access, STDIO_TERMINAL_PIECE);
  return 0;
}

static void stdio_close_side(const plait__stdio_side *side) {
  if (side->kind == PLAIT__STDIO_REOPENED)
    (void)close(side->fd);
}

static int stdio_open_sides(plait__stdio *s, const char **ret_step) {
  *ret_step = "stdin";
  int rc = stdio_open_side(STDIN_FILENO, O_RDONLY, &s->in);
  if (rc)
    return rc;
  *ret_step = "stdout";
  rc = stdio_open_side(STDOUT_FILENO, O_WRONLY, &s->out);
  if (rc)
    stdio_close_side(&s->in);
  return rc;
}

/* The pair, the eventfd and the thread. */
static int stdio_start(plait__stdio *s, int *ret_fd, const char **ret_step) {
  int pair[2];
  *ret_step = "socketpair";
  int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  if (socketpair(AF_UNIX, type, 0, pair))
    return -errno;
  s->end = pair[1];
  *ret_step = "eventfd";
  s->quit = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  int rc = s->quit < 0 ? -errno : 0;
  if (rc)
    goto fail_pair;
  *ret_step = "thread";
  rc = s->os->thread_start(plait__uv_stdio_copy, s, "plait-stdio", -1,
                           &s->thread);
  if (rc)
    goto fail_quit;
  *ret_fd = pair[0];
  return 0;

fail_quit:
  (void)close(s->quit);
fail_pair:
  (void)close(pair[0]);
  (void)close(pair[1]);
  return rc;
}

static void stdio_free(plait__stdio *s) {
  const plait__os *os = s->os;
  os->alloc(s, 0, "stdio");
  atomic_flag_clear(&stdio_taken);
}

int plait__uv_stdio_open(const plait__os *os, void (*done)(void *arg, int code),
                         void *arg, int *ret_fd, plait__stdio **ret,
                         const char **ret_step) {
  *ret_step = "stdio";
  if (atomic_flag_test_and_set(&stdio_taken))
    return PLAIT_EBUSY;
  plait__stdio *s = os->alloc(NULL, sizeof *s, "stdio");
  if (!s) {
    atomic_flag_clear(&stdio_taken);
    return PLAIT_ENOMEM;
  }
  memset(s, 0, sizeof *s);
  s->os = os;
  s->done = done;
  s->arg = arg;
  int rc = stdio_open_sides(s, ret_step);
  if (rc)
    goto fail;
  rc = stdio_start(s, ret_fd, ret_step);
  if (rc) {
    stdio_close_side(&s->out);
    stdio_close_side(&s->in);
    goto fail;
  }
  *ret = s;
  return 0;

fail:
  stdio_free(s);
  return rc;
}

void plait__uv_stdio_finish(plait__stdio *s, uint32_t wait_ms) {
  atomic_store(&s->wait_ms, wait_ms);
  atomic_store(&s->closing, true);
  /* It can fail only if the counter were full. */
  (void)!eventfd_write(s->quit, 1);
}

void plait__uv_stdio_close(plait__stdio *s) {
  plait__uv_stdio_finish(s, 0);
  s->os->thread_join(s->thread);
  (void)close(s->quit);
  (void)close(s->end);
  stdio_close_side(&s->out);
  stdio_close_side(&s->in);
  stdio_free(s);
}
