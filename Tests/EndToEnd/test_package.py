"""The Debian package in a fresh root: installs, serves, is upgraded, removed and purged. It needs root, debootstrap and a mirror."""

import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from fresh_root import Root, requirement, unpack
from gateway import LONG, free_port
from packages import VERSION, make


@pytest.fixture
def package(tmp_path_factory) -> Path:
    requirement()
    return make("deb.sh", tmp_path_factory.mktemp("dist"))


@pytest.fixture
def root(package, tmp_path) -> Root:
    return unpack(package, tmp_path / "root")


def newer(package: Path, folder: Path) -> Path:
    """The next version, whose configuration file is another one."""
    content = folder / "newer"
    subprocess.run(["dpkg-deb", "--raw-extract", package, content], check=True)
    control = content / "DEBIAN/control"
    control.write_text(control.read_text().replace(f"Version: {VERSION}\n", f"Version: {VERSION}+next\n"))
    shipped = content / "etc/nexus/nexus.toml"
    shipped.write_text(shipped.read_text() + "\n# A line of the next version.\n")
    made = folder / "newer.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "--build", content, made], check=True, capture_output=True)
    shutil.rmtree(content)
    return made


def test_the_package_installs_serves_is_upgraded_removed_and_purged(root, package, tmp_path):
    before = set(root.run("find", "/etc", "/usr", "/var", "-xdev").splitlines())

    # It installs, without systemd running.
    root.run("dpkg", "--install", "/nexus.deb")

    assert root.run("nexus", "--version").strip() == VERSION
    assert root.owner("/etc/nexus/nexus.toml") == "root:nexus 640" and root.owner("/etc/nexus") == "root:nexus 750"
    assert root.owner("/var/lib/nexus") == "nexus:nexus 750"
    assert (root / "etc/systemd/system/multi-user.target.wants/nexus.service").is_symlink()
    assert not (root / "etc/systemd/system/sockets.target.wants/nexus.socket").is_symlink()
    assert "not found" not in root.run("ldd", "/usr/bin/nexus")
    for path in ("man/man1/nexus-serve.1.gz", "bash-completion/completions/nexus", "doc/nexus/README.md"):
        assert (root / "usr/share" / path).is_file()
    # The file that comes with it is right, and its user may read it; nobody else may.
    assert "valid" in root.run("nexus", "config", "check", "--offline", user="nexus")
    assert "host = \"127.0.0.1\"" in (root / "etc/nexus/nexus.toml").read_text()
    root.run("cat", "/etc/nexus/nexus.toml", user="nobody", status=1)

    # It serves, with the adapters of the package and nothing else that lies beside the program.
    shutil.copy(root / "usr/lib/nexus/adapters/libOllama.so", root / "usr/bin/libOther.so")
    port = free_port()
    with root.service(port) as url:
        health = httpx.get(f"{url}/health", timeout=LONG)
        adapters = httpx.get(f"{url}/v1/adapters", timeout=LONG).json()["data"]
        assert f"127.0.0.1:{port}" in url and health.json()["version"] == VERSION
        assert {each["path"] for each in adapters} == {
            f"/usr/lib/nexus/adapters/lib{name}.so" for name in ("Ollama", "OpenAICompat")
        }
        assert {each["version"] for each in adapters} == {VERSION}

        # Root makes a key, and the service can read it.
        told = root.run("nexus", "keys", "add", "app", "--url", url)
        key = next(line for line in told.splitlines() if line.startswith("nx-"))
        assert "can be read by the group nexus" in told and "has taken it" in told
        assert root.owner("/etc/nexus/keys.toml") == "root:nexus 640"
        assert httpx.get(f"{url}/v1/models", timeout=LONG).status_code == 401
        models = httpx.get(f"{url}/v1/models", headers={"authorization": f"Bearer {key}"}, timeout=LONG)
        assert models.status_code == 200
    (root / "usr/bin/libOther.so").unlink()
    assert (root / "var/lib/nexus/history.db").is_file()

    # An upgrade keeps what the operator has changed.
    changed = (root / "etc/nexus/nexus.toml").read_text() + "\n# Mine.\n"
    (root / "etc/nexus/nexus.toml").write_text(changed)
    shutil.copy(newer(package, tmp_path), root / "newer.deb")
    root.run("dpkg", "--force-confdef", "--force-confold", "--install", "/newer.deb")
    assert root.run("dpkg-query", "--show", "--showformat=${Version}", "nexus") == f"{VERSION}+next"
    assert (root / "etc/nexus/nexus.toml").read_text() == changed
    assert root.owner("/etc/nexus/nexus.toml") == "root:nexus 640"
    assert (root / "etc/nexus/keys.toml").is_file() and (root / "var/lib/nexus/history.db").is_file()
    with root.service(free_port()) as url:
        assert httpx.get(f"{url}/v1/models", timeout=LONG).status_code == 401

    # Removed, it leaves what is the operator's; purged, nothing.
    root.run("dpkg", "--remove", "nexus")
    assert not (root / "usr/bin/nexus").exists() and not (root / "usr/lib/nexus").exists()
    assert (root / "etc/nexus/keys.toml").is_file() and root.knows("nexus")
    root.run("dpkg", "--purge", "nexus")
    assert not root.knows("nexus") and not root.run("dpkg", "--audit")
    after = set(root.run("find", "/etc", "/usr", "/var", "-xdev").splitlines())
    left = {path for path in after - before if not path.startswith(("/var/lib/dpkg/", "/var/log/", "/var/cache/"))}
    # Backups of the lists of users, which adduser makes.
    assert {path for path in left if not path.endswith("-")} == set()
