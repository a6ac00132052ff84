"""nc (Debian's netcat-openbsd) against plait, and plait cat against nc."""
import os
import random
import socket
import subprocess
import tempfile
import unittest

from peers import client, run
from peers.program import PLAIT, Program, Reader, Serve

DATA = random.Random(3).randbytes(5000000)


def nc_words(endpoint):
    family, address = client.address_of(endpoint)
    if family == socket.AF_UNIX:
        return ["-U", address]
    return [address[0], str(address[1])]


class Client(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = os.path.join(self.folder.name, "sock")

    def data(self):
        file = tempfile.TemporaryFile()
        self.addCleanup(file.close)
        file.write(DATA)
        file.seek(0)
        return file

    def test_echo(self):
        """-N: nc ends its side after its input, and gets all of it back."""
        with Serve("echo", "tcp:0", f"unix:{self.path}", "tcp6:0",
                   "--reactors", "2") as server:
            for endpoint in server.endpoints:
                with Program("nc", "-N", *nc_words(endpoint),
                             stdin=self.data()) as nc:
                    self.assertTrue(nc.out.rest() == DATA, endpoint)
                    self.assertEqual(nc.wait(), 0, nc.stderr())
            self.assertEqual(server.stop(), 0, server.stderr())

    def test_chat(self):
        with Serve("chat", "tcp:0") as server:
            words = nc_words(server.endpoints[0])
            bob = client.enter(server.endpoints[0], "bob")
            with bob, Program("nc", *words, stdin=subprocess.PIPE,
                              bufsize=0) as nc:
                self.assertEqual(nc.out.line(), "name?")
                nc.stdin.write(b"ann\n")
                self.assertEqual(nc.out.line(), "* ann joined")
                self.assertEqual(bob.line(), "* ann joined")
                nc.stdin.write(b"good morning\n")
                self.assertEqual(bob.line(), "<ann> good morning")
                bob.send("good morning, ann")
                self.assertEqual(nc.out.line(), "<bob> good morning, ann")
                nc.stdin.write(b"/quit\n")
                self.assertEqual(bob.line(), "* ann left")
                nc.stdin.close()  # nc goes on after the server's end
                self.assertEqual(nc.out.rest(), b"")
                self.assertEqual(nc.wait(), 0, nc.stderr())

    def test_connects_and_goes(self):
        """-z: a connection without a byte."""
        with Serve("chat", "tcp:0", "--reactors", "2") as server:
            for _ in range(20):
                with Program("nc", "-z", *nc_words(server.endpoints[0])) as nc:
                    self.assertEqual(nc.wait(), 0, nc.stderr())
            client.enter(server.endpoints[0], "ann").sock.close()
            self.assertEqual(server.stop(), 0, server.stderr())


class Server(unittest.TestCase):
    def test_cat(self):
        """nc -l -N answers, then ends its side; plait cat ends its own."""
        with tempfile.TemporaryFile() as file:
            file.write(DATA)
            file.seek(0)
            read, write = os.pipe()
            with Program("nc", "-v", "-n", "-l", "-N", "127.0.0.1", "0",
                         stdin=file, preexec_fn=lambda: os.dup2(write, 2),
                         pass_fds=[write]) as nc:
                os.close(write)
                port = Reader(read).line().split()[-1]
                with Program(PLAIT, "cat", f"tcp:127.0.0.1:{port}",
                             stdin=subprocess.PIPE) as cat:
                    self.assertTrue(cat.out.bytes(len(DATA)) == DATA)
                    cat.stdin.write(b"thank you")
                    cat.stdin.close()
                    self.assertEqual(nc.out.rest(), b"thank you")
                    self.assertEqual(cat.out.rest(), b"")
                    self.assertEqual(cat.wait(), 0, cat.stderr())
            os.close(read)


if __name__ == "__main__":
    run.without("nc")
    run.main()
