/* Names to addresses and addresses to names, 256 at a time:
 *
 *     dns www.example.net 192.0.2.1
 *     xargs dns <names
 */
#include <plait.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { AT_ONCE = 256 };

struct question {
  plait_query query;
  const char *text;
};

static struct question questions[AT_ONCE];
static char **next;
static plait_resolver *resolver;
static int failures;

static void answered(plait_query *query, int code);

/* Asks what is next, if anything is left. */
static void ask(struct question *q) {
  while (*next != NULL) {
    *q = (struct question){.query.answered = answered, .text = *next++};
    if (plait_address_parse(q->text, 0, &q->query.address) < 0) {
      q->query.name = q->text; /* no address: what are its addresses? */
    }
    if (plait_resolve(resolver, NULL, &q->query) == 0) {
      return;
    }
    fprintf(stderr, "%s: %s\n", q->text, plait_error_detail());
    failures++;
  }
}

static void print_answer(const struct question *q) {
  const plait_query *query = &q->query;
  char text[PLAIT_ADDRESS_TEXT_MAX];
  if (query->name == NULL) {
    printf("%s is %s\n", q->text, query->canonical);
    return;
  }
  if (strcmp(q->text, query->canonical) != 0) {
    printf("%s is %s\n", q->text, query->canonical);
  }
  for (size_t i = 0; i < query->count; i++) {
    printf("%s %s\n", query->canonical,
           plait_address_format_ip(&query->addresses[i], text, sizeof text));
  }
}

static void answered(plait_query *query, int code) {
  struct question *q = plait_container_of(query, struct question, query);
  if (code == 0) {
    print_answer(q);
  } else {
    fprintf(stderr, "%s: %s\n", q->text, plait_error_detail());
    failures++;
  }
  ask(q); /* It is ours again. */
}

/* Queries are made on a reactor. */
static void begin(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  for (int i = 0; i < AT_ONCE; i++) {
    ask(&questions[i]);
  }
}

int main(int argc, char **argv) {
  plait_call call = {.run = begin};
  plait_runtime_options options = {.pool.name_threads_max = 64};
  plait_runtime *runtime = NULL;
  if (argc < 2 || plait_runtime_new(&options, &runtime) < 0) {
    fprintf(stderr, "usage: dns NAME|ADDRESS...\n");
    return 2;
  }
  next = argv + 1;
  resolver = plait_runtime_resolver(runtime);
  plait_reactor_post(plait_runtime_reactor(runtime, 0), &call);
  int code = plait_run(runtime); /* until all are answered */
  plait_runtime_free(runtime);
  return code < 0 || failures > 0;
}
