/* A framed protocol that does what a frame tells it, on a codec made for the
 * purpose: two bytes of length, the payload, a dot.
 *
 * Its trace shows a frame as (payload), a too long one as {length}, and what
 * the protocol that it switches to gets behind "after:". */
#ifndef PLAIT_TESTS_FRAMED_H
#define PLAIT_TESTS_FRAMED_H

#include <plait/framing.h>
#include <plait/protocol.h>

#include "support/fake_transport.h"
#include "support/text.h"

enum { DOTTED_MAX = 7 }; /* the codec's own limit */

/* |offered| and |scans| are the test's and outlive frames. */
struct dotted {
  size_t seen, length;
  uint64_t offered;
  unsigned scans;
};

struct framed_scene {
  bool tell_too_long; /* handles too long frames itself */
  bool skip;          /* them alone */
  bool pause;         /* in every frame */
  bool end;           /* the peer ends its side behind the input */
  bool start_afresh;  /* when a frame was too long */
  size_t max;
  unsigned failing; /* the allocation that fails */
};

struct framed {
  plait_protocol base;
  plait_framing framing;
  struct dotted codec, other;
  const struct framed_scene *scene;
  struct text *trace;
};

/* One of them on a fake transport. */
struct framed_subject {
  struct fake *fake;
  struct text trace;
  bool pause, end;
};

void framed_init(struct framed *self, struct dotted *state);

void framed_add(struct text *t, const char *payload, size_t len);
/* The strings up to a NULL. */
void framed_add_all(struct text *t, const char *const *payloads);

/* For chunks_check(); |arg| is the scene.  Feeding resumes whenever the
 * protocol has paused. */
void *framed_open(const void *arg);
void framed_feed(void *subject, const uint8_t *piece, size_t len);
char *framed_close(void *subject);
struct framed *framed_in(struct framed_subject *s);

/* chunks_check() of |input|, and of frames. */
void framed_check(const struct framed_scene *scene, const struct text *input,
                  const char *expected);
void framed_check_all(const struct framed_scene *scene,
                      const char *const *payloads, const char *expected);

#endif
