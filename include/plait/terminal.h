/* Terminals: raw mode, which is always given back, and the size of the window.
 *
 * plait_stdio() leaves the modes of a terminal alone.  A program that wants
 * each key as it is pressed turns raw mode on, and off again when it likes:
 * what was set before comes back in any case but SIGKILL and _exit(2).  When
 * the window has another size, SIGWINCH comes: see plait_signal_start().
 */
#ifndef PLAIT_TERMINAL_H
#define PLAIT_TERMINAL_H

#include <plait/export.h>

PLAIT_BEGIN

/* Turns raw mode of the terminal |fd| on (cfmakeraw(3): no echo, no lines, and
 * keys such as Ctrl-C are bytes and no signals), or off.  |fd| stays yours, and
 * may be closed meanwhile.  One terminal at a time in a process.  Not from two
 * threads at once.
 *
 * What was set before comes back when it is turned off, in
 * plait_runtime_free(), at exit(3), and when SIGINT, SIGTERM, SIGHUP or SIGQUIT
 * ends the process: for those of them that have their default action handlers
 * are installed that give the terminal back and then let the signal do what it
 * does.  Who handles or ignores a signal goes on doing so.
 *
 * 0, or with plait_error_detail(): PLAIT_ENOTSUP, |fd| is no terminal;
 * PLAIT_EBUSY, another one is in raw mode; PLAIT_EBADF, PLAIT_EIO,
 * PLAIT_EMFILE. On or off already: 0, and nothing is done. */
PLAIT_EXTERN int plait_terminal_raw(plait_runtime *runtime, int fd, bool on);

/* The size of the window of the terminal |fd|, in characters; 0 if it has none.
 * 0, PLAIT_ENOTSUP, PLAIT_EBADF.  Any thread. */
PLAIT_EXTERN int plait_terminal_size(const plait_runtime *runtime, int fd,
                                     unsigned *ret_columns, unsigned *ret_rows);

PLAIT_END

#endif
