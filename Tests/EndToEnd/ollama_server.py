"""A server that speaks Ollama's own API as Ollama does, with what it says scripted by the test."""

import json
import threading
from collections.abc import Iterable
from typing import Any

from upstream import LONG, Exchange, Upstream

TIME = "2026-01-02T03:04:05.678901234Z"
CREATED = 1_767_323_045
"""The same in Unix seconds."""

PROBES = ("/api/tags", "/api/show", "/api/ps", "/api/version")
GENERATORS = ("/api/chat", "/api/generate", "/api/embed", "/api/embeddings")
BUSY = "server busy, please try again.  maximum pending requests exceeded"

DETAILS = {
    "parent_model": "",
    "format": "gguf",
    "family": "llama",
    "families": ["llama"],
    "parameter_size": "1.2B",
    "quantization_level": "Q8_0",
}


def listed(name: str, **more: Any) -> dict[str, Any]:
    """A model as older servers list it: without capabilities and context length."""
    return {
        "name": name,
        "model": name,
        "modified_at": "2026-01-02T05:04:05+02:00",
        "size": 1_321_098_329,
        "digest": f"digest-of-{name}",
        "details": DETAILS,
        **more,
    }


def capable(name: str, *capabilities: str, context: int = 131072, **more: Any) -> dict[str, Any]:
    """A model as newer servers list it."""
    return listed(name, capabilities=list(capabilities), details={**DETAILS, "context_length": context}, **more)


def line(text: str = "", **message: Any) -> dict[str, Any]:
    """A line of a chat that is not the last one."""
    return {
        "model": "llama3.2:1b",
        "created_at": TIME,
        "message": {"role": "assistant", "content": text, **message},
        "done": False,
    }


def done(text: str = "", reason: str = "stop", **more: Any) -> dict[str, Any]:
    """The last line of a chat, and a whole answer, without counts."""
    return {**line(text), "done": True, "done_reason": reason, "total_duration": 5_000_000, **more}


COUNTS = {
    "load_duration": 1_000_000,
    "prompt_eval_count": 11,
    "prompt_eval_duration": 2_000_000,
    "eval_count": 2,
    "eval_duration": 3_000_000,
}


class OllamaServer(Upstream):
    """Lists its models and says hello; every path can be scripted."""

    def __init__(self, *models: dict[str, Any]) -> None:
        super().__init__()
        self.probed: list[str] = []
        """Paths of probes, in order."""
        self.seen = threading.Event()
        """For a test to say that it has what a script waits for."""
        del self.scripts["/v1/models"], self.scripts["/v1/chat/completions"]
        self.list(*(models or (capable("llama3.2:1b", "completion", "tools"),)))
        self.probe("/api/version", {"version": "0.33.0"})
        self.probe("/api/ps", {"models": []})
        self.say(done("hello", **COUNTS))

    def list(self, *models: dict[str, Any]) -> None:
        self.probe("/api/tags", {"models": list(models)})

    def probe(self, path: str, content: Any) -> None:
        def answer(exchange: Exchange) -> None:
            self.probed.append(path)
            exchange.answer(content)

        self.on(path, answer)

    def request(self) -> Exchange:
        """The next request that is not part of a probe."""
        while True:
            exchange = self.requests.get(timeout=LONG)
            if exchange.path not in PROBES:
                return exchange

    # What it answers.

    def say(self, answer: dict[str, Any], path: str = "/api/chat") -> None:
        """A whole answer: with its length when short, in chunks when long, as Ollama sends it."""

        def send(exchange: Exchange) -> None:
            body = json.dumps(answer).encode()
            if len(body) <= 2048:
                exchange.answer(body, content_type="application/json; charset=utf-8")
                return
            exchange.begin_stream("application/json; charset=utf-8")
            for start in range(0, len(body), 1500):
                exchange.piece(body[start : start + 1500])
            exchange.end_stream()

        self.on(path, send)

    def stream(self, *lines: dict[str, Any], path: str = "/api/chat", piece: int = 0, cut: bool = False) -> None:
        """Lines in pieces of so many bytes each, or a piece each; with `cut` the connection breaks after."""
        texts = [json.dumps(item, ensure_ascii=False).encode() + b"\n" for item in lines]

        def send(exchange: Exchange) -> None:
            exchange.begin_stream("application/x-ndjson")
            for data in pieces(texts, piece):
                exchange.piece(data)
            if cut:
                exchange.cut()
            else:
                exchange.end_stream()

        self.on(path, send)

    def refuse(self, status: int, text: str, path: str = "/api/chat") -> None:
        self.on(path, lambda exchange: exchange.answer({"error": text}, status=status))


def pieces(texts: Iterable[bytes], size: int) -> Iterable[bytes]:
    if not size:
        yield from texts
        return
    whole = b"".join(texts)
    for start in range(0, len(whole), size):
        yield whole[start : start + size]
