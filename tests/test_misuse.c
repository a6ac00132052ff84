/* What a debug build finds: a transport that is used where it may not be.  Each
 * of these ends the process, so it is a child's. */
#include <check.h>
#include <plait.h>
#include <stdlib.h>
#include <string.h>

#include "support/last_words.h"
#include "support/require.h"
#include "support/runtime.h"
#include "support/sim_world.h"

#if PLAIT_DEBUG
enum { LOOKS = true };
#else
enum { LOOKS = false };
#endif

static plait_transport *transports[2];
static unsigned made;

/* P30 */
static void expect(void (*fn)(void), const char *part) {
  const char *text = last_words(fn);
  require(strstr(text, part) != NULL, "no '%s' in: %s", part, text);
}

static void user_made(plait_protocol *p) {
  transports[made++] = p->transport;
}

static const plait_protocol_ops user_ops = {.name = "user",
                                            .size = sizeof(plait_protocol),
                                            .connection_made = user_made};

static void write_to_first(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  plait_write(transports[0], "misuse", 6);
}

static void write_in_call(plait_protocol *p) {
  user_made(p);
  if (made == 2)
    write_to_first(NULL, NULL);
}

static const plait_protocol_ops writer_ops = {.name = "writer",
                                              .size = sizeof(plait_protocol),
                                              .connection_made = write_in_call};

/* Two ends of a connection, of which a reactor has one each. */
static void open_both(const plait_protocol_ops *ops, plait_dispatch dispatch) {
  static plait_factory factory;
  int fds[2];
  factory = (plait_factory){.protocol = ops, .dispatch = dispatch};
  sim_begin((plait_sim_options){0});
  open_runtime_on(plait_sim_backend(sim),
                  (plait_runtime_options){.reactors = 2});
  require(plait_sim_pair(sim, fds) == 0, "no pair");
  for (unsigned i = 0; i < 2; i++)
    require(plait_adopt(plait_runtime_reactor(runtime, i), fds[i], &factory) ==
                0,
            "%s", plait_error_detail());
}

/* ---- of a reactor --------------------------------------------------------*/

static void write_on_thread(void *arg) {
  (void)arg;
  plait_sim_sleep_us(sim, 1000000);
  write_to_first(NULL, NULL);
}

static void use_on_a_thread(void) {
  plait_sim_thread *thread;
  open_both(&user_ops, PLAIT_ON_REACTOR);
  require(plait_sim_thread_start(sim, write_on_thread, NULL, "another",
                                 &thread) == 0,
          "no thread");
  plait_run(runtime);
}

static void use_on_another_reactor(void) {
  open_both(&writer_ops, PLAIT_ON_REACTOR);
  plait_run(runtime);
}

START_TEST(a_reactor_has_its_transports) {
  expect(use_on_a_thread,
         "plait_write: a transport of reactor 0 was used on a thread that runs "
         "no reactor; other threads use its handle");
  expect(use_on_another_reactor,
         "plait_write: a transport of reactor 0 was used on reactor 1; other "
         "threads use its handle");
}
END_TEST

/* ---- of a strand ---------------------------------------------------------*/

static void write_in_timer(plait_timer *timer) {
  (void)timer;
  write_to_first(NULL, NULL);
}

static void start_timer(plait_call *call, plait_protocol *p) {
  static plait_timer timer;
  (void)call, (void)p;
  plait_timer_init(&timer, NULL, write_in_timer);
  plait_timer_start(&timer, 1000, 0);
}

static void use_on_the_reactor(void) {
  open_both(&user_ops, PLAIT_ON_WORKERS);
  run(start_timer);
}

static void use_on_another_strand(void) {
  open_both(&writer_ops, PLAIT_ON_WORKERS);
  plait_run(runtime);
}

START_TEST(a_strand_has_its_transport) {
  expect(use_on_the_reactor,
         "plait_write: a transport of a strand was used outside of it; others "
         "use its handle");
  expect(use_on_another_strand,
         "plait_write: a transport of a strand was used on another strand; "
         "others use its handle");
}
END_TEST

int main(void) {
  Suite *s = suite_create("misuse");
  TCase *tc = tcase_create("misuse");
  tcase_set_timeout(tc, 60);
  if (LOOKS) {
    tcase_add_test(tc, a_reactor_has_its_transports);
    tcase_add_test(tc, a_strand_has_its_transport);
  }
  suite_add_tcase(s, tc);
  return run_suite(s);
}
