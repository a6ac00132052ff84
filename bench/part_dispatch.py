"""Dispatch: server CPU per echoed message with callbacks on workers, to the
same on the reactor.

All threads of a server have one CPU.  Switches tell how often one of them gave
it up per message: the more messages a turn hands over, the fewer."""

import cells
import servers
from servers import PLAIT, SELF, WORKERS

WORKERS_MAX = 2.5

SERVERS = servers.DISPATCH
MODE = "raw"
CELLS = [(64, 64, 1)]
RATIO = WORKERS + "/" + PLAIT


def switch_rows(found):
    yield ["context switches per message"] + list(SERVERS)
    for cell in found:
        yield [cell["cell"]] + ["%.4f" % cell["switches"][name]
                                for name in SERVERS]


def run(bench):
    found = cells.measure(bench, "dispatch", SERVERS, bench.o.cells or CELLS,
                          MODE, [(WORKERS, PLAIT)])
    bench.say("Dispatch: server CPU per message as a ratio to raw epoll, and "
              "of workers to reactor, median of %d rounds [p10..p90]" %
              bench.o.rounds)
    bench.show(cells.rows(found, "msg", [PLAIT, WORKERS, SELF, RATIO], []))
    bench.show(switch_rows(found))
    bench.goals += cells.goals(found, RATIO, WORKERS_MAX,
                               "dispatch %s, workers to reactor")
    return found
