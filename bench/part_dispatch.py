"""Dispatch: server CPU per echoed message with callbacks on workers, to the
same on the reactor."""

import cells
import servers
from servers import PLAIT, SELF, WORKERS

WORKERS_MAX = 2.5

SERVERS = servers.DISPATCH
MODE = "raw"
CELLS = [(64, 64, 1)]


def run(bench):
    found = cells.measure(bench, "dispatch", SERVERS, bench.o.cells or CELLS,
                          MODE, [(WORKERS, PLAIT)])
    bench.say("Dispatch: server CPU per message as a ratio to raw epoll, and "
              "of workers to reactor, median of %d rounds [p10..p90]" %
              bench.o.rounds)
    bench.show(cells.rows(found, "msg", [PLAIT, WORKERS, SELF,
                                         WORKERS + "/" + PLAIT], []))
    bench.goals += cells.goals(found, WORKERS + "/" + PLAIT, WORKERS_MAX,
                               "dispatch %s, workers to reactor")
    return found
