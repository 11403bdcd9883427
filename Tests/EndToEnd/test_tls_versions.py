"""TLS 1.2 and above, towards clients and towards backends."""

import socket
import ssl
import subprocess
from pathlib import Path

import pytest

from gateway import FAST, Gateway, backend
from upstream import Upstream

pytestmark = pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")

OLD = [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1]
GOOD = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


def only(context: ssl.SSLContext, version: ssl.TLSVersion) -> ssl.SSLContext:
    """Speaks this version alone, however old it is."""
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = version
    context.minimum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=test"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / "cert.pem", folder / "key.pem"


def client(pair: tuple[Path, Path], version: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(pair[0])
    return only(context, version)


def server(pair: tuple[Path, Path], version: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    return only(context, version)


def shake(client: ssl.SSLContext, port: int) -> str | None:
    """The version that was agreed on."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain, client.wrap_socket(plain, server_hostname="127.0.0.1") as tls:
        return tls.version()


@pytest.fixture
def gateway(start, pair: tuple[Path, Path]) -> Gateway:
    return start(f'[server]\ntls_certificate = "{pair[0]}"\ntls_key = "{pair[1]}"\n')


@pytest.mark.parametrize("version", GOOD)
def test_clients_of_today_are_served(gateway: Gateway, pair, version: ssl.TLSVersion):
    assert shake(client(pair, version), gateway.port) == version.name.replace("_", ".")


@pytest.mark.parametrize("version", OLD)
def test_clients_with_an_old_version_are_refused(gateway: Gateway, pair, version: ssl.TLSVersion):
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        shake(client(pair, version), gateway.port)


def backend_of(start, pair: tuple[Path, Path], version: ssl.TLSVersion) -> tuple[Gateway, Upstream]:
    upstream = Upstream(tls=server(pair, version))
    gateway = start(f'[upstream]\nca_file = "{pair[0]}"\n' + FAST + backend("one", upstream.url))
    return gateway, upstream


@pytest.mark.parametrize("version", GOOD)
def test_backends_of_today_serve(start, pair, version: ssl.TLSVersion):
    gateway, upstream = backend_of(start, pair, version)
    gateway.wait_for_backend("one")
    upstream.close()


@pytest.mark.parametrize("version", OLD)
def test_backends_with_an_old_version_are_refused(start, pair, version: ssl.TLSVersion):
    gateway, upstream = backend_of(start, pair, version)
    # The test's own server would speak it.
    assert shake(client(pair, version), upstream.port) == version.name.replace("_", ".").replace("TLSv1.0", "TLSv1")
    view = gateway.wait_for_backend("one", "Unhealthy")
    upstream.close()

    assert view["last_error"]


@pytest.mark.parametrize(("key", "words"), [("tls_certificate", "does not hold certificates"), ("tls_key", "does not hold a private key")])
def test_a_file_that_is_none_is_named(nexus, pair, tmp_path: Path, key: str, words: str):
    files = {"tls_certificate": pair[0], "tls_key": pair[1], key: tmp_path / "nexus.toml"}
    lines = [f'{name} = "{path}"' for name, path in files.items()]
    (tmp_path / "nexus.toml").write_text("[server]\nport = 0\n" + "\n".join(lines) + "\n")
    wrong = nexus("serve", cwd=tmp_path)
    (tmp_path / "nexus.toml").write_text("[server]\nport = 0\n" + "\n".join(lines).replace(str(files[key]), "/none.pem") + "\n")
    missing = nexus("serve", cwd=tmp_path)

    assert wrong.returncode == 1 and f"server.{key}: " in wrong.stderr and words in wrong.stderr
    assert missing.returncode == 1 and f"server.{key}: /none.pem cannot be read: No such file" in missing.stderr
