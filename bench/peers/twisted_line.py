#!/usr/bin/python3
"""Twisted's LineReceiver as a line echo server: twisted_line.py [MAX_LENGTH]

On the epoll reactor.  TCP_NODELAY is set on the listener, from which accepted
sockets inherit it, as with the other peers; so are the backlog and the limit of
descriptors what they are there."""

import resource
import socket
import sys

from twisted.internet import epollreactor

epollreactor.install()

from twisted.internet import protocol, reactor  # noqa: E402
from twisted.protocols.basic import LineReceiver  # noqa: E402

BACKLOG = 4096


class LineEcho(LineReceiver):
    def lineReceived(self, line):
        self.sendLine(line)


def main():
    if len(sys.argv) > 1:
        LineEcho.MAX_LENGTH = int(sys.argv[1])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    port = reactor.listenTCP(0, protocol.Factory.forProtocol(LineEcho),
                             backlog=BACKLOG, interface="127.0.0.1")
    port.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    print("listening on %d" % port.getHost().port, flush=True)
    reactor.run()


if __name__ == "__main__":
    main()
