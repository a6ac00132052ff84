/* close() for a program that links this file: a number that is not open is a
 * bug which, in a program with threads, closes a stranger's descriptor sooner
 * or later, so it ends the test.  plait's come here and the test's; libuv makes
 * the system call itself. */
#include "support/closes.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "support/require.h"

static atomic_uint closes;

int close(int fd) {
  int rc = (int)syscall(SYS_close, fd);
  require(rc == 0 || errno != EBADF, "close of %d, which is not open", fd);
  atomic_fetch_add(&closes, 1);
  return rc;
}

unsigned closes_seen(void) {
  return atomic_load(&closes);
}
