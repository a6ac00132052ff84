"""plait resolve: what it says, and in which order."""
import json
import subprocess
import unittest

from peers import run
from peers.program import PLAIT


def resolve(*words, text=None):
    done = subprocess.run(
        [PLAIT, "resolve", *words], text=True, capture_output=True,
        input=text, timeout=run.DEADLINE_S, check=False)
    return done.returncode, done.stdout, done.stderr


class Resolving(unittest.TestCase):
    def test_names_and_addresses(self):
        status, out, err = resolve("localhost", "127.0.0.1", "localhost")
        self.assertEqual((status, err), (0, ""))
        lines = out.splitlines()
        self.assertEqual(len(lines), 3)
        self.assertIn("127.0.0.1", lines[0].split(": ")[1].split())
        self.assertEqual(lines[1], "127.0.0.1: localhost")
        self.assertEqual(lines[0], lines[2])

    def test_standard_input(self):
        """More than are under way at a time, in order; the last line has no
        end, and empty lines are none."""
        names = ["127.0.0.1", "localhost", ""] * 1500
        status, out, err = resolve(text="\r\n".join(names + ["localhost"]))
        self.assertEqual((status, err), (0, ""))
        self.assertEqual([line.split(":")[0] for line in out.splitlines()],
                         ["127.0.0.1", "localhost"] * 1500 + ["localhost"])

    def test_no_input(self):
        self.assertEqual(resolve(text=""), (0, "", ""))

    def test_json(self):
        status, out, err = resolve("--json", "127.0.0.1", "no such name", "a..b")
        self.assertEqual((status, err), (1, ""))
        lines = [json.loads(line) for line in out.splitlines()]
        # What is no name at all is told at once.
        self.assertEqual([line["asked"] for line in lines],
                         ["no such name", "a..b", "127.0.0.1"])
        self.assertEqual(lines[2], {"asked": "127.0.0.1", "name": "localhost",
                                    "addresses": []})
        self.assertIn("no name", lines[0]["error"])

    def test_failures(self):
        status, out, err = resolve("localhost", "x" * 64)
        self.assertEqual(status, 1)
        self.assertEqual(len(out.splitlines()), 1)
        self.assertEqual(len(err.splitlines()), 1)
        self.assertIn("this is no name", err)

    def test_json_is_utf_8(self):
        status, out, err = resolve("--json", "\u00e9..\u20ac", "a..\x01\\",
                                   b"a..\xe9")
        self.assertEqual((status, err), (1, ""))
        self.assertEqual([json.loads(line)["asked"]
                          for line in out.splitlines()],
                         ["\u00e9..\u20ac", "a..\x01\\", "a..\ufffd"])

    def test_lines_that_are_no_names(self):
        """Each is told, and the next one is asked for."""
        status, out, err = resolve(
            text="127.0.0.1\0.test\n" + "a" * 20000 + "\n127.0.0.1\n")
        self.assertEqual((status, out), (1, "127.0.0.1: localhost\n"))
        self.assertEqual(len(err.splitlines()), 2, err)
        self.assertIn('this is no name: "127.0.0.1 .test"', err)
        self.assertIn("a line of more than 16384 bytes", err)

    def test_no_time_at_all(self):
        status, out, err = resolve("--timeout", "0", "127.0.0.1")
        self.assertEqual((status, out), (2, ""))
        self.assertIn("a number of seconds above 0", err)
        status, out, err = resolve("--timeout", "0.0001", "127.0.0.1")
        self.assertEqual((status, out, err), (0, "127.0.0.1: localhost\n", ""))

    def test_full_disk(self):
        for words, text in ((["127.0.0.1"] * 2, ""), ([], "127.0.0.1\n" * 5000)):
            with open("/dev/full", "w", encoding="ascii") as full:
                done = subprocess.run(
                    [PLAIT, "resolve", *words], text=True, input=text,
                    stdout=full, stderr=subprocess.PIPE,
                    timeout=run.DEADLINE_S, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertEqual(done.stderr, "plait: resolve: standard output "
                                          "did not take all of it\n")

    def test_family(self):
        status, out, err = resolve("--family", "4", "localhost")
        self.assertEqual((status, out, err), (0, "localhost: 127.0.0.1\n", ""))

    def test_wrong_usage(self):
        for words in (["--family", "5", "a"], ["--timeout", "soon", "a"],
                      ["--frob", "a"]):
            status, out, err = resolve(*words)
            self.assertEqual((status, out), (2, ""))
            self.assertIn(words[0], err)

    def test_help(self):
        status, out, err = resolve("--help")
        self.assertEqual((status, err), (0, ""))
        for word in ("--timeout", "--family", "--json", "standard"):
            self.assertIn(word, out)
        for line in out.splitlines():
            self.assertLessEqual(len(line), 80, line)


if __name__ == "__main__":
    run.main()
