"""An LLM server whose answers a test scripts, byte by byte if it wants."""

import contextlib
import json
import queue
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LONG = 60.0


@dataclass
class Exchange:
    """One request, and how to answer it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    connection: socket.socket

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def answer(self, content: Any, status: int = 200, content_type: str = "application/json", **headers: str) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        head = f"HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\ncontent-length: {len(body)}\r\n"
        head += "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        self.send(head.encode() + b"\r\n" + body)

    def begin_stream(self, content_type: str = "text/event-stream") -> None:
        self.send(f"HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ntransfer-encoding: chunked\r\n\r\n".encode())

    def piece(self, data: bytes) -> None:
        self.send(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def event(self, content: Any) -> None:
        self.piece(b"data: " + (content if isinstance(content, bytes) else json.dumps(content).encode()) + b"\n\n")

    def end_stream(self) -> None:
        self.send(b"0\r\n\r\n")

    def cut(self) -> None:
        """Ends the connection in the middle."""
        self.connection.shutdown(socket.SHUT_RDWR)

    def wait_until_closed(self) -> bool:
        """True once the gateway has closed the connection."""
        self.connection.settimeout(LONG)
        try:
            return self.connection.recv(1) == b""
        except ConnectionResetError:
            return True


Script = Callable[[Exchange], None]

DELTA = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}


def delta(text: str) -> dict[str, Any]:
    return {**DELTA, "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}


FINISHED = {**DELTA, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
ANSWER = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
    "usage": USAGE,
}


class Upstream:
    """Serves an OpenAI-compatible model list and answers chats; every path can be scripted."""

    def __init__(self, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.scripts: dict[str, Script] = {}
        self.requests: "queue.Queue[Exchange]" = queue.Queue()
        """What came on paths other than the model list, in order."""
        self.connections: set[socket.socket] = set()
        self.stopped = threading.Event()
        """Set at the end: a script that waits for time to pass waits for this."""
        self.models("m")
        self.on("/v1/chat/completions", lambda exchange: exchange.answer(ANSWER))
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                super().setup()
                upstream.connections.add(self.connection)

            def finish(self) -> None:
                upstream.connections.discard(self.connection)
                super().finish()

            def serve(self) -> None:
                length = int(self.headers.get("content-length", 0))
                exchange = Exchange(
                    self.command,
                    self.path,
                    {name.lower(): value for name, value in self.headers.items()},
                    self.rfile.read(length),
                    self.connection,
                )
                script = upstream.scripts.get(self.path)
                if script is None:
                    exchange.answer({"error": {"message": "not found"}}, status=404)
                    return
                if self.path not in ("/v1/models", "/api/tags", "/api/version", "/api/show"):
                    upstream.requests.put(exchange)
                script(exchange)

            do_GET = do_POST = do_DELETE = serve

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False
            allow_reuse_address = True

            def handle_error(self, *_: object) -> None:
                pass  # a connection that the gateway closed

        self.server = Server(("127.0.0.1", port), Handler)
        self.port: int = self.server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        if tls:
            # The handshake is left to the thread of the connection: one that fails must not hold up the others.
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def on(self, path: str, script: Script) -> None:
        self.scripts[path] = script

    def chat(self, script: Script) -> None:
        self.on("/v1/chat/completions", script)

    def models(self, *ids: str) -> None:
        data = [{"id": id, "object": "model", "created": 1, "owned_by": "test"} for id in ids]
        self.on("/v1/models", lambda exchange: exchange.answer({"object": "list", "data": data}))

    def fail_probes(self, status: int = 500) -> None:
        self.on("/v1/models", lambda exchange: exchange.answer({"error": {"message": "broken"}}, status=status))

    def request(self) -> Exchange:
        return self.requests.get(timeout=LONG)

    def close(self) -> None:
        """The server goes, with all its connections."""
        self.stopped.set()
        self.server.shutdown()
        self.server.server_close()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
