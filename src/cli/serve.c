/* plait serve: listens with one or several services until it is stopped. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "hall.h"

/* ---- options ----------------------------------------------------------- */

struct serve_options {
  unsigned reactors, workers;
  plait_dispatch dispatch;
  bool pin, quiet;
  size_t frame_bytes_max;
  struct delimiters delimiters;
  uint32_t idle_ms, grace_ms;
};

#define FIELD(member) offsetof(struct serve_options, member)

static const struct option serve_table[] = {
    {"--reactors", "N|auto",
     "event loops, a thread each; auto: one per processor (1)", option_reactors,
     FIELD(reactors), "--reactors 4"},
    {"--pin", NULL, "binds each event loop's thread to a processor",
     option_flag, FIELD(pin), "--pin"},
    {"--dispatch", "WHERE",
     "callbacks run on the event loops: reactor, or on threads\n"
     "                      of their own: workers (reactor)",
     option_dispatch, FIELD(dispatch), "--dispatch workers"},
    {"--workers", "N", "threads of --dispatch workers (4 per processor)",
     option_workers, FIELD(workers), "--workers 8"},
    {"--max-length", "N",
     "longest payload of framed echoes, in bytes (16384 for\n"
     "                      line-echo and delimited-echo, else 99999)",
     option_length, FIELD(frame_bytes_max), "--max-length 1000"},
    {"--delimiter", "D",
     "ends a frame of delimited-echo, with C escapes (\\0);\n"
     "                      give it again for alternatives",
     option_delimiter, FIELD(delimiters), "--delimiter '\\r\\n'"},
    {"--idle", "S", "closes connections silent for S seconds; 0: never (300)",
     option_seconds, FIELD(idle_ms), "--idle 60"},
    {"--grace", "S", "when stopping, cuts what is left after S seconds (10)",
     option_seconds, FIELD(grace_ms), "--grace 5"},
    {"--quiet", NULL, "prints the endpoints and errors, nothing else",
     option_flag, FIELD(quiet), "--quiet"},
    {NULL, NULL, NULL, NULL, 0, NULL},
};

static const char serve_help[] =
    "  plait serve echo tcp:4001\n"
    "  plait serve chat tcp:4000:interface=127.0.0.1 unix:/tmp/chat.sock\n"
    "  plait serve chat tcp:4000 + echo tcp:4001 tcp6:4001\n"
    "  plait serve echo udp:7 tcp:7\n"
    "  plait serve --reactors auto --idle 60 line-echo tcp:0\n"
    "  plait serve delimited-echo tcp:0 --delimiter '\\x1e' --max-length 64\n"
    "\n"
    "Prints \"listening on ENDPOINT\" for each endpoint, with the real port\n"
    "where 0 asked for a free one.  Ctrl-C or SIGTERM stops it in order:\n"
    "what is under way is finished, and the exit status is 0.  A second one\n"
    "cuts all connections, and the exit status is 1.\n"
    "\n"
    "Endpoints:\n"
    "  tcp:PORT[:interface=ADDRESS][:backlog=N]   IPv4; interface=\\:\\: is\n"
    "                                             IPv6 and IPv4\n"
    "  tcp6:PORT[:interface=ADDRESS][:backlog=N]  IPv6 only\n"
    "  unix:PATH[:mode=660][:backlog=N]           a UNIX socket\n"
    "  fd:3                                       a descriptor that listens\n"
    "  systemd:name=web                           one of the service manager\n"
    "  stdio:                                     one connection: standard\n"
    "                                             input and output\n"
    "  udp:PORT[:interface=ADDRESS]               datagrams over IPv4;\n"
    "                                             interface=\\:\\: as above\n"
    "  udp6:PORT[:interface=ADDRESS]              over IPv6 only\n"
    "  unixgram:PATH[:mode=660]                   over a UNIX socket\n"
    "A backslash before ':', '=' or '\\' makes it an ordinary character.\n";

static const struct command serve_command = {
    .name = "serve",
    .usage = "SERVICE ENDPOINT... [+ SERVICE ENDPOINT...] [OPTION...]",
    .help = serve_help,
    .example = "chat tcp:4000 + echo tcp:4001",
    .options = serve_table,
    .more_help = service_help,
};

/* ---- what is served ---------------------------------------------------- */

struct serving {
  struct served *first;
  int count;
  bool announced;
  bool by_stdio; /* stdout belongs to a connection */
};

/* Says where we listen, once all of it works.  From the first reactor and
 * before the first accept; SIGTERM is handled by then, so that a program that
 * has read these lines may send it. */
static void serve_announce(struct serving *serving) {
  FILE *out = serving->by_stdio ? stderr : stdout;
  if (serving->announced) {
    return;
  }
  serving->announced = true;
  for (int i = 0; i < serving->count; i++) {
    const struct served *served = &serving->first[i];
    for (int j = 0; j < served->count; j++) {
      fprintf(out, "listening on %s\n",
              served->ports[j] != NULL
                  ? plait_datagram_port_endpoint(served->ports[j])
                  : plait_listener_endpoint(served->listeners[j]));
    }
  }
  fflush(out);
}

static void serve_started(plait_factory *factory) {
  serve_announce(served_of(factory)->serving);
}

static void serve_datagrams_started(plait_datagram_factory *factory,
                                    plait_datagram_port *port) {
  (void)port;
  serve_announce(
      plait_container_of(factory, struct served, datagrams)->serving);
}

static void serve_free(struct serving *serving) {
  for (int i = 0; i < serving->count; i++) {
    free(serving->first[i].listeners);
    free(serving->first[i].ports);
    hall_free(serving->first[i].hall);
  }
  free(serving->first);
}

static bool is_datagram(const char *endpoint) {
  static const char *const types[] = {"udp", "udp6", "unixgram"};
  for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
    if (endpoint_is(endpoint, types[i])) {
      return true;
    }
  }
  return false;
}

static void serve_set_factories(struct served *served,
                                const struct serve_options *options) {
  served->factory.protocol = served->service->protocol;
  served->factory.started = serve_started;
  served->factory.dispatch = options->dispatch;
  served->factory.limits.idle_ms = options->idle_ms;
  served->datagrams.protocol = served->service->datagrams;
  served->datagrams.started = serve_datagrams_started;
  served->datagrams.limits.datagram_bytes_max = UINT16_MAX;
}

static int serve_check_datagrams(const struct served *served) {
  for (int i = 0; i < served->count; i++) {
    if (served->service->datagrams == NULL &&
        is_datagram(served->endpoints[i])) {
      return wrong_usage(&serve_command,
                         "%s needs a stream, and %s carries datagrams",
                         served->service->name, served->endpoints[i]);
    }
  }
  return STATUS_DONE;
}

/* Makes |served| of the |count| words of one group. */
static int serve_group(struct served *served, char **words, int count,
                       const struct serve_options *options) {
  if (count == 0) {
    return wrong_usage(&serve_command, "no service named");
  }
  served->service = service_find(words[0]);
  if (served->service == NULL) {
    return wrong_usage(&serve_command, "no service \"%s\": there are %s",
                       words[0], service_names());
  }
  if (count == 1) {
    return wrong_usage(&serve_command, "%s has no endpoint", words[0]);
  }
  served->endpoints = words + 1;
  served->listeners = calloc((size_t)count, sizeof(plait_listener *));
  served->ports = calloc((size_t)count, sizeof(plait_datagram_port *));
  served->frame_bytes_max = options->frame_bytes_max;
  serve_set_factories(served, options);
  if (served->service->protocol == &delimited_echo.base) {
    delimited_echo_set(&options->delimiters);
  }
  if (served->service->protocol == &chat.base) {
    served->hall = hall_new();
  }
  if (served->listeners == NULL || served->ports == NULL ||
      (served->service->protocol == &chat.base && served->hall == NULL)) {
    fprintf(stderr, "plait: serve %s: out of memory\n", words[0]);
    return STATUS_FAILED;
  }
  served->count = count - 1;
  return serve_check_datagrams(served);
}

/* Makes |serving| of the words, which '+' divides into groups. */
static int serve_groups(struct serving *serving, char **words, int count,
                        const struct serve_options *options) {
  serving->first = calloc((size_t)count + 1, sizeof(struct served));
  if (serving->first == NULL) {
    fprintf(stderr, "plait: serve: out of memory\n");
    return STATUS_FAILED;
  }
  for (int from = 0; from <= count;) {
    int to = from;
    while (to < count && strcmp(words[to], "+") != 0) {
      serving->by_stdio |= endpoint_is(words[to], "stdio");
      to++;
    }
    struct served *served = &serving->first[serving->count++];
    served->serving = serving;
    int status = serve_group(served, words + from, to - from, options);
    if (status != STATUS_DONE) {
      return status;
    }
    from = to + 1;
  }
  return STATUS_DONE;
}

/* An option that would have no effect is a mistake. */
static int serve_check_delimiters(const struct serving *serving,
                                  const struct delimiters *d) {
  bool used = d->count == 0;
  for (int i = 0; i < serving->count; i++) {
    used |= serving->first[i].service->protocol == &delimited_echo.base;
  }
  return used ? STATUS_DONE
              : wrong_usage(&serve_command,
                            "--delimiter is for delimited-echo, which is not "
                            "among the services");
}

static int serve_check_length(const struct serving *serving, size_t length) {
  bool used = length == 0;
  for (int i = 0; i < serving->count; i++) {
    const struct service *service = serving->first[i].service;
    used |= service->datagrams == NULL && service->protocol != &chat.base;
  }
  return used ? STATUS_DONE
              : wrong_usage(&serve_command,
                            "--max-length is for echoes of lines and frames, "
                            "none of which is among the services");
}

static int serve_check_workers(const struct serve_options *options) {
  return options->workers == 0 || options->dispatch == PLAIT_ON_WORKERS
             ? STATUS_DONE
             : wrong_usage(&serve_command,
                           "--workers is for --dispatch workers");
}

static int serve_listen(plait_runtime *runtime, struct serving *serving) {
  for (int i = 0; i < serving->count; i++) {
    struct served *served = &serving->first[i];
    for (int j = 0; j < served->count; j++) {
      const char *endpoint = served->endpoints[j];
      int code =
          is_datagram(endpoint)
              ? plait_datagram_listen(runtime, endpoint, &served->datagrams,
                                      NULL, &served->ports[j])
              : plait_listen(runtime, endpoint, &served->factory, NULL,
                             &served->listeners[j]);
      if (code < 0) {
        return failed(code);
      }
    }
  }
  return STATUS_DONE;
}

/* ---- running ----------------------------------------------------------- */

/* Whether callbacks have stalled each other. */
static void serve_say_saturated(plait_runtime *runtime) {
  plait_pool_stats stats;
  plait_pool_get_strand_stats(plait_runtime_pool(runtime), &stats);
  if (stats.saturated > 0) {
    fprintf(stderr,
            "plait: all workers were busy %llu time%s; the longest wait was "
            "%.3f s\n",
            (unsigned long long)stats.saturated,
            stats.saturated == 1 ? "" : "s",
            (double)stats.wait_max_us / 1000000);
  }
}

void say_stopped(plait_runtime *runtime) {
  unsigned long long accepted = 0;
  for (unsigned i = 0; i < plait_runtime_reactors(runtime); i++) {
    plait_reactor_stats stats;
    plait_reactor_get_stats(plait_runtime_reactor(runtime, i), &stats);
    accepted += stats.accepted;
  }
  fprintf(stderr, "plait: stopped after %llu connection%s\n", accepted,
          accepted == 1 ? "" : "s");
}

static int serve_run(plait_runtime *runtime, struct serving *serving,
                     const struct serve_options *options) {
  int status = serve_listen(runtime, serving);
  if (status != STATUS_DONE) {
    return status;
  }
  int code = plait_run(runtime);
  if (code == PLAIT_EDRAIN) {
    fprintf(stderr, "plait: stop: connections were cut\n");
    return STATUS_FAILED;
  }
  if (code < 0) {
    return failed(code);
  }
  if (!options->quiet && !serving->by_stdio) {
    if (options->dispatch == PLAIT_ON_WORKERS) {
      serve_say_saturated(runtime);
    }
    say_stopped(runtime);
  }
  return STATUS_DONE;
}

static int serve(struct serving *serving, const struct serve_options *options) {
  const plait_runtime_options runtime_options = {
      .reactors = options->reactors,
      .pin = options->pin,
      .handle_signals = true,
      .grace_ms = options->grace_ms != 0 ? options->grace_ms : 1,
      .pool.strand_threads_max = options->workers,
  };
  plait_runtime *runtime;
  int code = plait_runtime_new(&runtime_options, &runtime);
  if (code < 0) {
    return failed(code);
  }
  int status = serve_run(runtime, serving, options);
  plait_runtime_free(runtime);
  return status;
}

int serve_main(int argc, char **argv) {
  struct serve_options options = {
      .idle_ms = 300000,
      .grace_ms = 10000,
  };
  int count;
  switch (options_parse(&serve_command, argc, argv, &options, &count)) {
  case OPTIONS_HELP:
    return printed(STATUS_DONE);
  case OPTIONS_WRONG:
    return STATUS_USAGE;
  case OPTIONS_OK:
    break;
  }
  struct serving serving = {0};
  int status = serve_check_workers(&options);
  if (status == STATUS_DONE) {
    status = serve_groups(&serving, argv, count, &options);
  }
  if (status == STATUS_DONE) {
    status = serve_check_delimiters(&serving, &options.delimiters);
  }
  if (status == STATUS_DONE) {
    status = serve_check_length(&serving, options.frame_bytes_max);
  }
  if (status == STATUS_DONE) {
    status = serve(&serving, &options);
  }
  serve_free(&serving);
  return status;
}
