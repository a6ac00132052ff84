"""plait serve on sockets that a service manager has bound."""
import os
import sys
import unittest

from peers import client, run
from peers.program import PLAIT, Serve
from peers.program import run as run_program

# What a service manager does: descriptors from 3 on, and whose they are.
LAUNCHER = """
import fcntl, os, sys
pid, names, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
fds, words = sys.argv[4:4 + count], sys.argv[4 + count:]
high = [fcntl.fcntl(int(fd), fcntl.F_DUPFD, 3 + count) for fd in fds]
for i, fd in enumerate(high):
    os.dup2(fd, 3 + i)
    os.close(fd)
os.environ["LISTEN_PID"] = pid or str(os.getpid())
os.environ["LISTEN_FDS"] = str(count)
if names:
    os.environ["LISTEN_FDNAMES"] = names
os.execvp(words[0], words)
"""


class Activated(unittest.TestCase):
    def setUp(self):
        self.sockets = []
        self.ports = []
        for _ in range(2):
            listening, endpoint = client.listen()
            self.addCleanup(listening.close)
            self.sockets.append(listening)
            self.ports.append(endpoint.split(":")[2])
        self.fds = [s.fileno() for s in self.sockets]

    def launcher(self, names="web:smtp", pid=""):
        return [sys.executable, "-c", LAUNCHER, pid, names,
                str(len(self.fds)), *map(str, self.fds)]

    def serve(self, *endpoints, **options):
        server = Serve("echo", *endpoints, endpoints=len(endpoints),
                       launcher=self.launcher(**options), pass_fds=self.fds)
        self.addCleanup(server.__exit__)
        return server

    def echo(self, port, text=b"hello"):
        with client.connect(f"tcp:{port}") as sock:
            self.assertEqual(client.exchange(sock, text), text)

    def test_name(self):
        server = self.serve("systemd:name=smtp")
        self.assertEqual(server.endpoints, ["systemd:name=smtp"])
        self.echo(self.ports[1])
        self.assertEqual(server.stop(), 0)

    def test_index(self):
        server = self.serve("systemd:index=0", names="")
        self.assertEqual(server.endpoints, ["systemd:index=0"])
        self.echo(self.ports[0])
        self.assertEqual(server.stop(), 0)

    def test_both(self):
        server = self.serve("systemd:name=web", "systemd:index=1")
        for port in self.ports:
            self.echo(port)
        for fd in (3, 4):
            with open(f"/proc/{server.process.pid}/fdinfo/{fd}") as info:
                flags = next(int(line.split()[1], 8) for line in info
                             if line.startswith("flags:"))
            self.assertTrue(flags & os.O_CLOEXEC, fd)
        self.assertEqual(server.stop(), 0)

    def fails(self, words, *endpoint, **options):
        status, out, err = run_program(
            *self.launcher(**options), PLAIT, "serve", "echo", *endpoint,
            pass_fds=self.fds)
        self.assertEqual((status, out), (1, ""), err)
        self.assertEqual(len(err.splitlines()), 1, err)
        self.assertIn(words, err)

    def test_unknown_name(self):
        self.fails("listen systemd:name=ftp: LISTEN_FDNAMES has no such name",
                   "systemd:name=ftp")

    def test_no_such_index(self):
        self.fails("listen systemd:index=2: LISTEN_FDS is less",
                   "systemd:index=2")

    def test_another_process(self):
        """They are for whom LISTEN_PID names, and nobody else."""
        self.fails("no sockets were handed to this process",
                   "systemd:index=0", pid="1")

    def test_none(self):
        status, out, err = run_program(PLAIT, "serve", "echo",
                                       "systemd:name=web")
        self.assertEqual((status, out), (1, ""), err)
        self.assertIn("no sockets were handed to this process", err)

    def test_wrong(self):
        for endpoint in ("systemd:", "systemd:name=a:index=0",
                         "systemd:name=", "systemd:index=x", "systemd:web"):
            with self.subTest(endpoint=endpoint):
                status, out, err = run_program(PLAIT, "serve", "echo",
                                               endpoint)
                self.assertEqual((status, out), (2, ""), err)
                self.assertIn("systemd:name=web", err)


if __name__ == "__main__":
    run.main()
