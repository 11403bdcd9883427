"""Limits of time at backends: what does not come is given up in time, tried elsewhere, and named."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway import FAST, LONG, Gateway, backend
from ollama_server import OllamaServer, capable
from test_https_backends import Authority
from upstream import ANSWER, Exchange, Upstream

CALM = '[health_check]\ninterval_seconds = 600\nretry_seconds = 600\n[routing]\nstrategy = "priority_only"\n'
"""The first backend stays the first choice, whatever becomes of its connections."""
SHORT = "[timeouts]\nconnect_seconds = 0.5\n"


class Stalling(Upstream):
    """Answers, until it lets all new connections stand."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls=tls)
        self.fillers: list[socket.socket] = []

    def stall(self) -> None:
        """From here on nobody accepts. What is connected is closed as soon as it asks."""
        self.chat(lambda exchange: exchange.cut())
        self.server.shutdown()

    def stall_connecting(self) -> None:
        """Neither does the kernel any more: its queue is full."""
        self.stall()
        self.server.socket.listen(0)
        while True:
            filler = socket.socket()
            filler.settimeout(0.2)
            self.fillers.append(filler)
            try:
                filler.connect(("127.0.0.1", self.port))
            except TimeoutError:
                return

    def close(self) -> None:
        for filler in self.fillers:
            filler.close()
        super().close()


@pytest.fixture
def stalling() -> Iterator[Callable[..., Stalling]]:
    servers: list[Stalling] = []

    def make(tls: ssl.SSLContext | None = None) -> Stalling:
        servers.append(Stalling(tls))
        return servers[-1]

    yield make
    for server in servers:
        server.close()


def two(start, first: str, second: Upstream, configuration: str = SHORT + CALM, **keys: object) -> Gateway:
    """Asks the server at the first address first."""
    gateway = start(configuration + backend("one", first, priority=1, **keys) + backend("two", second.url, priority=9))
    gateway.wait_for_backend("one")
    gateway.wait_for_backend("two")
    return gateway


def whole_log(gateway: Gateway) -> str:
    """Of a gateway that has come to its end: while it runs, lines may be on their way."""
    gateway.finish()
    return gateway.log


# Connecting


def test_a_connection_that_does_not_come_about_is_tried_elsewhere(start, stalling, upstream):
    server = stalling()
    gateway = two(start, server.url, upstream)
    server.stall_connecting()

    answer = gateway.chat()

    assert answer.json() == ANSWER and answer.headers["x-nexus-backend"] == "two"
    assert answer.headers["x-nexus-attempts"] == "2"
    assert f"no connection within 0.5 s (TCP connection to 127.0.0.1:{server.port})" in whole_log(gateway)


def test_a_handshake_that_does_not_come_about_is_tried_elsewhere(start, stalling, upstream, tmp_path: Path):
    authority = Authority(tmp_path / "authority", "Test Authority")
    server = stalling(authority.issue("IP:127.0.0.1"))
    gateway = two(start, server.url, upstream, f'[upstream]\nca_file = "{authority.file}"\n' + SHORT + CALM)
    server.stall()

    answer = gateway.chat()

    assert answer.json() == ANSWER and answer.headers["x-nexus-backend"] == "two"
    assert f"no connection within 0.5 s (TLS handshake with 127.0.0.1:{server.port})" in whole_log(gateway)


def test_a_client_is_told_what_did_not_come(start, stalling):
    server = stalling()
    gateway = start(CALM + backend("one", server.url, timeouts={"connect_seconds": 0.25}))
    gateway.wait_for_backend("one")
    server.stall_connecting()

    answer = gateway.chat()

    error = answer.json()["error"]
    assert answer.status_code == 503 and error["code"] == "connect_timeout"
    # Either the connection or the exchange that waits for it sees the time pass first; they name the server in their own words.
    told = error["message"].replace("http://", "")
    assert told == f"no connection within 0.25 s (TCP connection to 127.0.0.1:{server.port})"


def test_a_reload_changes_the_limits_of_a_backend(start, stalling):
    server = stalling()
    gateway = start(CALM + backend("one", server.url))
    gateway.wait_for_backend("one")
    file = Path(gateway.log_path.parent / "nexus.toml")
    file.write_text(CALM + backend("one", server.url, timeouts={"connect_seconds": 0.25}))
    with gateway.socket() as live:
        assert gateway.http.post("/v1/admin/reload").json()["changed"] == ["one"]
        live.backend(lambda view: view["name"] == "one" and view["status"] == "Healthy")
    server.stall_connecting()

    assert "within 0.25 s" in gateway.chat().json()["error"]["message"]


def test_a_model_has_limits_of_its_own_also_longer_ones_and_a_reload_changes_them(start, stalling):
    """What it is told in is not the limit that the connection would have had."""
    server = stalling()

    def configuration(seconds: float) -> str:
        models = {"models": {"m": {"connect_seconds": seconds}}}
        return CALM + backend("one", server.url, timeouts={"connect_seconds": 0.1, **models})

    gateway = start(configuration(0.5))
    gateway.wait_for_backend("one")
    server.stall_connecting()
    assert "within 0.5 s (TCP" in gateway.chat().json()["error"]["message"]

    Path(gateway.log_path.parent / "nexus.toml").write_text(configuration(0.75))
    assert gateway.http.post("/v1/admin/reload").json()["changed"] == ["one"]

    assert "within 0.75 s (TCP" in gateway.chat().json()["error"]["message"]


# Error answers

WORDS = b'{"error":{"message":"out of memory","type":"x","param":null,"code":null}}'


class Bad:
    """Answers with an error whose body does not end in time."""

    def __init__(self, way: str, status: int = 500, words: bytes = WORDS) -> None:
        self.way = way
        self.status = status
        self.words = words
        self.sent = 0
        self.closed = threading.Event()

    def __call__(self, exchange: Exchange) -> None:
        head = f"HTTP/1.1 {self.status} X\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        exchange.send(head.encode())
        exchange.piece(self.words)
        if self.way == "stalls":
            exchange.wait_until_closed()
        else:
            with contextlib.suppress(OSError):
                # A space after the words leaves them what they are.
                piece = b" " * (1 if self.way == "drips" else 65536)
                pause = 0.05 if self.way == "drips" else 0
                while not self.stopped(exchange, pause) and self.sent < 1 << 32:
                    exchange.piece(piece)
                    self.sent += len(piece)
        self.closed.set()

    @staticmethod
    def stopped(exchange: Exchange, pause: float) -> bool:
        """Waits, unless the connection is closed before."""
        exchange.connection.settimeout(LONG if pause == 0 else pause)
        if pause == 0:
            return False
        try:
            return exchange.connection.recv(1) == b""
        except TimeoutError:
            return False
        finally:
            exchange.connection.settimeout(LONG)


WAYS = ["stalls", "drips", "never stops"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("stream", [False, True])
def test_an_error_answer_that_does_not_end_is_tried_elsewhere(start, upstream, second_upstream, way: str, stream: bool):
    bad = Bad(way)
    upstream.chat(bad)
    second_upstream.chat(lambda exchange: exchange.answer(ANSWER))
    gateway = two(start, upstream.url, second_upstream, CALM)
    if stream:
        second_upstream.chat(whole_stream)

    answer = gateway.chat(stream=stream)

    assert answer.status_code == 200 and answer.headers["x-nexus-backend"] == "two"
    assert bad.closed.wait(LONG) and bad.sent < 64 << 20
    assert "out of memory" in whole_log(gateway)


def whole_stream(exchange: Exchange) -> None:
    exchange.begin_stream()
    exchange.event({**ANSWER, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": "stop"}]})
    exchange.event(b"[DONE]")
    exchange.end_stream()


@pytest.mark.parametrize(("status", "told", "code"), [(500, 502, "backend_error"), (429, 429, "backend_busy"), (400, 400, None)])
def test_an_error_answer_that_does_not_end_means_what_a_whole_one_means(start, upstream, status, told, code):
    gateway = start(backend("one", upstream.url))
    gateway.wait_for_backend("one")
    upstream.chat(lambda exchange: exchange.answer(WORDS, status=status))
    whole = gateway.chat()
    upstream.chat(Bad("stalls", status))

    cut = gateway.chat()

    assert (cut.status_code, cut.json()) == (whole.status_code, whole.json())
    assert cut.status_code == told and "out of memory" in cut.text


def test_an_error_answer_that_is_too_long_is_told_shortened(start, upstream):
    upstream.chat(Bad("never stops", 503, b"<html>" + b"x" * 100_000))
    gateway = start(backend("one", upstream.url))
    gateway.wait_for_backend("one")

    answer = gateway.chat()

    assert answer.status_code == 503 and answer.json()["error"]["message"] == "x" * 300 + "…"


@pytest.mark.parametrize("way", WAYS)
def test_json_in_place_of_a_stream_is_not_waited_for_long(start, upstream, second_upstream, way: str):
    bad = Bad(way, 200)
    upstream.chat(bad)
    second_upstream.chat(whole_stream)
    gateway = two(start, upstream.url, second_upstream, CALM)

    answer = gateway.chat(stream=True)

    assert answer.headers["x-nexus-backend"] == "two" and bad.closed.wait(LONG)
    assert "out of memory" in whole_log(gateway)


@pytest.fixture
def ollama() -> Iterator[OllamaServer]:
    server = OllamaServer(capable("m", "completion"))
    yield server
    server.close()


@pytest.mark.parametrize("way", WAYS)
def test_the_same_holds_for_ollama(start, ollama, upstream, way: str):
    bad = Bad(way, 500, b'{"error":"out of memory"}')
    ollama.on("/api/chat", bad)
    gateway = two(start, ollama.url, upstream, CALM, type="ollama")

    answer = gateway.chat()

    assert answer.json() == ANSWER and bad.closed.wait(LONG) and "out of memory" in whole_log(gateway)


def test_an_answer_without_end_is_not_read_without_end(start, ollama, upstream):
    bad = Bad("never stops", 200, b"{")
    ollama.on("/api/chat", bad)
    gateway = two(start, ollama.url, upstream, CALM, type="ollama")

    assert gateway.chat().json() == ANSWER and bad.closed.wait(LONG) and bad.sent < 256 << 20


@pytest.mark.parametrize("way", WAYS)
def test_a_probe_hears_an_error_that_does_not_end(start, upstream, way: str):
    upstream.on("/v1/models", Bad(way, 503))
    gateway = start(FAST + "timeout_seconds = 30\n" + backend("one", upstream.url))

    assert "out of memory" in gateway.wait_for_backend("one", "Unhealthy")["last_error"]


@pytest.mark.parametrize("way", WAYS)
def test_an_action_hears_an_error_that_does_not_end(start, ollama, way: str):
    bad = Bad(way, 404, b'{"error":"model \'m\' not found"}')
    gateway = start(backend("ollama", ollama.url, type="ollama"))
    gateway.wait_for_backend("ollama")
    ollama.on("/api/show", bad)

    answer = gateway.http.post("/v1/backends/ollama/actions/show_model", json={"model": "m"})

    assert "not found" in answer.text and bad.closed.wait(LONG)


# Time-outs that others tell


def test_a_server_that_says_that_its_time_is_up_is_tried_elsewhere(start, upstream, second_upstream):
    upstream.chat(lambda exchange: exchange.answer({"error": {"message": "gateway timeout"}}, status=504))
    gateway = two(start, upstream.url, second_upstream, CALM)

    assert gateway.chat().headers["x-nexus-backend"] == "two"


def test_alone_it_is_a_time_out_of_the_backend(start, upstream):
    upstream.chat(lambda exchange: exchange.answer({"error": {"message": "gateway timeout"}}, status=504))
    gateway = start(CALM + backend("one", upstream.url))
    gateway.wait_for_backend("one")

    answer = gateway.chat()

    assert answer.status_code == 504 and "gateway timeout" in answer.text


def test_a_probe_that_is_answered_without_end_has_failed(start, upstream):
    endless = Bad("never stops", 200, b'{"data":[')
    upstream.on("/v1/models", endless)
    gateway = start("[health_check]\ntimeout_seconds = 60\nfailure_threshold = 1\n" + backend("one", upstream.url))

    assert "more than 64 MiB" in gateway.wait_for_backend("one", "Unhealthy")["last_error"]
    assert endless.closed.wait(LONG) and endless.sent < 256 << 20
