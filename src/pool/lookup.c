/* Lookups: what several requests may wait for, and the backend that asks the
 * system on threads of the resolver's own.
 *
 * A lookup that all requests have left cannot be stopped if it runs: its thread
 * is given up, and another one takes its place in the lane. */
#include <plait/error.h>
#include <plait/factory.h>

#include "core/memory.h"
#include "core/runtime.h"
#include "pool/resolver.h"

/* ---- questions ----------------------------------------------------------- */

static size_t text_size(const char *text) {
  return text != NULL ? strlen(text) + 1 : 0;
}

size_t plait__question_size(const plait__question *question) {
  return text_size(question->name) + text_size(question->service);
}

void plait__question_copy(plait__question *to, const plait__question *from,
                          char *text) {
  size_t name = text_size(from->name), service = text_size(from->service);
  *to = *from;
  if (name > 0)
    to->name = memcpy(text, from->name, name);
  if (service > 0)
    to->service = memcpy(text + name, from->service, service);
}

static bool text_is(const char *a, const char *b) {
  return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool question_is(const plait__question *a, const plait__question *b) {
  return text_is(a->name, b->name) && text_is(a->service, b->service) &&
         a->port == b->port && a->family == b->family &&
         a->address.family == b->address.family &&
         a->address.scope == b->address.scope &&
         memcmp(a->address.ip, b->address.ip, sizeof a->address.ip) == 0;
}

static unsigned hash_bytes(unsigned hash, const void *bytes, size_t len) {
  const uint8_t *b = bytes;
  for (size_t i = 0; i < len; i++)
    hash = (hash ^ b[i]) * 16777619u;
  return hash;
}

static plait__lookup **lookup_bucket(plait__resolver_home *home,
                                     const plait__question *question) {
  unsigned hash = 2166136261u;
  if (question->name != NULL)
    hash = hash_bytes(hash, question->name, strlen(question->name));
  else
    hash = hash_bytes(hash, question->address.ip, sizeof question->address.ip);
  return &home->lookups[hash % PLAIT__LOOKUP_BUCKETS];
}

/* ---- life ---------------------------------------------------------------- */

/* With one reference. */
static plait__lookup *lookup_new(plait__request *request) {
  plait_reactor *r = request->reactor;
  plait__lookup *lookup = plait__zalloc(
      r->os, sizeof *lookup + plait__question_size(&request->question));
  if (lookup == NULL)
    return NULL;
  lookup->resolver = request->resolver;
  lookup->reactor = r;
  lookup->os = r->os;
  lookup->host = r->runtime->driver->host;
  plait__question_copy(&lookup->question, &request->question, lookup->text);
  atomic_init(&lookup->refs, 1);
  return lookup;
}

static void lookup_free(plait__lookup *lookup) {
  const plait__os *os = lookup->os;
  plait__free(os, lookup->found.addresses);
  plait__free(os, lookup->found.canonical);
  plait__free(os, lookup);
}

void plait__lookup_unref(plait__lookup *lookup) {
  if (atomic_fetch_sub(&lookup->refs, 1) == 1)
    lookup_free(lookup);
}

static void lookup_list(plait__lookup *lookup) {
  plait__lookup **bucket =
      lookup_bucket(plait__resolver_home_of(lookup->resolver, lookup->reactor),
                    &lookup->question);
  lookup->next = *bucket;
  *bucket = lookup;
  lookup->listed = true;
}

static void lookup_unlist(plait__lookup *lookup) {
  plait__lookup **at =
      lookup_bucket(plait__resolver_home_of(lookup->resolver, lookup->reactor),
                    &lookup->question);
  if (!lookup->listed)
    return;
  while (*at != lookup)
    at = &(*at)->next;
  *at = lookup->next;
  lookup->listed = false;
}

/* ---- its requests -------------------------------------------------------- */

static void lookup_add(plait__lookup *lookup, plait__request *request) {
  atomic_fetch_add(&lookup->refs, 1);
  request->lookup = lookup;
  request->waits = true;
  request->prev = NULL;
  request->next = lookup->first;
  if (lookup->first != NULL)
    lookup->first->prev = request;
  lookup->first = request;
}

static int lookup_start(plait__request *request) {
  plait__lookup *lookup = lookup_new(request);
  if (lookup == NULL)
    return PLAIT_ENOMEM;
  int code = request->resolver->backend->start(lookup);
  if (code != 0) {
    plait__lookup_unref(lookup);
    return code;
  }
  lookup_list(lookup);
  lookup_add(lookup, request);
  return 0;
}

int plait__lookup_join(plait__request *request) {
  plait__lookup *lookup = *lookup_bucket(
      plait__resolver_home_of(request->resolver, request->reactor),
      &request->question);
  while (lookup != NULL && !question_is(&lookup->question, &request->question))
    lookup = lookup->next;
  if (lookup == NULL)
    return lookup_start(request);
  atomic_fetch_add(&request->resolver->shared, 1);
  lookup_add(lookup, request);
  return 0;
}

void plait__lookup_leave(plait__request *request) {
  plait__lookup *lookup = request->lookup;
  if (!request->waits)
    return;
  request->waits = false;
  if (request->prev != NULL)
    request->prev->next = request->next;
  else
    lookup->first = request->next;
  if (request->next != NULL)
    request->next->prev = request->prev;
  if (lookup->first != NULL || !lookup->listed)
    return;
  lookup_unlist(lookup);
  if (lookup->resolver->backend->cancel(lookup))
    plait__lookup_unref(lookup);
}

void plait__lookup_complete(plait__lookup *lookup, int code) {
  lookup_unlist(lookup);
  lookup->code = code;
  while (lookup->first != NULL)
    plait__request_done(lookup->first, code);
  plait__lookup_unref(lookup);
}

/* ---- literals ------------------------------------------------------------ */

/* False: it is a name for a port, which a file knows. */
static bool literal_port(const plait__question *question, uint16_t *ret) {
  unsigned port = 0;
  *ret = question->port;
  if (question->service == NULL)
    return true;
  for (const char *c = question->service; *c != '\0'; c++) {
    if (*c < '0' || *c > '9' || port > UINT16_MAX)
      return false;
    port = port * 10 + (unsigned)(*c - '0');
  }
  *ret = (uint16_t)port;
  return port <= UINT16_MAX;
}

static int literal_found(plait__lookup *lookup, const plait_address *address) {
  const plait__os *os = lookup->reactor->os;
  size_t size = text_size(lookup->question.name);
  lookup->found.addresses = plait__alloc(os, sizeof *address);
  lookup->found.canonical = plait__alloc(os, size);
  if (lookup->found.addresses == NULL || lookup->found.canonical == NULL)
    return PLAIT_ENOMEM;
  lookup->found.addresses[0] = *address;
  lookup->found.count = 1;
  memcpy(lookup->found.canonical, lookup->question.name, size);
  return 0;
}

bool plait__lookup_literal(plait__request *request, int *ret_code) {
  const plait__question *question = &request->question;
  plait_address address;
  uint16_t port;
  if (question->name == NULL || !literal_port(question, &port) ||
      plait_address_parse(question->name, port, &address) != 0)
    return false;
  if (question->family != 0 && question->family != address.family) {
    *ret_code = PLAIT_ENOTFOUND;
    return true;
  }
  request->lookup = lookup_new(request);
  *ret_code = request->lookup != NULL ? literal_found(request->lookup, &address)
                                      : PLAIT_ENOMEM;
  return true;
}

/* ---- the system ---------------------------------------------------------- */

static plait__lookup *lookup_of(plait__job *job) {
  return plait_container_of(job, plait__lookup, job);
}

static void system_run(plait__job *job) {
  plait__lookup *lookup = lookup_of(job);
  lookup->code =
      lookup->host->resolve(lookup->os, &lookup->question, &lookup->found);
}

static void system_deliver(plait_reactor *r, plait__mail *mail, bool drop) {
  plait__lookup *lookup = plait_container_of(mail, plait__lookup, mail);
  (void)r, (void)drop;
  plait__lookup_complete(lookup, lookup->code);
}

static void system_finished(plait__job *job) {
  plait__lookup *lookup = lookup_of(job);
  lookup->mail.deliver = system_deliver;
  plait__reactor_mail(lookup->reactor, &lookup->mail);
}

static void system_dropped(plait__job *job, int code) {
  lookup_of(job)->code = code;
  system_finished(job);
}

static void system_orphaned(plait__job *job) {
  lookup_free(lookup_of(job));
}

static int system_start(plait__lookup *lookup) {
  lookup->job = (plait__job){.run = system_run,
                             .finished = system_finished,
                             .dropped = system_dropped,
                             .orphaned = system_orphaned,
                             .name = "a lookup"};
  plait_pool *pool = lookup->resolver->pool;
  return plait__lane_push(&pool->names, &lookup->job, plait__pool_stage(pool));
}

static bool system_cancel(plait__lookup *lookup) {
  plait__lane *lane = &lookup->resolver->pool->names;
  if (plait__lane_remove(lane, &lookup->job))
    return true;
  plait__lane_abandon(lane, &lookup->job);
  return false;
}

static uint64_t system_began(plait__lookup *lookup) {
  return plait__lane_began(&lookup->resolver->pool->names, &lookup->job);
}

const plait__lookup_backend plait__lookup_system = {
    .start = system_start, .cancel = system_cancel, .began = system_began};
