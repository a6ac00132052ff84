/* The host: names as they were scripted, signals, no standard input. */
#include <plait/address.h>
#include <plait/error.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sim/sim.h"

typedef struct host_name {
  struct host_name *next;
  char *name;
  plait_address *addresses;
  unsigned count;
  uint64_t delay_ns;
  int code;
} host_name;

static host_name *names, **names_end = &names;

/* ---- the script ---------------------------------------------------------- */

static void name_clear(host_name *n) {
  free(n->addresses);
  n->addresses = NULL;
  n->count = 0;
}

/* Large and small letters are the same in names. */
static host_name *name_find(const char *name) {
  for (host_name *n = names; n != NULL; n = n->next)
    if (strcasecmp(n->name, name) == 0)
      return n;
  return NULL;
}

static host_name *name_new(const char *name) {
  host_name *n = calloc(1, sizeof *n);
  char *copy = n == NULL ? NULL : strdup(name);
  if (copy == NULL) {
    free(n);
    return NULL;
  }
  n->name = copy;
  *names_end = n;
  names_end = &n->next;
  return n;
}

int plait_sim_name(plait_sim *sim, const char *name,
                   const plait_address *addresses, unsigned count,
                   uint32_t delay_ms, int code) {
  (void)sim;
  host_name *n = name_find(name);
  plait_address *copy = calloc(count + 1, sizeof *copy);
  if (copy != NULL && n == NULL)
    n = name_new(name);
  if (copy == NULL || n == NULL) {
    free(copy);
    return plait__fail(PLAIT_ENOMEM, "sim: out of memory");
  }
  for (unsigned i = 0; i < count; i++)
    copy[i] = addresses[i];
  name_clear(n);
  n->addresses = copy;
  n->count = count;
  n->delay_ns = (uint64_t)delay_ms * 1000000;
  n->code = code;
  return 0;
}

void plait__sim_names_close(void) {
  for (host_name *n = names, *next; n != NULL; n = next) {
    next = n->next;
    name_clear(n);
    free(n->name);
    free(n);
  }
  names = NULL;
  names_end = &names;
}

/* ---- answers ------------------------------------------------------------- */

static int found_name(const plait__os *os, const char *name,
                      plait__found *ret) {
  size_t size = strlen(name) + 1;
  ret->canonical = os->alloc(NULL, size, "name");
  if (ret->canonical == NULL)
    return PLAIT_ENOMEM;
  memcpy(ret->canonical, name, size);
  return 0;
}

/* A service is a number here. */
static int question_port(const plait__question *q, uint16_t *ret) {
  char *end = NULL;
  unsigned long port = q->port;
  if (q->service != NULL)
    port = strtoul(q->service, &end, 10);
  *ret = (uint16_t)port;
  return port <= UINT16_MAX && (end == NULL || *end == '\0') ? 0
                                                             : PLAIT_ENOTFOUND;
}

static int resolve_name(const plait__os *os, const host_name *n,
                        const plait__question *q, plait__found *ret) {
  uint16_t port;
  int code = n == NULL ? PLAIT_ENOTFOUND : n->code;
  if (code == 0)
    code = question_port(q, &port);
  if (code != 0)
    return code;
  ret->addresses =
      os->alloc(NULL, (n->count + 1) * sizeof *ret->addresses, "addresses");
  if (ret->addresses == NULL)
    return PLAIT_ENOMEM;
  for (unsigned i = 0; i < n->count; i++) {
    if (q->family != 0 && q->family != n->addresses[i].family)
      continue;
    ret->addresses[ret->count] = n->addresses[i];
    ret->addresses[ret->count++].port = port;
  }
  return ret->count == 0 ? PLAIT_ENOTFOUND : found_name(os, n->name, ret);
}

static const host_name *address_find(const plait_address *address) {
  for (const host_name *n = names; n != NULL; n = n->next)
    for (unsigned i = 0; i < n->count; i++)
      if (n->addresses[i].family == address->family &&
          memcmp(n->addresses[i].ip, address->ip, sizeof address->ip) == 0)
        return n;
  return NULL;
}

static int resolve(const plait__os *os, const plait__question *q,
                   plait__found *ret) {
  const host_name *n = q->name != NULL ? name_find(q->name) : NULL;
  int code;
  if (q->name != NULL)
    code = resolve_name(os, n, q, ret);
  else if ((n = address_find(&q->address)) == NULL)
    code = PLAIT_ENOTFOUND;
  else
    code = found_name(os, n->name, ret);
  if (code != 0) {
    os->alloc(ret->addresses, 0, "addresses");
    *ret = (plait__found){0};
  }
  return code;
}

static int host_resolve(const plait__os *os, const plait__question *q,
                        plait__found *ret) {
  const plait_sim_options *o = plait__sim_options();
  const host_name *n = q->name != NULL ? name_find(q->name) : NULL;
  uint64_t ns = plait__sim_between(0, (uint64_t)o->resolve_max_ms * 1000000);
  plait__sim_sleep("a lookup", ns + (n == NULL ? 0 : n->delay_ns));
  int code = PLAIT_ETEMPORARY;
  if (!plait__sim_fails("host.resolve", o->resolve_fail_ppm))
    code = resolve(os, q, ret);
  plait__sim_trace("host.resolve", ret->count, code);
  return code;
}

/* ---- the rest ------------------------------------------------------------ */

static unsigned host_descriptor_limit(void) {
  return plait__sim_options()->descriptors;
}

void plait_sim_raise(plait_sim *sim, int number) {
  (void)sim;
  plait__sim_trace("signal", (uint64_t)number, 0);
  plait__sim_signal_send(number);
}

void plait_sim_signal(plait_sim *sim) {
  plait_sim_raise(sim, SIGINT);
}

static int host_activated(const char *name, unsigned index, int *ret_fd,
                          const char **ret_step) {
  (void)name, (void)index, (void)ret_fd;
  *ret_step = "LISTEN_FDS";
  return PLAIT_ENOENT;
}

static int host_terminal_raw(int fd, bool on) {
  (void)fd, (void)on;
  return PLAIT_ENOTSUP;
}

static int host_terminal_size(int fd, unsigned *ret_columns,
                              unsigned *ret_rows) {
  (void)fd, (void)ret_columns, (void)ret_rows;
  return PLAIT_ENOTSUP;
}

static int host_stdio_open(const plait__os *os,
                           void (*done)(void *arg, int code), void *arg,
                           int *ret_fd, plait__stdio **ret,
                           const char **ret_step) {
  (void)os, (void)done, (void)arg, (void)ret_fd, (void)ret;
  *ret_step = "stdio";
  return PLAIT_ENOTSUP;
}

static void host_stdio_finish(plait__stdio *stdio, uint32_t wait_ms) {
  (void)stdio, (void)wait_ms;
}

static void host_stdio_close(plait__stdio *stdio) {
  (void)stdio;
}

const plait__host plait__sim_host = {
    .resolve = host_resolve,
    .descriptor_limit = host_descriptor_limit,
    .activated = host_activated,
    .signal_start = plait__sim_signal_start,
    .signal_stop = plait__sim_signal_stop,
    .terminal_raw = host_terminal_raw,
    .terminal_size = host_terminal_size,
    .stdio_open = host_stdio_open,
    .stdio_finish = host_stdio_finish,
    .stdio_close = host_stdio_close,
    .spawn = plait__sim_spawn,
    .kid_reap = plait__sim_kid_reap,
    .kid_signal = plait__sim_kid_signal,
    .kid_close = plait__sim_kid_close,
    .environment = plait__sim_environment,
    .duplicate = plait__sim_duplicate,
};
