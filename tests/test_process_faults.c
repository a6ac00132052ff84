/* Processes that cannot be started, thieves of their ends, systems that lack
 * something, and memory that runs out. */
#include <check.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/child.h"
#include "support/job.h"
#include "support/require.h"
#include "support/runtime.h"

static struct job job;

static void program(const char *path) {
  job = (struct job){.options.program = path};
}

static void fails(const char *path, int code, const char *detail) {
  program(path);
  job_run(&job);
  job_expect_failure(&job, code, detail);
}

/* ---- it does not start --------------------------------------------------- */

START_TEST(test_missing) {
  fails("/nowhere/at/all", PLAIT_ENOENT,
        "spawn /nowhere/at/all: exec: no such file or directory");
}
END_TEST

/* R131: no shell, and only a name is looked for. */
START_TEST(test_not_in_path) {
  fails("plait-no-such-program", PLAIT_ENOENT,
        "spawn plait-no-such-program: exec: no such file or directory");
}
END_TEST

START_TEST(test_directory) {
  fails("/usr", PLAIT_EACCES, "spawn /usr: exec: permission denied");
}
END_TEST

START_TEST(test_below_a_file) {
  fails("/etc/passwd/x", PLAIT_ENOTDIR,
        "spawn /etc/passwd/x: exec: not a directory");
}
END_TEST

static void write_file(const char *path, const char *text, mode_t mode) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  require(fd >= 0, "no file");
  require(write(fd, text, strlen(text)) == (ssize_t)strlen(text), "short");
  require(fchmod(fd, mode) == 0 && close(fd) == 0, "no mode");
}

/* One in front in PATH that may not be run is told, not that the others are not
 * there. */
START_TEST(test_no_permission) {
  char folder[] = "/tmp/plait-process-XXXXXX", path[64], search[64];
  require(mkdtemp(folder) != NULL, "no folder");
  snprintf(path, sizeof path, "%s/tool", folder);
  snprintf(search, sizeof search, "PATH=%s:/nowhere", folder);
  write_file(path, "#!/bin/sh\n", 0600);
  program("tool");
  job.options.environment = (const char *const[]){search, NULL};
  job_run(&job);
  job_expect_failure(&job, PLAIT_EACCES, "spawn tool: exec: permission denied");
  write_file(path, "rubbish", 0700);
  program(path);
  job_run(&job);
  ck_assert_int_eq(job.end.code, PLAIT_ENOEXEC);
  unlink(path);
  rmdir(folder);
}
END_TEST

START_TEST(test_wrong_directory) {
  program("/bin/true");
  job.options.directory = "/nowhere";
  job_run(&job);
  job_expect_failure(&job, PLAIT_ENOENT,
                     "spawn /bin/true: directory: no such file or directory");
}
END_TEST

static unsigned missing;

static void again(struct job *j) {
  static struct job jobs[2];
  ck_assert_int_eq(j->end.code, PLAIT_ENOENT);
  if (++missing == 2000)
    return;
  struct job *next = &jobs[missing % 2];
  *next = (struct job){.options.program = "/nowhere", .on_ended = again};
  job_start(next);
}

/* R016: nothing is left of any. */
START_TEST(test_missing_often) {
  missing = 0;
  program("/nowhere");
  job.on_ended = again;
  job_run(&job);
  ck_assert_uint_eq(missing, 2000);
}
END_TEST

static void unprivileged(void) {
  if (getuid() == 0)
    require(setgid(65534) == 0 && setuid(65534) == 0, "no user");
}

/* R132; in a process of its own, as all tests are. */
START_TEST(test_no_privilege) {
  unprivileged();
  program("/bin/true");
  job.options.uid = job.options.gid = 1;
  job_run(&job);
  job_expect_failure(&job, PLAIT_EPERM,
                     "spawn /bin/true: setgroups: operation not permitted");
}
END_TEST

/* Threads count as well: so those of the pool are there before. */
static struct job second;

static struct rlimit processes;

static void start_second(struct job *j) {
  struct rlimit none = {0, processes.rlim_max};
  (void)j;
  require(setrlimit(RLIMIT_NPROC, &none) == 0, "no limit");
  job_start(&second);
}

static void second_ended(struct job *j) {
  (void)j;
  require(setrlimit(RLIMIT_NPROC, &processes) == 0, "no limit");
}

START_TEST(test_no_more_processes) {
  unprivileged();
  program("/bin/true");
  job.on_ended = start_second;
  second =
      (struct job){.options.program = "/bin/true", .on_ended = second_ended};
  require(getrlimit(RLIMIT_NPROC, &processes) == 0, "no limit");
  job_run(&job);
  job_expect(&job, PLAIT_PROCESS_EXITED, 0, false);
  job_expect_failure(&second, PLAIT_EAGAIN, "spawn /bin/true: fork: try again");
}
END_TEST

/* R130: whatever is the first one that is missing, none is left. */
START_TEST(test_no_more_descriptors) {
  bool started = false;
  for (rlim_t more = 0; !started && more < 64; more++) {
    open_runtime((plait_runtime_options){0});
    struct rlimit few = {0, 4096}, many = {4096, 4096};
    few.rlim_cur = (rlim_t)dup(0) + more;
    close((int)(few.rlim_cur - more));
    program("/bin/true");
    job_start(&job);
    require(setrlimit(RLIMIT_NOFILE, &few) == 0, "no limit");
    ck_assert_int_eq(plait_run(runtime), 0);
    require(setrlimit(RLIMIT_NOFILE, &many) == 0, "no limit");
    started = job.started;
    if (!started)
      ck_assert_int_eq(job.end.code, PLAIT_EMFILE);
    close_runtime();
  }
  ck_assert(started);
}
END_TEST

/* ---- options that make no sense ------------------------------------------ */

static void refused(int code) {
  job.reactor = NULL;
  open_runtime((plait_runtime_options){0});
  ck_assert_int_eq(job_try(&job), code);
  ck_assert_int_eq(strncmp(plait_error_detail(), "spawn", 5), 0);
  close_runtime();
}

START_TEST(test_options) {
  static const plait_process_fd twice[] = {{4, PLAIT_CHILD_NULL, 0},
                                           {4, PLAIT_CHILD_NULL, 0}};
  static const plait_process_fd high[] = {{1024, PLAIT_CHILD_NULL, 0}};
  static const plait_process_fd strange[] = {{4, (plait_process_fd_kind)9, 0}};
  static const plait_process_fd closed[] = {{4, PLAIT_CHILD_INHERITS, 999}};
  program(NULL);
  refused(PLAIT_EINVAL);
  program("");
  refused(PLAIT_EINVAL);
  program("/bin/true");
  job.options.argv = (const char *const[]){NULL};
  refused(PLAIT_EINVAL);
  program("/bin/true");
  job.options.uid = 5;
  refused(PLAIT_EINVAL);
  program("/bin/true");
  job.options.fds = twice;
  job.options.fd_count = 2;
  refused(PLAIT_EINVAL);
  job.options.fds = high;
  job.options.fd_count = 1;
  refused(PLAIT_EINVAL);
  job.options.fds = strange;
  refused(PLAIT_EINVAL);
  ck_assert_str_eq(plait_error_detail(),
                   "spawn /bin/true: descriptor 4: no such kind");
  job.options.fds = closed;
  refused(PLAIT_EBADF);
  job.options.fd_count = PLAIT_PROCESS_FDS_MAX + 1;
  refused(PLAIT_EINVAL);
  program("/bin/true");
  job.options.pty = true;
  job.options.fds = (const plait_process_fd[]){{2, PLAIT_CHILD_NULL, 0}};
  job.options.fd_count = 1;
  refused(PLAIT_EINVAL);
}
END_TEST

static int elsewhere;

static void *spawn_elsewhere(void *arg) {
  (void)arg;
  elsewhere =
      plait_spawn(plait_runtime_reactor(runtime, 0),
                  &(plait_process_options){.program = "/bin/true"},
                  &(plait_process_ops){.size = sizeof(plait_process)}, NULL);
  return NULL;
}

static void spawn_on_thread(struct job *j) {
  pthread_t thread;
  (void)j;
  require(pthread_create(&thread, NULL, spawn_elsewhere, NULL) == 0, "none");
  pthread_join(thread, NULL);
}

START_TEST(test_other_thread) {
  program("/bin/true");
  job.on_started = spawn_on_thread;
  job_run(&job);
  ck_assert_int_eq(elsewhere, PLAIT_EINVAL);
}
END_TEST

/* ---- who takes the ends of all children ---------------------------------- */

/* Whether a kernel tells the end of one that is reaped: see src/uv/kid.c. */
static bool knows_stolen_ends(void) {
  struct utsname system;
  unsigned major = 0, minor = 0;
  require(uname(&system) == 0, "no kernel");
  require(sscanf(system.release, "%u.%u", &major, &minor) == 2, "no version");
  return major > 6 || (major == 6 && minor >= 15);
}

static void expect_stolen(int status) {
  if (!knows_stolen_ends())
    ck_assert(job.end.how == PLAIT_PROCESS_UNKNOWN &&
              job.end.code == PLAIT_ECHILD);
  else
    job_expect(&job, PLAIT_PROCESS_EXITED, status, false);
  ck_assert(job.exited && job.ended);
}

START_TEST(test_nobody_reaps) {
  signal(SIGCHLD, SIG_IGN);
  program("/bin/false");
  job_run(&job);
  expect_stolen(1);
}
END_TEST

/* R135: what has ended is not signalled by its number. */
static void steal(int number) {
  int saved = errno;
  (void)number;
  while (waitpid(-1, NULL, WNOHANG) > 0)
    continue;
  errno = saved;
}

START_TEST(test_thief) {
  signal(SIGCHLD, steal);
  program("/bin/false");
  job_run(&job);
  expect_stolen(1);
}
END_TEST

/* Another library's, which waits for its own by pid. */
static int neighbour;

static void start_neighbour(struct job *j) {
  (void)j;
  neighbour = fork();
  if (neighbour == 0)
    _exit(77);
}

START_TEST(test_neighbour) {
  int status = 0;
  program("/bin/true");
  job.on_started = start_neighbour;
  job_run(&job);
  job_expect(&job, PLAIT_PROCESS_EXITED, 0, false);
  ck_assert_int_eq(waitpid(neighbour, &status, 0), neighbour);
  ck_assert_int_eq(WEXITSTATUS(status), 77);
}
END_TEST

/* ---- systems that lack something ----------------------------------------- */

/* From now on |call| is unknown in this process. */
static void lack(unsigned call) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  struct sock_fprog filter = {sizeof code / sizeof *code, code};
  require(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no filter");
  require(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0,
          "no filter");
}

START_TEST(test_without_close_range) {
  int leaks[2] = {open("/", O_RDONLY), fcntl(0, F_DUPFD, 900)};
  lack(436);
  job = (struct job){
      .options = {.program = CHILD_PROGRAM, .argv = CHILD("descriptors")}};
  job_run(&job);
  close(leaks[0]);
  close(leaks[1]);
  ck_assert_str_eq(job.fds[1].text, "0 1 2 ");
}
END_TEST

START_TEST(test_without_pidfd_signals) {
  lack(424);
  job = (struct job){
      .options = {.program = CHILD_PROGRAM, .argv = CHILD("patient")},
      .on_data = job_close};
  job_run(&job);
  job_expect(&job, PLAIT_PROCESS_SIGNALLED, SIGTERM, true);
}
END_TEST

/* As if clone() knew no descriptors: waited for by looking now and then. */
static int spawn_without_fd(const plait__spawn *spawn, plait__kid *ret,
                            const char **ret_step) {
  int code = plait__uv_backend.host->spawn(spawn, ret, ret_step);
  if (code == 0)
    close(ret->fd);
  ret->fd = -1;
  return code;
}

START_TEST(test_without_pidfds) {
  static plait__host host;
  static plait_backend driver;
  leak_begin(&leak);
  driver = *leak_driver(&plait__uv_backend);
  host = *driver.host;
  host.spawn = spawn_without_fd;
  driver.host = &host;
  job = (struct job){
      .options = {.program = CHILD_PROGRAM, .argv = CHILD("stubborn")},
      .on_data = job_close};
  job.options.term_ms = 100;
  open_runtime_on(&driver, (plait_runtime_options){0});
  job_start(&job);
  ck_assert_int_eq(plait_run(runtime), 0);
  close_runtime();
  job_expect(&job, PLAIT_PROCESS_SIGNALLED, SIGKILL, true);
}
END_TEST

/* As if the child were in a system call that does not return. */
static int signal_in_vain(const plait__kid *kid, int number, bool group) {
  (void)kid, (void)number, (void)group;
  return 0;
}

static void stop_runtime(struct job *j) {
  (void)j;
  plait_runtime_stop(runtime);
}

START_TEST(test_immortal) {
  static plait__host host;
  static plait_backend driver;
  driver = plait__uv_backend;
  host = *driver.host;
  host.kid_signal = signal_in_vain;
  driver.host = &host;
  job = (struct job){
      .options = {.program = CHILD_PROGRAM, .argv = CHILD("patient")},
      .on_data = stop_runtime};
  open_runtime_on(&driver, (plait_runtime_options){.grace_ms = 10});
  job_start(&job);
  ck_assert_int_eq(plait_run(runtime), 0);
  require(plait_runtime_free(runtime) == 0, "%s", plait_error_detail());
  ck_assert(job.end.how == PLAIT_PROCESS_UNKNOWN);
  ck_assert_int_eq(job.end.code, PLAIT_EBUSY);
  kill(job.pid, SIGKILL);
  ck_assert_int_eq(waitpid(job.pid, NULL, 0), job.pid);
}
END_TEST

/* As if exec() had to wait for a disk, longer than plait_run() does. */
static int late_pid;
static sem_t late_begins, late_goes_on;

static int spawn_late(const plait__spawn *spawn, plait__kid *ret,
                      const char **ret_step) {
  sem_post(&late_begins);
  wait_for(&late_goes_on);
  int code = plait__uv_backend.host->spawn(spawn, ret, ret_step);
  late_pid = ret->pid;
  return code;
}

static void stop_at_once(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  wait_for(&late_begins);
  plait_runtime_stop_now(runtime);
}

START_TEST(test_late) {
  static plait__host host;
  static plait_backend driver;
  static plait_call stop = {.run = stop_at_once};
  driver = plait__uv_backend;
  host = *driver.host;
  host.spawn = spawn_late;
  driver.host = &host;
  sem_init(&late_begins, 0, 0);
  sem_init(&late_goes_on, 0, 0);
  job = (struct job){
      .options = {.program = CHILD_PROGRAM, .argv = CHILD("patient")}};
  open_runtime_on(&driver, (plait_runtime_options){0});
  job_start(&job);
  plait_reactor_post(job.reactor, &stop);
  ck_assert_int_eq(plait_run(runtime), PLAIT_EBUSY);
  ck_assert_int_eq(plait_runtime_free(runtime), PLAIT_EBUSY);
  sem_post(&late_goes_on);
  while (plait_runtime_free(runtime) == PLAIT_EBUSY)
    continue;
  ck_assert_int_gt(late_pid, 0);
  ck_assert_int_eq(waitpid(late_pid, NULL, 0), -1); /* it was reaped */
  ck_assert(!job.started && !job.ended);
}
END_TEST

/* ---- memory -------------------------------------------------------------- */

/* Each allocation fails once: the process ends, with a reason. */
START_TEST(test_memory) {
  bool failed = true;
  for (size_t n = 1; failed; n++) {
    open_runtime((plait_runtime_options){0});
    job = (struct job){.options.program = "/bin/true"};
    leak_fail_at(n);
    int code = job_try(&job);
    if (code == 0)
      ck_assert_int_eq(plait_run(runtime), 0);
    failed = leak_failed();
    leak_fail_at(0);
    close_runtime();
    if (code != 0)
      ck_assert_int_eq(code, PLAIT_ENOMEM);
    else
      ck_assert(job.ended);
    if (code == 0 && !job.started)
      ck_assert_int_eq(job.end.code, PLAIT_ENOMEM);
    ck_assert_uint_lt(n, 200);
  }
  job_expect(&job, PLAIT_PROCESS_EXITED, 0, false);
}
END_TEST

static Suite *suite(void) {
  Suite *s = suite_create("process_faults");
  TCase *c = tcase_create("process_faults");
  tcase_set_timeout(c, 60);
  tcase_add_test(c, test_missing);
  tcase_add_test(c, test_missing_often);
  tcase_add_test(c, test_not_in_path);
  tcase_add_test(c, test_directory);
  tcase_add_test(c, test_below_a_file);
  tcase_add_test(c, test_no_permission);
  tcase_add_test(c, test_wrong_directory);
  tcase_add_test(c, test_no_privilege);
  tcase_add_test(c, test_no_more_processes);
  tcase_add_test(c, test_no_more_descriptors);
  tcase_add_test(c, test_options);
  tcase_add_test(c, test_other_thread);
  tcase_add_test(c, test_nobody_reaps);
  tcase_add_test(c, test_thief);
  tcase_add_test(c, test_neighbour);
  tcase_add_test(c, test_without_close_range);
  tcase_add_test(c, test_without_pidfd_signals);
  tcase_add_test(c, test_without_pidfds);
  tcase_add_test(c, test_immortal);
  tcase_add_test(c, test_late);
  tcase_add_test(c, test_memory);
  suite_add_tcase(s, c);
  return s;
}

int main(int argc, char **argv) {
  return argc > 1 ? child_main(argv + 1) : run_suite(suite());
}
