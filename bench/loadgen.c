/* loadgen: a verifying TCP load generator for echo servers.
 *
 * It sends messages over many connections, compares every byte that comes back
 * with what was sent, and reads the CPU time of the server over the measured
 * window.  The figure that counts is server CPU per message: it stays valid
 * when the generator is what saturates.  See loadgen.h for the files. */
#include "loadgen.h"

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

struct options opt = {
    .host = "127.0.0.1",
    .conns = 1,
    .depth = 1,
    .cpu = -1,
    .size = 64,
    .seconds = 2,
    .warm_seconds = 0.3,
};

static const char usage[] =
    "usage: loadgen --port PORT [options]\n"
    "\n"
    "Loads an echo server, compares every byte that comes back, and prints "
    "one\n"
    "line of key=value pairs.  Exit status: 0 all bytes were right, 1 a check\n"
    "failed (a line that starts with FAIL), 2 the generator could not work.\n"
    "\n"
    "  --host IP         IPv4 address of the server (127.0.0.1)\n"
    "  --port N          its port\n"
    "  --kind KIND       flow: every connection keeps --depth messages in "
    "flight\n"
    "                    churn: connect, echo one message, close; for ever\n"
    "                    idle: one echo each, then hold; memory per "
    "connection\n"
    "  --mode MODE       raw: random bytes; line: printable bytes and CR LF;\n"
    "                    len: a 4-byte big-endian length and random bytes\n"
    "  --conns N         connections at a time (1)\n"
    "  --size N          bytes of a message, framing included (64)\n"
    "  --depth N         messages in flight on each connection (1)\n"
    "  --rate N          open loop: N messages a second in all (closed loop)\n"
    "  --seconds S       how long to load and measure (2); idle: how long to "
    "hold\n"
    "  --messages N      that many messages instead\n"
    "  --warm S          load before it, without measuring (0.3)\n"
    "  --driven          say \"ready\", then load and measure for as many "
    "seconds\n"
    "                    as each line on stdin says, until it ends\n"
    "  --pid PID[,PID]   processes of the server: CPU time and memory\n"
    "  --alloc FILE      counters of count_alloc.so in the server\n"
    "  --cpu N           run on this CPU only\n"
    "  --congestion CC   TCP congestion control of our side\n"
    "\n"
    "example: bench/peers/epoll &     (prints: listening on 40001)\n"
    "         loadgen --port 40001 --conns 64 --depth 16 --pid $!\n";

_Noreturn void fail(const char *format, ...) {
  va_list args;
  printf("FAIL ");
  va_start(args, format);
  vprintf(format, args);
  va_end(args);
  printf("\n");
  fflush(stdout);
  _exit(1);
}

_Noreturn void die(const char *what) {
  fprintf(stderr, "loadgen: %s: %s\n", what, strerror(errno));
  exit(2);
}

static _Noreturn void bad_option(const char *what, const char *value) {
  fprintf(stderr, "loadgen: %s '%s'\n\n%s", what, value, usage);
  exit(2);
}

static double number(const char *text, double least) {
  char *end;
  double n = strtod(text, &end);
  if (end == text || *end || !(n >= least && n <= 1e9))
    bad_option("not a usable number:", text);
  return n;
}

/* The index of |text| in |names|, which ends with NULL. */
static int choice(const char *text, const char *const *names) {
  for (int i = 0; names[i]; i++)
    if (!strcmp(text, names[i]))
      return i;
  bad_option("unknown choice", text);
}

static void set_pids(char *text) {
  for (char *p = strtok(text, ","); p; p = strtok(NULL, ",")) {
    if (opt.pid_count == PIDS_MAX)
      bad_option("too many pids at", p);
    opt.pids[opt.pid_count++] = (pid_t)number(p, 1);
  }
}

static void set_option(int c, char *arg) {
  static const char *const kinds[] = {"flow", "churn", "idle", NULL};
  static const char *const modes[] = {"raw", "line", "len", NULL};
  switch (c) {
  case 'H':
    opt.host = arg;
    break;
  case 'p':
    opt.port = (int)number(arg, 1);
    break;
  case 'k':
    opt.kind = (enum kind)choice(arg, kinds);
    break;
  case 'm':
    opt.mode = (enum mode)choice(arg, modes);
    break;
  case 'c':
    opt.conns = (int)number(arg, 1);
    break;
  case 's':
    opt.size = (size_t)number(arg, 1);
    break;
  case 'd':
    opt.depth = (unsigned)number(arg, 1);
    break;
  case 'r':
    opt.rate = number(arg, 0);
    break;
  case 't':
    opt.seconds = number(arg, 0);
    break;
  case 'n':
    opt.messages = (uint64_t)number(arg, 1);
    break;
  case 'w':
    opt.warm_seconds = number(arg, 0);
    break;
  case 'P':
    set_pids(arg);
    break;
  case 'a':
    opt.alloc_path = arg;
    break;
  case 'C':
    opt.cpu = (int)number(arg, 0);
    break;
  case 'g':
    opt.congestion = arg;
    break;
  case 'D':
    opt.driven = true;
    break;
  case 'h':
    fputs(usage, stdout);
    exit(0);
  default:
    fputs(usage, stderr);
    exit(2);
  }
}

static void read_options(int argc, char **argv) {
  static const struct option names[] = {
      {"host", 1, NULL, 'H'},       {"port", 1, NULL, 'p'},
      {"kind", 1, NULL, 'k'},       {"mode", 1, NULL, 'm'},
      {"conns", 1, NULL, 'c'},      {"size", 1, NULL, 's'},
      {"depth", 1, NULL, 'd'},      {"rate", 1, NULL, 'r'},
      {"seconds", 1, NULL, 't'},    {"messages", 1, NULL, 'n'},
      {"warm", 1, NULL, 'w'},       {"pid", 1, NULL, 'P'},
      {"alloc", 1, NULL, 'a'},      {"cpu", 1, NULL, 'C'},
      {"congestion", 1, NULL, 'g'}, {"driven", 0, NULL, 'D'},
      {"help", 0, NULL, 'h'},       {NULL, 0, NULL, 0},
  };
  for (int c; (c = getopt_long(argc, argv, "h", names, NULL)) != -1;)
    set_option(c, optarg);
  if (optind < argc)
    bad_option("unexpected argument", argv[optind]);
  if (!opt.port)
    bad_option("missing option", "--port");
}

static void prepare_process(void) {
  struct rlimit files;
  cpu_set_t set;
  if (opt.cpu >= 0) {
    CPU_ZERO(&set);
    CPU_SET((size_t)opt.cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set))
      die("--cpu");
  }
  if (getrlimit(RLIMIT_NOFILE, &files))
    die("getrlimit");
  files.rlim_cur = files.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &files))
    die("setrlimit");
  /* Whatever goes wrong, it ends: SIGALRM's default is to end the process. */
  alarm(120 + (unsigned)(opt.seconds + opt.warm_seconds));
}

static void measure(void (*slice)(void), double seconds) {
  meter_begin(seconds);
  slice();
  meter_report();
}

static void run_slices(void (*slice)(void)) {
  char line[64];
  meter_begin(opt.warm_seconds);
  slice();
  if (!opt.driven) {
    measure(slice, opt.seconds);
    return;
  }
  printf("ready\n");
  fflush(stdout);
  while (fgets(line, sizeof line, stdin))
    measure(slice, strtod(line, NULL));
}

int main(int argc, char **argv) {
  read_options(argc, argv);
  prepare_process();
  table_make();
  conn_setup();
  switch (opt.kind) {
  case KIND_FLOW:
    conn_connect(0, opt.conns, false);
    run_slices(flow_slice);
    conn_reset_all();
    break;
  case KIND_CHURN:
    run_slices(churn_slice);
    break;
  case KIND_IDLE:
    idle_run();
    break;
  }
  return 0;
}
