"""No descriptor of plait's outlives an exec: each has FD_CLOEXEC."""
import os
import socket
import subprocess
import tempfile
import unittest

from peers import client, run
from peers.program import PLAIT, Program, Serve


def kept(pid):
    """What a child process of |pid| would inherit, but for the standard
    streams; and how many descriptors there are."""
    found, count = {}, 0
    for name in os.listdir(f"/proc/{pid}/fd"):
        if int(name) <= 2:
            continue
        count += 1
        with open(f"/proc/{pid}/fdinfo/{name}") as file:
            flags = next(line for line in file if line.startswith("flags:"))
        if not int(flags.split()[1], 8) & os.O_CLOEXEC:
            found[int(name)] = os.readlink(f"/proc/{pid}/fd/{name}")
    return found, count


class Descriptors(unittest.TestCase):
    def check(self, program, least):
        found, count = kept(program.process.pid)
        self.assertEqual(found, {})
        self.assertGreaterEqual(count, least)

    # R026
    def test_server(self):
        for dispatch in ("reactor", "workers"):
            with (self.subTest(dispatch=dispatch),
                  tempfile.TemporaryDirectory() as folder,
                  Serve("--reactors", "2", "--dispatch", dispatch,
                        "echo", "tcp:0:interface=127.0.0.1",
                        f"unix:{folder}/echo") as server,
                  client.connect(server.endpoints[0]) as tcp,
                  client.connect(server.endpoints[1]) as unix):
                for sock in (tcp, unix):
                    sock.sendall(b"hello")
                    self.assertEqual(sock.recv(5), b"hello")
                # two loops, two sockets, a path, a client each
                self.check(server, 10)

    # R026
    def test_client(self):
        with socket.create_server(("127.0.0.1", 0)) as listening:
            port = listening.getsockname()[1]
            listening.settimeout(run.DEADLINE_S)
            with (Program(PLAIT, "cat", f"tcp:localhost:{port}",
                          stdin=subprocess.PIPE) as program,
                  listening.accept()[0] as peer):
                program.stdin.write(b"hello")
                program.stdin.flush()
                self.assertEqual(peer.recv(5), b"hello")
                self.check(program, 5)


if __name__ == "__main__":
    run.main()
