"""The adapter that `nexus adapter new --protocol custom` gives, for servers that do not speak OpenAI's API: in each language
it does the same."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import projects
from gateway import BUILD, FAST, backend

MODELS = {"models": [{"name": "tiny", "context": 4096}, {"name": "q\"uo\\te"}]}
WHOLE = {"says": "Grüße, \"du\"\\!\n", "read": 7, "wrote": 11, "why": "end"}
LINES = [{"says": "Grüße, "}, {"says": "\"du\"\\!\n"}, {"read": 7, "wrote": 11, "why": "max"}]
KEYS = {"KEY_1": "sk-first-key", "KEY_2": "sk-second-key"}


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> dict[str, Path]:
    return projects.all_made(tmp_path_factory, "custom")


@pytest.fixture(params=projects.LANGUAGES)
def project(request, made) -> Path:
    return made[request.param]


@pytest.fixture
def serve(start, project, upstream):
    """A gateway with the new adapter in front of a server of that kind."""
    upstream.on("/list", lambda exchange: exchange.answer(MODELS))
    upstream.on("/say", says)

    def serve(configuration: str = FAST, options: str = "", **keys: Any):
        text = configuration + backend("mine", upstream.url, type=project.name, **keys)
        gateway = start(text + (f"options = {options}\n" if options else ""), adapters=(project / "build",), environment=KEYS)
        gateway.wait_for_backend("mine")
        return gateway

    return serve


def says(exchange) -> None:
    """Answers as it is asked to: whole, or in lines that are cut anywhere."""
    if not exchange.json["stream"]:
        exchange.answer(WHOLE)
        return
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in LINES).encode()
    exchange.begin_stream("application/x-ndjson")
    for start in range(0, len(text), 7):
        exchange.piece(text[start : start + 7])
    exchange.end_stream()


def said(upstream) -> Any:
    """The next request for an answer that the server gets."""
    return next(request for request in iter(upstream.request, None) if request.path == "/say")


def events(text: str) -> list[dict[str, Any]]:
    parts = [part.removeprefix("data: ") for part in text.split("\n\n") if part]
    assert parts[-1] == "[DONE]"
    return [json.loads(part) for part in parts[:-1]]


def content(text: str) -> str:
    return "".join(choice["delta"].get("content", "") for event in events(text) for choice in event["choices"])


def test_the_projects_own_check_passes(project):
    # Not built again: other processes of the tests use it.
    command = ["make", "-o", f"build/{project.name}.so", "check", f"NEXUS={BUILD / 'nexus'}"]
    checked = subprocess.run(command, cwd=project, env=projects.QUICK, text=True, capture_output=True)

    assert checked.returncode == 0 and " 0 failed" in checked.stdout, checked.stdout + checked.stderr
    assert "pass  exchange.stream" in checked.stdout


def test_the_parts_of_the_rust_project_pass_their_tests(made):
    if "rust" not in made:
        pytest.skip("rustc is not installed")
    tested = subprocess.run(["make", "test"], cwd=made["rust"], text=True, capture_output=True)

    assert tested.returncode == 0 and "test result: ok. 5 passed" in tested.stdout, tested.stdout + tested.stderr


def test_whole_answers_and_streams_come_from_servers_that_can_do_either(serve, upstream):
    gateway = serve()
    for asked, answered in [(False, False), (True, True), (True, False), (False, True)]:
        upstream.on("/say", says)
        if asked != answered:
            # It gives what it was not asked for.
            upstream.on("/say", lambda exchange: says_otherwise(exchange))

        answer = gateway.chat(model="tiny", stream=asked)

        assert answer.status_code == 200, answer.text
        request = said(upstream)
        assert request.json == {"model": "tiny", "turns": [{"who": "user", "says": "hi"}], "stream": asked}
        assert request.headers["x-request-id"] == answer.headers["x-request-id"]
        if asked:
            assert content(answer.text) == WHOLE["says"]
        else:
            assert answer.json()["choices"][0]["message"] == {"role": "assistant", "content": WHOLE["says"]}
            assert answer.json()["usage"] == {"prompt_tokens": 7, "completion_tokens": 11, "total_tokens": 18}
        entry = gateway.history()[-1]
        assert (entry["prompt_tokens"], entry["completion_tokens"]) == (7, 11)


def says_otherwise(exchange) -> None:
    if exchange.json["stream"]:
        exchange.answer(WHOLE)
    else:
        exchange.begin_stream("application/x-ndjson")
        exchange.piece("".join(json.dumps(line) + "\n" for line in LINES).encode())
        exchange.end_stream()


def test_the_counts_come_at_the_end_of_a_stream_and_are_unknown_where_the_server_does_not_count(serve, upstream):
    gateway = serve()

    asked = gateway.chat(model="tiny", stream=True, stream_options={"include_usage": True})
    upstream.on("/say", lambda exchange: exchange.answer({"says": "Hi", "why": "end"}))
    unknown = gateway.chat(model="tiny")

    assert events(asked.text)[-1]["usage"] == {"prompt_tokens": 7, "completion_tokens": 11, "total_tokens": 18}
    assert [event["choices"][0]["finish_reason"] for event in events(asked.text)[:-1]][-1] == "length"
    assert unknown.json().get("usage") is None and gateway.history()[-1]["prompt_tokens"] in (None, 0)


def test_a_server_that_cannot_stream_is_never_asked_to(serve, upstream):
    gateway = serve(options="{ streams = false }")

    answer = gateway.chat(model="tiny", stream=True)

    assert said(upstream).json["stream"] is False and content(answer.text) == WHOLE["says"]


def test_models_are_listed_with_what_they_lack(serve):
    gateway = serve()

    assert {model["id"] for model in gateway.json("/v1/models")["data"]} == {model["name"] for model in MODELS["models"]}
    image = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]}]
    assert gateway.chat(model="tiny", messages=image).status_code >= 400


def test_content_may_be_a_text_or_parts_of_text(serve, upstream):
    parts = [{"type": "text", "text": "What \"is\""}, {"type": "text", "text": "this?\u0001 😀"}]
    messages = [{"role": "developer", "content": "Be brief"}, {"role": "user", "content": parts}]

    assert serve().chat(model="tiny", messages=messages).status_code == 200

    assert said(upstream).json["turns"] == [
        {"who": "system", "says": "Be brief"},
        {"who": "user", "says": "What \"is\"\nthis?\u0001 😀"},
    ]


@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal_is_told_in_the_adapters_words(serve, upstream, stream):
    gateway = serve()
    for members, status, words in [
        ({"n": 2}, 501, "this server gives one answer to a request"),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, 501, "part of type \"input_audio\""),
        ({"messages": [{"role": "tool", "content": "x"}]}, 501, "this server knows no tools"),
        ({"messages": [{"role": "user", "content": 5}]}, 400, "must be a text or a list of parts"),
        ({"messages": [{"content": "x"}]}, 400, "a message must have a \"role\""),
    ]:
        answer = gateway.chat(model="tiny", stream=stream, **members)

        assert answer.status_code == status and words in answer.json()["error"]["message"], answer.text
    assert not any(request.path == "/say" for request in list(upstream.requests.queue))
    assert gateway.wait_for_backend("mine")["status"] == "Healthy"


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_left_out_of_a_request_is_told_and_what_is_taken_is_sent(serve, upstream, stream):
    gateway = serve()

    silent = gateway.chat(model="tiny", user="u", temperature=0.5, max_tokens=9, seed=None)
    told = gateway.chat(model="tiny", stream=stream, seed=5, top_p=0.5, max_completion_tokens=7)

    assert "x-nexus-warning" not in silent.headers
    assert told.headers["x-nexus-warning"] == "seed, top_p were ignored: this server does not take them"
    assert (taken := said(upstream).json)["max"] == 9 and taken["temperature"] == 0.5
    assert said(upstream).json["max"] == 7


@pytest.mark.parametrize(
    ("status", "seen", "words"),
    [(400, 400, "because"), (401, 502, "refuses"), (404, 404, "because"), (429, 429, "because"), (500, 502, "because")],
)
def test_the_servers_errors_are_told_in_its_words_and_as_what_they_are(serve, upstream, status, seen, words):
    upstream.on("/say", lambda exchange: exchange.answer({"problem": "because"}, status=status, retry_after="7"))
    gateway = serve(FAST)
    upstream.on("/say", lambda exchange: exchange.answer({"problem": "because"}, status=status, retry_after="7"))

    answer = gateway.chat(model="tiny")

    assert answer.status_code == seen and words in answer.json()["error"]["message"], answer.text


def test_an_error_inside_a_stream_and_one_that_breaks_off_are_errors(serve, upstream):
    gateway = serve()
    for script in [
        lambda exchange: exchange.answer({"problem": "out of memory"}),
        lambda exchange: exchange.answer(b'{"says":"Hi"}\n', content_type="application/x-ndjson"),
        lambda exchange: exchange.answer(b'{"says":"Hi"}\n{"says', content_type="application/x-ndjson"),
        lambda exchange: exchange.answer(b"<html>"),
    ]:
        upstream.on("/say", script)

        answer = gateway.chat(model="tiny", stream=True)

        assert "[DONE]" not in answer.text and "error" in answer.text
        assert gateway.chat(model="tiny").status_code == 502


def test_the_next_key_is_tried_when_the_server_refuses_one_and_kept(serve, upstream):
    def knows_the_second(exchange):
        if exchange.headers["authorization"] == f"Bearer {KEYS['KEY_2']}":
            says(exchange)
        else:
            exchange.answer({"problem": f"{KEYS['KEY_1']} is not known"}, status=401)

    gateway = serve(api_key_env=["KEY_1", "KEY_2"])
    upstream.on("/say", knows_the_second)

    answers = [gateway.chat(model="tiny", stream=stream) for stream in (False, True, False)]

    assert [answer.status_code for answer in answers] == [200] * 3
    sent = [request.headers["authorization"] for request in list(upstream.requests.queue) if request.path == "/say"]
    assert sent == [f"Bearer {KEYS[key]}" for key in ("KEY_1", "KEY_2", "KEY_2", "KEY_2")]


def test_a_probe_tries_the_next_key_too(serve, upstream, start, project):
    def knows_the_second(exchange):
        is_known = exchange.headers["authorization"] == f"Bearer {KEYS['KEY_2']}"
        exchange.answer(MODELS if is_known else {"problem": "no"}, status=200 if is_known else 401)

    upstream.on("/list", knows_the_second)
    text = FAST + backend("mine", upstream.url, type=project.name, api_key_env=["KEY_1", "KEY_2"])
    gateway = start(text, adapters=(project / "build",), environment=KEYS)

    assert len(gateway.wait_for_backend("mine")["models"]) == 2


def test_keys_and_secret_options_go_to_the_server_and_nowhere_else(serve, upstream):
    secrets = [*KEYS.values(), "the-token"]
    refuses = lambda exchange: exchange.answer({"problem": f"no: {' '.join(secrets)}"}, status=429)  # noqa: E731
    gateway = serve(api_key_env=["KEY_1", "KEY_2"], options='{ access_token = "the-token" }')
    upstream.on("/say", refuses)

    answer = gateway.chat(model="tiny")

    assert said(upstream).headers["x-access-token"] == "the-token"
    shown = answer.text + gateway.get("/v1/history").text + gateway.get("/v1/backends").text + gateway.log
    assert answer.status_code == 429 and not any(secret in shown for secret in secrets)


def test_bad_options_are_named(nexus, project):
    for options, words in [('{"streams": 1}', "options.streams"), ('{"access_token": "a\\nb"}', "options.access_token")]:
        checked = nexus("adapter", "check", "--only", "create.instance", "--options", options, str(project / "build" / f"{project.name}.so"))

        assert checked.returncode == 1 and words in checked.stdout, checked.stdout


@pytest.mark.skipif(shutil.which("clang++") is None, reason="clang++ is not installed")
def test_the_cpp_project_builds_with_clang_too(made, tmp_path):
    if "c++" not in made:
        pytest.skip("no compiler for C++ is installed")
    shutil.copytree(made["c++"], tmp_path / "copy")
    command = ["make", "-B", "CXX=clang++"]
    built = subprocess.run(command, cwd=tmp_path / "copy", env=projects.QUICK, text=True, capture_output=True)

    assert built.returncode == 0, built.stderr
