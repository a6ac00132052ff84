/* Prints what happens to files: inotify, a source of events that knows nothing
 * of plait, joined to a reactor by a watch.
 *
 *     inotify /tmp        ends with SIGINT or SIGTERM */
#include <plait.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

typedef struct notifier {
  plait_watch watch;
  plait_call begin;
  int fd;
  int status;
} notifier;

static const char *what_of(uint32_t mask) {
  if (mask & IN_CREATE)
    return "created";
  if (mask & IN_DELETE)
    return "deleted";
  return mask & IN_CLOSE_WRITE ? "written" : "moved";
}

static void print_events(const char *bytes, size_t len) {
  for (size_t at = 0; at < len;) {
    const struct inotify_event *event =
        (const struct inotify_event *)(const void *)(bytes + at);
    if (event->len > 0)
      printf("%s %s\n", what_of(event->mask), event->name);
    at += sizeof *event + event->len;
  }
  fflush(stdout);
}

/* Called as long as there is something to read: one read is enough. */
static void notifier_ready(plait_watch *watch, unsigned events) {
  notifier *self = plait_container_of(watch, notifier, watch);
  _Alignas(struct inotify_event) char bytes[4096];
  ssize_t n = read(self->fd, bytes, sizeof bytes);
  (void)events;
  if (n > 0) {
    print_events(bytes, (size_t)n);
    return;
  }
  perror("inotify");
  self->status = 1;
  plait_watch_stop(watch);
}

/* Watches are started on a reactor. */
static void notifier_begin(plait_call *call, plait_protocol *p) {
  notifier *self = plait_container_of(call, notifier, begin);
  (void)p;
  plait_watch_init(&self->watch, notifier_ready);
  if (plait_watch_start(&self->watch, self->fd, PLAIT_WATCH_READABLE) < 0) {
    fprintf(stderr, "inotify: %s\n", plait_error_detail());
    self->status = 1;
    return;
  }
  puts("watching");
  fflush(stdout);
}

int main(int argc, char **argv) {
  notifier self = {.begin.run = notifier_begin, .fd = inotify_init()};
  const plait_runtime_options options = {.handle_signals = true};
  plait_runtime *runtime;
  if (argc != 2 ||
      inotify_add_watch(self.fd, argv[1],
                        IN_CREATE | IN_DELETE | IN_CLOSE_WRITE | IN_MOVE) < 0) {
    fprintf(stderr, "usage: inotify FOLDER\n");
    return 2;
  }
  if (plait_runtime_new(&options, &runtime) < 0 ||
      plait_reactor_post(plait_runtime_reactor(runtime, 0), &self.begin) < 0 ||
      plait_run(runtime) < 0) {
    fprintf(stderr, "inotify: %s\n", plait_error_detail());
    return 1;
  }
  plait_watch_stop(&self.watch);
  plait_runtime_free(runtime);
  close(self.fd);
  return self.status;
}
