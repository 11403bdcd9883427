"""The configuration, read again while the gateway runs."""

import os
import signal
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway import LONG, Gateway, backend, until
from upstream import ANSWER, Upstream

RARE = "[health_check]\ninterval_seconds = 3600\n"


def rewrite(gateway: Gateway, configuration: str) -> None:
    Path(gateway.log_path.parent / "nexus.toml").write_text(configuration)


def reload(gateway: Gateway, configuration: str, **options: object):
    rewrite(gateway, configuration)
    return gateway.http.post("/v1/admin/reload", **options)


@pytest.fixture
def gateway(start, upstream) -> Gateway:
    gateway: Gateway = start(RARE + backend("one", upstream.url))
    gateway.wait_for_backend("one")
    return gateway


def test_a_new_backend_is_served(gateway: Gateway, upstream: Upstream, second_upstream: Upstream):
    second_upstream.models("other")
    with gateway.socket() as live:
        answer = reload(gateway, RARE + backend("one", upstream.url) + backend("two", second_upstream.url))
        live.backend(lambda view: view["name"] == "two" and view["status"] == "Healthy")

    assert answer.json() == {
        "status": "reloaded", "added": ["two"], "changed": [], "removed": [], "unchanged": 1, "tables": ["backends"], "keys": [],
        "needs_restart": [], "warnings": [],
    }
    assert gateway.chat("other").headers["x-nexus-backend"] == "two"


def test_a_removed_backend_ends_what_it_has_and_goes(gateway: Gateway, upstream: Upstream, second_upstream: Upstream):
    go_on = threading.Event()
    upstream.chat(lambda exchange: exchange.answer(ANSWER) if go_on.wait(LONG) else None)
    running = ThreadPoolExecutor(1).submit(gateway.chat)
    upstream.request()
    with gateway.socket() as live:
        answer = reload(gateway, RARE + backend("two", second_upstream.url))
        draining = gateway.json("/v1/backends")["data"][0]
        live.backend(lambda view: view["name"] == "two" and view["status"] == "Healthy")
        elsewhere = gateway.chat()
        go_on.set()
        live.backend(lambda view: view["name"] == "one" and view.get("removed") is True)

    assert answer.json()["removed"] == ["one"] and draining["status"] == "Draining"
    assert elsewhere.headers["x-nexus-backend"] == "two"
    assert running.result().json() == ANSWER
    assert [view["name"] for view in gateway.json("/v1/backends")["data"]] == ["two"]


def test_a_changed_address_is_followed(gateway: Gateway, second_upstream: Upstream):
    second_upstream.models("moved")
    with gateway.socket() as live:
        answer = reload(gateway, RARE + backend("one", second_upstream.url))
        live.backend(lambda view: [model["id"] for model in view["models"]] == ["moved"])

    assert answer.json()["changed"] == ["one"]
    assert gateway.chat("moved").status_code == 200


def test_a_changed_priority_keeps_the_instance(gateway: Gateway, upstream: Upstream):
    before = gateway.json("/v1/backends")["data"][0]
    answer = reload(gateway, RARE + backend("one", upstream.url, priority=7))
    after = gateway.json("/v1/backends")["data"][0]

    assert answer.json()["changed"] == ["one"]
    assert after["priority"] == 7 and after["status"] == "Healthy"
    assert after["metadata"]["adapter_image"] == before["metadata"]["adapter_image"]


def test_aliases_and_limits_follow(gateway: Gateway, upstream: Upstream):
    same = backend("one", upstream.url)
    reload(gateway, '[server]\nmax_body_bytes = 1024\n[routing.aliases]\n"gpt" = "m"\n' + RARE + same)
    aliased = gateway.chat("gpt")
    too_large = gateway.chat("m", user="x" * 2000)

    assert aliased.status_code == 200 and upstream.request().json["model"] == "m"
    assert too_large.status_code == 413


@pytest.mark.parametrize("text", ["[é]", "[.a]", "[[[a]]]", "a = 1979-05-27Tx", 'a = "b\\u0000c"'])
def test_what_the_parser_would_trip_over_is_told(gateway: Gateway, text: str):
    answer = reload(gateway, text + "\n")

    assert answer.status_code == 400 and "line 1: " in answer.json()["error"]["message"]
    assert gateway.chat().status_code == 200


def test_a_bad_file_changes_nothing_and_says_what_is_wrong(gateway: Gateway):
    answer = reload(gateway, "[server]\nprot = 1\n")

    error = answer.json()["error"]
    assert answer.status_code == 400 and error["code"] == "invalid_configuration"
    assert "server.prot" in error["message"] and "line 2" in error["message"]
    assert gateway.chat().status_code == 200
    assert gateway.metric("nexus_config_last_reload_successful") == 0


def test_what_takes_a_restart_is_told(gateway: Gateway, upstream: Upstream):
    answer = reload(gateway, '[server]\nhost = "127.0.0.2"\n' + RARE + backend("one", upstream.url))

    assert answer.json()["needs_restart"] == ["server.host"] and answer.json()["keys"] == ["server.host"]
    assert answer.json()["warnings"] == [
        "server.host has changed in the file; that takes a restart: the gateway goes on listening where it does"
    ]


def test_tables_and_keys_that_have_changed_are_told(gateway: Gateway, upstream: Upstream):
    same = backend("one", upstream.url)
    more = '[routing]\nmax_retries = 1\n[routing.aliases]\nfast = "m"\n[queue]\nmax_size = 9\n'
    answer = reload(gateway, RARE + more + same).json()
    again = gateway.http.post("/v1/admin/reload").json()

    assert (answer["added"], answer["changed"], answer["removed"], answer["unchanged"]) == ([], [], [], 1)
    assert answer["tables"] == ["routing", "queue"]
    assert answer["keys"] == ["queue.max_size", "routing.aliases.fast", "routing.max_retries"]
    assert again["tables"] == [] and again["keys"] == [] and again["unchanged"] == 1
    told = gateway.json("/v1/gateway")["last_reload"]
    assert (told["tables"], told["unchanged"]) == ([], 1)


def test_the_history_is_kept_elsewhere_and_in_another_size(gateway: Gateway, upstream: Upstream, tmp_path: Path):
    def ids(path: Path) -> set[str]:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10) as connection:
            return {row[0] for row in connection.execute("SELECT request_id FROM requests")}

    def chat(id: str) -> None:
        body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
        assert gateway.http.post("/v1/chat/completions", json=body, headers={"x-request-id": id}).status_code == 200

    rest = RARE + backend("one", upstream.url)
    other = tmp_path / "other" / "kept.db"
    for id in ("a", "b", "c"):
        chat(id)
    # Who reads the history has all that has ended settled: the last one, too, goes to the file before.
    assert len(gateway.history()) == 3
    small = reload(gateway, f'[history]\ncapacity = 2\ndatabase = "{other}"\n' + rest)
    shown = [entry["request_id"] for entry in gateway.history()]
    chat("d")
    until(lambda: other.exists() and gateway.json("/v1/history?before=newest").get("data", []) != [])
    totals = gateway.json("/v1/stats")["requests"]["total"]
    off = reload(gateway, '[history]\ndatabase = ""\n' + rest)
    chat("e")

    assert small.json()["warnings"] == [] and off.json()["warnings"] == []
    # What had ended is written to the file that was left, on a slow disk a moment later.
    until(lambda: ids(gateway.database) == {"a", "b", "c"} and ids(other) == {"d"})
    assert shown == ["b", "c"]
    assert totals == 4
    assert gateway.get("/v1/history?before=newest").status_code == 503
    assert [entry["request_id"] for entry in gateway.history()] == ["c", "d", "e"]
    # The totals go on where they were before.
    on = reload(gateway, f'[history]\ndatabase = "{gateway.database}"\n' + rest)
    assert on.status_code == 200 and gateway.json("/v1/stats")["requests"]["total"] == 5


def test_the_log_and_the_end_follow(gateway: Gateway, upstream: Upstream):
    rest = RARE + backend("one", upstream.url)
    changed = reload(gateway, '[server]\nshutdown_timeout_seconds = 0\n[logging]\nformat = "json"\n' + rest)
    gateway.wait_for_log('"message":"configuration reloaded"')
    go_on = threading.Event()
    upstream.chat(lambda exchange: exchange.answer(ANSWER) if go_on.wait(LONG) else None)
    running = ThreadPoolExecutor(1).submit(gateway.chat)
    upstream.request()
    gateway.signal()
    # By the file as it was, the request would be waited for.
    status = gateway.wait()
    go_on.set()

    assert changed.json()["warnings"] == [] and status == 0
    assert running.exception() is not None or running.result().status_code == 503


def test_a_backend_that_cannot_be_made_is_shown_with_the_reason(gateway: Gateway, upstream: Upstream):
    bad = backend("bad", upstream.url, api_key_env="NEXUS_TEST_NO_SUCH_VARIABLE")
    answer = reload(gateway, RARE + backend("one", upstream.url) + bad)

    reason = "the environment variable NEXUS_TEST_NO_SUCH_VARIABLE (api_key_env) is not set"
    assert answer.json()["warnings"] == [f"bad: {reason}"]
    assert gateway.json("/v1/backends")["data"][1]["last_error"] == reason
    assert gateway.chat().status_code == 200


def test_sighup_does_the_same(gateway: Gateway, upstream: Upstream, second_upstream: Upstream):
    rewrite(gateway, RARE + backend("one", upstream.url) + backend("two", second_upstream.url))
    with gateway.socket() as live:
        gateway.signal(signal.SIGHUP)
        live.backend(lambda view: view["name"] == "two" and view["status"] == "Healthy")

    gateway.wait_for_log("configuration reloaded")


def test_a_page_of_another_site_may_not_reload(gateway: Gateway):
    foreign = gateway.http.post("/v1/admin/reload", headers={"origin": "http://evil.example"})
    own = gateway.http.post("/v1/admin/reload", headers={"origin": gateway.url})
    wrong_method = gateway.get("/v1/admin/reload")

    assert foreign.status_code == 403 and foreign.json()["error"]["code"] == "origin_not_allowed"
    assert own.status_code == 200
    assert wrong_method.status_code == 405 and wrong_method.headers["allow"] == "POST"


# A file that is not what its operator wants it to be


def test_a_file_that_is_empty_removes_nothing_and_says_how_it_would(gateway: Gateway):
    answer = reload(gateway, "")

    error = answer.json()["error"]
    assert answer.status_code == 400 and error["code"] == "removes_all_backends"
    assert "nexus config reload --allow-empty" in error["message"] and "allow_empty=true" in error["message"]
    assert gateway.chat().status_code == 200
    assert gateway.metric("nexus_config_last_reload_successful") == 0


def test_a_file_without_backends_that_is_meant_removes_them(gateway: Gateway):
    rewrite(gateway, RARE)
    answer = gateway.http.post("/v1/admin/reload?allow_empty=true")

    assert answer.json()["removed"] == ["one"]


def test_the_command_reloads_and_takes_an_empty_file_only_when_told(gateway: Gateway, nexus, upstream, second_upstream):
    rewrite(gateway, RARE + backend("one", upstream.url) + backend("two", second_upstream.url))
    added = nexus("config", "reload", "--url", gateway.url)
    rewrite(gateway, "")
    refused = nexus("config", "reload", "--url", gateway.url)
    still = gateway.chat().status_code
    emptied = nexus("config", "reload", "--url", gateway.url, "--allow-empty")

    assert added.returncode == 0 and "added: two" in added.stdout
    assert refused.returncode == 1 and "--allow-empty" in refused.stderr and still == 200
    assert emptied.returncode == 0 and "removed: one, two" in emptied.stdout


def test_a_file_that_vanishes_is_not_an_empty_one(gateway: Gateway, upstream: Upstream):
    file = gateway.log_path.parent / "nexus.toml"
    file.unlink()
    gateway.signal(signal.SIGHUP)
    gateway.wait_for_log("cannot be read: No such file")
    answer = gateway.http.post("/v1/admin/reload?allow_empty=true")

    assert answer.status_code == 400 and "cannot be read: No such file" in answer.json()["error"]["message"]
    assert gateway.chat().status_code == 200
    file.write_text(RARE + backend("one", upstream.url, priority=3))
    assert gateway.http.post("/v1/admin/reload").json()["changed"] == ["one"]


def test_a_file_of_the_working_directory_that_vanishes_is_not_an_empty_one(start, upstream: Upstream, tmp_path: Path):
    file = tmp_path / "gateway0" / "nexus.toml"
    file.parent.mkdir()
    file.write_text(RARE + backend("one", upstream.url))
    gateway = Gateway(file.parent, "")
    try:
        gateway.wait_for_backend("one")
        file.unlink()
        assert gateway.http.post("/v1/admin/reload").status_code == 400
        assert gateway.chat().status_code == 200
    finally:
        gateway.finish()


@pytest.mark.parametrize("half", ["", "[[backends]]\nname = ", "none of it"])
def test_a_file_is_not_taken_while_it_is_written(gateway: Gateway, upstream: Upstream, second_upstream: Upstream, half):
    whole = RARE + backend("one", upstream.url, priority=9) + backend("two", second_upstream.url)
    rewrite(gateway, half)
    answer = ThreadPoolExecutor(1).submit(gateway.http.post, "/v1/admin/reload")
    # The answer waits for the file to come to rest; what is written meanwhile is what counts.
    rewrite(gateway, whole)

    assert answer.result().json()["added"] == ["two"] and answer.result().json()["removed"] == []


@pytest.mark.parametrize(
    "text",
    [
        "[" + ".".join(["a"] * 50_000) + "]\n",
        ".".join(["a"] * 50_000) + " = 1\n",
        "a = " + "[" * 100_000 + "]" * 100_000,
        "a = " + "{a=" * 50_000 + "1" + "}" * 50_000,
        "k" * 500_000 + " = 1\n",
        "a = 1\n\0\0\0\0",
        "# " + "x" * 2_000_000,
    ],
)
def test_no_file_ends_the_gateway(gateway: Gateway, text: str):
    answer = reload(gateway, text)

    assert answer.status_code == 400 and answer.json()["error"]["code"] == "invalid_configuration"
    assert len(answer.content) < 1000 and gateway.chat().status_code == 200


def test_many_mistakes_are_told_in_part(gateway: Gateway):
    answer = reload(gateway, "".join(f"k{number} = 1\n" for number in range(50_000)))

    assert answer.status_code == 400 and "49900 more problems" in answer.json()["error"]["message"]
    assert len(answer.content) < 100_000 and len(gateway.log) < 200_000


@pytest.mark.parametrize("linked", [False, True])
def test_a_pipe_in_place_of_the_file_holds_up_nothing(gateway: Gateway, upstream: Upstream, tmp_path: Path, linked: bool):
    path = gateway.log_path.parent / "nexus.toml"
    path.unlink()
    os.mkfifo(tmp_path / "pipe" if linked else path)
    if linked:
        path.symlink_to(tmp_path / "pipe")
    refused = gateway.http.post("/v1/admin/reload")
    path.unlink()
    taken = reload(gateway, RARE + backend("one", upstream.url, priority=7))

    assert refused.status_code == 400 and "it is no regular file" in refused.json()["error"]["message"]
    assert taken.json()["changed"] == ["one"] and gateway.chat().status_code == 200


def test_a_pipe_of_authorities_holds_up_nothing(gateway: Gateway, upstream: Upstream, tmp_path: Path):
    os.mkfifo(tmp_path / "ca.pem")
    good = RARE + backend("one", upstream.url)
    refused = reload(gateway, f'[upstream]\nca_file = "{tmp_path / "ca.pem"}"\n' + good)

    assert refused.status_code == 400 and "it is no regular file" in refused.json()["error"]["message"]
    assert reload(gateway, good).status_code == 200


def test_long_texts_are_refused_and_repeated_nowhere(gateway: Gateway, upstream: Upstream):
    for text in [
        backend("n" * 900_000, upstream.url),
        backend("one", upstream.url, type="t" * 900_000),
        backend("one", "http://" + "h" * 900_000),
        f'[server]\nhostnames = ["{"a." * 400_000}b"]\n' + backend("one", upstream.url),
    ]:
        answer = reload(gateway, RARE + text)
        assert answer.status_code == 400 and "is longer than" in answer.json()["error"]["message"]
        assert len(answer.content) < 1000

    assert len(gateway.get("/").content) < 100_000 and len(gateway.log) < 100_000
