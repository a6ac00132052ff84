"""The table of cells that echo, line and frames have: a load in each."""

import rounds
import table
from rounds import cell_text
from servers import EPOLL, PLAIT, SELF


def measure(bench, part, servers, cells, mode, pairs=()):
    """Measures all cells; a summary of each.

    It has a spread for every server as a ratio to raw epoll, and one under
    "name/base" for each of the |pairs|."""
    found = rounds.Rounds(bench, servers).over_cells(part, cells, mode)
    return [summary(cell, figures, servers, pairs) for cell, figures in found]


def summary(cell, figures, servers, pairs):
    cpu, rate, switches = figures
    got = {"cell": cell_text(cell),
           "epoll_us": table.median([r[EPOLL] for r in cpu]),
           "plait_rate": table.median([r[PLAIT] for r in rate]),
           "rate_ratio": table.median(table.ratios(rate, PLAIT, EPOLL)),
           "server_us": cpu, "rates": rate,
           "switches": {name: table.median([r[name] for r in switches
                                            if name in r])
                        for name in servers if name in switches[0]}}
    for name in [SELF] + [s for s in servers if s != EPOLL]:
        got[name] = table.spread(table.ratios(cpu, name, EPOLL))
    for name, base in pairs:
        got[name + "/" + base] = table.spread(table.ratios(cpu, name, base))
    return got


def rows(cells, unit, spreads, medians):
    """The table; |unit| is what is counted, and the two lists name the ratios
    that are shown with their percentiles and without."""
    yield (["conns x size x depth", "plait %s/s" % unit, "(ratio)",
            "epoll us/" + unit] + spreads + medians)
    for cell in cells:
        yield ([cell["cell"], table.text_count(cell["plait_rate"]),
                "%.2f" % cell["rate_ratio"], "%.4g" % cell["epoll_us"]] +
               [table.text_spread(cell[name]) for name in spreads] +
               ["%.2f" % cell[name]["median"] if cell[name] else "-"
                for name in medians])


def goals(cells, ratio, most, text):
    """A goal for each of |cells|: |ratio|'s median is at most |most|."""
    for cell in cells:
        got = cell.get(ratio)
        if got:
            yield ("%s: %.3f (goal: at most %.2f)" % (
                text % cell["cell"], got["median"], most),
                got["median"] <= most)
