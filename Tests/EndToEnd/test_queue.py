"""Requests that wait for a place."""

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway import Gateway, backend, until
from upstream import ANSWER, Upstream

FAST = "[server]\nstream_keep_alive_seconds = 1\n"


class Held:
    """A server that answers each request when the test says so; requests are told apart by their `user`."""

    def __init__(self, upstream: Upstream) -> None:
        self.order: list[str] = []
        self.turn = threading.Semaphore(0)
        upstream.chat(self.serve)

    def serve(self, exchange: Any) -> None:
        self.order.append(exchange.json["user"])
        self.turn.acquire()
        exchange.answer(ANSWER)


@pytest.fixture
def held(upstream: Upstream) -> Held:
    return Held(upstream)


@pytest.fixture
def pool():
    with ThreadPoolExecutor(64) as pool:
        yield pool


def ask(gateway: Gateway, name: str, priority: str = "normal", key: str = "k") -> httpx.Response:
    body = {"model": "m", "user": name, "messages": [{"role": "user", "content": "hi"}]}
    headers = {"x-nexus-priority": priority, "authorization": f"Bearer {key}"}
    return httpx.post(f"{gateway.url}/v1/chat/completions", json=body, headers=headers, timeout=60)


def length(gateway: Gateway) -> float:
    return gateway.metric("nexus_queue_length")


def begin(pool: ThreadPoolExecutor, gateway: Gateway, held: Held, *asked: tuple[str, str, str]) -> list[Future]:
    """Takes the only place, and then has these wait in this order."""
    futures = [pool.submit(ask, gateway, "first")]
    until(lambda: held.order == ["first"])
    for count, (name, priority, key) in enumerate(asked, 1):
        futures.append(pool.submit(ask, gateway, name, priority, key))
        until(lambda count=count: length(gateway) == count)
    return futures


def finish(held: Held, futures: list[Future]) -> None:
    for _ in futures:
        held.turn.release()
    assert [future.result().status_code for future in futures] == [200] * len(futures)


def test_higher_priorities_come_first_and_clients_take_turns(start, upstream, held, pool):
    gateway = start(backend("one", upstream.url, max_concurrent=1))
    gateway.wait_for_backend("one")
    asked = [("low", "low", "a"), ("a1", "normal", "a"), ("a2", "normal", "a"), ("b1", "normal", "b"), ("high", "high", "c")]
    futures = begin(pool, gateway, held, *asked)

    finish(held, futures)

    assert held.order == ["first", "high", "a1", "b1", "a2", "low"]
    assert gateway.metric('nexus_queue_ended_total{how="served"}') == 5


def test_a_full_queue_refuses_at_once(start, upstream, held, pool):
    gateway = start("[queue]\nmax_size = 2\n" + backend("one", upstream.url, max_concurrent=1))
    gateway.wait_for_backend("one")
    futures = begin(pool, gateway, held, ("a1", "normal", "a"))

    share = ask(gateway, "a2", key="a")
    futures.append(pool.submit(ask, gateway, "b1", "normal", "b"))
    until(lambda: length(gateway) == 2)
    full = ask(gateway, "c1", key="c")

    assert share.status_code == 429 and share.json()["error"]["code"] == "queue_share"
    assert share.json()["error"]["type"] == "rate_limit_error" and int(share.headers["retry-after"]) >= 1
    assert full.status_code == 503 and full.json()["error"]["code"] == "queue_full"
    assert int(full.headers["retry-after"]) >= 1
    assert gateway.metric('nexus_queue_refused_total{reason="share"}') == 1
    assert gateway.metric('nexus_queue_refused_total{reason="full"}') == 1
    finish(held, futures)


def test_a_client_that_leaves_waits_no_longer(start, upstream, held, pool):
    gateway = start(backend("one", upstream.url, max_concurrent=1))
    gateway.wait_for_backend("one")
    futures = begin(pool, gateway, held)
    body = b'{"model":"m","user":"gone"}'
    with gateway.connection() as client:
        client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        until(lambda: length(gateway) == 1)
    until(lambda: length(gateway) == 0)

    finish(held, futures)

    assert held.order == ["first"]
    assert [entry["status_code"] for entry in gateway.history() if entry["status"] == "Error"] == [499]


def test_who_waits_too_long_is_told(start, upstream, held, pool):
    gateway = start("[queue]\nmax_wait_seconds = 1\n" + backend("one", upstream.url, max_concurrent=1))
    gateway.wait_for_backend("one")
    futures = begin(pool, gateway, held)

    late = ask(gateway, "late")

    assert late.status_code == 503 and late.json()["error"]["code"] == "queue_timeout"
    assert "within 1 s" in late.json()["error"]["message"] and "retry-after" in late.headers
    finish(held, futures)


def test_a_reload_that_raises_the_limit_wakes(start, upstream, held, pool):
    gateway = start("[queue]\nmax_concurrent = 1\n" + backend("one", upstream.url))
    gateway.wait_for_backend("one")
    futures = begin(pool, gateway, held, ("second", "normal", "a"))

    raised = "[queue]\nmax_concurrent = 2\n" + backend("one", upstream.url)
    Path(gateway.log_path.parent / "nexus.toml").write_text(raised)
    assert gateway.http.post("/v1/admin/reload").status_code == 200

    until(lambda: held.order == ["first", "second"])
    finish(held, futures)


def test_a_stream_gets_comments_while_it_waits(start, upstream, held, pool):
    gateway = start(FAST + backend("one", upstream.url, max_concurrent=1))
    gateway.wait_for_backend("one")
    futures = begin(pool, gateway, held)
    body = {"model": "m", "user": "second", "stream": True, "messages": []}

    with gateway.http.stream("POST", "/v1/chat/completions", json=body) as answer:
        lines = answer.iter_lines()
        assert next(line for line in lines if line) == ": waiting for a place, number 1 in the queue"
    until(lambda: length(gateway) == 0)

    finish(held, futures)


def test_an_unknown_priority_is_refused(start, upstream):
    gateway = start(backend("one", upstream.url))
    gateway.wait_for_backend("one")
    refused = ask(gateway, "x", priority="urgent")
    assert refused.status_code == 400 and "high, normal, low" in refused.json()["error"]["message"]


def test_the_limit_of_a_model_holds(start, upstream, held, pool):
    gateway = start('[queue.models]\n"m*" = 1\n' + backend("one", upstream.url))
    gateway.wait_for_backend("one")
    futures = begin(pool, gateway, held, ("second", "normal", "a"))
    assert held.order == ["first"]
    finish(held, futures)


def test_a_model_may_wait_for_a_place_for_another_time_than_the_rest(start, upstream, held, pool):
    """The wait of all is a minute; that of the model at this backend a second."""
    upstream.models("m", "n")
    gateway = start(
        "[queue]\nmax_wait_seconds = 60\n[timeouts.models.m]\nqueue_seconds = 50\n"
        + backend("one", upstream.url, max_concurrent=1, timeouts={"models": {"m": {"queue_seconds": 1}}})
    )
    gateway.wait_for_backend("one")
    first, second = begin(pool, gateway, held, ("second", "normal", "k"))

    answer = second.result()
    assert answer.status_code == 503 and answer.json()["error"]["code"] == "queue_timeout"
    assert "within 1 s" in answer.json()["error"]["message"] and not first.done()
    held.turn.release()
    assert first.result().status_code == 200
