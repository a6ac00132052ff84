"""Clients of tests/soak.py: what they do, and what they count."""
import asyncio
import socket
import struct
import time

PIECE = 64 << 10
STALL_S = 0.5
DEADLINE_S = 60


class Counts:
    def __init__(self):
        self.connections = self.bytes = 0
        self.resets = self.stalled = self.half_closed = 0
        self.wrong = []


def pattern(chance, size):
    """Bytes that are not the same a little further on."""
    start = chance.randrange(251)
    return (bytes(range(251)) * (size // 251 + 2))[start:start + size]


async def send(writer, data):
    writer.write(data)
    await writer.drain()


async def expect(reader, data, counts):
    got = await reader.readexactly(len(data))
    counts.bytes += len(got)
    if got != data:
        first = next(i for i in range(len(data)) if got[i] != data[i])
        counts.wrong.append(f"byte {first} of {len(data)} is another one")


def reset(writer):
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                    struct.pack("ii", 1, 0))


# ---- What clients do ----


async def talk(reader, writer, chance, counts):
    for _ in range(chance.randrange(1, 20)):
        data = pattern(chance, chance.choice([1, 64, 1000, PIECE, 300000]))
        await asyncio.gather(send(writer, data), expect(reader, data, counts))


async def half_close(reader, writer, chance, counts):
    data = pattern(chance, chance.randrange(1, 500000))

    async def all_of_it():
        await send(writer, data)
        writer.write_eof()

    await asyncio.gather(all_of_it(), expect(reader, data, counts))
    if await reader.read(1) != b"":
        counts.wrong.append("more came back than was sent")
    counts.half_closed += 1


async def go_in_midst(reader, writer, chance, counts):
    """Closes with a reset, or with input that it did not read."""
    await send(writer, pattern(chance, chance.randrange(1, 200000)))
    if chance.random() < 0.5:
        await reader.read(1000)
    if chance.random() < 0.7:
        reset(writer)
    counts.resets += 1


async def stall(reader, writer, chance, counts):
    """Sends without reading, until the server stops reading; then reads."""
    data = pattern(chance, 6 << 20)
    sending = asyncio.ensure_future(send(writer, data))
    await asyncio.sleep(STALL_S * chance.random())
    await asyncio.gather(sending, expect(reader, data, counts))
    counts.stalled += 1


async def say_nothing(reader, writer, chance, counts):
    await asyncio.sleep(chance.random())


ACTS = [(talk, 8), (half_close, 3), (go_in_midst, 4), (stall, 1),
        (say_nothing, 2)]


async def connect(port):
    return await asyncio.wait_for(
        asyncio.open_connection("127.0.0.1", port), DEADLINE_S)


async def play(port, chance, counts):
    """One connection."""
    act = chance.choices([a for a, _ in ACTS], [n for _, n in ACTS])[0]
    writer = None
    try:
        reader, writer = await connect(port)
        counts.connections += 1
        await asyncio.wait_for(act(reader, writer, chance, counts), DEADLINE_S)
    except asyncio.TimeoutError:
        counts.wrong.append(f"{act.__name__} took more than {DEADLINE_S} s")
    except (ConnectionError, asyncio.IncompleteReadError, OSError) as e:
        if act is not go_in_midst:
            counts.wrong.append(f"{act.__name__}: {e!r}")
    finally:
        if writer is not None:
            writer.close()


async def exhaust(port, count, until):
    """More connections than the server can have, again and again."""
    while time.monotonic() < until:
        got = await asyncio.gather(*[connect(port) for _ in range(count)],
                                   return_exceptions=True)
        await asyncio.sleep(0.5)
        for one in got:
            if not isinstance(one, BaseException):
                reset(one[1])
                one[1].close()
        await asyncio.sleep(2)
