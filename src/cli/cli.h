/* What the files of the command `plait` share. */
#ifndef PLAIT_CLI_H
#define PLAIT_CLI_H

#include <plait.h>

/* ---- exit status ------------------------------------------------------- */

enum { STATUS_DONE = 0, STATUS_FAILED = 1, STATUS_USAGE = 2 };

/* ---- options: options.c ------------------------------------------------ */

/* One option of a subcommand; the help is made of the same table. */
struct option {
  const char *name;     /* "--reactors" */
  const char *argument; /* "N|auto", or NULL for one that takes none */
  const char *help;     /* what it does; a second line is indented */
  /* Puts the value of |text| at |field|; NULL if it was right, else what it
   * should have been, such as "a number from 1 to 64". */
  const char *(*parse)(const char *text, void *field);
  size_t offset;       /* of the field in the struct of the options */
  const char *example; /* "--reactors 4" */
};

/* A subcommand. */
struct command {
  const char *name;
  const char *usage;            /* what follows "usage: plait NAME " */
  const char *help;             /* what it does, examples first */
  const char *example;          /* right arguments, for error messages */
  const struct option *options; /* ends with a NULL name; may be NULL */
  void (*more_help)(void);      /* may be NULL */
};

enum options_answer { OPTIONS_OK, OPTIONS_HELP, OPTIONS_WRONG };

/* Takes the options out of |argv|, wherever they stand, and stores them in
 * |values|; |ret_count| is the number of arguments that are left.  --help has
 * been answered on stdout, a mistake on stderr. */
enum options_answer options_parse(const struct command *command, int argc,
                                  char **argv, void *values, int *ret_count);

/* The parse members. */
const char *option_flag(const char *text, void *bool_field);
const char *option_reactors(const char *text, void *unsigned_field);
const char *option_workers(const char *text, void *unsigned_field);
const char *option_dispatch(const char *text, void *dispatch_field);
const char *option_length(const char *text, void *size_field);
const char *option_connections(const char *text, void *unsigned_field);
const char *option_endpoint(const char *text, void *string_field);
const char *option_seconds(const char *text, void *uint32_ms_field);

/* Whether |endpoint| is one of |type|, such as "stdio:" and "stdio". */
bool endpoint_is(const char *endpoint, const char *type);

/* What --delimiter has named so far: delimiter.c. */
struct delimiters {
  size_t count, len[PLAIT_DELIMITERS_MAX];
  uint8_t bytes[PLAIT_DELIMITERS_MAX][PLAIT_DELIMITER_BYTES_MAX];
};

const char *option_delimiter(const char *text, void *delimiters_field);

/* Says what is wrong with the arguments, and shows right ones.
 * STATUS_USAGE. */
int wrong_usage(const struct command *command, const char *format, ...)
    PLAIT_PRINTF(2, 3);

/* Says why a plait function answered |code|.  STATUS_USAGE for a malformed
 * endpoint, else STATUS_FAILED. */
int failed(int code);

/* |status|, or STATUS_FAILED if standard output did not take what was printed
 * there, which is said once. */
int printed(int status);

/* How many connections there were, for people: serve.c. */
void say_stopped(plait_runtime *runtime);

/* ---- subcommands ------------------------------------------------------- */

int serve_main(int argc, char **argv);   /* serve.c */
int cat_main(int argc, char **argv);     /* cat.c */
int proxy_main(int argc, char **argv);   /* proxy.c */
int resolve_main(int argc, char **argv); /* resolve.c */
int run_main(int argc, char **argv);     /* run.c */
int sim_main(int argc, char **argv);     /* sim.c */

/* ---- datagrams for cat: cat_datagram.c --------------------------------- */

bool is_datagram_endpoint(const char *endpoint);
/* Joins the peer |endpoint| and a stream.  The exit status. */
int cat_datagrams(const char *endpoint, const char *stream_endpoint);

/* ---- services: services.c ---------------------------------------------- */

struct hall;
struct serving;

/* A row in the table of services. */
struct service {
  const char *name;
  const char *summary;
  const plait_protocol_ops *protocol;
  const plait_datagram_ops *datagrams; /* NULL: it needs a stream */
};

/* A service with its endpoints: what stands between two '+'. */
struct served {
  plait_factory factory;
  plait_datagram_factory datagrams;
  const struct service *service;
  char **endpoints;
  int count;
  plait_listener **listeners;
  plait_datagram_port **ports; /* NULL where there is a listener */
  size_t frame_bytes_max;      /* of the framed echoes; 0: the framing's own */
  struct hall *hall;           /* of chat, else NULL */
  struct serving *serving;
};

#define served_of(f) plait_container_of(f, struct served, factory)

const struct service *service_find(const char *name); /* or NULL */
const char *service_names(void);                      /* "echo, discard" */
void service_help(void);                              /* on stdout */

extern const plait_line_ops line_echo;   /* line_echo.c */
extern const plait_framed_ops int8_echo; /* frame_echo.c */
extern const plait_framed_ops int16_echo;
extern const plait_framed_ops int32_echo;
extern const plait_framed_ops netstring_echo;
extern const plait_framed_ops delimited_echo;
void delimited_echo_set(const struct delimiters *d);
extern const plait_line_ops chat; /* chat.c */

#endif
