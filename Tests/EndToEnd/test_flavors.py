"""Servers of each flavour, as they answer: what is found out of them, how their health is told, and how their load counts."""

import json
from typing import Any

import pytest

from gateway import FAST, Gateway, backend
from upstream import ANSWER, Upstream, delta

UNEXPECTED = {"error": "Unexpected endpoint or method. (GET /x). Returning 200 anyway"}


def models(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"object": "list", "data": [{"object": "model", "created": 1, **entry} for entry in entries]}


def plain(upstream: Upstream, path: str, content: Any, status: int = 200) -> None:
    upstream.on(path, lambda exchange: exchange.answer(content, status=status))


def text(upstream: Upstream, path: str, content: str) -> None:
    upstream.on(path, lambda exchange: exchange.answer(content.encode(), content_type="text/plain"))


def shown(gateway: Gateway, name: str = "one") -> dict[str, Any]:
    return next(view for view in gateway.json("/v1/backends")["data"] if view["name"] == name)


@pytest.fixture
def serve(start, upstream):
    def serve(environment: dict[str, str] | None = None, **keys: Any) -> Gateway:
        gateway: Gateway = start(FAST + backend("one", upstream.url, **keys), environment=environment)
        return gateway

    return serve


def llama(upstream: Upstream, processing: int = 0) -> None:
    plain(upstream, "/v1/models", models({"id": "m", "owned_by": "llamacpp", "meta": {"n_ctx_train": 131072}}))
    plain(upstream, "/health", {"status": "ok"})
    slots = [{"id": index, "is_processing": index < processing} for index in range(8)]
    plain(upstream, "/slots", slots)
    properties = {"total_slots": 8, "default_generation_settings": {"n_ctx": 4096}, "modalities": {"vision": True}}
    plain(upstream, "/props", {**properties, "build_info": "b42"})


def test_llama_cpp_tells_its_context_its_slots_and_what_it_sees(serve, upstream):
    llama(upstream, processing=3)

    gateway = serve()
    view = gateway.wait_for_backend("one")

    assert view["metadata"]["server"] == "llama.cpp b42"
    assert (view["metadata"]["slots"], view["metadata"]["running"]) == ("8", "3")
    assert view["models"][0]["context_length"] == 4096 and view["models"][0]["supports_vision"]


def test_loading_is_told_apart_from_dead_and_from_ready(serve, upstream):
    loading = {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}
    plain(upstream, "/v1/models", loading, 503)
    plain(upstream, "/health", loading, 503)
    gateway = serve()
    assert gateway.wait_for_backend("one", "Unhealthy")["last_error"] == "Loading model"

    llama(upstream)
    assert gateway.wait_for_backend("one")["last_error"] is None

    upstream.close()
    assert "connection refused" in gateway.wait_for_backend("one", "Unhealthy")["last_error"]


def test_vllm_tells_its_queue_in_its_metrics(serve, upstream):
    plain(upstream, "/v1/models", models({"id": "m", "owned_by": "vllm", "max_model_len": 32768}))
    plain(upstream, "/version", {"version": "0.11.0"})
    plain(upstream, "/health", b"")
    lines = ['vllm:num_requests_running{engine="0"} 5.0', 'vllm:num_requests_running{engine="1"} 2.0']
    lines += ['vllm:num_requests_waiting{engine="0"} 4.0', 'vllm:kv_cache_usage_perc{engine="0"} 0.25']
    text(upstream, "/metrics", "# TYPE vllm:num_requests_running gauge\n" + "\n".join(lines) + "\n")

    view = serve().wait_for_backend("one")

    assert view["metadata"]["server"] == "vLLM 0.11.0" and view["models"][0]["context_length"] == 32768
    assert (view["metadata"]["running"], view["metadata"]["waiting"]) == ("7", "4")
    assert view["metadata"]["cache_use"] == "25 %"


def test_a_dead_engine_of_vllm_is_unhealthy_though_the_list_is_there(serve, upstream):
    plain(upstream, "/v1/models", models({"id": "m", "owned_by": "vllm"}))
    plain(upstream, "/health", b"", 503)

    assert "/health" in serve().wait_for_backend("one", "Unhealthy")["last_error"]


def test_sglang_is_recognised(serve, upstream):
    plain(upstream, "/v1/models", models({"id": "m", "owned_by": "sglang", "max_model_len": 8192}))
    plain(upstream, "/health", b"")
    text(upstream, "/metrics", 'sglang:num_running_reqs{model_name="m"} 2\nsglang:num_queue_reqs{model_name="m"} 1\n')

    view = serve().wait_for_backend("one")

    assert view["metadata"]["server"].startswith("SGLang") and view["models"][0]["context_length"] == 8192
    assert (view["metadata"]["running"], view["metadata"]["waiting"]) == ("2", "1")


def test_lm_studio_is_recognised_and_its_answers_to_unknown_paths_are_none(serve, upstream):
    plain(upstream, "/v1/models", models({"id": "m", "owned_by": "organization_owner"}, {"id": "e", "owned_by": "x"}))
    details = [
        {"id": "m", "type": "vlm", "state": "loaded", "max_context_length": 40960, "capabilities": ["tool_use"]},
        {"id": "e", "type": "embeddings", "state": "not-loaded", "max_context_length": 512},
    ]
    plain(upstream, "/api/v0/models", {"object": "list", "data": details})
    for path in ["/health", "/metrics", "/version", "/get_model_info", "/server_info", "/info", "/readyz", "/props"]:
        plain(upstream, path, UNEXPECTED)
    for path in ["/v1/rerank", "/v1/messages", "/v1/images/generations", "/v1/audio/speech"]:
        plain(upstream, path, UNEXPECTED)

    gateway = serve()
    view = gateway.wait_for_backend("one")

    assert view["metadata"]["server"] == "LM Studio"
    by_id = {model["id"]: model for model in view["models"]}
    assert by_id["m"]["context_length"] == 40960 and by_id["m"]["supports_vision"] and by_id["m"]["supports_tools"]
    answer = gateway.http.post("/v1/rerank", json={"model": "m", "query": "a", "documents": ["b"]})
    assert answer.status_code == 501 and "does not support rerank" in answer.json()["error"]["message"]


def test_a_server_that_is_lm_studio_but_answers_the_list_with_an_error_is_not_healthy(serve, upstream):
    plain(upstream, "/v1/models", UNEXPECTED)

    assert "Unexpected endpoint" in serve().wait_for_backend("one", "Unhealthy")["last_error"]


def test_tgi_tells_its_lengths_and_its_queue(serve, upstream):
    plain(upstream, "/v1/models", models({"id": "m", "owned_by": "m"}))
    plain(upstream, "/info", {"model_id": "m", "version": "3.0.0", "max_total_tokens": 2048, "max_input_tokens": 1024})
    plain(upstream, "/health", b"")
    text(upstream, "/metrics", "tgi_queue_size 3\ntgi_batch_current_size 2\n")

    view = serve(options={"flavor": "tgi"}).wait_for_backend("one")

    assert view["metadata"]["server"] == "TGI 3.0.0" and view["models"][0]["context_length"] == 2048
    assert (view["metadata"]["running"], view["metadata"]["waiting"]) == ("2", "3")


def test_a_server_of_another_kind_is_described_by_options(serve, upstream):
    plain(upstream, "/openai/list", models({"id": "m"}))
    plain(upstream, "/openai/ready", b"")
    upstream.on("/openai/chat/completions", lambda exchange: exchange.answer(ANSWER))
    options = {
        "prefix": "/openai",
        "models_path": "/openai/list",
        "health_path": "/openai/ready",
        "auth_header": "api-key",
        "headers": {"x-team": "blue"},
        "endpoints": ["chat"],
    }
    gateway = serve(environment={"KEY": "sk-one"}, api_key_env="KEY", options=options)
    gateway.wait_for_backend("one")

    assert gateway.chat().status_code == 200
    sent = [request for request in drained(upstream) if request.path == "/openai/chat/completions"][0]
    assert sent.headers["api-key"] == "sk-one" and sent.headers["x-team"] == "blue"
    assert "authorization" not in sent.headers
    assert gateway.http.post("/v1/embeddings", json={"model": "m", "input": "x"}).status_code == 501


def drained(upstream: Upstream) -> list[Any]:
    found = []
    while not upstream.requests.empty():
        found.append(upstream.requests.get())
    return found


def test_a_server_that_others_keep_busy_gets_fewer_requests(start, upstream, second_upstream):
    llama(upstream, processing=8)
    llama(second_upstream, processing=0)
    gateway = start(FAST + backend("busy", upstream.url) + backend("idle", second_upstream.url))
    gateway.wait_for_backend("busy")
    gateway.wait_for_backend("idle")

    answered = [gateway.chat().headers["x-nexus-backend"] for _ in range(20)]

    assert answered.count("idle") == 20


@pytest.mark.parametrize("status", [429, 401])
def test_the_next_key_is_tried_at_once_when_one_is_refused_or_used_up(start, upstream, status):
    def play(exchange):
        if exchange.headers["authorization"] == "Bearer sk-one":
            exchange.answer({"error": {"message": "not sk-one"}}, status=status)
        else:
            exchange.answer(ANSWER)

    upstream.chat(play)
    environment = {"KEY_ONE": "sk-one", "KEY_TWO": "sk-two"}
    gateway = start(FAST + backend("one", upstream.url, api_key_env=["KEY_ONE", "KEY_TWO"]), environment=environment)
    gateway.wait_for_backend("one")
    drained(upstream)

    answers = [gateway.chat() for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert all(answer.headers["x-nexus-attempts"] == "1" for answer in answers)
    keys = [sent.headers["authorization"] for sent in drained(upstream) if sent.path == "/v1/chat/completions"]
    assert keys == ["Bearer sk-one"] + ["Bearer sk-two"] * 3
    told = gateway.log + json.dumps([gateway.history(), shown(gateway)]) + gateway.get("/").text
    assert "sk-one" not in told and "sk-two" not in told


@pytest.mark.parametrize("status", [400, 401, 404, 422, 429, 500, 503])
def test_a_key_that_a_server_repeats_is_told_to_nobody(start, upstream, status):
    told = {"error": {"message": "sk-one is not welcome", "type": "x", "code": "sk-one"}}
    upstream.chat(lambda exchange: exchange.answer(told, status=status))
    gateway = start(FAST + backend("one", upstream.url, api_key_env="KEY"), environment={"KEY": "sk-one"})
    gateway.wait_for_backend("one")
    answer = gateway.chat()
    plain(upstream, "/v1/models", told, status)
    gateway.wait_for_backend("one", "Unhealthy")

    assert answer.status_code >= 400
    pages = [gateway.get(path).text for path in ["/", "/v1/backends", "/v1/history", "/metrics"]]
    assert "sk-one" not in answer.text + gateway.log + "".join(pages)


def test_a_key_that_a_stream_repeats_is_told_to_nobody(start, upstream):
    def play(exchange):
        exchange.begin_stream()
        exchange.event(delta("one"))
        exchange.event({"error": {"message": "sk-one is used up", "code": 500}})
        exchange.end_stream()

    upstream.chat(play)
    gateway = start(FAST + backend("one", upstream.url, api_key_env="KEY"), environment={"KEY": "sk-one"})
    gateway.wait_for_backend("one")

    text = gateway.chat(stream=True).text

    assert "is used up" in text and "sk-one" not in text + gateway.log + gateway.get("/v1/history").text
