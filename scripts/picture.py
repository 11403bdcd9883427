#!/usr/bin/env python3
"""Draws docs/top.svg: `nexus top` of a real run, with a real model at two servers, and a third one that is switched off.

NEXUS_BUILD names another directory with `nexus` and the adapters than .build/release.
"""

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

from run import TOP, get_json, start

BUILD = Path(os.environ.get("NEXUS_BUILD", TOP / ".build" / "release"))
PICTURE = TOP / "docs" / "top.svg"
MODEL = "smollm2:135m"
PATIENCE = 120.0

CONFIGURATION = """
[server]
port = {port}
[health_check]
failure_threshold = 1
recovery_threshold = 1
[routing]
strategy = "least_loaded"
[history]
database = ""
"""


def backend(name: str, url: str) -> str:
    return f'[[backends]]\nname = "{name}"\ntype = "llamacpp"\nurl = "{url}"\nmax_concurrent = 1\n'


def ask(url: str, words: str, tokens: int, stream: bool = False) -> None:
    body = {"model": MODEL, "max_tokens": tokens, "stream": stream, "messages": [{"role": "user", "content": words}]}
    request = urllib.request.Request(
        url + "/v1/chat/completions", json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        answer.read()


def wait(condition) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            sys.exit("picture: it takes too long")
        time.sleep(0.05)


def main() -> None:
    started: list[subprocess.Popen[str]] = []
    try:
        with tempfile.TemporaryDirectory() as folder:
            text = CONFIGURATION.format(port=0)
            for name in ("attic", "office"):
                command = [sys.executable, str(TOP / "scripts" / "model_server.py"), "--port", "0", "--alias", MODEL]
                server = start(command, stdout=subprocess.PIPE)
                started.append(server)
                text += backend(name, server.stdout.readline().split()[1])
            text += backend("laptop", "http://127.0.0.1:9")
            (Path(folder) / "nexus.toml").write_text(text)
            gateway = start(
                [str(BUILD / "nexus"), "serve", "--config", f"{folder}/nexus.toml", "--adapters-dir", str(BUILD)],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            started.append(gateway)
            url = gateway.stdout.readline().split()[-1]
            wait(lambda: (get_json(url + "/health") or {}).get("backends", {}).get("healthy") == 2)
            for words in ("Why is the sky blue?", "Name three rivers.", "Say hello in French.", "What is a gateway?"):
                ask(url, words, 24)
            # Two under way, and a third that waits for its place.
            for words in ("Tell me a long story.", "Tell me another one.", "And one more."):
                threading.Thread(target=ask, args=(url, words, 400, True), daemon=True).start()
            wait(lambda: get_json(url + "/v1/requests/active")["phases"]["streaming"] == 2)
            time.sleep(2)
            svg = subprocess.run(
                [str(BUILD / "nexus"), "top", "--once", "--svg", "--url", url],
                check=True, capture_output=True, text=True, env={**os.environ, "COLUMNS": "96"}).stdout
            # The port was any free one.
            PICTURE.write_text(svg.replace(url, "http://127.0.0.1:8000"))
            print(f"picture: {PICTURE.relative_to(TOP)} was drawn")
    finally:
        for process in reversed(started):
            process.terminate()


if __name__ == "__main__":
    main()
