/* plait cat: joins two endpoints, the second of which is standard input and
 * output unless another is named.
 *
 * A peer that closed and one that only stopped sending look the same until
 * one writes to it.  So after the peer's end standard input goes on being
 * sent, but is not waited for: at once if it is a terminal, else when it was
 * silent for a while, both are closed. */
#include <stdio.h>
#include <unistd.h>

#include "cli.h"

enum { SILENCE_MS = 2000 };

struct pair;

struct side {
  plait_factory factory;
  struct pair *pair;
  const char *endpoint;
  plait_transport *transport; /* until they are joined: NULL before made and
                                 after lost */
};

struct pair {
  plait_runtime *runtime;
  struct side sides[2];
  plait_joint joint;
  plait_timer silence; /* of standard input, once the other side has ended */
  uint64_t said;       /* by it, when the timer was started */
  int status;
};

static struct side *side_of(plait_protocol *p) {
  return plait_container_of(p->factory, struct side, factory);
}

static struct side *other_side(struct side *side) {
  struct side *sides = side->pair->sides;
  return side == &sides[0] ? &sides[1] : &sides[0];
}

static struct pair *pair_of(plait_joint *joint) {
  return plait_container_of(joint, struct pair, joint);
}

static bool is_stdio(const struct side *side) {
  return endpoint_is(side->endpoint, "stdio");
}

/* How a program ended is in the detail. */
static const char *reason_words(int reason) {
  return reason == PLAIT_ECHILDFAILED ? plait_error_detail()
                                      : plait_strerror(reason);
}

/* One line, for the first thing that went wrong. */
static void say_lost(struct side *side, int reason) {
  if (side->pair->status != STATUS_DONE) {
    return;
  }
  side->pair->status = STATUS_FAILED;
  if (is_stdio(side)) {
    fprintf(stderr, "plait: cat: standard output did not take all of it\n");
  } else {
    fprintf(stderr, "plait: cat %s: %s\n", side->endpoint,
            reason_words(reason));
  }
}

/* ---- joined ------------------------------------------------------------ */

static int stdio_index(const struct pair *pair) {
  return is_stdio(&pair->sides[0]) ? 0 : 1;
}

static void wait_for_silence(struct pair *pair, uint64_t ms) {
  pair->said = pair->joint.bytes[stdio_index(pair)];
  plait_timer_start(&pair->silence, ms, 0);
}

/* It is not silent while the other side has yet to take what it said. */
static void fell_silent(plait_timer *timer) {
  struct pair *pair = plait_container_of(timer, struct pair, silence);
  int input = stdio_index(pair);
  plait_transport **sides = pair->joint.sides, *other = sides[1 - input];
  if (pair->joint.bytes[input] != pair->said ||
      (other != NULL && plait_transport_queued(other) > 0)) {
    wait_for_silence(pair, SILENCE_MS);
    return;
  }
  plait_close(sides[input]);
  if (other != NULL) {
    plait_close(other);
  }
}

static void pair_ended(plait_joint *joint, int side) {
  struct pair *pair = pair_of(joint);
  if (is_stdio(&pair->sides[1 - side])) {
    plait_timer_init(&pair->silence, joint->sides[1 - side], fell_silent);
    wait_for_silence(pair, isatty(STDIN_FILENO) ? 0 : SILENCE_MS);
  }
}

/* Standard output gets what came before a failure. */
static void pair_lost(plait_joint *joint, int side, int reason) {
  struct pair *pair = pair_of(joint);
  plait_transport *other = joint->sides[1 - side];
  if (reason != 0) {
    say_lost(&pair->sides[side], reason);
  }
  if (other != NULL && is_stdio(&pair->sides[1 - side])) {
    plait_close(other);
  }
}

/* ---- connecting -------------------------------------------------------- */

static void connect_second(struct side *first, struct side *second) {
  int code = plait_connect(second->pair->runtime, second->endpoint,
                           &second->factory, NULL, NULL);
  if (code < 0) {
    second->pair->status = failed(code);
    plait_close(first->transport);
  }
}

/* The second side is connected when the first one is, so that a refusal costs
 * no standard input. */
static void end_made(plait_protocol *p) {
  struct side *side = side_of(p), *other = other_side(side);
  side->transport = p->transport;
  if (side == &side->pair->sides[0]) {
    plait_pause_reading(p->transport);
    connect_second(side, other);
  } else if (other->transport != NULL &&
             !plait_transport_closing(other->transport)) {
    plait_pipe_joint(other->transport, p->transport, &side->pair->joint);
  } else {
    plait_close(p->transport);
  }
}

static void end_lost(plait_protocol *p, int reason) {
  struct side *side = side_of(p);
  side->transport = NULL;
  if (reason != 0 && reason != PLAIT_ESWITCHED) {
    say_lost(side, reason);
  }
}

static const plait_protocol_ops end_ops = {
    .name = "cat",
    .size = sizeof(plait_protocol),
    .connection_made = end_made,
    .connection_lost = end_lost,
};

static void end_failed(plait_factory *factory, plait_connector *connector,
                       int reason) {
  struct side *side = plait_container_of(factory, struct side, factory);
  plait_transport *other = other_side(side)->transport;
  (void)connector;
  side->pair->status = failed(reason);
  if (other != NULL) {
    plait_close(other);
  }
}

/* ---- running ----------------------------------------------------------- */

static const struct command cat_command = {
    .name = "cat",
    .usage = "ENDPOINT [ENDPOINT]",
    .help =
        "  plait cat tcp:127.0.0.1:4000\n"
        "  plait cat tcp:www.example.net:http\n"
        "  plait cat 'tcp:[\\:\\:1]:4000'\n"
        "  plait cat unix:/tmp/echo.sock <question >answer\n"
        "  plait cat tcp:127.0.0.1:4000 unix:/tmp/echo.sock\n"
        "  plait cat tcp:127.0.0.1:4000 process:/usr/bin/sort:arg=-r\n"
        "\n"
        "Connects, sends standard input and prints what comes back; with a\n"
        "second endpoint, joins the two.  The end of input is passed on (a\n"
        "half-close), and so is the peer's.  After the peer's end it goes on\n"
        "sending until input ends or is silent for 2 seconds; a terminal is\n"
        "not waited for.\n"
        "\n"
        "Over datagrams what has come at a time leaves as one, or as several "
        "of\n"
        "8,192 bytes at most, and each answer is printed as it is.  They have\n"
        "no end: once input has ended and nothing has come for 2 seconds, it\n"
        "is over.\n"
        "\n"
        "Exit status: 0 both ends closed in order; 1 the connection was\n"
        "refused, was reset or lost bytes (why is on stderr); 2 wrong usage.\n"
        "\n"
        "Endpoints:\n"
        "  tcp:HOST:PORT[:timeout=30][:bind=ADDRESS]  HOST is a name or an\n"
        "                                             address; IPv6 is "
        "[\\:\\:1]\n"
        "  unix:PATH[:timeout=30]                     a UNIX socket\n"
        "  process:PROGRAM[:arg=WORD]...              a program's input and "
        "output\n"
        "  udp:HOST:PORT[:bind=ADDRESS]               datagrams\n"
        "  unixgram:PATH[:bind=PATH]                  a UNIX datagram socket\n"
        "  stdio:                                     standard input and "
        "output\n"
        "A backslash before ':', '=' or '\\' makes it an ordinary character.\n",
    .example = "tcp:127.0.0.1:4000",
};

static int cat_run(struct pair *pair) {
  int code = plait_connect(pair->runtime, pair->sides[0].endpoint,
                           &pair->sides[0].factory, NULL, NULL);
  if (code < 0) {
    return failed(code);
  }
  code = plait_run(pair->runtime);
  if (code < 0 && pair->status == STATUS_DONE) {
    fprintf(stderr, "plait: cat: %s\n", plait_strerror(code));
    return STATUS_FAILED;
  }
  return pair->status;
}

static int cat(const char *first, const char *second) {
  struct pair pair = {.sides = {{.endpoint = first}, {.endpoint = second}},
                      .joint = {.ended = pair_ended, .lost = pair_lost}};
  for (int i = 0; i < 2; i++) {
    struct side *side = &pair.sides[i];
    side->pair = &pair;
    side->factory.protocol = &end_ops;
    side->factory.connect_failed = end_failed;
    if (is_stdio(side)) {
      /* A reader such as a pager may take its time. */
      side->factory.limits.flush_ms = PLAIT_UNLIMITED;
    }
  }
  const plait_runtime_options options = {.handle_signals = true};
  int code = plait_runtime_new(&options, &pair.runtime);
  if (code < 0) {
    return failed(code);
  }
  int status = cat_run(&pair);
  plait_runtime_free(pair.runtime);
  return status;
}

int cat_main(int argc, char **argv) {
  int count;
  switch (options_parse(&cat_command, argc, argv, NULL, &count)) {
  case OPTIONS_HELP:
    return printed(STATUS_DONE);
  case OPTIONS_WRONG:
    return STATUS_USAGE;
  case OPTIONS_OK:
    break;
  }
  if (count < 1 || count > 2) {
    return wrong_usage(&cat_command, "one or two endpoints, not %d", count);
  }
  const char *first = argv[0], *second = count == 2 ? argv[1] : "stdio:";
  if (is_datagram_endpoint(first)) {
    return cat_datagrams(first, second);
  }
  if (is_datagram_endpoint(second)) {
    return cat_datagrams(second, first);
  }
  return cat(first, second);
}
