/* A server that stops turns nobody away who was there before: while clients
 * connect in a loop it drains, many times over.  A client that connected is
 * greeted; it is never reset, nor forgotten. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <plait.h>

#include "support/peer.h"
#include "support/require.h"

enum {
  DRAINS = 30,
  CLIENTS = 4,
  STOP_MS = 20,
  CONNECT_MS = 200,
  GREETING_S = 3,
  DEADLINE_S = 120
};

/* ---- the server ----------------------------------------------------------*/

static void greet(plait_protocol *p) {
  plait_write(p->transport, "hi", 2);
}

static const plait_protocol_ops greeter = {.name = "greeter",
                                           .size = sizeof(plait_protocol),
                                           .connection_made = greet};

static plait_timer stop_timer;

static void stop(plait_timer *timer) {
  (void)timer;
  plait_runtime_stop(plait_reactor_runtime(plait_reactor_current()));
}

static void start_timer(plait_call *call, plait_protocol *p) {
  (void)call;
  (void)p;
  plait_timer_init(&stop_timer, NULL, stop);
  plait_timer_start(&stop_timer, STOP_MS, 0);
}

/* ---- the clients ---------------------------------------------------------*/

static char endpoint[128];
static atomic_uint greeted, refused, silent, lost;

/* Waits for a connect that may never be answered.  0 or an errno. */
static int client_connect(int fd) {
  unsigned port = 0;
  require(sscanf(endpoint, "tcp:127.0.0.1:%u", &port) == 1, "%s", endpoint);
  struct sockaddr_in a = {.sin_family = AF_INET,
                          .sin_port = htons((uint16_t)port),
                          .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
    return 0;
  if (errno != EINPROGRESS)
    return errno;
  struct pollfd p = {.fd = fd, .events = POLLOUT};
  if (poll(&p, 1, CONNECT_MS) == 0)
    return ETIMEDOUT;
  int error = 0;
  socklen_t len = sizeof error;
  getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
  return error;
}

/* Whether the server is still there. */
static bool client_visit(void) {
  char text[2];
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  require(fd >= 0, "no socket");
  int error = client_connect(fd);
  if (error != 0) {
    close(fd);
    atomic_fetch_add(error == ECONNREFUSED ? &refused : &silent, 1);
    if (error == ECONNRESET)
      atomic_fetch_add(&lost, 1);
    return false;
  }
  struct timeval patience = {.tv_sec = GREETING_S};
  fcntl(fd, F_SETFL, 0);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  bool ok = recv(fd, text, 2, MSG_WAITALL) == 2;
  atomic_fetch_add(ok ? &greeted : &lost, 1);
  close(fd);
  return ok;
}

static void *client_main(void *arg) {
  (void)arg;
  while (client_visit())
    continue;
  return NULL;
}

/* ---- the test ------------------------------------------------------------*/

static void drain_once(unsigned reactors) {
  plait_factory factory = {.protocol = &greeter};
  plait_runtime_options options = {.reactors = reactors};
  plait_call call = {.run = start_timer};
  plait_runtime *runtime;
  plait_listener *listener;
  pthread_t threads[CLIENTS];
  require(plait_runtime_new(&options, &runtime) == 0, "no runtime");
  require(plait_listen(runtime, "tcp:0:interface=127.0.0.1", &factory, NULL,
                       &listener) == 0,
          "%s", plait_error_detail());
  peer_endpoint(plait_listener_endpoint(listener), endpoint, sizeof endpoint);
  plait_reactor_post(plait_runtime_reactor(runtime, 0), &call);
  for (int i = 0; i < CLIENTS; i++)
    require(pthread_create(&threads[i], NULL, client_main, NULL) == 0,
            "no thread");
  int code = plait_run(runtime);
  require(code == 0, "plait_run: %s", plait_strerror(code));
  for (int i = 0; i < CLIENTS; i++)
    pthread_join(threads[i], NULL);
  plait_runtime_free(runtime);
}

static void check_drains(unsigned reactors) {
  atomic_store(&greeted, 0);
  atomic_store(&refused, 0);
  atomic_store(&silent, 0);
  atomic_store(&lost, 0);
  for (int i = 0; i < DRAINS; i++)
    drain_once(reactors);
  printf("%d drains on %u reactors: %u greeted, %u refused, %u unanswered, %u "
         "turned away\n",
         DRAINS, reactors, atomic_load(&greeted), atomic_load(&refused),
         atomic_load(&silent), atomic_load(&lost));
  require(atomic_load(&greeted) > DRAINS, "hardly anybody came");
  require(atomic_load(&lost) == 0, "%u were turned away", atomic_load(&lost));
}

int main(void) {
  alarm(DEADLINE_S);
  check_drains(1);
  check_drains(3);
  return 0;
}
