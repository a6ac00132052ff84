/* A runtime by itself: what its functions refuse, and the jar of a reactor. */
#include <check.h>
#include <string.h>

#include "support/require.h"
#include "support/runtime.h"

/* ---- refusals ------------------------------------------------------------ */

START_TEST(test_too_many_reactors) {
  plait_runtime_options options = {.reactors = PLAIT_REACTORS_MAX + 1};
  plait_runtime *none = NULL;
  ck_assert_int_eq(plait_runtime_new(&options, &none), PLAIT_EINVAL);
  ck_assert_ptr_nonnull(strstr(plait_error_detail(), "reactors"));
  ck_assert_ptr_null(none);
}
END_TEST

START_TEST(test_free_nothing) {
  ck_assert_int_eq(plait_runtime_free(NULL), 0);
}
END_TEST

static int freed;

static void free_in_run(plait_call *call, plait_protocol *protocol) {
  (void)call;
  (void)protocol;
  freed = plait_runtime_free(runtime);
}

START_TEST(test_free_while_it_runs) {
  open_runtime((plait_runtime_options){.reactors = 1});
  ck_assert_int_eq(run(free_in_run), 0);
  ck_assert_int_eq(freed, PLAIT_EBUSY);
  close_runtime();
}
END_TEST

START_TEST(test_reactors_by_number) {
  open_runtime((plait_runtime_options){.reactors = 2});
  ck_assert_uint_eq(plait_runtime_reactors(runtime), 2);
  ck_assert_ptr_nonnull(plait_runtime_reactor(runtime, 1));
  ck_assert_ptr_null(plait_runtime_reactor(runtime, 2));
  close_runtime();
}
END_TEST

START_TEST(test_no_protocol) {
  plait_factory factory = {.protocol = NULL};
  plait_listener *listener = NULL;
  plait_connector *connector = NULL;
  open_runtime((plait_runtime_options){0});
  ck_assert_int_eq(plait_listen(runtime, "tcp:0", &factory, NULL, &listener),
                   PLAIT_EINVAL);
  ck_assert_ptr_nonnull(strstr(plait_error_detail(), "no protocol"));
  ck_assert_ptr_null(listener);
  ck_assert_int_eq(
      plait_connect(runtime, "tcp:127.0.0.1:9", &factory, NULL, &connector),
      PLAIT_EINVAL);
  ck_assert_int_eq(plait_run(runtime), 0); /* nothing began */
  close_runtime();
}
END_TEST

/* ---- the cookie jar ------------------------------------------------------ */

static const plait_cookie_key first = {"first"}, second = {"second"};
static int values[3];

static void eat(void *value) {
  ++*(int *)value;
}

START_TEST(test_cookies) {
  open_runtime((plait_runtime_options){.reactors = 2});
  plait_reactor *r = plait_runtime_reactor(runtime, 0);
  ck_assert_ptr_null(plait_reactor_cookie(r, &first));
  ck_assert_ptr_null(plait_reactor_cookie_set(r, &first, NULL, eat));
  ck_assert_ptr_null(plait_reactor_cookie_set(r, &first, &values[0], eat));
  ck_assert_ptr_null(plait_reactor_cookie_set(r, &second, &values[1], eat));
  ck_assert_ptr_eq(plait_reactor_cookie(r, &first), &values[0]);
  ck_assert_ptr_eq(plait_reactor_cookie(r, &second), &values[1]);
  plait_reactor *other = plait_runtime_reactor(runtime, 1);
  ck_assert_ptr_null(plait_reactor_cookie(other, &first));

  /* What is replaced or taken out is not eaten, nor is one without |eat|. */
  ck_assert_ptr_eq(plait_reactor_cookie_set(r, &first, &values[2], eat),
                   &values[0]);
  ck_assert_ptr_eq(plait_reactor_cookie_set(r, &second, NULL, NULL),
                   &values[1]);
  ck_assert_ptr_null(plait_reactor_cookie(r, &second));
  ck_assert_ptr_null(plait_reactor_cookie_set(r, &second, &values[1], NULL));
  close_runtime();
  ck_assert_int_eq(values[0], 0);
  ck_assert_int_eq(values[1], 0);
  ck_assert_int_eq(values[2], 1);
}
END_TEST

START_TEST(test_cookie_without_memory) {
  open_runtime((plait_runtime_options){.reactors = 1});
  plait_reactor *r = plait_runtime_reactor(runtime, 0);
  leak_fail_at(1);
  ck_assert_ptr_eq(plait_reactor_cookie_set(r, &first, &values[0], eat),
                   &values[0]);
  ck_assert(leak_failed());
  leak_fail_at(0);
  ck_assert_ptr_null(plait_reactor_cookie(r, &first));
  close_runtime();
  ck_assert_int_eq(values[0], 0);
}
END_TEST

int main(void) {
  TCase *tests = tcase_create("runtime");
  tcase_add_test(tests, test_too_many_reactors);
  tcase_add_test(tests, test_free_nothing);
  tcase_add_test(tests, test_free_while_it_runs);
  tcase_add_test(tests, test_reactors_by_number);
  tcase_add_test(tests, test_no_protocol);
  tcase_add_test(tests, test_cookies);
  tcase_add_test(tests, test_cookie_without_memory);
  Suite *suite = suite_create("runtime");
  suite_add_tcase(suite, tests);
  return run_suite(suite);
}
