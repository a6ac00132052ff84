/* The command `plait`: its subcommands, and what it says about itself. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

static const char overview[] =
    "plait serves and connects byte streams.\n"
    "\n"
    "  plait serve echo tcp:4001                  an echo server\n"
    "  plait serve chat tcp:4000 + echo tcp:4001  two services at once\n"
    "  plait cat tcp:127.0.0.1:4000               talk to one of them\n"
    "  plait proxy tcp:8080 tcp:127.0.0.1:4001    joins connections in pairs\n"
    "  plait run --listen tcp:4002 -- sort -r     a program for each\n"
    "                                             connection\n"
    "  plait resolve www.example.net 192.0.2.1    names and addresses\n"
    "  plait sim chat --seeds 1000                simulated worlds\n"
    "\n"
    "plait serve SERVICE ENDPOINT... [+ SERVICE ENDPOINT...]\n"
    "plait cat ENDPOINT [ENDPOINT]\n"
    "plait proxy LISTEN CONNECT\n"
    "plait run [--listen ENDPOINT] -- COMMAND [ARG...]\n"
    "plait resolve [NAME|ADDRESS...]\n"
    "plait sim SCENARIO\n"
    "plait SUBCOMMAND --help                      options, endpoints, "
    "examples\n"
    "plait --version\n"
    "\n"
    "Exit status: 0 done, 1 it failed (why is on stderr), 2 wrong usage.\n";

static const struct command plait_command = {
    .example = "serve echo tcp:4001",
};

/* A descriptor 0, 1 or 2 that is closed would be given to a socket, and text
 * for a terminal would go to a peer. */
static void open_stdio(void) {
  int fd;
  do {
    fd = open("/dev/null", O_RDWR);
  } while (fd >= 0 && fd <= 2);
  if (fd > 2) {
    close(fd);
  }
}

static bool is_any_of(const char *word, const char *a, const char *b) {
  return strcmp(word, a) == 0 || strcmp(word, b) == 0;
}

int main(int argc, char **argv) {
  open_stdio();
  if (argc < 2) {
    fputs(overview, stderr);
    return STATUS_USAGE;
  }

  const char *word = argv[1];
  if (strcmp(word, "serve") == 0) {
    return serve_main(argc - 2, argv + 2);
  }
  if (strcmp(word, "cat") == 0) {
    return cat_main(argc - 2, argv + 2);
  }
  if (strcmp(word, "proxy") == 0) {
    return proxy_main(argc - 2, argv + 2);
  }
  if (strcmp(word, "run") == 0) {
    return run_main(argc - 2, argv + 2);
  }
  if (strcmp(word, "resolve") == 0) {
    return resolve_main(argc - 2, argv + 2);
  }
  if (strcmp(word, "sim") == 0) {
    return sim_main(argc - 2, argv + 2);
  }
  if (is_any_of(word, "--help", "-h")) {
    fputs(overview, stdout);
    return printed(STATUS_DONE);
  }
  if (strcmp(word, "--version") == 0) {
    printf("plait %s\n", plait_version());
    return printed(STATUS_DONE);
  }
  return wrong_usage(&plait_command,
                     "no subcommand \"%s\": there are serve, cat, proxy, "
                     "run, resolve and sim",
                     word);
}
