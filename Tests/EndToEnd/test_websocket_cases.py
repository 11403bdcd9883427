"""RFC 6455 against `/ws`, case by case as Autobahn's fuzzing client numbers them (groups 1 to 7, 9 and 10).

That client wants a server that echoes. The gateway's live updates have no use for what pages say: messages are read past, and a
case that would see an echo sees the answer to a ping that follows it instead, which shows that the message was taken for what it
is. Extensions are not offered, so that groups 12 and 13 do not apply. A frame holds at most 16 KiB: longer ones end with 1009.
"""

import itertools
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from gateway import LONG, Gateway, backend

LIMIT = 16 * 1024
TEXT, BINARY, MORE, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
KEYS = itertools.cycle([b"\0\0\0\0", b"\x37\xfa\x21\x3d", b"\xff\xff\xff\xff", b"\x01\x02\x03\x04"])


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, bits: int = 0, masked: bool = True) -> bytes:
    """A frame as a client sends it."""
    head = bytes([0x80 * fin | bits << 4 | opcode])
    mark = 0x80 * masked
    length = len(payload)
    if length < 126:
        head += bytes([mark | length])
    elif length < 65536:
        head += bytes([mark | 126]) + struct.pack(">H", length)
    else:
        head += bytes([mark | 127]) + struct.pack(">Q", length)
    if not masked:
        return head + payload
    key = next(KEYS)
    return head + key + bytes(byte ^ key[index % 4] for index, byte in enumerate(payload))


def text(payload: bytes, **how: bool) -> bytes:
    return frame(TEXT, payload, **how)


def part(payload: bytes, *, last: bool = False) -> bytes:
    return frame(MORE, payload, fin=last)


def close(code: int | None = None, reason: bytes = b"") -> bytes:
    return frame(CLOSE, (struct.pack(">H", code) if code is not None else b"") + reason)


@dataclass(frozen=True)
class Case:
    """What a client sends, and what it gets: the payloads of pongs, and then the code of the close frame (0: one without a code).
    None: the connection goes on."""

    number: str
    sends: bytes
    pongs: tuple[bytes, ...] = ()
    code: int | None = None
    cuts: tuple[int, ...] = ()
    """Sizes of the pieces in which it is sent; none: all at once."""


END = frame(PING, b"end")


def taken(number: str, sends: bytes, *pongs: bytes, cuts: tuple[int, ...] = ()) -> Case:
    """The connection goes on, as the answer to one more ping shows."""
    return Case(number, sends + END, (*pongs, b"end"), cuts=cuts)


def messages() -> Iterator[Case]:
    for group, opcode, letter in (("1.1", TEXT, b"*"), ("1.2", BINARY, b"\xfe")):
        for number, size in enumerate([0, 125, 126, 127, 128, LIMIT - 1, LIMIT], 1):
            yield taken(f"{group}.{number}", frame(opcode, letter * size))
        yield taken(f"{group}.8", frame(opcode, letter * LIMIT), cuts=(997,))
        for size in (LIMIT + 1, 65535, 65536):
            yield Case(f"{group}, {size} bytes", frame(opcode, letter * size), code=1009)


def pings() -> Iterator[Case]:
    yield Case("2.1", frame(PING), (b"",))
    yield Case("2.2", frame(PING, b"Hello, world!"), (b"Hello, world!",))
    binary = b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff"
    yield Case("2.3", frame(PING, binary), (binary,))
    yield Case("2.4", frame(PING, b"\xfe" * 125), (b"\xfe" * 125,))
    yield Case("2.5", frame(PING, b"\xfe" * 126), code=1002)
    yield Case("2.6", frame(PING, b"\xfe" * 125), (b"\xfe" * 125,), cuts=(1,))
    yield taken("2.7", frame(PONG))
    yield taken("2.8", frame(PONG, b"unsolicited"))
    yield taken("2.9", frame(PONG, b"unsolicited") + frame(PING, b"asked"), b"asked")
    # Of what comes at once the newest is answered, which is enough (section 5.5.3). Apart, each is.
    yield Case("2.10", b"".join(frame(PING, b"%d" % n) for n in range(10)), (b"9",))
    yield Case("2.11", b"".join(frame(PING, b"%d" % n) for n in range(10)), (b"9",), cuts=(1,))


def reserved_bits() -> Iterator[Case]:
    for bits in range(1, 8):
        yield Case(f"3.{bits}", frame(TEXT, b"small") + frame(TEXT, b"small", bits=bits) + frame(PING), code=1002)
        yield Case(f"3.{bits}, ping", frame(PING, b"small", bits=bits), code=1002)
        yield Case(f"3.{bits}, close", frame(CLOSE, b"", bits=bits), code=1002)
        yield Case(f"3.{bits}, cut", frame(BINARY, b"small", bits=bits), code=1002, cuts=(1,))


def opcodes() -> Iterator[Case]:
    for group, unknown in (("4.1", range(3, 8)), ("4.2", range(11, 16))):
        for number, opcode in enumerate(unknown, 1):
            yield Case(f"{group}.{number}", frame(opcode), code=1002)
            yield Case(f"{group}.{number}, payload", frame(opcode, b"payload") + frame(PING), code=1002)
            yield Case(f"{group}.{number}, behind a text", text(b"x") + frame(opcode, b"payload"), code=1002, cuts=(3,))


def fragments() -> Iterator[Case]:
    yield Case("5.1", frame(PING, b"a", fin=False) + frame(MORE, b"b"), code=1002)
    yield Case("5.2", frame(PONG, b"a", fin=False) + frame(MORE, b"b"), code=1002)
    halves = text(b"fragment1", fin=False) + part(b"fragment2", last=True)
    for number, cuts in ((3, ()), (4, (7,)), (5, (1,))):
        yield taken(f"5.{number}", halves, cuts=cuts)
    around = text(b"fragment1", fin=False) + frame(PING, b"between") + part(b"fragment2", last=True)
    for number, cuts in ((6, ()), (7, (7,)), (8, (1,))):
        yield Case(f"5.{number}", around, (b"between",), cuts=cuts)
    for number, cuts, last in ((9, (), True), (10, (5,), True), (11, (1,), True), (12, (), False), (13, (5,), False), (14, (1,), False)):
        yield Case(f"5.{number}", part(b"of nothing", last=last) + text(b"hello"), code=1002, cuts=cuts)
    yield Case("5.15", halves + part(b"more") + text(b"x"), code=1002)
    yield Case("5.16", (part(b"a") + text(b"b", fin=False) + part(b"c", last=True)) * 2, code=1002)
    yield Case("5.17", (part(b"a", last=True) + text(b"b", fin=False) + part(b"c", last=True)) * 2, code=1002)
    yield Case("5.18", text(b"a", fin=False) + text(b"b"), code=1002)
    pieces = text(b"1", fin=False) + part(b"2") + frame(PING, b"first") + part(b"3") + part(b"4") + frame(PING, b"second")
    yield taken("5.19", pieces + part(b"5", last=True), b"first", b"second", cuts=(13, 8, 13, 8))
    yield taken("5.20", pieces + part(b"5", last=True), b"first", b"second", cuts=(1,))


KOSME = "κόσμε".encode()
VALID = {
    "6.5": [b"hello\x24world", b"hello\xc2\xa2world", b"hello\xe2\x82\xacworld", b"hello\xf0\xa4\xad\xa2world", KOSME],
    "6.7": [b"\0", b"\xc2\x80", b"\xe0\xa0\x80", b"\xf0\x90\x80\x80"],
    "6.9": [b"\x7f", b"\xdf\xbf", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf"],
    "6.11": [b"\xed\x9f\xbf", b"\xee\x80\x80", b"\xef\xbf\xbd", b"\xf4\x8f\xbf\xbf"],
    # What is no character, and is UTF-8 all the same.
    "6.22": [b"\xef\xbf\xbe"] + [chr(plane << 16 | end).encode() for plane in range(1, 17) for end in (0xFFFE, 0xFFFF)],
    "6.23": [chr(code).encode() for code in range(0xFFF9, 0xFFFE)],
}
INVALID = {
    "6.8": [b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"],
    "6.10": [b"\xf7\xbf\xbf\xbf", b"\xfb\xbf\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf\xbf"],
    "6.11, beyond": [b"\xf4\x90\x80\x80"],
    "6.12": [b"\x80", b"\xbf", *(b"\x80\xbf" * n for n in (1, 2, 3)), bytes(range(0x80, 0xBF))],
    "6.13": [b"".join(bytes([n, 0x20]) for n in range(a, b)) for a, b in ((0xC0, 0xE0), (0xE0, 0xF0), (0xF0, 0xF8), (0xF8, 0xFC), (0xFC, 0xFE))],
    "6.14": [b"\xc0", b"\xe0\x80", b"\xf0\x80\x80", b"\xf8\x80\x80\x80", b"\xdf", b"\xef\xbf", b"\xf7\xbf\xbf", b"\xfb\xbf\xbf\xbf"],
    "6.15": [b"\xdf\xef\xbf\xf3\xbf\xbf"],
    "6.16": [b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"],
    "6.17": [b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xf8\x80\x80\x80\xaf", b"\xfc\x80\x80\x80\x80\xaf"],
    "6.18": [b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf", b"\xf8\x87\xbf\xbf\xbf", b"\xfc\x83\xbf\xbf\xbf\xbf"],
    "6.19": [b"\xc0\x80", b"\xe0\x80\x80", b"\xf0\x80\x80\x80", b"\xf8\x80\x80\x80\x80"],
    "6.20": [b"\xed\xa0\x80", b"\xed\xad\xbf", b"\xed\xae\x80", b"\xed\xaf\xbf", b"\xed\xb0\x80", b"\xed\xbe\x80", b"\xed\xbf\xbf"],
    "6.21": [b"\xed\xa0\x80\xed\xb0\x80", b"\xed\xad\xbf\xed\xbf\xbf", b"\xed\xaf\xbf\xed\xbf\xbf"],
}


def utf8() -> Iterator[Case]:
    empty = text(b"", fin=False) + part(b"") + part(b"", last=True)
    yield taken("6.1.1", text(b""))
    yield taken("6.1.2", empty)
    yield taken("6.1.3", text(b"", fin=False) + part(b"middle") + part(b"", last=True))
    long = "Hello-µ@ßöäüàá-UTF-8!!".encode()
    yield taken("6.2.1", text(long))
    yield taken("6.2.2", text(long[:12], fin=False) + part(long[12:], last=True))
    bytewise = text(long[:1], fin=False) + b"".join(part(long[n : n + 1]) for n in range(1, len(long))) + part(b"", last=True)
    yield taken("6.2.3", bytewise)
    single = text(KOSME[:1], fin=False) + b"".join(part(KOSME[n : n + 1]) for n in range(1, len(KOSME))) + part(b"", last=True)
    yield taken("6.2.4", single, cuts=(1,))
    bad = KOSME + b"\xed\xa0\x80edited"
    yield Case("6.3.1", text(bad), code=1007)
    yield Case("6.3.2", text(bad[:1], fin=False) + b"".join(part(bad[n : n + 1]) for n in range(1, len(bad))), code=1007)
    # It fails as soon as it shows: what would complete the message is never sent.
    beyond = b"\xf4\x90\x80\x80"
    yield Case("6.4.1", text(KOSME, fin=False) + part(beyond), code=1007)
    yield Case("6.4.2", text(KOSME + beyond[:1], fin=False) + part(beyond[1:2]), code=1007)
    whole = frame(TEXT, KOSME + beyond + b"edited")
    yield Case("6.4.3", whole[: -len(b"edited") - 2], code=1007)
    yield Case("6.4.4", whole[: -len(b"edited") - 2], code=1007, cuts=(1,))
    for length in range(1, len(KOSME) + 1):
        prefix = KOSME[:length]
        try:
            prefix.decode()
            yield taken(f"6.6.{length}", text(prefix))
        except UnicodeDecodeError:
            yield Case(f"6.6.{length}", text(prefix), code=1007)
    for group, texts in VALID.items():
        for number, payload in enumerate(texts, 1):
            yield taken(f"{group}.{number}", text(payload))
    for group, texts in INVALID.items():
        for number, payload in enumerate(texts, 1):
            yield Case(f"{group}.{number}", text(payload), code=1007)
            # Of bytes nothing is asked.
            yield taken(f"{group}.{number}, binary", frame(BINARY, payload))


def closing() -> Iterator[Case]:
    yield Case("7.1.1", text(b"Hello World!") + close(1000), code=1000)
    yield Case("7.1.2", close(1000) + close(1000), code=1000)
    yield Case("7.1.3", close(1000) + frame(PING, b"late"), code=1000)
    yield Case("7.1.4", close(1000) + text(b"late"), code=1000)
    yield Case("7.1.5", text(b"a", fin=False) + close(1000) + part(b"b", last=True), code=1000)
    yield Case("7.1.6", frame(BINARY, b"x" * LIMIT) + close(1000) + frame(PING), code=1000)
    yield Case("7.3.1", close(), code=0)
    yield Case("7.3.2", frame(CLOSE, b"a"), code=1002)
    yield Case("7.3.3", close(1000), code=1000)
    yield Case("7.3.4", close(1000, b"Hello World!"), code=1000)
    yield Case("7.3.5", close(1000, b"*" * 123), code=1000)
    yield Case("7.3.6", close(1000, b"*" * 124), code=1002)
    yield Case("7.5.1", close(1000, KOSME + b"\xed\xa0\x80edited"), code=1007)
    for number, code in enumerate([1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999], 1):
        yield Case(f"7.7.{number}", close(code), code=code)
    for number, code in enumerate([0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999], 1):
        yield Case(f"7.9.{number}", close(code), code=1002)
    yield Case("7.13.1", close(5000), code=1002)
    yield Case("7.13.2", close(65535), code=1002)


def limits() -> Iterator[Case]:
    """Messages of any length pass in frames that are within the limit; a frame beyond it ends the connection at its length."""
    for number, size in enumerate([64 * 1024, 256 * 1024, 1024 * 1024, 4 * 1024 * 1024], 1):
        for group, opcode in (("9.1", TEXT), ("9.2", BINARY)):
            yield Case(f"{group}.{number}", frame(opcode, b"")[:1] + b"\xff" + struct.pack(">Q", size), code=1009)
    for number, size in enumerate([64, 256, 1024, 4096, LIMIT], 1):
        for group, opcode in (("9.3", TEXT), ("9.4", BINARY)):
            count = 256 * 1024 // size if size >= 1024 else 64
            body = frame(opcode, b"*" * size, fin=False) + part(b"*" * size) * count + part(b"", last=True)
            yield taken(f"{group}.{number}", body)
    for number, size in enumerate([64, 128, 256, 512, 1024, 2048], 1):
        for group, opcode in (("9.5", TEXT), ("9.6", BINARY)):
            yield taken(f"{group}.{number}", frame(opcode, b"*" * LIMIT), cuts=(size,))
    for number, size in enumerate([0, 16, 64, 256, 1024, 4096], 1):
        for group, opcode in (("9.7", TEXT), ("9.8", BINARY)):
            yield taken(f"{group}.{number}", frame(opcode, b"*" * size) * 50)
    yield taken("10.1.1", text(b"*" * 1300, fin=False) + part(b"*" * 1300) * 48 + part(b"*" * 1136, last=True))


CASES = [
    case
    for group in (messages, pings, reserved_bits, opcodes, fragments, utf8, closing, limits)
    for case in group()
]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One for all cases: each has a connection of its own, and none may harm the others."""
    gateway = Gateway(tmp_path_factory.mktemp("cases"), backend("idle", "http://127.0.0.1:1"))
    yield gateway
    gateway.finish()


def opened(gateway: Gateway) -> socket.socket:
    connection = gateway.connection()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(
        b"GET /ws HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
        b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-version: 13\r\n"
        b"sec-websocket-extensions: permessage-deflate\r\n\r\n"
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += connection.recv(1)
    assert head.startswith(b"HTTP/1.1 101 ") and b"extensions" not in head
    return connection


class Reader:
    """Reads the frames of a server, and checks that they are as a server must send them."""

    def __init__(self, connection: socket.socket) -> None:
        self.stream = connection.makefile("rb")

    def frame(self) -> tuple[int, bytes] | None:
        """None: the connection has ended."""
        try:
            head = self.stream.read(2)
        except ConnectionResetError:
            return None
        if len(head) < 2:
            return None
        first, length = head
        assert first & 0xF0 == 0x80, "a fragment, or a reserved bit"
        assert length < 128, "a server masks nothing"
        if length == 126:
            (length,) = struct.unpack(">H", self.stream.read(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", self.stream.read(8))
        return first & 0x0F, self.stream.read(length)


def send(connection: socket.socket, case: Case) -> None:
    sizes = itertools.cycle(case.cuts or (len(case.sends),))
    start = 0
    try:
        while start < len(case.sends):
            size = next(sizes)
            connection.sendall(case.sends[start : start + size])
            start += size
    except (BrokenPipeError, ConnectionResetError):
        # It was refused before its end.
        assert case.code is not None


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.number)
def test_a_case(gateway: Gateway, case: Case) -> None:
    with opened(gateway) as connection:
        reader = Reader(connection)
        send(connection, case)
        pongs: list[bytes] = []
        code = None
        while code is None and (not case.pongs or case.code is not None or pongs[-1:] != [case.pongs[-1]]):
            received = reader.frame()
            assert received is not None, f"the connection ended after the pongs {pongs}"
            opcode, payload = received
            if opcode == PONG:
                pongs.append(payload)
            elif opcode == CLOSE:
                code = struct.unpack(">H", payload[:2])[0] if payload else 0
            else:
                # Live updates.
                assert opcode in (TEXT, PING)
        # Pings that come at once may be answered once, by the newest.
        assert is_within(pongs, case)
        assert code == case.code
        if code is not None:
            # The server closes first (section 7.1.1), and has nothing more to say.
            connection.settimeout(LONG)
            assert reader.frame() is None


def is_within(pongs: list[bytes], case: Case) -> bool:
    """Each pong answers a ping, in the order of the pings, and the last one is answered."""
    if not case.pongs:
        return not pongs
    pings = iter(all_pings(case.sends))
    return pongs[-1] == case.pongs[-1] and all(any(ping == pong for ping in pings) for pong in pongs)


def all_pings(sends: bytes) -> list[bytes]:
    """The payloads of the pings in what a client sends."""
    pings: list[bytes] = []
    place = 0
    while place < len(sends):
        opcode, length = sends[place] & 0x0F, sends[place + 1] & 0x7F
        place += 2
        if length == 126:
            (length,) = struct.unpack(">H", sends[place : place + 2])
            place += 2
        key = sends[place : place + 4]
        payload = sends[place + 4 : place + 4 + length]
        if opcode == PING:
            pings.append(bytes(byte ^ key[index % 4] for index, byte in enumerate(payload)))
        place += 4 + length
    return pings


def test_each_ping_that_comes_alone_is_answered(gateway: Gateway) -> None:
    with opened(gateway) as connection:
        reader = Reader(connection)
        for number in range(10):
            connection.sendall(frame(PING, b"%d" % number))
            while (received := reader.frame()) is not None and received[0] != PONG:
                pass
            assert received == (PONG, b"%d" % number)


def test_none_of_the_cases_was_left_out() -> None:
    groups = {case.number.split(".")[0] for case in CASES}
    assert groups == {"1", "2", "3", "4", "5", "6", "7", "9", "10"} and len(CASES) > 300
