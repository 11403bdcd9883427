"""Backends that speak HTTPS: whose certificate is accepted, and what an operator is told of one that is not."""

import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway import FAST, Gateway, backend
from upstream import ANSWER, FINISHED, Exchange, Upstream, delta

KEY = {"NEXUS_TEST_KEY": "sk-secret"}


def openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


class Authority:
    """A certificate authority of the test's own, in a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir()
        self.folder = folder
        self.file = folder / "ca.pem"
        openssl(
            folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", f"/CN={name}",
            "-addext", "basicConstraints=critical,CA:TRUE", "-keyout", "ca.key", "-out", "ca.pem",
        )  # fmt: skip
        (folder / "index").touch()
        (folder / "ca.cnf").write_text(
            "[ca]\ndefault_ca = own\n[own]\nnew_certs_dir = .\ndatabase = index\ncertificate = ca.pem\nprivate_key = ca.key\n"
            "rand_serial = yes\ndefault_md = sha256\npolicy = any\ncopy_extensions = copy\n[any]\ncommonName = supplied\n"
        )

    def issue(self, names: str, start: str = "20200101000000Z", end: str = "20991231235959Z") -> ssl.SSLContext:
        """A server's certificate for these subject alternative names."""
        openssl(
            self.folder, "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=server", "-addext",
            f"subjectAltName={names}", "-keyout", "server.key", "-out", "server.csr",
        )  # fmt: skip
        openssl(
            self.folder, "ca", "-batch", "-notext", "-config", "ca.cnf", "-startdate", start, "-enddate", end,
            "-in", "server.csr", "-out", "server.pem",
        )  # fmt: skip
        return served(self.folder / "server.pem", self.folder / "server.key")


def served(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def self_signed(folder: Path) -> ssl.SSLContext:
    openssl(
        folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=alone",
        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "alone.key", "-out", "alone.pem",
    )  # fmt: skip
    return served(folder / "alone.pem", folder / "alone.key")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority", "Test Authority")


@pytest.fixture
def serve() -> Iterator[Callable[[ssl.SSLContext], Upstream]]:
    servers: list[Upstream] = []

    def serve(tls: ssl.SSLContext) -> Upstream:
        servers.append(Upstream(tls=tls))
        return servers[-1]

    yield serve
    for server in servers:
        server.close()


def trusting(authority: Authority) -> str:
    return f'[upstream]\nca_file = "{authority.file}"\n' + FAST


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_server_with_a_good_certificate_serves(start, serve, authority: Authority, host: str):
    server = serve(authority.issue("IP:127.0.0.1,DNS:localhost"))
    url = server.url.replace("127.0.0.1", host)
    gateway = start(trusting(authority) + backend("one", url, api_key_env="NEXUS_TEST_KEY"), environment=KEY)
    gateway.wait_for_backend("one")

    assert gateway.chat().json() == ANSWER
    assert server.request().headers["authorization"] == "Bearer sk-secret"


def test_a_stream_passes_through_tls(start, serve, authority: Authority):
    def stream(exchange: Exchange) -> None:
        exchange.begin_stream()
        for text in ["one ", "x" * 100_000, "three"]:
            exchange.event(delta(text))
        exchange.event(FINISHED)
        exchange.event(b"[DONE]")
        exchange.end_stream()

    server = serve(authority.issue("IP:127.0.0.1"))
    server.chat(stream)
    gateway = start(trusting(authority) + backend("one", server.url))
    gateway.wait_for_backend("one")
    answer = gateway.chat(stream=True)

    assert answer.status_code == 200 and "x" * 100_000 in answer.text
    assert answer.text.endswith("data: [DONE]\n\n")


def refused(start, server: Upstream, configuration: str, host: str = "127.0.0.1") -> str:
    """Why the backend is unhealthy; nothing may have been sent to it."""
    seen: list[Exchange] = []
    server.on("/v1/models", lambda exchange: seen.append(exchange))
    url = server.url.replace("127.0.0.1", host)
    gateway: Gateway = start(configuration + backend("one", url, api_key_env="NEXUS_TEST_KEY"), environment=KEY)
    reason: str = gateway.wait_for_backend("one", "Unhealthy")["last_error"]

    assert gateway.chat().status_code >= 400
    assert seen == [] and server.requests.empty()
    assert "sk-secret" not in reason and "sk-secret" not in gateway.log
    assert reason.startswith("certificate verify failed: ") and f"{host}:{server.port}" in reason
    return reason


def test_a_self_signed_certificate_is_refused(start, serve, authority: Authority, tmp_path: Path):
    reason = refused(start, serve(self_signed(tmp_path)), trusting(authority))

    assert "self-signed certificate" in reason and "upstream.ca_file" in reason


def test_a_self_signed_certificate_that_is_named_is_trusted(start, serve, tmp_path: Path):
    server = serve(self_signed(tmp_path))
    gateway = start(f'[upstream]\nca_file = "{tmp_path / "alone.pem"}"\n' + FAST + backend("one", server.url))

    gateway.wait_for_backend("one")


def test_a_certificate_of_an_unknown_authority_is_refused(start, serve, authority: Authority, tmp_path: Path):
    stranger = Authority(tmp_path / "stranger", "Unknown Authority")
    reason = refused(start, serve(stranger.issue("IP:127.0.0.1")), trusting(authority))

    assert 'its issuer "Unknown Authority" is not trusted' in reason


def test_without_a_file_the_systems_authorities_alone_are_trusted(start, serve, authority: Authority):
    reason = refused(start, serve(authority.issue("IP:127.0.0.1")), FAST)

    assert 'its issuer "Test Authority" is not trusted' in reason


@pytest.mark.parametrize(
    ("names", "host"), [("DNS:localhost", "127.0.0.1"), ("IP:127.0.0.2", "127.0.0.1"), ("DNS:other.test", "localhost")]
)
def test_a_certificate_for_another_name_is_refused(start, serve, authority: Authority, names: str, host: str):
    reason = refused(start, serve(authority.issue(names)), trusting(authority), host)

    assert f"the certificate is not for {host}" in reason


def test_an_expired_certificate_is_refused(start, serve, authority: Authority):
    server = serve(authority.issue("IP:127.0.0.1", end="20210101000000Z"))

    assert "the certificate has expired" in refused(start, server, trusting(authority))


def test_a_certificate_of_the_future_is_refused(start, serve, authority: Authority):
    server = serve(authority.issue("IP:127.0.0.1", start="20900101000000Z"))

    assert "the certificate is not valid yet" in refused(start, server, trusting(authority))


def test_a_server_that_does_not_speak_tls_is_called_so(start, upstream: Upstream):
    gateway = start(FAST + backend("one", upstream.url.replace("http:", "https:")))

    assert "does not speak TLS" in gateway.wait_for_backend("one", "Unhealthy")["last_error"]


@pytest.mark.parametrize("command", [["config", "check"], ["serve", "--port", "0"]])
def test_a_file_without_certificates_is_refused_at_the_start(nexus, tmp_path: Path, command: list[str]):
    (tmp_path / "ca.pem").write_text("no certificate")
    (tmp_path / "nexus.toml").write_text('[upstream]\nca_file = "ca.pem"\n')
    done = nexus(*command, cwd=tmp_path)

    assert done.returncode != 0 and "line 2: upstream.ca_file" in done.stderr


def test_a_garbled_certificate_is_refused_at_the_start(nexus, tmp_path: Path):
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    (tmp_path / "nexus.toml").write_text('[upstream]\nca_file = "ca.pem"\n')
    done = nexus("serve", "--port", "0", cwd=tmp_path)

    assert done.returncode != 0 and "upstream.ca_file: ca.pem does not hold certificates in PEM" in done.stderr
