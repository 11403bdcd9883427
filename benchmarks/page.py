#!/usr/bin/env python3
"""What the page costs a browser: a fleet, a steady load, and the page open in Chromium for some minutes.

    benchmarks/page.py                       # 50 backends of 100 models, 200 requests a second, five minutes
    benchmarks/page.py --rate 1000           # a thousand updates a second
    benchmarks/page.py --seconds 30          # a look

Prints what the page holds (JavaScript heap after a collection, nodes of the document) at the beginning and at the end, how large
both became in between, and its long tasks: those of the main thread over 50 ms, with the processor slowed down as said.
With --check it ends with status 1 where the page grows.
"""

import argparse
import asyncio
import gc
import json
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

TOP = Path(__file__).resolve().parents[1]
BUILD = Path(os.environ.get("NEXUS_BUILD", TOP / ".build" / "release"))
ANSWER = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}
HEAP_GROWTH = 3.0
"""MiB by which the heap may be larger at the end than once the page has filled."""
NODE_GROWTH = 300

OBSERVER = """
window.longTasks = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) longTasks.push([entry.startTime, entry.duration]);
}).observe({ type: "longtask", buffered: true });
"""


def message(body: Any, status: str = "200 OK") -> bytes:
    text = json.dumps(body).encode()
    return f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(text)}\r\n\r\n".encode() + text


async def read_message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """The head and the body of a request or an answer that says how long it is."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
    return head, await reader.readexactly(length) if length else b""


def serve(backends: int, models: int, ports: Any) -> None:
    """Many small servers in one process: each has its models, one of which all have."""

    async def run() -> None:
        servers = []
        for number in range(backends):
            names = [f"model-{number}-{each}" for each in range(models - 1)] + ["shared"]
            listed = message({"object": "list", "data": [{"id": name, "object": "model", "created": 1} for name in names]})
            answers = {b"GET": listed, b"POS": message(ANSWER)}

            async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answers: Any = answers) -> None:
                try:
                    while True:
                        head, _ = await read_message(reader)
                        writer.write(answers[head[:3]])
                except (asyncio.IncompleteReadError, ConnectionError):
                    writer.close()

            servers.append(await asyncio.start_server(talk, "127.0.0.1", 0))
        ports.put([server.sockets[0].getsockname()[1] for server in servers])
        await asyncio.Event().wait()

    asyncio.run(run())


def load(port: int, rate: float, backends: int, models: int, is_over: Any, count: Any) -> None:
    """Requests at a steady rate over a few connections; a tenth for the model that all have, a fiftieth for one that none has."""

    async def client(number: int, clients: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        due = time.monotonic() + number / rate
        turn = number
        while not is_over.is_set():
            await asyncio.sleep(max(0, due - time.monotonic()))
            due = max(due + clients / rate, time.monotonic() - 1)
            turn += clients
            model = f"model-{turn % backends}-{turn % (models - 1)}"
            if turn % 10 == 0:
                model = "shared"
            if turn % 50 == 1:
                model = "nobody-has-this"
            body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hi"}]}).encode()
            writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n")
            writer.write(f"content-length: {len(body)}\r\n\r\n".encode() + body)
            await read_message(reader)
            with count.get_lock():
                count.value += 1
        writer.close()

    async def run() -> None:
        await asyncio.gather(*[client(number, 16) for number in range(16)])

    asyncio.run(run())


class Measured:
    """The page, and what the browser says of it."""

    def __init__(self, page: Page, slowdown: float) -> None:
        self.page = page
        self.slowdown = slowdown
        self.browser = page.context.new_cdp_session(page)
        self.browser.send("Performance.enable")
        self.browser.send("Emulation.setCPUThrottlingRate", {"rate": slowdown})

    def look(self, collects: bool = False) -> dict[str, float]:
        """`collects`: after a collection, which takes long and so is a long task itself."""
        if collects:
            self.browser.send("Emulation.setCPUThrottlingRate", {"rate": 1})
            self.browser.send("HeapProfiler.collectGarbage")
            self.browser.send("Emulation.setCPUThrottlingRate", {"rate": self.slowdown})
        metrics = {one["name"]: one["value"] for one in self.browser.send("Performance.getMetrics")["metrics"]}
        return {
            "heap_mib": metrics["JSHeapUsedSize"] / 2**20,
            # Of the document as it is; the browser's own count has those that wait to be collected.
            "nodes": self.page.evaluate("document.querySelectorAll('*').length"),
            "all_nodes": metrics["Nodes"],
            "listeners": metrics["JSEventListeners"],
            "busy_seconds": metrics["TaskDuration"],
            "script_seconds": metrics["ScriptDuration"],
            "layout_seconds": metrics["LayoutDuration"] + metrics["RecalcStyleDuration"],
        }

    def long_tasks(self) -> list[float]:
        """Their lengths in milliseconds, since the last look."""
        return [length for _, length in self.page.evaluate("longTasks.splice(0)")]


def told(tasks: list[float]) -> str:
    if not tasks:
        return "none"
    return f"{len(tasks)}, median {statistics.median(tasks):.0f} ms, longest {max(tasks):.0f} ms, together {sum(tasks) / 1000:.1f} s"


def measure(arguments: argparse.Namespace, page: Page, url: str, count: Any) -> bool:
    page.add_init_script(OBSERVER)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    if arguments.files:
        page.route("**/assets/**", lambda route: route.fulfill(path=arguments.files / route.request.url.rsplit("/", 1)[1]))
    measured = Measured(page, arguments.slowdown)
    received = {"bytes": 0, "requests": 0}

    def note(event: dict[str, Any]) -> None:
        received["bytes"] += int(event["encodedDataLength"])
        received["requests"] += 1

    measured.browser.send("Network.enable")
    measured.browser.on("Network.loadingFinished", note)
    page.goto(f"{url}/{arguments.view}")
    page.wait_for_selector("#connection-status .status-dot.connected", timeout=60_000)
    page.wait_for_timeout(3000)
    print(f"long tasks while loading: {told(measured.long_tasks())}", flush=True)
    # A full history, and whatever else the page keeps: what comes after that must not grow.
    page.wait_for_timeout(min(20_000, arguments.seconds * 200))
    first, looks, tasks = measured.look(collects=True), [], []
    measured.long_tasks()
    began, begun_count = time.monotonic(), count.value
    received.update(bytes=0, requests=0)
    while (elapsed := time.monotonic() - began) < arguments.seconds:
        page.wait_for_timeout(min(10_000, (arguments.seconds - elapsed) * 1000 + 1))
        looks.append(measured.look())
        tasks += measured.long_tasks()
        now = looks[-1]
        print(f"{elapsed:5.0f} s  heap {now['heap_mib']:.1f} MiB  nodes {now['nodes']:.0f} ({now['all_nodes']:.0f})"
              f"  long tasks so far {len(tasks)}", flush=True)
    seconds, last = time.monotonic() - began, measured.look(collects=True)
    print(f"requests a second:  {(count.value - begun_count) / seconds:.0f}")
    print(f"heap:               {first['heap_mib']:.1f} MiB at first, {last['heap_mib']:.1f} at last, "
          f"{max(look['heap_mib'] for look in looks):.1f} at most with what was not collected yet")
    print(f"nodes:              {first['nodes']:.0f} at first, {last['nodes']:.0f} at last, "
          f"{max(look['nodes'] for look in looks):.0f} at most")
    print(f"listeners:          {first['listeners']:.0f} at first, {last['listeners']:.0f} at last")
    # The browser stretches time by the slowdown.
    busy = {name: (last[name] - first[name]) / seconds for name in ("busy_seconds", "script_seconds", "layout_seconds")}
    print(f"main thread busy:   {busy['busy_seconds']:.0%}, of it script {busy['script_seconds']:.0%}, layout "
          f"{busy['layout_seconds']:.0%} (slowed down {arguments.slowdown:g} times)")
    print(f"received:           {received['bytes'] / seconds / 1024:.1f} KiB/s in {received['requests'] / seconds:.1f} requests a second")
    print(f"long tasks:         {told(tasks)}")
    print(f"errors of the page: {complaints or 'none'}")
    grows = last["heap_mib"] > first["heap_mib"] + HEAP_GROWTH or last["nodes"] > first["nodes"] + NODE_GROWTH
    return not grows and not complaints


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--backends", type=int, default=50)
    parser.add_argument("--models", type=int, default=100)
    parser.add_argument("--rate", type=float, default=200, help="requests a second; 0: an idle fleet")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--slowdown", type=float, default=4, help="how many times slower the browser's processor is made")
    parser.add_argument("--view", default="", help="a fragment of the page, such as #history")
    parser.add_argument("--files", type=Path, help="a folder whose files the page gets instead of the gateway's, such as dashboard")
    parser.add_argument("--check", action="store_true", help="fail where the page grows")
    arguments = parser.parse_args()
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if not chromium:
        sys.exit("Chromium is missing; run scripts/setup.sh test")
    gc.freeze()
    context = multiprocessing.get_context("spawn")
    ports = context.Queue()
    servers = context.Process(target=serve, args=(arguments.backends, arguments.models, ports), daemon=True)
    servers.start()
    places = ports.get(timeout=60)
    with tempfile.TemporaryDirectory() as folder:
        lines = "".join(
            f'[[backends]]\nname = "box-{number:02d}"\ntype = "openai"\nurl = "http://127.0.0.1:{port}"\n'
            for number, port in enumerate(places)
        )
        configuration = Path(folder, "nexus.toml")
        configuration.write_text("[health_check]\ninterval_seconds = 5\n" + lines)
        gateway = subprocess.Popen(
            [BUILD / "nexus", "serve", "--port", "0", "--config", configuration, "--adapters-dir", BUILD],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=os.environ | {"XDG_STATE_HOME": folder},
        )
        assert gateway.stdout is not None
        url = gateway.stdout.readline().split()[-1]
        is_over, count = context.Event(), context.Value("q", 0)
        busy = context.Process(
            target=load, daemon=True,
            args=(int(url.rsplit(":", 1)[1]), arguments.rate, arguments.backends, arguments.models, is_over, count),
        )
        try:
            time.sleep(3)
            if arguments.rate > 0:
                busy.start()
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
                page = browser.new_page(viewport={"width": 1440, "height": 900})
                is_well = measure(arguments, page, url, count)
                browser.close()
        finally:
            is_over.set()
            gateway.terminate()
            gateway.wait(timeout=60)
            servers.terminate()
            if arguments.rate > 0:
                busy.join(timeout=10)
    return 0 if is_well or not arguments.check else 1


if __name__ == "__main__":
    sys.exit(main())
