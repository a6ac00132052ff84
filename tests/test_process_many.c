/* A thousand children, 64 at a time, while another library has its own: each
 * tells all its output before it has ended, and nothing is left (R137, P21). */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/require.h"
#include "support/runtime.h"

enum { ALL = 1000, AT_A_TIME = 64, NEIGHBOURS = 40, NEIGHBOUR_EVERY = 25 };

struct counter {
  plait_process base;
  unsigned last;               /* it counts up to that */
  unsigned long seen, partial; /* whole numbers; digits of the next one */
  bool exited;
};

static unsigned begun, ended, running, running_max;

/* ---- the other library --------------------------------------------------- */

static pid_t neighbours[NEIGHBOURS];
static unsigned neighbour_count;
static atomic_int chld;

static void on_chld(int number) {
  (void)number;
  atomic_fetch_add(&chld, 1);
}

static void neighbour_start(void) {
  if (neighbour_count == NEIGHBOURS)
    return;
  pid_t pid = fork();
  if (pid == 0)
    _exit((int)neighbour_count);
  neighbours[neighbour_count++] = pid;
}

static void neighbours_end(void) {
  for (unsigned i = 0; i < neighbour_count; i++) {
    int status = 0;
    ck_assert_int_eq(waitpid(neighbours[i], &status, 0), neighbours[i]);
    ck_assert_int_eq(WEXITSTATUS(status), (int)i);
  }
}

/* ---- the children -------------------------------------------------------- */

static void begin(plait_reactor *r);

static void counter_data(plait_process *p, int fd, const uint8_t *data,
                         size_t len) {
  struct counter *c = (struct counter *)p;
  require(fd == 1, "descriptor %d", fd);
  for (size_t i = 0; i < len; i++)
    if (data[i] != '\n') {
      c->partial = c->partial * 10 + (unsigned long)(data[i] - '0');
    } else {
      require(c->partial == c->seen + 1, "%lu behind %lu", c->partial, c->seen);
      c->seen = c->partial;
      c->partial = 0;
    }
}

static void counter_exited(plait_process *p, const plait_process_end *end) {
  struct counter *c = (struct counter *)p;
  require(!c->exited, "exited twice");
  require(end->how == PLAIT_PROCESS_EXITED && end->status == 0, "%d %d",
          (int)end->how, end->status);
  c->exited = true;
}

static void counter_ended(plait_process *p, const plait_process_end *end) {
  struct counter *c = (struct counter *)p;
  require(c->exited && end->code == 0, "%s", plait_error_detail());
  require(c->seen == c->last && c->partial == 0, "%lu of %u", c->seen, c->last);
  ended++;
  running--;
  begin(p->reactor);
}

static const plait_process_ops counter_ops = {
    .name = "counter",
    .size = PLAIT_INSTANCE(struct counter, base),
    .data_received = counter_data,
    .exited = counter_exited,
    .ended = counter_ended,
};

static void begin_one(plait_reactor *r) {
  static const plait_process_fd fds[] = {{1, PLAIT_CHILD_WRITES, 0},
                                         {2, PLAIT_CHILD_INHERITS, 2}};
  char last[16];
  unsigned number = ++begun * 7;
  plait_process *p;
  snprintf(last, sizeof last, "%u", number);
  plait_process_options options = {.program = "/usr/bin/seq",
                                   .argv =
                                       (const char *const[]){"seq", last, NULL},
                                   .fds = fds,
                                   .fd_count = 2};
  require(plait_spawn(r, &options, &counter_ops, &p) == 0, "%s",
          plait_error_detail());
  ((struct counter *)p)->last = number;
  if (++running > running_max)
    running_max = running;
  if (begun % NEIGHBOUR_EVERY == 0)
    neighbour_start();
}

static void begin(plait_reactor *r) {
  while (running < AT_A_TIME && begun < ALL)
    begin_one(r);
}

static void begin_all(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  begin(plait_reactor_current());
}

/* Children of ours that nobody has waited for. */
static void no_zombie(void) {
  siginfo_t info;
  int rc = waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT);
  ck_assert(rc == -1 && errno == ECHILD);
}

START_TEST(test_thousand) {
  struct sigaction action = {.sa_handler = on_chld, .sa_flags = SA_RESTART};
  struct sigaction after;
  sigaction(SIGCHLD, &action, NULL);
  open_runtime((plait_runtime_options){0});
  ck_assert_int_eq(run(begin_all), 0);
  close_runtime();
  ck_assert_uint_eq(ended, ALL);
  ck_assert_uint_eq(running_max, AT_A_TIME);
  neighbours_end();
  ck_assert_uint_eq(neighbour_count, NEIGHBOURS);
  no_zombie();
  sigaction(SIGCHLD, NULL, &after);
  ck_assert(after.sa_handler == on_chld);
  ck_assert_int_gt(chld, 0);
}
END_TEST

int main(void) {
  Suite *s = suite_create("process_many");
  TCase *c = tcase_create("process_many");
  tcase_set_timeout(c, 300);
  tcase_add_test(c, test_thousand);
  suite_add_tcase(s, c);
  return run_suite(s);
}
