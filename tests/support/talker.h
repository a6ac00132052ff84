/* A line protocol that does what a line, or a raw byte, tells it.
 *
 * Its trace shows a line as [line], raw bytes as they are, {too long}, and
 * what the protocol that it switches to gets behind "after:". */
#ifndef PLAIT_TESTS_TALKER_H
#define PLAIT_TESTS_TALKER_H

#include <plait/line.h>

#include "support/chunks.h"
#include "support/fake_transport.h"

struct talker_scene {
  plait_line_ending ending;
  size_t max;         /* 0: the default is left alone */
  bool tell_too_long; /* has a line_too_long, which does nothing else */
  bool close_too_long;
  bool skip_too_long; /* and 3 raw bytes behind it, if |raw_too_long| */
  bool raw_too_long;
  bool pause; /* in every callback */
};

struct talker {
  plait_line line;
  const struct talker_scene *scene;
  struct text *trace;
};

/* One of them on a fake transport, for chunks_check(). */
struct talker_subject {
  struct fake *fake;
  struct text trace;
};

/* |arg| is the scene. */
void *talker_open(const void *arg);
/* Feeds, and resumes whenever the talker has paused. */
void talker_feed(void *subject, const uint8_t *piece, size_t len);
char *talker_close(void *subject);
struct chunks talker_chunks(const struct talker_scene *scene);

/* chunks_check() with a talker. */
void talker_check_bytes(const struct talker_scene *scene, const void *input,
                        size_t len, const char *expected);
void talker_check(const struct talker_scene *scene, const char *input,
                  const char *expected);
/* Twice: once with a pause in every callback. */
void talker_check_pausing(struct talker_scene scene, const char *input,
                          const char *expected);

#endif
