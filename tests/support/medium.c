/* See medium.h. */
#include "support/medium.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "core/adopt.h"
#include "core/stream.h"
#include "support/require.h"

const char *const medium_names[MEDIA] = {
    "tcp", "unix", "pair", "bg", "proc", "stdio", "up", "down", "ptyc", "ptys"};

/* ---- descriptors --------------------------------------------------------- */

static void open_pipe(int *ret_reader, int *ret_writer) {
  int fds[2];
  require(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0, "no pipe");
  *ret_reader = fds[0];
  *ret_writer = fds[1];
}

static void open_terminal(int *ret_master, int *ret_slave) {
  char name[64];
  struct termios t;
  int flags = O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK;
  int master = posix_openpt(flags);
  require(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0 &&
              ptsname_r(master, name, sizeof name) == 0,
          "no terminal");
  int slave = open(name, flags);
  require(slave >= 0 && tcgetattr(slave, &t) == 0, "no slave");
  cfmakeraw(&t);
  require(tcsetattr(slave, TCSANOW, &t) == 0, "not raw");
  *ret_master = master;
  *ret_slave = slave;
}

void medium_open(enum medium medium, int *ret_server, int *ret_client) {
  if (medium == MEDIUM_UP)
    open_pipe(ret_server, ret_client);
  else if (medium == MEDIUM_DOWN)
    open_pipe(ret_client, ret_server);
  else if (medium == MEDIUM_PTY_CLIENT)
    open_terminal(ret_client, ret_server);
  else
    open_terminal(ret_server, ret_client);
}

/* ---- adoption ------------------------------------------------------------ */

struct taking {
  plait__adopter adopter;
  plait_reactor *reactor;
};

static void set_up(plait__stream *s, int fd) {
  struct stat st;
  require(fstat(fd, &st) == 0, "no descriptor");
  if (S_ISFIFO(st.st_mode))
    plait__stream_one_way(s, (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY);
}

static int taking_open(plait__adopter *adopter, int fd, plait_factory *factory,
                       const plait_address *peer) {
  struct taking *t = plait_container_of(adopter, struct taking, adopter);
  plait__stream *s;
  int code = plait__stream_new(t->reactor, fd, &s);
  require(code == 0, "no stream: %s", plait_strerror(code));
  set_up(s, fd);
  return plait__stream_open(s, factory, peer);
}

static void taking_over(plait__adopter *adopter) {
  free(plait_container_of(adopter, struct taking, adopter));
}

void medium_adopt(plait_reactor *reactor, int fd, plait_factory *factory) {
  struct taking *t = malloc(sizeof *t);
  plait__adoption *a;
  int code = plait__adoption_new(reactor, factory, "adopt", &a);
  require(code == 0 && t != NULL, "adopt: %s", plait_error_detail());
  *t = (struct taking){{taking_open, taking_over}, reactor};
  plait__adoption_send(a, &t->adopter, fd);
}

/* ---- its end ------------------------------------------------------------- */

/* Who writes to a pipe gets an error.  Who reads has no direction of its own
 * that were still open: so the end is one of both.  To a slave a terminal that
 * is gone is an error, too; while it goes, and is not yet hung up, an end. */
const char *medium_gone(enum medium medium, bool server) {
  if (medium == (server ? MEDIUM_DOWN : MEDIUM_UP))
    return "EPIPE";
  if (medium == (server ? MEDIUM_UP : MEDIUM_DOWN))
    return "0";
  if (medium == (server ? MEDIUM_PTY_CLIENT : MEDIUM_PTY_SERVER))
    return "E*"; /* ECONNRESET, EOF */
  return "EOF";
}
