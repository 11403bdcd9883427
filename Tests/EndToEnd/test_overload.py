"""More than there is room for: what gives way, and who is told."""

import contextlib
import socket
import threading

import pytest

from gateway import LONG, Gateway, backend, until
from upstream import ANSWER, Upstream

RARE = "[health_check]\ninterval_seconds = 3600\n"
ASK = b'{"model":"m","messages":[]}'
REQUEST = (
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n%b" % (len(ASK), ASK)
)


@pytest.fixture
def go_on(upstream: Upstream):
    """Answers wait until it is set."""
    event = threading.Event()
    upstream.chat(lambda exchange: exchange.answer(ANSWER) if event.wait(LONG) else None)
    yield event
    event.set()


@pytest.fixture
def gateway(start, upstream) -> Gateway:
    gateway: Gateway = start(RARE + "[server]\nmax_connections_per_address = 3\n" + backend("one", upstream.url))
    gateway.wait_for_backend("one")
    return gateway


def connect(gateway: Gateway, source: str = "127.0.0.2") -> socket.socket:
    """Another client than the one that looks on."""
    return socket.create_connection(("127.0.0.1", gateway.port), timeout=LONG, source_address=(source, 0))


def busy(gateway: Gateway, upstream: Upstream) -> socket.socket:
    """A connection whose request is under way."""
    connection = connect(gateway)
    connection.sendall(REQUEST)
    upstream.request()
    return connection


def ask(connection: socket.socket) -> bytes:
    """What comes until the gateway closes; empty: it had closed at once."""
    received = b""
    with contextlib.suppress(OSError):
        connection.sendall(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        while piece := connection.recv(65536):
            received += piece
    return received


def test_a_client_with_too_many_requests_under_way_is_told(gateway: Gateway, upstream: Upstream, go_on):
    under_way = [busy(gateway, upstream) for _ in range(3)]

    refused = ask(connect(gateway))
    other = ask(connect(gateway, "127.0.0.3"))
    go_on.set()
    answers = [connection.recv(65536) for connection in under_way]

    assert refused.startswith(b"HTTP/1.1 429 ") and b"server.max_connections_per_address" in refused
    assert b"retry-after: 1\r\n" in refused
    assert other.startswith(b"HTTP/1.1 200 ")
    assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in answers)


def test_beyond_a_few_they_are_closed_at_once(gateway: Gateway, upstream: Upstream, go_on):
    under_way = [busy(gateway, upstream) for _ in range(3)]
    told = [connect(gateway) for _ in range(8)]
    until(lambda: gateway.json("/v1/gateway")["connections"]["clients"] >= 11)

    assert ask(connect(gateway)) == b""
    for connection in [*told, *under_way]:
        connection.close()


def test_connections_that_end_count_no_more(gateway: Gateway, upstream: Upstream, go_on):
    for connection in [busy(gateway, upstream) for _ in range(3)]:
        connection.close()

    until(lambda: ask(connect(gateway)).startswith(b"HTTP/1.1 200 "))
