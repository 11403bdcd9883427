"""A gateway process under test."""

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

TOP = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("NEXUS_BUILD", TOP / ".build" / "release"))
LONG = 60.0
"""Seconds after which something that should happen counts as not happening; no test waits that long when all is well."""


def until(condition: Callable[[], bool]) -> None:
    """Asks until it is so, for what tells nobody that it has changed."""
    deadline = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


class Gateway:
    def __init__(
        self,
        folder: Path,
        configuration: str,
        adapters: tuple[Path, ...] = (BUILD,),
        environment: dict[str, str] | None = None,
        expect_status: int = 0,
        log_to: int | None = None,
        open_files: int | None = None,
        port: int = 0,
        wrapper: tuple[str, ...] = (),
        descriptors: tuple[int, ...] = (),
    ) -> None:
        """`log_to`: a descriptor for the log instead of a file; `open_files`: the limit of the process; `port`: one of its own,
        for a gateway that is started again; `wrapper`: a command that becomes it; `descriptors`: what that inherits."""
        self.expect_status = expect_status
        self.is_ending = False
        self.log_path = folder / "log"
        self.database = folder / "state" / "nexus" / "history.db"
        arguments = ["serve", "--port", str(port)]
        if configuration:
            (folder / "nexus.toml").write_text(configuration)
            arguments += ["--config", str(folder / "nexus.toml")]
        for directory in adapters:
            arguments += ["--adapters-dir", str(directory)]
        command = [str(BUILD / "nexus"), *arguments]
        if open_files:
            command = ["prlimit", f"--nofile={open_files}", *command]
        command = [*wrapper, *command]
        with self.log_path.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=log if log_to is None else log_to,
                pass_fds=descriptors,
                env={**os.environ, "XDG_STATE_HOME": str(folder / "state"), **(environment or {})},
            )
        assert self.process.stdout is not None
        line = self.process.stdout.readline().decode()
        # Where the log is JSON this line is, too.
        said = json.loads(line)["message"] if line.startswith("{") else line
        assert said.startswith("nexus: listening on "), f"it did not start:\n{self.log_path.read_text()}"
        self.url = said.split()[-1]
        self.port = int(self.url.rsplit(":", 1)[1])
        self.http = httpx.Client(base_url=self.url, timeout=LONG)

    @property
    def log(self) -> str:
        """Whole lines alone while it runs: the end of what is being written may be missing. Others may be on their way (wait_for_log)."""
        text = self.log_path.read_text()
        return text if self.process.poll() is not None else text[: text.rfind("\n") + 1]

    def wait_for_log(self, words: str, count: int = 1) -> None:
        """Returns once the gateway has said so, that many times: a thread of its own writes the log, after the answer perhaps."""
        until(lambda: self.log.count(words) >= count)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.http.get(path, **options)

    def json(self, path: str) -> Any:
        return self.get(path).json()

    def chat(self, model: str = "m", **members: Any) -> httpx.Response:
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}], **members}
        return self.http.post("/v1/chat/completions", json=body)

    def history(self) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = self.json("/v1/history")
        return entries

    def metric(self, name: str) -> float:
        """The value of the sample with this name and labels."""
        lines = self.get("/metrics").text.splitlines()
        return next(float(line.split()[-1]) for line in lines if line.rsplit(" ", 1)[0] == name)

    def resident_kib(self) -> int:
        """Memory of the process."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))

    # Raw bytes, for what a client library would not send.

    def connection(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=LONG)

    def raw(self, request: bytes) -> bytes:
        """Sends bytes and reads until the gateway closes."""
        with self.connection() as connection:
            connection.sendall(request)
            received = b""
            while piece := connection.recv(65536):
                received += piece
            return received

    # Live updates.

    def socket(self, query: str = "?updates=deltas", **options: Any) -> "Live":
        """Sees each change as it is published; with an empty query all backends at once, as often as is sensible."""
        return Live(f"ws://127.0.0.1:{self.port}/ws{query}", **options)

    def wait_for_backend(self, name: str, status: str = "Healthy") -> dict[str, Any]:
        """Returns when the backend has the status, as its live updates tell."""
        with self.socket() as live:
            return live.backend(lambda view: view["name"] == name and view["status"] == status)

    def wait_for_entry(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The newest record that is wanted, also if it was there before."""
        with self.socket() as live:
            for entry in reversed(self.history()):
                if wanted(entry):
                    return entry
            return live.entry(wanted)

    # The end.

    def signal(self, number: int = signal.SIGTERM) -> None:
        self.is_ending = self.is_ending or number in (signal.SIGTERM, signal.SIGINT)
        self.process.send_signal(number)

    def wait(self) -> int:
        return self.process.wait(timeout=LONG)

    def finish(self) -> None:
        self.http.close()
        # A second signal would end it at once.
        if self.process.poll() is None and not self.is_ending:
            self.signal()
        try:
            status = self.wait()
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        assert status == self.expect_status, f"ended with status {status}:\n{self.log}"


class Live:
    """A subscriber of /ws."""

    connection: ClientConnection

    def __init__(self, url: str, **options: Any) -> None:
        self.opening = connect(url, open_timeout=LONG, **options)

    def __enter__(self) -> "Live":
        self.connection = self.opening.__enter__()
        return self

    def __exit__(self, *reason: Any) -> None:
        self.opening.__exit__(*reason)

    def next(self) -> dict[str, Any]:
        text = self.connection.recv(timeout=LONG)
        assert len(text.encode() if isinstance(text, str) else text) <= 10_240, "a message exceeds 10 KiB"
        update: dict[str, Any] = json.loads(text)
        return update

    def until(self, kind: str, wanted: Callable[[Any], bool] = lambda _: True) -> Any:
        """The data of the next update of this type that is wanted."""
        while True:
            update = self.next()
            if update["update_type"] == kind and wanted(update["data"]):
                return update["data"]

    def backend(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        while True:
            for view in self.until("BackendStatus"):
                if wanted(view):
                    found: dict[str, Any] = view
                    return found

    def entry(self, wanted: Callable[[dict[str, Any]], bool] = lambda _: True) -> dict[str, Any]:
        found: dict[str, Any] = self.until("RequestComplete", wanted)
        return found


def backend(name: str, url: str, type: str = "openai", **keys: Any) -> str:
    """One backend as TOML."""
    lines = ["[[backends]]", f'name = "{name}"', f'type = "{type}"', f'url = "{url}"']
    lines += [f"{key} = {toml(value)}" for key, value in keys.items()]
    return "\n".join(lines) + "\n"


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(name)} = {toml(item)}" for name, item in value.items()) + " }"
    return json.dumps(value)


FAST = "[health_check]\ninterval_seconds = 1\nfailure_threshold = 1\nrecovery_threshold = 1\n"
"""Changes of backends are noticed within a second."""


def free_port() -> int:
    """A port where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
