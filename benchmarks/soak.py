#!/usr/bin/env python3
"""Does everything at once that strangers may do to a gateway, while ordinary clients ask at a fixed rate, and tells what that
costs them: the 99th percentile of their times before and during the attacks, and the memory before and after.

    python3 benchmarks/soak.py --seconds 600 --rate 1000

The gateway runs on the last core, everything else on the first. Needs the release build, cc and taskset.
Fails if an ordinary request fails, if the p99 more than doubles, or if the memory does not come back to within a fifth.
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import random
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).resolve().parent
MIB = 1024 * 1024
CHAT = json.dumps({"model": "bench", "messages": [{"role": "user", "content": "hi"}]}).encode()


def request(method: str, path: str, body: bytes = b"", host: str = "127.0.0.1", *fields: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"host: {host}", *fields]
    if method == "POST":
        lines += ["content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# Ordinary clients


async def ordinary(port: int, rate: int, seconds: float, clients: int = 64) -> tuple[list[float], int]:
    """Times of requests in milliseconds, from when each was due, and how many failed."""
    times: list[float] = []
    failures = 0
    due: asyncio.Queue[float] = asyncio.Queue()
    data = request("POST", "/v1/chat/completions", CHAT)

    async def client() -> None:
        nonlocal failures
        reader = writer = None
        while True:
            moment = await due.get()
            if moment < 0:
                return
            try:
                if writer is None:
                    reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(data)
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                await reader.readexactly(length)
                failures += not head.startswith(b"HTTP/1.1 200")
            except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError, IndexError):
                failures += 1
                writer = None
            times.append((time.monotonic() - moment) * 1000)

    tasks = [asyncio.create_task(client()) for _ in range(clients)]
    begin = time.monotonic()
    for number in range(int(rate * seconds)):
        moment = begin + number / rate
        if (wait := moment - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        due.put_nowait(moment)
    for _ in tasks:
        due.put_nowait(-1)
    await asyncio.gather(*tasks)
    return times, failures


def percentile(times: list[float], share: float) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


# Attacks: each is called again and again, with a pause between


def connect(port: int, timeout: float = 5) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=timeout)


def send_and_read(port: int, data: bytes, timeout: float = 5) -> None:
    with connect(port, timeout) as connection:
        connection.sendall(data)
        while connection.recv(65536):
            pass


def reads_nothing(port: int) -> None:
    with connect(port, 0.5) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)
        for _ in range(2000):
            connection.sendall(request("GET", "/v1/actions") * 200)


def long_name(port: int) -> None:
    mark = random.choice([b"q", "\u0301".encode()])
    body = b'{"model":"' + mark * (4 * MIB // len(mark)) + b'"}'
    send_and_read(port, request("POST", "/v1/chat/completions", body, "x", "connection: close"))


def small_items(port: int) -> None:
    body = b'{"model":"bench","max_tokens":5,"messages":[' + b"1," * MIB + b"1]}"
    path = random.choice(["/v1/messages", "/api/chat", "/v1/chat/completions"])
    send_and_read(port, request("POST", path, body, "x", "connection: close"), 20)


def made_up_names(port: int) -> None:
    with connect(port) as connection:
        for _ in range(50):
            body = json.dumps({"model": f"made-up-{random.random()}"}).encode()
            connection.sendall(request("POST", "/v1/chat/completions", body))
            connection.recv(65536)


def foreign_pages(port: int) -> None:
    send_and_read(port, request("POST", "/v1/admin/reload", b"", "evil.example"))
    send_and_read(port, request("POST", "/v1/chat/completions", CHAT, "x", "origin: http://evil.example"))


def early_refusal(port: int) -> None:
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {40 * MIB}\r\n\r\n".encode()
    with connect(port) as connection:
        connection.sendall(head)
        for _ in range(40):
            connection.sendall(b"x" * MIB)
        connection.recv(65536)


def odd_lines(port: int) -> None:
    chunked = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n"
    for data in (chunked + b"\n", chunked + b"\0\r\n\r\n", b"GET / HTTP/1.1\nhost: x\n\n", b"\r\n" * 9, os.urandom(500)):
        with contextlib.suppress(TimeoutError):
            send_and_read(port, data, 1)


def bad_frames(port: int) -> None:
    upgrade = request(
        "GET", "/ws", b"", "x", "upgrade: websocket", "connection: upgrade",
        "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==", "sec-websocket-version: 13",
    )  # fmt: skip
    for frame in (b"\x81\x02hi", b"\xc1", b"\x83", os.urandom(100)):
        with connect(port) as connection:
            connection.sendall(upgrade + frame)
            connection.recv(65536)
    with connect(port, 0.5) as connection:
        connection.sendall(upgrade)
        for _ in range(200):
            connection.sendall((b"\x89\xfd\0\0\0\0" + b"x" * 125) * 500)


def half_closed(port: int) -> None:
    with connect(port) as connection:
        connection.sendall(request("POST", "/v1/chat/completions", CHAT))
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass


def resets(port: int) -> None:
    for _ in range(20):
        connection = connect(port)
        connection.sendall(request("POST", "/v1/chat/completions", CHAT)[: random.randrange(1, 250)])
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()


def strangers(port: int) -> None:
    connections = [connect(port) for _ in range(500)]
    for connection in connections:
        connection.close()


def bad_configuration(port: int, file: Path) -> None:
    good = file.read_text()
    for text in ("", "[" + ".".join(["a"] * 50_000) + "]\n", good[: len(good) // 2], good):
        file.write_text(text)
        send_and_read(port, request("POST", "/v1/admin/reload", b"", "x", "connection: close"), 15)


ATTACKS: list[tuple[Callable[..., None], float]] = [
    (reads_nothing, 1),
    (long_name, 1),
    (small_items, 1),
    (made_up_names, 0.2),
    (foreign_pages, 0.2),
    (early_refusal, 2),
    (odd_lines, 0.5),
    (bad_frames, 0.5),
    (half_closed, 0.1),
    (resets, 0.5),
    (strangers, 2),
    (bad_configuration, 5),
]


def attackers(port: int, file: Path, seconds: float, only: set[str]) -> None:
    os.nice(19)
    attack(port, file, seconds, only)


def attack(port: int, file: Path, seconds: float, only: set[str]) -> None:
    end = time.monotonic() + seconds
    counts: dict[str, int] = {}

    def run(act: Callable[..., None], pause: float) -> None:
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                act(port, file) if act is bad_configuration else act(port)
            counts[act.__name__] = counts.get(act.__name__, 0) + 1
            time.sleep(pause)

    threads = [threading.Thread(target=run, args=one) for one in ATTACKS if one[0].__name__ in only]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print("attacks: " + ", ".join(f"{name} {count}" for name, count in sorted(counts.items())), flush=True)


# A server that says what is wrong


class Liar(multiprocessing.Process):
    """Answers with absurd figures, broken events, cut answers. A process, so that it does not hold the clients' interpreter."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = int(self.listener.getsockname()[1])

    def run(self) -> None:
        os.nice(19)
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        usage = b'"usage":{"prompt_tokens":9007199254740991,"completion_tokens":9007199254740991}'
        bodies = [
            b'{"choices":[{"index":0,"message":{"role":"assistant","content":"x"}}],' + usage + b"}",
            b'{"choices":[' + b" " * 20_000 + b'],"error":{"message":"no"}}',
            b"not json",
            b'{"choices":[',
        ]
        with connection, contextlib.suppress(OSError):
            while data := connection.recv(65536):
                body = b'{"object":"list","data":[{"id":"lies","object":"model"}]}'
                if data.startswith(b"POST"):
                    body = random.choice(bodies)
                connection.sendall(
                    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body
                )


def ask_liar(port: int) -> None:
    body = CHAT.replace(b"bench", b"lies")
    with connect(port) as connection:
        for _ in range(20):
            connection.sendall(request("POST", "/v1/chat/completions", body))
            connection.recv(65536)


ATTACKS.append((ask_liar, 0.2))


# The run


def resident(process: int) -> float:
    """MiB."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600, help="how long the attacks last")
    parser.add_argument("--rate", type=int, default=1000, help="ordinary requests a second")
    parser.add_argument("--quiet-seconds", type=float, default=60, help="how long the rate is measured without attacks")
    parser.add_argument("--only", nargs="+", help="the attacks to run, by name; all of them if left out")
    parser.add_argument("--build", type=Path, default=HERE.parent / ".build" / "release")
    options = parser.parse_args()
    options.build = options.build.resolve()
    names = {act.__name__ for act, _ in ATTACKS}
    only = set(options.only or names)
    if unknown := only - names:
        parser.error(f"no such attack: {', '.join(sorted(unknown))}. There are: {', '.join(sorted(names))}")
    folder = Path(tempfile.mkdtemp(prefix="nexus-soak-"))
    subprocess.run(["cc", "-O2", "-o", str(folder / "server"), str(HERE / "server.c")], check=True)
    last = str((os.cpu_count() or 1) - 1)
    os.sched_setaffinity(0, {0})
    # What the attackers cost on this core is not the gateway's doing.
    with contextlib.suppress(PermissionError):
        os.nice(-15)
    upstream, port = free_port(), free_port()
    liar = Liar()
    liar.start()
    file = folder / "nexus.toml"
    backends = [("bench", upstream), ("liar", liar.port)]
    file.write_text(
        f'[server]\nport = {port}\n[logging]\nlevel = "error"\n'
        + "".join(
            f'[[backends]]\nname = "{name}"\ntype = "openai"\nurl = "http://127.0.0.1:{at}"\n'
            'options = { flavor = "openai" }\n'
            for name, at in backends
        )
    )
    server = subprocess.Popen([str(folder / "server"), str(upstream), "8", "0"])
    gateway = subprocess.Popen(
        ["taskset", "-c", last, str(options.build / "nexus"), "serve", "--config", str(file), "--adapters-dir",
         str(options.build)],
        stdout=subprocess.PIPE, stderr=(folder / "log").open("wb"), cwd=folder,
        env=os.environ | {"XDG_STATE_HOME": str(folder)},
    )  # fmt: skip
    assert gateway.stdout is not None and b"listening" in gateway.stdout.readline()
    failed = []
    try:
        until = time.monotonic() + 30
        while True:
            with connect(port) as connection:
                connection.sendall(request("GET", "/health"))
                if b'"healthy":2' in connection.recv(65536) or time.monotonic() > until:
                    break
        # Every way is gone once, so that code and tables are there before anything is measured.
        attack(port, file, 10, only)
        asyncio.run(ordinary(port, options.rate, 10))
        before, failures = asyncio.run(ordinary(port, options.rate, options.quiet_seconds))
        time.sleep(15)
        memory = resident(gateway.pid)
        print(f"before:  p50 {percentile(before, 0.5):.2f} ms, p99 {percentile(before, 0.99):.2f} ms, "
              f"{failures} failures of {len(before)}; {memory:.0f} MiB", flush=True)  # fmt: skip
        attacker = multiprocessing.Process(target=attackers, args=(port, file, options.seconds, only))
        attacker.start()
        during, failures = asyncio.run(ordinary(port, options.rate, options.seconds))
        peak = resident(gateway.pid)
        attacker.join()
        print(f"attacks: p50 {percentile(during, 0.5):.2f} ms, p99 {percentile(during, 0.99):.2f} ms, "
              f"max {max(during):.0f} ms, {failures} failures of {len(during)}; {peak:.0f} MiB", flush=True)  # fmt: skip
        asyncio.run(ordinary(port, options.rate, 30))
        time.sleep(15)
        after = resident(gateway.pid)
        print(f"after:   {after:.0f} MiB", flush=True)
        if failures:
            failed.append(f"{failures} ordinary requests failed")
        if percentile(during, 0.99) > 2 * percentile(before, 0.99):
            failed.append("the p99 has more than doubled")
        if after > 1.2 * memory:
            failed.append("the memory did not come back to within a fifth")
        if gateway.poll() is not None:
            failed.append(f"the gateway ended with {gateway.returncode}")
    finally:
        for process in (gateway, server):
            process.terminate()
            process.wait(30)
    for what in failed:
        print("FAILED: " + what)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
