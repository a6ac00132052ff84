/* line-echo: sends each line back, ended by CR LF whatever it ended with. */
#include "cli.h"

static void line_echo_made(plait_protocol *p) {
  plait_line *line = plait_container_of(p, plait_line, base);
  plait_line_set_max(line, served_of(p->factory)->frame_bytes_max);
}

static void line_echo_line(plait_line *line, plait_slice text) {
  if (!plait_line_send(line, text.data, text.len)) {
    plait_pause_reading(line->base.transport);
  }
}

static void line_echo_resume(plait_protocol *p) {
  plait_resume_reading(p->transport);
}

const plait_line_ops line_echo =
    PLAIT_LINE_OPS(.base.name = "line-echo", .base.size = sizeof(plait_line),
                   .base.connection_made = line_echo_made,
                   .base.resume_writing = line_echo_resume,
                   .line_received = line_echo_line);
