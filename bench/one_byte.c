/* Lets a program it is preloaded into read one byte at a time from sockets.
 *
 *   ONE_BYTE_FILE=/dev/shm/reads LD_PRELOAD=./one_byte.so server
 *
 * What the network cuts as it likes is then cut in the worst way, for the cost
 * of a system call per byte, which is the same for every byte.  The bytes that
 * were read so are counted in a file mapped shared: a server whose reads go
 * another way would be measured for something else. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "shared_file.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#define ONE_BYTE_FILE "ONE_BYTE_FILE"

static atomic_ullong reads_private;
static atomic_ullong *reads = &reads_private;

__attribute__((constructor)) static void reads_open(void) {
  reads = shared_file(ONE_BYTE_FILE, sizeof *reads, reads);
}

static ssize_t one_byte(int fd, void *data, size_t len, int flags) {
  long n = syscall(SYS_recvfrom, fd, data, len ? 1ul : 0ul, flags, NULL, NULL);
  if (n > 0 && !(flags & MSG_PEEK))
    atomic_fetch_add_explicit(reads, 1, memory_order_relaxed);
  return n;
}

ssize_t recv(int fd, void *data, size_t len, int flags) {
  return one_byte(fd, data, len, flags);
}

/* What is no socket is read as it was asked for. */
ssize_t read(int fd, void *data, size_t len) {
  int before = errno;
  ssize_t n = one_byte(fd, data, len, 0);
  if (n >= 0 || errno != ENOTSOCK)
    return n;
  errno = before;
  return syscall(SYS_read, fd, data, len);
}

static struct iovec first_byte(const struct iovec *v, size_t count) {
  struct iovec none = {NULL, 0};
  for (size_t i = 0; i < count; i++)
    if (v[i].iov_len)
      return (struct iovec){v[i].iov_base, 1};
  return none;
}

ssize_t readv(int fd, const struct iovec *v, int count) {
  int before = errno;
  struct iovec one = first_byte(v, count > 0 ? (size_t)count : 0);
  ssize_t n = one_byte(fd, one.iov_base, one.iov_len, 0);
  if (n >= 0 || errno != ENOTSOCK)
    return n;
  errno = before;
  return syscall(SYS_readv, fd, v, count);
}

/* The control data goes where it was asked for. */
ssize_t recvmsg(int fd, struct msghdr *m, int flags) {
  struct iovec *v = m->msg_iov, one = first_byte(v, m->msg_iovlen);
  size_t count = m->msg_iovlen;
  m->msg_iov = &one;
  m->msg_iovlen = 1;
  long n = syscall(SYS_recvmsg, fd, m, flags);
  m->msg_iov = v;
  m->msg_iovlen = count;
  if (n > 0 && !(flags & MSG_PEEK))
    atomic_fetch_add_explicit(reads, 1, memory_order_relaxed);
  return n;
}
