#!/usr/bin/env python3
"""What a crowd costs a good client: p99 of its requests beside thousands of others by p99 without them, in one run, turn by turn.

    benchmarks/crowd.py                    10,000 idle connections, 2,000 slow senders, 2,000 streams of which nothing comes
    benchmarks/crowd.py --check            ends with status 1 where p99 more than doubles

The good client's requests come at a fixed rate, whatever the answers take. A round is a turn with the crowd, one without, and one with
the same crowd at a bare server of epoll on the gateway's core, in changing order; a ratio is the median of those of the rounds. The
third tells what the crowd costs the machine, whoever serves it: the load, the server and the crowd share the first core, the crowd at the
lowest priority; the gateway has the last one. The crowd needs some 18,000 descriptors (ulimit -Hn); with fewer it is made smaller.
"""

import argparse
import json
import os
import resource
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from run import CHAT, HERE, UNARY, Contender, free_port, on_core

CONFIGURATION = """[[backends]]
name = "bench"
type = "openai"
url = "http://127.0.0.1:{port}"
"""
STREAM = json.dumps({**CHAT, "stream": True}, separators=(",", ":"))
BODY = 4096
"""Bytes that slow senders say will come."""
KINDS = ("with", "without", "elsewhere")
"""Turns of a round: the crowd is at the gateway, is not there, is at a bare server beside it."""
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


class Bench:
    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.folder = Path(tempfile.mkdtemp(prefix="nexus-crowd-"))
        for program in ("server", "paced"):
            command = ["cc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-o", self.folder / program]
            subprocess.run([*command, HERE / f"{program}.c"], check=True)
        self.turns: dict[str, list[dict[str, float]]] = {kind: [] for kind in KINDS}

    def main(self) -> int:
        options = self.options
        upstream, port, bare = free_port(), free_port(), free_port()
        # Its streams say something once in ten minutes.
        program = str(self.folder / "server")
        servers = [
            subprocess.Popen([*on_core(options.load_core), program, str(upstream), "10", "600000"]),
            subprocess.Popen([*on_core(options.core), program, str(bare), "10", "600000"]),
        ]
        (self.folder / "nexus.toml").write_text(CONFIGURATION.format(port=upstream))
        build = Path(options.build)
        command = [*on_core(options.core), str(build / "nexus"), "serve", "--config", str(self.folder / "nexus.toml")]
        gateway = Contender("nexus", [*command, "--port", str(port), "--adapters-dir", str(build)], port)
        try:
            time.sleep(0.2)
            gateway.start(self.folder / "log")
            self.load(port, 2)
            for number in range(options.rounds):
                for kind in KINDS if number % 2 == 0 else reversed(KINDS):
                    self.turn(gateway, kind, bare if kind == "elsewhere" else port)
                print(f"round {number + 1}: " + "; ".join(
                    f"{kind} p50 {turns[-1]['p50']:.0f} p99 {turns[-1]['p99']:.0f} us, {turns[-1]['memory']:.1f} MB"
                    for kind, turns in self.turns.items()), flush=True)
            return self.report()
        finally:
            gateway.stop()
            for server in servers:
                server.kill()

    def load(self, port: int, seconds: float) -> dict[str, float]:
        command = [*on_core(self.options.load_core), str(self.folder / "paced"), str(port), str(self.options.rate)]
        found: dict[str, float] = json.loads(subprocess.run([*command, str(seconds), UNARY], capture_output=True, check=True).stdout)
        return found

    def turn(self, gateway: Contender, kind: str, port: int) -> None:
        """`port`: where the crowd goes, if one comes."""
        options, crowd = self.options, None
        if kind != "without":
            sizes = [str(options.idle), str(options.slow), str(options.streams)]
            command = [*on_core(options.load_core), "nice", "-n", "19", sys.executable, __file__, "--crowd", str(port), *sizes]
            crowd = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            assert crowd.stdin and crowd.stdout
            if crowd.stdout.readline().strip() != "ready":
                sys.exit("the crowd does not connect")
        self.load(gateway.port, 0.5)
        found = self.load(gateway.port, options.seconds)
        found["memory"] = gateway.memory("VmRSS")
        if crowd:
            assert crowd.stdin and crowd.stdout
            crowd.stdin.write("\n")
            crowd.stdin.flush()
            found |= json.loads(crowd.stdout.readline())
            crowd.stdin.close()
            crowd.wait()
        self.turns[kind].append(found)

    def report(self) -> int:
        middle = 0.0
        for kind, other in (("elsewhere", "without"), ("with", "elsewhere"), ("with", "without")):
            for figure in ("p50", "p90", "p99"):
                ratios = sorted(a[figure] / b[figure] for a, b in zip(self.turns[kind], self.turns[other], strict=True))
                middle = statistics.median(ratios)
                print(f"{kind} by {other}: {figure} ratio {middle:.3f} ({', '.join(f'{ratio:.3f}' for ratio in ratios)})")
        print(f"{sum(turn['closed'] for turn in self.turns['with']):.0f} of the crowd's connections were closed")
        return 1 if self.options.check and middle > 2 else 0


if __name__ == "__main__":
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if sys.argv[1:2] == ["--crowd"]:
        port, idle, slow, streams = map(int, sys.argv[2:6])
        Crowd(port, idle, slow, streams).run()
        sys.exit(0)
    # A quarter of what the gateway may open is for its backends, and some for files.
    room = min(1.0, (hard - 1100) * 0.74 / 14_000)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=8, help="length of one turn")
    parser.add_argument("--rate", type=float, default=200, help="requests a second of the good client")
    parser.add_argument("--idle", type=int, default=int(10_000 * room), help="connections that say nothing")
    parser.add_argument("--slow", type=int, default=int(2_000 * room), help="senders of a byte in five seconds")
    parser.add_argument("--streams", type=int, default=int(2_000 * room), help="streams of which nothing comes")
    parser.add_argument("--core", default=str((os.cpu_count() or 1) - 1), help="core of the gateway")
    parser.add_argument("--load-core", default="0", help="core of the load, the server and the crowd")
    parser.add_argument("--build", default=str(HERE.parent / ".build" / "release"), help="folder of nexus and its adapters")
    parser.add_argument("--check", action="store_true", help="fail where p99 more than doubles")
    sys.exit(Bench(parser.parse_args()).main())
