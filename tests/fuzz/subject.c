/* The framing loop, with a protocol that does what a scene says.
 *
 * The protocol is a plait_line if both codecs are lines, else a plait_framed:
 * both begin with a protocol and a framing, and their callbacks lead to the
 * same functions here.
 *
 * Every frame, every end of a run of raw bytes and every frame that is too long
 * takes the next action of the scene. */
#include "fuzz/subject.h"

#include <plait/factory.h>
#include <plait/transport.h>

#include "support/fake_transport.h"
#include "support/require.h"

enum {
  SUBJECT_CARRY_MIN = 4096,
  /* More of them only take time, with a wire that is long. */
  SUBJECT_PIECES_MAX = 1024,
  SUBJECT_PAUSES_MAX = 64
};

/* One connection. */
struct run {
  const struct fuzz_scene *scene;
  struct fuzz_delivery delivery;
  struct fake *fake;
  struct text trace;
  const struct fuzz_codec *codec;
  plait_framing *framing; /* NULL: the protocol was switched */
  size_t max, received;
  size_t raw;       /* bytes of a run of raw bytes that are to come */
  bool raw_counted; /* by the loop, which goes back by itself */
  bool raw_open;    /* set without a number: lasts until it goes back */
  bool raw_outside; /* set from outside: no action at its end */
  unsigned step, calls, paused;
};

/* What it switches to. */
struct after {
  plait_protocol base;
  struct run *run;
};

static void after_data(plait_protocol *p, const uint8_t *data, size_t len) {
  struct run *run = plait_container_of(p, struct after, base)->run;
  fuzz_trace_bytes(&run->trace, '=', (plait_slice){data, len});
}

static const plait_protocol_ops after_ops = {
    .name = "after",
    .size = PLAIT_INSTANCE(struct after, base),
    .data_received = after_data,
};

/* ---- actions ------------------------------------------------------------ */

static struct fuzz_action run_next(struct run *run) {
  return run->scene->actions[run->step++ % FUZZ_ACTIONS];
}

static void run_set_max(struct run *run, size_t max) {
  plait_framing_set_max(run->framing, max);
  run->max = fuzz_scene_max(max, run->codec);
}

static void run_set_raw(struct run *run, struct fuzz_action action) {
  uint64_t told = action.bytes;

  if (action.verb == FUZZ_RAW_OPEN)
    told = 0;
  else if (action.verb == FUZZ_RAW_EARLY)
    told *= 2;
  plait_framing_set_raw(run->framing, told);
  run->raw = action.bytes;
  run->raw_counted = action.verb == FUZZ_RAW;
  run->raw_open = action.verb == FUZZ_RAW_OPEN;
}

/* Called between two pieces, perhaps with a part of a frame in the carry. */
static void run_act_outside(struct run *run) {
  struct fuzz_action action = run->scene->outside;

  if (run->fake->closing || run->framing == NULL)
    return;
  if (action.verb == FUZZ_CLEAR) {
    plait_framing_clear(run->framing);
    if (!run->raw_open) {
      run->raw = 0;
      run->raw_outside = false;
    }
  } else if (run->raw == 0 && action.verb == FUZZ_MAX) {
    run_set_max(run, action.bytes);
  } else if (run->raw == 0) {
    run_set_raw(run, action);
    run->raw_outside = true;
  }
}

static void run_start_afresh(struct run *run) {
  const struct fuzz_codec *codecs = run->scene->codecs;
  size_t max = run->scene->max;

  run->codec = run->codec == &codecs[0] ? &codecs[1] : &codecs[0];
  run->max = fuzz_scene_max(max, run->codec);
  plait_framing_init(run->framing, run->fake->head.protocol, run->codec->codec,
                     NULL, run->framing->events, max);
}

static void run_switch(struct run *run) {
  plait_slice rest = plait_framing_rest(run->framing);
  plait_protocol *p =
      plait_switch_protocol(&run->fake->head, &after_ops, rest.data, rest.len);

  plait_container_of(p, struct after, base)->run = run;
  run->framing = NULL;
  fuzz_trace_word(&run->trace, "after:");
}

static void run_act(struct run *run) {
  struct fuzz_action action = run_next(run);

  switch (action.verb) {
  case FUZZ_RAW:
  case FUZZ_RAW_OPEN:
  case FUZZ_RAW_EARLY:
    run_set_raw(run, action);
    break;
  case FUZZ_RAW_AND_BACK:
    plait_framing_set_raw(run->framing, action.bytes);
    plait_framing_set_frames(run->framing, (plait_slice){0});
    break;
  case FUZZ_MAX:
    run_set_max(run, action.bytes);
    break;
  case FUZZ_AFRESH:
    run_start_afresh(run);
    break;
  case FUZZ_SWITCH:
    run_switch(run);
    break;
  case FUZZ_CLOSE:
    plait_close(&run->fake->head);
    break;
  case FUZZ_ABORT:
    plait_abort(&run->fake->head);
    break;
  case FUZZ_NOTHING:
  case FUZZ_CLEAR:
    break;
  }
}

/* ---- callbacks ---------------------------------------------------------- */

static void run_called(struct run *run) {
  unsigned call = run->calls++;
  if (run->delivery.pauses >> call % 8 & 1 &&
      run->paused < SUBJECT_PAUSES_MAX) {
    run->paused++;
    plait_pause_reading(&run->fake->head);
  }
}

static void run_frame(struct run *run, plait_slice payload) {
  require(run->raw == 0, "a frame among raw bytes");
  require(payload.len <= run->max, "%zu bytes, at most %zu", payload.len,
          run->max);
  run_called(run);
  fuzz_trace_frame(&run->trace, payload);
  run_act(run);
}

static void run_raw(struct run *run, plait_slice bytes) {
  size_t n = bytes.len < run->raw ? bytes.len : run->raw;

  require(bytes.len > 0 && run->raw > 0, "raw bytes of frames");
  require(n == bytes.len || !run->raw_counted, "more raw bytes than %zu", n);
  run_called(run);
  fuzz_trace_bytes(&run->trace, '~', (plait_slice){bytes.data, n});
  run->raw -= n;
  if (run->raw > 0)
    return;
  if (!run->raw_counted)
    plait_framing_set_frames(run->framing,
                             (plait_slice){bytes.data + n, bytes.len - n});
  if (!run->raw_outside)
    run_act(run);
  run->raw_outside = false;
}

/* What may be done here does not depend on how much of the frame has come.
 * True: this frame only is to be discarded. */
static bool run_too_long(struct run *run, size_t seen) {
  struct fuzz_action action = run_next(run);

  require(seen > run->max, "%zu are not more than %zu", seen, run->max);
  run_called(run);
  fuzz_trace_word(&run->trace, "{too long}");
  if (action.verb == FUZZ_MAX)
    run_set_max(run, action.bytes);
  else if (action.verb == FUZZ_CLOSE)
    plait_close(&run->fake->head);
  else if (fuzz_scene_is_raw(action))
    run_set_raw(run, action); /* behind the frame */
  return run->scene->too_long == FUZZ_IS_SKIPPED;
}

/* ---- protocols ---------------------------------------------------------- */

struct subject {
  union {
    plait_protocol base;
    plait_framed framed;
    plait_line line;
  } as;
  struct run *run;
};

static struct run *run_of_framed(plait_framed *framed) {
  return plait_container_of(framed, struct subject, as.framed)->run;
}

static void framed_frame(plait_framed *framed, plait_slice payload) {
  run_frame(run_of_framed(framed), payload);
}

static void framed_raw(plait_framed *framed, plait_slice bytes) {
  run_raw(run_of_framed(framed), bytes);
}

static void framed_too_long(plait_framed *framed, size_t seen) {
  if (run_too_long(run_of_framed(framed), seen))
    plait_framed_skip(framed);
}

static struct run *run_of_line(plait_line *line) {
  return plait_container_of(line, struct subject, as.line)->run;
}

static void line_received(plait_line *line, plait_slice text) {
  run_frame(run_of_line(line), text);
}

static void line_raw(plait_line *line, plait_slice bytes) {
  run_raw(run_of_line(line), bytes);
}

static void line_too_long(plait_line *line, size_t seen) {
  if (run_too_long(run_of_line(line), seen))
    plait_line_skip(line);
}

/* ---- a run -------------------------------------------------------------- */

static plait_framed_ops framed_ops(const struct fuzz_scene *scene) {
  return (plait_framed_ops)
      PLAIT_FRAMED_OPS(.base.name = "framed",
                       .base.size = PLAIT_INSTANCE(struct subject, as.base),
                       .codec = scene->codecs[0].codec,
                       .frame_received = framed_frame,
                       .raw_received = framed_raw,
                       .frame_too_long = scene->too_long == FUZZ_CLOSES
                                             ? NULL
                                             : framed_too_long);
}

static plait_line_ops line_ops(const struct fuzz_scene *scene) {
  return (plait_line_ops)
      PLAIT_LINE_OPS(.base.name = "line",
                     .base.size = PLAIT_INSTANCE(struct subject, as.base),
                     .ending = scene->codecs[0].ending,
                     .line_received = line_received, .raw_received = line_raw,
                     .line_too_long =
                         scene->too_long == FUZZ_CLOSES ? NULL : line_too_long);
}

static bool run_is_line(const struct run *run) {
  const struct fuzz_codec *codecs = run->scene->codecs;
  return codecs[0].kind == FUZZ_LINE && codecs[1].kind == FUZZ_LINE;
}

static void run_open(struct run *run, const plait_protocol_ops *ops) {
  run->fake = fake_new(ops);
  struct subject *subject =
      plait_container_of(run->fake->head.protocol, struct subject, as.base);
  subject->run = run;
  run->fake->failing = run->delivery.failing;
  run->codec = &run->scene->codecs[0];
  run->max = fuzz_scene_max(run->scene->max, run->codec);
  if (run_is_line(run)) {
    plait_line_set_max(&subject->as.line, run->scene->max);
    run->framing = &subject->as.line.framing;
  } else {
    plait_framed_set_max(&subject->as.framed, run->scene->max);
    run->framing = &subject->as.framed.framing;
  }
}

/* The carry is bounded by what has come, whatever was declared. */
static void run_check_memory(const struct run *run) {
  size_t came = run->framing != NULL ? run->framing->carried : 0;
  size_t bound = 2 * came < SUBJECT_CARRY_MIN ? SUBJECT_CARRY_MIN : 2 * came;

  require(came <= run->received, "%zu of %zu carried", came, run->received);
  require(run->fake->memory <= (came > 0 ? bound : 0), "%zu bytes for %zu",
          run->fake->memory, came);
}

static void run_resume(struct run *run) {
  while (run->fake->paused && !run->fake->closing) {
    plait_resume_reading(&run->fake->head);
    fake_turn(run->fake);
  }
}

/* The size of the |i|th piece when |left| bytes are to come. */
static size_t run_piece(const struct run *run, size_t i, size_t left) {
  const size_t *cuts = run->delivery.cuts;
  if (cuts == NULL || i >= SUBJECT_PIECES_MAX || cuts[i % FUZZ_CUTS] > left)
    return left;
  return cuts[i % FUZZ_CUTS];
}

static void run_feed(struct run *run, const uint8_t *data, size_t len) {
  for (size_t i = 0; len > 0; i++) {
    size_t piece = run_piece(run, i, len);
    run->received += piece;
    fake_feed(run->fake, data, piece);
    run_resume(run);
    run_check_memory(run);
    data += piece;
    len -= piece;
  }
}

/* What happens outside does so at one place, however the wire is cut. */
static void run_feed_all(struct run *run, plait_slice wire) {
  size_t at = run->scene->outside_at;

  if (run->scene->outside.verb == FUZZ_NOTHING || at > wire.len) {
    run_feed(run, wire.data, wire.len);
    return;
  }
  run_feed(run, wire.data, at);
  run_act_outside(run);
  fake_turn(run->fake); /* what was handed back */
  run_resume(run);
  run_check_memory(run);
  run_feed(run, wire.data + at, wire.len - at);
}

static plait_slice run_unfinished(const struct run *run) {
  plait_protocol *p = run->fake->head.protocol;
  struct subject *subject = plait_container_of(p, struct subject, as.base);

  return run_is_line(run) ? plait_line_unfinished(&subject->as.line)
                          : plait_framed_unfinished(&subject->as.framed);
}

static void run_end(struct run *run) {
  while (fake_end(run->fake)) {
    run_resume(run);
    run_check_memory(run);
  }
  if (run->fake->closing || run->framing == NULL)
    return;
  plait_slice unfinished = run_unfinished(run);
  if (unfinished.len > 0)
    fuzz_trace_unfinished(&run->trace, unfinished);
}

struct text fuzz_subject_trace(const struct fuzz_scene *scene, plait_slice wire,
                               struct fuzz_delivery delivery) {
  struct run run = {.scene = scene, .delivery = delivery};
  plait_framed_ops framed = framed_ops(scene);
  plait_line_ops line = line_ops(scene);

  run_open(&run, run_is_line(&run) ? &line.base : &framed.base);
  run_feed_all(&run, wire);
  run_end(&run);
  fuzz_trace_lost(&run.trace, run.fake->reason);
  fake_free(run.fake);
  return run.trace;
}
