/* See program.h. */
#include "endpoint/program.h"

#include <plait/error.h>
#include <plait/factory.h>
#include <string.h>

#include "core/memory.h"
#include "core/runtime.h"
#include "pool/program.h"

/* The stderr that children share with us. */
static const plait_process_fd program_stderr = {2, PLAIT_CHILD_INHERITS, 2};

typedef struct program {
  plait__finder finder;
  plait_pool *pool;
  plait__program *running; /* between start() and its answer */
  plait_process_options options;
  const char *argv[PLAIT__PROGRAM_ARGS_MAX + 2];
  char text[PLAIT__PROGRAM_TEXT_MAX];
} program;

static program *program_of(plait__finder *finder) {
  return plait_container_of(finder, program, finder);
}

static void program_made(void *arg, plait__stream *stream, int code) {
  program *p = arg;
  if (stream == NULL && p->running->child.step != NULL)
    p->finder.step = p->running->child.step;
  p->running = NULL;
  if (stream != NULL)
    plait__finder_connected(&p->finder, stream);
  else
    plait__finder_found(&p->finder, code, NULL, 0);
}

static int program_start(plait__finder *finder) {
  program *p = program_of(finder);
  return plait__program_start(p->pool, plait_reactor_current(), &p->options,
                              program_made, p, &p->running);
}

static void program_cancel(plait__finder *finder) {
  plait__child_close(&program_of(finder)->running->child);
}

static void program_free(plait__finder *finder, const plait__os *os) {
  plait__free(os, program_of(finder));
}

static const plait__finder_ops program_ops = {
    .start = program_start, .cancel = program_cancel, .free = program_free};

int plait__endpoint_program_new(plait_runtime *runtime,
                                const plait__endpoint *e, plait__finder **ret) {
  const plait__os *os = runtime->driver->os;
  plait_pool *pool = plait_runtime_pool(runtime);
  program *p = pool != NULL ? plait__zalloc(os, sizeof *p) : NULL;
  if (p == NULL)
    return PLAIT_ENOMEM;
  p->finder.ops = &program_ops;
  p->finder.step = "exec";
  p->pool = pool;
  memcpy(p->text, e->program, sizeof p->text);
  const char *text = p->text;
  for (unsigned i = 0; i <= e->arg_count; i++) {
    p->argv[i] = text;
    text += strlen(text) + 1;
  }
  p->options = (plait_process_options){.program = p->text,
                                       .argv = p->argv,
                                       .fds = &program_stderr,
                                       .fd_count = 1};
  *ret = &p->finder;
  return 0;
}
