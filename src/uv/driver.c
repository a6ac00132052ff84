/* The libuv backend's three tables.
 *
 * libuv is the poller here, and nothing else: it watches descriptors that are
 * ours (uv_poll_t), wakes the loop (uv_async_t, uv_timer_t) and catches
 * signals.  Every byte moves by our own system calls, so that a message costs
 * what it costs on raw epoll. */
#include "uv/backend.h"

/* Codes pass through the seam as they are. */
#define SAME(name)                                                             \
  _Static_assert((int)PLAIT_##name == (int)UV_##name, #name " differs")
SAME(E2BIG);
SAME(EACCES);
SAME(EADDRINUSE);
SAME(EADDRNOTAVAIL);
SAME(EAFNOSUPPORT);
SAME(EAGAIN);
SAME(EBADF);
SAME(EBUSY);
SAME(ECANCELED);
SAME(ECONNABORTED);
SAME(ECONNREFUSED);
SAME(ECONNRESET);
SAME(EEXIST);
SAME(EHOSTUNREACH);
SAME(EINVAL);
SAME(EIO);
SAME(EMFILE);
SAME(EMSGSIZE);
SAME(ENETUNREACH);
SAME(ENFILE);
SAME(ENOBUFS);
SAME(ENOENT);
SAME(ENOMEM);
SAME(ENOTDIR);
SAME(ENOTSOCK);
SAME(ENOTSUP);
SAME(EPERM);
SAME(EPIPE);
SAME(ESRCH);
SAME(ETIMEDOUT);

static const plait__io io = {
    .socket_bytes = sizeof(plait__uv_socket),
    .listen = plait__uv_listen,
    .accept = plait__uv_accept,
    .refuse = plait__uv_refuse,
    .connect = plait__uv_connect,
    .finish_connect = plait__uv_finish_connect,
    .adopt = plait__uv_adopt,
    .pair = plait__uv_pair,
    .hang_up = plait__uv_hang_up,
    .attach = plait__uv_attach,
    .fd = plait__uv_fd,
    .interest = plait__uv_interest,
    .read = plait__uv_read,
    .writev = plait__uv_writev,
    .send_fd = plait__uv_send_fd,
    .read_fds = plait__uv_read_fds,
    .check_fd = plait__uv_check_fd,
    .shut_wr = plait__uv_shut_wr,
    .unacked = plait__uv_unacked,
    .unread = plait__uv_unread,
    .close = plait__uv_close,
    .close_fd = plait__uv_close_fd,
    .names = plait__uv_names,
    .option = plait__uv_option,
    .datagram_room = 65535, /* with GRO */
    .datagram_open = plait__uv_datagram_open,
    .receive_batch = plait__uv_receive_batch,
    .send_batch = plait__uv_send_batch,
    .datagram_option = plait__uv_datagram_option,
    .group = plait__uv_group,
    .watch = plait__uv_watch,
    .rewatch = plait__uv_rewatch,
    .unwatch = plait__uv_unwatch,
};

static const plait__os os = {
    .now_ns = plait__uv_now_ns,
    .wall_s = plait__uv_wall_s,
    .entropy = plait__uv_entropy,
    .alloc = plait__uv_alloc,
    .loop_new = plait__uv_loop_new,
    .loop_run = plait__uv_loop_run,
    .loop_stop = plait__uv_loop_stop,
    .loop_free = plait__uv_loop_free,
    .wake = plait__uv_wake,
    .arm = plait__uv_arm,
    .thread_start = plait__uv_thread_start,
    .thread_join = plait__uv_thread_join,
    .worker_start = plait__uv_worker_start,
    .worker_wake = plait__uv_worker_wake,
    .worker_join = plait__uv_worker_join,
    .worker_detach = plait__uv_worker_detach,
    .enter = plait__uv_enter,
    .leave = plait__uv_leave,
    .yield = plait__uv_yield,
    .sleep_ns = plait__uv_sleep_ns,
    .cpu_count = plait__uv_cpu_count,
    .cpu_number = plait__uv_cpu_number,
    .fatal = plait__uv_fatal,
};

static const plait__host host = {
    .resolve = plait__uv_resolve,
    .descriptor_limit = plait__uv_descriptor_limit,
    .activated = plait__uv_activated,
    .signal_start = plait__uv_signal_start,
    .signal_stop = plait__uv_signal_stop,
    .terminal_raw = plait__uv_terminal_raw,
    .terminal_size = plait__uv_terminal_size,
    .stdio_open = plait__uv_stdio_open,
    .stdio_finish = plait__uv_stdio_finish,
    .stdio_close = plait__uv_stdio_close,
    .spawn = plait__uv_spawn,
    .kid_reap = plait__uv_kid_reap,
    .kid_signal = plait__uv_kid_signal,
    .kid_close = plait__uv_kid_close,
    .environment = plait__uv_environment,
    .duplicate = plait__uv_duplicate,
};

const plait_backend plait__uv_backend = {
    .name = "libuv",
    .io = &io,
    .os = &os,
    .host = &host,
};
