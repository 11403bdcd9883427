"""Traces: what a backend is told of them, and the spans that a collector gets."""

import signal
from collections.abc import Callable, Iterator

import pytest

from collector import Collector, Span
from gateway import FAST, Gateway, backend, free_port, until
from test_hedging import SAMPLES, Silent, says
from upstream import ANSWER, FINISHED, USAGE, delta

TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{CALLER}-01"


@pytest.fixture
def collector() -> Iterator[Collector]:
    collector = Collector()
    yield collector
    collector.close()
    assert not collector.problems, collector.problems


@pytest.fixture
def traced(start, upstream, collector) -> Callable[..., Gateway]:
    def make(more: str = "", backends: str = "", tracing: str = "") -> Gateway:
        backends = backends or backend("one", upstream.url)
        gateway = start(FAST + more + f'[tracing]\notlp = "{collector.url}"\n{tracing}' + backends)
        until(lambda: gateway.get("/readyz").status_code == 200)
        return gateway

    return make


def ask(gateway: Gateway, model: str = "m", path: str = "/v1/chat/completions", headers=None, **members):
    body = {"model": model, "messages": [{"role": "user", "content": "hi"}], **members}
    return gateway.http.post(path, json=body, headers=headers or {})


def family(spans: list[Span]) -> tuple[Span, list[Span]]:
    """The span of a request, and those of its attempts in their order."""
    (request,) = [span for span in spans if span.is_server]
    attempts = [span for span in spans if not span.is_server]
    assert all(span.parent == request.id and span.trace == request.trace for span in attempts)
    assert len({span.id for span in spans}) == len(spans)
    return request, sorted(attempts, key=lambda span: span.attributes["nexus.attempt"])


def test_without_tracing_what_a_client_says_goes_on_as_it_is(start, upstream):
    gateway = start(FAST + backend("one", upstream.url))
    gateway.wait_for_backend("one")

    ask(gateway, headers={"traceparent": "whatever", "tracestate": "a=1,,=2"})
    told = upstream.request().headers
    assert told["traceparent"] == "whatever" and told["tracestate"] == "a=1,,=2"
    ask(gateway)
    assert "traceparent" not in upstream.request().headers


def test_a_trace_is_continued_from_the_client_to_the_server(traced, upstream, collector):
    def answer(exchange) -> None:
        exchange.begin_stream()
        for event in [delta("hello"), FINISHED, {**FINISHED, "choices": [], "usage": USAGE}, b"[DONE]"]:
            exchange.event(event)
        exchange.end_stream()

    upstream.chat(answer)
    gateway = traced(tracing='service_name = "the gateway"\n')

    answered = ask(gateway, headers={"traceparent": PARENT, "tracestate": "a=1, b@c=2"}, stream=True)
    assert answered.status_code == 200
    request, (attempt,) = family(collector.wait_for(1))

    told = upstream.request().headers
    assert told["traceparent"] == f"00-{TRACE}-{attempt.id}-01" and told["tracestate"] == "a=1,b@c=2"
    assert (request.trace, request.parent, request.state) == (TRACE, CALLER, "a=1,b@c=2")
    assert request.resource["service.name"] == "the gateway" and request.resource["service.instance.id"]
    assert request.name == "POST /v1/chat/completions" and not request.failed
    assert request.attributes == {
        "http.request.method": "POST",
        "http.route": "/v1/chat/completions",
        "url.path": "/v1/chat/completions",
        "http.response.status_code": 200,
        "client.address": "127.0.0.1",
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "m",
        "gen_ai.response.model": "m",
        "nexus.request.id": answered.headers["x-request-id"],
        "nexus.request.stream": True,
        "nexus.api": "openai",
        "nexus.attempts": 1,
        "nexus.backend": "one",
    }
    assert attempt.name == "chat m" and not attempt.failed
    assert attempt.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "m",
        "gen_ai.response.model": "m",
        "gen_ai.usage.input_tokens": 3,
        "gen_ai.usage.output_tokens": 2,
        "server.address": "127.0.0.1",
        "server.port": upstream.port,
        "nexus.backend": "one",
        "nexus.attempt": 0,
        "nexus.route.reason": "only-candidate",
    }
    assert request.events == ["nexus.committed"] and attempt.events[-1] == "nexus.first_data"
    assert "hello" not in str(request.raw) + str(attempt.raw)


def test_each_attempt_is_a_span_of_its_own(traced, upstream, second_upstream, collector):
    upstream.chat(lambda exchange: exchange.answer({"error": {"message": "out of order"}}, status=500))
    gateway = traced(
        '[routing]\nstrategy = "priority_only"\n',
        backend("first", upstream.url, priority=1) + backend("second", second_upstream.url, priority=90),
    )
    gateway.wait_for_backend("first")
    gateway.wait_for_backend("second")

    assert ask(gateway).status_code == 200
    request, (first, second) = family(collector.wait_for(1))

    assert request.parent == "" and request.attributes["nexus.attempts"] == 2
    assert first.failed and first.attributes["error.type"] == "upstream" and "out of order" in first.raw.status.message
    assert not second.failed and second.attributes["gen_ai.usage.output_tokens"] == 2
    assert "gen_ai.usage.output_tokens" not in first.attributes
    for server, attempt in [(upstream, first), (second_upstream, second)]:
        assert server.request().headers["traceparent"] == f"00-{request.trace}-{attempt.id}-01"
        assert attempt.attributes["server.port"] == server.port


def test_a_second_attempt_for_a_late_answer_is_one_too(traced, upstream, second_upstream, collector):
    gateway = traced(
        '[routing]\nstrategy = "priority_only"\nhedge = true\n',
        backend("first", upstream.url, priority=1) + backend("second", second_upstream.url, priority=90),
        "sample_ratio = 0\n",
    )
    gateway.wait_for_backend("first")
    gateway.wait_for_backend("second")
    upstream.chat(says("first"))
    for _ in range(SAMPLES):
        ask(gateway, stream=True)
    upstream.chat(Silent())
    second_upstream.chat(says("second"))

    assert "second" in ask(gateway, headers={"traceparent": PARENT}, stream=True).text
    request, (late, fast) = family(collector.wait_for(1))

    assert late.attributes["nexus.hedge.lost"] and not late.failed and request.attributes["nexus.backend"] == "second"
    assert fast.attributes["nexus.backend"] == "second" and "hedge" in fast.attributes["nexus.route.reason"]
    assert second_upstream.request().headers["traceparent"] == f"00-{TRACE}-{fast.id}-01"


@pytest.mark.parametrize(
    "parent", ["00-1-2-01", PARENT.upper(), f"ff{PARENT[2:]}", f"00-{TRACE}-{'0' * 16}-01", f"{PARENT}-x"]
)
def test_a_parent_that_is_none_begins_a_new_trace(traced, upstream, collector, parent):
    gateway = traced()
    ask(gateway, headers={"traceparent": parent, "tracestate": "a=1"})
    request, (attempt,) = family(collector.wait_for(1))
    told = upstream.request().headers
    assert request.parent == "" and request.trace != TRACE and request.state == ""
    assert told["traceparent"] == f"00-{request.trace}-{attempt.id}-01" and "tracestate" not in told


def test_the_caller_decides_what_is_recorded_and_else_the_share(traced, upstream, collector):
    gateway = traced(tracing="sample_ratio = 0\n")
    ask(gateway, headers={"traceparent": PARENT[:-2] + "00"})
    assert upstream.request().headers["traceparent"].startswith(f"00-{TRACE}-")
    assert upstream.requests.empty()
    ask(gateway)
    assert upstream.request().headers["traceparent"].endswith("-00"), "who comes behind need not record it either"
    ask(gateway, headers={"traceparent": PARENT})
    request, _ = family(collector.wait_for(1))
    assert request.trace == TRACE


def test_what_is_refused_is_a_span_with_its_status(traced, collector):
    gateway = traced()
    assert ask(gateway, model="no such model").status_code == 404
    assert gateway.http.post("/v1/messages", content=b"{", headers={"traceparent": PARENT}).status_code == 400
    spans = collector.wait_for(2)
    unknown, broken = sorted(spans, key=lambda span: span.trace == TRACE)
    assert unknown.attributes["error.type"] == "404" and not unknown.failed and unknown.attributes["nexus.attempts"] == 0
    assert broken.attributes["error.type"] == "400" and broken.parent == CALLER and broken.attributes["nexus.api"] == "anthropic"


def troubles(gateway):
    return [(item["kind"], item["severity"]) for item in gateway.json("/v1/trouble")["data"]]


def test_a_collector_that_is_away_holds_up_nobody_and_gets_what_waited(start, upstream):
    port = free_port()
    gateway = start(FAST + f'[tracing]\notlp = "http://127.0.0.1:{port}"\n' + backend("one", upstream.url))
    gateway.wait_for_backend("one")
    traces = [f"{number:032x}" for number in range(1, 4)]
    for trace in traces:
        assert ask(gateway, headers={"traceparent": f"00-{trace}-{CALLER}-01"}).json() == ANSWER
    until(lambda: gateway.metric("nexus_tracing_up") == 0)
    gateway.wait_for_log("does not take spans: connection refused")
    until(lambda: troubles(gateway) == [("collector", "notice")])
    assert gateway.json("/health")["status"] == "healthy"
    assert gateway.metric("nexus_tracing_exchanges_waiting") == 3 and gateway.metric("nexus_tracing_spans_dropped_total") == 0

    collector = Collector(port)
    try:
        spans = collector.wait_for(3)
        assert [span.trace for span in spans if span.is_server] == traces
        until(lambda: gateway.metric("nexus_tracing_up") == 1)
        assert gateway.metric("nexus_tracing_spans_exported_total") == 6
        gateway.wait_for_log("takes spans again; 0 were dropped meanwhile")
        until(lambda: troubles(gateway) == [])
        assert gateway.log.count("does not take spans") == 1
    finally:
        collector.close()


def test_what_a_collector_does_not_want_is_dropped_and_counted(traced, collector):
    collector.answers = [
        (503, {}),
        (200, {"partialSuccess": {"rejectedSpans": "1", "errorMessage": "too old"}}),
        (400, {"code": 3, "message": "what is this"}),
    ]
    gateway = traced()
    ask(gateway)
    collector.wait_for(1)
    assert collector.requests == 2, "what may be sent again is"
    gateway.wait_for_log("takes spans again")
    until(lambda: gateway.metric("nexus_tracing_spans_dropped_total") == 1)
    ask(gateway)
    gateway.wait_for_log("refuses spans, which are dropped: it answers 400: what is this")
    until(lambda: gateway.metric("nexus_tracing_spans_dropped_total") == 3)
    ask(gateway)
    collector.wait_for(2)
    until(lambda: gateway.metric("nexus_tracing_spans_exported_total") == 3)


def test_tracing_begins_and_ends_with_a_reload_and_the_end_sends_what_waits(start, upstream, collector):
    plain = FAST + backend("one", upstream.url)
    gateway = start(plain)
    gateway.wait_for_backend("one")
    assert "\nnexus_tracing_up " not in gateway.get("/metrics").text
    file = gateway.log_path.parent / "nexus.toml"

    def reload(text: str) -> None:
        file.write_text(text)
        assert gateway.http.post("/v1/admin/reload").status_code == 200

    reload(plain + f'[tracing]\notlp = "{collector.url}"\n')
    ask(gateway)
    collector.wait_for(1)
    reload(plain)
    ask(gateway)
    assert "traceparent" in upstream.request().headers and "traceparent" not in upstream.request().headers
    reload(plain + f'[tracing]\notlp = "{collector.url}"\n')
    ask(gateway)
    gateway.signal(signal.SIGTERM)
    assert gateway.wait() == 0
    assert len(collector.wait_for(2)) == 4
