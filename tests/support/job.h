/* A process under test: what it is to do, what came of it, and a check that the
 * calls come in order:
 *
 *     started (data | lost | resume | draining)*
 *             exited (data | lost | resume | draining)* ended
 *
 * or ended alone.  What the child runs is mostly this very program, see
 * support/child.h. */
#ifndef PLAIT_TESTS_JOB_H
#define PLAIT_TESTS_JOB_H

#include <plait.h>

enum { JOB_FDS = 48, JOB_OUTPUT = 8192 };

struct job;
typedef void job_action(struct job *j);

/* The test's, which outlives the process. */
struct job {
  plait_process_options options;
  plait_reactor *reactor; /* [the first] */
  job_action *on_started, *on_data, *on_lost, *on_resume, *on_draining,
      *on_exited, *on_ended;

  plait_process *process; /* NULL once it is over */
  int pid;
  bool started, exited, ended;
  unsigned resumed, drained;
  int fd;              /* in a callback: of data, lost or resume */
  const uint8_t *data; /* in on_data */
  size_t len;
  plait_process_end end;
  char detail[256]; /* of a process that did not start */
  struct {
    uint64_t received;
    char text[JOB_OUTPUT]; /* the first bytes of that, ended by NUL */
    bool lost;
    int reason;
  } fds[JOB_FDS];
};

/* plait_spawn(), which must accept. */
void job_start(struct job *j);
/* plait_spawn()'s answer. */
int job_try(struct job *j);
/* The same as the only one of a runtime, until nothing is left. */
void job_run(struct job *j);

/* Aborts unless it ended so, after its whole course. */
void job_expect(const struct job *j, plait_process_how how, int status,
                bool asked);
void job_expect_failure(const struct job *j, int code, const char *detail);
/* Writes |text| to its descriptor |fd|. */
bool job_write(struct job *j, int fd, const char *text);
void job_close_stdin(struct job *j);
void job_close(struct job *j);

#endif
