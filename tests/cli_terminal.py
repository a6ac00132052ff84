"""Terminals are given back as they were, whatever ends a program."""
import fcntl
import os
import pty
import signal
import struct
import termios
import unittest

from peers import run
from peers.program import PLAIT, Program, Reader
from peers.program import run as run_program

KEYS = os.path.join(os.environ.get("top_builddir", "."), "examples", "keys")
FATAL = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def quiet():
    """No core of a SIGQUIT."""
    import resource
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class Terminal(unittest.TestCase):
    def setUp(self):
        self.outside, self.inside = pty.openpty()
        self.addCleanup(os.close, self.outside)
        self.addCleanup(os.close, self.inside)
        self.resize(24, 80)
        self.before = termios.tcgetattr(self.inside)
        self.reader = Reader(self.outside)

    def resize(self, rows, columns):
        size = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self.outside, termios.TIOCSWINSZ, size)

    def start(self, *argv, ignore=None):
        def prepare():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            quiet()
            for number in FATAL:  # whoever started this may ignore some
                signal.signal(number, signal.SIG_DFL)
            if ignore is not None:
                signal.signal(ignore, signal.SIG_IGN)
        program = Program(*argv, stdin=self.inside, stdout=self.inside,
                          preexec_fn=prepare)
        self.addCleanup(program.__exit__)
        return program

    def keys(self, **options):
        program = self.start(KEYS, **options)
        self.assertEqual(self.reader.line(), "80 columns, 24 rows",
                         program.stderr())
        self.assertTrue(self.is_raw())
        return program

    def is_raw(self):
        return not termios.tcgetattr(self.inside)[3] & (
            termios.ICANON | termios.ECHO | termios.ISIG)

    def assert_as_before(self):
        self.assertEqual(termios.tcgetattr(self.inside), self.before)

    def test_keys(self):
        program = self.keys()
        os.write(self.outside, b"a\x03")  # Ctrl-C is a key like others
        self.assertEqual(self.reader.line(), "key 97")
        self.assertEqual(self.reader.line(), "key 3")
        self.resize(50, 132)
        self.assertEqual(self.reader.line(), "132 columns, 50 rows")
        os.write(self.outside, b"q")
        self.assertEqual(program.wait(), 0, program.stderr())
        self.assert_as_before()

    def test_killed(self):
        for number in FATAL:
            with self.subTest(number=number):
                program = self.keys()
                program.send(number)
                self.assertEqual(program.wait(), -number)
                self.assert_as_before()

    def test_ignored(self):
        """nohup: it goes on, and is raw."""
        program = self.keys(ignore=signal.SIGHUP)
        program.send(signal.SIGHUP)
        os.write(self.outside, b"a")
        self.assertEqual(self.reader.line(), "key 97")
        self.assertTrue(self.is_raw())
        program.send(signal.SIGTERM)
        self.assertEqual(program.wait(), -signal.SIGTERM)
        self.assert_as_before()

    def test_cat(self):
        """It changes nothing, so there is nothing to give back."""
        for number in FATAL:
            with self.subTest(number=number):
                with Program(PLAIT, "serve", "echo",
                             "tcp:0:interface=127.0.0.1") as server:
                    port = server.out.line().split(":")[1]
                    program = self.start(PLAIT, "cat", f"tcp:127.0.0.1:{port}")
                    os.write(self.outside, b"hello\n")
                    for _ in range(2):  # the terminal's echo, and the server's
                        self.assertEqual(self.reader.line(), "hello")
                    program.send(number)
                    program.wait()
                    self.assert_as_before()

    def test_no_terminal(self):
        status, out, err = run_program(KEYS)
        self.assertEqual((status, out), (1, ""))
        self.assertEqual(err, "keys: terminal 0: it is no terminal\n")


if __name__ == "__main__":
    run.main()
