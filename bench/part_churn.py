"""Churn: server CPU of a connection that comes, has 64 bytes echoed, and goes."""

import rounds
import servers
import table
from servers import EPOLL, PLAIT, SELF

CHURN_MAX = 1.08

SERVERS = servers.ECHO
MODE = "raw"
SLICE_SECONDS = 0.05


def measure(bench):
    """CPU us per connection: a dict for every round."""
    o = bench.o
    churn = rounds.Rounds(bench, servers.taking_part(SERVERS, o.peers))
    progress = rounds.Progress(o.rounds)
    cpu = []
    for number in range(o.rounds):
        us, _, _ = churn.measure(churn.turn(number), SLICE_SECONDS, kind="churn",
                              conns=64, size=64)
        cpu.append(us)
        progress.step("churn: round %d/%d" % (number + 1, o.rounds))
    progress.finish()
    return cpu


def run(bench):
    cpu = measure(bench)
    figures = {}
    for name in [EPOLL, PLAIT, SELF] + bench.o.peers:
        if name in cpu[0]:
            ratio = table.spread(table.ratios(cpu, name, EPOLL))
            us = table.median([r[name] for r in cpu if name in r])
            figures[name] = ("%.4g" % us, ratio)
    bench.show(table.server_rows("Connect, echo, close", figures,
                                 "CPU us/connection", EPOLL))
    ratio = figures[PLAIT][1]["median"]
    bench.goals.append((
        "connect, echo, close: CPU per connection %.3f of raw epoll "
        "(goal: at most %.2f)" % (ratio, CHURN_MAX), ratio <= CHURN_MAX))
    return {"server_us": cpu,
            "ratios": {name: ratio for name, (_, ratio) in figures.items()}}
