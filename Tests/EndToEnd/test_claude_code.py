"""Requests as Claude Code sends them, before a server that takes them as strictly as a chat template does."""

import json
from typing import Any

import httpx
import pytest

from gateway import FAST, Gateway, backend
from upstream import DELTA, Exchange, Upstream

USER = "user_" + "0a1b2c3d" * 8 + "_account_7b1c_session_0d2f4a6e"
BETA = "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,fine-grained-tool-streaming-2025-05-14"
HEADERS = {"anthropic-version": "2023-06-01", "anthropic-beta": BETA, "x-app": "cli", "x-api-key": "none"}
CACHED = {"cache_control": {"type": "ephemeral"}}
TOOLS: list[dict[str, Any]] = [
    {
        "name": "Bash",
        "description": "Runs a command.",
        "input_schema": {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "object",
            "properties": {"command": {"type": "string"}},
            "required": ["command"],
            "additionalProperties": False,
        },
        "eager_input_streaming": True,
    },
    {"name": "Read", "description": "Reads.", "input_schema": {"type": "object"}, "next_beta": [{}], **CACHED},
    {"type": "web_search_20250305", "name": "web_search", "max_uses": 8},
]


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "text", "text": block} if isinstance(block, str) else block for block in blocks]}


def call(id: str, command: str = "ls") -> dict[str, Any]:
    return {"role": "assistant", "content": [{"type": "tool_use", "id": id, "name": "Bash", "input": {"command": command}}]}


def result(id: str, content: Any = "a.txt") -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": id, "content": content}


def request(*messages: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {
        "model": "m",
        "max_tokens": 32000,
        "system": [
            {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1; cch=1f3;"},
            {"type": "text", "text": "You are Claude Code.", **CACHED},
            {"type": "text", "text": "Be concise.", **CACHED},
        ],
        "messages": list(messages),
        "tools": TOOLS,
        "metadata": {"user_id": USER},
        "thinking": {"type": "enabled", "budget_tokens": 31999},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "temperature": 1,
        **members,
    }


class StrictServer(Upstream):
    """Refuses what the chat templates of many models and strict servers refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[dict[str, Any]] = []
        self.calls: list[tuple[int, str | None, str | None, str]] = []
        """Fragments of calls that an answer has: index, id, name, arguments."""
        self.chat(self.play)

    def play(self, exchange: Exchange) -> None:
        body = exchange.json
        self.said.append(body)
        problem = self.problem(body)
        if problem:
            exchange.answer({"error": {"message": problem, "type": "BadRequestError", "code": 400}}, status=400)
            return
        if body.get("stream"):
            self.stream(exchange)
            return
        calls = [
            {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}
            for _, id, name, arguments in self.calls
        ]
        message = {"role": "assistant", "content": None if calls else "Done.", **({"tool_calls": calls} if calls else {})}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}
        exchange.answer({**DELTA, "object": "chat.completion", "choices": [choice]})

    def stream(self, exchange: Exchange) -> None:
        def choice(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
            return {**DELTA, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}

        exchange.begin_stream()
        exchange.event(choice({"role": "assistant", "content": None, "reasoning_content": "Hm."}))
        for index, id, name, arguments in self.calls:
            function = {"arguments": arguments, **({"name": name} if name else {})}
            fragment = {"index": index, "function": function, **({"id": id, "type": "function"} if id else {})}
            exchange.event(choice({"tool_calls": [fragment]}))
        if not self.calls:
            exchange.event(choice({"content": "Done."}))
        exchange.event(choice({}, "tool_calls" if self.calls else "stop"))
        exchange.event(b"[DONE]")
        exchange.end_stream()

    @staticmethod
    def problem(body: dict[str, Any]) -> str | None:
        roles = [message["role"] for message in body["messages"]]
        if "system" in roles[1:]:
            return "System message must be at the beginning."
        spoken = [role for role in roles if role not in ("system", "tool")]
        if any(one == other for one, other in zip(spoken, spoken[1:], strict=False) if "tool" not in roles):
            return "Conversation roles must alternate user/assistant/user/assistant/..."
        if len(body.get("user", "")) > 64:
            return "user: string too long"
        open_calls: list[str] = []
        seen: set[str] = set()
        for message in body["messages"]:
            if message["role"] == "tool":
                if message["tool_call_id"] not in open_calls:
                    return "no such tool call"
                open_calls.remove(message["tool_call_id"])
                continue
            if open_calls:
                return "a tool call has no result"
            open_calls = [called["id"] for called in message.get("tool_calls", [])]
            if seen & set(open_calls) or len(set(open_calls)) < len(open_calls) or any(len(id) > 40 for id in open_calls):
                return "an id of a tool call is repeated or too long"
            seen |= set(open_calls)
        unknown = set(body) - {
            "model", "messages", "max_tokens", "stream", "stream_options", "temperature", "user", "tools", "tool_choice",
            "reasoning_effort",
        }
        return f"unknown: {unknown}" if unknown else None


@pytest.fixture
def server():
    server = StrictServer()
    yield server
    server.close()


@pytest.fixture
def gateway(start, server) -> Gateway:
    gateway = start(FAST + backend("one", server.url, options={"endpoints": ["chat"]}))
    gateway.wait_for_backend("one")
    return gateway


def ask(gateway: Gateway, body: dict[str, Any], path: str = "/v1/messages?beta=true", **headers: str) -> httpx.Response:
    return gateway.http.post(path, json=body, headers={**HEADERS, **headers})


def events(answer: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: ")]


def test_a_first_request_is_answered_and_what_was_left_out_is_told(gateway, server):
    answer = ask(gateway, request(user("<system-reminder>Today.</system-reminder>", "Hello.")))

    assert answer.status_code == 200, answer.text
    assert answer.json()["content"] == [{"type": "text", "text": "Done."}]
    said = server.said[0]
    assert said["messages"][0] == {"role": "system", "content": "You are Claude Code.\nBe concise."}
    assert [tool["function"]["name"] for tool in said["tools"]] == ["Bash", "Read"]
    assert len(said["user"]) == 64
    warning = answer.headers["x-nexus-warning"]
    assert "context_management" in warning and "web_search" in warning and "next_beta" in warning
    assert "cache_control" not in warning


def test_a_name_of_a_user_stays_the_same(gateway, server):
    for _ in range(2):
        ask(gateway, request(user("Hello.")))

    assert server.said[0]["user"] == server.said[1]["user"]


@pytest.mark.parametrize(
    "messages",
    [
        [user("task"), {"role": "system", "content": "Available agents: x"}],
        [user("task"), {"role": "system", "content": [{"type": "text", "text": "Available agents: x", **CACHED}]}, user("go")],
        [user("a"), {"role": "assistant", "content": "b"}, {"role": "system", "content": "Available agents: x"}, user("c")],
        [{"role": "system", "content": "Available agents: x"}, user("task")],
        [user("a"), call("t1"), {"role": "system", "content": "Available agents: x"}, user(result("t1"))],
        [user("a"), call("t1"), user(result("t1")), {"role": "system", "content": "Available agents: x"}],
    ],
)
def test_what_the_system_says_in_the_middle_reaches_the_model(gateway, server, messages):
    answer = ask(gateway, request(*messages))

    assert answer.status_code == 200, answer.text
    assert "Available agents: x" in json.dumps(server.said[0]["messages"])


@pytest.mark.parametrize(
    "block",
    [
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}},
        {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
        {"type": "hologram", "data": "x"},
        result("t1", [{"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}}]),
    ],
)
def test_what_a_model_cannot_be_shown_does_not_end_the_session(gateway, server, block):
    before = [user("a"), call("t1")] if block["type"] == "tool_result" else []

    answer = ask(gateway, request(*before, user(block, "What is it?")))

    assert answer.status_code == 200, answer.text
    assert "stood here" in json.dumps(server.said[0]["messages"]) and "note" in answer.headers["x-nexus-warning"]


def test_content_that_is_null_is_nothing(gateway):
    messages = [user("a"), {"role": "assistant", "content": None}, user("b")]

    assert ask(gateway, request(*messages, system=None, tools=None, metadata=None)).status_code == 200


def test_no_two_calls_have_one_id_whatever_servers_and_clients_call_theirs(gateway, server):
    """The server counts anew in each answer, and the client has one request id for all."""
    server.calls = [(0, "call_0", "Bash", '{"command":"a"}'), (0, "call_0", "Bash", '{"command":"b"}')]
    messages = [user("go")]
    ids: list[str] = []
    names: list[str] = []
    for turn in range(4):
        answer = ask(gateway, request(*messages, stream=turn % 2 == 0), **{"x-request-id": "same"})
        if turn % 2 == 0:
            told = events(answer)
            names.append(told[0]["message"]["id"])
            content = [event["content_block"] for event in told if event["type"] == "content_block_start"]
            inputs = [event["delta"]["partial_json"] for event in told if event.get("delta", {}).get("type") == "input_json_delta"]
            content = [block for block in content if block["type"] == "tool_use"]
            for block, text in zip(content, inputs, strict=True):
                block["input"] = json.loads(text)
        else:
            names.append(answer.json()["id"])
            content = answer.json()["content"]
        assert [block["input"] for block in content] == [{"command": "a"}, {"command": "b"}]
        ids += [block["id"] for block in content]
        messages += [{"role": "assistant", "content": content}, user(*(result(block["id"], block["id"]) for block in content))]

    assert len(set(ids)) == 8 and len(set(names)) == 4
    # Each result stands behind its own call.
    sent = [message for message in server.said[-1]["messages"] if message["role"] == "tool"]
    assert all(message["tool_call_id"] == message["content"] for message in sent) and len(sent) == 6


def test_a_history_with_repeated_ids_is_put_right(gateway, server):
    """As another gateway, or an older one, has left it."""
    messages = [user("go"), call("call_0", "a"), user(result("call_0", "1")), call("call_0", "b"), user(result("call_0", "2"))]

    assert ask(gateway, request(*messages)).status_code == 200
    sent = server.said[0]["messages"]
    calls = {called["id"]: called["function"]["arguments"] for message in sent for called in message.get("tool_calls", [])}
    results = {message["tool_call_id"]: message["content"] for message in sent if message["role"] == "tool"}
    assert [(calls[id], results[id]) for id in calls] == [('{"command":"a"}', "1"), ('{"command":"b"}', "2")]


def test_calls_of_one_stream_are_told_apart_by_index_and_id(gateway, server):
    server.calls = [(0, "call_0", "Bash", '{"comm'), (1, "call_0", "Read", '{"a'), (0, None, None, 'and":"x"}'), (1, None, None, '":1}')]

    told = events(ask(gateway, request(user("go"), stream=True)))

    blocks = {event["index"]: event["content_block"] for event in told if event["type"] == "content_block_start"}
    texts = {index: "" for index in blocks}
    for event in told:
        if event["type"] == "content_block_delta":
            texts[event["index"]] += event["delta"].get("partial_json", "")
    assert [(blocks[index]["name"], texts[index]) for index in blocks if blocks[index]["type"] == "tool_use"] == [
        ("Bash", '{"command":"x"}'), ("Read", '{"a":1}'),
    ]


def test_tokens_are_counted_for_the_same_request(gateway):
    body = request(user("Hello."), call("t1"), user(result("t1"), {"type": "hologram"}))
    del body["max_tokens"], body["metadata"]

    answer = ask(gateway, body, path="/v1/messages/count_tokens?beta=true")

    assert answer.status_code == 200 and answer.json()["input_tokens"] > 20, answer.text


def test_thinking_inside_of_the_text_becomes_thinking_where_the_backend_says_so(start, upstream):
    gateway = start(FAST + backend("one", upstream.url, options={"endpoints": ["chat"], "inline_thinking": "tags"}))
    gateway.wait_for_backend("one")

    def play(exchange: Exchange) -> None:
        exchange.begin_stream()
        for text in ("<th", "ink>Hm", ".</think", ">\n", "4", "2"):
            exchange.event({**DELTA, "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]})
        exchange.event({**DELTA, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        exchange.event(b"[DONE]")
        exchange.end_stream()

    upstream.chat(play)
    told = events(ask(gateway, request(user("6*7"), stream=True)))

    kinds = [event["content_block"]["type"] for event in told if event["type"] == "content_block_start"]
    deltas = [event["delta"] for event in told if event["type"] == "content_block_delta"]
    assert kinds == ["thinking", "text"]
    assert "".join(delta.get("thinking", "") for delta in deltas) == "Hm."
    assert "".join(delta.get("text", "") for delta in deltas) == "42"


def test_a_stream_that_falls_silent_gets_pings(start, upstream):
    gateway = start("[server]\nstream_keep_alive_seconds = 1\n" + FAST + backend("one", upstream.url, options={"endpoints": ["chat"]}))
    gateway.wait_for_backend("one")

    def play(exchange: Exchange) -> None:
        exchange.begin_stream()
        exchange.event({**DELTA, "choices": [{"index": 0, "delta": {"content": "a"}, "finish_reason": None}]})
        upstream.stopped.wait(2.5)
        exchange.event({**DELTA, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        exchange.event(b"[DONE]")
        exchange.end_stream()

    upstream.chat(play)
    told = [event["type"] for event in events(ask(gateway, request(user("go"), stream=True)))]

    assert told[0] == "message_start" and "ping" in told and told[-1] == "message_stop"
