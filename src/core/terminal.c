/* Terminals: the runtime gives back what it took. */
#include <plait/error.h>
#include <plait/terminal.h>

#include "core/error.h"
#include "core/runtime.h"

static int terminal_fail(int code, int fd) {
  const char *why = code == PLAIT_ENOTSUP ? "it is no terminal"
                    : code == PLAIT_EBUSY ? "another one is in raw mode"
                                          : plait_strerror(code);
  return plait__fail(code, "terminal %d: %s", fd, why);
}

int plait_terminal_raw(plait_runtime *runtime, int fd, bool on) {
  int code = runtime->driver->host->terminal_raw(fd, on);
  if (code == PLAIT_EBUSY && !on)
    return 0; /* this one is off already */
  if (code != 0)
    return terminal_fail(code, fd);
  runtime->raw = on;
  return 0;
}

int plait_terminal_size(const plait_runtime *runtime, int fd,
                        unsigned *ret_columns, unsigned *ret_rows) {
  int code = runtime->driver->host->terminal_size(fd, ret_columns, ret_rows);
  return code != 0 ? terminal_fail(code, fd) : 0;
}
