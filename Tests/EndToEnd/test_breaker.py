"""Backends that fail, vanish, stop or come late: what clients see of it, and what operators are told."""

import signal
import time
from typing import Any

import pytest

from gateway import LONG, Gateway, backend, free_port
from load import Load
from upstream import ANSWER

PROBES = "[health_check]\ninterval_seconds = 30\nretry_seconds = 1\ntimeout_seconds = 1\n"


def attempts(gateway: Gateway, name: str) -> float:
    return gateway.metric(f'nexus_backend_attempts_total{{backend="{name}",type="openai"}}')


def view(gateway: Gateway, name: str) -> dict[str, Any]:
    return next(view for view in gateway.json("/v1/backends")["data"] if view["name"] == name)


@pytest.mark.parametrize("strategy", ["smart", "round_robin", "least_loaded"])
@pytest.mark.parametrize("fate", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "stopped"])
def test_one_of_three_servers_goes_and_no_request_fails(start, server, strategy, fate):
    servers = {name: server() for name in "abc"}
    gateway = start(
        PROBES + f'[routing]\nstrategy = "{strategy}"\n' + "".join(backend(name, s.url) for name, s in servers.items())
    )
    for name in servers:
        gateway.wait_for_backend(name)

    with Load(gateway) as load, gateway.socket() as live:
        load.wait_for(600)
        servers["a"].process.send_signal(fate)
        live.backend(lambda view: view["name"] == "a" and view["status"] == "Unhealthy")
        before = attempts(gateway, "a")
        load.wait_for(600)
        after = attempts(gateway, "a")

    assert all(told.is_well for told in load.answers)
    assert sum(told.attempts for told in load.answers) <= 1.2 * len(load.answers)
    assert after == before, "it is asked though it is known to be gone"


@pytest.mark.parametrize(("strategy", "limit"), [("smart", "probe"), ("smart", "first byte"), ("round_robin", "first byte")])
def test_one_of_three_servers_is_killed_and_one_stops_and_only_what_had_begun_may_fail(start, server, strategy, limit):
    """Whole answers and streams. The limit of either kind is 1 s, and the stopped server gets nothing after two."""
    servers = {name: server() for name in "abc"}
    limits = {"timeouts": {"first_byte_seconds": 1}} if limit == "first byte" else {}
    gateway = start(
        PROBES.replace("timeout_seconds = 1", f"timeout_seconds = {1 if limit == 'probe' else 5}")
        + f'[routing]\nstrategy = "{strategy}"\n'
        + "".join(backend(name, s.url, **limits) for name, s in servers.items())
    )
    for name in servers:
        gateway.wait_for_backend(name)

    with Load(gateway, streams=True) as load, gateway.socket() as live:
        load.wait_for(900)
        at_the_stop = attempts(gateway, "b")
        servers["a"].process.send_signal(signal.SIGKILL)
        servers["b"].process.send_signal(signal.SIGSTOP)
        gone: set[str] = set()
        while gone != {"a", "b"}:
            gone.add(live.backend(lambda view: view["name"] in "ab" and view["status"] == "Unhealthy")["name"])
        known = attempts(gateway, "b")
        load.wait_for(900)
        after = attempts(gateway, "b")
        # What waits for a byte of the stopped server may, for as long as it is stopped.
        servers["b"].process.send_signal(signal.SIGCONT)

    failed = [told for told in load.answers if not told.is_well]
    assert all(told.stream and told.had_begun for told in failed), failed
    assert sum(told.attempts for told in load.answers) <= 1.2 * len(load.answers)
    # No more than came in twice the limit, at whatever rate; nothing since then but what tries whether it is back.
    assert known - at_the_stop <= 2 * load.rate
    assert after - known <= 3, "it is asked though it is known to have stopped"


def failing(exchange) -> None:
    exchange.answer({"error": {"message": "out of memory"}}, status=500)


def test_one_whose_chats_all_fail_is_degraded_and_asked_no_more_until_it_is_well(start, upstream, second_upstream):
    upstream.chat(failing)
    gateway = start(
        PROBES
        + '[breaker]\nopen_seconds = 1\nhalf_open_requests = 2\n[routing]\nstrategy = "priority_only"\n'
        + backend("first", upstream.url, priority=1)
        + backend("second", second_upstream.url, priority=90)
    )
    gateway.wait_for_backend("first")
    gateway.wait_for_backend("second")

    with gateway.socket() as live:
        assert all(gateway.chat().status_code == 200 for _ in range(10))
        told = live.backend(lambda view: view["name"] == "first" and view["status"] != "Healthy")

    # In a word of the contract, which no page shows as healthy; and in its own.
    assert (told["status"], told["state"]) == ("Unhealthy", "Degraded") and "out of memory" in told["last_error"]
    assert told["models"], "it may still serve where no other can"
    health = gateway.json("/health")
    assert health["status"] == "degraded" and health["backends"]["degraded"] == 1
    assert "out of memory" in health["degraded_backends"][0]["reason"]
    assert gateway.metric('nexus_backend_degraded{backend="first",type="openai"}') == 1
    assert gateway.metric('nexus_backend_up{backend="first",type="openai"}') == 1
    page = gateway.get("/").text
    assert "Degraded" in page and "1 degraded" in page and "out of memory" in page

    upstream.chat(lambda exchange: exchange.answer(ANSWER))
    with gateway.socket() as live:
        end = time.monotonic() + LONG
        while view(gateway, "first")["status"] != "Healthy":
            assert gateway.chat().status_code == 200 and time.monotonic() < end
        well = live.backend(lambda view: view["name"] == "first" and view["status"] == "Healthy")
    assert well["last_error"] is None and gateway.chat().headers["x-nexus-backend"] == "first"


@pytest.mark.parametrize("status", [400, 401, 404, 408, 422, 425, 429])
def test_no_4xx_opens_a_breaker(start, upstream, status):
    upstream.chat(lambda exchange: exchange.answer({"error": {"message": "no"}}, status=status))
    gateway = start(PROBES + "[breaker]\nminimum_requests = 1\nfailure_rate_percent = 1\n" + backend("one", upstream.url))
    gateway.wait_for_backend("one")

    for _ in range(5):
        assert 400 <= gateway.chat().status_code < 600

    assert gateway.metric('nexus_backend_breaker_openings_total{backend="one",type="openai"}') == 0
    assert view(gateway, "one")["status"] == "Healthy"


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_another_server_may_do_better_is_tried_there(start, upstream, second_upstream, status):
    upstream.chat(lambda exchange: exchange.answer({"error": {"message": "no"}}, status=status))
    gateway = start(
        '[routing]\nstrategy = "priority_only"\n'
        + backend("first", upstream.url, priority=1)
        + backend("second", second_upstream.url, priority=90)
    )
    gateway.wait_for_backend("first")
    gateway.wait_for_backend("second")

    answer = gateway.chat()

    assert answer.status_code == 200 and answer.headers["x-nexus-attempts"] == "2"


def test_the_only_backend_is_asked_whatever_its_breaker_says(start, upstream):
    upstream.chat(failing)
    gateway = start(PROBES + "[breaker]\nminimum_requests = 1\nopen_seconds = 60\n" + backend("one", upstream.url))
    gateway.wait_for_backend("one")
    assert gateway.chat().status_code == 502 and view(gateway, "one")["state"] == "Degraded"

    upstream.chat(lambda exchange: exchange.answer(ANSWER))

    assert all(gateway.chat().status_code == 200 for _ in range(20))


def test_retries_are_bounded_for_all_requests_together(start, upstream, second_upstream):
    upstream.chat(failing)
    gateway = start(
        "[breaker]\nenabled = false\n"
        + '[routing]\nstrategy = "priority_only"\nretry_budget_percent = 0\nretry_budget_minimum = 3\n'
        + backend("first", upstream.url, priority=1)
        + backend("second", second_upstream.url, priority=90)
    )
    gateway.wait_for_backend("first")
    gateway.wait_for_backend("second")
    began = time.monotonic()

    codes = [gateway.chat().status_code for _ in range(12)]

    if time.monotonic() - began < 9:
        assert codes == [200] * 3 + [502] * 9
        assert gateway.metric("nexus_retries_refused_total") == 9
    assert gateway.metric("nexus_retries_total") == codes.count(200)


def test_a_busy_server_is_not_dead(start, upstream):
    """Its probes have no answer, and its requests do."""
    gateway = start(
        "[health_check]\ninterval_seconds = 1\nretry_seconds = 1\ntimeout_seconds = 1\nfailure_threshold = 1\n"
        + backend("one", upstream.url)
    )
    first = gateway.wait_for_backend("one")["last_health_check"]
    upstream.on("/v1/models", lambda exchange: exchange.wait_until_closed())

    # Until some probes have had no answer.
    checks, end = {first}, time.monotonic() + LONG
    while len(checks) < 4:
        assert gateway.chat().status_code == 200 and time.monotonic() < end
        checks.add(view(gateway, "one")["last_health_check"])
    assert view(gateway, "one")["status"] == "Healthy"


def test_a_gateway_whose_servers_are_all_down_starts_says_so_and_recovers_alone(start, server):
    ports = [free_port(), free_port()]
    gateway = start(
        "[health_check]\nretry_seconds = 1\n" + "".join(backend(f"b{p}", f"http://127.0.0.1:{p}") for p in ports)
    )
    for port in ports:
        gateway.wait_for_backend(f"b{port}", "Unhealthy")

    health, refused = gateway.get("/health"), gateway.chat()
    assert health.status_code == 503 and health.json()["status"] == "unhealthy"
    assert refused.status_code == 503 and int(refused.headers["retry-after"]) >= 1
    assert "refused" in refused.json()["error"]["message"]

    server(ports[0])
    gateway.wait_for_backend(f"b{ports[0]}")
    assert gateway.chat().status_code == 200 and gateway.json("/health")["status"] == "degraded"


def test_the_rules_of_the_breaker_are_taken_over_at_a_reload(start, upstream):
    upstream.chat(failing)
    configuration = "[breaker]\nenabled = {}\nminimum_requests = 2\n" + PROBES + backend("one", upstream.url)
    gateway = start(configuration.format("false"))
    gateway.wait_for_backend("one")
    assert [gateway.chat().status_code for _ in range(4)] == [502] * 4
    assert view(gateway, "one")["status"] == "Healthy"

    file = gateway.log_path.with_name("nexus.toml")
    file.write_text(configuration.format("true"))
    assert gateway.http.post("/v1/admin/reload").status_code == 200
    for _ in range(4):
        gateway.chat()
    assert view(gateway, "one")["state"] == "Degraded"

    file.write_text(configuration.format("false"))
    assert gateway.http.post("/v1/admin/reload").status_code == 200
    assert view(gateway, "one")["status"] == "Healthy"


def test_a_server_that_has_enough_of_one_model_is_asked_for_the_others(start, upstream, second_upstream):
    def answer(exchange):
        if exchange.json["model"] == "m":
            return exchange.answer({"error": {"message": "slow down"}}, status=429, retry_after="60")
        exchange.answer(ANSWER)

    for server in (upstream, second_upstream):
        server.models("m", "n")
    upstream.chat(answer)
    gateway = start(
        '[routing]\nstrategy = "priority_only"\n'
        + backend("first", upstream.url, priority=1)
        + backend("second", second_upstream.url, priority=90)
    )
    gateway.wait_for_backend("first")
    gateway.wait_for_backend("second")

    assert [gateway.chat("m").headers["x-nexus-attempts"] for _ in range(5)] == ["2", "1", "1", "1", "1"]
    assert [gateway.chat("n").headers["x-nexus-backend"] for _ in range(5)] == ["first"] * 5
    assert upstream.requests.qsize() == 6
