"""Alloc: calls of the allocator while messages are echoed."""

import processes
import rounds
import servers
from rounds import cell_text
from servers import EPOLL, LIBEVENT, PLAIT

SERVERS = servers.ECHO
MODE = "raw"
CELLS = [(64, 64, 1), (64, 16384, 1), (64, 65536, 1), (64, 64, 16)]
MESSAGES = 100000
KINDS = ("malloc", "calloc", "realloc", "free", "aligned")


def count(machine, program, cell):
    """Allocation calls of a server per echoed message, steadily."""
    with processes.shared_file() as counters:
        preload = machine.preload("count_alloc",
                                  COUNT_ALLOC_FILE=counters.name)
        with machine.server(program, preload) as server:
            got = machine.load(server, conns=cell[0], size=cell[1],
                               depth=cell[2], warm=0.3, alloc=counters.name,
                               messages=MESSAGES)
    return {"messages": got["messages"],
            "calls": {kind: int(got[kind]) for kind in KINDS}}


def run(bench):
    # libevent allocates for every message: it shows that calls are seen.
    names = [PLAIT, EPOLL] + [p for p in (LIBEVENT,) if p in bench.o.peers]
    progress = rounds.Progress(len(names) * len(CELLS))
    rows, total, found = [["Allocation calls per message"] + names], 0, {}
    for cell in CELLS:
        row = [cell_text(cell)]
        for name in names:
            got = count(bench.m, SERVERS[name], cell)
            calls = sum(got["calls"].values())
            total += calls if name == PLAIT else 0
            found.setdefault(name, {})[cell_text(cell)] = got
            row.append("%.5f" % (calls / got["messages"]))
            progress.step("alloc: %s %s" % (cell_text(cell), name))
        rows.append(row)
    progress.finish()
    bench.show(rows)
    bench.goals.append((
        "allocations: %d malloc, realloc or free calls for %d echoed "
        "messages (goal: 0)" % (total, MESSAGES * len(CELLS)), total == 0))
    return found
