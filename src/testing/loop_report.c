/* What the reference loop has to say: where it was when a rule was broken. */
#include "loop.h"

static void loop_report_cut(const plait__loop *l) {
  static const char *const surroundings[] = {
      "", ", other bytes around each piece", ", each piece a block"};
  size_t n = l->cut.number;

  switch (l->cut.how) {
  case PLAIT__WHOLE:
    plait__report(", whole");
    break;
  case PLAIT__AT:
    plait__report(", cut at %zu", n);
    break;
  case PLAIT__PIECES:
    plait__report(", pieces of %zu", n);
    break;
  case PLAIT__RANDOM:
    plait__report(", random cut %zu", n);
    break;
  case PLAIT__IN_TURN:
    plait__report(", stream %zu", n);
    break;
  }
  plait__report(" of %zu bytes%s", l->input->len, surroundings[l->cut.around]);
  if (l->limit != SIZE_MAX)
    plait__report(", limit %zu", l->limit);
}

/* The input around the place up to which scan has seen it. */
static void loop_report_input(const plait__loop *l) {
  enum { BEFORE = 48, BEHIND = 32 };
  size_t from = l->seen > BEFORE ? l->seen - BEFORE : 0;
  size_t to = l->given - l->seen > BEHIND ? l->seen + BEHIND : l->given;

  plait__report("\n  input from byte %zu: ", from);
  if (l->seen > 0)
    plait__report_bytes(l->input->bytes + from, l->seen - from);
  if (l->seen == l->given) {
    plait__report(l->given == l->input->len ? ", where it ends" : "");
    return;
  }
  plait__report(l->seen > 0 ? " and then " : "");
  plait__report_bytes(l->input->bytes + l->seen, to - l->seen);
  plait__report(to < l->given ? "..." : "");
}

void plait__loop_report_start(const plait__loop *l) {
  plait__report_start(l->kit);
  loop_report_cut(l);
  plait__report("\n  frame %zu, from byte %zu, offered bytes %zu to %zu: ",
                l->events + 1, l->start, l->seen, l->given);
}

bool plait__loop_report_end(const plait__loop *l) {
  loop_report_input(l);
  return false;
}

void plait__loop_report_event(const plait__loop *l, const plait__event *e) {
  if (e == NULL) {
    plait__report("nothing more");
  } else if (e->what == PLAIT__FRAME) {
    plait__report("a frame of bytes %zu to %zu, length %zu at offset %zu",
                  e->start, e->end, e->length, e->offset);
  } else if (e->what == PLAIT__TOO_LONG) {
    plait__report("a frame from byte %zu that is too long", e->start);
  } else if (e->what == PLAIT__TRUNCATED) {
    plait__report("the end of input inside a frame from byte %zu", e->start);
  } else {
    plait__report_answer(e->what);
    plait__report(" in the frame from byte %zu", e->start);
  }
  if (e != NULL && e->what == PLAIT__FRAME && e->length <= 40) {
    plait__report(": ");
    plait__report_bytes(l->input->bytes + e->start + e->offset, e->length);
  }
}
