"""Bodies that are compressed, on the way to a backend and back; byte order marks; what ends a line for some readers."""

import ctypes
import gzip
import json
import queue
import zlib
from collections.abc import Callable

import pytest

from gateway import backend
from upstream import ANSWER, FINISHED, delta

CHAT = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi " * 100}]}).encode()
MIB = 1024 * 1024


def bare_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


def brotli(data: bytes) -> bytes:
    room = ctypes.c_size_t(len(data) + 1024)
    out = ctypes.create_string_buffer(room.value)
    library = ctypes.CDLL("libbrotlienc.so.1")
    assert library.BrotliEncoderCompress(5, 22, 0, ctypes.c_size_t(len(data)), data, ctypes.byref(room), out)
    return out.raw[: room.value]


def zstd(data: bytes) -> bytes:
    room = len(data) + 1024
    out = ctypes.create_string_buffer(room)
    library = ctypes.CDLL("libzstd.so.1")
    library.ZSTD_compress.restype = ctypes.c_size_t
    count = library.ZSTD_compress(out, ctypes.c_size_t(room), data, ctypes.c_size_t(len(data)), 3)
    return out.raw[:count]


CODINGS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("gzip", gzip.compress),
    ("x-gzip", gzip.compress),
    ("deflate", zlib.compress),
    ("deflate", bare_deflate),
    ("br", brotli),
    ("zstd", zstd),
    ("gzip, br", lambda data: brotli(gzip.compress(data))),
]
every_coding = pytest.mark.parametrize(("coding", "pack"), CODINGS)


@pytest.fixture
def gateway(start, upstream):
    gateway = start(backend("one", upstream.url))
    gateway.wait_for_backend("one")
    return gateway


def post(gateway, body: bytes, path: str = "/v1/chat/completions", **fields: str):
    headers = {"content-type": "application/json"} | {name.replace("_", "-"): value for name, value in fields.items()}
    return gateway.http.post(path, content=body, headers=headers)


# Requests


@every_coding
def test_a_request_may_be_compressed(gateway, upstream, coding, pack):
    assert post(gateway, pack(CHAT), content_encoding=coding).json() == ANSWER

    asked = upstream.request()
    assert asked.body == CHAT and "content-encoding" not in asked.headers


def test_a_large_request_may_be_compressed(gateway, upstream):
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hello " * MIB}]}).encode()

    assert post(gateway, gzip.compress(body), content_encoding="gzip").status_code == 200
    assert upstream.request().body == body


def test_a_request_that_comes_to_too_much_is_refused(gateway, upstream):
    for pack, coding in ((gzip.compress, "gzip"), (zstd, "zstd"), (brotli, "br")):
        bomb = pack(b'{"model":"m","x":"' + bytes(64 * MIB))
        answer = post(gateway, bomb, content_encoding=coding)
        assert answer.status_code == 413 and answer.json()["error"]["code"] == "body_too_large"
    assert upstream.requests.empty()


def test_a_request_that_cannot_be_decoded_is_refused_in_true_words(gateway, upstream):
    for body in (CHAT, gzip.compress(CHAT)[:-3], gzip.compress(CHAT) + b"x"):
        answer = post(gateway, body, content_encoding="gzip")
        assert answer.status_code == 400 and "gzip" in answer.json()["error"]["message"]
    for path, words in (("/v1/chat/completions", "error"), ("/v1/messages", "error"), ("/api/chat", "error")):
        answer = post(gateway, CHAT, path, content_encoding="compress")
        assert answer.status_code == 415 and answer.headers["accept-encoding"] == "gzip, deflate, br, zstd"
        assert "compress" in str(answer.json()[words])
    assert upstream.requests.empty()


def test_a_byte_order_mark_before_a_request_is_skipped(gateway, upstream):
    assert post(gateway, b"\xef\xbb\xbf" + CHAT).status_code == 200
    assert upstream.request().body == CHAT


# Answers


def test_servers_are_asked_not_to_compress(gateway, upstream):
    post(gateway, CHAT, accept_encoding="gzip")
    assert upstream.request().headers["accept-encoding"] == "identity"


@every_coding
def test_an_answer_that_is_compressed_all_the_same_is_decoded(gateway, upstream, coding, pack):
    upstream.chat(lambda exchange: exchange.answer(pack(json.dumps(ANSWER).encode()), content_encoding=coding))
    answer = post(gateway, CHAT)

    assert answer.json() == ANSWER and "content-encoding" not in answer.headers

    words = {"error": {"message": "the prompt is too long", "type": "invalid_request_error", "code": "context"}}
    upstream.chat(lambda exchange: exchange.answer(pack(json.dumps(words).encode()), 400, content_encoding=coding))
    refused = post(gateway, CHAT)
    assert refused.status_code == 400 and "the prompt is too long" in refused.text


def test_every_event_of_a_compressed_stream_arrives_at_once(gateway, upstream):
    def play(exchange):
        exchange.send(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )
        packer = zlib.compressobj(wbits=31)
        for index in range(3):
            event = f"data: {json.dumps(delta(str(index)))}\n\n".encode()
            exchange.piece(packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH))
            # The client has the event before the next one is sent.
            assert turns.get(timeout=60) == index
        end = f"data: {json.dumps(FINISHED)}\n\ndata: [DONE]\n\n".encode()
        exchange.piece(packer.compress(end) + packer.flush())
        exchange.end_stream()

    turns: "queue.Queue[int]" = queue.Queue()
    upstream.chat(play)
    seen = []
    with gateway.http.stream("POST", "/v1/chat/completions", json={"model": "m", "stream": True}) as answer:
        assert "content-encoding" not in answer.headers
        for line in answer.iter_lines():
            if line.startswith("data: {"):
                text = json.loads(line[6:])["choices"][0]["delta"].get("content")
                if text is not None:
                    seen.append(text)
                    turns.put(int(text))
            elif line.startswith("data: [DONE]"):
                seen.append("done")
    assert seen == ["0", "1", "2", "done"]


def test_an_answer_that_cannot_be_decoded_is_a_failure_in_true_words(start, upstream, second_upstream):
    gateway = start(backend("one", upstream.url, priority=1) + backend("two", second_upstream.url, priority=2))
    gateway.wait_for_backend("one")
    gateway.wait_for_backend("two")
    packed = gzip.compress(json.dumps(ANSWER).encode())
    for body, coding in ((b"no gzip", "gzip"), (packed[:-5], "gzip"), (packed, "snappy")):
        upstream.chat(lambda exchange, body=body, coding=coding: exchange.answer(body, content_encoding=coding))
        second_upstream.chat(lambda exchange: exchange.answer(ANSWER))
        assert post(gateway, CHAT).headers["x-nexus-backend"] == "two"

        second_upstream.chat(lambda exchange, body=body, coding=coding: exchange.answer(body, content_encoding=coding))
        answer = post(gateway, CHAT)
        assert answer.status_code == 502 and coding in answer.json()["error"]["message"]


def test_a_server_that_compresses_its_model_list_is_healthy(start, upstream):
    data = {"object": "list", "data": [{"id": "m", "object": "model", "created": 1, "owned_by": "test"}]}
    upstream.on(
        "/v1/models",
        lambda exchange: exchange.answer(gzip.compress(json.dumps(data).encode()), content_encoding="gzip"),
    )
    gateway = start(backend("one", upstream.url))
    gateway.wait_for_backend("one")


# Marks and lines


def test_a_byte_order_mark_before_an_answer_is_skipped(gateway, upstream):
    upstream.chat(lambda exchange: exchange.answer(b"\xef\xbb\xbf" + json.dumps(ANSWER).encode()))
    assert post(gateway, CHAT).content == json.dumps(ANSWER).encode()


SEPARATORS = "\u2028\u2029\u0085"


@pytest.mark.parametrize(
    ("path", "end"), [("/v1/chat/completions", "data: [DONE]"), ("/v1/messages", "message_stop"), ("/api/chat", '"done":true')]
)
def test_a_stream_has_no_lines_but_its_own_whatever_reads_it(gateway, upstream, path, end):
    def play(exchange):
        exchange.begin_stream()
        text = json.dumps(delta(f"a{SEPARATORS}b"), ensure_ascii=False).encode()
        for byte in b"data: " + text + b"\n\n":
            exchange.piece(bytes([byte]))
        exchange.event(FINISHED)
        exchange.event(b"[DONE]")
        exchange.end_stream()

    upstream.chat(play)
    body = {"model": "m", "stream": True, "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
    text = post(gateway, json.dumps(body).encode(), path).content.decode()

    assert text.splitlines() == text.removesuffix("\n").split("\n") and end in text
    assert "a\\u2028\\u2029\\u0085b" in text
