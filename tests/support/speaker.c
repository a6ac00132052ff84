/* A framed protocol that does what it is told. */
#include "support/speaker.h"

#include <stdlib.h>
#include <string.h>

#include <plait/error.h>
#include <plait/factory.h>
#include <plait/transport.h>

#include "support/after.h"
#include "support/require.h"

static struct speaker *speaker_of(plait_framed *framed) {
  return plait_container_of(framed, struct speaker, framed);
}

/* ---- what it switches to ----------------------------------------------- */

static void speaker_switch(struct speaker *self) {
  after_switch(self->framed.base.transport, plait_framed_rest(&self->framed),
               self->trace);
}

/* ---- its callbacks ----------------------------------------------------- */

static void speaker_obey(struct speaker *self, plait_slice payload) {
  plait_framed *framed = &self->framed;
  plait_transport *t = framed->base.transport;

  if (plait_slice_equal(payload, "raw"))
    plait_framed_set_raw(framed, 0);
  else if (plait_slice_equal(payload, "raw 5"))
    plait_framed_set_raw(framed, 5);
  else if (plait_slice_equal(payload, "close"))
    plait_close(t);
  else if (plait_slice_equal(payload, "abort"))
    plait_abort(t);
  else if (plait_slice_equal(payload, "switch"))
    speaker_switch(self);
  else if (plait_slice_equal(payload, "max 4"))
    plait_framed_set_max(framed, 4);
}

static void speaker_frame(plait_framed *framed, plait_slice payload) {
  struct speaker *self = speaker_of(framed);

  text_add(self->trace, "[", 1);
  if (payload.len <= 64 || self->scene->show_all)
    text_escape(self->trace, payload.data, payload.len);
  else
    text_format(self->trace, "%zu bytes", payload.len);
  text_add(self->trace, "]", 1);
  if (self->scene->pause)
    plait_pause_reading(framed->base.transport);
  speaker_obey(self, payload);
}

static void speaker_raw(plait_framed *framed, plait_slice bytes) {
  struct speaker *self = speaker_of(framed);
  size_t i = 0;

  require(bytes.len > 0, "no raw bytes");
  while (i < bytes.len && strchr("!^", bytes.data[i]) == NULL)
    i++;
  text_escape(self->trace, bytes.data, i < bytes.len ? i + 1 : i);
  if (self->scene->pause)
    plait_pause_reading(framed->base.transport);
  if (i == bytes.len)
    return;
  plait_framed_set_frames(framed,
                          (plait_slice){bytes.data + i + 1, bytes.len - i - 1});
  if (bytes.data[i] == '^')
    speaker_switch(self);
}

static void speaker_too_long(plait_framed *framed, size_t seen) {
  struct speaker *self = speaker_of(framed);
  require(self->scene->max == 0 || seen > self->scene->max, "%zu seen", seen);
  if (self->scene->show_all)
    text_format(self->trace, "{%zu}", seen);
  else
    text_format(self->trace, "{too long}");
  if (self->scene->skip) {
    plait_framed_skip(framed);
    plait_framed_skip(framed); /* which changes nothing */
  }
  if (self->scene->go)
    speaker_switch(self);
}

static void speaker_lost(plait_protocol *p, int reason) {
  struct speaker *self = speaker_of(plait_container_of(p, plait_framed, base));
  if (reason != PLAIT_ESWITCHED)
    text_format(self->trace, " lost(%s)", fake_reason(reason));
}

static plait_framed_ops speaker_ops(const struct speaker_scene *scene) {
  return (plait_framed_ops)PLAIT_FRAMED_OPS(
          .base.name = "speaker",
          .base.size = PLAIT_INSTANCE(struct speaker, framed),
          .base.connection_lost = speaker_lost, .codec = scene->codec,
          .frame_received = speaker_frame, .raw_received = speaker_raw,
          .frame_too_long = scene->tell_too_long ? speaker_too_long : NULL);
}

/* ---- the subject of chunks_check() ------------------------------------- */

plait_framed *speaker_framed(struct speaker_subject *s) {
  return plait_container_of(s->fake->head.protocol, plait_framed, base);
}

void *speaker_open(const void *arg) {
  const struct speaker_scene *scene = arg;
  struct speaker_subject *s = calloc(1, sizeof *s);
  require(s != NULL, "out of memory");
  s->ops = speaker_ops(scene);
  s->end = scene->end;
  s->fake = fake_new(&s->ops.base);
  struct speaker *self = speaker_of(speaker_framed(s));
  self->scene = scene;
  self->trace = &s->trace;
  if (scene->max > 0)
    plait_framed_set_max(&self->framed, scene->max);
  text_add(&s->trace, "", 0);
  return s;
}

static void speaker_resume(struct speaker_subject *s) {
  while (s->fake->paused && !s->fake->closing) {
    plait_resume_reading(&s->fake->head);
    fake_turn(s->fake);
  }
}

void speaker_feed(void *subject, const uint8_t *piece, size_t len) {
  struct speaker_subject *s = subject;
  fake_feed(s->fake, piece, len);
  speaker_resume(s);
}

char *speaker_close(void *subject) {
  struct speaker_subject *s = subject;
  while (s->end && fake_end(s->fake))
    speaker_resume(s);
  fake_free(s->fake);
  char *trace = s->trace.s;
  free(s);
  return trace;
}

void speaker_check_bytes(struct speaker_scene scene, const void *input,
                         size_t len, const char *expected) {
  const struct chunks c = {speaker_open, speaker_feed, speaker_close, &scene};
  chunks_check(&c, input, len, expected);
  scene.pause = true;
  chunks_check(&c, input, len, expected);
}

void speaker_check(struct speaker_scene scene, const char *input,
                   const char *expected) {
  speaker_check_bytes(scene, input, strlen(input), expected);
}
