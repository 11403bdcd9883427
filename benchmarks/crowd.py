#!/usr/bin/env python3
"""What a crowd costs a good client: p99 of its requests beside thousands of others by p99 without them, in one run, turn by turn.

    benchmarks/crowd.py                    10,000 idle connections, 2,000 slow senders, 2,000 streams of which nothing comes
    benchmarks/crowd.py --check            ends with status 1 where p99 more than doubles

The good client's requests come at a fixed rate, whatever the answers take. A round is a turn with the crowd, one without, and one with
the same crowd at a bare server of epoll on the gateway's core, in changing order; a ratio is the median of those of the rounds. The
third tells what the crowd costs the machine, whoever serves it: the load, the server and the crowd share the first core, the crowd at the
lowest priority; the gateway has the last one. The crowd needs some 18,000 descriptors (ulimit -Hn); with fewer it is made smaller.
"""

import json
import resource
import selectors
import socket
import subprocess
import sys
import time

from run import CHAT, free_port, on_core
from turns import Figures, Turns, options

STREAM = json.dumps({**CHAT, "stream": True}, separators=(",", ":"))
BODY = 4096
"""Bytes that slow senders say will come."""
PAUSE = 5.0
"""Seconds between two bytes of one of them."""


def head(length: int) -> bytes:
    return (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    ).encode()


class Crowd:
    """Runs in a process of its own: connects them all, and keeps them as they are until its input ends."""

    def __init__(self, port: int, idle: int, slow: int, streams: int) -> None:
        self.address = ("127.0.0.1", port)
        self.sockets = [self._connect(b"") for _ in range(idle)]
        self.slow = [self._connect(head(BODY) + b"{") for _ in range(slow)]
        self.streams = [self._connect(head(len(STREAM)) + STREAM.encode()) for _ in range(streams)]

    def _connect(self, first: bytes) -> socket.socket:
        while True:
            try:
                connection = socket.create_connection(self.address, timeout=30)
                break
            except OSError:
                time.sleep(0.05)
        connection.sendall(first)
        connection.setblocking(False)
        return connection

    def run(self) -> None:
        watch = selectors.DefaultSelector()
        watch.register(sys.stdin, selectors.EVENT_READ)
        for connection in [*self.sockets, *self.slow, *self.streams]:
            watch.register(connection, selectors.EVENT_READ)
        closed, turn = 0, 0
        gap = PAUSE / max(1, len(self.slow))
        due = time.monotonic() + gap
        print("ready", flush=True)
        while True:
            for key, _ in watch.select(max(0.0, due - time.monotonic())):
                if key.fileobj is sys.stdin:
                    if not sys.stdin.readline():
                        return
                    print(json.dumps({"closed": closed}), flush=True)
                    continue
                connection = key.fileobj
                assert isinstance(connection, socket.socket)
                try:
                    if connection.recv(65536):
                        continue
                except OSError:
                    pass
                closed += 1
                watch.unregister(connection)
                connection.close()
            # One after the other, as strangers come: a burst would be the bench's own doing.
            while self.slow and due <= time.monotonic():
                due += gap
                turn = (turn + 1) % len(self.slow)
                try:
                    self.slow[turn].send(b" ")
                except OSError:
                    pass


class Bench(Turns):
    kinds = ("with", "without", "elsewhere")
    """The crowd is at the gateway, is not there, is at a bare server beside it."""

    def begin(self) -> None:
        self.bare = free_port()
        self.server(self.options.core, self.bare)

    def turn(self, kind: str) -> Figures:
        options, crowd = self.options, None
        if kind != "without":
            port = self.bare if kind == "elsewhere" else self.gateway.port
            sizes = [str(options.idle), str(options.slow), str(options.streams)]
            command = [*on_core(options.load_core), "nice", "-n", "19", sys.executable, __file__, "--crowd", str(port), *sizes]
            crowd = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            assert crowd.stdin and crowd.stdout
            if crowd.stdout.readline().strip() != "ready":
                sys.exit("the crowd does not connect")
        self.load(0.5)
        found = self.load(options.seconds)
        found["memory"] = self.gateway.memory("VmRSS")
        if crowd:
            assert crowd.stdin and crowd.stdout
            crowd.stdin.write("\n")
            crowd.stdin.flush()
            found |= json.loads(crowd.stdout.readline())
            crowd.stdin.close()
            crowd.wait()
        return found

    def report(self) -> int:
        for kind, other in (("elsewhere", "without"), ("with", "elsewhere"), ("with", "without")):
            for figure in ("p50", "p90", "p99"):
                last = self.ratio(figure, kind, other)
        print(f"{sum(turn['closed'] for turn in self.turns['with']):.0f} of the crowd's connections were closed")
        return 1 if self.options.check and last > 2 else 0


if __name__ == "__main__":
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if sys.argv[1:2] == ["--crowd"]:
        port, idle, slow, streams = map(int, sys.argv[2:6])
        Crowd(port, idle, slow, streams).run()
        sys.exit(0)
    # A quarter of what the gateway may open is for its backends, and some for files.
    room = min(1.0, (hard - 1100) * 0.74 / 14_000)
    parser = options(__doc__, rounds=5)
    parser.add_argument("--idle", type=int, default=int(10_000 * room), help="connections that say nothing")
    parser.add_argument("--slow", type=int, default=int(2_000 * room), help="senders of a byte in five seconds")
    parser.add_argument("--streams", type=int, default=int(2_000 * room), help="streams of which nothing comes")
    parser.add_argument("--check", action="store_true", help="fail where p99 more than doubles")
    sys.exit(Bench(parser.parse_args()).main())
