/* Raw mode of one terminal, and the ways by which it is given back.
 *
 * A handler is installed only where a signal has its default action: who
 * handles it may go on in raw mode, and ends by exit(3) as a rule.  When libuv
 * lets go of a signal the action is the default one again, so signal.c asks
 * here then. */
#include "uv/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static const int terminal_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

enum { TERMINAL_SIGNALS = sizeof terminal_signals / sizeof *terminal_signals };

static pthread_mutex_t terminal_lock = PTHREAD_MUTEX_INITIALIZER;
/* Written under the lock, and before |terminal_active| is; read in handlers. */
static int terminal_fd; /* a copy */
static struct termios terminal_before;
static atomic_bool terminal_active;
static bool terminal_at_exit;

/* Also in a signal handler.  In the background it would stop the process, were
 * SIGTTOU not blocked. */
static void terminal_restore(void) {
  sigset_t block, old;
  int saved = errno;
  if (!atomic_exchange(&terminal_active, false))
    return;
  sigemptyset(&block);
  sigaddset(&block, SIGTTOU);
  pthread_sigmask(SIG_BLOCK, &block, &old);
  (void)tcsetattr(terminal_fd, TCSANOW, &terminal_before);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  errno = saved;
}

/* The default action ends the process when this has returned: the signal is
 * blocked until then. */
static void terminal_on_signal(int number) {
  terminal_restore();
  signal(number, SIG_DFL);
  raise(number);
}

static bool terminal_is(int number, void (*handler)(int)) {
  struct sigaction now;
  return !sigaction(number, NULL, &now) && !(now.sa_flags & SA_SIGINFO) &&
         now.sa_handler == handler;
}

static void terminal_handle(int number, void (*from)(int), void (*to)(int)) {
  struct sigaction action = {.sa_handler = to};
  sigemptyset(&action.sa_mask);
  if (terminal_is(number, from))
    sigaction(number, &action, NULL);
}

/* What signal.c puts back may be our handler, of a terminal that is not raw any
 * more. */
void plait__uv_terminal_guard(int number) {
  bool active = atomic_load(&terminal_active);
  for (int i = 0; i < TERMINAL_SIGNALS; i++)
    if (terminal_signals[i] == number)
      terminal_handle(number, active ? SIG_DFL : terminal_on_signal,
                      active ? terminal_on_signal : SIG_DFL);
}

static void terminal_handle_all(void (*from)(int), void (*to)(int)) {
  for (int i = 0; i < TERMINAL_SIGNALS; i++)
    terminal_handle(terminal_signals[i], from, to);
}

/* ---- on and off, under the lock ------------------------------------------ */

static int terminal_get(int fd, struct termios *ret) {
  if (!tcgetattr(fd, ret))
    return 0;
  return errno == ENOTTY || errno == EINVAL ? PLAIT_ENOTSUP : -errno;
}

/* The handlers come first: there is no time at which it is raw without them. */
static int terminal_on(int fd) {
  int rc = terminal_get(fd, &terminal_before);
  if (rc)
    return rc;
  terminal_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (terminal_fd < 0)
    return -errno;
  if (!terminal_at_exit && !atexit(terminal_restore))
    terminal_at_exit = true;
  struct termios raw = terminal_before;
  cfmakeraw(&raw);
  atomic_store(&terminal_active, true);
  terminal_handle_all(SIG_DFL, terminal_on_signal);
  if (!tcsetattr(fd, TCSADRAIN, &raw))
    return 0;
  rc = -errno;
  atomic_store(&terminal_active, false);
  terminal_handle_all(terminal_on_signal, SIG_DFL);
  (void)close(terminal_fd);
  return rc;
}

static void terminal_off(void) {
  terminal_restore();
  terminal_handle_all(terminal_on_signal, SIG_DFL);
  (void)close(terminal_fd);
}

/* Whether |fd| is a terminal, and another one than that which is raw.  The
 * number of its device tells: that of the file is another for /dev/tty. */
static bool terminal_is_another(int fd) {
  unsigned here, there;
  return !ioctl(fd, TIOCGDEV, &here) && !ioctl(terminal_fd, TIOCGDEV, &there) &&
         here != there;
}

static int terminal_switch(int fd, bool on) {
  struct termios now;
  if (!atomic_load(&terminal_active))
    return on ? terminal_on(fd) : 0;
  int rc = on ? terminal_get(fd, &now) : 0;
  if (rc)
    return rc;
  if (terminal_is_another(fd))
    return PLAIT_EBUSY;
  if (!on)
    terminal_off();
  return 0;
}

int plait__uv_terminal_raw(int fd, bool on) {
  pthread_mutex_lock(&terminal_lock);
  int rc = terminal_switch(fd, on);
  pthread_mutex_unlock(&terminal_lock);
  return rc;
}

int plait__uv_terminal_size(int fd, unsigned *ret_columns, unsigned *ret_rows) {
  struct winsize size;
  if (ioctl(fd, TIOCGWINSZ, &size))
    return errno == ENOTTY || errno == EINVAL ? PLAIT_ENOTSUP : -errno;
  *ret_columns = size.ws_col;
  *ret_rows = size.ws_row;
  return 0;
}
