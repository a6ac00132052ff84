/* plait proxy: for each connection that comes one is made to another endpoint,
 * and the two are joined.
 *
 * Until the other one is there, nothing is read of what the visitor says.  If
 * it cannot be made, the visitor is reset: an end in order would say that this
 * is all. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "cli.h"

struct proxy_options {
  unsigned reactors;
  uint32_t idle_ms, timeout_ms, grace_ms;
};

struct proxy {
  plait_factory factory; /* of visitors */
  struct proxy_options options;
  const char *listen, *connect;
  plait_listener *listener;
  _Atomic(bool) failing; /* the last attempt to connect has failed */
};

/* A visitor and its connection, or the attempt at one. */
struct pair {
  plait_joint joint;
  struct proxy *proxy;
  int left; /* sides that are not lost */
};

static struct proxy *proxy_of(plait_factory *factory) {
  return plait_container_of(factory, struct proxy, factory);
}

/* ---- pairs --------------------------------------------------------------- */

static struct pair *pair_of(plait_joint *joint) {
  return plait_container_of(joint, struct pair, joint);
}

static void pair_joined(plait_joint *joint) {
  atomic_store(&pair_of(joint)->proxy->failing, false);
}

/* A server that is away is told of once, not for each visitor. */
static void say_failed(struct proxy *proxy, int code) {
  if (!atomic_exchange(&proxy->failing, true)) {
    failed(code);
  }
}

static void pair_lost(plait_joint *joint, int side, int reason) {
  struct pair *pair = pair_of(joint);
  bool never_made = side == 1 && joint->sides[1] == NULL;
  if (never_made && reason != PLAIT_ECANCELED) {
    say_failed(pair->proxy, reason);
  }
  if (--pair->left == 0) {
    free(pair);
  }
}

static void visitor_made(plait_protocol *p) {
  struct proxy *proxy = proxy_of(p->factory);
  const plait_connect_options options = {.timeout_ms =
                                             proxy->options.timeout_ms};
  struct pair *pair = calloc(1, sizeof *pair);
  if (pair == NULL) {
    plait_abort(p->transport);
    return;
  }
  pair->joint.joined = pair_joined;
  pair->joint.lost = pair_lost;
  pair->proxy = proxy;
  pair->left = 2;
  int code =
      plait_pipe_connect(p->transport, proxy->connect, &options, &pair->joint);
  if (code < 0) {
    say_failed(proxy, code);
    free(pair);
  }
}

static const plait_protocol_ops visitor_ops = {
    .name = "proxy's visitor",
    .size = sizeof(plait_protocol),
    .connection_made = visitor_made,
};

/* ---- options ------------------------------------------------------------- */

#define FIELD(member) offsetof(struct proxy_options, member)

static const struct option proxy_table[] = {
    {"--reactors", "N|auto",
     "event loops, a thread each; auto: one per processor (1)", option_reactors,
     FIELD(reactors), "--reactors 4"},
    {"--timeout", "S", "gives up connecting after S seconds; 0: never (30)",
     option_seconds, FIELD(timeout_ms), "--timeout 5"},
    {"--idle", "S",
     "ends both when nothing went either way for S seconds;\n"
     "                      0: never (300)",
     option_seconds, FIELD(idle_ms), "--idle 60"},
    {"--grace", "S", "when stopping, cuts what is left after S seconds (10)",
     option_seconds, FIELD(grace_ms), "--grace 5"},
    {NULL, NULL, NULL, NULL, 0, NULL},
};

static const struct command proxy_command = {
    .name = "proxy",
    .usage = "LISTEN CONNECT [OPTION...]",
    .help =
        "  plait proxy tcp:8080 tcp:www.example.net:http\n"
        "  plait proxy unix:/tmp/db.sock tcp:db.example.net:5432\n"
        "  plait proxy --reactors auto tcp6:4000 unix:/tmp/echo.sock\n"
        "\n"
        "For each connection to LISTEN makes one to CONNECT, and passes on\n"
        "what comes from either side.  Neither side is read faster than the\n"
        "other takes it.  The end of one side's bytes is passed on (a\n"
        "half-close), and so is a reset.  If CONNECT cannot be reached, the\n"
        "visitor is reset; why is on stderr, once until it can be reached "
        "again.\n"
        "\n"
        "Prints \"listening on ENDPOINT\" with the real port.  Ctrl-C or\n"
        "SIGTERM stops it in order: what was received is sent, and the exit\n"
        "status is 0.  A second one cuts all connections, and it is 1.\n"
        "\n"
        "LISTEN is an endpoint of plait serve, CONNECT one of plait cat.\n",
    .example = "tcp:8080 tcp:www.example.net:http",
    .options = proxy_table,
};

/* ---- running ------------------------------------------------------------- */

static bool by_stdio(const struct proxy *proxy) {
  return endpoint_is(proxy->listen, "stdio") ||
         endpoint_is(proxy->connect, "stdio");
}

static void proxy_started(plait_factory *factory) {
  struct proxy *proxy = proxy_of(factory);
  FILE *out = by_stdio(proxy) ? stderr : stdout;
  fprintf(out, "listening on %s\n", plait_listener_endpoint(proxy->listener));
  fflush(out);
}

/* Each visitor takes two descriptors; some are for the program. */
static uint32_t visitors_max(void) {
  const rlim_t spare = 64, most = 1000000;
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > most) {
    limit.rlim_cur = most;
  }
  return limit.rlim_cur > 2 * spare ? (uint32_t)(limit.rlim_cur - spare) / 2
                                    : (uint32_t)limit.rlim_cur / 4 + 1;
}

/* Whether CONNECT is an endpoint at all: by a runtime that never runs.
 * Standard input would be read by that already, and the first visitor not get
 * it. */
static int proxy_check(const struct proxy *proxy) {
  plait_factory factory = {.protocol = &visitor_ops};
  plait_runtime *runtime;
  if (strcmp(proxy->connect, "stdio:") == 0 ||
      strcmp(proxy->connect, "stdio") == 0) {
    return STATUS_DONE;
  }
  int code = plait_runtime_new(NULL, &runtime);
  if (code == 0) {
    code = plait_connect(runtime, proxy->connect, &factory, NULL, NULL);
    plait_runtime_free(runtime);
  }
  return code < 0 ? failed(code) : STATUS_DONE;
}

static int proxy_run(plait_runtime *runtime, struct proxy *proxy) {
  int code = plait_listen(runtime, proxy->listen, &proxy->factory, NULL,
                          &proxy->listener);
  if (code < 0) {
    return failed(code);
  }
  code = plait_run(runtime);
  if (code == PLAIT_EDRAIN) {
    fprintf(stderr, "plait: stop: connections were cut\n");
    return STATUS_FAILED;
  }
  return code < 0 ? failed(code) : STATUS_DONE;
}

static int proxy(struct proxy *proxy) {
  const struct proxy_options *options = &proxy->options;
  const plait_runtime_options runtime_options = {
      .reactors = options->reactors,
      .handle_signals = true,
      .grace_ms = options->grace_ms != 0 ? options->grace_ms : 1,
  };
  plait_runtime *runtime;
  int code = plait_runtime_new(&runtime_options, &runtime);
  if (code < 0) {
    return failed(code);
  }
  proxy->factory = (plait_factory){
      .protocol = &visitor_ops,
      .started = proxy_started,
      .limits = {.connections_max = visitors_max(),
                 .idle_ms = options->idle_ms,
                 /* A reader such as a pager may take its time. */
                 .flush_ms = by_stdio(proxy) ? PLAIT_UNLIMITED : 0},
  };
  int status = proxy_run(runtime, proxy);
  plait_runtime_free(runtime);
  return status;
}

int proxy_main(int argc, char **argv) {
  struct proxy self = {
      .options = {.idle_ms = 300000, .timeout_ms = 30000, .grace_ms = 10000}};
  int count;
  switch (options_parse(&proxy_command, argc, argv, &self.options, &count)) {
  case OPTIONS_HELP:
    return printed(STATUS_DONE);
  case OPTIONS_WRONG:
    return STATUS_USAGE;
  case OPTIONS_OK:
    break;
  }
  if (count != 2) {
    return wrong_usage(&proxy_command, "two endpoints, not %d", count);
  }
  self.listen = argv[0];
  self.connect = argv[1];
  if (self.options.timeout_ms == 0) {
    self.options.timeout_ms = PLAIT_UNLIMITED;
  }
  int status = proxy_check(&self);
  return status == STATUS_DONE ? proxy(&self) : status;
}
