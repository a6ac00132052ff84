/* What a test's children do: the program runs itself with the name of an act.
 *
 *     int main(int argc, char **argv) {
 *       return argc > 1 ? child_main(argv + 1) : run_suite(suite());
 *     }
 */
#ifndef PLAIT_TESTS_CHILD_H
#define PLAIT_TESTS_CHILD_H

/* The options' |argv| for an act of this program. */
#define CHILD(...) ((const char *const[]){"child", __VA_ARGS__, NULL})
#define CHILD_PROGRAM "/proc/self/exe"

/* Acts by name, the exit code.  argv[0]:
 *
 *   descriptors    prints each that is open, "0 1 2 "
 *   blocking       exits with 0 if its standard input is
 *   ids            prints uid, gid, group count
 *   groups         prints whether it leads a session, a group
 *   stubborn       ignores SIGTERM, says "ready", and stays
 *   patient        says "ready", and stays
 *   tidy CODE      says "ready"; on SIGTERM exits with CODE
 *   flood FD N     writes N bytes of a pattern to FD
 *   silent         closes 0, 1 and 2, and stays
 *   keeper MS      a child of its own keeps the pipes for MS, it exits at once
 *   talker         the same, and that one writes for ever
 *   swallow        closes 0, says "closed", waits for a byte of descriptor 3
 *   terminal       prints whether 0 to 2 are a terminal that controls it
 */
int child_main(char **argv);

#endif
