"""Fixtures of the end-to-end tests: real processes, real sockets, a real model server, a real browser.

The gateway is the release build; NEXUS_BUILD names another directory with `nexus` and the adapters.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway import BUILD, Gateway
from load import Server
from upstream import Upstream

TOP = Path(__file__).resolve().parents[2]

# No gateway of a test keeps its history where the developer's does.
os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="nexus-state-")
os.environ.pop("STATE_DIRECTORY", None)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    """Starts gateways; each is ended after the test and must then end with status 0."""
    started: list[Gateway] = []

    def start(configuration: str = "", **options: object) -> Gateway:
        folder = tmp_path / f"gateway{len(started)}"
        folder.mkdir()
        gateway = Gateway(folder, configuration, **options)
        started.append(gateway)
        return gateway

    yield start
    for gateway in started:
        gateway.finish()


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """A server whose answers the test scripts."""
    server = Upstream()
    yield server
    server.close()


@pytest.fixture
def second_upstream() -> Iterator[Upstream]:
    server = Upstream()
    yield server
    server.close()


@pytest.fixture
def server() -> Iterator[Callable[..., Server]]:
    """Starts model servers in processes of their own."""
    servers: list[Server] = []

    def start(port: int = 0) -> Server:
        servers.append(Server(port))
        return servers[-1]

    yield start
    for each in servers:
        each.end()


@pytest.fixture(scope="session")
def model_server() -> Iterator[str]:
    """The address of a real llama.cpp server with a real chat model.

    One thread computes: several wait for each other by spinning, which takes the processors from the other tests.
    """
    process = subprocess.Popen(
        [sys.executable, str(TOP / "scripts" / "model_server.py"), "--port", "0", "--alias", "smollm2:135m", "--embeddings", "--threads", "1"],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("ready "), "the model server did not start"
    yield line.split()[1]
    process.terminate()
    process.wait(timeout=30)


@pytest.fixture(scope="session")
def c_adapters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the adapters of Tests/Adapters, compiled with a C compiler and the header alone."""
    folder = tmp_path_factory.mktemp("adapters")
    compile_adapter("echo.c", folder / "echo.so")
    return folder


def compile_adapter(source: str, output: Path, *flags: str) -> None:
    command = ["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-pthread", *flags]
    command += ["-I", str(TOP / "Sources/PluginAPI/include"), str(TOP / "Tests/Adapters" / source), "-o", str(output)]
    subprocess.run(command, check=True)


@pytest.fixture
def nexus() -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """Runs the command line to its end."""

    def run(*arguments: str, cwd: Path | None = None, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(BUILD / "nexus"), *arguments],
            cwd=cwd,
            env={**os.environ, **environment},
            text=True,
            capture_output=True,
            timeout=60,
        )

    return run
