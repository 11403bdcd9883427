"""The task pages of the documentation, followed as they are written, with real processes."""

import asyncio
import contextlib
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from gateway import BUILD, LONG, TOP, free_port, until
from ollama_server import OllamaServer, capable
from upstream import FINISHED, Exchange, Upstream, delta
from walkthrough import Page

Open = Callable[..., Page]


@pytest.fixture
def open_page(tmp_path: Path) -> Iterator[Open]:
    opened: list[Page] = []

    def open_page(name: str, **stand_ins: str) -> Page:
        opened.append(Page(name, tmp_path, **stand_ins))
        return opened[-1]

    yield open_page
    for page in opened:
        page.end()


def healthy(page: Page, count: int) -> Callable[[], bool]:
    return lambda: httpx.get(f"{page.url}/health").json()["backends"]["healthy"] == count


def test_ollama_on_three_machines(open_page: Open) -> None:
    servers = [OllamaServer(capable("llama3.2:3b", "completion", "tools")) for _ in range(2)]
    servers.append(OllamaServer(capable("qwen3:4b", "completion")))
    addresses = {f"http://192.168.1.1{number}:11434": server.url for number, server in enumerate(servers, 1)}
    page = open_page("tasks/ollama-on-three-machines.md", **addresses)

    page.files()
    page.run("nexus config check")
    page.run("nexus serve")
    until(healthy(page, 3))
    seen = page.run("nexus backends list")
    assert all(name in seen for name in ("attic", "office", "laptop", "llama3.2:3b", "qwen3:4b"))
    told = json.loads(page.run("/api/chat"))
    assert told["message"]["content"] == "hello" and told["done"]
    assert page.run("from openai import OpenAI").strip() == "hello"
    head = page.run("x-nexus")
    assert re.search(r"x-nexus-backend: (attic|office)", head) and "x-nexus-route-reason: smart" in head
    steps = [{"status": "pulling manifest"}, {"status": "success"}]
    servers[0].stream(*steps, path="/api/pull")
    page.run("pull_model")
    for server in servers:
        server.close()


def test_claude_code(open_page: Open, model_server: str) -> None:
    page = open_page("tasks/claude-code.md", **{"http://127.0.0.1:8080": model_server, "qwen3-coder-30b": "smollm2:135m"})

    page.files()
    page.run("nexus config check")
    page.run("nexus serve")
    until(healthy(page, 1))
    page.environment["ANTHROPIC_API_KEY"] = "would be used instead"
    page.run("unset ANTHROPIC_API_KEY")
    assert page.run("import anthropic").strip()
    message, count = page.run("claude-haiku-4-5").replace("}{", "}\n{").splitlines()
    assert json.loads(message)["type"] == "message" and json.loads(count)["input_tokens"] > 0


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A folder with a certificate and its key for the name of the page."""
    folder = tmp_path / "tls"
    command = [BUILD / "nexus", "cert", "self-signed", "--host", "nexus.example.org", "--host", "localhost", "--out", folder]
    subprocess.run(command, check=True, capture_output=True)
    return folder


class Proxy:
    """One of the page's two, with the port on which it listens."""

    def __init__(self, page: Page, certificate: Path, port: int, command: list[str]) -> None:
        self.port = port
        self.output = page.folder / "proxy.log"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                command, cwd=page.folder, stdout=output, stderr=output,
                env={**os.environ, "HOME": str(page.folder), "XDG_DATA_HOME": str(page.folder / "caddy")},
            )
        until(self.listens)
        # The name leads here, as it would by the DNS.
        (page.folder / ".curlrc").write_text(
            f'connect-to = "nexus.example.org:443:127.0.0.1:{port}"\ncacert = "{certificate / "nexus-cert.pem"}"\n')
        page.environment["NEXUS_CA_FILE"] = str(certificate / "nexus-cert.pem")
        page.replace(**{"--url https://nexus.example.org": f"--url https://localhost:{port}"})

    def listens(self) -> bool:
        assert self.process.poll() is None, self.output.read_text()
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", self.port)):
            return True
        return False

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=LONG)


def nginx(page: Page, certificate: Path) -> Proxy:
    program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    if program is None:
        pytest.skip("nginx is not installed")
    port, folder = free_port(), page.folder
    live = "/etc/letsencrypt/live/nexus.example.org"
    page.replace(**{
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl", f"{live}/fullchain.pem": f"{certificate}/nexus-cert.pem",
        f"{live}/privkey.pem": f"{certificate}/nexus-key.pem",
    })
    page.files()
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    (folder / "whole.conf").write_text(
        f"daemon off; pid {folder}/pid; events {{}}\nhttp {{ access_log off; {temporary} include {folder}/nexus.conf; }}\n")
    return Proxy(page, certificate, port, [program, "-p", str(folder), "-c", "whole.conf", "-e", "stderr"])


def caddy(page: Page, certificate: Path) -> Proxy:
    program = shutil.which("caddy")
    if program is None:
        pytest.skip("caddy is not installed")
    port = free_port()
    # No certificate can be fetched for this name.
    page.replace(**{
        "\nnexus.example.org {": f"\n{{\n    admin off\n    auto_https off\n}}\nhttps://nexus.example.org:{port}, "
        f"https://localhost:{port} {{\n    tls {certificate}/nexus-cert.pem {certificate}/nexus-key.pem"
    })
    page.files()
    return Proxy(page, certificate, port, [program, "run", "--config", "Caddyfile", "--adapter", "caddyfile"])


@pytest.mark.parametrize("kind", [nginx, caddy])
def test_behind_a_proxy(open_page: Open, upstream: Upstream, certificate: Path, kind: Callable[..., Proxy]) -> None:
    has_first = threading.Event()
    waits = False

    def stream(exchange: Exchange) -> None:
        exchange.begin_stream()
        exchange.event(delta("one"))
        # A proxy that keeps pieces back would keep both waiting.
        assert not waits or has_first.wait(LONG)
        exchange.event(FINISHED)
        exchange.event(b"[DONE]")
        exchange.end_stream()

    upstream.models("smollm2:135m")
    upstream.chat(stream)
    page = open_page("tasks/reverse-proxy.md", **{"http://127.0.0.1:8080": upstream.url})
    page.files()
    keys = re.findall(r"nx-[\w-]+", page.run("nexus keys add me"))
    page.environment["OPERATOR_KEY"], page.environment["APP_KEY"] = operator, app = keys[0], keys[-1]
    page.run("nexus serve")
    until(healthy(page, 1))
    with contextlib.ExitStack() as stack:
        proxy = kind(page, certificate)
        stack.callback(proxy.end)
        told = page.run("/livez")
        assert '"status":"live"' in told and "data: [DONE]" in told and "healthy" in told.splitlines()[-1]

        trust = ssl.create_default_context(cafile=str(certificate / "nexus-cert.pem"))
        own = f"https://localhost:{proxy.port}"
        with httpx.Client(base_url=own, verify=trust, timeout=LONG) as client:
            # Without a key nobody is local behind a proxy.
            assert client.get("/v1/backends").status_code == 401
            assert client.get("/", headers={"accept": "text/html"}).status_code == 401
            waits = True
            body = {"model": "smollm2:135m", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
            with client.stream(
                "POST", "/v1/chat/completions", json=body, headers={"authorization": f"Bearer {app}"}
            ) as answer:
                lines = answer.iter_lines()
                assert '"one"' in next(line for line in lines if line)
                has_first.set()
                assert "data: [DONE]" in list(lines)
            # A command of the page, with its origin.
            headers = {"authorization": f"Bearer {operator}", "origin": own}
            assert client.post("/v1/backends/local/drain", headers=headers).status_code == 200
            headers["origin"] = "https://other.example.org"
            assert client.post("/v1/backends/local/drain", headers=headers).status_code == 403
        headers["origin"] = own
        assert first_update(f"wss://localhost:{proxy.port}/ws", trust, headers)["update_type"] == "BackendStatus"


def first_update(url: str, trust: ssl.SSLContext, headers: dict[str, str]) -> Any:
    """Of a WebSocket over TLS, on one thread: Python's connections over TLS are not for two at once."""

    async def ask() -> Any:
        async with connect(url, ssl=trust, additional_headers=headers, open_timeout=LONG) as live:
            return json.loads(await asyncio.wait_for(live.recv(), LONG))

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(ask())).result()


def test_from_litellm(open_page: Open, upstream: Upstream) -> None:
    ollama = OllamaServer(capable("llama3.2:3b", "completion"))
    upstream.models("meta-llama/Llama-3.2-3B-Instruct")
    page = open_page(
        "tasks/from-litellm.md", **{"http://192.168.1.11:11434": ollama.url, "http://192.168.1.12:8000": upstream.url})
    page.replace(**{"4001": str(page.port)})

    page.files()
    written = page.run("nexus config import")
    assert "[[backends]]" in written and "small" in written
    page.run("nexus config check --offline")
    page.run("nexus serve")
    until(lambda: "small" in page.run("nexus models"))
    told = page.run("nexus models")
    assert '"hello"' in told
    explained = json.loads(page.run("/v1/explain"))
    assert explained["choice"]["what"] == "served"
    ollama.close()


def test_a_slow_backend(open_page: Open, model_server: str) -> None:
    page = open_page("tasks/slow-backend.md", **{"http://127.0.0.1:8080": model_server})

    active = json.loads((TOP / "docs" / "openapi.json").read_text())["components"]["schemas"]["ActiveRequest"]
    assert re.findall(r"(?m)^\| `(\w+)` \|", page.text) == active["properties"]["phase"]["enum"]
    page.files()
    page.run("nexus serve")
    until(healthy(page, 1))
    seen = page.run("nexus top --once")
    assert "local" in seen and '"object":"list"' in seen
    record = json.loads(page.run("slow-one"))
    events = {event["event"]: event["at_ms"] for event in record["events"]}
    assert events["connected"] <= events["first_byte"] <= events["last_byte"] <= events["ended"]
    assert json.loads(page.run("/v1/explain"))["choice"]["backend"] == "local"
    detail, series = page.run("/detail").replace("}{", "}\n{").splitlines()
    assert json.loads(detail)["backend"]["name"] == "local"
    assert set(json.loads(series)["series"][0]["values"]) == {"ttft_p95_ms", "duration_p95_ms", "tokens_per_second", "requests"}
    assert "Nothing is wrong." in page.run("nexus doctor --offline")
    page.run("nexus backends drain")
