"""Idle: user memory of a connection on which nothing happens."""

import rounds
import servers
import table
from servers import PLAIT

IDLE_MAX = 512

SERVERS = servers.ECHO
MODE = "raw"
CONNECTIONS = 10000


def run(bench):
    programs = servers.taking_part(SERVERS, bench.o.peers)
    progress = rounds.Progress(len(programs))
    figures = {}
    for name, program in programs.items():
        with bench.m.server(program) as server:
            got = bench.m.load(server, kind="idle", size=64, seconds=0,
                               conns=CONNECTIONS)
        figures[name] = got["bytes_per_conn"]
        progress.step("idle: " + name)
    progress.finish()
    bench.show(table.server_rows(
        "Idle, %d connections" % CONNECTIONS,
        {n: ("%.0f" % b, None) for n, b in figures.items()},
        "bytes/connection", None))
    bench.goals.append((
        "idle: %.0f bytes of user memory per connection (goal: at most %d)"
        % (figures[PLAIT], IDLE_MAX), figures[PLAIT] <= IDLE_MAX))
    return figures
