"""The service under systemd itself, with all that its unit takes away: started, reloaded, restarted, killed by the watchdog, by socket.

systemd is the first process of namespaces of its own, network included, in the fresh root of `fresh_root.py`.
"""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fresh_root import Root, requirement, unpack
from gateway import LONG, until
from packages import PLAIN, make

BOOT = r"""
root=$1
set -e
mount --make-rprivate /
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
# What belongs to the machine is not for this one to set.
mount --bind "$root/proc/sys" "$root/proc/sys" && mount -o remount,bind,ro "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for name in null zero full random urandom tty; do touch "$root/dev/$name"; mount --bind "/dev/$name" "$root/dev/$name"; done
mkdir "$root/dev/shm" "$root/dev/pts" "$root/oldroot"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ip link set lo up 2>/dev/null || ifconfig lo up
cd "$root"
pivot_root . oldroot
umount -l /oldroot
exec env -i container=nexus-test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --unit=basic.target \
  --log-target=console --show-status=false
"""

CLIENTS = r"""
import collections, json, socket, sys, threading, time
told, threads, ends = [], [], threading.Event()
def ask():
    try:
        with socket.create_connection(("127.0.0.1", 8000), timeout=60) as connection:
            connection.sendall(b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            answer = b""
            while piece := connection.recv(4096): answer += piece
            told.append(answer[:12].decode())
    except OSError as problem:
        told.append(repr(problem))
threading.Thread(target=lambda: (sys.stdin.read(), ends.set())).start()
while not ends.is_set():
    threads.append(threading.Thread(target=ask))
    threads[-1].start()
    time.sleep(0.01)
for thread in threads: thread.join()
print(json.dumps(collections.Counter(told)))
"""


class Machine:
    """A machine whose first process is systemd."""

    def __init__(self, root: Root, log: Path) -> None:
        self.log = log
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--ipc", "--uts", "--net", "--cgroup"]
        with log.open("wb") as out:
            self.process = subprocess.Popen([*command, "bash", "-c", BOOT, "boot", root.folder], stdout=out, stderr=out)
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        until(lambda: self.process.poll() is not None or children.read_text() != "")
        self.first = children.read_text().split()[0] if self.process.poll() is None else ""

    def runs(self) -> bool:
        """False: systemd does not come up here."""
        end = time.monotonic() + 20
        while self.process.poll() is None and time.monotonic() < end:
            if self.ask("systemctl", "is-active", "basic.target").strip() == "active":
                return True
            time.sleep(0.1)
        return False

    def ask(self, *command: str) -> str:
        """What a command in it says, however it ends."""
        into = ["nsenter", f"--target={self.first}", "--all", "--root", "--wd"]
        return subprocess.run([*into, *command], env=PLAIN, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout

    def show(self, name: str) -> str:
        return self.ask("systemctl", "show", "nexus.service", f"--property={name}", "--value").strip()

    @contextlib.contextmanager
    def clients(self, cut: bool = False) -> Iterator[None]:
        """Who connect all the time, and are all served.

        `cut`: but for those whose connection a process had taken that was killed; nobody is refused then either.
        """
        into = ["nsenter", f"--target={self.first}", "--net"]
        process = subprocess.Popen(
            [*into, sys.executable, "-c", CLIENTS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        yield
        told, _ = process.communicate("", timeout=2 * LONG)
        counts = json.loads(told)
        if cut:
            counts = {said: count for said, count in counts.items() if "ConnectionReset" not in said and said != ""}
        assert set(counts) == {"HTTP/1.1 200"} and counts["HTTP/1.1 200"] > 10, counts

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def machine(tmp_path, tmp_path_factory) -> Iterator[Machine]:
    requirement()
    root = unpack(make("deb.sh", tmp_path_factory.mktemp("dist")), tmp_path / "root")
    made = Machine(root, tmp_path / "console")
    try:
        if not made.runs():
            said = made.log.read_text().strip().splitlines()
            pytest.skip(f"systemd does not come up in namespaces here: {said[-1:]}")
        yield made
    finally:
        made.end()


def test_systemd_runs_it_and_nobody_is_lost_whatever_restarts_it(machine):
    # Installing it starts it, hardened as it is.
    installed = machine.ask("dpkg", "--install", "/nexus.deb")
    until(lambda: machine.show("ActiveState") == "active")
    assert "http://127.0.0.1:8000" in machine.show("StatusText"), installed
    assert machine.show("NFileDescriptorStore") == "1"
    assert machine.show("MemoryDenyWriteExecute") == "yes"

    first = machine.show("MainPID")
    with machine.clients():
        machine.ask("systemctl", "restart", "nexus.service")
        assert machine.ask("systemctl", "reload", "nexus.service") == ""
        until(lambda: "configuration reloaded" in machine.ask("journalctl", "--unit=nexus.service", "--no-pager"))
        # An upgrade is a restart.
        machine.ask("dpkg", "--install", "/nexus.deb")
    assert machine.show("ActiveState") == "active" and machine.show("MainPID") != first
    assert machine.show("NRestarts") == "0"

    # A process that does not move is killed, and the next one takes over.
    machine.ask("mkdir", "-p", "/run/systemd/system/nexus.service.d")
    machine.ask("sh", "-c", "printf '[Service]\\nWatchdogSec=4\\n' > /run/systemd/system/nexus.service.d/watchdog.conf")
    machine.ask("systemctl", "daemon-reload")
    machine.ask("systemctl", "restart", "nexus.service")
    with machine.clients(cut=True):
        machine.ask("sh", "-c", f"kill -STOP {machine.show('MainPID')}")
        until(lambda: int(machine.show("NRestarts")) > 0 and machine.show("ActiveState") == "active")

    # systemd's own socket instead.
    machine.ask("systemctl", "disable", "--now", "nexus.service")
    machine.ask("systemctl", "enable", "--now", "nexus.socket")
    assert machine.show("ActiveState") == "inactive"
    with machine.clients():
        until(lambda: machine.show("ActiveState") == "active")
        machine.ask("systemctl", "restart", "nexus.service")
    assert machine.show("NFileDescriptorStore") == "0"

    # Purged while it runs, it is gone.
    machine.ask("dpkg", "--purge", "nexus")
    assert machine.ask("systemctl", "is-active", "nexus.service", "nexus.socket").split() == ["inactive", "inactive"]
    assert "nexus" not in machine.ask("sh", "-c", "cat /proc/[0-9]*/comm")
