"""socat against plait, and plait cat against socat."""
import os
import random
import re
import socket
import tempfile
import unittest

from peers import client, run
from peers.program import PLAIT, Program, Reader, Serve

DATA = random.Random(4).randbytes(5000000)
WAIT = ["-t", str(run.DEADLINE_S)]  # for the answer, after its own end


def socat_address(endpoint):
    family, address = client.address_of(endpoint)
    if family == socket.AF_UNIX:
        return f"UNIX-CONNECT:{address}"
    return f"TCP:{address[0]}:{address[1]}"


class Socat(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = os.path.join(self.folder.name, "sock")
        self.data = tempfile.TemporaryFile()
        self.addCleanup(self.data.close)
        self.data.write(DATA)

    def stdin(self):
        self.data.seek(0)
        return self.data

    def test_echo(self):
        with Serve("echo", "tcp:0", f"unix:{self.path}", "--reactors",
                   "2") as server:
            for endpoint in server.endpoints:
                with Program("socat", *WAIT, "-", socat_address(endpoint),
                             stdin=self.stdin()) as socat:
                    self.assertTrue(socat.out.rest() == DATA, endpoint)
                    self.assertEqual(socat.wait(), 0, socat.stderr())
            self.assertEqual(server.stop(), 0, server.stderr())

    def test_small_pieces(self):
        """-b: what is sent and read, one byte to a few at a time."""
        with Serve("line-echo", "tcp:0") as server:
            self.data = tempfile.TemporaryFile()
            self.addCleanup(self.data.close)
            self.data.write(b"".join(b"%d\n" % i for i in range(2000)))
            address = socat_address(server.endpoints[0])
            with Program("socat", *WAIT, "-b", "3", "-", f"{address},nodelay",
                         stdin=self.stdin()) as socat:
                self.assertEqual(socat.out.rest(), b"".join(
                    b"%d\r\n" % i for i in range(2000)))
                self.assertEqual(socat.wait(), 0, socat.stderr())

    def test_socat_serves(self):
        """Its cat gets our end as the end of its input, and answers it."""
        for kind in ("TCP-LISTEN:0,bind=127.0.0.1", f"UNIX-LISTEN:{self.path}"):
            read, write = os.pipe()
            with Program("socat", "-d", "-d", *WAIT, kind, "EXEC:cat",
                         preexec_fn=lambda: os.dup2(write, 2),
                         pass_fds=[write]) as socat:
                os.close(write)
                endpoint = self.endpoint(Reader(read))
                with Program(PLAIT, "cat", endpoint,
                             stdin=self.stdin()) as cat:
                    self.assertTrue(cat.out.rest() == DATA, kind)
                    self.assertEqual(cat.wait(), 0, cat.stderr())
                self.assertEqual(socat.wait(), 0)
            os.close(read)

    def endpoint(self, notices):
        while True:
            line = notices.line()
            self.assertIsNotNone(line, "socat does not listen")
            found = re.search(r"listening on AF=\d+ (.*)", line)
            if found and found[1].startswith("127.0.0.1:"):
                return f"tcp:{found[1]}"
            if found:
                return f"unix:{self.path}"


if __name__ == "__main__":
    run.without("socat")
    run.main()
