"""The gateway as a service: what it tells its manager, whose sockets it takes, and that a restart drops nobody."""

import os
import shutil
import signal
import socket
import stat
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conftest import compile_adapter
from gateway import BUILD, FAST, LONG, Gateway, backend, free_port
from load import Load, Told
from service_manager import ServiceManager, given, listener
from upstream import FINISHED, Exchange, Upstream, delta

KEPT = "nexus-listener"


@pytest.fixture
def manager() -> Iterator[ServiceManager]:
    made = ServiceManager()
    yield made
    made.close()


# What the manager is told.


def test_the_life_of_a_gateway_is_told_in_order(start, manager):
    gateway = start(environment=manager.environment())
    ready = manager.until(lambda notice: "READY" in notice)
    gateway.signal(signal.SIGHUP)
    reloading = manager.until(lambda notice: "RELOADING" in notice)
    again = manager.until(lambda notice: "READY" in notice)
    gateway.signal(signal.SIGTERM)
    stopping = manager.until(lambda notice: "STOPPING" in notice)

    assert gateway.wait() == 0
    assert gateway.url in ready.values["STATUS"] and "no backend" in ready.values["STATUS"]
    assert 0 < int(reloading.values["MONOTONIC_USEC"]) <= time.monotonic() * 1e6
    assert again.values["READY"] == "1"
    # The 30 seconds for running requests, and what comes behind them.
    assert int(stopping.values["EXTEND_TIMEOUT_USEC"]) > 30e6


def test_a_socket_with_a_path_is_told_too(start, tmp_path):
    manager = ServiceManager(tmp_path / "notify")
    try:
        start(environment=manager.environment())
        assert manager.until(lambda notice: "READY" in notice)
    finally:
        manager.close()


def test_the_status_says_how_many_backends_serve(start, manager, upstream):
    start(FAST + backend("a", upstream.url), environment=manager.environment())
    manager.until(lambda notice: "1 of 1 backends serves" in notice.values.get("STATUS", ""))
    upstream.close()
    manager.until(lambda notice: "0 of 1 backends serve" in notice.values.get("STATUS", ""))


def test_a_reload_that_fails_is_in_the_status(start, manager, tmp_path):
    gateway = start("[server]\n", environment=manager.environment())
    manager.until(lambda notice: "READY" in notice)
    (tmp_path / "gateway0/nexus.toml").write_text("[server]\nport = -1\n")

    gateway.signal(signal.SIGHUP)

    again = manager.until(lambda notice: "READY" in notice)
    assert "not reloaded" in again.values["STATUS"]


def test_a_gateway_that_does_not_start_says_why(manager, nexus, tmp_path):
    with listener() as taken:
        port = taken.getsockname()[1]
        ended = nexus("serve", "--port", str(port), cwd=tmp_path, **manager.environment())
    assert ended.returncode == 1
    assert "is in use" in manager.next().values["STATUS"]
    assert not manager.rest()


def test_a_manager_that_is_gone_is_told_once_and_stops_nothing(start):
    gateway = start(environment={"NOTIFY_SOCKET": "@nexus-test-nobody"})
    gateway.wait_for_log("cannot be told")
    assert gateway.json("/livez") is not None
    assert gateway.log.count("cannot be told") == 1


# The watchdog.


@pytest.fixture(scope="module")
def hostile(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    compile_adapter("hostile.c", folder / "hostile.so")
    return folder


def test_the_watchdog_is_fed_while_all_loops_turn_and_not_while_one_is_stuck(start, manager, hostile, upstream):
    configuration = FAST + backend("bad", upstream.url, type="hostile")
    # Half of this is less than the adapter holds up its loop.
    environment = manager.environment(WATCHDOG_USEC=str(300_000))
    gateway = start(configuration, adapters=(hostile,), environment=environment)
    gateway.wait_for_backend("bad")
    for _ in range(3):
        manager.until(lambda notice: "WATCHDOG" in notice)

    gateway.chat("blocks")

    gateway.wait_for_log("event loops do not turn")
    gateway.wait_for_log("all event loops turn again")
    for _ in range(3):
        manager.until(lambda notice: "WATCHDOG" in notice)


def test_a_watchdog_for_another_process_is_not_fed(start, manager):
    gateway = start(environment=manager.environment(WATCHDOG_USEC="100000", WATCHDOG_PID="1"))
    manager.until(lambda notice: "READY" in notice)
    gateway.signal()
    gateway.wait()
    assert not [notice for notice in manager.rest() if "WATCHDOG" in notice]


# Sockets that are given.


def test_a_gateway_serves_on_the_sockets_that_it_was_given(start):
    with listener() as first, listener("::1") as second:
        with given(first, second, names="nexus:nexus") as options:
            gateway = start(**options)
        ports = [each.getsockname()[1] for each in (first, second)]

        assert gateway.port == ports[0]
        assert gateway.get("/livez").status_code == 200
        with socket.create_connection(("::1", ports[1]), timeout=LONG) as connection:
            connection.sendall(b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            assert connection.recv(1000).startswith(b"HTTP/1.1 200")
        gateway.wait_for_log("commands look where the configuration says")


@pytest.mark.parametrize("is_given", [True, False])
def test_thousands_of_clients_may_wait_until_they_are_accepted(start, manager, is_given):
    with listener() as unit, given(unit) as options:
        unit.listen(1)
        start(**(options if is_given else {"environment": manager.environment()}))
        if not is_given:
            manager.until(lambda notice: "READY" in notice)
        held = unit if is_given else socket.socket(fileno=os.dup(manager.kept[KEPT]))
        # Of a socket that listens, the sixth figure is the most that may wait (struct tcp_info in tcp(7)).
        most = struct.unpack_from("8x6I", held.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104))[5]
        held.close()
    assert most == min(4096, int(Path("/proc/sys/net/core/somaxconn").read_text()))


def test_all_addresses_are_those_of_both_families(start):
    gateway = start(environment={"NEXUS_HOST": "::", "NEXUS_ALLOW_UNAUTHENTICATED": "1"})
    for host in ("127.0.0.1", "::1"):
        with socket.create_connection((host, gateway.port), timeout=LONG) as connection:
            connection.sendall(b"GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
            assert connection.recv(1000).startswith(b"HTTP/1.1 200")


def test_sockets_for_another_process_are_left_alone(start):
    gateway = start(environment={"LISTEN_FDS": "1", "LISTEN_PID": "1"})
    assert gateway.get("/livez").status_code == 200


def refused(tmp_path: Path, options: dict, *arguments: str) -> str:
    ended = subprocess.run(
        [*options["wrapper"], str(BUILD / "nexus"), "serve", *arguments],
        env={**os.environ, **options["environment"]},
        pass_fds=options["descriptors"],
        cwd=tmp_path,
        text=True,
        capture_output=True,
        timeout=LONG,
    )
    assert ended.returncode == 1
    return ended.stderr


def test_sockets_on_which_nobody_can_be_served_are_refused_in_words(tmp_path):
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as silent,
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as local,
        open(os.devnull) as file,
    ):
        local.bind(str(tmp_path / "socket"))
        local.listen()
        for wrong, words in [
            (datagrams, "use ListenStream= instead of ListenDatagram="),
            (silent, "it does not listen"),
            (local, "it is a Unix socket, and nexus serves TCP"),
            (file.fileno(), "it is no socket"),
        ]:
            with given(wrong, names="mine") as options:
                said = refused(tmp_path, options)
            assert "descriptor 3 (mine) of the service manager cannot be served" in said and words in said


def test_a_given_socket_that_others_reach_needs_keys_whatever_the_configuration_says(tmp_path):
    with listener("0.0.0.0") as open_to_all, given(open_to_all) as options:
        assert "it would listen on 0.0.0.0 without keys" in refused(tmp_path, options, "--host", "127.0.0.1")


def test_variables_that_make_no_sense_are_refused_in_words(nexus, tmp_path):
    ended = nexus("serve", "--port", "0", cwd=tmp_path, LISTEN_FDS="2", WATCHDOG_USEC="often")
    assert ended.returncode == 1
    assert "LISTEN_PID" in ended.stderr and "WATCHDOG_USEC must be a number" in ended.stderr


# Restarts.


class Service:
    """A gateway that its manager restarts: the next one begins when the one before has ended, as systemd does it."""

    def __init__(self, start, configuration: str, options) -> None:
        self.start = start
        self.configuration = configuration
        self.options = options
        self.gateway: Gateway = self.begin()

    def begin(self) -> Gateway:
        with self.options() as options:
            self.gateway = self.start(self.configuration, **options)
        return self.gateway

    def restart(self) -> Gateway:
        self.gateway.signal()
        assert self.gateway.wait() == 0
        return self.begin()


class Clients(Load):
    """Those that are refused or cut off count as well."""

    rate = 100

    async def ask(self, stream: bool) -> None:
        try:
            await super().ask(stream)
        except (OSError, IndexError) as problem:
            self.answers.append(Told(0, 1, stream, repr(problem)))


def test_a_restart_loses_no_connection(start, server):
    """Clients come all the time, each with a connection of its own, half of them for a stream."""
    upstream = server()
    with listener() as sockets:
        service = Service(start, FAST + backend("a", upstream.url), lambda: given(sockets, names="nexus"))
        service.gateway.wait_for_backend("a")
        with Clients(service.gateway, streams=True) as load:
            load.wait_for(100)
            for _ in range(3):
                service.restart()
                load.wait_for(100)

    lost = [told for told in load.answers if not told.is_well]
    assert not lost, f"{len(lost)} of {len(load.answers)}: {lost[:3]}"


def test_a_stream_that_runs_goes_on_to_its_end_over_a_restart(start, upstream: Upstream):
    goes_on = threading.Event()

    def slowly(exchange: Exchange) -> None:
        exchange.begin_stream()
        exchange.event(delta("first"))
        assert goes_on.wait(LONG)
        exchange.event(delta("last"))
        exchange.event(FINISHED)
        exchange.event(b"[DONE]")
        exchange.end_stream()

    upstream.on("/v1/chat/completions", slowly)
    with listener() as sockets, ThreadPoolExecutor(1) as pool:
        service = Service(start, FAST + backend("a", upstream.url), lambda: given(sockets, names="nexus"))
        service.gateway.wait_for_backend("a")
        with service.gateway.http.stream(
            "POST", "/v1/chat/completions", json={"model": "m", "messages": [], "stream": True}
        ) as answer:
            pieces = answer.iter_text()
            assert "first" in next(pieces)
            restarted = pool.submit(service.restart)
            service.gateway.wait_for_log("shutting down")
            # Who comes meanwhile waits for the next one.
            with socket.create_connection(("127.0.0.1", service.gateway.port), timeout=LONG) as waiting:
                waiting.sendall(b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
                goes_on.set()
                rest = "".join(pieces)
                restarted.result(LONG)
                assert waiting.recv(1000).startswith(b"HTTP/1.1 200")
        assert "last" in rest and "[DONE]" in rest


def test_who_has_just_connected_is_answered_although_the_gateway_ends(start):
    """The connection is accepted, and what it asks comes behind the signal."""
    gateway = start()
    with gateway.connection() as connection, gateway.connection() as half:
        half.sendall(b"GET /livez HTTP/1.1\r\nho")
        # It came behind them, so they have been accepted.
        assert gateway.get("/livez").status_code == 200
        gateway.signal()
        gateway.wait_for_log("shutting down")
        connection.sendall(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
        half.sendall(b"st: x\r\n\r\n")
        for each in (connection, half):
            assert each.recv(1000).startswith(b"HTTP/1.1 200")
            # That was the last one.
            assert each.recv(1000) == b""


# The listener that is kept.


def test_without_a_socket_unit_the_listener_is_kept_for_the_next_run(start, manager):
    gateway = start(environment=manager.environment())
    manager.until(lambda notice: "READY" in notice)
    gateway.signal()
    gateway.wait()
    assert list(manager.kept) == [KEPT]

    # Nobody serves, and nobody is refused.
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=LONG) as waiting:
        waiting.sendall(b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        with given(manager.kept[KEPT], names=KEPT) as options:
            options["environment"] |= manager.environment()
            following = start(port=gateway.port, **options)
        assert waiting.recv(1000).startswith(b"HTTP/1.1 200")

    assert following.port == gateway.port
    assert manager.until(lambda notice: "FDSTORE" in notice)


def test_a_kept_listener_that_is_not_the_configured_one_is_given_up(start, manager):
    with listener() as old, given(old, names=KEPT) as options:
        manager.keep(KEPT, os.dup(old.fileno()))
        options["environment"] |= manager.environment()
        port = free_port()
        gateway = start(port=port, **options)

        assert gateway.port == port and gateway.get("/livez").status_code == 200
        manager.until(lambda notice: "FDSTOREREMOVE" in notice)
        assert manager.until(lambda notice: "FDSTORE" in notice).values["FDNAME"] == KEPT


def test_given_sockets_are_not_kept_a_second_time(start, manager):
    with listener() as unit, given(unit, names="nexus") as options:
        options["environment"] |= manager.environment()
        start(**options)
    manager.until(lambda notice: "READY" in notice)
    assert not manager.kept


# What root makes for the user of the service.


@pytest.mark.skipif(os.geteuid() != 0, reason="files are given to other users by root alone")
@pytest.mark.parametrize(
    ("folder_user", "folder_mode", "wanted", "words"),
    [
        ("nobody", 0o700, ("nobody", 0o600), "belongs to the user nobody"),
        ("root", 0o750, ("root", 0o640), "can be read by the group nogroup"),
        ("root", 0o700, ("root", 0o600), "can be read by root alone"),
    ],
)
def test_secrets_that_root_makes_can_be_read_by_whom_the_folder_is_for(
    nexus, tmp_path, folder_user, folder_mode, wanted, words
):
    folder = tmp_path / "etc"
    folder.mkdir()
    shutil.chown(folder, folder_user, "nogroup")
    folder.chmod(folder_mode)

    made = nexus("keys", "add", "app", "--keys-file", str(folder / "keys.toml"), "--no-reload", cwd=tmp_path)
    certified = nexus("cert", "self-signed", "--out", str(folder), cwd=tmp_path)

    assert made.returncode == 0 and words in made.stderr
    assert certified.returncode == 0 and words in certified.stdout
    for name in ("keys.toml", "nexus-key.pem"):
        status = (folder / name).stat()
        assert ((folder / name).owner(), stat.S_IMODE(status.st_mode)) == wanted
        assert (folder / name).group() == "nogroup"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that others may enter, as /etc; those of the tests are for their user alone."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.mark.skipif(os.geteuid() != 0, reason="another user is started by root alone")
def test_a_user_who_cannot_read_the_keys_is_told_what_to_do(open_folder):
    (open_folder / "nexus.toml").write_text("")
    (open_folder / "keys.toml").touch(0o600)
    other = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    if subprocess.run([*other, BUILD / "nexus", "--version"], cwd="/", capture_output=True).returncode != 0:
        pytest.skip(f"{BUILD} is in a folder that other users may not enter")
    ended = subprocess.run(
        [*other, BUILD / "nexus", "config", "check", "--offline", "--config", open_folder / "nexus.toml"],
        cwd="/", env={**os.environ, "HOME": "/nowhere"}, text=True, capture_output=True,
    )
    assert ended.returncode == 1
    assert f"chown nobody {open_folder}/keys.toml" in ended.stderr
