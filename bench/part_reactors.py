"""Reactors: server CPU per echoed message of two reactors, to that of one.

Both have all CPUs, one of which the load generator keeps busy.  The goal is for
a load at which neither it nor that one runs dry.  With few connections two loops
that are not busy are woken more often, for fewer messages: that is shown, beside
what raw epoll with two loops that share nothing makes of it."""

import cells
import servers
from servers import PLAIT, SELF, TWO, TWO_LOOPS

TWO_MAX = 1.1
BUSY = 1000         # connections, at least, for the goal

SERVERS = servers.REACTORS
MODE = "raw"
CELLS = [(64, 64, 1), (1000, 64, 1)]
PAIRS = [(TWO, PLAIT), (TWO, TWO_LOOPS)]
COLUMNS = ["%s/%s" % pair for pair in PAIRS]


def verdict(found):
    for cell in found:
        if int(cell["cell"].split("x")[0]) < BUSY:
            continue
        got = cell[COLUMNS[0]]["median"]
        yield "reactors %s, two to one: %.3f (goal: at most %.2f)" % (
            cell["cell"], got, TWO_MAX), got <= TWO_MAX


def run(bench):
    found = cells.measure(bench, "reactors", SERVERS, bench.o.cells or CELLS,
                          MODE, PAIRS)
    bench.say("Reactors: server CPU per message as a ratio to raw epoll with "
              "one loop, and of two reactors to one, median of %d rounds "
              "[p10..p90]" % bench.o.rounds)
    bench.show(cells.rows(found, "msg", [PLAIT, TWO, TWO_LOOPS, SELF] +
                          COLUMNS, []))
    bench.goals += verdict(found)
    return found
