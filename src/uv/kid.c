/* Children that run: their end, and signals.
 *
 * By a descriptor of the process, so that a number that was given to somebody
 * else meanwhile is not hit; by number on a system without.  Nobody is listened
 * to who says SIGCHLD: that is the program's. */
#include "uv/backend.h"

#include <errno.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif

enum { KID_P_PIDFD = 3 };

/* struct pidfd_info as it was first, of linux/pidfd.h. */
typedef struct kid_info {
  uint64_t mask, cgroup;
  uint32_t ids[11];
  int32_t exit_code;
} kid_info;

#define KID_GET_INFO _IOWR(0xFF, 11, kid_info)
#define KID_INFO_EXIT (UINT64_C(1) << 3)

static void kid_ended(int status, plait__kid_end *ret) {
  ret->signalled = WIFSIGNALED(status);
  ret->dumped = ret->signalled && WCOREDUMP(status);
  ret->status = ret->signalled ? WTERMSIG(status) : WEXITSTATUS(status);
}

/* Somebody has reaped it, or nobody is to; Linux 6.15 knows it all the same.
 * PLAIT_EAGAIN: it runs. */
static int kid_stolen(const plait__kid *kid, plait__kid_end *ret) {
  kid_info info = {.mask = KID_INFO_EXIT};
  if (kid->fd < 0 || ioctl(kid->fd, KID_GET_INFO, &info) ||
      !(info.mask & KID_INFO_EXIT))
    return PLAIT_ECHILD;
  kid_ended(info.exit_code, ret);
  return 0;
}

int plait__uv_kid_reap(const plait__kid *kid, plait__kid_end *ret) {
  siginfo_t info = {0};
  idtype_t type = kid->fd >= 0 ? (idtype_t)KID_P_PIDFD : P_PID;
  id_t id = (id_t)(kid->fd >= 0 ? kid->fd : kid->pid);
  int rc = waitid(type, id, &info, WEXITED | WNOHANG);
  if (rc && errno == EINVAL) /* Linux before 5.4 */
    rc = waitid(P_PID, (id_t)kid->pid, &info, WEXITED | WNOHANG);
  if (rc)
    return errno == ECHILD ? kid_stolen(kid, ret) : -errno;
  if (!info.si_pid)
    return PLAIT_EAGAIN;
  ret->signalled = info.si_code != CLD_EXITED;
  ret->dumped = info.si_code == CLD_DUMPED;
  ret->status = info.si_status;
  return 0;
}

/* A group is there as long as its first process was not reaped. */
int plait__uv_kid_signal(const plait__kid *kid, int number, bool group) {
  if (group)
    return kill(-kid->pid, number) ? -errno : 0;
  if (kid->fd >= 0 &&
      !syscall(SYS_pidfd_send_signal, kid->fd, number, NULL, 0u))
    return 0;
  if (kid->fd >= 0 && errno != ENOSYS)
    return -errno;
  return kill(kid->pid, number) ? -errno : 0;
}

void plait__uv_kid_close(const plait__kid *kid) {
  if (kid->fd >= 0)
    (void)close(kid->fd);
}
