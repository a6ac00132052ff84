/* An endpoint string taken apart: type:argument:key=value. */
#ifndef PLAIT_ENDPOINT_PARSE_H
#define PLAIT_ENDPOINT_PARSE_H

#include <stddef.h>

enum {
  PLAIT__FIELDS_MAX = 16,    /* the type is one of them */
  PLAIT__ENDPOINT_MAX = 1024 /* bytes of the string */
};

typedef struct plait__field {
  const char *key;   /* NULL: an argument */
  const char *value; /* unescaped */
} plait__field;

typedef struct plait__fields {
  size_t count; /* at least 1: the type comes first */
  plait__field field[PLAIT__FIELDS_MAX];
  char buffer[PLAIT__ENDPOINT_MAX + 1]; /* what the fields point into */
} plait__fields;

/* Takes |text| apart.  NULL, or what is wrong with it (static). */
const char *plait__fields_parse(const char *text, plait__fields *ret);

#endif
