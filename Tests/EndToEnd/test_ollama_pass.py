"""Clients that speak Ollama's own API, in front of a backend that speaks it too: bytes go through as they are."""

import json
from collections.abc import Callable, Iterator

import httpx
import pytest

from gateway import LONG, Gateway, backend
from ollama_server import COUNTS, OllamaServer, done, line

MODEL = "llama3.2:1b"
BODY = {"model": MODEL, "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
def ollama() -> Iterator[OllamaServer]:
    server = OllamaServer()
    yield server
    server.close()


@pytest.fixture
def serve(start, ollama) -> Callable[..., Gateway]:
    def serve(**options: object) -> Gateway:
        table = "[backends.options]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in options.items())
        gateway = start(backend("ollama", ollama.url, type="ollama") + (table if options else ""))
        gateway.wait_for_backend("ollama")
        return gateway

    return serve


@pytest.fixture
def gateway(serve) -> Gateway:
    return serve()


def post(gateway: Gateway, path: str, body: object) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return gateway.http.post(path, content=content, headers={"content-type": "application/json"})


def told(*lines: dict) -> bytes:
    """What the scripted server sends for these lines."""
    return b"".join(json.dumps(item, ensure_ascii=False).encode() + b"\n" for item in lines)


@pytest.mark.parametrize("piece", [0, 1, 7])
def test_a_stream_is_the_default_and_goes_through_unchanged(gateway, ollama, piece):
    lines = [line("Hé"), line(thinking="🦙"), done(**COUNTS)]
    ollama.stream(*lines, piece=piece)
    sent = json.dumps(BODY, indent=1).encode()
    answer = post(gateway, "/api/chat", sent)

    assert answer.content == told(*lines) and answer.headers["content-type"].startswith("application/x-ndjson")
    assert ollama.request().body == sent
    entry = gateway.history()[-1]
    assert (entry["prompt_tokens"], entry["completion_tokens"], entry["stream"]) == (11, 2, True)


def test_the_first_line_comes_while_the_model_still_writes(gateway, ollama):
    def slowly(exchange) -> None:
        exchange.begin_stream("application/x-ndjson")
        exchange.piece(told(line("a")))
        assert ollama.seen.wait(LONG)
        exchange.piece(told(done(**COUNTS)))
        exchange.end_stream()

    ollama.on("/api/chat", slowly)
    with gateway.http.stream("POST", "/api/chat", json=BODY) as answer:
        received = answer.iter_lines()
        assert json.loads(next(received)) == line("a")
        ollama.seen.set()
        assert json.loads(next(received))["done"]


def test_a_whole_answer_goes_through_unchanged(gateway, ollama):
    answer = post(gateway, "/api/chat", {**BODY, "stream": False})

    assert answer.json() == done("hello", **COUNTS) and answer.headers["content-type"] == "application/json; charset=utf-8"
    assert gateway.history()[-1]["completion_tokens"] == 2


@pytest.mark.parametrize("path", ["/api/embed", "/api/embeddings"])
def test_embeddings_go_through_unchanged(gateway, ollama, path):
    vectors = {"model": MODEL, "embeddings": [[0.5, -1.25]], "prompt_eval_count": 3}
    ollama.say(vectors, path=path)
    answer = post(gateway, path, {"model": MODEL, "input": "x", "prompt": "x"})

    assert answer.json() == vectors and answer.headers["content-type"] == "application/json; charset=utf-8"
    assert gateway.history()[-1]["prompt_tokens"] == 3


def test_what_the_operator_wants_is_added_where_the_client_is_silent(serve, ollama):
    gateway = serve(num_ctx=8192, keep_alive="1h")
    post(gateway, "/api/chat", {**BODY, "stream": False, "options": {"seed": 1}})
    post(gateway, "/api/chat", {**BODY, "stream": False, "options": {"num_ctx": 1}, "keep_alive": 0})

    added, said = ollama.request().json, ollama.request().json
    assert added["options"] == {"seed": 1, "num_ctx": 8192} and added["keep_alive"] == "1h"
    assert said["options"] == {"num_ctx": 1} and said["keep_alive"] == 0


def test_an_error_in_the_middle_is_one_line(gateway, ollama):
    ollama.stream(line("a"), {"error": "the runner has stopped"}, piece=10)
    received = [json.loads(text) for text in post(gateway, "/api/chat", BODY).text.splitlines()]

    assert received[0] == line("a") and len(received) == 2
    assert "the runner has stopped" in received[1]["error"]
    assert gateway.history()[-1]["status"] == "Error"


def test_a_stream_without_its_last_line_ends_with_an_error(gateway, ollama):
    ollama.stream(line("a"))
    received = [json.loads(text) for text in post(gateway, "/api/chat", BODY).text.splitlines()]

    assert received[0] == line("a") and list(received[-1]) == ["error"]


def test_an_error_status_keeps_ollamas_shape(gateway, ollama):
    ollama.refuse(400, f'"{MODEL}" does not support thinking')
    answer = post(gateway, "/api/chat", {**BODY, "think": True})

    assert answer.status_code == 400 and answer.json() == {"error": f'"{MODEL}" does not support thinking'}
