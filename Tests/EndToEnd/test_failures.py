"""What happens when servers and clients misbehave."""

import json
import socket
import threading

import httpx
import pytest

from gateway import FAST, LONG, backend
from upstream import ANSWER, FINISHED, delta


def two(first, second) -> str:
    return backend("first", first.url, priority=1) + backend("second", second.url, priority=100)


@pytest.fixture
def pair(start, upstream, second_upstream):
    gateway = start("[routing]\nstrategy = \"priority_only\"\n" + two(upstream, second_upstream))
    gateway.wait_for_backend("first")
    gateway.wait_for_backend("second")
    return gateway


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_failure_before_the_first_byte_is_retried_elsewhere(pair, upstream, status):
    upstream.chat(lambda exchange: exchange.answer({"error": {"message": "no"}}, status=status))

    answer = pair.chat()

    assert answer.status_code == 200 and answer.json() == ANSWER
    assert answer.headers["x-nexus-backend"] == "second" and answer.headers["x-nexus-attempts"] == "2"
    assert answer.headers["x-nexus-route-reason"].endswith("retry")
    entry = pair.history()[-1]
    assert (entry["status"], entry["backend_id"], entry["attempts"]) == ("Success", "second", 2)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 406, 409, 410, 413, 415, 421, 422, 451])
def test_any_other_4xx_of_a_server_is_passed_on(pair, upstream, second_upstream, status, stream):
    upstream.chat(lambda exchange: exchange.answer({"error": {"message": "not this"}}, status=status))

    answer = pair.chat(stream=stream)

    # A key that is refused is not the client's.
    assert answer.status_code == (502 if status == 401 else status)
    assert answer.headers["x-nexus-backend"] == "first" and answer.headers["x-nexus-attempts"] == "1"
    assert ("not this" in answer.json()["error"]["message"]) == (status != 401)
    assert second_upstream.requests.empty()
    entry = pair.history()[-1]
    assert (entry["status"], entry["backend_id"], entry["attempts"]) == ("Error", "first", 1)
    assert pair.metric('nexus_backend_breaker_openings_total{backend="first",type="openai"}') == 0
    if status != 401:
        assert pair.metric('nexus_backend_failures_total{backend="first",type="openai"}') == 0


def test_a_4xx_is_passed_on_though_its_name_stands_for_more_models(start, upstream, second_upstream):
    upstream.chat(lambda exchange: exchange.answer({"error": {"message": "no such model"}}, status=404))
    second_upstream.models("n")
    gateway = start('[routing.aliases]\ntwo = ["m", "n"]\n' + two(upstream, second_upstream))
    gateway.wait_for_backend("first")
    gateway.wait_for_backend("second")

    answer = gateway.chat("two")

    assert answer.status_code == 404 and "no such model" in answer.json()["error"]["message"]
    assert "x-nexus-fallback-model" not in answer.headers and second_upstream.requests.empty()


@pytest.mark.parametrize("told", [{"code": 429}, {"code": 500}, {}, {"code": 404}])
def test_an_error_first_in_a_stream_is_tried_elsewhere_but_for_a_refusal(pair, upstream, told):
    def errs(exchange):
        exchange.begin_stream()
        exchange.event({"error": {"message": "no", **told}})
        exchange.end_stream()

    upstream.chat(errs)

    answer = pair.chat(stream=True)

    assert answer.status_code == (404 if told.get("code") == 404 else 200)
    assert answer.headers["x-nexus-attempts"] == ("1" if told.get("code") == 404 else "2")


@pytest.mark.parametrize("stream", [False, True])
def test_a_server_that_dies_before_it_answers_is_replaced(pair, upstream, stream):
    upstream.chat(lambda exchange: exchange.cut())

    assert pair.chat(stream=stream).headers["x-nexus-backend"] == "second"


def test_a_unary_answer_that_is_cut_off_is_asked_for_elsewhere(pair, upstream):
    def cut_off(exchange):
        exchange.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{\"id\":")
        exchange.cut()

    upstream.chat(cut_off)

    assert pair.chat().json() == ANSWER


def test_an_error_of_the_caller_is_not_retried_and_costs_the_backend_nothing(pair, upstream, second_upstream):
    upstream.chat(lambda exchange: exchange.answer({"error": {"message": "too long", "code": "c"}}, status=400))

    answer = pair.chat()

    assert answer.status_code == 400 and answer.json() == {"error": {"message": "too long", "code": "c"}}
    assert second_upstream.requests.empty()
    assert pair.metric('nexus_backend_failures_total{backend="first",type="openai"}') == 0


def test_when_all_fail_the_last_failure_is_told(pair, upstream, second_upstream):
    upstream.chat(lambda exchange: exchange.answer({"error": {"message": "one"}}, status=500))
    second_upstream.chat(lambda exchange: exchange.answer({"error": {"message": "two"}}, status=500))

    answer = pair.chat()

    assert answer.status_code == 502 and answer.json()["error"]["message"] == "two"
    assert pair.history()[-1]["error_message"] == "second: two"


def test_too_many_requests_keeps_its_status_and_its_delay(start, upstream):
    upstream.chat(lambda exchange: exchange.answer({"error": {"message": "slow"}}, status=429, retry_after="7"))
    gateway = start(backend("one", upstream.url))
    gateway.wait_for_backend("one")

    answer = gateway.chat()

    assert answer.status_code == 429 and int(answer.headers["retry-after"]) >= 7


@pytest.mark.parametrize("ending", ["cut", "clean end", "error event"])
def test_a_stream_that_breaks_ends_with_one_error_event_and_no_mark(start, upstream, ending):
    committed = threading.Event()

    def breaks(exchange):
        exchange.begin_stream()
        exchange.event(delta("one"))
        assert committed.wait(LONG)
        exchange.piece(b'data: {"choices":[{"delta":{"content":"never who')
        if ending == "cut":
            exchange.cut()
        elif ending == "clean end":
            exchange.end_stream()
        else:
            exchange.piece(b'le"}}]}\n\n')
            exchange.event({"error": {"message": "out of memory", "code": 500}})
            exchange.end_stream()

    upstream.chat(breaks)
    gateway = start(backend("one", upstream.url))
    gateway.wait_for_backend("one")

    ask = gateway.http.stream("POST", "/v1/chat/completions", json={"model": "m", "stream": True})
    with gateway.socket() as live:
        with ask as answer:
            pieces = answer.iter_text()
            body = next(pieces)
            committed.set()
            body += "".join(pieces)
        entry = live.entry()

    events = [event for event in body.split("\n\n") if event]
    assert "one" in events[0] and len(events) == (3 if ending == "error event" else 2)
    assert json.loads(events[-1].removeprefix("data: "))["error"]["message"]
    assert "[DONE]" not in body
    assert entry["status"] == "Error" and entry["error_message"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("answered", [False, True])
def test_a_client_that_goes_away_frees_the_backend_at_once(start, upstream, stream, answered):
    closed = []

    def waits(exchange):
        if answered:
            exchange.begin_stream("text/event-stream" if stream else "application/json")
            if stream:
                exchange.event(delta("one"))
            else:
                exchange.piece(b'{"id":"c",')
        closed.append(exchange.wait_until_closed())

    upstream.chat(waits)
    gateway = start(backend("one", upstream.url))
    gateway.wait_for_backend("one")
    body = json.dumps({"model": "m", "messages": [], "stream": stream}).encode()

    with gateway.socket() as live:
        with gateway.connection() as client:
            client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
            upstream.request()
            if answered and stream:
                assert b"200 OK" in client.recv(1000)
        entry = live.entry()

    assert entry["status_code"] == 499 and entry["error_message"] == "The client closed the connection."
    assert gateway.json("/v1/stats")["backends"][0]["pending"] == 0
    assert gateway.metric('nexus_backend_failures_total{backend="one",type="openai"}') == 0
    upstream.close()
    assert closed in ([True], [])


def test_a_client_that_hangs_up_at_the_end_mark_has_succeeded(start, upstream):
    """Clients close the connection when they see the mark, and do not wait for the end of the body."""
    hung_up = threading.Event()

    def ends_slowly(exchange):
        exchange.begin_stream()
        exchange.event(delta("one"))
        exchange.event(FINISHED)
        exchange.event(b"[DONE]")
        assert hung_up.wait(LONG)
        exchange.end_stream()

    upstream.chat(ends_slowly)
    gateway = start(backend("one", upstream.url))
    gateway.wait_for_backend("one")

    with gateway.socket() as live:
        answer = gateway.chat(stream=True)
        entry = live.entry()
        hung_up.set()

    assert answer.text.endswith("data: [DONE]\n\n") and entry["status"] == "Success"


def test_a_server_that_never_answers_times_out(start, upstream):
    upstream.chat(lambda exchange: exchange.wait_until_closed())
    gateway = start("[timeouts]\ntotal_seconds = 1\n" + backend("one", upstream.url))
    gateway.wait_for_backend("one")

    answer = gateway.chat()

    assert answer.status_code == 504 and answer.json()["error"]["code"] == "total_timeout"
    assert gateway.history()[-1]["status"] == "Error"


def test_models_leave_with_their_backend_and_come_back(start, upstream):
    gateway = start(FAST + backend("one", upstream.url))
    with gateway.socket() as live:
        live.backend(lambda view: view["status"] == "Healthy")
        upstream.fail_probes()
        gone = live.until("ModelChange", lambda data: data["models"] == [])
        assert gone == {"backend_id": "one", "models": []}
        assert gateway.json("/v1/models")["data"] == []
        refused = gateway.chat()
        assert refused.status_code == 503 and "broken" in refused.json()["error"]["message"]
        assert int(refused.headers["retry-after"]) > 0

        upstream.models("m", "n")
        back = live.until("ModelChange", lambda data: data["models"] != [])
        if len(back["models"]) == 1:
            back = live.until("ModelChange", lambda data: len(data["models"]) == 2)

    assert [model["id"] for model in back["models"]] == ["m", "n"]
    assert set(back["models"][0]) >= {
        "id", "name", "context_length", "supports_vision", "supports_tools", "supports_json_mode", "max_output_tokens",
        "capabilities",
    }
    assert [model["id"] for model in gateway.json("/v1/models")["data"]] == ["m", "n"]
    assert gateway.chat("n").status_code == 200


def test_a_probe_without_an_answer_counts_once(start, upstream):
    upstream.on("/v1/models", lambda exchange: exchange.wait_until_closed())
    gateway = start(
        "[health_check]\ninterval_seconds = 2\ntimeout_seconds = 1\nfailure_threshold = 2\nrecovery_threshold = 1\n"
        + backend("one", upstream.url)
    )
    with gateway.socket() as live:
        first = live.backend(lambda view: view["status"] == "Unhealthy")
        upstream.models("m")
        live.backend(lambda view: view["status"] == "Healthy")
        upstream.on("/v1/models", lambda exchange: exchange.wait_until_closed())
        # Two failures in a row are needed now: the first shows in the error alone.
        shown = live.backend(lambda view: view["last_error"])
        live.backend(lambda view: view["status"] == "Unhealthy")

    assert "did not answer in time" in first["last_error"] and "/v1/models" in first["last_error"]
    assert shown["status"] == "Healthy"


def test_an_optional_answer_that_does_not_come_does_no_harm(start, upstream):
    upstream.on("/api/v0/models", lambda exchange: exchange.wait_until_closed())
    gateway = start(backend("one", upstream.url))

    assert gateway.wait_for_backend("one")["last_error"] is None


def test_an_address_with_the_prefix_is_asked_at_the_right_paths(start, upstream):
    props = {"default_generation_settings": {"n_ctx": 777}, "build_info": "b7"}
    listed = {"data": [{"id": "m", "owned_by": "llamacpp"}]}
    upstream.on("/v1/models", lambda exchange: exchange.answer(listed))
    upstream.on("/props", lambda exchange: exchange.answer(props))
    upstream.on("/health", lambda exchange: exchange.answer({"status": "ok"}))
    gateway = start(backend("one", upstream.url + "/v1"))

    view = gateway.wait_for_backend("one")

    assert view["models"][0]["context_length"] == 777 and view["metadata"]["server"] == "llama.cpp b7"
    assert gateway.chat().status_code == 200


def test_a_backend_takes_no_more_than_it_may(start, upstream):
    held = []
    upstream.chat(lambda exchange: (held.append(exchange), exchange.wait_until_closed()))
    gateway = start("[queue]\nenabled = false\n" + backend("one", upstream.url, max_concurrent=1))
    gateway.wait_for_backend("one")
    body = b'{"model":"m"}'
    with gateway.connection() as client:
        client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        upstream.request()

        busy = gateway.chat()

        assert busy.status_code == 503 and busy.json()["error"]["code"] == "all_backends_busy"
        assert busy.headers["retry-after"] == "1"


def test_a_slow_reader_pushes_back_on_the_server(start, upstream):
    """The gateway stops reading when its client does: what the server can write is bounded."""
    piece = delta("x" * 65536)
    sent = []
    blocked = threading.Event()

    def floods(exchange):
        exchange.begin_stream()
        exchange.connection.settimeout(2.0)
        try:
            for _ in range(4096):
                exchange.event(piece)
                sent.append(65536)
        except TimeoutError:
            blocked.set()
        exchange.wait_until_closed()

    upstream.chat(floods)
    gateway = start(backend("one", upstream.url))
    gateway.wait_for_backend("one")
    body = b'{"model":"m","stream":true}'
    with gateway.socket() as live:
        with gateway.connection() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
            assert blocked.wait(LONG), "the server could write all of 256 MiB"
        assert live.entry()["status_code"] == 499
    assert sum(sent) < 64 * 1024 * 1024


def test_a_garbled_answer_is_a_failure_of_the_backend(start, upstream):
    upstream.chat(lambda exchange: exchange.send(b"HTTP/2.7 what\r\n\r\n"))
    gateway = start(backend("one", upstream.url))
    gateway.wait_for_backend("one")

    answer = gateway.chat()

    assert answer.status_code == 502 and "HTTP/1.1" in answer.json()["error"]["message"]


def test_a_connection_that_the_server_closed_meanwhile_is_not_noticed_by_the_client(start, upstream):
    def answers_and_closes(exchange):
        exchange.answer(ANSWER)
        exchange.cut()

    upstream.chat(answers_and_closes)
    gateway = start(backend("one", upstream.url))
    gateway.wait_for_backend("one")

    with httpx.Client(base_url=gateway.url, timeout=LONG) as client:
        for _ in range(20):
            assert client.post("/v1/chat/completions", json={"model": "m", "messages": []}).status_code == 200
    assert all(entry["attempts"] == 1 for entry in gateway.history())


def test_a_stream_passes_byte_for_byte(start, upstream):
    pieces = [b'data: {"choices":[{"delta":{"content":"h\xc3', b'\xa9"},"finish_reason":null}]}\r\n', b"\r\n: ping\n\n"]

    def streams(exchange):
        exchange.begin_stream()
        for piece in pieces:
            exchange.piece(piece)
        exchange.event(FINISHED)
        exchange.event(b"[DONE]")
        exchange.end_stream()

    upstream.chat(streams)
    gateway = start(backend("one", upstream.url))
    gateway.wait_for_backend("one")

    body = gateway.chat(stream=True).content

    assert body.startswith(b"".join(pieces)) and body.endswith(b"data: [DONE]\n\n")
