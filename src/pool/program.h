/* A program whose standard input and output are one stream.
 *
 * The child is a hold of the stream: connection_lost comes when it was reaped.
 *
 *     our end closes  -> the child reads its end, and gets SIGTERM and SIGKILL
 *     the child exits -> its output is delivered, then the connection ends
 */
#ifndef PLAIT_POOL_PROGRAM_H
#define PLAIT_POOL_PROGRAM_H

#include "pool/child.h"

typedef struct plait__program {
  plait__child child;
  plait__mate mate;
  plait__stream *stream; /* NULL: none was made */
  bool exited, alone;
  uint32_t drain_ms;
  uint64_t owed;
  plait__alarm drain;
  /* Once, on its reactor: |stream|, which nothing watches, or NULL with a code
   * and the error detail. */
  void (*made)(void *arg, plait__stream *stream, int code);
  void *arg;
} plait__program;

/* Starts one; |made| follows, not inside this call, unless the runtime is freed
 * before. */
int plait__program_start(plait_pool *pool, plait_reactor *reactor,
                         const plait_process_options *options,
                         void (*made)(void *arg, plait__stream *stream,
                                      int code),
                         void *arg, plait__program **ret);

/* What connection_lost gets for a child that ended so: 0, or
 * PLAIT_ECHILDFAILED with the error detail. */
int plait__program_reason(const plait__child *child);

#endif
