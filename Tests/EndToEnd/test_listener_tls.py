"""TLS towards clients: certificates that change under way, clients that show one of their own, and the commands over https."""

import os
import re
import shutil
import socket
import ssl
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway import FAST, LONG, Gateway, backend, until
from test_https_backends import Authority
from test_keys import BOSS, KEY, bearer, key, other_address
from upstream import FINISHED, Exchange, Upstream, delta

RARE = "[health_check]\ninterval_seconds = 3600\n"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls") / "authority", "Test Authority")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "files"
    made.mkdir()
    return made


def issue(authority: Authority, folder: Path, name: str, alternatives: str = "IP:127.0.0.1,DNS:localhost") -> tuple[Path, Path]:
    """A certificate of the authority, and its key."""
    pair = folder / f"{name}.pem", folder / f"{name}.key"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"]
    command += ["-subj", f"/CN={name}", "-addext", f"subjectAltName={alternatives}", "-addext", "basicConstraints=critical,CA:FALSE"]
    command += ["-CA", str(authority.file), "-CAkey", str(authority.folder / "ca.key")]
    subprocess.run([*command, "-out", str(pair[0]), "-keyout", str(pair[1])], check=True, capture_output=True)
    return pair


def put(file: Path, target: Path) -> None:
    """In one step, as careful programs do."""
    copy = target.with_name(target.name + ".new")
    shutil.copy(file, copy)
    copy.rename(target)


def server(certificate: Path, key: Path, more: str = "") -> str:
    return f'[server]\ntls_certificate = "{certificate}"\ntls_key = "{key}"\n{more}'


class Files:
    """The two files that the gateway reads, with the first of two certificates in them."""

    def __init__(self, authority: Authority, folder: Path) -> None:
        self.first, self.second = issue(authority, folder, "first"), issue(authority, folder, "second")
        self.certificate, self.key = folder / "cert.pem", folder / "key.pem"
        put(self.first[0], self.certificate)
        put(self.first[1], self.key)

    def server(self, more: str = "") -> str:
        return server(self.certificate, self.key, more)


@pytest.fixture
def files(authority: Authority, folder: Path) -> Files:
    return Files(authority, folder)


def trusting(authority: Authority, shown: tuple[Path, Path] | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(authority.file)
    if shown:
        context.load_cert_chain(*shown)
    return context


@pytest.fixture
def client(authority: Authority) -> Iterator[Callable[..., httpx.Client]]:
    """Clients with connections of their own."""
    made: list[httpx.Client] = []

    def client(gateway: Gateway, host: str = "127.0.0.1", scheme: str = "https", shown: tuple[Path, Path] | None = None) -> httpx.Client:
        url = f"{scheme}://{host}:{gateway.port}"
        made.append(httpx.Client(base_url=url, timeout=LONG, verify=trusting(authority, shown)))
        return made[-1]

    yield client
    for each in made:
        each.close()


def shown_by(gateway: Gateway, authority: Authority) -> str:
    """The name in the certificate that a new connection gets."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=LONG) as plain:
        with trusting(authority).wrap_socket(plain, server_hostname="127.0.0.1") as tls:
            subject = tls.getpeercert()["subject"]
            return str(subject[0][0][1])


def certificate_trouble(client: httpx.Client) -> list[str]:
    return [item["words"] for item in client.get("/v1/trouble").json()["data"] if item["kind"] == "certificate"]


# A certificate that changes


def test_a_new_certificate_is_taken_and_no_connection_is_lost(start, upstream: Upstream, files: Files, authority, client):
    go_on = threading.Event()

    def stream(exchange: Exchange) -> None:
        exchange.begin_stream()
        exchange.event(delta("one "))
        go_on.wait(LONG)
        exchange.event(delta("two"))
        exchange.event(FINISHED)
        exchange.event(b"[DONE]")
        exchange.end_stream()

    upstream.chat(stream)
    gateway = start(files.server() + RARE + backend("one", upstream.url))
    kept, streaming = client(gateway), client(gateway)
    until(lambda: kept.get("/health").json()["status"] == "healthy")
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}
    with streaming.stream("POST", "/v1/chat/completions", json=body) as answer:
        lines = answer.iter_lines()
        first = next(line for line in lines if "one " in line)
        put(files.second[0], files.certificate)
        put(files.second[1], files.key)
        until(lambda: shown_by(gateway, authority) == "second")
        again = kept.get("/health", extensions={"trace": refuse_new_connections})
        go_on.set()
        rest = list(lines)

    assert first and again.status_code == 200
    assert any("two" in line for line in rest) and "data: [DONE]" in rest
    assert "the new certificate was not taken" not in gateway.log
    gateway.wait_for_log("connect from now on are shown the certificate of second")


def refuse_new_connections(name: str, _: Any) -> None:
    assert not name.startswith("connection.connect_tcp"), "the connection was lost"


def test_a_pair_that_does_not_match_is_not_taken_until_it_does(start, files: Files, authority, client):
    gateway = start(files.server())
    put(files.second[0], files.certificate)
    gateway.wait_for_log("is not the key of the certificate in")
    kept = client(gateway)

    assert shown_by(gateway, authority) == "first"
    [words] = certificate_trouble(kept)
    assert "the one before stays in use" in words and "is not the key of" in words
    assert "is not the key of" in kept.get("/v1/gateway").json()["tls"]["problem"]
    assert gateway.log.count("the new certificate was not taken") == 1

    put(files.second[1], files.key)
    until(lambda: shown_by(gateway, authority) == "second")
    until(lambda: certificate_trouble(client(gateway)) == [])
    told = kept.get("/v1/gateway").json()["tls"]
    assert told["certificate"] == "second" and told["problem"] is None and told["expires_at"] > "2026"


@pytest.mark.parametrize("half", ["cut", "gone"])
def test_a_half_written_certificate_is_not_taken(start, upstream, files: Files, authority, client, half: str):
    gateway = start(files.server() + RARE + backend("one", upstream.url))
    if half == "cut":
        files.certificate.write_bytes(files.second[0].read_bytes()[:300])
    else:
        files.certificate.unlink()
    gateway.wait_for_log("the new certificate was not taken, the one before stays")
    # What else is reloaded does not wait for it, and the answer says how it stands.
    reloaded = client(gateway).post("/v1/admin/reload")

    assert shown_by(gateway, authority) == "first"
    assert reloaded.status_code == 200
    [warning] = reloaded.json()["warnings"]
    assert warning.startswith("server.tls_certificate: ") and warning.endswith("the certificate before stays in use")
    put(files.second[0], files.certificate)
    put(files.second[1], files.key)
    assert client(gateway).post("/v1/admin/reload").json()["warnings"] == []
    assert shown_by(gateway, authority) == "second", "an operator who asks does not wait"


# TLS that comes and goes


def test_tls_is_turned_on_and_off_by_a_reload(start, upstream, files: Files, authority, client):
    keys = key("boss", BOSS, role="operator")
    rest = RARE + backend("one", upstream.url) + keys
    gateway: Gateway = start(rest)
    file = gateway.log_path.parent / "nexus.toml"
    plain = client(gateway, scheme="http")

    def reload(text: str, by: httpx.Client) -> httpx.Response:
        file.write_text(text)
        return by.post("/v1/admin/reload", headers=bearer(BOSS))

    refused = reload(server(files.certificate, Path("/none.pem")) + rest, plain)
    mixed = reload(server(files.first[0], files.second[1]) + rest, plain)
    still = plain.get("/health")
    taken = reload(files.server() + rest, plain)
    secure = client(gateway)
    over_tls = secure.post("/v1/session", json={"key": BOSS})
    # The connection that was there is as it was.
    over_tcp = plain.post("/v1/session", json={"key": BOSS}, extensions={"trace": refuse_new_connections})

    assert refused.status_code == 400 and "/none.pem cannot be read" in refused.json()["error"]["message"]
    assert mixed.status_code == 400 and "is not the key of the certificate" in mixed.json()["error"]["message"]
    assert still.status_code == 200 and taken.json()["warnings"] == []
    assert over_tls.status_code == 200 and all("; Secure" in cookie for cookie in over_tls.headers.get_list("set-cookie"))
    assert over_tcp.status_code == 200 and not any("Secure" in cookie for cookie in over_tcp.headers.get_list("set-cookie"))
    with pytest.raises(httpx.TransportError):
        client(gateway, scheme="http").get("/health")

    other = reload(server(*files.second) + rest, secure)
    assert other.status_code == 200 and shown_by(gateway, authority) == "second"
    off = reload(rest, secure)
    assert off.status_code == 200 and secure.get("/health", extensions={"trace": refuse_new_connections}).status_code == 200
    assert client(gateway, scheme="http").get("/health").status_code == 200


# Operators who show a certificate


@pytest.fixture
def alice(authority: Authority, folder: Path) -> tuple[Path, Path]:
    return issue(authority, folder, "alice", "email:alice@example.org")


def test_a_certificate_makes_an_operator_from_anywhere_and_without_keys(start, upstream, files: Files, authority, client, alice):
    address = other_address()
    pair = issue(authority, files.certificate.parent, "here", f"IP:127.0.0.1,IP:{address}")
    more = f'host = "0.0.0.0"\nallow_unauthenticated = true\ntls_client_ca = "{authority.file}"\n'
    gateway: Gateway = start(server(*pair, more) + RARE + backend("one", upstream.url))
    anybody, operator = client(gateway, address), client(gateway, address, shown=alice)

    assert anybody.get("/v1/models").status_code == 200
    assert anybody.get("/v1/backends").status_code == 403 and anybody.get("/v1/audit").status_code == 403
    assert operator.get("/v1/backends").status_code == 200
    assert operator.post("/v1/admin/reload").status_code == 200
    record = operator.get("/v1/audit").json()["data"][-1]
    assert record["certificate"] == "alice" and record["key"] is None and record["client"] == address
    session = operator.get("/v1/session").json()
    assert session["certificate"] == "alice" and session["may_view"] and not session["needs_sign_in"]
    # It is that of a proxy, and not of those for whom it speaks.
    assert operator.get("/v1/audit", headers={"x-forwarded-for": "198.51.100.7"}).status_code == 403
    # A page of another site does not command, whatever its browser shows.
    assert operator.post("/v1/admin/reload", headers={"origin": "https://evil.example"}).status_code == 403


def test_a_certificate_of_somebody_else_is_refused(start, files: Files, authority, client, folder: Path, tmp_path: Path):
    stranger = issue(Authority(tmp_path / "stranger", "Test Authority"), folder, "mallory")
    gateway: Gateway = start(files.server(f'tls_client_ca = "{authority.file}"\n'))

    with pytest.raises(httpx.TransportError):
        client(gateway, shown=stranger).get("/health")
    assert client(gateway).get("/health").status_code in (200, 503)


def test_a_certificate_stands_for_a_key_and_goes_with_its_authority(start, upstream, files: Files, authority, client, alice, tmp_path):
    trusted = files.certificate.parent / "operators.pem"
    put(authority.file, trusted)
    keys = key("app", KEY) + key("boss", BOSS, role="operator")
    gateway: Gateway = start(files.server(f'tls_client_ca = "{trusted}"\n') + RARE + backend("one", upstream.url) + keys)
    operator, nobody = client(gateway, shown=alice), client(gateway)
    until(lambda: operator.get("/v1/backends").json()["data"][0]["status"] == "Healthy")
    chat = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}

    assert nobody.get("/v1/backends").status_code == 401 and nobody.post("/v1/chat/completions", json=chat).status_code == 401
    assert operator.post("/v1/chat/completions", json=chat).status_code == 200
    assert operator.get("/v1/audit", headers=bearer("sk-of-some-library")).status_code == 200
    assert operator.get("/v1/audit", headers=bearer(KEY)).status_code == 403

    # The file names others now: who was let in by the ones before is nobody any more, on the same connection.
    put(Authority(tmp_path / "next", "Next Authority").file, trusted)
    until(lambda: operator.get("/v1/audit", extensions={"trace": refuse_new_connections}).status_code == 401)
    assert operator.get("/v1/audit", headers=bearer(BOSS)).status_code == 200


# Backends


def test_other_authorities_for_backends_are_trusted_at_a_reload(start, authority: Authority, client):
    upstream = Upstream(tls=authority.issue("IP:127.0.0.1"))
    rest = FAST + backend("one", upstream.url)
    gateway: Gateway = start(rest)
    assert "is not trusted" in gateway.wait_for_backend("one", "Unhealthy")["last_error"]
    file = gateway.log_path.parent / "nexus.toml"
    file.write_text(f'[upstream]\nca_file = "{authority.file}"\n' + rest)
    with gateway.socket() as live:
        taken = gateway.http.post("/v1/admin/reload")
        live.backend(lambda view: view["status"] == "Healthy")
        answered = gateway.chat().status_code
        # Not even a connection that was kept outlives the trust.
        file.write_text(rest)
        gateway.http.post("/v1/admin/reload")
        refused = gateway.chat().status_code
        live.backend(lambda view: view["status"] == "Unhealthy")
    upstream.close()

    assert taken.json()["warnings"] == [] and taken.json()["changed"] == []
    assert answered == 200 and refused == 503


# The commands


def test_commands_speak_https_to_the_gateway_of_the_configuration(start, upstream, nexus, files: Files, authority: Authority):
    gateway: Gateway = start(files.server() + RARE + backend("one", upstream.url))
    file = gateway.log_path.parent / "nexus.toml"
    file.write_text(files.server(f"port = {gateway.port}\n") + RARE + backend("one", upstream.url))
    at = ("--config", str(file))
    url = ("--url", gateway.url)

    assert gateway.url.startswith("https://")
    assert "one" in nexus("top", "--once", *at).stdout
    assert nexus("config", "reload", *at).returncode == 0
    assert "one" in nexus("backends", "list", *url, "--ca-file", str(authority.file)).stdout
    unknown = nexus("models", *url)
    assert unknown.returncode == 1 and "its certificate is not trusted (--ca-file names one that is)" in unknown.stderr
    plain = nexus("models", "--url", gateway.url.replace("https", "http"))
    assert plain.returncode == 1 and "if it speaks https, say so" in plain.stderr
    other = nexus("models", "--url", gateway.url.replace("127.0.0.1", "127.0.0.2"), "--ca-file", str(authority.file))
    assert other.returncode == 1 and ("its certificate is not for 127.0.0.2" in other.stderr or "refused" in other.stderr)
    # The configuration names what the gateway does not show.
    file.write_text(server(*files.second, f"port = {gateway.port}\n"))
    pinned = nexus("models", *at)
    assert pinned.returncode == 1 and "another certificate than the configuration names" in pinned.stderr


def test_a_self_signed_certificate_is_made_and_serves(start, upstream, nexus, tmp_path: Path):
    made = nexus("cert", "self-signed", "--host", "nexus.home.arpa", "--days", "10", "--out", "certs", cwd=tmp_path)
    certificate, secret = tmp_path / "certs" / "nexus-cert.pem", tmp_path / "certs" / "nexus-key.pem"
    lines = re.search(r"^\[server\]\n.*\n.*\n", made.stdout, re.M)

    assert made.returncode == 0 and lines, made.stderr
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600 and sorted(os.listdir(tmp_path / "certs")) == [certificate.name, secret.name]
    text = subprocess.run(["openssl", "x509", "-in", certificate, "-noout", "-text"], check=True, capture_output=True, text=True).stdout
    for words in ("DNS:nexus.home.arpa", "DNS:localhost", "IP Address:127.0.0.1", "prime256v1", "CA:FALSE", "TLS Web Server"):
        assert words in text, words

    # It is turned on by the command that reads the configuration, which finds the gateway however that speaks by now.
    gateway: Gateway = start(RARE + backend("one", upstream.url))
    file = gateway.log_path.parent / "nexus.toml"
    file.write_text(lines[0] + f"port = {gateway.port}\n" + RARE + backend("one", upstream.url))
    on = nexus("config", "reload", "--config", str(file))
    health = nexus("health", "--config", str(file))
    context = ssl.create_default_context(cafile=str(certificate))
    with httpx.Client(base_url=f"https://localhost:{gateway.port}", verify=context, timeout=LONG) as browser:
        assert browser.get("/").status_code == 200
    assert on.returncode == 0, on.stderr
    assert health.returncode == 0 and "1 of 1 backends healthy" in health.stdout

    before = secret.read_bytes()
    again = nexus("cert", "self-signed", "--out", "certs", cwd=tmp_path)
    assert again.returncode == 1 and "is there already; --force replaces it" in again.stderr and secret.read_bytes() == before
    forced = nexus("cert", "self-signed", "--out", "certs", "--force", cwd=tmp_path)
    assert forced.returncode == 0 and secret.read_bytes() != before and stat.S_IMODE(secret.stat().st_mode) == 0o600
    until(lambda: nexus("health", "--config", str(file)).returncode == 0)


@pytest.mark.parametrize(
    ("options", "words", "status"),
    [(("--host", "https://box"), "is neither a host name nor an address", 2), (("--days", "0"), "--days must be", 2),
     (("--out", "/proc/none"), "cannot be made", 1)],
)
def test_what_no_certificate_can_be_made_of_is_told(nexus, tmp_path: Path, options, words: str, status: int):
    done = nexus("cert", "self-signed", *options, cwd=tmp_path)

    assert done.returncode == status and words in done.stderr and os.listdir(tmp_path) == []


def test_without_openssl_it_says_what_to_install(nexus, tmp_path: Path):
    done = nexus("cert", "self-signed", cwd=tmp_path, PATH=str(tmp_path / "nowhere"))

    assert done.returncode == 1 and "'openssl' is not installed" in done.stderr and "apt install openssl" in done.stderr
    assert os.listdir(tmp_path) == []


def test_commands_show_no_key_to_what_shows_no_certificate(files: Files, nexus, tmp_path: Path):
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]

        def answer() -> None:
            while True:
                try:
                    connection, _ = other.accept()
                except OSError:
                    return
                with connection:
                    heard.append(connection.recv(65536))
                    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")

        threading.Thread(target=answer, daemon=True).start()
        configuration = tmp_path / "nexus.toml"
        configuration.write_text(files.server(f"port = {port}\n"))
        for command in (["backends", "list"], ["audit"], ["config", "reload"], ["requests", "list"]):
            nexus(*command, "--config", str(configuration), NEXUS_KEY="nx-the-operators-key")
        other.shutdown(socket.SHUT_RDWR)

    assert heard and b"nx-the-operators-key" not in b"".join(heard)
