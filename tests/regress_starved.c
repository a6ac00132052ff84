/* A server that runs out of descriptors goes on.
 *
 * Two reactors, 64 descriptors, 300 clients that connect and stay: those that
 * were accepted are served on both reactors, the excess waits in the backlog,
 * the process does not spin, and once descriptors return others are served
 * within a second.  Once with the default limits, which keep some descriptors
 * free, and once with none, where accept() fails.  And with a small limit of
 * connections, room that comes back is never overlooked. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <plait.h>

#include "support/peer.h"
#include "support/require.h"

enum {
  LIMIT = 64,
  CLIENTS = 300,
  EARLY = 16,
  ROUNDS = 5000,
  REACTORS = 2,
  SETTLE_MS = 1000,
  WATCH_MS = 2000,
  RETURN_MS = 1000,
  DEADLINE_S = 240
};

/* ---- the server: a process of its own ------------------------------------*/

/* Says on which reactor it is, then echoes. */
static void greet(plait_protocol *p) {
  unsigned i = plait_reactor_index(plait_transport_reactor(p->transport));
  char text = (char)('0' + i);
  plait_write(p->transport, &text, 1);
}

static void echo(plait_protocol *p, const uint8_t *data, size_t len) {
  plait_write(p->transport, data, len);
}

static const plait_protocol_ops greeter = {.name = "greeter",
                                           .size = sizeof(plait_protocol),
                                           .connection_made = greet,
                                           .data_received = echo};

struct report {
  char endpoint[128];
  uint64_t accepted, starved;
};

static void server_write(int out, const struct report *r) {
  require(write(out, r, sizeof *r) == (ssize_t)sizeof *r, "no report");
}

static void server_main(int out, uint32_t connections_max) {
  struct rlimit limit = {LIMIT, LIMIT};
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  alarm(DEADLINE_S);
  require(setrlimit(RLIMIT_NOFILE, &limit) == 0, "no limit");
  plait_factory factory = {.protocol = &greeter,
                           .limits.connections_max = connections_max};
  plait_runtime_options options = {
      .reactors = REACTORS, .handle_signals = true, .grace_ms = 1000};
  plait_runtime *runtime;
  plait_listener *listener;
  require(plait_runtime_new(&options, &runtime) == 0, "no runtime");
  require(plait_listen(runtime, "tcp:0:interface=127.0.0.1", &factory, NULL,
                       &listener) == 0,
          "%s", plait_error_detail());
  struct report report = {.accepted = 0};
  peer_endpoint(plait_listener_endpoint(listener), report.endpoint,
                sizeof report.endpoint);
  server_write(out, &report);
  int code = plait_run(runtime);
  require(code == 0, "plait_run: %s", plait_strerror(code));
  for (unsigned i = 0; i < REACTORS; i++) {
    plait_reactor_stats stats;
    plait_reactor_get_stats(plait_runtime_reactor(runtime, i), &stats);
    report.accepted += stats.accepted;
    report.starved += stats.accept_starved;
  }
  server_write(out, &report);
  plait_runtime_free(runtime);
  exit(0);
}

struct server {
  pid_t pid;
  int in;
  struct report report;
};

static void server_read(struct server *s) {
  require(peer_readable(s->in, 10000), "the server is silent");
  require(read(s->in, &s->report, sizeof s->report) ==
              (ssize_t)sizeof s->report,
          "the server is gone");
}

static void server_start(struct server *s, uint32_t connections_max) {
  int fds[2];
  require(pipe(fds) == 0, "no pipe");
  s->pid = fork();
  require(s->pid >= 0, "no process");
  if (s->pid == 0) {
    close(fds[0]);
    server_main(fds[1], connections_max);
  }
  close(fds[1]);
  s->in = fds[0];
  server_read(s);
}

static void server_stop(struct server *s) {
  int status;
  kill(s->pid, SIGTERM);
  server_read(s);
  require(waitpid(s->pid, &status, 0) == s->pid, "no such process");
  require(WIFEXITED(status) && WEXITSTATUS(status) == 0,
          "the server ended with %d", status);
  close(s->in);
}

static double server_cpu_s(const struct server *s) {
  clockid_t clock;
  struct timespec t;
  require(clock_getcpuclockid(s->pid, &clock) == 0, "no clock");
  clock_gettime(clock, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- the clients ---------------------------------------------------------*/

struct clients {
  struct pollfd fds[CLIENTS];
  char reactor[CLIENTS]; /* 0: not accepted yet */
};

static int64_t now_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void client_connect(struct clients *c, size_t i, const char *endpoint) {
  int fd = peer_connect(endpoint);
  require(fd >= 0, "client %zu: %s", i, strerror(-fd));
  c->fds[i] = (struct pollfd){.fd = fd, .events = POLLIN};
  c->reactor[i] = 0;
}

/* The first ones in turn, so that both reactors get some; then all others. */
static void clients_connect(struct clients *c, const char *endpoint) {
  for (size_t i = 0; i < CLIENTS; i++)
    c->fds[i].fd = -1;
  for (size_t i = 0; i < EARLY; i++) {
    client_connect(c, i, endpoint);
    require(peer_readable(c->fds[i].fd, 2000), "client %zu is ignored", i);
  }
  for (size_t i = EARLY; i < CLIENTS; i++)
    client_connect(c, i, endpoint);
}

static unsigned clients_greeted(const struct clients *c) {
  unsigned n = 0;
  for (size_t i = 0; i < CLIENTS; i++)
    n += c->fds[i].fd >= 0 && c->reactor[i] != 0;
  return n;
}

/* Takes greetings for |ms|, or until |enough| have come. */
static void clients_wait(struct clients *c, int64_t ms, unsigned enough) {
  int64_t end = now_ms() + ms;
  while (clients_greeted(c) < enough && now_ms() < end) {
    if (poll(c->fds, CLIENTS, (int)(end - now_ms())) <= 0)
      continue;
    for (size_t i = 0; i < CLIENTS; i++) {
      if (c->fds[i].revents == 0)
        continue;
      require(recv(c->fds[i].fd, &c->reactor[i], 1, 0) == 1,
              "client %zu was turned away", i);
    }
  }
}

/* One echo with each that is connected; how many of them on |reactor|. */
static unsigned clients_echo(const struct clients *c, char reactor) {
  unsigned n = 0;
  for (size_t i = 0; i < CLIENTS; i++) {
    char byte = 'e';
    int fd = c->fds[i].fd;
    if (fd < 0 || c->reactor[i] == 0)
      continue;
    require(send(fd, &byte, 1, MSG_NOSIGNAL) == 1, "client %zu is lost", i);
    require(peer_readable(fd, 2000), "client %zu is not served", i);
    require(recv(fd, &byte, 1, 0) == 1 && byte == 'e', "client %zu", i);
    n += c->reactor[i] == reactor;
  }
  return n;
}

static void clients_close(struct clients *c, unsigned n) {
  for (size_t i = 0; i < CLIENTS && n > 0; i++) {
    if (c->fds[i].fd < 0 || c->reactor[i] == 0)
      continue;
    close(c->fds[i].fd);
    c->fds[i].fd = -1;
    n--;
  }
}

static void clients_close_all(struct clients *c) {
  for (size_t i = 0; i < CLIENTS; i++) {
    if (c->fds[i].fd >= 0)
      close(c->fds[i].fd);
  }
}

/* ---- the test ------------------------------------------------------------*/

static void check_cpu(const struct server *s) {
  double before = server_cpu_s(s);
  poll(NULL, 0, WATCH_MS);
  double share = (server_cpu_s(s) - before) / (WATCH_MS / 1000.0);
  printf("  %.1f %% of a core while starved\n", share * 100);
  require(share < 0.10, "%.0f %% of a core", share * 100);
}

/* R020 */
static void check_starved(uint32_t connections_max, bool starves) {
  static struct clients c;
  struct server s;
  server_start(&s, connections_max);
  clients_connect(&c, s.report.endpoint);
  clients_wait(&c, SETTLE_MS, CLIENTS);
  unsigned served = clients_greeted(&c);
  printf("%u of %d clients are served\n", served, CLIENTS);
  require(served >= 16 && served < LIMIT, "%u are served", served);
  check_cpu(&s);
  require(clients_echo(&c, '0') > 0, "none on the first reactor");
  require(clients_echo(&c, '1') > 0, "none on the second reactor");
  clients_close(&c, served / 2);
  int64_t start = now_ms();
  clients_wait(&c, RETURN_MS, served);
  printf("  %u more after %lld ms\n", clients_greeted(&c) - served + served / 2,
         (long long)(now_ms() - start));
  require(clients_greeted(&c) == served, "%u are served after others left",
          clients_greeted(&c));
  clients_echo(&c, 0);
  clients_close_all(&c);
  server_stop(&s);
  printf("  %llu accepted, %llu times without a descriptor\n",
         (unsigned long long)s.report.accepted,
         (unsigned long long)s.report.starved);
  require((s.report.starved > 0) == starves, "starved %llu times",
          (unsigned long long)s.report.starved);
}

/* Two connections at most, and two clients who come together, stay until both
 * are greeted and go together: nobody waits while there is room, whichever
 * reactor looks for it at which moment. */
static void check_room(void) {
  struct server s;
  struct linger reset = {1, 0};
  server_start(&s, 2);
  for (int round = 0; round < ROUNDS; round++) {
    int fds[2];
    for (int i = 0; i < 2; i++) {
      fds[i] = peer_connect(s.report.endpoint);
      require(fds[i] >= 0, "round %d: %s", round, strerror(-fds[i]));
    }
    for (int i = 0; i < 2; i++)
      require(peer_readable(fds[i], 2000), "round %d: client %d waits", round,
              i);
    for (int i = 0; i < 2; i++) {
      setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
      close(fds[i]);
    }
  }
  server_stop(&s);
  printf("%d times two clients, and room for two\n", ROUNDS);
}

int main(void) {
  alarm(DEADLINE_S);
  setvbuf(stdout, NULL, _IOLBF, 0);
  peer_raise_limit(CLIENTS + 64);
  check_starved(0, false);
  check_starved(PLAIT_UNLIMITED, true);
  check_room();
  return 0;
}
