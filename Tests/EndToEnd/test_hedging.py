"""A second backend for an answer that is late: who answers, what becomes of the other, and what is told of both."""

import json
import threading

import pytest

from gateway import LONG, backend, until
from upstream import FINISHED, delta

SAMPLES = 20
"""Answers after which it is known what is late."""

APIS = {
    "/v1/chat/completions": {"stream": True},
    "/v1/completions": {"stream": True, "prompt": "hi"},
    "/v1/messages": {"stream": True, "max_tokens": 9},
    "/api/chat": {},
}


def says(words):
    def play(exchange):
        exchange.begin_stream()
        exchange.event(delta(words))
        exchange.event(FINISHED)
        exchange.event(b"[DONE]")
        exchange.end_stream()

    return play


class Silent:
    """Says nothing until the gateway closes the connection."""

    def __init__(self, head: bool = False) -> None:
        self.head = head
        self.closed = threading.Event()

    def __call__(self, exchange) -> None:
        if self.head:
            exchange.begin_stream()
        if exchange.wait_until_closed():
            self.closed.set()


@pytest.fixture
def pair(start, upstream, second_upstream):
    def make(more: str = "hedge = true\n"):
        gateway = start(
            f'[routing]\nstrategy = "priority_only"\n{more}'
            + backend("first", upstream.url, priority=1)
            + backend("second", second_upstream.url, priority=90)
        )
        gateway.wait_for_backend("first")
        gateway.wait_for_backend("second")
        return gateway

    return make


def ask(gateway, path="/v1/chat/completions"):
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **APIS[path]}
    return gateway.http.stream("POST", path, json=body)


def learn(gateway, upstream, path="/v1/chat/completions"):
    """The gateway learns that answers begin at once."""
    upstream.chat(says("well"))
    upstream.on("/v1/completions", says("well"))
    for _ in range(SAMPLES):
        with ask(gateway, path) as answer:
            assert answer.status_code == 200 and answer.headers["x-nexus-attempts"] == "1"
            answer.read()
    while not upstream.requests.empty():
        upstream.requests.get()


@pytest.mark.parametrize("head", [False, True])
@pytest.mark.parametrize("path", APIS)
def test_the_second_answers_where_the_first_is_late(pair, upstream, second_upstream, path, head):
    gateway = pair()
    learn(gateway, upstream, path)
    silent = Silent(head)
    upstream.chat(silent)
    upstream.on("/v1/completions", silent)
    freed = threading.Event()

    def answers(exchange):
        exchange.begin_stream()
        exchange.event(delta("second"))
        # Its answer goes on when the other's connection is free, not the other way round.
        if silent.closed.wait(LONG):
            freed.set()
        exchange.event(FINISHED)
        exchange.event(b"[DONE]")
        exchange.end_stream()

    second_upstream.chat(answers)
    second_upstream.on("/v1/completions", answers)

    with ask(gateway, path) as answer:
        text = answer.read().decode()

    assert freed.is_set() and "second" in text and "well" not in text
    assert answer.headers["x-nexus-backend"] == "second" and answer.headers["x-nexus-attempts"] == "2"
    assert answer.headers["x-nexus-route-reason"].endswith(";hedge")
    entry = gateway.history()[-1]
    assert (entry["status"], entry["backend_id"], entry["attempts"]) == ("Success", "second", 2)
    assert [(step["backend_id"], step["outcome"]) for step in entry["route"]] == [("first", "hedged_away"), ("second", "answered")]
    assert "waited_ms" in entry["route"][0] and "error_message" not in entry["route"][0]
    assert gateway.metric("nexus_hedges_total") == 1 and gateway.metric("nexus_hedges_won_total") == 1
    assert gateway.metric("nexus_retries_total") == 1
    for name in ("first", "second"):
        assert gateway.metric(f'nexus_backend_failures_total{{backend="{name}",type="openai"}}') == 0
        assert gateway.metric(f'nexus_backend_in_flight{{backend="{name}",type="openai"}}') == 0


def test_the_first_answers_if_it_begins_before_the_second(pair, upstream, second_upstream):
    gateway = pair()
    learn(gateway, upstream)
    silent = Silent()
    second_upstream.chat(silent)

    def late(exchange):
        second_upstream.request()
        exchange.begin_stream()
        exchange.event(delta("first"))
        assert silent.closed.wait(LONG)
        exchange.event(FINISHED)
        exchange.event(b"[DONE]")
        exchange.end_stream()

    upstream.chat(late)

    with ask(gateway) as answer:
        text = answer.read().decode()

    assert "first" in text and answer.headers["x-nexus-backend"] == "first" and answer.headers["x-nexus-attempts"] == "2"
    entry = gateway.history()[-1]
    assert [(step["backend_id"], step["outcome"]) for step in entry["route"]] == [("first", "answered"), ("second", "hedged_away")]
    assert gateway.metric("nexus_hedges_total") == 1 and gateway.metric("nexus_hedges_won_total") == 0
    assert gateway.metric('nexus_backend_failures_total{backend="second",type="openai"}') == 0


def test_a_first_that_fails_leaves_the_second(pair, upstream, second_upstream):
    gateway = pair()
    learn(gateway, upstream)
    failed = threading.Event()

    def fails(exchange):
        second_upstream.request()
        exchange.answer({"error": {"message": "broken"}}, status=500)
        failed.set()

    def answers(exchange):
        assert failed.wait(LONG)
        says("second")(exchange)

    upstream.chat(fails)
    second_upstream.chat(answers)

    with ask(gateway) as answer:
        assert "second" in answer.read().decode()

    entry = gateway.history()[-1]
    assert [step["outcome"] for step in entry["route"]] in (["failed", "answered"], ["hedged_away", "answered"])
    assert entry["attempts"] == 2 and second_upstream.requests.empty()


@pytest.mark.parametrize("whole", [False, True], ids=["off", "a whole answer"])
def test_nobody_else_is_asked(pair, upstream, second_upstream, whole):
    gateway = pair("hedge = true\n" if whole else "")
    learn(gateway, upstream)
    asked = threading.Event()

    def late(exchange):
        # Many times what answers took so far.
        asked.wait(1)
        if whole:
            exchange.answer({"choices": [{"index": 0, "message": {"role": "assistant", "content": "late"}}]})
        else:
            says("late")(exchange)

    upstream.chat(late)

    answer = gateway.chat(stream=not whole)

    assert "late" in answer.text and answer.headers["x-nexus-attempts"] == "1"
    assert second_upstream.requests.empty() and gateway.metric("nexus_hedges_total") == 0


def test_a_client_that_goes_frees_both(pair, upstream, second_upstream):
    gateway = pair()
    learn(gateway, upstream)
    one, two = Silent(), Silent()
    upstream.chat(one)
    second_upstream.chat(two)
    body = json.dumps({"model": "m", "messages": [], "stream": True}).encode()

    with gateway.socket() as live:
        with gateway.connection() as client:
            client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
            upstream.request()
            second_upstream.request()
        entry = live.entry()

    assert one.closed.wait(LONG) and two.closed.wait(LONG)
    assert entry["status_code"] == 499 and entry["attempts"] == 2
    assert [step["outcome"] for step in gateway.history()[-1]["route"]] == ["unfinished", "unfinished"]
    until(lambda: gateway.metric('nexus_backend_in_flight{backend="second",type="openai"}') == 0)


def test_the_budget_of_retries_holds_for_second_attempts_too(pair, upstream, second_upstream):
    gateway = pair("hedge = true\nretry_budget_percent = 0\nretry_budget_minimum = 2\n")
    learn(gateway, upstream)
    second_upstream.chat(says("second"))
    answered = []
    for _ in range(4):
        waits = threading.Event()

        def late(exchange):
            waits.wait(0.5)
            says("first")(exchange)

        upstream.chat(late)
        with ask(gateway) as answer:
            answer.read()
            answered.append(answer.headers["x-nexus-backend"])

    assert answered == ["second", "second", "first", "first"]
    assert gateway.metric("nexus_hedges_total") == 2
