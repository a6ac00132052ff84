"""Echo: server CPU per message, over connections, sizes and depths."""

import cells
import servers
import table
from servers import PLAIT, SELF

GEOMEAN_MAX = 1.03
CELL_MAX = 1.06

SERVERS = servers.ECHO
MODE = "raw"
SIZES = (64, 1024, 16384, 65536)
CELLS = ([(c, s, 1) for c in (64, 1000, 10000) for s in SIZES] +
         [(c, s, 16) for c in (64, 1000, 10000) for s in SIZES[:2]])
QUICK_CELLS = [(64, 64, 1), (1000, 64, 1), (64, 16384, 1), (64, 65536, 1),
               (64, 64, 16), (1000, 1024, 16)]


def verdict(found):
    """The two goals of the table: (text, holds) each."""
    mean = table.geomean([c[PLAIT]["median"] for c in found])
    slow = [c for c in found if c[PLAIT]["median"] > CELL_MAX and
            c[PLAIT]["median"] > c[SELF]["p90"]]
    listed = ", ".join("%s %.3f (self p90 %.3f)" % (
        c["cell"], c[PLAIT]["median"], c[SELF]["p90"]) for c in slow)
    return [
        ("echo, geometric mean of plait's %d medians: %.3f (goal: at most "
         "%.2f)" % (len(found), mean, GEOMEAN_MAX), mean <= GEOMEAN_MAX),
        ("echo, cells above %.2f and above the self column's p90: %s "
         "(goal: none)" % (CELL_MAX, listed or "none"), not slow),
    ]


def run(bench):
    o = bench.o
    taking_part = servers.taking_part(SERVERS, o.peers)
    found = cells.measure(
        bench, "echo", taking_part,
        o.cells or (QUICK_CELLS if o.quick else CELLS), MODE)
    bench.say("Echo: server CPU per message as a ratio to raw epoll, median "
              "of %d rounds [p10..p90]" % o.rounds)
    bench.show(cells.rows(found, "msg", [PLAIT, SELF],
                          [p for p in o.peers if p in taking_part]))
    bench.goals += verdict(found)
    return found
