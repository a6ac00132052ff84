"""plait run: a program for each connection, and what is left of it."""
import contextlib
import os
import random
import select
import signal
import socket
import stat
import sys
import tempfile
import unittest
from unittest import mock

from peers import client, run
from peers.program import PLAIT, Program, Reader, Serve
from peers.program import run as run_program

BIG = random.Random(1).randbytes(5000000)


class Run(Program):
    """plait run, listening."""

    def __init__(self, *words, options=("--listen", "tcp:0"), **more):
        super().__init__(PLAIT, "run", *options, "--", *words, **more)
        line = self.out.line() or self.stderr()
        if not line.startswith("listening on "):
            self.__exit__()
            raise AssertionError(line)
        self.endpoint = line[len("listening on "):]

    def stop(self, number=signal.SIGTERM):
        self.send(number)
        return self.wait()


class Processes:
    """Those that a visitor is told of, known by descriptors: their ends are
    seen, whoever gets their numbers next."""

    def __init__(self):
        self.pidfds = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for fd in self.pidfds:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(fd, signal.SIGKILL)
            os.close(fd)

    def visit(self, peer):
        """A connection whose first line are the numbers of processes."""
        sock = client.connect(peer.endpoint)
        for pid in Reader(sock.fileno()).line().split():
            self.pidfds.append(os.pidfd_open(int(pid)))
        return sock

    def ended(self, timeout=0):
        """How many have ended, each within the time."""
        poll = select.poll()
        for fd in self.pidfds:
            poll.register(fd, select.POLLIN)
        ended = 0
        while ready := poll.poll(timeout * 1000):
            for fd, _ in ready:
                poll.unregister(fd)
            ended += len(ready)
            if ended == len(self.pidfds):
                break
        return ended


class Usage(unittest.TestCase):
    def test_wrong(self):
        for words in ([], ["cat"], ["--"], ["--listen"], ["--no", "--", "cat"],
                      ["--listen", "tpc:0", "--", "cat"],
                      ["--listen", "udp:0", "--", "cat"],
                      ["--listen", "stdio:", "--", "cat"],
                      ["--listen", "stdio", "--", "cat"],
                      ["--connections", "0", "--", "cat"],
                      ["--connections", "100001", "--", "cat"],
                      ["tcp:0", "--", "cat"]):
            with self.subTest(words=words):
                status, out, err = run_program(PLAIT, "run", *words)
                self.assertEqual((status, out), (2, ""), err)

    def test_help(self):
        status, out, err = run_program(PLAIT, "run", "--help")
        self.assertEqual((status, err), (0, ""))
        self.assertIn("plait run --listen tcp:4000 -- sort -r", out)

    def test_port_in_use(self):
        with Serve("echo", "tcp:0") as server:
            status, out, err = run_program(
                PLAIT, "run", "--listen", server.endpoints[0], "--", "cat")
            self.assertEqual((status, out), (1, ""))
            self.assertIn("bind", err)

    def test_missing(self):
        """Told before there is a visitor."""
        for word in ("/nowhere/at/all", "no-such-command", ""):
            with self.subTest(word=word):
                self.assertEqual(
                    run_program(PLAIT, "run", "--", word),
                    (1, "", f"plait: run {word}: "
                     "no such file or directory\n"))

    def test_not_to_be_run(self):
        with tempfile.NamedTemporaryFile() as file:
            status, out, err = run_program(PLAIT, "run", "--", file.name)
        self.assertEqual((status, out), (1, ""))
        self.assertIn("permission denied", err)
        self.assertEqual(run_program(PLAIT, "run", "--", "/tmp"),
                         (1, "", "plait: run /tmp: permission denied\n"))

    def test_not_to_be_run_on_the_path(self):
        with tempfile.TemporaryDirectory() as folder:
            with open(os.path.join(folder, "tool"), "w"):
                pass
            path = f"{folder}:{os.environ['PATH']}"
            with mock.patch.dict(os.environ, {"PATH": path}):
                self.assertEqual(run_program(PLAIT, "run", "--", "tool"),
                                 (1, "", "plait: run tool: "
                                  "permission denied\n"))


class Through(unittest.TestCase):
    def test_cat(self):
        """More than all buffers on the way."""
        with tempfile.TemporaryDirectory() as folder:
            for listen in ("tcp:0", "tcp6:0", f"unix:{folder}/run.sock"):
                with self.subTest(listen=listen), \
                        Run("/bin/cat", options=("--listen", listen)) as peer:
                    with client.connect(peer.endpoint) as sock:
                        self.assertTrue(client.exchange(sock, BIG) == BIG)
                    self.assertEqual(peer.stop(), 0, peer.stderr())
                    self.assertEqual(peer.stderr(),
                                     "plait: stopped after 1 connection\n")

    def test_only_for_this_host(self):
        """Unless another endpoint is named."""
        with Run("cat", options=()) as peer:
            self.assertRegex(peer.endpoint,
                             r"^tcp:\d+:interface=127\.0\.0\.1$")
            with client.connect(peer.endpoint) as sock:
                self.assertEqual(client.exchange(sock, b"hello"), b"hello")

    def test_arguments(self):
        """The command's own, options too, and with nothing made of them."""
        words = ("--quiet", "a b", "", "$HOME", "--")
        with Run("/bin/sh", "-c", 'printf "<%s>" "$@"', "sh", *words) as peer:
            with client.connect(peer.endpoint) as sock:
                self.assertEqual(client.read_all(sock).decode(),
                                 "".join(f"<{word}>" for word in words))

    def test_large_output(self):
        with Run("head", "-c", "20000000", "/dev/zero") as peer:
            with client.connect(peer.endpoint) as sock:
                self.assertTrue(client.read_all(sock) == bytes(20000000))

    def test_stderr_is_ours(self):
        with Run("/bin/sh", "-c", "echo told >&2", options=("--quiet",)) \
                as peer:
            with client.connect(peer.endpoint) as sock:
                self.assertEqual(client.read_all(sock), b"")
            self.assertEqual(peer.stop(), 0)
            self.assertEqual(peer.stderr(), "told\n")

    def test_fifty_at_once(self):
        """All have their children before the first one says a word."""
        with Run("/bin/cat") as peer, contextlib.ExitStack() as stack:
            socks = [stack.enter_context(client.connect(peer.endpoint))
                     for _ in range(50)]
            for i, sock in enumerate(socks):
                sock.sendall(b"%d\n" % i)
                self.assertEqual(sock.recv(10), b"%d\n" % i)
            for i, sock in enumerate(socks):
                data = BIG[i * 1000:][:100000]
                self.assertTrue(client.exchange(sock, data) == data)
            self.assertEqual(peer.stop(), 0, peer.stderr())
            self.assertEqual(peer.stderr(),
                             "plait: stopped after 50 connections\n")

    def test_so_many_at_once(self):
        """The next one begins when the last one has ended."""
        script = 'mkdir "$0" && echo alone; cat; rmdir "$0"'
        with tempfile.TemporaryDirectory() as folder, \
                Run("/bin/sh", "-c", script, f"{folder}/taken",
                    options=("--connections", "1")) as peer, \
                contextlib.ExitStack() as stack:
            socks = [stack.enter_context(client.connect(peer.endpoint))
                     for _ in range(5)]
            for sock in socks:
                sock.shutdown(socket.SHUT_WR)
            self.assertEqual([client.read_all(sock) for sock in socks],
                             [b"alone\n"] * 5)

    def test_gone_later(self):
        """Told once, with the step; and anew when it had been there."""
        with tempfile.TemporaryDirectory() as folder:
            program = os.path.join(folder, "program")

            def install():
                with open(program, "w") as file:
                    file.write("#!/bin/sh\necho here\n")
                os.chmod(program, stat.S_IRWXU)

            def visit():
                with client.connect(peer.endpoint) as sock:
                    return client.read_all(sock)

            install()
            # One at a time: a visitor has read all before the child is reaped.
            with Run(program, options=("--connections", "1")) as peer:
                wanted = (f"plait: spawn {program}: exec: "
                          "no such file or directory\n")
                for times in (1, 2):
                    self.assertEqual(visit(), b"here\n")
                    os.remove(program)
                    for _ in range(2):
                        self.assertRaises(ConnectionResetError, visit)
                    self.assertEqual(peer.stderr(), wanted * times)
                    install()


# It says when it gets SIGTERM, and goes on.
STUBBORN = (sys.executable, "-c", """
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
os.write(1, b"%d\\n" % os.getpid())
while True:
    signal.sigwait([signal.SIGTERM])
    os.write(1, b"heard\\n")
""")


class Stops(unittest.TestCase):
    """No child outlives it, nor a child's own."""

    def stop(self, *words, options=(), again=False):
        """Status, stderr."""
        with Run(*words, options=("--quiet", *options)) as peer, \
                Processes() as processes, contextlib.ExitStack() as stack:
            socks = [stack.enter_context(processes.visit(peer))
                     for _ in range(3)]
            self.assertEqual(processes.ended(), 0)
            peer.send(signal.SIGTERM)
            if again:
                for sock in socks:
                    self.assertEqual(Reader(sock.fileno()).line(), "heard")
                peer.send(signal.SIGTERM)
            status = peer.wait()
            # What init has inherited may yet be on its way out.
            self.assertEqual(processes.ended(run.DEADLINE_S),
                             len(processes.pidfds))
            return status, peer.stderr()

    def test_children(self):
        self.assertEqual(self.stop("/bin/sh", "-c",
                                   "echo $$; exec sleep 1000"), (0, ""))

    def test_their_children(self):
        """That heed no SIGTERM, either."""
        script = ("trap '' TERM; sleep 1000 & trap - TERM; "
                  "echo $$ $!; wait")
        self.assertEqual(self.stop("/bin/sh", "-c", script), (0, ""))

    def test_stubborn(self):
        self.assertEqual(self.stop(*STUBBORN, options=("--grace", "0.1")),
                         (0, ""))

    def test_twice(self):
        self.assertEqual(self.stop(*STUBBORN, again=True),
                         (1, "plait: stop: children were killed\n"))

    def test_interrupted(self):
        """Ctrl-C goes to all of a terminal's processes, but not to those."""
        with Run("/bin/sh", "-c", "trap 'echo heard' INT; echo; cat",
                 options=("--quiet",), start_new_session=True) as peer, \
                client.connect(peer.endpoint) as sock:
            self.assertEqual(sock.recv(1), b"\n")
            os.killpg(peer.process.pid, signal.SIGINT)
            self.assertEqual(client.read_all(sock), b"")
            self.assertEqual(peer.wait(), 0, peer.stderr())

    def test_visitor_goes(self):
        """Its child reads the end, and ends."""
        with Run("/bin/sh", "-c", "echo $$; exec cat") as peer, \
                Processes() as processes, processes.visit(peer) as sock:
            sock.shutdown(socket.SHUT_WR)
            self.assertEqual(client.read_all(sock), b"")
            self.assertEqual(peer.stop(), 0, peer.stderr())
            self.assertEqual(processes.ended(), 1)


if __name__ == "__main__":
    run.main()
