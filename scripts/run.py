#!/usr/bin/env python3
"""Starts the gateway for `make run`: with the LLM servers found on this machine, or with a small real one of its own."""

import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
BUILD = TOP / ".build" / "release"
START_SECONDS = 120.0
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)

# Where a known kind of server listens by default, and a path only that kind answers with such a member.
KNOWN_SERVERS = (
    ("Ollama", 11434, "/api/version", "version"),
    ("LM Studio", 1234, "/v1/models", "data"),
    ("vLLM", 8000, "/version", "version"),
    ("llama.cpp", 8080, "/props", "default_generation_settings"),
)


class CannotRun(Exception):
    """A reason for the person at the terminal."""


def get_json(url: str, timeout: float = 2.0) -> object:
    """The JSON of an answer of any status; None without one."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        with contextlib.suppress(ValueError, OSError):
            return json.load(error)
    except (OSError, ValueError):
        pass
    return None


def servers_on_this_machine() -> list[str]:
    found = []
    for name, port, path, member in KNOWN_SERVERS:
        answer = get_json(f"http://127.0.0.1:{port}{path}")
        if isinstance(answer, dict) and member in answer:
            found.append(f"{name} on port {port}")
    return found


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def port_or_another(wanted: int) -> int:
    if is_free(wanted):
        return wanted
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free: int = probe.getsockname()[1]
    print(f"run: port {wanted} is in use; taking {free}")
    return free


def start(command: list[str], **options: object) -> "subprocess.Popen[str]":
    """Starts a process in a group of its own, so that Ctrl-C reaches this supervisor alone and the order of the end is its
    decision; it goes with the supervisor all the same, should that be killed."""
    return subprocess.Popen(
        command,
        text=True,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM),
        **options,  # type: ignore[call-overload]
    )


def start_model_server(started: "list[subprocess.Popen[str]]") -> str:
    port = port_or_another(8080)
    print("run: no LLM server answers on this machine; starting llama.cpp with SmolLM2-135M")
    command = [sys.executable, str(TOP / "scripts" / "model_server.py"), "--port", str(port)]
    server = start(command, stdout=subprocess.PIPE)
    started.append(server)
    assert server.stdout is not None
    line = server.stdout.readline()
    if not line.startswith("ready "):
        raise CannotRun("the model server did not start; what it said stands above")
    return line.split()[1]


def configuration(folder: Path, model_url: str) -> Path:
    path = folder / "nexus.toml"
    path.write_text(
        "[health_check]\ninterval_seconds = 5\n\n"
        f'[[backends]]\nname = "llama-cpp"\ntype = "openai"\nurl = "{model_url}"\npriority = 1\n'
    )
    return path


def wait_for_model(url: str, gateway: "subprocess.Popen[str]") -> str:
    """The id of a model once the gateway answers and knows one."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if gateway.poll() is not None:
            raise CannotRun(f"nexus ended with status {gateway.returncode}; what it said stands above")
        models = get_json(url + "/v1/models")
        if isinstance(models, dict) and models.get("data"):
            return str(models["data"][0]["id"])
        time.sleep(0.05)
    raise CannotRun(f"no model appeared within {START_SECONDS:.0f} seconds; see {url}/")


def greet(url: str, model: str) -> None:
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "Say hello."}]})
    print(
        f"\nNexus is running.\n\n"
        f"  Dashboard  {url}/\n"
        f"  API        {url}/v1\n"
        f"  Try it     curl {url}/v1/chat/completions -H 'content-type: application/json' -d '{body}'\n\n"
        f"Ctrl-C ends it.\n",
        flush=True,
    )


def stop(processes: "list[subprocess.Popen[str]]") -> None:
    """Ends what was started, the gateway before the model server, so that running answers can finish."""
    for process in reversed(processes):
        process.terminate()
        try:
            process.wait(timeout=40)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            process.kill()
            process.wait()


def run(started: "list[subprocess.Popen[str]]", folder: Path) -> None:
    chosen = os.environ.get("NEXUS_PORT") or os.environ.get("PORT")
    options: list[str] = []
    found = servers_on_this_machine()
    if (TOP / "nexus.toml").exists():
        print("run: using nexus.toml")
        options = ["--config", str(TOP / "nexus.toml")]
    elif found:
        print(f"run: found {', '.join(found)}")
    else:
        options = ["--config", str(configuration(folder, start_model_server(started)))]

    port = int(chosen) if chosen else port_or_another(8000)
    command = [str(BUILD / "nexus"), "serve", *options, "--port", str(port), "--adapters-dir", str(BUILD)]
    environment = {key: value for key, value in os.environ.items() if key not in ("NEXUS_PORT", "PORT")}
    gateway = start(command, cwd=TOP, env=environment)
    started.append(gateway)
    url = f"http://127.0.0.1:{port}"
    greet(url, wait_for_model(url, gateway))
    if gateway.wait() != 0:
        raise CannotRun(f"nexus ended with status {gateway.returncode}")


def main() -> int:
    # SIGTERM ends this like Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    started: "list[subprocess.Popen[str]]" = []
    status = 0
    with tempfile.TemporaryDirectory(prefix="nexus-run-") as folder:
        try:
            run(started, Path(folder))
        except KeyboardInterrupt:
            print("\nrun: ending")
        except CannotRun as reason:
            print(f"run: {reason}", file=sys.stderr)
            status = 1
        finally:
            stop(started)
    return status


if __name__ == "__main__":
    sys.exit(main())
