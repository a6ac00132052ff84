/* A line protocol that does what it is told. */
#include "support/talker.h"

#include <stdlib.h>
#include <string.h>

#include <plait/error.h>
#include <plait/factory.h>

#include "support/after.h"
#include "support/require.h"

static struct talker *talker_of(plait_line *line) {
  return plait_container_of(line, struct talker, line);
}

static void talker_switch(struct talker *self) {
  after_switch(self->line.base.transport, plait_line_rest(&self->line),
               self->trace);
}

static const plait_slice nothing;

static void talker_line(plait_line *line, plait_slice text) {
  struct talker *self = talker_of(line);
  plait_transport *t = line->base.transport;

  text_add(self->trace, "[", 1);
  text_escape(self->trace, text.data, text.len);
  text_add(self->trace, "]", 1);
  if (self->scene->pause || plait_slice_equal(text, "pause"))
    plait_pause_reading(t);
  if (plait_slice_equal(text, "raw"))
    plait_line_set_raw(line, 0);
  else if (plait_slice_equal(text, "raw 5"))
    plait_line_set_raw(line, 5);
  else if (plait_slice_equal(text, "back")) {
    plait_line_set_raw(line, 5);
    plait_line_set_line(line, nothing);
  } else if (plait_slice_equal(text, "close"))
    plait_close(t);
  else if (plait_slice_equal(text, "abort"))
    plait_abort(t);
  else if (plait_slice_equal(text, "switch"))
    talker_switch(self);
  else if (plait_slice_equal(text, "max 4"))
    plait_line_set_max(line, 4);
}

static void talker_raw_command(struct talker *self, char command,
                               plait_slice extra) {
  plait_line *line = &self->line;
  switch (command) {
  case '!': /* lines again */
    plait_line_set_line(line, extra);
    break;
  case '5': /* five more */
    plait_line_set_line(line, extra);
    plait_line_set_raw(line, 5);
    break;
  case '^':
    plait_line_set_line(line, extra);
    talker_switch(self);
    break;
  case '#':
    plait_close(line->base.transport);
    break;
  default:
    plait_abort(line->base.transport);
    break;
  }
}

static void talker_raw(plait_line *line, plait_slice bytes) {
  struct talker *self = talker_of(line);
  size_t i = 0;

  require(bytes.len > 0, "no raw bytes");
  while (i < bytes.len && strchr("!5^#@", bytes.data[i]) == NULL)
    i++;
  text_escape(self->trace, bytes.data, i < bytes.len ? i + 1 : i);
  if (self->scene->pause)
    plait_pause_reading(line->base.transport);
  if (i < bytes.len)
    talker_raw_command(self, (char)bytes.data[i],
                       (plait_slice){bytes.data + i + 1, bytes.len - i - 1});
}

static void talker_too_long(plait_line *line, size_t seen) {
  struct talker *self = talker_of(line);
  size_t max = self->scene->max;
  require(seen > (max > 0 ? max : PLAIT_LINE_BYTES_MAX), "%zu seen", seen);
  text_format(self->trace, "{too long}");
  if (self->scene->close_too_long)
    plait_close(line->base.transport);
  if (self->scene->skip_too_long)
    plait_line_skip(line);
  if (self->scene->raw_too_long)
    plait_line_set_raw(line, 3);
}

static void talker_lost(plait_protocol *p, int reason) {
  struct talker *self = talker_of(plait_container_of(p, plait_line, base));
  if (reason != PLAIT_ESWITCHED)
    text_format(self->trace, " lost(%s)", fake_reason(reason));
}

/* Two of each ending: with and without line_too_long. */
#define TALKER(e, too_long)                                                    \
  PLAIT_LINE_OPS(.base.name = "talker",                                        \
                 .base.size = PLAIT_INSTANCE(struct talker, line),             \
                 .base.connection_lost = talker_lost,                          \
                 .line_received = talker_line, .raw_received = talker_raw,     \
                 .line_too_long = too_long, .ending = e)

static const plait_line_ops talkers[][2] = {
    {TALKER(PLAIT_LINE_EITHER, NULL),
     TALKER(PLAIT_LINE_EITHER, talker_too_long)},
    {TALKER(PLAIT_LINE_CRLF, NULL), TALKER(PLAIT_LINE_CRLF, talker_too_long)},
    {TALKER(PLAIT_LINE_LF, NULL), TALKER(PLAIT_LINE_LF, talker_too_long)},
};

/* ---- the subject of chunks_check() ------------------------------------- */

void *talker_open(const void *arg) {
  const struct talker_scene *scene = arg;
  struct talker_subject *s = calloc(1, sizeof *s);
  require(s != NULL, "out of memory");
  s->fake = fake_new(&talkers[scene->ending][scene->tell_too_long].base);
  struct talker *self =
      talker_of(plait_container_of(s->fake->head.protocol, plait_line, base));
  self->scene = scene;
  self->trace = &s->trace;
  if (scene->max > 0)
    plait_line_set_max(&self->line, scene->max);
  text_add(&s->trace, "", 0);
  return s;
}

void talker_feed(void *subject, const uint8_t *piece, size_t len) {
  struct talker_subject *s = subject;
  fake_feed(s->fake, piece, len);
  while (s->fake->paused && !s->fake->closing) {
    plait_resume_reading(&s->fake->head);
    fake_turn(s->fake);
  }
}

char *talker_close(void *subject) {
  struct talker_subject *s = subject;
  fake_free(s->fake);
  char *trace = s->trace.s;
  free(s);
  return trace;
}

struct chunks talker_chunks(const struct talker_scene *scene) {
  return (struct chunks){talker_open, talker_feed, talker_close, scene};
}

void talker_check_bytes(const struct talker_scene *scene, const void *input,
                        size_t len, const char *expected) {
  const struct chunks c = talker_chunks(scene);
  chunks_check(&c, input, len, expected);
}

void talker_check(const struct talker_scene *scene, const char *input,
                  const char *expected) {
  talker_check_bytes(scene, input, strlen(input), expected);
}

/* The same with a pause in every callback. */
void talker_check_pausing(struct talker_scene scene, const char *input,
                          const char *expected) {
  talker_check(&scene, input, expected);
  scene.pause = true;
  talker_check(&scene, input, expected);
}
