"""Backends that operators add, drain, change and remove while the gateway runs."""

import json
import os
import socket
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway import BUILD, LONG, Gateway, backend, free_port, until
from ollama_server import capable
from upstream import ANSWER, FINISHED, Upstream, delta

RARE = "[health_check]\ninterval_seconds = 3600\n"


def add(gateway: Gateway, url: str, **members: Any) -> httpx.Response:
    return gateway.http.post("/v1/backends", json={"url": url, **members})


def names(gateway: Gateway) -> list[str]:
    return [view["name"] for view in gateway.json("/v1/backends")["data"]]


def error(answer: httpx.Response) -> dict[str, Any]:
    found: dict[str, Any] = answer.json()["error"]
    return found


@pytest.fixture
def gateway(start, upstream) -> Gateway:
    gateway: Gateway = start(RARE + backend("one", upstream.url))
    gateway.wait_for_backend("one")
    return gateway


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "kept"
    folder.mkdir()
    return folder


def serve(folder: Path, configuration: str, **options: Any) -> Gateway:
    return Gateway(folder, configuration, **options)


def state(folder: Path) -> Path:
    return folder / "nexus.toml.state.json"


# Adding


def test_an_added_backend_serves_at_once(gateway: Gateway, second_upstream: Upstream):
    second_upstream.models("other")

    answer = add(gateway, second_upstream.url, name="two", type="openai", priority=7, max_concurrent=3)

    assert answer.status_code == 201
    told = answer.json()
    assert told["status"] == "added" and told["id"] == "two" and told["persisted"] is False and told["warnings"] == []
    view = told["backend"]
    assert view["status"] == "Healthy" and view["priority"] == 7 and view["discovery_source"] == "manual"
    assert view == gateway.json("/v1/backends/two")
    assert gateway.chat("other").headers["x-nexus-backend"] == "two"


def test_adding_the_same_backend_again_changes_nothing(gateway: Gateway, second_upstream: Upstream):
    add(gateway, second_upstream.url, name="two", type="openai", options={"usage": "always", "prefix": "/v1"})
    again = add(gateway, second_upstream.url, type="openai", options={"prefix": "/v1", "usage": "always"}, name="two")
    other = add(gateway, second_upstream.url, name="two", type="openai")

    assert again.status_code == 200 and again.json()["status"] == "unchanged"
    assert other.status_code == 409 and error(other)["code"] == "backend_exists"
    assert "remove" in error(other)["message"] and names(gateway) == ["one", "two"]


def test_the_type_is_found_by_asking_all_adapters(gateway: Gateway, second_upstream: Upstream, upstream: Upstream):
    second_upstream.on("/api/tags", lambda exchange: exchange.answer({"models": [capable("q", "completion")]}))
    second_upstream.on("/api/version", lambda exchange: exchange.answer({"version": "0.9.1"}))
    both = add(gateway, second_upstream.url, name="both").json()
    twin = add(gateway, upstream.url, name="twin").json()
    gateway.http.delete("/v1/backends/twin")
    gateway.http.delete("/v1/backends/one")
    plain = add(gateway, upstream.url).json()

    assert both["recognised"] == {"type": "ollama", "server": "Ollama 0.9.1"}
    assert both["backend"]["backend_type"] == "ollama"
    assert twin["recognised"]["type"] == "openai" and twin["warnings"] == ["one has the same address"]
    assert plain["recognised"]["type"] == "openai" and plain["id"] == f"openai-{upstream.port}"
    again = add(gateway, second_upstream.url, name="both")
    assert again.status_code == 200 and again.json()["status"] == "unchanged"


@pytest.mark.parametrize("members", [{}, {"type": "openai"}, {"persist": True}])
def test_an_address_that_a_backend_has_is_not_added_again_without_a_name(
    gateway: Gateway, upstream: Upstream, second_upstream: Upstream, members: dict[str, Any]
):
    configured = add(gateway, upstream.url + "/", **members)
    first = add(gateway, second_upstream.url, **members)
    again = add(gateway, second_upstream.url, **members)
    named = add(gateway, second_upstream.url, name="twice", type="openai")

    assert configured.status_code == 409 and error(configured)["code"] == "backend_exists"
    assert "'one' has this address already" in error(configured)["message"] and "name" in error(configured)["message"]
    assert first.status_code == 201 and again.status_code == 409
    assert f"'{first.json()['id']}' has this address already" in error(again)["message"]
    assert named.status_code == 201 and names(gateway) == ["one", first.json()["id"], "twice"]


def test_of_several_that_add_an_address_at_once_one_does(gateway: Gateway, second_upstream: Upstream):
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda _: add(gateway, second_upstream.url, type="openai"), range(8)))

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    assert len(names(gateway)) == 2


def test_a_server_that_only_imitates_another_is_taken_for_what_it_is(gateway: Gateway, second_upstream: Upstream):
    # llama.cpp answers Ollama's list of models, too.
    second_upstream.on("/api/tags", lambda exchange: exchange.answer({"models": [capable("q", "completion")]}))
    second_upstream.on("/props", lambda exchange: exchange.answer({"total_slots": 1, "build_info": "b4242-abc"}))

    told = add(gateway, second_upstream.url, name="cpp").json()

    assert told["recognised"]["type"] == "openai" and told["recognised"]["server"].startswith("llama.cpp")


def test_a_server_that_nobody_knows_is_refused_with_the_reasons(gateway: Gateway):
    port = free_port()
    answer = add(gateway, f"http://127.0.0.1:{port}", name="two")
    with_type = add(gateway, f"http://127.0.0.1:{port}", name="two", type="ollama")

    assert answer.status_code == 400 and error(answer)["code"] == "backend_not_recognised"
    assert "openai: " in error(answer)["message"] and "ollama: " in error(answer)["message"]
    assert with_type.status_code == 201 and with_type.json()["backend"]["status"] == "Unhealthy"


@pytest.mark.parametrize(
    ("written", "flavor"),
    [
        ("vllm", "vLLM"), ("vLLM", "vLLM"), ("lmstudio", "LM Studio"), ("LM Studio", "LM Studio"), ("llamacpp", "llama.cpp"),
        ("llama.cpp", "llama.cpp"), ("llama-cpp", "llama.cpp"), ("generic", None), ("OpenAI-compatible", None),
    ],
)
def test_names_of_kinds_are_types(gateway: Gateway, second_upstream: Upstream, written: str, flavor: str | None):
    told = add(gateway, second_upstream.url, name="two", type=written).json()

    assert told["backend"]["backend_type"] == written and told["backend"]["adapter"] == "openai"
    server = told["backend"]["metadata"].get("server", "")
    assert server.startswith(flavor) if flavor else server == ""


def test_names_of_kinds_are_types_in_the_configuration(start, upstream: Upstream):
    gateway = start(RARE + backend("one", upstream.url, type="sglang"))

    view = gateway.wait_for_backend("one")

    assert (view["backend_type"], view["adapter"]) == ("sglang", "openai") and view["metadata"]["server"].startswith("SGLang")


def test_a_kind_and_another_flavor_contradict_each_other(gateway: Gateway, second_upstream: Upstream):
    answer = add(gateway, second_upstream.url, name="two", type="vllm", options={"flavor": "sglang"})
    finer = add(gateway, second_upstream.url, name="two", type="generic", options={"flavor": "sglang"})

    assert answer.status_code == 400 and "options.flavor" in error(answer)["message"]
    assert finer.status_code == 201


@pytest.mark.parametrize(
    ("members", "code", "words"),
    [
        ({"type": "olama"}, "unknown_backend_type", 'did you mean "ollama"?'),
        ({"type": "vlm"}, "unknown_backend_type", 'did you mean "vllm"?'),
        ({"type": "openai", "options": {"flavour": "vllm"}}, "invalid_backend", "options.flavour is not known"),
        ({"type": "openai", "options": {"usage": 3}}, "invalid_backend", "options.usage must be of type string"),
        ({"type": "openai", "options": {"prefix": "v1"}}, "invalid_backend", "prefix must be a path"),
        ({"type": "openai", "priority": 1001}, "invalid_backend", "priority: must be a whole number from 0 to 1000"),
        ({"type": "openai", "api_key": "sk-1"}, "invalid_backend", 'did you mean "api_key_env"?'),
        ({"type": "openai", "api_key_env": "NO_SUCH_KEY"}, "invalid_backend", "NO_SUCH_KEY (api_key_env) is not set"),
        ({"type": "openai", "name": "none"}, "invalid_backend", "name: must be printable ASCII"),
        ({"type": "openai", "url": "127.0.0.1:1"}, "invalid_backend", "it must start with http://"),
        ({"name": "one", "type": "openai"}, "backend_exists", "The configuration names a backend 'one' already"),
        ({"persist": "yes"}, "invalid_backend", "persist: must be true or false"),
    ],
)
def test_what_is_wrong_is_told_and_changes_nothing(
    gateway: Gateway, second_upstream: Upstream, members: dict[str, Any], code: str, words: str
):
    answer = gateway.http.post("/v1/backends", json={"url": second_upstream.url, "name": "two", **members})

    assert answer.status_code in (400, 409) and error(answer)["code"] == code
    assert words in error(answer)["message"] and "sk-1" not in answer.text
    assert names(gateway) == ["one"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"name":"two"}', b'{"url":' + b"[" * 5000])
def test_a_body_that_describes_nothing_is_refused(gateway: Gateway, body: bytes):
    answer = gateway.http.post("/v1/backends", content=body)

    assert answer.status_code == 400 and names(gateway) == ["one"]


def test_pages_of_other_sites_change_nothing(gateway: Gateway, second_upstream: Upstream):
    foreign = {"origin": "https://evil.example", "content-type": "text/plain"}
    body = json.dumps({"url": second_upstream.url, "name": "two", "type": "openai"})
    answers = [
        gateway.http.post("/v1/backends", content=body, headers=foreign),
        gateway.http.delete("/v1/backends/one", headers=foreign),
        gateway.http.patch("/v1/backends/one", content='{"priority":1}', headers=foreign),
        gateway.http.post("/v1/backends/one/drain", headers=foreign),
    ]

    assert {answer.status_code for answer in answers} == {403}
    assert names(gateway) == ["one"] and gateway.json("/v1/backends/one")["status"] == "Healthy"


# Draining


def test_drain_lets_streams_end_and_gives_nothing_new(gateway: Gateway, upstream: Upstream, second_upstream: Upstream):
    add(gateway, second_upstream.url, name="two", type="openai", priority=900)
    go_on = threading.Event()

    def stream(exchange):
        exchange.begin_stream()
        exchange.event(delta("first"))
        go_on.wait(LONG)
        exchange.event(FINISHED)
        exchange.event(b"[DONE]")
        exchange.end_stream()

    upstream.chat(stream)
    gateway.http.patch("/v1/backends/one", json={"priority": 0})
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    with gateway.http.stream("POST", "/v1/chat/completions", json=body) as running:
        assert running.headers["x-nexus-backend"] == "one"
        pieces = running.iter_text()
        next(pieces)
        drained = gateway.http.post("/v1/backends/one/drain").json()
        elsewhere = {gateway.chat().headers["x-nexus-backend"] for _ in range(5)}
        go_on.set()
        rest = "".join(pieces)

    assert drained["status"] == "changed" and drained["backend"]["status"] == "Draining"
    assert drained["backend"]["pending_requests"] == 1
    assert elsewhere == {"two"} and "[DONE]" in rest
    assert gateway.http.post("/v1/backends/one/drain").json()["status"] == "unchanged"
    assert gateway.http.post("/v1/backends/one/enable").json()["backend"]["status"] == "Healthy"
    upstream.chat(lambda exchange: exchange.answer(ANSWER))
    until(lambda: gateway.chat().headers["x-nexus-backend"] == "one")


def test_a_model_of_drained_backends_alone_is_unavailable_and_says_why(gateway: Gateway):
    gateway.http.post("/v1/backends/one/drain")

    answer = gateway.chat()

    assert answer.status_code == 503 and "draining" in error(answer)["message"]
    assert gateway.get("/health").status_code == 503


def test_a_drained_backend_stays_drained_through_a_reload(gateway: Gateway, upstream: Upstream):
    gateway.http.post("/v1/backends/one/drain")
    toml = Path(gateway.log_path.parent / "nexus.toml")
    toml.write_text(RARE + backend("one", upstream.url, priority=3, options={"usage": "always"}))
    outcome = gateway.http.post("/v1/admin/reload").json()

    assert outcome["changed"] == ["one"]
    assert "changes that were made at runtime are in force: drained: one" in outcome["warnings"]
    assert gateway.json("/v1/backends/one")["status"] == "Draining"
    assert gateway.json("/v1/backends/one")["priority"] == 3


def test_the_configuration_can_say_that_a_backend_is_drained(start, upstream: Upstream):
    gateway = start(RARE + backend("one", upstream.url, enabled=False))
    gateway.wait_for_backend("one", "Draining")

    enabled = gateway.http.post("/v1/backends/one/enable").json()

    assert enabled["status"] == "changed" and enabled["backend"]["status"] in ("Healthy", "Unknown")


def test_one_that_waits_for_a_drained_backend_alone_is_told(start, upstream: Upstream):
    gateway = start(RARE + backend("one", upstream.url, max_concurrent=1))
    gateway.wait_for_backend("one")
    go_on = threading.Event()
    upstream.chat(lambda exchange: exchange.answer(ANSWER) if go_on.wait(LONG) else None)
    with ThreadPoolExecutor(2) as clients:
        running = clients.submit(gateway.chat)
        upstream.request()
        waiting = clients.submit(gateway.chat)
        until(lambda: gateway.metric("nexus_queue_length") == 1)
        gateway.http.post("/v1/backends/one/drain")
        told = waiting.result()
        go_on.set()

    assert told.status_code == 503 and "draining" in error(told)["message"]
    assert running.result().status_code == 200


def test_no_request_is_lost_while_backends_come_and_go(gateway: Gateway, upstream: Upstream, second_upstream: Upstream):
    over = threading.Event()

    def ask(_: int) -> set[int]:
        seen = set()
        while not over.is_set():
            seen.add(gateway.chat().status_code)
        return seen

    with ThreadPoolExecutor(8) as clients:
        asking = [clients.submit(ask, index) for index in range(4)]

        def change(index: int) -> list[int]:
            name = f"extra{index}"
            codes = []
            for _ in range(5):
                codes.append(add(gateway, second_upstream.url, name=name, type="openai").status_code)
                codes.append(gateway.http.post(f"/v1/backends/{name}/drain?persist").status_code)
                codes.append(gateway.http.post(f"/v1/backends/{name}/enable").status_code)
                codes.append(gateway.http.patch(f"/v1/backends/{name}", json={"priority": index}).status_code)
                codes.append(gateway.http.post("/v1/admin/reload").status_code)
                codes.append(gateway.http.delete(f"/v1/backends/{name}?persist").status_code)
            return codes

        changed = [clients.submit(change, index) for index in range(4)]
        codes = [code for done in changed for code in done.result()]
        over.set()

    assert set(codes) == {200, 201} and codes.count(201) == 20
    assert {code for client in asking for code in client.result()} == {200}
    until(lambda: names(gateway) == ["one"])
    kept = json.loads(state(gateway.log_path.parent).read_text())
    assert kept["backends"] == [] and kept["changes"] == {}


# Setting


def test_priority_moves_traffic(start, upstream: Upstream, second_upstream: Upstream):
    gateway = start(
        RARE + '[routing]\nstrategy = "priority_only"\n' + backend("one", upstream.url, priority=1)
        + backend("two", second_upstream.url, priority=2)
    )
    gateway.wait_for_backend("one")
    gateway.wait_for_backend("two")
    before = gateway.chat().headers["x-nexus-backend"]
    answer = gateway.http.patch("/v1/backends/two", json={"priority": 0})
    after = gateway.chat().headers["x-nexus-backend"]

    assert (before, after) == ("one", "two")
    assert answer.json()["status"] == "changed" and answer.json()["backend"]["priority"] == 0
    assert gateway.http.patch("/v1/backends/two", json={"priority": 0}).json()["status"] == "unchanged"


def test_a_higher_limit_lets_in_who_waits(start, upstream: Upstream):
    gateway = start(RARE + backend("one", upstream.url, max_concurrent=1))
    gateway.wait_for_backend("one")
    go_on = threading.Event()
    upstream.chat(lambda exchange: exchange.answer(ANSWER) if go_on.wait(LONG) else None)
    with ThreadPoolExecutor(2) as clients:
        answers = [clients.submit(gateway.chat) for _ in range(2)]
        upstream.request()
        limited = gateway.http.patch("/v1/backends/one", json={"max_concurrent": None})
        upstream.request()
        go_on.set()

    assert limited.json()["status"] == "changed"
    assert [answer.result().status_code for answer in answers] == [200, 200]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "There is nothing to set"), ({"priority": -1}, "from 0 to 1000"), ({"max_concurrent": 0}, "from 1 to 100000"),
        ({"prority": 1}, 'did you mean "priority"?'), ({"url": "http://x"}, "url: is not a known key"),
    ],
)
def test_what_cannot_be_set_is_refused(gateway: Gateway, body: dict[str, Any], words: str):
    answer = gateway.http.patch("/v1/backends/one", json=body)

    assert answer.status_code == 400 and words in error(answer)["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/drain"), ("POST", "/enable")],
)
def test_an_unknown_backend_is_told_with_the_nearest_names(gateway: Gateway, method: str, path: str):
    content = '{"priority":1}' if method == "PATCH" else ""
    answer = gateway.http.request(method, f"/v1/backends/onne{path}", content=content)

    assert answer.status_code == 404 and error(answer)["code"] == "backend_not_found"
    assert "There are: 'one'" in error(answer)["message"]


def test_time_outs_are_set_and_kept(folder: Path, upstream: Upstream, nexus):
    configuration = RARE + "[routing]\nmax_retries = 0\n" + backend("one", upstream.url)
    gateway = serve(folder, configuration)
    try:
        gateway.wait_for_backend("one")
        upstream.chat(lambda exchange: exchange.wait_until_closed() and None)
        answer = gateway.http.patch(
            "/v1/backends/one", json={"timeouts": {"first_byte_seconds": 0.3, "total_seconds": 0}, "persist": True}
        )
        again = gateway.http.patch("/v1/backends/one", json={"timeouts": {"first_byte_seconds": 0.3}})
        late = gateway.chat()
        wrong = gateway.http.patch("/v1/backends/one", json={"timeouts": {"first_byte": 3}})

        assert answer.json()["status"] == "changed" and answer.json()["persisted"] is True
        assert again.json()["status"] == "unchanged"
        assert late.status_code == 504 and "0.3" in late.text
        assert wrong.status_code == 400 and "first_byte_seconds" in error(wrong)["message"]
        kept = json.loads(state(folder).read_text())["changes"]["one"]
        assert kept == {"timeouts": {"first_byte_seconds": 0.3, "total_seconds": 0}}
    finally:
        gateway.finish()
    second = serve(folder, configuration)
    try:
        second.wait_for_backend("one")
        assert second.chat().status_code == 504
        done = nexus("backends", "set", "one", "first_byte_seconds=none", "gap_seconds=20", "--persist", "--url", second.url)
        kept = json.loads(state(folder).read_text())["changes"]["one"]["timeouts"]
        upstream.chat(lambda exchange: exchange.answer(ANSWER))

        assert done.returncode == 0 and "was set" in done.stdout
        assert kept == {"first_byte_seconds": 0, "gap_seconds": 20, "total_seconds": 0}
        assert second.chat().status_code == 200
    finally:
        second.finish()


# Removing


def test_a_removed_backend_ends_what_it_has_and_goes(gateway: Gateway, upstream: Upstream):
    go_on = threading.Event()
    upstream.chat(lambda exchange: exchange.answer(ANSWER) if go_on.wait(LONG) else None)
    running = ThreadPoolExecutor(1).submit(gateway.chat)
    upstream.request()
    removed = gateway.http.delete("/v1/backends/one")
    again = gateway.http.delete("/v1/backends/one")
    go_on.set()

    assert removed.json()["status"] == "removed" and removed.json()["backend"]["status"] == "Draining"
    assert again.json()["status"] == "unchanged"
    assert running.result().json() == ANSWER
    until(lambda: names(gateway) == [])
    assert gateway.http.post("/v1/backends/one/enable").json()["status"] == "changed"
    assert names(gateway) == ["one"]


@pytest.mark.parametrize("first", ["?now", ""])
def test_a_backend_that_is_removed_now_gives_its_requests_to_others(
    gateway: Gateway, upstream: Upstream, second_upstream: Upstream, first: str
):
    gateway.http.patch("/v1/backends/one", json={"priority": 0})
    add(gateway, second_upstream.url, name="two", type="openai", priority=900)
    upstream.chat(lambda exchange: upstream.stopped.wait(LONG) and None)
    running = ThreadPoolExecutor(1).submit(gateway.chat)
    upstream.request()
    if not first:
        gateway.http.delete("/v1/backends/one")
    removed = gateway.http.delete("/v1/backends/one?now")

    assert removed.status_code == 200
    assert running.result().headers["x-nexus-backend"] == "two"
    until(lambda: names(gateway) == ["two"])


def test_a_stream_of_a_backend_that_is_removed_now_ends_with_an_error(gateway: Gateway, upstream: Upstream):
    def stream(exchange):
        exchange.begin_stream()
        exchange.event(delta("first"))
        exchange.wait_until_closed()

    upstream.chat(stream)
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    with gateway.http.stream("POST", "/v1/chat/completions", json=body) as running:
        pieces = running.iter_text()
        next(pieces)
        gateway.http.delete("/v1/backends/one?now")
        rest = "".join(pieces)

    assert "The backend one was removed." in rest and "[DONE]" not in rest
    assert gateway.wait_for_entry(lambda entry: True)["status"] == "Error"


class Streams:
    """A server's streams that go on until they are let go, one by one."""

    def __init__(self, gateway: Gateway, upstream: Upstream, model: str) -> None:
        self.gateway, self.model, self.stopped = gateway, model, upstream.stopped
        self.let_go: list[threading.Event] = []
        upstream.chat(self.answer)

    def answer(self, exchange):
        exchange.begin_stream()
        exchange.event(delta("first"))
        mine = self.let_go[-1]
        while not mine.wait(0.05):
            if self.stopped.is_set():
                return
        exchange.event(FINISHED)
        exchange.event(b"[DONE]")
        exchange.end_stream()

    def begin(self):
        self.let_go.append(threading.Event())
        body = {"model": self.model, "stream": True, "messages": [{"role": "user", "content": "hi"}]}
        running = self.gateway.http.send(
            self.gateway.http.build_request("POST", "/v1/chat/completions", json=body), stream=True
        )
        pieces = running.iter_text()
        next(pieces)
        return pieces


def test_a_backend_that_was_removed_twice_is_there_until_its_last_stream_has_ended(
    gateway: Gateway, second_upstream: Upstream
):
    second_upstream.models("other")
    streams = Streams(gateway, second_upstream, "other")
    running = []
    for _ in range(2):
        assert add(gateway, second_upstream.url, name="two", type="openai").status_code == 201
        running.append(streams.begin())
        gateway.http.delete("/v1/backends/two")
    streams.let_go[0].set()
    first = "".join(running[0])
    until(lambda: gateway.json("/v1/backends/two")["pending_requests"] == 1)
    # The first instance goes at any time from here on, and nothing tells when it has: a few rounds of others are behind it.
    for _ in range(5):
        gateway.http.post("/v1/admin/reload")
    left = gateway.http.get("/v1/backends/two")
    ended = gateway.http.delete("/v1/backends/two?now")
    second = "".join(running[1])

    assert "[DONE]" in first
    assert left.status_code == 200 and left.json()["pending_requests"] == 1
    assert ended.json()["status"] == "unchanged" and "The backend two was removed." in second
    until(lambda: names(gateway) == ["one"])


@pytest.mark.parametrize("first", ["?now", ""])
def test_now_also_ends_what_an_instance_has_that_another_took_over_from(
    gateway: Gateway, upstream: Upstream, first: str
):
    streams = Streams(gateway, upstream, "m")
    before = streams.begin()
    toml = Path(gateway.log_path.parent / "nexus.toml")
    toml.write_text(RARE + backend("one", upstream.url, options={"usage": "always"}))
    assert gateway.http.post("/v1/admin/reload").json()["changed"] == ["one"]
    after = streams.begin()
    if not first:
        gateway.http.delete("/v1/backends/one")
    gateway.http.delete("/v1/backends/one?now")
    rests = ["".join(pieces) for pieces in (before, after)]

    assert all("The backend one was removed." in rest and "[DONE]" not in rest for rest in rests)
    until(lambda: names(gateway) == [])


def test_a_name_that_was_removed_can_be_added_again(gateway: Gateway, second_upstream: Upstream):
    add(gateway, second_upstream.url, name="two", type="openai", priority=3)
    gateway.http.patch("/v1/backends/two", json={"priority": 9})
    gateway.http.delete("/v1/backends/two")
    again = add(gateway, second_upstream.url, name="two", type="openai")
    gateway.http.delete("/v1/backends/one")
    configured = add(gateway, second_upstream.url, name="one", type="openai")

    assert again.status_code == 201 and again.json()["backend"]["priority"] == 50
    assert configured.status_code == 409 and "enable" in error(configured)["message"]


# Across restarts


def test_the_gateway_ends_well_while_backends_that_were_removed_are_on_their_way_out(folder: Path):
    # It accepts, and answers nothing: what was removed is kept by its probe.
    silent = socket.create_server(("127.0.0.1", 0))
    names = [f"b{number}" for number in range(6)]
    url = f"http://127.0.0.1:{silent.getsockname()[1]}"
    gateway = serve(folder, RARE + "timeout_seconds = 60\n" + "".join(backend(name, url) for name in names))
    for name in names[:-1]:
        assert gateway.http.delete(f"/v1/backends/{name}").json()["backend"]["status"] == "Draining"

    # Which also asserts its status: an adapter must be neither asked twice to destroy an instance nor be left at it.
    gateway.finish()

    assert "does not end" not in gateway.log


def test_what_was_kept_comes_back_and_the_rest_does_not(folder: Path, upstream: Upstream, second_upstream: Upstream):
    second_upstream.models("other")
    configuration = RARE + "".join(backend(name, upstream.url) for name in ("one", "two", "three", "four"))
    first = serve(folder, configuration)
    kept = add(first, second_upstream.url, name="added", type="vllm", priority=4, persist=True)
    add(first, second_upstream.url, name="gone", type="openai")
    first.http.post("/v1/backends/one/drain?persist")
    first.http.patch("/v1/backends/two", json={"priority": 9, "max_concurrent": 2, "persist": True})
    first.http.patch("/v1/backends/four", json={"priority": 9})
    first.http.delete("/v1/backends/three?persist")
    first.finish()
    second = serve(folder, configuration)
    try:
        views = {view["name"]: view for view in second.json("/v1/backends")["data"]}

        assert kept.json()["persisted"] is True
        assert set(views) == {"one", "two", "four", "added"}
        assert views["one"]["status"] == "Draining"
        assert views["two"]["priority"] == 9 and views["four"]["priority"] == 50
        assert views["added"]["priority"] == 4 and views["added"]["discovery_source"] == "manual"
        second.wait_for_backend("added")
        assert second.chat("other").headers["x-nexus-backend"] == "added"
        assert (folder / "nexus.toml").read_text() == configuration
        assert stat.S_IMODE(state(folder).stat().st_mode) == 0o600
        # Taken back for good.
        removed = second.http.delete("/v1/backends/added").json()
        assert "repeat this with --persist" in removed["warnings"][0]
        assert second.http.delete("/v1/backends/added?persist").json()["status"] == "unchanged"
        assert "added" not in state(folder).read_text()
    finally:
        second.finish()


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"nexus_state":2}', b'{"nexus_state":1,"backends":[{"name":"x"}]}', b"\xff"]
)
def test_a_state_file_that_cannot_be_used_is_told_and_not_lost(folder: Path, upstream: Upstream, content: bytes):
    state(folder).write_bytes(content)
    gateway = serve(folder, RARE + backend("one", upstream.url))
    try:
        gateway.wait_for_backend("one")
        health = gateway.json("/health")

        assert health["status"] == "degraded" and "state file" in health["problem"]
        assert gateway.chat().status_code == 200
        gateway.wait_for_log("the configuration alone is")
        gateway.wait_for_log(str(state(folder)))
        told = gateway.http.post("/v1/backends/one/drain?persist").json()
        aside = folder / "nexus.toml.state.json.kept-1"
        assert str(aside) in told["warnings"][0] and told["persisted"] is True
        assert aside.read_bytes() == content
        assert json.loads(state(folder).read_text())["changes"] == {"one": {"enabled": False}}
        assert "problem" not in gateway.json("/health")
    finally:
        gateway.finish()


def test_what_is_no_file_is_never_moved_away_for_the_state(folder: Path, upstream: Upstream):
    state(folder).mkdir()
    gateway = serve(folder, RARE + backend("one", upstream.url))
    try:
        gateway.wait_for_backend("one")
        assert gateway.json("/health")["status"] == "degraded"

        told = gateway.http.post("/v1/backends/one/drain?persist")

        assert told.status_code == 500 and "is no regular file" in told.json()["error"]["message"]
        assert state(folder).is_dir() and sorted(path.name for path in folder.iterdir() if "kept" in path.name) == []
        assert gateway.wait_for_backend("one")["status"] == "Healthy", "what could not be kept was not done"
    finally:
        gateway.finish()


def test_a_state_file_that_somebody_else_wrote_meanwhile_is_kept_aside(gateway: Gateway):
    folder = gateway.log_path.parent
    gateway.http.post("/v1/backends/one/drain?persist")
    state(folder).write_text("mine")

    told = gateway.http.post("/v1/backends/one/enable?persist").json()

    assert (folder / "nexus.toml.state.json.kept-1").read_text() == "mine" and told["status"] == "changed"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_what_cannot_be_kept_is_not_done(gateway: Gateway):
    folder = gateway.log_path.parent
    folder.chmod(0o500)
    try:
        answer = gateway.http.post("/v1/backends/one/drain?persist")
    finally:
        folder.chmod(0o700)

    assert answer.status_code == 500 and error(answer)["code"] == "state_not_kept"
    assert gateway.json("/v1/backends/one")["status"] == "Healthy"


def test_a_place_that_cannot_be_written_changes_nothing(start, upstream: Upstream, tmp_path: Path):
    gateway = start(RARE + backend("one", upstream.url), environment={"NEXUS_STATE_FILE": str(tmp_path / "no" / "state")})
    gateway.wait_for_backend("one")

    answer = gateway.http.post("/v1/backends/one/drain?persist")

    assert answer.status_code == 500 and error(answer)["code"] == "state_not_kept"
    assert "No such file" in error(answer)["message"]
    assert gateway.json("/v1/backends/one")["status"] == "Healthy"


def test_secrets_are_not_kept(gateway: Gateway, second_upstream: Upstream):
    options = {"headers": {"x-login": "hunter2-hunter2"}}
    refused = add(gateway, second_upstream.url, name="two", type="openai", options=options, persist=True)
    taken = add(gateway, second_upstream.url, name="two", type="openai", options=options)
    later = gateway.http.patch("/v1/backends/two", json={"priority": 1, "persist": True})

    for answer in (refused, later):
        assert answer.status_code == 400 and error(answer)["code"] == "secret_not_kept"
        assert "options.headers.x-login" in error(answer)["message"] and "hunter2" not in answer.text
    assert taken.status_code == 201 and "hunter2" not in taken.text
    assert not state(gateway.log_path.parent).exists()
    assert gateway.json("/v1/backends/two")["priority"] == 50


def test_the_name_of_a_variable_with_a_key_is_kept(folder: Path, second_upstream: Upstream, upstream: Upstream):
    gateway = serve(folder, RARE + backend("one", upstream.url), environment={"TWO_KEY": "sk-of-two"})
    try:
        told = add(gateway, second_upstream.url, name="two", type="openai", api_key_env="TWO_KEY", persist=True)

        assert told.status_code == 201 and told.json()["persisted"] is True
        assert "TWO_KEY" in state(folder).read_text() and "sk-of-two" not in state(folder).read_text()
    finally:
        gateway.finish()


def test_without_a_place_for_a_state_file_nothing_is_kept(upstream: Upstream, tmp_path: Path):
    import subprocess

    command = [str(BUILD / "nexus"), "serve", "--port", "0", "--config", "/dev/stdin", "--adapters-dir", str(BUILD)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=tmp_path, text=True
    )
    assert process.stdin and process.stdout
    process.stdin.write(RARE + backend("one", upstream.url))
    process.stdin.close()
    url = process.stdout.readline().split()[-1]
    try:
        answer = httpx.post(f"{url}/v1/backends/one/drain?persist", timeout=LONG)
        assert answer.status_code == 400 and "--state-file" in error(answer)["message"]
        assert httpx.post(f"{url}/v1/backends/one/drain", timeout=LONG).status_code == 200
    finally:
        process.terminate()
        assert process.wait(LONG) == 0


def test_what_the_configuration_names_counts_before_what_was_added(
    gateway: Gateway, upstream: Upstream, second_upstream: Upstream
):
    second_upstream.models("other")
    add(gateway, upstream.url, name="two", type="openai")
    toml = Path(gateway.log_path.parent / "nexus.toml")
    toml.write_text(RARE + backend("one", upstream.url) + backend("two", second_upstream.url))
    named = gateway.http.post("/v1/admin/reload").json()
    view = gateway.json("/v1/backends/two")
    toml.write_text(RARE + backend("one", upstream.url))
    gateway.http.post("/v1/admin/reload")
    back = gateway.json("/v1/backends/two")

    assert any("two was added at runtime; the configuration names it as well" in note for note in named["warnings"])
    assert view["url"] == second_upstream.url and view["discovery_source"] == "static"
    assert back["url"] == upstream.url and back["discovery_source"] == "manual"


def test_all_down_at_the_start_is_a_gateway_that_says_so_and_recovers(start):
    port = free_port()
    gateway = start("[health_check]\ninterval_seconds = 1\n" + backend("one", f"http://127.0.0.1:{port}"))
    gateway.wait_for_backend("one", "Unhealthy")
    down = gateway.get("/health")
    refused = gateway.chat()
    server = Upstream(port=port)
    try:
        gateway.wait_for_backend("one")
        answer = gateway.chat()
    finally:
        server.close()

    assert down.status_code == 503 and down.json()["status"] == "unhealthy"
    assert refused.status_code == 503 and error(refused)["code"] == "no_healthy_backend"
    assert answer.status_code == 200


# The bounds of commands, and their end


@pytest.fixture
def silent():
    """Accepts, and answers nothing."""
    server = socket.create_server(("127.0.0.1", 0), backlog=200)
    yield f"http://127.0.0.1:{server.getsockname()[1]}"
    server.close()


def test_no_more_commands_are_under_way_than_may_be(start, upstream: Upstream, silent: str):
    gateway = start(RARE + "timeout_seconds = 3\n" + backend("one", upstream.url))
    gateway.wait_for_backend("one")
    with ThreadPoolExecutor(48) as clients:
        answers = list(clients.map(lambda n: add(gateway, silent, name=f"b{n}", type="openai"), range(48)))
    refused = [answer for answer in answers if answer.status_code == 503]

    assert {answer.status_code for answer in answers} == {201, 503} and 1 <= len(refused) <= 16
    assert all(int(answer.headers["retry-after"]) >= 1 and "nothing was done" in answer.text for answer in refused)
    assert len(names(gateway)) == 1 + 48 - len(refused)
    assert gateway.http.post("/v1/backends/one/drain").status_code == 200


@pytest.mark.parametrize("members", [{}, {"name": "two"}])
def test_the_end_of_the_gateway_ends_a_command_that_has_changed_nothing_yet(
    folder: Path, upstream: Upstream, silent: str, members: dict[str, Any]
):
    gateway = serve(folder, RARE + "timeout_seconds = 60\n" + backend("one", upstream.url))
    gateway.wait_for_backend("one")
    with ThreadPoolExecutor(1) as clients:
        adding = clients.submit(add, gateway, silent, persist=True, **members)
        until(lambda: "ESTAB" in connections(silent))
        gateway.signal()
        answer = adding.result()
    gateway.finish()

    assert answer.status_code == 503 and error(answer)["code"] == "shutting_down"
    assert not state(folder).exists()


def test_what_is_kept_when_the_gateway_ends_is_kept_whole(folder: Path, upstream: Upstream, silent: str):
    configuration = RARE + "timeout_seconds = 60\n" + backend("one", upstream.url)
    gateway = serve(folder, configuration)
    gateway.wait_for_backend("one")
    with ThreadPoolExecutor(1) as clients:
        adding = clients.submit(add, gateway, silent, name="two", type="openai", persist=True)
        # It waits for the first probe now.
        until(lambda: state(folder).exists())
        gateway.signal()
        answer = adding.result()
    gateway.finish()
    second = serve(folder, configuration)
    try:
        assert answer.status_code == 201 and answer.json()["persisted"] is True
        assert names(second) == ["one", "two"]
    finally:
        second.finish()


def connections(url: str) -> str:
    """The state of those to a server of this machine."""
    port = int(url.rsplit(":", 1)[1])
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return " ".join("ESTAB" for line in lines if line.split()[2].endswith(f":{port:04X}") and line.split()[3] == "01")


# The command line


def test_the_command_line_does_all_of_it(nexus, gateway: Gateway, second_upstream: Upstream):
    def run(*arguments: str) -> str:
        done = nexus("backends", *arguments, "--url", gateway.url)
        assert done.returncode == 0, done.stderr
        return done.stdout

    second_upstream.models("other")
    added = run("add", "two", second_upstream.url, "--priority", "3", "--option", "usage=always", "--persist")
    assert added.startswith("two was added: type openai, recognised as openai, healthy, 1 model")
    assert run("add", second_upstream.url, "--name", "two", "--priority", "3", "--option", "usage=always", "--persist")
    assert "was set: priority 1" in run("set", "two", "--priority", "1", "--max-concurrent", "2")
    assert "was set: priority 5" in run("set", "two", "priority=5", "max_concurrent=none")
    assert "two is drained: 0 requests under way" in run("drain", "two", "--wait")
    assert "draining" in run("list").lower()
    assert "two is enabled: healthy" in run("enable", "two")
    assert gateway.chat("other").headers["x-nexus-backend"] == "two"
    assert json.loads(run("remove", "two", "--now", "--persist", "--json"))["status"] == "removed"
    until(lambda: names(gateway) == ["one"])
    refused = nexus("backends", "drain", "tow", "--url", gateway.url)
    assert refused.returncode == 1 and "There is no backend 'tow'" in refused.stderr
    nothing = nexus("backends", "set", "one", "--url", gateway.url)
    assert nothing.returncode == 2 and "name=value, like priority=10 or max_concurrent=4" in nothing.stderr
    wrong = nexus("backends", "add", "localhost", "--url", gateway.url)
    assert wrong.returncode == 2 and "nexus backends add http://" in wrong.stderr


def test_a_command_waits_until_nothing_is_under_way(nexus, gateway: Gateway, upstream: Upstream):
    go_on = threading.Event()
    upstream.chat(lambda exchange: exchange.answer(ANSWER) if go_on.wait(LONG) else None)
    running = ThreadPoolExecutor(1).submit(gateway.chat)
    upstream.request()
    late = nexus("backends", "drain", "one", "--wait", "--timeout", "0.1", "--url", gateway.url)
    waiting = ThreadPoolExecutor(1).submit(nexus, "backends", "remove", "one", "--wait", "--url", gateway.url)
    until(lambda: "backend removed" in gateway.log)
    go_on.set()

    assert late.returncode == 1 and "1 request is still under way" in late.stderr
    assert waiting.result().returncode == 0 and running.result().status_code == 200
    assert names(gateway) == []
