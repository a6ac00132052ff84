/* plait run: each connection that comes is the standard input and output of a
 * child of its own, which runs a command.
 *
 * The child reads and writes the socket itself, so plait sees none of the
 * bytes.  It leads a process group: Ctrl-C at a terminal reaches plait alone,
 * which then ends the children, and theirs, in order. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

struct run_options {
  const char *listen;
  unsigned connections_max;
  uint32_t grace_ms;
  bool quiet;
};

struct runner {
  plait_inetd inetd;
  plait_process_options command;
  struct run_options options;
  plait_listener *listener;
  bool failing; /* the last child did not start */
};

/* ---- options ------------------------------------------------------------- */

#define FIELD(member) offsetof(struct run_options, member)

static const struct option run_table[] = {
    {"--listen", "ENDPOINT",
     "where connections come (tcp:0:interface=127.0.0.1, a\n"
     "                      free port of this host's own)",
     option_endpoint, FIELD(listen), "--listen tcp:4000"},
    {"--connections", "N", "children at once; more wait to be accepted (64)",
     option_connections, FIELD(connections_max), "--connections 200"},
    {"--grace", "S", "when stopping, kills what is left after S seconds (10)",
     option_seconds, FIELD(grace_ms), "--grace 5"},
    {"--quiet", NULL, "prints the endpoint and errors, nothing else",
     option_flag, FIELD(quiet), "--quiet"},
    {NULL, NULL, NULL, NULL, 0, NULL},
};

static const struct command run_command = {
    .name = "run",
    .usage = "[OPTION...] -- COMMAND [ARG...]",
    .help =
        "  plait run -- cat\n"
        "  plait run --listen tcp:4000 -- sort -r\n"
        "  plait run --listen unix:/tmp/sh.sock:mode=600 -- /bin/sh -i\n"
        "\n"
        "For each connection starts COMMAND, with the connection as its\n"
        "standard input and output, as inetd does.  COMMAND without a '/' is\n"
        "looked for in PATH; no shell has a part in it.\n"
        "\n"
        "Prints \"listening on ENDPOINT\" with the real port.  Ctrl-C or\n"
        "SIGTERM stops it: children get SIGTERM, and SIGKILL after 5 seconds\n"
        "or the grace; the exit status is 0.  A second one kills them, and it\n"
        "is 1.\n"
        "\n"
        "ENDPOINT is one of plait serve's that has connections, but stdio:.\n",
    .example = "--listen tcp:4000 -- cat",
    .options = run_table,
};

/* ---- before there is a child --------------------------------------------- */

/* 0, or why it cannot be run; a directory cannot, though it may be entered. */
static int can_run(const char *path) {
  struct stat file;
  if (access(path, X_OK) != 0 || stat(path, &file) != 0) {
    return -errno;
  }
  return S_ISREG(file.st_mode) ? 0 : -EACCES;
}

/* 0, or why |directory|/|name| cannot be run. */
static int look_in(const char *directory, size_t len, const char *name) {
  char path[PATH_MAX];
  int wanted =
      snprintf(path, sizeof path, "%.*s/%s", (int)len, directory, name);
  if (wanted < 0 || (size_t)wanted >= sizeof path) {
    return -ENAMETOOLONG;
  }
  return can_run(path);
}

/* A mistyped command is told before the first visitor comes.  What exec() says
 * counts, later on. */
static int find_command(const char *name) {
  const char *path = getenv("PATH");
  int code = -ENOENT;
  if (strchr(name, '/') != NULL) {
    return can_run(name);
  }
  while (path != NULL && name[0] != '\0' && code != 0) {
    size_t len = strcspn(path, ":");
    int found = look_in(len > 0 ? path : ".", len > 0 ? len : 1, name);
    if (found != -ENOENT && found != -ENOTDIR) {
      code = found; /* as exec() tells rather than that it is not there */
    }
    path = path[len] == ':' ? path + len + 1 : NULL;
  }
  return code;
}

static int run_check(const struct runner *runner) {
  const char *name = runner->command.program;
  if (endpoint_is(runner->options.listen, "stdio")) {
    return wrong_usage(&run_command, "stdio: is one connection, which COMMAND "
                                     "has without plait");
  }
  int code = find_command(name);
  if (code < 0) {
    fprintf(stderr, "plait: run %s: %s\n", name, plait_strerror(code));
    return STATUS_FAILED;
  }
  return STATUS_DONE;
}

/* ---- running ------------------------------------------------------------- */

static void run_started(plait_factory *factory) {
  struct runner *runner =
      plait_container_of(factory, struct runner, inetd.factory);
  printf("listening on %s\n", plait_listener_endpoint(runner->listener));
  fflush(stdout);
}

/* A command that does not start is told of once, not for each visitor. */
static void child_ended(plait_inetd *inetd, const plait_process_end *end) {
  struct runner *runner = plait_container_of(inetd, struct runner, inetd);
  bool fails = end->how == PLAIT_PROCESS_FAILED;
  if (fails && !runner->failing && end->code != PLAIT_ECANCELED) {
    failed(end->code);
  }
  runner->failing = fails;
}

static int run_listen(plait_runtime *runtime, struct runner *runner) {
  int code = plait_listen(runtime, runner->options.listen,
                          &runner->inetd.factory, NULL, &runner->listener);
  if (code < 0) {
    return failed(code);
  }
  code = plait_run(runtime);
  if (code == PLAIT_EDRAIN) {
    fprintf(stderr, "plait: stop: children were killed\n");
    return STATUS_FAILED;
  }
  if (code < 0) {
    return failed(code);
  }
  if (!runner->options.quiet) {
    say_stopped(runtime);
  }
  return STATUS_DONE;
}

static int run(struct runner *runner) {
  const struct run_options *options = &runner->options;
  const plait_runtime_options runtime_options = {
      .handle_signals = true,
      .grace_ms = options->grace_ms != 0 ? options->grace_ms : 1,
  };
  plait_runtime *runtime;
  int code = plait_runtime_new(&runtime_options, &runtime);
  if (code < 0) {
    return failed(code);
  }
  plait_inetd_init(&runner->inetd, &runner->command);
  runner->inetd.ended = child_ended;
  runner->inetd.factory.started = run_started;
  runner->inetd.factory.limits.connections_max = options->connections_max;
  int status = run_listen(runtime, runner);
  plait_runtime_free(runtime);
  return status;
}

/* Where the command begins: behind "--", which leaves its options alone. */
static int find_words(int argc, char **argv) {
  int i = 0;
  while (i < argc && strcmp(argv[i], "--") != 0) {
    i++;
  }
  return i;
}

int run_main(int argc, char **argv) {
  struct runner runner = {.options = {.listen = "tcp:0:interface=127.0.0.1",
                                      .connections_max = 64,
                                      .grace_ms = 10000}};
  int count, words = find_words(argc, argv);
  switch (options_parse(&run_command, words, argv, &runner.options, &count)) {
  case OPTIONS_HELP:
    return printed(STATUS_DONE);
  case OPTIONS_WRONG:
    return STATUS_USAGE;
  case OPTIONS_OK:
    break;
  }
  if (count > 0) {
    return wrong_usage(&run_command,
                       "\"%s\" is no option: the command follows "
                       "--",
                       argv[0]);
  }
  if (words + 1 >= argc) {
    return wrong_usage(&run_command, "no command: it follows --");
  }
  char **command = argv + words + 1;
  runner.command = (plait_process_options){.program = command[0],
                                           .argv = (const char *const *)command,
                                           .new_group = true};
  int status = run_check(&runner);
  return status == STATUS_DONE ? run(&runner) : status;
}
