"""Requests as Claude Code sends them, before a real model and before Ollama's own API."""

import json
from typing import Any

import pytest

from gateway import FAST, Gateway, backend
from ollama_server import COUNTS, OllamaServer, capable, done, line
from test_claude_code import CACHED, ask, call, events, request, result, user
from upstream import Exchange

MODEL = "smollm2:135m"
PDF = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}}
AGENTS = {"role": "system", "content": "Available agents: x"}

SHAPES: dict[str, list[dict[str, Any]]] = {
    "first": [user("<system-reminder>Today.</system-reminder>", "Hello.")],
    "system last": [user("Hello."), AGENTS],
    "system in the middle": [user("a"), {"role": "assistant", "content": "b"}, AGENTS, user("c")],
    "system between a call and its result": [user("a"), call("t1"), AGENTS, user(result("t1"))],
    "two in a row": [user("a"), user("b")],
    "calls": [user("a"), call("t1"), user(result("t1")), call("t2"), user(result("t2"), "and now?")],
    "repeated ids": [user("a"), call("t1", "x"), user(result("t1", "1")), call("t1", "y"), user(result("t1", "2"))],
    "a result of blocks": [user("a"), call("t1"), user(result("t1", [{"type": "text", "text": "1", **CACHED}]))],
    "nothing as a result": [user("a"), call("t1"), user(result("t1", []))],
    "content that is null": [user("a"), {"role": "assistant", "content": None}, user("b")],
    "thinking of before": [
        user("a"),
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm.", "signature": ""}, {"type": "text", "text": "b"}]},
        user("c"),
    ],
    "a document": [user(PDF, "What is it?")],
}


def asked(*messages: dict[str, Any], **members: Any) -> dict[str, Any]:
    return request(*messages, model=MODEL, max_tokens=4, **members)


def whole(answer: Any) -> None:
    """The stream has all of its events, in order."""
    assert answer.status_code == 200, answer.text
    kinds = [event["type"] for event in events(answer)]
    assert kinds[0] == "message_start" and kinds[-2:] == ["message_delta", "message_stop"], answer.text
    assert kinds.count("content_block_start") == kinds.count("content_block_stop")


@pytest.fixture
def real(start, model_server) -> Gateway:
    gateway = start(FAST + backend("llama", model_server, options={"endpoints": ["chat"]}))
    gateway.wait_for_backend("llama")
    return gateway


@pytest.mark.parametrize("shape", SHAPES)
def test_a_real_model_takes_every_shape(real, shape):
    answer = ask(real, asked(*SHAPES[shape]))

    assert answer.status_code == 200, answer.text
    # A model as small as this one may have nothing to say.
    assert answer.json()["type"] == "message" and answer.json()["stop_reason"] in ("end_turn", "max_tokens", "tool_use")
    usage = answer.json()["usage"]
    assert usage["input_tokens"] + (usage.get("cache_read_input_tokens") or 0) > 20
    whole(ask(real, asked(*SHAPES[shape], stream=True)))


class OllamasServer(OllamaServer):
    """Refuses what Ollama's own server cannot read."""

    def __init__(self) -> None:
        super().__init__(capable(MODEL, "completion", "tools"))
        self.said: list[dict[str, Any]] = []
        self.calls: list[dict[str, Any]] = []
        self.on("/api/chat", self.play)

    def play(self, exchange: Exchange) -> None:
        body = exchange.json
        self.said.append(body)
        problem = self.problem(body)
        if problem:
            exchange.answer({"error": problem}, status=400)
        elif body.get("stream") is False:
            answer = done("Done.", **COUNTS)
            if self.calls:
                answer["message"]["tool_calls"] = self.calls
            exchange.answer(answer)
        else:
            exchange.begin_stream("application/x-ndjson")
            for item in (line("Done."), *([line(tool_calls=self.calls)] if self.calls else []), done(**COUNTS)):
                exchange.piece(json.dumps(item).encode() + b"\n")
            exchange.end_stream()

    @staticmethod
    def problem(body: dict[str, Any]) -> str | None:
        for message in body["messages"]:
            if message["role"] not in ("system", "user", "assistant", "tool"):
                return "no such role"
            if not isinstance(message.get("content", ""), str):
                return "json: cannot unmarshal array into Go struct field ChatRequest.messages.content of type string"
            for called in message.get("tool_calls", []):
                if not isinstance(called["function"]["arguments"], dict):
                    return "json: cannot unmarshal string into Go struct field .function.arguments"
            if message["role"] == "tool" and not message.get("tool_name"):
                return "a result without the name of its tool"
        if any(tool["type"] != "function" for tool in body.get("tools", [])):
            return "a tool that is no function"
        return None


@pytest.fixture
def server():
    server = OllamasServer()
    yield server
    server.close()


@pytest.fixture
def ollama(start, server) -> Gateway:
    gateway = start(FAST + backend("one", server.url, type="ollama"))
    gateway.wait_for_backend("one")
    return gateway


@pytest.mark.parametrize("shape", SHAPES)
def test_ollamas_api_takes_every_shape(ollama, server, shape):
    answer = ask(ollama, asked(*SHAPES[shape]))

    assert answer.status_code == 200, answer.text
    assert answer.json()["content"] == [{"type": "text", "text": "Done."}]
    whole(ask(ollama, asked(*SHAPES[shape], stream=True)))
    assert AGENTS not in SHAPES[shape] or "Available agents: x" in json.dumps(server.said[0]["messages"])


@pytest.mark.parametrize("ids", [False, True])
def test_no_two_calls_of_a_conversation_have_one_id(ollama, server, ids):
    """Older servers give no ids; a client may have one request id for all of its requests."""
    server.calls = [{**({"id": "call_0"} if ids else {}), "function": {"name": "Bash", "arguments": {"command": "ls"}}}] * 2
    messages = [user("go")]
    seen: list[str] = []
    for _ in range(3):
        answer = ask(ollama, asked(*messages), **{"x-request-id": "same"})
        assert answer.status_code == 200, answer.text
        calls = [block for block in answer.json()["content"] if block["type"] == "tool_use"]
        seen += [block["id"] for block in calls]
        messages += [{"role": "assistant", "content": calls}, user(*(result(block["id"]) for block in calls))]

    assert len(set(seen)) == 6
