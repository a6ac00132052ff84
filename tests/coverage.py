"""Prints what gcov has counted: lines and branches, by file and folder.

    coverage.py [--all] BUILD

Fails if a file of the framings is not covered whole, and lists what is not.
With --all it fails as well if the folders of GATED have in sum fewer lines or
branches than they must, and lists each line not run whose function is not in
coverage.txt, and what is there in vain.
"""

import json
import os
import pathlib
import subprocess
import sys

FRAMINGS = [
    "src/core/framing.c",
    "protocols/delimited.c",
    "protocols/fixed.c",
    "protocols/framed.c",
    "protocols/line.c",
    "protocols/netstring.c",
    "protocols/prefixed.c",
]
FOLDERS = ("include", "protocols", "src")
GATED = ("protocols", "src/core", "src/filter", "src/pool")
LINES_MIN, BRANCHES_MIN = 97, 92  # percent of GATED in sum


class Source:
    """One source file; what is in a header is counted in several objects."""

    def __init__(self):
        self.blocks = {}  # (line, function): [times, [times of a branch]]

    def add(self, line):
        key = line["line_number"], line.get("function_name")
        branches = [branch["count"] for branch in line["branches"]]
        times, seen = self.blocks.get(key, (0, [0] * len(branches)))
        self.blocks[key] = (
            times + line["count"],
            [a + b for a, b in zip(seen, branches)],
        )

    def lines(self):
        """How often each line ran."""
        times = {}
        for (number, _), (count, _) in self.blocks.items():
            times[number] = times.get(number, 0) + count
        return times

    def counts(self):
        """Lines run and in all, branches taken and in all."""
        lines = self.lines().values()
        branches = [n for _, taken in self.blocks.values() for n in taken]
        return [
            sum(n > 0 for n in lines),
            len(lines),
            sum(n > 0 for n in branches),
            len(branches),
        ]

    def idle(self):
        """Functions with lines that did not run: {name: [line]}."""
        found = {}
        for (number, function), (times, _) in sorted(self.blocks.items()):
            if times == 0:
                found.setdefault(function, []).append(number)
        return found

    def gaps(self):
        """(line, what is missing) in order."""
        for number, times in self.lines().items():
            if times == 0:
                yield number, "not run"
        for (number, _), (times, taken) in self.blocks.items():
            missing = sum(n == 0 for n in taken)
            if times > 0 and missing > 0:
                yield number, f"{missing} of {len(taken)} branches not taken"


def read(build, root):
    """The sources of the library and the command, by path."""
    notes = sorted(
        str(path.relative_to(build))
        for folder in FOLDERS
        for path in build.glob(f"{folder}/**/*.gcno")
    )
    command = ["gcov", "--json-format", "--branch-probabilities", "--stdout"]
    answer = subprocess.run(
        command + notes, cwd=build, check=True, capture_output=True
    ).stdout
    sources = {}
    for text in answer.splitlines():
        for file in json.loads(text)["files"]:
            path = os.path.relpath(build / file["file"], root)
            if path.split("/")[0] not in FOLDERS:
                continue
            source = sources.setdefault(path, Source())
            for line in file["lines"]:
                source.add(line)
    return sources


def percent(part, whole):
    return 100 * part / whole if whole else 100


def row(name, counts):
    lines, all_lines, branches, all_branches = counts
    print(
        f"{name:32}"
        f"{lines:6} of {all_lines:5} {percent(lines, all_lines):6.1f} %"
        f"{branches:8} of {all_branches:5}"
        f" {percent(branches, all_branches):6.1f} %"
    )


def table(sources, every_file):
    print(f"{'':32}{'lines':>23}{'branches':>25}")
    protocols = [path for path in sources if path.startswith("protocols/")]
    first = FRAMINGS + sorted(set(protocols) - set(FRAMINGS))
    for path in first:
        row(path, sources[path].counts())
    rest = sorted(set(sources) - set(first))
    for folder in sorted({os.path.dirname(path) for path in rest}):
        paths = [path for path in rest if os.path.dirname(path) == folder]
        counts = [sources[path].counts() for path in paths]
        others = ", the others" if folder == "src/core" else ""
        print()
        row(folder + others, [sum(column) for column in zip(*counts)])
        for path, count in zip(paths, counts):
            if every_file:
                row("  " + os.path.basename(path), count)


def list_gaps(path, source, root):
    text = (root / path).read_text().splitlines()
    for number, gap in sorted(source.gaps()):
        print(f"{path}:{number}: {gap}: {text[number - 1].strip()}")


def excused():
    """What coverage.txt has: {(path, function)}."""
    text = pathlib.Path(__file__).with_suffix(".txt").read_text()
    rows = [line.split() for line in text.splitlines() if line[:1] not in "#"]
    return {(row[0], function) for row in rows for function in row[1:]}


def list_idle(sources, root):
    """Lines of GATED not run without a reason; reasons without such a line."""
    known = excused()
    idle = set()
    for path in sorted(sources):
        if os.path.dirname(path) not in GATED:
            continue
        text = (root / path).read_text().splitlines()
        for function, numbers in sources[path].idle().items():
            idle.add((path, function))
            if (path, function) not in known:
                for n in numbers:
                    print(f"{path}:{n}: not run: {text[n - 1].strip()}")
    for path, function in sorted(known - idle):
        print(f"tests/coverage.txt: {path} {function}: all of it ran")


def gate(sources, root):
    """Whether GATED has what it must have in sum."""
    total = [0] * 4
    print()
    for folder in GATED:
        counts = [
            source.counts()
            for path, source in sources.items()
            if os.path.dirname(path) == folder
        ]
        counts = [sum(column) for column in zip(*counts)]
        row(folder, counts)
        total = [a + b for a, b in zip(total, counts)]
    row("in sum", total)
    list_idle(sources, root)
    held = percent(*total[:2]) >= LINES_MIN and percent(*total[2:]) >= BRANCHES_MIN
    if not held:
        print(f"in sum below {LINES_MIN} % of lines or {BRANCHES_MIN} % of branches")
    return held


def main(arguments):
    every_file = "--all" in arguments
    build = pathlib.Path(arguments[-1]).resolve()
    root = pathlib.Path(__file__).resolve().parent.parent
    sources = read(build, root)
    missing = [path for path in FRAMINGS if path not in sources]
    if missing:
        sys.exit("gcov knows nothing of " + ", ".join(missing))

    table(sources, every_file)
    failed = [path for path in FRAMINGS if any(sources[path].gaps())]
    for path in failed:
        print()
        list_gaps(path, sources[path], root)
    print()
    if failed:
        print("not covered whole: " + ", ".join(failed))
    held = [path not in failed for path in FRAMINGS]
    if every_file:
        held.append(gate(sources, root))
    print(f"{held.count(True)} passed, {held.count(False)} failed, 0 skipped")
    return 0 if all(held) else 1


sys.exit(main(sys.argv[1:]))
