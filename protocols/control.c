/* libporty's control channel: see <plait/control.h>.
 *
 * Connection and process live apart; each points to the other for as long as
 * that is there. */
#include <plait/control.h>
#include <plait/error.h>
#include <plait/line.h>
#include <plait/transport.h>

enum { CONTROL_TERM = 15, CONTROL_KILL = 9 };

struct control_channel {
  plait_line line;
  plait_process *process; /* NULL: it has ended, or did not start */
  int pending;            /* a signal that came before it runs */
};

struct control_process {
  plait_process base;
  struct control_channel *channel; /* NULL: lost */
};

static struct control_channel *channel_of(plait_protocol *p) {
  return plait_container_of(p, struct control_channel, line.base);
}

static struct control_channel *process_channel(plait_process *p) {
  return plait_container_of(p, struct control_process, base)->channel;
}

/* ---- the process --------------------------------------------------------- */

static void control_started(plait_process *p) {
  struct control_channel *channel = process_channel(p);
  if (channel == NULL)
    return;
  plait_write_str(channel->line.base.transport, "START\n");
  if (channel->pending != 0)
    plait_process_signal(p, channel->pending);
}

static void channel_end(struct control_channel *channel, const char *reason,
                        int code) {
  plait_transport *t = channel->line.base.transport;
  channel->process = NULL;
  plait_printf(t, "END %s %d\n", reason, code);
  plait_close(t);
}

static void control_ended(plait_process *p, const plait_process_end *end) {
  struct control_channel *channel = process_channel(p);
  if (channel == NULL)
    return;
  if (end->how == PLAIT_PROCESS_EXITED)
    channel_end(channel, "EXIT", end->status);
  else if (end->how == PLAIT_PROCESS_SIGNALLED)
    channel_end(channel, end->asked ? "KILL" : "ABNR", end->status);
  else
    channel_end(channel, "ABNR", -end->code);
}

static const plait_process_ops control_process_ops = {
    .name = "control",
    .size = PLAIT_INSTANCE(struct control_process, base),
    .started = control_started,
    .ended = control_ended,
};

/* ---- the channel --------------------------------------------------------- */

static void control_made(plait_protocol *p) {
  static const plait_process_fd null = {0, PLAIT_CHILD_NULL, 0};
  struct control_channel *channel = channel_of(p);
  const plait_control *control =
      plait_container_of(p->factory, plait_control, factory);
  plait_process_options options = *control->options;
  if (options.fd_count == 0 && !options.pty) {
    options.fds = &null;
    options.fd_count = 1;
  }
  int code = plait_spawn(plait_transport_reactor(p->transport), &options,
                         &control_process_ops, &channel->process);
  if (code != 0)
    channel_end(channel, "ABNR", -code);
  else
    plait_container_of(channel->process, struct control_process, base)
        ->channel = channel;
}

static void control_signal(struct control_channel *channel, int number) {
  if (plait_process_pid(channel->process) != 0)
    plait_process_signal(channel->process, number);
  else if (channel->pending != CONTROL_KILL)
    channel->pending = number;
}

static void control_line(plait_line *line, plait_slice text) {
  struct control_channel *channel = channel_of(&line->base);
  if (channel->process == NULL)
    return;
  if (plait_slice_equal(text, "TERM"))
    control_signal(channel, CONTROL_TERM);
  else if (plait_slice_equal(text, "KILL"))
    control_signal(channel, CONTROL_KILL);
}

/* The answer is still to come; a stop ends the process, and so the channel. */
static void control_go_on(plait_protocol *p) {
  (void)p;
}

static void control_lost(plait_protocol *p, int reason) {
  struct control_channel *channel = channel_of(p);
  (void)reason;
  if (channel->process == NULL)
    return;
  plait_container_of(channel->process, struct control_process, base)->channel =
      NULL;
  plait_process_close(channel->process);
}

static const plait_line_ops control_ops =
    PLAIT_LINE_OPS(.base.name = "control",
                   .base.size = PLAIT_INSTANCE(struct control_channel, line),
                   .base.connection_made = control_made,
                   .base.draining = control_go_on,
                   .base.connection_lost = control_lost,
                   .line_received = control_line, .ending = PLAIT_LINE_EITHER);

void plait_control_init(plait_control *control,
                        const plait_process_options *options) {
  *control = (plait_control){.factory.protocol = &control_ops.base,
                             .options = options};
}
