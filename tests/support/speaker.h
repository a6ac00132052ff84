/* A framed protocol, on any codec, that does what a frame or a raw byte tells
 * it.
 *
 * Its trace shows a frame as [payload] or [65 bytes], raw bytes as they are,
 * {too long}, and what the protocol that it switches to gets behind "after:".
 * Payloads that are commands: raw, raw 5, close, abort, switch, max 4, afresh;
 * raw bytes that are: ! (frames again, from here), ^ (switch). */
#ifndef PLAIT_TESTS_SPEAKER_H
#define PLAIT_TESTS_SPEAKER_H

#include <plait/framed.h>

#include "support/chunks.h"
#include "support/fake_transport.h"

struct speaker_scene {
  const plait_codec *codec;
  size_t max;         /* 0: the codec's */
  bool tell_too_long; /* has a frame_too_long, which does nothing else */
  bool skip;          /* what is too long */
  bool go;            /* to another protocol, when something is too long */
  bool show_all;      /* of long payloads, and of what is too long {LENGTH} */
  bool pause;         /* in every callback */
  bool end;           /* the peer ends its side behind the input */
};

struct speaker {
  plait_framed framed;
  const struct speaker_scene *scene;
  struct text *trace;
};

/* One of them on a fake transport, for chunks_check(). */
struct speaker_subject {
  struct fake *fake;
  struct text trace;
  plait_framed_ops ops;
  bool end;
};

/* |arg| is the scene. */
void *speaker_open(const void *arg);
/* Feeds, and resumes whenever the speaker has paused. */
void speaker_feed(void *subject, const uint8_t *piece, size_t len);
char *speaker_close(void *subject);
plait_framed *speaker_framed(struct speaker_subject *s);

/* chunks_check() with a speaker, and with one that pauses in every callback. */
void speaker_check_bytes(struct speaker_scene scene, const void *input,
                         size_t len, const char *expected);
void speaker_check(struct speaker_scene scene, const char *input,
                   const char *expected);

#endif
