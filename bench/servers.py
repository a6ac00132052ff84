"""Which program stands behind each name of each part's table.

A program is its argument vector.  The first word is a file below the build
folder, or a Python script beside this file.
"""

import os

PLAIT = "plait"
EPOLL = "epoll"
SELF = "self"       # a second process of the part's raw epoll
RAW = "raw echo"    # raw epoll that knows nothing of frames
TWISTED = "twisted"
LIBEVENT = "libevent"

PYTHON = "/usr/bin/python3"  # whose Twisted is the system's
HERE = os.path.dirname(os.path.abspath(__file__))
UV_WORK = "uv_queue_work"
LINE_BYTES_MAX = 16 << 20


def plait_serve(service, *options):
    return ("plait", "serve", service, "tcp:0:interface=127.0.0.1",
            "--quiet") + options


ECHO = {
    EPOLL: ("bench/peers/epoll",),
    PLAIT: ("bench/plait_echo",),
    "uv": ("bench/peers/uv_stream",),
    "uv_poll": ("bench/peers/uv_poll",),
    LIBEVENT: ("bench/peers/libevent",),
    "libev": ("bench/peers/libev",),
    "asio": ("bench/peers/asio",),
}
LINE = {
    EPOLL: ("bench/peers/epoll_line",),
    PLAIT: plait_serve("line-echo"),
    LIBEVENT: ("bench/peers/libevent_line",),
    TWISTED: ("peers/twisted_line.py",),
}
FRAMES = {
    EPOLL: ("bench/peers/epoll_length",),
    PLAIT: plait_serve("int32-echo"),
    RAW: ("bench/peers/epoll",),
}
BYTEWISE = {
    PLAIT: plait_serve("line-echo", "--max-length", str(LINE_BYTES_MAX)),
    TWISTED: ("peers/twisted_line.py", str(LINE_BYTES_MAX)),
}
WORK = {
    PLAIT: ("bench/plait_work",),
    UV_WORK: ("bench/peers/uv_work",),
}
POSIX_SPAWN = "posix_spawn"
SPAWN = {
    PLAIT: ("bench/plait_spawn",),
    POSIX_SPAWN: ("bench/peers/posix_spawn",),
}
UV_PRODUCERS = "libuv by hand"
PRODUCERS = {
    PLAIT: ("bench/plait_producers",),
    UV_PRODUCERS: ("bench/peers/uv_producers",),
}
WORKERS = "workers"
DISPATCH = {
    EPOLL: ("bench/peers/epoll",),
    PLAIT: plait_serve("echo"),
    WORKERS: plait_serve("echo", "--dispatch", "workers"),
}
TWO = "two reactors"
TWO_LOOPS = "two epoll loops"
REACTORS = {
    EPOLL: ("bench/peers/epoll_loops", "1"),
    TWO_LOOPS: ("bench/peers/epoll_loops", "2"),
    PLAIT: plait_serve("echo", "--reactors", "1"),
    TWO: plait_serve("echo", "--reactors", "2"),
}
DATAGRAMS = {
    EPOLL: ("bench/peers/epoll_datagram",),
    PLAIT: ("plait", "serve", "echo", "udp:0:interface=127.0.0.1", "--quiet"),
    SELF: ("bench/peers/epoll_datagram",),
}
# What is to run on all CPUs; other servers have one of their own.
ON_ALL_CPUS = list(REACTORS.values())
SOCAT = "socat"
HAPROXY = "haproxy"
EPOLL_ECHO = ("bench/peers/epoll",)
# With what part_proxy.py fills in.
PROXY = {
    PLAIT: ("plait", "proxy", "tcp:%(own)d:interface=127.0.0.1",
            "tcp:127.0.0.1:%(port)d"),
    SOCAT: ("/usr/bin/socat", "-b16384",
            "TCP-LISTEN:%(own)d,bind=127.0.0.1,reuseaddr,nodelay",
            "TCP:127.0.0.1:%(port)d,nodelay"),
    HAPROXY: ("/usr/sbin/haproxy", "-db", "-q", "-f", "%(config)s"),
}
LIAR = ("bench/peers/liar",)
PEERS = ["uv", "uv_poll", LIBEVENT, "libev", "asio", TWISTED, SOCAT, HAPROXY]


def taking_part(servers, peers):
    """Those of |servers| that are no peers, or among |peers|."""
    return {name: program for name, program in servers.items()
            if name not in PEERS or name in peers}


def command(build, program):
    """The argument vector as it is run."""
    first, rest = program[0], list(program[1:])
    if first.endswith(".py"):
        return [PYTHON, os.path.join(HERE, first)] + rest
    return [os.path.join(build, first)] + rest
