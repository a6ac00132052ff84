"""tests/vectors are what the installed Twisted makes of them today."""
import os
import subprocess
import sys
import tempfile
import unittest

from peers import run

FOLDER = os.path.join(os.environ.get("top_srcdir", "."), "tests", "vectors")


def rows(folder, name):
    """The lines of a file, but not the one that tells Twisted's version."""
    with open(os.path.join(folder, name)) as file:
        return [line for line in file if not line.startswith("# made by")]


class Vectors(unittest.TestCase):
    maxDiff = 2000

    def test_current(self):
        with tempfile.TemporaryDirectory() as made:
            subprocess.run([sys.executable, os.path.join(FOLDER, "generate.py"),
                            made], check=True, timeout=run.DEADLINE_S)
            names = sorted(os.listdir(made))
            self.assertEqual(names, sorted(
                name for name in os.listdir(FOLDER) if name.endswith(".hex")))
            for name in names:
                with self.subTest(name=name):
                    self.assertEqual(rows(FOLDER, name), rows(made, name))


if __name__ == "__main__":
    run.without("twisted")
    run.main()
