/* A factory is what outlives one connection: which protocol new connections
 * get, and their limits.  It is yours, may be the first member of a bigger
 * struct (see plait_container_of below), and must outlive its connections:
 * keep it until |stopped| was called or plait_runtime_free() returned. */
#ifndef PLAIT_FACTORY_H
#define PLAIT_FACTORY_H

#include <plait/export.h>

PLAIT_BEGIN

/* Bounds of a factory's connections.  0 means the default in brackets;
 * PLAIT_UNLIMITED, by name, means none. */
typedef struct plait_limits {
  uint32_t connections_max;  /* at once over all listeners of the factory; more
       wait in the backlog [descriptor limit less 64, or half of it if more].
       Connections that were not accepted count, and are not held up. */
  uint32_t idle_ms;          /* nothing received or sent [none] */
  uint32_t flush_ms;         /* no progress of the queue after close [30,000] */
  uint32_t linger_ms;        /* for the peer's end, after our end [2,000] */
  uint32_t linger_bytes_max; /* discarded input after our end [256 KiB] */
  uint32_t high_bytes;       /* writes answer false above it [64 KiB] */
  uint32_t low_bytes;        /* resume_writing at or below it [16 KiB, or a
       quarter of high_bytes if that is below 16 KiB] */
  uint32_t queue_bytes_max;  /* a write that finds the queue above it loses the
       connection with PLAIT_EQUEUE [16 MiB] */
  uint32_t lease_bytes_max;  /* PLAIT_ON_WORKERS: received and not yet handled;
       then reading pauses [1 MiB] */
} plait_limits;

/* Where the callbacks of a connection run. */
typedef enum plait_dispatch {
  /* On its reactor: they must not block. */
  PLAIT_ON_REACTOR,
  /* On the pool's threads for strands, one at a time and in order: they may
   * block, and nothing else about them changes.  What is received is not
   * copied, and what a callback writes leaves when the connection's thread has
   * nothing more to do for it, or at 64 KiB.  Callbacks that block all threads
   * of the pool stall the others: plait_pool_get_strand_stats(). */
  PLAIT_ON_WORKERS
} plait_dispatch;

/* All but |protocol| or |build_protocol| may be zero. */
struct plait_factory {
  const plait_protocol_ops *protocol; /* what new connections run */

  /* Optional: chooses per peer, or refuses with a negative code: the
   * connection is then closed at once, and a connector's connect_failed gets
   * the code.  Runs on the connection's reactor; with several reactors, on
   * several threads at once. */
  int (*build_protocol)(plait_factory *factory, const plait_address *peer,
                        const plait_protocol_ops **ret_ops);

  /* Optional: before the first accept or connect attempt. */
  void (*started)(plait_factory *factory);

  /* Optional: after the last listener and connector and the last connection.
   * |started| and |stopped| both run on the runtime's first reactor. */
  void (*stopped)(plait_factory *factory);

  /* Optional: the connector gave up.  No protocol was made.  Runs on the
   * connector's reactor; plait_error_detail() names the step. */
  void (*connect_failed)(plait_factory *factory, plait_connector *connector,
                         int reason);

  plait_dispatch dispatch;
  plait_limits limits;

  /* private: zero it and leave it alone */
  struct plait__factory_state *state;
};

/* The struct of |type| whose |member| is at |pointer|. */
#define plait_container_of(pointer, type, member)                              \
  ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

PLAIT_END

#endif
