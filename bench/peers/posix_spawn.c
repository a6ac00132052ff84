/* Starts /bin/true and waits for it, one after the other:
 * posix_spawn MIB COUNT, with MIB of memory resident. */
#define _GNU_SOURCE

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../resident.h"

static double seconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

int main(int argc, char **argv) {
  char *const words[] = {"/bin/true", NULL};
  if (argc != 3)
    return 2;
  resident(strtoul(argv[1], NULL, 10));
  double began = seconds();
  for (unsigned long left = strtoul(argv[2], NULL, 10); left > 0; left--) {
    int status;
    pid_t pid;
    if (posix_spawn(&pid, words[0], NULL, NULL, words, environ) != 0 ||
        waitpid(pid, &status, 0) != pid || status != 0)
      return 1;
  }
  printf("seconds=%.4f stall_ms=0\n", seconds() - began);
  return 0;
}
