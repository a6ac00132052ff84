/* A framed protocol that does what it is told. */
#include "support/framed.h"

#include <stdlib.h>
#include <string.h>

#include <plait/error.h>
#include <plait/factory.h>

#include "support/after.h"
#include "support/chunks.h"
#include "support/require.h"

enum { HEADER = 2, WRAPPING = 3 };

/* ---- the codec --------------------------------------------------------- */

static int dotted_scan(const plait_codec *codec, void *state,
                       const uint8_t *piece, size_t len, plait_scan *ret) {
  struct dotted *s = state;
  size_t i = 0;

  (void)codec;
  require(len > 0 && ret->consumed == 0 && ret->offset == 0 &&
              ret->length == 0 && ret->need == 0 && ret->again.len == 0,
          "a scan of %zu bytes does not come zeroed", len);
  s->scans++;
  for (; i < len && s->seen < HEADER; s->seen++)
    s->length = s->length << 8 | piece[i++];
  if (s->seen < HEADER) {
    s->offered += len;
    ret->need = WRAPPING - s->seen;
    return PLAIT_MORE;
  }
  size_t left = s->length + WRAPPING - s->seen;
  ret->length = s->length;
  if (len - i < left) {
    s->offered += len;
    s->seen += len - i;
    ret->need = left - (len - i);
    return PLAIT_MORE;
  }
  if (piece[i + left - 1] != '.')
    return PLAIT_EIO;
  s->offered += i + left;
  ret->consumed = i + left;
  ret->offset = HEADER;
  s->seen = s->length = 0;
  return PLAIT_FRAME;
}

static const plait_codec dotted = {.name = "dotted",
                                   .state_size = sizeof(struct dotted),
                                   .frame_bytes_max = DOTTED_MAX,
                                   .scan = dotted_scan};

void framed_add(struct text *t, const char *payload, size_t len) {
  uint8_t header[HEADER] = {(uint8_t)(len >> 8), (uint8_t)len};
  text_add(t, header, HEADER);
  text_add(t, payload, len);
  text_add(t, ".", 1);
}

void framed_add_all(struct text *t, const char *const *payloads) {
  for (; *payloads != NULL; payloads++)
    framed_add(t, *payloads, strlen(*payloads));
}

/* ---- the protocol: does what a frame tells it -------------------------- */

static struct framed *framed_of(plait_protocol *p) {
  return plait_container_of(p, struct framed, base);
}

static void framed_switch(struct framed *self) {
  after_switch(self->base.transport, plait_framing_rest(&self->framing),
               self->trace);
}

static void framed_frame(plait_protocol *p, plait_slice payload) {
  struct framed *self = framed_of(p);
  plait_transport *t = p->transport;

  text_add(self->trace, "(", 1);
  if (payload.len <= 64)
    text_escape(self->trace, payload.data, payload.len);
  else
    text_format(self->trace, "%zu bytes", payload.len);
  text_add(self->trace, ")", 1);

  if (self->scene->pause || plait_slice_equal(payload, "pause"))
    plait_pause_reading(t);
  else if (plait_slice_equal(payload, "close"))
    plait_close(t);
  else if (plait_slice_equal(payload, "abort"))
    plait_abort(t);
  else if (plait_slice_equal(payload, "switch"))
    framed_switch(self);
  else if (plait_slice_equal(payload, "max 4"))
    plait_framing_set_max(&self->framing, 4);
  else if (plait_slice_equal(payload, "afresh"))
    framed_init(self, &self->other);
  if (plait_slice_equal(payload, "close pause"))
    plait_close(t);
  if (plait_slice_equal(payload, "switch pause"))
    framed_switch(self);
  /* It must still be what it was, whatever was called. */
  text_format(self->trace, "%s", payload.len > 0 ? "" : "empty");
  require(payload.len == 0 || payload.data[payload.len] == '.',
          "the payload went away");
}

static void framed_too_long(plait_protocol *p, size_t seen) {
  struct framed *self = framed_of(p);
  text_format(self->trace, "{%zu}", seen);
  if (self->scene->skip)
    plait_framing_skip(&self->framing);
  if (self->scene->start_afresh) {
    self->other = (struct dotted){0};
    framed_init(self, &self->other);
  }
}

void framed_init(struct framed *self, struct dotted *state) {
  static const plait_framing_events closing = {.frame = framed_frame};
  static const plait_framing_events telling = {.frame = framed_frame,
                                               .too_long = framed_too_long};
  plait_framing_init(&self->framing, &self->base, &dotted, state,
                     self->scene->tell_too_long ? &telling : &closing,
                     self->scene->max);
}

static void framed_data(plait_protocol *p, const uint8_t *data, size_t len) {
  struct framed *self = framed_of(p);
  size_t used = plait_framing_receive(&self->framing, data, len);
  require(plait_framing_rest(&self->framing).data == NULL, "a rest is left");
  if (used < len)
    plait_unread(p->transport, data + used, len - used);
}

static void framed_lost(plait_protocol *p, int reason) {
  text_format(framed_of(p)->trace, " lost(%s) ", fake_reason(reason));
}

static const plait_protocol_ops framed_ops = {
    .name = "framed",
    .size = PLAIT_INSTANCE(struct framed, base),
    .data_received = framed_data,
    .connection_lost = framed_lost,
};

/* ---- the subject of chunks_check() ------------------------------------- */

struct framed *framed_in(struct framed_subject *s) {
  return framed_of(s->fake->head.protocol);
}

void *framed_open(const void *arg) {
  struct framed_subject *s = calloc(1, sizeof *s);
  require(s != NULL, "out of memory");
  const struct framed_scene *scene = arg;
  s->fake = fake_new(&framed_ops);
  s->fake->failing = scene->failing;
  s->pause = scene->pause;
  s->end = scene->end;
  framed_in(s)->scene = scene;
  framed_in(s)->trace = &s->trace;
  framed_init(framed_in(s), &framed_in(s)->codec);
  return s;
}

void framed_feed(void *subject, const uint8_t *piece, size_t len) {
  struct framed_subject *s = subject;
  fake_feed(s->fake, piece, len);
  while (s->fake->paused && !s->fake->closing) {
    plait_resume_reading(&s->fake->head);
    fake_turn(s->fake);
  }
}

char *framed_close(void *subject) {
  struct framed_subject *s = subject;
  if (s->end)
    require(!fake_end(s->fake), "the codec ends no frames");
  fake_free(s->fake);
  char *trace = s->trace.s;
  free(s);
  return trace;
}

void framed_check(const struct framed_scene *scene, const struct text *input,
                  const char *expected) {
  const struct chunks c = {framed_open, framed_feed, framed_close, scene};
  chunks_check(&c, input->s, input->len, expected);
}

void framed_check_all(const struct framed_scene *scene,
                      const char *const *payloads, const char *expected) {
  struct text input = {0};
  framed_add_all(&input, payloads);
  framed_check(scene, &input, expected);
  text_free(&input);
}
