/* Descriptors that a stream's bytes bring along: few streams have any, so they
 * are in lists of the reactor. */
#ifndef PLAIT_CORE_PASS_H
#define PLAIT_CORE_PASS_H

#include <plait/pass.h>

#include "core/stream.h"

struct plait__pass {
  plait__pass *next; /* of its reactor's that are sent, or that have come */
  plait__stream *stream;
  uint64_t at; /* of its byte: what was sent before it */
  int fd;
};

/* Cuts what |s|, which passes something, is about to send, so that a descriptor
 * goes with its first byte or not at all.  Answers which, or -1. */
int plait__pass_cut(plait__stream *s, plait__iovec *v, size_t *count);
/* It was sent. */
void plait__pass_sent(plait__stream *s);
/* io->read() of |s|, which catches. */
ptrdiff_t plait__pass_read(plait__stream *s, void *buffer, size_t len);
/* |s| has become GONE. */
void plait__pass_gone(plait__stream *s);

/* 0, or why not, with the error detail: whether descriptors go over |s|;
 * whether |fd| may, when |waiting| of them wait and it is |open|. */
int plait__pass_check(const plait__stream *s);
int plait__pass_judge(const plait__stream *s, int fd, size_t len,
                      unsigned waiting, bool open);
/* Takes all that have come for |s| out of the reactor's list; puts them back,
 * if they are still wanted; closes them, on any thread. */
plait__pass *plait__pass_detach(plait__stream *s);
void plait__pass_attach(plait__stream *s, plait__pass *list);
void plait__pass_close(const plait__stream *s, plait__pass *list);

/* What the public functions do for a stream. */
int plait__pass_write(plait_transport *t, int fd, const void *data, size_t len);
int plait__pass_set_max(plait_transport *t, unsigned n);
int plait__pass_take(plait_transport *t);

#endif
