"""What cannot be read is not taken for what is not there."""

import contextlib
import http.client
import json
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import BUILD, LONG, Gateway, backend
from upstream import Upstream

RARE = "[health_check]\ninterval_seconds = 3600\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "adapters"
    folder.mkdir()
    (folder / "openai.so").write_bytes((BUILD / "libOpenAICompat.so").read_bytes())
    return folder


@pytest.fixture
def gateway(start, upstream: Upstream, folder: Path) -> Gateway:
    gateway: Gateway = start(RARE + backend("one", upstream.url), adapters=(folder,))
    gateway.wait_for_backend("one")
    return gateway


class Client:
    """One connection, for a gateway that can accept no other."""

    def __init__(self, gateway: Gateway) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=LONG)

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, bytes]:
        text = None if body is None else json.dumps(body)
        self.connection.request(method, path, text, {"content-type": "application/json"})
        answer = self.connection.getresponse()
        return answer.status, answer.read()

    def chat(self) -> int:
        return self.ask("POST", "/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": "hi"}]})[0]


@contextlib.contextmanager
def without_descriptors(gateway: Gateway) -> Iterator[None]:
    """Meanwhile the process can open nothing."""
    limits = resource.prlimit(gateway.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(gateway.process.pid, resource.RLIMIT_NOFILE, (3, limits[1]))
    try:
        yield
    finally:
        resource.prlimit(gateway.process.pid, resource.RLIMIT_NOFILE, limits)


def touch(folder: Path) -> None:
    """Something happens in the folder."""
    (folder / "readme.txt").write_text("x")


def test_without_descriptors_adapters_and_backends_stay(gateway: Gateway, folder: Path):
    client = Client(gateway)
    assert client.chat() == 200
    with without_descriptors(gateway):
        touch(folder)
        gateway.wait_for_log("adapters stay as they were")
        gateway.wait_for_log("Too many open files")
        assert client.chat() == 200
    gateway.wait_for_log("adapters can be looked at again")

    assert client.chat() == 200
    assert gateway.log.count("adapters stay as they were") == 1
    assert "adapter removed" not in gateway.log and "draining" not in gateway.log


def test_without_descriptors_a_probe_says_nothing_of_the_server(start, upstream: Upstream):
    gateway = start("[health_check]\ninterval_seconds = 1\nfailure_threshold = 1\n" + backend("one", upstream.url))
    gateway.wait_for_backend("one")
    client = Client(gateway)
    assert client.chat() == 200
    # What was kept open is gone, so that a probe needs a new connection.
    upstream.on("/v1/models", lambda exchange: exchange.cut())
    with without_descriptors(gateway):
        gateway.wait_for_log("a probe says nothing")
        data = json.loads(client.ask("GET", "/v1/backends")[1])["data"]
        assert data[0]["status"] == "Healthy"
    upstream.models("m")
    gateway.wait_for_backend("one")


def test_a_new_version_that_could_not_be_opened_is_loaded_once_it_can(gateway: Gateway, folder: Path):
    client = Client(gateway)
    assert client.chat() == 200
    new = (folder / "openai.so").read_bytes() + b"another version"
    (folder / "next").write_bytes(new)
    with without_descriptors(gateway):
        (folder / "next").rename(folder / "openai.so")
        gateway.wait_for_log("adapters stay as they were")
        assert client.chat() == 200
    gateway.wait_for_log("adapter replaced")

    assert client.chat() == 200


def test_a_reload_without_descriptors_changes_nothing(gateway: Gateway):
    client = Client(gateway)
    assert client.chat() == 200
    with without_descriptors(gateway):
        status, body = client.ask("POST", "/v1/admin/reload?allow_empty=true")

        assert status == 400 and b"cannot be read: Too many open files" in body
        assert client.chat() == 200
    assert client.ask("POST", "/v1/admin/reload")[0] == 200


def test_a_folder_that_vanishes_for_a_moment_takes_nothing_away(gateway: Gateway, folder: Path):
    away = folder.parent / "away"
    folder.rename(away)
    gateway.wait_for_log("it has vanished")
    during = gateway.chat().status_code
    reloaded = gateway.http.post("/v1/admin/reload").json()
    away.rename(folder)
    gateway.wait_for_log("adapters can be looked at again")

    assert during == 200 and gateway.chat().status_code == 200
    assert reloaded["changed"] == [] and reloaded["removed"] == []
    assert "adapter removed" not in gateway.log


def test_an_empty_folder_in_the_place_of_another_is_a_file_system_that_is_missing(gateway: Gateway, folder: Path):
    away = folder.parent / "away"
    folder.rename(away)
    folder.mkdir()
    gateway.wait_for_log("it has vanished")
    during = gateway.chat().status_code
    folder.rmdir()
    away.rename(folder)
    gateway.wait_for_log("adapters can be looked at again")

    assert during == 200 and "adapter removed" not in gateway.log


def test_a_folder_that_does_not_come_back_is_gone(gateway: Gateway, folder: Path):
    folder.rename(folder.parent / "away")
    gateway.wait_for_log("adapter removed")

    assert gateway.chat().status_code in (404, 503)
