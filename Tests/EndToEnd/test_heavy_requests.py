"""Requests and answers that are large or many: they are worked on beside the event loops, within bounds, and leave nothing."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from gateway import LONG, Gateway, backend
from upstream import Upstream

MEBIBYTE = 1024 * 1024
HEAVY = b'{"model":"m","messages":[],"x":[' + b",".join([b'"a"'] * (7 * MEBIBYTE)) + b"]}"
"""Some 28 MiB of small values: nothing takes longer to look into."""


def post(gateway: Gateway, path: str, body: bytes | str, content_type: str = "application/json") -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=LONG)
    connection.request("POST", path, body, {"content-type": content_type})
    answer = connection.getresponse()
    content = json.loads(answer.read())
    connection.close()
    return answer.status, content


@contextmanager
def others(gateway: Gateway) -> Iterator[list[float]]:
    """Other clients meanwhile, on all event loops: how long they waited for answers."""
    waits: list[float] = []
    done = threading.Event()

    def ask() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=LONG)
        while not done.is_set():
            start = time.monotonic()
            connection.request("GET", "/v1/actions")
            connection.getresponse().read()
            waits.append(time.monotonic() - start)
            done.wait(0.005)
        connection.close()

    clients = [threading.Thread(target=ask) for _ in range(8)]
    for client in clients:
        client.start()
    try:
        yield waits
    finally:
        done.set()
        for client in clients:
            client.join()


@pytest.fixture
def gateway(start: Callable[..., Gateway], upstream: Upstream) -> Gateway:
    gateway = start(backend("one", upstream.url))
    gateway.wait_for_backend("one")
    return gateway


# Names.


@pytest.mark.parametrize("name", ["q" * MEBIBYTE, "a" + "\u0301" * MEBIBYTE, "q" * 1025, "\\u0061" * 1000])
def test_a_name_beyond_all_limits_is_refused_and_written_nowhere(gateway: Gateway, name: str) -> None:
    status, answer = post(gateway, "/v1/chat/completions", f'{{"model":"{name}","messages":[]}}'.encode())

    assert status == 400 and answer["error"]["param"] == "model"
    assert len(json.dumps(answer)) < 1000
    assert max(len(line) for line in gateway.log.splitlines()) < 10_000
    assert len(gateway.get("/v1/history").content) < 10_000


def test_long_names_in_paths_are_refused(gateway: Gateway) -> None:
    assert gateway.get("/v1/models/" + "q" * 5000).status_code == 400
    assert gateway.get(f"/v1/backends/{'q' * 5000}/actions").status_code == 400


@pytest.mark.parametrize("member", ["model", "name"])
def test_long_names_of_models_to_show_are_refused(gateway: Gateway, member: str) -> None:
    answer = gateway.http.post("/api/show", json={member: "a\u0301" * 3000})

    assert answer.status_code == 400
    assert answer.json() == {"error": "invalid model name: it is longer than 1024 bytes"}


def test_the_history_keeps_the_beginning_of_a_name_that_is_too_long(gateway: Gateway) -> None:
    assert gateway.chat("qé" * 5000).status_code == 400

    assert gateway.wait_for_entry(lambda entry: entry["status_code"] == 400)["model"] == ("qé" * 128)[: 256]


# Beside the event loops.


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/api/chat"])
def test_nobody_waits_for_a_heavy_request_of_somebody_else(gateway: Gateway, path: str) -> None:
    """A loop that does the work itself is late every time; a busy machine is so now and then, and the best try counts."""
    tries = []
    for _ in range(5):
        with others(gateway) as waits:
            start = time.monotonic()
            post(gateway, path, HEAVY)
            duration = time.monotonic() - start
        tries.append((max(waits), duration))
        if max(waits) < max(0.1, duration / 3):
            return

    pytest.fail(f"others waited, of a heavy request (seconds): {tries}")


def test_what_is_sent_on_is_what_came(gateway: Gateway, upstream: Upstream) -> None:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "é\n" * MEBIBYTE}]}).encode()

    status, _ = post(gateway, "/v1/chat/completions", body)

    assert status == 200 and upstream.request().body == body


def test_an_alias_is_put_into_a_large_body(start: Callable[..., Gateway], upstream: Upstream) -> None:
    gateway = start('[routing.aliases]\n"short" = "m"\n' + backend("one", upstream.url))
    gateway.wait_for_backend("one")

    status, _ = post(gateway, "/v1/chat/completions", json.dumps({"model": "short", "messages": ["x" * MEBIBYTE]}))

    assert status == 200 and upstream.request().json == {"model": "m", "messages": ["x" * MEBIBYTE]}


def test_a_large_request_of_another_api_is_translated(gateway: Gateway, upstream: Upstream) -> None:
    text = "word " * 100_000
    messages = [{"role": "user", "content": text}]

    status, answer = post(
        gateway, "/v1/messages", json.dumps({"model": "m", "max_tokens": 5, "messages": messages})
    )
    assert status == 200 and answer["type"] == "message"
    assert upstream.request().json["messages"] == messages

    status, answer = post(gateway, "/api/chat", json.dumps({"model": "m", "stream": False, "messages": messages}))
    assert status == 200 and answer["done"]
    assert upstream.request().json["messages"][0]["content"] == text


def test_a_request_of_too_many_values_is_not_translated(gateway: Gateway, upstream: Upstream) -> None:
    status, answer = post(gateway, "/v1/messages", HEAVY)

    assert status == 413 and "values" in answer["error"]["message"]
    assert upstream.requests.empty()
    # As it is, it is nobody's business here.
    assert post(gateway, "/v1/chat/completions", HEAVY)[0] == 200


def test_a_large_answer_is_translated_whole(gateway: Gateway, upstream: Upstream) -> None:
    vectors = [[round(0.001 * index, 3) for index in range(1, 1001)] for _ in range(50)]
    data = [{"index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    upstream.on("/v1/embeddings", lambda exchange: exchange.answer({"object": "list", "data": data}))

    status, answer = post(gateway, "/api/embed", json.dumps({"model": "m", "input": ["x"] * 50}))

    assert status == 200 and answer["embeddings"] == vectors


def test_a_large_answer_that_is_none_is_an_error(gateway: Gateway, upstream: Upstream) -> None:
    upstream.on("/v1/embeddings", lambda exchange: exchange.answer(b'{"data":[' + b"1," * 100_000))

    status, _ = post(gateway, "/api/embed", json.dumps({"model": "m", "input": "x"}))

    assert status == 502
    assert gateway.wait_for_entry(lambda entry: entry["status"] == "Error")["status_code"] == 502


def test_ollamas_own_large_requests_and_answers_are_translated(start: Callable[..., Gateway], upstream: Upstream) -> None:
    upstream.on("/api/tags", lambda exchange: exchange.answer({"models": [{"name": "m"}]}))
    upstream.on("/api/show", lambda exchange: exchange.answer({"capabilities": ["completion", "embedding"]}))
    upstream.on("/api/version", lambda exchange: exchange.answer({"version": "0"}))
    upstream.on("/api/ps", lambda exchange: exchange.answer({"models": []}))
    vectors = [[0.5] * 1000] * 50
    upstream.on("/api/embed", lambda exchange: exchange.answer({"embeddings": vectors, "prompt_eval_count": 7}))
    gateway = start(backend("one", upstream.url, type="ollama"))
    gateway.wait_for_backend("one")

    inputs = ["word " * 1000] * 50
    status, answer = post(gateway, "/v1/embeddings", json.dumps({"model": "m", "input": inputs}))

    assert status == 200 and [item["embedding"] for item in answer["data"]] == vectors
    sent = [exchange for exchange in list(upstream.requests.queue) if exchange.path == "/api/embed"]
    assert len(sent) == 1 and sent[0].json["input"] == inputs


def test_a_list_of_many_models_is_whole(start: Callable[..., Gateway], upstream: Upstream) -> None:
    names = [f"model-{index:05}" for index in range(5000)]
    upstream.models(*names)
    gateway = start(backend("one", upstream.url))
    gateway.wait_for_backend("one")

    with ThreadPoolExecutor(8) as clients:
        lists = list(clients.map(lambda _: gateway.json("/v1/models"), range(8)))
    assert all([model["id"] for model in models["data"]] == names for models in lists)
    assert len(gateway.json("/api/tags")["models"]) == len(names)
    assert gateway.http.head("/v1/models").status_code == 200
    assert gateway.json("/v1/models/model-00042")["id"] == "model-00042"
    assert gateway.http.post("/api/show", json={"model": "model-00042"}).status_code == 200
    assert post(gateway, "/api/show", json.dumps({"model": "x" * 70_000}))[0] == 413


# Each request ends once.


def heavy_request(gateway: Gateway, path: str = "/v1/chat/completions") -> socket.socket:
    connection = gateway.connection()
    head = f"POST {path} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {len(HEAVY)}\r\n\r\n"
    connection.sendall(head.encode() + HEAVY)
    return connection


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_clients_that_go_away_meanwhile_leave_one_record_each(gateway: Gateway, path: str) -> None:
    for _ in range(3):
        heavy_request(gateway, path).close()
    gone = 0
    with gateway.socket() as live:
        gone = sum(entry["endpoint"] == path for entry in gateway.history())
        while gone < 3:
            live.entry(lambda entry: entry["endpoint"] == path)
            gone += 1
    assert gateway.chat().status_code == 200
    entries = [entry for entry in gateway.history() if entry["endpoint"] == path]
    assert len(entries) == 3 + (path == "/v1/chat/completions")
    view = gateway.json("/v1/backends")["data"][0]
    assert view["pending_requests"] == 0 and view["status"] == "Healthy"


def test_a_heavy_request_is_answered_before_the_gateway_ends(gateway: Gateway) -> None:
    connection = heavy_request(gateway)
    gateway.signal()

    received = b""
    while piece := connection.recv(65536):
        received += piece
    connection.close()
    assert received.startswith(b"HTTP/1.1 200") and b"connection: close" in received
    assert gateway.wait() == 0


def test_requests_sent_ahead_of_a_heavy_one_are_answered_in_order(gateway: Gateway) -> None:
    connection = heavy_request(gateway)
    connection.sendall(b"GET /v1/stats HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")

    received = b""
    while piece := connection.recv(65536):
        received += piece
    connection.close()
    assert received.count(b"HTTP/1.1 200") == 2
    assert received.index(b"chat.completion") < received.index(b"uptime_seconds")


# One request, read in one way.


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (r'{"model":"m","messages":[],"mod\u0065l":"other"}', "model"),
        ('{"model":"m","messages":[],"model":"other"}', "model"),
        ('{"model":"m","messages":[],"Model":"other"}', "model"),
        ('{"model":"m","messages":[],"stream":false,"stream":true}', "stream"),
        (r'{"model":"m","messages":[],"\u0073tream":true}', "stream"),
        ('{"model":"m","messages":[],"stream":"true"}', "stream"),
        ('{"model":"m","messages":[],"stream":1}', "stream"),
        ('{"model":"m","stream":true,"stream_options":{"include_usage":true,"include_usage":false}}', "include_usage"),
        ('\ufeff\ufeff{"model":"m","messages":[]}', None),
    ],
)
def test_what_a_server_could_read_in_another_way_is_refused(
    gateway: Gateway, upstream: Upstream, body: str, param: str | None
) -> None:
    for path in ("/v1/chat/completions", "/v1/messages", "/api/chat"):
        status, answer = post(gateway, path, body.encode())
        assert status == 400, path
        if path == "/v1/chat/completions":
            assert answer["error"]["param"] == param
    assert upstream.requests.empty()


def form(*fields: tuple[str, str]) -> bytes:
    parts = "".join(f"--b\r\nContent-Disposition: form-data; {head}\r\n\r\n{value}\r\n" for head, value in fields)
    return (parts + "--b--\r\n").encode()


@pytest.mark.parametrize(
    "body",
    [
        form(('name="model"', "m"), ('name="model"', "other")),
        form(('name="model"', "m"), ('name="MODEL"', "other")),
        form(('name="model"', "m"), ("name*=utf-8''model", "other")),
        form(('name="model"', "m"), ('name="x"; name="model"', "other")),
        form(('name="model"', "q" * 2000)),
        form(('name="model"', "m")) + form(('name="model"', "other")),
        form(*[('name="a"', "")] * 2000, ('name="model"', "m")),
    ],
)
def test_a_form_that_a_server_could_read_in_another_way_is_refused(
    gateway: Gateway, upstream: Upstream, body: bytes
) -> None:
    status, _ = post(gateway, "/v1/audio/transcriptions", body, "multipart/form-data; boundary=b")

    assert status == 400 and upstream.requests.empty()


@pytest.mark.parametrize("member", ['"input":""', '"input":[]', '"input":null', '"x":1'])
def test_embeddings_of_nothing_are_refused(gateway: Gateway, upstream: Upstream, member: str) -> None:
    status, answer = post(gateway, "/v1/embeddings", f'{{"model":"m",{member}}}')

    assert status == 400 and answer["error"]["param"] == "input"
    assert answer["error"]["type"] == "invalid_request_error" and upstream.requests.empty()
    # Ollama gives an empty list for it.
    assert post(gateway, "/api/embed", '{"model":"m","input":[]}')[1]["embeddings"] == []


# Memory.


def test_memory_is_given_back_after_a_load(gateway: Gateway) -> None:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x" * MEBIBYTE}]})
    with ThreadPoolExecutor(50) as clients:
        before = gateway.resident_kib()
        statuses = list(clients.map(lambda _: post(gateway, "/v1/chat/completions", body)[0], range(100)))
    assert statuses == [200] * 100
    post(gateway, "/v1/chat/completions", HEAVY)

    deadline = time.monotonic() + LONG
    while gateway.resident_kib() > before + 12 * 1024:
        assert time.monotonic() < deadline, f"{gateway.resident_kib()} KiB, {before} before"
        time.sleep(0.1)  # nothing tells when the system has got memory back
