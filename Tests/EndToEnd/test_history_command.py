"""`nexus history`, for people and for scripts."""

import json
import re
import signal
import subprocess
import threading

import pytest

from gateway import BUILD, FAST, LONG, backend
from upstream import delta


@pytest.fixture
def gateway(start, upstream):
    gateway = start(FAST + backend("one", upstream.url))
    gateway.wait_for_backend("one")
    return gateway


def history(gateway, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BUILD / "nexus", "history", "--url", gateway.url, *options], capture_output=True, text=True, timeout=LONG)


def test_it_shows_what_has_ended(gateway):
    gateway.chat()
    gateway.chat("unknown")

    lines = history(gateway).stdout.splitlines()

    assert len(lines) == 3
    assert lines[0].split() == ["AT", "STATUS", "MODEL", "BACKEND", "MS", "ATTEMPTS", "TOKENS", "ERROR"]
    assert lines[1].split()[2:5] == ["200", "m", "one"]
    assert lines[2].split()[2:5] == ["404", "unknown", "none"] and "does not exist" in lines[2]
    for column in ("STATUS", "MODEL", "BACKEND", "ERROR"):
        begin = lines[0].index(column)
        assert lines[2][begin - 1] == " " != lines[2][begin], column


def test_a_stream_that_broke_is_shown_as_failed_and_a_missing_model_keeps_its_column(gateway, upstream):
    begun = threading.Event()

    def breaks(exchange):
        exchange.begin_stream()
        exchange.event(delta("a"))
        assert begun.wait(LONG)
        exchange.cut()

    upstream.chat(breaks)
    with gateway.http.stream("POST", "/v1/chat/completions", json={"model": "m", "stream": True}) as answer:
        pieces = answer.iter_text()
        next(pieces)
        # Before its first piece has come it would be asked for again.
        begun.set()
        list(pieces)
    gateway.http.post("/v1/chat/completions", content=b"{}")

    lines = history(gateway).stdout.splitlines()[1:]

    assert re.search("  200 failed  m +one  ", lines[0])
    assert re.search("  400 +- +none  ", lines[1])


def test_it_shows_only_what_is_asked_for(gateway):
    gateway.chat()
    gateway.chat("unknown")

    assert [entry["model"] for entry in json.loads(history(gateway, "--status", "4xx", "--json").stdout)] == ["unknown"]
    assert [entry["model"] for entry in json.loads(history(gateway, "--limit", "1", "--json").stdout)] == ["unknown"]
    wrong = history(gateway, "--status", "good")
    assert wrong.returncode == 1 and "status must be" in wrong.stderr


def test_following_prints_each_that_ends_once_as_a_line_of_json(gateway):
    gateway.chat()
    process = subprocess.Popen(
        [BUILD / "nexus", "history", "--url", gateway.url, "--follow", "--json"], stdout=subprocess.PIPE, text=True,
        # A shell has what it starts in the background ignore it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    try:
        assert process.stdout
        seen = [json.loads(process.stdout.readline())["seq"]]
        for _ in range(3):
            gateway.chat()
            seen.append(json.loads(process.stdout.readline())["seq"])
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(LONG)

    assert seen == [entry["seq"] for entry in gateway.history()]


def test_following_shows_the_names_of_the_columns_once(gateway):
    process = subprocess.Popen(
        [BUILD / "nexus", "history", "--url", gateway.url, "-f"], stdout=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    try:
        assert process.stdout
        lines = [process.stdout.readline()]
        for _ in range(2):
            gateway.chat()
            lines.append(process.stdout.readline())
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(LONG)

    assert [line.startswith("AT ") for line in lines] == [True, False, False]
    assert all(line.split()[2:4] == ["200", "m"] for line in lines[1:])


def test_words_of_clients_do_not_steer_the_terminal(gateway):
    gateway.chat("\x1b[2J")

    assert "\x1b" not in history(gateway).stdout
