/* The inside of a transport: a head that never changes identity, and what is
 * beneath it.
 *
 * A protocol's pointer is the head.  The verbs go through |ops| to what lies
 * directly beneath: the stream (stream.h), or a filter whose own |below| leads
 * to it.
 */
#ifndef PLAIT_CORE_TRANSPORT_H
#define PLAIT_CORE_TRANSPORT_H

#include <plait/protocol.h>
#include <plait/transport.h>

#include "core/slot.h"

typedef struct plait__transport_ops {
  /* Queues the pieces; the answer is plait_write()'s. */
  bool (*writev)(plait_transport *t, const plait_slice *v, size_t n);
  /* Queues a reference, or releases it at once if the transport is closing. */
  bool (*write_owned)(plait_transport *t, const void *data, size_t len,
                      plait_release_fn *release, void *arg);
  void (*write_eof)(plait_transport *t);
  void (*close)(plait_transport *t, int reason); /* 0: no reason of its own */
  void (*abort)(plait_transport *t);
  void (*pause)(plait_transport *t);
  void (*resume)(plait_transport *t);
} plait__transport_ops;

struct plait_transport {
  const plait__transport_ops *ops;
  plait_transport *below; /* NULL: this head is a stream's */
  plait_protocol *protocol;
  plait__slot *slot;
};

#endif
