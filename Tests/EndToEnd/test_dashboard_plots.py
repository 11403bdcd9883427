"""The plots in a real browser: read, compared by dragging, as tables, by keys, while requests run."""

import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from cockpit import check_accessible
from gateway import FAST, LONG, Gateway, backend, until
from upstream import ANSWER, Exchange

expect.set_options(timeout=LONG * 1000)
SCREENSHOTS = Path(__file__).resolve().parents[2] / ".build" / "screenshots"
"""Pictures for people to look at; no test reads them."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    assert chromium, "Chromium is missing; run scripts/setup.sh test"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser) -> Iterator[Any]:
    """Opens pages that must not complain on their console, nor ask another host for anything."""
    opened: list[Any] = []

    def open(
        gateway: Gateway, fragment: str = "#plots", width: int = 1440, scheme: str = "light", may_complain: bool = False
    ) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        page = context.new_page()
        complaints: list[str] = []
        page.on(
            "console",
            lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None,
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: None if f":{gateway.port}/" in request.url else complaints.append(request.url))
        page.goto(f"{gateway.url}/{fragment}")
        opened.append((context, [] if may_complain else complaints))
        return page

    yield open
    for context, complaints in opened:
        context.close()
        assert complaints == []


@pytest.fixture
def gateway(start, upstream, second_upstream) -> Gateway:
    upstream.models("m", "n")
    gateway = start(FAST + backend("one", upstream.url) + backend("two", second_upstream.url))
    gateway.wait_for_backend("one")
    gateway.wait_for_backend("two")
    return gateway


def begun(gateway: Gateway) -> int:
    """When the step under way began."""
    answer = gateway.json("/v1/series?window=5m&metrics=requests")
    begins: int = answer["from"] + 29 * answer["step_seconds"]
    return begins


def next_step(gateway: Gateway) -> int:
    before = begun(gateway)
    until(lambda: begun(gateway) > before)
    return begun(gateway)


def plot(page: Page, id: str) -> Locator:
    return page.locator(f'[data-plot="{id}"]')


def point(page: Page, id: str, share: float) -> tuple[float, float]:
    """A place on a plot, by its share of the width."""
    area = plot(page, id).locator(".plot-area")
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    assert box
    return box["x"] + box["width"] * share, box["y"] + box["height"] / 2


def value(page: Page, id: str, index: int = 0) -> Locator:
    return plot(page, id).locator(".plot-value").nth(index)


def choice(page: Page, name: str) -> Locator:
    return page.get_by_role("combobox", name=name)


def test_what_has_ended_is_on_the_plots_within_seconds_and_before_it_is_nothing(gateway, open_page):
    page = open_page(gateway)
    expect(page.locator("[data-plot]")).to_have_count(9)
    expect(page.locator("#views a[aria-current]")).to_have_text("Plots")

    # In the middle of a step, so that it is told by then.
    next_step(gateway)
    for _ in range(10):
        gateway.chat()

    page.mouse.move(*point(page, "duration", 0.99))
    expect(value(page, "duration")).to_contain_text("ms")
    expect(value(page, "requests")).not_to_have_text("")
    expect(value(page, "errors")).to_have_text("0/s")
    expect(value(page, "tokens")).to_contain_text("tokens/s")
    # The cursor reads all plots at once.
    expect(page.locator('.plot-cursor[visibility="visible"]')).to_have_count(9)
    page.mouse.move(*point(page, "queue", 0.01))
    for id in ["requests", "duration", "queue"]:
        expect(value(page, id)).to_have_text("")
    assert plot(page, "requests").locator(".plot-asleep").get_attribute("d") != ""
    page.mouse.move(1, 1)
    expect(page.locator('.plot-cursor[visibility="visible"]')).to_have_count(0)


def test_dragging_over_a_time_lists_what_changed_most(gateway, upstream, open_page):
    page = open_page(gateway)
    next_step(gateway)
    for _ in range(12):
        gateway.chat("n")
    begins = next_step(gateway)

    def slow(exchange: Exchange) -> None:
        time.sleep(0.4)
        exchange.answer(ANSWER)

    upstream.chat(slow)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: gateway.chat("n"), range(12)))
    until(lambda: page.evaluate("document.querySelector('.plots-slider').getAttribute('aria-valuetext')") != "")

    # The step under way, or the last but one, by where it is now.
    def share() -> float:
        return 1 - (begun(gateway) - begins + 5) / 300

    page.mouse.move(*point(page, "duration", share() - 0.01))
    page.mouse.down()
    page.mouse.move(*point(page, "duration", share() + 0.012), steps=5)
    expect(page.locator('.plot-selection[visibility="visible"]')).to_have_count(9)
    page.mouse.up()

    changes = page.locator(".plots-changes")
    expect(changes).to_be_visible()
    expect(changes.locator("h3")).to_contain_text("What changed from")
    item = changes.locator("li").filter(has_text="n at one").filter(has_text="s, before").first
    expect(item).to_be_visible()
    assert f"from={begins}" in page.url and page.url.count("to=") == 1
    expect(page.locator("#announcer")).to_contain_text("n at one")
    page.screenshot(path=SCREENSHOTS / "plots-changes.png", full_page=True)

    # It leads to the plots of what changed.
    item.locator("a").click()
    page.wait_for_url("**/#plots?*model=n*")
    expect(choice(page, "Model")).to_have_value("n")
    expect(choice(page, "Backend")).to_have_value("one")
    expect(plot(page, "queue")).to_have_count(0)
    changes.get_by_role("button", name="Clear").click()
    expect(changes).to_be_hidden()
    assert "from=" not in page.url


def test_lines_are_chosen_in_the_address_and_stay_after_a_reload(gateway, open_page):
    gateway.chat("m")
    gateway.chat("n")
    page = open_page(gateway)
    page.get_by_label("1 hour").check()
    page.get_by_label("By model").check()
    page.get_by_label("p50").check()

    expect(page.locator(".plots-legend li")).to_have_count(2)
    assert page.url.endswith("#plots?window=1h&by=model&quantile=p50")
    page.reload()
    expect(page.locator(".plots-legend li")).to_have_count(2)
    expect(plot(page, "duration").locator("h3")).to_have_text("Duration, p50")
    expect(page.get_by_label("1 hour")).to_be_checked()
    expect(page.get_by_label("By model")).to_be_checked()
    expect(value(page, "in_flight")).to_have_text("")
    page.locator(".plots-legend").get_by_role("link", name="n").click()
    expect(choice(page, "Model")).to_have_value("n")
    expect(page.get_by_label("Together")).to_be_checked()
    choice(page, "Backend").select_option("two")
    expect(choice(page, "Backend")).to_have_value("two")
    assert "backend=two" in page.url


def test_keys_alone_read_and_select(gateway, open_page):
    next_step(gateway)
    gateway.chat()
    page = open_page(gateway)
    slider = page.get_by_role("slider")
    expect(slider).to_have_attribute("aria-valuemax", "29")
    slider.focus()
    page.keyboard.press("End")
    expect(slider).to_have_attribute("aria-valuenow", "29")
    page.keyboard.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuenow", "28")
    expect(page.locator('.plot-cursor[visibility="visible"]')).to_have_count(9)
    page.keyboard.press("Home")
    assert "nothing is known" in (slider.get_attribute("aria-valuetext") or "")
    page.keyboard.press("End")
    page.keyboard.press("Shift+ArrowLeft")
    expect(page.locator('.plot-selection[visibility="visible"]')).to_have_count(9)
    page.keyboard.press("Enter")
    expect(page.locator(".plots-changes")).to_be_visible()
    expect(page.locator(".plots-changes .note")).not_to_have_text("Comparing…")
    page.keyboard.press("Escape")
    expect(page.locator('.plot-cursor[visibility="visible"]')).to_have_count(0)


def test_tables_tell_the_same_to_who_does_not_see(gateway, open_page):
    gateway.chat("m")
    gateway.chat("n")
    page = open_page(gateway, "#plots?window=24h")
    page.get_by_role("button", name="Show tables").click()
    assert page.url.endswith("show=table")
    table = page.get_by_role("group", name="All figures").locator("table")
    expect(table.locator("tbody tr")).to_have_count(48)
    heads = table.locator("thead th").all_inner_texts()
    assert heads[0] == "From" and "Duration, p95" in heads and "Requests" in heads
    # Of yesterday nothing is known.
    assert set(table.locator("tbody tr").last.locator("td").all_inner_texts()) == {""}
    page.get_by_label("5 minutes").check()
    expect(table.locator("tbody tr")).to_have_count(30)
    expect(table.locator("tbody tr").nth(1).locator("td").first).to_contain_text("/s")
    page.get_by_role("radio", name="By backend").check()
    expect(page.locator(".plot-tables table")).to_have_count(8)
    page.get_by_role("button", name="Show plots").click()
    expect(page.locator(".plot-tables")).to_be_hidden()


def test_a_week_and_a_month_come_from_the_disk_and_have_days_below(gateway, open_page):
    gateway.chat("m")
    # The file is written a moment later.
    until(lambda: gateway.json("/v1/series?window=week")["series"][0]["requests"] == 1)
    page = open_page(gateway, "#plots?window=week")
    expect(page.locator("[data-plot]")).to_have_count(7)
    expect(page.locator(".plots-note")).to_contain_text("come from the history on disk")
    expect(page.locator(".plots-note")).to_contain_text("nothing was kept yet")
    page.get_by_label("Month").check()
    assert page.url.endswith("window=month")
    page.get_by_role("button", name="Show tables").click()
    table = page.get_by_role("group", name="All figures").locator("table")
    expect(table.locator("tbody tr")).to_have_count(120)
    expect(table.locator("thead th", has_text="In flight")).to_have_count(0)


def test_the_page_says_when_it_cannot_know_and_goes_on_when_it_can(gateway, open_page):
    gateway.chat()
    # The browser itself complains about the status.
    page = open_page(gateway, may_complain=True)
    expect(page.locator("[data-plot]")).to_have_count(9)
    page.route("**/v1/series?*", lambda route: route.fulfill(status=503, json={"error": {"message": "Too busy now."}}))
    expect(page.locator(".plots-trouble")).to_contain_text("Too busy now.")
    expect(page.locator(".plots-trouble")).to_contain_text("These are the figures of")
    page.unroute("**/v1/series?*")
    expect(page.locator(".plots-trouble")).to_have_text("")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 800, 1440])
def test_it_fits_the_screen(gateway, open_page, width, scheme):
    for model in ["m", "m", "n", "made-up"]:
        gateway.chat(model)
    page = open_page(gateway, "#plots?by=backend", width, scheme)
    expect(page.locator("[data-plot]")).to_have_count(8)
    expect(page.locator(".plots-legend li").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    if width == 375:
        small = page.locator(".plots-toolbar label:visible, .plots-toolbar select, .plots-toolbar button").evaluate_all(
            "nodes => nodes.filter((node) => node.getBoundingClientRect().height < 44).map((node) => node.textContent)"
        )
        assert small == []
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"plots-backend-{width}-{scheme}.png", full_page=True)
    check_accessible(page)
    page.get_by_label("Together").check()
    expect(page.locator("[data-plot]")).to_have_count(9)
    page.screenshot(path=SCREENSHOTS / f"plots-{width}-{scheme}.png", full_page=True)
    check_accessible(page)
    page.get_by_role("button", name="Show tables").click()
    expect(page.locator(".plot-tables table")).to_be_visible()
    check_accessible(page)
