#include "support/runtime.h"

#include <sys/socket.h>

#include "core/runtime.h"
#include "support/require.h"

plait_runtime *runtime;
struct leak leak;

void open_runtime_on(const plait_backend *driver,
                     plait_runtime_options options) {
  options.backend = driver;
  require(plait_runtime_new(&options, &runtime) == 0, "%s",
          plait_error_detail());
}

void open_runtime(plait_runtime_options options) {
  leak_begin(&leak);
  open_runtime_on(leak_driver(&plait__uv_backend), options);
}

void close_runtime(void) {
  require(plait_runtime_free(runtime) == 0, "%s", plait_error_detail());
  leak_end(&leak);
}

int run(void (*start)(plait_call *, plait_protocol *)) {
  plait_call call = {.run = start};
  require(plait_reactor_post(plait_runtime_reactor(runtime, 0), &call) == 0,
          "no post");
  return plait_run(runtime);
}

int join(plait_factory *factory, unsigned reactor) {
  int fds[2];
  require(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0, "no pair");
  require(plait_adopt(plait_runtime_reactor(runtime, reactor), fds[0],
                      factory) == 0,
          "%s", plait_error_detail());
  return fds[1];
}

void wait_for(sem_t *sem) {
  while (sem_wait(sem) != 0)
    continue;
}

/* libuv keeps a pipe from its first loop on. */
int run_suite(Suite *suite) {
  require(plait_runtime_new(NULL, &runtime) == 0, "%s", plait_error_detail());
  plait_runtime_free(runtime);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
