"""`nexus top`, in a terminal as a person has it."""

import fcntl
import hashlib
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest

from gateway import BUILD, FAST, LONG, backend


class Screen:
    """A terminal with the command in it. What it has drawn is kept as it was written."""

    def __init__(self, url: str, columns: int = 80, rows: int = 24) -> None:
        self.master, slave = pty.openpty()
        self.resize(columns, rows)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.process = subprocess.Popen(
            [BUILD / "nexus", "top", "--url", url], stdin=slave, stdout=slave, stderr=slave,
            env={**os.environ, "TERM": "xterm"}, start_new_session=True,
        )
        self.output = ""

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def until(self, pattern: str) -> re.Match[str]:
        """Reads until it has been drawn."""
        deadline = time.monotonic() + LONG
        while not (match := re.search(pattern, self.output, re.S)):
            assert time.monotonic() < deadline, f"{pattern} was not drawn:\n{self.output!r}"
            if select.select([self.master], [], [], 1)[0]:
                self.output += os.read(self.master, 65536).decode()
        return match

    def forget(self) -> None:
        self.output = ""

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def end(self) -> int:
        # What is not read would keep the process from ending.
        deadline = time.monotonic() + LONG
        while self.process.poll() is None and time.monotonic() < deadline:
            if select.select([self.master], [], [], 0.1)[0]:
                self.output += os.read(self.master, 65536).decode()
        while select.select([self.master], [], [], 0)[0]:
            self.output += os.read(self.master, 65536).decode()
        return self.process.wait(LONG)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def gateway(start, upstream):
    gateway = start(FAST + backend("one", upstream.url) + backend("gone", "http://127.0.0.1:1"))
    gateway.wait_for_backend("one")
    return gateway


@pytest.fixture
def screen(gateway):
    screen = Screen(gateway.url)
    yield screen
    screen.close()


def test_it_shows_backends_and_what_has_ended_and_renews_it(gateway, screen):
    screen.until(r"one +● healthy")
    screen.until(r"gone +✖ unhealthy")
    screen.forget()

    gateway.chat()

    screen.until(r"\d\d:\d\d:\d\d +m +one +\d+ ms +ok")


def test_a_request_under_way_is_shown_with_its_phase(gateway, screen, upstream):
    upstream.chat(lambda exchange: upstream.stopped.wait(LONG))
    body = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'
    with gateway.connection() as client:
        client.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        screen.until(r"m +one +prefill")


@pytest.mark.parametrize("keys", [b"q", b"\x03"])
def test_a_key_ends_it_and_the_terminal_is_as_before(screen, keys):
    screen.until("BACKEND")
    screen.type(keys)

    assert screen.end() == 0
    assert screen.output.endswith("\x1b[?25h\x1b[?1049l")
    assert termios.tcgetattr(screen.slave)[:4] == screen.before[:4]


def test_a_signal_ends_it_and_the_terminal_is_as_before(screen):
    screen.until("BACKEND")
    screen.process.send_signal(signal.SIGTERM)

    assert screen.end() == 0
    assert screen.output.endswith("\x1b[?1049l")


def test_it_follows_the_size_of_the_terminal(screen):
    screen.until("BACKEND")
    screen.forget()
    screen.resize(50, 10)

    # The keys stand in the last row.
    screen.until(r"\x1b\[2J.*\x1b\[10;1H[^\n]*q quit")


def test_a_gateway_that_goes_is_said_to_be_silent_and_its_return_is_seen(gateway, screen):
    screen.until(r"one +● healthy")
    gateway.finish()

    screen.until("no answer for")


def test_once_prints_a_picture_for_scripts(gateway):
    result = subprocess.run(
        [BUILD / "nexus", "top", "--once", "--url", gateway.url], capture_output=True, text=True, timeout=LONG)

    assert result.returncode == 0, result.stderr
    assert re.search(r"one +● healthy", result.stdout) and "\x1b" not in result.stdout
    assert "q quit" not in result.stdout


@pytest.fixture
def closed(start, upstream):
    hash = hashlib.sha256(b"nx-" + b"o" * 43).hexdigest()
    return start(FAST + backend("one", upstream.url) + f'[[keys]]\nname = "boss"\nhash = "sha256:{hash}"\nrole = "operator"\n')


def test_without_a_key_where_one_is_needed_it_ends_and_says_so(closed):
    needed = "This gateway needs a key"
    once = subprocess.run(
        [BUILD / "nexus", "top", "--once", "--url", closed.url], capture_output=True, text=True, timeout=LONG)
    screen = Screen(closed.url)
    try:
        status = screen.end()
    finally:
        screen.close()

    assert once.returncode == 1 and needed in once.stderr and once.stderr.endswith("(--key, or NEXUS_KEY)\n")
    assert "running there" not in once.stderr
    # Behind the end of the other screen, where it stays.
    assert status == 1 and needed in screen.output.split("\x1b[?1049l")[1], screen.output


def test_without_a_terminal_it_says_what_to_do(gateway):
    result = subprocess.run(
        [BUILD / "nexus", "top", "--url", gateway.url], capture_output=True, text=True, timeout=LONG, stdin=subprocess.DEVNULL)

    assert result.returncode == 1
    assert "nexus top --once" in result.stderr
