/* The resolver's public functions. */
#include "pool/resolver.h"

#include <plait/error.h>
#include <plait/factory.h>

#include "core/error.h"
#include "core/instance.h"
#include "core/memory.h"
#include "core/runtime.h"
#include "core/stream.h"

/* ---- the resolver -------------------------------------------------------- */

static void home_cut(plait_reactor *r, plait__mail *mail, bool drop) {
  plait__resolver_home *home =
      plait_container_of(mail, plait__resolver_home, cut);
  plait_runtime *runtime = r->runtime;
  (void)drop;
  while (home->all != NULL)
    plait__request_done(home->all, PLAIT_ECANCELED);
  plait__ordered_send(home);
  if (home->resolver->backend->cut != NULL)
    home->resolver->backend->cut(home->resolver, r);
  plait__runtime_unref(runtime);
}

static plait_resolver *resolver_new(plait_pool *pool) {
  plait_runtime *runtime = pool->runtime;
  size_t homes = runtime->reactor_count * sizeof(plait__resolver_home);
  plait_resolver *resolver =
      plait__zalloc(runtime->driver->os, sizeof *resolver + homes);
  if (resolver == NULL)
    return NULL;
  resolver->pool = pool;
  resolver->backend = runtime->options.resolver == PLAIT_RESOLVER_CARES
                          ? plait__lookup_cares
                          : &plait__lookup_system;
  for (unsigned i = 0; i < runtime->reactor_count; i++) {
    resolver->homes[i].resolver = resolver;
    resolver->homes[i].cut.deliver = home_cut;
  }
  return resolver;
}

plait_resolver *plait_runtime_resolver(plait_runtime *runtime) {
  plait_pool *pool = plait_runtime_pool(runtime);
  if (pool == NULL)
    return NULL;
  plait_resolver *resolver = atomic_load(&pool->resolver);
  if (resolver != NULL)
    return resolver;
  plait_resolver *mine = resolver_new(pool);
  if (mine == NULL)
    return NULL;
  if (atomic_compare_exchange_strong(&pool->resolver, &resolver, mine))
    return mine;
  plait__resolver_free(mine); /* another thread was faster */
  return resolver;
}

void plait__resolver_close(plait_resolver *resolver) {
  if (resolver != NULL && resolver->backend->close != NULL)
    resolver->backend->close(resolver);
}

void plait__resolver_free(plait_resolver *resolver) {
  if (resolver != NULL)
    plait__free(resolver->pool->runtime->driver->os, resolver);
}

void plait__resolver_cut(plait_resolver *resolver) {
  if (resolver == NULL)
    return;
  plait_runtime *runtime = resolver->pool->runtime;
  atomic_store(&resolver->cut, true);
  for (unsigned i = 0; i < runtime->reactor_count; i++) {
    plait__runtime_ref(runtime);
    plait__reactor_mail(runtime->reactors[i], &resolver->homes[i].cut);
  }
}

void plait_resolver_get_stats(plait_resolver *resolver,
                              plait_resolver_stats *ret) {
  *ret = (plait_resolver_stats){0};
  if (resolver == NULL)
    return;
  plait__lane *lane = &resolver->pool->names;
  plait__lane_lock(lane);
  *ret = (plait_resolver_stats){.threads = lane->threads,
                                .stuck = lane->stuck,
                                .queued = lane->queued,
                                .running = lane->running};
  plait__lane_unlock(lane);
  ret->stuck += atomic_load(&resolver->stuck);
  ret->queued += atomic_load(&resolver->queued);
  ret->running += atomic_load(&resolver->running);
  ret->waiting = atomic_load(&resolver->waiting);
  ret->asked = atomic_load(&resolver->asked);
  ret->shared = atomic_load(&resolver->shared);
  ret->literal = atomic_load(&resolver->literal);
  ret->timed_out = atomic_load(&resolver->timed_out);
  ret->cancelled = atomic_load(&resolver->cancelled);
  ret->refused = atomic_load(&resolver->refused);
}

/* ---- asking -------------------------------------------------------------- */

/* Parts of 1 to 63 bytes with dots between them, and maybe one behind. */
static bool name_is_good(const char *name) {
  size_t len = strlen(name), part = 0;
  if (len > 0 && name[len - 1] == '.')
    len--;
  for (size_t i = 0; i < len; i++) {
    part = name[i] == '.' ? 0 : part + 1;
    if (part > 63 || (part == 0 && (i == 0 || name[i - 1] == '.')) ||
        (unsigned char)name[i] <= ' ')
      return false;
  }
  return part > 0 && len <= PLAIT_NAME_MAX;
}

/* A name, or a number of a port: the system takes 65,616 for 80, and looks for
 * a number behind blanks and a sign, too. */
static bool service_is_good(const char *service) {
  unsigned number = 0;
  size_t len = strlen(service);
  if (len == 0 || len > PLAIT_NAME_MAX || (unsigned char)*service <= ' ' ||
      *service == '+' || *service == '-')
    return false;
  for (const char *c = service; number <= UINT16_MAX; c++) {
    if (*c < '0' || *c > '9')
      return true;
    number = number * 10 + (unsigned)(*c - '0');
  }
  return false;
}

static int query_check(const plait_query *query) {
  plait_address address;
  const char *name = query->name, *service = query->service;
  if (name == NULL) {
    uint8_t family = query->address.family;
    return family == PLAIT_IPV4 || family == PLAIT_IPV6
               ? 0
               : plait__fail(PLAIT_EINVAL,
                             "resolve: neither a name nor an IP address");
  }
  if (service != NULL && !service_is_good(service))
    return plait__fail(PLAIT_EINVAL, "resolve: this is no service: \"%.80s\"",
                       service);
  if (plait_address_parse(name, 0, &address) != 0 && !name_is_good(name))
    return plait__fail(PLAIT_EINVAL, "resolve: this is no name: \"%.80s\"",
                       name);
  return 0;
}

/* The owner's connection is over. */
static void query_end(plait__attached *attached) {
  plait_query *query = plait_container_of(attached, plait_query, attached);
  plait__request *request = query->request;
  plait__request_cancel(request);
  query->instance = NULL; /* detached already */
  plait__request_tell(request, PLAIT_ECANCELED);
}

static bool query_attach(plait_query *query, plait_transport *owner) {
  query->instance = NULL;
  if (owner == NULL)
    return true;
  query->attached = (plait__attached){.end = query_end};
  query->instance = owner->protocol;
  return !owner->ops->gone(owner) &&
         plait__attach(query->instance, &query->attached);
}

static void begin_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  plait__request *request = plait_container_of(mail, plait__request, begin);
  (void)r;
  if (drop)
    plait__request_done(request, PLAIT_ECLOSED);
  else
    plait__request_begin(request);
}

static int query_send(plait_resolver *resolver, plait_reactor *r,
                      plait_transport *owner, plait_query *query) {
  plait__request *request = plait__request_new(resolver, r, query);
  if (request == NULL)
    return PLAIT_ENOMEM;
  if (!query_attach(query, owner)) {
    plait__request_unref(request);
    return PLAIT_ECLOSED;
  }
  if (owner != NULL) {
    request->owner = plait_transport_handle(owner);
    request->away = plait_transport_on_workers(owner);
  }
  query->request = request;
  request->query = query;
  request->begin.deliver = begin_deliver;
  if (plait__here() == r)
    plait__request_begin(request);
  else
    plait__reactor_mail(r, &request->begin);
  return 0;
}

int plait_resolve(plait_resolver *resolver, plait_transport *owner,
                  plait_query *query) {
  if (resolver == NULL)
    return plait__fail(PLAIT_ENOMEM, "resolve: no resolver: out of memory");
  plait_runtime *runtime = resolver->pool->runtime;
  plait_reactor *r = plait_reactor_current();
  const char *name = query->name != NULL ? query->name : "address";
  if (owner != NULL)
    plait__at_home(owner, "plait_resolve");
  if (r == NULL || r->runtime != runtime)
    return plait__fail(PLAIT_EINVAL, "resolve: not in a callback");
  if (owner != NULL)
    r = plait__stream_of(owner)->reactor;
  int code = query_check(query);
  if (code != 0)
    return code;
  if (atomic_load(&resolver->cut))
    code = PLAIT_ECANCELED;
  else if (atomic_load(&resolver->waiting) >= PLAIT__QUERIES_MAX)
    code = PLAIT_EFULL;
  else
    code = query_send(resolver, r, owner, query);
  if (code == 0)
    return 0;
  atomic_fetch_add(&resolver->refused, 1);
  return plait__fail(code, "resolve %s: %s", name, plait_strerror(code));
}

int plait_query_cancel(plait_query *query) {
  if (query->request == NULL)
    return PLAIT_EBUSY;
  plait__request_cancel(query->request);
  return 0;
}
