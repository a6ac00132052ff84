/* The resolver: names to addresses and back, off the reactor.
 *
 *     struct visit { plait_query query; ... };      // embedded in yours
 *
 *     visit->query = (plait_query){
 *         .name = "www.example.net", .service = "http", .answered = found};
 *     plait_resolve(plait_runtime_resolver(runtime), NULL, &visit->query);
 *
 * Literal addresses never leave the thread.  Everything else is asked of the
 * system (getaddrinfo, getnameinfo: hosts file, DNS, mDNS, whatever
 * nsswitch.conf says) on threads of the resolver's own, or c-ares where plait
 * was configured with it and plait_runtime_options.resolver says so. (Twisted's
 * IHostnameResolver; libporty's P_net_async_dns for |ordered| and the reverse
 * direction.)
 */
#ifndef PLAIT_RESOLVER_H
#define PLAIT_RESOLVER_H

#include <plait/address.h>
#include <plait/export.h>
#include <plait/protocol.h>

PLAIT_BEGIN

/* What looks names up: a runtime's. */
typedef struct plait_resolver plait_resolver;
/* One question to it. */
typedef struct plait_query plait_query;

/* Zeroed at first, and yours again once |answered| was called. */
struct plait_query {
  /* What is asked; copied by plait_resolve(). */
  const char *name;    /* a name or a numeric address; NULL: |address| is asked
                          for its name */
  const char *service; /* forward: "http" or "80"; NULL: |port| as it is */
  uint16_t port;
  uint8_t family;        /* forward: PLAIT_IPV4 or PLAIT_IPV6; 0: both */
  plait_address address; /* reverse: the address whose name is wanted */
  uint32_t timeout_ms;   /* counted from when the lookup begins, not from when
                            it was queued [10,000]; PLAIT_UNLIMITED: none */
  bool ordered; /* answered after all earlier ordered queries of the same
                   reactor were (libporty's rule) */

  /* In the serial context of the owner, or on the reactor that asked; exactly
   * once, never inside plait_resolve() or plait_query_cancel().  |code|: 0;
   * PLAIT_ENOTFOUND: there is no such name, or it has no such address;
   * PLAIT_ETIMEOUT; PLAIT_ECANCELED: cancelled, the owner's connection is over,
   * or the runtime's grace is; PLAIT_ETEMPORARY: the name servers could not
   * say; PLAIT_ENOMEM, an errno; PLAIT_ECLOSED: the runtime is being freed and
   * nothing of plait's may be called.  Behind a code plait_error_detail() has
   * the name. */
  void (*answered)(plait_query *query, int code);

  /* The answer, good inside |answered|. */
  const plait_address *addresses; /* forward: in the system's order of
                                     preference, each with its port */
  size_t count;
  const char *canonical; /* forward: the name that |name| is an alias of, or
                            |name|; reverse: the name */

  /* private */
  plait__attached attached; /* to the owner's instance */
  plait_protocol *instance;
  struct plait__request *request; /* the resolver's part; NULL: answered */
};

enum { PLAIT_NAME_MAX = 253 }; /* bytes of a name, without a dot at its end */

/* The runtime's resolver; good until plait_runtime_free().  NULL: out of
 * memory; functions that are given it answer so.  Any thread. */
PLAIT_EXTERN plait_resolver *plait_runtime_resolver(plait_runtime *runtime);

/* Asks.  The answer comes in the serial context of |owner|'s connection, before
 * its connection_lost in any case; or, with a NULL owner, on the reactor that
 * asked.  Identical questions that a reactor asks at the same time are one
 * lookup.  plait_run() waits for the answer.  In a callback; with an |owner|,
 * in one of its callbacks.
 *
 * 0, or with plait_error_detail(), and the query is yours and not answered:
 * PLAIT_EINVAL: elsewhere, or the name is empty, longer than PLAIT_NAME_MAX, or
 * has a part of more than 63 bytes or none, or the address is no IP address, or
 * the service is empty, longer than PLAIT_NAME_MAX, begins with a blank or a
 * sign, or is a number above 65,535; PLAIT_EFULL: 65,536 queries are under way;
 * PLAIT_ECANCELED: the grace is over; PLAIT_ECLOSED: |owner| is gone;
 * PLAIT_ENOMEM. */
PLAIT_EXTERN int plait_resolve(plait_resolver *resolver, plait_transport *owner,
                               plait_query *query);

/* Gives |query| up: 0, and answered(PLAIT_ECANCELED) follows, not from inside
 * this call.  PLAIT_EBUSY: it was answered.  Where the answer would come. */
PLAIT_EXTERN int plait_query_cancel(plait_query *query);

/* How busy the resolver is, and was. */
typedef struct plait_resolver_stats {
  unsigned threads; /* now, without those that are stuck; c-ares: none */
  unsigned stuck;   /* threads, or questions to c-ares, that are at a lookup
                       which nobody waits for any more */
  unsigned queued;  /* lookups that wait for a thread, or their turn, now */
  unsigned running; /* lookups that run now, without the stuck ones */
  unsigned waiting; /* queries that were not answered yet */
  uint64_t asked;   /* queries */
  uint64_t shared;  /* of these, that joined a lookup under way */
  uint64_t literal; /* of these, that needed none */
  uint64_t timed_out, cancelled, refused;
} plait_resolver_stats;

/* Any thread. */
PLAIT_EXTERN void plait_resolver_get_stats(plait_resolver *resolver,
                                           plait_resolver_stats *ret);

PLAIT_END

#endif
