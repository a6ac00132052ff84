/* Twisted's grammar of endpoint strings.
 *
 * ':' separates fields, the first '=' in a field ends its key (later ones are
 * part of the value), and a backslash makes any character after it an
 * ordinary one.  The result is never longer than the string: each separator
 * becomes the NUL of what it ends.
 *
 *     tcp:80:interface=\:\:1   ->   tcp~80~interface~::1~
 *                                   (~ is NUL: type, argument, key, value)
 */
#include "endpoint/parse.h"

#include <stdbool.h>

/* What a character means, once a backslash before it is taken away. */
typedef enum parse_mark { PARSE_TEXT, PARSE_FIELD, PARSE_VALUE } parse_mark;

static parse_mark parse_classify(char c, const plait__field *field) {
  if (c == ':')
    return PARSE_FIELD;
  if (c == '=' && field->key == NULL)
    return PARSE_VALUE;
  return PARSE_TEXT;
}

/* Starts the next field at |at|; false if there are too many. */
static bool parse_begin(plait__fields *fields, const char *at) {
  if (fields->count == PLAIT__FIELDS_MAX)
    return false;
  fields->field[fields->count].key = NULL;
  fields->field[fields->count].value = at;
  fields->count++;
  return true;
}

/* Whether |text| is within the bound; reads no further than that. */
static bool parse_fits(const char *text) {
  size_t len = 0;

  while (text[len] != '\0')
    if (++len > PLAIT__ENDPOINT_MAX)
      return false;
  return true;
}

const char *plait__fields_parse(const char *text, plait__fields *ret) {
  char *out = ret->buffer;

  if (!parse_fits(text))
    return "longer than 1024 bytes";
  ret->count = 0;
  parse_begin(ret, out);
  for (; *text != '\0'; text++) {
    plait__field *field = &ret->field[ret->count - 1];
    parse_mark mark = parse_classify(*text, field);

    if (*text == '\\' && *++text == '\0')
      return "nothing follows the '\\' at the end; "
             "a backslash is written '\\\\'";
    *out++ = mark == PARSE_TEXT ? *text : '\0';
    if (mark == PARSE_FIELD && !parse_begin(ret, out))
      return "more than 16 fields";
    if (mark == PARSE_VALUE) {
      field->key = field->value;
      field->value = out;
    }
  }
  *out = '\0';
  return NULL;
}
