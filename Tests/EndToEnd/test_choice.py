"""Which backend a request goes to, and what is told of it: the score, `POST /v1/explain`, records, quality."""

import json
from collections.abc import Callable
from typing import Any

import httpx

from gateway import Gateway, backend, until
from ollama_server import OllamaServer, capable
from upstream import ANSWER, Upstream

STILL = "[health_check]\ninterval_seconds = 300\n"


def explain(gateway: Gateway, model: str = "m", endpoint: str = "", **members: Any) -> dict[str, Any]:
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}], **members}
    path = "/v1/explain" + (f"?endpoint={endpoint}" if endpoint else "")
    answer = httpx.post(gateway.url + path, json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def two(start: Callable[..., Gateway], first: Upstream, second: Upstream, more: str = "") -> Gateway:
    gateway = start(
        more + STILL + backend("first", first.url, priority=60) + backend("second", second.url, priority=10))
    for name in ("first", "second"):
        gateway.wait_for_backend(name)
    return gateway


def test_the_answer_the_record_and_the_explanation_tell_the_same(start, upstream, second_upstream) -> None:
    gateway = two(start, upstream, second_upstream)

    told = explain(gateway)
    answer = gateway.chat()

    assert told["choice"]["what"] == "served" and told["choice"]["backend"] == "second"
    assert answer.headers["x-nexus-backend"] == "second"
    assert answer.headers["x-nexus-route-reason"] == told["choice"]["reason"] == "smart;candidates=2;score=-5;priority=-5"
    entry = gateway.wait_for_entry(lambda entry: entry["backend_id"] == "second")
    assert [(step["backend_id"], step["reason"]) for step in entry["route"]] == [("second", told["choice"]["reason"])]
    assert entry["route"][0]["parts"]["priority"] == -5 and entry["route"][0]["score"] == -5
    assert len(gateway.history()) == 1, "an explanation is no exchange"
    assert [option["backend"] for option in told["targets"][0]["candidates"]] == ["second", "first"]


def test_every_attempt_stands_in_the_record_with_its_failure_and_counts_at_its_backend(
    start, upstream, second_upstream
) -> None:
    second_upstream.chat(lambda exchange: exchange.answer({"error": {"message": "out of order"}}, status=500))
    gateway = two(start, upstream, second_upstream)

    answer = gateway.chat()

    assert answer.status_code == 200 and answer.headers["x-nexus-route-reason"].endswith(";retry")
    route = gateway.history()[0]["route"]
    assert [step["backend_id"] for step in route] == ["second", "first"]
    assert "out of order" in route[0]["error_message"] and "error_message" not in route[1]
    quality = {pair["backend_id"]: pair for pair in gateway.json("/v1/stats")["quality"]}
    assert quality["second"]["5m"] == {
        "requests": 1, "error_rate": 1, "average_ttft_ms": None, "tokens_per_second": None}
    for window in ("5m", "1h", "24h"):
        assert quality["first"][window]["requests"] == 1 and quality["first"][window]["error_rate"] == 0
    metrics = gateway.get("/metrics").text
    assert 'nexus_quality_error_rate{backend="second",model="m",window="5m"} 1\n' in metrics


def test_whoever_has_the_model_in_memory_is_asked_before_whoever_has_not(start) -> None:
    cold, warm = OllamaServer(capable("llama3.2:1b", "completion")), OllamaServer(capable("llama3.2:1b", "completion"))
    warm.probe("/api/ps", {"models": [{"name": "llama3.2:1b", "model": "llama3.2:1b"}]})
    try:
        gateway = start(
            "[health_check]\ninterval_seconds = 1\n" + backend("cold", cold.url, type="ollama", priority=40)
            + backend("warm", warm.url, type="ollama", priority=60))
        for name in ("cold", "warm"):
            gateway.wait_for_backend(name)
        until(lambda: explain(gateway, "llama3.2:1b")["choice"].get("backend") == "warm")

        told = explain(gateway, "llama3.2:1b")

        states = {option["backend"]: option["model_state"] for option in told["targets"][0]["candidates"]}
        assert states == {"cold": "not loaded", "warm": "loaded"}
        assert gateway.chat("llama3.2:1b").headers["x-nexus-backend"] == "warm"
    finally:
        cold.close()
        warm.close()


def test_a_backend_that_fails_too_often_is_left_out_while_another_can_serve(start, upstream, second_upstream) -> None:
    def fails_every_second(exchange: Any) -> None:
        count = len(seen)
        seen.append(count)
        if count % 2 == 0:
            exchange.answer({"error": {"message": "flaky"}}, status=500)
        else:
            exchange.answer(ANSWER)

    seen: list[int] = []
    second_upstream.chat(fails_every_second)
    gateway = two(
        start, upstream, second_upstream,
        "[breaker]\nenabled = false\n[quality]\nerror_rate_exclude = 0.4\n[routing]\nstrategy = \"priority_only\"\n")
    while len(seen) < 12:
        assert gateway.chat().status_code == 200

    def is_left_out() -> bool:
        return bool(explain(gateway)["choice"]["backend"] == "first")

    until(is_left_out)
    before = len(seen)
    for _ in range(5):
        assert gateway.chat().headers["x-nexus-backend"] == "first"
    assert len(seen) == before


def test_it_tells_who_is_left_out_and_what_a_client_would_be_told(start, upstream, second_upstream) -> None:
    gateway = two(start, upstream, second_upstream)
    second_upstream.fail_probes()
    upstream.fail_probes()

    unknown = explain(gateway, "nosuch")["choice"]
    assert (unknown["what"], unknown["status"]) == ("refused", 404)
    odd = httpx.post(gateway.url + "/v1/explain?endpoint=/v1/models", content=json.dumps({"model": "m"}))
    assert odd.status_code == 400 and odd.json()["error"]["code"] == "unknown_endpoint"
    messages = explain(gateway, endpoint="/v1/messages", max_tokens=5)
    assert messages["kind"] == "messages" and messages["choice"]["what"] == "served"
