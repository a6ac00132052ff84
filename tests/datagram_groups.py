"""Multicast between two network namespaces that this script makes."""
import os
import shutil
import socket
import struct
import subprocess
import sys
import unittest

from peers import run
from peers.program import Program

GROUP = os.path.join(os.environ.get("top_builddir", "."),
                     "tests/peers/datagram_group")
PORT = 5353
INSIDE = "PLAIT_TEST_INSIDE"
GROUPS = {
    4: ("udp:%d" % PORT, "239.255.77.1"),
    6: ("udp6:%d" % PORT, "ff15::7701"),
}


class Namespaces:
    """This process' own, and another one; left-right is the wire between."""

    def __init__(self):
        # It says so once it is there.
        self.other = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "echo; exec cat"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.other.stdout.readline()
        self.there = ["nsenter", f"--net=/proc/{self.other.pid}/ns/net"]
        self.ip("link", "add", "left", "type", "veth", "peer", "name", "right")
        self.ip("link", "set", "right", "netns", str(self.other.pid))
        self.set_up([], "left", 1)
        self.set_up(self.there, "right", 2)

    @staticmethod
    def ip(*words, prefix=()):
        subprocess.run([*prefix, "ip", *words], check=True)

    def set_up(self, prefix, name, number):
        for words in (("addr", "add", f"10.9.8.{number}/24", "dev", name),
                      ("-6", "addr", "add", f"fd77::{number}/64", "dev", name,
                       "nodad"),
                      ("link", "set", name, "up"),
                      ("link", "set", "lo", "up")):
            self.ip(*words, prefix=prefix)

    def close(self):
        self.other.stdin.close()
        self.other.wait()
        self.other.stdout.close()


class Groups(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.spaces = Namespaces()
        cls.addClassCleanup(cls.spaces.close)

    def member(self, family, prefix, interface):
        endpoint, group = GROUPS[family]
        program = Program(*prefix, GROUP, endpoint, group, interface, "member")
        self.addCleanup(program.__exit__)
        self.assertEqual(program.out.line(), "ready", program.stderr())
        return program

    def sender(self, family, ttl, loop, text):
        endpoint, group = GROUPS[family]
        program = Program(GROUP, endpoint.split(":")[0] + ":0", group, "left",
                          "send", str(ttl), str(loop), text, str(PORT))
        self.addCleanup(program.__exit__)
        return program

    def python(self, family):
        """A socket of Python's in this namespace, which sends to the group."""
        sock = socket.socket(
            socket.AF_INET if family == 4 else socket.AF_INET6,
            socket.SOCK_DGRAM)
        self.addCleanup(sock.close)
        sock.settimeout(run.DEADLINE_S)
        index = socket.if_nametoindex("left")
        if family == 4:
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF,
                            struct.pack("4s4si", bytes(4), bytes(4), index))
        else:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF,
                            index)
        return sock

    def test_plait_to_plait(self):
        for family, (_, group) in GROUPS.items():
            with self.subTest(family=family):
                member = self.member(family, self.spaces.there, "right")
                sender = self.sender(family, 1, 1, "end")
                self.assertEqual(member.out.line(), f"got end to {group}, many")
                self.assertEqual(sender.out.line(), "answer end")
                self.assertEqual(sender.wait(), 0, sender.stderr())
                self.assertEqual(member.wait(), 0, member.stderr())

    def test_the_loop(self):
        """Without it, who is here hears nothing, and who is there does."""
        for family, (_, group) in GROUPS.items():
            with self.subTest(family=family):
                here = self.member(family, [], "left")
                there = self.member(family, self.spaces.there, "right")
                silent = self.sender(family, 1, 0, "end")
                self.assertEqual(silent.out.line(), "answer end")
                self.assertEqual(there.out.line(), f"got end to {group}, many")
                self.assertEqual(silent.wait(), 0)
                loud = self.sender(family, 1, 1, "end")
                self.assertEqual(loud.out.line(), "answer end")
                self.assertEqual(here.out.line(), f"got end to {group}, many")
                self.assertEqual(here.out.line(), None)  # it came once

    def test_ttl(self):
        """0 keeps it on this host."""
        for family, (_, group) in GROUPS.items():
            with self.subTest(family=family):
                here = self.member(family, [], "left")
                there = self.member(family, self.spaces.there, "right")
                near = self.sender(family, 0, 1, "end")
                self.assertEqual(near.out.line(), "answer end")
                self.assertEqual(here.out.line(), f"got end to {group}, many")
                far = self.sender(family, 1, 1, "end")
                self.assertEqual(far.out.line(), "answer end")
                self.assertEqual(there.out.line(), f"got end to {group}, many")
                self.assertEqual(there.out.line(), None)

    def test_python_sends_and_it_leaves(self):
        """What comes to a group that it has left would come before the last
        one, which is for it alone."""
        for family, (_, group) in GROUPS.items():
            with self.subTest(family=family):
                member = self.member(family, self.spaces.there, "right")
                sock = self.python(family)
                alone = "10.9.8.2" if family == 4 else "fd77::2"
                for text, to in ((b"hello", group), (b"leave", group),
                                 (b"gone", group), (b"end", alone)):
                    sock.sendto(text, (to, PORT))
                    if text == b"gone":
                        continue
                    answer, at = sock.recvfrom(100)
                    self.assertEqual((answer, at[0]), (text, alone))
                lines = member.out.rest().decode().split("\n")
                self.assertEqual(lines, [f"got hello to {group}, many",
                                         f"got leave to {group}, many",
                                         f"got end to {alone}", ""])
                self.assertEqual(member.wait(), 0, member.stderr())


def inside():
    """Runs this script again as root of namespaces of its own."""
    words = ["unshare", "--map-root-user", "--net"]
    for program in ("unshare", "nsenter", "ip"):
        if shutil.which(program) is None:
            print("no", program)
            sys.exit(run.SKIPPED)
    probe = subprocess.run(
        [*words, "sh", "-c", "unshare --net true && "
         "ip link add left type veth peer name right"],
        stderr=subprocess.PIPE, text=True, check=False)
    if probe.returncode:
        print("no namespaces:", probe.stderr)
        sys.exit(run.SKIPPED)
    os.environ[INSIDE] = "1"
    os.execvp(words[0], [*words, sys.executable, *sys.argv])


if __name__ == "__main__":
    if INSIDE in os.environ:
        run.main()
    else:
        inside()
