/* Signals, for as long as a loop wants them.
 *
 * When libuv lets go of a signal it leaves the default action, not what was
 * there before.  The first loop of the process to catch one notes that, and the
 * last puts it back; unless a loop of the program's own still catches it. */
#include "uv/backend.h"

#include <pthread.h>
#include <signal.h>

/* Of a loop and a signal.  It stays until the loop goes: one that is closing
 * could not be opened again in time. */
typedef struct plait__uv_signal {
  uv_signal_t uv;
  struct plait__uv_signal *next;
  int number;
  bool started;
} plait__uv_signal;

static pthread_mutex_t signal_lock = PTHREAD_MUTEX_INITIALIZER;
/* Under it: how many loops catch a signal, and what was there before. */
static struct {
  unsigned users;
  struct sigaction before;
} signal_caught[PLAIT__SIGNALS + 1];

static void signal_on_signal(uv_signal_t *uv, int number) {
  plait__signal(uv->loop->data, number);
}

static plait__uv_signal *signal_of(plait__loop *loop, int number) {
  plait__uv_signal *s = loop->signals;
  while (s && s->number != number)
    s = s->next;
  return s;
}

static int signal_new(plait__loop *loop, int number, plait__uv_signal **ret) {
  plait__uv_signal *s = plait__uv_alloc(NULL, sizeof *s, "signal");
  if (!s)
    return PLAIT_ENOMEM;
  int rc = uv_signal_init(&loop->uv, &s->uv);
  if (rc) {
    plait__uv_alloc(s, 0, "signal");
    return rc;
  }
  s->number = number;
  s->started = false;
  s->next = loop->signals;
  loop->signals = s;
  *ret = s;
  return 0;
}

/* Under the lock, as what follows. */
static void signal_restore(int number) {
  struct sigaction now;
  if (--signal_caught[number].users)
    return;
  if (!sigaction(number, NULL, &now) && !(now.sa_flags & SA_SIGINFO) &&
      now.sa_handler == SIG_DFL)
    sigaction(number, &signal_caught[number].before, NULL);
  plait__uv_terminal_guard(number);
}

static int signal_catch(plait__uv_signal *s) {
  int number = s->number;
  if (!signal_caught[number].users++)
    sigaction(number, NULL, &signal_caught[number].before);
  int rc = uv_signal_start(&s->uv, signal_on_signal, number);
  if (rc)
    signal_restore(number);
  else
    s->started = true;
  return rc;
}

int plait__uv_signal_start(plait__loop *loop, int number) {
  plait__uv_signal *s = signal_of(loop, number);
  int rc = s ? 0 : signal_new(loop, number, &s);
  if (rc)
    return rc;
  pthread_mutex_lock(&signal_lock);
  rc = signal_catch(s);
  pthread_mutex_unlock(&signal_lock);
  return rc;
}

static void signal_stop(plait__uv_signal *s) {
  if (!s->started)
    return;
  s->started = false;
  pthread_mutex_lock(&signal_lock);
  uv_signal_stop(&s->uv);
  signal_restore(s->number);
  pthread_mutex_unlock(&signal_lock);
}

void plait__uv_signal_stop(plait__loop *loop, int number) {
  signal_stop(signal_of(loop, number));
}

void plait__uv_signals_close(plait__loop *loop) {
  for (plait__uv_signal *s = loop->signals; s; s = s->next) {
    signal_stop(s);
    uv_close((uv_handle_t *)&s->uv, NULL);
  }
}

void plait__uv_signals_free(plait__loop *loop) {
  for (plait__uv_signal *s = loop->signals, *next; s; s = next) {
    next = s->next;
    plait__uv_alloc(s, 0, "signal");
  }
}
