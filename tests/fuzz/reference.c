/* What a scene comes to: one walk over the whole wire.
 *
 * If something happens outside of callbacks, the walk is in two parts.  The
 * first sees the wire up to there, and leaves what has begun; the second sees
 * that and the rest.  Raw bytes begin with what has begun, or behind it if it
 * is skipped. */
#include "fuzz/reference.h"

#include <plait/error.h>

#include "fuzz/naive.h"

struct walk {
  const struct fuzz_scene *scene;
  const struct fuzz_codec *codec;
  struct text trace;
  plait_slice left, later; /* of this part, and of the next one */
  size_t max;
  size_t raw; /* so many raw bytes come next */
  bool raw_counted;
  bool raw_outside; /* set between the parts: no action at its end */
  unsigned step;
  bool open;     /* more input comes behind this part */
  bool skipping; /* what is left is the start of a frame that was too long */
  bool stale;    /* no byte has come since the limit was changed */
  bool over;
  int reason;
};

static plait_slice walk_take(struct walk *w, size_t len) {
  plait_slice taken = {w->left.data, len < w->left.len ? len : w->left.len};
  w->left.data += taken.len;
  w->left.len -= taken.len;
  return taken;
}

static void walk_stop(struct walk *w, int reason) {
  w->over = true;
  w->reason = reason;
}

static struct fuzz_action walk_next(struct walk *w) {
  return w->scene->actions[w->step++ % FUZZ_ACTIONS];
}

static void walk_use(struct walk *w, const struct fuzz_codec *c, size_t max) {
  w->codec = c;
  w->max = fuzz_scene_max(max, c);
}

static void walk_set_raw(struct walk *w, struct fuzz_action action) {
  w->raw = action.bytes;
  w->raw_counted = action.verb != FUZZ_RAW_OPEN;
}

static void walk_act(struct walk *w) {
  const struct fuzz_codec *codecs = w->scene->codecs;
  struct fuzz_action action = walk_next(w);

  switch (action.verb) {
  case FUZZ_RAW:
  case FUZZ_RAW_OPEN:
  case FUZZ_RAW_EARLY:
    walk_set_raw(w, action);
    break;
  case FUZZ_MAX:
    walk_use(w, w->codec, action.bytes);
    break;
  case FUZZ_AFRESH:
    walk_use(w, w->codec == &codecs[0] ? &codecs[1] : &codecs[0],
             w->scene->max);
    break;
  case FUZZ_SWITCH:
    fuzz_trace_word(&w->trace, "after:");
    fuzz_trace_bytes(&w->trace, '=', w->left);
    fuzz_trace_bytes(&w->trace, '=', w->later);
    walk_stop(w, 0);
    break;
  case FUZZ_CLOSE:
    walk_stop(w, 0);
    break;
  case FUZZ_ABORT:
    walk_stop(w, PLAIT_ECANCELED);
    break;
  case FUZZ_NOTHING:
  case FUZZ_RAW_AND_BACK:
  case FUZZ_CLEAR:
    break;
  }
}

static void walk_raw(struct walk *w) {
  plait_slice bytes = walk_take(w, w->raw);

  fuzz_trace_bytes(&w->trace, '~', bytes);
  w->raw -= bytes.len;
  if (w->raw == 0 && !w->raw_outside)
    walk_act(w);
  if (w->raw == 0)
    w->raw_outside = false;
}

static void walk_too_long(struct walk *w) {
  if (w->scene->too_long == FUZZ_CLOSES) {
    walk_stop(w, PLAIT_EFRAME);
    return;
  }
  struct fuzz_action action = walk_next(w);
  fuzz_trace_word(&w->trace, "{too long}");
  if (action.verb == FUZZ_MAX)
    walk_use(w, w->codec, action.bytes);
  if (fuzz_scene_is_raw(action))
    walk_set_raw(w, action);
  if (action.verb == FUZZ_CLOSE)
    walk_stop(w, 0);
  else if (w->scene->too_long == FUZZ_IS_TOLD)
    walk_stop(w, PLAIT_EFRAME);
}

/* A frame, or what else there is.  False: it waits for more input. */
static bool walk_frame(struct walk *w) {
  struct naive found =
      naive_next(w->codec, w->left.data, w->left.len, !w->open);
  bool unfinished = found.status == NAIVE_UNFINISHED;
  bool too_long =
      w->skipping || (w->max != SIZE_MAX && found.length > (int64_t)w->max &&
                      !(unfinished && w->stale));

  if (too_long && !w->skipping)
    walk_too_long(w);
  w->skipping = too_long && unfinished;
  if (w->over || (unfinished && w->open))
    return false;
  if (unfinished && !too_long)
    fuzz_trace_unfinished(&w->trace, w->left);
  if (found.status != NAIVE_FRAME) {
    walk_stop(w, unfinished ? PLAIT_ETRUNCATED : PLAIT_EFRAME);
    return false;
  }
  walk_take(w, found.all);
  if (!too_long) {
    fuzz_trace_frame(&w->trace, found.payload);
    walk_act(w);
  }
  return true;
}

static void walk_part(struct walk *w) {
  bool more = true;

  while (more && !w->over && w->left.len > 0) {
    if (w->raw > 0 && !w->skipping)
      walk_raw(w);
    else
      more = walk_frame(w);
  }
}

static void walk_between(struct walk *w) {
  struct fuzz_action action = w->scene->outside;

  if (action.verb == FUZZ_CLEAR) {
    w->left.len = 0;
    w->skipping = false;
    if (w->raw_counted) {
      w->raw = 0;
      w->raw_outside = false;
    }
  } else if (w->raw == 0 && action.verb == FUZZ_MAX) {
    walk_use(w, w->codec, action.bytes);
    w->stale = w->later.len == 0;
  } else if (w->raw == 0) {
    walk_set_raw(w, action);
    w->raw_outside = true;
  }
}

struct text fuzz_reference_trace(const struct fuzz_scene *scene,
                                 plait_slice wire) {
  struct walk w = {.scene = scene, .left = wire};
  struct text joined = {0};

  walk_use(&w, &scene->codecs[0], scene->max);
  if (scene->outside.verb != FUZZ_NOTHING && scene->outside_at <= wire.len) {
    w.left.len = scene->outside_at;
    w.later.data = wire.data + w.left.len;
    w.later.len = wire.len - w.left.len;
    w.open = true;
    walk_part(&w);
    walk_between(&w);
    text_add(&joined, w.left.data, w.left.len);
    text_add(&joined, w.later.data, w.later.len);
    w.left = (plait_slice){(uint8_t *)joined.s, joined.len};
    w.later.len = 0;
    w.open = false;
  }
  walk_part(&w);
  if (!w.over && w.raw > 0 && w.raw_counted)
    walk_stop(&w, PLAIT_ETRUNCATED);
  fuzz_trace_lost(&w.trace, w.reason);
  text_free(&joined);
  return w.trace;
}
