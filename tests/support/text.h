/* A text that grows: traces, and bytes that wait. */
#ifndef PLAIT_TESTS_TEXT_H
#define PLAIT_TESTS_TEXT_H

#include <plait/export.h>

/* Zeroed at first; |s| is NULL or ends with a NUL behind |len| bytes. */
struct text {
  char *s;
  size_t len, capacity;
};

void text_add(struct text *t, const void *data, size_t len);
void text_format(struct text *t, const char *format, ...) PLAIT_PRINTF(2, 3);
/* Adds |data| with what is not printable, and the backslash, escaped. */
void text_escape(struct text *t, const void *data, size_t len);
/* Forgets the content. */
void text_clear(struct text *t);
void text_free(struct text *t);

#endif
