"""What is wrong is told: in the list of troubles, by /health, on the page, as live updates and as metrics. And what an operator
is shown of a backend, of the gateway, and of its log."""

import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from conftest import compile_adapter
from gateway import Gateway, backend, free_port, until
from upstream import ANSWER, Exchange, Upstream

SLOWLY = "[health_check]\ninterval_seconds = 1\nretry_seconds = 1\nfailure_threshold = 3\nrecovery_threshold = 2\n"
SOON = "[health_check]\ninterval_seconds = 1\nretry_seconds = 1\nfailure_threshold = 1\nrecovery_threshold = 1\n"


def troubles(gateway: Gateway) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = gateway.json("/v1/trouble")["data"]
    return found


def trouble(gateway: Gateway, kind: str) -> dict[str, Any]:
    """Returns when there is one of that kind, as its live updates tell."""
    with gateway.socket("?updates=trouble") as live:
        data = live.until("Trouble", lambda data: any(item["kind"] == kind for item in data["troubles"]))
    found: dict[str, Any] = next(item for item in data["troubles"] if item["kind"] == kind)
    return found


def wait_until_well(gateway: Gateway) -> None:
    with gateway.socket("?updates=trouble") as live:
        live.until("Trouble", lambda data: data["total"] == 0)


def view(gateway: Gateway, name: str) -> dict[str, Any]:
    found: dict[str, Any] = gateway.json(f"/v1/backends/{name}")
    return found


def test_where_all_is_well_nothing_is_told(start, upstream):
    gateway = start(SOON + backend("box", upstream.url))
    gateway.wait_for_backend("box")
    gateway.chat()

    listed = gateway.json("/v1/trouble")
    assert (listed["object"], listed["total"], listed["data"]) == ("list", 0, [])
    health = gateway.json("/health")
    assert health["status"] == "healthy" and "trouble" not in health
    assert "<li class=\"trouble-item\"" not in gateway.get("/").text
    assert gateway.metric('nexus_trouble{kind="down"}') == 0
    assert gateway.metric('nexus_backend_flaps_total{backend="box",type="openai"}') == 0
    assert gateway.get("/v1/trouble", headers={"origin": "http://elsewhere.test"}).status_code == 403
    assert gateway.http.post("/v1/trouble").status_code == 405


def test_a_killed_backend_is_down_with_its_reason_until_it_is_well(start, server):
    it = server()
    port = it.url.rsplit(":", 1)[1]
    gateway = start(SLOWLY + backend("box", it.url))
    gateway.wait_for_backend("box")

    with gateway.socket() as live:
        it.process.send_signal(signal.SIGKILL)
        going = live.backend(lambda view: view.get("state") == "GoingDown")
        assert going["status"] == "Healthy" and "3 probes in a row failed" in going["state_reason"]
        assert going["last_error"] and going["state_since"]
        live.backend(lambda view: view["status"] == "Unhealthy")

        down = trouble(gateway, "down")
        assert down["severity"] == "critical" and down["subject"] == {"type": "backend", "id": "box", "name": "box"}
        assert down["words"].startswith("box is down since ") and down["why"] == going["last_error"]
        assert down["link"] == "overview&backend=box" and down["since"] <= going["state_since"]
        health = gateway.get("/health")
        assert health.status_code == 503 and down["words"] in [item["words"] for item in health.json()["trouble"]]
        page = gateway.get("/?parts=trouble").text
        assert 'data-kind="down" data-severity="critical"' in page and "box is down" in page
        assert gateway.metric('nexus_trouble{kind="down"}') == 1

        server(int(port))
        coming = live.backend(lambda view: view.get("state") == "GoingUp")
        assert coming["status"] == "Unhealthy" and coming["last_error"] == going["last_error"]
        assert "1 of 2 probes in a row were well" in coming["state_reason"]
        well = live.backend(lambda view: view["status"] == "Healthy")
        assert well["last_error"] is None and "state" not in well and well["flaps"] == 1
    wait_until_well(gateway)
    assert gateway.json("/health")["status"] == "healthy"


def test_a_backend_whose_chats_all_fail_while_its_probes_are_well_is_not_green(start, upstream):
    upstream.on("/v1/chat/completions", lambda exchange: exchange.answer({"error": {"message": "CUDA error"}}, 500))
    gateway = start(SOON + backend("box", upstream.url))
    gateway.wait_for_backend("box")

    for _ in range(30):
        assert gateway.chat().status_code >= 500
    found = trouble(gateway, "breaker_open")

    assert found["severity"] == "critical"
    assert found["what"] == "30 of 30 requests to box failed" and "CUDA error" in found["why"]
    health = gateway.json("/health")
    assert health["status"] == "degraded" and "CUDA error" in health["trouble"][0]["words"]
    assert "30 of 30 requests to box failed" in gateway.get("/").text
    assert (view(gateway, "box")["status"], view(gateway, "box")["state"]) == ("Unhealthy", "Degraded")


def test_requests_for_one_model_that_fail_are_told_where_the_breaker_does_not_open(start, upstream):
    def answer(exchange: Exchange) -> None:
        if exchange.json["model"] == "bad":
            exchange.answer({"error": {"message": "no such layer"}}, 500)
        else:
            exchange.answer(ANSWER)

    upstream.models("good", "bad")
    upstream.on("/v1/chat/completions", answer)
    gateway = start(SOON + "[breaker]\nenabled = false\n" + backend("box", upstream.url))
    gateway.wait_for_backend("box")

    for _ in range(12):
        assert gateway.chat("bad").status_code >= 500
        assert gateway.chat("good").status_code == 200
    found = trouble(gateway, "error_rate")

    assert found["subject"] == {"type": "model", "model": "bad", "backend_id": "box", "backend_name": "box"}
    assert found["what"] == "12 of 12 requests a minute for bad at box have failed" and "no such layer" in found["why"]
    assert found["link"] == "history?backend=box&model=bad&status=Error"
    assert gateway.json("/health")["status"] == "degraded"


def test_a_backend_that_comes_and_goes_is_told(start, upstream):
    gateway = start(SOON + backend("box", upstream.url))
    gateway.wait_for_backend("box")

    for _ in range(3):
        upstream.on("/v1/models", lambda exchange: exchange.answer({"error": "restarting"}, 500))
        gateway.wait_for_backend("box", "Unhealthy")
        upstream.models("m")
        gateway.wait_for_backend("box")

    found = trouble(gateway, "flapping")
    assert found["what"] == "box comes and goes: it failed 3 times" and found["severity"] == "warning"
    assert view(gateway, "box")["flaps"] == 3
    assert gateway.metric('nexus_backend_flaps_last_hour{backend="box",type="openai"}') == 3
    health = gateway.get("/health")
    assert health.status_code == 200 and health.json()["status"] == "degraded"


def test_a_reload_that_fails_is_told_until_one_succeeds(start, upstream):
    good = SOON + backend("box", upstream.url)
    gateway = start(good)
    gateway.wait_for_backend("box")
    file = gateway.log_path.parent / "nexus.toml"

    file.write_text("[server]\nprot = 1\n")
    assert gateway.http.post("/v1/admin/reload").status_code == 400
    found = troubles(gateway)
    assert [item["kind"] for item in found] == ["reload_failed"] and "prot" in found[0]["why"]
    assert found[0]["link"] == "gateway" and gateway.json("/health")["status"] == "degraded"

    file.write_text(good)
    assert gateway.http.post("/v1/admin/reload").status_code == 200
    assert troubles(gateway) == []


def test_a_full_queue_is_told(start, upstream):
    hold = threading.Event()

    def answer(exchange: Exchange) -> None:
        hold.wait(60)
        exchange.answer(ANSWER)

    upstream.on("/v1/chat/completions", answer)
    gateway = start(SOON + "[queue]\nmax_size = 2\n" + backend("box", upstream.url, max_concurrent=1))
    gateway.wait_for_backend("box")

    def ask() -> int:
        return gateway.chat().status_code

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask) for _ in range(6)]
        try:
            found = trouble(gateway, "queue_full")
            until(lambda: "refused a place in the queue" in troubles(gateway)[0]["what"])
        finally:
            hold.set()
        statuses = [each.result() for each in asked]
    assert found["severity"] == "critical" and found["subject"] == {"type": "gateway"}
    assert any(status in (429, 503) for status in statuses)


def test_a_drained_backend_says_so_and_is_no_trouble(start, upstream, second_upstream):
    gateway = start(SOON + backend("box", upstream.url) + backend("other", second_upstream.url))
    for name in ("box", "other"):
        gateway.wait_for_backend(name)

    gateway.http.post("/v1/backends/box/drain")

    drained = view(gateway, "box")
    assert drained["status"] == "Draining" and drained["state_reason"] == "It was drained, and takes nothing new."
    assert troubles(gateway) == []


def test_a_backend_that_never_answered_is_down(start):
    gateway = start(SOON + backend("box", f"http://127.0.0.1:{free_port()}"))
    assert trouble(gateway, "down")["what"] == "box is down"


@pytest.mark.parametrize("query", ["", "?updates=deltas", "?updates=requests"])
def test_only_those_that_ask_are_told_of_troubles(start, upstream, query):
    gateway = start(SOON + backend("box", upstream.url))
    gateway.wait_for_backend("box")
    with gateway.socket(query) as live, gateway.socket("?updates=trouble") as watching:
        upstream.close()
        watching.until("Trouble", lambda data: data["total"] == 1)
        gateway.chat()
        kinds = []
        while "RequestComplete" not in kinds:
            kinds.append(live.next()["update_type"])
        assert "Trouble" not in kinds


def test_an_adapter_that_breaks_the_rules_is_told(start, upstream, tmp_path):
    folder = tmp_path / "adapters"
    folder.mkdir()
    compile_adapter("hostile.c", folder / "hostile.so")
    gateway = start("[health_check]\ninterval_seconds = 3600\n" + backend("bad", upstream.url, type="hostile"), adapters=(folder,))
    gateway.wait_for_backend("bad")

    assert gateway.chat("finish-twice").status_code == 200
    found = trouble(gateway, "adapter_misbehaving")

    assert found["severity"] == "notice" and found["subject"] == {"type": "adapter", "name": "hostile"}
    assert found["what"] == "The adapter hostile has broken the rules" and "(bad)" in found["why"]
    assert gateway.json("/health")["status"] == "healthy", "its requests are served"
    breaches = gateway.json("/v1/gateway")["adapters"][0]["breaches"]
    assert breaches and breaches[0]["backend_id"] == "bad" and breaches[0]["count"] >= 1


def test_an_adapter_that_cannot_be_replaced_and_one_that_was_are_told(start, tmp_path):
    folder = tmp_path / "adapters"
    folder.mkdir()

    def put(content: bytes) -> None:
        new = folder / "echo.new"
        new.write_bytes(content)
        new.rename(folder / "echo.so")

    def built(version: str) -> bytes:
        compile_adapter("echo.c", Path(tmp_path / "built.so"), f'-DVERSION="{version}"')
        return (tmp_path / "built.so").read_bytes()

    put(built("1"))
    gateway = start(backend("e", "http://127.0.0.1:9", type="echo"), adapters=(folder,))
    gateway.wait_for_backend("e")

    put(b"this is no adapter")
    found = trouble(gateway, "adapter_refused")
    assert found["what"] == f"The new version of {folder / 'echo.so'} cannot be used" and found["why"]
    assert gateway.chat("echo").status_code == 200

    put(built("2"))
    wait_until_well(gateway)
    shown = gateway.json("/v1/gateway")
    assert [adapter["version"] for adapter in shown["adapters"]] == ["2"]
    assert [(adapter["type"], adapter["version"]) for adapter in shown["adapters_retired"]] == [("echo", "1")]


# What is known of one backend.


def test_a_backend_is_shown_in_detail_and_without_its_secrets(start, upstream):
    upstream.chat(lambda exchange: exchange.answer({"error": {"message": "bad key sk-secret-77 given"}}, 500))
    gateway = start(
        SOON
        + backend(
            "box",
            upstream.url,
            api_key_env="BOX_KEY",
            max_concurrent=4,
            options={"flavor": "vllm"},
        ),
        environment={"BOX_KEY": "sk-secret-77"},
    )
    gateway.wait_for_backend("box")
    asked = gateway.chat()

    answer = gateway.get("/v1/backends/box/detail")
    detail = answer.json()

    assert answer.status_code == 200 and "sk-secret" not in answer.text
    assert detail["backend"]["id"] == "box" and detail["state"]["name"] == "Healthy"
    slots = detail["probes"]["data"]
    assert slots and slots[0]["outcome"] == "good" and slots[0]["good"] >= 1 and slots[0]["latency_ms"] is not None
    error = detail["errors"][0]
    assert (error["source"], error["model"]) == ("request", "m") and "bad key" in error["message"]
    assert error["request_id"] == asked.headers["x-request-id"] and error["at"] and error["status_code"] >= 500
    assert detail["breaker"]["state"] == "closed" and detail["breaker"]["failures_in_a_row"] == 1
    assert detail["limits"]["max_concurrent"] == 4 and detail["limits"]["in_flight"] == 0
    assert detail["models"][0]["id"] == "m" and detail["models_omitted"] == 0
    assert detail["adapter"]["type"] == "openai" and detail["adapter"]["path"].endswith(".so")
    assert detail["adapter"]["loaded_at"] and detail["adapter"]["replaced"] is False
    assert detail["options"]["flavor"] == "vllm"
    assert detail["rests"] == [] and detail["flaps"]["total"] == 0 and detail["trouble"] == []


def test_the_probes_of_a_backend_that_went_and_came_stay_in_its_strip(start, upstream):
    gateway = start(SOON + backend("box", upstream.url))
    gateway.wait_for_backend("box")
    upstream.fail_probes()
    gateway.wait_for_backend("box", "Unhealthy")
    down = gateway.json("/v1/backends/box/detail")
    upstream.models("m")
    gateway.wait_for_backend("box")

    detail = gateway.json("/v1/backends/box/detail")

    assert down["trouble"][0]["kind"] == "down" and down["state"]["reason"]
    assert any(slot["outcome"] == "failed" and slot["error"] for slot in detail["probes"]["data"])
    assert detail["errors"][0]["source"] == "probe" and detail["errors"][0]["count"] >= 1
    assert detail["state"]["reason"] is None and detail["flaps"]["last_hour"] == 1 and detail["flaps"]["last"]


def test_an_open_breaker_says_when_it_tries_again(start, upstream):
    upstream.chat(lambda exchange: exchange.answer({"error": {"message": "CUDA error"}}, 500))
    gateway = start(SOON + backend("box", upstream.url))
    gateway.wait_for_backend("box")
    for _ in range(10):
        gateway.chat()

    breaker = gateway.json("/v1/backends/box/detail")["breaker"]

    assert breaker["state"] == "open" and breaker["tries_again_at"] and breaker["openings"] == 1
    assert "10 of 10 requests failed" in breaker["reason"] and breaker["failing_since"]


def test_the_detail_of_a_backend_that_is_not_there_names_the_nearest(start, upstream):
    gateway = start(SOON + backend("box", upstream.url))
    answer = gateway.get("/v1/backends/bax/detail")
    assert answer.status_code == 404 and "box" in answer.json()["error"]["message"]
    assert gateway.get("/v1/backends/box/detail", headers={"origin": "http://elsewhere.test"}).status_code == 403


# The gateway.


def test_the_gateway_is_shown_without_secrets(start, upstream):
    gateway = start(
        SOON + backend("box", upstream.url, api_key_env="BOX_KEY", secret_options=["flavor"], options={"flavor": "vllm"}),
        environment={"BOX_KEY": "sk-secret-77"},
    )
    gateway.wait_for_backend("box")

    with gateway.socket():
        answer = gateway.get("/v1/gateway")
    shown = answer.json()

    assert "sk-secret" not in answer.text
    assert shown["version"] == gateway.json("/health")["version"] and shown["uptime_seconds"] >= 0
    assert shown["memory"]["resident_bytes"] > 1_000_000 and shown["memory"]["requests_limit_bytes"] > 0
    assert 0 < shown["descriptors"]["open"] < shown["descriptors"]["limit"]
    assert shown["connections"]["subscribers"] == 1 and shown["connections"]["clients"] >= 1
    assert shown["loops"]["silent"] == 0 and len(shown["loops"]["data"]) >= 1
    adapter = next(adapter for adapter in shown["adapters"] if adapter["type"] == "openai")
    assert adapter["version"] and adapter["loaded_at"] and adapter["breaches"] == []
    assert shown["adapters_retired"] == []
    configuration = shown["configuration"]
    assert configuration["version"] == 1 and configuration["effective"]["health_check"]["interval_seconds"] == 1
    box = configuration["effective"]["backends"][0]
    assert box["api_key_env"] == [{"name": "BOX_KEY", "set": True}] and box["options"] == {"flavor": "(set)"}
    assert shown["last_reload"] is None
    assert gateway.get("/v1/gateway", headers={"origin": "http://elsewhere.test"}).status_code == 403


def test_the_gateway_tells_of_its_last_reload(start, upstream):
    good = SOON + backend("box", upstream.url)
    gateway = start(good)
    file = gateway.log_path.parent / "nexus.toml"
    file.write_text("[server]\nprot = 1\n")
    gateway.http.post("/v1/admin/reload")
    failed = gateway.json("/v1/gateway")
    file.write_text(good + '[server]\nhost = "127.0.0.2"\n')
    gateway.http.post("/v1/admin/reload")
    reloaded = gateway.json("/v1/gateway")

    assert failed["last_reload"]["status"] == "kept" and "prot" in failed["last_reload"]["problem"]
    assert failed["configuration"]["version"] == 1
    assert reloaded["last_reload"]["status"] == "reloaded" and reloaded["last_reload"]["problem"] is None
    assert "server.host" in reloaded["last_reload"]["warnings"][0] and reloaded["last_reload"]["at"]
    assert reloaded["configuration"]["version"] == 2


# The log.


def test_the_log_can_be_followed(start, upstream):
    gateway = start(SOON + backend("box", upstream.url))
    gateway.wait_for_backend("box")

    first = gateway.json("/v1/logs")
    lines = first["data"]
    assert any(line["message"] == "backend added" and line["component"] == "backends" and line["fields"]["backend"] == "box" for line in lines)
    assert [line["seq"] for line in lines] == sorted(line["seq"] for line in lines)
    assert lines[-1]["seq"] == first["last_seq"] and all(line["time"] and line["level"] for line in lines)

    gateway.http.post("/v1/admin/reload")
    second = gateway.json(f"/v1/logs?after={first['last_seq']}")
    assert any(line["message"] == "configuration reloaded" for line in second["data"]) and second["skipped"] == 0
    assert all(line["seq"] > first["last_seq"] for line in second["data"])

    upstream.fail_probes()
    gateway.wait_for_backend("box", "Unhealthy")
    file = gateway.log_path.parent / "nexus.toml"
    file.write_text("[server]\nprot = 1\n")
    gateway.http.post("/v1/admin/reload")
    errors = gateway.json("/v1/logs?level=error&limit=1")["data"]
    assert len(errors) == 1 and errors[0]["level"] == "error" and "prot" in errors[0]["message"]
    assert gateway.json("/v1/logs?after=18446744073709551615")["data"] == []


@pytest.mark.parametrize("query", ["level=loud", "limit=0", "limit=many", "after=yesterday", "component=routin", "requests=some"])
def test_what_the_log_cannot_be_asked_for_is_said(start, query):
    gateway = start("")
    answer = gateway.get(f"/v1/logs?{query}")
    assert answer.status_code == 400 and answer.json()["error"]["param"] == query.split("=")[0]


def test_no_line_of_the_log_holds_a_secret(start, upstream):
    upstream.on("/v1/models", lambda exchange: exchange.answer({"error": {"message": "no such key sk-secret-77"}}, 401))
    gateway = start(
        "[logging]\nlevel = \"debug\"\n" + SOON + backend("box", upstream.url, api_key_env="BOX_KEY"),
        environment={"BOX_KEY": "sk-secret-77"},
    )
    trouble(gateway, "down")
    for path in ("/v1/logs?limit=2000", "/v1/trouble", "/v1/backends/box/detail", "/v1/gateway", "/health", "/"):
        assert "sk-secret" not in gateway.get(path).text, path


def test_the_log_says_nothing_of_those_that_read_it(start, upstream):
    gateway = start(SOON + backend("box", upstream.url))
    gateway.wait_for_backend("box")
    before = gateway.json("/v1/logs")["last_seq"]
    total = gateway.json("/v1/stats")["requests"]["total"]
    for path in ("/v1/logs", "/v1/trouble", "/v1/gateway", "/v1/backends/box/detail") * 3:
        assert gateway.get(path).status_code == 200
    assert gateway.json("/v1/logs")["last_seq"] == before and gateway.json("/v1/stats")["requests"]["total"] == total
