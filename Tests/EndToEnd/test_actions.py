"""Actions of an operator, over HTTP and in the live updates, against a scripted Ollama and an adapter in plain C."""

import json
import queue
import threading

import pytest

from conftest import compile_adapter
from gateway import LONG, backend
from upstream import Exchange, Upstream

ACTIONS = "/v1/backends/ollama/actions"


@pytest.fixture
def ollama(upstream) -> Upstream:
    upstream.on("/api/tags", lambda exchange: exchange.answer({"models": []}))
    upstream.on("/api/version", lambda exchange: exchange.answer({"version": "0.9.0"}))
    return upstream


@pytest.fixture
def gateway(start, ollama):
    gateway = start(backend("ollama", ollama.url, type="ollama"))
    gateway.wait_for_backend("ollama")
    return gateway


class Pull:
    """A pull whose lines the test sends one by one."""

    def __init__(self, ollama: Upstream) -> None:
        ollama.on("/api/pull", self.serve)
        self.begun: "queue.Queue[Exchange]" = queue.Queue()
        self.over = threading.Event()

    def serve(self, exchange):
        exchange.begin_stream("application/x-ndjson")
        self.line(exchange, status="pulling manifest")
        self.begun.put(exchange)
        self.over.wait(LONG)

    @staticmethod
    def line(exchange, **members):
        exchange.piece(json.dumps(members).encode() + b"\n")

    def request(self):
        """The next pull whose answer has begun."""
        return self.begun.get(timeout=LONG)


@pytest.fixture
def pull(ollama):
    pull = Pull(ollama)
    yield pull
    pull.over.set()


def events(response):
    for line in response.iter_lines():
        if line:
            assert line.startswith("data: ")
            yield json.loads(line.removeprefix("data: "))


def stream(gateway, name, body, **options):
    headers = {"accept": "text/event-stream", **options.pop("headers", {})}
    return gateway.http.stream("POST", f"{ACTIONS}/{name}", json=body, headers=headers, **options)


def test_a_backend_lists_its_actions_with_the_schema_of_their_parameters(gateway):
    actions = {action["name"]: action for action in gateway.json(ACTIONS)["data"]}

    assert set(actions) == {
        "pull_model", "delete_model", "load_model", "unload_model", "show_model", "running_models",
    }
    assert actions["delete_model"]["destructive"] and not actions["pull_model"]["destructive"]
    assert actions["show_model"]["result"] == "json" and actions["pull_model"]["result"] == "none"
    assert actions["pull_model"]["parameters"] == {
        "type": "object",
        "properties": {"model": {"type": "string"}, "insecure": {"type": "boolean", "default": False}},
        "required": ["model"],
        "additionalProperties": False,
    }
    assert all(action["help"] for action in actions.values())


def test_an_action_answers_with_its_result(gateway, ollama):
    ollama.on("/api/ps", lambda exchange: exchange.answer({"models": [{"name": "m"}]}))

    answer = gateway.http.post(f"{ACTIONS}/running_models")

    assert answer.status_code == 200 and answer.headers["x-request-id"]
    body = answer.json()
    assert (body["backend_id"], body["action"], body["status"]) == ("ollama", "running_models", "succeeded")
    assert body["result"] == [{"name": "m"}] and len(body["id"]) == 32 and body["duration_ms"] >= 0


def test_a_delete_reaches_the_server(gateway, ollama):
    ollama.on("/api/delete", lambda exchange: exchange.answer(b""))

    answer = gateway.http.post(f"{ACTIONS}/delete_model", json={"model": "old"})

    request = ollama.request()
    assert answer.status_code == 200 and answer.json()["result"] is None
    assert request.method == "DELETE" and request.json == {"model": "old"}


def test_a_pull_tells_its_progress_as_a_stream_and_in_the_live_updates(gateway, pull):
    with gateway.socket() as live, stream(gateway, "pull_model", {"model": "m:1b"}) as answer:
        assert answer.status_code == 200 and answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        told = events(answer)
        first = next(told)
        upstream = pull.request()
        pull.line(upstream, status="pulling a", digest="a", total=200, completed=50)
        progress = next(event for event in told if event["done"] == 50)
        update = live.until("ActionProgress", lambda data: data["done"] == 50)
        pull.line(upstream, status="pulling a", digest="a", total=200, completed=200)
        pull.line(upstream, status="success")
        upstream.end_stream()
        *_, last = told
        end = live.until("ActionProgress", lambda data: data["status"] != "running")

    assert first["type"] == "progress" and first["done"] is None and first["fraction"] is None
    assert progress["fraction"] == 0.25 and progress["total"] == 200 and progress["message"] == "pulling a"
    assert update == {
        "id": first["id"], "backend_id": "ollama", "action": "pull_model", "status": "running", "done": 50,
        "total": 200, "fraction": 0.25, "message": "pulling a", "error": None,
    }
    assert last["type"] == "result" and last["status"] == "succeeded" and last["id"] == first["id"]
    assert end["status"] == "succeeded" and end["fraction"] == 1
    assert upstream.json == {"model": "m:1b", "insecure": False, "stream": True}


def test_a_connection_is_kept_after_a_stream(gateway, ollama):
    ollama.on("/api/ps", lambda exchange: exchange.answer({"models": []}))
    with stream(gateway, "running_models", {}) as answer:
        assert [event["type"] for event in events(answer)][-1] == "result"

    assert gateway.json("/v1/actions")["data"][-1]["result"] == []


def test_delete_cancels_an_action(gateway, pull):
    with stream(gateway, "pull_model", {"model": "m"}) as answer:
        told = events(answer)
        id = next(told)["id"]
        upstream = pull.request()
        running = gateway.json("/v1/actions")["data"]

        cancelled = gateway.http.delete(f"/v1/actions/{id}")
        *_, last = told

    assert [(action["id"], action["status"]) for action in running] == [(id, "running")]
    assert cancelled.status_code == 202
    assert last["error"]["code"] == "action_cancelled"
    assert upstream.wait_until_closed()
    assert [action["status"] for action in gateway.json("/v1/actions")["data"]] == ["cancelled"]
    assert gateway.http.delete(f"/v1/actions/{id}").status_code == 404


@pytest.mark.parametrize("query", ["", "?stream=true"])
def test_a_client_that_goes_away_cancels_its_action(gateway, pull, query):
    body = b'{"model":"m"}'
    connection = gateway.connection()
    connection.sendall(
        f"POST {ACTIONS}/pull_model{query} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
    )
    upstream = pull.request()
    with gateway.socket() as live:
        connection.close()
        end = live.until("ActionProgress", lambda data: data["status"] != "running")

    assert end["status"] == "cancelled" and upstream.wait_until_closed()


def test_a_detached_action_goes_on_without_its_client(gateway, pull):
    with gateway.socket() as live:
        answer = gateway.http.post(f"{ACTIONS}/pull_model?detach=true", json={"model": "m"})
        upstream = pull.request()
        pull.line(upstream, status="success")
        upstream.end_stream()
        end = live.until("ActionProgress", lambda data: data["status"] != "running")

    assert answer.status_code == 202 and answer.json()["status"] == "running"
    assert end["id"] == answer.json()["id"] and end["status"] == "succeeded"


def test_two_actions_run_at_once(gateway, pull):
    ids = [gateway.http.post(f"{ACTIONS}/pull_model?detach", json={"model": name}).json()["id"] for name in "ab"]
    requests = [pull.request() for _ in ids]

    assert {request.json["model"] for request in requests} == {"a", "b"}
    assert {action["id"] for action in gateway.json("/v1/actions")["data"]} == set(ids)
    for id in ids:
        assert gateway.http.delete(f"/v1/actions/{id}").status_code == 202
    assert all(request.wait_until_closed() for request in requests)


@pytest.mark.parametrize(
    ("body", "param", "words"),
    [
        ({}, "model", "The argument 'model' is missing"),
        ({"model": 1}, "model", "must be a string, not 1"),
        ({"model": "m", "insecure": "yes"}, "insecure", "must be true or false"),
        ({"model": "m", "x": 1}, "x", "is unknown; known are model, insecure"),
        ([], None, "must be a JSON object"),
    ],
)
def test_a_bad_argument_is_named(gateway, body, param, words):
    answer = gateway.http.post(f"{ACTIONS}/pull_model", json=body)

    error = answer.json()["error"]
    assert answer.status_code == 400 and error["param"] == param and words in error["message"]
    assert error["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("POST", f"{ACTIONS}/no_such", 404, "action_not_found"),
        ("POST", "/v1/backends/none/actions/pull_model", 404, "backend_not_found"),
        ("GET", "/v1/backends/none/actions", 404, "backend_not_found"),
        ("GET", f"{ACTIONS}/pull_model", 405, "method_not_allowed"),
        ("POST", "/v1/actions", 405, "method_not_allowed"),
        ("DELETE", "/v1/actions/0", 404, "action_not_found"),
    ],
)
def test_what_is_not_there_is_said(gateway, method, path, status, code):
    answer = gateway.http.request(method, path)

    assert answer.status_code == status and answer.json()["error"]["code"] == code


def test_a_body_that_is_not_json_is_refused(gateway):
    answer = gateway.http.post(f"{ACTIONS}/pull_model", content=b"{")

    assert answer.status_code == 400 and "not JSON" in answer.json()["error"]["message"]


def test_an_action_that_fails_at_the_server_says_why(gateway, ollama):
    ollama.on("/api/show", lambda exchange: exchange.answer({"error": "model 'm' not found"}, status=404))

    answer = gateway.http.post(f"{ACTIONS}/show_model", json={"model": "m"})
    with stream(gateway, "show_model", {"model": "m"}) as streamed:
        *_, last = events(streamed)

    assert answer.status_code == 502 and "model 'm' not found" in answer.json()["error"]["message"]
    assert last == answer.json()
    assert [action["status"] for action in gateway.json("/v1/actions")["data"]] == ["failed", "failed"]


@pytest.mark.parametrize("path", [f"{ACTIONS}/running_models", "/v1/actions/0"])
def test_pages_of_other_sites_may_not_command(gateway, path):
    method = "DELETE" if path.startswith("/v1/actions") else "POST"

    foreign = gateway.http.request(method, path, headers={"origin": "http://evil.example"})
    own = gateway.http.request(method, path, headers={"origin": gateway.url})

    assert foreign.status_code == 403 and foreign.json()["error"]["code"] == "origin_not_allowed"
    assert own.status_code != 403


def test_a_running_action_does_not_hold_up_the_end_of_the_gateway(gateway, pull):
    gateway.http.post(f"{ACTIONS}/pull_model?detach", json={"model": "m"})
    upstream = pull.request()

    gateway.signal()

    assert gateway.wait() == 0 and upstream.wait_until_closed()


# The command line.


def test_the_command_line_lists_actions(gateway, nexus):
    shown = nexus("actions", "list", "ollama", "--url", gateway.url)

    assert shown.returncode == 0 and "model [insecure]" in shown.stdout and "running_models" in shown.stdout


def test_the_command_line_runs_an_action_and_shows_progress_and_result(gateway, ollama, nexus):
    ollama.on("/api/show", lambda exchange: exchange.answer({"license": "a\nb"}))
    ollama.on("/api/generate", lambda exchange: exchange.answer({"done": True}))

    loaded = nexus("actions", "run", "ollama", "load_model", "model=m", "--url", gateway.url)
    shown = nexus("actions", "run", "ollama", "show_model", "model=m", "verbose:=true", "--url", gateway.url)

    assert loaded.returncode == 0 and loaded.stdout == "" and "loading m" in loaded.stderr
    assert json.loads(shown.stdout) == {"license": "a\nb"}
    assert ollama.request().json == {"model": "m", "stream": False}


@pytest.mark.parametrize(
    ("arguments", "words", "status"),
    [
        (["ollama", "show_model"], "The argument 'model' is missing", 1),
        (["ollama", "show_model", "model"], "must be name=text or name:=JSON", 2),
        (["ollama", "show_model", "model:=x"], "is not JSON", 2),
        (["a/b", "show_model"], "There is no backend 'a/b'", 1),
    ],
)
def test_the_command_line_says_why_an_action_cannot_run(gateway, nexus, arguments, words, status):
    failed = nexus("actions", "run", *arguments, "--url", gateway.url)

    assert failed.returncode == status and words in failed.stderr and failed.stdout == ""


# An adapter in plain C.


@pytest.fixture
def plain(start, upstream, tmp_path):
    folder = tmp_path / "c"
    folder.mkdir()
    compile_adapter("actions.c", folder / "actions.so")
    return start(backend("c", upstream.url, type="actions"), adapters=(folder,))


def run(gateway, name, **arguments):
    answer = gateway.http.post(f"/v1/backends/c/actions/{name}", json=arguments)
    assert answer.status_code == 200, answer.text
    return answer.json()["result"]


def test_a_large_answer_reaches_the_action_whole(plain, upstream):
    size = 20_000_000
    upstream.on("/large", lambda exchange: exchange.answer(b"x" * size))

    assert run(plain, "fetch", path="/large") == {"call": 0, "status": 200, "heads": 1, "bytes": size, "result": 0}


def test_a_request_of_an_action_has_its_own_time(plain, upstream):
    upstream.on("/slow", lambda exchange: exchange.begin_stream() or exchange.wait_until_closed())

    answer = run(plain, "fetch", path="/slow", timeout=50)

    assert answer == {"call": 0, "status": 200, "heads": 1, "bytes": 0, "result": 2}


def test_a_connection_cut_in_the_middle_is_told(plain, upstream):
    def cut(exchange):
        exchange.begin_stream()
        exchange.piece(b"12345")
        exchange.cut()

    upstream.on("/cut", cut)

    assert run(plain, "fetch", path="/cut")["result"] == 3


def test_what_of_an_adapter_is_not_used_is_said(plain):
    plain.wait_for_log('the signature of "bad_signature": a type is expected')
    warnings = plain.json("/v1/adapters")["data"][0]["warnings"]
    assert len(warnings) == 5


def test_more_actions_than_may_run_are_refused(plain):
    waiting = [plain.http.post("/v1/backends/c/actions/wait?detach=1") for _ in range(16)]

    refused = plain.http.post("/v1/backends/c/actions/nothing")

    assert {answer.status_code for answer in waiting} == {202}
    assert refused.status_code == 503 and refused.json()["error"]["code"] == "too_many_actions"
    assert refused.headers["retry-after"] == "5"
