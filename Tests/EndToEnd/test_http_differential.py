"""The same streams of bytes to Nexus and to nginx: each does with them what docs/http.md says."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator

import pytest

from gateway import LONG, TOP, Gateway, backend, free_port, until
from http_streams import BODY, GROUPS
from upstream import Upstream

PAGE = TOP / "docs" / "http.md"
STREAMS = {name: stream for group in GROUPS.values() for name, stream in group.items()}
PROBE = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: probe\r\nConnection: close\r\n\r\n"


def documented() -> dict[str, tuple[str, str, str]]:
    """Each row of the page's tables: what Nexus does, what nginx does, and why."""
    rows: dict[str, tuple[str, str, str]] = {}
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")] if line.startswith("| ") else []
        if len(cells) == 4 and cells[0] != "stream":
            assert cells[0] not in rows, f"{cells[0]} is there twice"
            rows[cells[0]] = (cells[1], cells[2], cells[3])
    return rows


ROWS = documented()


def outcome(port: int, stream: bytes) -> str:
    """The statuses of the answers to a stream and to the good request behind it; then whether that was among them."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=LONG) as connection:
        # Who is refused early may find the connection closed.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(stream + PROBE)
            connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(65536):
                received += piece
    answers = re.findall(rb"HTTP/1\.1 (\d{3})[^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n", received)
    words = [status.decode() for status, _ in answers]
    if not words:
        return "a body without a head" if received else "closes"
    if re.search(rb"(?i)^x-request-id: probe\r?$", answers[-1][1], re.MULTILINE):
        return ", ".join([*words[:-1], "goes on"])
    return ", ".join([*words, "closes"])


@pytest.fixture(scope="module")
def server() -> Iterator[Upstream]:
    server = Upstream()
    yield server
    server.close()


@pytest.fixture(scope="module")
def gateway(server: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    gateway = Gateway(tmp_path_factory.mktemp("nexus"), backend("one", server.url))
    gateway.wait_for_backend("one")
    yield gateway
    gateway.finish()


CONFIGURATION = """
daemon off; master_process off; worker_processes 1; pid FOLDER/pid; error_log FOLDER/error.log;
events { worker_connections 64; }
http {
  access_log off; client_max_body_size 64m; server_tokens off;
  client_body_temp_path FOLDER/body; proxy_temp_path FOLDER/proxy; fastcgi_temp_path FOLDER/fastcgi;
  uwsgi_temp_path FOLDER/uwsgi; scgi_temp_path FOLDER/scgi;
  add_header x-request-id $http_x_request_id always;
  server {
    listen 127.0.0.1:PORT;
    location = / { return 200 "page\\n"; }
    location = /livez { return 200 "alive\\n"; }
    location = /v1/chat/completions {
      proxy_pass http://127.0.0.1:UPSTREAM; proxy_http_version 1.1; proxy_ignore_client_abort on;
    }
    location / { return 404; }
  }
}
"""


@pytest.fixture(scope="module")
def nginx(server: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of an nginx that serves the same two routes: one of its own, and one of the server behind it."""
    program = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
    if program is None:
        pytest.skip("nginx is not installed")
    version = subprocess.run([program, "-v"], capture_output=True, text=True, check=True).stderr
    # What is written down was seen of one version; others read some streams otherwise.
    (series,) = re.findall(r"nginx (\d+\.\d+)", PAGE.read_text().split("\n## ")[0])
    if f"nginx/{series}." not in version:
        pytest.skip(f"docs/http.md is about nginx {series}; this is {version.strip()}")
    folder = tmp_path_factory.mktemp("nginx")
    port = free_port()
    text = CONFIGURATION.replace("FOLDER", str(folder)).replace("PORT", str(port))
    (folder / "nginx.conf").write_text(text.replace("UPSTREAM", server.url.rsplit(":", 1)[1]))
    process = subprocess.Popen([program, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")])

    def listens() -> bool:
        assert process.poll() is None, (folder / "error.log").read_text()
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return True
        return False

    until(listens)
    yield port
    process.terminate()
    process.wait(timeout=LONG)


def test_the_page_has_a_row_for_each_stream_and_argues_each_difference() -> None:
    assert list(ROWS) == list(STREAMS)
    for name, (nexus, nginx, why) in ROWS.items():
        assert nexus == nginx or why == "the same" or len(why) > 15, f"{name}: why do they differ?"


@pytest.mark.parametrize("name", STREAMS)
def test_nexus_does_what_the_page_says(gateway: Gateway, name: str) -> None:
    assert outcome(gateway.port, STREAMS[name]) == ROWS[name][0]


@pytest.mark.parametrize("name", STREAMS)
def test_nginx_does_what_the_page_says(nginx: int, name: str) -> None:
    assert outcome(nginx, STREAMS[name]) == ROWS[name][1]


def test_what_is_refused_reaches_no_server(gateway: Gateway, server: Upstream) -> None:
    for name, stream in STREAMS.items():
        while not server.requests.empty():
            server.requests.get()
        statuses = outcome(gateway.port, stream).split(", ")
        bodies = []
        while not server.requests.empty():
            bodies.append(server.requests.get().body)
        # A server gets whole bodies, and one for each answer that it gave.
        assert all(body == BODY for body in bodies), name
        assert len(bodies) <= statuses.count("200"), name
