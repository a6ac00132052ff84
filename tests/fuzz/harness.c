/* What has to hold for an input. */
#include "fuzz/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/reference.h"
#include "fuzz/scene.h"
#include "fuzz/subject.h"

/* Longer wires are not cut into single bytes as well: that takes long. */
enum { HARNESS_BYTEWISE_MAX = 256 };

struct check {
  struct fuzz_scene scene;
  plait_slice wire;
};

static void check_read(struct check *c, enum fuzz_kind kind,
                       const uint8_t *data, size_t len) {
  struct fuzz_input in = {data, len};
  fuzz_scene_read(&c->scene, kind, &in);
  c->wire = (plait_slice){in.data, in.len};
}

/* ---- what is reported --------------------------------------------------- */

static void check_print(const char *what, const void *bytes, size_t len) {
  struct text line = {0};
  text_escape(&line, bytes, len);
  fprintf(stderr, "  %-5s %s\n", what, line.s != NULL ? line.s : "");
  text_free(&line);
}

static _Noreturn void check_failed(const struct check *c, const char *what,
                                   const struct text *got,
                                   const struct text *want) {
  const struct fuzz_codec *codecs = c->scene.codecs;

  fprintf(stderr, "%s: the trace is another one\n  codec %s, then %s\n", what,
          codecs[0].codec->name, codecs[1].codec->name);
  check_print("wire", c->wire.data, c->wire.len);
  check_print("got", got->s, got->len);
  check_print("want", want->s, want->len);
  abort();
}

/* ---- what is checked ---------------------------------------------------- */

static bool check_equal(const struct text *a, const struct text *b) {
  return a->len == b->len && memcmp(a->s, b->s, a->len) == 0;
}

static void check_same(const struct check *c, const char *what,
                       const struct text *want, struct fuzz_delivery delivery) {
  struct text got = fuzz_subject_trace(&c->scene, c->wire, delivery);

  if (!check_equal(&got, want))
    check_failed(c, what, &got, want);
  text_free(&got);
}

/* Out of memory, everything before it was told nevertheless. */
static void check_failing(const struct check *c, const struct text *want) {
  static const char lost[] = "lost(ENOMEM)";
  struct text got =
      fuzz_subject_trace(&c->scene, c->wire,
                         (struct fuzz_delivery){.cuts = c->scene.cuts,
                                                .failing = c->scene.failing});
  size_t told = got.len;

  if (told >= sizeof lost - 1 &&
      memcmp(got.s + told - (sizeof lost - 1), lost, sizeof lost - 1) == 0)
    told -= sizeof lost - 1;
  if (told > want->len || memcmp(got.s, want->s, told) != 0)
    check_failed(c, "out of memory", &got, want);
  text_free(&got);
}

static void check_cuts(const struct check *c, const struct text *want) {
  static const size_t bytewise[FUZZ_CUTS] = {1, 1, 1, 1};
  uint8_t pauses = c->scene.pauses;

  check_same(c, "cut", want,
             (struct fuzz_delivery){.cuts = c->scene.cuts, .pauses = pauses});
  check_same(c, "whole, with pauses", want,
             (struct fuzz_delivery){.pauses = pauses});
  if (c->wire.len <= HARNESS_BYTEWISE_MAX)
    check_same(c, "bytewise", want, (struct fuzz_delivery){.cuts = bytewise});
  if (c->scene.failing > 0)
    check_failing(c, want);
}

void fuzz_check(enum fuzz_kind kind, const uint8_t *data, size_t len) {
  static struct check c; /* big, and one at a time */

  check_read(&c, kind, data, len);
  struct text whole =
      fuzz_subject_trace(&c.scene, c.wire, (struct fuzz_delivery){0});
  struct text want = fuzz_reference_trace(&c.scene, c.wire);
  if (!check_equal(&whole, &want))
    check_failed(&c, "whole, against the reference", &whole, &want);
  check_cuts(&c, &whole);
  text_free(&want);
  text_free(&whole);
}
