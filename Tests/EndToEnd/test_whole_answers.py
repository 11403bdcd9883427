"""What counts as a whole answer, and what as one that went well."""

import json
from collections.abc import Callable, Iterator

import pytest

from gateway import Gateway, backend
from upstream import ANSWER, DELTA, FINISHED, Exchange, Upstream, delta

ERROR = {"error": {"message": "out of memory", "type": "server_error", "code": 500}}
LINE = {"model": "m", "created_at": "2026-01-02T03:04:05Z", "message": {"role": "assistant", "content": "one"}, "done": False}
LAST = {**LINE, "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop", "eval_count": 2}

GARBAGE = [
    b"garbage",
    b"<html>service unavailable</html>",
    b'{"choices":[{"index":0,"delta":{"content":"one"},"finish_reason":null}]',
    b'{"choices":[{"index":0,"delta":{"content":"one"},"finish_reason":null}]}{"more":1}',
    b'garbage {"index":0,"delta":{"content":"one"},"finish_reason":null}',
    b"[1,2]",
    b"null",
    b'{"content":"\xff\xfe"}',
]


def long(length: int) -> dict[str, object]:
    """An answer with a text of so many bytes."""
    choice = {"index": 0, "message": {"role": "assistant", "content": "x" * length}, "finish_reason": "stop"}
    return {**ANSWER, "choices": [choice]}


def until_the_end(content: bytes) -> Callable[[Exchange], None]:
    """Answers with a body that ends with the connection."""

    def script(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n" + content)
        exchange.cut()

    return script


def events(*items: bytes | dict[str, object]) -> Callable[[Exchange], None]:
    """Answers with a stream of these events."""

    def script(exchange: Exchange) -> None:
        exchange.begin_stream()
        for item in items:
            exchange.event(item)
        exchange.end_stream()

    return script


def lines(*items: bytes | dict[str, object]) -> Callable[[Exchange], None]:
    """Answers with a stream of these lines, as Ollama does."""

    def script(exchange: Exchange) -> None:
        exchange.begin_stream("application/x-ndjson")
        for item in items:
            exchange.piece((item if isinstance(item, bytes) else json.dumps(item).encode()) + b"\n")
        exchange.end_stream()

    return script


@pytest.fixture
def pair(start: Callable[..., Gateway], upstream: Upstream, second_upstream: Upstream) -> Gateway:
    """Two backends; the first is asked first."""
    gateway = start(
        '[routing]\nstrategy = "priority_only"\n'
        + backend("first", upstream.url, priority=1)
        + backend("second", second_upstream.url, priority=100)
    )
    gateway.wait_for_backend("first")
    gateway.wait_for_backend("second")
    return gateway


@pytest.fixture
def one(start: Callable[..., Gateway], upstream: Upstream) -> Gateway:
    gateway = start(backend("one", upstream.url))
    gateway.wait_for_backend("one")
    return gateway


@pytest.fixture
def ollama(start: Callable[..., Gateway], upstream: Upstream) -> Iterator[Gateway]:
    upstream.on("/api/tags", lambda exchange: exchange.answer({"models": [{"name": "m", "digest": "d"}]}))
    gateway = start(backend("one", upstream.url, type="ollama"))
    gateway.wait_for_backend("one")
    return gateway


def answered_by_the_second(gateway: Gateway, stream: bool = False) -> None:
    answer = gateway.chat(stream=stream)
    assert answer.status_code == 200 and answer.headers["x-nexus-backend"] == "second"
    assert (answer.text.count("[DONE]") == 1) if stream else (answer.json() == ANSWER)
    entry = gateway.history()[-1]
    assert (entry["status"], entry["backend_id"], entry["attempts"]) == ("Success", "second", 2)
    assert gateway.metric('nexus_backend_failures_total{backend="first",type="openai"}') == 1


# Whole answers.


@pytest.mark.parametrize("length", [10, 20_000, 200_000])
def test_an_answer_that_ends_with_its_connection_at_a_brace_is_asked_for_elsewhere(pair, upstream, length):
    whole = json.dumps(long(length)).encode()
    upstream.chat(until_the_end(whole[: whole.rindex(b"}", 0, whole.index(b'"usage"')) + 1]))

    answered_by_the_second(pair)


@pytest.mark.parametrize("length", [10, 20_000])
@pytest.mark.parametrize("rest", [b"}", b"garbage", b"\0", b'{"id":"c"}', b"HTTP/1.1 500 X\r\n\r\n"])
def test_what_follows_an_answer_makes_it_none(pair, upstream, length, rest):
    upstream.chat(until_the_end(json.dumps(long(length)).encode() + rest))

    answered_by_the_second(pair)


@pytest.mark.parametrize("length", [10, 20_000, 400_000])
def test_a_whole_answer_that_ends_with_its_connection_is_one(pair, upstream, length):
    upstream.chat(until_the_end(json.dumps(long(length)).encode() + b"\r\n"))

    answer = pair.chat()

    assert answer.json() == long(length) and answer.headers["x-nexus-backend"] == "first"


@pytest.mark.parametrize("body", [b"<html>hello</html>", b'{"choices":[}]', b"[]", b'{"a":NaN}', b'{"a":"\xff"}', b"  "])
def test_an_answer_of_known_length_that_is_no_object_is_asked_for_elsewhere(pair, upstream, body):
    upstream.chat(lambda exchange: exchange.answer(body))

    answered_by_the_second(pair)


def test_an_answer_too_long_to_be_held_back_that_breaks_is_cut_and_an_error(one, upstream):
    upstream.chat(until_the_end(json.dumps(long(400_000)).encode()[:-1] + b"]"))

    with one.socket() as live:
        with pytest.raises(Exception, match="(?i)peer closed|incomplete|disconnected"):
            one.chat()
        entry = live.entry()

    assert entry["status"] == "Error" and "not JSON" in entry["error_message"]
    assert entry["status_code"] != 499


@pytest.mark.parametrize("length", [10, 20_000, 200_000])
@pytest.mark.parametrize("place", ["first", "last"])
def test_an_error_in_a_success_counts_wherever_it_stands(pair, upstream, length, place):
    body = {**ERROR, **long(length)} if place == "first" else {**long(length), **ERROR}
    upstream.chat(lambda exchange: exchange.answer(body))

    answered_by_the_second(pair)


def test_its_words_reach_the_client_when_nobody_else_can_answer(one, upstream):
    upstream.chat(lambda exchange: exchange.answer({**long(20_000), **ERROR}))

    answer = one.chat()

    assert answer.status_code == 502 and answer.json()["error"]["message"] == "out of memory"
    assert one.history()[-1]["error_message"] == "one: out of memory"


def test_an_error_that_is_null_is_none(one, upstream):
    upstream.chat(lambda exchange: exchange.answer({**long(20_000), "error": None}))

    assert one.chat().json() == {**long(20_000), "error": None}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"detail": "bad token"},
        {"errors": [{"message": "bad token"}]},
        {"id": "x", "choices": None},
        {"choices": [{"index": 0, "message": {"content": ""}, "finish_reason": "error", "error": {"message": "bad"}}]},
    ],
)
def test_a_success_without_an_answer_is_asked_for_elsewhere(pair, upstream, body):
    upstream.chat(lambda exchange: exchange.answer(body))

    answered_by_the_second(pair)


# Streams.


@pytest.mark.parametrize("garbage", GARBAGE)
def test_a_first_event_that_is_no_json_object_is_asked_for_elsewhere(pair, upstream, second_upstream, garbage):
    upstream.chat(events(garbage, delta("one"), FINISHED, b"[DONE]"))
    second_upstream.chat(events(delta("two"), FINISHED, b"[DONE]"))

    answered_by_the_second(pair, stream=True)


@pytest.mark.parametrize("garbage", GARBAGE)
def test_in_the_middle_it_is_one_error_that_names_the_server(one, upstream, garbage):
    upstream.chat(events(delta("one"), delta("two"), garbage, delta("three"), FINISHED, b"[DONE]"))

    answer = one.chat(stream=True)

    told = [event.removeprefix("data: ") for event in answer.text.split("\n\n") if event]
    assert [json.loads(event) for event in told[:2]] == [delta("one"), delta("two")]
    assert len(told) == 3 and "no JSON object" in json.loads(told[2])["error"]["message"]
    entry = one.history()[-1]
    assert (entry["status"], entry["completion_tokens"], entry["tokens_estimated"]) == ("Error", 2, True)
    assert entry["status_code"] != 499 and entry["error_message"].startswith("one: ")
    assert one.metric('nexus_backend_failures_total{backend="one",type="openai"}') == 1


@pytest.mark.parametrize("event", [b'event: error\ndata: {"message":"hot"}\n\n', b"Internal Server Error\n\n"])
def test_an_event_that_is_named_an_error_and_a_line_of_words_are_failures(pair, upstream, second_upstream, event):
    def script(exchange: Exchange) -> None:
        exchange.begin_stream()
        exchange.piece(event)
        exchange.event(b"[DONE]")
        exchange.end_stream()

    upstream.chat(script)
    second_upstream.chat(events(delta("two"), FINISHED, b"[DONE]"))

    answered_by_the_second(pair, stream=True)


def test_an_error_behind_the_choices_of_an_event_is_one(one, upstream):
    upstream.chat(events(delta("one"), {**delta("two"), **ERROR}, FINISHED, b"[DONE]"))

    answer = one.chat(stream=True)

    assert answer.text.count("data: ") == 2 and "out of memory" in answer.text and "[DONE]" not in answer.text
    assert one.history()[-1]["status"] == "Error"


@pytest.mark.parametrize("ending", ["cut", "end", "error"])
def test_a_stream_that_breaks_keeps_the_estimate_of_its_tokens(one, upstream, ending):
    def breaks(exchange: Exchange) -> None:
        exchange.begin_stream()
        for word in ["one", "two", "three"]:
            exchange.event(delta(word))
        if ending == "cut":
            exchange.cut()
        else:
            if ending == "error":
                exchange.event(ERROR)
            exchange.end_stream()

    upstream.chat(breaks)

    assert one.chat(stream=True).text.count("data: ") == 4
    entry = one.history()[-1]
    assert (entry["status"], entry["completion_tokens"], entry["tokens_estimated"]) == ("Error", 3, True)
    assert entry["prompt_tokens"] is None and entry["tokens_per_second"] is None
    assert one.metric('nexus_backend_tokens_total{backend="one",kind="completion"}') == 3
    assert one.json("/v1/stats")["models"][0]["completion_tokens"] == 3


def test_the_end_mark_ends_a_stream_well_though_no_reason_was_given(one, upstream):
    upstream.chat(events(delta("one"), b"[DONE]"))

    assert one.chat(stream=True).text.endswith("data: [DONE]\n\n")
    assert one.history()[-1]["status"] == "Success"


def test_the_end_mark_alone_is_no_answer(pair, upstream, second_upstream):
    upstream.chat(events({**DELTA, "choices": []}, b"[DONE]"))
    second_upstream.chat(events(delta("two"), FINISHED, b"[DONE]"))

    answered_by_the_second(pair, stream=True)


@pytest.mark.parametrize("path", ["/v1/messages", "/api/chat"])
@pytest.mark.parametrize("garbage", GARBAGE[:4])
def test_clients_of_other_apis_are_told_the_same_once(one, upstream, path, garbage):
    upstream.chat(events(delta("one"), delta("two"), garbage, FINISHED, b"[DONE]"))
    body = {"model": "m", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "hi"}]}

    text = one.http.post(path, json=body).text

    assert text.count('"error"') >= 1 and "one" in text and "two" in text
    assert "message_stop" not in text and '"done":true' not in text
    entry = one.history()[-1]
    assert (entry["status"], entry["completion_tokens"]) == ("Error", 2)


# Ollama's lines.


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/chat"])
@pytest.mark.parametrize("garbage", [b"garbage", b"<html>", b'{"done":false', b"[1]", b"null"])
def test_a_line_that_is_no_json_object_fails_a_stream_of_ollamas_once(ollama, upstream, path, garbage):
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    upstream.on("/api/chat", lines(garbage, LINE, LAST))
    at_once = ollama.http.post(path, json=body)
    upstream.on("/api/chat", lines(LINE, LINE, garbage, LAST))
    later = ollama.http.post(path, json=body)

    assert at_once.status_code == 502
    assert later.status_code == 200 and later.text.count('"error"') == 1
    assert "[DONE]" not in later.text and '"done":true' not in later.text.replace(" ", "")
    entries = ollama.history()[-2:]
    assert [entry["status"] for entry in entries] == ["Error", "Error"]
    assert [entry["completion_tokens"] for entry in entries] == [None, 2]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/api/chat"])
def test_an_error_last_in_a_whole_answer_of_ollamas_is_one(ollama, upstream, path):
    upstream.on("/api/chat", lambda exchange: exchange.answer({**LAST, "message": {"content": "x" * 20_000}, "error": "hot"}))

    answer = ollama.http.post(path, json={"model": "m", "stream": False, "messages": [{"role": "user", "content": "hi"}]})

    assert answer.status_code == 502 and "hot" in answer.text
