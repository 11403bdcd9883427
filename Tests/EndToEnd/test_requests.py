"""Requests under way: what an operator sees of them and can end, and that a client which leaves frees everything at once."""

import contextlib
import json
import select
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway import LONG, Gateway, backend, until
from test_deadlines import CALM, Stalling, stalling  # noqa: F401
from test_https_backends import Authority
from upstream import ANSWER, Exchange, Upstream, delta

TRIES = 5
CLOSED = "The client closed the connection."
CANCELLED = "An operator cancelled the request."


@pytest.fixture
def gateway(start, upstream) -> Gateway:
    gateway = start(backend("one", upstream.url, max_concurrent=1))
    gateway.wait_for_backend("one")
    return gateway


@pytest.fixture
def pool():
    with ThreadPoolExecutor(8) as pool:
        yield pool


def request(stream: bool = False, path: str = "/v1/chat/completions", id: str = "", **members: Any) -> bytes:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": stream, "max_tokens": 9, **members}).encode()
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
    return (head + (f"x-request-id: {id}\r\n" if id else "") + "\r\n").encode() + body


def active(gateway: Gateway) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = gateway.json("/v1/requests/active")["data"]
    return rows


def wait_for_phase(gateway: Gateway, *phases: str) -> list[dict[str, Any]]:
    """The requests under way, once they are in these phases."""
    until(lambda: [row["phase"] for row in active(gateway)] == list(phases))
    return active(gateway)


def hung_up(connection: socket.socket, timeout: float = LONG) -> bool:
    """Whether the gateway has closed its end, whatever of it was read; TLS or not."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLRDHUP)
    return bool(poll.poll(timeout * 1000))


def connecting_to(gateway: Gateway, port: int) -> int:
    """The gateway's sockets that wait for a connection to the port (SYN_SENT)."""
    own = set()
    for descriptor in Path(f"/proc/{gateway.process.pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            own.add(str(descriptor.readlink()))
    with open("/proc/net/tcp") as table:
        rows = [line.split() for line in table.readlines()[1:]]
    return sum(row[3] == "02" and int(row[2].split(":")[1], 16) == port and f"socket:[{row[9]}]" in own for row in rows)


# Clients that leave


def leave(gateway: Gateway, phases: list[str], sent: bytes, is_free: Callable[[], object]) -> None:
    """Asks, leaves in the phase, and waits until all is free; several times. `is_free` waits itself, or is asked again.

    How soon is printed (100 ms are promised) and not judged: the machine does other work, and to look takes a while too. In the
    simulation, whose time nothing delays, rule 3 bounds it, more loosely, since its networks are slow.
    """
    times = []
    before = gateway.json("/v1/stats")["requests"]["total"]
    for _ in range(TRIES):
        with gateway.connection() as client:
            client.sendall(sent)
            wait_for_phase(gateway, *phases)
            left = time.monotonic()
        until(lambda: bool(is_free()))
        times.append(time.monotonic() - left)
        until(lambda: len(active(gateway)) == len(phases) - 1)
    print("seconds until free:", [round(seconds, 4) for seconds in times])
    figures = gateway.json("/v1/stats")
    assert figures["requests"]["total"] == before + TRIES
    ends = [(entry["status_code"], entry["error_message"]) for entry in gateway.history()[-TRIES:]]
    assert ends == [(499, CLOSED)] * TRIES
    assert figures["backends"][0]["pending"] == len(phases) - 1


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("tls", [False, True])
def test_a_client_that_leaves_in_prefill(start, tmp_path, stream, tls):
    authority = Authority(tmp_path / "authority", "Test Authority") if tls else None
    server = Upstream(tls=authority.issue("IP:127.0.0.1") if authority else None)
    server.chat(lambda exchange: server.stopped.wait(LONG))
    trust = f'[upstream]\nca_file = "{authority.file}"\n' if authority else ""
    gateway = start(trust + backend("one", server.url))
    gateway.wait_for_backend("one")

    leave(gateway, ["prefill"], request(stream), lambda: hung_up(server.request().connection))
    server.close()


@pytest.mark.parametrize("tls", [False, True])
def test_a_client_that_leaves_in_a_stream(start, tmp_path, tls):
    authority = Authority(tmp_path / "authority", "Test Authority") if tls else None
    server = Upstream(tls=authority.issue("IP:127.0.0.1") if authority else None)

    def streams(exchange: Exchange) -> None:
        exchange.begin_stream()
        exchange.event(delta("one"))
        server.stopped.wait(LONG)

    server.chat(streams)
    trust = f'[upstream]\nca_file = "{authority.file}"\n' if authority else ""
    gateway = start(trust + backend("one", server.url))
    gateway.wait_for_backend("one")

    leave(gateway, ["streaming"], request(True), lambda: hung_up(server.request().connection))
    server.close()


def test_a_client_that_leaves_while_a_whole_answer_comes(gateway, upstream):
    def answers(exchange: Exchange) -> None:
        exchange.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n" + b'{"id":"c",')
        upstream.stopped.wait(LONG)

    upstream.chat(answers)
    leave(gateway, ["answering"], request(), lambda: hung_up(upstream.request().connection))


def test_a_client_that_leaves_the_queue(gateway, upstream):
    upstream.chat(lambda exchange: upstream.stopped.wait(LONG))
    with gateway.connection() as first:
        first.sendall(request())
        wait_for_phase(gateway, "prefill")
        leave(gateway, ["prefill", "queued"], request(), lambda: gateway.metric("nexus_queue_length") == 0)
        assert upstream.requests.qsize() == 1


def test_a_client_that_leaves_while_tcp_connects(start, stalling):  # noqa: F811
    server = stalling()
    gateway = start(CALM + backend("one", server.url, timeouts={"connect_seconds": 0}))
    gateway.wait_for_backend("one")
    server.stall_connecting()
    # The connection of the probe is closed when it is used again.
    with gateway.connection() as client:
        client.sendall(request())
        wait_for_phase(gateway, "connecting")
        assert connecting_to(gateway, server.port) == 1
    until(lambda: not active(gateway))

    leave(gateway, ["connecting"], request(), lambda: connecting_to(gateway, server.port) == 0)


def test_a_client_that_leaves_during_the_handshake(start, tmp_path):
    """The server takes connections and says nothing."""
    authority = Authority(tmp_path / "authority", "Test Authority")
    server = Upstream(tls=authority.issue("IP:127.0.0.1"))
    server.chat(lambda exchange: exchange.cut())
    gateway = start(CALM + f'[upstream]\nca_file = "{authority.file}"\n' + backend("one", server.url, timeouts={"connect_seconds": 0}))
    gateway.wait_for_backend("one")
    server.server.shutdown()
    listener = server.server.socket
    # The connection of the probe is closed when it is used again.
    with gateway.connection() as client:
        client.sendall(request())
        silent, _ = socket.socket.accept(listener)
        wait_for_phase(gateway, "connecting")
    assert hung_up(silent)
    until(lambda: not active(gateway))

    leave(gateway, ["connecting"], request(), lambda: hung_up(socket.socket.accept(listener)[0]))


# The list


def test_the_list_tells_of_each_request_what_an_operator_asks_for(gateway, upstream, pool):
    pieces = threading.Semaphore(0)

    def streams(exchange: Exchange) -> None:
        exchange.begin_stream()
        for number in range(3):
            pieces.acquire()
            exchange.event(delta(str(number)))
        upstream.stopped.wait(LONG)

    upstream.chat(streams)
    with gateway.connection() as first, gateway.connection() as second:
        first.sendall(request(True, id="first"))
        wait_for_phase(gateway, "prefill")
        second.sendall(request(path="/v1/messages", id="second"))
        running, waiting = wait_for_phase(gateway, "prefill", "queued")
        assert running["id"] == "first" and running["client"] == "127.0.0.1" and running["model"] == "m"
        assert running["backend"] == "one" and running["attempts"] == 1 and running["stream"] is True
        assert running["api"] == "openai" and running["endpoint"] == "/v1/chat/completions"
        assert running["elapsed_ms"] >= 0 and running["ttft_ms"] is None and running["place"] is None
        assert waiting["id"] == "second" and waiting["place"] == 1 and waiting["backend"] is None
        assert waiting["api"] == "anthropic" and waiting["attempts"] == 0 and waiting["priority"] == "normal"

        for _ in range(3):
            pieces.release()
        until(lambda: active(gateway)[0]["tokens"] == 3)
        row = active(gateway)[0]
        assert row["phase"] == "streaming" and row["ttft_ms"] >= 0 and row["tokens_per_second"] > 0
        listed = gateway.json("/v1/requests/active?limit=1")
        assert listed["total"] == 2 and listed["left_out"] == 1 and listed["phases"]["queued"] == 1
        assert listed["silent_loops"] == 0
    until(lambda: not active(gateway))
    assert sorted(entry["status_code"] for entry in gateway.history()) == [499, 499]


def test_of_many_the_oldest_are_shown_and_all_are_counted(start, upstream):
    gateway = start("[queue]\nmax_size = 10000\n" + backend("one", upstream.url, max_concurrent=1))
    gateway.wait_for_backend("one")
    upstream.chat(lambda exchange: upstream.stopped.wait(LONG))
    with contextlib.ExitStack() as stack:
        for number in range(1200):
            client = stack.enter_context(gateway.connection())
            client.sendall(request(id=f"r{number}"))
            if number == 0:
                wait_for_phase(gateway, "prefill")
        until(lambda: gateway.json("/v1/requests/active?limit=1")["total"] == 1200)
        listed = gateway.json("/v1/requests/active")
        rows = listed["data"]
        assert len(rows) == 1000 and listed["left_out"] == 200 and listed["phases"]["queued"] == 1199
        assert rows[0]["id"] == "r0" and rows[0]["phase"] == "prefill"
        places = [row["place"] for row in rows[1:]]
        assert len(set(places)) == 999 and min(places) == 1
    until(lambda: gateway.json("/v1/requests/active")["total"] == 0)


# Cancelling


def cancelled(gateway: Gateway, id: str) -> dict[str, Any]:
    answer = gateway.http.delete(f"/v1/requests/{id}")
    assert answer.status_code == 200 and answer.json()["cancelled"] == 1
    row: dict[str, Any] = answer.json()["data"][0]
    return row


def only_entry(gateway: Gateway) -> dict[str, Any]:
    entries = gateway.history()
    assert len(entries) == 1
    return entries[0]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/api/chat"])
def test_a_cancelled_request_frees_its_backend_and_its_client_is_told(gateway, upstream, pool, path):
    upstream.chat(lambda exchange: upstream.stopped.wait(LONG))
    body = {"model": "m", "max_tokens": 9, "stream": False, "messages": [{"role": "user", "content": "hi"}]}
    asked = pool.submit(httpx.post, gateway.url + path, json=body, headers={"x-request-id": "mine"}, timeout=LONG)
    wait_for_phase(gateway, "prefill")

    row = cancelled(gateway, "mine")

    assert row["backend"] == "one" and row["phase"] == "prefill"
    assert hung_up(upstream.request().connection)
    answer = asked.result()
    assert answer.status_code == 499
    error = answer.json()["error"]
    assert (error if path == "/api/chat" else error["message"]) == CANCELLED
    assert only_entry(gateway)["error_message"] == CANCELLED and only_entry(gateway)["status_code"] == 499
    assert gateway.json("/v1/stats")["backends"][0]["pending"] == 0
    assert gateway.metric('nexus_backend_failures_total{backend="one",type="openai"}') == 0


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/api/chat"])
def test_a_cancelled_stream_ends_with_one_error(gateway, upstream, path):
    def streams(exchange: Exchange) -> None:
        exchange.begin_stream()
        exchange.event(delta("one"))
        upstream.stopped.wait(LONG)

    upstream.chat(streams)
    body = {"model": "m", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    with httpx.stream("POST", gateway.url + path, json=body, headers={"x-request-id": "mine"}, timeout=LONG) as answer:
        pieces = answer.iter_text()
        text = next(pieces)
        assert cancelled(gateway, "mine")["phase"] == "streaming"
        text += "".join(pieces)

    assert answer.status_code == 200 and "one" in text and text.count(CANCELLED) == 1 and "[DONE]" not in text
    last = [line for line in text.splitlines() if line][-1]
    assert "error" in json.loads(last.removeprefix("data: "))
    assert only_entry(gateway)["error_message"] == CANCELLED
    assert hung_up(upstream.request().connection)


def test_one_that_waits_is_cancelled_and_the_others_go_on(gateway, upstream, pool):
    go = threading.Event()

    def waits(exchange: Exchange) -> None:
        assert go.wait(LONG)
        exchange.answer(ANSWER)

    upstream.chat(waits)

    def ask(id: str) -> httpx.Response:
        return httpx.post(f"{gateway.url}/v1/chat/completions", json={"model": "m"}, headers={"x-request-id": id}, timeout=LONG)

    first = pool.submit(ask, "first")
    wait_for_phase(gateway, "prefill")
    second = pool.submit(ask, "second")
    wait_for_phase(gateway, "prefill", "queued")

    assert cancelled(gateway, "second")["place"] == 1
    assert second.result().json()["error"]["code"] == "request_cancelled"
    go.set()
    assert first.result().status_code == 200
    assert sorted(entry["status_code"] for entry in gateway.history()) == [200, 499]


def test_a_client_library_does_not_try_a_cancelled_request_again(gateway, upstream, pool):
    openai = pytest.importorskip("openai")
    upstream.chat(lambda exchange: upstream.stopped.wait(LONG))
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key="x", max_retries=5)
    asked = pool.submit(client.chat.completions.create, model="m", messages=[{"role": "user", "content": "hi"}])
    row = wait_for_phase(gateway, "prefill")[0]

    cancelled(gateway, row["id"])

    with pytest.raises(openai.APIStatusError, match="operator cancelled"):
        asked.result()
    assert only_entry(gateway)["request_id"] == row["id"]


def test_an_unknown_id_and_a_page_of_another_origin_are_refused(gateway, upstream):
    unknown = gateway.http.delete("/v1/requests/nobody")
    assert unknown.status_code == 404 and unknown.json()["error"]["code"] == "request_not_found"
    assert "/v1/requests/active" in unknown.json()["error"]["message"]
    upstream.chat(lambda exchange: upstream.stopped.wait(LONG))
    with gateway.connection() as client:
        client.sendall(request(id="mine"))
        wait_for_phase(gateway, "prefill")
        foreign = gateway.http.delete("/v1/requests/mine", headers={"origin": "http://evil.example"})
        assert foreign.status_code == 403 and len(active(gateway)) == 1
        refused = gateway.http.get("/v1/requests/active", headers={"origin": "http://evil.example"})
        assert refused.status_code == 403


def test_ids_that_clients_gave_twice_are_told_apart(gateway, upstream):
    upstream.chat(lambda exchange: upstream.stopped.wait(LONG))
    with gateway.connection() as first, gateway.connection() as second:
        first.sendall(request(id="same"))
        wait_for_phase(gateway, "prefill")
        second.sendall(request(id="same"))
        rows = wait_for_phase(gateway, "prefill", "queued")
        assert gateway.http.delete("/v1/requests/same").json()["error"]["code"] == "ambiguous_request"
        assert gateway.http.delete(f"/v1/requests/same?exchange={rows[1]['exchange']}").status_code == 200
        assert b"499" in second.recv(1000)
        assert [row["exchange"] for row in active(gateway)] == [rows[0]["exchange"]]


# Live updates and the command line


def test_who_asks_for_requests_sees_them_and_what_was_cancelled(gateway, upstream):
    upstream.chat(lambda exchange: upstream.stopped.wait(LONG))
    with gateway.socket("?updates=deltas,requests") as live, gateway.connection() as client:
        assert live.until("ActiveRequests")["requests"] == []
        client.sendall(request(id="mine"))
        seen = live.until("ActiveRequests", lambda data: bool(data["requests"]))
        assert seen["requests"][0]["id"] == "mine" and seen["part"] == seen["parts"] == 1
        cancelled(gateway, "mine")
        updates: dict[str, Any] = {}
        while set(updates) < {"RequestCancelled", "RequestComplete", "idle"}:
            update = live.next()
            kind = update["update_type"]
            idle = kind == "ActiveRequests" and update["data"]["total"] == 0
            updates["idle" if idle else kind] = update["data"]
        assert updates["RequestCancelled"]["request"]["id"] == "mine"
        assert updates["RequestComplete"]["error_message"] == CANCELLED


@pytest.mark.parametrize("query", ["", "?updates=deltas"])
def test_others_are_not_told_of_them(gateway, upstream, query):
    upstream.chat(lambda exchange: upstream.stopped.wait(LONG))
    with gateway.socket("?updates=requests") as watching, gateway.socket(query) as live, gateway.connection() as client:
        client.sendall(request(id="mine"))
        watching.until("ActiveRequests", lambda data: bool(data["requests"]))
        cancelled(gateway, "mine")
        watching.until("RequestCancelled")
        kinds = set()
        while "RequestComplete" not in kinds:
            kinds.add(live.next()["update_type"])
        assert kinds <= {"BackendStatus", "ModelChange", "RequestComplete"}


def test_the_commands_list_and_cancel(gateway, upstream, nexus):
    at = ["--url", gateway.url]
    assert nexus("requests", "list", *at).stdout == "No requests are under way.\n"
    upstream.chat(lambda exchange: upstream.stopped.wait(LONG))
    with gateway.connection() as first, gateway.connection() as second:
        first.sendall(request(True, id="a/b c".replace(" ", "+")))
        wait_for_phase(gateway, "prefill")
        second.sendall(request(id="active"))
        wait_for_phase(gateway, "prefill", "queued")
        shown = nexus("requests", *at).stdout.splitlines()
        assert shown[0].split()[:5] == ["ID", "CLIENT", "MODEL", "BACKEND", "PHASE"]
        assert shown[1].split()[:5] == ["a/b+c", "127.0.0.1", "m", "one", "prefill"] and shown[1].endswith("openai, stream")
        assert shown[2].split()[:6] == ["active", "127.0.0.1", "m", "-", "queued", "(1)"]
        assert nexus("requests", "list", "--limit", "1", *at).stdout.splitlines()[-1] == "And 1 more."
        assert json.loads(nexus("requests", "list", "--json", *at).stdout)["total"] == 2

        ended = nexus("requests", "cancel", "active", "nobody", *at)
        assert ended.returncode == 1 and "Cancelled active (m, queued (1) after " in ended.stdout
        assert "No request with the id 'nobody'" in ended.stderr
        ended = nexus("requests", "cancel", "a/b+c", "--json", *at)
        assert ended.returncode == 0 and json.loads(ended.stdout)["data"][0]["backend"] == "one"
        assert not active(gateway)
    refused = nexus("requests", "list", "--limit", "0", *at)
    assert refused.returncode == 1 and "from 1 to 1000" in refused.stderr
