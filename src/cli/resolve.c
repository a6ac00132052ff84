/* plait resolve: names to addresses and back, many at once, answered in the
 * order of the questions. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "utf8.h"

enum { RESOLVE_AT_ONCE = 1024 };

struct resolve_options {
  uint32_t timeout_ms;
  plait_resolver_kind backend;
  uint8_t family;
  bool json;
};

#define FIELD(member) offsetof(struct resolve_options, member)

/* 0 would be the resolver's default, and elsewhere it is never. */
static const char *option_timeout(const char *text, void *uint32_ms_field) {
  const uint32_t *field = uint32_ms_field;
  return option_seconds(text, uint32_ms_field) == NULL && *field > 0
             ? NULL
             : "a number of seconds above 0, to 4000000";
}

static const char *option_family(const char *text, void *uint8_field) {
  uint8_t *field = uint8_field;
  if (strcmp(text, "4") != 0 && strcmp(text, "6") != 0) {
    return "4 or 6";
  }
  *field = text[0] == '4' ? PLAIT_IPV4 : PLAIT_IPV6;
  return NULL;
}

static const char *option_backend(const char *text, void *kind_field) {
  plait_resolver_kind *field = kind_field;
  bool cares = strcmp(text, "c-ares") == 0;
  if (!cares && strcmp(text, "system") != 0) {
    return "system or c-ares";
  }
  *field = cares ? PLAIT_RESOLVER_CARES : PLAIT_RESOLVER_SYSTEM;
  return NULL;
}

static const struct option resolve_table[] = {
    {"--timeout", "S", "gives a lookup up after S seconds of it (10)",
     option_timeout, FIELD(timeout_ms), "--timeout 2"},
    {"--family", "4|6", "only addresses of IPv4, or of IPv6 (both)",
     option_family, FIELD(family), "--family 6"},
    {"--backend", "WHAT", "who asks: the system, or c-ares (system)",
     option_backend, FIELD(backend), "--backend c-ares"},
    {"--json", NULL, "one JSON object a line, failures too", option_flag,
     FIELD(json), "--json"},
    {NULL, NULL, NULL, NULL, 0, NULL},
};

static const struct command resolve_command = {
    .name = "resolve",
    .usage = "[NAME|ADDRESS...] [OPTION...]",
    .help =
        "  plait resolve www.example.net\n"
        "  plait resolve 192.0.2.1 2001:db8::1\n"
        "  plait resolve --json <names.txt\n"
        "\n"
        "Prints the addresses of names and the names of addresses, in the\n"
        "order of the questions; what is no name is told at once.  Without\n"
        "any, it reads them from standard input, one a line.  It asks what\n"
        "the system asks: the hosts file, DNS, and whatever else\n"
        "nsswitch.conf names; up to 1,024 wait at a time.  c-ares, where\n"
        "plait was built with it, asks the hosts file and DNS by itself,\n"
        "without threads.\n"
        "\n"
        "  www.example.net: 192.0.2.1 2001:db8::1\n"
        "  mail.example.net is mx1.example.net: 192.0.2.7\n"
        "  192.0.2.1: www.example.net\n"
        "\n"
        "What fails is told on stderr, and the exit status is then 1.\n",
    .example = "www.example.net",
    .options = resolve_table,
};

struct resolving {
  const struct resolve_options *options;
  plait_factory factory; /* of standard input */
  plait_runtime *runtime;
  char **words;
  int count, next, in_flight;
  plait_transport *input; /* NULL: the words */
  bool ended;             /* so has the input */
  bool any_failed;
  bool broken; /* nobody takes the output */
};

/* The first step, on the reactor. */
struct resolving_start {
  plait_call call;
  struct resolving *resolving;
};

/* One question. */
struct item {
  plait_query query;
  struct resolving *resolving;
  char text[];
};

/* ---- answers ----------------------------------------------------------- */

/* What is not UTF-8 has no place in JSON. */
static void print_json_text(const char *text) {
  const plait_slice whole = {(const uint8_t *)text, strlen(text)};
  bool malformed = utf8_check(whole) == UTF8_MALFORMED;
  putchar('"');
  for (; *text != '\0'; text++) {
    unsigned char c = (unsigned char)*text;
    if (c == '"' || c == '\\') {
      printf("\\%c", c);
    } else if (c < ' ' || c == 0x7f) {
      printf("\\u%04x", c);
    } else if (c > 0x7f && malformed) {
      fputs("\\ufffd", stdout);
    } else {
      putchar(c);
    }
  }
  putchar('"');
}

static void print_json(const struct item *item, int code) {
  char address[PLAIT_ADDRESS_TEXT_MAX];
  const plait_query *query = &item->query;
  fputs("{\"asked\":", stdout);
  print_json_text(item->text);
  if (code != 0) {
    fputs(",\"error\":", stdout);
    print_json_text(plait_error_detail());
  } else {
    fputs(",\"name\":", stdout);
    print_json_text(query->canonical);
    fputs(",\"addresses\":[", stdout);
    for (size_t i = 0; i < query->count; i++) {
      fputs(i > 0 ? "," : "", stdout);
      print_json_text(plait_address_format_ip(&query->addresses[i], address,
                                              sizeof address));
    }
    putchar(']');
  }
  fputs("}\n", stdout);
}

static void print_answer(const struct item *item) {
  char address[PLAIT_ADDRESS_TEXT_MAX];
  const plait_query *query = &item->query;
  bool reverse = query->name == NULL;
  fputs(item->text, stdout);
  if (!reverse && strcmp(item->text, query->canonical) != 0) {
    printf(" is %s", query->canonical);
  }
  fputs(reverse ? ": " : ":", stdout);
  if (reverse) {
    fputs(query->canonical, stdout);
  }
  for (size_t i = 0; i < query->count; i++) {
    printf(" %s", plait_address_format_ip(&query->addresses[i], address,
                                          sizeof address));
  }
  putchar('\n');
}

static void print_result(struct item *item, int code) {
  struct resolving *r = item->resolving;
  r->any_failed |= code != 0;
  if (r->broken) {
    return;
  }
  if (r->options->json) {
    print_json(item, code);
  } else if (code == 0) {
    print_answer(item);
  } else {
    fprintf(stderr, "plait: %s\n", plait_error_detail());
  }
  if (ferror(stdout)) {
    r->broken = true;
    plait_runtime_stop(r->runtime);
  }
}

static void resolve_more(struct resolving *r);

static void resolve_answered(plait_query *query, int code) {
  struct item *item = plait_container_of(query, struct item, query);
  struct resolving *r = item->resolving;
  print_result(item, code);
  free(item);
  r->in_flight--;
  if (code != PLAIT_ECLOSED) {
    resolve_more(r);
  }
}

/* ---- questions --------------------------------------------------------- */

/* An address is asked for its name, anything else for its addresses. */
static void resolve_ask(struct resolving *r, const char *text, size_t len) {
  plait_resolver *resolver = plait_runtime_resolver(r->runtime);
  struct item *item = calloc(1, sizeof *item + len + 1);
  if (item == NULL || resolver == NULL) {
    free(item);
    fprintf(stderr, "plait: resolve: out of memory\n");
    r->any_failed = true;
    return;
  }
  item->resolving = r;
  memcpy(item->text, text, len);
  for (size_t i = 0; i < len; i++) {
    if (text[i] == '\0') {
      item->text[i] = ' '; /* else what comes before it would be asked for */
    }
  }
  item->query = (plait_query){.name = item->text,
                              .family = r->options->family,
                              .timeout_ms = r->options->timeout_ms,
                              .ordered = true,
                              .answered = resolve_answered};
  if (plait_address_parse(item->text, 0, &item->query.address) == 0) {
    item->query.name = NULL;
  }
  int code = plait_resolve(resolver, NULL, &item->query);
  if (code != 0) {
    print_result(item, code);
    free(item);
    return;
  }
  r->in_flight++;
}

static void resolve_more(struct resolving *r) {
  while (r->next < r->count && r->in_flight < RESOLVE_AT_ONCE) {
    const char *word = r->words[r->next++];
    resolve_ask(r, word, strlen(word));
  }
  if (r->input == NULL) {
    return;
  }
  if (r->ended && r->in_flight == 0) {
    plait_close(r->input);
  } else if (!r->ended && r->in_flight < RESOLVE_AT_ONCE / 2) {
    plait_resume_reading(r->input);
  }
}

static void resolve_start(plait_call *call, plait_protocol *p) {
  (void)p;
  resolve_more(
      plait_container_of(call, struct resolving_start, call)->resolving);
}

/* ---- standard input ---------------------------------------------------- */

static struct resolving *resolving_of(plait_protocol *p) {
  return plait_container_of(p->factory, struct resolving, factory);
}

static void input_made(plait_protocol *p) {
  resolving_of(p)->input = p->transport;
}

static void input_line(plait_line *line, plait_slice text) {
  struct resolving *r = resolving_of(&line->base);
  while (text.len > 0 && memchr(" \t\r", text.data[text.len - 1], 3) != NULL) {
    text.len--;
  }
  if (text.len > 0) {
    resolve_ask(r, (const char *)text.data, text.len);
  }
  if (r->in_flight >= RESOLVE_AT_ONCE) {
    plait_pause_reading(line->base.transport);
  }
}

static void input_too_long(plait_line *line, size_t seen) {
  struct resolving *r = resolving_of(&line->base);
  (void)seen;
  fprintf(stderr, "plait: resolve: a line of more than %d bytes is no name\n",
          PLAIT_LINE_BYTES_MAX);
  r->any_failed = true;
  plait_line_skip(line);
}

static void input_ended(plait_protocol *p) {
  plait_line *line = (plait_line *)p;
  plait_slice rest = plait_line_unfinished(line);
  resolving_of(p)->ended = true;
  if (rest.len > 0) {
    input_line(line, rest);
    plait_line_clear(line);
  }
  resolve_more(resolving_of(p));
}

static void input_lost(plait_protocol *p, int reason) {
  struct resolving *r = resolving_of(p);
  r->input = NULL;
  if (reason < 0 && !r->ended) {
    fprintf(stderr, "plait: resolve: standard input: %s\n",
            plait_strerror(reason));
    r->any_failed = true;
  }
}

static const plait_line_ops input_ops =
    PLAIT_LINE_OPS(.base.name = "names",
                   .base.size = PLAIT_INSTANCE(plait_line, base),
                   .base.connection_made = input_made,
                   .base.eof_received = input_ended,
                   .base.connection_lost = input_lost,
                   .line_received = input_line,
                   .line_too_long = input_too_long);

/* ---- running ----------------------------------------------------------- */

static int resolve(struct resolving *r) {
  const plait_runtime_options options = {
      .handle_signals = true, .grace_ms = 1, .resolver = r->options->backend};
  struct resolving_start start = {.call.run = resolve_start, .resolving = r};
  int code = plait_runtime_new(&options, &r->runtime);
  if (code < 0) {
    return failed(code);
  }
  r->factory.protocol = &input_ops.base;
  plait_reactor *reactor = plait_runtime_reactor(r->runtime, 0);
  code = r->count > 0 ? plait_reactor_post(reactor, &start.call)
                      : plait_stdio(reactor, &r->factory);
  if (code == 0) {
    code = plait_run(r->runtime);
  }
  int status = code < 0 ? failed(code) : STATUS_DONE;
  plait_runtime_free(r->runtime);
  if (fflush(stdout) != 0 || ferror(stdout)) {
    fprintf(stderr, "plait: resolve: standard output did not take all of it\n");
    return STATUS_FAILED;
  }
  return status == STATUS_DONE && r->any_failed ? STATUS_FAILED : status;
}

int resolve_main(int argc, char **argv) {
  struct resolve_options options = {0};
  struct resolving r = {.options = &options, .words = argv};
  setvbuf(stdout, NULL, _IOLBF, 0);
  switch (options_parse(&resolve_command, argc, argv, &options, &r.count)) {
  case OPTIONS_HELP:
    return printed(STATUS_DONE);
  case OPTIONS_WRONG:
    return STATUS_USAGE;
  case OPTIONS_OK:
    break;
  }
  return resolve(&r);
}
