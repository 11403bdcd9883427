"""Backends that fail, vanish, stop or come late: what clients see of it, and what operators are told."""

import asyncio
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway import LONG, Gateway, backend, free_port
from upstream import ANSWER

SCRIPT = Path(__file__).with_name("server_process.py")
PROBES = "[health_check]\ninterval_seconds = 30\nretry_seconds = 1\ntimeout_seconds = 1\n"


class Server:
    """A model server in a process of its own."""

    def __init__(self, port: int = 0) -> None:
        command = [sys.executable, str(SCRIPT), str(port)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}"

    def end(self) -> None:
        self.process.kill()
        self.process.wait(timeout=LONG)
        if self.process.stdout:
            self.process.stdout.close()


@pytest.fixture
def server() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(port: int = 0) -> Server:
        servers.append(Server(port))
        return servers[-1]

    yield start
    for each in servers:
        each.end()


class Load:
    """Requests at a steady rate, each on a connection of its own, until it is told to stop."""

    rate = 300
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}]}).encode()

    def __init__(self, gateway: Gateway) -> None:
        self.port = gateway.port
        self.answers: list[tuple[int, int]] = []
        self.ends = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self.run()))

    def __enter__(self) -> "Load":
        self.thread.start()
        return self

    def __exit__(self, *reason: Any) -> None:
        self.ends.set()
        self.thread.join(LONG)

    async def run(self) -> None:
        tasks = []
        while not self.ends.is_set():
            tasks.append(asyncio.create_task(self.ask()))
            await asyncio.sleep(1 / self.rate)
        await asyncio.wait_for(asyncio.gather(*tasks), LONG)

    async def ask(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n")
        writer.write(f"content-length: {len(self.body)}\r\n\r\n".encode() + self.body)
        head = (await reader.read()).decode().lower()
        writer.close()
        attempts = head.split("x-nexus-attempts: ")[1].split("\r\n")[0] if "x-nexus-attempts: " in head else "1"
        self.answers.append((int(head.split()[1]), int(attempts)))

    def wait_for(self, count: int) -> None:
        """Until there are so many more answers."""
        wanted, end = len(self.answers) + count, time.monotonic() + LONG
        while len(self.answers) < wanted:
            assert time.monotonic() < end, "no answers come"
            time.sleep(0.01)


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

    assert {status for status, _ in load.answers} == {200}
    assert sum(count for _, count in load.answers) <= 1.2 * len(load.answers)
    assert after == before, "it is asked though it is known to be gone"


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
