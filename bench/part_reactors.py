"""Reactors: server CPU per echoed message of two reactors, to that of one, when
both have all CPUs (the load generator keeps one of them busy)."""

import cells
import servers
from servers import PLAIT, SELF, TWO

TWO_MAX = 1.1

SERVERS = servers.REACTORS
MODE = "raw"
CELLS = [(64, 64, 1)]


def run(bench):
    found = cells.measure(bench, "reactors", SERVERS, bench.o.cells or CELLS,
                          MODE, [(TWO, PLAIT)])
    bench.say("Reactors: server CPU per message as a ratio to raw epoll on one "
              "CPU, and of two reactors to one, median of %d rounds "
              "[p10..p90]" % bench.o.rounds)
    bench.show(cells.rows(found, "msg", [PLAIT, TWO, SELF,
                                         TWO + "/" + PLAIT], []))
    bench.goals += cells.goals(found, TWO + "/" + PLAIT, TWO_MAX,
                               "reactors %s, two to one")
    return found
