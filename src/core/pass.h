/* Descriptors that a stream's bytes bring along: few streams have any, so they
 * are in lists of the reactor. */
#ifndef PLAIT_CORE_PASS_H
#define PLAIT_CORE_PASS_H

#include <plait/pass.h>

#include "core/stream.h"

/* Cuts what |s|, which passes something, is about to send, so that a descriptor
 * goes with its first byte or not at all.  Answers which, or -1. */
int plait__pass_cut(plait__stream *s, plait__iovec *v, size_t *count);
/* It was sent. */
void plait__pass_sent(plait__stream *s);
/* io->read() of |s|, which catches. */
ptrdiff_t plait__pass_read(plait__stream *s, void *buffer, size_t len);
/* |s| has become GONE. */
void plait__pass_gone(plait__stream *s);

/* What the public functions do for a stream. */
int plait__pass_write(plait_transport *t, int fd, const void *data, size_t len);
int plait__pass_set_max(plait_transport *t, unsigned n);
int plait__pass_take(plait_transport *t);

#endif
