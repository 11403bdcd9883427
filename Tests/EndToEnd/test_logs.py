"""The log tells the story: what happened to backends, what became of each request, and nothing that others made up."""

import json
import os
import re
import signal
import subprocess

import httpx
import pytest

from conftest import compile_adapter
from gateway import BUILD, LONG, Gateway, backend, until


SOON = "[health_check]\ninterval_seconds = 1\nretry_seconds = 1\nfailure_threshold = 1\nrecovery_threshold = 1\n"


def lines(gateway: Gateway, component: str, message: str) -> list[dict]:
    """Of a log in JSON."""
    found = [json.loads(line) for line in gateway.log.splitlines()]
    return [line for line in found if line["component"] == component and message in line["message"]]


def wait_for(gateway: Gateway, component: str, message: str, count: int = 1) -> list[dict]:
    until(lambda: len(lines(gateway, component, message)) >= count)
    return lines(gateway, component, message)


def logging(**keys: str) -> str:
    return "[logging]\nformat = \"json\"\n" + "".join(f'{key} = "{value}"\n' for key, value in keys.items())


# Backends


def test_each_change_of_a_backend_is_told_once_with_its_reason(start, upstream):
    gateway = start(logging() + SOON + backend("box", upstream.url))
    up = wait_for(gateway, "backends", "backend is up")
    assert up[0]["level"] == "info" and up[0]["backend"] == "box"

    probes = []
    upstream.on("/v1/models", lambda exchange: (probes.append(1), exchange.answer({"error": {"message": "broken"}}, status=500))[1])
    gateway.wait_for_backend("box", "Unhealthy")
    down = wait_for(gateway, "backends", "backend is down")
    assert down[0]["level"] == "warning" and "status 500" in down[0]["reason"]

    # Several probes fail meanwhile, and say nothing new.
    before = len(probes)
    until(lambda: len(probes) > before + 2)
    assert len(lines(gateway, "backends", "backend is down")) == 1

    upstream.models("m")
    again = wait_for(gateway, "backends", "backend is up again")
    assert again[0]["level"] == "notice" and again[0]["down_seconds"] > 0


def test_a_backend_that_degrades_and_recovers_is_told_of(start, upstream, second_upstream):
    breaker = "[breaker]\nminimum_requests = 2\nopen_seconds = 1\nhalf_open_requests = 1\n"
    gateway = start(logging() + breaker + backend("one", upstream.url) + backend("two", second_upstream.url, priority=90))
    gateway.wait_for_backend("one")
    gateway.wait_for_backend("two")
    upstream.chat(lambda exchange: exchange.answer({"error": {"message": "broken"}}, status=500))
    until(lambda: gateway.chat().status_code == 200 and bool(lines(gateway, "backends", "left alone")))
    assert lines(gateway, "backends", "left alone")[0]["backend"] == "one"
    assert "reason" in lines(gateway, "backends", "left alone")[0]

    upstream.chat(lambda exchange: exchange.answer({"choices": [{"message": {"role": "assistant", "content": "x"}}]}))
    until(lambda: gateway.chat().status_code == 200 and bool(lines(gateway, "backends", "serves again")))


# Requests


def test_each_request_is_one_line_with_numbers_that_are_numbers(start, upstream):
    gateway = start(logging() + backend("box", upstream.url))
    gateway.wait_for_backend("box")

    answer = gateway.chat()
    served = wait_for(gateway, "requests", "request served")
    assert len(served) == 1
    line = served[0]
    assert line["request"] == answer.headers["x-request-id"] and line["why"] == answer.headers["x-nexus-route-reason"]
    assert (line["model"], line["backend"], line["client"], line["path"]) == ("m", "box", "127.0.0.1", "/v1/chat/completions")
    for name, kind in (("status", int), ("attempts", int), ("duration_ms", int), ("stream", bool), ("completion_tokens", int)):
        assert type(line[name]) is kind, name
    assert (line["status"], line["attempts"], line["stream"], line["level"]) == (200, 1, False, "info")

    gateway.chat("nobody-has-it")
    failed = wait_for(gateway, "requests", "request failed")[0]
    assert (failed["status"], failed["attempts"], failed["backend"], failed["level"]) == (404, 0, "none", "notice")
    assert "does not exist" in failed["reason"]


@pytest.mark.parametrize(("wanted", "served", "failed"), [("all", 1, 1), ("errors", 0, 1), ("none", 0, 0)])
def test_which_requests_have_a_line_is_configured_and_reloaded(start, upstream, wanted, served, failed):
    gateway = start(logging(requests="none") + backend("box", upstream.url))
    gateway.wait_for_backend("box")
    file = gateway.log_path.parent / "nexus.toml"
    file.write_text(file.read_text().replace('requests = "none"', f'requests = "{wanted}"'))
    assert gateway.http.post("/v1/admin/reload").status_code == 200

    gateway.chat()
    gateway.chat("nobody-has-it")
    gateway.finish()
    assert len(lines(gateway, "requests", "request served")) == served
    assert len(lines(gateway, "requests", "request failed")) == failed


def test_the_end_waits_for_the_lines_of_the_last_requests(start, upstream):
    gateway = start(logging() + backend("box", upstream.url))
    gateway.wait_for_backend("box")
    for _ in range(50):
        assert gateway.chat().status_code == 200
    gateway.finish()
    assert len(lines(gateway, "requests", "request served")) == 50


# Reloads


def test_a_reload_says_what_has_changed(start, upstream):
    gateway = start(logging() + backend("box", upstream.url))
    gateway.wait_for_backend("box")
    file = gateway.log_path.parent / "nexus.toml"
    file.write_text(file.read_text() + "[routing]\nmax_retries = 1\n" + backend("new", upstream.url))

    assert gateway.http.post("/v1/admin/reload").status_code == 200

    line = wait_for(gateway, "gateway", "configuration reloaded")[0]
    assert line["tables"] == "routing,backends" and line["added"] == "new" and "changed" not in line


def test_a_directory_of_adapters_that_is_not_there_is_told_once(start, tmp_path):
    nowhere = tmp_path / "nowhere"
    gateway = start(logging(), adapters=(nowhere, BUILD))
    wait_for(gateway, "gateway", "takes requests")
    assert gateway.http.post("/v1/admin/reload").status_code == 200
    assert [line["path"] for line in lines(gateway, "adapters", "is not there")] == [str(nowhere)]

    nowhere.mkdir()
    gateway.http.post("/v1/admin/reload")
    assert wait_for(gateway, "adapters", "is there now")[0]["path"] == str(nowhere)


# Levels


def test_details_of_one_component_can_be_had_without_those_of_others(start, upstream, second_upstream):
    levels = '[logging.levels]\nrouting = "debug"\nbackends = "error"\n'
    gateway = start(logging() + levels + backend("one", upstream.url) + backend("two", second_upstream.url, priority=90))
    gateway.wait_for_backend("one")
    gateway.wait_for_backend("two")
    upstream.chat(lambda exchange: exchange.answer({"error": {"message": "broken"}}, status=500))

    answer = gateway.chat()

    assert answer.status_code == 200
    wait_for(gateway, "requests", "request served")
    chosen = [line["backend"] for line in lines(gateway, "routing", "backend chosen")]
    assert chosen == ["one", "two"]
    retry = lines(gateway, "routing", "retrying elsewhere")
    assert len(retry) == 1 and retry[0]["request"] == answer.headers["x-request-id"] and "broken" in retry[0]["reason"]
    assert not lines(gateway, "backends", "") and not lines(gateway, "connections", "")


def test_trace_shows_connections(start, upstream):
    gateway = start(logging() + '[logging.levels]\nconnections = "trace"\n' + backend("box", upstream.url))
    gateway.wait_for_backend("box")
    request = gateway.chat().headers["x-request-id"]
    wait_for(gateway, "requests", "request served")

    assert lines(gateway, "connections", "client connected")[0]["client"] == "127.0.0.1"
    said = [line["message"] for line in lines(gateway, "connections", "") if line.get("request") == request]
    assert said[0] == "request begins" and "connection to the backend is there" in said
    assert "backend begins to answer with status 200" in said


# Forms


def test_nothing_that_others_say_makes_a_field_or_a_line(start, upstream):
    forged = 'x" status=200 request="r\n2026-01-01T00:00:00.000Z info requests: request served status=200'
    upstream.chat(lambda exchange: exchange.answer({"error": {"message": forged}}, status=400))
    gateway = start(backend("box", upstream.url))
    gateway.wait_for_backend("box")
    gateway.chat(model="m", user='a" b=1')
    gateway.wait_for_log("request failed")

    said = [line for line in gateway.log.splitlines() if "requests:" in line]
    assert len(said) == 1
    # As a reader of logfmt takes it: what stands in quotes is one value.
    without = re.sub(r'"(?:[^"\\]|\\.)*"', '""', said[0])
    assert without.count("status=") == 1 and "status=400" in without and without.count("request=") == 1


def test_a_log_in_json_has_no_other_line(tmp_path, upstream):
    """Neither on standard error nor on standard output, from the start to the end."""
    (tmp_path / "nexus.toml").write_text(logging() + backend("box", upstream.url))
    process = subprocess.Popen(
        [str(BUILD / "nexus"), "serve", "--port", "0", "--adapters-dir", str(BUILD)],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "XDG_STATE_HOME": str(tmp_path)},
    )
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    assert first["address"].startswith("http://127.0.0.1:") and "listening" in first["message"]
    process.send_signal(signal.SIGTERM)
    out, error = process.communicate(timeout=LONG)
    for line in (out + error).splitlines():
        said = json.loads(line)
        assert {"time", "level", "component", "message"} <= said.keys()
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", said["time"])
    assert process.returncode == 0


@pytest.mark.parametrize("how", ["file", "flag", "variable"])
def test_a_configuration_that_is_refused_is_told_in_json_too(nexus, tmp_path, how):
    text = "[server]\nprot = 1\n" + ('[logging]\nformat = "json"\n' if how == "file" else "")
    (tmp_path / "nexus.toml").write_text(text)
    flag = ["--log-format", "json"] if how == "flag" else []
    environment = {"NEXUS_LOG_FORMAT": "json"} if how == "variable" else {}

    refused = nexus("serve", *flag, cwd=tmp_path, **environment)

    assert refused.returncode == 1
    said = [json.loads(line) for line in refused.stderr.splitlines()]
    assert said[0]["level"] == "critical" and "server.prot" in said[0]["message"]


def test_a_crash_in_an_adapter_is_told_in_json(start, c_adapters, tmp_path, upstream):
    folder = tmp_path / "hostile"
    folder.mkdir()
    compile_adapter("hostile.c", folder / "hostile.so")
    gateway = start(logging() + backend("bad", upstream.url, "hostile"), adapters=(folder,), expect_status=-signal.SIGSEGV)
    gateway.wait_for_backend("bad")
    with pytest.raises(httpx.HTTPError):
        gateway.chat("crash")
    gateway.wait()
    said = [json.loads(line) for line in gateway.log.splitlines()]
    assert any("SIGSEGV" in line["message"] and 'backend "bad"' in line["message"] and line["level"] == "critical" for line in said)


# Repeats


def test_what_repeats_is_limited_and_counted(start, c_adapters, tmp_path, upstream):
    gateway = start(logging() + SOON + backend("box", upstream.url))
    gateway.wait_for_backend("box")
    file = gateway.log_path.parent / "nexus.toml"
    good = file.read_text()
    file.write_text(good + "[server]\nprot = 1\n")
    for _ in range(12):
        assert gateway.http.post("/v1/admin/reload").status_code == 400
    gateway.finish()

    said = lines(gateway, "gateway", "the configuration was not reloaded")
    assert len(said) == 6 and said[-1]["repeated"] == 7


# nexus tail


def test_the_log_is_followed_by_request_model_client_and_level(start, upstream, nexus):
    gateway = start(backend("box", upstream.url))
    gateway.wait_for_backend("box")
    one = gateway.chat().headers["x-request-id"]
    gateway.chat("nobody-has-it")
    gateway.wait_for_log("nobody-has-it")

    def tail(*arguments: str) -> list[str]:
        done = nexus("tail", "--url", gateway.url, "--no-follow", "-n", "100", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    assert len(tail("--request", one)) == 1 and f"request={one}" in tail("--request", one)[0]
    assert [("request failed" in line) for line in tail("--model", "nobody-has-it")] == [True]
    assert all("client=127.0.0.1" in line for line in tail("--client", "127.0.0.1")) and len(tail("--client", "127.0.0.1")) == 2
    assert all(" notice " in line for line in tail("--level", "notice")) and tail("--level", "notice")
    assert all("backends:" in line for line in tail("--component", "backends")) and tail("--component", "backends")
    assert json.loads(tail("--json", "--request", one)[0])["fields"]["status"] == 200
    # As the log itself has it.
    gateway.wait_for_log(tail("--request", one)[0])


def test_new_lines_come_while_it_runs(start, upstream):
    gateway = start(backend("box", upstream.url))
    gateway.wait_for_backend("box")
    follower = subprocess.Popen(
        [str(BUILD / "nexus"), "tail", "--url", gateway.url, "-n", "0", "--component", "requests"], stdout=subprocess.PIPE)
    try:
        assert follower.stdout is not None
        os.set_blocking(follower.stdout.fileno(), False)
        seen = b""

        def has_come() -> bool:
            nonlocal seen
            gateway.chat()
            seen += follower.stdout.read() or b""
            return b"request served" in seen

        until(has_come)
    finally:
        follower.terminate()
        follower.wait()


@pytest.mark.parametrize(("arguments", "words"), [
    (["--level", "warnin"], "did you mean 'warning'?"), (["--component", "reqests"], "did you mean 'requests'?"), (["-n", "5000"], "0 to 2000"),
])
def test_what_tail_cannot_show_is_said(nexus, arguments, words):
    refused = nexus("tail", *arguments)
    assert refused.returncode == 2 and words in refused.stderr


# What must not be there


def test_neither_prompts_nor_answers_are_logged(start, upstream):
    gateway = start('[logging]\nlevel = "trace"\n' + backend("box", upstream.url))
    gateway.wait_for_backend("box")
    upstream.chat(lambda exchange: exchange.answer(
        {"choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "CANARY-answer"}}]}))
    gateway.chat(messages=[{"role": "user", "content": "CANARY-prompt"}])
    gateway.wait_for_log("request served")
    assert "CANARY" not in gateway.log
