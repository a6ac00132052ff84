/* What a child does before it runs its program.
 *
 * It shares the memory of the process, and the thread-locals of the thread that
 * waits for it: so system calls are made bare.  What libc or a sanitizer keeps
 * beside them (setuid() of all threads, who has which descriptor) is not about
 * this process, and a frame that never returns must not be accounted for. */
#include "uv/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__has_attribute)
#if __has_attribute(disable_sanitizer_instrumentation)
#define BARE __attribute__((disable_sanitizer_instrumentation, noinline))
#endif
#endif
#ifndef BARE
#define BARE __attribute__((no_sanitize_address, no_sanitize_thread, noinline))
#endif

#ifndef SYS_close_range
#define SYS_close_range 436
#endif

enum { CHILD_CLOEXEC = 1u << 2, CHILD_SIGNALS = 64, CHILD_DIRENTS = 4096 };

/* struct linux_dirent64, without its name */
typedef struct child_dirent {
  uint64_t inode;
  int64_t offset;
  uint16_t size;
  uint8_t type;
} __attribute__((packed)) child_dirent;

BARE static int child_fail(plait__uv_embryo *e, const char *step) {
  e->step = step;
  e->code = -errno;
  return e->code;
}

/* SIGKILL and SIGSTOP refuse.  Zero is the default, however the kernel's
 * struct sigaction is laid out here. */
BARE static void child_signals(void) {
  uint64_t action[8];
  for (unsigned i = 0; i < sizeof action / sizeof *action; i++)
    action[i] = 0;
  for (int number = 1; number <= CHILD_SIGNALS; number++)
    syscall(SYS_rt_sigaction, number, action, NULL, 8);
}

/* ---- descriptors --------------------------------------------------------- */

BARE static bool child_number(const char *name, int *ret) {
  *ret = 0;
  for (; *name >= '0' && *name <= '9'; name++)
    *ret = *ret * 10 + (*name - '0');
  return *name == '\0';
}

BARE static void child_cloexec_listed(const char *entries, long size) {
  int fd;
  for (long at = 0; at < size;) {
    const child_dirent *d = (const child_dirent *)(entries + at);
    const char *name = (const char *)&d->type + 1;
    if (child_number(name, &fd))
      syscall(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC);
    at += d->size;
  }
}

/* Linux before 5.11. */
BARE static int child_cloexec_each(void) {
  _Alignas(8) char entries[CHILD_DIRENTS];
  int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  long n, fd = syscall(SYS_openat, AT_FDCWD, "/proc/self/fd", flags);
  if (fd < 0)
    return -1;
  while ((n = syscall(SYS_getdents64, fd, entries, sizeof entries)) > 0)
    child_cloexec_listed(entries, n);
  return (int)n;
}

/* First out of the way of those that are to come, then nothing is passed on,
 * then the declared ones are. */
BARE static int child_descriptors(const plait__uv_embryo *e) {
  const plait__spawn *spawn = e->spawn;
  int moved[PLAIT__SPAWN_FDS_MAX], top = 3;
  for (unsigned i = 0; i < spawn->fd_count; i++)
    if (spawn->fds[i].number >= top)
      top = spawn->fds[i].number + 1;
  for (unsigned i = 0; i < spawn->fd_count; i++) {
    moved[i] = e->theirs[i];
    if (moved[i] < top)
      moved[i] = (int)syscall(SYS_fcntl, moved[i], F_DUPFD_CLOEXEC, top);
    if (moved[i] < 0)
      return -1;
  }
  if (syscall(SYS_close_range, 0u, ~0u, CHILD_CLOEXEC) &&
      child_cloexec_each() < 0)
    return -1;
  for (unsigned i = 0; i < spawn->fd_count; i++)
    if (syscall(SYS_dup3, moved[i], spawn->fds[i].number, 0) < 0)
      return -1;
  return 0;
}

/* ---- who and where ------------------------------------------------------- */

BARE static int child_session(plait__uv_embryo *e) {
  const plait__spawn *spawn = e->spawn;
  if (spawn->new_session && syscall(SYS_setsid) < 0)
    return child_fail(e, "session");
  if (!spawn->new_session && spawn->new_group && syscall(SYS_setpgid, 0, 0) < 0)
    return child_fail(e, "group");
  for (unsigned i = 0; i < spawn->fd_count; i++)
    if (spawn->fds[i].kind == PLAIT__SPAWN_PTY &&
        syscall(SYS_ioctl, e->theirs[i], TIOCSCTTY, 0) < 0)
      return child_fail(e, "terminal");
  return 0;
}

/* Looks whether all three are what was asked for: a privilege that stays is
 * worse than none. */
BARE static bool child_is(long call, uint32_t id) {
  uint32_t ids[3];
  return syscall(call, &ids[0], &ids[1], &ids[2]) == 0 && ids[0] == id &&
         ids[1] == id && ids[2] == id;
}

BARE static int child_user(plait__uv_embryo *e) {
  const plait__spawn *spawn = e->spawn;
  uint32_t uid = spawn->uid, gid = spawn->gid;
  if (!spawn->as_user)
    return 0;
  if (syscall(SYS_setgroups, spawn->group_count, spawn->groups) < 0)
    return child_fail(e, "setgroups");
  if (syscall(SYS_setresgid, gid, gid, gid) < 0)
    return child_fail(e, "setgid");
  if (syscall(SYS_setresuid, uid, uid, uid) < 0)
    return child_fail(e, "setuid");
  errno = EPERM;
  if (!child_is(SYS_getresgid, gid) || !child_is(SYS_getresuid, uid))
    return child_fail(e, "setuid");
  return 0;
}

/* ---- the program --------------------------------------------------------- */

/* Tried in turn, as execvp() does: what cannot be run is told rather than what
 * is not there. */
BARE static int child_exec(plait__uv_embryo *e) {
  const plait__spawn *spawn = e->spawn;
  int found = ENOENT;
  for (const char *const *path = spawn->programs; *path; path++) {
    syscall(SYS_execve, *path, spawn->argv, spawn->environment);
    if (errno != ENOENT && errno != ENOTDIR)
      found = errno;
    else if (path[1] == NULL && path == spawn->programs)
      found = errno;
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
      break;
  }
  errno = found;
  return child_fail(e, "exec");
}

BARE static int child_go(plait__uv_embryo *e) {
  uint64_t none = 0;
  child_signals();
  if (child_session(e))
    return e->code;
  if (child_descriptors(e))
    return child_fail(e, "descriptors");
  if (child_user(e))
    return e->code;
  if (e->spawn->directory && syscall(SYS_chdir, e->spawn->directory) < 0)
    return child_fail(e, "directory");
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
  return child_exec(e);
}

BARE int plait__uv_child(void *embryo) {
  child_go(embryo);
  syscall(SYS_exit_group, 127);
  return 127;
}
