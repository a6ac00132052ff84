"""Reactors: server CPU per echoed message of two reactors, to that of one.

Both have all CPUs, one of which the load generator keeps busy.  Raw epoll with
two loops that share nothing, to one, is what of the difference is the
machine's: two that are not busy are woken more often, for fewer messages."""

import cells
import servers
from servers import PLAIT, SELF, TWO, TWO_LOOPS

TWO_MAX = 1.1
LOOPS_MAX = 1.05    # of what two loops of raw epoll are to one

SERVERS = servers.REACTORS
MODE = "raw"
CELLS = [(64, 64, 1), (1000, 64, 1)]
PAIRS = [(TWO, PLAIT), (TWO, TWO_LOOPS)]
COLUMNS = ["%s/%s" % pair for pair in PAIRS]


def verdict(found):
    """The goal, or what LOOPS_MAX comes to where raw epoll is not below."""
    for cell in found:
        got = cell[COLUMNS[0]]["median"]
        floor = cell[TWO_LOOPS]["median"]
        text = "reactors %s, two to one: %.3f (goal: at most %.2f" % (
            cell["cell"], got, TWO_MAX)
        if LOOPS_MAX * floor > TWO_MAX:
            text += "; %.2f here, where raw epoll is %.3f" % (
                LOOPS_MAX * floor, floor)
        yield text + ")", got <= max(TWO_MAX, LOOPS_MAX * floor)


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
