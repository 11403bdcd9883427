"""The adapters of examples/: they build without a warning, load, and do what they say."""

import json
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from gateway import FAST, LONG, backend

TOP = Path(__file__).resolve().parents[2]


def built(folder: Path, language: str) -> Path:
    """Builds a copy of an example; gives the folder with the adapter."""
    place = folder / language
    shutil.copytree(TOP / "examples" / language, place, ignore=shutil.ignore_patterns("build"))
    subprocess.run(["make", f"ROOT={TOP}"], cwd=place, check=True)
    return place / "build"


def passes_every_check(nexus, *arguments: str) -> None:
    checked = nexus("adapter", "check", *arguments)
    assert checked.returncode == 0 and " 0 failed" in checked.stdout, checked.stdout


# C: a server that only completes text


@pytest.fixture(scope="module")
def c_folder(tmp_path_factory) -> Path:
    return built(tmp_path_factory.mktemp("example"), "c")


@pytest.fixture
def serve(start, upstream, c_folder):
    def serve(configuration: str = ""):
        return start(configuration + backend("local", upstream.url, type="completion"), adapters=(c_folder,))

    upstream.on("/health", lambda exchange: exchange.answer({"status": "ok"}))
    return serve


def test_the_c_example_has_one_model_with_the_backends_name(serve):
    view = serve().wait_for_backend("local")

    assert [model["id"] for model in view["models"]] == ["local"]


def test_the_c_example_tells_a_server_that_loads_from_one_that_is_gone(serve, upstream):
    upstream.on("/health", lambda exchange: exchange.answer({"error": "loading"}, status=503))
    gateway = serve(FAST)
    assert "status 503" in gateway.wait_for_backend("local", "Unhealthy")["last_error"]

    upstream.close()
    with gateway.socket() as live:
        live.backend(lambda view: str(upstream.port) in (view["last_error"] or ""))


def test_the_c_example_makes_a_prompt_of_a_chat_and_a_chat_of_the_answer(serve, upstream):
    said = 'Grüße \\ "quoted"\n'
    upstream.on(
        "/completion",
        lambda exchange: exchange.answer(
            {"content": said, "stop": True, "stop_type": "limit", "tokens_evaluated": 9, "tokens_predicted": 4}
        ),
    )
    gateway = serve()
    gateway.wait_for_backend("local")
    messages = [{"role": "system", "content": "Be \"brief\"."}, {"role": "user", "content": "Hi\tthere"}]

    answer = gateway.http.post(
        "/v1/chat/completions", json={"model": "local", "messages": messages, "max_tokens": 4, "temperature": 0.5}
    )

    requests = iter(upstream.request, None)
    sent = next(request for request in requests if request.path == "/completion").json
    assert sent == {
        "prompt": 'system: Be "brief".\nuser: Hi\tthere\nassistant:', "stream": False, "n_predict": 4, "temperature": 0.5,
    }  # fmt: skip
    assert answer.status_code == 200
    assert answer.json()["choices"][0] == {
        "index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "length",
    }  # fmt: skip
    assert answer.json()["usage"] == {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
    assert answer.json()["model"] == "local"


def test_the_c_example_passes_headers_both_ways(serve, upstream):
    upstream.on(
        "/completion",
        lambda exchange: exchange.answer({"content": "x", "stop": True}, x_request_id="theirs", retry_after="3"),
    )
    gateway = serve()
    gateway.wait_for_backend("local")

    answer = gateway.http.post(
        "/v1/chat/completions", json={"model": "local", "messages": []}, headers={"traceparent": "00-1-2-01"}
    )

    requests = iter(upstream.request, None)
    asked = next(request for request in requests if request.path == "/completion")
    assert asked.headers["traceparent"] == "00-1-2-01" and "t_max_predict_ms" not in asked.json
    assert answer.headers["x-nexus-upstream-request-id"] == "theirs" and answer.headers["retry-after"] == "3"


def test_the_c_example_tells_the_server_how_long_it_may_take(serve, upstream):
    upstream.on("/completion", lambda exchange: exchange.answer({"content": "x", "stop": True}))
    gateway = serve("timeouts.total_seconds = 100\n")
    gateway.wait_for_backend("local")

    assert gateway.chat("local").status_code == 200

    requests = iter(upstream.request, None)
    asked = next(request for request in requests if request.path == "/completion")
    assert 0 < asked.json["t_max_predict_ms"] <= 100_000


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("size", [1, 10_000])
def test_the_c_example_streams(serve, upstream, size, line_end):
    events = [{"content": "He", "stop": False}, {"content": "llo", "stop": False}]
    events += [{"content": "", "stop": True, "tokens_evaluated": 9, "tokens_predicted": 2}]
    stream = b"".join(b"data: " + json.dumps(event).encode() + 2 * line_end for event in events)

    def streams(exchange):
        exchange.begin_stream()
        for start in range(0, len(stream), size):
            exchange.piece(stream[start : start + size])
        exchange.end_stream()

    upstream.on("/completion", streams)
    gateway = serve()
    gateway.wait_for_backend("local")

    text = gateway.chat("local", stream=True).text

    parts = [part.removeprefix("data: ") for part in text.split("\n\n") if part]
    assert parts[-1] == "[DONE]"
    chunks = [json.loads(part)["choices"][0] for part in parts[:-1]]
    assert "".join(chunk["delta"].get("content", "") for chunk in chunks) == "Hello"
    assert [chunk["finish_reason"] for chunk in chunks] == [None, None, None, "stop"]
    assert gateway.history()[-1]["completion_tokens"] == 2


@pytest.mark.parametrize(("status", "seen"), [(400, 400), (500, 502), (429, 429)])
def test_the_c_example_tells_errors(serve, upstream, status, seen):
    upstream.on("/completion", lambda exchange: exchange.answer({"error": "no"}, status=status))
    gateway = serve()
    gateway.wait_for_backend("local")

    assert gateway.chat("local").status_code == seen


def test_the_c_example_never_passes_a_broken_stream_off_as_whole(serve, upstream):
    committed = threading.Event()

    def breaks(exchange):
        exchange.begin_stream()
        exchange.event({"content": "one", "stop": False})
        assert committed.wait(LONG)
        exchange.end_stream()

    upstream.on("/completion", breaks)
    gateway = serve()
    gateway.wait_for_backend("local")

    with gateway.http.stream("POST", "/v1/chat/completions", json={"model": "local", "messages": [], "stream": True}) as answer:
        pieces = answer.iter_text()
        body = next(pieces)
        committed.set()
        body += "".join(pieces)

    assert "before it was finished" in body and "[DONE]" not in body


def test_the_c_example_leaves_images_to_others(serve, upstream):
    gateway = serve()
    gateway.wait_for_backend("local")
    content = [{"type": "image_url", "image_url": {"url": "data:image/png;base64,"}}]

    answer = gateway.http.post(
        "/v1/chat/completions", json={"model": "local", "messages": [{"role": "user", "content": content}]}
    )

    assert answer.status_code >= 400
    assert all(request.path == "/health" for request in list(upstream.requests.queue))


def test_the_c_example_passes_every_check(nexus, c_folder):
    script = str(TOP / "examples/c/check.json")

    passes_every_check(nexus, "--script", script, str(c_folder / "completion.so"))


# Rust: a pretended model


@pytest.fixture(scope="module")
def rust_folder(tmp_path_factory) -> Path:
    if shutil.which("rustc") is None:
        pytest.skip("rustc is not installed")
    return built(tmp_path_factory.mktemp("example"), "rust")


def pretend(options: str = "") -> str:
    return backend("pretend", "http://127.0.0.1:9", type="pretend") + options


def test_the_rust_example_passes_every_check(nexus, rust_folder):
    passes_every_check(nexus, str(rust_folder / "pretend.so"))


def test_the_rust_example_exports_one_symbol(rust_folder):
    symbols = subprocess.run(
        ["nm", "-D", "--defined-only", str(rust_folder / "pretend.so")], text=True, capture_output=True
    ).stdout
    assert [line.split()[-1] for line in symbols.splitlines()] == ["nexus_adapter_v1"]


@pytest.mark.parametrize("milliseconds", [0, 1])
@pytest.mark.parametrize("stream", [False, True])
def test_the_rust_example_says_what_it_was_told_to_say(start, rust_folder, milliseconds, stream):
    options = f"options = {{ answer = 'Say \"grüße\" twice \\', milliseconds = {milliseconds} }}\n"
    gateway = start(pretend(options), adapters=(rust_folder,))
    gateway.wait_for_backend("pretend")

    answer = gateway.chat("pretend", stream=stream)

    if stream:
        parts = [part.removeprefix("data: ") for part in answer.text.split("\n\n") if part]
        assert parts.pop() == "[DONE]"
        words = [json.loads(part)["choices"][0]["delta"].get("content", "") for part in parts]
        assert words == ["Say ", '"grüße" ', "twice ", "\\", ""]
    else:
        assert answer.json()["choices"][0]["message"]["content"] == 'Say "grüße" twice \\'
    assert gateway.history()[-1]["completion_tokens"] == 4


def test_the_rust_example_frees_an_answer_that_nobody_waits_for(start, rust_folder):
    gateway = start(pretend("options = { answer = 'one two', milliseconds = 60000 }\n"), adapters=(rust_folder,))
    gateway.wait_for_backend("pretend")

    with gateway.http.stream("POST", "/v1/chat/completions", json={"model": "pretend", "messages": [], "stream": True}) as answer:
        assert "one" in next(answer.iter_text())
    with gateway.socket() as live:
        live.backend(lambda view: view["pending_requests"] == 0)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("{ milliseconds = 'x' }", "options.milliseconds must be of type integer"),
        ("{ milliseconds = 60001 }", "options.milliseconds must be at most 60000"),
        ("{ anser = 'x' }", "options.anser is not known"),
    ],
)
def test_the_rust_example_names_bad_options(start, rust_folder, options, reason):
    gateway = start(pretend(f"options = {options}\n"), adapters=(rust_folder,))

    assert reason in gateway.wait_for_backend("pretend", "Unhealthy")["last_error"]
