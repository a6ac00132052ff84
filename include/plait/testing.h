/* The test kit.  <plait/test.h>, which this includes, has a world to test
 * protocols in; here are two checks of everything at once.
 *
 * One holds a codec of yours to what framing.h asks of one:
 *
 *     static const plait_codec_check check = {.codec = &json,
 *                                             .encode = json_encode};
 *     const char *wrong = plait_check_codec(&check);
 *     if (wrong != NULL)
 *       ... it says what was wrong, where, and how the input was cut
 *
 * It has a loop of its own: no reactor, no transport and no plait_framing takes
 * part.  The other one cuts the input of a whole protocol:
 *
 *     static const plait_protocol_check check = {
 *         .factory = &factory, .input = PLAIT_BYTES("one\r\ntwo\r\n")};
 *     const char *wrong = plait_check_protocol(&check);
 *
 * It is a library of its own (pkg-config plait-testing), not in plait.h, for
 * any test framework and for none.
 */
#ifndef PLAIT_TESTING_H
#define PLAIT_TESTING_H

#include <plait/framing.h>
#include <plait/test.h>

PLAIT_BEGIN

/* What to check.  Zero is the default of all that is not a pointer. */
typedef struct plait_codec_check {
  const plait_codec *codec;
  /* Writes one frame to |ret|, which has room for twice the payload and
   * overhead_max bytes more, and returns its length.  Sets |ret_payload| to
   * the part of |ret| that is delivered; left as it is, it stands for the
   * whole frame.  |payload| is bytes of the alphabet without a meaning: what
   * may not stand in a frame is yours to replace.  |way| < |ways| is how to
   * write it.  Frames behind one another, in any order, must be read as these
   * frames. */
  size_t (*encode)(const plait_codec *codec, unsigned way, plait_slice payload,
                   uint8_t *ret, plait_slice *ret_payload);
  /* In how many ways a frame may be written: how many delimiters, say [1]. */
  unsigned ways;
  /* How many bytes of a frame are no payload, at most [64]. */
  size_t overhead_max;
  /* The bytes that payloads are made of [all 256]. */
  plait_slice alphabet;
  /* The lengths that encode is asked for [0; the codec's limit].  Equal for
   * records of one size. */
  size_t payload_min, payload_max;
  /* Of all that is random here [the same in each run]. */
  uint64_t seed;
} plait_codec_check;

/* Checks |check|, which takes a second or so of CPU time.  NULL: all is well.
 * Else a text of a few lines that says what came, what was expected, how the
 * input was cut and what it is there; the thread's next check replaces it.
 *
 * Frames that encode wrote are offered whole, cut in two at every place, a
 * byte at a time, in pieces of every size and in 1,000 random ways; where an
 * input is too long for that, cut at what matters.  In each way the same
 * frames have to come:
 *   - small ones, empty ones, payloads of every byte, two streams in turn;
 *   - shorter than a limit, as long, and longer by a byte: the same ones are
 *     too long, and what follows one comes;
 *   - many, together longer than any limit; a million of the smallest, or
 *     8 MiB; a large one, of 256 KiB at most.
 * Bytes that are no frames, made of frames, need not be refused, but the same
 * has to come of them in each way too, with a limit and without.
 *
 * Of each answer it is asked that
 *   - consumed, offset, length and again lie in what came, and FRAME takes a
 *     byte at least;
 *   - a frame ends as the codec's terminator says, if it has one;
 *   - MORE has a length, and a need, that the frame did not turn out to be
 *     shorter than, and tells the length of a frame that grows: all that came
 *     of it, but for overhead_max bytes;
 *   - nothing outside of the piece and of the state counts, and a piece does
 *     not count after the call: other bytes surround it and then replace it,
 *     and with AddressSanitizer it lies in a block of its own;
 *   - twice |ways| bytes are looked at for each that is received, at most; and
 *     many frames in one piece cost no more CPU time than in small pieces, by
 *     a wide margin. */
PLAIT_EXTERN const char *plait_check_codec(const plait_codec_check *check);

/* What to check.  Zero is the default of all that is not a pointer. */
typedef struct plait_protocol_check {
  /* What listens; its dispatch is where the callbacks run. */
  plait_factory *factory;
  /* What a peer says to a connection of it. */
  plait_slice input;
  /* The peer keeps its side open behind that [it ends it]. */
  bool stays;
  /* How long to wait then until the answer is complete [0]. */
  uint32_t wait_ms;
  /* Optional: before and after each run, where the factory has something that
   * a connection changes.  Outside of the world. */
  void (*begin)(plait_factory *factory);
  void (*end)(plait_factory *factory);
  /* The seed is also that of what is random here. */
  plait_test_options options;
} plait_protocol_check;

/* Runs |check|, each time with a new connection in a new world: with the input
 * whole, cut in two at every place, byte by byte and in 100 random ways, in
 * pieces that arrive one by one.  What the protocol writes, and how it ends
 * the connection, has to be the same each time, and nothing is left behind.
 * NULL: so it is.  Else a text as plait_check_codec() has it.  No plait_test is
 * there meanwhile. */
PLAIT_EXTERN const char *
plait_check_protocol(const plait_protocol_check *check);

PLAIT_END

#endif
