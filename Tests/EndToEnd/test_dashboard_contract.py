"""A page that somebody else has written for the dashboard's contract (contract_page/: its own markup, its own script, its own
drawing) works with this gateway as it is."""

import contextlib
import re
import socket
import threading
from pathlib import Path

import pytest
from playwright.sync_api import expect

from browser import chromium, tab
from gateway import FAST, backend, until
from upstream import Upstream

FOLDER = Path(__file__).parent / "contract_page"


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


class Front:
    """What stands before a gateway and serves the strange page besides: everything else goes through, byte by byte."""

    def __init__(self, gateway) -> None:
        self.gateway = gateway
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/strange/"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.serve, args=(self.listener.accept()[0],), daemon=True).start()

    def serve(self, client: socket.socket) -> None:
        head = b""
        with contextlib.suppress(OSError), client:
            while b"\r\n\r\n" not in head:
                piece = client.recv(65536)
                if not piece:
                    return
                head += piece
            path = head.split()[1].decode()
            if path == "/strange/":
                born = self.gateway.get("/").text.split('<script id="initial-data" type="application/json">')[1].split("</script>")[0]
                self.answer(client, "text/html", (FOLDER / "page.html").read_text().replace("INITIAL", born))
            elif path == "/strange/page.js":
                self.answer(client, "text/javascript", (FOLDER / "page.js").read_text())
            else:
                with self.gateway.connection() as server:
                    server.settimeout(None)
                    server.sendall(head)
                    threading.Thread(target=self.pass_on, args=(client, server), daemon=True).start()
                    self.pass_on(server, client)

    def answer(self, client: socket.socket, kind: str, text: str) -> None:
        body = text.encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        client.sendall(head.encode() + body)

    @staticmethod
    def pass_on(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65536):
                target.sendall(piece)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)


def open_strange(page, gateway) -> None:
    """Opens it, born with the data that the gateway gives its own page."""
    page.goto(Front(gateway).url)
    expect(page.locator(".status-dot.connected")).to_be_attached()


def kept(page) -> bool:
    """Everything was as the contract says."""
    assert page.evaluate("[...new Set(broken)].slice(0, 10)") == []
    return True


def test_a_page_written_for_the_contract_shows_what_happens(start, upstream, second_upstream, browser):
    upstream.models("m", "other"), second_upstream.models("m")
    gateway = start(FAST + backend("one", upstream.url) + backend("two", second_upstream.url))
    gateway.wait_for_backend("one"), gateway.wait_for_backend("two")
    gateway.chat()
    with tab(browser) as page:
        open_strange(page, gateway)
        assert page.evaluate("drawnAtFirst") == {"cards": 2, "rows": 1}, "it is complete before any request"
        cards = page.locator(".backend-card")
        expect(page.locator(".backend-card.healthy")).to_have_count(2)
        expect(page.locator("#available-models")).to_have_text("2")

        gateway.chat(), gateway.chat("gpt-9")
        rows = page.locator("#history-tbody tr")
        expect(rows).to_have_count(3)
        expect(rows.first).to_contain_text("gpt-9")
        expect(rows.first).to_contain_text(re.compile("none.*Error .*gpt-9"))
        expect(page.locator("#total-requests")).to_have_text("3")

        second_upstream.fail_probes()
        expect(cards.and_(page.locator("[data-id=two].unhealthy"))).to_have_count(1)
        expect(page.locator("[data-id=two] .error")).not_to_be_empty()
        expect(cards).to_have_count(2)
        second_upstream.models("m", "new")
        expect(page.locator("[data-id=two].healthy .models")).to_have_text("m, new")

        assert kept(page) and page.complaints == [] and page.foreign == []
        types = page.evaluate("Object.keys(seen.types).sort()")
        assert types == ["BackendStatus", "ModelChange", "RequestComplete"]


def test_no_card_of_a_large_fleet_is_lost(start, browser):
    """Of twenty backends with a hundred models each, which fit into one message without their models."""
    servers = [Upstream() for _ in range(20)]
    for number, server in enumerate(servers):
        server.models(*[f"model-{number}-{each}" for each in range(99)], "shared")
    gateway = start(FAST + "".join(backend(f"box-{number:02d}", server.url) for number, server in enumerate(servers)))
    until(lambda: gateway.json("/health")["backends"]["healthy"] == 20)
    with tab(browser) as page:
        open_strange(page, gateway)
        assert page.evaluate("drawnAtFirst.cards") == 20
        servers[3].fail_probes(), servers[17].fail_probes()

        expect(page.locator(".backend-card.unhealthy")).to_have_count(2)
        # Some further updates, each of which may lose some.
        before = page.evaluate("seen.types.BackendStatus")
        until(lambda: page.evaluate("seen.types.BackendStatus") > before + 3)
        expect(page.locator(".backend-card")).to_have_count(20)
        assert kept(page) and page.complaints == []
    for server in servers:
        server.close()


def test_it_comes_back_after_the_gateway_was_started_again(start, upstream, browser):
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
    configuration = FAST + backend("one", upstream.url)
    first = start(configuration, port=port)
    first.wait_for_backend("one")
    first.chat(), first.chat()
    with tab(browser) as page:
        open_strange(page, first)
        expect(page.locator("#history-tbody tr")).to_have_count(2)
        first.signal()
        assert first.wait() == 0
        expect(page.locator(".status-text")).to_have_text("Reconnecting")

        second = start(configuration, port=port)
        second.wait_for_backend("one")
        second.chat()

        expect(page.locator(".status-text")).to_have_text("Connected")
        expect(page.locator("#history-tbody tr")).to_have_count(1)
        expect(page.locator("#total-requests")).to_have_text("1")
        assert kept(page)
