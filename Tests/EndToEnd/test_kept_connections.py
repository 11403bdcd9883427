"""A server that says 408 on a kept connection and closes it: before, between and just as requests come."""

import json
import socket
import threading

import pytest

from gateway import LONG, Gateway, backend

LATE = b"HTTP/1.1 408 Request Time-out\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
ASK = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


class Impatient:
    """Answers, and says 408 when the test has it."""

    def __init__(self, moment: str) -> None:
        self.moment = moment
        self.asked = 0
        """Requests for a chat that arrived."""
        self.told = threading.Event()
        """The client has its answer."""
        self.closed = threading.Semaphore(0)
        """A connection has ended on both sides."""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as reader:
            chats = 0
            while line := reader.readline():
                length = 0
                while (field := reader.readline()) not in (b"\r\n", b""):
                    if field.lower().startswith(b"content-length:"):
                        length = int(field.split(b":")[1])
                reader.read(length)
                if line.startswith(b"GET"):
                    self.answer(connection, line, {"object": "list", "data": [{"id": "m"}]})
                    continue
                self.asked += 1
                chats += 1
                if chats > 1:
                    connection.sendall(LATE)
                    return
                choice = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
                self.answer(connection, line, {"object": "chat.completion", "choices": [choice]})
                if self.moment == "with the next request":
                    continue
                if self.moment == "while idle":
                    assert self.told.wait(LONG)
                connection.sendall(LATE)
                connection.shutdown(socket.SHUT_WR)
                reader.read()
                self.closed.release()
                return

    @staticmethod
    def answer(connection: socket.socket, line: bytes, content: object) -> None:
        known = line.startswith(b"POST") or line.split()[1] == b"/v1/models"
        body = json.dumps(content if known else {"error": {"message": "not here"}}).encode()
        status = b"200 OK" if known else b"404 Not Found"
        connection.sendall(
            b"HTTP/1.1 " + status + b"\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body
        )


@pytest.mark.parametrize("moment", ["with the answer", "while idle", "with the next request"])
def test_a_late_408_is_nobodys_answer_and_counts_for_nothing(start, moment):
    server = Impatient(moment)
    settings = "[health_check]\ninterval_seconds = 3600\nfailure_threshold = 1\n"
    gateway: Gateway = start(settings + backend("one", server.url))
    gateway.wait_for_backend("one")

    for turn in range(5):
        server.told.clear()
        answer = gateway.http.post("/v1/chat/completions", json=ASK)
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-nexus-attempts"] == "1"
        server.told.set()
        # The gateway has noticed that the connection is over: nothing goes out over it any more.
        if moment != "with the next request":
            assert server.closed.acquire(timeout=LONG)
            assert server.asked == turn + 1

    assert all(entry["status"] == "Success" for entry in gateway.history())
    gateway.wait_for_backend("one")
    server.listener.close()
