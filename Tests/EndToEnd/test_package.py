"""The Debian package in a fresh root: installs, serves, is upgraded, removed and purged. It needs root, debootstrap and a mirror.

The root is made once for the packages that nexus depends on, and kept under .build.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gateway import LONG, free_port
from packages import PLAIN, TOP, VERSION, make

KEPT = TOP / ".build/package-root"
SLIM = ["./usr/share/doc", "./usr/share/locale", "./usr/share/man", "./var/cache/apt", "./var/lib/apt/lists"]
"""What of a root nobody needs here."""


def output(*command: str | Path) -> str:
    return subprocess.run(command, check=True, text=True, capture_output=True).stdout


def mirror() -> tuple[str, str]:
    """Where this machine has its packages from, and of which release."""
    release = re.search(r"^VERSION_CODENAME=(\w+)", Path("/etc/os-release").read_text(), flags=re.M)
    told = output("apt-get", "indextargets", "--format", "$(SITE) $(CODENAME) $(COMPONENT)", "Created-By: Packages")
    for line in told.splitlines():
        site, *rest = line.split()
        if release and rest == [release[1], "main"]:
            return site, release[1]
    pytest.skip("apt names no mirror of this release")


def base(package: Path) -> Path:
    """A root with what the package depends on, as an archive."""
    depends = sorted(set(re.findall(r"(?:^|, )([a-z0-9.+-]+)", output("dpkg-deb", "--field", package, "Depends"))))
    site, release = mirror()
    name = hashlib.sha256(" ".join([site, release, *depends]).encode()).hexdigest()[:16]
    archive = KEPT / f"{release}-{name}.tar"
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if archive.exists():
            return archive
        debs, root = KEPT / "debs", KEPT / "making"
        shutil.rmtree(root, ignore_errors=True)
        debs.mkdir(exist_ok=True)
        made = subprocess.run(
            ["debootstrap", "--variant=minbase", f"--include={','.join(depends)}", f"--cache-dir={debs}", release, root, site],
            env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"},
            text=True, capture_output=True,
        )
        if made.returncode != 0:
            shutil.rmtree(root, ignore_errors=True)
            pytest.skip(f"debootstrap makes no root of {release} from {site} here: {made.stdout.splitlines()[-1:]}")
        part = archive.with_suffix(".part")
        subprocess.run(["tar", "-C", root, *[f"--exclude={each}/*" for each in SLIM], "-cf", part, "."], check=True)
        part.rename(archive)
        shutil.rmtree(root)
    return archive


class Root:
    """Commands in a root of their own, with its own /proc."""

    ENTER = 'root=$1; shift; mount --make-rprivate / && mount -t proc proc "$root/proc" && exec chroot "$root" "$@"'

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def command(self, *command: str, user: str = "") -> list[str]:
        lower = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"] if user else []
        return ["unshare", "--mount", "sh", "-c", self.ENTER, "enter", str(self.folder), *lower, *command]

    def run(self, *command: str, user: str = "", status: int = 0, **environment: str) -> str:
        ended = subprocess.run(
            self.command(*command, user=user),
            env={**PLAIN, "HOME": "/nowhere" if user else "/root", "DEBIAN_FRONTEND": "noninteractive", **environment},
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )
        assert ended.returncode == status, f"{command}: {ended.stdout}"
        return ended.stdout

    def __truediv__(self, path: str) -> Path:
        return self.folder / path

    def owner(self, path: str) -> str:
        """User, group and mode."""
        return self.run("stat", "--format=%U:%G %a", path).strip()

    def knows(self, user: str) -> bool:
        return any(line.startswith(f"{user}:") for line in (self / "etc/passwd").read_text().splitlines())

    @contextlib.contextmanager
    def service(self, port: int) -> Iterator[str]:
        """What the unit starts, as its user and with its variables."""
        unit = (self / "usr/lib/systemd/system/nexus.service").read_text()
        command = re.search(r"^ExecStart=(.+)", unit, flags=re.M)[1].split()
        variables = dict(each.split("=", 1) for each in re.findall(r"^Environment=(.+)", unit, flags=re.M))
        process = subprocess.Popen(
            self.command(*command, "--port", str(port), user="nexus"),
            env={**PLAIN, **variables, "STATE_DIRECTORY": "/var/lib/nexus"},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        assert process.stdout and process.stderr
        line = process.stdout.readline()
        try:
            assert "listening on" in line, process.stderr.read()
            yield line.split()[-1]
        finally:
            process.terminate()
            _, log = process.communicate(timeout=LONG)
        assert process.returncode == 0, log


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    if os.geteuid() != 0:
        pytest.skip("a root of its own takes root")
    for tool in ("debootstrap", "dpkg-deb", "unshare", "apt-get"):
        if not shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin:/sbin"):
            pytest.skip(f"{tool} is not installed")
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0:
        pytest.skip("mounts of one's own are not allowed here")
    return make("deb.sh", tmp_path_factory.mktemp("dist"))


@pytest.fixture
def root(package, tmp_path) -> Root:
    folder = tmp_path / "root"
    folder.mkdir()
    subprocess.run(["tar", "-C", folder, "-xpf", base(package)], check=True)
    shutil.copy(package, folder / "nexus.deb")
    return Root(folder)


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
