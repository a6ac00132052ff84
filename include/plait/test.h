/* The test kit for protocols: a world with a runtime in it, peers that do and
 * say what the test tells them to, and a clock that the test moves.
 *
 *     static struct site site = {.factory.protocol = &echo};
 *     plait_test *test;
 *     plait_test_peer *peer;
 *     PLAIT_TEST_MUST(plait_test_new(NULL, &test));
 *     PLAIT_TEST_MUST(plait_test_serve(test, &site.factory, &peer));
 *     plait_test_feed(peer, "hello");
 *     PLAIT_TEST_MUST(plait_test_expect(peer, "hello"));
 *     plait_test_advance(test, 60000);
 *     PLAIT_TEST_MUST(plait_test_expect_state(peer, PLAIT_TEST_ENDED));
 *     PLAIT_TEST_MUST(plait_test_free(test));
 *
 * What runs is plait as it ships, with its send queues, time-outs, closing and
 * workers; simulated is only the system below it (<plait/sim.h>).  So there are
 * no sockets, no waiting and no threads, and each run of a test is the same.
 *
 * What can go wrong returns NULL, or a text of some lines that says what came,
 * what was expected and where they differ; the next such call replaces it.
 * PLAIT_TEST_MUST() takes it where there is no test framework.  With one, write
 * your own; for Check:
 *
 *     #define MUST(text) \
 *       do { \
 *         const char *wrong = (text); \
 *         ck_assert_msg(wrong == NULL, "%s", wrong); \ } while (0)
 *
 * One test at a time in a process; all functions on the thread that made it,
 * and none in a callback.
 */
#ifndef PLAIT_TEST_H
#define PLAIT_TEST_H

#include <plait/endpoint.h>
#include <plait/sim.h>

PLAIT_BEGIN

/* A world with a runtime; and the other end of a connection in it. */
typedef struct plait_test plait_test;
typedef struct plait_test_peer plait_test_peer;

/* All zero: one reactor in a quick and faultless world. */
typedef struct plait_test_options {
  /* Of these, latency_max_us is [1]. */
  plait_sim_options sim;
  /* keep_running and backend are the kit's. */
  plait_runtime_options runtime;
} plait_test_options;

/* Makes a world and a runtime in it; |options| may be NULL. */
PLAIT_EXTERN const char *plait_test_new(const plait_test_options *options,
                                        plait_test **ret);

/* Stops the runtime in order while all peers stay as they are, and frees all;
 * virtual time passes, up to the runtime's grace.  A text if plait_run() did
 * not end with 0, or if something is left behind: memory with the place that
 * asked for it, descriptors.  NULL is harmless. */
PLAIT_EXTERN const char *plait_test_free(plait_test *test);

/* Nothing if |text| is NULL; else prints it behind |file| and |line| to
 * standard error, and aborts. */
PLAIT_EXTERN void plait_test_must(const char *text, const char *file, int line);
#define PLAIT_TEST_MUST(text) plait_test_must((text), __FILE__, __LINE__)

/* ---- the world ------------------------------------------------------------*/

/* The runtime.  It begins to run with the first call below that lets anything
 * happen: until then it may be told to listen and connect as before any
 * plait_run(), afterwards through plait_test_call(). */
PLAIT_EXTERN plait_runtime *plait_test_runtime(plait_test *test);

/* The world, for names, partitions, cuts and failures. */
PLAIT_EXTERN plait_sim *plait_test_sim(plait_test *test);

/* Runs |fn|(|arg|) as a callback on the runtime's first reactor, and settles.
 * A text if the runtime has stopped. */
PLAIT_EXTERN const char *plait_test_call(plait_test *test,
                                         void (*fn)(void *arg), void *arg);

/* Lets everything happen that is under way, be it on reactors, on workers or
 * between them, until nothing does but waiting for time-outs.  This takes as
 * much virtual time as these things do, and then the longest that the world
 * takes to deliver something and an answer to it: some 100 us, unless the
 * options say otherwise, latency and stalls.  What never rests has 100 ms, or
 * 100 such times if that is more.  A lookup, which takes up to resolve_max_ms,
 * is waited for by plait_test_advance() alone, as is what blocks.  All
 * functions here that do something settle. */
PLAIT_EXTERN void plait_test_settle(plait_test *test);

/* Lets |ms| of virtual time pass, and settles.  What is due in N ms has not
 * happened N - 1 ms later, and has N + 1 ms later. */
PLAIT_EXTERN void plait_test_advance(plait_test *test, uint64_t ms);

/* Virtual milliseconds since plait_test_new(). */
PLAIT_EXTERN uint64_t plait_test_now_ms(const plait_test *test);

/* ---- peers ----------------------------------------------------------------
 *
 * A peer is the other end of one connection.  It reads all that comes and
 * keeps it, and says and ends nothing by itself, not even when the other end
 * has ended.  What is asked of one whose connection is gone has no effect.  It
 * is good until plait_test_free().
 */

/* The factory listens, and a new peer connects to it; each call makes one.
 * PLAIT_TEST_MUST() of it is about the network only: a factory that refuses
 * shows in the state of the peer. */
PLAIT_EXTERN const char *plait_test_serve(plait_test *test,
                                          plait_factory *factory,
                                          plait_test_peer **ret);

/* A new peer connects to |endpoint|, where the runtime listens. */
PLAIT_EXTERN const char *plait_test_dial(plait_test *test, const char *endpoint,
                                         plait_test_peer **ret);

/* The factory connects, and a new peer accepts it.  |options| may be NULL. */
PLAIT_EXTERN const char *plait_test_accept(plait_test *test,
                                           plait_factory *factory,
                                           const plait_connect_options *options,
                                           plait_test_peer **ret);
/* The peer that accepted the next connection of the same factory, which has
 * connected anew, or NULL. */
PLAIT_EXTERN plait_test_peer *plait_test_next(const plait_test_peer *peer);

/* Two factories of the runtime in one world: |client| connects to |server|.
 * The options of the world are what is between them; plait_sim_partition() and
 * plait_sim_cut() disturb it. */
PLAIT_EXTERN const char *plait_test_link(plait_test *test,
                                         plait_factory *server,
                                         plait_factory *client,
                                         const plait_connect_options *options);

/* Says |text|; says |len| bytes. */
PLAIT_EXTERN void plait_test_feed(plait_test_peer *peer, const char *text);
PLAIT_EXTERN void plait_test_feed_bytes(plait_test_peer *peer, const void *data,
                                        size_t len);
/* Says them in pieces of |piece| bytes, 0 being 1, which arrive one by one. */
PLAIT_EXTERN void plait_test_feed_pieces(plait_test_peer *peer,
                                         const void *data, size_t len,
                                         size_t piece);

/* Ends its side, behind what it said: the other end hears so, and may go on. */
PLAIT_EXTERN void plait_test_end(plait_test_peer *peer);
/* Resets the connection. */
PLAIT_EXTERN void plait_test_reset(plait_test_peer *peer);
/* Whether it reads what comes.  While it does not, some 64 KiB fit into the
 * world (capacity) and the rest is with the writer. */
PLAIT_EXTERN void plait_test_read(plait_test_peer *peer, bool on);

/* What has come since it was last cleared, or taken by an expectation; good
 * until the next call of the kit.  A NUL follows it. */
PLAIT_EXTERN plait_slice plait_test_value(const plait_test_peer *peer);
PLAIT_EXTERN void plait_test_clear(plait_test_peer *peer);

/* How the connection is, as the peer sees it. */
typedef enum plait_test_state {
  PLAIT_TEST_OPEN,
  PLAIT_TEST_ENDED, /* the other end says no more: plait_close(), or only
                       plait_write_eof(), which look the same from here */
  PLAIT_TEST_RESET
} plait_test_state;
/* Does not settle. */
PLAIT_EXTERN plait_test_state plait_test_get_state(const plait_test_peer *peer);

/* Settles, and takes what has come if it is |text|, or these |len| bytes, and
 * nothing else. */
PLAIT_EXTERN const char *plait_test_expect(plait_test_peer *peer,
                                           const char *text);
PLAIT_EXTERN const char *plait_test_expect_bytes(plait_test_peer *peer,
                                                 const void *data, size_t len);
/* Settles; whether the connection is in this state.  What has come stays. */
PLAIT_EXTERN const char *plait_test_expect_state(plait_test_peer *peer,
                                                 plait_test_state state);

PLAIT_END

#endif
