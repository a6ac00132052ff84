/* The inside of a transport: a head that never changes identity, and what is
 * beneath it.
 *
 * A protocol's pointer is the head.  The verbs go through |ops| to what lies
 * directly beneath: the stream (stream.h), or a filter whose own |below| leads
 * to it.
 */
#ifndef PLAIT_CORE_TRANSPORT_H
#define PLAIT_CORE_TRANSPORT_H

#include <plait/option.h>
#include <plait/protocol.h>
#include <plait/timer.h>
#include <plait/transport.h>

#include "core/driver.h"
#include "core/slot.h"

/* All but |mail| are called in the connection's serial context. */
typedef struct plait__transport_ops {
  /* ---- what the public functions of the same name do ---- */

  /* Queues the pieces; the answer is plait_write()'s. */
  bool (*writev)(plait_transport *t, const plait_slice *v, size_t n);
  /* Queues a reference, or releases it at once if the transport is closing. */
  bool (*write_owned)(plait_transport *t, const void *data, size_t len,
                      plait_release_fn *release, void *arg);
  int (*write_fd)(plait_transport *t, int fd, const void *data, size_t len);
  int (*set_fds_max)(plait_transport *t, unsigned n);
  int (*take_fd)(plait_transport *t);
  void (*write_eof)(plait_transport *t);
  void (*close)(plait_transport *t, int reason); /* 0: no reason of its own */
  void (*abort)(plait_transport *t);
  void (*pause)(plait_transport *t);
  void (*resume)(plait_transport *t);
  void (*unread)(plait_transport *t, const uint8_t *data, size_t len);
  plait_protocol *(*switch_to)(plait_transport *t,
                               const plait_protocol_ops *ops,
                               const uint8_t *rest, size_t len);
  plait_protocol *(*switch_home)(plait_transport *t,
                                 const plait_protocol_ops *ops,
                                 const uint8_t *rest, size_t len);
  bool (*closing)(const plait_transport *t);
  bool (*paused)(const plait_transport *t);
  size_t (*queued)(const plait_transport *t);
  size_t (*unsent)(const plait_transport *t);
  void (*set_timeout)(plait_transport *t, uint32_t idle_ms);
  void (*set_watermarks)(plait_transport *t, uint32_t high, uint32_t low);
  /* Sets it to |value|, or reads it there; what makes sense alone. */
  int (*option)(const plait_transport *t, bool set, plait_option option,
                plait_option_value *value);
  int (*names)(const plait_transport *t, bool peer, plait_address *ret);
  int (*fd)(const plait_transport *t);
  void (*stats)(const plait_transport *t, plait_transport_stats *ret);

  /* ---- what other parts of plait need ---- */

  /* The connection is lost with |code|: there was no memory. */
  void (*fail)(plait_transport *t, int code);
  /* Of a filter: whether |p| must get no more data now.  A stream is looked at
   * by plait__transport_stopped() itself. */
  bool (*stopped)(const plait_transport *t, const plait_protocol *p);
  /* Whether the descriptor is closed: connection_lost comes next. */
  bool (*gone)(const plait_transport *t);
  /* Whether a switch to |p| is still to take effect. */
  bool (*switching_to)(const plait_transport *t, const plait_protocol *p);
  /* The instance that gets what is no data: until a switch takes effect, the
   * one that is switched away from. */
  plait_protocol *(*receiver)(const plait_transport *t);
  /* Data and the end of input are held back, or no more. */
  void (*hold_data)(plait_transport *t, bool hold);
  /* connection_lost waits for the release.  Answers where jobs that run for the
   * connection are counted (see plait__job), NULL if there is only one. */
  void *(*retain)(plait_transport *t);
  void (*release)(plait_transport *t);
  /* Sets or stops what rings for |timer|.  False: the connection is gone, or
   * out of memory. */
  bool (*timer_start)(plait_transport *t, plait_timer *timer,
                      uint64_t after_ms);
  void (*timer_stop)(plait_transport *t, plait_timer *timer);
  /* Any thread, while the connection is retained: |mail| is delivered in its
   * serial context, by deliver(), with nothing of the core's on the stack. */
  void (*mail)(plait_transport *t, plait__mail *mail);
  /* In such a deliver(): calls |fn|(|arg|) as a callback of |p|. */
  void (*perform)(plait_transport *t, plait_protocol *p, const char *what,
                  void (*fn)(void *arg), void *arg);
  /* Debug builds: stops with a message unless the calling thread is in that
   * context. */
  void (*check)(const plait_transport *t, const char *function);
} plait__transport_ops;

struct plait_transport {
  const plait__transport_ops *ops;
  plait_transport *below; /* NULL: this head is a stream's */
  plait_protocol *protocol;
  plait__slot *slot;
};

#if PLAIT_DEBUG
#define plait__at_home(t, function) ((t)->ops->check((t), (function)))
#else
#define plait__at_home(t, function) ((void)(t), (void)(function))
#endif

#endif
