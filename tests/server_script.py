"""script/server with endpoints of our own: both services work, TERM ends it.

PLAIT names the program that make has built, so nothing is built here."""
import os
import unittest

from peers import client, run
from peers.program import PLAIT, Program

SCRIPT = os.path.join(os.environ.get("top_srcdir", "."), "script", "server")


class Script(unittest.TestCase):
    def test_both_services(self):
        environment = dict(os.environ, PLAIT=PLAIT)
        with Program(SCRIPT, "tcp:0:interface=127.0.0.1",
                     "tcp:0:interface=127.0.0.1", env=environment) as server:
            chat, echo = self.endpoints(server)
            with client.enter(chat, "ann") as ann:
                ann.send("/who")
                self.assertEqual(ann.line(), "* lobby: ann")
                with client.connect(echo) as sock:
                    data = bytes(range(256)) * 1000
                    self.assertEqual(client.exchange(sock, data), data)
                server.send(15)
                self.assertEqual(ann.line(), "* server is stopping")
                self.assertIsNone(ann.line())
            self.assertEqual(server.wait(), 0, server.stderr())

    def endpoints(self, server):
        found = []
        while len(found) < 2:
            line = server.out.line()
            self.assertIsNotNone(line, server.stderr())
            if line.startswith("listening on "):
                found.append(line[len("listening on "):])
        return found

    def test_wrong_usage(self):
        with Program(SCRIPT, "tcp:0") as server:
            self.assertEqual(server.wait(), 2)
            self.assertIn("script/server", server.stderr())


if __name__ == "__main__":
    run.main()
