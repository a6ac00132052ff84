/* Protocol instances: what plait allocates for each connection.
 *
 * A header in front of the instance holds what belongs to it and goes with it:
 * what ends before its connection_lost (timers, queries), and the framings
 * whose carry it frees.
 */
#ifndef PLAIT_CORE_INSTANCE_H
#define PLAIT_CORE_INSTANCE_H

#include <plait/framing.h>
#include <plait/protocol.h>

#include "core/driver.h"

typedef struct plait__instance {
  plait__attached *attached;
  plait_framing *framings;
#if PLAIT_DEBUG
  unsigned stage; /* of law 2, see deliver.c */
  unsigned padding_[3];
#endif
} plait__instance;

/* A zeroed instance of |ops| with its base filled in; NULL: out of memory. */
plait_protocol *plait__instance_new(const plait__os *os,
                                    const plait_protocol_ops *ops,
                                    plait_transport *t, plait_factory *factory);
/* Frees |p| and what is its own.  Nothing is attached to it. */
void plait__instance_free(const plait__os *os, plait_protocol *p);

static inline plait__instance *plait__instance_of(const plait_protocol *p) {
  return (plait__instance *)(uintptr_t)p - 1;
}

/* Law 2, in debug builds: the stages of an instance. */
enum {
  PLAIT__STAGE_NEW,
  PLAIT__STAGE_MADE,
  PLAIT__STAGE_EOF,
  PLAIT__STAGE_LOST
};

/* |call| is about to be made, which is right between the stages |from| and
 * |to|, and not |inside| another callback; stops with a message if it is not.
 * |next| is the stage that follows, 0 if it stays. */
#if PLAIT_DEBUG
void plait__check_order(const plait__os *os, bool inside, plait_protocol *p,
                        const char *call, unsigned from, unsigned to,
                        unsigned next);
#else
#define plait__check_order(os, inside, p, call, from, to, next)                \
  ((void)(p), (void)(call))
#endif

/* |a| is told of the end of |p| by a->end, in p's serial context and before its
 * connection_lost, unless it is detached before.  False: it has ended. */
bool plait__attach(plait_protocol *p, plait__attached *a);
void plait__detach(plait_protocol *p, plait__attached *a);
/* Takes no more, and ends all of them, each detached first. */
void plait__attached_end(plait_protocol *p);

/* Whether the end of |p| has to wait for something that is attached. */
bool plait__instance_waits(const plait_protocol *p);

/* |f|'s carry is freed with |p|. */
void plait__instance_add_framing(plait_protocol *p, plait_framing *f);

/* realloc() through the seam for something of |p|'s; size 0 frees. */
void *plait__instance_alloc(plait_protocol *p, void *old, size_t size,
                            const char *site);

/* The input has ended: delivers a frame of |p|'s that only this completes.
 * False: there is none. */
bool plait__instance_end(plait_protocol *p);
/* Whether the input so far ends inside a frame of |p|'s. */
bool plait__instance_is_inside(const plait_protocol *p);

/* src/core/framing.c: the same, for one framing. */
void plait__framing_free(plait_framing *f);
bool plait__framing_end(plait_framing *f);
bool plait__framing_is_inside(const plait_framing *f);

#endif
