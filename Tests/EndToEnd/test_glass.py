"""Operators that watch the text of one request while it is generated: real sockets, and a real browser."""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, expect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from cockpit import check_accessible, chromium, open_page
from gateway import LONG, Gateway, Live, backend, until
from test_requests import active
from upstream import Exchange, Upstream, delta

SHOWN = "[dashboard]\nshow_content = true\n"
SOON = 0.1
"""Seconds behind the client."""


class Scripted:
    """One stream of the server, that the test drives."""

    def __init__(self, upstream: Upstream) -> None:
        self.begun = threading.Event()
        self.over = threading.Event()
        self.exchange: Exchange | None = None
        upstream.chat(self._serve)

    def _serve(self, exchange: Exchange) -> None:
        self.exchange = exchange
        exchange.begin_stream()
        exchange.event(delta("before "))
        self.begun.set()
        self.over.wait(LONG)
        with contextlib.suppress(OSError):
            exchange.event(b"[DONE]")
            exchange.end_stream()

    def say(self, text: str) -> None:
        assert self.begun.wait(LONG) and self.exchange
        self.exchange.event(delta(text))

    def end(self) -> None:
        self.over.set()


@pytest.fixture
def scripted(upstream: Upstream) -> Iterator[Scripted]:
    scripted = Scripted(upstream)
    yield scripted
    scripted.end()


@pytest.fixture
def gateway(start: Any, upstream: Upstream) -> Gateway:
    gateway: Gateway = start(SHOWN + backend("one", upstream.url))
    gateway.wait_for_backend("one")
    return gateway


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


class Client:
    """Reads a stream, and when each piece of its text came."""

    def __init__(self, gateway: Gateway, **members: Any) -> None:
        body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True, **members}
        self.stream = gateway.http.stream("POST", "/v1/chat/completions", json=body)
        self.times: dict[str, float] = {}
        self.length = 0
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self) -> None:
        with contextlib.suppress(httpx.HTTPError), self.stream as answer:
            for line in answer.iter_lines():
                if line.startswith("data: {"):
                    text = json.loads(line[6:])["choices"][0]["delta"].get("content", "")
                    self.times[text] = time.monotonic()
                    self.length += len(text)


def exchange_of(gateway: Gateway) -> str:
    until(lambda: bool(active(gateway)))
    exchange: str = active(gateway)[0]["exchange"]
    return exchange


def watch(gateway: Gateway, exchange: str, **options: Any) -> Live:
    return gateway.socket(f"?watch={exchange}", **options)


def read_text(live: Live, length: int) -> str:
    """So many characters."""
    text = ""
    while len(text) < length:
        data = live.until("ExchangeText")
        assert data["kind"] == "answer" and data["position"] == len(text)
        text += data["text"]
    return text


def refusal(gateway: Gateway, exchange: str, **options: Any) -> tuple[int, str]:
    with pytest.raises(InvalidStatus) as caught, watch(gateway, exchange, **options):
        pass
    response = caught.value.response
    return response.status_code, json.loads(response.body)["error"]["code"]


def test_what_the_client_gets_is_watched_until_its_end(gateway: Gateway, scripted: Scripted) -> None:
    client = Client(gateway)
    assert scripted.begun.wait(LONG)
    exchange = exchange_of(gateway)
    with watch(gateway, exchange) as live:
        told = live.until("ExchangeWatched")
        assert told["exchange"] == exchange and told["model"] == "m" and told["watchers"] == 1
        for text in ("Grüße, ", "Welt ", "😀"):
            scripted.say(text)
        assert read_text(live, 13) == "Grüße, Welt 😀"
        scripted.end()
        end = live.until("ExchangeEnded")
        assert end == {"exchange": exchange, "reason": "ended", "status": 200, "message": None}
        with pytest.raises(ConnectionClosed):
            live.next()
    client.thread.join(LONG)
    assert "".join(client.times) == "before Grüße, Welt 😀"


def test_who_is_watched_is_seen_by_all(gateway: Gateway, scripted: Scripted) -> None:
    Client(gateway)
    exchange = exchange_of(gateway)
    assert active(gateway)[0]["watchers"] == 0
    with gateway.socket("?updates=requests") as requests, watch(gateway, exchange) as one, watch(gateway, exchange) as two:
        one.until("ExchangeWatched"), two.until("ExchangeWatched")
        assert active(gateway)[0]["watchers"] == 2
        requests.until("ActiveRequests", lambda data: [row["watchers"] for row in data["requests"]] == [2])
        assert "watched by 2" in gateway.get("/?parts=active").text
    until(lambda: active(gateway)[0]["watchers"] == 0)


def test_the_text_is_nowhere_else(gateway: Gateway, scripted: Scripted) -> None:
    client = Client(gateway)
    with watch(gateway, exchange_of(gateway)) as live:
        scripted.say("a secret of the model's")
        read_text(live, 23)
        for path in ("/v1/requests/active", "/v1/logs", "/v1/gateway", "/"):
            assert "a secret" not in gateway.get(path).text
        scripted.end()
        live.until("ExchangeEnded")
    client.thread.join(LONG)
    until(lambda: len(gateway.history()) == 1)
    for path in ("/v1/history", f"/v1/requests/{gateway.history()[0]['request_id']}", "/v1/logs", "/"):
        assert "a secret" not in gateway.get(path).text
    gateway.wait_for_log("an operator watches a request")
    assert "a secret" not in gateway.log


def test_other_apis_are_watched_in_their_own_words(gateway: Gateway, scripted: Scripted) -> None:
    """Of a backend that speaks OpenAI's, translated."""
    for path in ("/v1/messages", "/api/chat"):
        scripted.begun.clear()
        body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], "stream": True}
        thread = threading.Thread(target=lambda p=path, b=body: gateway.http.post(p, json=b), daemon=True)
        thread.start()
        with watch(gateway, exchange_of(gateway)) as live:
            live.until("ExchangeWatched")
            scripted.say("in other words")
            assert read_text(live, 14) == "in other words"
            scripted.end()
            live.until("ExchangeEnded")
        thread.join(LONG)
        scripted.over.clear()


def test_who_watches_is_noted(gateway: Gateway, scripted: Scripted) -> None:
    Client(gateway)
    exchange = exchange_of(gateway)
    with watch(gateway, exchange) as live:
        live.until("ExchangeWatched")
    assert refusal(gateway, "0-9999") == (404, "request_not_found")
    assert refusal(gateway, "sk-secret") == (400, "invalid_argument")

    records = [(each["command"], each["status"], each["client"]) for each in gateway.json("/v1/audit")["data"]]
    assert records == [
        (f"GET /ws?watch={exchange}", 101, "127.0.0.1"), ("GET /ws?watch=0-9999", 404, "127.0.0.1"),
        ("GET /ws?(1 not shown)", 400, "127.0.0.1"),
    ]


def test_an_answer_in_one_piece_is_shown_at_its_end(gateway: Gateway, upstream: Upstream, pool: ThreadPoolExecutor) -> None:
    go = threading.Event()
    message = {"role": "assistant", "reasoning_content": "Hm.", "content": "whole"}
    upstream.chat(lambda exchange: (go.wait(LONG), exchange.answer({"id": "c", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})))
    pool.submit(gateway.chat)
    with watch(gateway, exchange_of(gateway)) as live:
        live.until("ExchangeWatched")
        go.set()
        assert [(data["kind"], data["text"]) for data in (live.until("ExchangeText"), live.until("ExchangeText"))] == [("thinking", "Hm."), ("answer", "whole")]
        assert live.until("ExchangeEnded")["status"] == 200


def test_clear_words_for_what_is_not_to_be_watched(start: Any, gateway: Gateway, scripted: Scripted, upstream: Upstream) -> None:
    Client(gateway)
    exchange = exchange_of(gateway)
    assert refusal(gateway, "0-9999") == (404, "request_not_found")
    assert refusal(gateway, "77-1") == (404, "request_not_found")
    assert refusal(gateway, "nonsense") == (400, "invalid_argument")
    assert refusal(gateway, exchange, origin="https://evil.example") == (403, "origin_not_allowed")
    off = start("[server]\nallowed_origins = [\"https://ops.example\"]\n" + backend("one", upstream.url))
    assert refusal(off, exchange) == (403, "content_hidden")


def test_pages_that_may_use_the_apis_may_not_watch(start: Any, scripted: Scripted, upstream: Upstream) -> None:
    gateway = start("[server]\nallowed_origins = [\"https://ops.example\"]\n" + SHOWN + backend("one", upstream.url))
    gateway.wait_for_backend("one")
    Client(gateway)
    exchange = exchange_of(gateway)
    assert refusal(gateway, exchange, origin="https://ops.example") == (403, "origin_not_allowed")
    with watch(gateway, exchange, origin=gateway.url) as live:
        live.until("ExchangeWatched")


def outer_address() -> str | None:
    """An address of this machine that is not its loopback; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        address: str = probe.getsockname()[0]
        return None if address.startswith("127.") else address


@pytest.mark.skipif(outer_address() is None, reason="this machine has no address but its loopback")
def test_from_another_machine_nobody_is_an_operator(start: Any, scripted: Scripted, upstream: Upstream) -> None:
    gateway = start('[server]\nhost = "0.0.0.0"\nallow_unauthenticated = true\n' + SHOWN + backend("one", upstream.url))
    gateway.wait_for_backend("one")
    Client(gateway)
    exchange = exchange_of(gateway)
    with pytest.raises(InvalidStatus) as caught, Live(f"ws://{outer_address()}:{gateway.port}/ws?watch={exchange}"):
        pass
    assert caught.value.response.status_code == 403
    assert json.loads(caught.value.response.body)["error"]["code"] == "operators_are_local"
    assert "data-watch" not in httpx.get(f"http://{outer_address()}:{gateway.port}/?parts=active").text
    assert "data-watch" in gateway.get("/?parts=active").text


def test_a_reload_that_forbids_it_ends_it_at_once(gateway: Gateway, scripted: Scripted, upstream: Upstream) -> None:
    Client(gateway)
    exchange = exchange_of(gateway)
    with watch(gateway, exchange) as live:
        live.until("ExchangeWatched")
        (gateway.log_path.parent / "nexus.toml").write_text(backend("one", upstream.url))
        assert gateway.http.post("/v1/admin/reload").json()["status"] == "reloaded"
        assert live.until("ExchangeEnded") == {"exchange": exchange, "reason": "hidden", "status": None, "message": None}
        with pytest.raises(ConnectionClosed):
            live.next()
    assert refusal(gateway, exchange) == (403, "content_hidden")
    (gateway.log_path.parent / "nexus.toml").write_text(SHOWN + backend("one", upstream.url))
    assert gateway.http.post("/v1/admin/reload").json()["status"] == "reloaded"
    with watch(gateway, exchange) as live:
        live.until("ExchangeWatched")


def test_a_watcher_that_reads_nothing_holds_up_nobody(gateway: Gateway, scripted: Scripted) -> None:
    """The client gets all, the memory stays, and the watcher is told in the end what it lacks."""
    client = Client(gateway)
    exchange = exchange_of(gateway)
    text = "x" * 60_000
    with gateway.connection() as idle:
        idle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        idle.sendall(
            f"GET /ws?watch={exchange} HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-version: 13\r\n\r\n".encode())
        assert idle.recv(12) == b"HTTP/1.1 101"
        until(lambda: active(gateway)[0]["watchers"] == 1)
        before = gateway.resident_kib()
        for _ in range(100):
            scripted.say(text)
        until(lambda: client.length > 100 * len(text))
        assert gateway.resident_kib() - before < 5 * 1024, "less than what has gone by"
        scripted.end()
        received = b""
        idle.settimeout(LONG)
        while b"ExchangeEnded" not in received:
            piece = idle.recv(65536)
            assert piece, "closed without a word"
            received += piece
    assert b"ExchangeSkipped" in received and len(received) < 100 * len(text)


def test_a_watcher_is_less_than_a_tenth_of_a_second_behind(gateway: Gateway, scripted: Scripted) -> None:
    """Of several hundred deltas nearly all; of the machine's other work some may come late."""
    client = Client(gateway)
    behind: list[float] = []
    with watch(gateway, exchange_of(gateway)) as live:
        live.until("ExchangeWatched")

        def read() -> None:
            rest = ""
            while len(behind) < 300:
                rest += live.until("ExchangeText")["text"]
                now = time.monotonic()
                *whole, rest = rest.split(";")
                behind.extend(now - client.times.get(f"{each};", now) for each in whole)

        reader = threading.Thread(target=read)
        reader.start()
        for number in range(300):
            scripted.say(f"{number};")
            time.sleep(0.007)
        reader.join(LONG)
    behind.sort()
    print(f"behind the client, ms: median {behind[150] * 1000:.1f}, p99 {behind[296] * 1000:.1f}, most {behind[-1] * 1000:.1f}")
    assert behind[150] < SOON


# The page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def test_the_page_shows_the_text_as_text(browser: Browser, gateway: Gateway, scripted: Scripted, tmp_path: Path) -> None:
    client = Client(gateway)
    assert scripted.begun.wait(LONG)
    with open_page(browser) as page:
        page.goto(f"{gateway.url}/")
        button = page.get_by_role("button", name="Watch the text of the request for m")
        button.focus()
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog", name="Watching m")
        expect(dialog.get_by_role("status")).to_contain_text("Live")
        assert page.evaluate("document.activeElement.textContent") == "Close"
        scripted.say("Grüße <img src=x onerror=alert(1)> ")
        scripted.say("und mehr")
        text = dialog.get_by_role("region", name="Text of the request")
        expect(text).to_have_text("Grüße <img src=x onerror=alert(1)> und mehr")
        assert dialog.locator("img").count() == 0
        # What comes is not read out token by token.
        assert text.evaluate("node => node.closest('[aria-live], [role=status], [role=log]')") is None
        expect(page.locator("#active-tbody .watched")).to_have_text("◉ watched by 1")
        for width, theme in [(375, "dark"), (1440, "light")]:
            page.set_viewport_size({"width": width, "height": 800})
            page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
            check_accessible(page)
        scripted.end()
        client.thread.join(LONG)
        expect(dialog.get_by_role("status")).to_contain_text("ended with status 200")
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        assert "Grüße" not in page.content()


def test_closing_the_panel_ends_the_watching(browser: Browser, gateway: Gateway, scripted: Scripted) -> None:
    Client(gateway)
    with open_page(browser) as page:
        page.goto(f"{gateway.url}/")
        page.get_by_role("button", name="Watch the text of the request for m").click()
        until(lambda: active(gateway)[0]["watchers"] == 1)
        page.keyboard.press("Escape")
        until(lambda: active(gateway)[0]["watchers"] == 0)
        expect(page.get_by_role("button", name="Watch the text of the request for m")).to_be_focused()


def test_without_the_key_there_is_no_button(browser: Browser, start: Any, scripted: Scripted, upstream: Upstream) -> None:
    gateway = start(backend("one", upstream.url))
    gateway.wait_for_backend("one")
    Client(gateway)
    exchange_of(gateway)
    with open_page(browser) as page:
        page.goto(f"{gateway.url}/")
        expect(page.locator("button[data-cancel]")).to_have_count(1)
        assert page.locator("button[data-watch]").count() == 0
