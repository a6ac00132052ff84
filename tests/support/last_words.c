#include "support/last_words.h"

#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/require.h"

const char *last_words(void (*fn)(void)) {
  static char text[4096];
  int ends[2], status;
  size_t len = 0;
  require(pipe(ends) == 0, "no pipe");
  pid_t child = fork();
  require(child >= 0, "no child");
  if (child == 0) {
    dup2(ends[1], 2);
    fn();
    _exit(0);
  }
  close(ends[1]);
  for (ssize_t n; len < sizeof text - 1; len += (size_t)n)
    if ((n = read(ends[0], text + len, sizeof text - 1 - len)) <= 0)
      break;
  text[len] = '\0';
  close(ends[0]);
  require(waitpid(child, &status, 0) == child, "no status");
  require(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "it said: %s",
          text);
  return text;
}
