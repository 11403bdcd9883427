"""Each fault of a server, in each phase of an answer, through each API: what clients are told, and what is left of it."""

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fault_cells import WORDS, Cell, cells
from gateway import LONG, Gateway, backend, until

SCRIPT = Path(__file__).with_name("scripted_upstream.py")
AT_ONCE = 48
"""Cells that run at the same time."""

CONFIGURATION = """
[health_check]
interval_seconds = 3600
retry_seconds = 1
failure_threshold = 100
recovery_threshold = 1
[history]
capacity = 100000
[routing]
strategy = "priority_only"
retry_budget_percent = 100
retry_budget_minimum = 100000
[breaker]
enabled = false
"""
"""Each cell stands alone: what the ones before did sets no server aside, and takes no retry from it."""

SHORT = {"connect_seconds": 1, "first_byte_seconds": 1, "gap_seconds": 1}
"""For servers that stall; at the others nothing is short, so that a slow machine is no fault."""


class Control:
    """Tells the scripted servers what to do."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.turn = asyncio.Lock()

    async def __aenter__(self) -> "Control":
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 20)
        return self

    async def __aexit__(self, *reason: Any) -> None:
        self.writer.close()

    async def do(self, what: str, **members: Any) -> Any:
        async with self.turn:
            self.writer.write(json.dumps({"do": what, **members}).encode() + b"\n")
            return json.loads(await self.reader.readline())


@dataclass
class Answer:
    status: int
    fields: dict[str, str]
    body: str


class Client:
    """Asks the gateway, each time over a connection of its own."""

    def __init__(self, gateway: Gateway) -> None:
        self.port = gateway.port
        self.count = 0

    async def get(self, path: str) -> Any:
        return json.loads((await self.send("GET", path, b"", "")).body)

    async def send(self, method: str, path: str, body: bytes, id: str, pause: Any = None) -> Answer:
        """`pause`: awaited once something of the answer's body is there."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        head = f"{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {len(body)}\r\n"
        head += f"x-request-id: {id}\r\n" if id else ""
        writer.write(head.encode() + b"content-type: application/json\r\n\r\n" + body)
        try:
            told = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
            fields = dict(line.split(": ", 1) for line in told[1:] if line)
            chunked = fields.get("transfer-encoding") == "chunked"
            text = await self.chunks(reader, pause) if chunked else await reader.read()
            return Answer(int(told[0].split()[1]), fields, text.decode())
        finally:
            writer.close()

    @staticmethod
    async def chunks(reader: asyncio.StreamReader, pause: Any) -> bytes:
        text = b""
        while size := int(await reader.readline(), 16):
            text += (await reader.readexactly(size + 2))[:-2]
            if pause:
                pause = await pause(text.decode())
        assert await reader.read() == b"\r\n", "something follows the end"
        return text


class Run:
    """All cells at one gateway."""

    def __init__(self, gateway: Gateway, client: Client, control: Control, good: dict[str, int]) -> None:
        self.gateway = gateway
        self.client = client
        self.control = control
        self.good = good
        self.wrong: list[str] = []
        self.asked: dict[str, tuple[int, bool]] = {}
        """The attempts of each request, by its id, and whether it went well."""

    async def cell(self, number: int, cell: Cell, port: int) -> None:
        try:
            async with asyncio.timeout(LONG):
                await self.control.do("arm", port=port)
                await self.with_another(number, cell, port)
                await self.alone(number, cell, port)
        except (AssertionError, KeyError, ValueError, OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            self.wrong.append(f"{cell.name}: {type(error).__name__} {str(error)[:400]}")

    async def with_another(self, number: int, cell: Cell, port: int) -> None:
        """A good server is there as well."""
        model = f"both{number}"
        answer = await self.ask(cell, model, port)
        attempts = int(answer.fields["x-nexus-attempts"])
        if cell.moves_on:
            assert answer.status == 200, f"{answer.status} {answer.body}"
            assert cell.api.text(answer.body) == WORDS, answer.body
            assert attempts == 2 and answer.fields["x-nexus-backend"] == f"good-{cell.api.server}"
        else:
            self.check(cell, answer)
            assert attempts == (2 if cell.is_rephrased else 1)
            assert answer.fields["x-nexus-backend"] == f"bad{number}"
        self.asked[model] = (attempts, cell.moves_on or cell.is_no_fault)
        await self.count(cell, model, port)
        asked = await self.control.do("asked", port=self.good[cell.api.server])
        assert asked.get(model, 0) == (1 if cell.moves_on else 0), "the good server was asked otherwise"

    async def alone(self, number: int, cell: Cell, port: int) -> None:
        """No other server is there: its client is told."""
        model = f"only{number}"
        answer = await self.ask(cell, model, port)
        self.check(cell, answer)
        attempts = int(answer.fields.get("x-nexus-attempts", "0"))
        assert attempts == (2 if cell.is_rephrased else 1), attempts
        self.asked[model] = (attempts, cell.is_no_fault)
        await self.count(cell, model, port)

    async def ask(self, cell: Cell, model: str, port: int) -> Answer:
        async def pause(text: str) -> Any:
            """The server goes on to its fault when the client has what came before."""
            if ("two" if cell.phase == "before_end" else "one") not in text:
                return pause
            await self.control.do("go", port=port, model=model)
            return None

        body = json.dumps(cell.api.request(model)).encode()
        return await self.client.send("POST", cell.api.path, body, model, pause if cell.is_told_in_stream else None)

    async def count(self, cell: Cell, model: str, port: int) -> None:
        """The server was asked once, and nothing goes on there."""
        asked = (await self.control.do("asked", port=port)).get(model, 0)
        assert asked == (0 if cell.phase == "connect" else 2 if cell.is_rephrased else 1), f"asked {asked} times"

    def check(self, cell: Cell, answer: Answer) -> None:
        """What the client has, where nobody else is asked."""
        if cell.is_no_fault:
            assert answer.status == 200 and cell.api.text(answer.body) == WORDS
        elif cell.is_told_in_stream:
            assert answer.status == 200 and "one" in answer.body
            assert cell.told_words in cell.api.error_in_stream(answer.body)
            assert not cell.api.ends_well(answer.body), f"a false end: {answer.body}"
        else:
            assert answer.status in cell.told_status, f"{answer.status} {answer.body}"
            words = cell.api.error(answer.body)
            assert words and cell.told_words in words, answer.body
            if cell.retry_after:
                assert 0 < int(answer.fields["retry-after"]) <= cell.retry_after

    # What is left when all is over.

    async def records(self) -> None:
        entries = await self.client.get("/v1/history")
        count = Counter(entry["request_id"] for entry in entries)
        by_id = {entry["request_id"]: entry for entry in entries}
        for id, (attempts, is_well) in self.asked.items():
            entry = by_id.get(id)
            if count[id] != 1 or entry is None:
                self.wrong.append(f"{id}: {count[id]} records")
            elif (entry["attempts"], entry["status"] == "Success") != (attempts, is_well):
                self.wrong.append(f"{id}: recorded as {entry['status']} after {entry['attempts']} attempts")

    async def in_flight(self) -> int:
        text = (await self.client.send("GET", "/metrics", b"", "")).body
        lines = [line for line in text.splitlines() if line.startswith("nexus_backend_in_flight{")]
        assert lines
        return int(sum(float(line.split()[-1]) for line in lines))


def sockets(gateway: Gateway) -> int:
    """Descriptors of the gateway that are sockets."""
    folder = Path(f"/proc/{gateway.process.pid}/fd")
    count = 0
    for each in folder.iterdir():
        try:
            count += os.readlink(each).startswith("socket:")
        except FileNotFoundError:
            pass
    return count


@pytest.fixture
def servers() -> Iterator[int]:
    """The port on which the scripted servers are told what to do."""
    process = subprocess.Popen([sys.executable, str(SCRIPT)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield int(process.stdout.readline())
    process.kill()
    process.wait(timeout=LONG)
    process.stdout.close()


def test_every_fault_in_every_phase_through_every_api(start, servers):
    asyncio.run(matrix(start, servers))


async def matrix(start: Any, servers: int) -> None:
    table = list(enumerate(cells()))
    async with Control(servers) as control:
        good, parts = {}, []
        for type in ("openai", "ollama"):
            models = [f"both{number}" for number, cell in table if cell.api.server == type]
            good[type] = (await control.do("listen", type=type, models=models))["port"]
            parts.append(backend(f"good-{type}", f"http://127.0.0.1:{good[type]}", type=type, priority=90))
        ports = {}
        for number, cell in table:
            models = [f"both{number}", f"only{number}"]
            ports[number] = (await control.do("listen", type=cell.api.server, models=models, **cell.script))["port"]
            url, limits = f"http://127.0.0.1:{ports[number]}", {"timeouts": SHORT} if cell.stalls else {}
            parts.append(backend(f"bad{number}", url, type=cell.api.server, priority=1, **limits))

        gateway = await asyncio.to_thread(start, CONFIGURATION + "\n".join(parts))
        client = Client(gateway)
        await all_are_well(client)
        run = Run(gateway, client, control, good)
        await control.do("drop")
        until(lambda: sockets(gateway) <= 2)
        idle = sockets(gateway)

        turn = asyncio.Semaphore(AT_ONCE)

        async def one(number: int, cell: Cell) -> None:
            async with turn:
                await run.cell(number, cell, ports[number])

        await asyncio.gather(*(one(number, cell) for number, cell in table))
        await run.records()
        assert await run.in_flight() == 0
        assert not run.wrong, f"{len(run.wrong)} of {len(table)} cells:\n" + "\n".join(sorted(run.wrong))
        # When no probe finds anything wrong any more, no more connections are there than before.
        for port in ports.values():
            await control.do("mend", port=port)
        await all_are_well(client)
        await control.do("drop")
        until(lambda: sockets(gateway) <= idle)


async def all_are_well(client: Client) -> None:
    while (await client.get("/health"))["status"] != "healthy":
        await asyncio.sleep(0.05)
