"""The arithmetic and the printing of bench/run.py: no processes here.

Everything is a ratio of two figures of the same round, taken a moment apart:
the machine's speed drifts more over minutes than the servers differ.  Shown is
the median of these paired ratios, and the 10th and 90th percentile.
"""

import math

VERDICT_ROUNDS = 11


def percentile(values, p):
    """The p-th percentile (0..100), linear between neighbours."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * p / 100
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def median(values):
    return percentile(values, 50)


def geomean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def ratios(rounds, name, base):
    """|name| to |base|, for every round in which both were measured."""
    return [r[name] / r[base] for r in rounds if name in r and base in r]


def spread(values):
    """A list of ratios as a dict, or None for an empty one."""
    if not values:
        return None
    return {"median": median(values), "p10": percentile(values, 10),
            "p90": percentile(values, 90), "rounds": len(values)}


def text_spread(s):
    if not s:
        return "-"
    return "%.3f [%.2f..%.2f]" % (s["median"], s["p10"], s["p90"])


def text_count(n):
    """12345 -> 12.3k, three digits that matter."""
    for unit in ("", "k", "M"):
        if n < 999.5 or unit == "M":
            return ("%.0f" if n >= 99.95 or not unit else
                    "%.1f" if n >= 9.995 else "%.2f") % n + unit
        n /= 1000
    return ""


def lines(rows):
    """Rows of cells as lines; the first column left, the others right."""
    rows = list(rows)
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths)))


def server_rows(title, figures, unit, base):
    """One figure for each server: figures is {name: (value, spread)}."""
    rows = [[title, unit, "ratio to " + base if base else ""]]
    for name, (value, ratio) in figures.items():
        rows.append([name, value, text_spread(ratio) if ratio else ""])
    return rows
