"""What is wrong is told: in the list of troubles, by /health, on the page, as live updates and as metrics."""

import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

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
