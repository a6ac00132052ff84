/* The thread that copies between standard input and output and a socket pair.
 *
 *   fd 0 --read--> input[] --send--> end ~~~ our end, the transport's
 *   fd 1 <-write-- output[] <--peek-- end
 *
 * Either way it waits for the source first, then for the sink, and only then
 * moves one piece: input that nobody wants stays where it is.  Output is
 * looked at, written, and only what was written is taken from the pair: what
 * has not reached standard output is never more than the pair holds.
 *
 * How it went is told once, by |done|.  |end| stays open: closed over unread
 * bytes it would reset our end, and whether the transport hears of that first,
 * or why, would be chance. */
#include "uv/stdio_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <plait/error.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STDIN, END, STDOUT, QUIT, WATCHED };

static ssize_t copy_read(const plait__stdio_side *side, void *data,
                         size_t len) {
  ssize_t n = side->kind == PLAIT__STDIO_SOCKET
                  ? recv(side->fd, data, len, MSG_DONTWAIT)
                  : read(side->fd, data, len);
  return n < 0 ? -errno : n;
}

static ssize_t copy_write(const plait__stdio_side *side, const void *data,
                          size_t len) {
  ssize_t n;
  if (side->kind == PLAIT__STDIO_SOCKET) {
    n = send(side->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
  } else {
    if (side->kind == PLAIT__STDIO_CAREFUL && len > side->piece)
      len = side->piece;
    n = write(side->fd, data, len);
  }
  return n < 0 ? -errno : n;
}

static bool copy_again(ssize_t code) {
  return code == -EAGAIN || code == -EINTR;
}

static void copy_end_input(plait__stdio *s) {
  s->in_ended = true;
  s->in_ready = false;
  s->off = s->len = 0;
}

/* There is room at |end|. */
static void copy_in(plait__stdio *s) {
  if (!s->len) {
    ssize_t n = copy_read(&s->in, s->input, sizeof s->input);
    s->in_ready = false;
    if (copy_again(n))
      return;
    if (n <= 0) { /* a broken input ends, like any other */
      copy_end_input(s);
      (void)shutdown(s->end, SHUT_WR);
      return;
    }
    s->off = 0;
    s->len = (size_t)n;
  }
  ssize_t sent = send(s->end, s->input + s->off, s->len, MSG_NOSIGNAL);
  if (sent < 0) {
    if (!copy_again(-errno))
      copy_end_input(s);
    return;
  }
  s->off += (size_t)sent;
  s->len -= (size_t)sent;
}

/* The reader of a pipe sees its end when nobody can write to it any more. */
static void copy_drop_pipe(const plait__stdio_side *side) {
  struct stat st;
  if (fstat(side->fd, &st) || !S_ISFIFO(st.st_mode))
    return;
  int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (null < 0)
    return;
  if (side->kind == PLAIT__STDIO_REOPENED)
    (void)dup3(null, side->fd, O_CLOEXEC);
  (void)dup2(null, STDOUT_FILENO);
  (void)close(null);
}

/* Our end has sent its last byte.  If input goes on, who reads standard output
 * is to know; once all is closed, that is the program's own again. */
static void copy_end_output(plait__stdio *s) {
  s->out_ended = true;
  if (atomic_load(&s->closing))
    return;
  if (s->out.kind == PLAIT__STDIO_SOCKET)
    (void)shutdown(s->out.fd, SHUT_WR);
  else if (s->out.kind != PLAIT__STDIO_PLAIN)
    copy_drop_pipe(&s->out);
}

/* Whether our end has sent something, or its last. */
static void copy_look(plait__stdio *s) {
  char byte;
  ssize_t n = recv(s->end, &byte, 1, MSG_PEEK);
  if (n > 0)
    s->out_ready = true;
  else if (n == 0 || !copy_again(-errno))
    copy_end_output(s);
}

/* There is something at |end|, and standard output takes something. */
static void copy_out(plait__stdio *s) {
  ssize_t n = recv(s->end, s->output, sizeof s->output, MSG_PEEK);
  s->out_ready = false; /* the next poll tells */
  if (n <= 0)
    return;
  ssize_t written = copy_write(&s->out, s->output, (size_t)n);
  if (copy_again(written))
    return;
  if (written < 0) {
    s->code = (int)written;
    return;
  }
  /* These bytes were seen there, and only we read: they come at once. */
  (void)recv(s->end, s->output, (size_t)written, 0);
  s->progress_ns = s->os->now_ns();
}

static int copy_timeout(const plait__stdio *s) {
  if (!s->quitting)
    return -1;
  uint64_t wait_ms = atomic_load(&s->wait_ms);
  if (wait_ms == PLAIT_UNLIMITED)
    return -1;
  uint64_t passed_ms = (s->os->now_ns() - s->progress_ns) / 1000000;
  uint64_t left_ms = passed_ms < wait_ms ? wait_ms - passed_ms : 0;
  return left_ms < INT_MAX ? (int)left_ms : INT_MAX;
}

static void copy_watch(const plait__stdio *s, struct pollfd *p) {
  bool reading = !s->in_ended && !s->in_ready && !s->len;
  short events = 0;
  if (s->in_ready || s->len)
    events |= POLLOUT;
  if (!s->out_ready && !s->out_ended)
    events |= POLLIN;
  /* Descriptors are left out, not watched for nothing: POLLHUP and POLLERR
   * come unasked, and for ever. */
  p[STDIN] = (struct pollfd){reading ? s->in.fd : -1, POLLIN, 0};
  p[END] = (struct pollfd){events || !s->gone ? s->end : -1, events, 0};
  p[STDOUT] = (struct pollfd){s->out_ready ? s->out.fd : -1, POLLOUT, 0};
  p[QUIT] = (struct pollfd){s->quit, POLLIN, 0};
}

/* Moves what |p| allows. */
static void copy_move(plait__stdio *s, const struct pollfd *p) {
  if (p[END].revents & (POLLHUP | POLLERR)) {
    s->gone = true;
    copy_end_input(s);
  }
  if (p[QUIT].revents) {
    eventfd_t times;
    (void)eventfd_read(s->quit, &times);
    s->quitting = true;
    s->progress_ns = s->os->now_ns();
    copy_end_input(s);
  }
  if (p[STDIN].revents && !s->in_ended)
    s->in_ready = true;
  if (p[END].revents & POLLOUT && !s->in_ended)
    copy_in(s);
  if (p[STDOUT].revents)
    copy_out(s);
  else if (!s->out_ready && !s->out_ended && p[END].revents)
    copy_look(s);
}

/* Bytes that our end sent before it asked us to quit are in the pair: when it
 * is found empty, they are all out. */
static bool copy_done(plait__stdio *s) {
  if (s->code != 0)
    return true;
  if (s->quitting && !s->out_ready && !s->out_ended) {
    copy_look(s);
    if (!s->out_ready)
      return true;
  }
  return s->in_ended && s->out_ended;
}

void plait__uv_stdio_copy(void *arg) {
  plait__stdio *s = arg;
  struct pollfd p[WATCHED];
  while (!copy_done(s)) {
    copy_watch(s, p);
    int n = poll(p, WATCHED, copy_timeout(s));
    if (n > 0)
      copy_move(s, p);
    else if (n == 0 && copy_timeout(s) == 0)
      s->code = PLAIT_ELINGER;
    else if (n < 0 && errno != EINTR)
      s->code = -errno;
  }
  s->done(s->arg, s->code);
}
