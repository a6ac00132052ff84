/* Signals: the backend catches each one once for a reactor, whoever waits for
 * it there.
 *
 * A callback may stop any of them, and free its memory, and start others: so
 * those that are to be called are marked first, and the list is looked through
 * anew after each call. */
#include "core/signal.h"

#include <plait/error.h>
#include <plait/factory.h>
#include <signal.h>

#include "core/error.h"
#include "core/runtime.h"

void plait_signal_init(plait_signal *signal,
                       void (*fn)(plait_signal *signal, int number)) {
  *signal = (plait_signal){.fn = fn};
}

/* ---- a reactor's --------------------------------------------------------- */

static bool signal_is_caught(const plait_reactor *r, int number) {
  for (const plait_signal *s = r->signals; s != NULL; s = s->next)
    if (s->number == number)
      return true;
  return false;
}

static int signal_catch(plait_reactor *r, int number) {
  if (signal_is_caught(r, number))
    return 0;
  return r->runtime->driver->host->signal_start(r->loop, number);
}

/* |number| is caught. */
static void signal_link(plait_signal *signal, plait_reactor *r, int number) {
  signal->reactor = r;
  signal->number = number;
  signal->due = false;
  signal->prev = NULL;
  signal->next = r->signals;
  if (r->signals != NULL)
    r->signals->prev = signal;
  r->signals = signal;
}

int plait__signal_add(plait_signal *signal, plait_reactor *r, int number) {
  int code = signal_catch(r, number);
  if (code == 0)
    signal_link(signal, r, number);
  return code;
}

void plait__signal_remove(plait_signal *signal) {
  plait_reactor *r = signal->reactor;
  *(signal->prev != NULL ? &signal->prev->next : &r->signals) = signal->next;
  if (signal->next != NULL)
    signal->next->prev = signal->prev;
  signal->reactor = NULL;
  if (!signal_is_caught(r, signal->number))
    r->runtime->driver->host->signal_stop(r->loop, signal->number);
}

static plait_signal *signal_due(const plait_reactor *r) {
  plait_signal *s = r->signals;
  while (s != NULL && !s->due)
    s = s->next;
  return s;
}

/* plait_run() goes on at least until all have been called: see watch_ready().
 */
void plait__signal(plait_reactor *r, int number) {
  plait_runtime *runtime = r->runtime;
  plait_signal *s;
  for (s = r->signals; s != NULL; s = s->next)
    s->due = s->number == number;
  plait__runtime_ref(runtime);
  plait__reactor_clock(r);
  r->in_batch = true;
  while ((s = signal_due(r)) != NULL) {
    s->due = false;
    s->fn(s, number);
  }
  r->in_batch = false;
  plait__runtime_unref(runtime);
}

/* ---- the public functions ------------------------------------------------ */

static bool signal_is_refused(int number) {
  static const int refused[] = {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE,
                                SIGILL,  SIGTRAP, SIGABRT, SIGSYS, SIGPIPE};
  for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
    if (refused[i] == number)
      return true;
  return false;
}

static int signal_check(const plait_signal *signal, const plait_reactor *r,
                        int number) {
  if (r == NULL)
    return plait__fail(PLAIT_EINVAL, "signal: not in a callback of a reactor");
  if (signal->reactor != NULL && signal->reactor != r)
    return plait__fail(PLAIT_EINVAL, "signal: active on another reactor");
  if (number < 1 || number > PLAIT__SIGNALS)
    return plait__fail(PLAIT_EINVAL, "signal: %d is none", number);
  if (signal_is_refused(number))
    return plait__fail(PLAIT_EPERM, "signal %d: no program waits for this one",
                       number);
  return 0;
}

int plait_signal_start(plait_signal *signal, int number) {
  plait_reactor *r = plait__here();
  int code = signal_check(signal, r, number);
  if (code != 0)
    return code;
  code = signal_catch(r, number);
  if (code != 0)
    return plait__fail(code, "signal %d: %s", number, plait_strerror(code));
  if (signal->reactor == NULL)
    plait__runtime_timer_ref(r->runtime);
  else if (signal->number == number)
    return 0;
  else
    plait__signal_remove(signal);
  signal_link(signal, r, number);
  return 0;
}

void plait_signal_stop(plait_signal *signal) {
  plait_reactor *r = signal->reactor;
  if (r == NULL)
    return;
  plait__signal_remove(signal);
  plait__runtime_timer_unref(r->runtime);
}

bool plait_signal_active(const plait_signal *signal) {
  return signal->reactor != NULL;
}
