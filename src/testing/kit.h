/* One check under way, and the text that it may end with. */
#ifndef PLAIT_TESTING_KIT_H
#define PLAIT_TESTING_KIT_H

#include <plait/testing.h>
#include <time.h>

typedef struct plait__kit {
  plait_codec_check check; /* with its defaults filled in */
  const char *stage;       /* what is checked now */
  uint64_t random;
  clock_t deadline; /* of CPU time; 0: none */
  uint8_t all_bytes[256];
} plait__kit;

/* Random numbers, the same in each run; the second is below |n|. */
static inline uint64_t plait__random(uint64_t *state) {
  uint64_t mixed = *state += UINT64_C(0x9e3779b97f4a7c15);
  mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
  return mixed ^ mixed >> 31;
}

static inline size_t plait__random_below(uint64_t *state, size_t n) {
  return (size_t)(plait__random(state) % n);
}

/* The text of this thread: starts it anew, empty or with the codec and the
 * stage, adds to it, adds bytes in quotes and escaped.  What does not fit is
 * cut. */
void plait__report_clear(void);
void plait__report_start(const plait__kit *kit);
void plait__report(const char *format, ...) PLAIT_PRINTF(1, 2);
void plait__report_bytes(const uint8_t *bytes, size_t len);
/* How wide they are without the quotes. */
size_t plait__report_width(const uint8_t *bytes, size_t len);
/* Adds the name of an answer of a codec. */
void plait__report_answer(int answer);
const char *plait__report_text(void);

/* Starts the text and says that memory is out; false. */
bool plait__kit_no_memory(const plait__kit *kit);

#endif
