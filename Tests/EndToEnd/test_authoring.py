"""A new adapter's project, followed as its README says: written, built, loaded, used."""

import json
import os
import re
import resource
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

import projects as authors
from gateway import BUILD, FAST, LONG, TOP, backend, free_port
from projects import LANGUAGES
from upstream import ANSWER, FINISHED, USAGE, delta

KEY = "sk-very-secret"


@pytest.fixture(scope="session")
def projects(tmp_path_factory) -> dict[str, Path]:
    """One project a language, built by the one command that its README names."""
    return authors.all_made(tmp_path_factory, "openai")


@pytest.fixture(params=LANGUAGES)
def project(request, projects) -> Path:
    return projects[request.param]


@pytest.fixture
def serve(start, project, upstream):
    """A gateway with the new adapter in front of the scripted server."""

    def serve(configuration: str = "", **keys):
        keys = {"options": {}, **keys}
        options = keys.pop("options")
        text = configuration + backend("mine", upstream.url, type=project.name, **keys)
        if options:
            text += "options = { " + ", ".join(f"{name} = {json.dumps(value)}" for name, value in options.items()) + " }\n"
        return start(text, adapters=(project / "build",), environment={"MY_KEY": KEY})

    return serve


# The project


def test_the_adapter_is_one_file_with_one_symbol_that_loads(nexus, project):
    listed = nexus("adapters", "list", "--json", "--adapters-dir", str(project / "build"))

    assert listed.returncode == 0
    assert [(item["type"], item["abi"]) for item in json.loads(listed.stdout)] == [(project.name, "1.3")]
    symbols = subprocess.run(
        # The linker also notes local symbols there, which nobody else can bind to.
        ["nm", "-D", "--defined-only", "--extern-only", str(project / "build" / f"{project.name}.so")], text=True, capture_output=True
    )
    assert [line.split()[-1] for line in symbols.stdout.splitlines()] == ["nexus_adapter_v1"]


@pytest.mark.skipif(shutil.which("rustc") is None, reason="rustc is not installed")
def test_the_parts_of_the_rust_project_pass_their_tests(projects):
    tested = subprocess.run(["make", "test"], cwd=projects["rust"], text=True, capture_output=True)

    assert tested.returncode == 0 and "test result: ok. 4 passed" in tested.stdout, tested.stdout + tested.stderr


def test_a_name_that_cannot_be_a_type_writes_nothing(nexus, tmp_path):
    refused = nexus("adapter", "new", "My Adapter", "--lang", "c", cwd=tmp_path)

    assert refused.returncode == 2 and '"My Adapter" cannot be the name of an adapter' in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_type_of_a_shipped_adapter_is_no_name_for_another(nexus, tmp_path):
    shipped = json.loads(nexus("adapters", "list", "--json", cwd=tmp_path).stdout)

    assert {adapter["type"] for adapter in shipped} >= {"openai", "ollama"}
    for adapter in shipped:
        refused = nexus("adapter", "new", adapter["type"], "--lang", "c", cwd=tmp_path)
        assert refused.returncode == 2 and "comes with Nexus; choose another name" in refused.stderr, refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_is_left_alone(nexus, tmp_path):
    (tmp_path / "mine").mkdir()

    refused = nexus("adapter", "new", "mine", "--lang", "swift", cwd=tmp_path)

    assert refused.returncode == 1 and "mine was not written: it is there already" in refused.stderr
    assert list(tmp_path.rglob("*")) == [tmp_path / "mine"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_half_project_is_left_when_writing_fails(tmp_path, language):
    """No file may exceed 4000 bytes, which the smaller ones of a project do not. Python ignores SIGXFSZ, and so does its child."""
    refused = subprocess.run(
        [str(BUILD / "nexus"), "adapter", "new", "mine", "--lang", language],
        cwd=tmp_path,
        text=True,
        capture_output=True,
        restore_signals=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000)),
    )

    assert refused.returncode == 1 and "was not written: file too large" in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_project_may_lie_anywhere(nexus, tmp_path):
    written = nexus("adapter", "new", "mine", "--lang", "c", "--directory", str(tmp_path / "other"))

    assert written.returncode == 0 and (tmp_path / "other" / "adapter.c").exists()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_guides_first_five_minutes_work_as_written(tmp_path, language):
    guide = (TOP / "docs/writing-an-adapter.md").read_text()
    section = guide[guide.index("## Five minutes") : guide.index("## The life of an instance")]
    commands = "".join(re.findall(r"```sh\n(.*?)```", section, re.DOTALL))
    for written in ("8055", "8099"):
        commands = commands.replace(written, str(free_port()))
    script = "set -eu\n" + commands.replace("--lang c", f"--lang {language}") + "\nkill $(jobs -p)\nwait\n"

    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={**authors.QUICK, "PATH": f"{BUILD}:{os.environ['PATH']}"},
        text=True,
        capture_output=True,
        timeout=2 * LONG,
    )

    assert "Hello from my own server!" in done.stdout, done.stdout + done.stderr


def test_the_adapter_passes_every_check(nexus, project):

    checked = nexus("adapter", "check", str(project / "build" / f"{project.name}.so"))

    assert checked.returncode == 0 and " 0 failed" in checked.stdout, checked.stdout


# Its adapter: probes


def test_a_probe_finds_the_servers_models(serve, upstream):
    upstream.models("one", 'q"uo\\te', "grüße")

    view = serve(FAST).wait_for_backend("mine")

    assert {model["id"] for model in view["models"]} == {"one", 'q"uo\\te', "grüße"}


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (lambda exchange: exchange.answer({}, status=500), "GET /v1/models answered with status 500"),
        (lambda exchange: exchange.answer({"error": KEY}, status=401), "the server refuses the API key (status 401)"),
        (lambda exchange: exchange.answer(b"<html>"), "did not answer with a list of models"),
        (lambda exchange: exchange.answer(b'{"data":[{"id":"x'), "did not answer with a list of models"),
        (lambda exchange: exchange.cut(), " (GET /v1/models"),
    ],
)
def test_a_probe_that_fails_says_why(serve, upstream, script, reason):
    upstream.on("/v1/models", script)

    gateway = serve(FAST, api_key_env="MY_KEY")
    view = gateway.wait_for_backend("mine", "Unhealthy")

    assert reason in view["last_error"] and KEY not in view["last_error"] and KEY not in gateway.log


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"path_prefix": 5}, "options.path_prefix must be of type string"),
        ({"path_prefix": "v1"}, 'options.path_prefix must be a text like "/v1"'),
        ({"path_prefx": "/v1"}, "options.path_prefx is not known"),
    ],
)
def test_bad_options_are_named(serve, options, reason):
    assert reason in serve(options=options).wait_for_backend("mine", "Unhealthy")["last_error"]


def test_the_prefix_is_an_option(serve, upstream):
    upstream.on("/models", upstream.scripts["/v1/models"])
    upstream.on("/chat/completions", lambda exchange: exchange.answer(ANSWER))
    gateway = serve(options={"path_prefix": ""})
    gateway.wait_for_backend("mine")

    assert gateway.chat().json() == ANSWER


# Its adapter: exchanges


def test_a_chat_is_answered_whole(serve, upstream):
    gateway = serve(api_key_env="MY_KEY")
    gateway.wait_for_backend("mine")

    answer = gateway.chat(temperature=0.5)

    assert answer.status_code == 200 and answer.json() == ANSWER
    request = upstream.request()
    assert request.json["temperature"] == 0.5
    assert request.headers["authorization"] == f"Bearer {KEY}" and request.headers["content-type"] == "application/json"
    assert request.headers["x-request-id"] == answer.headers["x-request-id"]
    assert gateway.history()[-1]["prompt_tokens"] == USAGE["prompt_tokens"]


EVENTS = [delta("grü"), delta("ße"), FINISHED, {**delta(""), "choices": [], "usage": USAGE}]
STREAM = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in EVENTS) + b"data: [DONE]\n\n"


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
def test_a_stream_arrives_whole_however_it_is_cut(serve, upstream, size, line_end):
    stream = STREAM.replace(b"\n", line_end)

    def streams(exchange):
        exchange.begin_stream()
        for start in range(0, len(stream), size):
            exchange.piece(stream[start : start + size])
        exchange.end_stream()

    upstream.chat(streams)
    gateway = serve()
    gateway.wait_for_backend("mine")

    answer = gateway.chat(stream=True)

    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    events = [event for event in answer.text.replace("\r\n", "\n").split("\n\n") if event]
    assert events[-1] == "data: [DONE]" and [json.loads(event[6:]) for event in events[:-1]] == EVENTS
    assert gateway.history()[-1]["completion_tokens"] == USAGE["completion_tokens"]


@pytest.mark.parametrize(
    ("status", "seen", "body"),
    [(400, 400, True), (401, None, False), (404, None, True), (429, 429, True), (500, 502, True), (503, 503, True)],
)
def test_the_servers_errors_are_told_as_what_they_are(serve, upstream, status, seen, body):
    upstream.chat(
        lambda exchange: exchange.answer({"error": {"message": "because"}}, status=status, retry_after="7")
    )
    gateway = serve()
    gateway.wait_for_backend("mine")

    answer = gateway.chat()

    assert answer.status_code == seen if seen else answer.status_code >= 400
    assert ("because" in answer.json()["error"]["message"]) == body
    if status in (429, 503):
        assert int(answer.headers["retry-after"]) >= 7


@pytest.mark.parametrize("status", [400, 401, 500])
def test_the_key_goes_nowhere(serve, upstream, status):
    upstream.chat(lambda exchange: exchange.answer({"error": {"message": f"bad key {KEY}!"}}, status=status))
    gateway = serve(api_key_env="MY_KEY")
    gateway.wait_for_backend("mine")

    answer = gateway.chat()

    assert answer.status_code >= 400 and KEY not in answer.text
    assert KEY not in gateway.get("/v1/history").text and KEY not in gateway.log


@pytest.mark.parametrize("stream", [False, True])
def test_an_error_inside_a_success_is_an_error(serve, upstream, stream):
    def fails(exchange):
        if stream:
            exchange.begin_stream()
            exchange.event({"error": {"message": "out of memory", "code": 500}})
            exchange.end_stream()
        else:
            exchange.answer({"error": {"message": "out of memory"}})

    upstream.chat(fails)
    gateway = serve()
    gateway.wait_for_backend("mine")

    answer = gateway.chat(stream=stream)

    assert answer.status_code == 502 and answer.json()["error"]["message"] == "out of memory"


@pytest.mark.parametrize("ending", ["cut", "clean end", "error event"])
def test_a_stream_that_breaks_is_never_passed_off_as_whole(serve, upstream, ending):
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
            exchange.event({"error": {"message": "out of memory"}})
            exchange.end_stream()

    upstream.chat(breaks)
    gateway = serve()
    gateway.wait_for_backend("mine")

    with gateway.http.stream("POST", "/v1/chat/completions", json={"model": "m", "stream": True}) as answer:
        pieces = answer.iter_text()
        body = next(pieces)
        committed.set()
        body += "".join(pieces)

    events = [event for event in body.split("\n\n") if event]
    assert len(events) == (3 if ending == "error event" else 2)
    assert json.loads(events[-1].removeprefix("data: "))["error"]["message"] and "[DONE]" not in body


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1]", b'{"id":'])
def test_an_answer_that_is_none_is_an_error(serve, upstream, body):
    upstream.chat(lambda exchange: exchange.answer(body))
    gateway = serve()
    gateway.wait_for_backend("mine")

    assert gateway.chat().status_code == 502


def test_a_server_that_is_gone_is_told(serve, upstream):
    gateway = serve()
    gateway.wait_for_backend("mine")
    upstream.close()

    answer = gateway.chat()

    assert answer.status_code in (502, 503) and answer.json()["error"]["message"]


def test_both_adapters_serve_side_by_side(start, projects, upstream, tmp_path):
    """Two adapters of which each holds its own copy of the kit, or of the reader, in one process."""
    folder = tmp_path / "adapters"
    folder.mkdir()
    for project in projects.values():
        shutil.copy(project / "build" / f"{project.name}.so", folder)
    gateway = start(
        "".join(backend(project.name, upstream.url, type=project.name) for project in projects.values()), adapters=(folder,)
    )
    for project in projects.values():
        gateway.wait_for_backend(project.name)

    answers = [gateway.chat() for _ in range(10)]

    assert all(answer.json() == ANSWER for answer in answers)


# The reader of event streams that C projects get


@pytest.fixture(scope="session")
def read_events(tmp_path_factory):
    """Gives what events.h makes of a stream: the data and the text of each event, and how it ended."""
    folder = tmp_path_factory.mktemp("events")
    program = folder / "read_events"
    flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    includes = ["-I", str(TOP / "templates/adapter/c"), "-I", str(TOP / "Sources/PluginAPI/include")]
    source = TOP / "Tests/EndToEnd/read_events.c"
    subprocess.run([os.environ.get("CC", "cc"), *flags, *includes, str(source), "-o", str(program)], check=True)

    def read(stream: bytes, size: int = 1, limit: int = 1000) -> tuple[list[tuple[bytes | None, bytes]], str]:
        (folder / "stream").write_bytes(stream)
        lines = subprocess.run(
            [str(program), str(folder / "stream"), str(size), str(limit)], text=True, capture_output=True, check=True
        ).stdout.splitlines()
        values = [line.split(" ", 1)[1] for line in lines[:-1]]
        parts = [None if value == "-" else bytes.fromhex(value) for value in values]
        return list(zip(parts[::2], parts[1::2], strict=True)), lines[-1]

    return read


@pytest.mark.parametrize("size", [1, 2, 3, 5, 10_000])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("stream", "events"),
    [
        ("data: one\n\ndata:two\n\n", [("one", "data: one\n\n"), ("two", "data:two\n\n")]),
        ("data:  two spaces\n\n", [(" two spaces", "data:  two spaces\n\n")]),
        ("data: a\nid: 1\ndata: b\n\n", [("a\nb", "data: a\nid: 1\ndata: b\n\n")]),
        ("data\n\ndata:\n\ndata\ndata:\n\n", [("", "data\n\n"), ("", "data:\n\n"), ("\n", "data\ndata:\n\n")]),
        (": alive\n\nevent: x\n\n", [(None, ": alive\n\n"), (None, "event: x\n\n")]),
        ("database: x\n dat\n\n", [(None, "database: x\n dat\n\n")]),
        ("\n\n\ndata: x\n\n\n\n", [("x", "data: x\n\n")]),
        ("\ufeffdata: x\n\ndata: \ufeff\n\n", [("x", "data: x\n\n"), ("\ufeff", "data: \ufeff\n\n")]),
        ("\ufeff\n\ndata: x\n\n", [("x", "data: x\n\n")]),
        ("data: half", []),
        ("data: one\n\ndata: half\n", [("one", "data: one\n\n")]),
        ("", []),
    ],
)
def test_events_are_read_whatever_their_line_ends_and_however_they_are_cut(read_events, stream, events, line_end, size):
    read = read_events(stream.replace("\n", line_end).encode(), size)

    assert read == ([(data if data is None else data.encode(), text.encode()) for data, text in events], "end")


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_an_event_beyond_the_limit_ends_the_stream_and_one_within_does_not(read_events, size):
    within, beyond = b"data: 345678\n\n", b"data: 3456789\n\n"

    assert read_events(within * 3, size, limit=14) == ([(b"345678", within)] * 3, "end")
    assert read_events(within + beyond, size, limit=14) == ([(b"345678", within)], "too large")
    assert read_events(b"x" * 15, size, limit=14) == ([], "too large")
    assert read_events(b": a\n: b\n: c\n: d\n", size, limit=14) == ([], "too large")


# Headers, both ways


def test_headers_of_the_client_reach_the_server_and_those_of_the_server_the_client(serve, upstream):
    upstream.chat(
        lambda exchange: exchange.answer(ANSWER, x_ratelimit_remaining_requests="7", x_request_id="theirs", set_cookie="no=1")
    )
    gateway = serve(api_key_env="MY_KEY")
    gateway.wait_for_backend("mine")

    answer = gateway.http.post(
        "/v1/chat/completions",
        json={"model": "m", "messages": []},
        headers={"traceparent": "00-1-2-01", "openai-organization": "ours", "authorization": "Bearer the-clients"},
    )

    asked = upstream.request().headers
    assert asked["traceparent"] == "00-1-2-01" and asked["openai-organization"] == "ours"
    assert asked["authorization"] == f"Bearer {KEY}"
    assert answer.headers["x-ratelimit-remaining-requests"] == "7"
    assert answer.headers["x-nexus-upstream-request-id"] == "theirs" and "set-cookie" not in answer.headers


def test_headers_of_a_refusal_reach_the_client(serve, upstream):
    upstream.chat(
        lambda exchange: exchange.answer({"error": "later"}, status=429, retry_after="7", x_ratelimit_limit_requests="60")
    )
    gateway = serve()
    gateway.wait_for_backend("mine")

    answer = gateway.chat()

    assert answer.status_code == 429 and answer.headers["x-ratelimit-limit-requests"] == "60"


def test_a_stream_that_breaks_has_used_tokens_all_the_same(serve, upstream):
    def breaks(exchange):
        exchange.begin_stream()
        exchange.event({**delta("one"), "usage": USAGE})
        exchange.end_stream()

    upstream.chat(breaks)
    gateway = serve()
    gateway.wait_for_backend("mine")

    assert "before it was finished" in gateway.chat(stream=True).text
    assert gateway.history()[-1]["completion_tokens"] == USAGE["completion_tokens"]
