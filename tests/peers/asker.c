/* Asks the resolver for all lines of its input at once: "name", "name service"
 * or an address.
 *
 *     asker BACKEND TIMEOUT_MS STOP_MS
 *
 * Prints, as answers come, the line, the code, the milliseconds since the
 * start, the canonical name and the addresses; tabs between them.  100 tasks
 * run on the pool meanwhile.  The runtime is stopped after STOP_MS, unless that
 * is 0, with a grace of 500 ms. */
#include <plait.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct asked {
  plait_query query;
  char line[512], *service;
};

enum { TASKS = 100 };

static plait_runtime *runtime;
static plait_reactor *reactor;
static uint64_t start_ms;
static uint32_t timeout_ms, stop_ms;
static plait_timer stop_timer;
static plait_task tasks[TASKS];
static unsigned tasks_done;

static unsigned passed_ms(void) {
  return (unsigned)(plait_reactor_now_ms(reactor) - start_ms);
}

static void asked_answered(plait_query *query, int code) {
  struct asked *asked = plait_container_of(query, struct asked, query);
  char text[PLAIT_ADDRESS_TEXT_MAX];
  printf("%s%s%s\t%s\t%u\t%s", asked->line, asked->service ? " " : "",
         asked->service ? asked->service : "", plait_error_name(code),
         passed_ms(), code == 0 ? query->canonical : plait_error_detail());
  for (size_t i = 0; i < query->count; i++)
    printf("\t%s",
           plait_address_format(&query->addresses[i], text, sizeof text));
  printf("\n");
  free(asked);
}

static void ask(char *line) {
  struct asked *asked = calloc(1, sizeof *asked);
  if (asked == NULL)
    exit(1);
  snprintf(asked->line, sizeof asked->line, "%s", line);
  asked->service = strchr(asked->line, ' ');
  if (asked->service != NULL)
    *asked->service++ = '\0';
  asked->query = (plait_query){.service = asked->service,
                               .timeout_ms = timeout_ms,
                               .answered = asked_answered};
  if (asked->service != NULL ||
      plait_address_parse(asked->line, 0, &asked->query.address) < 0)
    asked->query.name = asked->line;
  if (plait_resolve(plait_runtime_resolver(runtime), NULL, &asked->query) < 0) {
    printf("%s\tREFUSED\t%u\t%s\n", line, passed_ms(), plait_error_detail());
    free(asked);
  }
}

static void task_work(plait_task *task) {
  (void)task;
}

static void task_done(plait_task *task, int status) {
  (void)task;
  if (status == 0 && ++tasks_done == TASKS)
    printf("tasks\tPLAIT_OK\t%u\t\n", passed_ms());
}

static void stop(plait_timer *timer) {
  (void)timer;
  plait_runtime_stop(runtime);
}

static void start(plait_call *call, plait_protocol *p) {
  char line[512];
  (void)call, (void)p;
  reactor = plait_reactor_current();
  start_ms = plait_reactor_now_ms(reactor);
  while (fgets(line, sizeof line, stdin) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    ask(line);
  }
  for (int i = 0; i < TASKS; i++) {
    tasks[i] = (plait_task){.work = task_work, .done = task_done};
    if (plait_pool_submit(plait_runtime_pool(runtime), &tasks[i]) < 0)
      exit(1);
  }
  plait_timer_init(&stop_timer, NULL, stop);
  if (stop_ms > 0)
    plait_timer_start(&stop_timer, stop_ms, 0);
}

int main(int argc, char **argv) {
  if (argc != 4)
    return 2;
  plait_runtime_options options = {.grace_ms = 500};
  if (strcmp(argv[1], "c-ares") == 0)
    options.resolver = PLAIT_RESOLVER_CARES;
  timeout_ms = (uint32_t)atoi(argv[2]);
  stop_ms = (uint32_t)atoi(argv[3]);
  if (plait_runtime_new(&options, &runtime) < 0) {
    fprintf(stderr, "%s\n", plait_error_detail());
    return 3;
  }
  plait_call call = {.run = start};
  plait_reactor_post(plait_runtime_reactor(runtime, 0), &call);
  int code = plait_run(runtime);
  plait_resolver_stats stats;
  plait_resolver_get_stats(plait_runtime_resolver(runtime), &stats);
  printf("run\t%s\t%u\t%s\n", plait_error_name(code), passed_ms(),
         code < 0 ? plait_error_detail() : "");
  printf("stats\tPLAIT_OK\t0\tasked %llu shared %llu timed_out %llu\n",
         (unsigned long long)stats.asked, (unsigned long long)stats.shared,
         (unsigned long long)stats.timed_out);
  fflush(stdout);
  if (plait_runtime_free(runtime) < 0)
    _Exit(code == 0 ? 4 : 5); /* a thread is in getaddrinfo */
  return code == 0 ? 0 : 1;
}
