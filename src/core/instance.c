#include "core/instance.h"

#include <assert.h>
#include <stdalign.h>
#include <stdio.h>

#include "core/memory.h"
#include "core/stream.h"

_Static_assert(sizeof(plait__instance) % alignof(max_align_t) == 0,
               "an instance behind its header is aligned for any type");

plait_protocol *plait__instance_new(const plait__os *os,
                                    const plait_protocol_ops *ops,
                                    plait_transport *t,
                                    plait_factory *factory) {
  size_t size = ops->size;
  if (size < sizeof(plait_protocol))
    size = sizeof(plait_protocol);
  plait__instance *header = plait__zalloc(os, sizeof *header + size);
  if (header == NULL)
    return NULL;
  plait_protocol *p = (plait_protocol *)(header + 1);
  *p = (plait_protocol){.ops = ops, .transport = t, .factory = factory};
  return p;
}

void plait__instance_free(const plait__os *os, plait_protocol *p) {
  plait__instance *header = plait__instance_of(p);
  for (plait_framing *f = header->framings; f != NULL; f = f->next)
    plait__framing_free(f);
  plait__free(os, header);
}

#if PLAIT_DEBUG
static const char *const stage_names[] = {"before connection_made", "open",
                                          "after eof_received",
                                          "after connection_lost"};

void plait__check_order(const plait__os *os, bool inside, plait_protocol *p,
                        const char *call, unsigned from, unsigned to,
                        unsigned next) {
  plait__instance *header = plait__instance_of(p);
  char text[256];
  if (inside) {
    snprintf(text, sizeof text,
             "law 1: %s of protocol \"%s\" inside a callback", call,
             p->ops->name);
    os->fatal(text);
  }
  if (header->stage < from || header->stage > to) {
    snprintf(text, sizeof text, "law 2: %s of protocol \"%s\" %s", call,
             p->ops->name, stage_names[header->stage]);
    os->fatal(text);
  }
  if (next > header->stage)
    header->stage = next;
}
#endif

/* Marks a list that takes no more. */
static plait__attached over;

bool plait__attach(plait_protocol *p, plait__attached *a) {
  plait__instance *header = plait__instance_of(p);
  if (header->attached == &over)
    return false;
  a->prev = NULL;
  a->next = header->attached;
  if (a->next != NULL)
    a->next->prev = a;
  header->attached = a;
  return true;
}

void plait__detach(plait_protocol *p, plait__attached *a) {
  if (a->prev != NULL)
    a->prev->next = a->next;
  else
    plait__instance_of(p)->attached = a->next;
  if (a->next != NULL)
    a->next->prev = a->prev;
  a->next = a->prev = NULL;
}

/* The list that is left hangs on a head of its own. */
void plait__attached_end(plait_protocol *p) {
  plait__instance *header = plait__instance_of(p);
  plait__attached head = {.next = header->attached};
  if (head.next == &over)
    return;
  if (head.next != NULL)
    head.next->prev = &head;
  header->attached = &over;
  while (head.next != NULL) {
    plait__attached *a = head.next;
    plait__detach(p, a);
    a->end(a);
  }
}

bool plait__instance_waits(const plait_protocol *p) {
  const plait__attached *a = plait__instance_of(p)->attached;
  while (a != NULL && !a->waits)
    a = a->next;
  return a != NULL;
}

void plait__instance_add_framing(plait_protocol *p, plait_framing *f) {
  plait_framing **last = &plait__instance_of(p)->framings;
  for (; *last != NULL; last = &(*last)->next)
    assert(*last != f);
  f->next = NULL;
  *last = f;
}

bool plait__instance_end(plait_protocol *p) {
  plait_framing *f = plait__instance_of(p)->framings;
  while (f != NULL && !plait__framing_end(f))
    f = f->next;
  return f != NULL;
}

bool plait__instance_is_inside(const plait_protocol *p) {
  const plait_framing *f = plait__instance_of(p)->framings;
  while (f != NULL && !plait__framing_is_inside(f))
    f = f->next;
  return f != NULL;
}

void *plait__instance_alloc(plait_protocol *p, void *old, size_t size,
                            const char *site) {
  return plait__stream_of(p->transport)->reactor->os->alloc(old, size, site);
}
