/* A text that grows. */
#include "support/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/require.h"

static void text_reserve(struct text *t, size_t more) {
  if (t->capacity - t->len > more)
    return;
  t->capacity = 2 * (t->len + more) + 64;
  t->s = realloc(t->s, t->capacity);
  require(t->s != NULL, "out of memory");
}

void text_add(struct text *t, const void *data, size_t len) {
  text_reserve(t, len);
  if (len > 0)
    memcpy(t->s + t->len, data, len);
  t->len += len;
  t->s[t->len] = '\0';
}

void text_format(struct text *t, const char *format, ...) {
  char line[256];
  va_list arguments;
  va_start(arguments, format);
  int len = vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  require(len >= 0 && (size_t)len < sizeof line, "%d characters", len);
  text_add(t, line, (size_t)len);
}

void text_escape(struct text *t, const void *data, size_t len) {
  const uint8_t *bytes = data;
  for (size_t i = 0; i < len; i++) {
    if (bytes[i] == '\r')
      text_add(t, "\\r", 2);
    else if (bytes[i] == '\n')
      text_add(t, "\\n", 2);
    else if (bytes[i] < ' ' || bytes[i] > '~' || bytes[i] == '\\')
      text_format(t, "\\x%02x", bytes[i]);
    else
      text_add(t, &bytes[i], 1);
  }
}

void text_clear(struct text *t) {
  t->len = 0;
}

void text_free(struct text *t) {
  free(t->s);
  *t = (struct text){0};
}
