"""The Ollama adapter inside a real gateway, against Ollama's own protocol."""

import json

import openai
import pytest

from gateway import LONG, backend
from upstream import Upstream


def lines(exchange, *objects):
    exchange.begin_stream("application/x-ndjson")
    for item in objects:
        exchange.piece(json.dumps(item).encode() + b"\n")
    exchange.end_stream()


def said(text, **more):
    return {
        "model": "llama3.2:1b", "created_at": "2026-01-02T03:04:05.6Z",
        "message": {"role": "assistant", "content": text}, "done": False, **more,
    }


DONE = said("", done=True, done_reason="stop", prompt_eval_count=11, eval_count=2)


@pytest.fixture
def ollama(upstream) -> Upstream:
    details = {"capabilities": ["completion", "tools"], "model_info": {"llama.context_length": 131072}}
    upstream.on("/api/tags", lambda exchange: exchange.answer({"models": [{"name": "llama3.2:1b", "digest": "d"}]}))
    upstream.on("/api/show", lambda exchange: exchange.answer(details))
    upstream.on("/api/version", lambda exchange: exchange.answer({"version": "0.9.0"}))
    return upstream


@pytest.fixture
def gateway(start, ollama):
    gateway = start(backend("ollama", ollama.url, type="ollama"))
    gateway.wait_for_backend("ollama")
    return gateway


@pytest.fixture
def client(gateway):
    return openai.OpenAI(base_url=gateway.url + "/v1", api_key="none", max_retries=0, timeout=LONG)


MESSAGES = [{"role": "user", "content": "hi"}]


def test_its_models_are_listed_with_their_abilities(gateway, client):
    model = client.models.list().data[0]

    assert model.id == "llama3.2:1b" and model.context_length == 131072
    assert model.capabilities == {"vision": False, "tools": True, "json_mode": True}
    with gateway.socket() as live:
        assert live.until("BackendStatus")[0]["metadata"]["server"] == "Ollama 0.9.0"


def test_a_chat_is_translated_both_ways(gateway, client, ollama):
    ollama.on("/api/chat", lambda exchange: exchange.answer({**DONE, "message": {"role": "assistant", "content": "hey"}}))

    answer = client.chat.completions.create(model="llama3.2:1b", messages=MESSAGES, temperature=0.5, max_tokens=9)

    sent = ollama.request().json
    assert sent["model"] == "llama3.2:1b" and sent["stream"] is False
    assert sent["messages"] == MESSAGES and sent["options"] == {"temperature": 0.5, "num_predict": 9}
    assert answer.choices[0].message.content == "hey" and answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == 13
    assert gateway.history()[-1]["completion_tokens"] == 2


def test_a_stream_becomes_openais(client, ollama):
    ollama.on("/api/chat", lambda exchange: lines(exchange, said("He"), said("llo"), DONE))

    chunks = list(
        client.chat.completions.create(
            model="llama3.2:1b", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        )
    )

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Hello"
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].usage.prompt_tokens == 11 and chunks[-2].choices[0].finish_reason == "stop"
    assert len({chunk.id for chunk in chunks}) == 1


def test_tool_calls_reach_the_client(client, ollama):
    call = {"function": {"name": "weather", "arguments": {"city": "Oslo"}}}
    ollama.on("/api/chat", lambda exchange: lines(exchange, {**said(""), "message": {"content": "", "tool_calls": [call]}}, DONE))
    tools = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]

    chunks = list(client.chat.completions.create(model="llama3.2:1b", messages=MESSAGES, tools=tools, stream=True))

    calls = [chunk.choices[0].delta.tool_calls[0] for chunk in chunks if chunk.choices[0].delta.tool_calls]
    assert calls[0].function.name == "weather" and json.loads(calls[0].function.arguments) == {"city": "Oslo"}
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def test_an_error_in_the_middle_is_told(gateway, client, ollama):
    ollama.on("/api/chat", lambda exchange: lines(exchange, said("a"), {"error": "the runner has stopped"}))

    with pytest.raises(openai.APIError) as caught:
        list(client.chat.completions.create(model="llama3.2:1b", messages=MESSAGES, stream=True))

    assert "the runner has stopped" in str(caught.value)
    assert gateway.history()[-1]["error_message"] == "ollama: the runner has stopped"


def test_a_request_it_cannot_serve_is_the_callers_error(client, ollama):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="llama3.2:1b", messages=MESSAGES, n=2)

    assert caught.value.body["param"] == "n" and ollama.requests.empty()


def test_embeddings_are_translated(client, ollama):
    ollama.on("/api/embed", lambda exchange: exchange.answer({"embeddings": [[0.5, -1.0]], "prompt_eval_count": 2}))

    # The client asks for base64 by itself.
    answer = client.embeddings.create(model="llama3.2:1b", input=["x"])

    assert answer.data[0].embedding == [0.5, -1.0] and answer.usage.prompt_tokens == 2
    assert ollama.request().json["input"] == ["x"]
