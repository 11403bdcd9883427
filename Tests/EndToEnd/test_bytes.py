"""What a server sends is what the client gets, byte for byte, however the stream is cut; and the same for requests. Only what
some readers take for the end of a line is escaped, and a byte order mark is left out."""

import concurrent.futures
import hashlib
import json
import random
import threading

import pytest

from gateway import FAST, Gateway, backend
from upstream import Upstream

STREAMS = 5000
CLIENTS = 4
SEED = 20260101
WORDS = ["plain", "Größe", "漢字", "😀", "a\"quote", "back\\slash", "\u2028", "tab\t", "", " ", "e\u0301", "{\"error\":1}"]


def random_stream(number: int) -> tuple[bytes, bool]:
    """A legal stream of OpenAI's API, and whether its client has asked for the usage."""
    chance = random.Random(SEED + number)
    end = chance.choice([b"\n", b"\r\n", b"\r"])
    asked = chance.random() < 0.5
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": number, "model": "m"}
    out = b"\xef\xbb\xbf" if chance.random() < 0.1 else b""

    def event(value: dict) -> bytes:
        text = json.dumps(value, ensure_ascii=chance.random() < 0.5)
        indented = json.dumps(value, indent=1) if chance.random() < 0.1 else text
        lines = [line.encode() for line in indented.split("\n")]
        space = b" " if chance.random() < 0.8 else b""
        head = b"event: chunk" + end if chance.random() < 0.05 else b""
        return head + b"".join(b"data:" + space + line + end for line in lines) + end

    for _ in range(chance.randrange(12)):
        if chance.random() < 0.1:
            out += b": a comment" + end + end
        text = chance.choice(WORDS) * chance.choice([1, 1, 1, 50])
        delta = {"content": text} if chance.random() < 0.9 else {"reasoning_content": text}
        out += event({**chunk, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    out += event({**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    if asked:
        out += event({**chunk, "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}})
    return out + b"data: [DONE]" + end + end, asked


def as_clients_get_it(stream: bytes) -> bytes:
    return stream.removeprefix(b"\xef\xbb\xbf").replace("\u2028".encode(), b"\\u2028")


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def sent(upstream: Upstream) -> dict[int, str]:
    """By number: the digest of what the client is to get of what the server sent, in pieces that were cut anywhere."""
    sent: dict[int, str] = {}
    lock = threading.Lock()

    def play(exchange):
        number = exchange.json["seed"]
        stream, _ = random_stream(number)
        chance = random.Random(number)
        exchange.begin_stream()
        position = 0
        while position < len(stream):
            size = chance.choice([1, 2, 7, 40, 300, 5000])
            exchange.piece(stream[position : position + size])
            position += size
        exchange.end_stream()
        with lock:
            sent[number] = digest(as_clients_get_it(stream))

    upstream.chat(play)
    return sent


def test_thousands_of_random_streams_arrive_as_they_were_sent(start, upstream, sent):
    gateway: Gateway = start(FAST + backend("one", upstream.url))
    gateway.wait_for_backend("one")

    def ask(number: int) -> tuple[int, str]:
        _, asked = random_stream(number)
        body = {"model": "m", "messages": [], "stream": True, "seed": number}
        if asked:
            body["stream_options"] = {"include_usage": True}
        answer = gateway.http.post("/v1/chat/completions", json=body)
        assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        return number, digest(answer.content)

    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as clients:
        received = dict(clients.map(ask, range(STREAMS)))

    wrong = [number for number in range(STREAMS) if received[number] != sent[number]]
    assert not wrong, f"streams of other bytes (seed {SEED}): {wrong[:20]}"
    stats = gateway.json("/v1/stats")["requests"]
    assert (stats["success"], stats["errors"]) == (STREAMS, 0)


def random_request(number: int) -> bytes:
    """A request with spaces, escapes and members as no library writes them."""
    chance = random.Random(SEED - number)

    def space() -> str:
        return chance.choice(["", "", " ", "\n\t", "  "])

    members = [
        ("model", '"m"'),
        ("messages", json.dumps([{"role": "user", "content": chance.choice(WORDS) * 20}], ensure_ascii=False)),
        ("temperature", chance.choice(["0.10", "1e0", "1", "0.7000000000000001"])),
        ("x_" + chance.choice("abc"), '{"model" : "not this one", "n":[1,2.50,null]}'),
    ]
    chance.shuffle(members)
    pairs = [f'{space()}"{name}"{space()}:{space()}{value}{space()}' for name, value in members]
    return (space() + "{" + ",".join(pairs) + "}" + space()).encode()


@pytest.mark.parametrize("alias", [None, "m"])
def test_requests_arrive_as_they_were_sent_but_for_the_name_behind_an_alias(start, upstream, alias):
    models = {None: "m", "m": "the/real:one"}
    upstream.models(models[alias])
    routing = f'[routing.aliases]\n"{alias}" = "{models[alias]}"\n' if alias else ""
    gateway = start(FAST + routing + backend("one", upstream.url))
    gateway.wait_for_backend("one")
    while not upstream.requests.empty():
        upstream.requests.get()

    for number in range(200):
        body = random_request(number)
        gateway.http.post("/v1/chat/completions", content=body, headers={"content-type": "application/json"})
        assert json.loads(body)["model"] == "m"
        expected = body
        if alias:
            # The member itself, not the one inside of another.
            place = next(span for span in spans(body, b'"m"') if b"not this" not in body[span : span + 12])
            expected = body[:place] + b'"the/real:one"' + body[place + 3 :]
        assert upstream.request().body == expected, number


def spans(data: bytes, text: bytes) -> list[int]:
    found, position = [], data.find(text)
    while position >= 0:
        found.append(position)
        position = data.find(text, position + 1)
    return found
