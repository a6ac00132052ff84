/* Runs a program a hundred times at once, and says what each one wrote and how
 * it ended:
 *
 *     spawn                      date, 100 times
 *     spawn 3 sort --version     so many of another one
 */
#include <plait.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct job {
  plait_process base; /* comes first */
  unsigned number;
  char line[80]; /* what it wrote first */
  size_t len;
};

static int status;

static struct job *job_of(plait_process *p) {
  return plait_container_of(p, struct job, base);
}

static void job_started(plait_process *p) {
  plait_close(plait_process_transport(p, 0)); /* There is nothing to read. */
}

static void job_data(plait_process *p, int fd, const uint8_t *data,
                     size_t len) {
  struct job *job = job_of(p);
  size_t room = sizeof job->line - job->len;
  (void)fd;
  memcpy(job->line + job->len, data, len < room ? len : room);
  job->len += len < room ? len : room;
}

static void job_ended(plait_process *p, const plait_process_end *end) {
  struct job *job = job_of(p);
  const char *newline = memchr(job->line, '\n', job->len);
  int len = (int)(newline != NULL ? (size_t)(newline - job->line) : job->len);
  printf("%u: ", job->number);
  if (end->how == PLAIT_PROCESS_FAILED) {
    printf("%s\n", plait_error_detail()); /* spawn NAME: STEP: why */
  } else if (end->how == PLAIT_PROCESS_SIGNALLED) {
    printf("ended by signal %d\n", end->status);
  } else {
    printf("%.*s (%d)\n", len, job->line, end->status);
  }
  status |= end->how != PLAIT_PROCESS_EXITED || end->status != 0;
}

static const plait_process_ops job = {
    .name = "job",
    .size = PLAIT_INSTANCE(struct job, base),
    .started = job_started,
    .data_received = job_data,
    .ended = job_ended,
};

/* 0, or a code.  The instances are plait's, and go when they have ended. */
static int start(plait_runtime *runtime, unsigned count, char **argv) {
  char *date[] = {"date", NULL};
  char **words = argv != NULL ? argv : date;
  plait_process_options options = {.program = words[0],
                                   .argv = (const char *const *)words};
  for (unsigned i = 1; i <= count; i++) {
    plait_process *p;
    int code =
        plait_spawn(plait_runtime_reactor(runtime, 0), &options, &job, &p);
    if (code < 0) {
      return code;
    }
    job_of(p)->number = i;
  }
  return 0;
}

int main(int argc, char **argv) {
  plait_runtime_options options = {.handle_signals = true};
  plait_runtime *runtime = NULL;
  unsigned count = argc > 1 ? (unsigned)atoi(argv[1]) : 100;

  if (plait_runtime_new(&options, &runtime) < 0 ||
      start(runtime, count, argc > 2 ? argv + 2 : NULL) < 0) {
    fprintf(stderr, "%s\n", plait_error_detail());
    plait_runtime_free(runtime);
    return 1;
  }
  int code = plait_run(runtime); /* until all of them have ended */
  plait_runtime_free(runtime);
  return code < 0 || status != 0;
}
