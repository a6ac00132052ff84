/* Options: what each is called, what its values are and who has it.  The
 * backend is only asked for what makes sense. */
#include <plait/error.h>
#include <plait/option.h>
#include <string.h>

#include "core/error.h"
#include "core/stream.h"

typedef enum option_of { OF_ALL, OF_IP, OF_TCP } option_of;

typedef struct option_row {
  const char *name;
  plait_option_type type;
  option_of of;
  bool reads;         /* and cannot be set */
  const char *refuse; /* why it can be neither set nor read, or not set */
  uint32_t max;       /* 0: an int's */
} option_row;

#define FLAG PLAIT_OPTION_IS_FLAG
#define NUMBER PLAIT_OPTION_IS_NUMBER
#define BYTES PLAIT_OPTION_IS_BYTES
#define MS PLAIT_OPTION_IS_MS
#define TEXT PLAIT_OPTION_IS_TEXT

static const option_row rows[] = {
    [PLAIT_OPTION_DEBUG] = {"debug", FLAG, OF_ALL, false, NULL, 0},
    [PLAIT_OPTION_ACCEPTCONN] = {"acceptconn", FLAG, OF_ALL, true, NULL, 0},
    [PLAIT_OPTION_REUSE_ADDRESS] = {"reuse_address", FLAG, OF_ALL, false, NULL,
                                    0},
    [PLAIT_OPTION_KEEP_ALIVE] = {"keep_alive", FLAG, OF_ALL, false, NULL, 0},
    [PLAIT_OPTION_DONT_ROUTE] = {"dont_route", FLAG, OF_ALL, false, NULL, 0},
    [PLAIT_OPTION_BROADCAST] = {"broadcast", FLAG, OF_ALL, false, NULL, 0},
    [PLAIT_OPTION_OOB_INLINE] = {"oob_inline", FLAG, OF_ALL, false, NULL, 0},
    [PLAIT_OPTION_NODELAY] = {"nodelay", FLAG, OF_TCP, false, NULL, 0},
    [PLAIT_OPTION_QUICKACK] = {"quickack", FLAG, OF_TCP, false, NULL, 0},
    [PLAIT_OPTION_KEEP_ALIVE_IDLE] = {"keep_alive_idle", MS, OF_TCP, false,
                                      NULL, UINT32_MAX},
    [PLAIT_OPTION_KEEP_ALIVE_INTERVAL] = {"keep_alive_interval", MS, OF_TCP,
                                          false, NULL, UINT32_MAX},
    [PLAIT_OPTION_USER_TIMEOUT] = {"user_timeout", MS, OF_TCP, false, NULL, 0},
    [PLAIT_OPTION_SEND_TIMEOUT] = {"send_timeout", MS, OF_ALL, false, NULL,
                                   UINT32_MAX},
    [PLAIT_OPTION_RECEIVE_TIMEOUT] = {"receive_timeout", MS, OF_ALL, false,
                                      NULL, UINT32_MAX},
    [PLAIT_OPTION_SEND_BUFFER] = {"send_buffer", BYTES, OF_ALL, false, NULL, 0},
    [PLAIT_OPTION_RECEIVE_BUFFER] = {"receive_buffer", BYTES, OF_ALL, false,
                                     NULL, 0},
    [PLAIT_OPTION_SEND_LOWAT] = {"send_lowat", BYTES, OF_ALL, true, NULL, 0},
    [PLAIT_OPTION_RECEIVE_LOWAT] = {"receive_lowat", BYTES, OF_ALL, false, NULL,
                                    0},
    [PLAIT_OPTION_UNSENT_LOWAT] = {"unsent_lowat", BYTES, OF_TCP, false, NULL,
                                   0},
    [PLAIT_OPTION_KEEP_ALIVE_COUNT] = {"keep_alive_count", NUMBER, OF_TCP,
                                       false, NULL, 127},
    [PLAIT_OPTION_PRIORITY] = {"priority", NUMBER, OF_ALL, false, NULL, 0},
    [PLAIT_OPTION_TOS] = {"tos", NUMBER, OF_IP, false, NULL, 255},
    [PLAIT_OPTION_LINGER] = {"linger", PLAIT_OPTION_IS_LINGER, OF_ALL, true,
                             "it would make a close block: see linger_ms", 0},
    [PLAIT_OPTION_CONGESTION] = {"congestion", TEXT, OF_TCP, false, NULL, 0},
    [PLAIT_OPTION_TYPE] = {"type", TEXT, OF_ALL, true, NULL, 0},
    [PLAIT_OPTION_ERROR] = {"error", NUMBER, OF_ALL, false,
                            "connection_lost is told it", 0},
};

enum { OPTIONS = sizeof rows / sizeof *rows };

static const char *const type_names[] = {
    [PLAIT_OPTION_IS_FLAG] = "a flag",
    [PLAIT_OPTION_IS_NUMBER] = "a number",
    [PLAIT_OPTION_IS_BYTES] = "bytes",
    [PLAIT_OPTION_IS_MS] = "milliseconds",
    [PLAIT_OPTION_IS_LINGER] = "a flag with milliseconds",
    [PLAIT_OPTION_IS_TEXT] = "a text",
};

/* ---- values -------------------------------------------------------------- */

plait_option_value plait_option_text(const char *text) {
  plait_option_value v = {.type = PLAIT_OPTION_IS_TEXT};
  size_t len = strlen(text);
  memcpy(v.text, text, len < sizeof v.text ? len : sizeof v.text - 1);
  return v;
}

const char *plait_option_name(plait_option option,
                              plait_option_type *ret_type) {
  if ((unsigned)option >= OPTIONS)
    return NULL;
  *ret_type = rows[option].type;
  return rows[option].name;
}

static const char *type_name(plait_option_type type) {
  return (unsigned)type < sizeof type_names / sizeof *type_names
             ? type_names[type]
             : "nothing";
}

/* ---- what makes sense ---------------------------------------------------- */

static int option_check_value(const option_row *row,
                              const plait_option_value *v) {
  uint32_t max = row->max != 0 ? row->max : INT32_MAX;
  if (v->type != row->type)
    return plait__fail(PLAIT_EINVAL, "option %s: is %s, and not %s", row->name,
                       type_name(row->type), type_name(v->type));
  if (v->number > max)
    return plait__fail(PLAIT_EINVAL, "option %s: at most %u", row->name, max);
  return 0;
}

static bool option_is_had(const plait__stream *s, option_of of) {
  bool ip = s->peer.family == PLAIT_IPV4 || s->peer.family == PLAIT_IPV6;
  return of == OF_ALL || ip; /* all that is IP is TCP */
}

static int option_check(const plait_transport *t, plait_option option,
                        const plait_option_value *set) {
  if ((unsigned)option >= OPTIONS)
    return plait__fail(PLAIT_EINVAL, "option %u: there is none",
                       (unsigned)option);
  const option_row *row = &rows[option];
  if (set != NULL && row->reads)
    return plait__fail(PLAIT_EPERM, "option %s: is not to be set%s%s",
                       row->name, row->refuse != NULL ? ": " : "",
                       row->refuse != NULL ? row->refuse : "");
  if (!row->reads && row->refuse != NULL)
    return plait__fail(PLAIT_EPERM, "option %s: %s", row->name, row->refuse);
  if (!option_is_had(plait__stream_of(t), row->of))
    return plait__fail(PLAIT_ENOTSUP, "option %s: only %s has it", row->name,
                       row->of == OF_TCP ? "TCP" : "IP");
  return set != NULL ? option_check_value(row, set) : 0;
}

static int option_answer(plait_option option, int code) {
  return code == 0 ? 0
                   : plait__fail(code, "option %s: %s", rows[option].name,
                                 plait_strerror(code));
}

/* ---- the public functions ------------------------------------------------ */

int plait_transport_option_set(plait_transport *t, plait_option option,
                               plait_option_value value) {
  plait__at_home(t, "plait_transport_option_set");
  int code = option_check(t, option, &value);
  return code != 0
             ? code
             : option_answer(option, t->ops->option(t, true, option, &value));
}

int plait_transport_option_get(const plait_transport *t, plait_option option,
                               plait_option_value *ret) {
  plait__at_home(t, "plait_transport_option_get");
  int code = option_check(t, option, NULL);
  if (code != 0)
    return code;
  plait_option_value value = {.type = rows[option].type};
  code = option_answer(option, t->ops->option(t, false, option, &value));
  if (code == 0)
    *ret = value;
  return code;
}

int plait_transport_set_nodelay(plait_transport *t, bool on) {
  plait__at_home(t, "plait_transport_set_nodelay");
  return plait_transport_option_set(t, PLAIT_OPTION_NODELAY,
                                    plait_option_flag(on));
}

int plait_transport_set_keepalive(plait_transport *t, unsigned idle_s) {
  plait__at_home(t, "plait_transport_set_keepalive");
  uint32_t ms = idle_s < UINT32_MAX / 1000 ? idle_s * 1000 : UINT32_MAX;
  int code = plait_transport_option_set(t, PLAIT_OPTION_KEEP_ALIVE,
                                        plait_option_flag(idle_s != 0));
  if (code != 0 || idle_s == 0)
    return code;
  return plait_transport_option_set(t, PLAIT_OPTION_KEEP_ALIVE_IDLE,
                                    plait_option_ms(ms));
}
