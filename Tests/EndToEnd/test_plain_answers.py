"""What somebody new reads first: why a backend is down, what it is, and what was wrong with a request."""

from typing import Any

import httpx
import pytest

from gateway import FAST, Gateway, backend, free_port
from upstream import Upstream


@pytest.fixture
def gateway(start, upstream) -> Gateway:
    gateway: Gateway = start(FAST + backend("one", upstream.url))
    gateway.wait_for_backend("one")
    return gateway


# Why a backend is down.


@pytest.mark.parametrize("type", ["openai", "ollama"])
def test_the_reason_begins_with_the_cause_and_ends_with_the_place(start, type):
    port = free_port()
    gateway = start(FAST + backend("one", f"http://127.0.0.1:{port}", type=type))
    path = "/v1/models" if type == "openai" else "/api/tags"

    reason = gateway.wait_for_backend("one", "Unhealthy")["last_error"]

    assert reason == f"connection refused: nothing listens there (GET {path}, 127.0.0.1:{port})"
    trouble = next(each for each in gateway.json("/v1/trouble")["data"] if each["kind"] == "down")
    assert trouble["why"] == reason and "connection refused" in trouble["words"][:80]
    assert trouble["words"] in [each["words"] for each in gateway.json("/health")["trouble"]]


# What a backend is.


def test_the_type_is_what_was_written(start, upstream, nexus):
    gateway = start(FAST + backend("cpp", upstream.url, type="llamacpp") + backend("plain", upstream.url))
    gateway.wait_for_backend("cpp")

    cpp, plain = gateway.json("/v1/backends")["data"]

    assert (cpp["backend_type"], cpp["adapter"]) == ("llamacpp", "openai")
    assert plain["backend_type"] == "openai" and "adapter" not in plain
    assert nexus("backends", "list", "--url", gateway.url).stdout.splitlines()[1].split()[:2] == ["cpp", "llamacpp"]


def test_the_name_of_a_web_servers_library_is_nothing_that_was_recognised(gateway, second_upstream: Upstream):
    listed = {"object": "list", "data": [{"id": "m"}]}
    second_upstream.on("/v1/models", lambda exchange: exchange.answer(listed, server="BaseHTTP/0.6 Python/3.12.3"))

    answer = gateway.http.post("/v1/backends", json={"url": second_upstream.url, "name": "two"}).json()

    assert answer["recognised"] == {"type": "openai", "server": ""}


# What was wrong with a request.


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, b"<!DOCTYPE HTML><title>Error response</title><p>Nothing matches the given URI.</p>"),
        (404, b'{"error":{"message":"not found"}}'), (404, b'{"detail":"Not Found"}'), (404, b"404 page not found"), (404, b""),
        (501, b"<title>Error response</title><p>Unsupported method ('POST').</p>"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/embeddings", "/api/embed"])
def test_a_server_without_the_route_is_told_as_that(gateway, upstream: Upstream, status: int, body: bytes, path: str):
    upstream.on("/v1/embeddings", lambda exchange: exchange.answer(body, status=status, content_type="text/html"))

    answer = gateway.http.post(path, json={"model": "m", "input": "x"})

    error: Any = answer.json()["error"]
    words = error["message"] if path == "/v1/embeddings" else error
    assert answer.status_code == 501 and answer.headers["x-nexus-backend"] == "one"
    assert words.startswith(f"the server does not support embeddings: it answered {status} to POST /v1/embeddings")
    assert "this one's url" in words
    if path == "/v1/embeddings":
        assert error["code"] == "not_supported" and set(error) == {"message", "type", "param", "code"}


def test_a_404_of_a_model_is_passed_on(gateway, upstream: Upstream):
    told = {"error": {"message": "The model `m` does not exist.", "type": "NotFoundError", "param": None, "code": 404}}
    upstream.on("/v1/embeddings", lambda exchange: exchange.answer(told, status=404))

    answer = gateway.http.post("/v1/embeddings", json={"model": "m", "input": "x"})

    assert answer.status_code == 404 and answer.json() == told


def test_another_backend_with_the_model_is_asked_where_the_first_lacks_the_route(start, upstream, second_upstream):
    vectors = {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}], "model": "m"}
    second_upstream.on("/v1/embeddings", lambda exchange: exchange.answer(vectors))
    gateway = start(FAST + backend("first", upstream.url, priority=1) + backend("second", second_upstream.url, priority=90))
    gateway.wait_for_backend("first")
    gateway.wait_for_backend("second")

    answer = gateway.http.post("/v1/embeddings", json={"model": "m", "input": "x"})

    assert answer.json() == vectors and answer.headers["x-nexus-backend"] == "second"


@pytest.mark.parametrize(
    ("path", "meant", "base"),
    [
        ("/v1/v1/messages", "/v1/messages", ""), ("/messages", "/v1/messages", ""),
        ("/v1/v1/chat/completions", "/v1/chat/completions", "/v1"), ("/api/v1/embeddings", "/v1/embeddings", "/v1"),
        ("/v1/api/chat", "/api/chat", ""),
    ],
)
def test_a_path_that_is_nearly_right_is_answered_in_its_api_with_the_right_address(gateway, path: str, meant: str, base: str):
    answer: httpx.Response = gateway.http.post(path, json={})

    value = answer.json()
    assert answer.status_code == 404
    if meant == "/v1/messages":
        assert value["type"] == "error" and value["error"]["type"] == "not_found_error"
        words = value["error"]["message"]
    elif meant == "/api/chat":
        words = value["error"]
    else:
        assert value["error"]["code"] == "unknown_path"
        words = value["error"]["message"]
    assert f"did you mean {meant}?" in words and words.endswith(f"; here it is {gateway.url}{base}.")


def test_behind_a_proxy_no_address_is_guessed(gateway):
    answer = gateway.http.post("/v1/v1/messages", json={}, headers={"x-forwarded-for": "10.0.0.9"})

    assert "has no /v1: they add it." in answer.json()["error"]["message"]
