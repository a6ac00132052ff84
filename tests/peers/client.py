"""Sockets that speak to a server under test."""
import selectors
import socket
import time

from peers.program import Late
from peers.run import DEADLINE_S


def address_of(endpoint):
    """The socket family and address behind a server's endpoint string."""
    kind, rest = endpoint.split(":", 1)
    if kind == "unix":
        return socket.AF_UNIX, rest.split(":")[0].replace("\\", "")
    port = int(rest.split(":")[0])
    if kind == "tcp6":
        return socket.AF_INET6, ("::1", port)
    return socket.AF_INET, ("127.0.0.1", port)


def client_endpoint(endpoint):
    """How a client names a server's endpoint."""
    family, address = address_of(endpoint)
    if family == socket.AF_UNIX:
        return f"unix:{address}"
    if family == socket.AF_INET6:
        return f"tcp:[\\:\\:1]:{address[1]}"
    return f"tcp:127.0.0.1:{address[1]}"


def connect(endpoint, receive_buffer=None):
    family, address = address_of(endpoint)
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.settimeout(DEADLINE_S)
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.connect(address)
    return sock


def listen():
    """A listening TCP socket and its endpoint for clients."""
    sock = socket.socket()
    sock.settimeout(DEADLINE_S)
    sock.bind(("127.0.0.1", 0))
    sock.listen(5)
    return sock, f"tcp:127.0.0.1:{sock.getsockname()[1]}"


def read_all(sock):
    """What comes until the peer's end."""
    pieces = []
    while True:
        piece = sock.recv(65536)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)


def exchange(sock, data):
    """Sends |data| and our end while reading; what came until the peer's."""
    sock.setblocking(False)
    end = time.monotonic() + DEADLINE_S
    view, pieces = memoryview(data), []
    with selectors.DefaultSelector() as selector:
        both = selectors.EVENT_READ | selectors.EVENT_WRITE
        selector.register(sock, both)
        while True:
            ready = selector.select(max(0, end - time.monotonic()))
            if not ready:
                raise Late(f"{len(view)} bytes unsent, {len(pieces)} pieces")
            if ready[0][1] & selectors.EVENT_WRITE:
                view = view[sock.send(view[:65536]):]
                if not view:
                    sock.shutdown(socket.SHUT_WR)
                    selector.modify(sock, selectors.EVENT_READ)
            if ready[0][1] & selectors.EVENT_READ:
                piece = sock.recv(65536)
                if not piece:
                    return b"".join(pieces)
                pieces.append(piece)


class Lines:
    """A connection that speaks in lines."""

    def __init__(self, endpoint, **options):
        self.sock = connect(endpoint, **options)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, *lines):
        self.sock.sendall("".join(line + "\n" for line in lines).encode())

    def send_bytes(self, data):
        self.sock.sendall(data)

    def line(self):
        """The next line, which must end with CR LF; None at the end."""
        while b"\n" not in self.buffer:
            piece = self.sock.recv(65536)
            if not piece:
                assert not self.buffer, self.buffer
                return None
            self.buffer += piece
        line, self.buffer = self.buffer.split(b"\n", 1)
        assert line.endswith(b"\r"), line
        return line[:-1].decode()


def enter(endpoint, name, **options):
    """A member of a chat that has got its name."""
    member = Lines(endpoint, **options)
    assert member.line() == "name?"
    member.send(name)
    line = member.line()
    assert line == f"* {name} joined", line
    return member
