/* Memory that a preloaded module shares with who measures: a file named by an
 * environment variable, mapped.  Neither a signal nor a message passes. */
#ifndef SHARED_FILE_H
#define SHARED_FILE_H

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* |size| bytes of the file that |variable| names; |fallback| without one. */
static inline void *shared_file(const char *variable, size_t size,
                                void *fallback) {
  const char *path = getenv(variable);
  int fd = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
  void *p = MAP_FAILED;
  if (fd < 0)
    return fallback;
  if (ftruncate(fd, (off_t)size) == 0)
    p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  return p == MAP_FAILED ? fallback : p;
}

#endif
