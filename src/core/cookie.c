/* The cookie jar of a reactor: a short list, the key's address its identity. */
#include "core/memory.h"
#include "core/reactor.h"

struct plait__cookie {
  const plait_cookie_key *key;
  void *value;
  void (*eat)(void *value);
  plait__cookie *next;
};

static plait__cookie **cookie_find(plait_reactor *r,
                                   const plait_cookie_key *key) {
  plait__cookie **at = &r->cookies;
  while (*at != NULL && (*at)->key != key)
    at = &(*at)->next;
  return at;
}

void *plait_reactor_cookie(const plait_reactor *reactor,
                           const plait_cookie_key *key) {
  for (plait__cookie *c = reactor->cookies; c != NULL; c = c->next)
    if (c->key == key)
      return c->value;
  return NULL;
}

static void *cookie_take_out(plait_reactor *r, plait__cookie **at) {
  plait__cookie *c = *at;
  void *value = c->value;
  *at = c->next;
  plait__free(r->os, c);
  return value;
}

void *plait_reactor_cookie_set(plait_reactor *reactor,
                               const plait_cookie_key *key, void *value,
                               void (*eat)(void *)) {
  plait__cookie **at = cookie_find(reactor, key);
  if (value == NULL)
    return *at != NULL ? cookie_take_out(reactor, at) : NULL;
  if (*at == NULL) {
    plait__cookie *c = plait__zalloc(reactor->os, sizeof *c);
    if (c == NULL)
      return value;
    c->key = key;
    *at = c;
  }
  void *old = (*at)->value;
  (*at)->value = value;
  (*at)->eat = eat;
  return old;
}

void plait__cookies_eat(plait_reactor *r) {
  while (r->cookies != NULL) {
    plait__cookie *c = r->cookies;
    r->cookies = c->next;
    if (c->eat != NULL)
      c->eat(c->value);
    plait__free(r->os, c);
  }
}
