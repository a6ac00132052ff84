/* What the core asks of a connection whose callbacks run on workers; src/filter
 * has the answers.
 *
 * Such a connection has two halves.  At home, on its reactor, is the stream,
 * with an instance of plait__home_ops for a protocol; away, on a strand, are
 * the user's protocol and the transport that it sees.
 */
#ifndef PLAIT_CORE_AWAY_H
#define PLAIT_CORE_AWAY_H

#include "core/stream.h"

extern const plait_protocol_ops plait__home_ops;

static inline bool plait__stream_is_away(const plait__stream *s) {
  return s->head.protocol != NULL && s->head.protocol->ops == &plait__home_ops;
}

/* ---- on the reactor ------------------------------------------------------ */

/* Gives |s|, which has a slot, both halves for a protocol of |ops|, and a hold
 * that lasts until the protocol has had its connection_lost. */
int plait__away_new(plait__stream *s, plait_factory *factory,
                    const plait_protocol_ops *ops);
/* Only that hold is left: connection_lost is due. */
void plait__away_lost(plait__stream *s);
/* Where jobs that run for it are counted: see plait__job. */
void *plait__away_jobs(const plait__stream *s);
/* Whether its strand has something to do. */
bool plait__away_busy(const plait__stream *s);
/* |call|, which has a reference to the runtime, runs on the strand.  False: it
 * is too late for that. */
bool plait__away_call(plait__stream *s, plait_call *call);
/* plait_close() on the strand, behind what it has been sent. */
void plait__away_close(plait__stream *s);
/* The queue has another length. */
void plait__away_publish(plait__stream *s);
/* |n| descriptors less wait to be sent. */
void plait__away_passed(plait__stream *s, unsigned n);
/* io->close(), when the strand is not using the descriptor. */
void plait__away_close_socket(plait__stream *s, bool reset);

/* ---- on any thread ------------------------------------------------------- */

/* The transport of the connection that has |slot|, if the calling thread runs
 * its strand; else NULL. */
plait_transport *plait__away_here(const plait__slot *slot);
/* What plait_handle_write() does for it. */
int plait__away_write(plait_transport *t, const void *data, size_t len);
/* What was asked of it so far goes to its reactor now, ahead of what is mailed
 * there next. */
void plait__away_send(plait_transport *t);

#endif
