"""Servers that a test may kill or stop, and requests at a steady rate."""

import asyncio
import json
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway import LONG, Gateway

SCRIPT = Path(__file__).with_name("server_process.py")


class Server:
    """A model server in a process of its own."""

    def __init__(self, port: int = 0) -> None:
        command = [sys.executable, str(SCRIPT), str(port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}"

    def end(self) -> None:
        self.process.kill()
        self.process.wait(timeout=LONG)
        if self.process.stdout:
            self.process.stdout.close()


@dataclass
class Told:
    """What a client was told."""

    status: int
    attempts: int
    stream: bool
    text: str
    """The body as it was sent."""

    @property
    def is_well(self) -> bool:
        return self.status == 200 and (not self.stream or "data: [DONE]" in self.text)

    @property
    def had_begun(self) -> bool:
        """A piece of the answer had reached the client."""
        return "chat.completion.chunk" in self.text


class Load:
    """Requests at a steady rate, each on a connection of its own, until it is told to stop."""

    rate = 300

    def __init__(self, gateway: Gateway, streams: bool = False) -> None:
        """`streams`: every other request is for a stream."""
        self.port = gateway.port
        self.streams = streams
        self.answers: list[Told] = []
        self.ends = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self.run()))

    def __enter__(self) -> "Load":
        self.thread.start()
        return self

    def __exit__(self, *reason: Any) -> None:
        self.ends.set()
        self.thread.join(LONG)

    async def run(self) -> None:
        tasks = []
        while not self.ends.is_set():
            tasks.append(asyncio.create_task(self.ask(self.streams and len(tasks) % 2 == 1)))
            await asyncio.sleep(1 / self.rate)
        await asyncio.wait_for(asyncio.gather(*tasks), LONG)

    async def ask(self, stream: bool) -> None:
        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": stream}).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n")
        writer.write(f"content-length: {len(body)}\r\n\r\n".encode() + body)
        head, _, text = (await reader.read()).decode().partition("\r\n\r\n")
        writer.close()
        fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:])
        self.answers.append(Told(int(head.split()[1]), int(fields.get("x-nexus-attempts", "1")), stream, text))

    def wait_for(self, count: int) -> None:
        """Until there are so many more answers."""
        wanted, end = len(self.answers) + count, time.monotonic() + LONG
        while len(self.answers) < wanted:
            assert time.monotonic() < end, "no answers come"
            time.sleep(0.01)
