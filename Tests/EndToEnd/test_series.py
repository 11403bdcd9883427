"""Figures over time: GET /v1/series and /v1/series/compare."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gateway import FAST, Gateway, backend, until
from upstream import ANSWER, FINISHED, USAGE, Exchange, delta


@pytest.fixture
def gateway(start, upstream, second_upstream) -> Gateway:
    upstream.models("m", "n")
    gateway = start(
        FAST + backend("one", upstream.url, max_concurrent=1) + backend("two", second_upstream.url, enabled=False)
    )
    gateway.wait_for_backend("one")
    return gateway


def series(gateway: Gateway, query: str) -> dict[str, Any]:
    answer = gateway.get(f"/v1/series?{query}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def total(row: dict[str, Any], metric: str) -> float:
    return sum(value or 0 for value in row["values"][metric])


def test_what_has_ended_is_told_at_once_in_every_window(gateway):
    assert gateway.chat().status_code == 200
    assert gateway.chat("n").status_code == 200
    assert gateway.chat("made-up").status_code == 404

    for window, steps in [("5m", 30), ("1h", 60), ("24h", 48)]:
        answer = series(gateway, f"window={window}")
        values = answer["series"][0]["values"]
        assert answer["window"] == window and len(answer["awake_seconds"]) == steps
        assert all(len(each) == steps for each in values.values())
        row = answer["series"][0]
        assert (row["requests"], total(row, "requests"), total(row, "errors")) == (3, 3, 1)
        assert total(row, "completion_tokens") == 2 * USAGE["completion_tokens"]
        # Before it was there nothing is known, also not that nobody asked.
        assert values["requests"][0] is None and answer["awake_seconds"][0] == 0
        # Of a request that takes less than half a millisecond it is 0.
        assert 0 <= max(value for value in values["duration_p95_ms"] if value is not None) < 60_000
        assert answer["from"] <= time.time() <= answer["to"] + 60


def test_series_are_by_backend_and_by_model_and_of_both(gateway):
    for model in ["m", "m", "n", "made-up"]:
        gateway.chat(model)

    def rows(query: str) -> list[tuple[Any, Any, int]]:
        found = series(gateway, f"metrics=requests&{query}")["series"]
        assert all(list(row["values"]) == ["requests"] for row in found)
        return [(row["backend"], row["model"], row["requests"]) for row in found]

    backends = rows("by=backend")
    assert ("one", None, 3) in backends and ("none", None, 1) in backends
    assert rows("by=model") == [(None, "m", 2), (None, "n", 1), (None, None, 1)]
    assert rows("by=model&backend=one") == [("one", "m", 2), ("one", "n", 1)]
    assert rows("by=backend&model=m") == [("one", "m", 2)]
    assert rows("backend=one&model=n") == [("one", "n", 1)]
    assert rows("by=model&limit=1") == [(None, "m", 2)]


def test_what_runs_and_what_waits_is_looked_at_each_second(gateway, upstream):
    def hold(exchange: Exchange) -> None:
        upstream.stopped.wait(60)
        exchange.answer(ANSWER)

    upstream.chat(hold)
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(gateway.chat), pool.submit(gateway.chat)]

        def most(metric: str, query: str = "") -> float:
            rows = series(gateway, f"window=5m&metrics={metric}{query}")["series"]
            return max([value or 0 for row in rows for value in row["values"][metric]], default=0)

        until(lambda: most("in_flight_max") == 1 and most("queued_max") == 1)
        assert most("in_flight_max", "&by=backend&backend=one") == 1
        assert 0 < most("in_flight") <= 1
        upstream.stopped.set()
        assert [each.result().status_code for each in waiting] == [200, 200]


def test_times_to_the_first_token_and_speeds_are_of_streams(gateway, upstream):
    def stream(exchange: Exchange) -> None:
        exchange.begin_stream()
        for _ in range(3):
            exchange.event(delta("x"))
            time.sleep(0.02)
        exchange.event({**FINISHED, "usage": USAGE})
        exchange.piece(b"data: [DONE]\n\n")
        exchange.end_stream()

    upstream.chat(stream)
    assert gateway.chat(stream=True).status_code == 200
    values = series(gateway, "window=5m&backend=one")["series"][0]["values"]
    for metric in ["ttft_p50_ms", "ttft_p99_ms", "tokens_per_second"]:
        assert [value for value in values[metric] if value is not None], metric


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("window=7d", 400, "window must be 5m, 1h, 24h, day, week or month."),
        ("by=host", 400, "by must be total, backend or model."),
        ("metrics=requests,nothing", 400, "'nothing' is no metric. metrics takes these, with commas: requests, errors,"),
        ("metrics=", 400, "'' is no metric."),
        ("limit=0", 400, "limit must be a number from 1 to 100."),
        ("limit=many", 400, "limit must be a number from 1 to 100."),
        ("metric=requests", 400, "'metric' is no parameter of this route. It takes window, by, backend, model, metrics and limit."),
        ("backend=gone", 404, "There is no backend 'gone', and no figures of one."),
        ("model=gone", 404, "No backend has a model 'gone', and there are no figures of one."),
    ],
)
def test_what_cannot_be_answered_says_what_can(gateway, query, status, words):
    answer = gateway.get(f"/v1/series?{query}")
    assert answer.status_code == status
    assert words in answer.json()["error"]["message"]


def test_windows_that_cannot_be_compared_are_refused_in_words(gateway):
    now = int(time.time())

    def message(query: str) -> str:
        answer = gateway.get(f"/v1/series/compare?{query}")
        assert answer.status_code == 400
        text: str = answer.json()["error"]["message"]
        return text

    assert "from must be a time in whole Unix seconds" in message("")
    assert "to must be a time in whole Unix seconds" in message(f"from={now}&to=soon")
    assert message(f"from={now}&to={now}") == "from must lie before to."
    assert "lies ahead" in message(f"from={now + 900}&to={now + 990}")
    assert "series go back 24 hours" in message(f"from={now - 99_999}&to={now}")
    assert "is no parameter of this route" in message(f"from={now - 60}&to={now}&window=5m")


def test_pages_of_other_sites_learn_nothing(gateway):
    for path in ["/v1/series", "/v1/series/compare?from=1&to=2"]:
        assert gateway.get(path, headers={"origin": "http://elsewhere.test"}).status_code == 403


def next_step(gateway: Gateway) -> int:
    """When the step begins that comes next, once it has."""
    before = series(gateway, "window=5m&metrics=requests")
    until(lambda: series(gateway, "window=5m&metrics=requests")["from"] > before["from"])
    after = series(gateway, "window=5m&metrics=requests")
    begins: int = after["from"] + 29 * after["step_seconds"]
    return begins


def test_a_model_that_became_slow_is_told_in_words(gateway, upstream):
    next_step(gateway)
    for _ in range(12):
        gateway.chat()
    begins = next_step(gateway)

    def slow(exchange: Exchange) -> None:
        time.sleep(0.3)
        exchange.answer(ANSWER)

    upstream.chat(slow)
    for _ in range(12):
        gateway.chat()

    answer = gateway.get(f"/v1/series/compare?from={begins}&to={begins + 10}").json()
    assert (answer["from"], answer["step_seconds"]) == (begins, 10)
    assert answer["before"][0] == begins - 10
    texts = [change["text"] for change in answer["data"]]
    change = next(change for change in answer["data"] if change["metric"].startswith("duration"))
    assert (change["model"], change["backend"]) == ("m", "one"), texts
    assert change["value"] >= 280 and max(change["values_before"]) < 200
    # Figures of a histogram are off by 4.5 % at most.
    assert re.match(r"(2[89]|3\d)\d ms", change["text"].split(" of m at one: ")[1]), texts
    assert f"{change['what']} of m at one: {change['now']}, before {change['usual']}" == change["text"]
    # Nothing was slow at another backend.
    assert gateway.get(f"/v1/series/compare?from={begins}&to={begins + 10}&backend=two").json()["data"] == []


def test_asking_for_series_is_no_request_itself(gateway):
    for _ in range(3):
        series(gateway, "by=backend")
    assert series(gateway, "window=5m")["series"][0]["requests"] == 0
    assert gateway.json("/v1/stats")["requests"]["total"] == 0
    assert json.dumps(gateway.history()) == "[]"
