/* What a callback on a worker may ask of plait beyond its own connection. */
#include <check.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <plait.h>

#include "support/require.h"
#include "support/runtime.h"

/* ---- listeners ----------------------------------------------------------- */

enum { ASKERS = 8, LISTENERS = 60 };

static plait_factory quiet = {.protocol = &plait_discard};
static atomic_uint listening;

/* Those that are not closed go with the runtime. */
static void listen_often(plait_protocol *p) {
  for (unsigned i = 0; i < LISTENERS; i++) {
    plait_listener *l;
    char type[8] = "";
    int code =
        plait_listen(runtime, "tcp:0:interface=127.0.0.1", &quiet, NULL, &l);
    require(code == 0, "%s", plait_error_detail());
    require(sscanf(plait_listener_endpoint(l), "%3[a-z]:", type) == 1 &&
                type[0] == 't',
            "%s", plait_listener_endpoint(l));
    if (i % 8 != 0)
      plait_listener_close(l);
  }
  if (atomic_fetch_add(&listening, 1) + 1 == ASKERS)
    plait_runtime_stop(runtime);
  plait_close(p->transport);
}

static const plait_protocol_ops asker_ops = {.name = "asker",
                                             .size = sizeof(plait_protocol),
                                             .connection_made = listen_often};

START_TEST(test_listens) {
  plait_factory asking = {.protocol = &asker_ops, .dispatch = PLAIT_ON_WORKERS};
  int fds[ASKERS];
  listening = 0;
  open_runtime((plait_runtime_options){.reactors = 2,
                                       .pool.strand_threads_max = ASKERS});
  for (unsigned i = 0; i < ASKERS; i++)
    fds[i] = join(&asking, i % 2);
  ck_assert_int_eq(plait_run(runtime), 0);
  ck_assert_uint_eq(listening, ASKERS);
  for (unsigned i = 0; i < ASKERS; i++)
    close(fds[i]);
  close_runtime();
}
END_TEST

/* ---- one that is used from the moment it is there ------------------------ */

static plait_listener *kept;
static plait_factory calling;
static atomic_uint served;

static void served_made(plait_protocol *p) {
  atomic_fetch_add(&served, 1);
  plait_close(p->transport);
  plait_listener_close(kept);
}

static const plait_protocol_ops served_ops = {.name = "served",
                                              .size = sizeof(plait_protocol),
                                              .connection_made = served_made};
static plait_factory serving = {.protocol = &served_ops,
                                .dispatch = PLAIT_ON_WORKERS};

static void listen_and_connect(plait_protocol *p) {
  unsigned port;
  char endpoint[64];
  int code =
      plait_listen(runtime, "tcp:0:interface=127.0.0.1", &serving, NULL, &kept);
  require(code == 0, "%s", plait_error_detail());
  require(sscanf(plait_listener_endpoint(kept), "tcp:%u", &port) == 1,
          "no port");
  snprintf(endpoint, sizeof endpoint, "tcp:127.0.0.1:%u", port);
  code = plait_connect(runtime, endpoint, &calling, NULL, NULL);
  require(code == 0, "%s", plait_error_detail());
  plait_close(p->transport);
}

START_TEST(test_listens_and_connects) {
  plait_protocol_ops ops = asker_ops;
  ops.connection_made = listen_and_connect;
  plait_factory asking = {.protocol = &ops, .dispatch = PLAIT_ON_WORKERS};
  calling = (plait_factory){.protocol = &plait_discard};
  served = 0;
  open_runtime((plait_runtime_options){.reactors = 2});
  close(join(&asking, 1));
  ck_assert_int_eq(plait_run(runtime), 0);
  ck_assert_uint_eq(served, 1);
  close_runtime();
}
END_TEST

int main(void) {
  Suite *suite = suite_create("workers");
  TCase *tc = tcase_create("listeners");
  tcase_set_timeout(tc, 60);
  tcase_add_test(tc, test_listens);
  tcase_add_test(tc, test_listens_and_connects);
  suite_add_tcase(suite, tc);
  return run_suite(suite);
}
