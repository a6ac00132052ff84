"""Proxies: CPU of a proxy per MiB that goes through it, in blocks of 16 KiB.

Each stands between the generator and an echo server of raw epoll, so that every
block passes it twice and every byte is compared.  The proxy has a CPU of its
own; the two others share one.  socat takes one connection in a process, so with
more of them it takes no part.
"""

import contextlib
import socket
import tempfile
import time

import processes
import rounds
import servers
import table
from servers import HAPROXY, PLAIT, SOCAT

SERVERS = servers.PROXY
MODE = "raw"
SIZE = 16384
CELLS = ((1, SIZE, 4), (64, SIZE, 1))
SLICE_SECONDS = 0.05
CPU_MAX = 1.10
HAPROXY_CONFIG = """\
global
  nbthread 1
  maxconn 1000
defaults
  mode tcp
  timeout connect 10s
  timeout client 300s
  timeout server 300s
listen proxy
  bind 127.0.0.1:%(own)d
  server echo 127.0.0.1:%(port)d
"""


class Proxy(processes.Child):
    """A proxy to |port|; .port is its own, which was free a moment ago."""

    def __init__(self, bench, name, port):
        self.name = name
        with socket.create_server(("127.0.0.1", 0)) as spare:
            self.port = spare.getsockname()[1]
        values = {"own": self.port, "port": port}
        with tempfile.NamedTemporaryFile("w", suffix=".cfg") as config:
            config.write(HAPROXY_CONFIG % values)
            config.flush()
            argv = [word % dict(values, config=config.name) for word in
                    servers.command(bench.m.build, SERVERS[name])]
            super().__init__(bench.m, argv, bench.m.server_cpu)
            try:
                self.wait_until_it_listens()
            except BaseException:
                processes.end(self.child)
                raise

    def wait_until_it_listens(self):
        """Without connecting: socat takes one connection only."""
        end = time.monotonic() + processes.START_SECONDS
        line = "0100007F:%04X 00000000:0000 0A" % self.port
        while True:
            with open("/proc/net/tcp") as f:
                if line in f.read():
                    return
            if self.child.poll() is not None or time.monotonic() > end:
                raise processes.Failure("%s does not listen" % self.name)
            time.sleep(0.01)


def once(bench, names, cell):
    """One round: all proxies under the same load, in fine slices.  CPU us per
    MiB and MiB a second of each."""
    conns, size, depth = cell
    total = {name: [0.0, 0.0, 0.0] for name in names}
    with contextlib.ExitStack() as stack:
        loads = {}
        for name in names:
            echo = stack.enter_context(processes.Server(
                bench.m, servers.command(bench.m.build, servers.EPOLL_ECHO),
                bench.m.generator_cpu))
            proxy = stack.enter_context(Proxy(bench, name, echo.port))
            loads[name] = stack.enter_context(bench.m.driven(
                proxy, warm=0.1, mode=MODE, conns=conns, size=size,
                depth=depth))
        turn = 0
        while turn < rounds.SLICES_MIN or total[PLAIT][0] < bench.o.seconds:
            order = rounds.rotated(names, turn // 2)
            for name in order if turn % 2 == 0 else reversed(order):
                got = loads[name].slice(SLICE_SECONDS)
                for i, key in enumerate(("seconds", "server_s", "messages")):
                    total[name][i] += got[key]
            turn += 1
    mib = {name: 2 * messages * size / 2**20
           for name, (_, _, messages) in total.items()}
    return {name: {"cpu": total[name][1] / mib[name] * 1e6,
                   "rate": mib[name] / total[name][0]} for name in names}


def summary(bench, cell, names, got):
    """Adds the goals of a cell; its rows."""
    yield [rounds.cell_text(cell), "CPU us/MiB", "MiB/s", "plait's CPU to it"]
    for name in names:
        cpu = table.spread([g[PLAIT]["cpu"] / g[name]["cpu"] for g in got])
        yield [name,
               "%.1f" % table.median([g[name]["cpu"] for g in got]),
               table.text_count(table.median([g[name]["rate"] for g in got])),
               table.text_spread(cpu) if name != PLAIT else ""]
        if name != PLAIT:
            bench.goals.append((
                "proxy, %s, plait's CPU per MiB to %s: %.3f (goal: at most "
                "%.2f)" % (rounds.cell_text(cell), name, cpu["median"],
                           CPU_MAX), cpu["median"] <= CPU_MAX))


def run(bench):
    taking_part = servers.taking_part(SERVERS, bench.o.peers)
    progress = rounds.Progress(bench.o.rounds * len(CELLS))
    result = {}
    bench.say("Proxies: CPU per MiB that goes through, blocks of 16 KiB, "
              "median of %d rounds [p10..p90]" % bench.o.rounds)
    for cell in CELLS:
        names = [name for name in taking_part
                 if name != SOCAT or cell[0] == 1]
        got = []
        for number in range(bench.o.rounds):
            got.append(once(bench, rounds.rotated(names, number), cell))
            progress.step("proxy: round %d/%d" % (number + 1, bench.o.rounds))
        progress.finish()
        bench.show(list(summary(bench, cell, names, got)))
        result[rounds.cell_text(cell)] = got
    return result
