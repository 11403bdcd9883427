"""What stands between strangers and the gateway: who may ask, how a connection is read, written and ended, what all of them
together may take."""

import contextlib
import http.client
import json
import os
import re
import socket
import struct
import threading

import httpx
import pytest

from gateway import LONG, backend, until
from upstream import ANSWER, FINISHED, delta

MIB = 1024 * 1024
CHAT = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}]}).encode()
STREAM = json.dumps({"model": "m", "stream": True, "messages": []}).encode()


@pytest.fixture
def gateway(start, upstream):
    gateway = start(backend("one", upstream.url))
    gateway.wait_for_backend("one")
    return gateway


def request(method: str, path: str, body: bytes = b"", host: str = "127.0.0.1", **fields: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"host: {host}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
    if body or method == "POST":
        lines += ["content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def read_answer(connection: socket.socket) -> tuple[int, bytes]:
    """One answer with a length, or what came before the end of the connection."""
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(65536)
        if not piece:
            return 0, received
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(re.search(rb"content-length: (\d+)", head).group(1))
    while len(body) < length:
        body += connection.recv(65536)
    return int(head.split()[1]), body


def statuses(received: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1.1 (\d+)", received)]


# Pages of other sites

EVERY_KIND = [
    ("POST", "/v1/admin/reload", b""),
    ("POST", "/v1/backends/one/actions/x", b"{}"),
    ("POST", "/v1/chat/completions", CHAT),
    ("POST", "/v1/messages", CHAT),
    ("POST", "/api/chat", CHAT),
    ("DELETE", "/v1/actions/x", b""),
    ("GET", "/v1/history", b""),
    ("GET", "/v1/backends", b""),
    ("GET", "/", b""),
    ("GET", "/nowhere", b""),
]


@pytest.mark.parametrize(("method", "path", "body"), EVERY_KIND)
def test_a_name_that_leads_here_by_accident_is_not_served(gateway, upstream, method, path, body):
    for host in ("evil.example", "localhost.evil.example:80", "127.0.0.1.evil.example", ""):
        received = gateway.raw(request(method, path, body, host=host, origin=f"http://{host or 'x'}"))
        assert statuses(received) == [421] and b"server.hostnames" in received
    assert upstream.requests.empty()


@pytest.mark.parametrize(("method", "path", "body"), EVERY_KIND)
def test_a_page_of_another_origin_gets_nothing_whatever_it_asks_for(gateway, upstream, method, path, body):
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1"):
        received = gateway.raw(request(method, path, body, origin=origin, content_type="text/plain"))
        assert statuses(received) == [403] and b"server.allowed_origins" in received
    assert upstream.requests.empty()


def test_configured_names_and_origins_are_served(start, upstream):
    gateway = start(
        '[server]\nhostnames = ["nexus.example", "*.lan.example"]\nallowed_origins = ["https://ops.example"]\n'
        + backend("one", upstream.url)
    )
    gateway.wait_for_backend("one")

    for host in ("nexus.example", "a.LAN.example:8000", "localhost", "[::1]:8000", "workstation"):
        assert gateway.get("/health", headers={"host": host}).status_code == 200
        assert gateway.get("/health", headers={"host": host, "origin": f"http://{host}"}).status_code == 200
    assert gateway.get("/health", headers={"origin": "https://ops.example"}).status_code == 200
    assert gateway.get("/health", headers={"host": "lan.example"}).status_code == 421


def test_a_page_of_a_configured_origin_can_use_the_api(start, upstream):
    origin = "http://localhost:5173"
    gateway = start(f'[server]\nallowed_origins = ["{origin}"]\n' + backend("one", upstream.url))
    gateway.wait_for_backend("one")
    question = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }

    preflight = gateway.http.request("OPTIONS", "/v1/chat/completions", headers=question)
    answer = gateway.http.post("/v1/chat/completions", content=CHAT, headers={"origin": origin})

    assert preflight.status_code == 204 and preflight.headers["access-control-allow-origin"] == origin
    assert preflight.headers["access-control-allow-headers"] == "authorization,content-type"
    assert answer.status_code == 200 and answer.headers["access-control-allow-origin"] == origin
    assert "access-control-allow-origin" not in gateway.get("/v1/stats", headers={"origin": origin}).headers


def test_the_authority_of_a_target_counts_instead_of_host(gateway):
    evil = b"GET http://evil.example/v1/stats HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
    good = b"GET http://localhost/v1/stats?x=1 HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n"

    assert statuses(gateway.raw(evil)) == [421]
    assert statuses(gateway.raw(good)) == [200]


# What is read


def test_an_empty_line_before_a_request_is_passed_over(gateway):
    with gateway.connection() as connection:
        for _ in range(3):
            connection.sendall(b"\r\n" + request("POST", "/v1/chat/completions", CHAT))
            assert read_answer(connection)[0] == 200


@pytest.mark.parametrize("trailer", [b"\n", b"a: b\n\n", b"\0\r\n\r\n", b"no field\r\n\r\n", b"\r\r\n", b"a:\0\r\n\r\n"])
def test_a_trailer_that_others_would_read_otherwise_ends_the_connection(gateway, upstream, trailer):
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    body = b"%x\r\n%s\r\n0\r\n" % (len(CHAT), CHAT)

    received = gateway.raw(head + body + trailer + request("GET", "/v1/stats"))

    assert statuses(received) == [400] and upstream.requests.empty()


def test_a_head_with_bare_line_feeds_is_refused_at_once(gateway):
    assert statuses(gateway.raw(b"GET /v1/stats HTTP/1.1\nhost: x\n\n")) == [400]


# How a connection ends


@pytest.mark.parametrize("size", [33 * MIB, 100 * MIB])
def test_a_refusal_reaches_a_client_that_writes_first_and_reads_then(gateway, size):
    client = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=LONG)
    client.request("POST", "/v1/chat/completions", b"x" * size, {"content-type": "application/json"})
    answer = client.getresponse()
    assert answer.status == 413 and b"max_body_bytes" in answer.read()


@pytest.mark.parametrize(
    ("start_of_request", "status"),
    [(b"GET /v1/stats HTTP/1.1\r\nhost: x\r\nx: " + b"y" * 70_000, 431), (b"NONSENSE\r\n\r\n", 400)],
)
def test_other_refusals_reach_it_too(gateway, start_of_request, status):
    with gateway.connection() as connection:
        connection.sendall(start_of_request)
        connection.sendall(b"z" * 8 * MIB)
        received = b""
        while piece := connection.recv(65536):
            received += piece
    assert statuses(received) == [status]


def test_a_client_that_ends_its_sending_side_gets_its_answers(gateway, upstream):
    go = threading.Event()
    upstream.chat(lambda exchange: (go.wait(LONG), exchange.answer(ANSWER)))
    with gateway.connection() as connection:
        connection.sendall(request("POST", "/v1/chat/completions", CHAT) + request("GET", "/v1/stats"))
        connection.shutdown(socket.SHUT_WR)
        upstream.request()
        go.set()
        received = b""
        while piece := connection.recv(65536):
            received += piece
    assert statuses(received) == [200, 200] and b'"hello"' in received
    assert gateway.history()[-1]["status"] == "Success"


def test_and_so_does_one_in_the_middle_of_a_stream(gateway, upstream):
    go = threading.Event()

    def script(exchange):
        exchange.begin_stream()
        exchange.event(delta("one"))
        go.wait(LONG)
        exchange.event(delta("two"))
        exchange.event(FINISHED)
        exchange.event(b"[DONE]")
        exchange.end_stream()

    upstream.chat(script)
    client = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=LONG)
    client.request("POST", "/v1/chat/completions", STREAM, {"content-type": "application/json"})
    answer = client.getresponse()
    first = answer.read1()
    client.sock.shutdown(socket.SHUT_WR)
    go.set()
    rest = answer.read()
    assert b"one" in first and b"two" in rest and rest.endswith(b"data: [DONE]\n\n")


@pytest.mark.parametrize("body", [CHAT, STREAM])
def test_a_client_that_closes_frees_its_backend_before_an_answer(gateway, upstream, body):
    upstream.chat(lambda exchange: upstream.stopped.wait(LONG))
    connection = gateway.connection()
    connection.sendall(request("POST", "/v1/chat/completions", body))
    exchange = upstream.request()

    connection.close()

    assert exchange.wait_until_closed()
    assert gateway.wait_for_entry(lambda entry: entry["status_code"] == 499)["attempts"] == 1


def test_and_in_the_silence_of_a_stream(gateway, upstream):
    def script(exchange):
        exchange.begin_stream()
        exchange.event(delta("one"))
        upstream.stopped.wait(LONG)

    upstream.chat(script)
    client = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=LONG)
    client.request("POST", "/v1/chat/completions", STREAM, {"content-type": "application/json"})
    answer = client.getresponse()
    assert b"one" in answer.read1()
    exchange = upstream.request()

    answer.close()
    client.close()

    assert exchange.wait_until_closed()


def test_a_client_that_first_ends_its_sending_side_and_then_goes_frees_it_too(gateway, upstream):
    upstream.chat(lambda exchange: upstream.stopped.wait(LONG))
    connection = gateway.connection()
    connection.sendall(request("POST", "/v1/chat/completions", CHAT))
    connection.shutdown(socket.SHUT_WR)
    exchange = upstream.request()
    assert connection.recv(1) == b"H"

    connection.close()

    assert exchange.wait_until_closed()


def test_a_client_that_has_sent_more_than_is_read_and_goes_frees_it_too(gateway, upstream):
    upstream.chat(lambda exchange: upstream.stopped.wait(LONG))
    connection = gateway.connection()
    connection.sendall(request("POST", "/v1/chat/completions", CHAT) + request("GET", "/v1/stats") * 5000)
    exchange = upstream.request()

    connection.close()

    assert exchange.wait_until_closed()


@pytest.mark.parametrize("cut", [-5, 20])
def test_half_a_request_is_no_request(gateway, upstream, cut):
    with gateway.connection() as connection:
        connection.sendall(request("POST", "/v1/chat/completions", CHAT)[:cut])
        connection.shutdown(socket.SHUT_WR)
        assert statuses(connection.recv(65536)) == [400]
    assert upstream.requests.empty()


# What is written


def test_a_client_that_reads_nothing_is_not_read_either(gateway):
    before = gateway.resident_kib()
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)
    connection.connect(("127.0.0.1", gateway.port))
    connection.settimeout(2)
    requests = request("GET", "/v1/actions") * 500
    sent = 0
    # It stands still once the buffers of the kernel are full.
    with pytest.raises(TimeoutError):
        while sent < 512 * MIB:
            sent += connection.send(requests)
    assert gateway.resident_kib() - before < 40 * 1024
    assert gateway.get("/health").status_code == 200

    # All that was asked for is answered once it reads.
    connection.settimeout(LONG)
    connection.shutdown(socket.SHUT_WR)
    received = bytearray()
    while piece := connection.recv(MIB):
        received += piece
    connection.close()
    # The kernel may have taken the start of one more request than was sent whole.
    answers = received.count(b"HTTP/1.1 200")
    assert answers == sent * 500 // len(requests)


def frame(first: int, payload: bytes = b"") -> bytes:
    return bytes([first, 0x80 | len(payload)]) + b"\0\0\0\0" + payload


def opened(gateway) -> socket.socket:
    connection = gateway.connection()
    connection.sendall(
        request(
            "GET",
            "/ws",
            upgrade="websocket",
            connection="Upgrade",
            sec_websocket_key="AAAAAAAAAAAAAAAAAAAAAA==",
            sec_websocket_version="13",
        )
    )
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(1)
    assert statuses(received) == [101] and b"sec-websocket-accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=" in received
    return connection


def test_pings_of_a_peer_that_reads_nothing_pile_up_nowhere(gateway):
    before = gateway.resident_kib()
    connection = opened(gateway)
    pings = frame(0x89, b"x" * 125) * 1000
    # It is read slowly, so more than this would take long: 4 s or so.
    connection.settimeout(LONG)
    for _ in range(100):
        connection.sendall(pings)
    assert gateway.resident_kib() - before < 40 * 1024
    # The newest of what was read at once is answered, at least.
    connection.sendall(frame(0x89, b"last"))
    received = b""
    while not received.endswith(b"\x8a\x04last"):
        received += connection.recv(65536)
    assert received.count(b"\x8a\x7d") < 100_000
    connection.close()


@pytest.mark.parametrize(
    ("what", "code"),
    [
        (b"\x81\x02hi", 1002),
        (b"\xc1", 1002),
        (b"\x83", 1002),
        (frame(0x80), 1002),
        (frame(0x01) + frame(0x81), 1002),
        (frame(0x88, struct.pack(">H", 1005)), 1002),
        (frame(0x88, struct.pack(">H", 1000) + b"\xff"), 1007),
        (b"\x82\xfe\xff\xff", 1009),
        (b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", 1002),
        (frame(0x88, struct.pack(">H", 3000)), 3000),
    ],
)
def test_a_breach_of_the_websocket_protocol_is_told_and_ends_the_connection(gateway, what, code):
    with opened(gateway) as connection:
        connection.sendall(what)
        received = b""
        while piece := connection.recv(65536):
            received += piece
    assert received.endswith(b"\x88\x02" + struct.pack(">H", code))


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"sec_websocket_version": "8"}, 426),
        ({"sec_websocket_key": "short"}, 400),
        ({"sec_websocket_key": ""}, 400),
    ],
)
def test_half_an_upgrade_is_refused(gateway, fields, status):
    good = {"sec_websocket_key": "AAAAAAAAAAAAAAAAAAAAAA==", "sec_websocket_version": "13"}
    received = gateway.raw(request("GET", "/ws", upgrade="websocket", connection="Upgrade", **{**good, **fields}))
    assert statuses(received) == [status]


# What all together may take


def test_bodies_have_a_bound_in_sum(start, upstream):
    gateway = start("[server]\nmax_memory_bytes = 67108864\n" + backend("one", upstream.url))
    gateway.wait_for_backend("one")
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {25 * MIB}\r\n\r\n".encode()
    waiting = [gateway.connection() for _ in range(2)]
    for connection in waiting:
        connection.sendall(head + b"{")

    def third() -> httpx.Response:
        return gateway.http.post("/v1/chat/completions", content=b"x" * 10 * MIB)

    until(lambda: gateway.metric("nexus_memory_bytes") >= 50 * MIB)
    refused = third()
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "1" and "max_memory_bytes" in refused.text
    assert gateway.chat().status_code == 200
    for connection in waiting:
        connection.close()
    until(lambda: third().status_code == 400)


def test_strangers_make_room_for_whoever_has_something_to_say(start, upstream):
    gateway = start(backend("one", upstream.url), open_files=256)
    gateway.wait_for_backend("one")
    with gateway.connection() as first:
        first.sendall(request("POST", "/v1/chat/completions", CHAT))
        assert read_answer(first)[0] == 200
        strangers = [gateway.connection() for _ in range(600)]

        first.sendall(request("POST", "/v1/chat/completions", CHAT))
        assert read_answer(first)[0] == 200
        assert gateway.get("/health").status_code == 200
        assert gateway.json("/v1/backends")["data"][0]["status"] == "Healthy"
        for stranger in strangers:
            stranger.close()


def test_when_all_connections_are_busy_the_operator_still_gets_through(start, upstream):
    gateway = start(backend("one", upstream.url), open_files=256)
    gateway.wait_for_backend("one")
    go = threading.Event()
    upstream.chat(lambda exchange: (go.wait(LONG), exchange.answer(ANSWER)))
    busy = [gateway.connection() for _ in range(120)]
    for connection in busy:
        connection.sendall(request("POST", "/v1/chat/completions", CHAT))
    # Some are at the server, others were refused; in any case all are there.
    until(lambda: any(entry["status_code"] == 503 for entry in gateway.history()))
    with gateway.connection() as operator:
        operator.sendall(request("GET", "/health"))
        assert read_answer(operator)[0] == 200
        operator.sendall(request("POST", "/v1/admin/reload"))
        assert read_answer(operator)[0] == 200
    go.set()
    for connection in busy:
        connection.close()


def test_half_requests_do_not_keep_the_operator_out(start, upstream):
    gateway = start(backend("one", upstream.url), open_files=256)
    gateway.wait_for_backend("one")
    half = [gateway.connection() for _ in range(300)]
    for number, connection in enumerate(half):
        with contextlib.suppress(OSError):  # Some have made room for others.
            whole = request("POST", "/v1/chat/completions", CHAT)
            connection.sendall(whole[:-5] if number % 2 else whole[:30])

    def ask(path: str, method: str = "GET") -> bool:
        with contextlib.suppress(OSError), gateway.connection() as operator:
            operator.sendall(request(method, path))
            return read_answer(operator)[0] == 200
        return False

    for path, method in (("/health", "GET"), ("/", "GET"), ("/v1/admin/reload", "POST")):
        until(lambda path=path, method=method: ask(path, method))
    for connection in half:
        connection.close()


def test_a_reader_of_the_log_that_stops_holds_up_nobody(start, upstream):
    upstream.chat(lambda exchange: exchange.answer({"error": {"message": "no"}}, status=400))
    reader, writer = os.pipe()
    gateway = start(backend("one", upstream.url), log_to=writer)
    os.close(writer)
    gateway.wait_for_backend("one")

    # Each leaves a line; 64 KiB fit into the pipe.
    for _ in range(1500):
        assert gateway.chat().status_code == 400
    assert gateway.get("/health").status_code == 200

    # What was kept comes when the reader goes on.
    received = b""
    while received.count(b"request failed") < 1000:
        received += os.read(reader, 65536)
    os.set_blocking(reader, False)
    gateway.finish()
    os.close(reader)


def test_the_log_cuts_what_others_say(gateway):
    with gateway.connection() as connection:
        connection.sendall(request("POST", "/v1/chat/completions", json.dumps({"model": "m" * 900}).encode()))
        read_answer(connection)
    gateway.signal()
    gateway.wait()
    assert max(len(line) for line in gateway.log.splitlines()) < 8192
