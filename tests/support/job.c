#include "support/job.h"

#include <stdio.h>
#include <string.h>

#include "support/require.h"
#include "support/runtime.h"

struct job_process {
  plait_process base;
  struct job *job;
};

static struct job *job_of(plait_process *p) {
  struct job *j = ((struct job_process *)p)->job;
  require(plait_reactor_current() == p->reactor, "not on its reactor");
  require(j->process == p && !j->ended, "it is over");
  return j;
}

static void act(struct job *j, job_action *action) {
  if (action != NULL)
    action(j);
}

static void job_started(plait_process *p) {
  struct job *j = job_of(p);
  require(!j->started, "started twice");
  j->started = true;
  j->pid = plait_process_pid(p);
  require(j->pid > 0, "no pid");
  act(j, j->on_started);
}

static struct job *job_in_course(plait_process *p, int fd) {
  struct job *j = job_of(p);
  require(j->started, "not started");
  require(fd >= 0 && fd < JOB_FDS && !j->fds[fd].lost, "descriptor %d", fd);
  j->fd = fd;
  return j;
}

static void job_data(plait_process *p, int fd, const uint8_t *data,
                     size_t len) {
  struct job *j = job_in_course(p, fd);
  uint64_t at = j->fds[fd].received;
  require(len > 0, "no data");
  for (size_t i = 0; i < len && at + i + 1 < JOB_OUTPUT; i++)
    j->fds[fd].text[at + i] = (char)data[i];
  j->fds[fd].received += len;
  j->data = data;
  j->len = len;
  act(j, j->on_data);
}

static void job_pipe_lost(plait_process *p, int fd, int reason) {
  struct job *j = job_in_course(p, fd);
  j->fds[fd].lost = true;
  j->fds[fd].reason = reason;
  require(plait_process_transport(p, fd) == NULL, "%d has a transport", fd);
  act(j, j->on_lost);
}

static void job_resume(plait_process *p, int fd) {
  struct job *j = job_in_course(p, fd);
  j->resumed++;
  act(j, j->on_resume);
}

static void job_draining(plait_process *p) {
  struct job *j = job_of(p);
  require(j->started && j->drained == 0, "draining out of place");
  j->drained++;
  act(j, j->on_draining);
}

static void job_exited(plait_process *p, const plait_process_end *end) {
  struct job *j = job_of(p);
  require(j->started && !j->exited, "exited out of place");
  require(plait_process_pid(p) == 0, "it still has a pid");
  require(plait_process_signal(p, 15) == PLAIT_ESRCH, "it is signalled");
  j->exited = true;
  j->end = *end;
  act(j, j->on_exited);
}

static void job_ended(plait_process *p, const plait_process_end *end) {
  struct job *j = job_of(p);
  require(j->exited == j->started, "it ended before it exited");
  for (int fd = 0; fd < JOB_FDS; fd++)
    require(plait_process_transport(p, fd) == NULL, "%d is left", fd);
  if (!j->started)
    snprintf(j->detail, sizeof j->detail, "%s", plait_error_detail());
  j->end = *end;
  act(j, j->on_ended);
  j->ended = true;
  j->process = NULL;
}

static const plait_process_ops job_ops = {
    .name = "job",
    .size = PLAIT_INSTANCE(struct job_process, base),
    .started = job_started,
    .data_received = job_data,
    .pipe_lost = job_pipe_lost,
    .resume_writing = job_resume,
    .exited = job_exited,
    .ended = job_ended,
};

static plait_process_ops draining_ops;

int job_try(struct job *j) {
  const plait_process_ops *ops = &job_ops;
  if (j->reactor == NULL)
    j->reactor = plait_runtime_reactor(runtime, 0);
  if (j->on_draining != NULL) {
    draining_ops = job_ops;
    draining_ops.draining = job_draining;
    ops = &draining_ops;
  }
  int code = plait_spawn(j->reactor, &j->options, ops, &j->process);
  if (code == 0)
    ((struct job_process *)j->process)->job = j;
  return code;
}

void job_start(struct job *j) {
  require(job_try(j) == 0, "%s", plait_error_detail());
}

void job_run(struct job *j) {
  open_runtime((plait_runtime_options){0});
  job_start(j);
  require(plait_run(runtime) == 0, "%s", plait_error_detail());
  close_runtime();
}

void job_expect(const struct job *j, plait_process_how how, int status,
                bool asked) {
  const plait_process_end *end = &j->end;
  require(j->started && j->exited && j->ended, "it took another course: %s",
          j->detail);
  require(end->how == how && end->status == status && end->asked == asked,
          "how %d, status %d, asked %d", (int)end->how, end->status,
          end->asked);
}

void job_expect_failure(const struct job *j, int code, const char *detail) {
  require(!j->started && j->ended, "it started");
  require(j->end.how == PLAIT_PROCESS_FAILED && j->end.code == code,
          "how %d, code %d", (int)j->end.how, j->end.code);
  require(strcmp(j->detail, detail) == 0, "%s", j->detail);
}

bool job_write(struct job *j, int fd, const char *text) {
  plait_transport *t = plait_process_transport(j->process, fd);
  require(t != NULL, "no transport for %d", fd);
  return plait_write_str(t, text);
}

void job_close_stdin(struct job *j) {
  plait_close(plait_process_transport(j->process, 0));
}

void job_close(struct job *j) {
  plait_process_close(j->process);
}
