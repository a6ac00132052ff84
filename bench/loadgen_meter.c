/* A slice of load, and what is read at its two ends.
 *
 * A slice begins and ends with no message under way, so the messages that are
 * counted are exactly those that the server worked for, and its work for the
 * last of them is waited for.  Server CPU is the CPU clock of the server's
 * processes, all threads of each, exact to the nanosecond.
 *
 * However short, it has at least one message for every place in flight: the
 * slices of ten thousand connections with 64 KiB each last longer than those
 * of 64 with 64 bytes. */
#include "loadgen.h"

#include "count_alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* After the last answer: the server's way back to sleep, and, when connections
 * come and go, its last closes. */
enum { SETTLE_US = 1000 };

/* What is read at either end. */
struct reading {
  uint64_t now, server_ns, self_ns;
  unsigned long long calls[COUNT_KINDS];
};

static struct reading begin;
static uint64_t until, messages, bytes;
static struct count_alloc *counters;

/* ---- clocks ---- */

static uint64_t meter_clock(clockid_t id) {
  struct timespec t;
  if (clock_gettime(id, &t))
    fail("a server process is gone");
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t meter_now(void) {
  return meter_clock(CLOCK_MONOTONIC);
}

static uint64_t meter_server_cpu(void) {
  uint64_t sum = 0;
  for (int i = 0; i < opt.pid_count; i++) {
    clockid_t id;
    if (clock_getcpuclockid(opt.pids[i], &id))
      fail("a server process is gone");
    sum += meter_clock(id);
  }
  return sum;
}

/* ---- memory ---- */

/* smaps_rollup walks the page tables; the counters in statm are kept per CPU
 * and may be off by some hundred KiB. */
long meter_resident(void) {
  long sum = 0;
  for (int i = 0; i < opt.pid_count; i++) {
    char path[64], line[256];
    long kib = -1;
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", (int)opt.pids[i]);
    FILE *f = fopen(path, "r");
    if (!f)
      die(path);
    while (kib < 0 && fgets(line, sizeof line, f))
      if (sscanf(line, "Rss: %ld kB", &kib) != 1)
        kib = -1;
    fclose(f);
    if (kib < 0)
      fail("no Rss in %s", path);
    sum += kib * 1024;
  }
  return sum;
}

/* ---- allocations ---- */

static void meter_map_counters(void) {
  int fd = open(opt.alloc_path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    die(opt.alloc_path);
  counters = mmap(NULL, sizeof *counters, PROT_READ, MAP_SHARED, fd, 0);
  if (counters == MAP_FAILED)
    die("mmap of the allocation counters");
  close(fd);
}

/* ---- latency: 32 linear steps to each power of two, so 3 % ---- */

enum { STEP_BITS = 5, BUCKETS = (64 - STEP_BITS) << STEP_BITS };
static uint64_t histogram[BUCKETS], histogram_count;

void meter_latency(uint64_t ns) {
  unsigned i = (unsigned)ns;
  if (ns >= 1u << STEP_BITS) {
    unsigned shift = 63u - (unsigned)__builtin_clzll(ns) - STEP_BITS;
    i = ((shift + 1) << STEP_BITS) +
        ((unsigned)(ns >> shift) - (1u << STEP_BITS));
  }
  histogram[i]++;
  histogram_count++;
}

/* Upper edge, in microseconds, of the bucket that holds quantile |q|. */
static double meter_quantile(double q) {
  const unsigned steps = 1u << STEP_BITS;
  uint64_t want = (uint64_t)(q * (double)histogram_count), seen = 0;
  for (unsigned i = 0; i < BUCKETS; i++) {
    seen += histogram[i];
    if (seen <= want && seen < histogram_count)
      continue;
    if (i < steps)
      return i / 1e3;
    return (double)((uint64_t)(i % steps + steps + 1)
                    << ((i >> STEP_BITS) - 1)) /
           1e3;
  }
  return 0;
}

/* ---- the slice ---- */

static struct reading meter_read(void) {
  struct reading r = {.now = meter_now(), .server_ns = meter_server_cpu()};
  r.self_ns = meter_clock(CLOCK_PROCESS_CPUTIME_ID);
  for (int i = 0; counters && i < COUNT_KINDS; i++)
    r.calls[i] =
        atomic_load_explicit(&counters->calls[i], memory_order_relaxed);
  return r;
}

void meter_begin(double seconds) {
  if (opt.alloc_path && !counters)
    meter_map_counters();
  memset(histogram, 0, sizeof histogram);
  histogram_count = messages = bytes = 0;
  begin = meter_read();
  until = begin.now + (uint64_t)(seconds * 1e9);
}

bool meter_more(void) {
  uint64_t now = meter_now(), sent = messages + conn_inflight;
  uint64_t least = 1ull * opt.depth * (unsigned)opt.conns;
  if (opt.messages)
    return sent < opt.messages;
  if (opt.kind == KIND_FLOW && opt.rate <= 0 && sent < least)
    return true;
  return now < until;
}

void meter_count(size_t n, unsigned complete) {
  messages += complete;
  bytes += n;
}

static void meter_report_calls(const struct reading *end) {
  static const char *const names[COUNT_KINDS] = {
      [COUNT_MALLOC] = "malloc",   [COUNT_CALLOC] = "calloc",
      [COUNT_REALLOC] = "realloc", [COUNT_FREE] = "free",
      [COUNT_ALIGNED] = "aligned",
  };
  for (int i = 0; i < COUNT_KINDS; i++)
    printf(" %s=%llu", names[i], end->calls[i] - begin.calls[i]);
}

void meter_report(void) {
  double s = (double)(meter_now() - begin.now) / 1e9;
  double m = (double)messages;
  usleep(SETTLE_US);
  struct reading end = meter_read();
  double server = (double)(end.server_ns - begin.server_ns) / 1e9;
  double self = (double)(end.self_ns - begin.self_ns) / 1e9;
  printf("conns=%d size=%zu depth=%u seconds=%.4f messages=%.0f rate=%.0f "
         "mb_s=%.1f p50_us=%.1f p99_us=%.1f p999_us=%.1f server_pct=%.1f "
         "self_pct=%.1f server_s=%.9f server_us=%.5f",
         opt.conns, opt.size, opt.depth, s, m, m / s, (double)bytes / s / 1e6,
         meter_quantile(.5), meter_quantile(.99), meter_quantile(.999),
         100 * server / s, 100 * self / s, server,
         m > 0 ? server / m * 1e6 : 0);
  if (counters)
    meter_report_calls(&end);
  printf("\n");
  fflush(stdout);
}
