"""Adapters that come, change and go while the gateway runs."""

import json
import os
import queue
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from conftest import compile_adapter
from gateway import BUILD, LONG, Gateway, backend, until
from upstream import ANSWER, FINISHED, delta

WATCHED = "[health_check]\ninterval_seconds = 3600\n"
"""Nothing but what a test does changes a backend."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "adapters"
    folder.mkdir()
    return folder


def put(source: Path, target: Path, appended: bytes = b"") -> None:
    """Puts a file there as an installer does: complete under another name, then renamed."""
    new = target.with_suffix(".new")
    new.write_bytes(source.read_bytes() + appended)
    new.rename(target)


def echo(folder: Path, version: str) -> Path:
    """The echo adapter in C, built elsewhere under this version."""
    output = folder.parent / f"echo-{version}.so"
    if not output.exists():
        compile_adapter("echo.c", output, f'-DVERSION="{version}"')
    return output


def image(view: dict[str, Any]) -> str:
    number: str = view["metadata"].get("adapter_image", "none")
    return number


def test_an_adapter_that_is_dropped_in_brings_its_backends_alive(start, folder):
    gateway = start(WATCHED + backend("e", "http://127.0.0.1:9", type="echo"), adapters=(folder,))
    waiting = gateway.json("/v1/backends")["data"][0]
    with gateway.socket() as live:
        put(echo(folder, "1"), folder / "echo.so")
        live.backend(lambda view: view["status"] == "Healthy")

    assert waiting["status"] == "Unhealthy" and 'no adapter of type "echo" is loaded' in waiting["last_error"]
    assert gateway.chat("echo").json()["backend"] == "e"


def test_a_gateway_without_configuration_asks_a_new_adapter_for_its_servers(start, folder, upstream):
    gateway = start(adapters=(folder,))
    url = json.dumps(upstream.url)[1:-1]
    with gateway.socket() as live:
        compile_adapter("echo.c", folder / "echo.new", f'-DDEFAULT_URL="{url}"')
        (folder / "echo.new").rename(folder / "echo.so")
        found = live.backend(lambda view: view["status"] == "Healthy")

    assert found["discovery_source"] == "discovered" and found["backend_type"] == "echo"


def test_a_replaced_adapter_takes_over_without_a_gap(start, folder):
    put(echo(folder, "1"), folder / "echo.so")
    gateway = start(WATCHED + backend("e", "http://127.0.0.1:9", type="echo"), adapters=(folder,))
    gateway.wait_for_backend("e")
    statuses = []
    with gateway.socket() as live:
        put(echo(folder, "2"), folder / "echo.so")
        new = live.backend(
            lambda view: statuses.append(view["status"]) or view["metadata"].get("adapter_version") == "2"
        )

    assert set(statuses) == {"Healthy"} and new["models"]
    assert gateway.json("/v1/adapters")["data"][0]["version"] == "2"
    assert gateway.chat("echo").status_code == 200


def test_running_exchanges_finish_on_the_old_version(start, folder, upstream):
    library = BUILD / "libOpenAICompat.so"
    put(library, folder / "openai.so")
    gateway = start(WATCHED + backend("u", upstream.url), adapters=(folder,))
    gateway.wait_for_backend("u")
    go_on = threading.Event()

    def slow(exchange) -> None:
        exchange.begin_stream()
        exchange.event(delta("one"))
        assert go_on.wait(LONG)
        exchange.event(FINISHED)
        exchange.event(b"[DONE]")
        exchange.end_stream()

    upstream.chat(slow)
    body = {"model": "m", "messages": [], "stream": True}
    with gateway.http.stream("POST", "/v1/chat/completions", json=body) as answer:
        lines = answer.iter_lines()
        first = next(lines)
        with gateway.socket() as live:
            before = image(live.backend(lambda view: True))
            put(library, folder / "openai.so", appended=b"\n")
            live.backend(lambda view: image(view) != before)
        upstream.chat(lambda exchange: exchange.answer({"choices": [], "object": "new"}))
        unary = gateway.chat()
        go_on.set()
        rest = [line for line in lines if line]

    assert '"one"' in first and rest[-1] == "data: [DONE]"
    assert unary.json()["object"] == "new"
    assert [entry["status"] for entry in gateway.history()] == ["Success", "Success"]


def test_the_same_content_is_not_loaded_again(start, folder):
    put(echo(folder, "1"), folder / "echo.so")
    gateway = start(WATCHED + backend("e", "http://127.0.0.1:9", type="echo"), adapters=(folder,))
    before = gateway.wait_for_backend("e")
    put(echo(folder, "1"), folder / "echo.so")
    with gateway.socket() as live:
        put(echo(folder, "2"), folder / "other.so")
        os.utime(folder / "echo.so")
        until(lambda: len(gateway.json("/v1/adapters")["data"]) == 2)
        now = live.backend(lambda view: True)

    assert image(now) == image(before)


def test_a_removed_adapter_drains_and_may_come_back(start, folder, upstream):
    put(BUILD / "libOpenAICompat.so", folder / "openai.so")
    gateway = start(WATCHED + backend("u", upstream.url), adapters=(folder,))
    gateway.wait_for_backend("u")
    go_on = threading.Event()
    upstream.chat(lambda exchange: exchange.answer(ANSWER) if go_on.wait(LONG) else None)
    running = ThreadPoolExecutor(1).submit(gateway.chat)
    upstream.request()
    with gateway.socket() as live:
        (folder / "openai.so").unlink()
        live.backend(lambda view: view["status"] == "Draining")
        refused = gateway.chat()
        go_on.set()
        gone = live.backend(lambda view: view["status"] == "Unhealthy")
        put(BUILD / "libOpenAICompat.so", folder / "openai.so")
        live.backend(lambda view: view["status"] == "Healthy")

    assert running.result().json() == ANSWER
    assert refused.status_code == 503 and "draining" in refused.json()["error"]["message"]
    assert 'the adapter of type "openai" was removed' in gone["last_error"]
    assert gateway.chat().status_code == 200


def test_a_file_that_is_overwritten_in_place_harms_nobody(start, folder):
    put(echo(folder, "1"), folder / "echo.so")
    gateway = start(WATCHED + backend("e", "http://127.0.0.1:9", type="echo"), adapters=(folder,))
    gateway.wait_for_backend("e")
    size = (folder / "echo.so").stat().st_size
    with (folder / "echo.so").open("r+b") as file:
        for position in range(0, size, 4096):
            file.seek(position)
            file.write(b"\xcc" * 4096)
            file.flush()
            assert gateway.chat("echo").status_code == 200
    until(lambda: "problem" in gateway.json("/v1/adapters")["data"][-1])

    assert gateway.chat("echo").status_code == 200
    gateway.wait_for_log("the version before stays in use")
    with gateway.socket() as live:
        put(echo(folder, "2"), folder / "echo.so")
        live.backend(lambda view: view["metadata"].get("adapter_version") == "2")


def test_a_file_copied_slowly_is_loaded_when_it_is_complete(start, folder):
    content = echo(folder, "1").read_bytes()
    gateway = start(WATCHED + backend("e", "http://127.0.0.1:9", type="echo"), adapters=(folder,))
    with gateway.socket() as live, (folder / "echo.so").open("wb", buffering=0) as file:
        for position in range(0, len(content), 1000):
            file.write(content[position : position + 1000])
            gateway.get("/health")
        live.backend(lambda view: view["status"] == "Healthy")

    assert gateway.chat("echo").status_code == 200


def test_a_version_that_takes_no_such_backend_leaves_the_one_before_in_use(start, folder):
    put(echo(folder, "1"), folder / "echo.so")
    gateway = start(WATCHED + backend("e", "http://127.0.0.1:9", type="echo"), adapters=(folder,))
    gateway.wait_for_backend("e")
    compile_adapter("echo.c", folder / "echo.new", "-DREFUSES_ALL")
    (folder / "echo.new").rename(folder / "echo.so")
    gateway.wait_for_log("the one before goes on")

    assert gateway.chat("echo").status_code == 200


def test_with_watch_off_nothing_is_loaded_until_a_reload(start, folder):
    gateway = start(
        WATCHED + "[adapters]\nwatch = false\n" + backend("e", "http://127.0.0.1:9", type="echo"), adapters=(folder,)
    )
    with gateway.socket() as live:
        put(echo(folder, "1"), folder / "echo.so")
        answer = gateway.http.post("/v1/admin/reload")
        live.backend(lambda view: view["status"] == "Healthy")

    assert answer.status_code == 200


def test_a_hundred_replacements_under_load_lose_no_request(start, folder, upstream):
    """Eight clients ask without pause, every second one for a stream, while both kinds of adapter are replaced."""
    library = BUILD / "libOpenAICompat.so"
    put(library, folder / "openai.so")
    put(echo(folder, "1"), folder / "echo.so")

    def answer(exchange) -> None:
        if not exchange.json.get("stream"):
            return exchange.answer({"id": "c", "object": "chat.completion", "choices": []})
        exchange.begin_stream()
        exchange.event(delta("one"))
        exchange.event(delta("two"))
        exchange.event(FINISHED)
        exchange.event(b"[DONE]")
        return exchange.end_stream()

    upstream.chat(answer)
    configuration = WATCHED + backend("u", upstream.url) + backend("e", "http://127.0.0.1:9", type="echo")
    gateway = start(configuration, adapters=(folder,))
    gateway.wait_for_backend("u")
    gateway.wait_for_backend("e")
    stop = threading.Event()
    failures: "queue.Queue[str]" = queue.Queue()

    def client(number: int) -> int:
        done = 0
        with httpx.Client(base_url=gateway.url, timeout=LONG) as http:
            while not stop.is_set():
                stream = (done + number) % 2 == 0
                model = "echo" if number % 4 == 0 else "m"
                body = {"model": model, "messages": [], "stream": stream}
                response = http.post("/v1/chat/completions", json=body)
                whole = response.text.endswith("data: [DONE]\n\n") if stream else response.text.endswith("}")
                if response.status_code != 200 or not whole:
                    failures.put(f"{model} {stream}: {response.status_code} {response.text}")
                done += 1
        return done

    with ThreadPoolExecutor(8) as clients:
        results = [clients.submit(client, number) for number in range(8)]
        try:
            replace_often(gateway, folder, library, times=100)
        finally:
            stop.set()
        total = sum(result.result() for result in results)

    assert failures.empty(), f"{failures.qsize()} of {total} requests failed, e.g. {failures.get()}"
    totals = gateway.json("/v1/stats")["requests"]
    assert totals["errors"] == 0 and totals["total"] == total
    pending = [view["pending_requests"] for view in gateway.json("/v1/backends")["data"]]
    assert pending == [0, 0]


def replace_often(gateway: Gateway, folder: Path, library: Path, times: int) -> None:
    """Replaces one file after the other and waits each time until the new version has taken over."""
    with gateway.socket() as live:
        for number in range(times):
            name = "u" if number % 2 == 0 else "e"
            before = image(next(view for view in gateway.json("/v1/backends")["data"] if view["name"] == name))
            if name == "u":
                put(library, folder / "openai.so", appended=str(number).encode())
            else:
                put(echo(folder, "1"), folder / "echo.so", appended=str(number).encode())
            live.backend(lambda view: view["name"] == name and image(view) != before)


def test_files_beside_the_adapters_do_not_count(start, folder):
    put(echo(folder, "1"), folder / "echo.so")
    gateway = start(WATCHED + backend("e", "http://127.0.0.1:9", type="echo"), adapters=(folder,))
    gateway.wait_for_backend("e")
    (folder / "notes.txt").write_text("x")
    shutil.copy(echo(folder, "2"), folder / ".hidden.so")
    shutil.copy(echo(folder, "2"), folder / "backup.so.old")
    put(echo(folder, "2"), folder / "z.so")
    until(lambda: len(gateway.json("/v1/adapters")["data"]) == 2)

    listed = gateway.json("/v1/adapters")["data"]
    assert [Path(item["path"]).name for item in listed] == ["echo.so", "z.so"]
    assert "provides the type" in listed[1]["problem"]
