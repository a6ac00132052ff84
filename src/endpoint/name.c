/* See name.h. */
#include "endpoint/name.h"

#include <plait/error.h>
#include <plait/factory.h>
#include <plait/resolver.h>
#include <string.h>

#include "core/memory.h"
#include "core/runtime.h"

typedef struct name {
  plait__finder finder;
  plait_resolver *resolver;
  plait_query query;
  char host[PLAIT__HOST_MAX + 2], service[PLAIT__SERVICE_MAX + 1];
} name;

static name *name_of(plait__finder *finder) {
  return plait_container_of(finder, name, finder);
}

static void name_answered(plait_query *query, int code) {
  name *n = plait_container_of(query, name, query);
  if (code == PLAIT_ECLOSED)
    return; /* the runtime is being freed */
  if (code == 0 && query->count == 0)
    code = PLAIT_ENOTFOUND;
  plait__finder_found(&n->finder, code, query->addresses, query->count);
}

static int name_start(plait__finder *finder) {
  name *n = name_of(finder);
  return plait_resolve(n->resolver, NULL, &n->query);
}

static void name_cancel(plait__finder *finder) {
  plait_query_cancel(&name_of(finder)->query);
}

static void name_free(plait__finder *finder, const plait__os *os) {
  plait__free(os, name_of(finder));
}

static const plait__finder_ops name_ops = {
    .start = name_start, .cancel = name_cancel, .free = name_free};

/* A literal whose port has to be looked up is a name, too. */
static void name_set_host(name *n, const plait__endpoint *e) {
  if (e->host[0] != '\0') {
    memcpy(n->host, e->host, sizeof n->host);
    return;
  }
  plait_address_format_ip(&e->address, n->host, sizeof n->host);
}

int plait__name_new(plait_runtime *runtime, const plait__endpoint *e,
                    uint32_t timeout_ms, plait__finder **ret) {
  const plait__os *os = runtime->driver->os;
  plait_resolver *resolver = plait_runtime_resolver(runtime);
  name *n = resolver != NULL ? plait__zalloc(os, sizeof *n) : NULL;
  if (n == NULL)
    return PLAIT_ENOMEM;
  n->finder.ops = &name_ops;
  n->finder.step = "resolve";
  n->resolver = resolver;
  name_set_host(n, e);
  memcpy(n->service, e->service, sizeof n->service);
  n->query = (plait_query){.name = n->host,
                           .service = n->service[0] != '\0' ? n->service : NULL,
                           .port = e->address.port,
                           .timeout_ms = timeout_ms,
                           .answered = name_answered};
  *ret = &n->finder;
  return 0;
}
