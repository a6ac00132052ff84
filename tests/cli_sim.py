"""plait sim: what it prints, and how it answers wrong words."""
import json
import subprocess
import unittest

from peers import run
from peers.program import PLAIT


def sim(*words):
    done = subprocess.run([PLAIT, "sim", *words], text=True, check=False,
                          capture_output=True, timeout=run.DEADLINE_S)
    return done.returncode, done.stdout, done.stderr


class Simulating(unittest.TestCase):
    def test_help_and_list(self):
        status, out, _ = sim("--help")
        self.assertEqual(status, 0)
        self.assertIn("--shrink", out)
        for name in ("echo", "chat", "workers", "reconnect", "pace"):
            self.assertIn(f"\n  {name} ", out)
            self.assertIn(f"  {name} ", sim("--list")[1])

    def test_the_same_seed_is_the_same_run(self):
        one = sim("chat", "--seed", "4711", "--events")[1].splitlines()
        again = sim("chat", "--seed", "4711", "--events")[1].splitlines()
        other = sim("chat", "--seed", "4712", "--events")[1].splitlines()
        self.assertEqual(one[0], again[0])
        self.assertNotEqual(one[0], other[0])

    def test_json(self):
        status, out, err = sim("echo", "--seeds", "30", "--jobs", "2", "--json")
        self.assertEqual((status, err), (0, ""))
        told = json.loads(out)
        self.assertEqual((told["seeds"], told["failures"]), (30, 0))
        self.assertGreater(told["events"], 0)

    def test_full_disk(self):
        for words in (["sim", "echo"], ["sim", "echo", "--json"],
                      ["sim", "--list"], ["sim", "echo", "--list"],
                      ["sim", "--help"], ["serve", "--help"], ["--help"],
                      ["--version"]):
            with self.subTest(words=words), \
                    open("/dev/full", "w", encoding="ascii") as full:
                done = subprocess.run([PLAIT, *words], text=True, check=False,
                                      stdout=full, stderr=subprocess.PIPE,
                                      timeout=run.DEADLINE_S)
                self.assertEqual(
                    (done.returncode, done.stderr),
                    (1, "plait: standard output did not take all of it\n"))

    def test_processes_do_not_matter(self):
        one = json.loads(sim("echo", "--seeds", "40", "--jobs", "1",
                             "--json")[1])
        many = json.loads(sim("echo", "--seeds", "40", "--jobs", "5",
                              "--json")[1])
        self.assertEqual(one["hash"], many["hash"])

    def test_a_setting(self):
        status, out, _ = sim("echo", "--calm", "--set", "connections=3",
                             "--list")
        self.assertEqual(status, 0)
        self.assertIn("connections=3\n", out)
        self.assertIn("reset_ppm=0\n", out)

    def test_a_failure(self):
        """A bound of one byte: two connections never fit in it."""
        status, out, _ = sim("echo", "--seed", "7", "--seeds", "2", "--calm",
                             "--set", "memory_bytes=1", "--set", "messages=9",
                             "--set", "pause_ms=400", "--shrink")
        self.assertEqual(status, 1)
        self.assertIn("FAILED plait sim echo --seed 7 --calm ", out)
        self.assertIn("FAILED plait sim echo --seed 8 --calm ", out)
        self.assertIn("bytes are allocated", out)
        self.assertIn("2 failures\n", out)
        last = out.splitlines()[-1]
        self.assertTrue(last.startswith("smallest: plait sim echo --seed 7"))
        self.assertIn("--set memory_bytes=1", last)
        words = last.split()[3:]
        self.assertEqual(sim(*words)[0], 1)

    def test_faults_of_a_calm_world(self):
        """A read that fails resets its peer, which has nothing against it."""
        for scenario in "echo", "workers", "reconnect":
            with self.subTest(scenario=scenario):
                status, out, _ = sim(scenario, "--calm", "--faults")
                self.assertEqual((status, out.count("FAILED")), (0, 0), out)

    def test_numbers(self):
        """The seed that was written, with zeros before it, too."""
        most = 2**64 - 1
        for word, seed in (("010", 10), ("0x10", 16), (str(most), most)):
            with self.subTest(word=word):
                told = json.loads(sim("pace", "--seed", word, "--set",
                                      "messages=1", "--json")[1])
                self.assertEqual((told["seed"], told["seeds"]), (seed, 1))

    def test_wrong_words(self):
        for words in ((), ("bell",), ("echo", "--seed", "x"),
                      ("echo", "--seed", str(2**64)),
                      ("echo", "--seeds", "0"), ("echo", "--places"),
                      ("echo", "--set", "bell=1"), ("echo", "chat")):
            status, _, err = sim(*words)
            self.assertEqual(status, 2, words)
            self.assertIn("plait sim", err)


if __name__ == "__main__":
    run.main()
