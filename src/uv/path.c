/* Listening UNIX sockets, and the paths they leave behind.
 *
 * A listener that made its path removes it when it closes, unless somebody
 * has put another in its place meanwhile (the next server, while this one
 * drains): device and inode tell.  They are remembered in a list of the whole
 * process, by descriptor, and not in the socket, of which every connection has
 * one; as long as the list is empty, closing a connection costs one load.
 *
 * The inode number cannot be given out again while our descriptor is open, for
 * a bound socket holds its inode. */
#include "uv/backend.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct made_path {
  struct made_path *next;
  int fd;
  dev_t dev;
  ino_t ino;
  char path[PLAIT_UNIX_PATH_MAX];
} made_path;

static pthread_mutex_t path_lock = PTHREAD_MUTEX_INITIALIZER;
static made_path *path_list; /* under |path_lock| */
static atomic_uint path_count;

static void path_remember(made_path *made) {
  pthread_mutex_lock(&path_lock);
  made->next = path_list;
  path_list = made;
  atomic_fetch_add(&path_count, 1);
  pthread_mutex_unlock(&path_lock);
}

static made_path *path_take(int fd) {
  made_path *made = NULL;
  pthread_mutex_lock(&path_lock);
  for (made_path **at = &path_list; *at; at = &(*at)->next) {
    if ((*at)->fd == fd) {
      made = *at;
      *at = made->next;
      atomic_fetch_sub(&path_count, 1);
      break;
    }
  }
  pthread_mutex_unlock(&path_lock);
  return made;
}

static bool path_is(const char *path, dev_t dev, ino_t ino) {
  struct stat st;
  return !lstat(path, &st) && S_ISSOCK(st.st_mode) && st.st_dev == dev &&
         st.st_ino == ino;
}

void plait__uv_path_forget(int fd) {
  if (!atomic_load_explicit(&path_count, memory_order_relaxed))
    return;
  made_path *made = path_take(fd);
  if (!made)
    return;
  if (path_is(made->path, made->dev, made->ino))
    (void)unlink(made->path); /* What cannot be removed is found stale. */
  plait__uv_alloc(made, 0, "path");
}

/* Removes a socket that nobody listens on.  Only ECONNREFUSED says so: EAGAIN
 * is a full backlog, EACCES somebody else's. */
static bool path_remove_stale(int type, const struct sockaddr_storage *sa,
                              socklen_t len, const char *path) {
  struct stat st;
  /* connect() refuses what is no socket, too. */
  if (lstat(path, &st) || !S_ISSOCK(st.st_mode))
    return false;
  int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return false;
  bool stale = connect(fd, (const struct sockaddr *)sa, len) < 0 &&
               errno == ECONNREFUSED;
  (void)close(fd);
  return stale && path_is(path, st.st_dev, st.st_ino) && !unlink(path);
}

static int path_bind(int fd, int type, const plait_address *address,
                     const char **ret_step) {
  struct sockaddr_storage sa;
  socklen_t len;
  *ret_step = "path";
  int rc = plait__uv_to_sockaddr(address, &sa, &len);
  if (rc)
    return rc;
  *ret_step = "bind";
  if (!bind(fd, (struct sockaddr *)&sa, len))
    return 0;
  if (errno != EADDRINUSE)
    return -errno;
  if (!path_remove_stale(type, &sa, len, address->path))
    return PLAIT_EADDRINUSE;
  return bind(fd, (struct sockaddr *)&sa, len) ? -errno : 0;
}

/* From here on closing |fd| removes the path. */
static int path_own(int fd, const char *path) {
  struct stat st;
  made_path *made = plait__uv_alloc(NULL, sizeof *made, "path");
  if (!made || lstat(path, &st)) {
    int rc = made ? -errno : PLAIT_ENOMEM;
    plait__uv_alloc(made, 0, "path");
    (void)unlink(path);
    return rc;
  }
  made->fd = fd;
  made->dev = st.st_dev;
  made->ino = st.st_ino;
  memcpy(made->path, path, strlen(path) + 1); /* path_bind() checked it */
  path_remember(made);
  return 0;
}

/* Until listen() nobody gets in, so a mode set before it is in time; where
 * datagrams come from this moment on, some may before it. */
int plait__uv_path_bind(int fd, int type, const plait_address *address,
                        int mode, const char **ret_step) {
  int rc = path_bind(fd, type, address, ret_step);
  if (rc)
    return rc;
  *ret_step = "stat";
  rc = path_own(fd, address->path);
  if (rc)
    return rc;
  *ret_step = "chmod";
  return mode >= 0 && chmod(address->path, (mode_t)mode) ? -errno : 0;
}

static int path_open(int fd, const plait__listen_spec *spec,
                     const char **ret_step) {
  int rc =
      plait__uv_path_bind(fd, SOCK_STREAM, spec->address, spec->mode, ret_step);
  if (rc)
    return rc;
  *ret_step = "listen";
  return listen(fd, (int)spec->backlog) ? -errno : 0;
}

int plait__uv_path_listen(const plait__listen_spec *spec, int *ret_fd,
                          const char **ret_step) {
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    *ret_step = "socket";
    return -errno;
  }
  int rc = path_open(fd, spec, ret_step);
  if (rc)
    plait__uv_close_fd(fd);
  else
    *ret_fd = fd;
  return rc;
}
