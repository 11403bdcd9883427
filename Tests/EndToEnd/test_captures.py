"""Captures: bodies that are kept for whoever looks for a fault, and requests that are sent again."""

import hashlib
import json
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway import BUILD, FAST, LONG, Gateway, backend, until
from upstream import ANSWER, Exchange, delta

ON = "[captures]\nenabled = true\n"
KEY = "5a" * 32
PROMPT = "canary-of-the-prompt"
SAID = "canary-of-the-answer"


def answer(exchange: Exchange) -> None:
    body = json.loads(json.dumps(ANSWER))
    body["choices"][0]["message"]["content"] = SAID
    exchange.answer(body)


def chat(gateway: Gateway, model: str = "m", **headers: str) -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": PROMPT}]}
    return gateway.http.post("/v1/chat/completions", json=body, headers=headers)


def captures(gateway: Gateway, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = gateway.json(f"/v1/captures{query}")["data"]
    return found


def files(gateway: Gateway, name: str = "captures.db") -> bytes:
    return b"".join(path.read_bytes() for path in gateway.database.parent.glob(f"{name}*"))


def nexus(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([BUILD / "nexus", *arguments], capture_output=True, text=True, timeout=LONG)


@pytest.fixture
def capturing(start, upstream):
    upstream.chat(answer)

    def make(more: str = "", environment: dict[str, str] | None = None, rest: str = "", key: str = "") -> Gateway:
        """`key`: of an operator, where there are keys."""
        gateway: Gateway = start(FAST + ON + more + backend("one", upstream.url) + rest, environment=environment or {})
        if key:
            gateway.http.headers["authorization"] = f"Bearer {key}"
        until(lambda: gateway.json("/health")["backends"]["healthy"] == 1)
        return gateway

    return make


def test_nothing_is_captured_unless_that_is_wanted(start, upstream):
    gateway = start(FAST + backend("one", upstream.url))
    gateway.wait_for_backend("one")
    assert chat(gateway).status_code == 200

    refused = gateway.get("/v1/captures")
    assert refused.status_code == 503 and "[captures]" in refused.json()["error"]["message"]
    assert not list(gateway.database.parent.glob("captures*"))


def test_request_and_answer_are_kept_as_they_were_and_shown_nowhere_else(capturing):
    gateway = capturing()
    assert chat(gateway, **{"x-request-id": "mine"}).status_code == 200

    until(lambda: len(captures(gateway)) == 1)
    listed = captures(gateway)[0]
    assert listed["request_id"] == "mine" and listed["backend_id"] == "one" and listed["status_code"] == 200
    assert "text" not in listed["request"] and not listed["encrypted"]
    one = gateway.json(f"/v1/captures/{listed['id']}")
    assert json.loads(one["request"]["text"])["messages"][0]["content"] == PROMPT
    assert json.loads(one["answer"]["text"])["choices"][0]["message"]["content"] == SAID
    assert one["request"]["bytes"] == len(one["request"]["text"].encode()) and not one["request"]["cut"]
    assert gateway.get("/v1/captures/0123").status_code == 404
    assert gateway.get("/v1/captures?colour=red").status_code == 400

    elsewhere = gateway.log + files(gateway, "history.db").decode(errors="replace")
    for path in ("/metrics", "/v1/history", "/v1/requests/mine", "/v1/captures", "/v1/stats", "/v1/trouble", "/v1/logs"):
        elsewhere += gateway.get(path).text
    assert PROMPT not in elsewhere and SAID not in elsewhere
    # Who has read it is noted.
    assert f"GET /v1/captures/{listed['id']}" in [each["command"] for each in gateway.json("/v1/audit")["data"]]


def test_streams_and_errors_are_kept_as_the_client_got_them(capturing, upstream):
    gateway = capturing("errors_only = true\n")
    assert chat(gateway).status_code == 200
    missing = chat(gateway, "unknown")
    assert missing.status_code == 404

    def broken(exchange: Exchange) -> None:
        exchange.answer({"error": {"message": "the server is broken"}}, status=500)

    upstream.chat(broken)
    failed = chat(gateway)
    assert failed.status_code >= 500
    until(lambda: len(captures(gateway)) == 2)
    kept = [gateway.json(f"/v1/captures/{each['id']}") for each in captures(gateway)]
    assert json.loads(kept[0]["answer"]["text"]) == failed.json()
    assert json.loads(kept[1]["answer"]["text"]) == missing.json() and kept[1]["backend_id"] is None
    assert captures(gateway, "?status=Success") == [] and len(captures(gateway, "?model=unknown")) == 1


def test_only_chosen_keys_and_models_and_no_more_than_so_much(capturing):
    def key(name: str) -> str:
        return f'[[keys]]\nname = "{name}"\nhash = "sha256:{hashlib.sha256(name.encode()).hexdigest()}"\n'

    boss = key("boss") + 'role = "operator"\n'
    gateway = capturing(
        'keys = ["app*"]\nmodels = ["m"]\nmax_body_bytes = 1024\nmax_count = 2\n', rest=key("app-1") + key("other") + boss,
        key="boss")
    for name, model in [("other", "m"), ("app-1", "unknown"), ("app-1", "m")]:
        chat(gateway, model, authorization=f"Bearer {name}")
    long = {"model": "m", "messages": [{"role": "user", "content": "x" * 5000}]}
    gateway.http.post("/v1/chat/completions", json=long, headers={"authorization": "Bearer app-1"})

    until(lambda: len(captures(gateway)) == 2)
    assert all(each["key"] == "app-1" and each["model"] == "m" for each in captures(gateway))
    cut = gateway.json(f"/v1/captures/{captures(gateway)[0]['id']}")["request"]
    assert cut["cut"] and len(cut["text"]) == 1024 and cut["bytes"] > 5000
    last = chat(gateway, authorization="Bearer app-1").headers
    until(lambda: captures(gateway)[0]["request_id"] == last["x-request-id"])
    assert len(captures(gateway)) == 2, "max_count"
    for fields, status in [({"authorization": "Bearer app-1"}, 403), ({"authorization": ""}, 401)]:
        assert gateway.http.get("/v1/captures", headers=fields).status_code == status
        assert gateway.http.delete("/v1/captures?all=true", headers=fields).status_code == status


def test_what_rules_name_never_reaches_the_disk(capturing):
    gateway = capturing('redact = ["messages.*.content", "choices.*.message.content"]\n')
    assert chat(gateway).status_code == 200

    until(lambda: len(captures(gateway)) == 1)
    one = gateway.json(f"/v1/captures/{captures(gateway)[0]['id']}")
    assert json.loads(one["request"]["text"])["messages"] == [{"role": "user", "content": "[redacted]"}]
    assert one["request"]["redacted"] and one["answer"]["redacted"]
    assert PROMPT.encode() not in files(gateway) and SAID.encode() not in files(gateway)
    refused = nexus("replay", one["id"], "--url", gateway.url)
    assert refused.returncode == 1 and "--redacted" in refused.stderr


def test_with_a_key_bodies_are_encrypted_at_rest(tmp_path, upstream):
    upstream.chat(answer)
    text = FAST + ON + 'key_env = "CAPTURES"\n' + backend("one", upstream.url)
    first = Gateway(tmp_path, text, environment={"CAPTURES": KEY})
    first.wait_for_backend("one")
    chat(first)
    until(lambda: len(captures(first)) == 1)
    found = captures(first)[0]
    assert found["encrypted"] and PROMPT in first.json(f"/v1/captures/{found['id']}")["request"]["text"]
    first.finish()
    assert PROMPT.encode() not in files(first) and SAID.encode() not in files(first)

    other = Gateway(tmp_path, text, environment={"CAPTURES": "11" * 32})
    try:
        closed = other.json(f"/v1/captures/{found['id']}")["request"]
        assert "text" not in closed and "another key" in closed["problem"]
    finally:
        other.finish()


@pytest.mark.parametrize(("environment", "words"), [({}, "is not set"), ({"CAPTURES": "secret-words"}, "64 hexadecimal digits")])
def test_without_a_usable_key_nothing_is_kept_and_requests_are_served(capturing, environment, words):
    gateway = capturing('key_env = "CAPTURES"\n', environment)
    assert chat(gateway).status_code == 200

    troubles = [each["words"] for each in gateway.json("/v1/trouble")["data"] if each["kind"] == "captures_file"]
    assert len(troubles) == 1 and words in troubles[0]
    refused = gateway.get("/v1/captures")
    assert refused.status_code == 503 and words in refused.json()["error"]["message"]
    gateway.wait_for_log(words)
    assert "secret-words" not in gateway.log + refused.text
    assert not list(gateway.database.parent.glob("captures*"))


def test_captures_are_deleted_by_key_and_by_time(capturing):
    gateway = capturing()
    for _ in range(3):
        chat(gateway)
    until(lambda: len(captures(gateway)) == 3)

    assert gateway.http.delete("/v1/captures").status_code == 400
    assert gateway.http.delete("/v1/captures?before=soon").status_code == 400
    assert gateway.http.delete("/v1/captures?key=nobody").json() == {"deleted": 0}
    assert gateway.http.delete("/v1/captures?before=2020-01-01T00:00:00Z").json() == {"deleted": 0}
    listed = nexus("captures", "list", "--url", gateway.url)
    assert listed.stdout.count("\n") == 4 and "REQUEST" in listed.stdout
    shown = nexus("captures", "show", captures(gateway)[0]["id"], "--url", gateway.url)
    assert PROMPT in shown.stdout and SAID in shown.stdout
    deleted = nexus("captures", "delete", "--before", str(int(time.time()) + 60), "--url", gateway.url)
    assert "Deleted 3 captures." in deleted.stdout
    assert captures(gateway) == [] and PROMPT.encode() not in files(gateway)
    commands = [each["command"] for each in gateway.json("/v1/audit")["data"]]
    assert any(each.startswith("DELETE /v1/captures?before=1") for each in commands)
    assert "DELETE /v1/captures?(1 not shown)" in commands, "nobody is a key here, and it may be a secret"


def test_what_was_captured_goes_once_captures_are_off(tmp_path, capturing, start, upstream):
    file = tmp_path / "kept.db"
    text = FAST + f'[captures]\nenabled = true\nkeep_days = 0\ndatabase = "{file}"\n' + backend("one", upstream.url)
    gateway = start(text)
    gateway.wait_for_backend("one")
    chat(gateway)
    until(lambda: len(captures(gateway)) == 1)

    (gateway.log_path.parent / "nexus.toml").write_text(text.replace("enabled = true", "enabled = false"))
    assert gateway.http.post("/v1/admin/reload").status_code == 200
    chat(gateway)
    assert len(captures(gateway)) == 1, "what there is stays readable, and no more comes"
    assert gateway.http.delete("/v1/captures?all=true").json() == {"deleted": 1}


def test_a_captured_request_is_sent_again_to_the_backend_that_is_named(start, upstream, second_upstream):
    upstream.chat(answer)

    def other(exchange: Exchange) -> None:
        body = json.loads(json.dumps(ANSWER))
        body["choices"][0]["message"]["content"] = "said-by-the-other"
        exchange.answer(body)

    second_upstream.chat(other)
    gateway = start(FAST + ON + backend("one", upstream.url, priority=1) + backend("two", second_upstream.url, priority=900))
    gateway.wait_for_backend("one")
    gateway.wait_for_backend("two")
    chat(gateway)
    until(lambda: len(captures(gateway)) == 1)
    id = captures(gateway)[0]["id"]

    again = nexus("replay", id, "--backend", "two", "--url", gateway.url)
    assert again.returncode == 0, again.stderr
    before, after = again.stdout.split("\nnow: 200 after ")
    assert before.startswith("captured: 200") and SAID in before and "said-by-the-other" in after
    both = json.loads(nexus("replay", id, "--url", gateway.url, "--json").stdout)
    assert both["now"]["status_code"] == 200 and SAID in both["now"]["text"] and SAID in both["captured"]["answer"]["text"]
    assert gateway.history()[-2]["backend_id"] == "two"
    gone = nexus("replay", id, "--backend", "gone", "--url", gateway.url)
    assert gone.returncode == 1 and "now: 4" in gone.stdout
    assert nexus("replay", "0123", "--url", gateway.url).returncode == 1


@pytest.mark.parametrize("end", ["cut", "without its end mark", "an error"])
def test_a_request_whose_stream_breaks_off_when_it_is_sent_again_has_failed(start, upstream, end):
    def whole(exchange: Exchange) -> None:
        exchange.begin_stream()
        exchange.event(delta("whole"))
        exchange.event(b"[DONE]")
        exchange.end_stream()

    def broken(exchange: Exchange) -> None:
        exchange.begin_stream()
        exchange.event(delta("half"))
        if end == "an error":
            exchange.event({"error": {"message": "out of memory", "code": 500}})
        if end == "cut":
            exchange.piece(b'data: {"choices":[{"delta":')
            exchange.cut()
        else:
            exchange.end_stream()

    upstream.chat(whole)
    gateway = start(FAST + ON + backend("one", upstream.url))
    gateway.wait_for_backend("one")
    body = {"model": "m", "messages": [{"role": "user", "content": PROMPT}], "stream": True}
    assert gateway.http.post("/v1/chat/completions", json=body).status_code == 200
    until(lambda: len(captures(gateway)) == 1)
    id = captures(gateway)[0]["id"]
    well = nexus("replay", id, "--url", gateway.url)
    assert well.returncode == 0 and "failed" not in well.stdout, well.stdout + well.stderr

    upstream.chat(broken)
    again = nexus("replay", id, "--url", gateway.url)
    assert again.returncode == 1, again.stdout + again.stderr
    now = again.stdout.split("\nnow: 200 after ")[1]
    assert "half" in now and ", failed: " in now.split("\n")[0]
    both = json.loads(nexus("replay", id, "--url", gateway.url, "--json").stdout)
    assert both["now"]["status_code"] == 200 and both["now"]["problem"]
    assert both["now"]["request_id"] == gateway.history()[-1]["request_id"]


def test_what_was_deleted_while_another_program_reads_the_file_is_told(capturing):
    gateway = capturing()
    chat(gateway)
    until(lambda: len(captures(gateway)) == 1)
    reader = sqlite3.connect(gateway.database.parent / "captures.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM captures").fetchone()

    deleted = gateway.http.delete("/v1/captures?all=true").json()
    assert deleted["deleted"] == 1 and deleted["erased"] is False and "captures.db-wal" in deleted["message"]
    gateway.wait_for_log("can still be read")
    assert PROMPT.encode() in files(gateway)
    reader.close()
    gateway.wait_for_log("nothing is left")
    assert PROMPT.encode() not in files(gateway)
    assert gateway.http.delete("/v1/captures?all=true").json() == {"deleted": 0}


def test_a_file_that_cannot_be_written_is_told_and_requests_are_served(capturing, tmp_path: Path):
    blocker = tmp_path / "blocker"
    blocker.write_text("a file where the folder should be")
    gateway = capturing(f'database = "{blocker}/captures.db"\n')
    assert chat(gateway).status_code == 200

    def kinds() -> list[str]:
        return [each["kind"] for each in gateway.json("/v1/trouble")["data"]]

    until(lambda: "captures_file" in kinds())
    blocker.unlink()
    until(lambda: "captures_file" not in kinds())
    chat(gateway)
    until(lambda: len(captures(gateway)) == 1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('redact = ["a..b"]\n', "messages.*.content"), ('redact = ["**"]\n', "messages.*.content"),
        (f'key_env = "{KEY}"\n', "not the key itself"), (f'key_env = "{KEY[::-1]}"\n', "not the key itself"),
        ("max_body_bytes = 1\n", "1024"), ("max_count = 0\n", "100000"), ('keys = "a"\ncolour = 1\n', "colour"),
    ],
)
def test_a_configuration_that_is_wrong_says_what_is_right(tmp_path, text, words):
    (tmp_path / "nexus.toml").write_text(ON + text)
    checked = nexus("config", "check", "--config", str(tmp_path / "nexus.toml"))
    assert checked.returncode != 0 and words in checked.stdout + checked.stderr
    assert KEY not in checked.stdout + checked.stderr and KEY[::-1] not in checked.stdout + checked.stderr
