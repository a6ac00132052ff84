/* The one place that calls protocols: see deliver.c. */
#ifndef PLAIT_CORE_DELIVER_H
#define PLAIT_CORE_DELIVER_H

#include "core/stream.h"

void plait__deliver_made(plait__stream *s);
void plait__deliver_data(plait__stream *s, const uint8_t *data, size_t len);
/* The input has ended: delivers a frame that only this completes, if any. */
bool plait__deliver_last_frame(plait__stream *s);
void plait__deliver_eof(plait__stream *s);
void plait__deliver_resume(plait__stream *s);
/* Without a callback for it, these two close. */
void plait__deliver_timed_out(plait__stream *s);
void plait__deliver_draining(plait__stream *s);
/* |p| is freed afterwards. */
void plait__deliver_lost(plait__stream *s, plait_protocol *p, int reason);
/* |s| NULL: the call is a reactor's. */
void plait__deliver_call(plait_reactor *r, plait__stream *s, plait_call *call);
/* Any other callback: |fn|(|arg|), and then what is due. */
void plait__deliver_performance(plait__stream *s, plait_protocol *p,
                                const char *what, void (*fn)(void *arg),
                                void *arg);

/* Debug builds: stops with a message unless the calling thread may use |s|. */
#if PLAIT_DEBUG
void plait__check_home(const plait__stream *s, const char *function);
#else
#define plait__check_home(s, function) ((void)(s), (void)(function))
#endif

#endif
