"""A fresh Debian with the package in it: commands in it, its service, and systemd itself as its first process.

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

import pytest

from gateway import LONG
from packages import PLAIN, TOP

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
    # And systemd: installed, not running.
    depends = sorted({"systemd"} | set(re.findall(r"(?:^|, )([a-z0-9.+-]+)", output("dpkg-deb", "--field", package, "Depends"))))
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


def requirement(package_tools: tuple[str, ...] = ("debootstrap", "dpkg-deb", "unshare", "apt-get")) -> None:
    """Skips where there can be no such root."""
    if os.geteuid() != 0:
        pytest.skip("a root of its own takes root")
    for tool in package_tools:
        if not shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin:/sbin"):
            pytest.skip(f"{tool} is not installed")
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0:
        pytest.skip("mounts of one's own are not allowed here")


def unpack(package: Path, folder: Path) -> Root:
    """With the package as /nexus.deb."""
    folder.mkdir()
    subprocess.run(["tar", "-C", folder, "-xpf", base(package)], check=True)
    shutil.copy(package, folder / "nexus.deb")
    return Root(folder)
