"""Real name servers, and one that never answers: both ways to look names up,
in a network of their own."""
import os
import unittest

from peers import names, run
from peers.program import run as run_program

ASKER = os.path.join(os.environ.get("top_builddir", "."), "tests/peers/asker")

FOLDER = names.enter()
WORLD = names.World(FOLDER)


class Answer:
    def __init__(self, code, ms, canonical, *addresses):
        self.code, self.ms, self.canonical = code, int(ms), canonical
        self.addresses = addresses

    def __repr__(self):
        return " ".join((self.code, str(self.ms), self.canonical,
                         *self.addresses))


def setUpModule():
    WORLD.start()


def tearDownModule():
    WORLD.stop()


class Backend:
    """What both do."""
    name = ""

    def ask(self, *lines, timeout_ms=0, stop_ms=0):
        stdin = os.path.join(FOLDER, "questions")
        WORLD.write("questions", "".join(line + "\n" for line in lines))
        with open(stdin, "rb") as file:
            status, out, errors = run_program(
                ASKER, self.name, str(timeout_ms), str(stop_ms), stdin=file)
        if status == 3 and "without c-ares" in errors:
            self.skipTest(errors.strip())
        self.assertIn(status, (0, 4), out + errors)
        answers = {}
        for line in out.splitlines():
            key, *rest = line.split("\t")
            self.assertNotIn(key, answers)
            answers[key] = Answer(*rest)
        self.assertEqual(answers["run"].code, "PLAIT_OK")
        for line in set(lines):
            self.assertIn(line, answers)
        return answers

    def check(self, line, canonical, *addresses):
        answer = self.ask(line)[line]
        self.assertEqual(answer.code, "PLAIT_OK", answer)
        self.assertEqual(answer.canonical, canonical)
        self.assertEqual(sorted(answer.addresses), sorted(addresses))

    def check_fails(self, line, code):
        answer = self.ask(line)[line]
        self.assertEqual(answer.code, code, answer)

    def test_one_family(self):
        self.check("v4.knot.test", "v4.knot.test", "192.0.2.1:0")
        self.check("v6.knot.test 80", "v6.knot.test", "[2001:db8::1]:80")

    def test_both_families(self):
        self.check("both.knot.test http", "both.knot.test", "192.0.2.2:80",
                   "[2001:db8::2]:80")

    def test_aliases(self):
        self.check("web.wood.test", "www.wood.test", "192.0.2.9:0",
                   "[2001:db8::9]:0")
        self.check("chain.knot.test", "both.knot.test", "192.0.2.2:0",
                   "[2001:db8::2]:0")

    def test_alias_of_nothing(self):
        self.check_fails("dangling.knot.test", "PLAIT_ENOTFOUND")

    def test_many_addresses_come_by_tcp(self):
        self.check("many.knot.test", "many.knot.test",
                   *(f"192.0.2.{n}:0" for n in range(100, 200)))

    def test_hosts_file(self):
        self.check("filed.test 7", "filed.test", "192.0.2.77:7")
        self.check("192.0.2.77", "filed.test")

    def test_reverse(self):
        self.check("192.0.2.1", "v4.knot.test")
        self.check("2001:db8::2", "both.knot.test")

    def test_no_such(self):
        self.check_fails("nowhere.knot.test", "PLAIT_ENOTFOUND")
        self.check_fails("nowhere.wood.test", "PLAIT_ENOTFOUND")
        self.check_fails("mail.knot.test", "PLAIT_ENOTFOUND")
        self.check_fails("192.0.2.3", "PLAIT_ENOTFOUND")
        self.check_fails("v4.knot.test nosuchservice", "PLAIT_ENOTFOUND")

    def test_refused(self):
        # No server of dnsmasq's is for this one.
        self.check_fails("www.elsewhere.test", "PLAIT_ETEMPORARY")

    def test_black_hole(self):
        """500 at once, 50 of which nobody answers: the good ones are not
        held up, nor are tasks."""
        good = [f"n{n}.knot.test" for n in range(450)]
        bad = [f"n{n}.hole.test" for n in range(50)]
        mixed = [name for n in range(50)
                 for name in (bad[n], *good[9 * n:9 * n + 9])]
        answers = self.ask(*mixed, timeout_ms=2000)
        for name in good:
            self.assertEqual(answers[name].code, "PLAIT_OK", name)
            self.assertLess(answers[name].ms, 15000, name)
        for name in bad:
            self.assertEqual(answers[name].code, "PLAIT_ETIMEOUT", name)
            self.assertGreaterEqual(answers[name].ms, 2000, name)
        self.assertLess(answers["tasks"].ms, 2000)

    def test_stop_in_a_black_hole(self):
        bad = [f"n{n}.hole.test" for n in range(50)]
        answers = self.ask(*bad, timeout_ms=60000, stop_ms=200)
        for name in bad:
            self.assertEqual(answers[name].code, "PLAIT_ECANCELED", name)
        self.assertLess(answers["run"].ms, 5000)


class System(Backend, unittest.TestCase):
    name = "system"


class Cares(Backend, unittest.TestCase):
    name = "c-ares"

    def setUp(self):
        run.without("cares")


if __name__ == "__main__":
    run.main()
