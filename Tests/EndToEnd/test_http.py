"""The HTTP surface: routes, limits, errors, connections."""

import json
import re
from datetime import datetime

import pytest

from gateway import backend
from upstream import ANSWER

MIB = 1024 * 1024


@pytest.fixture
def gateway(start, upstream):
    gateway = start(backend("one", upstream.url))
    gateway.wait_for_backend("one")
    return gateway


def post(body: bytes, *fields: str, path: str = "/v1/chat/completions") -> bytes:
    head = [f"POST {path} HTTP/1.1", "host: x", "connection: close", f"content-length: {len(body)}", *fields]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def parsed(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    fields = dict(line.lower().split(": ", 1) for line in lines[1:])
    return int(lines[0].split()[1]), fields, body


# Errors


@pytest.mark.parametrize(
    ("body", "words", "param"),
    [
        (b'{"model":"m",}', "byte 13", None),
        (b'{"model":"m"', "byte 12", None),
        (b'{"model":"m"} x', "byte 14", None),
        (b'{"a":"\xff"}', "byte 6", None),
        (b"", "byte 0", None),
        (b"[]", "object", None),
        (b"{}", "model", "model"),
        (b'{"model":5}', "string", "model"),
        (b'{"model":""}', "model", "model"),
    ],
)
def test_a_bad_body_is_refused_and_recorded(gateway, body, words, param):
    status, fields, answer = parsed(gateway.raw(post(body)))

    error = json.loads(answer)["error"]
    assert status == 400 and error["type"] == "invalid_request_error" and error["param"] == param
    assert words in error["message"], error["message"]
    entry = gateway.history()[-1]
    assert (entry["status"], entry["status_code"], entry["backend_id"]) == ("Error", 400, "none")
    assert entry["request_id"] == fields["x-request-id"]


def test_an_unknown_path_is_not_found(gateway):
    answer = gateway.get("/v1/nothing")

    assert answer.status_code == 404 and answer.json()["error"]["code"] == "unknown_path"
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/v1/chat/completions", "POST"),
        ("DELETE", "/v1/embeddings", "POST"),
        ("POST", "/v1/models", "GET, HEAD"),
        ("PUT", "/", "GET, HEAD"),
        ("POST", "/ws", "GET, HEAD"),
    ],
)
def test_a_wrong_method_names_the_right_ones(gateway, method, path, allow):
    answer = gateway.http.request(method, path)

    assert answer.status_code == 405 and answer.headers["allow"] == allow
    assert answer.json()["error"]["code"] == "method_not_allowed"


def test_a_body_beyond_32_mib_is_refused_before_it_is_read(gateway):
    request = post(b"").replace(b"content-length: 0", b"content-length: %d" % (32 * MIB + 1))

    status, fields, body = parsed(gateway.raw(request))

    assert status == 413 and fields["connection"] == "close"
    assert "max_body_bytes" in json.loads(body)["error"]["message"]


def test_a_chunked_body_beyond_the_limit_is_refused(start, upstream):
    gateway = start("[server]\nmax_body_bytes = 2048\n" + backend("one", upstream.url))
    request = (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
        + b"400\r\n" + b"x" * 1024 + b"\r\n401\r\n" + b"x" * 1025 + b"\r\n0\r\n\r\n"
    )

    assert parsed(gateway.raw(request))[0] == 413


def test_a_body_of_the_full_size_is_passed(start, upstream):
    gateway = start(backend("one", upstream.url))
    gateway.wait_for_backend("one")
    start_of_body, end_of_body = b'{"model":"m","messages":[{"role":"user","content":"', b'"}]}'
    body = start_of_body + b"x" * (32 * MIB - len(start_of_body) - len(end_of_body)) + end_of_body

    answer = gateway.http.post("/v1/chat/completions", content=body)

    assert answer.json() == ANSWER and upstream.request().body == body


def test_a_header_block_beyond_64_kib_is_refused(gateway):
    status, _, body = parsed(gateway.raw(b"GET / HTTP/1.1\r\nhost: x\r\nx-big: " + b"x" * 65536 + b"\r\n\r\n"))

    assert status == 431 and json.loads(body)["error"]["code"] == "headers_too_large"


@pytest.mark.parametrize(
    ("request_bytes", "expected"),
    [
        (b"NONSENSE\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nhost: x\r\n\r\n", 505),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nhost: x\r\nbad field: y\r\n\r\n", 400),
        (b"POST /v1/embeddings HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n", 400),
        (b"POST /v1/embeddings HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n", 400),
        (b"POST /v1/embeddings HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip\r\n\r\n", 501),
        (b"POST /v1/embeddings HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", 400),
    ],
)
def test_what_is_not_http_is_refused_and_the_connection_closed(gateway, request_bytes, expected):
    assert parsed(gateway.raw(request_bytes))[0] == expected


# Identity of requests


def test_a_request_keeps_the_id_it_brings(gateway, upstream):
    given = gateway.http.get("/health", headers={"x-request-id": "my-id-1"})
    made = gateway.get("/health")

    assert given.headers["x-request-id"] == "my-id-1"
    assert re.fullmatch(r"[0-9a-f]{32}", made.headers["x-request-id"])


@pytest.mark.parametrize("given", ["x" * 129, "a b"])
def test_an_id_that_is_too_long_or_not_printable_is_replaced(gateway, given):
    answer = gateway.http.get("/health", headers={"x-request-id": given})

    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])


# Bodies


def test_the_body_reaches_the_server_byte_for_byte(gateway, upstream):
    body = b'{ "messages" : [ {"content":"\\u00e9 \xc3\xa9"} ],\n"model":"m", "unknown":{"deep":[1.0,2e3]}, "x":1 }'

    gateway.http.post("/v1/chat/completions", content=body)

    assert upstream.request().body == body


def test_an_alias_replaces_the_name_of_the_model_alone(start, upstream):
    gateway = start('[routing.aliases]\n"gpt-4o" = "m"\n' + backend("one", upstream.url))
    gateway.wait_for_backend("one")
    body = b'{"a":"gpt-4o", "model" :\t"gpt-4o" , "b":1}'

    answer = gateway.http.post("/v1/chat/completions", content=body)

    assert answer.status_code == 200
    assert upstream.request().body == body.replace(b'"gpt-4o" ,', b'"m" ,')
    assert gateway.history()[-1]["model"] == "gpt-4o"


def test_a_chunked_request_is_understood(gateway, upstream):
    request = (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n"
        b'7\r\n{"model\r\n6\r\n":"m"}\r\n0\r\n\r\n'
    )

    assert parsed(gateway.raw(request))[0] == 200
    assert upstream.request().body == b'{"model":"m"}'


def test_a_client_that_waits_for_leave_gets_it(gateway):
    with gateway.connection() as connection:
        body = b'{"model":"m"}'
        connection.sendall(post(body, "expect: 100-continue")[: -len(body)])
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert connection.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")


def test_requests_sent_ahead_are_answered_in_order(gateway):
    body = b'{"model":"m"}'
    ahead = post(body).replace(b"connection: close\r\n", b"")
    requests = b"GET /health HTTP/1.1\r\nhost: x\r\nx-request-id: a\r\n\r\n"
    requests += ahead.replace(b"host: x", b"host: x\r\nx-request-id: b")
    requests += b"GET /v1/models HTTP/1.1\r\nhost: x\r\nx-request-id: c\r\nconnection: close\r\n\r\n"

    answers = gateway.raw(requests)

    assert re.findall(rb"x-request-id: (\w)", answers) == [b"a", b"b", b"c"]


def test_an_older_client_gets_an_answer_it_understands(gateway):
    status, fields, body = parsed(gateway.raw(b"GET /health HTTP/1.0\r\n\r\n"))

    assert status == 200 and fields["connection"] == "close" and json.loads(body)


def test_the_key_of_a_backend_comes_from_the_environment_and_goes_nowhere_else(start, upstream):
    gateway = start(backend("one", upstream.url, api_key_env="TEST_KEY"), environment={"TEST_KEY": "sk-secret"})
    gateway.wait_for_backend("one")
    upstream.chat(lambda exchange: exchange.answer({"error": {"message": "no"}}, status=401))

    answer = gateway.http.post(
        "/v1/chat/completions", json={"model": "m"}, headers={"authorization": "Bearer client-secret"}
    )

    sent = upstream.request()
    assert sent.headers["authorization"] == "Bearer sk-secret"
    everything = answer.text + gateway.get("/").text + gateway.get("/metrics").text + gateway.log
    everything += json.dumps(gateway.history()) + gateway.get("/v1/backends").text
    assert "secret" not in everything


# The gateway's own routes


def test_health_counts_backends_and_models(gateway):
    health = gateway.json("/health")

    assert health["status"] == "healthy" and health["version"]
    assert health["backends"] == {"total": 1, "healthy": 1, "degraded": 0, "unhealthy": 0} and health["models"] == {"total": 1}
    assert isinstance(health["uptime_seconds"], int)


def test_stats_have_the_shape_that_pages_rely_on(gateway):
    gateway.chat()
    gateway.chat("unknown")

    stats = gateway.json("/v1/stats")

    assert isinstance(stats["uptime_seconds"], int)
    assert {key: stats["requests"][key] for key in ("total", "success", "errors")} == {"total": 2, "success": 1, "errors": 1}
    assert {key: stats["backends"][0][key] for key in ("id", "name", "requests", "pending")} == {
        "id": "one", "name": "one", "requests": 1, "pending": 0,
    }
    assert stats["backends"][0]["average_latency_ms"] > 0
    assert {model["name"]: model["requests"] for model in stats["models"]} == {"m": 1}
    assert stats["former_models"] == [] and stats["other_models"]["requests"] == 1


def test_stats_list_every_available_model_whatever_names_clients_make_up(start, upstream):
    upstream.models("a", "b", "m")
    gateway = start(backend("one", upstream.url) + backend("two", upstream.url))
    gateway.wait_for_backend("one"), gateway.wait_for_backend("two")
    gateway.chat("m")
    for number in range(1200):
        gateway.chat(f"made-up-{number}")

    stats = gateway.json("/v1/stats")
    assert {model["name"]: model["requests"] for model in stats["models"]} == {"a": 0, "b": 0, "m": 1}
    assert stats["other_models"]["requests"] == 1200
    assert "made-up" not in gateway.get("/metrics").text


def test_no_sum_of_what_servers_tell_ends_the_gateway(gateway, upstream):
    """Added up with 64 bits, 2,049 of these are too many."""
    answer = {**ANSWER, "usage": {"prompt_tokens": 2**53 - 1, "completion_tokens": 2**53 - 1}}
    upstream.chat(lambda exchange: exchange.answer(answer))
    for _ in range(2060):
        assert gateway.chat().status_code == 200

    model = gateway.json("/v1/stats")["models"][0]
    assert (model["requests"], model["prompt_tokens"]) == (2060, 2**53 - 1)
    assert gateway.metric('nexus_model_tokens_total{model="m",kind="completion"}') == 2**53 - 1


def test_a_model_that_is_not_there_is_answered_with_those_that_are(start, upstream):
    upstream.models(*[f"model-{number:03}" for number in range(40)])
    gateway = start(backend("one", upstream.url))
    gateway.wait_for_backend("one")

    answer = gateway.chat("model-07")
    message = answer.json()["error"]["message"]
    assert answer.status_code == 404 and answer.json()["error"]["code"] == "model_not_found"
    assert message.startswith("The model 'model-07' does not exist") and "'model-007'" in message
    assert message.count("'model-0") == 21 and "and 20 more" in message
    assert gateway.json("/v1/models/x")["error"]["message"].count("'model-") == 20


def test_before_its_first_probe_a_backend_has_a_time_as_well(start):
    gateway = start("[health_check]\nenabled = false\n" + backend("one", "http://127.0.0.1:9"))

    view = gateway.json("/v1/backends")["data"][0]
    assert datetime.fromisoformat(view["last_health_check"]).year >= 2020
    assert view["discovery_source"] == "static" and view["avg_latency_ms"] == 0
    assert isinstance(view["avg_latency_ms"], int)


def test_what_browsers_and_crawlers_ask_every_site_for_is_answered(gateway):
    icon, robots = gateway.get("/favicon.ico"), gateway.get("/robots.txt")

    assert icon.status_code == 200 and icon.headers["content-type"] == "image/x-icon" and len(icon.content) < 2048
    assert robots.headers["content-type"].startswith("text/plain") and "Disallow: /" in robots.text.splitlines()
    assert all("max-age" in answer.headers["cache-control"] for answer in (icon, robots))


def test_the_history_holds_the_newest_hundred_oldest_first(gateway):
    for number in range(105):
        gateway.chat(f"model-{number}")

    history = gateway.history()

    assert [entry["model"] for entry in history] == [f"model-{number}" for number in range(5, 105)]
    assert all(isinstance(entry["timestamp"], int) and isinstance(entry["duration_ms"], int) for entry in history)


def test_one_object_for_each_model_with_its_backends(start, upstream, second_upstream):
    upstream.models("b", "a")
    second_upstream.models("c", "a")
    gateway = start(backend("two", upstream.url) + backend("one", second_upstream.url))
    gateway.wait_for_backend("one")
    gateway.wait_for_backend("two")

    listed = gateway.json("/v1/models")

    assert listed["object"] == "list"
    assert [(model["id"], model["owned_by"], model["backends"]) for model in listed["data"]] == [
        ("a", "one", ["one", "two"]), ("b", "two", ["two"]), ("c", "one", ["one"]),
    ]
    each = gateway.json("/v1/models?per_backend=1")["data"]
    assert [(model["id"], model["owned_by"]) for model in each] == [
        ("a", "one"), ("a", "two"), ("b", "two"), ("c", "one"),
    ]
    one = gateway.json("/v1/models?per_backend=1&backend=two")["data"]
    assert [(model["id"], model["backend_id"], model["loaded"]) for model in one] == [("a", "two", None), ("b", "two", None)]
    assert gateway.json("/v1/models?per_backend=1&backend=nobody")["data"] == []
    assert gateway.get("/v1/models/nothing").status_code == 404


def test_aliases_are_models_too(start, upstream):
    upstream.models("llama3:latest")
    gateway = start(backend("one", upstream.url) + '[routing.aliases]\nfast = "llama3"\ngone = "nothing"\n')
    gateway.wait_for_backend("one")
    seen: list[str] = []

    def play(exchange):
        seen.append(exchange.json["model"])
        exchange.answer(ANSWER)

    upstream.chat(play)

    assert [model["id"] for model in gateway.json("/v1/models")["data"]] == ["llama3:latest", "fast"]
    assert [model["name"] for model in gateway.json("/api/tags")["models"]] == ["llama3:latest", "fast"]
    one = gateway.json("/v1/models/fast")
    assert (one["id"], one["alias_of"], one["backends"]) == ("fast", "llama3:latest", ["one"])
    assert gateway.get("/v1/models/gone").status_code == 404
    for name in ("fast", "FAST:latest", "llama3", "LLama3:Latest"):
        assert gateway.chat(name).status_code == 200, name
    assert seen == ["llama3:latest"] * 4
    assert gateway.http.post("/api/show", json={"model": "Llama3"}).status_code == 200


def test_with_anthropics_header_the_models_have_its_shape_and_come_in_parts(start, upstream):
    upstream.models(*(f"m{number}" for number in range(10, 35)))
    gateway = start(backend("one", upstream.url))
    gateway.wait_for_backend("one")
    header = {"anthropic-version": "2023-06-01"}

    first = gateway.get("/v1/models", headers=header).json()
    assert (len(first["data"]), first["first_id"], first["last_id"], first["has_more"]) == (20, "m10", "m29", True)
    assert first["data"][0] == {
        "type": "model", "id": "m10", "display_name": "m10", "created_at": "1970-01-01T00:00:01Z",
    }
    rest = gateway.get("/v1/models?after_id=m29&beta=true", headers=header).json()
    assert (rest["first_id"], rest["last_id"], rest["has_more"]) == ("m30", "m34", False)
    assert gateway.get("/v1/models/m11", headers=header).json()["type"] == "model"
    for query, status in (("?limit=0", 400), ("?limit=x", 400), ("?after_id=none", 400), ("/none", 404)):
        refused = gateway.get("/v1/models" + query, headers=header)
        assert refused.status_code == status and refused.json()["type"] == "error", query
    # The list of OpenAI's API has no parts.
    assert len(gateway.json("/v1/models?limit=1")["data"]) == 25


def test_metrics_are_prometheus_text(gateway):
    gateway.chat()

    answer = gateway.get("/metrics")

    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert gateway.metric('nexus_requests_total{status="success"}') == 1
    assert gateway.metric('nexus_backend_up{backend="one",type="openai"}') == 1
    for line in answer.text.splitlines():
        assert re.fullmatch(r"# (HELP|TYPE) \S+ .+|[a-z_]+(\{.*\})? -?[0-9.e+-]+", line), line


@pytest.mark.parametrize(
    ("name", "content_type"), [("dashboard.js", "text/javascript"), ("styles.css", "text/css")]
)
def test_assets_have_their_types(gateway, name, content_type):
    answer = gateway.get("/assets/" + name)

    assert answer.status_code == 200 and answer.headers["content-type"].startswith(content_type)
    assert gateway.get("/assets/nothing.js").status_code == 404
    assert gateway.get("/assets/../nexus.toml").status_code == 404


def test_head_tells_what_get_would(gateway):
    head = gateway.http.head("/v1/models")

    assert head.status_code == 200 and head.content == b""
    assert int(head.headers["content-length"]) == len(gateway.get("/v1/models").content)


def test_kinds_that_no_backend_can_serve_are_said_so(start, c_adapters):
    gateway = start(backend("echo", "http://127.0.0.1:9", type="echo"), adapters=(c_adapters,))
    gateway.wait_for_backend("echo")

    answer = gateway.http.post("/v1/embeddings", json={"model": "echo", "input": "x"})

    assert answer.status_code == 501 and "does not support embeddings" in answer.json()["error"]["message"]
