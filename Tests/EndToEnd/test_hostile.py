"""Adapters that break the rules, in a running gateway: it stays up, says who it was, and serves the others."""

import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conftest import compile_adapter
from gateway import BUILD, LONG, Gateway, backend

RARE = "[health_check]\ninterval_seconds = 3600\ntimeout_seconds = 1\nfailure_threshold = 1\n"


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    compile_adapter("hostile.c", folder / "hostile.so")
    return folder


@pytest.fixture
def run(start, hostile, upstream):
    """Starts a gateway with a hostile backend, and a good one beside it."""

    def run(probe: str = "", server: str = "", destroy: str = "", **options: object) -> Gateway:
        given = {key: value for key, value in {"probe": probe, "destroy": destroy}.items() if value}
        lines = "\n".join(f'{key} = "{value}"' for key, value in given.items())
        upstream.models("good")
        gateway: Gateway = start(
            server
            + RARE
            + backend("good", upstream.url)
            + backend("bad", upstream.url, type="hostile")
            + f"[backends.options]\n{lines}\n",
            adapters=(hostile, BUILD),
            **options,
        )
        gateway.wait_for_backend("good")
        return gateway

    return run


def serves_others(gateway: Gateway) -> bool:
    return gateway.chat("good").status_code == 200


def pending(gateway: Gateway) -> list[int]:
    return [view["pending_requests"] for view in gateway.json("/v1/backends")["data"]]


@pytest.mark.parametrize(
    ("model", "status"),
    [
        ("finish-twice", 200),
        ("fail-then-finish", 502),
        ("odd-failure", 502),
        ("odd-sizes", 200),
        ("refuse-after-end", 200),
        ("status-nobody-knows", 502),
        ("meddle", 200),
        ("smuggle", 200),
    ],
)
def test_a_broken_exchange_ends_once_and_nobody_else_notices(run, model, status):
    gateway = run()
    gateway.wait_for_backend("bad")
    with gateway.socket() as live:
        answer = gateway.chat(model)
        entry = live.entry()

    assert answer.status_code == status and entry["status_code"] == status
    assert len(gateway.history()) == 1 and pending(gateway) == [0, 0]
    assert serves_others(gateway)


def test_a_call_that_holds_up_a_loop_is_named(run):
    gateway = run()
    gateway.wait_for_backend("bad")
    answer = gateway.chat("blocks")

    assert answer.status_code == 200
    gateway.wait_for_log("an adapter holds up an event loop")
    line = next(line for line in gateway.log.splitlines() if "holds up" in line)
    assert "adapter=hostile" in line and "backend=bad" in line and "call=submit" in line
    assert gateway.metric("nexus_adapter_stalls_total") == 1


def test_a_probe_that_holds_up_a_loop_is_named(run):
    gateway = run(probe="blocks")
    gateway.wait_for_backend("bad")

    gateway.wait_for_log("holds up")
    line = next(line for line in gateway.log.splitlines() if "holds up" in line)
    assert "call=probe" in line
    assert serves_others(gateway)


def test_a_probe_that_never_reports_has_failed_when_its_time_is_up(run):
    gateway = run(probe="never")
    view = gateway.wait_for_backend("bad", "Unhealthy")

    assert "did not report in time" in view["last_error"]
    assert serves_others(gateway)


def test_an_exchange_that_never_ends_is_ended_by_its_time_out(run):
    gateway = run(server="[server]\nrequest_timeout_seconds = 1\n")
    gateway.wait_for_backend("bad")
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(gateway.chat, ["never", "begin-only"]))

    assert [answer.status_code for answer in answers] == [504, 504]
    assert pending(gateway) == [0, 0]


def test_a_client_that_leaves_ends_an_exchange_that_never_would(run):
    gateway = run()
    gateway.wait_for_backend("bad")
    body = b'{"model":"never","messages":[]}'
    with gateway.socket() as live:
        with gateway.connection() as connection:
            head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
            connection.sendall(head.encode() + body)
            connection.shutdown(socket.SHUT_WR)
        entry = live.entry()

    assert entry["status_code"] == 499 and pending(gateway) == [0, 0]


def test_answers_without_end_are_bounded_when_the_client_takes_nothing(run):
    gateway = run()
    gateway.wait_for_backend("bad")
    before = gateway.resident_kib()
    body = b'{"model":"too-much","messages":[]}'
    with gateway.socket() as live, gateway.connection() as connection:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        entry = live.entry()

    assert entry["status"] == "Error" and "has not taken" in entry["error_message"]
    assert gateway.resident_kib() - before < 300 * 1024, "an adapter wrote four gigabytes"
    assert serves_others(gateway)


def test_a_content_type_cannot_add_fields_to_the_answer(run):
    gateway = run()
    gateway.wait_for_backend("bad")
    answer = gateway.chat("content-type")

    assert "x-injected" not in answer.headers and answer.headers["content-type"].startswith("text/plain")


def test_what_is_no_model_reaches_neither_list_nor_page(run):
    gateway = run(probe="garbage")
    gateway.wait_for_backend("bad")

    assert gateway.get("/v1/models").status_code == 200
    page = gateway.get("/").text
    assert "</script><b>" not in page
    assert gateway.metric('nexus_adapter_misuse_total{kind="dropped_report"}') > 0


def test_a_flood_of_reports_neither_grows_nor_holds_up_anything(run):
    gateway = run(probe="flood")
    gateway.wait_for_backend("bad")
    before = gateway.resident_kib()
    for _ in range(200):
        assert serves_others(gateway)

    assert gateway.resident_kib() - before < 64 * 1024
    assert gateway.log.count("still here") <= 400, "lines beyond what can be read are dropped"


def test_a_removed_backend_whose_thread_goes_on_is_no_more(run):
    gateway = run(probe="stray")
    gateway.wait_for_backend("bad")
    file = gateway.log_path.parent / "nexus.toml"
    file.write_text(file.read_text().split("[[backends]]\nname = \"bad\"")[0])
    with gateway.socket() as live:
        assert gateway.http.post("/v1/admin/reload").json()["removed"] == ["bad"]
        live.backend(lambda view: view["name"] == "bad" and view.get("removed") is True)
        while gateway.metric("nexus_adapter_late_calls_total") < 1000:
            assert serves_others(gateway)

    assert [view["name"] for view in gateway.json("/v1/backends")["data"]] == ["good"]
    assert gateway.log.count("a callback after the backend had gone") <= 4, "told once for each kind of call"


@pytest.mark.parametrize(("model", "words"), [("crash", "ends with SIGSEGV"), ("exit", "exit() was called in")])
def test_a_crash_names_the_adapter(run, model, words):
    gateway = run(expect_status=-11 if model == "crash" else 3)
    gateway.wait_for_backend("bad")
    with pytest.raises(Exception, match="."):
        gateway.chat(model)
    gateway.process.wait(LONG)

    assert words in gateway.log and 'the adapter "hostile" (backend "bad")' in gateway.log


@pytest.mark.parametrize(("destroy", "status"), [("", 0), ("never", 1)])
def test_the_exit_status_tells_whether_the_adapters_ended(run, destroy, status):
    gateway = run(destroy=destroy, expect_status=status)
    gateway.wait_for_backend("bad")

    gateway.signal()

    assert gateway.wait() == status
    assert ("an adapter does not end its instance" in gateway.log) == (destroy == "never")
