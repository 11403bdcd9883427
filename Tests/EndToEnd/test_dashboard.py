"""The page in a real browser, with JavaScript and without."""

import json
import os
import queue
import shutil
import threading
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from gateway import FAST, LONG, backend
from upstream import Exchange, Upstream

expect.set_options(timeout=LONG * 1000)
HOSTILE = "</script><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert chromium, "Chromium is missing; run scripts/setup.sh test"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def page(browser) -> Iterator[Page]:
    """A page that must not complain on its console."""
    context = browser.new_context()
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.complaints = complaints  # type: ignore[attr-defined]
    yield page
    context.close()


@pytest.fixture
def gateway(start, upstream):
    gateway = start(FAST + backend("one", upstream.url))
    gateway.wait_for_backend("one")
    return gateway


def connected(page: Page, gateway) -> None:
    page.goto(gateway.url + "/")
    expect(page.locator("#connection-status .status-dot.connected")).to_be_attached()


def test_a_request_appears_without_a_reload(gateway, page):
    connected(page, gateway)
    expect(page.locator("#no-history")).to_be_visible()

    gateway.chat()

    row = page.locator("#history-tbody tr").first
    expect(row).to_contain_text("m")
    expect(row).to_contain_text("one")
    expect(row).to_contain_text("Success")
    expect(page.locator("#total-requests")).to_have_text("1")
    assert page.complaints == []


def test_an_error_row_shows_its_message(gateway, page):
    connected(page, gateway)

    gateway.chat("gpt-9")

    expect(page.locator("#history-tbody tr").first).to_contain_text("The model 'gpt-9' does not exist")


def test_the_page_shows_backends_and_models_as_they_change(gateway, page, upstream):
    connected(page, gateway)
    card = page.locator(".backend-card")
    expect(card).to_have_count(1)
    expect(page.locator(".backend-card.healthy")).to_contain_text("one")
    expect(page.locator("#model-matrix-tbody tr")).to_have_count(1)

    upstream.models("m", "second")
    expect(page.locator("#model-matrix-tbody tr")).to_have_count(2)

    upstream.fail_probes()
    expect(page.locator(".backend-card.unhealthy")).to_contain_text("broken")
    # What it had stays to be seen, as that of a backend which does not serve.
    expect(page.locator("#available-models")).to_have_text("0")
    expect(page.locator("#model-matrix thead")).to_contain_text("Unhealthy")
    expect(page.locator("#model-matrix-tbody tr")).to_have_count(2)
    assert page.complaints == []


def test_the_page_asks_for_what_changed_and_keeps_the_other_cards(start, upstream, second_upstream, page):
    gateway = start(FAST + backend("one", upstream.url) + backend("two", second_upstream.url))
    gateway.wait_for_backend("one"), gateway.wait_for_backend("two")
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    connected(page, gateway)

    second_upstream.fail_probes()

    expect(page.locator(".backend-card.unhealthy")).to_have_count(1)
    expect(page.locator(".backend-card.healthy")).to_have_count(1)
    assert all("updates=deltas" in url for url in sockets) and sockets
    assert page.complaints == []


@pytest.mark.parametrize("with_javascript", [True, False])
def test_as_many_models_as_are_available_are_counted(start, upstream, browser, with_javascript):
    """Asked for or not; on two backends or one; not what clients make up, nor what is on a backend that is down."""
    upstream.models("a", "b", "c", "d")
    other, down = Upstream(), Upstream()
    other.models("c", "d", "e", "f")
    down.models("x", "y", "z")
    gateway = start(FAST + backend("one", upstream.url) + backend("two", other.url) + backend("down", down.url))
    for name in ("one", "two", "down"):
        gateway.wait_for_backend(name)
    down.fail_probes()
    gateway.wait_for_backend("down", "Unhealthy")
    gateway.chat("a"), gateway.chat("made-up"), gateway.chat("another")
    context = browser.new_context(java_script_enabled=with_javascript)
    page = context.new_page()
    page.goto(gateway.url + "/")

    expect(page.locator("#available-models")).to_have_text("6")
    assert [model["name"] for model in gateway.json("/v1/stats")["models"]] == list("abcdef")
    context.close()
    other.close(), down.close()


def test_the_page_comes_back_after_a_restart_of_the_gateway(start, upstream, page):
    first = start(backend("one", upstream.url))
    connected(page, first)
    first.signal()
    assert first.wait() == 0

    expect(page.locator("#connection-status")).not_to_contain_text("Connected")
    expect(page.locator("#connection-status .status-dot.connected")).to_have_count(0)


def test_an_action_that_another_client_started_shows_on_its_card_and_ends_there(start, upstream, page):
    """Its progress comes through the live updates; the page asked for nothing."""
    begun: "queue.Queue[Exchange]" = queue.Queue()
    over = threading.Event()

    def pull(exchange):
        exchange.begin_stream("application/x-ndjson")
        begun.put(exchange)
        over.wait(LONG)

    def line(**members):
        request.piece(json.dumps(members).encode() + b"\n")

    upstream.on("/api/tags", lambda exchange: exchange.answer({"models": []}))
    upstream.on("/api/version", lambda exchange: exchange.answer({"version": "0.9.0"}))
    upstream.on("/api/pull", pull)
    gateway = start(backend("box", upstream.url, type="ollama"))
    gateway.wait_for_backend("box")
    connected(page, gateway)
    action = page.locator(".backend-card li.action")
    expect(action).to_have_count(0)

    gateway.http.post("/v1/backends/box/actions/pull_model?detach=true", json={"model": "m"})
    request = begun.get(timeout=LONG)
    line(status="pulling <b>a</b>", digest="a", total=200, completed=50)

    expect(action).to_have_count(1)
    expect(action).to_contain_text("pull_model")
    expect(action).to_contain_text("pulling <b>a</b>")
    expect(page.get_by_role("progressbar", name="pull_model")).to_have_attribute("value", "25")
    line(status="pulling a", digest="a", total=200, completed=150)
    expect(page.get_by_role("progressbar", name="pull_model")).to_have_attribute("value", "75")

    line(status="success")
    request.end_stream()
    expect(action).to_contain_text("Done")
    expect(page.get_by_role("progressbar")).to_have_count(0)
    assert page.complaints == []
    over.set()


def test_a_running_action_shows_without_javascript(start, upstream, plain_page):
    over = threading.Event()

    def pull(exchange):
        exchange.begin_stream("application/x-ndjson")
        over.wait(LONG)

    upstream.on("/api/tags", lambda exchange: exchange.answer({"models": []}))
    upstream.on("/api/version", lambda exchange: exchange.answer({"version": "0.9.0"}))
    upstream.on("/api/pull", pull)
    gateway = start(backend("box", upstream.url, type="ollama"))
    gateway.wait_for_backend("box")
    gateway.http.post("/v1/backends/box/actions/pull_model?detach=true", json={"model": "m"})

    plain_page.goto(gateway.url + "/")

    expect(plain_page.locator(".backend-card li.action")).to_contain_text("pull_model")
    over.set()


def test_fifty_backends_that_change_every_second_are_followed(start, page):
    """The page asks for what changed a few times a second at most, keeps its elements, and stays usable."""
    servers = [Upstream() for _ in range(50)]
    gateway = start(FAST + "".join(backend(f"b{index}", server.url) for index, server in enumerate(servers)))
    for index in range(50):
        gateway.wait_for_backend(f"b{index}")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/?parts=" in request.url else None)
    page.goto(gateway.url + "/?layout=cards")
    expect(page.locator("#connection-status .status-dot.connected")).to_be_attached()
    expect(page.locator(".backend-card.healthy")).to_have_count(50)
    page.evaluate("document.querySelector('[data-id=b7]').mark = 'kept'")
    before = len(asked)
    began = time.monotonic()

    for round in range(5):
        servers[7].models("m", f"model-{round}")
        for _ in range(10):
            gateway.chat()
        expect(page.locator("[data-id=b7] .chips")).to_contain_text(f"model-{round}")

    servers[3].fail_probes()
    expect(page.locator(".backend-card.unhealthy")).to_have_count(1)
    expect(page.locator(".backend-card").first).to_contain_text("b3")
    expect(page.locator("#total-requests")).to_have_text("50")
    expect(page.locator("#history-tbody tr")).to_have_count(50)
    assert page.evaluate("document.querySelector('[data-id=b7]').mark") == "kept"
    assert len(asked) - before <= 3 + 4.2 * (time.monotonic() - began)
    assert page.complaints == []
    for server in servers:
        server.close()


@pytest.fixture
def plain_page(browser) -> Iterator[Page]:
    context = browser.new_context(java_script_enabled=False)
    yield context.new_page()
    context.close()


def test_without_javascript_the_page_shows_everything(gateway, plain_page):
    gateway.chat()
    gateway.chat("gpt-9")
    plain_page.goto(gateway.url + "/")

    expect(plain_page.locator("h1")).to_have_text("Nexus Dashboard")
    expect(plain_page.locator(".backend-card.healthy")).to_contain_text("one")
    rows = plain_page.locator("#history-tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("gpt-9")
    expect(rows.nth(1)).to_contain_text("Success")
    expect(plain_page.locator("#model-matrix-tbody tr")).to_have_count(1)
    expect(plain_page.locator("#total-requests")).to_have_text("2")
    expect(plain_page.get_by_role("link", name="Refresh")).to_be_visible()


@pytest.mark.parametrize("with_javascript", [True, False])
def test_nothing_that_a_client_sends_becomes_markup(gateway, browser, with_javascript):
    context = browser.new_context(java_script_enabled=with_javascript)
    page = context.new_page()
    dialogs: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    gateway.chat(HOSTILE)
    page.goto(gateway.url + "/")

    expect(page.locator("#history-tbody tr").first).to_contain_text(HOSTILE)
    expect(page.locator("#history-tbody img")).to_have_count(0)
    assert dialogs == []
    context.close()


def test_the_page_forbids_what_it_does_not_need(gateway):
    policy = gateway.get("/").headers["content-security-policy"]

    assert "default-src 'none'" in policy and "unsafe-inline" not in policy and "unsafe-eval" not in policy
