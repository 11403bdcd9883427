"""What the gateway tells monitoring: probes, metrics as their document lists them, the dashboard and the alerts that are made of them."""

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import promql_parser
import pytest
import yaml
from prometheus_client import Metric
from prometheus_client.parser import text_fd_to_metric_families

from gateway import FAST, Gateway, backend, free_port, toml, until
from upstream import ANSWER, FINISHED, USAGE, delta

TOP = Path(__file__).resolve().parents[2]
OPERATOR = "nx-operator-of-the-metrics-test-0123456789"
HASH = "sha256:" + __import__("hashlib").sha256(OPERATOR.encode()).hexdigest()


def families(gateway: Gateway, **options) -> dict[str, Metric]:
    """As Prometheus' own parser reads them; counters by the names that they are written with."""
    lines = gateway.get("/metrics", **options).text.splitlines()
    found = list(text_fd_to_metric_families(iter(lines)))
    names = [family.name + ("_total" if family.type == "counter" else "") for family in found]
    assert len(names) == len(set(names)), "a family comes twice"
    return dict(zip(names, found, strict=True))


def documented() -> dict[str, tuple[str, list[str]]]:
    """Type and labels by name, as docs/metrics.md has them."""
    table = (TOP / "docs/metrics.md").read_text().split("<!-- families -->")[1].split("<!-- /families -->")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()[2:]]
    return {row[0].strip("`"): (row[1], re.findall(r"`(\w+)`", row[3])) for row in rows}


@pytest.fixture
def busy(start, upstream) -> Iterator[tuple[Gateway, dict[str, str]]]:
    """A gateway of which there is something to tell everywhere, and what opens it."""
    metrics = 'vllm:num_requests_running{engine="0"} 2\nvllm:num_requests_waiting{engine="0"} 1\n'
    metrics += 'vllm:kv_cache_usage_perc{engine="0"} 0.5\n'
    upstream.on("/metrics", lambda exchange: exchange.answer(metrics.encode(), content_type="text/plain"))
    upstream.on("/version", lambda exchange: exchange.answer({"version": "0.11.0"}))
    upstream.on("/health", lambda exchange: exchange.answer(b""))
    upstream.on("/v1/models", lambda exchange: exchange.answer({"object": "list", "data": [{"id": "m", "owned_by": "vllm"}]}))

    def answer(exchange) -> None:
        if not exchange.json.get("stream"):
            return exchange.answer(ANSWER)
        exchange.begin_stream()
        for event in [delta("hello"), FINISHED, {**FINISHED, "choices": [], "usage": USAGE}, b"[DONE]"]:
            exchange.event(event)
        exchange.end_stream()

    upstream.chat(answer)
    key = "[[keys]]\n" + "\n".join(f"{name} = {toml(value)}" for name, value in {"name": "ops", "hash": HASH, "role": "operator"}.items())
    tracing = f'[tracing]\notlp = "http://127.0.0.1:{free_port()}"\n'
    gateway = start(FAST + tracing + key + "\n" + backend("one", upstream.url, type="vllm"))
    headers = {"authorization": f"Bearer {OPERATOR}"}
    until(lambda: gateway.get("/readyz").status_code == 200)
    for body in [{}, {"stream": True}, {"model": "nobody's"}]:
        gateway.http.post("/v1/chat/completions", json={"model": "m", "messages": [], **body}, headers=headers)
    assert gateway.get("/v1/models").status_code == 401
    gateway.http.post("/v1/admin/reload", headers=headers)
    yield gateway, headers


def test_metrics_are_those_of_their_document(busy):
    gateway, headers = busy
    told, listed = families(gateway, headers=headers), documented()

    assert {name: family.type for name, family in told.items()} == {name: type for name, (type, _) in listed.items()}
    for name, family in told.items():
        for sample in family.samples:
            assert set(sample.labels) - {"le"} == set(listed[name][1]), f"{sample}"
        assert len(family.samples) == len({(s.name, *sorted(s.labels.items())) for s in family.samples}), f"{name}: a sample twice"
    silent = {name for name, family in told.items() if not family.samples}
    assert silent <= {"nexus_backend_engine_slots", "nexus_adapter_misuse_total"}, "of these there should be something to tell"

    def value(sample: str, family: str, **labels: str) -> float:
        return next(s.value for s in told[family].samples if s.name == sample and labels.items() <= s.labels.items())

    assert value("nexus_backend_engine_running", "nexus_backend_engine_running", backend="one") == 2
    assert value("nexus_backend_engine_waiting", "nexus_backend_engine_waiting", backend="one") == 1
    assert value("nexus_backend_engine_cache_use_ratio", "nexus_backend_engine_cache_use_ratio", backend="one") == 0.5
    assert value("nexus_responses_total", "nexus_responses_total", api="openai", code="200") == 2
    assert value("nexus_responses_total", "nexus_responses_total", api="openai", code="404") == 1
    of_chat = {"gen_ai_operation_name": "chat", "gen_ai_request_model": "m"}
    duration = "gen_ai_server_request_duration_seconds"
    assert value(duration + "_count", duration, **of_chat, error_type="") == 2
    assert value(duration + "_count", duration, gen_ai_request_model="_OTHER", error_type="_OTHER") == 1
    usage = "gen_ai_client_token_usage"
    assert value(usage + "_sum", usage, **of_chat, gen_ai_token_type="input") == 6
    assert value(usage + "_sum", usage, **of_chat, gen_ai_token_type="output") == 4
    assert "nobody" not in gateway.get("/metrics", headers=headers).text


def selectors(query: str) -> Iterator[tuple[str, set[str]]]:
    """The metrics of a query, each with the labels that are asked for."""

    def walk(node, labels: frozenset[str]) -> Iterator[tuple[str, set[str]]]:
        match node:
            case promql_parser.VectorSelector():
                yield node.name, {matcher.name for matcher in node.matchers.matchers} | labels
            case promql_parser.MatrixSelector():
                yield from walk(node.vector_selector, labels)
            case promql_parser.AggregateExpr():
                asked = frozenset(node.modifier.labels) if node.modifier else frozenset()
                yield from walk(node.expr, labels | asked)
            case promql_parser.BinaryExpr():
                yield from walk(node.lhs, labels)
                yield from walk(node.rhs, labels)
            case promql_parser.Call():
                for argument in node.args:
                    yield from walk(argument, labels)
            case promql_parser.NumberLiteral() | promql_parser.StringLiteral():
                pass
            case promql_parser.ParenExpr() | promql_parser.UnaryExpr() | promql_parser.SubqueryExpr():
                yield from walk(node.expr, labels)
            case _:
                raise AssertionError(f"{type(node)} in {query}")

    found = list(walk(promql_parser.parse(query), frozenset()))
    assert found, f"{query} asks for nothing"
    yield from found


def queries_of_the_dashboard() -> Iterator[tuple[str, set[str]]]:
    dashboard = json.loads((TOP / "contrib/grafana/nexus.json").read_text())
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            shown = set(re.findall(r"{{\s*(\w+)\s*}}", target["legendFormat"]))
            # What Grafana puts in itself.
            yield target["expr"].replace("$__rate_interval", "5m"), shown
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            name, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"]).groups()
            yield name, {label}


def queries_of_the_alerts() -> Iterator[tuple[str, set[str]]]:
    groups = yaml.safe_load((TOP / "contrib/prometheus/alerts.yml").read_text())["groups"]
    for rule in (rule for group in groups for rule in group["rules"]):
        assert rule["labels"]["severity"] in ("critical", "warning", "info") and rule["annotations"]["summary"]
        yield rule["expr"], set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))


OF_PROMETHEUS = {"instance", "job"}


def test_every_query_of_dashboard_and_alerts_is_answered(busy):
    gateway, headers = busy
    told, listed = families(gateway, headers=headers), documented()
    samples: dict[str, set[str]] = {}
    for name, family in told.items():
        suffixes = ["_bucket", "_sum", "_count"] if family.type == "histogram" else [""]
        for suffix in suffixes:
            samples[name + suffix] = set(listed[name][1]) | ({"le"} if suffix == "_bucket" else set())

    asked = [*queries_of_the_dashboard(), *queries_of_the_alerts()]
    assert len(asked) > 60
    for query, shown in asked:
        parts = list(selectors(query))
        for name, labels in parts:
            if name == "up":
                continue
            assert name in samples, f"{query}: there is no {name}"
            assert labels - OF_PROMETHEUS <= samples[name], f"{query}: {name} has no {labels - OF_PROMETHEUS - samples[name]}"
        assert any(shown - OF_PROMETHEUS <= samples.get(name, set()) for name, _ in parts), f"{query} shows {shown}"


def test_probes_tell_whether_requests_are_welcome(start, upstream, nexus):
    upstream.fail_probes()
    gateway = start("[server]\nshutdown_delay_seconds = 60\n" + FAST + backend("one", upstream.url))
    assert gateway.get("/livez").json() == {"status": "live"}
    refused = gateway.get("/readyz")
    assert refused.status_code == 503 and refused.headers["cache-control"] == "no-store"
    assert refused.json() == {"status": "not_ready", "reason": "No backend can serve: none of 1 is well."}
    assert gateway.metric("nexus_ready") == 0
    asked = nexus("health", "--ready", "--url", gateway.url)
    assert (asked.returncode, asked.stdout) == (1, "not ready: No backend can serve: none of 1 is well.\n")

    upstream.models("m")
    gateway.wait_for_backend("one")
    assert gateway.get("/readyz").json() == {"status": "ready"} and gateway.metric("nexus_ready") == 1
    asked = nexus("health", "--ready", "--url", gateway.url)
    assert (asked.returncode, asked.stdout) == (0, "ready\n")
    for path in ["/livez", "/readyz"]:
        head = gateway.http.head(path)
        assert head.status_code == 200 and head.content == b""

    gateway.signal(signal.SIGTERM)
    until(lambda: gateway.get("/readyz").status_code == 503)
    assert gateway.get("/readyz").json()["reason"] == "The gateway is shutting down."
    # A connection that begins now, and its request, are served all the same.
    assert b"hello" in gateway.raw(
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 27\r\n\r\n"
        b'{"model":"m","messages":[]}'
    )
    assert gateway.get("/livez").status_code == 200
    # Nobody has to wait for the end of the delay.
    gateway.expect_status = 1
    gateway.signal(signal.SIGTERM)
    assert gateway.wait() == 1
