/* plait cat with datagrams: a stream, as a rule standard input and output, and
 * a peer that datagrams go to and come from.
 *
 * A stream has ends and datagrams have none.  So when the stream has said all,
 * answers are waited for until nothing has come for a while. */
#include <stdio.h>

#include "cli.h"

enum { DATAGRAM_BYTES = 8192, SILENCE_MS = 2000 };

struct post {
  plait_runtime *runtime;
  const char *endpoint, *stream_endpoint;
  plait_datagram_factory datagrams;
  plait_factory streams;
  plait_datagram *socket;  /* NULL once it has stopped */
  plait_transport *stream; /* NULL before made, and after lost */
  plait_timer silence;     /* runs once the stream has said all */
  int status;
};

static struct post *post_of(plait_datagram_protocol *p) {
  return plait_container_of(p->factory, struct post, datagrams);
}

static struct post *post_of_stream(plait_protocol *p) {
  return plait_container_of(p->factory, struct post, streams);
}

/* One line, for the first thing that went wrong. */
static void say(struct post *post, const char *endpoint, int code) {
  if (post->status == STATUS_DONE) {
    fprintf(stderr, "plait: cat %s: %s\n", endpoint, plait_strerror(code));
  }
  post->status = STATUS_FAILED;
}

static void end_both(struct post *post) {
  if (post->socket != NULL) {
    plait_datagram_close(post->socket);
  }
  if (post->stream != NULL) {
    plait_close(post->stream);
  }
}

static void wait_for_silence(struct post *post) {
  plait_timer_start(&post->silence, SILENCE_MS, 0);
}

static bool is_busy(const struct post *post) {
  return (post->socket != NULL && plait_datagram_queued(post->socket) > 0) ||
         (post->stream != NULL && plait_transport_queued(post->stream) > 0);
}

/* Nothing comes while the stream has yet to take what came before. */
static void fell_silent(plait_timer *timer) {
  struct post *post = plait_container_of(timer, struct post, silence);
  if (is_busy(post)) {
    wait_for_silence(post);
  } else {
    end_both(post);
  }
}

/* ---- the stream -------------------------------------------------------- */

static void stream_made(plait_protocol *p) {
  struct post *post = post_of_stream(p);
  post->stream = p->transport;
  plait_timer_init(&post->silence, p->transport, fell_silent);
  if (post->socket == NULL) {
    plait_close(p->transport);
  }
}

/* What has come at a time is a datagram, or several. */
static void stream_received(plait_protocol *p, const uint8_t *data,
                            size_t len) {
  struct post *post = post_of_stream(p);
  int more = 1;
  while (len > 0 && more == 1 && post->socket != NULL) {
    size_t n = len < DATAGRAM_BYTES ? len : DATAGRAM_BYTES;
    more = plait_datagram_send(post->socket, data, n, NULL);
    data += n;
    len -= n;
  }
  if (more < 0) {
    say(post, post->endpoint, more);
    end_both(post);
  } else if (more == 0) {
    plait_unread(p->transport, data, len);
    plait_pause_reading(p->transport);
  }
}

static void stream_ended(plait_protocol *p) {
  wait_for_silence(post_of_stream(p));
}

static void stream_resume(plait_protocol *p) {
  struct post *post = post_of_stream(p);
  if (post->socket != NULL) {
    plait_datagram_resume_reading(post->socket);
  }
}

static void stream_lost(plait_protocol *p, int reason) {
  struct post *post = post_of_stream(p);
  post->stream = NULL;
  if (reason != 0) {
    say(post, post->stream_endpoint, reason);
  }
  end_both(post);
}

static const plait_protocol_ops stream_ops = {
    .name = "cat",
    .size = sizeof(plait_protocol),
    .connection_made = stream_made,
    .data_received = stream_received,
    .eof_received = stream_ended,
    .resume_writing = stream_resume,
    .connection_lost = stream_lost,
};

static void stream_failed(plait_factory *factory, plait_connector *connector,
                          int reason) {
  struct post *post = plait_container_of(factory, struct post, streams);
  (void)connector;
  post->status = failed(reason);
  end_both(post);
}

/* ---- the datagrams ----------------------------------------------------- */

/* A refusal of the socket costs no standard input. */
static void socket_started(plait_datagram_protocol *p) {
  struct post *post = post_of(p);
  post->socket = p->socket;
  int code = plait_connect(post->runtime, post->stream_endpoint, &post->streams,
                           NULL, NULL);
  if (code < 0) {
    post->status = failed(code);
    plait_datagram_close(p->socket);
  }
}

static void socket_received(plait_datagram_protocol *p, const uint8_t *data,
                            size_t len, const plait_datagram_info *info) {
  struct post *post = post_of(p);
  (void)info;
  if (post->stream != NULL && !plait_write(post->stream, data, len)) {
    plait_datagram_pause_reading(p->socket);
  }
  if (plait_timer_active(&post->silence)) {
    wait_for_silence(post);
  }
}

static void socket_error(plait_datagram_protocol *p, int code,
                         const plait_address *to) {
  struct post *post = post_of(p);
  (void)to;
  say(post, post->endpoint, code);
  end_both(post);
}

static void socket_resume(plait_datagram_protocol *p) {
  struct post *post = post_of(p);
  if (post->stream != NULL) {
    plait_resume_reading(post->stream);
  }
}

static void socket_stopped(plait_datagram_protocol *p, int reason) {
  struct post *post = post_of(p);
  post->socket = NULL;
  if (reason != 0) {
    say(post, post->endpoint, reason);
  }
  end_both(post);
}

static const plait_datagram_ops datagram_ops = {
    .name = "cat",
    .size = sizeof(plait_datagram_protocol),
    .started = socket_started,
    .datagram_received = socket_received,
    .error_received = socket_error,
    .resume_writing = socket_resume,
    .stopped = socket_stopped,
};

/* Its name has no address. */
static void socket_failed(plait_datagram_factory *factory,
                          plait_datagram_port *port, int reason) {
  struct post *post = plait_container_of(factory, struct post, datagrams);
  (void)port;
  post->status = failed(reason);
}

/* ---- running ----------------------------------------------------------- */

bool is_datagram_endpoint(const char *endpoint) {
  return endpoint_is(endpoint, "udp") || endpoint_is(endpoint, "unixgram");
}

static int post_run(struct post *post) {
  int code = plait_datagram_connect(post->runtime, post->endpoint,
                                    &post->datagrams, NULL, NULL);
  if (code < 0) {
    return failed(code);
  }
  code = plait_run(post->runtime);
  if (code < 0 && post->status == STATUS_DONE) {
    fprintf(stderr, "plait: cat: %s\n", plait_strerror(code));
    return STATUS_FAILED;
  }
  return post->status;
}

int cat_datagrams(const char *endpoint, const char *stream_endpoint) {
  const plait_runtime_options options = {.handle_signals = true};
  struct post post = {
      .endpoint = endpoint,
      .stream_endpoint = stream_endpoint,
      .datagrams = {.protocol = &datagram_ops,
                    .connect_failed = socket_failed,
                    .limits = {.datagram_bytes_max = 65535}},
      /* A reader such as a pager may take its time. */
      .streams = {.protocol = &stream_ops,
                  .connect_failed = stream_failed,
                  .limits = {.flush_ms = PLAIT_UNLIMITED}},
  };
  int code = plait_runtime_new(&options, &post.runtime);
  if (code < 0) {
    return failed(code);
  }
  int status = post_run(&post);
  plait_runtime_free(post.runtime);
  return status;
}
