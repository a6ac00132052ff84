/* A program under the control of a line protocol, as libporty has it
 * (P_net_async_bgproc).
 *
 * Each connection of the factory is the control channel of a program of its
 * own, which starts with it:
 *
 *     from plait    START              the program runs
 *                   END EXIT code      it has exited
 *                   END KILL signal    it was ended by TERM or KILL, as asked
 *                   END ABNR signal    it was ended by a signal nobody asked
 *                                      for; or it did not start: then there is
 *                                      no START, and |signal| is an errno
 *     to plait      TERM               SIGTERM, and nothing more
 *                   KILL               SIGKILL
 *
 * After END plait closes the connection.  Lines end in LF; other lines are
 * ignored.  If the peer ends its side before, or the connection is lost, the
 * program is ended by plait_process_close(), and so it is when the runtime
 * stops.
 */
#ifndef PLAIT_CONTROL_H
#define PLAIT_CONTROL_H

#include <plait/process.h>

PLAIT_BEGIN

/* Yours; must stay as long as its factory has to. */
typedef struct plait_control plait_control;
struct plait_control {
  plait_factory factory; /* first; its connections run on reactors */
  /* Yours, for as long as the factory.  Without |fds| the descriptors 0, 1 and
   * 2 are /dev/null; what comes from pipes is thrown away. */
  const plait_process_options *options;
};

/* Prepares |control|, whatever is in it, to run what |options| say.  Its
 * factory is then for plait_listen() and its kin; limits may be set.  Any
 * thread. */
PLAIT_EXTERN void plait_control_init(plait_control *control,
                                     const plait_process_options *options);

PLAIT_END

#endif
