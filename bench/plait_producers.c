/* One thread that writes by handle to a thousand connections:
 * plait_producers MESSAGES; bench/peers/uv_producers.c is the other. */
#define _GNU_SOURCE

#include <plait.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "drain.h"

static plait_runtime *runtime;
static plait_handle handles[DRAIN_CONNECTIONS];
static atomic_int made;
static unsigned long messages = 1000000;
static sem_t ready, room;

static void on_made(plait_protocol *p) {
  int i = atomic_fetch_add(&made, 1);
  handles[i] = plait_transport_handle(p->transport);
  if (i + 1 == DRAIN_CONNECTIONS)
    sem_post(&ready);
}

static const plait_protocol_ops ops = {
    .name = "sink", .size = sizeof(plait_protocol), .connection_made = on_made};

static void on_room(plait_call *call, plait_protocol *p) {
  (void)call, (void)p;
  sem_post(&room);
}

static void wait_for(sem_t *sem) {
  while (sem_wait(sem) != 0)
    continue;
}

static void *produce(void *arg) {
  static const char message[DRAIN_MESSAGE];
  (void)arg;
  wait_for(&ready);
  for (unsigned long n = 0; n < messages; n++) {
    plait_handle h = handles[n % DRAIN_CONNECTIONS];
    while (plait_handle_write(h, message, sizeof message) == PLAIT_EFULL) {
      plait_call call = {.run = on_room};
      if (plait_handle_when_writable(h, &call) == 0)
        wait_for(&room);
    }
  }
  /* Behind the messages; a stop would overtake them. */
  for (int i = 0; i < DRAIN_CONNECTIONS; i++)
    plait_handle_close(handles[i]);
  return NULL;
}

int main(int argc, char **argv) {
  plait_factory factory = {.protocol = &ops};
  pthread_t producer;
  if (argc > 1)
    messages = strtoul(argv[1], NULL, 10);
  sem_init(&ready, 0, 0);
  sem_init(&room, 0, 0);
  if (!drain_open() || plait_runtime_new(NULL, &runtime) < 0)
    return 1;
  plait_reactor *reactor = plait_runtime_reactor(runtime, 0);
  for (int i = 0; i < DRAIN_CONNECTIONS; i++)
    if (plait_adopt(reactor, drain_fds[i], &factory) < 0)
      return 1;
  drain_begin();
  pthread_create(&producer, NULL, produce, NULL);
  plait_run(runtime);
  pthread_join(producer, NULL);
  plait_reactor_stats stats;
  plait_reactor_get_stats(reactor, &stats);
  plait_runtime_free(runtime);
  return drain_report(messages, stats.wakes);
}
