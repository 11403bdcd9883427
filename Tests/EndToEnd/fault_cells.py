"""Faults of servers, the phases in which they happen, and the APIs that clients speak: what is to come of each."""

import json
from dataclasses import dataclass
from typing import Any

MESSAGES = [{"role": "user", "content": "hi"}]
WORDS = "one two three"
"""What good servers say."""


@dataclass(frozen=True)
class API:
    """What a client asks, in whose words, and what kind of server it reaches."""

    name: str
    path: str
    body: tuple[tuple[str, Any], ...]
    shape: str
    """Of errors: openai, anthropic or ollama."""
    stream: bool = False
    server: str = "openai"

    def request(self, model: str) -> dict[str, Any]:
        return {"model": model, **dict(self.body)}

    def text(self, body: str) -> str:
        """What the server said, of a good answer."""
        if self.path == "/v1/embeddings":
            assert json.loads(body)["data"][0]["embedding"] == [0.5, 1.0]
            return WORDS
        if not self.stream:
            return self._text(json.loads(body))
        if self.shape == "ollama":
            lines = [json.loads(line) for line in body.splitlines()]
            assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
            return "".join(map(self._text, lines))
        assert self.ends_well(body)
        events = [line.removeprefix("data: ") for line in body.split("\n") if line.startswith("data: {")]
        return "".join(self._text(json.loads(each)) for each in events)

    def ends_well(self, body: str) -> bool:
        """Whether a stream says that it is complete."""
        if self.shape == "ollama":
            return any(json.loads(line).get("done") for line in body.splitlines())
        return ("message_stop" if self.shape == "anthropic" else "data: [DONE]") in body

    def _text(self, value: dict[str, Any]) -> str:
        if self.shape == "ollama":
            return str(value["message"]["content"])
        if self.shape == "anthropic":
            if not self.stream:
                return str(value["content"][0]["text"])
            return str(value.get("delta", {}).get("text", ""))
        if not value["choices"]:
            return ""
        choice = value["choices"][0]
        return str(choice.get("text") or (choice.get("delta") or choice.get("message") or {}).get("content") or "")

    def error(self, body: str) -> str:
        """The words of an error answer; fails if that is none."""
        value = json.loads(body)
        if self.shape == "ollama":
            assert isinstance(value["error"], str) and list(value) == ["error"]
            return value["error"]
        if self.shape == "anthropic":
            assert value["type"] == "error" and value["error"]["type"], value
        assert isinstance(value["error"]["type"], str)
        assert isinstance(value["error"]["message"], str)
        message: str = value["error"]["message"]
        return message

    def error_in_stream(self, body: str) -> str:
        """The words of the one error that ends a stream."""
        if self.shape == "ollama":
            *before, last = body.splitlines()
            assert not any("error" in json.loads(line) for line in before)
            return self.error(last)
        *before, last = [event for event in body.split("\n\n") if event]
        assert not any('"error"' in event for event in before)
        assert last.startswith("event: error\ndata: " if self.shape == "anthropic" else "data: "), last
        return self.error(last.split("data: ", 1)[1])


def chat(**more: Any) -> tuple[tuple[str, Any], ...]:
    return (("messages", MESSAGES), *more.items())


APIS = [
    API("chat", "/v1/chat/completions", chat(), "openai"),
    API("chat-stream", "/v1/chat/completions", chat(stream=True), "openai", stream=True),
    API("completions", "/v1/completions", (("prompt", "hi"),), "openai"),
    API("completions-stream", "/v1/completions", (("prompt", "hi"), ("stream", True)), "openai", stream=True),
    API("embeddings", "/v1/embeddings", (("input", "hi"),), "openai"),
    API("anthropic", "/v1/messages", chat(max_tokens=9), "anthropic"),
    API("anthropic-stream", "/v1/messages", chat(max_tokens=9, stream=True), "anthropic", stream=True),
    API("ollama", "/api/chat", chat(stream=False), "ollama"),
    API("ollama-stream", "/api/chat", chat(), "ollama", stream=True),
    # The same at a server that speaks Ollama's API.
    API("chat-at-ollama", "/v1/chat/completions", chat(), "openai", server="ollama"),
    API("chat-stream-at-ollama", "/v1/chat/completions", chat(stream=True), "openai", stream=True, server="ollama"),
    API("anthropic-stream-at-ollama", "/v1/messages", chat(max_tokens=9, stream=True), "anthropic", True, "ollama"),
    API("ollama-at-ollama", "/api/chat", chat(stream=False), "ollama", server="ollama"),
    API("ollama-stream-at-ollama", "/api/chat", chat(), "ollama", stream=True, server="ollama"),
]


@dataclass(frozen=True)
class Cell:
    """One fault in one phase, seen through one API."""

    api: API
    fault: str
    phase: str = "before_head"
    status: int = 0
    retry_after: int = 0

    @property
    def name(self) -> str:
        what = f"{self.fault} {self.status}" if self.status else self.fault
        return f"{what}{' retry-after' if self.retry_after else ''} / {self.phase} / {self.api.name}"

    @property
    def script(self) -> dict[str, Any]:
        told = {"retry_after": self.retry_after} if self.retry_after else {}
        return {"fault": self.fault, "phase": self.phase, "status": self.status, **told}

    @property
    def stalls(self) -> bool:
        return self.fault == "stall"

    @property
    def is_told_in_stream(self) -> bool:
        """The client has a piece of the answer before the fault: from there on nobody else may be asked."""
        return self.api.stream and self.phase in ("after_first", "before_end")

    @property
    def is_no_fault(self) -> bool:
        return self.fault == "drip"

    @property
    def is_of_the_client(self) -> bool:
        """The server refuses the request, which is passed on: nobody else is asked."""
        return 400 <= self.status < 500 and self.status not in (408, 425, 429)

    @property
    def moves_on(self) -> bool:
        """Another server is asked, and the client sees nothing of the fault."""
        return not (self.is_no_fault or self.is_of_the_client or self.is_told_in_stream)

    @property
    def is_rephrased(self) -> bool:
        """A server that does not know the path is asked once more, in other words than the client's."""
        return self.status == 404 and self.api.shape == self.api.server == "ollama"

    @property
    def told_status(self) -> set[int]:
        """What the client is told where no other server is there."""
        if self.status:
            if self.is_of_the_client:
                # The key that is refused is not the client's.
                return {502 if self.status == 401 else self.status}
            same = {429, 503, 504}
            return {self.status} if self.status in same else {503 if self.status in (408, 425) else 502}
        match (self.fault, self.phase):
            case ("refuse", _) | ("stall", "connect"):
                return {503}
            case ("stall", _):
                return {504}
            # Whether the connection had come about when it ended is a matter of chance.
            case (_, "connect"):
                return {502, 503}
            case _:
                return {502}

    @property
    def told_words(self) -> str:
        """What stands in the words that the client gets."""
        match self.fault:
            case "status" if self.status != 401:
                return f"no {self.status}"
            case "error":
                return "boom"
            case _:
                return ""


def cells() -> list[Cell]:
    found = []
    for api in APIS:
        found += [Cell(api, fault, "connect") for fault in ("refuse", "reset", "close", "stall", "garbage")]
        for phase in ("before_head", "in_head", "after_head", "after_first", "before_end"):
            found += [Cell(api, fault, phase) for fault in ("reset", "close", "stall", "garbage")]
        found += [Cell(api, "error", phase) for phase in ("after_head", *(("after_first",) if api.stream else ()))]
        found += [Cell(api, "cut_chunk", phase) for phase in ("after_head", "after_first")]
        if not api.stream:
            found += [Cell(api, fault) for fault in ("too_short", "too_long")]
        statuses = (400, 401, 402, 403, 404, 405, 408, 409, 413, 422, 425, 429, 500, 502, 503, 504)
        found += [Cell(api, "status", status=status) for status in statuses]
        found += [Cell(api, "status", status=status, retry_after=30) for status in (429, 503)]
        found.append(Cell(api, "drip"))
    return found
