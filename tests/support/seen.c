#include "support/seen.h"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/require.h"

static void (*the_start)(void);

static void start_run(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  the_start();
}

int run_first(void (*start)(void)) {
  the_start = start;
  return run(start_run);
}

void run_alone(void (*start)(void)) {
  open_runtime((plait_runtime_options){0});
  require(run_first(start) == 0, "%s", plait_error_detail());
}

/* ---- what is watched ----------------------------------------------------- */

struct seen seen[3];

static void seen_ready(plait_watch *watch, unsigned events) {
  struct seen *s = plait_container_of(watch, struct seen, watch);
  require(plait_reactor_current() != NULL, "not on a reactor");
  require(plait_watch_active(watch), "it was stopped");
  s->calls++;
  s->events = events;
  s->then(s);
}

void watch(struct seen *s, int fd, unsigned events,
           void (*then)(struct seen *seen)) {
  *s = (struct seen){.fd = fd, .other_end = -1, .then = then};
  plait_watch_init(&s->watch, seen_ready);
  require(plait_watch_start(&s->watch, fd, events) == 0, "%s",
          plait_error_detail());
}

void stop(struct seen *s) {
  plait_watch_stop(&s->watch);
  require(!plait_watch_active(&s->watch), "still active");
}

void stop_and_close(struct seen *s) {
  stop(s);
  require(close(s->fd) == 0, "it is closed");
}

void change(struct seen *s, unsigned events) {
  require(plait_watch_start(&s->watch, s->fd, events) == 0, "%s",
          plait_error_detail());
}

int event(unsigned value) {
  int fd = eventfd(value, EFD_CLOEXEC | EFD_NONBLOCK);
  require(fd >= 0, "no eventfd");
  return fd;
}

void pair(int fds[2]) {
  require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0,
          "no pair");
}

void put(int fd) {
  uint64_t one = 1;
  require(write(fd, &one, sizeof one) == sizeof one, "not written");
}

void take(int fd) {
  uint64_t value;
  require(read(fd, &value, sizeof value) == sizeof value, "not read");
}

void never(struct seen *s) {
  (void)s;
  require(false, "it is not ready");
}

int seen_main(TCase *tests) {
  Suite *suite = suite_create("watch");
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
