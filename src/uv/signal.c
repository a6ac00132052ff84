/* SIGINT and SIGTERM, for as long as a loop wants them.
 *
 * When libuv lets go of a signal it leaves the default action, not what was
 * there before.  The first loop of the process to open notes that, and the
 * last to close puts it back. */
#include "uv/backend.h"

#include <pthread.h>
#include <signal.h>

static pthread_mutex_t signal_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned signal_users; /* under |signal_lock|, as what follows */
static struct sigaction signal_int_before, signal_term_before;

static void signal_on_signal(uv_signal_t *handle, int number) {
  plait__loop *loop = (plait__loop *)handle->loop;
  (void)number;
  loop->signal_fn(loop->signal_arg);
}

/* The handles stay until the loop goes: one that is closing could not be
 * opened again in time. */
static int signal_init(plait__loop *loop) {
  if (loop->has_signals)
    return 0;
  int rc = uv_signal_init(&loop->uv, &loop->interrupt);
  if (rc)
    return rc;
  /* The first one made all that can fail. */
  uv_signal_init(&loop->uv, &loop->terminate);
  loop->has_signals = true;
  return 0;
}

static int signal_start(plait__loop *loop) {
  int rc = uv_signal_start(&loop->interrupt, signal_on_signal, SIGINT);
  if (rc)
    return rc;
  rc = uv_signal_start(&loop->terminate, signal_on_signal, SIGTERM);
  if (rc)
    uv_signal_stop(&loop->interrupt);
  return rc;
}

static void signal_restore(void) {
  if (--signal_users)
    return;
  sigaction(SIGINT, &signal_int_before, NULL);
  sigaction(SIGTERM, &signal_term_before, NULL);
}

int plait__uv_signals_open(plait__loop *loop, void (*fn)(void *arg),
                           void *arg) {
  int rc = signal_init(loop);
  if (rc)
    return rc;
  loop->signal_fn = fn;
  loop->signal_arg = arg;
  pthread_mutex_lock(&signal_lock);
  if (!signal_users++) {
    sigaction(SIGINT, NULL, &signal_int_before);
    sigaction(SIGTERM, NULL, &signal_term_before);
  }
  rc = signal_start(loop);
  if (rc)
    signal_restore();
  pthread_mutex_unlock(&signal_lock);
  return rc;
}

void plait__uv_signals_close(plait__loop *loop) {
  pthread_mutex_lock(&signal_lock);
  uv_signal_stop(&loop->interrupt);
  uv_signal_stop(&loop->terminate);
  signal_restore();
  pthread_mutex_unlock(&signal_lock);
}
