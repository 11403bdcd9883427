"""The page's overview as a person uses it: trouble, requests in flight, the fleet, what is known of one backend."""

import re
import socket
import threading
import time

import httpx
import pytest
from playwright.sync_api import expect

from browser import WIDTHS, chromium, no_barriers, no_sideways_scrolling, open_page, picture, tab
from gateway import FAST, LONG, backend, until
from upstream import ANSWER, FINISHED, Upstream, delta


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser):
    with tab(browser, viewport={"width": 1440, "height": 900}) as page:
        yield page


@pytest.fixture
def gateway(start, upstream):
    gateway = start(FAST + backend("one", upstream.url))
    gateway.wait_for_backend("one")
    return gateway


@pytest.fixture
def fleet(start):
    """Fifty backends with a hundred models each, as soon as the gateway knows them all."""
    servers = [Upstream() for _ in range(50)]
    for number, server in enumerate(servers):
        server.models(*[f"model-{number}-{each}" for each in range(99)], "shared")
    gateway = start(FAST + "".join(backend(f"box-{number:02d}", server.url) for number, server in enumerate(servers)))
    until(lambda: gateway.json("/health")["backends"]["healthy"] == 50)
    yield gateway, servers
    for server in servers:
        server.close()


class Stream:
    """A server whose streams go on until the test ends them, and a client that reads one."""

    def __init__(self, gateway, upstream) -> None:
        self.over = threading.Event()
        self.begun = threading.Event()

        def speak(exchange):
            exchange.begin_stream()
            exchange.event(delta("a"))
            exchange.event(delta("b"))
            self.begun.set()
            self.over.wait(LONG)
            try:
                exchange.event(FINISHED)
                exchange.piece(b"data: [DONE]\n\n")
                exchange.end_stream()
            except OSError:
                pass

        upstream.on("/v1/chat/completions", speak)
        self.text = ""
        self.thread = threading.Thread(target=self.read, args=(gateway.url,), daemon=True)
        self.thread.start()
        assert self.begun.wait(LONG)

    def read(self, url: str) -> None:
        body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
        with httpx.stream("POST", url + "/v1/chat/completions", json=body, timeout=LONG) as answer:
            for text in answer.iter_text():
                self.text += text

    def end(self) -> None:
        self.over.set()
        self.thread.join(LONG)


# In flight


def test_a_request_under_way_is_shown_and_its_time_runs_on(gateway, upstream, page):
    open_page(page, gateway)
    expect(page.locator("#no-active")).to_be_visible()
    stream = Stream(gateway, upstream)

    row = page.locator("#active-tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("streaming")
    expect(row).to_contain_text("one")
    expect(row).to_contain_text("127.0.0.1")
    expect(row.locator(".tokens")).to_have_text("~2")
    before = row.locator(".elapsed").inner_text()
    expect(row.locator(".elapsed")).not_to_have_text(before)

    stream.end()
    expect(page.locator("#no-active")).to_be_visible()
    assert page.complaints == [] and page.foreign == []


def test_cancel_says_what_will_happen_and_then_does_it(gateway, upstream, page):
    stream = Stream(gateway, upstream)
    open_page(page, gateway)

    page.get_by_role("button", name="Cancel the request for m").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("It does not count against the backend")
    dialog.get_by_role("button", name="Leave it").click()
    expect(page.locator("#active-tbody tr")).to_have_count(1)

    page.get_by_role("button", name="Cancel the request for m").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel the request").click()

    expect(page.locator("#toasts")).to_contain_text("Cancelled")
    expect(page.locator("#active-tbody tr")).to_have_count(0)
    expect(page.locator("#history-tbody tr").first).to_contain_text("An operator cancelled the request")
    stream.thread.join(LONG)
    assert "An operator cancelled the request" in stream.text
    assert page.complaints == []
    stream.end()


def test_requests_in_flight_are_shown_without_javascript(gateway, upstream, browser):
    stream = Stream(gateway, upstream)
    with tab(browser, java_script_enabled=False) as page:
        page.goto(gateway.url + "/")

        expect(page.locator("#active-tbody tr")).to_contain_text("streaming")
        expect(page.locator("#active-tbody button")).to_be_hidden()
        expect(page.locator("#in-flight")).to_have_text("1")
    stream.end()


# The fleet


def test_fifty_backends_fit_on_one_screen_and_the_page_stays_small(fleet, page):
    gateway, servers = fleet
    servers[7].fail_probes(), servers[9].fail_probes()
    gateway.wait_for_backend("box-07", "Unhealthy"), gateway.wait_for_backend("box-09", "Unhealthy")
    open_page(page, gateway)

    tiles = page.locator("#backend-cards .tile")
    expect(tiles).to_have_count(50)
    expect(page.locator(".backend-group").first).to_contain_text("Unhealthy 2")
    expect(tiles.first).to_contain_text("box-07")
    boxes = page.locator("#backend-cards").bounding_box()
    assert boxes["y"] + boxes["height"] <= 900, "the fleet does not fit on the screen"
    assert page.evaluate("document.querySelectorAll('*').length") < 5000
    assert len(gateway.get("/", headers={"accept-encoding": "identity"}).content) < 450_000
    compressed = gateway.http.stream("GET", "/", headers={"accept-encoding": "gzip"})
    with compressed as answer:
        assert answer.headers["content-encoding"] == "gzip"
        assert sum(len(piece) for piece in answer.iter_raw()) < 60_000
    page.set_viewport_size({"width": 375, "height": 800})
    assert page.evaluate("document.documentElement.scrollHeight") < 5000
    picture(page, "fleet-375")
    assert page.complaints == []


def test_the_fleet_is_drawn_as_the_viewer_likes_and_so_again_after_a_reload(fleet, page):
    gateway, _ = fleet
    open_page(page, gateway)
    page.get_by_role("group", name="Group by").get_by_role("link", name="type").click()
    expect(page.locator(".backend-group")).to_have_text(["openai 50"])
    page.get_by_role("group", name="Size").get_by_role("link", name="cards").click()
    expect(page.locator("#backend-cards .tile")).to_have_count(0)
    expect(page.locator("#backend-cards .backend-card .facts")).to_have_count(50)

    page.reload()

    expect(page.locator("#backend-cards .backend-card .facts")).to_have_count(50)
    expect(page.locator(".backend-group")).to_have_text(["openai 50"])
    assert page.complaints == []


def test_an_idle_page_over_a_large_fleet_asks_for_little(fleet, page):
    """Lists of models come once, not with each round of probes."""
    gateway, _ = fleet
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    open_page(page, gateway)
    sizes: list[int] = []
    page.on("requestfinished", lambda request: sizes.append(request.sizes()["responseBodySize"]))
    asked.clear()
    began = time.monotonic()
    # A round of probes is 100 ms here; this is some fifty of them.
    expect(page.locator("#uptime")).not_to_have_text(page.locator("#uptime").inner_text())
    until(lambda: page.evaluate("performance.now()") > 8000)
    seconds = time.monotonic() - began

    assert not [url for url in asked if "/v1/models" in url]
    assert sum(sizes) / seconds < 60_000


# One backend


def test_a_card_opens_what_is_known_of_its_backend_and_gives_the_focus_back(gateway, page):
    gateway.chat()
    open_page(page, gateway)

    link = page.locator(".backend-card a.open")
    link.focus()
    page.keyboard.press("Enter")

    drawer = page.get_by_role("dialog", name="Details of a backend")
    expect(drawer.locator("h2")).to_have_text("one")
    expect(drawer).to_contain_text("Healthy")
    expect(drawer.locator("table")).to_contain_text("m")
    assert page.url.endswith("#overview&backend=one")
    no_barriers(page)
    page.keyboard.press("Escape")
    expect(drawer).to_have_count(0)
    expect(link).to_be_focused()
    assert page.complaints == []


def test_draining_and_enabling_say_what_will_happen(gateway, page):
    open_page(page, gateway, "#overview&backend=one")
    drawer = page.locator("dialog.drawer")
    drawer.get_by_role("button", name="Drain").click()
    dialog = page.get_by_role("dialog", name="Drain one?")
    expect(dialog.get_by_role("listitem").first).to_be_visible()
    dialog.get_by_role("button", name="Leave it").click()
    assert gateway.json("/v1/backends/one")["status"] == "Healthy"

    drawer.get_by_role("button", name="Drain").click()
    page.get_by_role("dialog", name="Drain one?").get_by_role("button", name="Drain").click()
    expect(drawer).to_contain_text("Draining")
    expect(page.locator(".backend-card.draining")).to_have_count(1)

    drawer.get_by_role("button", name="Enable").click()
    page.get_by_role("dialog", name="Enable one?").get_by_role("button", name="Enable").click()
    expect(page.locator(".backend-card.healthy")).to_have_count(1)
    assert page.complaints == []


def test_the_priority_is_set_and_what_is_no_number_is_told_at_its_field(gateway, page):
    open_page(page, gateway, "#overview&backend=one")
    page.locator("dialog.drawer").get_by_role("button", name="Priority and limits").click()
    dialog = page.get_by_role("dialog", name="Set one")
    dialog.get_by_label("Priority").fill("x")
    dialog.get_by_role("button", name="Set").click()
    expect(dialog).to_contain_text("priority")
    dialog.get_by_label("Priority").fill("7")
    dialog.get_by_role("button", name="Set").click()
    expect(dialog).to_have_count(0)

    assert gateway.json("/v1/backends/one")["priority"] == 7
    expect(page.locator("dialog.drawer .facts")).to_contain_text("7")


# What the page says of itself


def test_the_title_and_the_icon_tell_of_backends_that_are_down(gateway, upstream, page):
    open_page(page, gateway)
    assert page.title() == "Nexus Dashboard"
    icon = page.locator("link[rel=icon]").get_attribute("href")

    upstream.fail_probes()

    expect(page).to_have_title("1 down · Nexus Dashboard")
    expect(page.locator("link[rel=icon]")).not_to_have_attribute("href", icon)


def test_the_page_is_out_of_date_at_once_when_the_gateway_is_killed(start, upstream, page):
    gateway = start(FAST + backend("one", upstream.url), expect_status=-9)
    gateway.wait_for_backend("one")
    open_page(page, gateway)
    began = time.monotonic()
    gateway.process.kill()

    expect(page.locator("#stale-notice")).to_contain_text("The gateway cannot be reached")
    assert time.monotonic() - began < 8
    expect(page.locator("body")).to_have_class(re.compile("stale"))
    expect(page).to_have_title("out of date · Nexus Dashboard")


def test_a_page_without_a_socket_polls_from_the_first_failure_on(gateway, upstream, page):
    """Something between browser and gateway refuses the socket alone."""
    tries: list[str] = []
    page.route_web_socket(re.compile("/ws"), lambda socket: (tries.append(socket.url), socket.close()))
    page.goto(gateway.url + "/")
    expect(page.locator("#connection-status")).to_contain_text("Reconnecting")

    gateway.chat()

    began = time.monotonic()
    expect(page.locator("#total-requests")).to_have_text("1")
    expect(page.locator("#history-tbody tr")).to_have_count(1)
    assert time.monotonic() - began < 15
    until(lambda: page.wait_for_timeout(100) is None and len(tries) > 1)
    assert page.locator("#stale-notice").is_hidden()


def test_the_history_of_a_gateway_that_started_again_stays_and_is_marked(start, upstream, page):
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
    configuration = FAST + backend("one", upstream.url)
    first = start(configuration, port=port)
    first.wait_for_backend("one")
    first.chat()
    open_page(page, first)
    expect(page.locator("#history-tbody tr")).to_have_count(1)
    first.signal()
    assert first.wait() == 0
    expect(page.locator("#stale-notice")).to_be_visible()

    second = start(configuration, port=port)
    second.wait_for_backend("one")

    expect(page.locator("#no-history")).to_be_visible()
    expect(page.locator("#history-before")).to_contain_text("Before the gateway started again")
    expect(page.locator("#history-before tbody tr")).to_have_count(1)
    expect(page.locator("#stale-notice")).to_be_hidden()


def test_the_page_is_calm_while_nothing_happens(gateway, page):
    """What moves is moved by opacity alone: nothing is drawn or laid out again for it."""
    open_page(page, gateway)
    rules = page.evaluate(
        """() => [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules])
          .filter((rule) => rule.type === CSSRule.KEYFRAMES_RULE && rule.name === "pulse")
          .flatMap((rule) => [...rule.cssRules].map((frame) => [...frame.style]))"""
    )
    assert rules == [["opacity"]]


def test_many_updates_a_second_are_drawn_a_few_times_a_second(gateway, upstream, page):
    open_page(page, gateway)
    draws: list[str] = []
    page.on("request", lambda request: draws.append(request.url) if "/?parts=" in request.url else None)
    began = time.monotonic()
    count = 0
    while time.monotonic() - began < 4:
        gateway.chat()
        count += 1
    expect(page.locator("#total-requests")).to_have_text(f"{count:,}")
    seconds = time.monotonic() - began

    assert len(draws) <= 4 + 10 * seconds, "it draws more often than ten times a second"
    # While it is drawn, a new row may be there before an old one has gone.
    expect(page.locator("#history-tbody tr")).to_have_count(min(100, count))
    assert page.complaints == []


# Names that want to be others


def test_a_name_that_turns_its_direction_is_shown_as_what_it_is(start, page, upstream):
    upstream.models("model\u202egpj.exe")
    gateway = start(FAST + backend("one", upstream.url))
    gateway.wait_for_backend("one")
    gateway.chat("other\u202egpj.exe")
    open_page(page, gateway)

    expect(page.locator("#model-matrix-tbody tr")).to_contain_text("model\ufffdgpj.exe")
    expect(page.locator("#history-tbody tr")).to_contain_text("other\ufffdgpj.exe")
    page.goto(gateway.url + "/#history")
    expect(page.locator("#view-history tbody tr")).to_contain_text("other\ufffdgpj.exe")
    assert "\u202e" not in page.locator("main").inner_text()


# Everybody


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_overview_keeps_nobody_out(start, upstream, second_upstream, browser, scheme):
    gateway = start(FAST + backend("one", upstream.url) + backend("two", second_upstream.url))
    gateway.wait_for_backend("one"), gateway.wait_for_backend("two")
    gateway.chat(), gateway.chat("gpt-9")
    second_upstream.fail_probes()
    gateway.wait_for_backend("two", "Unhealthy")
    stream = Stream(gateway, upstream)
    for width in WIDTHS:
        with tab(browser, viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce") as page:
            open_page(page, gateway)
            expect(page.locator("#active-tbody tr")).to_have_count(1)
            for link in page.locator("#views a").all():
                box = link.bounding_box()
                assert 0 <= box["x"] and box["x"] + box["width"] <= width, "every view can be seen without scrolling"
            no_sideways_scrolling(page)
            no_barriers(page)
            picture(page, f"overview-{width}-{scheme}")
            assert page.complaints == [] and page.foreign == []
    stream.end()


def test_on_paper_no_table_is_cut(gateway, page):
    gateway.chat()
    open_page(page, gateway)
    page.emulate_media(media="print")
    styles = page.evaluate(
        """() => [...document.querySelectorAll(".scroll")].map((panel) => {
          const { overflowY, maxHeight } = getComputedStyle(panel);
          return [overflowY, maxHeight];
        })"""
    )
    assert styles and all(style == ["visible", "none"] for style in styles)


def test_a_wide_table_shows_at_which_side_it_goes_on(fleet, page):
    gateway, _ = fleet
    open_page(page, gateway)
    panel = page.locator("#model-matrix-panel")
    expect(panel).to_have_attribute("data-own-more-right", "")
    panel.evaluate("(panel) => panel.scrollTo(100000, 0)")
    expect(panel).to_have_attribute("data-own-more-left", "")
    expect(panel).not_to_have_attribute("data-own-more-right", "")


def test_who_failed_before_another_answered_stands_in_the_row(start, upstream, second_upstream, page):
    gateway = start(FAST + backend("one", upstream.url, priority=1) + backend("two", second_upstream.url, priority=2))
    gateway.wait_for_backend("one"), gateway.wait_for_backend("two")
    upstream.on("/v1/chat/completions", lambda exchange: exchange.answer({"error": {"message": "CUDA error"}}, status=500))
    second_upstream.on("/v1/chat/completions", lambda exchange: exchange.answer(ANSWER))
    open_page(page, gateway)

    gateway.chat()

    row = page.locator("#history-tbody tr")
    expect(row).to_contain_text("one failed: ")
    expect(row).to_contain_text("CUDA error")
    expect(row.get_by_role("list", name="Attempts").get_by_role("listitem")).to_have_count(2)


# Files


def test_files_come_compressed_and_stay_with_the_browser(gateway):
    html = gateway.get("/").text
    script = re.search(r'src="(/assets/[^/"]+/dashboard\.js)"', html).group(1)
    answer = gateway.get(script, headers={"accept-encoding": "gzip"})

    assert answer.headers["content-encoding"] == "gzip"
    assert "immutable" in answer.headers["cache-control"]
    assert answer.text == gateway.get(script, headers={"accept-encoding": "identity"}).text
    assert gateway.get(script.replace("/assets/", "/assets/0")).status_code == 404
    again = gateway.get("/assets/dashboard.js", headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304 and again.content == b""


def test_everything_a_page_loads_is_there_and_nothing_is_asked_twice(gateway, page):
    answers: list[tuple[str, int]] = []
    page.on("response", lambda answer: answers.append((answer.url, answer.status)))
    open_page(page, gateway)
    files = [url for url, _ in answers if "/assets/" in url]

    assert all(status == 200 for _, status in answers if status != 101)
    assert len(files) == len(set(files)) and len(files) < 25
