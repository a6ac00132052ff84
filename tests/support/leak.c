/* Counting descriptors, threads and memory. */
#include "support/leak.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "support/require.h"

enum { LEAK_SITES = 256, LEAK_SETTLE_S = 5, LEAK_NAME = 64 };

/* In front of every block. */
struct leak_head {
  _Alignas(max_align_t) size_t size;
  const char *site;
};

static struct {
  pthread_mutex_t lock;
  const plait_backend *inner;
  plait_backend outer;
  plait__os os;
  size_t bytes, allocations, fail_at;
  bool failed;
  const char *failed_site;
  struct {
    const char *name;
    size_t bytes;
  } sites[LEAK_SITES];
} leak = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void leak_account(const char *site, size_t more, size_t less) {
  leak.bytes += more - less;
  for (size_t i = 0; i < LEAK_SITES; i++) {
    if (leak.sites[i].name == NULL)
      leak.sites[i].name = site;
    if (leak.sites[i].name == site) {
      leak.sites[i].bytes += more - less;
      return;
    }
  }
}

static bool leak_refuses(const char *site) {
  leak.allocations++;
  if (leak.allocations != leak.fail_at)
    return false;
  leak.failed = true;
  leak.failed_site = site;
  return true;
}

static void *leak_alloc(void *old, size_t size, const char *site) {
  struct leak_head *head = old == NULL ? NULL : (struct leak_head *)old - 1;
  size_t before = head == NULL ? 0 : head->size;
  const char *owner = head == NULL ? site : head->site;
  pthread_mutex_lock(&leak.lock);
  bool refused = size > 0 && leak_refuses(site);
  pthread_mutex_unlock(&leak.lock);
  if (refused)
    return NULL;
  size_t whole = size == 0 ? 0 : size + sizeof *head;
  struct leak_head *block = leak.inner->os->alloc(head, whole, site);
  if (size > 0 && block == NULL)
    return NULL;
  pthread_mutex_lock(&leak.lock);
  leak_account(owner, 0, before);
  if (size > 0) {
    block->size = size;
    block->site = site;
    leak_account(site, size, 0);
  }
  pthread_mutex_unlock(&leak.lock);
  return size == 0 ? NULL : block + 1;
}

const plait_backend *leak_driver(const plait_backend *driver) {
  if (leak.inner == driver)
    return &leak.outer;
  require(leak.bytes == 0, "%zu bytes of another driver", leak.bytes);
  leak.inner = driver;
  leak.os = *driver->os;
  leak.os.alloc = leak_alloc;
  leak.outer = *driver;
  leak.outer.os = &leak.os;
  return &leak.outer;
}

void leak_fail_at(size_t n) {
  pthread_mutex_lock(&leak.lock);
  leak.fail_at = n;
  leak.allocations = 0;
  leak.failed = false;
  leak.failed_site = "nobody";
  pthread_mutex_unlock(&leak.lock);
}

size_t leak_allocations(void) {
  return leak.allocations;
}

bool leak_failed(void) {
  return leak.failed;
}

const char *leak_failed_site(void) {
  return leak.failed_site;
}

size_t leak_bytes(void) {
  pthread_mutex_lock(&leak.lock);
  size_t bytes = leak.bytes;
  pthread_mutex_unlock(&leak.lock);
  return bytes;
}

static unsigned leak_entries(const char *folder) {
  DIR *d = opendir(folder);
  require(d != NULL, "%s cannot be read", folder);
  unsigned n = 0;
  for (const struct dirent *e; (e = readdir(d)) != NULL;)
    n += e->d_name[0] != '.';
  closedir(d);
  return n;
}

unsigned leak_count_descriptors(void) {
  return leak_entries("/proc/self/fd");
}

unsigned leak_count_threads(void) {
  return leak_entries("/proc/self/task");
}

static void *leak_tell_name(void *ret) {
  snprintf(ret, LEAK_NAME, "/proc/self/task/%ld", (long)syscall(SYS_gettid));
  return NULL;
}

/* A sanitizer starts a thread of its own along with the first one.  The kernel
 * shows a thread for a moment after it was joined. */
static void leak_warm_up(void) {
  pthread_t thread;
  char name[LEAK_NAME];
  require(pthread_create(&thread, NULL, leak_tell_name, name) == 0 &&
              pthread_join(thread, NULL) == 0,
          "no thread");
  while (access(name, F_OK) == 0)
    sched_yield();
}

#if defined __clang__ && defined __has_feature
#if __has_feature(thread_sanitizer)
#define LEAK_SYMBOLIZER
void __sanitizer_symbolize_pc(void *pc, const char *format, char *ret,
                              size_t size);
#endif
#endif

void leak_start_symbolizer(void) {
#ifdef LEAK_SYMBOLIZER
  char name[LEAK_NAME];
  __sanitizer_symbolize_pc((void *)(uintptr_t)&leak_begin, "%f", name,
                           sizeof name);
#endif
}

void leak_begin(struct leak *l) {
  leak_warm_up();
  l->descriptors = leak_count_descriptors();
  l->threads = leak_count_threads();
  l->bytes = leak_bytes();
}

/* Waits for threads that were joined, or left to themselves, to disappear. */
static unsigned leak_settled_threads(unsigned wanted) {
  time_t end = time(NULL) + LEAK_SETTLE_S;
  unsigned n = leak_count_threads();
  while (n > wanted && time(NULL) < end) {
    sched_yield();
    n = leak_count_threads();
  }
  return n;
}

static void leak_print_sites(void) {
  for (size_t i = 0; i < LEAK_SITES && leak.sites[i].name != NULL; i++) {
    if (leak.sites[i].bytes != 0)
      fprintf(stderr, "  %zu bytes from %s\n", leak.sites[i].bytes,
              leak.sites[i].name);
  }
}

static void leak_print_descriptors(void) {
  fflush(stderr);
  if (system("ls -l /proc/$PPID/fd >&2") != 0)
    fputs("  (no list of descriptors)\n", stderr);
}

/* Threads first: one that the runtime left to itself frees what it has when its
 * call to the system returns. */
void leak_end(const struct leak *l) {
  unsigned threads = leak_settled_threads(l->threads);
  require(threads == l->threads, "%u threads before, %u after", l->threads,
          threads);
  size_t bytes = leak_bytes();
  if (bytes != l->bytes)
    leak_print_sites();
  require(bytes == l->bytes, "%zu bytes before, %zu after", l->bytes, bytes);
  unsigned descriptors = leak_count_descriptors();
  if (descriptors != l->descriptors)
    leak_print_descriptors();
  require(descriptors == l->descriptors, "%u descriptors before, %u after",
          l->descriptors, descriptors);
}
