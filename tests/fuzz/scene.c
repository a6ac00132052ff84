/* What an input chooses besides the wire. */
#include "fuzz/scene.h"

#include <string.h>

#include "support/fake_transport.h"

#define COUNT(table) (sizeof(table) / sizeof *(table))

static const size_t scene_limits[] = {
    0, 1, 2, 3, 4, 5, 8, 16, 33, 64, 100, 255, 300, 4096, 5000, PLAIT_UNLIMITED,
};

static size_t scene_limit(uint8_t choice) {
  return scene_limits[choice % COUNT(scene_limits)];
}

/* The low half of the byte is the verb, mostly none, the high half how much. */
static struct fuzz_action scene_action(uint8_t choice) {
  static const size_t bytes[] = {1,  2,  3,  4,  5,  7,   8,   9,
                                 15, 16, 17, 31, 64, 100, 300, 5000};
  unsigned verb = choice % 16;
  struct fuzz_action action = {
      .verb = verb <= FUZZ_CLEAR ? (enum fuzz_verb)verb : FUZZ_NOTHING,
      .bytes = bytes[choice / 16],
  };

  if (action.verb == FUZZ_MAX)
    action.bytes = scene_limit(choice / 16);
  return action;
}

/* Small pieces by one, big ones by 37. */
static size_t scene_cut(uint8_t choice) {
  return choice < 128 ? (size_t)choice + 1 : (choice - 127U) * 37;
}

bool fuzz_scene_is_raw(struct fuzz_action action) {
  return action.verb == FUZZ_RAW || action.verb == FUZZ_RAW_OPEN ||
         action.verb == FUZZ_RAW_EARLY;
}

static bool scene_is_outside(struct fuzz_action action) {
  return fuzz_scene_is_raw(action) || action.verb == FUZZ_MAX ||
         action.verb == FUZZ_CLEAR;
}

void fuzz_scene_read(struct fuzz_scene *ret, enum fuzz_kind kind,
                     struct fuzz_input *in) {
  ret->max = scene_limit(fuzz_byte(in));
  ret->too_long = (enum fuzz_too_long)(fuzz_byte(in) % (FUZZ_IS_SKIPPED + 1));
  ret->pauses = fuzz_byte(in);
  ret->failing = fuzz_byte(in);
  for (size_t i = 0; i < FUZZ_CUTS; i++)
    ret->cuts[i] = scene_cut(fuzz_byte(in));
  for (size_t i = 0; i < FUZZ_ACTIONS; i++)
    ret->actions[i] = scene_action(fuzz_byte(in));
  ret->outside_at = fuzz_byte(in);
  ret->outside = scene_action(fuzz_byte(in));
  if (!scene_is_outside(ret->outside))
    ret->outside.verb = FUZZ_NOTHING;
  for (size_t i = 0; i < COUNT(ret->codecs); i++) {
    enum fuzz_kind chosen = kind;
    if (kind == FUZZ_KINDS)
      chosen = (enum fuzz_kind)(fuzz_byte(in) % FUZZ_KINDS);
    fuzz_codec_read(&ret->codecs[i], chosen, in);
  }
}

size_t fuzz_scene_max(size_t max, const struct fuzz_codec *c) {
  if (max == 0)
    max = c->codec->frame_bytes_max;
  if (max == 0)
    max = PLAIT_FRAME_BYTES_MAX;
  return max == PLAIT_UNLIMITED ? SIZE_MAX : max;
}

/* ---- the trace ---------------------------------------------------------- */

void fuzz_trace_frame(struct text *trace, plait_slice payload) {
  text_format(trace, "(%zu:", payload.len);
  text_add(trace, payload.data, payload.len);
  text_add(trace, ")", 1);
}

void fuzz_trace_unfinished(struct text *trace, plait_slice bytes) {
  text_format(trace, "(?%zu:", bytes.len);
  text_add(trace, bytes.data, bytes.len);
}

void fuzz_trace_bytes(struct text *trace, char mark, plait_slice bytes) {
  for (size_t i = 0; i < bytes.len; i++) {
    char pair[2] = {mark, (char)bytes.data[i]};
    text_add(trace, pair, sizeof pair);
  }
}

void fuzz_trace_word(struct text *trace, const char *word) {
  text_add(trace, word, strlen(word));
}

void fuzz_trace_lost(struct text *trace, int reason) {
  text_format(trace, "lost(%s)", fake_reason(reason));
}
