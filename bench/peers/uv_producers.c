/* The same on libuv by hand: a queue behind a mutex and a uv_async_t. */
#define _GNU_SOURCE

#include <pthread.h>
#include <string.h>
#include <uv.h>

#include "../drain.h"

enum { QUEUE_MAX = 16384 };

struct entry {
  int connection;
  char bytes[DRAIN_MESSAGE];
};

struct late {
  uv_write_t req;
  char bytes[DRAIN_MESSAGE];
};

static uv_loop_t *loop;
static uv_pipe_t pipes[DRAIN_CONNECTIONS];
static uv_async_t async;
static uv_mutex_t lock;
static uv_cond_t room;
static struct entry queues[2][QUEUE_MAX];
static int filling, count, done;
static unsigned long messages = 1000000, wakes;
static unsigned late_count;
static int over; /* the loop's copy of |done| */

static void stop_when_over(void) {
  if (over && late_count == 0)
    uv_stop(loop);
}

static void on_written(uv_write_t *req, int status) {
  (void)status;
  free(req);
  late_count--;
  stop_when_over();
}

static void write_one(const struct entry *e) {
  uv_stream_t *stream = (uv_stream_t *)&pipes[e->connection];
  uv_buf_t buf = uv_buf_init((char *)e->bytes, DRAIN_MESSAGE);
  int sent = uv_try_write(stream, &buf, 1);
  if (sent == DRAIN_MESSAGE)
    return;
  unsigned left = DRAIN_MESSAGE - (unsigned)(sent < 0 ? 0 : sent);
  struct late *late = malloc(sizeof *late);
  memcpy(late->bytes, e->bytes + DRAIN_MESSAGE - left, left);
  buf = uv_buf_init(late->bytes, left);
  late_count++;
  uv_write(&late->req, stream, &buf, 1, on_written);
}

static void on_async(uv_async_t *handle) {
  (void)handle;
  uv_mutex_lock(&lock);
  const struct entry *first = queues[filling];
  int n = count;
  over = done;
  filling = !filling;
  count = 0;
  uv_cond_signal(&room);
  uv_mutex_unlock(&lock);
  for (int i = 0; i < n; i++)
    write_one(&first[i]);
  stop_when_over();
}

static void *produce(void *arg) {
  static const char message[DRAIN_MESSAGE];
  (void)arg;
  for (unsigned long n = 0; n < messages; n++) {
    uv_mutex_lock(&lock);
    while (count == QUEUE_MAX)
      uv_cond_wait(&room, &lock);
    struct entry *e = &queues[filling][count++];
    e->connection = (int)(n % DRAIN_CONNECTIONS);
    memcpy(e->bytes, message, sizeof message);
    int wakes_it = count == 1;
    uv_mutex_unlock(&lock);
    if (wakes_it) {
      wakes++;
      uv_async_send(&async);
    }
  }
  uv_mutex_lock(&lock);
  done = 1;
  uv_mutex_unlock(&lock);
  uv_async_send(&async);
  return NULL;
}

int main(int argc, char **argv) {
  pthread_t producer;
  if (argc > 1)
    messages = strtoul(argv[1], NULL, 10);
  if (!drain_open())
    return 1;
  loop = uv_default_loop();
  uv_mutex_init(&lock);
  uv_cond_init(&room);
  uv_async_init(loop, &async, on_async);
  for (int i = 0; i < DRAIN_CONNECTIONS; i++) {
    uv_pipe_init(loop, &pipes[i], 0);
    if (uv_pipe_open(&pipes[i], drain_fds[i]) < 0)
      return 1;
  }
  drain_begin();
  pthread_create(&producer, NULL, produce, NULL);
  uv_run(loop, UV_RUN_DEFAULT);
  pthread_join(producer, NULL);
  for (int i = 0; i < DRAIN_CONNECTIONS; i++)
    close(drain_fds[i]);
  return drain_report(messages, wakes);
}
