/* Descriptors of a service manager: 3 and following, if LISTEN_PID is us.
 *
 * They stay open, and who listens gets a copy: so one may be listened on again,
 * and no number is ever a stranger's. */
#include "uv/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ACTIVATED_FIRST = 3 };

static pthread_mutex_t activated_lock = PTHREAD_MUTEX_INITIALIZER;
/* Under it. */
static bool activated_read;
static unsigned activated_count;
static char *activated_names; /* "web:smtp", or NULL */

/* A whole number from 0 on, or -1. */
static long activated_number(const char *name) {
  const char *text = getenv(name);
  char *end;
  if (!text || *text < '0' || *text > '9')
    return -1;
  errno = 0;
  long n = strtol(text, &end, 10);
  return errno || *end ? -1 : n;
}

/* All of them, before this process starts another one.  The environment is
 * another process's matter from here on. */
static void activated_take(void) {
  long count = activated_number("LISTEN_FDS");
  const char *names = getenv("LISTEN_FDNAMES");
  activated_read = true;
  if (activated_number("LISTEN_PID") == (long)getpid() && count > 0 &&
      count < INT_MAX - ACTIVATED_FIRST) {
    activated_count = (unsigned)count;
    activated_names = names ? strdup(names) : NULL;
    for (int i = 0; i < (int)count; i++)
      (void)fcntl(ACTIVATED_FIRST + i, F_SETFD, FD_CLOEXEC);
  }
  (void)unsetenv("LISTEN_PID");
  (void)unsetenv("LISTEN_FDS");
  (void)unsetenv("LISTEN_FDNAMES");
}

/* The place of |name| in the list, or |activated_count|. */
static unsigned activated_find(const char *name) {
  size_t len = strlen(name);
  const char *at = activated_names ? activated_names : "";
  for (unsigned i = 0; i < activated_count; i++) {
    size_t n = strcspn(at, ":");
    if (n == len && !memcmp(at, name, n))
      return i;
    at += n;
    at += *at == ':';
  }
  return activated_count;
}

static int activated_copy(const char *name, unsigned index, int *ret_fd,
                          const char **ret_step) {
  if (!activated_read)
    activated_take();
  *ret_step = "no sockets were handed to this process (LISTEN_FDS)";
  if (!activated_count)
    return PLAIT_ENOENT;
  *ret_step = name ? "LISTEN_FDNAMES has no such name" : "LISTEN_FDS is less";
  unsigned i = name ? activated_find(name) : index;
  if (i >= activated_count)
    return PLAIT_ENOENT;
  *ret_step = "the socket that was handed over";
  *ret_fd = fcntl(ACTIVATED_FIRST + (int)i, F_DUPFD_CLOEXEC, ACTIVATED_FIRST);
  return *ret_fd < 0 ? -errno : 0;
}

int plait__uv_activated(const char *name, unsigned index, int *ret_fd,
                        const char **ret_step) {
  pthread_mutex_lock(&activated_lock);
  int rc = activated_copy(name, index, ret_fd, ret_step);
  pthread_mutex_unlock(&activated_lock);
  return rc;
}
