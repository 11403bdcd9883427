"""Model servers in a process of their own, each of which fails as it is told: `python scripted_upstream.py`.

It prints the port of its control socket, where each line is a JSON object with a member "do", answered by one line:

    listen  starts a server: "type" (openai or ollama), "models", "fault" (see FAULTS; absent: none), "phase" (see PHASES),
            "status" and "retry_after" of the fault "status". Its port is "port" in the answer.
    arm     from now on the server fails as it was told; before, it answers everything well.
    mend    from now on it answers everything well again.
    go      a stream of the model goes on: each waits before its fault, so that its client has read what came before.
    asked   how often each model was asked for at the server, once no request is under way there any more.
    drop    closes all connections that wait for a request; answers when they are closed.

One thread, and no time-outs: a server waits for ever where it is to stall.
"""

import asyncio
import contextlib
import json
import socket
import struct
from dataclasses import dataclass, field
from typing import Any

FAULTS = ("refuse", "reset", "close", "stall", "garbage", "error", "cut_chunk", "too_short", "too_long", "status", "drip")
PHASES = ("connect", "before_head", "in_head", "after_head", "after_first", "before_end")
GARBAGE = b"\x00\xff\x13 this is no answer \x7f\r\n\r\n"

MESSAGE = {"role": "assistant", "content": "one two three"}
CHUNK = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
USAGE = {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}
TIME = "2026-01-02T03:04:05.678901234Z"


class Fault(Exception):
    """The connection has ended as it was to."""


def event(value: Any) -> bytes:
    return b"data: " + (value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n\n"


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


@dataclass
class Answer:
    """A good answer in parts, between which a server may fail."""

    head: bytes
    pieces: list[bytes]
    end: bytes
    streams: bool
    is_ollama: bool

    @staticmethod
    def whole(value: Any, is_ollama: bool, status: int = 200, extra: str = "") -> "Answer":
        body = json.dumps(value).encode()
        head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{extra}content-length: {len(body)}\r\n\r\n"
        return Answer(head.encode(), [body[:9], body[9:-1]], body[-1:], False, is_ollama)

    @staticmethod
    def stream(pieces: list[bytes], end: list[bytes], is_ollama: bool) -> "Answer":
        type = "application/x-ndjson" if is_ollama else "text/event-stream"
        head = f"HTTP/1.1 200 OK\r\ncontent-type: {type}\r\ntransfer-encoding: chunked\r\n\r\n".encode()
        return Answer(head, [chunk(p) for p in pieces], b"".join(map(chunk, end)) + b"0\r\n\r\n", True, is_ollama)

    def until(self, phase: str) -> bytes:
        """What is sent before the phase."""
        match phase:
            case "before_head":
                return b""
            case "in_head":
                return self.head[: len(self.head) // 2]
            case "after_head":
                return self.head
            case "after_first":
                return self.head + self.pieces[0]
            case _:
                return self.head + b"".join(self.pieces)


def good_answer(path: str, body: dict[str, Any]) -> Answer:
    if path == "/api/chat":
        lines = [json.dumps(line).encode() + b"\n" for line in ollama_lines(body["model"])]
        if body.get("stream", True):
            return Answer.stream(lines[:2], lines[2:], is_ollama=True)
        last = {**ollama_lines(body["model"])[-1], "message": MESSAGE}
        return Answer.whole(last, is_ollama=True)
    if path == "/v1/embeddings":
        data = [{"object": "embedding", "index": 0, "embedding": [0.5, 1.0]}]
        return Answer.whole({"object": "list", "data": data, "model": "m", "usage": USAGE}, is_ollama=False)
    is_chat = path == "/v1/chat/completions"

    def choice(text: str, finish: str | None = None) -> dict[str, Any]:
        content = {"delta": {"content": text} if text else {}} if is_chat else {"text": text}
        return {**CHUNK, "choices": [{"index": 0, **content, "finish_reason": finish}]}

    if body.get("stream"):
        end = [event(choice(" three")), event(choice("", "stop")), event(b"[DONE]")]
        return Answer.stream([event(choice("one")), event(choice(" two"))], end, is_ollama=False)
    content = {"message": MESSAGE} if is_chat else {"text": MESSAGE["content"]}
    answer = {**CHUNK, "choices": [{"index": 0, **content, "finish_reason": "stop"}], "usage": USAGE}
    answer["object"] = "chat.completion" if is_chat else "text_completion"
    return Answer.whole(answer, is_ollama=False)


def ollama_lines(model: str) -> list[dict[str, Any]]:
    common = {"model": model, "created_at": TIME}
    lines = [
        {**common, "message": {"role": "assistant", "content": text}, "done": False} for text in ("one", " two", " three")
    ]
    counts = {"prompt_eval_count": 3, "eval_count": 3, "total_duration": 5, "eval_duration": 3}
    end = {"message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop"}
    return [*lines, {**common, **end, **counts}]


def error_of(text: str, is_ollama: bool) -> dict[str, Any]:
    return {"error": text} if is_ollama else {"error": {"message": text, "type": "server_error", "code": None}}


@dataclass
class Server:
    """One server, on a port of its own."""

    script: dict[str, Any]
    listener: socket.socket
    port: int
    armed: bool = False
    asked: dict[str, int] = field(default_factory=dict)
    busy: int = 0
    idle: set[asyncio.StreamWriter] = field(default_factory=set)
    gates: dict[str, asyncio.Event] = field(default_factory=dict)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    accepting: asyncio.Task[None] | None = None
    fillers: list[socket.socket] = field(default_factory=list)
    serving: set[asyncio.Task[None]] = field(default_factory=set)

    @staticmethod
    def listen(script: dict[str, Any]) -> "Server":
        listener = Server.listening()
        server = Server(script, listener, listener.getsockname()[1])
        server.accepting = asyncio.create_task(server.accept())
        return server

    @property
    def fault(self) -> str | None:
        return self.script.get("fault") if self.armed else None

    @property
    def is_gone(self) -> bool:
        """Once armed, it takes no connections."""
        return self.phase == "connect" and self.script.get("fault") in ("refuse", "stall")

    @property
    def phase(self) -> str:
        phase: str = self.script.get("phase", "")
        return phase

    @property
    def is_ollama(self) -> bool:
        return bool(self.script["type"] == "ollama")

    def gate(self, model: str) -> asyncio.Event:
        return self.gates.setdefault(model, asyncio.Event())

    async def arm(self) -> None:
        self.armed = True
        if not self.is_gone:
            return
        assert self.accepting is not None
        self.accepting.cancel()
        await asyncio.wait([self.accepting])
        if self.fault == "refuse":
            self.listener.close()
            return
        # Its backlog is full from now on: the kernel answers no further connection.
        self.listener.listen(0)
        for _ in range(3):
            filler = socket.socket()
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(self.listener.getsockname())
            self.fillers.append(filler)

    async def mend(self) -> None:
        self.armed = False
        if not self.is_gone:
            return
        self.listener.close()
        for filler in self.fillers:
            filler.close()
        self.listener = self.listening(self.port)
        self.accepting = asyncio.create_task(self.accept())

    @staticmethod
    def listening(port: int = 0) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", port), backlog=64)
        listener.setblocking(False)
        return listener

    async def accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            connection, _ = await loop.sock_accept(self.listener)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.fault and self.phase == "connect":
                self.end_at_once(connection)
                continue
            reader, writer = await asyncio.open_connection(sock=connection)
            task = asyncio.create_task(self.serve(reader, writer))
            self.serving.add(task)
            task.add_done_callback(self.serving.discard)

    def end_at_once(self, connection: socket.socket) -> None:
        if self.fault == "garbage":
            connection.send(GARBAGE)
        if self.fault == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                self.idle.add(writer)
                head = await reader.readuntil(b"\r\n\r\n")
                self.idle.discard(writer)
                await self.answer(head, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, Fault):
            pass
        finally:
            self.idle.discard(writer)
            writer.close()

    async def answer(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = head.decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ", 2)
        fields = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        body = await reader.readexactly(int(fields.get("content-length", "0")))
        if method == "GET" or path == "/api/show":
            writer.write(self.probe(path))
            await writer.drain()
            raise Fault
        request = json.loads(body)
        async with self.changed:
            self.asked[request["model"]] = self.asked.get(request["model"], 0) + 1
            self.busy += 1
        try:
            await self.act(good_answer(path, request), request["model"], reader, writer)
        finally:
            # Only what keeps the connection is left on it.
            async with self.changed:
                self.busy -= 1
                self.changed.notify_all()

    def probe(self, path: str) -> bytes:
        """Each on a connection of its own: none is kept for a request."""
        models = self.script["models"]
        known: dict[str, Any] = {
            "/v1/models": {"object": "list", "data": [{"id": id, "object": "model", "created": 1} for id in models]}
        }
        if self.is_ollama:
            known = {
                "/api/tags": {"models": [{"name": id, "model": id, "size": 1, "digest": id} for id in models]},
                "/api/version": {"version": "0.33.0"},
                "/api/ps": {"models": []},
                "/api/show": {"capabilities": ["completion", "embedding"], "model_info": {}},
            }
        found = known.get(path)
        value = error_of("not found", self.is_ollama) if found is None else found
        answer = Answer.whole(value, self.is_ollama, 404 if found is None else 200, "connection: close\r\n")
        return answer.until("before_end") + answer.end

    async def act(
        self, good: Answer, model: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        def send(data: bytes) -> None:
            writer.write(data)

        if self.fault in (None, "drip"):
            data = good.until("before_end") + good.end
            if self.fault:
                for byte in data:
                    send(bytes([byte]))
                    await writer.drain()
                    await asyncio.sleep(0)
            else:
                send(data)
            return await writer.drain()
        if self.fault == "status":
            status = self.script["status"]
            extra = f"retry-after: {self.script['retry_after']}\r\n" if "retry_after" in self.script else ""
            # One that says so of a connection that it keeps may mean that.
            extra += "connection: close\r\n" if status == 408 else ""
            answer = Answer.whole(error_of(f"no {status}", self.is_ollama), self.is_ollama, status, extra)
            send(answer.until("before_end") + answer.end)
            await writer.drain()
            if status == 408:
                raise Fault
            return
        if self.fault in ("too_short", "too_long"):
            by = -5 if self.fault == "too_short" else 50
            body = b"".join(good.pieces) + good.end
            told = b"content-length: %d"
            send(good.head.replace(told % len(body), told % (len(body) + by)) + body)
            await writer.drain()
            raise Fault
        if self.fault != "error" or good.streams:
            send(good.until(self.phase))
            await writer.drain()
        if good.streams and self.phase in ("after_first", "before_end"):
            await self.gate(model).wait()
        await self.fail(good, reader, writer)

    async def fail(self, good: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        match self.fault:
            case "stall":
                await reader.read()
            case "reset":
                writer.transport.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
                writer.transport.abort()
            case "garbage":
                is_body = self.phase not in ("before_head", "in_head")
                rest = len(b"".join(good.pieces) + good.end)
                # Inside a body of known length it is a part of that.
                writer.write(b"\xff" * rest if is_body and not good.streams else GARBAGE)
            case "cut_chunk":
                writer.write(b"400\r\ndata: {" if good.streams else b"{")
            case "error":
                value = error_of("boom", self.is_ollama)
                told = json.dumps(value).encode()
                if good.streams:
                    writer.write(chunk(told + b"\n" if self.is_ollama else event(told)) + b"0\r\n\r\n")
                    return await writer.drain()
                answer = Answer.whole(value, self.is_ollama)
                writer.write(answer.until("before_end") + answer.end)
                return await writer.drain()
            case "close":
                pass
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        raise Fault


class Control:
    """What tests say."""

    def __init__(self) -> None:
        self.servers: dict[int, Server] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(json.dumps(await self.do(json.loads(line))).encode() + b"\n")
            await writer.drain()
        writer.close()

    async def do(self, order: dict[str, Any]) -> dict[str, Any]:
        if order["do"] == "listen":
            server = Server.listen(order)
            self.servers[server.port] = server
            return {"port": server.port}
        if order["do"] == "drop":
            for server in self.servers.values():
                for writer in list(server.idle):
                    writer.close()
                if server.serving:
                    await asyncio.wait(server.serving)
            return {}
        server = self.servers[order["port"]]
        match order["do"]:
            case "arm":
                await server.arm()
            case "mend":
                await server.mend()
            case "go":
                server.gate(order["model"]).set()
            case "asked":
                async with server.changed:
                    await server.changed.wait_for(lambda: server.busy == 0)
                return server.asked
        return {}


async def main() -> None:
    control = Control()
    listener = await asyncio.start_server(control.serve, "127.0.0.1", 0, limit=1 << 20)
    print(listener.sockets[0].getsockname()[1], flush=True)
    await listener.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
