/* Rows of tests/vectors.
 *
 * The script that writes them puts one space behind colons and commas and
 * escapes nothing that is looked for here, so searching is reading. */
#include "support/vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/require.h"

static const char hex_digits[] = "0123456789abcdef";

/* "78*30 ": thirty times the last byte, which is there once already. */
static const char *vector_run(struct text *ret, const char *count) {
  char *end;
  unsigned long times = strtoul(count, &end, 10);
  require(ret->len > 0 && times > 1 && times <= 1000000, "%s", count);
  char byte = ret->s[ret->len - 1];
  while (--times > 0)
    text_add(ret, &byte, 1);
  return *end == ' ' ? end + 1 : end;
}

const char *vector_bytes(struct text *ret, const char *hex) {
  text_add(ret, "", 0);
  while (strspn(hex, hex_digits) >= 2) {
    const char pair[] = {hex[0], hex[1], '\0'};
    uint8_t byte = (uint8_t)strtoul(pair, NULL, 16);
    text_add(ret, &byte, 1);
    hex += 2;
    if (*hex == '*')
      hex = vector_run(ret, hex + 1);
  }
  return hex;
}

static const char *vector_find(const struct vector *v, const char *key) {
  char quoted[64];
  snprintf(quoted, sizeof quoted, "\"%s\": ", key);
  const char *at = strstr(v->value, quoted);
  return at != NULL ? at + strlen(quoted) : NULL;
}

const char *vector_member(const struct vector *v, const char *key) {
  const char *at = vector_find(v, key);
  require(at != NULL, "%s has no %s", v->name, key);
  return at;
}

bool vector_has(const struct vector *v, const char *key) {
  return vector_find(v, key) != NULL;
}

bool vector_is(const struct vector *v, const char *key, const char *json) {
  return strncmp(vector_member(v, key), json, strlen(json)) == 0;
}

size_t vector_number(const struct vector *v, const char *key) {
  const char *text = vector_member(v, key);
  char *end;
  size_t number = strtoull(text, &end, 10);
  require(end > text, "%s: %s is no number", v->name, key);
  return number;
}

static void vector_row(char *line, void (*row)(const struct vector *, void *),
                       void *arg) {
  struct vector v = {0};
  char *wire;

  line[strcspn(line, "\n")] = '\0';
  v.name = strtok_r(line, "\t", &wire);
  v.value = strtok_r(NULL, "\t", &wire);
  require(v.name != NULL && v.value != NULL && *wire != '\0', "a short row");
  const char *end = vector_bytes(&v.wire, wire);
  require(*end == '\0' || strcmp(wire, "-") == 0, "%s: %s", v.name, end);
  row(&v, arg);
  text_free(&v.wire);
}

unsigned vectors_read(const char *file,
                      void (*row)(const struct vector *v, void *arg),
                      void *arg) {
  char path[4096], *line = NULL;
  const char *top = getenv("top_srcdir");
  size_t capacity = 0;
  unsigned rows = 0;

  snprintf(path, sizeof path, "%s/tests/vectors/%s", top != NULL ? top : ".",
           file);
  FILE *stream = fopen(path, "r");
  require(stream != NULL, "%s cannot be read", path);
  while (getline(&line, &capacity, stream) > 0)
    if (line[0] != '#') {
      vector_row(line, row, arg);
      rows++;
    }
  free(line);
  fclose(stream);
  return rows;
}
