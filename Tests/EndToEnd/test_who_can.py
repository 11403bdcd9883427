"""Which of the backends that have a model can do what a request needs, and what a client is told when none can."""

import json
from typing import Any

import pytest

from gateway import Gateway, backend
from ollama_server import OllamaServer, capable
from upstream import ANSWER, Upstream

ROUNDS = 4
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
IMAGE_DATA = "iVBORw0KGgo="
IMAGE = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{IMAGE_DATA}"}}]
LONG_TEXT = "word " * 60_000
SEES = {"architecture": {"input_modalities": ["text", "image"]}}
BLIND = {"architecture": {"input_modalities": ["text"]}}


def chat(gateway: Gateway, model: str = "m", content: Any = "hi", **members: Any) -> Any:
    return gateway.chat(model, messages=[{"role": "user", "content": content}], **members)


def anthropic(gateway: Gateway, model: str = "m", content: Any = "hi", **members: Any) -> Any:
    body = {"model": model, "max_tokens": 64, "messages": [{"role": "user", "content": content}], **members}
    return gateway.http.post("/v1/messages", json=body)


def ollama(gateway: Gateway, model: str = "m", content: str = "hi", images: Any = None, **members: Any) -> Any:
    message = {"role": "user", "content": content, **({"images": images} if images else {})}
    body = {"model": model, "stream": False, "messages": [message], **members}
    return gateway.http.post("/api/chat", json=body)


def see(gateway: Gateway, model: str = "m") -> list[Any]:
    """The same image, in the words of each API."""
    source = {"type": "base64", "media_type": "image/png", "data": IMAGE_DATA}
    return [
        chat(gateway, model, IMAGE),
        anthropic(gateway, model, [{"type": "image", "source": source}]),
        ollama(gateway, model, images=[IMAGE_DATA]),
    ]


def call(gateway: Gateway, model: str = "m") -> list[Any]:
    """The same tool, in the words of each API."""
    return [
        chat(gateway, model, tools=[TOOL]),
        anthropic(gateway, model, tools=[{"name": "f", "input_schema": {"type": "object"}}]),
        ollama(gateway, model, tools=[TOOL]),
    ]


def shape(gateway: Gateway, model: str = "m") -> list[Any]:
    """The same format of the answer, in the words of each API."""
    return [
        chat(gateway, model, response_format={"type": "json_object"}),
        anthropic(gateway, model, output_format={"type": "json_schema", "schema": {"type": "object"}}),
        ollama(gateway, model, format="json"),
    ]


def talk(gateway: Gateway, model: str = "m") -> list[Any]:
    return [chat(gateway, model), anthropic(gateway, model), ollama(gateway, model)]


@pytest.fixture
def seen(upstream: Upstream, second_upstream: Upstream) -> list[str]:
    """The servers that were asked, in order."""
    seen: list[str] = []
    for name, server in (("one", upstream), ("two", second_upstream)):

        def play(exchange: Any, name: str = name) -> None:
            seen.append(name)
            exchange.answer({**ANSWER, "model": exchange.json["model"]})

        server.chat(play)
    return seen


def tell(server: Upstream, *names: str, **told: Any) -> None:
    """The server has these models, and tells this of each."""
    data = [{"id": name, "object": "model", "created": 1, "owned_by": "test", **told} for name in names or ["m"]]
    server.on("/v1/models", lambda exchange: exchange.answer({"object": "list", "data": data}))


def begin(start: Any, *servers: Upstream, routing: str = "", type: str = "openai", **keys: Any) -> Gateway:
    names = ["one", "two"][: len(servers)]
    text = '[routing]\nstrategy = "round_robin"\n' + routing
    gateway: Gateway = start(
        text + "".join(backend(name, server.url, type, **keys) for name, server in zip(names, servers, strict=True))
    )
    for name in names:
        gateway.wait_for_backend(name)
    return gateway


@pytest.mark.parametrize("blind", [BLIND, {}], ids=["told", "unknown"])
def test_images_go_to_the_backend_whose_model_sees(start, upstream, second_upstream, seen, blind):
    tell(upstream, **blind)
    tell(second_upstream, **SEES)
    gateway = begin(start, upstream, second_upstream)

    for _ in range(ROUNDS):
        assert [answer.status_code for answer in see(gateway)] == [200] * 3
    assert seen == ["two"] * 3 * ROUNDS
    del seen[:]
    for _ in range(ROUNDS):
        assert [answer.status_code for answer in talk(gateway)] == [200] * 3
    assert {*seen} == {"one", "two"}


def test_tools_go_to_the_backend_whose_model_has_them(start, upstream, second_upstream, seen):
    tell(upstream, supported_parameters=["max_tokens", "stop"])
    tell(second_upstream, supported_parameters=["max_tokens", "tools", "response_format"])
    gateway = begin(start, upstream, second_upstream)

    for _ in range(ROUNDS):
        assert [answer.status_code for answer in call(gateway) + shape(gateway)] == [200] * 6
    assert {*seen} == {"two"}
    del seen[:]
    for _ in range(ROUNDS):
        assert chat(gateway, tools=[TOOL], tool_choice="none").status_code == 200
    assert {*seen} == {"one", "two"}


def test_who_certainly_cannot_is_not_asked_even_after_a_failure(start, upstream, second_upstream, seen):
    tell(upstream, **BLIND)
    tell(second_upstream, **SEES)
    second_upstream.chat(lambda exchange: exchange.answer({"error": {"message": "broken"}}, status=500))
    gateway = begin(start, upstream, second_upstream)

    answer = chat(gateway, content=IMAGE)
    assert answer.status_code == 502 and "broken" in answer.text
    assert seen == [] and answer.headers["x-nexus-attempts"] == "1"


def test_who_says_nothing_is_asked_after_those_that_can(start, upstream, second_upstream, seen):
    tell(upstream)
    tell(second_upstream, **SEES)
    second_upstream.chat(lambda exchange: exchange.answer({"error": {"message": "broken"}}, status=500))
    gateway = begin(start, upstream, second_upstream)

    answer = chat(gateway, content=IMAGE)
    assert answer.status_code == 200 and answer.headers["x-nexus-attempts"] == "2"
    assert seen == ["one"]


def test_who_says_nothing_is_asked_where_those_that_can_are_full(start, upstream, second_upstream, seen):
    tell(upstream)
    tell(second_upstream, **SEES)
    gateway = begin(start, upstream, second_upstream, max_concurrent=1)

    def hold(exchange: Any) -> None:
        exchange.begin_stream()
        second_upstream.stopped.wait()

    second_upstream.chat(hold)
    data = json.dumps({"model": "m", "stream": True, "messages": [{"role": "user", "content": IMAGE}]}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(data)}\r\n\r\n"
    with gateway.connection() as connection:
        connection.sendall(head.encode() + data)
        second_upstream.request()
        assert chat(gateway, content=IMAGE).status_code == 200
    assert seen == ["one"]


@pytest.mark.parametrize("ask", [see, call], ids=["images", "tools"])
def test_where_all_lack_it_the_client_is_told_what_to_do(start, upstream, second_upstream, seen, ask):
    word = "images" if ask is see else "tools"
    tell(upstream, "m", "n", supported_parameters=["stop"], **BLIND)
    tell(second_upstream, "able", supported_parameters=["tools"], **SEES)
    gateway = begin(start, upstream, second_upstream)

    openais, anthropics, ollamas = ask(gateway)
    assert [answer.status_code for answer in (openais, anthropics, ollamas)] == [400] * 3
    error = openais.json()["error"]
    assert error["type"] == "invalid_request_error" and error["code"] == "model_lacks_ability"
    assert error["context"] == [{"backend": "one", "reason": f"does not support {word}"}]
    told = [error["message"], anthropics.json()["error"]["message"], ollamas.json()["error"]]
    assert anthropics.json()["type"] == "error" and anthropics.json()["error"]["type"] == "invalid_request_error"
    for words in told:
        assert f"'m' does not support {word}" in words and "Models here that do: able." in words
    assert seen == [] and "retry-after" not in openais.headers
    assert all(entry["status_code"] == 400 for entry in gateway.history())
    assert [answer.status_code for answer in talk(gateway)] == [200] * 3


def test_where_one_that_could_is_down_it_is_worth_to_wait(start, upstream, second_upstream, seen):
    tell(upstream, **BLIND)
    tell(second_upstream, **SEES)
    gateway = begin(
        start, upstream, second_upstream,
        routing="[health_check]\ninterval_seconds = 1\nretry_seconds = 1\nfailure_threshold = 1\n",
    )
    second_upstream.fail_probes()
    gateway.wait_for_backend("two", "Unhealthy")

    answer = chat(gateway, content=IMAGE)
    assert answer.status_code == 503 and int(answer.headers["retry-after"]) > 0
    reasons = {entry["backend"]: entry["reason"] for entry in answer.json()["error"]["context"]}
    assert reasons["one"] == "does not support images" and "unhealthy" in reasons["two"]
    assert seen == []


def test_a_model_that_lacks_it_is_passed_over_for_the_next_one(start, upstream, second_upstream, seen):
    tell(upstream, "plain", **BLIND, max_model_len=8192)
    tell(second_upstream, "able", **SEES, max_model_len=131072)
    gateway = begin(
        start, upstream, second_upstream,
        routing='[routing.aliases]\nbest = ["plain", "able"]\n[routing.fallbacks]\nplain = ["able"]\n',
    )

    for name in ("best", "plain"):
        answers = [*see(gateway, name), chat(gateway, name, LONG_TEXT)]
        assert [answer.status_code for answer in answers] == [200] * 4
        assert {answer.headers["x-nexus-fallback-model"] for answer in answers} == {"able"}
        assert chat(gateway, name).status_code == 200
    assert seen == [*["two"] * 4, "one"] * 2


def test_long_prompts_go_where_they_fit_in_each_api(start, upstream, second_upstream, seen):
    tell(upstream, max_model_len=8192)
    tell(second_upstream, max_model_len=131072)
    gateway = begin(start, upstream, second_upstream)

    for _ in range(ROUNDS):
        answers = [chat(gateway, content=LONG_TEXT), anthropic(gateway, content=LONG_TEXT), ollama(gateway, content=LONG_TEXT)]
        answers += [
            chat(gateway, max_tokens=20_000), chat(gateway, max_completion_tokens=20_000),
            anthropic(gateway, max_tokens=20_000), ollama(gateway, options={"num_predict": 20_000}),
        ]
        assert [answer.status_code for answer in answers] == [200] * 7
    assert {*seen} == {"two"}
    del seen[:]
    picture = "A" * 400_000
    for _ in range(ROUNDS):
        content = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}}]
        assert chat(gateway, content=content).status_code == 200
    assert {*seen} == {"one", "two"}, "an image is no text"


def test_an_estimate_refuses_nothing_by_itself(start, upstream, second_upstream, seen):
    tell(upstream, "m", max_model_len=100)
    tell(second_upstream, "n", max_model_len=200)
    gateway = begin(
        start, upstream, second_upstream, routing='[routing.fallbacks]\nm = ["n"]\n',
    )
    said = {"error": {"message": "This model's maximum context length is 100 tokens.", "code": "context_length_exceeded"}}
    upstream.chat(lambda exchange: exchange.answer(said, status=400))

    answer = chat(gateway, content=LONG_TEXT)
    assert answer.status_code == 400 and answer.json()["error"]["code"] == "context_length_exceeded"
    assert seen == []


def test_estimates_learn_from_what_the_servers_count(start, upstream, second_upstream, seen):
    tell(upstream, max_model_len=8192)
    tell(second_upstream, max_model_len=131072)
    gateway = begin(start, upstream, second_upstream)
    text = "word " * 4500  # some 5,600 tokens, if four bytes make one
    for name, server in (("one", upstream), ("two", second_upstream)):

        def play(exchange: Any, name: str = name) -> None:
            seen.append(name)
            tokens = len(exchange.body) // 2
            exchange.answer({**ANSWER, "usage": {"prompt_tokens": tokens, "completion_tokens": 1, "total_tokens": tokens + 1}})

        server.chat(play)

    for _ in range(2):
        assert chat(gateway, content=text).status_code == 200
    assert {*seen} == {"one", "two"}
    gateway.history()  # settles the ledger
    del seen[:]
    for _ in range(ROUNDS):
        assert chat(gateway, content=text).status_code == 200
    assert {*seen} == {"two"}


def test_ollamas_models_lack_what_it_does_not_list(start):
    server = OllamaServer(
        capable("plain", "completion"), capable("vectors", "embedding"), capable("able", "completion", "tools", "vision")
    )
    try:
        gateway = begin(start, server, type="ollama")
        for ask, word in ((see, "images"), (call, "tools")):
            for answer in ask(gateway, "plain"):
                assert answer.status_code == 400 and f"does not support {word}" in answer.text
                assert "Models here that do: able." in answer.text
            assert [answer.status_code for answer in ask(gateway, "able")] == [200] * 3
        answers = talk(gateway, "vectors")
        # In Ollama's own API an empty prompt loads and unloads any model: its server decides.
        assert [answer.status_code for answer in answers] == [400, 400, 200]
        assert all("does not support chats" in answer.text for answer in answers[:2])
        # A model that cannot think answers without.
        assert chat(gateway, "plain", reasoning_effort="high").status_code == 200
        assert [answer.status_code for answer in shape(gateway, "plain")] == [200] * 3
    finally:
        server.close()
