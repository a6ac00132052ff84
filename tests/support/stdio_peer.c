/* See stdio_peer.h. */
#include "support/stdio_peer.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "support/relay.h"
#include "support/require.h"

/* |ret_theirs| is the other end of what becomes our |number|. */
static void peer_pipe(int number, int *ret_saved, int *ret_theirs) {
  int fds[2], ours = number == STDIN_FILENO ? 0 : 1;
  require(pipe2(fds, O_CLOEXEC) == 0, "no pipe");
  *ret_saved = fcntl(number, F_DUPFD_CLOEXEC, 3);
  require(*ret_saved >= 0, "%d is closed", number);
  require(dup2(fds[ours], number) == number, "no pipe as %d", number);
  close(fds[ours]);
  *ret_theirs = fds[1 - ours];
  require(fcntl(*ret_theirs, F_SETFL, O_NONBLOCK) == 0, "it blocks");
}

static void *peer_run(void *arg) {
  struct stdio_peer *p = arg;
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  relay_between(&relay_kernel, p->fd, p->in, p->out);
  close(p->fd);
  close(p->in);
  close(p->out);
  return NULL;
}

void stdio_peer_begin(struct stdio_peer *p, int fd) {
  memset(p, 0, sizeof *p);
  p->fd = fd;
  peer_pipe(STDIN_FILENO, &p->saved[0], &p->out);
  peer_pipe(STDOUT_FILENO, &p->saved[1], &p->in);
  require(pthread_create(&p->thread, NULL, peer_run, p) == 0, "no thread");
  p->begun = true;
}

void stdio_peer_give_back(struct stdio_peer *p) {
  if (!p->begun || p->given_back)
    return;
  p->given_back = true;
  for (int i = 0; i < 2; i++) {
    require(dup2(p->saved[i], i) == i, "%d cannot be given back", i);
    close(p->saved[i]);
  }
}

void stdio_peer_end(struct stdio_peer *p) {
  if (!p->begun)
    return;
  stdio_peer_give_back(p);
  pthread_join(p->thread, NULL);
  p->begun = false;
}
