"""The OpenAPI document against the running gateway: what it answers is what the document says, and nothing is left out of it."""

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from gateway import FAST, LONG, TOP, Gateway, backend
from ollama_server import OllamaServer, capable
from upstream import FINISHED, Exchange, Upstream, delta

DOCUMENT = TOP / "docs" / "openapi.json"
OPENAPI = json.loads(DOCUMENT.read_text())
SEED = 1
EXAMPLES = 6
"""Made-up requests for each operation, besides those that go through its parameters one by one."""


IMAGES = {"created": 1, "data": [{"b64_json": "aGVsbG8="}]}
ANSWERS: dict[str, Any] = {
    "/v1/completions": {
        "id": "c", "object": "text_completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "text": "hello", "finish_reason": "stop", "logprobs": None}],
    },
    "/v1/embeddings": {
        "object": "list", "model": "m", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
        "usage": {"prompt_tokens": 1, "total_tokens": 1},
    },
    "/v1/responses": {
        "id": "r", "object": "response", "created_at": 1, "model": "m", "status": "completed", "output": [],
    },
    "/v1/rerank": {"model": "m", "results": [{"index": 0, "relevance_score": 0.5}]},
    "/v1/images/generations": IMAGES, "/v1/images/edits": IMAGES, "/v1/images/variations": IMAGES,
    "/v1/audio/transcriptions": {"text": "hello"}, "/v1/audio/translations": {"text": "hello"},
}


def chat(exchange: Exchange) -> None:
    if exchange.json.get("stream") is not True:
        return exchange.answer({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}
        ], "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}})
    exchange.begin_stream()
    exchange.event(delta("hello"))
    exchange.event(FINISHED)
    exchange.event(b"[DONE]")
    exchange.end_stream()


@pytest.fixture
def fleet(start, upstream: Upstream) -> Iterator[Gateway]:
    """A gateway with everything on, two kinds of servers, and something of each kind to tell."""
    ollama = OllamaServer(capable("o", "completion", "tools"))
    upstream.chat(chat)
    for path, answer in ANSWERS.items():
        upstream.on(path, lambda exchange, answer=answer: exchange.answer(answer))
    upstream.on("/v1/audio/speech", lambda exchange: exchange.answer(b"RIFF", content_type="audio/wav"))
    gateway = start(
        FAST + "[captures]\nenabled = true\n[routing.aliases]\nalias = \"m\"\n"
        + backend("one", upstream.url) + backend("spare", upstream.url, priority=90)
        + backend("boxes", ollama.url, type="ollama")
    )
    for name in ("one", "spare", "boxes"):
        gateway.wait_for_backend(name)
    assert gateway.http.post(
        "/v1/chat/completions", json={"model": "alias", "messages": [{"role": "user", "content": "hi"}]},
        headers={"x-request-id": "first"},
    ).status_code == 200
    assert gateway.chat("nobody has it").status_code == 404
    yield gateway
    ollama.close()


def test_the_gateway_serves_its_own_description(fleet: Gateway) -> None:
    answer = fleet.get("/v1/openapi.json")
    assert answer.headers["content-type"] == "application/json" and answer.json() == OPENAPI


def test_what_is_answered_is_what_the_document_says(fleet: Gateway, upstream: Upstream, tmp_path: Path) -> None:
    (capture,) = [one["id"] for one in fleet.json("/v1/captures")["data"] if one["request_id"] == "first"]
    checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
    told = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"), "run", DOCUMENT, "--url", fleet.url, "--checks", checks,
            "--seed", str(SEED), "--generation-deterministic", "--generation-with-security-parameters", "false", "--max-examples", str(EXAMPLES),
            "--phases", "examples,coverage,fuzzing", "--request-timeout", "20", "--no-color", "--workers", "1",
            "--suppress-health-check", "all", "--continue-on-failure",
        ],
        env={
            **os.environ, "SCHEMATHESIS_HOOKS": "openapi_hooks", "PYTHONPATH": str(Path(__file__).parent),
            "NEXUS_TEST_SERVER": upstream.url, "NEXUS_TEST_CAPTURE": capture,
        },
        cwd=tmp_path, text=True, capture_output=True, check=False,
    )
    assert told.returncode == 0, told.stdout[-20000:] + told.stderr[-2000:]


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method.upper(), path, operation)
        for path, item in OPENAPI["paths"].items()
        for method, operation in item.items()
        if method != "parameters"
    ]


def test_operations_that_need_a_key_say_so_and_no_others(start, upstream: Upstream) -> None:
    hash = hashlib.sha256(b"nx-the-operator").hexdigest()
    key = f'[[keys]]\nname = "boss"\nrole = "operator"\nhash = "sha256:{hash}"\n'
    gateway = start(FAST + key + backend("one", upstream.url))

    for method, path, operation in operations():
        answer = gateway.http.request(method, re.sub(r"\{\w+\}", "x", path))
        is_refused = answer.status_code == 401 and answer.headers.get("www-authenticate") is not None
        assert is_refused == ("security" in operation), f"{method} {path}: {answer.status_code}"
        assert str(answer.status_code) in operation["responses"], f"{method} {path}: {answer.status_code}"


class Asked:
    """Asks for operations of the document, and holds each answer to its schema with every object closed: a member that the document
    does not name is one that it leaves out."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.operations: set[tuple[str, str]] = set()
        self.problems: list[str] = []

    def ask(self, method: str, path: str, query: str = "", status: int = 200, body: Any = None, **values: str) -> Any:
        operation = OPENAPI["paths"][path][method.lower()]
        self.operations.add((method, path))
        place = re.sub(r"\{(\w+)\}", lambda name: values[name.group(1)], path)
        answer = self.gateway.http.request(method, place + query, json=body)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        told = operation["responses"][str(status)]
        if "$ref" in told:
            told = OPENAPI["components"]["responses"][told["$ref"].rsplit("/", 1)[1]]
        type = answer.headers["content-type"].split(";")[0]
        schema = told["content"][type]["schema"]
        if type != "application/json":
            return answer.text
        whole = closed({"$ref": "#/schema", "schema": schema, "components": OPENAPI["components"]})
        validator = jsonschema_rs.validator_for(whole)
        for error in validator.iter_errors(answer.json()):
            where = "/".join(str(part) for part in error.instance_path)
            self.problems.append(f"{method} {path}: {where}: {error.message[:300]}")
        return answer.json()


def closed(schema: Any) -> Any:
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    result = {name: closed(value) for name, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        result.setdefault("additionalProperties", False)
    return result


def test_no_member_of_an_answer_is_left_out_of_the_document(fleet: Gateway, upstream: Upstream) -> None:
    asked = Asked(fleet)
    begun, may_end = threading.Event(), threading.Event()

    def held(exchange: Exchange) -> None:
        exchange.begin_stream()
        exchange.event(delta("hello"))
        begun.set()
        may_end.wait(LONG)

    # Reads.
    for path in ("/health", "/livez", "/readyz", "/metrics", "/v1/openapi.json", "/v1/backends", "/v1/adapters", "/v1/keys",
                 "/v1/gateway", "/v1/trouble", "/v1/history", "/v1/stats", "/v1/series", "/v1/actions", "/v1/logs",
                 "/v1/captures", "/v1/session", "/v1/models", "/api/tags", "/api/ps", "/api/version"):
        asked.ask("GET", path)
    asked.ask("GET", "/v1/models", "?per_backend=1&all=1")
    asked.ask("GET", "/v1/models/{id}", id="alias")
    asked.ask("GET", "/v1/models/{id}", status=404, id="none")
    asked.ask("GET", "/v1/backends", "?models=0")
    for name in ("one", "boxes"):
        asked.ask("GET", "/v1/backends/{id}", id=name)
        asked.ask("GET", "/v1/backends/{id}/detail", id=name)
    asked.ask("GET", "/v1/backends/{id}/actions", id="boxes")
    asked.ask("GET", "/v1/series", "?by=backend&window=week")
    asked.ask("GET", "/v1/series", "?by=model&metrics=requests,ttft_p95_ms")
    now = asked.ask("GET", "/v1/series")["to"]
    asked.ask("GET", "/v1/series/compare", f"?from={now - 60}&to={now}")
    asked.ask("GET", "/v1/history", "?before=newest")
    assert "request_id" in asked.ask("GET", "/v1/history", "?format=csv")
    asked.ask("GET", "/v1/requests/{id}", id="first")
    (capture,) = [one["id"] for one in fleet.json("/v1/captures")["data"] if one["request_id"] == "first"]
    asked.ask("GET", "/v1/captures/{id}", id=capture)
    question = {"model": "alias", "messages": [{"role": "user", "content": "hi"}]}
    asked.ask("POST", "/v1/explain", body=question)
    asked.ask("POST", "/v1/explain", body={"model": "none"})
    asked.ask("POST", "/api/show", body={"model": "m"})

    # Commands.
    server = {"url": upstream.url, "name": "new", "type": "openai"}
    asked.ask("POST", "/v1/backends", status=201, body=server)
    asked.ask("PATCH", "/v1/backends/{id}", body={"priority": 7, "timeouts": {"gap_seconds": 9}}, id="new")
    asked.ask("POST", "/v1/backends/{id}/drain", id="new")
    asked.ask("GET", "/v1/backends/{id}", id="new")
    asked.ask("POST", "/v1/backends/{id}/enable", id="new")
    asked.ask("DELETE", "/v1/backends/{id}", id="new")
    asked.ask("POST", "/v1/backends/{id}/actions/{name}", id="boxes", name="running_models")
    asked.ask("POST", "/v1/backends/{id}/actions/{name}", "?detach=1", status=202, id="boxes", name="running_models")
    asked.ask("GET", "/v1/actions")
    asked.ask("DELETE", "/v1/actions/{id}", status=404, id="none")
    asked.ask("POST", "/v1/admin/reload")
    asked.ask("POST", "/v1/adapters/release", "?adapter=none", status=404)
    asked.ask("POST", "/v1/session", status=401, body={"key": "none"})
    asked.ask("DELETE", "/v1/session")
    asked.ask("GET", "/v1/audit")
    asked.ask("GET", "/v1/audit", "?before=newest&limit=3")
    asked.ask("GET", "/v1/gateway")
    asked.ask("GET", "/v1/logs", "?level=info&limit=1000")

    # One under way.
    upstream.chat(held)
    client = threading.Thread(
        target=lambda: fleet.http.post("/v1/chat/completions", json={**question, "stream": True}, headers={"x-request-id": "held"}))
    client.start()
    assert begun.wait(LONG)
    asked.ask("GET", "/v1/requests/active")
    assert asked.ask("GET", "/v1/requests/{id}", id="held")["state"] == "active"
    asked.ask("DELETE", "/v1/requests/{id}", id="held")
    may_end.set()
    client.join(LONG)

    # And some that went wrong.
    upstream.chat(lambda exchange: exchange.answer({"error": {"message": "broken"}}, status=500))
    for _ in range(12):
        fleet.chat()
    for path in ("/health", "/v1/trouble", "/v1/backends", "/v1/history"):
        asked.ask("GET", path)
    asked.ask("GET", "/v1/backends/{id}/detail", id="one")
    asked.ask("GET", "/v1/requests/{id}", id=fleet.history()[-1]["request_id"])
    asked.ask("DELETE", "/v1/captures/{id}", id=capture)
    asked.ask("DELETE", "/v1/captures/{id}", status=404, id=capture)
    asked.ask("DELETE", "/v1/captures", "?all=true")

    assert asked.problems == []
    described = {(method, path) for method, path, _ in operations()}
    forwarded = {("POST", path) for path in [*ANSWERS, "/v1/chat/completions", "/v1/audio/speech", "/v1/messages",
                 "/v1/messages/count_tokens", "/api/chat", "/api/generate", "/api/embed", "/api/embeddings"]}
    assert described - asked.operations == forwarded
