"""Plays the service manager that starts a gateway: hears what it says, gives it sockets, keeps one for its next run (sd_notify(3))."""

import array
import contextlib
import fcntl
import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gateway import LONG

# Descriptors go behind the standard ones; that the process is the one that they are for is known to itself alone.
GIVE = """
number=3
for each in $NEXUS_TEST_GIVEN; do eval "exec $number<&$each"; number=$((number + 1)); done
export LISTEN_PID=$$
exec "$@"
"""
FIRST = 100
"""Above the descriptors that are given."""


@dataclass
class Notice:
    """One datagram."""

    values: dict[str, str]
    descriptors: list[int] = field(default_factory=list)

    def __contains__(self, name: str) -> bool:
        return name in self.values


class ServiceManager:
    def __init__(self, path: Path | None = None) -> None:
        """`path`: of the socket; without one it is in the abstract namespace."""
        self.address = str(path) if path else f"@nexus-test-{os.getpid()}-{secrets.token_hex(8)}"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.address if path else "\0" + self.address[1:])
        self.notices: list[Notice] = []
        self.kept: dict[str, int] = {}
        """Descriptors that were to be kept, by name."""

    def close(self) -> None:
        self.socket.close()
        for descriptor in self.kept.values():
            os.close(descriptor)

    def environment(self, **more: str) -> dict[str, str]:
        return {"NOTIFY_SOCKET": self.address, **more}

    def next(self, timeout: float = LONG) -> Notice:
        self.socket.settimeout(timeout)
        bytes_, ancillary, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(64))
        notice = Notice(dict(line.split("=", 1) for line in bytes_.decode().splitlines()))
        for level, kind, data in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                numbers = array.array("i")
                numbers.frombytes(data[: len(data) - len(data) % numbers.itemsize])
                notice.descriptors += numbers
        self.notices.append(notice)
        if "FDSTORE" in notice:
            self.keep(notice.values["FDNAME"], notice.descriptors[0])
        if "FDSTOREREMOVE" in notice and notice.values["FDNAME"] in self.kept:
            os.close(self.kept.pop(notice.values["FDNAME"]))
        return notice

    def keep(self, name: str, descriptor: int) -> None:
        """One a name, as it is the same listener each time."""
        if name in self.kept:
            os.close(self.kept[name])
        self.kept[name] = descriptor

    def until(self, wanted: Callable[[Notice], bool]) -> Notice:
        """The next notice that is wanted."""
        end = time.monotonic() + LONG
        while True:
            assert time.monotonic() < end, f"it was not told; what was: {[each.values for each in self.notices]}"
            notice = self.next()
            if wanted(notice):
                return notice

    def rest(self) -> list[Notice]:
        """What has been told by now and was not looked at."""
        told = []
        with contextlib.suppress(BlockingIOError):
            while True:
                told.append(self.next(timeout=0))
        return told


@contextlib.contextmanager
def given(*sockets: socket.socket | int, names: str = "") -> Iterator[dict[str, object]]:
    """Options of a gateway that gets these sockets."""
    copies = tuple(
        fcntl.fcntl(each if isinstance(each, int) else each.fileno(), fcntl.F_DUPFD_CLOEXEC, FIRST) for each in sockets
    )
    environment = {"LISTEN_FDS": str(len(copies)), "NEXUS_TEST_GIVEN": " ".join(map(str, copies))}
    if names:
        environment["LISTEN_FDNAMES"] = names
    try:
        yield {"wrapper": ("bash", "-c", GIVE, "give"), "descriptors": copies, "environment": environment}
    finally:
        for each in copies:
            os.close(each)


def listener(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """A socket as a socket unit has it."""
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((host, port))
    made.listen(4096)
    return made
