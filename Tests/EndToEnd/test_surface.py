"""Every route of every API: who answers it, in whose words it is refused, and that nothing stays behind."""

import httpx
import pytest

from gateway import FAST, Gateway, backend
from upstream import ANSWER, DELTA, FINISHED, Script, Upstream, delta

MESSAGE = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}
WHOLE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [{"type": "text", "text": "native"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 1},
}


@pytest.fixture
def gateway(start, upstream) -> Gateway:
    gateway: Gateway = start(FAST + backend("one", upstream.url))
    gateway.wait_for_backend("one")
    return gateway


def native(upstream: Upstream, script: Script) -> None:
    """The server has Anthropic's API, and shows it: to a GET it says that the path takes another method."""
    upstream.on("/v1/messages", lambda exchange: exchange.answer({}, 405) if exchange.method == "GET" else script(exchange))


def settled(gateway: Gateway) -> None:
    """Nothing is under way any more."""
    assert [view["pending"] for view in gateway.json("/v1/stats")["backends"]] == [0] * len(
        gateway.json("/v1/stats")["backends"]
    )


def test_a_server_that_speaks_anthropics_api_gets_the_clients_bytes(start, upstream):
    native(upstream, lambda exchange: exchange.answer(WHOLE))
    gateway = start(FAST + backend("one", upstream.url))
    gateway.wait_for_backend("one")
    while not upstream.requests.empty():
        upstream.requests.get()
    body = b'{ "model":"m" ,"max_tokens":9,"messages":[{"role":"user","content":"h\\u0069"}],"zz":1.50 }'

    answer = gateway.http.post("/v1/messages", content=body)

    assert answer.json() == WHOLE
    sent = upstream.request()
    assert (sent.path, sent.body) == ("/v1/messages", body) and sent.headers["anthropic-version"]
    assert gateway.history()[-1]["prompt_tokens"] == 3


def test_a_server_that_no_longer_speaks_it_gets_the_same_request_in_other_words(start, upstream):
    native(upstream, lambda exchange: exchange.answer(WHOLE))
    gateway = start("[routing]\nmax_retries = 0\n" + FAST + backend("one", upstream.url))
    gateway.wait_for_backend("one")
    upstream.on("/v1/messages", lambda exchange: exchange.answer({"error": {"message": "Not Found"}}, status=404))

    answer = gateway.http.post("/v1/messages", json=MESSAGE)

    assert answer.status_code == 200 and answer.json()["content"] == [{"type": "text", "text": "hello"}]
    entries = gateway.history()
    assert [entry["status"] for entry in entries] == ["Success"] and entries[0]["backend_id"] == "one"
    settled(gateway)


def test_another_server_answers_in_its_own_way_when_the_first_fails(start, upstream, second_upstream):
    native(upstream, lambda exchange: exchange.answer({"error": {"message": "broken"}}, status=500))
    gateway = start(
        FAST + backend("native", upstream.url, priority=1) + backend("plain", second_upstream.url, priority=90)
    )
    gateway.wait_for_backend("native")
    gateway.wait_for_backend("plain")

    answer = gateway.http.post("/v1/messages", json=MESSAGE)

    assert answer.json()["content"][0]["text"] == "hello" and answer.headers["x-nexus-backend"] == "plain"
    assert answer.headers["x-nexus-attempts"] == "2"
    settled(gateway)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/rerank", {"model": "m", "query": "q", "documents": ["d"]}),
        ("/v1/images/generations", {"model": "m", "prompt": "p"}),
        ("/v1/audio/speech", {"model": "m", "input": "i", "voice": "v"}),
        ("/v1/responses", {"model": "m", "input": "i"}),
    ],
)
def test_what_no_server_has_is_501_with_the_reason(gateway, path, body):
    answer = gateway.http.post(path, json=body)

    assert answer.status_code == 501 and answer.json()["error"]["code"] == "not_supported"
    assert "does not support" in answer.json()["error"]["message"]
    assert gateway.history()[-1]["endpoint"] == path and gateway.history()[-1]["status"] == "Error"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/messages", 405),
        ("POST", "/v1/messages/batches", 404),
        ("POST", "/v1/messages", 400),
        ("GET", "/api/chat", 405),
        ("GET", "/api/show", 405),
        ("POST", "/api/nothing", 404),
        ("POST", "/api/chat", 400),
        ("DELETE", "/api/delete", 501),
        ("GET", "/v1/responses/resp_1", 501),
        ("POST", "/v1/audio/speech", 400),
        ("POST", "/v1/audio/", 404),
    ],
)
def test_a_refusal_is_in_the_words_of_the_api_that_was_asked(gateway, method, path, status):
    answer = gateway.http.request(method, path, content=b"{}" if method == "POST" else None)

    assert answer.status_code == status and answer.headers["content-type"] == "application/json"
    error = answer.json()
    if path.startswith("/api/"):
        assert list(error) == ["error"] and isinstance(error["error"], str) and error["error"]
    elif path.startswith("/v1/messages"):
        assert error["type"] == "error" and error["error"]["type"] and error["error"]["message"]
        assert error["request_id"] == answer.headers["x-request-id"]
    else:
        assert set(error["error"]) == {"message", "type", "param", "code"}


def test_no_path_of_a_client_reaches_a_server_but_those_that_are_known(gateway, upstream):
    while not upstream.requests.empty():
        upstream.requests.get()
    for path in ["/v1/images/../../api/delete", "/v1/audio/..%2f..%2fapi/delete", "/v1/images//x", "/v1/audio/nonsense"]:
        answer = gateway.raw(f"POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 13\r\n\r\n".encode()
                             + b'{"model":"m"}')  # fmt: skip
        assert answer.startswith(b"HTTP/1.1 404 "), path
    assert upstream.requests.empty()


def test_sound_that_breaks_off_is_not_taken_for_whole(start, upstream):
    def play(exchange):
        exchange.begin_stream(content_type="audio/mpeg")
        exchange.piece(b"\xff\xfb" * 1000)
        exchange.cut()

    upstream.on("/v1/audio/speech", play)
    gateway = start(FAST + backend("one", upstream.url, options={"endpoints": ["chat", "audio"]}))
    gateway.wait_for_backend("one")

    for stream in [False, True]:
        with pytest.raises(httpx.RemoteProtocolError):
            gateway.http.post("/v1/audio/speech", json={"model": "m", "input": "x", "voice": "v", "stream": stream})
        assert gateway.history()[-1]["status"] == "Error"


def test_a_server_without_one_path_of_sound_keeps_the_others(start, upstream):
    upstream.on("/v1/audio/transcriptions", lambda exchange: exchange.answer({"text": "hello"}))
    gateway = start(FAST + backend("one", upstream.url))
    gateway.wait_for_backend("one")

    assert gateway.http.post("/v1/audio/speech", json={"model": "m"}).status_code == 501
    with gateway.socket() as live:
        live.until("BackendStatus")
    files = {"file": ("a.wav", b"RIFF")}
    assert gateway.http.post("/v1/audio/transcriptions", data={"model": "m"}, files=files).json() == {"text": "hello"}


def test_ollamas_pages_have_heads(gateway):
    for path in ["/api/tags", "/api/ps", "/api/version"]:
        answer = gateway.http.head(path)
        assert answer.status_code == 200 and answer.content == b""


def test_a_form_without_a_model_is_refused(gateway):
    answer = gateway.http.post("/v1/audio/transcriptions", files={"file": ("a.wav", b"RIFF")})

    assert answer.status_code == 400 and answer.json()["error"]["param"] == "model"


@pytest.mark.parametrize("path", ["/v1/messages", "/api/chat"])
def test_a_long_translated_answer_arrives_whole(gateway, upstream, path):
    text = "lang 漢 " * 100_000
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    upstream.chat(lambda exchange: exchange.answer({**ANSWER, "choices": [choice]}))

    answer = gateway.http.post(path, json={**MESSAGE, "stream": False}).json()

    assert (answer["content"][0]["text"] if path == "/v1/messages" else answer["message"]["content"]) == text


@pytest.mark.parametrize("path", ["/v1/messages", "/api/chat"])
def test_a_client_that_goes_away_from_a_translated_stream_frees_the_server(gateway, upstream, path):
    def play(exchange):
        exchange.begin_stream()
        exchange.event(delta("one"))
        exchange.wait_until_closed()

    upstream.chat(play)
    with gateway.http.stream("POST", path, json={**MESSAGE, "stream": True}) as answer:
        assert answer.status_code == 200
        next(answer.iter_raw())

    entry = gateway.wait_for_entry(lambda entry: entry["endpoint"] == path)
    assert entry["status"] == "Error" and "client closed" in entry["error_message"]
    settled(gateway)


@pytest.mark.parametrize("path", ["/v1/messages", "/api/chat"])
def test_an_answer_that_is_none_of_openais_is_an_error(gateway, upstream, path):
    upstream.chat(lambda exchange: exchange.answer({"something": "else"}))

    answer = gateway.http.post(path, json={**MESSAGE, "stream": False})

    assert answer.status_code == 502 and gateway.history()[-1]["status"] == "Error"
    settled(gateway)


def test_a_model_that_thinks_unseen_keeps_its_client_alive(start, upstream):
    gateway = start("[server]\nstream_keep_alive_seconds = 1\n" + FAST + backend("one", upstream.url))
    gateway.wait_for_backend("one")

    def play(exchange):
        exchange.begin_stream()
        thought = {**DELTA, "choices": [{"index": 0, "delta": {"reasoning_content": "hm"}, "finish_reason": None}]}
        for _ in range(5):
            exchange.event(thought)
            upstream.stopped.wait(0.6)
        exchange.event(delta("so"))
        exchange.event(FINISHED)
        exchange.event(b"[DONE]")
        exchange.end_stream()

    upstream.chat(play)
    with gateway.http.stream("POST", "/v1/messages", json={**MESSAGE, "stream": True}) as answer:
        text = "".join(answer.iter_text())

    assert "event: ping\n" in text and "hm" not in text
    assert text.startswith("event: message_start\n") and text.endswith('"message_stop"}\n\n')


def test_no_error_of_a_server_can_break_a_header_or_an_event(gateway, upstream: Upstream):
    def play(exchange):
        exchange.begin_stream()
        exchange.event(delta("one"))
        exchange.event({"error": {"message": "a\r\nb\n\ndata: [DONE]\n\n", "code": 500}})
        exchange.end_stream()

    upstream.chat(play)

    for path in ["/v1/chat/completions", "/v1/messages", "/api/chat"]:
        text = gateway.http.post(path, json={**MESSAGE, "stream": True}).text
        assert "\ndata: [DONE]" not in text
