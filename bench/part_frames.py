"""Frames: server CPU per frame, a length of four bytes and a payload.

Raw epoll knows frames here; "raw echo" is the one that does not, loaded with
the same bytes.  What the first costs more than that is what frames cost by
hand, and has a goal too, or it would be no reference."""

import cells
import servers
from servers import EPOLL, PLAIT, RAW, SELF

EPOLL_MAX = 1.10
RAW_MAX = 1.15

SERVERS = servers.FRAMES
MODE = "len"
CELLS = [(64, 104, 16), (64, 1028, 16), (64, 65540, 1)]
BY_HAND = EPOLL + "/" + RAW


def verdict(found):
    yield from cells.goals(found, PLAIT, EPOLL_MAX,
                           "frames %s, plait to raw epoll")
    yield from cells.goals(found, BY_HAND, RAW_MAX,
                           "frames %s, raw epoll to raw echo")


def run(bench):
    found = cells.measure(bench, "frames", SERVERS, bench.o.cells or CELLS,
                          MODE, [(EPOLL, RAW)])
    bench.say("Frames: server CPU per frame as a ratio to raw epoll, median of "
              "%d rounds [p10..p90]" % bench.o.rounds)
    bench.show(cells.rows(found, "frame", [PLAIT, SELF, BY_HAND], []))
    bench.goals += verdict(found)
    return found
