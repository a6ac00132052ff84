/* Options by table, and the messages about them.
 *
 * Options may stand anywhere among the arguments, as "--name value" or
 * "--name=value".  Whatever is wrong, the message names the option and shows
 * one that is right. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

/* ---- values ------------------------------------------------------------ */

/* Whether |text| is a decimal number from |min| to |max|. */
static bool whole_number(const char *text, unsigned long min, unsigned long max,
                         unsigned long *ret) {
  size_t digits = strspn(text, "0123456789");
  if (digits == 0 || digits > 9 || text[digits] != '\0') {
    return false;
  }
  unsigned long value = strtoul(text, NULL, 10);
  if (value < min || value > max) {
    return false;
  }
  *ret = value;
  return true;
}

const char *option_flag(const char *text, void *bool_field) {
  (void)text;
  *(bool *)bool_field = true;
  return NULL;
}

const char *option_reactors(const char *text, void *unsigned_field) {
  unsigned *field = unsigned_field;
  unsigned long value;
  if (strcmp(text, "auto") == 0) {
    *field = PLAIT_PER_CPU;
    return NULL;
  }
  if (!whole_number(text, 1, PLAIT_REACTORS_MAX, &value)) {
    return "\"auto\" or a number from 1 to 64";
  }
  *field = (unsigned)value;
  return NULL;
}

const char *option_workers(const char *text, void *unsigned_field) {
  unsigned long value;
  if (!whole_number(text, 1, 1024, &value)) {
    return "a number from 1 to 1024";
  }
  *(unsigned *)unsigned_field = (unsigned)value;
  return NULL;
}

const char *option_dispatch(const char *text, void *dispatch_field) {
  plait_dispatch *field = dispatch_field;
  if (strcmp(text, "reactor") != 0 && strcmp(text, "workers") != 0) {
    return "\"reactor\" or \"workers\"";
  }
  *field = text[0] == 'w' ? PLAIT_ON_WORKERS : PLAIT_ON_REACTOR;
  return NULL;
}

const char *option_length(const char *text, void *size_field) {
  unsigned long value;
  if (!whole_number(text, 1, 268435456, &value)) {
    return "a number of bytes from 1 to 268435456";
  }
  *(size_t *)size_field = value;
  return NULL;
}

const char *option_connections(const char *text, void *unsigned_field) {
  unsigned long value;
  if (!whole_number(text, 1, 100000, &value)) {
    return "a number from 1 to 100000";
  }
  *(unsigned *)unsigned_field = (unsigned)value;
  return NULL;
}

/* Listening tells whether it is one. */
const char *option_endpoint(const char *text, void *string_field) {
  *(const char **)string_field = text;
  return NULL;
}

/* A type ends in ':', or with the string. */
bool endpoint_is(const char *endpoint, const char *type) {
  size_t length = strcspn(endpoint, ":");
  return length == strlen(type) && memcmp(endpoint, type, length) == 0;
}

const char *option_seconds(const char *text, void *uint32_ms_field) {
  static const char wanted[] = "a number of seconds from 0 to 4000000";
  uint32_t *field = uint32_ms_field;
  size_t length = strspn(text, "0123456789.");
  char *end;
  /* strtod() knows words, exponents and signs as well: not here. */
  double seconds = strtod(text, &end);
  if (length == 0 || text[length] != '\0' || *end != '\0' ||
      seconds > 4000000) {
    return wanted;
  }
  *field = (uint32_t)(seconds * 1000 + 0.5);
  if (*field == 0 && seconds > 0) {
    *field = 1; /* 0 means something else. */
  }
  return NULL;
}

/* ---- messages ---------------------------------------------------------- */

static void print_name(const struct command *command) {
  if (command->name != NULL) {
    fprintf(stderr, "plait %s: ", command->name);
  } else {
    fputs("plait: ", stderr);
  }
}

static void print_example(const struct command *command, const char *option) {
  const char *words[] = {command->name, option, command->example};
  fputs("example: plait", stderr);
  for (int i = 0; i < 3; i++) {
    if (words[i] != NULL) {
      fprintf(stderr, " %s", words[i]);
    }
  }
  fputc('\n', stderr);
}

int wrong_usage(const struct command *command, const char *format, ...) {
  va_list args;
  print_name(command);
  va_start(args, format);
  vfprintf(stderr, format, args);
  va_end(args);
  fputc('\n', stderr);
  print_example(command, NULL);
  return STATUS_USAGE;
}

int failed(int code) {
  fprintf(stderr, "plait: %s\n", plait_error_detail());
  return code == PLAIT_EENDPOINT ? STATUS_USAGE : STATUS_FAILED;
}

int printed(int status) {
  if (fflush(stdout) == 0 && !ferror(stdout)) {
    return status;
  }
  if (status == STATUS_DONE) {
    fprintf(stderr, "plait: standard output did not take all of it\n");
  }
  return STATUS_FAILED;
}

static void print_help(const struct command *command) {
  printf("usage: plait %s %s\n\n%s", command->name, command->usage,
         command->help);
  if (command->options != NULL) {
    printf("\nOptions:\n");
  }
  for (const struct option *o = command->options; o != NULL && o->name; o++) {
    char head[32];
    snprintf(head, sizeof(head), "%s %s", o->name,
             o->argument != NULL ? o->argument : "");
    printf("  %-19s %s\n", head, o->help);
  }
  if (command->more_help != NULL) {
    command->more_help();
  }
}

/* ---- parsing ----------------------------------------------------------- */

static const struct option *find(const struct command *command,
                                 const char *text, size_t length) {
  for (const struct option *o = command->options; o != NULL && o->name; o++) {
    if (strlen(o->name) == length && memcmp(o->name, text, length) == 0) {
      return o;
    }
  }
  return NULL;
}

static enum options_answer wrong(const struct command *command,
                                 const struct option *o, const char *what,
                                 const char *text) {
  print_name(command);
  if (text != NULL) {
    fprintf(stderr, "%s takes %s, not \"%s\"\n", o->name, what, text);
  } else {
    fprintf(stderr, "%s %s\n", o->name, what);
  }
  print_example(command, o->example);
  return OPTIONS_WRONG;
}

/* Reads the option at |argv|[*i], and moves |i| over a value of its own. */
static enum options_answer parse_one(const struct command *command, int argc,
                                     char **argv, int *i, void *values) {
  const char *text = argv[*i];
  size_t length = strcspn(text, "=");
  const struct option *o = find(command, text, length);
  if (o == NULL) {
    wrong_usage(command, "no option %.*s: see plait %s --help", (int)length,
                text, command->name);
    return OPTIONS_WRONG;
  }

  const char *value = text[length] == '=' ? text + length + 1 : NULL;
  if (o->argument == NULL && value != NULL) {
    return wrong(command, o, "takes no value", NULL);
  }
  if (o->argument != NULL && value == NULL) {
    if (*i + 1 >= argc) {
      return wrong(command, o, "needs a value", NULL);
    }
    value = argv[++*i];
  }
  const char *wanted = o->parse(value, (char *)values + o->offset);
  if (wanted != NULL) {
    return wrong(command, o, wanted, value);
  }
  return OPTIONS_OK;
}

enum options_answer options_parse(const struct command *command, int argc,
                                  char **argv, void *values, int *ret_count) {
  int count = 0;
  for (int i = 0; i < argc; i++) {
    if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
      print_help(command);
      return OPTIONS_HELP;
    }
    if (argv[i][0] != '-') {
      argv[count++] = argv[i];
      continue;
    }
    enum options_answer answer = parse_one(command, argc, argv, &i, values);
    if (answer != OPTIONS_OK) {
      return answer;
    }
  }
  *ret_count = count;
  return OPTIONS_OK;
}
