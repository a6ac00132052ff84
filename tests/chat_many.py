"""The chat: what a member sees, and 50 members on three event loops."""
import random
import selectors
import signal
import time
import unittest

from peers import client, run
from peers.program import Late, Serve

MEMBERS, MESSAGES = 50, 20
COMMANDS = "! commands are /join ROOM, /who, /msg NAME text, /quit"


ON_WORKERS = ("--dispatch", "workers", "--workers", "8")


class Members(unittest.TestCase):
    options = ()

    def setUp(self):
        self.server = Serve("--reactors", "3", "chat", "tcp:0", *self.options)
        self.addCleanup(self.server.__exit__)
        self.endpoint = self.server.endpoints[0]

    def lines(self, **options):
        peer = client.Lines(self.endpoint, **options)
        self.addCleanup(peer.sock.close)
        self.assertEqual(peer.line(), "name?")
        return peer

    def enter(self, *names):
        """Members that have seen each other join."""
        members = []
        for name in names:
            member = client.enter(self.endpoint, name)
            self.addCleanup(member.sock.close)
            for other in members:
                self.assertEqual(other.line(), f"* {name} joined")
            members.append(member)
        return members

    def test_names(self):
        self.enter("ann")
        peer = self.lines()
        for wrong in ("ann", "", "x" * 21, "a b", "ann!", "bj\u00f6rn", "<x>"):
            peer.send(wrong)
            self.assertEqual(peer.line(), "! name taken")
            self.assertEqual(peer.line(), "name?")
        peer.send("x" * 20)
        self.assertEqual(peer.line(), f"* {'x' * 20} joined")
        self.lines().send("A-z_09")

    def test_lines(self):
        ann, bob, eve = self.enter("ann", "bob", "eve")
        ann.send("good morning")
        smile = "gr\u00fc\u00df dich \U0001f600"
        ann.send_bytes(smile.encode() + b"\r\n")
        for other in (bob, eve):
            self.assertEqual(other.line(), "<ann> good morning")
            self.assertEqual(other.line(), "<ann> " + smile)
        bob.send("hello")
        self.assertEqual(ann.line(), "<bob> hello")  # nothing of its own

    def test_rooms(self):
        ann, bob = self.enter("ann", "bob")
        ann.send("/who")
        self.assertEqual(ann.line(), "* lobby: ann bob")
        bob.send("/join den")
        self.assertEqual(bob.line(), "* bob joined")
        self.assertEqual(ann.line(), "* bob left")
        ann.send("nobody else is here", "/who")
        self.assertEqual(ann.line(), "* lobby: ann")
        bob.send("/who")
        self.assertEqual(bob.line(), "* den: bob")
        ann.send("/join den")
        self.assertEqual(ann.line(), "* ann joined")
        self.assertEqual(bob.line(), "* ann joined")
        ann.send("/join den", "/join a/b", "/join")
        self.assertRegex(ann.line(), "^! ")
        self.assertRegex(ann.line(), "^! ")
        self.assertRegex(ann.line(), "^! ")
        ann.send("hi")
        self.assertEqual(bob.line(), "<ann> hi")

    def test_messages(self):
        ann, bob, eve = self.enter("ann", "bob", "eve")
        eve.send("/join den")
        self.assertEqual(eve.line(), "* eve joined")
        for other in (ann, bob):
            self.assertEqual(other.line(), "* eve left")
        ann.send("/msg eve  pssst, there", "/msg ann me", "/msg tom hi",
                 "/msg eve", "/msg")
        self.assertEqual(eve.line(), "[ann] pssst, there")
        self.assertEqual(ann.line(), "[ann] me")
        for _ in range(3):
            self.assertRegex(ann.line(), "^! ")
        ann.send("end")
        self.assertEqual(bob.line(), "<ann> end")

    def test_unknown_command(self):
        ann, bob = self.enter("ann", "bob")
        ann.send("/help", "/", "/whox", "done")
        for _ in range(3):
            self.assertEqual(ann.line(), COMMANDS)
        self.assertEqual(bob.line(), "<ann> done")

    def test_quit(self):
        ann, bob, eve = self.enter("ann", "bob", "eve")
        bob.send("/quit")
        self.assertIsNone(bob.line())
        for other in (ann, eve):
            self.assertEqual(other.line(), "* bob left")
        eve.sock.close()
        self.assertEqual(ann.line(), "* eve left")
        client.enter(self.endpoint, "bob").sock.close()
        peer = self.lines()
        peer.send("/quit")
        self.assertIsNone(peer.line())

    def test_bytes_that_are_not_text(self):
        ann, bob = self.enter("ann", "bob")
        for bad in (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xe2\x82",
                    b"\xf4\x90\x80\x80", b"a\x07", b"\x1b[2J", b"a\tb",
                    b"\x7f", b"\xc2\x85", b"a\x00b", b"/who\x01"):
            ann.send_bytes(bad + b"\n")
            self.assertRegex(ann.line(), "^! ", bad)
        ann.send("fine")
        self.assertEqual(bob.line(), "<ann> fine")

    def test_longest_line(self):
        ann, bob = self.enter("ann", "bob")
        ann.send("x" * 1000, "\u20ac" * 333)
        self.assertEqual(bob.line(), "<ann> " + "x" * 1000)
        self.assertEqual(bob.line(), "<ann> " + "\u20ac" * 333)
        ann.send("x" * 1001)
        self.assertEqual(ann.line(), "! line too long")
        self.assertIsNone(ann.line())
        self.assertEqual(bob.line(), "* ann left")

    def test_slow_member_is_dropped(self):
        ann, bob = self.enter("ann", "bob")
        slow = client.enter(self.endpoint, "slow", receive_buffer=4096)
        self.addCleanup(slow.sock.close)
        for other in (ann, bob):
            self.assertEqual(other.line(), "* slow joined")
        flood = [f"{i} " + "x" * 900 for i in range(50000)]
        sent = self.flood_until_notice(ann, bob, flood)
        self.assertGreater(sent, 0)
        with self.assertRaises(ConnectionError):
            client.read_all(slow.sock)
        client.enter(self.endpoint, "slow").sock.close()

    def flood_until_notice(self, ann, bob, flood):
        """ann talks, a line at a time as bob gets them, until both are told
        that somebody was dropped."""
        wanted = "* slow left: dropped, reads too slowly"
        for sent, text in enumerate(flood):
            ann.send(text)
            line = bob.line()
            if line == wanted:
                self.assertEqual(ann.line(), wanted)
                return sent
            self.assertEqual(line, "<ann> " + text)
        self.fail("nobody was dropped")
        return 0

    def test_stopping(self):
        """Everyone is told; those who have not said their name, too."""
        members = self.enter("ann", "bob") + [self.lines()]
        self.server.send(signal.SIGTERM)
        for member in members:
            self.assertEqual(member.line(), "* server is stopping")
            self.assertIsNone(member.line())
            member.sock.close()
        self.assertEqual(self.server.wait(), 0, self.server.stderr())


class MembersOnWorkers(Members):
    options = ON_WORKERS


class Many(unittest.TestCase):
    """Every message is seen exactly once by every other member, and those of
    one sender in their order."""

    options = ()

    def test_all_talk_to_all(self):
        with Serve("--reactors", "3", "chat", "tcp:0",
                   *self.options) as server:
            members = self.enter_all(server.endpoints[0])
            self.talk(members)
            server.send(signal.SIGTERM)
            for i, member in enumerate(members):
                for j in range(MEMBERS):
                    wanted = [] if i == j else list(range(MESSAGES))
                    self.assertEqual(member.seen[j], wanted, (i, j))
                member.sock.settimeout(run.DEADLINE_S)
                self.assertEqual(member.line(), "* server is stopping")
                self.assertIsNone(member.line())
                member.sock.close()
            self.assertEqual(server.wait(), 0, server.stderr())

    def enter_all(self, endpoint):
        members = []
        for i in range(MEMBERS):
            member = client.enter(endpoint, f"m{i}")
            self.addCleanup(member.sock.close)
            for other in members:
                self.assertEqual(other.line(), f"* m{i} joined")
            member.seen = [[] for _ in range(MEMBERS)]
            member.left = (MEMBERS - 1) * MESSAGES
            member.unsent = "".join(f"{n} {i}\n" for n in range(MESSAGES))
            member.unsent = member.unsent.encode()
            members.append(member)
        return members

    def talk(self, members):
        chance = random.Random(2)
        end = time.monotonic() + run.DEADLINE_S
        waiting = len(members)
        with selectors.DefaultSelector() as selector:
            both = selectors.EVENT_READ | selectors.EVENT_WRITE
            for member in members:
                member.sock.setblocking(False)
                selector.register(member.sock, both, member)
            while waiting:
                ready = selector.select(max(0, end - time.monotonic()))
                if not ready:
                    raise Late([m.left for m in members])
                for key, events in ready:
                    member = key.data
                    if events & selectors.EVENT_WRITE:
                        self.send_some(member, chance)
                        if not member.unsent:
                            selector.modify(member.sock, selectors.EVENT_READ,
                                            member)
                    if events & selectors.EVENT_READ:
                        waiting -= self.take_lines(member)

    @staticmethod
    def send_some(member, chance):
        piece = member.unsent[:chance.randint(1, 40)]
        member.unsent = member.unsent[member.sock.send(piece):]

    def take_lines(self, member):
        """1 if that was the last line this member waits for."""
        data = member.sock.recv(65536)
        self.assertTrue(data, "closed")
        *lines, member.buffer = (member.buffer + data).split(b"\r\n")
        before = member.left
        for line in lines:
            name, number, sender = line.decode().split()
            self.assertEqual(name, f"<m{sender}>")
            member.seen[int(sender)].append(int(number))
            member.left -= 1
        return 1 if before > 0 and member.left <= 0 else 0


class ManyOnWorkers(Many):
    options = ON_WORKERS


if __name__ == "__main__":
    run.main()
