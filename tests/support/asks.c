/* See asks.h. */
#include "support/asks.h"

#include <semaphore.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "support/require.h"

static struct {
  plait_backend driver;
  plait__host host;
  atomic_uint asked;
  sem_t gate, arrived;
  bool ready;
} script;

static struct {
  pthread_mutex_t lock;
  char text[4096];
} trace = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- the host ------------------------------------------------------------ */

static bool starts(const char *name, const char *with) {
  return strncmp(name, with, strlen(with)) == 0;
}

static void script_wait(sem_t *semaphore, unsigned times) {
  while (times-- > 0)
    while (sem_wait(semaphore) != 0)
      continue;
}

static int script_found(const plait__os *os, const plait__question *q,
                        plait__found *ret) {
  static const char *const texts[] = {"192.0.2.1", "2001:db8::1"};
  const char *name = q->name != NULL ? q->name : "the.name";
  uint16_t port = q->service != NULL ? 80 : q->port;
  size_t size = strlen("real.") + strlen(name) + 1;
  ret->canonical = os->alloc(NULL, size, "asks");
  ret->addresses = os->alloc(NULL, 2 * sizeof *ret->addresses, "asks");
  if (ret->canonical == NULL || ret->addresses == NULL) {
    os->alloc(ret->canonical, 0, "asks");
    os->alloc(ret->addresses, 0, "asks");
    *ret = (plait__found){0};
    return PLAIT_ENOMEM;
  }
  snprintf(ret->canonical, size, "real.%s", name);
  for (int i = 0; i < 2 && q->name != NULL; i++) {
    plait_address *a = &ret->addresses[ret->count];
    require(plait_address_parse(texts[i], port, a) == 0, "no address");
    ret->count += q->family == 0 || q->family == a->family;
  }
  return 0;
}

static int script_resolve(const plait__os *os, const plait__question *q,
                          plait__found *ret) {
  const char *name = q->name != NULL ? q->name : "";
  atomic_fetch_add(&script.asked, 1);
  if (starts(name, "gate")) {
    sem_post(&script.arrived);
    script_wait(&script.gate, 1);
  }
  if (starts(name, "slow"))
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
  if (starts(name, "missing"))
    return PLAIT_ENOTFOUND;
  if (starts(name, "later"))
    return PLAIT_ETEMPORARY;
  return script_found(os, q, ret);
}

const plait_backend *script_driver(const plait_backend *driver) {
  script.driver = *driver;
  script.host = *driver->host;
  script.host.resolve = script_resolve;
  script.driver.host = &script.host;
  if (!script.ready)
    require(sem_init(&script.gate, 0, 0) == 0 &&
                sem_init(&script.arrived, 0, 0) == 0,
            "no semaphores");
  script.ready = true;
  return &script.driver;
}

void script_begin(void) {
  trace.text[0] = '\0';
  script.asked = 0;
  while (sem_trywait(&script.arrived) == 0)
    continue;
  while (sem_trywait(&script.gate) == 0)
    continue;
}

void script_open(unsigned times) {
  while (times-- > 0)
    sem_post(&script.gate);
}

void script_await(unsigned times) {
  script_wait(&script.arrived, times);
}

unsigned script_asked(void) {
  return atomic_load(&script.asked);
}

/* ---- the trace ----------------------------------------------------------- */

void trace_add(const char *format, ...) {
  va_list arguments;
  pthread_mutex_lock(&trace.lock);
  size_t len = strlen(trace.text);
  if (len > 0 && len + 2 < sizeof trace.text)
    len += (size_t)snprintf(trace.text + len, sizeof trace.text - len, "; ");
  va_start(arguments, format);
  vsnprintf(trace.text + len, sizeof trace.text - len, format, arguments);
  va_end(arguments);
  pthread_mutex_unlock(&trace.lock);
}

void trace_expect(const char *text) {
  pthread_mutex_lock(&trace.lock);
  require(strcmp(trace.text, text) == 0, "\"%s\", not \"%s\"", trace.text,
          text);
  pthread_mutex_unlock(&trace.lock);
}

/* ---- queries ------------------------------------------------------------- */

static void ask_trace(const struct ask *a) {
  char text[512], address[PLAIT_ADDRESS_TEXT_MAX];
  size_t len = 0;
  if (a->code != 0) {
    require(a->query.count == 0 && a->query.canonical == NULL,
            "an answer with a code");
    trace_add("%s: %s", a->label, plait_error_name(a->code));
    return;
  }
  for (size_t i = 0; i < a->query.count && len < sizeof text - 200; i++)
    len += (size_t)snprintf(
        text + len, sizeof text - len, "%s ",
        plait_address_format(&a->query.addresses[i], address, sizeof address));
  snprintf(text + len, sizeof text - len, "(%s)", a->query.canonical);
  trace_add("%s: %s", a->label, text);
}

static void ask_answered(plait_query *query, int code) {
  struct ask *a = plait_container_of(query, struct ask, query);
  a->answered++;
  a->code = code;
  a->thread = pthread_self();
  require(a->answered == 1, "%s was answered twice",
          a->label != NULL ? a->label : "one");
  require(code == PLAIT_ECLOSED || plait_reactor_current() == a->reactor,
          "another reactor");
  require(plait_query_cancel(query) == PLAIT_EBUSY, "cancelled when answered");
  if (a->label != NULL)
    ask_trace(a);
  if (a->then != NULL)
    a->then(a);
}

int ask_start(plait_runtime *runtime, plait_transport *owner, struct ask *a) {
  plait_resolver *resolver = plait_runtime_resolver(runtime);
  if (resolver == NULL)
    return PLAIT_ENOMEM;
  a->reactor = plait_reactor_current();
  a->query.answered = ask_answered;
  int code = plait_resolve(resolver, owner, &a->query);
  require(a->answered == 0, "answered inside the call");
  return code;
}

void ask(plait_runtime *runtime, struct ask *a) {
  require(ask_start(runtime, NULL, a) == 0, "%s", plait_error_detail());
}

plait_resolver_stats resolver_stats(plait_runtime *runtime) {
  plait_resolver_stats stats;
  plait_resolver_get_stats(plait_runtime_resolver(runtime), &stats);
  return stats;
}
