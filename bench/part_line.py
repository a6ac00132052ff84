"""Line: server CPU per line, each with its CR LF."""

import cells
import servers
from servers import LIBEVENT, PLAIT, SELF, TWISTED

EPOLL_MAX = 1.10
LIBEVENT_MAX = 0.40
TWISTED_MAX = 0.09

SERVERS = servers.LINE
MODE = "line"
SHORT = (64, 20, 64)    # where what a line costs shows beside its bytes
CELLS = [SHORT, (64, 1000, 16)]


def to_peer(found, peer, most):
    """The goal against a peer, or what EPOLL_MAX comes to where raw epoll
    itself, with next to nothing beside the kernel, is not far enough below."""
    for cell in found:
        if not cell.get(peer):
            continue
        floor = 1 / cell[peer]["median"]
        got = cell[PLAIT + "/" + peer]["median"]
        text = "line %s, plait to %s: %.3f (goal: at most %.2f" % (
            cell["cell"], peer, got, most)
        if EPOLL_MAX * floor > most:
            text += "; %.2f here, where raw epoll is %.3f" % (
                EPOLL_MAX * floor, floor)
        yield text + ")", got <= max(most, EPOLL_MAX * floor)


def verdict(found):
    short = [c for c in found if c["cell"] == cells.cell_text(SHORT)]
    yield from cells.goals(found, PLAIT, EPOLL_MAX,
                           "line %s, plait to raw epoll")
    yield from to_peer(short, LIBEVENT, LIBEVENT_MAX)
    yield from to_peer(short, TWISTED, TWISTED_MAX)


def run(bench):
    taking_part = servers.taking_part(SERVERS, bench.o.peers)
    peers = [p for p in bench.o.peers if p in taking_part]
    found = cells.measure(bench, "line", taking_part, bench.o.cells or CELLS,
                          MODE, [(PLAIT, p) for p in peers])
    bench.say("Line: server CPU per line as a ratio to raw epoll, median of "
              "%d rounds [p10..p90]" % bench.o.rounds)
    bench.show(cells.rows(found, "line", [PLAIT, SELF],
                          peers + [PLAIT + "/" + p for p in peers]))
    bench.goals += verdict(found)
    return found
