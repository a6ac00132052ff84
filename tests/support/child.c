#include "support/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "support/require.h"

static int act_descriptors(char **argv) {
  (void)argv;
  for (int fd = 0; fd < 4096; fd++)
    if (fcntl(fd, F_GETFD) >= 0)
      dprintf(1, "%d ", fd);
  return 0;
}

static int act_blocking(char **argv) {
  (void)argv;
  return (fcntl(0, F_GETFL) & O_NONBLOCK) != 0;
}

static int act_ids(char **argv) {
  (void)argv;
  dprintf(1, "%u %u %d", getuid(), getgid(), getgroups(0, NULL));
  return 0;
}

static int act_groups(char **argv) {
  (void)argv;
  dprintf(1, "%d %d", getsid(0) == getpid(), getpgid(0) == getpid());
  return 0;
}

static void stay(void) {
  for (;;)
    pause();
}

static void say(const char *text) {
  require(write(1, text, strlen(text)) == (ssize_t)strlen(text), "not said");
}

static int act_stubborn(char **argv) {
  (void)argv;
  signal(SIGTERM, SIG_IGN);
  say("ready");
  stay();
  return 0;
}

static int act_patient(char **argv) {
  (void)argv;
  say("ready");
  stay();
  return 0;
}

static int tidy_code;

static void tidy_up(int number) {
  (void)number;
  _exit(tidy_code);
}

static int act_tidy(char **argv) {
  tidy_code = atoi(argv[1]);
  signal(SIGTERM, tidy_up);
  say("ready");
  stay();
  return 0;
}

static int act_flood(char **argv) {
  int fd = atoi(argv[1]);
  long left = atol(argv[2]);
  char bytes[4096];
  memset(bytes, 'x', sizeof bytes);
  while (left > 0) {
    size_t n = left < (long)sizeof bytes ? (size_t)left : sizeof bytes;
    ssize_t sent = write(fd, bytes, n);
    if (sent < 0)
      return 9;
    left -= sent;
  }
  return 0;
}

static int act_silent(char **argv) {
  (void)argv;
  for (int fd = 0; fd <= 2; fd++)
    close(fd);
  stay();
  return 0;
}

static int act_keeper(char **argv) {
  if (fork() == 0) {
    usleep((unsigned)atoi(argv[1]) * 1000);
    _exit(0);
  }
  say("gone");
  return 0;
}

static int act_talker(char **argv) {
  (void)argv;
  signal(SIGPIPE, SIG_DFL);
  say("gone");
  if (fork() == 0)
    for (;;)
      if (write(1, "x", 1) < 0)
        _exit(0);
  return 0;
}

static int act_swallow(char **argv) {
  char byte;
  (void)argv;
  close(0);
  say("closed");
  return read(3, &byte, 1) == 1 ? 0 : 8;
}

static int act_terminal(char **argv) {
  int tty = open("/dev/tty", O_RDWR);
  struct winsize size = {0};
  (void)argv;
  ioctl(0, TIOCGWINSZ, &size);
  printf("%d %d %d %d %ux%u", isatty(0), isatty(1), isatty(2), tty >= 0,
         size.ws_row, size.ws_col);
  return 0;
}

static const struct act {
  const char *name;
  int (*run)(char **argv);
} acts[] = {
    {"descriptors", act_descriptors},

    {"blocking", act_blocking},
    {"ids", act_ids},
    {"groups", act_groups},
    {"stubborn", act_stubborn},
    {"patient", act_patient},
    {"tidy", act_tidy},
    {"flood", act_flood},
    {"silent", act_silent},
    {"keeper", act_keeper},
    {"talker", act_talker},
    {"swallow", act_swallow},
    {"terminal", act_terminal},
};

int child_main(char **argv) {
  for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
    if (strcmp(acts[i].name, argv[0]) == 0)
      return acts[i].run(argv);
  return 7;
}
