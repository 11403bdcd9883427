"""Servers and clients as they are found: fields of heads, words of errors, redirects, whole answers, odd addresses."""

import json
from typing import Any

import pytest

from gateway import FAST, LONG, Gateway, backend
from upstream import ANSWER, FINISHED, USAGE, Exchange, Upstream, delta

MESSAGE = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
APIS = ["/v1/chat/completions", "/v1/messages", "/api/chat"]
SERVERS = {
    "retry-after": "287441",
    "retry-after-ms": "287441000",
    "x-should-retry": "false",
    "x-ratelimit-remaining-requests": "0",
    "x-rate-limit-limit": "5",
    "ratelimit-policy": "1;w=2",
    "anthropic-ratelimit-unified-status": "rejected",
    "request-id": "q1",
}
CLIENTS = {
    "anthropic-beta": "b1",
    "anthropic-version": "2023-06-01",
    "openai-organization": "o1",
    "openai-project": "p1",
    "traceparent": "00-1",
}


def one(start, upstream: Upstream, **keys: Any) -> Gateway:
    gateway: Gateway = start(FAST + backend("one", upstream.url, **keys))
    gateway.wait_for_backend("one")
    return gateway


def ask(gateway: Gateway, path: str, stream: bool = False, **headers: str) -> Any:
    return gateway.http.post(path, json={**MESSAGE, "stream": stream}, headers=headers)


def streamed(exchange: Exchange) -> None:
    exchange.send(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=UTF-8\r\ntransfer-encoding: chunked\r\n"
        + "".join(f"{name}: {value}\r\n" for name, value in SERVERS.items()).encode()
        + b"\r\n"
    )
    for event in [delta("hello"), FINISHED, b"[DONE]"]:
        exchange.event(event)
    exchange.end_stream()


@pytest.mark.parametrize("path", APIS)
@pytest.mark.parametrize("way", ["whole", "stream", "error"])
def test_fields_pass_both_ways_on_every_api(start, upstream, path: str, way: str):
    def answer(exchange: Exchange) -> None:
        if way == "stream":
            streamed(exchange)
        else:
            status = 429 if way == "error" else 200
            content = {"error": {"message": "slow"}} if way == "error" else ANSWER
            exchange.answer(content, status=status, content_type="application/json; charset=UTF-8", **SERVERS)

    upstream.chat(answer)
    gateway = one(start, upstream)

    answered = ask(gateway, path, way == "stream", **CLIENTS, **{"user-agent": "client/1", "cookie": "c"})

    sent = upstream.request().headers
    assert {name: sent.get(name) for name in CLIENTS} == CLIENTS
    assert sent["user-agent"].startswith("nexus/") and "cookie" not in sent
    assert {name: answered.headers.get(name) for name in SERVERS} == SERVERS
    assert answered.headers["x-nexus-backend"] == "one"
    if way == "stream":
        assert "charset=utf-8" in answered.headers["content-type"].lower()
        assert answered.headers["x-accel-buffering"] == "no"
    if path == APIS[0] and way == "whole":
        assert answered.headers["content-type"] == "application/json; charset=UTF-8"


def test_probes_say_who_asks_and_ask_for_nothing_that_costs(start, upstream):
    seen: list[tuple[str, str]] = []
    models = upstream.scripts["/v1/models"]

    def listed(exchange: Exchange) -> None:
        seen.append((exchange.method, exchange.headers.get("user-agent", "")))
        models(exchange)

    upstream.on("/v1/models", listed)
    gateway = one(start, upstream)
    gateway.wait_for_backend("one")

    assert seen and all(method == "GET" and agent.startswith("nexus/") for method, agent in seen)
    assert upstream.requests.empty()


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("7", "7"),
        ("100000", "100000"),
        ("Wed, 21 Oct 2099 07:28:00 GMT", "Wed, 21 Oct 2099 07:28:00 GMT"),
        (None, "2"),
    ],
)
def test_retry_after_is_told_to_the_second_in_its_own_form(start, upstream, said: str | None, expected: str):
    fields = {"retry-after": said} if said else {"retry-after-ms": "1500"}
    upstream.chat(lambda exchange: exchange.answer({}, status=429, **fields))
    gateway = one(start, upstream)

    assert gateway.chat().headers["retry-after"] == expected


def test_a_server_that_wants_to_be_left_alone_is_passed_over(start, upstream, second_upstream):
    upstream.chat(lambda exchange: exchange.answer({}, status=429, retry_after="300"))
    gateway = start(
        FAST
        + '[routing]\nstrategy = "priority_only"\n'
        + backend("one", upstream.url, priority=1)
        + backend("two", second_upstream.url, priority=2)
    )
    gateway.wait_for_backend("one")
    gateway.wait_for_backend("two")

    answers = [gateway.chat() for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200] * 4
    assert [answer.headers["x-nexus-attempts"] for answer in answers] == ["2", "1", "1", "1"]


# Words of errors.

WORDS = [
    ("text/plain", b"why not", "why not"),
    ("text/html", b"<html><title>502 Bad Gateway</title><h1>502 Bad Gateway</h1></html>", "502 Bad Gateway"),
    ("text/plain", b'{"detail":[{"loc":["body","messages"],"msg":"why"}]}', "messages: why"),
    ("application/json", b'[{"error":{"message":"why","code":400}}]', "why"),
    ("application/problem+json", b'{"title":"Bad","detail":"why"}', "Bad: why"),
    ("application/json", b'{"errors":["why"]}', "why"),
    ("application/json", b'{"error":"why"}', "why"),
]


def words(path: str, body: Any) -> str:
    told: str = body["error"] if path == "/api/chat" else body["error"]["message"]
    return told


@pytest.mark.parametrize("path", APIS)
@pytest.mark.parametrize(("content_type", "content", "expected"), WORDS)
def test_what_a_server_says_reaches_the_client(start, upstream, path, content_type, content, expected):
    upstream.chat(lambda exchange: exchange.answer(content, status=422, content_type=content_type))
    gateway = one(start, upstream)

    answer = ask(gateway, path)

    assert answer.status_code == 422 and words(path, answer.json()) == expected
    if path == "/v1/messages":
        assert answer.json()["type"] == "error" and answer.json()["error"]["type"] == "invalid_request_error"


FULL = "request (9000 tokens) exceeds the available context size (8192 tokens), try increasing it"


@pytest.mark.parametrize("status", [400, 500, 200])
def test_a_full_context_is_told_in_words_that_clients_know(start, upstream, status: int):
    error = {"error": {"code": 400, "message": FULL, "type": "exceed_context_size_error"}}
    upstream.chat(lambda exchange: exchange.answer(error, status=status))
    gateway = one(start, upstream)

    chat, messages, ollama = (ask(gateway, path) for path in APIS)

    assert [answer.status_code for answer in (chat, messages, ollama)] == [400, 400, 400]
    assert chat.json()["error"]["code"] == "context_length_exceeded"
    assert chat.json()["error"]["message"].startswith("This model's maximum context length is 8192 tokens.")
    assert messages.json()["error"]["message"] == "prompt is too long: 9000 tokens > 8192 maximum"
    assert FULL in ollama.json()["error"]


def test_a_refusal_that_does_not_speak_of_the_key_is_told_as_it_is(start, upstream):
    upstream.chat(lambda exchange: exchange.answer(b"not from here", status=403, content_type="text/plain"))
    gateway = one(start, upstream)

    assert ask(gateway, APIS[0]).status_code == 403
    assert words(APIS[1], ask(gateway, APIS[1]).json()) == "not from here"


# Redirects.


def test_a_redirect_of_the_list_is_followed_within_the_server(start, upstream):
    models = upstream.scripts["/v1/models"]
    upstream.on("/v1/models", lambda exchange: exchange.answer(b"moved", status=308, location="/new/../models/"))
    upstream.on("/models/", models)

    gateway = one(start, upstream)

    assert gateway.chat().json() == ANSWER


@pytest.mark.parametrize("status", [301, 307, 308])
def test_other_redirects_are_told_with_their_place(start, upstream, status: int):
    upstream.chat(lambda exchange: exchange.answer(b"", status=status, location="https://else.where/v1/chat"))
    gateway = one(start, upstream)
    answer = gateway.chat()

    assert answer.status_code == 502 and "https://else.where/v1/chat" in answer.json()["error"]["message"]
    upstream.on("/v1/models", lambda exchange: exchange.answer(b"", status=status, location="https://else.where/"))
    assert "https://else.where/" in gateway.wait_for_backend("one", "Unhealthy")["last_error"]


# Whole answers in place of streams.


@pytest.mark.parametrize("path", APIS)
@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "text/event-stream"])
def test_a_whole_answer_is_given_on_as_a_stream(start, upstream, path: str, content_type: str):
    call = {"id": "t1", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    message = {"role": "assistant", "content": "hello", "tool_calls": [call]}
    whole = {**ANSWER, "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}], "usage": USAGE}
    upstream.chat(lambda exchange: exchange.answer(whole, content_type=content_type))
    gateway = one(start, upstream)

    text = ask(gateway, path, stream=True).text

    assert "hello" in text and '"f"' in text
    entry = gateway.wait_for_entry(lambda entry: True)
    assert entry["status"] == "Success" and entry["completion_tokens"] == 2
    if path == "/v1/chat/completions":
        assert text.endswith("data: [DONE]\n\n") and '"usage"' not in text
    elif path == "/v1/messages":
        assert "event: message_stop" in text and '"stop_reason":"tool_use"' in text
    else:
        assert json.loads(text.splitlines()[-1])["done"] is True


# Addresses, lists and keys.


@pytest.mark.parametrize("end", ["/v1", "/v1/", "/v1/chat/completions", "/"])
def test_what_stands_at_the_end_of_the_address_is_forgiven(start, upstream, end: str):
    gateway = start(FAST + backend("one", upstream.url + end))
    gateway.wait_for_backend("one")

    assert gateway.chat().json() == ANSWER


@pytest.mark.parametrize("end", ["/v1", "/v1/chat/completions", "/api/"])
def test_ollamas_api_is_found_above_the_address(start, upstream, end: str):
    upstream.on("/api/tags", lambda exchange: exchange.answer({"models": [{"name": "m", "model": "m"}]}))
    whole = {"model": "m", "message": {"role": "assistant", "content": "hello"}, "done": True}
    upstream.on("/api/chat", lambda exchange: exchange.answer(whole))
    gateway = start(FAST + backend("one", upstream.url + end, type="ollama"))
    gateway.wait_for_backend("one")

    assert gateway.chat().json()["choices"][0]["message"]["content"] == "hello"


def test_models_can_be_stated_for_a_server_without_a_list(start, upstream):
    del upstream.scripts["/v1/models"]
    gateway = one(start, upstream, options={"models": ["m"]})

    assert gateway.chat().json() == ANSWER and gateway.chat("x").status_code == 404
    assert [model["id"] for model in gateway.json("/v1/models")["data"]] == ["m"]


def test_a_server_without_a_list_takes_any_model_if_it_is_known_what_it_answers(start, upstream):
    del upstream.scripts["/v1/models"]
    gateway = one(start, upstream, options={"endpoints": ["chat"]})

    assert gateway.chat("whatever").json() == ANSWER
    assert gateway.json("/v1/models")["data"] == [] and gateway.json("/api/tags")["models"] == []
    assert "whatever" not in gateway.get("/metrics").text


def test_a_server_without_a_list_is_told_to_need_one(start, upstream):
    del upstream.scripts["/v1/models"]
    gateway = start(FAST + backend("one", upstream.url))

    assert "models = [" in gateway.wait_for_backend("one", "Unhealthy")["last_error"]


def test_space_around_a_key_is_no_part_of_it(start, upstream):
    configuration = FAST + backend("one", upstream.url, api_key_env="FIELD_KEY")
    gateway = start(configuration, environment={"FIELD_KEY": " sk-1\r\n"})
    gateway.wait_for_backend("one")
    gateway.chat()

    assert upstream.requests.get(timeout=LONG).headers["authorization"] == "Bearer sk-1"


def test_an_address_without_its_scheme_is_refused_with_the_right_one(nexus, tmp_path):
    (tmp_path / "nexus.toml").write_text(backend("one", "localhost:11434/v1"))

    checked = nexus("config", "check", "--config", str(tmp_path / "nexus.toml"))

    assert checked.returncode != 0 and "http://localhost:11434/v1" in checked.stdout + checked.stderr
